/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/link/inflight.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	struct list node;
	struct ticket *ticket;
	uint64_t ping;
	struct entry *same; /* the next younger one with the same key */
	struct entry *last; /* in the oldest one of a key: the youngest one */
	char key[];         /* of by_result: the user, a newline (no JID has one), the id */
};

void inflight_init(struct inflight *inflight)
{
	list_init(&inflight->by_result);
	list_init(&inflight->by_pong);
	list_init(&inflight->refused);
	inflight->ids = (struct map){0};
}

void inflight_fini(struct inflight *inflight)
{
	assert(list_empty(&inflight->by_result) && list_empty(&inflight->by_pong) && list_empty(&inflight->refused));
	map_fini(&inflight->ids);
}

void inflight_move(struct inflight *from, struct inflight *to)
{
	list_move(&from->by_result, &to->by_result);
	list_move(&from->by_pong, &to->by_pong);
	list_move(&from->refused, &to->refused);
	to->ids = from->ids;
	from->ids = (struct map){0};
}

static size_t key_bytes(const char *user, const char *id)
{
	return strlen(user) + strlen(id) + 2;
}

static void write_key(char *key, const char *user, const char *id)
{
	char *at = stpcpy(key, user);
	*at++ = '\n';
	strcpy(at, id);
}

static struct entry *add(struct list *list, size_t extra, struct ticket *ticket)
{
	struct entry *entry = mem_new(sizeof *entry + extra);
	entry->ticket = ticket;
	list_append(list, &entry->node);
	return entry;
}

void inflight_await_result(struct inflight *inflight, const char *user, const char *id, struct ticket *ticket)
{
	struct entry *entry = add(&inflight->by_result, key_bytes(user, id), ticket);
	write_key(entry->key, user, id);
	entry->last = entry;
	struct entry *oldest = map_get(&inflight->ids, entry->key);
	if (oldest) {
		oldest->last->same = entry;
		oldest->last = entry;
	} else {
		map_put(&inflight->ids, entry->key, entry);
	}
}

void inflight_await_pong(struct inflight *inflight, uint64_t ping, struct ticket *ticket)
{
	add(&inflight->by_pong, 0, ticket)->ping = ping;
}

void inflight_refuse(struct inflight *inflight, struct ticket *ticket)
{
	add(&inflight->refused, 0, ticket);
}

static struct ticket *take(struct entry *entry)
{
	struct ticket *ticket = entry->ticket;
	list_remove(&entry->node);
	free(entry);
	return ticket;
}

static struct entry *first(const struct list *list)
{
	return list_empty(list) ? NULL : LIST_ITEM(list->next, struct entry, node);
}

/* `entry` is the oldest one of its key. */
static struct ticket *take_keyed(struct inflight *inflight, struct entry *entry)
{
	struct entry *next = entry->same;
	if (next) {
		next->last = entry->last;
		map_put(&inflight->ids, next->key, next);
	} else {
		map_remove(&inflight->ids, entry->key);
	}
	return take(entry);
}

struct ticket *inflight_take_result(struct inflight *inflight, struct arena *arena, const char *user, const char *id)
{
	char *key = arena_alloc(arena, key_bytes(user, id));
	write_key(key, user, id);
	struct entry *entry = map_get(&inflight->ids, key);
	return entry ? take_keyed(inflight, entry) : NULL;
}

struct ticket *inflight_take_pong(struct inflight *inflight, uint64_t pong)
{
	struct entry *entry = first(&inflight->by_pong);
	return entry && entry->ping <= pong ? take(entry) : NULL;
}

struct ticket *inflight_take_refused(struct inflight *inflight)
{
	struct entry *entry = first(&inflight->refused);
	return entry ? take(entry) : NULL;
}

struct ticket *inflight_take(struct inflight *inflight)
{
	struct entry *entry = first(&inflight->by_result);
	if (entry)
		return take_keyed(inflight, entry);
	struct ticket *ticket = inflight_take_pong(inflight, UINT64_MAX);
	return ticket ? ticket : inflight_take_refused(inflight);
}

uint64_t inflight_last_ping(const struct inflight *inflight)
{
	const struct list *list = &inflight->by_pong;
	return list_empty(list) ? 0 : LIST_ITEM(list->prev, struct entry, node)->ping;
}
