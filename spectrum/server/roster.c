/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The roster (RFC 6121 section 2): the contacts that the user has on the network. What he changes goes there; what the
 * network changes is pushed to his clients. The version is a hash of what is in it, so nothing has to be remembered. Who
 * may see whom (section 3) is the network's to know; where it has no such thing, contacts see each other. */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/encode.h"
#include "lib/base/random.h"
#include "spectrum/server/inside.h"

#define NAME_BYTES 1023
#define GROUPS_MOST 32

/* ---- Items ---- */

static const char *item_jid(struct server *server, const struct user *user, const struct buddy *buddy)
{
	struct arena *arena = server_arena(server);
	const char *node = contact_node(arena, user, buddy_text(buddy, BUDDY_NAME));
	return node ? arena_printf(arena, "%s@%s", node, server->jid) : NULL;
}

static void write_item(struct server *server, struct writer *writer, const struct user *user, const struct buddy *buddy)
{
	const char *jid = item_jid(server, user, buddy);
	if (!jid)
		return;
	xml_open(writer, "item", NULL);
	xml_attr(writer, "jid", jid);
	xml_attr(writer, "name", text_or_null(buddy_text(buddy, BUDDY_ALIAS)));
	xml_attr(writer, "subscription", subscription_name(buddy->subscription));
	xml_attr(writer, "ask", buddy->pending ? "subscribe" : NULL);
	char *rest = arena_strdup(server_arena(server), buddy_text(buddy, BUDDY_GROUPS)), *group;
	while (rest && *rest && (group = strsep(&rest, "\n")))
		xml_leaf(writer, "group", NULL, text_or_null(group));
	xml_close(writer);
}

static bool is_listed(const struct buddy *buddy)
{
	return buddy && buddy->flags & BUDDY_SUBSCRIBED;
}

/* Contacts at components, too. */
static void digest_circle(EVP_MD_CTX *context, const struct account *account)
{
	struct str bytes = {0};
	struct writer writer;
	writer_init(&writer, &bytes, NS_ROSTER);
	circle_write(account, &writer);
	writer_end(&writer);
	EVP_DigestUpdate(context, str_text(&bytes), bytes.len);
	str_fini(&bytes);
}

void roster_version(const struct account *account, char out[ROSTER_VERSION_BYTES])
{
	const struct user *user = account_user(account);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char digest[EVP_MAX_MD_SIZE];
	struct str hex = {0};
	EVP_DigestInit_ex(context, EVP_sha256(), NULL);
	const struct buddy *buddy;
	for (unsigned at = 0; user && (buddy = contact_at(user, at)); at++) {
		static const enum buddy_text texts[] = {BUDDY_NAME, BUDDY_ALIAS, BUDDY_GROUPS};
		if (!is_listed(buddy))
			continue;
		for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
			const char *text = buddy_text(buddy, texts[i]);
			EVP_DigestUpdate(context, text, strlen(text) + 1);
		}
		const char *subscription = subscription_name(buddy->subscription);
		EVP_DigestUpdate(context, subscription, strlen(subscription) + 1);
		EVP_DigestUpdate(context, buddy->pending ? "?" : "", 1);
	}
	digest_circle(context, account);
	EVP_DigestFinal_ex(context, digest, NULL);
	EVP_MD_CTX_free(context);
	hex_encode(&hex, digest, (ROSTER_VERSION_BYTES - 1) / 2);
	memcpy(out, str_text(&hex), ROSTER_VERSION_BYTES);
	str_fini(&hex);
}

/* ---- Reading ---- */

/* An admin has nobody but the gateway itself to talk to. */
static void write_admin(struct server *server, struct writer *writer)
{
	xml_open(writer, "item", NULL);
	xml_attr(writer, "jid", server->jid);
	xml_attr(writer, "name", "Admin");
	xml_attr(writer, "subscription", "both");
	xml_close(writer);
}

void roster_get(struct ask *ask)
{
	struct session *session = ask->session;
	struct server *server = session->account->server;
	const struct user *user = account_user(session->account);
	const char *known = element_get(ask->payload, "ver");
	char version[ROSTER_VERSION_BYTES];
	roster_version(session->account, version);
	session->interested = true;
	struct answer *answer = answer_new(ask);
	struct writer *writer = answer_open(answer);
	if (!known || strcmp(known, version) != 0) {
		const struct buddy *buddy;
		xml_open(writer, "query", NS_ROSTER);
		xml_attr(writer, "ver", version);
		if (session->account->admin)
			write_admin(server, writer);
		for (unsigned at = 0; user && (buddy = contact_at(user, at)); at++) {
			if (is_listed(buddy))
				write_item(server, writer, user, buddy);
		}
		circle_write(session->account, writer);
		xml_close(writer);
	}
	answer_send(answer);
}

