/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/xmpp/places.h"

#include <stdlib.h>
#include <string.h>

#include "backends/xmpp/iq.h"
#include "backends/xmpp/room.h"
#include "lib/base/str.h"
#include "lib/xmpp/form.h"
#include "lib/xmpp/ns.h"

#define NS_BOOKMARKS "urn:xmpp:bookmarks:1"

enum {
	MOST_PLACES = 500,
	MOST_SERVICES = 20, /* of a server that are looked at */
};

/* What is known so far; gone when the list is whole. */
struct places {
	struct arena arena;
	struct s2_room_listing rooms[MOST_PLACES];
	size_t count;
	unsigned waiting; /* services that have not said what they are */
	bool found;       /* one of them has rooms */
};

static void add(struct places *places, const char *jid, const char *title)
{
	for (size_t i = 0; i < places->count; i++)
		if (!strcmp(places->rooms[i].name, jid))
			return;
	if (places->count == MOST_PLACES)
		return;
	places->rooms[places->count++] = (struct s2_room_listing){
	    .name = arena_strdup(&places->arena, jid),
	    .title = arena_strdup(&places->arena, text_empty(title) ? jid : title),
	};
}

void places_free(struct user *user)
{
	if (user->places)
		arena_fini(&user->places->arena);
	free(user->places);
	user->places = NULL;
}

static void finish(struct user *user)
{
	if (user->places->count)
		s2_room_list(user->s2, user->places->rooms, user->places->count);
	places_free(user);
}

/* ---- Rooms of the server ---- */

static bool is_bare_room(struct arena *arena, const char *text, struct jid *jid)
{
	return text && jid_parse(arena, text, jid) && *jid->node && !*jid->resource;
}

static void on_rooms(struct user *user, void *arg, struct arena *arena, const struct element *iq)
{
	const struct element *item = element_child(element_child(iq, "query", NS_DISCO_ITEMS), "item", NS_DISCO_ITEMS);
	struct jid jid;
	if (!user->places)
		return;
	for (; item; item = element_next(item, "item", NS_DISCO_ITEMS))
		if (is_bare_room(arena, element_get(item, "jid"), &jid))
			add(user->places, jid.bare, element_get(item, "name"));
	finish(user);
}

static bool has_rooms(const struct element *info)
{
	const struct element *feature = element_child(info, "feature", NS_DISCO_INFO);
	while (feature && !text_equal(element_get(feature, "var"), NS_MUC))
		feature = element_next(feature, "feature", NS_DISCO_INFO);
	const struct element *identity = element_child(info, "identity", NS_DISCO_INFO);
	while (identity && !text_equal(element_get(identity, "category"), "conference"))
		identity = element_next(identity, "identity", NS_DISCO_INFO);
	/* Gateways have rooms of another kind. */
	return feature && identity;
}

static void ask_items(struct user *user, const char *jid, iq_answer *answer)
{
	struct writer *writer = iq_open(user, "get", jid, answer, NULL);
	xml_empty(writer, "query", NS_DISCO_ITEMS);
	iq_send(user);
}

static void on_service(struct user *user, void *arg, struct arena *arena, const struct element *iq)
{
	struct places *places = user->places;
	if (!places)
		return;
	places->waiting--;
	if (!places->found && iq_is_result(iq) && has_rooms(element_child(iq, "query", NS_DISCO_INFO))) {
		places->found = true;
		mem_replace(&user->room_service, element_get(iq, "from"));
		ask_items(user, element_get(iq, "from"), on_rooms);
	} else if (!places->waiting && !places->found) {
		finish(user);
	}
}

