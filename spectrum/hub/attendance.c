/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the network tells about the people in a room: who came, left, was thrown out, has another nickname or rank. A
 * join is complete when the user himself has appeared. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "spectrum/hub/room.h"

#define LOG_AREA "room"
#define SUBJECT_WAIT_MS 1500

static bool refuse_by_flags(struct room *room, const struct s2_participant *in)
{
	static const struct {
		unsigned flag;
		enum s2_condition condition;
	} flags[] = {{S2_PARTICIPANT_CONFLICT, S2_CONFLICT},
	             {S2_PARTICIPANT_NOT_AUTHORIZED, S2_NOT_AUTHORIZED},
	             {S2_PARTICIPANT_ROOM_NOT_FOUND, S2_ITEM_NOT_FOUND}};
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		if (in->flags & flags[i].flag) {
			room_failed(room->user->hub, &room->user->seat, room->name, in->nickname, flags[i].condition,
			            in->status_text);
			return true;
		}
	}
	return false;
}

static unsigned leaving_codes(unsigned flags)
{
	static const struct {
		unsigned flag, code;
	} reasons[] = {{S2_PARTICIPANT_KICKED, ROOM_KICKED},
	               {S2_PARTICIPANT_BANNED, ROOM_BANNED},
	               {S2_PARTICIPANT_NOT_MEMBER, ROOM_NOT_MEMBER},
	               {S2_PARTICIPANT_MEMBERS_ONLY, ROOM_MEMBERS_ONLY},
	               {S2_PARTICIPANT_FAULT, ROOM_LOST}};
	unsigned codes = 0;
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		codes |= flags & reasons[i].flag ? reasons[i].code : 0;
	return codes;
}

static void occupant_left(struct room *room, const struct s2_participant *in, bool self)
{
	unsigned codes = leaving_codes(in->flags) | (self ? ROOM_SELF : 0);
	struct occupant *occupant = occupant_find(room, in->nickname);
	struct s2_participant value = *in;
	value.status = S2_STATUS_NONE;
	if (occupant && text_empty(value.real_name))
		value.real_name = occupant_text(occupant, OCCUPANT_REAL_NAME);
	if (self || (occupant && room->state != ROOM_JOINING))
		room_tell_occupant(room, &value, occupant ? occupant_text(occupant, OCCUPANT_ID) : NULL, codes);
	if (self) {
		absence_lost(room, in->status_text);
		room_over(room);
	} else if (occupant)
		occupant_remove(room, occupant);
}

static void occupant_renamed(struct room *room, const struct s2_participant *in, bool self)
{
	struct occupant *occupant = occupant_find(room, in->nickname);
	bool shown = room->state != ROOM_JOINING;
	char *id = NULL;
	if (occupant) {
		struct occupant_value before;
		occupant_get(room, occupant, &before);
		before.value.new_nickname = in->new_nickname;
		before.value.status = S2_STATUS_NONE;
		id = mem_strdup(occupant_text(occupant, OCCUPANT_ID));
		if (shown)
			room_tell_occupant(room, &before.value, id, ROOM_RENAMED | (self ? ROOM_SELF : 0));
		occupant_remove(room, occupant);
	}
	struct s2_participant after = *in;
	after.nickname = in->new_nickname;
	after.new_nickname = NULL;
	if (self)
		mem_replace(&room->nickname, after.nickname);
	bool changed;
	occupant = occupant_put(room, &after, id, &changed);
	if (occupant && shown)
		room_tell_occupant(room, &after, occupant_text(occupant, OCCUPANT_ID), self ? ROOM_SELF : 0);
	free(id);
}

/* The user himself has appeared: the join is complete. */
static void room_complete(struct room *room, const char *requested)
{
	struct hub *hub = room->user->hub;
	if (!archive_wants(room))
		archive_open(room);
	if (room->state == ROOM_REJOINING) {
		for (unsigned i = room->count; i-- > 0;) {
			struct occupant *occupant = occupant_at(room, i);
			struct occupant_value gone;
			if (!occupant_is_doubtful(room, i))
				continue;
			occupant_get(room, occupant, &gone);
			gone.value.status = S2_STATUS_NONE;
			room_tell_occupant(room, &gone.value, occupant_text(occupant, OCCUPANT_ID), 0);
			occupant_remove(room, occupant);
		}
		room->state = ROOM_JOINED;
		return;
	}
	room->state = ROOM_JOINED;
	EACH_ATTENDEE(room, resource)
	room_replay(room, resource->name, requested);
	room->created = false;
	if (!room->has_subject) {
		room->subject_due = loop_now(hub->loop) + SUBJECT_WAIT_MS;
		list_append(&hub->joining, &room->joining_node);
		hub_tick_start(hub);
	}
}

void room_participant(void *arg, struct seat *seat, const struct s2_participant *in)
{
	struct user *user = user_of_seat(seat);
	struct room *room = room_find_by_name(user, in->room);
	if (!room || text_empty(in->nickname))
		return;
	bool self = in->flags & S2_PARTICIPANT_ME || room_is_self(room, in->nickname);
	if (self && refuse_by_flags(room, in))
		return;
	if (in->status == S2_STATUS_NONE || leaving_codes(in->flags)) {
		occupant_left(room, in, self);
		return;
	}
	if (!text_empty(in->new_nickname)) {
		occupant_renamed(room, in, self);
		return;
	}
	bool changed;
	struct occupant *occupant = occupant_put(room, in, NULL, &changed);
	if (!occupant) {
		log_debug("occupant left out user=%s room=%s", user->jid, log_quote(room->name));
		return;
	}
	char *requested = self ? mem_strdup(room->nickname) : NULL;
	if (self) {
		mem_replace(&room->nickname, in->nickname);
		room->created = in->flags & S2_PARTICIPANT_CREATED && room->state == ROOM_JOINING;
	}
	if (room->state != ROOM_JOINING && changed)
		room_tell_occupant(room, in, occupant_text(occupant, OCCUPANT_ID), self ? ROOM_SELF : 0);
	if (self && room->state != ROOM_JOINED)
		room_complete(room, requested);
	free(requested);
}

void room_renamed(void *arg, struct seat *seat, const struct s2_room *in)
{
	struct user *user = user_of_seat(seat);
	struct room *room = room_find_by_name(user, in->name);
	if (!room || text_empty(in->nickname) || room_is_self(room, in->nickname))
		return;
	if (room->state == ROOM_JOINED)
		occupant_renamed(room,
		                 &(struct s2_participant){.room = room->name,
		                                          .nickname = room->nickname,
		                                          .new_nickname = in->nickname,
		                                          .flags = S2_PARTICIPANT_ME},
		                 true);
}
