/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is in a channel: a table of nicknames, 16 bytes an entry. A thousand users of one process in one large channel
 * are a million entries; so the nickname's text exists once per process and is shared. */
#ifndef BACKENDS_IRC_OCCUPANTS_H
#define BACKENDS_IRC_OCCUPANTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/irc/casemap.h"

struct occupant {
	const char *nick; /* NULL = a free place */
	uint32_t hash;
	uint8_t status; /* bits of isupport_symbol_bit */
	bool away : 1;
	bool shown : 1;   /* the XMPP side knows him */
	bool changed : 1; /* but not as he is now */
	bool stale : 1;   /* from before the connection was lost, not seen since */
};

/* Zero-initialised is empty and ready. */
struct occupants {
	struct occupant *places;
	uint32_t count, capacity; /* capacity is a power of two, or 0 */
};

void occupants_fini(struct occupants *);
/* NULL if he is not there. Valid until the next change of the table. */
struct occupant *occupants_find(const struct occupants *, enum casemap, const char *nick);
/* The one who is there, or a new one. */
struct occupant *occupants_add(struct occupants *, enum casemap, const char *nick);
void occupants_remove(struct occupants *, struct occupant *);
/* Walks over all: *cursor starts at 0; NULL ends. */
struct occupant *occupants_next(const struct occupants *, size_t *cursor);
/* To be called when the server has changed its case mapping. */
void occupants_rehash(struct occupants *, enum casemap);

#endif
