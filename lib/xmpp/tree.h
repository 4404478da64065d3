/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Builds one element tree from the events of expat. The caller checks the caps before it adds. */
#ifndef LIB_XMPP_TREE_H
#define LIB_XMPP_TREE_H

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/xmpp/element.h"
#include "lib/xmpp/names.h"

struct tree_level {
	struct element *element;
	struct element **tail; /* where its next child is hung in */
};

struct tree {
	struct arena *arena; /* of the nodes */
	struct names *names;
	struct tree_level *levels;
	unsigned depth;    /* elements that are open */
	unsigned capacity; /* of levels */
	unsigned nodes;    /* elements and texts since the root was opened, without it */
	size_t ns_bytes;   /* of the namespaces that it takes to write the tree down without prefixes */
	struct str text;   /* since the last tag, joined: expat gives it in pieces */
};

/* `name` and `attributes` (name, value, name, value, NULL) as expat gives them. */
void tree_open(struct tree *, const char *name, const char **attributes);
void tree_text(struct tree *, const char *text, size_t len);
/* The root if that was its end, otherwise NULL. */
struct element *tree_close(struct tree *);
/* Drops what is half built. */
void tree_clear(struct tree *);
void tree_fini(struct tree *);

#endif
