/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/xmpp/room.h"

#include <stdlib.h>
#include <string.h>

#include "backends/xmpp/iq.h"
#include "backends/xmpp/presence.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/xmpp/ns.h"
#include "lib/xmpp/stanza.h"

#define LOG_AREA "xmpp"

enum {
	JOIN_MS = 60000,
	MARGIN_MS = 5000,
	HISTORY = 20, /* messages of before that a join asks for */
	MOST_ROOMS = 200,
	MOST_OCCUPANTS = 20000,
	MOST_HATS = 8,
};

/* ---- Rooms and occupants ---- */

struct room *room_find(const struct user *user, const char *jid)
{
	return map_get(&user->rooms, jid);
}

static void occupant_free(struct room *room, struct occupant *occupant)
{
	map_remove(&room->occupants, occupant->nick);
	free(occupant->real_name);
	free(occupant);
}

static void forget_occupants(struct room *room)
{
	MAP_EACH (&room->occupants, struct occupant, occupant) {
		occupant_free(room, occupant);
	}
}

static void room_free(struct user *user, struct room *room)
{
	map_remove(&user->rooms, room->jid);
	forget_occupants(room);
	map_fini(&room->occupants);
	room_forget_said(room);
	free(room->jid);
	free(room->nick);
	free(room->wanted);
	mem_free_secret(room->password);
	free(room);
}

static void occupant_here(struct room *room, const char *nick, const char *real_name)
{
	struct occupant *occupant = map_get(&room->occupants, nick);
	if (!occupant) {
		if (room->occupants.count >= MOST_OCCUPANTS)
			return;
		size_t bytes = strlen(nick) + 1;
		occupant = mem_new(sizeof *occupant + bytes);
		memcpy(occupant->nick, nick, bytes);
		map_put(&room->occupants, occupant->nick, occupant);
	}
	occupant->stale = false;
	mem_replace(&occupant->real_name, real_name);
}

/* ---- Going in and out ---- */

static void write_history(struct writer *writer, const struct room *room)
{
	char since[CLOCK_TEXT_BYTES];
	xml_open(writer, "history", NULL);
	if (room->again) {
		xml_attr(writer, "maxstanzas", "0");
	} else if (room->was_joined && room->last_ms) {
		/* Clocks differ, and some servers count in seconds; what comes twice is known by its name. */
		clock_format(room->last_ms - MARGIN_MS, since);
		xml_attr(writer, "since", since);
	} else {
		xml_attrf(writer, "maxstanzas", "%d", HISTORY);
	}
	xml_close(writer);
}

static void send_join(struct user *user, struct room *room)
{
	room->until_ms = user_now() + JOIN_MS;
	struct writer *writer = client_stanza(user->client, "presence");
	xml_attrf(writer, "to", "%s/%s", room->jid, room->nick);
	xml_open(writer, "x", NS_MUC);
	write_history(writer, room);
	xml_leaf(writer, "password", NULL, room->password);
	xml_close(writer);
	presence_write(user, writer);
	user_send(user, NULL);
}

struct room *room_enter(struct user *user, const char *jid, const char *nick, const char *password)
{
	if (user->rooms.count >= MOST_ROOMS)
		return NULL;
	struct room *room = mem_new(sizeof *room);
	room->jid = mem_strdup(jid);
	room->nick = mem_strdup(nick);
	room->password = mem_strdup(text_or_null(password));
	map_put(&user->rooms, room->jid, room);
	if (user_is_ready(user))
		send_join(user, room);
	return room;
}

void rooms_rejoin(struct user *user)
{
	MAP_EACH (&user->rooms, struct room, room) {
		if (room->state == ROOM_LEAVING) {
			room_free(user, room);
			continue;
		}
		MAP_EACH (&room->occupants, struct occupant, occupant) {
			occupant->stale = true;
		}
		room->state = ROOM_JOINING;
		room->again = false;
		send_join(user, room);
	}
}

void rooms_presence(struct user *user)
{
	MAP_EACH (&user->rooms, struct room, room) {
		if (room->state != ROOM_JOINED)
			continue;
		struct writer *writer = client_stanza(user->client, "presence");
		xml_attrf(writer, "to", "%s/%s", room->jid, room->nick);
		presence_write(user, writer);
		user_send(user, NULL);
	}
}

static void send_leave(struct user *user, const struct room *room)
{
	struct writer *writer = client_stanza(user->client, "presence");
	xml_attrf(writer, "to", "%s/%s", room->jid, room->nick);
	xml_attr(writer, "type", "unavailable");
	user_send(user, NULL);
}

