/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whom a user does not want to hear (XEP-0191): the list is kept here and obeyed here; a network that can block is
 * told, too, so that it holds in its other clients. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/random.h"
#include "spectrum/server/inside.h"

#define KIND "block"
#define BLOCKED_MOST 10000
#define NS_BLOCKING_ERRORS "urn:xmpp:blocking:errors"

struct loading {
	struct server *server;
	char *owner;
};

static bool add(struct account *account, const char *jid)
{
	if (map_get(&account->blocked, jid) || account->blocked.count >= BLOCKED_MOST)
		return false;
	char *copy = mem_strdup(jid);
	map_put(&account->blocked, copy, copy);
	return true;
}

static void loaded(void *arg, const struct kept *items, size_t count)
{
	struct loading *loading = arg;
	struct account *account = account_find(loading->server, loading->owner);
	for (size_t i = 0; account && i < count; i++)
		add(account, items[i].id);
	free(loading->owner);
	free(loading);
}

void blocklist_load(struct account *account)
{
	struct loading *loading = mem_new(sizeof *loading);
	*loading = (struct loading){account->server, mem_strdup(account->jid)};
	keep_get(account->server->hub, account->jid, &(struct kept){.kind = KIND}, loaded, loading);
}

void blocklist_free(struct account *account)
{
	MAP_EACH (&account->blocked, char, jid)
		free(jid);
	map_fini(&account->blocked);
}

/* As it is, without resource, or all of its domain (XEP-0191 section 2). */
bool blocklist_has(const struct account *account, const char *jid)
{
	if (!account->blocked.count || !jid)
		return false;
	const char *slash = strchr(jid, '/');
	char *bare = slash ? mem_strndup(jid, (size_t)(slash - jid)) : mem_strdup(jid);
	const char *at = strchr(bare, '@');
	bool has = map_get(&account->blocked, jid) || map_get(&account->blocked, bare) ||
	           (at && map_get(&account->blocked, at + 1));
	free(bare);
	return has;
}

struct looking {
	char *jid;
	void (*answer)(void *arg, bool blocked);
	void *arg;
};

static void looked_up(void *arg, const struct kept *items, size_t count)
{
	struct looking *looking = arg;
	struct account absent = {0};
	for (size_t i = 0; items && i < count; i++)
		add(&absent, items[i].id);
	looking->answer(looking->arg, blocklist_has(&absent, looking->jid));
	blocklist_free(&absent);
	free(looking->jid);
	free(looking);
}

void blocklist_ask(struct server *server, const char *owner, const char *jid, void (*answer)(void *arg, bool blocked),
                   void *arg)
{
	struct looking *looking = mem_new(sizeof *looking);
	*looking = (struct looking){mem_strdup(jid), answer, arg};
	keep_get(server->hub, owner, &(struct kept){.kind = KIND}, looked_up, looking);
}

void blocklist_refuse(struct session *session, const struct element *stanza)
{
	const char *type = element_get(stanza, "type");
	if (text_equal(type, "error") || text_equal(type, "result"))
		return;
	struct writer *writer =
	    server_write(session->account->server, stanza->name, element_get(stanza, "to"), session->full, "error");
	xml_attr(writer, "id", element_get(stanza, "id"));
	xml_open(writer, "error", NULL);
	xml_attr(writer, "type", "cancel");
	xml_empty(writer, "not-acceptable", NS_STANZA_ERRORS);
	xml_empty(writer, "blocked", NS_BLOCKING_ERRORS);
	xml_leaf(writer, "text", NS_STANZA_ERRORS, "You have blocked this address.");
	xml_close(writer);
	server_write_end(session);
}

/* ---- Reading ---- */

void blocklist_get(struct ask *ask)
{
	struct answer *answer = answer_new(ask);
	struct writer *writer = answer_open(answer);
	ask->session->blocklist = true;
	xml_open(writer, "blocklist", NS_BLOCKING);
	MAP_EACH (&ask->account->blocked, char, jid) {
		xml_open(writer, "item", NULL);
		xml_attr(writer, "jid", jid);
		xml_close(writer);
	}
	xml_close(writer);
	answer_send(answer);
}

/* ---- Changing ---- */

