/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Contacts of users at components (RFC 6121 sections 2 to 4): of the network's contacts the network knows who may see
 * whom, of these it is kept here. They stand in the same roster. What a component says while none of the user's clients
 * is there is kept, too. If the database can't take something, all is written once more until it can. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/random.h"
#include "spectrum/server/inside.h"

#define LOG_AREA "circle"
#define KIND "contact"
#define FRIENDS_MOST 1000
#define GROUPS_MOST 32
#define WORKS_MOST 100 /* stanzas that wait for the database, for one user */

struct friend {
	struct list node;    /* of the circle, by address */
	char *jid;           /* bare */
	char *name, *groups; /* each with \n; may be NULL */
	bool listed;         /* the user has put it into his roster */
	bool to, from;       /* he sees it; it sees him */
	bool ask;            /* he has asked to see it */
	bool pending;        /* it has asked to see him */
};

struct circle {
	struct server *server;
	char *owner; /* bare JID */
	struct list friends, works;
	struct list unkept; /* of the server: something could not be written */
	unsigned count, work_count;
	unsigned writing; /* changes of which it is not known yet */
	bool loaded;
};

/* A stanza about a subscription, or a roster set, that waits until it is known what there is. */
struct work {
	struct list node;
	struct str stanza;
};

static struct account *account_of(const struct circle *circle)
{
	return account_find(circle->server, circle->owner);
}

/* ---- Items ---- */

static void friend_free(struct circle *circle, struct friend *friend)
{
	list_remove(&friend->node);
	circle->count--;
	free(friend->jid);
	free(friend->name);
	free(friend->groups);
	free(friend);
}

static struct friend *friend_find(const struct circle *circle, const char *jid)
{
	LIST_EACH (&circle->friends, node) {
		struct friend *friend = LIST_ITEM(node, struct friend, node);
		if (!strcmp(friend->jid, jid))
			return friend;
	}
	return NULL;
}

/* NULL: there are too many. */
static struct friend *friend_get(struct circle *circle, const char *jid)
{
	struct friend *friend = friend_find(circle, jid);
	if (friend || circle->count >= FRIENDS_MOST)
		return friend;
	friend = mem_new(sizeof *friend);
	friend->jid = mem_strdup(jid);
	circle->count++;
	struct list *place = circle->friends.next;
	while (place != &circle->friends && strcmp(LIST_ITEM(place, struct friend, node)->jid, jid) < 0)
		place = place->next;
	list_append(place, &friend->node);
	return friend;
}

/* Who has only asked is nobody's contact yet. */
static bool is_shown(const struct friend *friend)
{
	return friend->listed || friend->to || friend->from || friend->ask;
}

static const char *subscription_of(const struct friend *friend)
{
	return friend->to && friend->from ? "both" : friend->to ? "to" : friend->from ? "from" : "none";
}

static void write_groups(struct writer *writer, struct arena *arena, const struct friend *friend)
{
	char *rest = friend->groups ? arena_strdup(arena, friend->groups) : NULL, *group;
	while ((group = strsep(&rest, "\n")))
		xml_leaf(writer, "group", NULL, text_or_null(group));
}

static void write_item(struct circle *circle, struct writer *writer, const struct friend *friend)
{
	xml_open(writer, "item", NULL);
	xml_attr(writer, "jid", friend->jid);
	xml_attr(writer, "name", text_or_null(friend->name));
	xml_attr(writer, "subscription", subscription_of(friend));
	xml_attr(writer, "ask", friend->ask ? "subscribe" : NULL);
	write_groups(writer, server_arena(circle->server), friend);
	xml_close(writer);
}

/* A change on its way into the database. */
struct writing {
	struct server *server;
	char owner[];
};

static void circle_settle(struct circle *);

static void written(void *arg, enum keep_end end)
{
	struct writing *writing = arg;
	struct server *server = writing->server;
	struct circle *circle = map_get(&server->circles, writing->owner);
	free(writing);
	if (!circle) /* the process ends */
		return;
	circle->writing--;
	if (end != KEEP_DONE) {
		list_remove(&circle->unkept);
		list_append(&server->circles_unkept, &circle->unkept);
		server_tick_start(server);
	}
	circle_settle(circle);
}

