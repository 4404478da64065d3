/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Queries of message archives (XEP-0313) with result sets (XEP-0059): what they ask for, and the parts of answers that
 * are the same for every archive. */
#ifndef LIB_XMPP_MAM_H
#define LIB_XMPP_MAM_H

#include <stddef.h>
#include <stdint.h>

#include "lib/xmpp/element.h"
#include "lib/xmpp/writer.h"

/* NULL and 0: not given. Texts live as long as the stanza and the arena. */
struct mam_query {
	int64_t start, end;               /* ms since 1970, both included */
	const char *with;                 /* an address, prepared */
	const char *after_id, *before_id; /* bound the whole result */
	const char *after, *before;       /* bound this page */
	const char *ids;                  /* just these: each with \x01 behind it */
	unsigned most;
	bool backwards; /* the last page that fits */
	bool flip;      /* its last message first */
	const char *queryid;
};

/* Reads <query/>; at most `page` messages are asked for. NULL, or why it is no good. */
const char *mam_read(struct arena *, const struct element *query, unsigned page, struct mam_query *out);
/* The form of what can be asked for, inside of an open <query/>. */
void mam_write_form(struct writer *);
/* <fin/>, whole. `first` and `last` are NULL for an empty page; `total` -1: not known. */
void mam_write_fin(struct writer *, bool complete, const char *first, const char *last, int64_t total);

#endif
