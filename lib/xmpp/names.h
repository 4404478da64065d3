/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The names that one parser has seen, split into namespace and local name, so that the few that make up nearly all traffic
 * are copied once and not per element. A cache of fixed size: what it can't hold is simply copied again. */
#ifndef LIB_XMPP_NAMES_H
#define LIB_XMPP_NAMES_H

#include <stddef.h>

#include "lib/base/map.h"
#include "lib/base/mem.h"

#define NAMES_SEPARATOR '\x01' /* between the parts of a name as expat gives it; no XML text can contain it */
#define NAMES_SPACE_BYTES 1024 /* of a namespace URI; the caller refuses longer ones */
#define NAMES_SLOTS 256

struct name {
	const char *ns; /* NULL if it is in none */
	const char *local;
	const char *tail; /* local name, and after a separator the prefix if there was one */
	size_t ns_len, tail_len;
};

struct names {
	struct arena *arena; /* where the names live: until names_clear and a reset of this arena */
	struct map spaces;   /* namespace URIs, each once */
	struct name **slots; /* NAMES_SLOTS; NULL while there is none */
	size_t bytes; /* what expat keeps for the names met since the last names_clear, roughly */
};

/* `expanded` is "uri SEPARATOR local", "uri SEPARATOR local SEPARATOR prefix", or "local". Lives as long as the arena. */
const struct name *names_find(struct names *, const char *expanded);
/* Counts a name that expat keeps but that names_find does not see: a prefix. */
void names_count(struct names *, const char *name);
/* Forgets all; the arena is not touched. */
void names_clear(struct names *);
/* The same, and gives the memory back. */
void names_fini(struct names *);

#endif
