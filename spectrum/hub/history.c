/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A client that comes into a room gets the occupants, itself, what was said before, and the subject, in this order
 * (XEP-0045 section 7.1). What was said comes from the database, and later than what is said meanwhile; so the latter
 * is held until then. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spectrum/hub/room.h"

#define LOG_AREA "history"
#define HELD_MOST 500
#define HISTORY_MOST 250 /* lines, whatever a client asks for */

enum entry_state {
	ENTRY_WAITING, /* the join is under way */
	ENTRY_READING, /* the database is asked */
	ENTRY_READY,   /* the subject is awaited */
};

struct entry {
	struct list node;
	struct room *room; /* NULL: nobody waits for the database any more */
	uint64_t bit;
	enum entry_state state;
	struct room_history limits;
};

/* A line that was said while somebody was reading. */
struct held {
	struct list node;
	uint64_t readers;
	struct room_record record; /* its texts are behind it */
};

/* ---- Held lines ---- */

static const char *put(char **at, const char *text)
{
	char *copy = *at;
	*at = stpcpy(copy, text ? text : "") + 1;
	return copy;
}

static size_t bytes_of(const char *text)
{
	return text ? strlen(text) + 1 : 1;
}

static void give_held(struct room *room, struct resource *resource)
{
	LIST_EACH (&room->held, node) {
		struct held *held = LIST_ITEM(node, struct held, node);
		if (!(held->readers & room_bit(resource)))
			continue;
		hub_tell(room->user->hub, room_record, room->user, resource->name, room, &held->record, false);
	}
}

static void forget_held(struct room *room, uint64_t readers)
{
	LIST_EACH (&room->held, node) {
		struct held *held = LIST_ITEM(node, struct held, node);
		held->readers &= ~readers;
		if (held->readers)
			continue;
		list_remove(node);
		room->held_count--;
		free(held);
	}
}

/* ---- Entries ---- */

static struct entry *entry_find(const struct room *room, uint64_t bit)
{
	for (struct list *node = room->entries.next; node != &room->entries; node = node->next) {
		struct entry *entry = LIST_ITEM(node, struct entry, node);
		if (entry->bit == bit)
			return entry;
	}
	return NULL;
}

/* The database's answer frees what is read. */
static void entry_drop(struct entry *entry)
{
	struct room *room = entry->room;
	list_remove(&entry->node);
	room->reading &= ~entry->bit;
	forget_held(room, entry->bit);
	entry->room = NULL;
	if (entry->state != ENTRY_READING)
		free(entry);
}

static struct resource *entry_resource(const struct entry *entry)
{
	struct resource *resource = entry->room->user->resources;
	while (resource && room_bit(resource) != entry->bit)
		resource = resource->next;
	return resource;
}

/* The subject, and what was held: from now on it is there. */
static void entry_finish(struct entry *entry)
{
	struct room *room = entry->room;
	struct resource *resource = entry_resource(entry);
	if (resource) {
		hub_tell(room->user->hub, room_subject, room->user, resource->name, room);
		give_held(room, resource);
	}
	entry_drop(entry);
}

static void entry_ready(struct entry *entry)
{
	entry->state = ENTRY_READY;
	if (entry->room->has_subject)
		entry_finish(entry);
}

/* How many of the last lines fit into so many characters. */
static size_t fitting(const struct store_page *page, int chars)
{
	size_t count = 0, sum = 0;
	while (count < page->count) {
		sum += strlen(page->lines[page->count - 1 - count].content);
		if (chars >= 0 && sum > (size_t)chars)
			break;
		count++;
	}
	return count;
}

struct room_record room_record_of(struct arena *arena, const struct store_line *line)
{
	bool named = *line->id;
	return (struct room_record){
	    .number = line->number,
	    .id = named ? line->id : arena_printf(arena, "%" PRIx64, line->number),
	    .stanza_id = line->stanza_id,
	    .nickname = line->nickname,
	    .occupant_id = line->occupant_id,
	    .content = line->content,
	    .time = line->time,
	    .named = named,
	};
}

