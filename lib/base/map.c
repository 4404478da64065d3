/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/base/map.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/random.h"

enum { NEVER_USED, REMOVED, FIRST_HASH };

/* SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF"). */
static uint64_t rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

uint64_t hash_bytes(const void *bytes, size_t len)
{
	static uint64_t seed[2];
	if (!seed[0])
		random_bytes(seed, sizeof seed);
	uint64_t v[4] = {seed[0] ^ 0x736f6d6570736575, seed[1] ^ 0x646f72616e646f6d, seed[0] ^ 0x6c7967656e657261,
	                 seed[1] ^ 0x7465646279746573};
	const unsigned char *at = bytes;
	size_t left = len;
	for (uint64_t word; left >= 8; at += 8, left -= 8) {
		memcpy(&word, at, 8);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	uint64_t last = (uint64_t)len << 56;
	for (size_t i = 0; i < left; i++)
		last |= (uint64_t)at[i] << 8 * i;
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint64_t key_hash(const char *key)
{
	uint64_t hash = hash_bytes(key, strlen(key));
	return hash < FIRST_HASH ? hash + FIRST_HASH : hash;
}

/* The slot that holds the key, or NULL. */
static struct map_slot *find(const struct map *map, const char *key, uint64_t hash)
{
	if (!map->capacity)
		return NULL;
	for (size_t at = hash & (map->capacity - 1);; at = (at + 1) & (map->capacity - 1)) {
		struct map_slot *slot = &map->slots[at];
		if (slot->hash == NEVER_USED)
			return NULL;
		if (slot->hash == hash && !strcmp(slot->key, key))
			return slot;
	}
}

static struct map_slot *free_slot(struct map *map, uint64_t hash)
{
	size_t at = hash & (map->capacity - 1);
	while (map->slots[at].hash >= FIRST_HASH)
		at = (at + 1) & (map->capacity - 1);
	return &map->slots[at];
}

static void resize(struct map *map, size_t capacity)
{
	struct map old = *map;
	map->slots = mem_new(capacity * sizeof *map->slots);
	map->capacity = capacity;
	map->filled = map->count;
	for (size_t i = 0; i < old.capacity; i++) {
		if (old.slots[i].hash >= FIRST_HASH)
			*free_slot(map, old.slots[i].hash) = old.slots[i];
	}
	free(old.slots);
}

void map_fini(struct map *map)
{
	free(map->slots);
	*map = (struct map){0};
}

void *map_get(const struct map *map, const char *key)
{
	struct map_slot *slot = find(map, key, key_hash(key));
	return slot ? slot->value : NULL;
}

void *map_put(struct map *map, const char *key, void *value)
{
	uint64_t hash = key_hash(key);
	struct map_slot *slot = find(map, key, hash);
	if (slot) {
		void *old = slot->value;
		slot->key = key;
		slot->value = value;
		return old;
	}
	if ((map->filled + 1) * 4 > map->capacity * 3) {
		size_t capacity = map->capacity ? map->capacity : 8;
		while ((map->count + 1) * 2 > capacity)
			capacity *= 2;
		resize(map, capacity);
	}
	slot = free_slot(map, hash);
	map->filled += slot->hash == NEVER_USED;
	map->count++;
	*slot = (struct map_slot){hash, key, value};
	return NULL;
}

void *map_remove(struct map *map, const char *key)
{
	struct map_slot *slot = find(map, key, key_hash(key));
	if (!slot)
		return NULL;
	void *value = slot->value;
	*slot = (struct map_slot){.hash = REMOVED};
	if (--map->count == 0)
		map_fini(map);
	return value;
}

void *map_next(const struct map *map, size_t *cursor)
{
	while (*cursor < map->capacity) {
		struct map_slot *slot = &map->slots[(*cursor)++];
		if (slot->hash >= FIRST_HASH)
			return slot->value;
	}
	return NULL;
}
