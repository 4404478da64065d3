/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/xmpp/roster.h"

#include <stdlib.h>
#include <string.h>

#include "backends/xmpp/contact.h"
#include "backends/xmpp/iq.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/xmpp/ns.h"
#include "lib/xmpp/stanza.h"
#include "lib/xmpp/subscription.h"

#define LOG_AREA "xmpp"

/* ---- Towards the main process ---- */

static void tell(struct user *user, const struct contact *contact)
{
	struct arena arena = {0};
	struct s2_buddy buddy;
	contact_read(contact, &arena, &buddy);
	if (user->connected && contact_is_shown(contact))
		s2_buddy(user->s2, &buddy);
	arena_fini(&arena);
}

void roster_tell_all(struct user *user)
{
	MAP_EACH (&user->contacts, struct contact, contact) {
		tell(user, contact);
		if (contact->request)
			s2_authorization_request(user->s2, contact->jid, contact->words);
	}
}

static void forget(struct user *user, struct contact *contact)
{
	bool shown = contact_is_shown(contact);
	char *jid = mem_strdup(contact->jid);
	contact_free(user, contact);
	if (shown && user->connected)
		s2_buddy_removed(user->s2, jid);
	free(jid);
}

/* ---- The server's list ---- */

static void read_item(struct user *user, struct arena *arena, const struct element *item)
{
	struct jid jid;
	const char *text = element_get(item, "jid");
	if (!text || !jid_parse(arena, text, &jid) || *jid.resource || !strcmp(jid.bare, client_bare_jid(user->client)))
		return;
	struct contact *contact = contact_find(user, jid.bare);
	if (text_equal(element_get(item, "subscription"), "remove")) {
		if (contact && contact->listed)
			forget(user, contact);
		return;
	}
	if (!contact)
		contact = contact_new(user, jid.bare);
	if (contact && contact_update(contact, arena, item))
		tell(user, contact);
}

static void forget_unlisted(struct user *user)
{
	MAP_EACH (&user->contacts, struct contact, contact) {
		if (contact->stale)
			forget(user, contact);
	}
}

static void on_roster(struct user *user, void *arg, struct arena *arena, const struct element *iq)
{
	if (!iq && !client_is_up(user->client))
		return; /* the session is over; the next one asks again */
	if (!iq_is_result(iq)) {
		log_info("the server gave no list of contacts user=%s", s2_user_jid(user->s2));
		if (!user->ready)
			user_ready(user);
		return;
	}
	MAP_EACH (&user->contacts, struct contact, contact) {
		contact->stale = contact->listed;
		contact_forget_presences(contact);
	}
	const struct element *query = element_child(iq, "query", NS_ROSTER);
	const struct element *item = element_child(query, "item", NS_ROSTER);
	for (; item; item = element_next(item, "item", NS_ROSTER))
		read_item(user, arena, item);
	forget_unlisted(user);
	if (!user->ready)
		user_ready(user);
}

void roster_fetch(struct user *user)
{
	struct writer *writer = iq_open(user, "get", NULL, on_roster, NULL);
	xml_empty(writer, "query", NS_ROSTER);
	iq_send(user);
}

void roster_pushed(struct user *user, struct arena *arena, const struct element *iq, const struct element *query)
{
	const struct element *item = element_child(query, "item", NS_ROSTER);
	for (; item; item = element_next(item, "item", NS_ROSTER))
		read_item(user, arena, item);
	iq_reply(user, iq);
	user_send(user, NULL);
}

void roster_settle(struct user *user)
{
	MAP_EACH (&user->contacts, struct contact, contact) {
		if (contact->told != S2_STATUS_NONE && !contact->presences) {
			contact->told = S2_STATUS_NONE;
			tell(user, contact);
		}
	}
}

void roster_free(struct user *user)
{
	MAP_EACH (&user->contacts, struct contact, contact) {
		contact_free(user, contact);
	}
	map_fini(&user->contacts);
}

bool roster_trusts(const struct user *user, const char *bare)
{
	const struct contact *contact = contact_find(user, bare);
	return contact && s2_subscription_from(contact->subscription);
}

/* ---- Presences ---- */

void roster_presence(struct user *user, const struct jid *jid, const struct presence *presence)
{
	struct contact *contact = contact_find(user, jid->bare);
	if (!contact || !contact->listed)
		return; /* whoever he is, the user does not follow him */
	if (contact_set_presence(contact, jid->resource, presence))
		tell(user, contact);
}