/* ---- Pushes (RFC 6121 section 2.1.6) ---- */

/* `buddy` NULL: the item `jid` is removed. */
static void push(struct account *account, const struct user *user, const struct buddy *buddy, const char *jid)
{
	struct server *server = account->server;
	char version[ROSTER_VERSION_BYTES] = "", id[13];
	LIST_EACH (&account->sessions, node) {
		struct session *session = LIST_ITEM(node, struct session, node);
		if (!session->interested)
			continue;
		if (!*version)
			roster_version(account, version);
		random_id(id, sizeof id - 1);
		struct writer *writer = server_write(server, "iq", account->jid, session->full, "set");
		xml_attr(writer, "id", id);
		xml_open(writer, "query", NS_ROSTER);
		xml_attr(writer, "ver", version);
		if (buddy) {
			write_item(server, writer, user, buddy);
		} else {
			xml_open(writer, "item", NULL);
			xml_attr(writer, "jid", jid);
			xml_attr(writer, "subscription", "remove");
			xml_close(writer);
		}
		xml_close(writer);
		server_write_end(session);
	}
}

static void write_question(struct session *session, const struct user *user, const struct buddy *buddy)
{
	struct server *server = session->account->server;
	const char *from = item_jid(server, user, buddy);
	if (!from)
		return;
	struct writer *writer = server_write(server, "presence", from, session->account->jid, "subscribe");
	xml_leaf(writer, "status", NULL, contact_request_text(buddy));
	xml_leaf(writer, "nick", NS_NICK, text_or_null(buddy_text(buddy, BUDDY_ALIAS)));
	server_write_end(session);
}

void roster_remind(struct session *session)
{
	const struct user *user = account_user(session->account);
	const struct buddy *buddy;
	for (unsigned at = 0; user && (buddy = contact_at(user, at)); at++) {
		if (buddy->flags & BUDDY_REQUEST)
			write_question(session, user, buddy);
	}
}

/* ---- Out of the hub ---- */

static struct account *account_of(struct upstream *upstream, const struct user *user)
{
	return account_find(LIST_ITEM(upstream, struct server, upstream), user_jid(user));
}

void server_contact_new(struct upstream *upstream, struct user *user, const struct buddy *buddy)
{
	struct account *account = account_of(upstream, user);
	if (buddy->flags & BUDDY_REQUEST) {
		if (!account)
			return;
		LIST_EACH (&account->sessions, node) {
			struct session *session = LIST_ITEM(node, struct session, node);
			if (session->presence)
				write_question(session, user, buddy);
		}
		return;
	}
	char *name = mem_strdup(buddy_text(buddy, BUDDY_NAME));
	contact_listed(user, name);
	buddy = contact_find(user, name);
	if (account && buddy)
		push(account, user, buddy, NULL);
	free(name);
}

void server_contact_said(struct upstream *upstream, struct user *user, const struct buddy *buddy,
                         enum s2_subscription_verb verb)
{
	struct account *account = account_of(upstream, user);
	const char *from = account ? item_jid(account->server, user, buddy) : NULL;
	if (!from)
		return;
	LIST_EACH (&account->sessions, node) {
		struct session *session = LIST_ITEM(node, struct session, node);
		if (!session->interested)
			continue;
		server_write(account->server, "presence", from, account->jid, subscription_type(verb));
		server_write_end(session);
	}
}

void server_contact_changed(struct upstream *upstream, struct user *user, const struct buddy *buddy)
{
	struct account *account = account_of(upstream, user);
	if (account && is_listed(buddy))
		push(account, user, buddy, NULL);
}

void server_contact_removed(struct upstream *upstream, struct user *user, const struct buddy *buddy)
{
	struct account *account = account_of(upstream, user);
	const char *jid = account && is_listed(buddy) ? item_jid(account->server, user, buddy) : NULL;
	if (jid)
		push(account, user, NULL, jid);
}

/* ---- Changing ---- */

static bool is_removal(const struct element *item)
{
	return text_equal(element_get(item, "subscription"), "remove");
}

/* Why an item can't be put so (RFC 6121 section 2.3.3); S2_DONE: it can. */
static enum s2_condition check_group(struct arena *arena, const struct element *item, const struct element *group,
                                     unsigned number)
{
	const char *text = element_text(arena, group);
	if (!*text || strlen(text) > NAME_BYTES || strchr(text, '\n') || number >= GROUPS_MOST)
		return S2_NOT_ACCEPTABLE;
	for (const struct element *before = element_child(item, "group", NS_ROSTER); before != group;
	     before = element_next(before, "group", NS_ROSTER)) {
		if (!strcmp(element_text(arena, before), text))
			return S2_BAD_REQUEST;
	}
	return S2_DONE;
}