static struct writing *writing_new(struct circle *circle)
{
	struct writing *writing = mem_new(sizeof *writing + strlen(circle->owner) + 1);
	writing->server = circle->server;
	strcpy(writing->owner, circle->owner);
	circle->writing++;
	return writing;
}

/* `jid` NULL: all of them. */
static void forget(struct circle *circle, const char *jid)
{
	keep_remove(circle->server->hub, circle->owner, &(struct kept){.kind = KIND, .id = jid}, written,
	            writing_new(circle));
}

/* As it is kept. */
static void save(struct circle *circle, const struct friend *friend)
{
	struct str content = {0};
	struct writer writer;
	writer_init(&writer, &content, NS_ROSTER);
	xml_open(&writer, "item", NULL);
	xml_attr(&writer, "name", friend->name);
	xml_attr(&writer, "listed", friend->listed ? "1" : NULL);
	xml_attr(&writer, "to", friend->to ? "1" : NULL);
	xml_attr(&writer, "from", friend->from ? "1" : NULL);
	xml_attr(&writer, "ask", friend->ask ? "1" : NULL);
	xml_attr(&writer, "pending", friend->pending ? "1" : NULL);
	write_groups(&writer, server_arena(circle->server), friend);
	xml_close(&writer);
	writer_end(&writer);
	keep_put(circle->server->hub, circle->owner,
	         &(struct kept){.kind = KIND, .id = friend->jid, .content = content.data}, false, written,
	         writing_new(circle));
	str_fini(&content);
}

static bool is_kept(const struct friend *friend)
{
	return is_shown(friend) || friend->pending;
}

void circles_due(struct server *server)
{
	LIST_EACH (&server->circles_unkept, node) {
		struct circle *circle = LIST_ITEM(node, struct circle, unkept);
		if (circle->writing)
			continue;
		list_remove(&circle->unkept);
		forget(circle, NULL);
		LIST_EACH (&circle->friends, at) {
			if (is_kept(LIST_ITEM(at, struct friend, node)))
				save(circle, LIST_ITEM(at, struct friend, node));
		}
	}
}

static void push(struct circle *circle, const struct friend *friend, bool removed)
{
	struct account *account = account_of(circle);
	char version[ROSTER_VERSION_BYTES], id[13];
	if (!account)
		return;
	roster_version(account, version);
	LIST_EACH (&account->sessions, node) {
		struct session *session = LIST_ITEM(node, struct session, node);
		if (!session->interested)
			continue;
		random_id(id, sizeof id - 1);
		struct writer *writer = server_write(circle->server, "iq", account->jid, session->full, "set");
		xml_attr(writer, "id", id);
		xml_open(writer, "query", NS_ROSTER);
		xml_attr(writer, "ver", version);
		if (removed) {
			xml_open(writer, "item", NULL);
			xml_attr(writer, "jid", friend->jid);
			xml_attr(writer, "subscription", "remove");
			xml_close(writer);
		} else {
			write_item(circle, writer, friend);
		}
		xml_close(writer);
		server_write_end(session);
	}
}

/* What is known of it has changed. `was_shown`: it stood in the roster before. */
static void changed(struct circle *circle, struct friend *friend, bool was_shown)
{
	if (is_shown(friend) || was_shown)
		push(circle, friend, !is_shown(friend));
	if (is_kept(friend)) {
		save(circle, friend);
		return;
	}
	forget(circle, friend->jid);
	friend_free(circle, friend);
}

/* ---- Telling ---- */

/* To the component, as from the user himself. */
static void tell(struct circle *circle, const char *jid, const char *from, const char *type,
                 const struct element *content)
{
	struct guest *guest = guest_find(circle->server, jid);
	struct account *account = account_of(circle);
	struct arena arena = {0};
	bool hidden = account && blocklist_has(account, jid) && !text_equal(type, "unavailable");
	if (guest && !hidden) {
		struct element *presence = element_new(&arena, "presence", NS_CLIENT);
		if (content)
			*presence = *content;
		presence->attributes = NULL;
		element_set(&arena, presence, "from", from);
		element_set(&arena, presence, "to", jid);
		if (type)
			element_set(&arena, presence, "type", type);
		guest_send(guest, &arena, presence);
	}
	arena_fini(&arena);
}

