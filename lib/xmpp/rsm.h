/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pages of long results (XEP-0059). */
#ifndef LIB_XMPP_RSM_H
#define LIB_XMPP_RSM_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/xmpp/element.h"
#include "lib/xmpp/writer.h"

struct rsm {
	const char *after, *before; /* ids of items, NULL = not given */
	bool backwards;             /* the last page, or the one before `before` */
	unsigned most;              /* items of a page */
};

/* From the <set/> in this element, if it has one; `most`: what is given at most. NULL, or why it is no good. */
const char *rsm_read(struct arena *, const struct element *, unsigned most, struct rsm *);
/* <set/> with the ids of the page's first and last item (NULL: it is empty); `count` of all items, `index` of the first
 * one: -1 = unknown. */
void rsm_write(struct writer *, const char *first, const char *last, int64_t count, int64_t index);

#endif
