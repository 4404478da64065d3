/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Data forms (XEP-0004). */
#ifndef LIB_XMPP_FORM_H
#define LIB_XMPP_FORM_H

#include "lib/xmpp/element.h"
#include "lib/xmpp/writer.h"
#include "spectrum2/types.h"

/* <x xmlns='jabber:x:data' type=...> with title, instructions (both may be NULL) and the hidden FORM_TYPE; close it with
 * form_close. */
void form_open(struct writer *, const char *type, const char *form_type, const char *title, const char *instructions);
/* One field with one value (may be NULL). `type` as the XEP names it, NULL in results. */
void form_field(struct writer *, const char *var, const char *type, const char *label, const char *value, bool required);
/* The same for a field of our vocabulary, with options and all its values; `result`: shown and not asked. */
void form_ask(struct writer *, const struct s2_field *, bool result);
void form_close(struct writer *);

/* The first value of a submitted field, or NULL. `form` is the <x/>, may be NULL. */
const char *form_value(struct arena *, const struct element *form, const char *var);
/* All of its values, joined with \n, on the arena; NULL if the field is not there. */
const char *form_values(struct arena *, const struct element *form, const char *var);
/* Its fields in our vocabulary, on the arena, but for FORM_TYPE and those that only show a text; returns how many. */
size_t form_fields(struct arena *, const struct element *form, struct s2_field *fields, size_t most);
/* "1" or "true" (XEP-0004 section 3.3). */
bool form_true(const char *value);

#endif
