/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/listing.h"

#include <stdlib.h>
#include <string.h>

#include "backends/libpurple/protocol.h"
#include "backends/libpurple/settings.h"
#include "backends/libpurple/turn.h"
#include "kit/kit.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/base/utf8.h"

enum { ASK_AFTER_MS = 3000 /* until protocols know where rooms are */ };

struct listing {
	struct timer *timer;
	PurpleRoomlist *list; /* being fetched; libpurple's */
	struct arena arena;
	struct s2_room_listing *rooms;
	size_t count;
};

static struct listing *listing_of(PurpleRoomlist *list)
{
	struct session *session = session_of_account(list->account);
	return session_is_online(session) && session->listing->list == list ? session->listing : NULL;
}

static const char *keep(struct listing *listing, const char *text)
{
	struct str clean = {0};
	utf8_clean(&clean, text, strlen(text));
	const char *kept = arena_strdup(&listing->arena, str_text(&clean));
	str_fini(&clean);
	return kept;
}

/* The name by which it is joined: made of the fields that joining takes. */
static char *name_of(PurpleRoomlist *list, PurpleRoomlistRoom *room, const char **title)
{
	PurplePluginProtocolInfo *info = protocol_info(list->account);
	GHashTable *components = g_hash_table_new(g_str_hash, g_str_equal);
	GList *value = purple_roomlist_room_get_fields(room);
	for (GList *each = purple_roomlist_get_fields(list); each && value; each = each->next, value = value->next) {
		const PurpleRoomlistField *field = each->data;
		if (field->type != PURPLE_ROOMLIST_FIELD_STRING || !field->name || !value->data)
			continue;
		g_hash_table_insert(components, field->name, value->data);
		if (!strcmp(field->name, "topic") || !strcmp(field->name, "description"))
			*title = value->data;
	}
	char *name = info->get_chat_name ? info->get_chat_name(components) : NULL;
	g_hash_table_destroy(components);
	return name ? name : g_strdup(purple_roomlist_room_get_name(room));
}

static void room_came(PurpleRoomlist *list, PurpleRoomlistRoom *room)
{
	struct listing *listing = listing_of(list);
	if (!listing || listing->count == settings.rooms_listed ||
	    !(purple_roomlist_room_get_type(room) & PURPLE_ROOMLIST_ROOMTYPE_ROOM))
		return;
	const char *title = NULL;
	char *name = name_of(list, room, &title);
	if (!text_empty(name)) {
		if (text_empty(title))
			title = purple_roomlist_room_get_name(room) ? purple_roomlist_room_get_name(room) : name;
		struct s2_room_listing *one = &listing->rooms[listing->count++];
		one->name = keep(listing, name);
		one->title = keep(listing, title);
	}
	g_free(name);
}

static void forget_list(struct listing *listing)
{
	listing->list = NULL;
	listing->rooms = NULL;
	listing->count = 0;
	arena_fini(&listing->arena);
}

static void progressed(PurpleRoomlist *list, gboolean going_on)
{
	struct listing *listing = listing_of(list);
	if (!listing || going_on)
		return;
	s2_room_list(session_of_account(list->account)->s2, listing->rooms, listing->count);
	forget_list(listing);
}

static void destroyed(PurpleRoomlist *list)
{
	struct listing *listing = listing_of(list);
	if (listing)
		forget_list(listing);
}

static void fetch(void *arg)
{
	struct session *session = arg;
	struct listing *listing = session->listing;
	if (!session_is_online(session))
		return;
	uint64_t before = turn_take(session->number);
	listing->rooms = arena_alloc(&listing->arena, settings.rooms_listed * sizeof *listing->rooms);
	listing->list = purple_roomlist_get_list(session_connection(session));
	turn_give_back(before);
}

void listing_init(struct session *session)
{
	session->listing = mem_new(sizeof *session->listing);
	session->listing->timer = timer_new(kit_loop(), fetch, session);
}

void listing_online(struct session *session)
{
	bool irc = !strcmp(purple_account_get_protocol_id(session->account), "prpl-irc");
	if (!irc && settings.rooms_listed && protocol_info(session->account)->roomlist_get_list)
		timer_start(session->listing->timer, ASK_AFTER_MS, 0);
}

void listing_forget(struct session *session)
{
	forget_list(session->listing);
	timer_free(&session->listing->timer);
	free(session->listing);
	session->listing = NULL;
}

void listing_start(void)
{
	static PurpleRoomlistUiOps ops = {.add_room = room_came, .in_progress = progressed, .destroy = destroyed};
	purple_roomlist_set_ui_ops(&ops);
}
