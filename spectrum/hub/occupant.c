/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The occupants of a room: one block of memory each, its texts packed behind it, in an array sorted by nickname. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "spectrum/hub/room.h"

#define OCCUPANTS_MOST 50000            /* of one room */
#define OCCUPANT_BYTES_MOST (32u << 20) /* of all rooms of one user */
static const size_t text_bytes[OCCUPANT_TEXTS] = {1023, 1024, 1023, 1023, 64};

const char *occupant_text(const struct occupant *occupant, enum occupant_text which)
{
	size_t start = which ? occupant->end[which - 1] : 0;
	return start == occupant->end[which] ? "" : occupant->texts + start;
}

static size_t occupant_bytes(const struct occupant *occupant)
{
	return sizeof *occupant + occupant->end[OCCUPANT_TEXTS - 1];
}

static unsigned place(const struct room *room, const char *nickname, bool *found)
{
	unsigned low = 0, high = room->count;
	*found = false;
	while (low < high) {
		unsigned middle = (low + high) / 2;
		int order = strcmp(occupant_text(room->occupants[middle], OCCUPANT_NICKNAME), nickname);
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
	return found ? room->occupants[at] : NULL;
}

static struct occupant *occupant_new(const struct s2_participant *in)
{
	const char *const texts[OCCUPANT_TEXTS] = {in->nickname, in->status_text, in->real_name, in->alias,
	                                           in->icon_hash};
	size_t len[OCCUPANT_TEXTS], total = 0;
	for (int i = 0; i < OCCUPANT_TEXTS; i++) {
		len[i] = texts[i] ? strlen(texts[i]) : 0;
		if (len[i] > text_bytes[i])
			len[i] = utf8_cut(texts[i], len[i], text_bytes[i]);
		total += len[i] ? len[i] + 1 : 0;
	}
	struct occupant *occupant = mem_new(sizeof *occupant + total);
	char *at = occupant->texts;
	for (int i = 0; i < OCCUPANT_TEXTS; i++) {
		if (len[i]) {
			memcpy(at, texts[i], len[i]);
			at += len[i] + 1;
		}
		occupant->end[i] = (uint16_t)(at - occupant->texts);
	}
	occupant->affiliation = (uint8_t)in->affiliation;
	occupant->role = (uint8_t)in->role;
	occupant->status = (uint8_t)in->status;
	occupant->moderator = in->flags & S2_PARTICIPANT_MODERATOR;
	return occupant;
}

static bool shows_the_same(const struct occupant *a, const struct occupant *b)
{
	size_t bytes = a->end[OCCUPANT_TEXTS - 1];
	return a->affiliation == b->affiliation && a->role == b->role && a->status == b->status &&
	       a->moderator == b->moderator && !memcmp(a->end, b->end, sizeof a->end) &&
	       !memcmp(a->texts, b->texts, bytes);
}

struct occupant *occupant_put(struct room *room, const struct s2_participant *in, bool *changed)
{
	*changed = false;
	if (text_empty(in->nickname) || strlen(in->nickname) > text_bytes[OCCUPANT_NICKNAME])
		return NULL;
	bool found;
	unsigned at = place(room, in->nickname, &found);
	if (!found && (room->count >= OCCUPANTS_MOST || room->user->occupant_bytes >= OCCUPANT_BYTES_MOST))
		return NULL;
	struct occupant *occupant = occupant_new(in);
	*changed = !found || !shows_the_same(occupant, room->occupants[at]);
	room->user->occupant_bytes += occupant_bytes(occupant);
	if (found) {
		room->user->occupant_bytes -= occupant_bytes(room->occupants[at]);
		free(room->occupants[at]);
	} else {
		if (room->count == room->room) {
			room->room = room->room ? room->room * 3 / 2 + 1 : 4;
			room->occupants = mem_resize(room->occupants, room->room * sizeof *room->occupants);
		}
		memmove(room->occupants + at + 1, room->occupants + at, (room->count - at) * sizeof *room->occupants);
		room->count++;
	}
	room->occupants[at] = occupant;
	return occupant;
}

void occupant_remove(struct room *room, struct occupant *occupant)
{
	bool found;
	unsigned at = place(room, occupant_text(occupant, OCCUPANT_NICKNAME), &found);
	room->count--;
	room->user->occupant_bytes -= occupant_bytes(occupant);
	memmove(room->occupants + at, room->occupants + at + 1, (room->count - at) * sizeof *room->occupants);
	free(occupant);
}

void occupant_remove_all(struct room *room)
{
	for (unsigned i = 0; i < room->count; i++) {
		room->user->occupant_bytes -= occupant_bytes(room->occupants[i]);
		free(room->occupants[i]);
	}
	free(room->occupants);
	room->occupants = NULL;
	room->count = room->room = 0;
}

struct s2_participant occupant_value(const struct room *room, const struct occupant *occupant)
{
	return (struct s2_participant){
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
	};
}
