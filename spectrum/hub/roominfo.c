/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the network tells about a room itself: name, description, picture, and what is true of it. */
#include <stdlib.h>

#include "lib/base/str.h"
#include "spectrum/hub/room.h"

#define TEXTS 4

/* The texts, in a copy on the heap or in what the network told. */
static const char **text_of(struct s2_room_info *info, unsigned which)
{
	const char **const texts[TEXTS] = {&info->title, &info->description, &info->language, &info->icon_hash};
	return texts[which];
}

void room_forget_info(struct s2_room_info *info)
{
	for (unsigned i = 0; i < TEXTS; i++)
		free((char *)(uintptr_t)*text_of(info, i));
	*info = (struct s2_room_info){0};
}

const struct s2_room_info *room_get_info(const struct room *room)
{
	return &room->info;
}

bool room_is_nonanonymous(const struct room *room)
{
	const struct occupant *self = occupant_find(room, room->nickname);
	return self && *occupant_text(self, OCCUPANT_REAL_NAME) && !(room->info.flags & S2_ROOM_SEMIANONYMOUS);
}

static unsigned changed_codes(unsigned before, unsigned after)
{
	unsigned codes = ROOM_CONFIGURED, changed = before ^ after;
	if (changed & S2_ROOM_LOGGED)
		codes |= after & S2_ROOM_LOGGED ? ROOM_LOGGED : ROOM_NOT_LOGGED;
	if (changed & S2_ROOM_SEMIANONYMOUS)
		codes |= after & S2_ROOM_SEMIANONYMOUS ? ROOM_BECAME_SEMI : ROOM_BECAME_OPEN;
	return codes;
}

void room_announce(struct room *room, unsigned codes)
{
	EACH_ATTENDEE(room, resource)
	hub_tell(room->user->hub, room_changed, room->user, resource->name, room, codes);
}

void room_informed(void *arg, struct seat *seat, const struct s2_room_info *in)
{
	struct user *user = user_of_seat(seat);
	struct room *room = room_find_by_name(user, in->name);
	if (!room && in->flags & S2_ROOM_MEMBER)
		room = group_enter(user, in->name);
	if (!room)
		return;
	struct s2_room_info before = room->info, after = *in;
	after.name = room->name;
	bool same = before.name && before.flags == after.flags && before.most == after.most;
	for (unsigned i = 0; i < TEXTS; i++) {
		same = same && text_equal(*text_of(&before, i), *text_of(&after, i));
		*text_of(&after, i) = mem_strdup(*text_of(&after, i));
	}
	bool known = before.name, was_member = before.flags & S2_ROOM_MEMBER;
	unsigned codes = changed_codes(before.flags, after.flags);
	room_forget_info(&before);
	room->info = after;
	if (was_member && !(after.flags & S2_ROOM_MEMBER)) {
		group_left(room);
		return;
	}
	if (room->state == ROOM_BELONGING && after.flags & S2_ROOM_MEMBER)
		group_found(room);
	if (same || !known || room->state == ROOM_JOINING)
		return; /* it comes with the join */
	room_announce(room, codes);
}
