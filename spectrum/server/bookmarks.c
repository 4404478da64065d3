/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bookmarks as older clients keep them, all in one element: in private data (XEP-0049) or as one item (XEP-0048). There
 * is one set of bookmarks, the items of XEP-0402; these clients are shown it, and what they set is taken over into it,
 * so that all clients of a user have the same rooms. What else such an element may hold, addresses of pages, is left
 * out. */
#include <stdlib.h>
#include <string.h>

#include "spectrum/server/inside.h"
#include "spectrum/server/node.h"

#define NODE "node" /* as in pubsub.c */
#define ITEM "pep"
#define ROOM_BYTES 1023
#define CURRENT "current" /* id of the one item */

/* Where an answer or news wants the element. */
struct reading {
	struct server *server;
	struct answer *answer; /* NULL: news for the clients of `owner` */
	char *owner;
	bool item;
};

/* What a client has set, until it is known what there was. */
struct setting {
	struct server *server;
	struct answer *answer;
	char *owner, *storage;
	bool item;
};

bool bookmarks_are_old(const char *node)
{
	return text_equal(node, NS_BOOKMARKS_1);
}

static const struct element *parse(struct server *server, const char *xml)
{
	return element_child(parser_fragment(server_arena(server), xml, NS_PUBSUB), NULL, NULL);
}

/* ---- Showing them ---- */

static void copy_leaf(struct writer *writer, struct server *server, const struct element *conference, const char *name)
{
	const char *text = element_child_text(server_arena(server), conference, name, NULL);
	if (text)
		xml_leaf(writer, name, NULL, text);
}

static void write_storage(struct server *server, struct writer *writer, const struct kept *items, size_t count)
{
	xml_open(writer, "storage", NS_BOOKMARKS_1);
	for (size_t i = 0; i < count; i++) {
		const struct element *conference = parse(server, items[i].content);
		if (!element_is(conference, "conference", NS_BOOKMARKS))
			continue;
		xml_open(writer, "conference", NULL);
		xml_attr(writer, "jid", items[i].id);
		xml_attr(writer, "name", element_get(conference, "name"));
		xml_attr(writer, "autojoin", element_get(conference, "autojoin"));
		copy_leaf(writer, server, conference, "nick");
		copy_leaf(writer, server, conference, "password");
		xml_close(writer);
	}
	xml_close(writer);
}

static void write_answer(struct reading *reading, const struct kept *items, size_t count)
{
	struct writer *writer = answer_open(reading->answer);
	if (reading->item) {
		xml_open(writer, "pubsub", NS_PUBSUB);
		xml_open(writer, "items", NULL);
		xml_attr(writer, "node", NS_BOOKMARKS_1);
		xml_open(writer, "item", NULL);
		xml_attr(writer, "id", CURRENT);
	} else {
		xml_open(writer, "query", NS_PRIVATE);
	}
	write_storage(reading->server, writer, items, count);
	for (int open = reading->item ? 3 : 1; open; open--)
		xml_close(writer);
	answer_send(reading->answer);
}

static void write_news(struct reading *reading, const struct kept *items, size_t count)
{
	struct account *account = account_find(reading->server, reading->owner);
	struct str xml = {0};
	struct writer writer;
	if (!account)
		return;
	writer_init(&writer, &xml, NS_PUBSUB);
	write_storage(reading->server, &writer, items, count);
	writer_end(&writer);
	notify_published(account, NS_BOOKMARKS_1, CURRENT, parse(reading->server, str_text(&xml)), false);
	str_fini(&xml);
}

static void read_done(void *arg, const struct kept *items, size_t count)
{
	struct reading *reading = arg;
	if (!reading->answer) {
		if (items)
			write_news(reading, items, count);
	} else if (!items) {
		answer_refuse(reading->answer, S2_INTERNAL_SERVER_ERROR, "The database does not work at the moment.");
	} else {
		write_answer(reading, items, count);
	}
	free(reading->owner);
	free(reading);
}

static void read_begin(struct server *server, const char *owner, struct answer *answer, bool item)
{
	struct reading *reading = mem_new(sizeof *reading);
	*reading = (struct reading){server, answer, mem_strdup(owner), item};
	keep_get(server->hub, owner, &(struct kept){.kind = ITEM, .node = NS_BOOKMARKS}, read_done, reading);
}

void bookmarks_get(struct ask *ask, bool item)
{
	read_begin(ask->account->server, ask->account->jid, answer_new(ask), item);
}

void bookmarks_changed(struct account *account)
{
	read_begin(account->server, account->jid, NULL, true);
}

/* ---- Taking them over ---- */

static const struct kept *find_item(const struct kept *items, size_t count, const char *id)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(items[i].id, id))
			return &items[i];
	}
	return NULL;
}

/* The address of a room, prepared; NULL if it is none. */
static const char *room_of(struct arena *arena, const struct element *conference)
{
	const char *address = element_get(conference, "jid");
	struct jid jid;
	bool good = address && strlen(address) <= ROOM_BYTES && jid_parse(arena, address, &jid) && *jid.node;
	return good ? jid.bare : NULL;
}