/* Presence of one client as it was sent. */
struct showing {
	struct circle *circle;
	const char *jid, *from;
};

static void show(void *arg, struct arena *arena, const struct element *presence)
{
	const struct showing *showing = arg;
	tell(showing->circle, showing->jid, showing->from, NULL, presence);
}

/* All of the user's clients to this contact, which may see them. */
static void show_all(struct circle *circle, const char *jid)
{
	static const struct parser_events events = {.stanza = show};
	struct account *account = account_of(circle);
	for (struct list *node = account ? account->sessions.next : NULL; node && node != &account->sessions;
	     node = node->next) {
		const struct session *session = LIST_ITEM(node, struct session, node);
		struct showing showing = {circle, jid, session->full};
		if (session->presence)
			outbound_read(session->presence, strlen(session->presence), &events, &showing);
	}
}

static void hide_all(struct circle *circle, const char *jid)
{
	struct account *account = account_of(circle);
	for (struct list *node = account ? account->sessions.next : NULL; node && node != &account->sessions;
	     node = node->next) {
		const struct session *session = LIST_ITEM(node, struct session, node);
		if (session->presence)
			tell(circle, jid, session->full, "unavailable", NULL);
	}
}

/* To the user's clients that have asked for the roster. */
static void tell_user(struct circle *circle, const struct element *presence)
{
	struct account *account = account_of(circle);
	for (struct list *node = account ? account->sessions.next : NULL; node && node != &account->sessions;
	     node = node->next) {
		struct session *session = LIST_ITEM(node, struct session, node);
		if (!session->interested)
			continue;
		server_write_copy(circle->server, presence);
		server_write_end(session);
	}
}

/* ---- What the user says (RFC 6121 section 3, appendix A.2) ---- */

static void user_says(struct circle *circle, const char *jid, const char *type, const struct element *presence)
{
	struct friend *friend = friend_get(circle, jid);
	if (!friend)
		return;
	bool shown = is_shown(friend);
	if (!strcmp(type, "subscribe")) {
		friend->ask = !friend->to;
		tell(circle, jid, circle->owner, type, presence);
	} else if (!strcmp(type, "unsubscribe")) {
		friend->listed |= shown;
		friend->to = friend->ask = false;
		tell(circle, jid, circle->owner, type, presence);
	} else if (!strcmp(type, "subscribed") && friend->pending) {
		friend->from = true;
		friend->pending = false;
		tell(circle, jid, circle->owner, type, presence);
		show_all(circle, jid);
	} else if (!strcmp(type, "unsubscribed") && (friend->pending || friend->from)) {
		if (friend->from)
			hide_all(circle, jid);
		friend->listed |= shown;
		friend->from = friend->pending = false;
		tell(circle, jid, circle->owner, type, presence);
	}
	changed(circle, friend, shown);
}

/* ---- What the contact says (appendix A.3) ---- */

static void friend_asks(struct circle *circle, struct friend *friend, const struct element *presence)
{
	if (friend->from) {
		tell(circle, friend->jid, circle->owner, "subscribed", NULL);
		show_all(circle, friend->jid);
		return;
	}
	friend->pending = true;
	save(circle, friend);
	tell_user(circle, presence);
}

static void friend_probes(struct circle *circle, const char *jid, const struct friend *friend)
{
	struct account *account = account_of(circle);
	bool there = false;
	if (!friend || !friend->from) {
		tell(circle, jid, circle->owner, "unsubscribed", NULL);
		return;
	}
	for (struct list *node = account ? account->sessions.next : NULL; node && node != &account->sessions;
	     node = node->next)
		there |= LIST_ITEM(node, struct session, node)->presence != NULL;
	if (there)
		show_all(circle, jid);
	else
		tell(circle, jid, circle->owner, "unavailable", NULL);
}

