/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rooms: joined once on the network for all of a user's clients. A client that joins gets the occupants, then itself,
 * then the subject (XEP-0045 section 7.1), however the network tells them. A lost network leaves the clients in the
 * room; when it is back they are told the differences. */
#include "spectrum/hub/room.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/xmpp/jid.h"
#include "spectrum/hub/address.h"

#define LOG_AREA "room"
#define ROOMS_MOST 500 /* per user */
#define SUBJECT_WAIT_MS 1500

static uint64_t bit(const struct resource *resource)
{
	return (uint64_t)1 << (resource->number - 1);
}

/* Runs the body for each client of the user that is in the room. */
#define EACH_ATTENDEE(room, resource)                                                                  \
	for (struct resource *resource = (room)->user->resources; resource; resource = resource->next) \
		if ((room)->attendees & bit(resource))

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
	for (room = user->rooms; room && strcmp(room->folded, folded);)
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
	return resource && room->attendees & bit(resource);
}

bool room_has_resource(const struct user *user, const struct resource *resource)
{
	for (struct room *room = user->rooms; room; room = room->next) {
		if (room->attendees & bit(resource))
			return true;
	}
	return false;
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
	occupant_remove_all(room);
	free(room->name);
	free(room->folded);
	free(room->node);
	free(room->nickname);
	mem_free_secret(room->password);
	free(room->subject);
	free(room->subject_author);
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

static void tell_occupant(struct room *room, const struct s2_participant *value, unsigned codes)
{
	EACH_ATTENDEE(room, resource)
	hub_tell(room->user->hub, occupant, room->user, resource->name, room, value, codes);
}

static bool is_self(const struct room *room, const char *nickname)
{
	return !strcmp(room->nickname, nickname);
}

/* The whole room to one client that joined under `requested`. */
static void replay(struct room *room, const char *resource, const char *requested)
{
	struct hub *hub = room->user->hub;
	struct occupant *self = NULL;
	for (unsigned i = 0; i < room->count; i++) {
		struct occupant *occupant = room->occupants[i];
		if (is_self(room, occupant_text(occupant, OCCUPANT_NICKNAME))) {
			self = occupant;
			continue;
		}
		struct s2_participant value = occupant_value(room, occupant);
		hub_tell(hub, occupant, room->user, resource, room, &value, 0);
	}
	if (!self)
		return;
	struct s2_participant value = occupant_value(room, self);
	unsigned codes = ROOM_SELF | (text_empty(value.real_name) ? 0 : ROOM_NONANONYMOUS) |
	                 (text_equal(requested, room->nickname) ? 0 : ROOM_NICK_ASSIGNED);
	hub_tell(hub, occupant, room->user, resource, room, &value, codes);
	remember(room, user_resource(room->user, resource), requested);
	if (room->has_subject)
		hub_tell(hub, room_subject, room->user, resource, room);
}

/* ---- Joining ---- */

static struct room *room_new(struct user *user, const char *node, const char *nickname, const char *password)
{
	struct arena arena = {0};
	struct room *room = mem_new(sizeof *room);
	room->user = user;
	room->node = mem_strdup(node);
	room->name = mem_strdup(address_name(&arena, node));
	room->folded = mem_strdup(jid_fold(&arena, room->name));
	room->nickname = mem_strdup(nickname);
	room->password = mem_strdup(password);
	list_init(&room->joining_node);
	room->next = user->rooms;
	user->rooms = room;
	arena_fini(&arena);
	return room;
}

static unsigned room_count(const struct user *user)
{
	unsigned count = 0;
	for (struct room *room = user->rooms; room; room = room->next)
		count++;
	return count;
}

static void send_join(struct room *room, const char *nickname)
{
	if (room->user->state == USER_ONLINE)
		link_join_room(&room->user->seat, &(struct s2_room){room->name, nickname, room->password});
}

/* Why the user may not join now, or NULL. */
static const char *join_refused(const struct user *user, const struct room *room)
{
	if (!room && room_count(user) >= ROOMS_MOST)
		return "You are in too many rooms already.";
	if (user->state == USER_ONLINE && link_unsent(&user->seat) >= HUB_UNSENT_MOST)
		return "The network takes messages too slowly. Try again later.";
	return NULL;
}

void room_join(struct hub *hub, const char *jid, const char *name, const char *node, const char *nickname,
               const char *password)
{
	struct user *user = user_start(hub, jid, nickname);
	if (!user)
		return;
	struct room *room = room_find(user, node);
	const char *full = join_refused(user, room);
	struct resource *resource = full ? NULL : user_resource_add(user, name);
	if (!resource) {
		hub_tell(hub, refused, jid, name, node, nickname, S2_RESOURCE_CONSTRAINT,
		         full ? full : "Too many clients of yours are online.");
		return;
	}
	bool inside = room && room->attendees & bit(resource);
	if (room) {
		room->attendees |= bit(resource);
		if (inside && room->state == ROOM_JOINED && !text_equal(nickname, room->nickname))
			send_join(room, nickname); /* a new nickname */
		else if (room->state != ROOM_JOINING)
			replay(room, name, nickname); /* while the network is away: as it was */
		return;
	}
	room = room_new(user, node, nickname, password);
	room->attendees |= bit(resource);
	send_join(room, nickname);
	user_load(user);
}

void room_rejoin_all(struct user *user)
{
	for (struct room *room = user->rooms; room; room = room->next)
		send_join(room, room->nickname);
}

void room_interrupt_all(struct user *user)
{
	for (struct room *room = user->rooms; room; room = room->next) {
		if (room->state == ROOM_JOINED)
			room->state = ROOM_REJOINING;
		for (unsigned i = 0; i < room->count; i++)
			room->occupants[i]->doubtful = true;
	}
}

/* ---- Leaving ---- */

/* The client's last presence in the room: its own, unavailable. */
static void tell_left(struct room *room, const struct resource *resource, unsigned codes, const char *text)
{
	remember(room, resource, NULL);
	struct s2_participant value = {
	    .room = room->name, .nickname = room->nickname, .status = S2_STATUS_NONE, .status_text = text};
	hub_tell(room->user->hub, occupant, room->user, resource->name, room, &value, codes | ROOM_SELF);
}

static void leave(struct room *room, struct resource *resource)
{
	if (!(room->attendees & bit(resource)))
		return;
	tell_left(room, resource, 0, NULL);
	room->attendees &= ~bit(resource);
	if (room->attendees)
		return;
	if (room->user->state == USER_ONLINE)
		link_leave_room(&room->user->seat, room->name);
	room_free(room);
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
		room_free(user->rooms);
	}
}

