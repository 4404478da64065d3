/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A parsed stanza: a tree of elements and texts on one arena. Nothing in it is ever NULL that a reader would follow:
 * look-ups of what is absent give NULL and take NULL, so that they can be nested. */
#ifndef LIB_XMPP_ELEMENT_H
#define LIB_XMPP_ELEMENT_H

#include <stdbool.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"

struct attribute {
	struct attribute *next;
	const char *name;
	const char *ns; /* NULL for nearly all; "http://www.w3.org/XML/1998/namespace" for xml:lang */
	const char *value;
};

struct element {
	const char *name; /* NULL: this node is a text */
	const char *ns;   /* "" if a parsed one is in no namespace; NULL in built ones: that of its parent */
	const char *text; /* of a text node */
	struct attribute *attributes;
	struct element *children; /* first child node */
	struct element *next;     /* sibling */
};

/* Value of an attribute without namespace, or NULL. */
const char *element_get(const struct element *, const char *attribute);
/* First child element with that name (NULL = any) and namespace (NULL = any). */
const struct element *element_child(const struct element *, const char *name, const char *ns);
/* The next sibling element after `child` that matches likewise. */
const struct element *element_next(const struct element *child, const char *name, const char *ns);
bool element_is(const struct element *, const char *name, const char *ns);
/* All text directly inside, joined; "" if there is none, NULL only if the element is NULL. On the arena if it has to be
 * joined. */
const char *element_text(struct arena *, const struct element *);
/* element_text of the child, or NULL if there is no such child. */
const char *element_child_text(struct arena *, const struct element *, const char *name, const char *ns);
/* Number of elements below it, itself included. */
unsigned element_count(const struct element *);

/* Builders, for the parser and for tests. */
struct element *element_new(struct arena *, const char *name, const char *ns);
/* All of it, on that arena; without its siblings. */
struct element *element_copy(struct arena *, const struct element *);
void element_set(struct arena *, struct element *, const char *name, const char *value);

#endif