static void on_services(struct user *user, void *arg, struct arena *arena, const struct element *iq)
{
	const struct element *item = element_child(element_child(iq, "query", NS_DISCO_ITEMS), "item", NS_DISCO_ITEMS);
	const char *services[MOST_SERVICES];
	unsigned count = 0;
	struct jid jid;
	if (!user->places)
		return;
	for (; item && count < MOST_SERVICES; item = element_next(item, "item", NS_DISCO_ITEMS))
		if (element_get(item, "jid") && jid_parse(arena, element_get(item, "jid"), &jid) && !*jid.node)
			services[count++] = jid.full;
	user->places->waiting = count;
	for (unsigned i = 0; i < count; i++) {
		struct writer *writer = iq_open(user, "get", services[i], on_service, NULL);
		xml_empty(writer, "query", NS_DISCO_INFO);
		iq_send(user);
	}
	if (!count)
		finish(user);
}

/* ---- Bookmarks ---- */

bool places_is_bookmarked(const struct user *user, const char *jid)
{
	char *line = user->bookmarked ? mem_printf("\n%s\n", jid) : NULL;
	bool found = line && strstr(user->bookmarked, line);
	free(line);
	return found;
}

static void note_bookmark(struct user *user, const char *jid)
{
	if (places_is_bookmarked(user, jid))
		return;
	char *all = mem_printf("%s%s\n", user->bookmarked ? user->bookmarked : "\n", jid);
	free(user->bookmarked);
	user->bookmarked = all;
}

static void take_bookmark(struct user *user, struct arena *arena, const char *text, const struct element *conference)
{
	struct jid jid;
	const char *nick = element_child_text(arena, conference, "nick", NULL);
	if (!is_bare_room(arena, text, &jid))
		return;
	add(user->places, jid.bare, element_get(conference, "name"));
	nick = text_empty(nick) ? user->account.node : jid_prepare_resource(arena, nick);
	if (!nick || !settings.bookmarks || !form_true(element_get(conference, "autojoin")) ||
	    user->places->count == MOST_PLACES)
		return;
	note_bookmark(user, jid.bare);
	if (!room_find(user, jid.bare))
		room_enter(user, jid.bare, nick, element_child_text(arena, conference, "password", NULL));
}

static void on_private(struct user *user, void *arg, struct arena *arena, const struct element *iq)
{
	const struct element *storage =
	    element_child(element_child(iq, "query", NS_PRIVATE), "storage", NS_BOOKMARKS_1);
	const struct element *one = element_child(storage, "conference", NS_BOOKMARKS_1);
	if (!user->places)
		return;
	for (; one; one = element_next(one, "conference", NS_BOOKMARKS_1))
		take_bookmark(user, arena, element_get(one, "jid"), one);
	ask_items(user, client_domain(user->client), on_services);
}

static void on_bookmarks(struct user *user, void *arg, struct arena *arena, const struct element *iq)
{
	const struct element *items = element_child(element_child(iq, "pubsub", NS_PUBSUB), "items", NS_PUBSUB);
	const struct element *item = element_child(items, "item", NS_PUBSUB);
	if (!user->places)
		return;
	if (!item) {
		struct writer *writer = iq_open(user, "get", NULL, on_private, NULL);
		xml_open(writer, "query", NS_PRIVATE);
		xml_empty(writer, "storage", NS_BOOKMARKS_1);
		xml_close(writer);
		iq_send(user);
		return;
	}
	for (; item; item = element_next(item, "item", NS_PUBSUB))
		take_bookmark(user, arena, element_get(item, "id"), element_child(item, "conference", NS_BOOKMARKS));
	ask_items(user, client_domain(user->client), on_services);
}

void places_fetch(struct user *user)
{
	if (user->places || user->listed)
		return;
	user->listed = true;
	user->places = mem_new(sizeof *user->places);
	struct writer *writer = iq_open(user, "get", NULL, on_bookmarks, NULL);
	xml_open(writer, "pubsub", NS_PUBSUB);
	xml_open(writer, "items", NULL);
	xml_attr(writer, "node", NS_BOOKMARKS);
	xml_close(writer);
	xml_close(writer);
	iq_send(user);
}
