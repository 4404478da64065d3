/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was said in rooms is kept in the database (XEP-0313): each line once, and beside it from when to when each user
 * was there. A user reads what he has heard and nothing else. Old lines are forgotten a few at a time. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/xmpp/jid.h"
#include "spectrum/hub/address.h"
#include "spectrum/hub/room.h"

#define DAY_MS INT64_C(86400000)
#define PRUNE_FIRST_MS 60000
#define PRUNE_EVERY_MS 3600000
#define PRUNE_STEP_MS 200
/* What was heard by others so long ago is not on its way to this user any more. */
#define LATE_MS 5000

struct archive {
	struct hub *hub;
	struct timer *timer;
	int64_t days, room; /* of the database: the last one that was looked at */
	unsigned most;
};

/* ---- Forgetting ---- */

static void pruned(void *arg, bool left, int64_t room)
{
	struct hub *hub = arg;
	struct archive *archive = hub->archive;
	if (!archive)
		return;
	if (!left)
		archive->room = room;
	timer_start(archive->timer, left || room ? PRUNE_STEP_MS : PRUNE_EVERY_MS, 0);
}

static void prune(void *arg)
{
	struct archive *archive = arg;
	int64_t oldest = clock_wall_ms() - archive->days * DAY_MS;
	store_prune_lines(archive->hub->store, oldest > 0 ? (uint64_t)oldest * 1000 : 0, archive->most, archive->room,
	                  pruned, archive->hub);
}

void archive_start(struct hub *hub)
{
	int64_t days = config_number(hub->config, "archive.days");
	if (!hub->store || !days)
		return;
	struct archive *archive = hub->archive = mem_new(sizeof *archive);
	archive->hub = hub;
	archive->days = days;
	archive->most = (unsigned)config_number(hub->config, "archive.lines");
	archive->timer = timer_new(hub->loop, prune, archive);
	timer_start(archive->timer, PRUNE_FIRST_MS, 0);
}

void archive_stop(struct hub *hub)
{
	if (!hub->archive)
		return;
	timer_free(&hub->archive->timer);
	free(hub->archive);
	hub->archive = NULL;
}

bool archive_is_kept(const struct hub *hub)
{
	return hub->archive;
}

/* ---- Who was there ---- */

static void put_stay(const struct room *room, uint64_t last)
{
	store_put_stay(room->user->hub->store,
	               &(struct store_stay){room->venue->name, room->user->jid, room->stay, last});
}

static void missed(struct hearing *hearing, uint64_t behind, uint64_t before)
{
	struct room *room = LIST_ITEM(hearing, struct room, hearing);
	if (!room->stay)
		return;
	if (room->stay_stored && behind >= room->stay)
		put_stay(room, behind);
	if (behind >= room->stay)
		room->stay_stored = false;
	if (room->stay < before)
		room->stay = before;
}

void archive_open(struct room *room)
{
	struct hub *hub = room->user->hub;
	venue_listen(room->venue, &room->hearing);
	room->hearing.missed = missed;
	room->stay = hub->archive && user_setting_true(room->user, "record_history") ? hub->last_number + 1 : 0;
	room->stay_stored = false;
}

void archive_close(struct room *room)
{
	if (!room->stay)
		return;
	venue_settle(room->venue, &room->hearing, UINT64_MAX);
	if (room->stay_stored)
		put_stay(room, room->user->hub->last_number);
	room->stay = 0;
}

bool archive_wants(const struct room *room)
{
	return room->stay;
}

void archive_heard(struct room *room)
{
	if (!room->stay || room->stay_stored)
		return;
	put_stay(room, 0);
	room->stay_stored = true;
}

void archive_keep(struct room *room, const struct room_record *record, bool prompt)
{
	store_put_line(room->user->hub->store, &(struct store_line){
	                                           .room = room->venue->name,
	                                           .number = record->number,
	                                           .time = record->time ? record->time : clock_wall_ms(),
	                                           .id = record->named ? record->id : "",
	                                           .stanza_id = record->stanza_id,
	                                           .nickname = record->nickname,
	                                           .occupant_id = record->occupant_id,
	                                           .content = record->content,
	                                           .prompt = prompt,
	                                       });
}

