/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists of service discovery (XEP-0030 section 4), in pages (XEP-0059): the rooms of a user, the occupants of a room,
 * and the rooms of a server of the network. The latter is read once for all pages; the first page goes out as soon as
 * enough of it is there. */
#include "spectrum/frontend/listing.h"

#include <stdlib.h>
#include <string.h>

#include "spectrum/frontend/foreign.h"
#include "spectrum/frontend/muc.h"
#include "lib/xmpp/rsm.h"
#include "spectrum/hub/address.h"
#include "spectrum/server/server.h"

#define PAGE_MOST 100
#define ROOMS_MOST 100000 /* of one catalog */
#define CATALOGS_MOST 50
#define FRESH_MS 300000 /* a catalog is read anew after that */

struct item {
	const char *jid, *name;
};

struct items {
	struct str rows; /* struct item */
	size_t count;
};

static void items_add(struct items *items, const char *jid, const char *name)
{
	struct item item = {jid, name};
	str_add(&items->rows, &item, sizeof item);
	items->count++;
}

static const struct item *items_at(const struct items *items, size_t at)
{
	return (const struct item *)(const void *)items->rows.data + at;
}

/* ---- Pages ---- */

/* Where a page begins and ends; false if it names an item that is not there. */
static bool find_page(const struct items *items, const struct rsm *rsm, size_t *begin, size_t *end)
{
	*begin = 0;
	*end = items->count;
	bool after = !rsm->after, before = !rsm->before;
	for (size_t i = 0; i < items->count && !(after && before); i++) {
		const char *jid = items_at(items, i)->jid;
		if (!after && !strcmp(jid, rsm->after)) {
			*begin = i + 1;
			after = true;
		}
		if (!before && !strcmp(jid, rsm->before)) {
			*end = i;
			before = true;
		}
	}
	if (*begin > *end)
		*begin = *end;
	if (*end - *begin > rsm->most && rsm->backwards)
		*begin = *end - rsm->most;
	else if (*end - *begin > rsm->most)
		*end = *begin + rsm->most;
	return after && before;
}

/* `complete`: there are no more items than these. */
static void write_page(struct writer *writer, const struct items *items, size_t begin, size_t end, bool complete)
{
	for (size_t i = begin; i < end; i++) {
		xml_open(writer, "item", NULL);
		xml_attr(writer, "jid", items_at(items, i)->jid);
		xml_attr(writer, "name", text_or_null(items_at(items, i)->name));
		xml_close(writer);
	}
	rsm_write(writer, end > begin ? items_at(items, begin)->jid : NULL,
	          end > begin ? items_at(items, end - 1)->jid : NULL, complete ? (int64_t)items->count : -1,
	          (int64_t)begin);
}

static void answer_items(struct request *request, const struct items *items, const struct rsm *rsm, bool paged)
{
	size_t begin = 0, end = items->count;
	if (paged && !find_page(items, rsm, &begin, &end)) {
		stanza_refuse(request, S2_ITEM_NOT_FOUND, "There is no such item in this list.");
		return;
	}
	struct writer *writer = iq_result_open(request);
	xml_open(writer, "query", NS_DISCO_ITEMS);
	if (paged)
		write_page(writer, items, begin, end, true);
	for (size_t i = 0; i < items->count && !paged; i++) {
		xml_open(writer, "item", NULL);
		xml_attr(writer, "jid", items_at(items, i)->jid);
		xml_attr(writer, "name", text_or_null(items_at(items, i)->name));
		xml_close(writer);
	}
	xml_close(writer);
	stanza_close(request->frontend);
}

/* ---- A user's rooms, and a room's occupants ---- */

static const char *room_address(struct request *request, const char *node)
{
	return arena_printf(request->arena, "%s@%s", node, request->frontend->jid);
}

/* Those that he is in, and those that the network has listed. */
static void collect_rooms(struct request *request, struct items *items)
{
	const struct s2_room_listing *rooms;
	size_t count = room_listing(request->frontend->hub, request->user, &rooms);
	for (struct room *room = request->user ? room_first(request->user) : NULL; room; room = room_after(room)) {
		const char *title = room_get_info(room)->title;
		items_add(items, room_address(request, room_node(room)), text_empty(title) ? room_name(room) : title);
	}
	for (size_t i = 0; i < count; i++) {
		const char *node = address_of_room(request->arena, rooms[i].name);
		if (node && !(request->user && room_find(request->user, node)))
			items_add(items, room_address(request, node),
			          text_empty(rooms[i].title) ? rooms[i].name : rooms[i].title);
	}
}

