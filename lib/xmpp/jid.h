/* SPDX-License-Identifier: GPL-2.0-or-later */
/* XMPP addresses (RFC 6122): parsing and preparation (nodeprep, nameprep, resourceprep by libidn, with a fast path for
 * ASCII), and XEP-0106 escaping both ways. */
#ifndef LIB_XMPP_JID_H
#define LIB_XMPP_JID_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/mem.h"

#define JID_PART_BYTES 1023 /* the most that a part may have */

/* A prepared address. Absent parts are "". All three are texts of their own. */
struct jid {
	const char *node, *domain, *resource;
	const char *bare; /* node@domain or domain */
	const char *full; /* with /resource if there is one */
};

/* Parses and prepares; the texts live on the arena. False if it is no address. */
bool jid_parse(struct arena *, const char *text, struct jid *);
/* Each part alone, prepared, on the arena; NULL if it can't be one. */
const char *jid_prepare_node(struct arena *, const char *);
const char *jid_prepare_domain(struct arena *, const char *);
const char *jid_prepare_resource(struct arena *, const char *);

/* The prepared domain as DNS and certificates write it (RFC 3490); NULL if it can't be a name there. */
const char *jid_ascii_domain(struct arena *, const char *domain);

/* XEP-0106. Escaping: the ten characters, and a backslash before what would read as an escape sequence; blanks at either
 * end are cut off (they can't be escaped there). The result is not yet prepared. */
const char *jid_escape(struct arena *, const char *name);
const char *jid_unescape(struct arena *, const char *node);

/* Unicode case folding (nodeprep's), for names that are compared without regard to case; text that can't be prepared is
 * folded in its ASCII letters only. */
const char *jid_fold(struct arena *, const char *name);

#endif