/* As an item; with what the item had that older clients don't know. */
static void write_item(struct server *server, struct writer *writer, const struct element *conference,
                       const struct element *before)
{
	const struct element *extensions = element_child(before, "extensions", NULL);
	xml_open(writer, "conference", NS_BOOKMARKS);
	xml_attr(writer, "name", element_get(conference, "name"));
	xml_attr(writer, "autojoin", element_get(conference, "autojoin"));
	copy_leaf(writer, server, conference, "nick");
	copy_leaf(writer, server, conference, "password");
	if (extensions)
		xml_element(writer, extensions);
	xml_close(writer);
}

static void put_item(struct setting *setting, const char *room, const struct element *conference,
                     const struct kept *before)
{
	struct account *account = account_find(setting->server, setting->owner);
	struct str xml = {0};
	struct writer writer;
	writer_init(&writer, &xml, NS_PUBSUB);
	write_item(setting->server, &writer, conference, before ? parse(setting->server, before->content) : NULL);
	writer_end(&writer);
	if (!before || strcmp(before->content, str_text(&xml)) != 0) {
		keep_put(
		    setting->server->hub, setting->owner,
		    &(struct kept){
		        .kind = ITEM, .node = NS_BOOKMARKS, .id = room, .content = xml.data, .most = NODE_ITEMS_MOST},
		    false, NULL, NULL);
		if (account)
			notify_published(account, NS_BOOKMARKS, room, parse(setting->server, str_text(&xml)), false);
	}
	str_fini(&xml);
}

static void remove_others(struct setting *setting, const char *const *rooms, size_t room_count,
                          const struct kept *items, size_t count)
{
	struct server *server = setting->server;
	struct account *account = account_find(server, setting->owner);
	for (size_t i = 0; i < count; i++) {
		size_t at = 0;
		while (at < room_count && strcmp(rooms[at], items[i].id) != 0)
			at++;
		if (at < room_count)
			continue;
		keep_remove(server->hub, setting->owner,
		            &(struct kept){.kind = ITEM, .node = NS_BOOKMARKS, .id = items[i].id}, NULL, NULL);
		if (account)
			notify_retracted(account, NS_BOOKMARKS, items[i].id);
	}
}

/* The last thing that is written: the node, for nobody else to read. */
static void put_node(struct setting *setting)
{
	char text[NODE_TEXT_BYTES];
	node_text(&(struct node_config){"whitelist", NODE_ITEMS_MOST, "never"}, text);
	keep_put(setting->server->hub, setting->owner,
	         &(struct kept){.kind = NODE, .id = NS_BOOKMARKS, .content = text}, false,
	         setting->item ? NULL : answer_kept, setting->item ? NULL : setting->answer);
}

static void answer_item(struct setting *setting)
{
	struct writer *writer = answer_open(setting->answer);
	xml_open(writer, "pubsub", NS_PUBSUB);
	xml_open(writer, "publish", NULL);
	xml_attr(writer, "node", NS_BOOKMARKS_1);
	xml_open(writer, "item", NULL);
	xml_attr(writer, "id", CURRENT);
	for (int open = 3; open; open--)
		xml_close(writer);
	answer_send(setting->answer);
}

static void set_now(void *arg, const struct kept *items, size_t count)
{
	struct setting *setting = arg;
	struct server *server = setting->server;
	const struct element *storage = parse(server, setting->storage);
	if (!items) {
		answer_refuse(setting->answer, S2_INTERNAL_SERVER_ERROR, "The database does not work at the moment.");
	} else {
		const char *rooms[NODE_ITEMS_MOST];
		size_t room_count = 0;
		for (const struct element *at = element_child(storage, "conference", NULL); at;
		     at = element_next(at, "conference", NULL)) {
			const char *room = room_of(server_arena(server), at);
			if (!room)
				continue;
			rooms[room_count++] = room;
			put_item(setting, room, at, find_item(items, count, room));
		}
		remove_others(setting, rooms, room_count, items, count);
		put_node(setting);
		if (setting->item)
			answer_item(setting);
		struct account *account = account_find(server, setting->owner);
		if (account)
			bookmarks_changed(account);
	}
	free(setting->owner);
	free(setting->storage);
	free(setting);
}

void bookmarks_set(struct ask *ask, const struct element *storage, bool item)
{
	struct server *server = ask->account->server;
	struct str xml = {0};
	struct writer writer;
	size_t rooms = 0;
	for (const struct element *at = element_child(storage, "conference", NULL); at;
	     at = element_next(at, "conference", NULL))
		rooms++;
	if (rooms > NODE_ITEMS_MOST) {
		ask_refuse(ask, S2_NOT_ACCEPTABLE, "These are too many bookmarks.");
		return;
	}
	writer_init(&writer, &xml, NS_PUBSUB);
	xml_element(&writer, storage);
	writer_end(&writer);
	struct setting *setting = mem_new(sizeof *setting);
	*setting = (struct setting){server, answer_new(ask), mem_strdup(ask->account->jid), str_take(&xml), item};
	keep_get(server->hub, ask->account->jid, &(struct kept){.kind = ITEM, .node = NS_BOOKMARKS}, set_now, setting);
}