static void collect_occupants(struct request *request, struct items *items)
{
	struct s2_participant one;
	if (!request->room || !room_joined_by(request->room, request->user, request->from.resource))
		return;
	for (unsigned i = 0; room_occupant_at(request->room, i, &one); i++)
		items_add(items,
		          arena_strdup(request->arena, room_jid(request->frontend, request->room,
		                                                text_empty(one.alias) ? one.nickname : one.alias)),
		          NULL);
}

/* ---- The rooms of a server ---- */

/* Somebody who waits for a page. */
struct waiter {
	struct list node;
	struct reply *reply;
	char *after, *before;
	struct rsm rsm;
};

struct catalog {
	struct frontend *frontend;
	struct arena arena; /* texts of the items */
	struct items items;
	struct list waiters;
	uint64_t read_at; /* ms, loop_now, when it was complete; 0 = it is being read */
	char key[];       /* the user's JID, \n, the server's name */
};

static void waiter_free(struct waiter *waiter)
{
	list_remove(&waiter->node);
	reply_free(waiter->reply);
	free(waiter->after);
	free(waiter->before);
	free(waiter);
}

static void catalog_free(struct catalog *catalog)
{
	map_remove(&catalog->frontend->catalogs, catalog->key);
	while (!list_empty(&catalog->waiters))
		waiter_free(LIST_ITEM(catalog->waiters.next, struct waiter, node));
	arena_fini(&catalog->arena);
	str_fini(&catalog->items.rows);
	free(catalog);
}

void listing_free_all(struct frontend *frontend)
{
	MAP_EACH (&frontend->catalogs, struct catalog, catalog)
		catalog_free(catalog);
	map_fini(&frontend->catalogs);
}

/* True if what is there is enough for this page, and the answer has gone out. */
static bool give_page(struct catalog *catalog, struct waiter *waiter)
{
	bool complete = catalog->read_at;
	size_t begin, end;
	bool found = find_page(&catalog->items, &waiter->rsm, &begin, &end);
	if (!complete && (!found || waiter->rsm.backwards || end - begin < waiter->rsm.most))
		return false;
	if (!found) {
		reply_refuse(waiter->reply, S2_ITEM_NOT_FOUND, "There is no such item in this list.");
		return true;
	}
	struct writer *writer = reply_open(waiter->reply);
	xml_open(writer, "query", NS_DISCO_ITEMS);
	write_page(writer, &catalog->items, begin, end, complete);
	xml_close(writer);
	stanza_close(catalog->frontend);
	return true;
}

static void give_pages(struct catalog *catalog)
{
	LIST_EACH (&catalog->waiters, node) {
		struct waiter *waiter = LIST_ITEM(node, struct waiter, node);
		if (give_page(catalog, waiter))
			waiter_free(waiter);
	}
}

static void catalog_add(struct catalog *catalog, const struct s2_room_listing *room)
{
	struct arena scratch = {0};
	const char *node = address_of_room(&scratch, room->name);
	if (node && catalog->items.count < ROOMS_MOST) {
		const char *name = text_empty(room->title) ? room->name : room->title;
		items_add(&catalog->items, arena_printf(&catalog->arena, "%s@%s", node, catalog->frontend->jid),
		          room->occupants ? arena_printf(&catalog->arena, "%s (%u)", name, room->occupants)
		                          : arena_strdup(&catalog->arena, name));
	}
	arena_fini(&scratch);
}