/* To all that have asked for the list, the one that has changed it among them. */
static void push(struct account *account, const struct element *change)
{
	char id[13];
	LIST_EACH (&account->sessions, node) {
		struct session *session = LIST_ITEM(node, struct session, node);
		if (!session->blocklist)
			continue;
		random_id(id, sizeof id - 1);
		struct writer *writer = server_write(account->server, "iq", account->jid, session->full, "set");
		xml_attr(writer, "id", id);
		xml_element(writer, change);
		server_write_end(session);
	}
}

static void nobody_waits(void *arg, enum s2_condition condition, const char *text)
{
}

/* The network may know it, too. */
static void tell_network(struct account *account, struct arena *arena, const struct jid *jid, bool blocked)
{
	struct server *server = account->server;
	struct user *user = account_user(account);
	if (user && *jid->node && !strcmp(jid->domain, server->jid) && user_is_online(user) &&
	    config_bool(server->config, "features.blocking"))
		block_set(user, contact_name(arena, user, jid->node), blocked, nobody_waits, NULL);
}

/* The addresses; NULL if one of them is none. */
static struct jid *read_items(struct arena *arena, const struct element *payload, size_t *count)
{
	*count = 0;
	for (const struct element *item = element_child(payload, "item", NULL); item;
	     item = element_next(item, "item", NULL))
		++*count;
	struct jid *jids = arena_alloc(arena, (*count + 1) * sizeof *jids);
	size_t at = 0;
	for (const struct element *item = element_child(payload, "item", NULL); item;
	     item = element_next(item, "item", NULL)) {
		const char *jid = element_get(item, "jid");
		if (!jid || !jid_parse(arena, jid, &jids[at++]))
			return NULL;
	}
	return jids;
}

static void say_gone(struct account *account, const char *jid)
{
	struct server *server = account->server;
	server_write(server, "presence", jid, account->jid, "unavailable");
	const struct str *bytes = server_write_take(server);
	account_broadcast(account, jid, bytes->data, bytes->len);
}

void blocklist_block(struct ask *ask)
{
	struct account *account = ask->account;
	size_t count;
	struct jid *jids = read_items(ask->arena, ask->payload, &count);
	if (!jids || !count) {
		ask_refuse(ask, S2_BAD_REQUEST, "Say whom to block.");
		return;
	}
	if (account->blocked.count + count > BLOCKED_MOST) {
		ask_refuse(ask, S2_RESOURCE_CONSTRAINT, "These are too many.");
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(jids[i].bare, account->jid) || !add(account, jids[i].full))
			continue;
		keep_put(account->server->hub, account->jid, &(struct kept){.kind = KIND, .id = jids[i].full}, false,
		         NULL, NULL);
		tell_network(account, ask->arena, &jids[i], true);
		say_gone(account, jids[i].full);
		circle_blocked(account, jids[i].full, true);
	}
	ask_result_empty(ask);
	push(account, ask->payload);
}

static void remove_one(struct account *account, struct arena *arena, const char *full)
{
	char *jid = map_remove(&account->blocked, full);
	struct jid parts;
	if (!jid)
		return;
	keep_remove(account->server->hub, account->jid, &(struct kept){.kind = KIND, .id = jid}, NULL, NULL);
	struct user *user = account_user(account);
	circle_blocked(account, jid, false);
	if (jid_parse(arena, jid, &parts)) {
		tell_network(account, arena, &parts, false);
		if (user && *parts.node && !strcmp(parts.domain, account->server->jid))
			contact_present(user, contact_name(arena, user, parts.node));
	}
	free(jid);
}

void blocklist_unblock(struct ask *ask)
{
	struct account *account = ask->account;
	size_t count, at = 0;
	struct jid *jids = read_items(ask->arena, ask->payload, &count);
	if (!jids) {
		ask_refuse(ask, S2_BAD_REQUEST, "One of these is no address.");
		return;
	}
	if (!count) { /* all of them */
		count = account->blocked.count;
		jids = arena_alloc(ask->arena, (count + 1) * sizeof *jids);
		MAP_EACH (&account->blocked, char, jid)
			jids[at++].full = arena_strdup(ask->arena, jid);
	}
	for (size_t i = 0; i < count; i++)
		remove_one(account, ask->arena, jids[i].full);
	ask_result_empty(ask);
	push(account, ask->payload);
}
