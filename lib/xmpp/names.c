/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/xmpp/names.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NAME_OVERHEAD 64 /* bytes that expat needs for a name besides its text */

/* Length and last bytes tell names apart well enough. Whoever builds collisions loses the cache and nothing else. */
static size_t slot_of(const char *expanded, size_t len)
{
	uint64_t last = 0;
	if (len >= sizeof last)
		memcpy(&last, expanded + len - sizeof last, sizeof last);
	else
		memcpy(&last, expanded, len);
	last = (last ^ len) * 0x9e3779b97f4a7c15u;
	return (size_t)(last >> 32) % (NAMES_SLOTS / 2) * 2;
}

static bool is_name(const struct name *name, const char *expanded, size_t len)
{
	if (!name)
		return false;
	if (!name->ns)
		return name->tail_len == len && !memcmp(name->tail, expanded, len);
	return name->ns_len + 1 + name->tail_len == len && expanded[name->ns_len] == NAMES_SEPARATOR &&
	       !memcmp(expanded + name->ns_len + 1, name->tail, name->tail_len) &&
	       !memcmp(expanded, name->ns, name->ns_len);
}

/* One copy per URI, or a long one with many short names behind it would be copied for each of them. */
static const char *space_find(struct names *names, const char *uri, size_t len)
{
	char key[NAMES_SPACE_BYTES + 1];
	assert(len <= NAMES_SPACE_BYTES);
	memcpy(key, uri, len);
	key[len] = '\0';
	char *space = map_get(&names->spaces, key);
	if (!space) {
		space = arena_strndup(names->arena, uri, len);
		map_put(&names->spaces, space, space);
	}
	return space;
}

static struct name *name_new(struct names *names, const char *expanded, size_t len)
{
	struct name *name = arena_alloc(names->arena, sizeof *name);
	const char *separator = memchr(expanded, NAMES_SEPARATOR, len);
	const char *tail = separator ? separator + 1 : expanded;
	name->tail_len = len - (size_t)(tail - expanded);
	name->tail = name->local = arena_strndup(names->arena, tail, name->tail_len);
	if (separator) {
		name->ns_len = (size_t)(separator - expanded);
		name->ns = space_find(names, expanded, name->ns_len);
		const char *prefix = memchr(name->tail, NAMES_SEPARATOR, name->tail_len);
		if (prefix)
			name->local = arena_strndup(names->arena, name->tail, (size_t)(prefix - name->tail));
	}
	names->bytes += name->tail_len + NAME_OVERHEAD;
	return name;
}

const struct name *names_find(struct names *names, const char *expanded)
{
	size_t len = strlen(expanded);
	if (!names->slots)
		names->slots = mem_new(NAMES_SLOTS * sizeof *names->slots);
	struct name **slot = &names->slots[slot_of(expanded, len)];
	if (is_name(slot[0], expanded, len))
		return slot[0];
	if (is_name(slot[1], expanded, len))
		return slot[1];
	slot[1] = slot[0];
	return slot[0] = name_new(names, expanded, len);
}

void names_count(struct names *names, const char *name)
{
	names->bytes += strlen(name) + NAME_OVERHEAD;
}

void names_clear(struct names *names)
{
	map_fini(&names->spaces);
	if (names->slots)
		memset(names->slots, 0, NAMES_SLOTS * sizeof *names->slots);
	names->bytes = 0;
}

void names_fini(struct names *names)
{
	names_clear(names);
	free(names->slots);
	names->slots = NULL;
}
