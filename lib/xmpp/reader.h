/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An expat parser with all that belongs to it: what a stream needs while it is in the middle of something, about 20
 * KiB. Of ten thousand streams nearly all are between two stanzas, where one reader is as good as another that has read
 * the same header. So a stream gives its reader back here, and takes one when something comes; one that was used a
 * moment ago is in the processor's caches, too. For lib/xmpp/parser only. */
#ifndef LIB_XMPP_READER_H
#define LIB_XMPP_READER_H

#include <expat.h>
#include <stdbool.h>

#include "lib/base/list.h"
#include "lib/xmpp/tree.h"

struct reader {
	struct list node; /* of those that nobody has */
	XML_Parser expat;
	struct str header; /* of one that nobody has: what it has read, besides whole stanzas */
	/* Places in what it has read, in bytes. */
	size_t position; /* taken so far */
	size_t boundary; /* of that, done with: end of the last stanza, or of white space after it */
	unsigned stanzas;
	bool swollen; /* expat has had a long tag in its buffer */
	struct names names;
	struct tree tree;
	struct arena name_arena, stanza_arena;
};

/* One that has read nothing; the caller sets expat up. NULL: arenas of its own. */
struct reader *reader_new(struct arena *nodes, struct arena *names);
void reader_free(struct reader **);
/* It stands behind this header and maybe some stanzas: others may go on with it. */
void reader_give(struct reader **, const struct str *header);
/* The last one that was given with this header, or NULL. */
struct reader *reader_take(const struct str *header);

#endif
