/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Groups: rooms that the network has the user in though no client of his has joined. What is said there is kept in the
 * archive, and he is told of the room: of one that the network counts him a member of, once for all; of one where somebody
 * speaks, once in each session; if nothing is kept, by each message. */
#include <stdlib.h>
#include <string.h>

#include "spectrum/hub/address.h"
#include "spectrum/hub/room.h"

#define KIND "group"
#define GROUPS_MOST 1000 /* that are remembered of one user */

struct room *group_enter(struct user *user, const char *name)
{
	struct arena arena = {0};
	struct room *room = NULL;
	const char *node = room_is_one_too_many(user) ? NULL : address_of_room(&arena, name);
	if (node) {
		char *nickname = mem_strndup(user->jid, strcspn(user->jid, "@"));
		room = room_new(user, &(struct room_entry){.node = node, .nickname = nickname});
		mem_replace(&room->name, name);
		room->state = ROOM_BELONGING;
		archive_open(room);
		free(nickname);
	}
	arena_fini(&arena);
	return room;
}

/* ---- Telling the user ---- */

/* While the database is asked whether he was told before. What is not kept has no time for that. */
struct telling {
	struct hub *hub;
	char *jid, *node, *nickname, *body;
	int64_t time;
};

static void tell(struct room *room, const struct telling *telling, bool known)
{
	struct s2_message message = {.peer = room->name,
	                             .nickname = telling->nickname,
	                             .body = telling->body,
	                             .time = telling->time};
	hub_tell(telling->hub, group, room->user, room, telling->body ? &message : NULL, known);
}

static void looked_up(void *arg, const struct kept *items, size_t count)
{
	struct telling *telling = arg;
	struct user *user = hub_user(telling->hub, telling->jid);
	struct room *room = user ? room_find(user, telling->node) : NULL;
	bool known = items && count;
	if (items && !count)
		keep_put(telling->hub, telling->jid,
		         &(struct kept){.kind = KIND, .id = telling->node, .content = "", .most = GROUPS_MOST}, false, NULL,
		         NULL);
	if (room && !room->attendees && (telling->body || !known))
		tell(room, telling, known);
	free(telling->jid);
	free(telling->node);
	free(telling->nickname);
	free(telling->body);
	free(telling);
}

static void tell_later(struct room *room, const struct s2_message *message)
{
	struct hub *hub = room->user->hub;
	struct telling *telling = mem_new(sizeof *telling);
	*telling = (struct telling){hub, mem_strdup(room->user->jid), mem_strdup(room->node),
	                            mem_strdup(message ? message->nickname : NULL),
	                            mem_strdup(message ? message->body : NULL), message ? message->time : 0};
	room->told = true;
	if (hub->store)
		keep_get(hub, telling->jid, &(struct kept){.kind = KIND, .id = telling->node}, looked_up, telling);
	else
		looked_up(telling, NULL, 0);
}

void group_found(struct room *room)
{
	if (!archive_wants(room))
		archive_open(room);
	if (!room->told)
		tell_later(room, NULL);
}

void group_spoken(struct room *room, const struct s2_message *message)
{
	if (!archive_wants(room))
		hub_tell(room->user->hub, room_invitation, room->user, room->name, message);
	else if (!room->spoken)
		tell_later(room, message);
	room->spoken = true;
}

/* ---- The end ---- */

bool group_stays(struct room *room)
{
	if (!(room->info.flags & S2_ROOM_MEMBER) || room->user->ending)
		return false;
	absence_forget(room);
	history_end(room);
	occupant_remove_all(room);
	room->state = ROOM_BELONGING;
	room->told = room->spoken = true;
	return true;
}

void group_left(struct room *room)
{
	struct hub *hub = room->user->hub;
	if (hub->store)
		keep_remove(hub, room->user->jid, &(struct kept){.kind = KIND, .id = room->node}, NULL, NULL);
	hub_tell(hub, group_left, room->user, room);
	if (!room->attendees)
		room_over(room);
}