/* A request that did not arrive: the contact's status text says why. */
void roster_presence_error(struct user *user, struct arena *arena, const struct jid *jid, const struct element *stanza)
{
	struct contact *contact = contact_find(user, jid->bare);
	const char *words = NULL;
	enum s2_condition condition = stanza_error(arena, stanza, &words);
	if (!contact || !contact->listed || contact->presences)
		return;
	const char *text = arena_printf(arena, "%s can't be reached (%s)%s%s", jid->bare, condition_name(condition),
	                                words ? ": " : ".", words ? words : "");
	struct arena own = {0};
	struct s2_buddy buddy;
	contact_read(contact, &own, &buddy);
	buddy.status_text = text;
	if (user->connected)
		s2_buddy(user->s2, &buddy);
	arena_fini(&own);
}

void roster_avatar(struct user *user, const char *bare, const char *hash)
{
	struct contact *contact = contact_find(user, bare);
	if (contact && contact->listed && contact_set_icon(contact, hash))
		tell(user, contact);
}

const char *roster_avatar_of(const struct user *user, const char *bare)
{
	const struct contact *contact = contact_find(user, bare);
	return contact ? contact->icon_hash : NULL;
}

/* ---- Subscriptions ---- */

void roster_asked(struct user *user, const struct jid *jid, const char *words)
{
	struct contact *contact = contact_find(user, jid->bare);
	if (!contact)
		contact = contact_new(user, jid->bare);
	if (!contact || contact->blocked)
		return;
	contact->request = true;
	mem_replace(&contact->words, words);
	if (user->connected)
		s2_authorization_request(user->s2, contact->jid, words);
}

/* He lets the user see him, or no longer, or gives up to see the user, or to ask for it. The server's push tells what has
 * become of it. */
void roster_said(struct user *user, const struct jid *jid, enum s2_subscription_verb verb)
{
	struct contact *contact = contact_find(user, jid->bare);
	if (!contact)
		return;
	if (user->connected)
		s2_subscription(user->s2, contact->jid, verb);
	if (verb == S2_SUBSCRIBED)
		return;
	contact->request = false;
	if (!contact->listed)
		forget(user, contact);
}

static void set_item(struct user *user, const struct contact *contact)
{
	struct writer *writer = iq_open(user, "set", NULL, NULL, NULL);
	xml_open(writer, "query", NS_ROSTER);
	contact_write(contact, writer);
	xml_close(writer);
	iq_send(user);
}

static void remove_item(struct user *user, const char *jid)
{
	struct writer *writer = iq_open(user, "set", NULL, NULL, NULL);
	xml_open(writer, "query", NS_ROSTER);
	xml_open(writer, "item", NULL);
	xml_attr(writer, "jid", jid);
	xml_attr(writer, "subscription", "remove");
	xml_close(writer);
	xml_close(writer);
	iq_send(user);
}

/* The bare JID of a contact that the user names, NULL if it is none or himself. */
static const char *name_parse(const struct user *user, struct arena *arena, const char *name)
{
	struct jid jid;
	if (!user || !user_is_ready(user) || !jid_parse(arena, name, &jid) ||
	    !strcmp(jid.bare, client_bare_jid(user->client)))
		return NULL;
	return jid.bare;
}

/* Both see each other from now on, as far as it is the user's to say. */
static void befriend(struct user *user, struct contact *contact)
{
	if (contact->request)
		presence_send_type(user, contact->jid, "subscribed");
	contact->request = false;
	if (!s2_subscription_to(contact->subscription) && !contact->asked)
		presence_send_type(user, contact->jid, "subscribe");
}

void user_add_buddy(struct s2_user *s2, const struct s2_buddy *buddy)
{
	struct user *user = s2_user_data(s2);
	struct arena arena = {0};
	const char *jid = name_parse(user, &arena, buddy->name);
	struct contact *contact = jid ? contact_find(user, jid) : NULL;
	if (jid && !contact)
		contact = contact_new(user, jid);
	if (contact) {
		bool listed = contact->listed;
		if (contact_arrange(contact, buddy) || !listed)
			set_item(user, contact);
		if (buddy->subscription == S2_SUBSCRIPTION_UNKNOWN)
			befriend(user, contact);
	}
	arena_fini(&arena);
}