static void catalog_came(void *arg, const struct s2_room_answer *answer)
{
	struct catalog *catalog = arg;
	if (answer->condition != S2_DONE) {
		/* Most contacts are no servers, and have no list. */
		bool none = answer->condition == S2_ITEM_NOT_FOUND || answer->condition == S2_FEATURE_NOT_IMPLEMENTED;
		catalog->read_at = none;
		LIST_EACH (&catalog->waiters, node) {
			if (!none)
				reply_refuse(LIST_ITEM(node, struct waiter, node)->reply, answer->condition,
				             answer->text);
		}
		give_pages(catalog);
		catalog_free(catalog);
		return;
	}
	for (size_t i = 0; i < answer->room_count; i++)
		catalog_add(catalog, &answer->rooms[i]);
	if (!answer->more)
		catalog->read_at = loop_now(catalog->frontend->loop);
	give_pages(catalog);
}

/* Those that nobody reads any more, and one more if there are too many. */
static void forget_old(struct frontend *frontend)
{
	uint64_t now = loop_now(frontend->loop);
	struct catalog *oldest = NULL;
	MAP_EACH (&frontend->catalogs, struct catalog, catalog) {
		if (!catalog->read_at)
			continue;
		if (now - catalog->read_at > FRESH_MS)
			catalog_free(catalog);
		else if (!oldest || catalog->read_at < oldest->read_at)
			oldest = catalog;
	}
	if (oldest && frontend->catalogs.count >= CATALOGS_MOST)
		catalog_free(oldest);
}

static void ask_server(struct request *request, const struct rsm *rsm)
{
	struct frontend *frontend = request->frontend;
	const char *name = contact_name(request->arena, request->user, request->to.node);
	const char *key = arena_printf(request->arena, "%s\n%s", request->from.bare, name);
	forget_old(frontend);
	struct catalog *catalog = map_get(&frontend->catalogs, key);
	if (!catalog && frontend->catalogs.count >= CATALOGS_MOST) {
		stanza_refuse(request, S2_RESOURCE_CONSTRAINT, "Too many lists are being read. Try again later.");
		return;
	}
	bool fresh = !catalog;
	if (fresh) {
		catalog = mem_new(sizeof *catalog + strlen(key) + 1);
		catalog->frontend = frontend;
		strcpy(catalog->key, key);
		list_init(&catalog->waiters);
		map_put(&frontend->catalogs, catalog->key, catalog);
	}
	struct waiter *waiter = mem_new(sizeof *waiter);
	waiter->reply = reply_new(request);
	waiter->after = mem_strdup(rsm->after);
	waiter->before = mem_strdup(rsm->before);
	waiter->rsm = (struct rsm){waiter->after, waiter->before, rsm->backwards, rsm->most};
	list_append(&catalog->waiters, &waiter->node);
	if (fresh)
		room_order(request->user, &(struct s2_room_order){.verb = S2_ROOM_CATALOG, .room = name}, catalog_came,
		           catalog);
	else
		give_pages(catalog);
}

/* ---- disco#items ---- */

/* What else is served here, by components of others. */
static void add_guest(void *arg, const char *domain)
{
	items_add(arg, domain, NULL);
}

void listing_get(struct request *request, const struct element *payload)
{
	const char *node = element_get(payload, "node");
	bool paged = element_child(payload, "set", NS_RSM);
	struct items items = {0};
	struct rsm rsm;
	const char *why = rsm_read(request->arena, payload, PAGE_MOST, &rsm);
	if (why) {
		stanza_refuse(request, S2_BAD_REQUEST, why);
		return;
	}
	if (!node && request->target == TARGET_CONTACT && request->user &&
	    room_can(request->frontend->hub, S2_ROOM_CATALOG)) {
		ask_server(request, &rsm);
		return;
	}
	if (node && request->target == TARGET_CONTACT && foreign_takes(request)) {
		foreign_ask(request);
		return;
	}
	if (!node && request->target == TARGET_GATEWAY) {
		collect_rooms(request, &items);
		if (request->frontend->serves)
			server_each_guest(request->frontend->upstream, add_guest, &items);
		const char *home = foreign_home(request);
		if (home)
			items_add(&items, room_address(request, home), home);
	}
	if (!node && request->target == TARGET_ROOM)
		collect_occupants(request, &items);
	if (node) {
		struct writer *writer = iq_result_open(request);
		xml_open(writer, "query", NS_DISCO_ITEMS);
		xml_attr(writer, "node", node);
		xml_close(writer);
		stanza_close(request->frontend);
	} else {
		answer_items(request, &items, &rsm, paged);
	}
	str_fini(&items.rows);
}
