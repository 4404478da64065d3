/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading and building element trees. The parser builds them; everything that handles stanzas reads them. */
#include "lib/xmpp/element.h"

#include <string.h>

static bool name_matches(const char *wanted, const char *have)
{
	return !wanted || wanted == have || (have && !strcmp(wanted, have));
}

bool element_is(const struct element *element, const char *name, const char *ns)
{
	return element && element->name && name_matches(name, element->name) && name_matches(ns, element->ns);
}

const char *element_get(const struct element *element, const char *attribute)
{
	if (!element)
		return NULL;
	for (const struct attribute *a = element->attributes; a; a = a->next)
		if (!a->ns && !strcmp(a->name, attribute))
			return a->value;
	return NULL;
}

static const struct element *first_match(const struct element *node, const char *name, const char *ns)
{
	while (node && !element_is(node, name, ns))
		node = node->next;
	return node;
}

const struct element *element_child(const struct element *element, const char *name, const char *ns)
{
	return element ? first_match(element->children, name, ns) : NULL;
}

const struct element *element_next(const struct element *child, const char *name, const char *ns)
{
	return child ? first_match(child->next, name, ns) : NULL;
}

const char *element_text(struct arena *arena, const struct element *element)
{
	if (!element)
		return NULL;
	size_t len = 0;
	const char *only = "";
	unsigned texts = 0;
	for (const struct element *node = element->children; node; node = node->next)
		if (!node->name) {
			only = node->text;
			len += strlen(node->text);
			texts++;
		}
	if (texts < 2)
		return only;
	char *joined = arena_alloc(arena, len + 1), *end = joined;
	for (const struct element *node = element->children; node; node = node->next)
		if (!node->name)
			end = stpcpy(end, node->text);
	return joined;
}

const char *element_child_text(struct arena *arena, const struct element *element, const char *name, const char *ns)
{
	return element_text(arena, element_child(element, name, ns));
}

unsigned element_count(const struct element *element)
{
	if (!element || !element->name)
		return 0;
	unsigned count = 1;
	for (const struct element *node = element->children; node; node = node->next)
		count += element_count(node);
	return count;
}

struct element *element_new(struct arena *arena, const char *name, const char *ns)
{
	struct element *element = arena_alloc(arena, sizeof *element);
	element->name = arena_strdup(arena, name);
	element->ns = arena_strdup(arena, ns);
	return element;
}

static void copy_attributes(struct arena *arena, struct element *copy, const struct element *element)
{
	struct attribute **tail = &copy->attributes;
	for (const struct attribute *one = element->attributes; one; one = one->next) {
		*tail = arena_alloc(arena, sizeof **tail);
		(*tail)->name = arena_strdup(arena, one->name);
		(*tail)->ns = arena_strdup(arena, one->ns);
		(*tail)->value = arena_strdup(arena, one->value);
		tail = &(*tail)->next;
	}
}

struct element *element_copy(struct arena *arena, const struct element *element)
{
	struct element *copy = arena_alloc(arena, sizeof *copy), **tail = &copy->children;
	copy->name = arena_strdup(arena, element->name);
	copy->ns = arena_strdup(arena, element->ns);
	copy->text = arena_strdup(arena, element->text);
	copy_attributes(arena, copy, element);
	for (const struct element *child = element->children; child; child = child->next) {
		*tail = element_copy(arena, child);
		tail = &(*tail)->next;
	}
	return copy;
}

void element_set(struct arena *arena, struct element *element, const char *name, const char *value)
{
	struct attribute **at = &element->attributes;
	while (*at && ((*at)->ns || strcmp((*at)->name, name)))
		at = &(*at)->next;
	if (!*at) {
		*at = arena_alloc(arena, sizeof **at);
		(*at)->name = arena_strdup(arena, name);
	}
	(*at)->value = arena_strdup(arena, value ? value : "");
}