/* ---- Reading ---- */

void archive_search_room(struct room *room, struct store_search *search)
{
	uint64_t now = loop_now(room->user->hub->loop);
	venue_settle(room->venue, &room->hearing, now > LATE_MS ? now - LATE_MS : 0);
	search->room = room->venue->name;
	search->jid = room->user->jid;
	search->heard = venue_heard(room->venue, &room->hearing);
}

struct asking {
	archive_answer *answer;
	void *arg;
};

static void searched(void *arg, const struct store_page *page, const char *error)
{
	struct asking asking = *(struct asking *)arg;
	free(arg);
	if (error && !strcmp(error, STORE_NO_SUCH_LINE)) {
		asking.answer(asking.arg, NULL, S2_ITEM_NOT_FOUND, "There is no line with this id in the archive.");
		return;
	}
	if (error) {
		asking.answer(asking.arg, NULL, S2_INTERNAL_SERVER_ERROR, "The archive can't be read at the moment.");
		return;
	}
	struct room_record *records = mem_new((page->count + 1) * sizeof *records);
	struct arena arena = {0};
	for (size_t i = 0; i < page->count; i++)
		records[i] = room_record_of(&arena, &page->lines[i]);
	asking.answer(asking.arg, &(struct archive_page){records, page->count, page->complete, page->total}, S2_DONE,
	              NULL);
	arena_fini(&arena);
	free(records);
}

static struct store_search search_of(const struct archive_query *query)
{
	return (struct store_search){
	    .start = query->start,
	    .end = query->end,
	    .nickname = query->nickname,
	    .after_id = query->after_id,
	    .before_id = query->before_id,
	    .after = query->after,
	    .before = query->before,
	    .ids = query->ids,
	    .most = query->most,
	    .backwards = query->backwards,
	};
}

void archive_search(struct hub *hub, const char *jid, const char *node, const struct archive_query *query,
                    archive_answer *answer, void *arg)
{
	struct arena arena = {0};
	struct user *user = hub_user(hub, jid);
	struct room *room = user ? room_find(user, node) : NULL;
	struct asking *asking = mem_new(sizeof *asking);
	*asking = (struct asking){answer, arg};
	struct store_search search = search_of(query);
	search.room = jid_fold(&arena, address_name(&arena, node));
	search.jid = jid;
	if (room)
		archive_search_room(room, &search);
	store_search_lines(hub->store, &search, searched, asking);
	arena_fini(&arena);
}

/* ---- Archives of users ---- */

/* No name of a room has a line end in it. */
static const char *own_name(struct arena *arena, const char *owner)
{
	return arena_printf(arena, "\n%s", owner);
}

void archive_open_own(struct hub *hub, const char *owner)
{
	struct arena arena = {0};
	if (hub->archive)
		store_put_stay(hub->store, &(struct store_stay){own_name(&arena, owner), owner, 1, 0});
	arena_fini(&arena);
}

uint64_t archive_note(struct hub *hub, const char *owner, const struct archive_line *line)
{
	struct arena arena = {0};
	uint64_t number = hub_next_number(hub);
	store_put_line(hub->store, &(struct store_line){
	                               .room = own_name(&arena, owner),
	                               .number = number,
	                               .time = line->time ? line->time : clock_wall_ms(),
	                               .id = "",
	                               .stanza_id = line->stanza_id,
	                               .nickname = line->with,
	                               .occupant_id = "",
	                               .content = line->content,
	                               .prompt = line->prompt,
	                           });
	arena_fini(&arena);
	return number;
}

void archive_search_own(struct hub *hub, const char *owner, const struct archive_query *query, archive_answer *answer,
                        void *arg)
{
	struct arena arena = {0};
	struct asking *asking = mem_new(sizeof *asking);
	struct store_search search = search_of(query);
	*asking = (struct asking){answer, arg};
	search.room = own_name(&arena, owner);
	search.jid = owner;
	search.heard = UINT64_MAX;
	store_search_lines(hub->store, &search, searched, asking);
	arena_fini(&arena);
}
