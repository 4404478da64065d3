/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/xmpp/reader.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"

#define FREE_MOST 8 /* readers that nobody has; then the one goes that was used the longest time ago */

static struct list unused = LIST_INIT(unused); /* the one that was used last first */
static unsigned unused_count;

struct reader *reader_new(struct arena *nodes, struct arena *names)
{
	struct reader *reader = mem_new(sizeof *reader);
	reader->expat = XML_ParserCreateNS("UTF-8", NAMES_SEPARATOR);
	if (!reader->expat)
		abort();
	reader->names.arena = names ? names : &reader->name_arena;
	reader->tree.names = &reader->names;
	reader->tree.arena = nodes ? nodes : &reader->stanza_arena;
	list_init(&reader->node);
	return reader;
}

void reader_free(struct reader **at)
{
	struct reader *reader = *at;
	if (!reader)
		return;
	*at = NULL;
	XML_ParserFree(reader->expat);
	tree_fini(&reader->tree);
	names_fini(&reader->names);
	str_fini(&reader->header);
	arena_fini(&reader->name_arena);
	arena_fini(&reader->stanza_arena);
	free(reader);
}

static void leave(struct reader *reader)
{
	list_remove(&reader->node);
	unused_count--;
}

void reader_give(struct reader **at, const struct str *header)
{
	struct reader *reader = *at;
	*at = NULL;
	reader->header.len = 0;
	str_add(&reader->header, header->data, header->len);
	list_prepend(&unused, &reader->node);
	if (++unused_count <= FREE_MOST)
		return;
	struct reader *last = LIST_ITEM(unused.prev, struct reader, node);
	leave(last);
	reader_free(&last);
}

struct reader *reader_take(const struct str *header)
{
	LIST_EACH (&unused, node) {
		struct reader *reader = LIST_ITEM(node, struct reader, node);
		if (reader->header.len != header->len || memcmp(reader->header.data, header->data, header->len) != 0)
			continue;
		leave(reader);
		return reader;
	}
	return NULL;
}
