/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/xmpp/tree.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_KEEP 4096 /* bytes of the text buffer that stay for the next stanza */

static void hang_in(struct tree *tree, struct element *node)
{
	if (!tree->depth)
		return;
	struct tree_level *level = &tree->levels[tree->depth - 1];
	*level->tail = node;
	level->tail = &node->next;
}

/* The text before a tag becomes one node. */
static void flush_text(struct tree *tree)
{
	if (!tree->text.len)
		return;
	struct element *node = arena_alloc(tree->arena, sizeof *node + tree->text.len + 1);
	node->text = memcpy(node + 1, tree->text.data, tree->text.len);
	hang_in(tree, node);
	str_clear(&tree->text, TEXT_KEEP);
}

static void push_level(struct tree *tree, struct element *element)
{
	if (tree->depth == tree->capacity) {
		tree->capacity = tree->capacity ? tree->capacity * 2 : 8;
		tree->levels = mem_resize(tree->levels, tree->capacity * sizeof *tree->levels);
	}
	tree->levels[tree->depth++] = (struct tree_level){element, &element->children};
}

/* The element, its attributes and their values are one piece of the arena. */
void tree_open(struct tree *tree, const char *name, const char **attributes)
{
	size_t count = 0, bytes = 0;
	for (const char **at = attributes; *at; at += 2) {
		count++;
		bytes += strlen(at[1]) + 1;
	}
	if (tree->depth)
		tree->nodes++;
	else
		tree->nodes = tree->ns_bytes = 0;
	const struct name *found = names_find(tree->names, name);
	if (!tree->depth || tree->levels[tree->depth - 1].element->ns != found->ns)
		tree->ns_bytes += found->ns_len;
	flush_text(tree);
	struct element *element = arena_alloc(tree->arena, sizeof *element + count * sizeof(struct attribute) + bytes);
	element->name = found->local;
	element->ns = found->ns ? found->ns : "";

	struct attribute *attribute = (void *)(element + 1);
	char *value = (char *)(attribute + count);
	struct attribute **tail = &element->attributes;
	for (const char **at = attributes; *at; at += 2) {
		found = names_find(tree->names, at[0]);
		attribute->name = found->local;
		attribute->ns = found->ns;
		tree->ns_bytes += found->ns_len;
		attribute->value = value;
		value = stpcpy(value, at[1]) + 1;
		*tail = attribute;
		tail = &attribute->next;
		attribute++;
	}

	hang_in(tree, element);
	push_level(tree, element);
}

void tree_text(struct tree *tree, const char *text, size_t len)
{
	if (!tree->text.len)
		tree->nodes++;
	str_add(&tree->text, text, len);
}

struct element *tree_close(struct tree *tree)
{
	assert(tree->depth > 0);
	flush_text(tree);
	struct element *element = tree->levels[--tree->depth].element;
	return tree->depth ? NULL : element;
}

void tree_clear(struct tree *tree)
{
	tree->depth = 0;
	tree->nodes = 0;
	str_clear(&tree->text, TEXT_KEEP);
}

void tree_fini(struct tree *tree)
{
	free(tree->levels);
	str_fini(&tree->text);
	tree->levels = NULL;
	tree->capacity = 0;
}