static void history_read(void *arg, const struct store_page *page, const char *error)
{
	struct entry *entry = arg;
	struct room *room = entry->room;
	struct resource *resource = room ? entry_resource(entry) : NULL;
	struct arena arena = {0};
	if (!room) {
		free(entry);
		return;
	}
	if (error)
		log_warn("no history for user=%s room=%s: %s", room->user->jid, log_quote(room->name), error);
	for (size_t i = error ? 0 : page->count - fitting(page, entry->limits.chars); !error && i < page->count; i++) {
		struct room_record record = room_record_of(&arena, &page->lines[i]);
		if (resource)
			hub_tell(room->user->hub, room_record, room->user, resource->name, room, &record, true);
	}
	arena_fini(&arena);
	entry_ready(entry);
}

/* ---- For the room ---- */

void history_enter(struct room *room, struct resource *resource, const struct room_history *limits)
{
	struct entry *entry = entry_find(room, room_bit(resource));
	if (entry)
		entry_drop(entry);
	entry = mem_new(sizeof *entry);
	entry->room = room;
	entry->bit = room_bit(resource);
	entry->limits = *limits;
	list_append(&room->entries, &entry->node);
	room->reading |= entry->bit;
}

/* Who says nothing gets what came while no client was there. */
static unsigned history_size(const struct room *room, const struct room_history *limits)
{
	unsigned most =
	    limits->since ? HISTORY_MOST : (unsigned)config_number(room->user->hub->config, "archive.history");
	if (!limits->since && most && room->missed > most)
		most = room->missed;
	if (limits->stanzas >= 0)
		most = (unsigned)limits->stanzas;
	return limits->chars == 0 ? 0 : most > HISTORY_MOST ? HISTORY_MOST : most;
}

void history_replay(struct room *room, struct resource *resource)
{
	struct hub *hub = room->user->hub;
	struct entry *entry = entry_find(room, room_bit(resource));
	if (!entry || entry->state != ENTRY_WAITING)
		return;
	struct store_search search = {
	    .start = entry->limits.since, .most = history_size(room, &entry->limits), .backwards = true};
	if (!hub->archive || !search.most) {
		entry_ready(entry);
		return;
	}
	archive_search_room(room, &search);
	room->missed = 0;
	entry->state = ENTRY_READING;
	store_search_lines(hub->store, &search, history_read, entry);
}

void history_subject(struct room *room)
{
	EACH_LISTENER(room, resource)
	hub_tell(room->user->hub, room_subject, room->user, resource->name, room);
	LIST_EACH (&room->entries, node) {
		struct entry *entry = LIST_ITEM(node, struct entry, node);
		if (entry->state == ENTRY_READY)
			entry_finish(entry);
	}
}

void history_hold(struct room *room, const struct room_record *record)
{
	size_t bytes = bytes_of(record->id) + bytes_of(record->stanza_id) + bytes_of(record->nickname) +
	               bytes_of(record->occupant_id) + bytes_of(record->content);
	if (room->held_count >= HELD_MOST) {
		/* The database takes too long: the past has to wait until somebody asks for it. */
		LIST_EACH (&room->entries, node) {
			struct entry *entry = LIST_ITEM(node, struct entry, node);
			if (entry->state != ENTRY_WAITING)
				entry_finish(entry);
		}
	}
	struct held *held = mem_new(sizeof *held + bytes);
	char *at = (char *)(held + 1);
	held->readers = room->reading;
	held->record = *record;
	held->record.id = put(&at, record->id);
	held->record.stanza_id = put(&at, record->stanza_id);
	held->record.nickname = put(&at, record->nickname);
	held->record.occupant_id = put(&at, record->occupant_id);
	held->record.content = put(&at, record->content);
	list_append(&room->held, &held->node);
	room->held_count++;
}

void history_leave(struct room *room, const struct resource *resource)
{
	struct entry *entry = entry_find(room, room_bit(resource));
	if (entry)
		entry_drop(entry);
}

void history_end(struct room *room)
{
	while (!list_empty(&room->entries))
		entry_drop(LIST_ITEM(room->entries.next, struct entry, node));
	forget_held(room, UINT64_MAX);
}
