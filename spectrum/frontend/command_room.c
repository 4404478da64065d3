/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands about rooms: to be invited to one, to see in which ones one is, to leave one where no client is. */
#include "spectrum/frontend/command.h"

#include <string.h>

#include "spectrum/hub/address.h"

#define FORM(name) "urn:spectrum2:command:" name
#define ROOMS_SHOWN 500

/* The node of a room, given by its address or as the network calls it; NULL if no address can be made of that. */
static const char *node_of(const struct frontend *frontend, struct arena *arena, const char *said)
{
	struct jid jid;
	if (jid_parse(arena, said, &jid) && *jid.node && !strcmp(jid.domain, frontend->jid))
		return jid.node;
	return address_of_room(arena, said);
}

static const char *title_of(const struct room *room)
{
	const char *title = room_get_info(room)->title;
	return text_empty(title) ? room_name(room) : title;
}

static void ask_room(struct dialogue *dialogue)
{
	dialogue_text(dialogue, "You get an invitation, and join with your client.");
	dialogue_field(dialogue,
	               &(struct s2_field){.name = "room", .label = "Room, as the network calls it", .required = true});
}

static void finish_join(struct dialogue *dialogue)
{
	struct arena arena = {0};
	struct frontend *frontend = dialogue->frontend;
	const char *node = node_of(frontend, &arena, dialogue_value(dialogue, "room"));
	if (!node) {
		dialogue_again(dialogue, "No address can be made of this name.");
	} else {
		const char *room = arena_printf(&arena, "%s@%s", node, frontend->jid);
		const char *to =
		    dialogue->client ? arena_printf(&arena, "%s/%s", dialogue->jid, dialogue->client) : dialogue->jid;
		muc_invite(frontend, to, room);
		dialogue_field(dialogue, &(struct s2_field){
		                             .name = "jid", .label = "Address", .type = S2_FIELD_JID, .value = room});
		dialogue_done(dialogue, NOTE_INFO, "The room is %s. Join it with your client: xmpp:%s?join", room,
		              room);
	}
	arena_fini(&arena);
}

static void finish_rooms(struct dialogue *dialogue)
{
	struct frontend *frontend = dialogue->frontend;
	const struct user *user = hub_user(frontend->hub, dialogue->jid);
	unsigned count = 0;
	dialogue_column(dialogue, S2_FIELD_JID, "jid", "Address");
	dialogue_column(dialogue, S2_FIELD_TEXT, "name", "Name");
	dialogue_column(dialogue, S2_FIELD_TEXT, "client", "Your clients");
	for (struct room *room = user ? room_first(user) : NULL; room; room = room_after(room)) {
		const char *here = room_has_clients(room) ? "are there" : "are not there";
		if (count++ < ROOMS_SHOWN)
			dialogue_row(dialogue,
			             (const char *const[]){room_jid(frontend, room, NULL), title_of(room), here});
	}
	dialogue_done(dialogue, NOTE_INFO, "You are in %u room%s.", count, count == 1 ? "" : "s");
}

static void ask_which(struct dialogue *dialogue)
{
	dialogue_field(dialogue, &(struct s2_field){.name = "room", .label = "Room", .required = true});
}

static void finish_leave(struct dialogue *dialogue)
{
	struct arena arena = {0};
	struct frontend *frontend = dialogue->frontend;
	struct user *user = hub_user(frontend->hub, dialogue->jid);
	const char *node = node_of(frontend, &arena, dialogue_value(dialogue, "room"));
	if (user && node && room_quit(user, node))
		dialogue_done(dialogue, NOTE_INFO, "You have left the room.");
	else
		dialogue_again(dialogue, "You are in no room of this name.");
	arena_fini(&arena);
}

/* clang-format off */
static const struct command commands[] = {
    {"join-room", "join|room", "Join a room", "be invited to a room of the network",
     FOR_REGISTERED, "features.muc", FORM("join-room"), {ask_room}, finish_join},
    {"rooms", "rooms", "List of rooms", "the rooms that you are in",
     FOR_LOGGED_IN, "features.muc", FORM("rooms"), {0}, finish_rooms},
    {"leave-room", "leave|part", "Leave a room", "leave a room with all of your clients",
     FOR_LOGGED_IN, "features.muc", FORM("leave-room"), {ask_which}, finish_leave},
};
/* clang-format on */

const struct command *command_room_at(size_t at)
{
	return at < sizeof commands / sizeof *commands ? &commands[at] : NULL;
}
