/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A ring of packed texts, and beside it their hashes, which are what a search looks at. */
#include "spectrum/hub/idmap.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/map.h"
#include "lib/base/mem.h"
#include "lib/xmpp/jid.h"

#define ENTRIES_FIRST 8
#define ENTRIES_MOST 512 /* of one user: people correct and react to what is recent */

struct entry {
	uint64_t own_hash, network_hash; /* with the peer */
	char *texts;                     /* own, network */
};

struct idmap {
	unsigned count, room, next; /* next: where the oldest one stands when it is full */
	struct entry *entries;
};

static uint64_t hash_of(const char *peer, const char *id)
{
	struct arena arena = {0};
	const char *folded = jid_fold(&arena, peer);
	uint64_t hash = hash_bytes(folded, strlen(folded)) * 31 + hash_bytes(id, strlen(id));
	arena_fini(&arena);
	return hash;
}

static const char *network_of(const struct entry *entry)
{
	return entry->texts + strlen(entry->texts) + 1;
}

/* The youngest first. */
static const struct entry *find(const struct idmap *map, uint64_t hash, const char *id, bool by_own)
{
	for (unsigned i = 0; map && i < map->count; i++) {
		const struct entry *entry = &map->entries[(map->next + map->count - 1 - i) % map->count];
		if ((by_own ? entry->own_hash : entry->network_hash) == hash &&
		    !strcmp(by_own ? entry->texts : network_of(entry), id))
			return entry;
	}
	return NULL;
}

void idmap_put(struct idmap **at, const char *peer, const char *own, const char *network)
{
	if (!*at)
		*at = mem_new(sizeof **at);
	struct idmap *map = *at;
	if (map->count == map->room && map->room < ENTRIES_MOST) {
		map->room = map->room ? map->room * 2 : ENTRIES_FIRST;
		map->entries = mem_resize(map->entries, map->room * sizeof *map->entries);
	}
	struct entry *entry = &map->entries[map->next];
	if (map->count == ENTRIES_MOST)
		free(entry->texts);
	else
		entry = &map->entries[map->count++];
	size_t own_bytes = strlen(own) + 1, network_bytes = strlen(network) + 1;
	entry->own_hash = hash_of(peer, own);
	entry->network_hash = hash_of(peer, network);
	entry->texts = mem_new(own_bytes + network_bytes);
	memcpy(entry->texts, own, own_bytes);
	memcpy(entry->texts + own_bytes, network, network_bytes);
	map->next = map->count == ENTRIES_MOST ? (unsigned)(entry - map->entries + 1) % ENTRIES_MOST : 0;
}

const char *idmap_network(const struct idmap *map, const char *peer, const char *own)
{
	const struct entry *entry = map ? find(map, hash_of(peer, own), own, true) : NULL;
	return entry ? network_of(entry) : NULL;
}

const char *idmap_own(const struct idmap *map, const char *peer, const char *network)
{
	const struct entry *entry = map ? find(map, hash_of(peer, network), network, false) : NULL;
	return entry ? entry->texts : NULL;
}

void idmap_free(struct idmap **at)
{
	struct idmap *map = *at;
	for (unsigned i = 0; map && i < map->count; i++)
		free(map->entries[i].texts);
	if (map)
		free(map->entries);
	free(map);
	*at = NULL;
}