static void fail(struct room *room, const char *nickname, enum s2_condition condition, const char *text)
{
	struct user *user = room->user;
	EACH_ATTENDEE(room, resource)
	hub_tell(user->hub, room_error, user, resource->name, room, nickname, condition, text);
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

void room_refuse_all(struct user *user, enum s2_condition condition, const char *text)
{
	while (user->rooms) {
		fail(user->rooms, user->rooms->nickname, condition, text);
		EACH_ATTENDEE(user->rooms, resource)
		remember(user->rooms, resource, NULL);
		room_free(user->rooms);
	}
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
	EACH_ATTENDEE(room, resource)
	remember(room, resource, NULL);
	room_free(room);
	drop_idle_resources(user);
}

/* ---- From the network: occupants ---- */

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

static void occupant_left(struct room *room, const struct s2_participant *in, bool self)
{
	struct user *user = room->user;
	unsigned codes = (in->flags & S2_PARTICIPANT_KICKED ? ROOM_KICKED : 0) |
	                 (in->flags & S2_PARTICIPANT_BANNED ? ROOM_BANNED : 0) | (self ? ROOM_SELF : 0);
	struct occupant *occupant = occupant_find(room, in->nickname);
	struct s2_participant value = *in;
	value.status = S2_STATUS_NONE;
	if (occupant && text_empty(value.real_name))
		value.real_name = occupant_text(occupant, OCCUPANT_REAL_NAME);
	if (self || (occupant && room->state != ROOM_JOINING))
		tell_occupant(room, &value, codes);
	if (self) {
		EACH_ATTENDEE(room, resource)
		remember(room, resource, NULL);
		room_free(room);
		drop_idle_resources(user);
	} else if (occupant) {
		occupant_remove(room, occupant);
	}
}

static void occupant_renamed(struct room *room, const struct s2_participant *in, bool self)
{
	struct occupant *occupant = occupant_find(room, in->nickname);
	bool shown = room->state != ROOM_JOINING;
	if (occupant) {
		struct s2_participant before = occupant_value(room, occupant);
		before.new_nickname = in->new_nickname;
		before.status = S2_STATUS_NONE;
		if (shown)
			tell_occupant(room, &before, ROOM_RENAMED | (self ? ROOM_SELF : 0));
		occupant_remove(room, occupant);
	}
	struct s2_participant after = *in;
	after.nickname = in->new_nickname;
	after.new_nickname = NULL;
	if (self)
		mem_replace(&room->nickname, after.nickname);
	bool changed;
	if (occupant_put(room, &after, &changed) && shown)
		tell_occupant(room, &after, self ? ROOM_SELF : 0);
}

/* The user himself has appeared: the join is complete. */
static void room_complete(struct room *room, const char *requested)
{
	struct hub *hub = room->user->hub;
	if (room->state == ROOM_REJOINING) {
		for (unsigned i = room->count; i-- > 0;) {
			struct occupant *occupant = room->occupants[i];
			if (!occupant->doubtful)
				continue;
			struct s2_participant gone = occupant_value(room, occupant);
			gone.status = S2_STATUS_NONE;
			tell_occupant(room, &gone, 0);
			occupant_remove(room, occupant);
		}
		room->state = ROOM_JOINED;
		return;
	}
	room->state = ROOM_JOINED;
	EACH_ATTENDEE(room, resource)
	replay(room, resource->name, requested);
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
	bool self = in->flags & S2_PARTICIPANT_ME || is_self(room, in->nickname);
	if (self && refuse_by_flags(room, in))
		return;
	if (in->status == S2_STATUS_NONE || in->flags & (S2_PARTICIPANT_KICKED | S2_PARTICIPANT_BANNED)) {
		occupant_left(room, in, self);
		return;
	}
	if (!text_empty(in->new_nickname)) {
		occupant_renamed(room, in, self);
		return;
	}
	bool changed;
	if (!occupant_put(room, in, &changed)) {
		log_debug("occupant left out user=%s room=%s", user->jid, log_quote(room->name));
		return;
	}
	char *requested = self ? mem_strdup(room->nickname) : NULL;
	if (self)
		mem_replace(&room->nickname, in->nickname);
	if (room->state != ROOM_JOINING && changed)
		tell_occupant(room, in, self ? ROOM_SELF : 0);
	if (self && room->state != ROOM_JOINED)
		room_complete(room, requested);
	free(requested);
}

void room_renamed(void *arg, struct seat *seat, const struct s2_room *in)
{
	struct user *user = user_of_seat(seat);
	struct room *room = room_find_by_name(user, in->name);
	if (!room || text_empty(in->nickname) || is_self(room, in->nickname))
		return;
	if (room->state == ROOM_JOINED)
		occupant_renamed(room,
		                 &(struct s2_participant){.room = room->name,
		                                          .nickname = room->nickname,
		                                          .new_nickname = in->nickname,
		                                          .flags = S2_PARTICIPANT_ME},
		                 true);
}

/* ---- Messages and subjects ---- */

bool room_message_arrived(struct user *user, const struct s2_message *message)
{
	struct hub *hub = user->hub;
	struct room *room = room_find_by_name(user, message->peer);
	if (!room && text_empty(message->nickname))
		return false;
	if (!room) {
		hub_tell(hub, room_invitation, user, message->peer, message);
		return true;
	}
	if (!text_empty(message->own_id) && !text_empty(message->id))
		conversation_named(hub, &user->seat, room->name, message->own_id, message->id);
	struct s2_message shown = *message;
	shown.replaces = annotation_own_id(user, room->name, message->replaces);
	message = &shown;
	EACH_ATTENDEE(room, resource)
	{
		hub->stats.messages_out++;
		if (message->private_)
			hub_tell(hub, message, user, resource->name, room, message);
		else
			hub_tell(hub, room_message, user, resource->name, room, message);
	}
	return true;
}

void room_annotated(struct room *room, const struct s2_annotation *annotation)
{
	EACH_ATTENDEE(room, resource)
	hub_tell(room->user->hub, annotation, room->user, resource->name, room, annotation);
}

void room_subject_changed(void *arg, struct seat *seat, const struct s2_message *in)
{
	struct user *user = user_of_seat(seat);
	struct room *room = room_find_by_name(user, in->peer);
	if (!room)
		return;
	bool same = room->has_subject && text_equal(room->subject, in->body) && room->subject_time == in->time;
	mem_replace(&room->subject, in->body);
	mem_replace(&room->subject_author, in->nickname);
	room->subject_time = in->time;
	room->has_subject = true;
	list_remove(&room->joining_node);
	if (room->state == ROOM_JOINING || same)
		return; /* comes with the room */
	EACH_ATTENDEE(room, resource)
	hub_tell(user->hub, room_subject, user, resource->name, room);
}

void room_subject_due(struct hub *hub, uint64_t now)
{
	LIST_EACH (&hub->joining, node) {
		struct room *room = LIST_ITEM(node, struct room, joining_node);
		if (room->subject_due > now)
			return; /* in the order of time */
		list_remove(&room->joining_node);
		room->has_subject = true;
		EACH_ATTENDEE(room, resource)
		hub_tell(hub, room_subject, room->user, resource->name, room);
	}
}

struct room *room_of_sender(struct hub *hub, const char *jid, const char *resource, const char *node,
                            struct ticket *ticket)
{
	struct user *user = hub_user(hub, jid);
	struct room *room = user ? room_find(user, node) : NULL;
	if (!room || !room_joined_by(room, user, resource)) {
		hub_end(hub, ticket, S2_NOT_ACCEPTABLE, "You are not in this room. Join it first.");
		return NULL;
	}
	return room;
}

void room_send(struct hub *hub, const char *jid, const char *resource, const char *node, const struct s2_message *in,
               struct ticket *ticket)
{
	struct room *room = room_of_sender(hub, jid, resource, node, ticket);
	if (!room)
		return;
	if (in->private_ && room->state == ROOM_JOINED && !occupant_find(room, in->nickname)) {
		hub_end(hub, ticket, S2_ITEM_NOT_FOUND, "There is nobody with this nickname in the room.");
		return;
	}
	struct s2_message message = *in;
	message.peer = room->name;
	conversation_send_from(room->user, &message, ticket);
}

void room_set_subject(struct hub *hub, const char *jid, const char *resource, const char *node,
                      const struct s2_message *in, struct ticket *ticket)
{
	struct room *room = room_of_sender(hub, jid, resource, node, ticket);
	if (!room)
		return;
	struct s2_message message = *in;
	message.peer = room->name;
	conversation_hand_over(room->user, link_subject, &message, ticket);
}

/* ---- Room lists ---- */

void room_listed(void *arg, struct seat *seat, const struct s2_room_listing *in, size_t count)
{
	struct hub *hub = arg;
	struct s2_room_listing **list = seat ? &user_of_seat(seat)->listing : &hub->rooms;
	size_t *list_count = seat ? &user_of_seat(seat)->listing_count : &hub->room_count;
	size_t most = (size_t)config_number(hub->config, "service.max_room_list_size");
	size_t bytes = 0;
	count = count < most ? count : most;
	for (size_t i = 0; i < count; i++)
		bytes += sizeof **list + strlen(in[i].name) + (in[i].title ? strlen(in[i].title) : 0) + 2;
	free(*list);
	*list = bytes ? mem_new(bytes) : NULL;
	*list_count = count;
	char *at = (char *)(*list + count);
	for (size_t i = 0; i < count; i++) {
		(*list)[i].name = at;
		at = stpcpy(at, in[i].name) + 1;
		(*list)[i].title = at;
		at = stpcpy(at, in[i].title ? in[i].title : "") + 1;
	}
}

size_t room_listing(const struct hub *hub, const struct user *user, const struct s2_room_listing **rooms)
{
	bool own = user && user->listing_count;
	*rooms = own ? user->listing : hub->rooms;
	return own ? user->listing_count : hub->room_count;
}

bool room_is_listed(const struct hub *hub, const struct user *user, const char *node)
{
	const struct s2_room_listing *rooms;
	size_t count = room_listing(hub, user, &rooms);
	struct arena arena = {0};
	const char *name = count ? jid_fold(&arena, address_name(&arena, node)) : NULL;
	bool listed = false;
	for (size_t i = 0; i < count && !listed; i++)
		listed = !strcmp(jid_fold(&arena, rooms[i].name), name);
	arena_fini(&arena);
	return listed;
}
