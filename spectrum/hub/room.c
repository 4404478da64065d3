/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rooms: joined once on the network for all of a user's clients. A client that joins gets the occupants, then itself,
 * then the subject (XEP-0045 section 7.1), however the network tells them. A lost network leaves the clients in the
 * room; when it is back they are told the differences. */
#include "spectrum/hub/room.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xmpp/jid.h"
#include "spectrum/hub/address.h"

#define ROOMS_MOST 500 /* per user */

struct room *room_find(const struct user *user, const char *node)
{
	struct room *room = user->rooms;
	while (room && strcmp(room->node, node))
		room = room->next;
	return room;
}

struct room *room_find_by_name(const struct user *user, const char *name)
{
	struct room *room = text_empty(name) ? NULL : user->rooms;
	while (room && strcmp(room->name, name))
		room = room->next;
	if (room || !user->rooms || text_empty(name))
		return room;
	struct arena arena = {0};
	const char *folded = jid_fold(&arena, name);
	for (room = user->rooms; room && strcmp(room->venue->name, folded);)
		room = room->next;
	arena_fini(&arena);
	return room;
}

struct room *room_first(const struct user *user)
{
	return user->rooms;
}

struct room *room_after(const struct room *room)
{
	return room->next;
}

const char *room_node(const struct room *room)
{
	return room->node;
}

const char *room_name(const struct room *room)
{
	return room->name;
}

const char *room_nickname(const struct room *room)
{
	return room->nickname;
}

unsigned room_occupants(const struct room *room)
{
	return room->count;
}

bool room_has_occupant(const struct room *room, const char *nickname)
{
	return occupant_find(room, nickname);
}

bool room_joined_by(const struct room *room, const struct user *user, const char *name)
{
	struct resource *resource = user_resource(user, name);
	return resource && room->attendees & room_bit(resource);
}

bool room_has_clients(const struct room *room)
{
	return room->attendees;
}

bool room_has_resource(const struct user *user, const struct resource *resource)
{
	for (struct room *room = user->rooms; room; room = room->next) {
		if (room->attendees & room_bit(resource))
			return true;
	}
	return false;
}

static void plain_value(const struct room *room, const struct occupant *occupant, struct s2_participant *out)
{
	struct occupant_value value;
	occupant_get(room, occupant, &value);
	*out = value.value;
	out->hats = NULL;
	out->hat_count = 0;
}

bool room_occupant_at(const struct room *room, unsigned at, struct s2_participant *out)
{
	if (at >= room->count)
		return false;
	plain_value(room, occupant_at(room, at), out);
	return true;
}

bool room_self(const struct room *room, struct s2_participant *out)
{
	const struct occupant *self = occupant_find(room, room->nickname);
	if (self)
		plain_value(room, self, out);
	return self;
}

void room_get_subject(const struct room *room, struct room_subject *subject)
{
	*subject = (struct room_subject){room->subject, room->subject_author, room->subject_time};
}

static void room_free(struct room *room)
{
	for (struct room **at = &room->user->rooms; *at; at = &(*at)->next) {
		if (*at == room) {
			*at = room->next;
			break;
		}
	}
	list_remove(&room->joining_node);
	absence_forget(room);
	history_end(room);
	archive_close(room);
	occupant_remove_all(room);
	venue_leave(&room->venue);
	free(room->name);
	free(room->node);
	free(room->nickname);
	mem_free_secret(room->password);
	free(room->subject);
	free(room->subject_author);
	room_forget_info(&room->info);
	free(room);
}

/* ---- To the clients ---- */

/* In the database stands who is in, for a start that follows a kill; not who left, or was told that he did. */
static void remember(struct room *room, const struct resource *resource, const char *nickname)
{
	struct hub *hub = room->user->hub;
	if (!hub->store)
		return;
	char *client = mem_printf("%s/%s", room->user->jid, resource->name);
	if (nickname)
		store_put_occupancy(hub->store, &(struct store_occupancy){client, room->node, nickname});
	else
		store_remove_occupancy(hub->store, client, room->node);
	free(client);
}

void room_tell_occupant(struct room *room, const struct s2_participant *value, const char *occupant_id, unsigned codes)
{
	struct room_presence presence = {value, occupant_id, codes};
	EACH_ATTENDEE(room, resource)
	hub_tell(room->user->hub, occupant, room->user, resource->name, room, &presence);
}

bool room_is_self(const struct room *room, const char *nickname)
{
	return !strcmp(room->nickname, nickname);
}

static void replay_occupant(struct room *room, const char *resource, const struct occupant *occupant, unsigned codes)
{
	struct occupant_value one;
	occupant_get(room, occupant, &one);
	if (codes & ROOM_SELF && room_is_nonanonymous(room))
		codes |= ROOM_NONANONYMOUS;
	struct room_presence presence = {&one.value, occupant_text(occupant, OCCUPANT_ID), codes};
	hub_tell(room->user->hub, occupant, room->user, resource, room, &presence);
}

