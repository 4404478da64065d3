/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stanza errors (RFC 6120 section 8.3): conditions, their default types, reading and writing. */
#ifndef LIB_XMPP_STANZA_H
#define LIB_XMPP_STANZA_H

#include "lib/xmpp/element.h"
#include "lib/xmpp/writer.h"
#include "spectrum2/types.h"

/* "item-not-found"; S2_DONE has none and gives "undefined-condition". */
const char *condition_name(enum s2_condition);
/* "cancel", "wait", "modify", "auth": what the RFC gives as the usual type. */
const char *condition_type(enum s2_condition);
/* By name; S2_UNDEFINED_CONDITION if unknown. */
enum s2_condition condition_find(const char *name);

/* <error type='...'><condition/><text>...</text></error> inside of the open stanza; `text` may be NULL. */
void xml_error(struct writer *, enum s2_condition, const char *text);
/* The same with the application's own condition beside it. */
void xml_error_of(struct writer *, enum s2_condition, const char *name, const char *ns, const char *text);
/* The condition of a stanza of type error, and its text (may be NULL). */
enum s2_condition stanza_error(struct arena *, const struct element *stanza, const char **text);

#endif
