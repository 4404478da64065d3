/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/irc/occupants.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/map.h"
#include "lib/base/mem.h"

/* A nickname's text, shared by all channels of all users. */
struct name {
	size_t uses;
	char text[];
};

static struct map names;

static struct name *name_of(const char *text)
{
	return (struct name *)(void *)((char *)(uintptr_t)text - offsetof(struct name, text));
}

static const char *name_share(const char *text)
{
	struct name *name = map_get(&names, text);
	if (!name) {
		size_t len = strlen(text);
		name = mem_new(sizeof *name + len + 1);
		memcpy(name->text, text, len);
		map_put(&names, name->text, name);
	}
	name->uses++;
	return name->text;
}

static void name_release(const char *text)
{
	struct name *name = name_of(text);
	if (--name->uses)
		return;
	map_remove(&names, name->text);
	free(name);
	if (!names.count)
		map_fini(&names);
}

void occupants_fini(struct occupants *occupants)
{
	for (size_t i = 0; i < occupants->capacity; i++)
		if (occupants->places[i].nick)
			name_release(occupants->places[i].nick);
	free(occupants->places);
	*occupants = (struct occupants){0};
}

/* Linear probing: the place of `nick`, or the free place where it belongs. The table is never full. */
static struct occupant *place_of(const struct occupants *occupants, enum casemap map, const char *nick, uint32_t hash)
{
	uint32_t mask = occupants->capacity - 1;
	for (uint32_t at = hash & mask;; at = (at + 1) & mask) {
		struct occupant *place = &occupants->places[at];
		if (!place->nick || (place->hash == hash && casemap_equal(map, place->nick, nick)))
			return place;
	}
}

static void resize(struct occupants *occupants, enum casemap map, uint32_t capacity)
{
	struct occupants old = *occupants;
	occupants->places = mem_new(capacity * sizeof *occupants->places);
	occupants->capacity = capacity;
	for (size_t i = 0; i < old.capacity; i++)
		if (old.places[i].nick)
			*place_of(occupants, map, old.places[i].nick, old.places[i].hash) = old.places[i];
	free(old.places);
}

struct occupant *occupants_find(const struct occupants *occupants, enum casemap map, const char *nick)
{
	if (!occupants->count)
		return NULL;
	struct occupant *place = place_of(occupants, map, nick, casemap_hash(map, nick));
	return place->nick ? place : NULL;
}

struct occupant *occupants_add(struct occupants *occupants, enum casemap map, const char *nick)
{
	if (occupants->count * 4 >= occupants->capacity * 3)
		resize(occupants, map, occupants->capacity ? occupants->capacity * 2 : 8);
	uint32_t hash = casemap_hash(map, nick);
	struct occupant *place = place_of(occupants, map, nick, hash);
	if (!place->nick) {
		*place = (struct occupant){.nick = name_share(nick), .hash = hash};
		occupants->count++;
	}
	return place;
}

void occupants_remove(struct occupants *occupants, struct occupant *gone)
{
	name_release(gone->nick);
	occupants->count--;
	uint32_t mask = occupants->capacity - 1, hole = (uint32_t)(gone - occupants->places);
	/* Whoever stands behind the hole and could stand in it moves up, so that no search ends too early. */
	for (uint32_t at = (hole + 1) & mask; occupants->places[at].nick; at = (at + 1) & mask) {
		uint32_t home = occupants->places[at].hash & mask;
		if (((at - home) & mask) >= ((at - hole) & mask)) {
			occupants->places[hole] = occupants->places[at];
			hole = at;
		}
	}
	occupants->places[hole] = (struct occupant){0};
}

struct occupant *occupants_next(const struct occupants *occupants, size_t *cursor)
{
	while (*cursor < occupants->capacity) {
		struct occupant *place = &occupants->places[(*cursor)++];
		if (place->nick)
			return place;
	}
	return NULL;
}

void occupants_rehash(struct occupants *occupants, enum casemap map)
{
	struct occupants old = *occupants;
	*occupants = (struct occupants){0};
	for (size_t i = 0; i < old.capacity; i++) {
		if (!old.places[i].nick)
			continue;
		struct occupant *place = occupants_add(occupants, map, old.places[i].nick);
		place->status |= old.places[i].status;
		place->away |= old.places[i].away;
		place->shown |= old.places[i].shown;
		place->changed |= old.places[i].changed;
		place->stale |= old.places[i].stale;
	}
	occupants_fini(&old);
}