void room_replay(struct room *room, const char *resource, const char *requested)
{
	struct occupant *self = NULL;
	for (unsigned i = 0; i < room->count; i++) {
		struct occupant *occupant = occupant_at(room, i);
		if (room_is_self(room, occupant_text(occupant, OCCUPANT_NICKNAME)))
			self = occupant;
		else
			replay_occupant(room, resource, occupant, 0);
	}
	if (!self)
		return;
	replay_occupant(room, resource, self,
	                ROOM_SELF | (text_equal(requested, room->nickname) ? 0 : ROOM_NICK_ASSIGNED) |
	                    (room->created ? ROOM_CREATED : 0) | (room->info.flags & S2_ROOM_LOGGED ? ROOM_LOGGED : 0));
	remember(room, user_resource(room->user, resource), requested);
	history_replay(room, user_resource(room->user, resource));
}

/* ---- Joining ---- */

struct room *room_new(struct user *user, const struct room_entry *entry)
{
	struct arena arena = {0};
	struct room *room = mem_new(sizeof *room);
	room->user = user;
	room->node = mem_strdup(entry->node);
	room->name = mem_strdup(address_name(&arena, entry->node));
	room->venue = venue_enter(user->hub, jid_fold(&arena, room->name));
	venue_listen(room->venue, &room->hearing);
	room->nickname = mem_strdup(entry->nickname);
	room->password = mem_strdup(entry->password);
	list_init(&room->joining_node);
	list_init(&room->parting_node);
	list_init(&room->entries);
	list_init(&room->held);
	room->next = user->rooms;
	user->rooms = room;
	arena_fini(&arena);
	return room;
}

bool room_is_one_too_many(const struct user *user)
{
	unsigned count = 0;
	for (struct room *room = user->rooms; room; room = room->next)
		count++;
	return count >= ROOMS_MOST;
}

static void send_join(struct room *room, const char *nickname)
{
	if (room->user->state == USER_ONLINE)
		link_join_room(&room->user->seat, &(struct s2_room){room->name, nickname, room->password});
}

/* Why the user may not join now, or NULL. */
static const char *join_refused(const struct user *user, const struct room *room)
{
	if (!room && room_is_one_too_many(user))
		return "You are in too many rooms already.";
	if (user->state == USER_ONLINE && link_unsent(&user->seat) >= HUB_UNSENT_MOST)
		return "The network takes messages too slowly. Try again later.";
	return NULL;
}

/* Into a room that the network has him in. */
static void come_into_group(struct room *room, const struct room_entry *entry)
{
	room->state = ROOM_JOINING;
	mem_replace(&room->nickname, entry->nickname);
	mem_free_secret(room->password);
	room->password = mem_strdup(entry->password);
	send_join(room, entry->nickname);
}

static void refuse_join(struct hub *hub, const char *jid, const char *client, const struct room_entry *entry,
                        const char *text)
{
	hub_tell(hub, refused, jid, client, entry->node, entry->nickname, S2_RESOURCE_CONSTRAINT, text);
}

void room_join(struct hub *hub, const char *jid, const char *client, const struct room_entry *entry)
{
	if (!pace_allow(&hub->joins, jid, loop_now(hub->loop))) {
		hub_tick_start(hub);
		refuse_join(hub, jid, client, entry, "You join rooms too fast. Wait a moment, then try again.");
		return;
	}
	struct user *user = user_start(hub, jid, entry->nickname);
	if (!user)
		return;
	struct room *room = room_find(user, entry->node);
	const char *full = join_refused(user, room);
	struct resource *resource = full ? NULL : user_resource_add(user, client);
	if (!resource) {
		refuse_join(hub, jid, client, entry, full ? full : "Too many clients of yours are online.");
		return;
	}
	bool inside = room && room->attendees & room_bit(resource);
	if (inside && room->state == ROOM_JOINED && !text_equal(entry->nickname, room->nickname)) {
		send_join(room, entry->nickname); /* a new nickname */
		return;
	}
	if (room) {
		room->attendees |= room_bit(resource);
		absence_end(room);
		history_enter(room, resource, &entry->history);
		if (room->state == ROOM_BELONGING)
			come_into_group(room, entry);
		else if (room->state != ROOM_JOINING)
			room_replay(room, client, entry->nickname); /* while the network is away: as it was */
		return;
	}
	room = room_new(user, entry);
	room->attendees |= room_bit(resource);
	history_enter(room, resource, &entry->history);
	send_join(room, entry->nickname);
	user_load(user);
}

void room_rejoin_all(struct user *user)
{
	for (struct room *room = user->rooms; room; room = room->next) {
		if (room->state != ROOM_BELONGING)
			send_join(room, room->nickname);
	}
}

