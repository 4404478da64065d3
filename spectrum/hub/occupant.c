/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The occupants of a room as one user sees them: an array, sorted by nickname, of pointers to what the venue keeps once
 * for all. The lowest bit of an entry says that it is doubtful: from before the network was away. */
#include <stdlib.h>
#include <string.h>

#include "spectrum/hub/room.h"

#define OCCUPANTS_MOST 50000            /* of one room */
#define OCCUPANT_BYTES_MOST (32u << 20) /* of all rooms of one user */
#define NICKNAME_BYTES 1023

#define DOUBTFUL ((uintptr_t)1)

struct occupant *occupant_at(const struct room *room, unsigned at)
{
	return (struct occupant *)(room->occupants[at] & ~DOUBTFUL);
}

bool occupant_is_doubtful(const struct room *room, unsigned at)
{
	return room->occupants[at] & DOUBTFUL;
}

void occupant_doubt_all(struct room *room)
{
	for (unsigned i = 0; i < room->count; i++)
		room->occupants[i] |= DOUBTFUL;
}

static unsigned place(const struct room *room, const char *nickname, bool *found)
{
	unsigned low = 0, high = room->count;
	*found = false;
	while (low < high) {
		unsigned middle = (low + high) / 2;
		int order = strcmp(occupant_text(occupant_at(room, middle), OCCUPANT_NICKNAME), nickname);
		if (!order) {
			*found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct occupant *occupant_find(const struct room *room, const char *nickname)
{
	bool found;
	unsigned at = place(room, nickname, &found);
	return found ? occupant_at(room, at) : NULL;
}

struct occupant *occupant_put(struct room *room, const struct s2_participant *in, const char *id, bool *changed)
{
	*changed = false;
	if (text_empty(in->nickname) || strlen(in->nickname) > NICKNAME_BYTES)
		return NULL;
	bool found;
	unsigned at = place(room, in->nickname, &found);
	if (!found && (room->count >= OCCUPANTS_MOST || room->user->occupant_bytes >= OCCUPANT_BYTES_MOST))
		return NULL;
	struct occupant *before = found ? occupant_at(room, at) : NULL;
	if (before && !id && text_empty(in->person))
		id = occupant_text(before, OCCUPANT_ID);
	struct occupant *occupant = venue_occupant(room->venue, in, id);
	*changed = occupant != before;
	room->user->occupant_bytes += occupant_bytes(occupant);
	if (before) {
		room->user->occupant_bytes -= occupant_bytes(before);
		venue_release(room->venue, before);
	} else {
		if (room->count == room->room) {
			room->room = room->room ? room->room * 3 / 2 + 1 : 4;
			room->occupants = mem_resize(room->occupants, room->room * sizeof *room->occupants);
		}
		memmove(room->occupants + at + 1, room->occupants + at, (room->count - at) * sizeof *room->occupants);
		room->count++;
	}
	room->occupants[at] = (uintptr_t)occupant;
	return occupant;
}

void occupant_remove(struct room *room, struct occupant *occupant)
{
	bool found;
	unsigned at = place(room, occupant_text(occupant, OCCUPANT_NICKNAME), &found);
	room->count--;
	room->user->occupant_bytes -= occupant_bytes(occupant);
	memmove(room->occupants + at, room->occupants + at + 1, (room->count - at) * sizeof *room->occupants);
	venue_release(room->venue, occupant);
}

void occupant_remove_all(struct room *room)
{
	for (unsigned i = 0; i < room->count; i++) {
		room->user->occupant_bytes -= occupant_bytes(occupant_at(room, i));
		venue_release(room->venue, occupant_at(room, i));
	}
	free(room->occupants);
	room->occupants = NULL;
	room->count = room->room = 0;
}

static size_t get_hats(const struct occupant *occupant, struct s2_hat hats[OCCUPANT_HATS_MOST])
{
	const char *at = occupant_text(occupant, OCCUPANT_HATS), *end = occupant->texts + occupant->end[OCCUPANT_HATS];
	size_t count = 0;
	for (; *at && at < end && count < OCCUPANT_HATS_MOST; count++) {
		hats[count].uri = at;
		hats[count].title = at += strlen(at) + 1;
		at += strlen(at) + 1;
	}
	return count;
}

void occupant_get(const struct room *room, const struct occupant *occupant, struct occupant_value *out)
{
	out->value = (struct s2_participant){
	    .room = room->name,
	    .nickname = occupant_text(occupant, OCCUPANT_NICKNAME),
	    .flags = occupant->moderator ? S2_PARTICIPANT_MODERATOR : 0,
	    .status = occupant->status,
	    .status_text = occupant_text(occupant, OCCUPANT_STATUS),
	    .real_name = occupant_text(occupant, OCCUPANT_REAL_NAME),
	    .alias = occupant_text(occupant, OCCUPANT_ALIAS),
	    .icon_hash = occupant_text(occupant, OCCUPANT_ICON),
	    .affiliation = occupant->affiliation,
	    .role = occupant->role,
	    .hats = out->hats,
	    .hat_count = get_hats(occupant, out->hats),
	};
}