static void friend_says(struct circle *circle, const char *jid, const char *type, const struct element *presence)
{
	struct friend *friend = !strcmp(type, "subscribe") ? friend_get(circle, jid) : friend_find(circle, jid);
	if (!strcmp(type, "probe")) {
		friend_probes(circle, jid, friend);
		return;
	}
	if (!friend)
		return;
	bool shown = is_shown(friend);
	if (!strcmp(type, "subscribe")) {
		friend_asks(circle, friend, presence);
		return;
	}
	if (!strcmp(type, "subscribed") && friend->ask) {
		friend->to = true;
		friend->ask = false;
	} else if (!strcmp(type, "unsubscribed") && (friend->to || friend->ask)) {
		friend->listed |= shown;
		friend->to = friend->ask = false;
	} else if (!strcmp(type, "unsubscribe") && (friend->from || friend->pending)) {
		if (friend->from)
			hide_all(circle, jid);
		friend->listed |= shown;
		friend->from = friend->pending = false;
	} else {
		return;
	}
	tell_user(circle, presence);
	changed(circle, friend, shown);
}

/* ---- Circles ---- */

static void apply(void *arg, struct arena *arena, const struct element *stanza)
{
	struct circle *circle = arg;
	struct jid from, to;
	if (element_is(stanza, "iq", NS_CLIENT)) {
		struct session *session = server_session(circle->server, element_get(stanza, "from"));
		if (session)
			inbound_iq(session, arena, stanza);
		return;
	}
	if (!jid_parse(arena, element_get(stanza, "from"), &from) ||
	    !jid_parse(arena, element_get(stanza, "to"), &to))
		return;
	if (!strcmp(from.bare, circle->owner))
		user_says(circle, to.bare, element_get(stanza, "type"), stanza);
	else
		friend_says(circle, from.bare, element_get(stanza, "type"), stanza);
}

/* Nobody knows what there is. */
static void give_up(void *arg, struct arena *arena, const struct element *stanza)
{
	struct circle *circle = arg;
	struct session *session = server_session(circle->server, element_get(stanza, "from"));
	if (session && element_is(stanza, "iq", NS_CLIENT))
		inbound_refuse(session, stanza, S2_INTERNAL_SERVER_ERROR, "The database does not work at the moment.");
}

static void work_run(struct circle *circle, struct work *work, bool possible)
{
	static const struct parser_events events = {.stanza = apply}, failed = {.stanza = give_up};
	list_remove(&work->node);
	circle->work_count--;
	outbound_read(str_text(&work->stanza), work->stanza.len, possible ? &events : &failed, circle);
	str_fini(&work->stanza);
	free(work);
}

static void circle_free(struct circle *circle)
{
	map_remove(&circle->server->circles, circle->owner);
	list_remove(&circle->unkept);
	while (!list_empty(&circle->works))
		work_run(circle, LIST_ITEM(circle->works.next, struct work, node), false);
	LIST_EACH (&circle->friends, node)
		friend_free(circle, LIST_ITEM(node, struct friend, node));
	free(circle->owner);
	free(circle);
}

static void load(struct circle *circle, const struct kept *item)
{
	struct arena arena = {0};
	const struct element *body = parser_fragment(&arena, item->content, NS_ROSTER),
	                     *entry = element_child(body, "item", NS_ROSTER);
	struct friend *friend = entry ? friend_get(circle, item->id) : NULL;
	if (friend) {
		friend->name = mem_strdup(element_get(entry, "name"));
		friend->groups = mem_strdup(text_or_null(roster_join_groups(&arena, entry)));
		friend->listed = element_get(entry, "listed");
		friend->to = element_get(entry, "to");
		friend->from = element_get(entry, "from");
		friend->ask = element_get(entry, "ask");
		friend->pending = element_get(entry, "pending");
	}
	arena_fini(&arena);
}

static void introduce(struct circle *, const struct session *);
static void remind(struct circle *, struct session *);

static void loaded(void *arg, const struct kept *items, size_t count)
{
	struct circle *circle = arg;
	bool possible = items && !circle->server->stopping;
	for (size_t i = 0; items && i < count; i++)
		load(circle, &items[i]);
	circle->loaded = possible;
	struct account *account = account_of(circle);
	/* Those who have come meanwhile. */
	for (struct list *node = possible && account ? account->sessions.next : NULL;
	     node && node != &account->sessions; node = node->next) {
		struct session *session = LIST_ITEM(node, struct session, node);
		if (session->presence) {
			introduce(circle, session);
			remind(circle, session);
		}
	}
	for (struct list *node = circle->friends.next; possible && node != &circle->friends; node = node->next) {
		if (is_shown(LIST_ITEM(node, struct friend, node)))
			push(circle, LIST_ITEM(node, struct friend, node), false);
	}
	while (!list_empty(&circle->works))
		work_run(circle, LIST_ITEM(circle->works.next, struct work, node), possible);
	if (possible)
		circle_settle(circle);
	else
		circle_free(circle);
}