void rooms_free(struct user *user)
{
	MAP_EACH (&user->rooms, struct room, room) {
		room_free(user, room);
	}
	map_fini(&user->rooms);
}

void room_lose(struct user *user, struct room *room, const char *nick, enum s2_condition condition, const char *text)
{
	if (room->state != ROOM_LEAVING)
		s2_room_error(user->s2, room->jid, nick ? nick : room->nick, condition, text);
	room_free(user, room);
}

void rooms_tick(struct user *user, uint64_t now)
{
	MAP_EACH (&user->rooms, struct room, room) {
		if (room->until_ms && now >= room->until_ms && client_is_up(user->client))
			room_lose(user, room, NULL, S2_REMOTE_SERVER_TIMEOUT, "The room does not answer.");
	}
}

/* ---- What the room says about occupants ---- */

struct codes {
	bool self, renamed, kicked, banned, not_member, members_only, shutdown, fault, created;
};

static void read_codes(struct codes *codes, const struct element *x)
{
	*codes = (struct codes){0};
	const struct element *status = element_child(x, "status", NS_MUC_USER);
	for (; status; status = element_next(status, "status", NS_MUC_USER)) {
		const char *code = element_get(status, "code");
		switch (code ? atoi(code) : 0) {
		case 110:
			codes->self = true;
			break;
		case 201:
			codes->created = true;
			break;
		case 301:
			codes->banned = true;
			break;
		case 303:
			codes->renamed = true;
			break;
		case 307:
			codes->kicked = true;
			break;
		case 321:
			codes->not_member = true;
			break;
		case 322:
			codes->members_only = true;
			break;
		case 332:
			codes->shutdown = true;
			break;
		case 333:
			codes->fault = true;
			break;
		}
	}
}

static int word_of(const char *text, const char *const *words, size_t count)
{
	for (size_t i = 1; text && i < count; i++)
		if (!strcmp(words[i], text))
			return (int)i;
	return 0;
}

static void read_item(struct s2_participant *participant, struct arena *arena, const struct element *item)
{
	static const char *const affiliations[] = {
	    [S2_AFFILIATION_UNSET] = "",      [S2_AFFILIATION_NONE] = "none",   [S2_AFFILIATION_MEMBER] = "member",
	    [S2_AFFILIATION_ADMIN] = "admin", [S2_AFFILIATION_OWNER] = "owner", [S2_AFFILIATION_OUTCAST] = "outcast"};
	static const char *const roles[] = {[S2_ROLE_UNSET] = "",
	                                    [S2_ROLE_NONE] = "none",
	                                    [S2_ROLE_VISITOR] = "visitor",
	                                    [S2_ROLE_PARTICIPANT] = "participant",
	                                    [S2_ROLE_MODERATOR] = "moderator"};
	struct jid jid;
	const char *real = element_get(item, "jid");
	participant->affiliation = (enum s2_affiliation)word_of(element_get(item, "affiliation"), affiliations,
	                                                        sizeof affiliations / sizeof *affiliations);
	participant->role = (enum s2_role)word_of(element_get(item, "role"), roles, sizeof roles / sizeof *roles);
	if (participant->role == S2_ROLE_MODERATOR)
		participant->flags |= S2_PARTICIPANT_MODERATOR;
	if (real && jid_parse(arena, real, &jid))
		participant->real_name = jid.bare;
	const struct element *actor = element_child(item, "actor", NS_MUC_USER);
	participant->actor = element_get(actor, "nick") ? element_get(actor, "nick") : element_get(actor, "jid");
	const char *reason = element_child_text(arena, item, "reason", NS_MUC_USER);
	if (!text_empty(reason))
		participant->status_text = reason;
}

/* What stays the same under another nickname (XEP-0421), and ranks that the room has words of its own for (XEP-0317).
 */
static void read_person(struct s2_participant *participant, struct arena *arena, const struct element *stanza)
{
	const struct element *id = element_child(stanza, "occupant-id", NS_OCCUPANT_ID);
	const struct element *list = element_child(stanza, "hats", NS_HATS), *hat = element_child(list, "hat", NS_HATS);
	struct s2_hat *hats = hat ? arena_alloc(arena, MOST_HATS * sizeof *hats) : NULL;
	participant->person = text_or_null(element_get(id, "id"));
	participant->hats = hats;
	for (; hat && participant->hat_count < MOST_HATS; hat = element_next(hat, "hat", NS_HATS))
		if (element_get(hat, "uri") && element_get(hat, "title"))
			hats[participant->hat_count++] =
			    (struct s2_hat){element_get(hat, "uri"), element_get(hat, "title")};
}

