/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rooms of a user who stays connected while none of his clients is there. A client that goes offline leaves its rooms
 * with the same stanza as one whose user wants to leave a room; but the latter stays at the gateway. So the room is left
 * on the network only if the client is still there a moment later. What is said meanwhile is in the archive; a start of
 * the gateway brings the user back. */
#include <stdlib.h>

#include "spectrum/hub/address.h"
#include "spectrum/hub/room.h"

#define PARTING_MS 2000

/* In the database it stands like a client without a resource. */
static void set_stays(struct room *room, bool stays)
{
	struct store *store = room->user->hub->store;
	if (room->stays == stays || !store)
		return;
	char *client = mem_printf("%s/", room->user->jid);
	if (stays)
		store_put_occupancy(store, &(struct store_occupancy){client, room->node, room->nickname});
	else
		store_remove_occupancy(store, client, room->node);
	room->stays = stays;
	free(client);
}

bool absence_begin(struct room *room, const struct resource *client)
{
	struct hub *hub = room->user->hub;
	if (!user_stays_connected(room->user))
		return false;
	room->missed = 0;
	if (!client->present) {
		set_stays(room, true);
		return true;
	}
	room->parted_by = client->number;
	room->parting_due = loop_now(hub->loop) + PARTING_MS;
	list_append(&hub->parting, &room->parting_node);
	hub_tick_start(hub);
	return true;
}

void absence_end(struct room *room)
{
	room->parted_by = 0;
	list_remove(&room->parting_node);
}

void absence_client_gone(struct user *user, unsigned number)
{
	for (struct room *room = user->rooms; room; room = room->next) {
		if (room->parted_by != number)
			continue;
		absence_end(room);
		set_stays(room, true);
	}
}

void absence_due(struct hub *hub, uint64_t now)
{
	LIST_EACH (&hub->parting, node) {
		struct room *room = LIST_ITEM(node, struct room, parting_node);
		if (room->parting_due > now)
			return; /* in the order of time */
		room_part(room);
	}
}

void absence_forget(struct room *room)
{
	absence_end(room);
	if (!room->user->hub->stopping)
		set_stays(room, false);
}

void absence_note(struct room *room)
{
	if (user_stays_connected(room->user) && !room->parted_by)
		set_stays(room, true);
}

void absence_lost(const struct room *room, const char *text)
{
	if (room->attendees)
		return;
	char *notice = mem_printf("You are no longer in the room %s%s%s", room->name, text_empty(text) ? "." : ": ",
	                          text_empty(text) ? "" : text);
	hub_tell(room->user->hub, notice, room->user->jid, notice, NULL);
	free(notice);
}

void absence_return(struct hub *hub, const char *jid, const char *node, const char *nickname)
{
	struct user *user = user_return(hub, jid);
	if (!user)
		return;
	if (!room_find(user, node))
		room_new(user, &(struct room_entry){.node = node, .nickname = nickname})->stays = true;
	user_load(user);
}