/* Frees it if it is nobody's any more and all is kept. */
static void circle_settle(struct circle *circle)
{
	if (circle->loaded && !circle->writing && list_empty(&circle->unkept) && !account_of(circle))
		circle_free(circle);
}

static struct circle *circle_get(struct server *server, const char *owner)
{
	struct circle *circle = map_get(&server->circles, owner);
	if (circle)
		return circle;
	circle = mem_new(sizeof *circle);
	circle->server = server;
	circle->owner = mem_strdup(owner);
	list_init(&circle->friends);
	list_init(&circle->works);
	list_init(&circle->unkept);
	map_put(&server->circles, circle->owner, circle);
	keep_get(server->hub, owner, &(struct kept){.kind = KIND}, loaded, circle);
	return circle;
}

static struct circle *circle_of(const struct account *account)
{
	struct circle *circle = map_get(&account->server->circles, account->jid);
	return circle && circle->loaded ? circle : NULL;
}

void circle_open(struct account *account)
{
	if (account->server->guests.count)
		circle_get(account->server, account->jid);
}

void circle_leave(struct server *server, const char *owner)
{
	struct circle *circle = map_get(&server->circles, owner);
	if (circle)
		circle_settle(circle);
}

void circle_free_all(struct server *server)
{
	MAP_EACH (&server->circles, struct circle, circle)
		circle_free(circle);
	map_fini(&server->circles);
}

/* False if too many wait already. */
static bool work_put(struct circle *circle, const struct element *stanza)
{
	struct writer writer;
	if (circle->work_count >= WORKS_MOST)
		return false;
	struct work *work = mem_new(sizeof *work);
	writer_init(&writer, &work->stanza, NS_CLIENT);
	xml_element(&writer, stanza);
	writer_end(&writer);
	list_append(&circle->works, &work->node);
	circle->work_count++;
	return true;
}

void circle_stanza(struct server *server, const char *owner, struct arena *arena, const struct element *presence)
{
	struct circle *circle = circle_get(server, owner);
	if (circle->loaded)
		apply(circle, arena, presence);
	else
		work_put(circle, presence);
}

/* ---- Presence ---- */

/* A client that has come: who may see it does, and whom it may see is asked. */
static void introduce(struct circle *circle, const struct session *session)
{
	static const struct parser_events events = {.stanza = show};
	for (struct list *node = circle->friends.next; node != &circle->friends; node = node->next) {
		const struct friend *friend = LIST_ITEM(node, struct friend, node);
		struct showing showing = {circle, friend->jid, session->full};
		if (friend->from)
			outbound_read(session->presence, strlen(session->presence), &events, &showing);
		if (friend->to)
			tell(circle, friend->jid, circle->owner, "probe", NULL);
	}
}

static void remind(struct circle *circle, struct session *session)
{
	for (struct list *node = circle->friends.next; node != &circle->friends; node = node->next) {
		const struct friend *friend = LIST_ITEM(node, struct friend, node);
		if (!friend->pending)
			continue;
		server_write(circle->server, "presence", friend->jid, circle->owner, "subscribe");
		server_write_end(session);
	}
}

void circle_present(struct session *session, bool fresh)
{
	struct circle *circle = circle_of(session->account);
	static const struct parser_events events = {.stanza = show};
	if (!circle)
		return;
	if (fresh) {
		introduce(circle, session);
		remind(circle, session);
		return;
	}
	for (struct list *node = circle->friends.next; node != &circle->friends; node = node->next) {
		const struct friend *friend = LIST_ITEM(node, struct friend, node);
		struct showing showing = {circle, friend->jid, session->full};
		if (friend->from)
			outbound_read(session->presence, strlen(session->presence), &events, &showing);
	}
}