/* Those who did not come back with us after a break. */
static void tell_stale(struct user *user, struct room *room)
{
	MAP_EACH (&room->occupants, struct occupant, occupant) {
		if (!occupant->stale)
			continue;
		s2_participant(user->s2, &(struct s2_participant){
		                             .room = room->jid, .nickname = occupant->nick, .status = S2_STATUS_NONE});
		occupant_free(room, occupant);
	}
}

/* A room that did not exist is locked until somebody says how it shall be (XEP-0045 section 10.1.2). */
static void accept_defaults(struct user *user, const struct room *room)
{
	struct writer *writer = iq_open(user, "set", room->jid, NULL, NULL);
	xml_open(writer, "query", NS_MUC_OWNER);
	xml_open(writer, "x", NS_DATA);
	xml_attr(writer, "type", "submit");
	xml_close(writer);
	xml_close(writer);
	iq_send(user);
}

static void self_is_here(struct user *user, struct room *room, const char *nick, const struct codes *codes)
{
	bool other = strcmp(nick, room->nick) != 0;
	if (other)
		mem_replace(&room->nick, nick);
	if (other && room->was_joined)
		s2_room_nickname(user->s2, room->jid, nick);
	mem_replace(&room->wanted, NULL);
	tell_stale(user, room);
	room->state = ROOM_JOINED;
	room->was_joined = true;
	room->again = false;
	room->until_ms = 0;
	if (codes->created)
		accept_defaults(user, room);
	room_fetch_info(user, room);
}

static void occupant_is_there(struct user *user, struct arena *arena, struct room *room, const char *nick,
                              const struct element *stanza, const struct element *x)
{
	struct presence presence;
	struct codes codes;
	presence_read(&presence, arena, stanza);
	read_codes(&codes, x);
	struct s2_participant participant = {.room = room->jid,
	                                     .nickname = nick,
	                                     .status = presence.status,
	                                     .status_text = presence.text,
	                                     .icon_hash = presence.icon_hash};
	read_item(&participant, arena, element_child(x, "item", NS_MUC_USER));
	read_person(&participant, arena, stanza);
	bool self = codes.self || (room->state == ROOM_JOINED && !strcmp(nick, room->nick));
	if (self)
		participant.flags |= S2_PARTICIPANT_ME | (codes.created ? S2_PARTICIPANT_CREATED : 0);
	if (self && (room->state == ROOM_JOINING || room->again || strcmp(nick, room->nick) != 0))
		self_is_here(user, room, nick, &codes);
	occupant_here(room, nick, participant.real_name);
	s2_participant(user->s2, &participant);
}

static void self_is_gone(struct user *user, struct room *room, const struct s2_participant *participant,
                         const struct codes *codes)
{
	if (codes->shutdown) {
		room_lose(user, room, NULL, S2_REMOTE_SERVER_TIMEOUT,
		          text_empty(participant->status_text) ? "The room's server is being shut down."
		                                               : participant->status_text);
	} else {
		s2_participant(user->s2, participant);
		room_free(user, room);
	}
}

static void occupant_is_gone(struct user *user, struct arena *arena, struct room *room, const char *nick,
                             const struct element *stanza, const struct element *x)
{
	struct presence presence;
	struct codes codes;
	const struct element *item = element_child(x, "item", NS_MUC_USER);
	presence_read(&presence, arena, stanza);
	read_codes(&codes, x);
	bool self = codes.self || !strcmp(nick, room->nick);
	if (self && room->goodbye && !codes.renamed) {
		room->goodbye = false;
		if (room->state == ROOM_LEAVING)
			room_free(user, room);
		return;
	}
	struct s2_participant participant = {
	    .room = room->jid, .nickname = nick, .status = S2_STATUS_NONE, .status_text = presence.text};
	read_item(&participant, arena, item);
	participant.flags = (codes.kicked ? S2_PARTICIPANT_KICKED : 0) | (codes.banned ? S2_PARTICIPANT_BANNED : 0) |
	                    (codes.not_member ? S2_PARTICIPANT_NOT_MEMBER : 0) |
	                    (codes.members_only ? S2_PARTICIPANT_MEMBERS_ONLY : 0) |
	                    (codes.fault ? S2_PARTICIPANT_FAULT : 0) | (self ? S2_PARTICIPANT_ME : 0);
	struct occupant *occupant = map_get(&room->occupants, nick);
	if (occupant)
		occupant_free(room, occupant);
	if (codes.renamed && element_get(item, "nick")) {
		participant.new_nickname = element_get(item, "nick");
		participant.status = S2_STATUS_ONLINE;
		participant.flags &= ~(unsigned)S2_PARTICIPANT_KICKED;
		if (self)
			mem_replace(&room->nick, participant.new_nickname);
		occupant_here(room, participant.new_nickname, participant.real_name);
		s2_participant(user->s2, &participant);
		if (self)
			s2_room_nickname(user->s2, room->jid, participant.new_nickname);
	} else if (self) {
		self_is_gone(user, room, &participant, &codes);
	} else {
		s2_participant(user->s2, &participant);
	}
}