static enum s2_condition check_item(struct arena *arena, const struct element *item)
{
	if (is_removal(item))
		return S2_DONE;
	const char *alias = element_get(item, "name");
	unsigned number = 0;
	enum s2_condition condition = alias && strlen(alias) > NAME_BYTES ? S2_NOT_ACCEPTABLE : S2_DONE;
	for (const struct element *group = element_child(item, "group", NS_ROSTER); group && condition == S2_DONE;
	     group = element_next(group, "group", NS_ROSTER))
		condition = check_group(arena, item, group, number++);
	return condition;
}

const char *roster_join_groups(struct arena *arena, const struct element *item)
{
	struct str joined = {0};
	for (const struct element *group = element_child(item, "group", NS_ROSTER); group;
	     group = element_next(group, "group", NS_ROSTER)) {
		if (joined.len)
			str_addc(&joined, '\n');
		str_adds(&joined, element_text(arena, group));
	}
	const char *text = arena_strdup(arena, str_text(&joined));
	str_fini(&joined);
	return text;
}

static void remove_item(struct ask *ask, struct user *user, const char *name)
{
	struct account *account = ask->account;
	const struct buddy *buddy = contact_find(user, name);
	if (!is_listed(buddy)) {
		ask_refuse(ask, S2_ITEM_NOT_FOUND, "This contact is not in your roster.");
		return;
	}
	const char *jid = item_jid(account->server, user, buddy);
	contact_remove(user, name);
	ask_result_empty(ask);
	if (jid)
		push(account, user, NULL, jid);
}

static void put_item(struct ask *ask, struct user *user, const char *name, const struct element *item)
{
	const char *alias = element_get(item, "name");
	if (!contact_put(user, name, alias ? alias : "", roster_join_groups(ask->arena, item))) {
		ask_refuse(ask, S2_NOT_ACCEPTABLE, "This contact can't be added on the network now.");
		return;
	}
	ask_result_empty(ask);
	const struct buddy *buddy = contact_find(user, name);
	if (buddy)
		push(ask->account, user, buddy, NULL);
}

void roster_change(struct ask *ask)
{
	struct server *server = ask->account->server;
	struct user *user = account_user(ask->account);
	const struct element *item = element_child(ask->payload, "item", NS_ROSTER);
	struct jid jid;
	if (!item || element_next(item, "item", NS_ROSTER) || !element_get(item, "jid") ||
	    !jid_parse(ask->arena, element_get(item, "jid"), &jid)) {
		ask_refuse(ask, S2_BAD_REQUEST, "A roster set has exactly one item, with an address.");
		return;
	}
	enum s2_condition condition = check_item(ask->arena, item);
	if (condition != S2_DONE) {
		ask_refuse(ask, condition, "A name or a group is too long, empty, there twice, or one too many.");
		return;
	}
	if (guest_find(server, jid.domain)) {
		circle_change(ask, item, jid.bare);
		return;
	}
	if (!user || strcmp(jid.domain, server->jid) != 0 || !*jid.node || !strcmp(jid.bare, ask->account->jid)) {
		ask_refuse(ask, S2_NOT_ALLOWED, "Only people of this network can be contacts here.");
		return;
	}
	const char *name = arena_strdup(ask->arena, contact_name(ask->arena, user, jid.node));
	if (is_removal(item))
		remove_item(ask, user, name);
	else
		put_item(ask, user, name, item);
}

void roster_subscription(struct session *session, struct arena *arena, const struct element *presence, const char *node)
{
	struct account *account = session->account;
	struct server *server = account->server;
	struct user *user = account_user(account);
	const char *name = arena_strdup(arena, contact_name(arena, user, node));
	if (user && contact_has_subscriptions(user)) {
		if (!contact_say(user, name, subscription_verb(element_get(presence, "type")),
		                 text_or_null(element_child_text(arena, presence, "status", NULL))))
			inbound_refuse(session, presence, S2_RECIPIENT_UNAVAILABLE,
			               "The network can't be told at the moment. Try again in a while.");
		return;
	}
	bool before = user && is_listed(contact_find(user, name));
	const char *jid = before ? item_jid(server, user, contact_find(user, name)) : NULL;
	char *bare = mem_strdup(account->jid);
	inbound_forward(server, arena, presence);
	account = account_find(server, bare);
	free(bare);
	user = account ? account_user(account) : NULL;
	const struct buddy *buddy = user ? contact_find(user, name) : NULL;
	if (user && is_listed(buddy) && !before)
		push(account, user, buddy, NULL);
	else if (user && !is_listed(buddy) && before && jid)
		push(account, user, NULL, jid);
}