void circle_absent(struct session *session, const struct element *presence)
{
	struct circle *circle = circle_of(session->account);
	for (struct list *node = circle ? circle->friends.next : NULL; node && node != &circle->friends;
	     node = node->next) {
		const struct friend *friend = LIST_ITEM(node, struct friend, node);
		if (friend->from)
			tell(circle, friend->jid, session->full, "unavailable", presence);
	}
}

/* XEP-0191 section 4: who is blocked sees him leave. */
void circle_blocked(struct account *account, const char *jid, bool blocked)
{
	struct circle *circle = circle_of(account);
	for (struct list *node = circle ? circle->friends.next : NULL; node && node != &circle->friends;
	     node = node->next) {
		const struct friend *friend = LIST_ITEM(node, struct friend, node);
		const char *at = strchr(friend->jid, '@');
		if (friend->from && (!strcmp(friend->jid, jid) || (at && !strcmp(at + 1, jid))))
			(blocked ? hide_all : show_all)(circle, friend->jid);
	}
}

/* ---- Components that come and go ---- */

static void greet(struct circle *circle, const struct friend *friend)
{
	if (friend->ask)
		tell(circle, friend->jid, circle->owner, "subscribe", NULL);
	if (friend->from)
		show_all(circle, friend->jid);
	if (friend->to)
		tell(circle, friend->jid, circle->owner, "probe", NULL);
}

static void say_gone(struct circle *circle, const struct friend *friend)
{
	struct account *account = account_of(circle);
	if (!account || !friend->to)
		return;
	server_write(circle->server, "presence", friend->jid, account->jid, "unavailable");
	const struct str *bytes = server_write_take(circle->server);
	account_broadcast(account, friend->jid, bytes->data, bytes->len);
}

void circle_guest(struct guest *guest, bool there)
{
	MAP_EACH (&guest->server->circles, struct circle, circle) {
		for (struct list *node = circle->friends.next; node != &circle->friends; node = node->next) {
			const struct friend *friend = LIST_ITEM(node, struct friend, node);
			if (guest_find(guest->server, friend->jid) == guest)
				(there ? greet : say_gone)(circle, friend);
		}
	}
}

/* ---- The roster ---- */

void circle_write(const struct account *account, struct writer *writer)
{
	struct circle *circle = circle_of(account);
	for (struct list *node = circle ? circle->friends.next : NULL; node && node != &circle->friends;
	     node = node->next) {
		if (is_shown(LIST_ITEM(node, struct friend, node)))
			write_item(circle, writer, LIST_ITEM(node, struct friend, node));
	}
}

static void remove_item(struct ask *ask, struct circle *circle, const char *jid)
{
	struct friend *friend = friend_find(circle, jid);
	if (!friend || !is_shown(friend)) {
		ask_refuse(ask, S2_ITEM_NOT_FOUND, "This contact is not in your roster.");
		return;
	}
	if (friend->to || friend->ask)
		tell(circle, jid, circle->owner, "unsubscribe", NULL);
	if (friend->from) {
		tell(circle, jid, circle->owner, "unsubscribed", NULL);
		hide_all(circle, jid);
	}
	friend->listed = friend->to = friend->from = friend->ask = friend->pending = false;
	ask_result_empty(ask);
	changed(circle, friend, true);
}

void circle_change(struct ask *ask, const struct element *item, const char *jid)
{
	struct circle *circle = circle_get(ask->account->server, ask->account->jid);
	if (!circle->loaded) {
		if (!work_put(circle, ask->iq))
			ask_refuse(ask, S2_RESOURCE_CONSTRAINT, "The roster is being read. Try again.");
		return;
	}
	if (text_equal(element_get(item, "subscription"), "remove")) {
		remove_item(ask, circle, jid);
		return;
	}
	struct friend *friend = friend_get(circle, jid);
	if (!friend) {
		ask_refuse(ask, S2_NOT_ACCEPTABLE, "These are too many contacts.");
		return;
	}
	bool shown = is_shown(friend);
	friend->listed = true;
	mem_replace(&friend->name, element_get(item, "name"));
	mem_replace(&friend->groups, text_or_null(roster_join_groups(ask->arena, item)));
	ask_result_empty(ask);
	changed(circle, friend, shown);
}
