/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hash map from byte strings to pointers: open addressing, the 64-bit hash kept, seeded once per process from the
 * kernel's random source, so that nobody can choose names that collide. The map owns neither keys nor values:
 * a key lives inside of its value. */
#ifndef LIB_BASE_MAP_H
#define LIB_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

struct map_slot {
	uint64_t hash; /* 0 = never used, 1 = removed */
	const char *key;
	void *value;
};

/* Zero-initialised is empty and ready. */
struct map {
	struct map_slot *slots;
	size_t count;    /* entries */
	size_t filled;   /* entries and removed ones */
	size_t capacity; /* power of two, or 0 */
};

void map_fini(struct map *);
/* NULL if absent. */
void *map_get(const struct map *, const char *key);
/* Puts or replaces; returns the value that was there, or NULL. `key` must live as long as the entry does. */
void *map_put(struct map *, const char *key, void *value);
/* Returns the value that was there, or NULL. */
void *map_remove(struct map *, const char *key);
/* Walks over all values: *cursor starts at 0; NULL ends. The current value may be removed during the walk, nothing put. */
void *map_next(const struct map *, size_t *cursor);
#define MAP_EACH(map, type, value) \
	for (size_t value##_at = 0, value##_once = 1; value##_once; value##_once = 0) \
		for (type *value; (value = map_next((map), &value##_at)) != NULL;)

/* The seeded hash itself, for tables of other shapes. */
uint64_t hash_bytes(const void *bytes, size_t len);

#endif