void room_interrupt_all(struct user *user)
{
	for (struct room *room = user->rooms; room; room = room->next) {
		if (room->state == ROOM_JOINED)
			room->state = ROOM_REJOINING;
		archive_close(room);
		occupant_doubt_all(room);
	}
}

/* ---- Leaving ---- */

/* The client's last presence in the room: its own, unavailable. */
static void tell_left(struct room *room, const struct resource *resource, unsigned codes, const char *text)
{
	remember(room, resource, NULL);
	struct s2_participant value = {
	    .room = room->name, .nickname = room->nickname, .status = S2_STATUS_NONE, .status_text = text};
	const struct occupant *self = occupant_find(room, room->nickname);
	struct room_presence presence = {&value, self ? occupant_text(self, OCCUPANT_ID) : NULL, codes | ROOM_SELF};
	hub_tell(room->user->hub, occupant, room->user, resource->name, room, &presence);
}

void room_part(struct room *room)
{
	if (room->user->state == USER_ONLINE && room->state != ROOM_BELONGING)
		link_leave_room(&room->user->seat, room->name);
	if (!group_stays(room))
		room_free(room);
}

static void leave(struct room *room, struct resource *resource)
{
	if (!(room->attendees & room_bit(resource)))
		return;
	tell_left(room, resource, 0, NULL);
	history_leave(room, resource);
	room->attendees &= ~room_bit(resource);
	if (!room->attendees && !absence_begin(room, resource))
		room_part(room);
}

void room_leave(struct user *user, const char *name, const char *node)
{
	struct resource *resource = user_resource(user, name);
	struct room *room = resource ? room_find(user, node) : NULL;
	if (!room)
		return;
	leave(room, resource);
	if (!resource->present && !room_has_resource(user, resource))
		user_resource_drop(user, resource);
}

/* Clients that were here for their rooms only are gone with the last one. May free the user. */
static void drop_idle_resources(struct user *user)
{
	for (struct resource *resource = user->resources, *next; resource; resource = next) {
		next = resource->next;
		bool last = !next && user->resources == resource;
		if (!resource->present && !room_has_resource(user, resource))
			user_resource_drop(user, resource);
		if (last)
			return;
	}
}

bool room_quit(struct user *user, const char *node)
{
	struct room *room = room_find(user, node);
	if (!room)
		return false;
	EACH_ATTENDEE(room, resource)
	tell_left(room, resource, 0, NULL);
	room_part(room);
	drop_idle_resources(user);
	return true;
}

void room_leave_all(struct user *user, struct resource *resource)
{
	for (struct room *room = user->rooms, *next; room; room = next) {
		next = room->next;
		leave(room, resource);
	}
}

void room_end_all(struct user *user, unsigned codes, const char *text)
{
	while (user->rooms) {
		EACH_ATTENDEE(user->rooms, resource)
		tell_left(user->rooms, resource, codes, text);
		if (user->hub->stopping)
			absence_note(user->rooms);
		room_free(user->rooms);
	}
}

static void fail(struct room *room, const char *nickname, enum s2_condition condition, const char *text)
{
	struct user *user = room->user;
	EACH_ATTENDEE(room, resource)
	hub_tell(user->hub, room_error, user, resource->name, room, nickname, condition, text);
}

void room_refuse_all(struct user *user, enum s2_condition condition, const char *text)
{
	while (user->rooms) {
		fail(user->rooms, user->rooms->nickname, condition, text);
		EACH_ATTENDEE(user->rooms, resource)
		remember(user->rooms, resource, NULL);
		room_free(user->rooms);
	}
}

void room_over(struct room *room)
{
	struct user *user = room->user;
	EACH_ATTENDEE(room, resource)
	remember(room, resource, NULL);
	room_free(room);
	drop_idle_resources(user);
}

void room_destroyed(struct hub *hub, const char *jid, const char *node, const char *reason)
{
	struct user *user = hub_user(hub, jid);
	struct room *room = user ? room_find(user, node) : NULL;
	if (!room)
		return;
	EACH_ATTENDEE(room, resource)
	tell_left(room, resource, ROOM_DESTROYED, reason);
	room_over(room);
}

void room_failed(void *arg, struct seat *seat, const char *name, const char *nickname, enum s2_condition condition,
                 const char *text)
{
	struct user *user = user_of_seat(seat);
	struct room *room = room_find_by_name(user, name);
	if (!room)
		return;
	bool rename = room->state == ROOM_JOINED && !text_empty(nickname) && strcmp(nickname, room->nickname) != 0;
	fail(room, text_empty(nickname) ? room->nickname : nickname, condition, text);
	if (rename)
		return;
	absence_lost(room, text);
	room_over(room);
}