void user_say_subscription(struct s2_user *s2, const char *name, enum s2_subscription_verb verb, const char *text)
{
	struct user *user = s2_user_data(s2);
	struct arena arena = {0};
	const char *jid = name_parse(user, &arena, name);
	struct contact *contact = jid ? contact_find(user, jid) : NULL;
	if (jid)
		presence_send_words(user, jid, subscription_type(verb), text);
	if (contact && (verb == S2_SUBSCRIBED || verb == S2_UNSUBSCRIBED)) {
		contact->request = false;
		if (!contact->listed)
			contact_free(user, contact); /* the server's push brings him back */
	}
	arena_fini(&arena);
}

void user_remove_buddy(struct s2_user *s2, const struct s2_buddy *buddy)
{
	struct user *user = s2_user_data(s2);
	struct arena arena = {0};
	const char *jid = name_parse(user, &arena, buddy->name);
	struct contact *contact = jid ? contact_find(user, jid) : NULL;
	if (contact && contact->request)
		presence_send_type(user, jid, "unsubscribed");
	if (contact && contact->listed)
		remove_item(user, jid);
	if (contact)
		contact_free(user, contact); /* the main process knows */
	arena_fini(&arena);
}

/* ---- Blocking ---- */

static void on_blocked(struct user *user, void *arg, struct arena *arena, const struct element *iq)
{
	if (!iq_is_result(iq))
		return;
	MAP_EACH (&user->contacts, struct contact, contact) {
		contact->was_blocked = contact->blocked;
		contact->blocked = false;
	}
	const struct element *list = element_child(iq, "blocklist", NS_BLOCKING);
	const struct element *item = element_child(list, "item", NS_BLOCKING);
	for (; item; item = element_next(item, "item", NS_BLOCKING)) {
		const char *jid = element_get(item, "jid");
		struct contact *contact = jid ? contact_find(user, jid) : NULL;
		if (contact)
			contact->blocked = true;
	}
	MAP_EACH (&user->contacts, struct contact, contact) {
		if (contact->blocked != contact->was_blocked)
			tell(user, contact);
	}
}

void roster_fetch_blocked(struct user *user)
{
	struct writer *writer = iq_open(user, "get", NULL, on_blocked, NULL);
	xml_empty(writer, "blocklist", NS_BLOCKING);
	iq_send(user);
}

static void set_blocked(struct user *user, struct contact *contact, bool blocked)
{
	if (contact->blocked == blocked)
		return;
	contact->blocked = blocked;
	tell(user, contact);
}

void roster_block_pushed(struct user *user, struct arena *arena, const struct element *iq, const struct element *list)
{
	bool blocked = !strcmp(list->name, "block");
	const struct element *item = element_child(list, "item", NS_BLOCKING);
	for (const struct element *one = item; one; one = element_next(one, "item", NS_BLOCKING)) {
		const char *jid = element_get(one, "jid");
		struct contact *contact = jid ? contact_find(user, jid) : NULL;
		if (contact)
			set_blocked(user, contact, blocked);
	}
	/* An empty <unblock/> is for all. */
	MAP_EACH (&user->contacts, struct contact, contact) {
		if (!item && !blocked)
			set_blocked(user, contact, false);
	}
	iq_reply(user, iq);
	user_send(user, NULL);
}

static void on_block(struct user *user, void *arg, struct arena *arena, const struct element *iq)
{
	char *name = arg;
	const char *words = NULL;
	if (iq_is_result(iq))
		s2_block_result(user->s2, name, S2_DONE, NULL);
	else if (iq)
		s2_block_result(user->s2, name, stanza_error(arena, iq, &words),
		                words ? words : "Your XMPP server can't block anybody.");
	else
		s2_block_result(user->s2, name, S2_REMOTE_SERVER_TIMEOUT, "Your XMPP server does not answer.");
	free(name);
}

void user_block_buddy(struct s2_user *s2, const char *name, bool blocked)
{
	struct user *user = s2_user_data(s2);
	struct arena arena = {0};
	const char *jid = name_parse(user, &arena, name);
	if (!jid) {
		bool ready = user && user_is_ready(user);
		s2_block_result(s2, name, ready ? S2_JID_MALFORMED : S2_RECIPIENT_UNAVAILABLE,
		                ready ? "People on XMPP are called name@example.org."
		                      : "There is no connection to your XMPP server at the moment.");
	} else {
		struct writer *writer = iq_open(user, "set", NULL, on_block, mem_strdup(name));
		xml_open(writer, blocked ? "block" : "unblock", NS_BLOCKING);
		xml_open(writer, "item", NULL);
		xml_attr(writer, "jid", jid);
		xml_close(writer);
		xml_close(writer);
		iq_send(user);
	}
	arena_fini(&arena);
}