static void presence_refused(struct user *user, struct arena *arena, struct room *room, const struct element *stanza)
{
	const char *words = NULL;
	enum s2_condition condition = stanza_error(arena, stanza, &words);
	/* A change of the nickname: the user stays under his old one. */
	if (room->wanted && room->state == ROOM_JOINED) {
		s2_room_error(user->s2, room->jid, room->wanted, condition, words);
		mem_replace(&room->wanted, NULL);
		return;
	}
	room_lose(user, room, NULL, condition, words);
}

bool room_presence(struct user *user, struct arena *arena, const struct jid *from, const struct element *stanza)
{
	struct room *room = room_find(user, from->bare);
	const char *type = element_get(stanza, "type");
	if (!room)
		return false;
	const struct element *x = element_child(stanza, "x", NS_MUC_USER);
	if (text_equal(type, "error"))
		presence_refused(user, arena, room, stanza);
	else if (!*from->resource)
		return true; /* the room's own, with its picture */
	else if (text_equal(type, "unavailable"))
		occupant_is_gone(user, arena, room, from->resource, stanza, x);
	else if (!type)
		occupant_is_there(user, arena, room, from->resource, stanza, x);
	return true;
}

/* ---- The user ---- */

/* One more client of the user's, or another nickname. */
static void join_again(struct user *user, struct room *room, const char *nick)
{
	if (room->state == ROOM_LEAVING)
		room->state = ROOM_JOINING;
	if (room->state == ROOM_JOINED && room->asked_for && strcmp(nick, room->nick) != 0) {
		mem_replace(&room->wanted, nick);
		struct writer *writer = client_stanza(user->client, "presence");
		xml_attrf(writer, "to", "%s/%s", room->jid, nick);
		presence_write(user, writer);
		user_send(user, NULL);
		return;
	}
	room->again = room->state == ROOM_JOINED && room->asked_for;
	room->asked_for = true;
	if (user_is_ready(user))
		send_join(user, room);
}

void user_join_room(struct s2_user *s2, const struct s2_room *in)
{
	struct user *user = s2_user_data(s2);
	struct arena arena = {0};
	struct jid jid;
	if (!user)
		return;
	const char *nick = text_empty(in->nickname) ? user->account.node : in->nickname;
	const char *prepared = jid_prepare_resource(&arena, nick);
	if (!jid_parse(&arena, in->name, &jid) || !*jid.node || *jid.resource) {
		s2_room_error(s2, in->name, nick, S2_JID_MALFORMED,
		              "An XMPP room is called room@conference.example.org.");
	} else if (!prepared) {
		s2_room_error(s2, in->name, nick, S2_JID_MALFORMED, "This nickname can't be used on XMPP.");
	} else {
		struct room *room = room_find(user, jid.bare);
		if (room)
			join_again(user, room, prepared);
		else if ((room = room_enter(user, jid.bare, prepared, in->password)))
			room->asked_for = true;
		else
			s2_room_error(s2, in->name, nick, S2_RESOURCE_CONSTRAINT, "You are in too many rooms already.");
	}
	arena_fini(&arena);
}

void user_leave_room(struct s2_user *s2, const char *name)
{
	struct user *user = s2_user_data(s2);
	struct room *room = user ? room_find(user, name) : NULL;
	if (!room)
		return;
	if (!user_is_ready(user)) {
		room_free(user, room);
		return;
	}
	send_leave(user, room);
	room->state = ROOM_LEAVING;
	room->goodbye = true;
	room->until_ms = user_now() + JOIN_MS;
}
