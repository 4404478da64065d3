/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/contacts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backends/libpurple/authorizations.h"
#include "backends/libpurple/icons.h"
#include "backends/libpurple/markup.h"
#include "backends/libpurple/protocol.h"
#include "backends/libpurple/settings.h"
#include "backends/libpurple/turn.h"
#include "kit/kit.h"
#include "lib/base/map.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/base/utf8.h"

enum {
	TELL_AFTER_MS = 100,
	MOST_GROUPS = 32, /* of one contact */
};

/* One that the user has been told of, or will be. */
struct contact {
	char *name;    /* as libpurple's list has it */
	uint64_t told; /* hash of all that was told last; 0 = nothing yet */
	bool changed;
};

/* ---- Names ---- */

/* The plugin for SIMPLE says "sip:bob@example.org" where people say bob@example.org; it crashes on all other spellings,
 * on contacts in more than one group, and on the removal of those that it does not know. */
static bool is_simple(const PurpleAccount *account)
{
	return !strcmp(purple_account_get_protocol_id(account), "prpl-simple");
}

static const char *without_scheme(const PurpleAccount *account, const char *name)
{
	return is_simple(account) && !strncasecmp(name, "sip:", 4) ? name + 4 : name;
}

static const char *keep(char **kept, char *name)
{
	free(*kept);
	return *kept = name;
}

const char *contacts_name(const PurpleAccount *account, const char *who)
{
	static char *kept;
	PurpleBuddy *buddy = purple_find_buddy((PurpleAccount *)account, who);
	const char *name = who;
	if (buddy) {
		name = purple_buddy_get_name(buddy);
	} else {
		/* The spelling of the network is kept where the two differ in nothing else. */
		const char *normal = purple_normalize(account, who);
		if (normal && *normal && strcasecmp(normal, who))
			name = normal;
	}
	return keep(&kept, mem_strdup(without_scheme(account, name)));
}

const char *contacts_purple_name(const PurpleAccount *account, const char *name)
{
	static char *kept;
	return keep(&kept, mem_printf("%s%s", is_simple(account) ? "sip:" : "", without_scheme(account, name)));
}

static char *key_of(const PurpleAccount *account, const char *name)
{
	return g_strdup(purple_normalize(account, name));
}

/* ---- To the user ---- */

static enum s2_status status_of(PurpleBuddy *buddy)
{
	static const enum s2_status by_primitive[PURPLE_STATUS_NUM_PRIMITIVES] = {
	    [PURPLE_STATUS_UNSET] = S2_STATUS_NONE,       [PURPLE_STATUS_OFFLINE] = S2_STATUS_NONE,
	    [PURPLE_STATUS_AVAILABLE] = S2_STATUS_ONLINE, [PURPLE_STATUS_UNAVAILABLE] = S2_STATUS_DND,
	    [PURPLE_STATUS_INVISIBLE] = S2_STATUS_ONLINE, [PURPLE_STATUS_AWAY] = S2_STATUS_AWAY,
	    [PURPLE_STATUS_EXTENDED_AWAY] = S2_STATUS_XA, [PURPLE_STATUS_MOBILE] = S2_STATUS_ONLINE,
	    [PURPLE_STATUS_TUNE] = S2_STATUS_ONLINE,      [PURPLE_STATUS_MOOD] = S2_STATUS_ONLINE,
	};
	PurplePresence *presence = purple_buddy_get_presence(buddy);
	PurpleStatus *status = purple_presence_get_active_status(presence);
	if (!purple_presence_is_online(presence) || !status)
		return S2_STATUS_NONE;
	if (!strcmp(purple_status_get_id(status), "freeforchat"))
		return S2_STATUS_FFC;
	PurpleStatusPrimitive primitive = purple_status_type_get_primitive(purple_status_get_type(status));
	return primitive < PURPLE_STATUS_NUM_PRIMITIVES ? by_primitive[primitive] : S2_STATUS_ONLINE;
}

/* Owned by the caller, NULL if there is none. */
static char *status_text_of(PurpleBuddy *buddy)
{
	PurplePluginProtocolInfo *info = protocol_info(purple_buddy_get_account(buddy));
	if (protocol_status_is_plain(purple_buddy_get_account(buddy))) {
		PurpleStatus *status = purple_presence_get_active_status(purple_buddy_get_presence(buddy));
		const char *text = status ? purple_status_get_attr_string(status, "message") : NULL;
		struct str clean = {0};
		utf8_clean(&clean, text ? text : "", text ? strlen(text) : 0);
		return str_take(&clean);
	}
	char *html = info->status_text ? info->status_text(buddy) : NULL;
	char *plain = html ? markup_plain(html) : NULL;
	g_free(html);
	return plain;
}

/* libpurple's 0 is "idle, but nobody knows since when". */
static int64_t idle_since(PurpleBuddy *buddy)
{
	PurplePresence *presence = purple_buddy_get_presence(buddy);
	bool idle = purple_presence_is_online(presence) && purple_presence_is_idle(presence);
	return idle ? (int64_t)purple_presence_get_idle_time(presence) * 1000 : 0;
}

static uint64_t hash_of(const struct s2_buddy *buddy)
{
	struct str all = {0};
	str_addf(&all, "%s\n%s\n%d\n%s\n%s\n%d\n%" PRId64, buddy->name, buddy->alias ? buddy->alias : "", (int)buddy->status,
	         buddy->status_text ? buddy->status_text : "", buddy->icon_hash ? buddy->icon_hash : "",
	         buddy->blocked, buddy->idle_since);
	for (size_t i = 0; i < buddy->group_count; i++)
		str_addf(&all, "\n%s", buddy->groups[i]);
	uint64_t hash = hash_bytes(all.data, all.len);
	str_fini(&all);
	return hash ? hash : 1;
}

/* `buddies` are all with this name, one for each group. */
static void tell(struct session *session, struct contact *contact, GSList *buddies)
{
	const char *groups[MOST_GROUPS];
	size_t count = 0;
	for (GSList *each = buddies; each && count < MOST_GROUPS; each = each->next) {
		PurpleGroup *group = purple_buddy_get_group(each->data);
		if (group && PURPLE_BLIST_NODE_IS_VISIBLE((PurpleBlistNode *)group))
			groups[count++] = purple_group_get_name(group);
	}
	PurpleBuddy *first = buddies->data;
	char *text = status_text_of(first);
	struct s2_buddy told = {
	    .name = without_scheme(session->account, contact->name),
	    .alias = without_scheme(session->account, purple_buddy_get_alias(first)),
	    .groups = groups,
	    .group_count = count,
	    .status = status_of(first),
	    .status_text = text,
	    .icon_hash = icon_hash(first),
	    .idle_since = idle_since(first),
	    .blocked = settings.blocking && !purple_privacy_check(session->account, contact->name),
	};
	uint64_t hash = hash_of(&told);
	if (hash != contact->told)
		s2_buddy(session->s2, &told);
	contact->told = hash;
	free(text);
}

static void tell_changed(void *arg)
{
	struct session *session = arg;
	GHashTableIter each;
	gpointer value;
	uint64_t before = turn_take(session->number);
	g_hash_table_iter_init(&each, session->contacts);
	while (g_hash_table_iter_next(&each, NULL, &value)) {
		struct contact *contact = value;
		if (!contact->changed)
			continue;
		contact->changed = false;
		GSList *buddies = purple_find_buddies(session->account, contact->name);
		if (buddies) {
			tell(session, contact, buddies);
		} else {
			if (contact->told)
				s2_buddy_removed(session->s2, without_scheme(session->account, contact->name));
			g_hash_table_iter_remove(&each);
		}
		g_slist_free(buddies);
	}
	turn_give_back(before);
}

static void note(PurpleBuddy *buddy)
{
	struct session *session = session_of_account(purple_buddy_get_account(buddy));
	if (!session || !PURPLE_BLIST_NODE_IS_VISIBLE((PurpleBlistNode *)buddy))
		return;
	char *key = key_of(session->account, purple_buddy_get_name(buddy));
	struct contact *contact = g_hash_table_lookup(session->contacts, key);
	if (!contact) {
		contact = mem_new(sizeof *contact);
		contact->name = mem_strdup(purple_buddy_get_name(buddy));
		g_hash_table_insert(session->contacts, g_strdup(key), contact);
	}
	g_free(key);
	contact->changed = true;
	if (session->state == SESSION_ONLINE && !timer_running(session->contacts_timer))
		timer_start(session->contacts_timer, TELL_AFTER_MS, 0);
}

/* ---- What libpurple tells ---- */

static void node_updated(PurpleBuddyList *list, PurpleBlistNode *node)
{
	if (PURPLE_BLIST_NODE_IS_BUDDY(node)) {
		note((PurpleBuddy *)node);
	} else if (PURPLE_BLIST_NODE_IS_CONTACT(node)) {
		for (PurpleBlistNode *child = node->child; child; child = child->next)
			note((PurpleBuddy *)child);
	}
}

static void node_unsaved(PurpleBlistNode *node)
{
}

static void account_unsaved(PurpleAccount *account)
{
}

/* Protocols ask for this when somebody unknown has added the user. */
static void asked_to_add(PurpleAccount *account, const char *name, const char *group, const char *alias)
{
}

/* ---- From the user ---- */

static PurpleGroup *group_named(const char *name)
{
	PurpleGroup *group = purple_find_group(name);
	if (!group) {
		group = purple_group_new(name);
		purple_blist_add_group(group, NULL);
	}
	return group;
}

static bool wants_group(const struct s2_buddy *wanted, const char *name)
{
	for (size_t i = 0; i < wanted->group_count; i++)
		if (!strcmp(wanted->groups[i], name))
			return true;
	return false;
}

static void add_to_group(struct session *session, const char *name, const char *alias, const char *group_name)
{
	PurpleGroup *group = group_named(group_name);
	PurpleBuddy *buddy = purple_buddy_new(session->account, name, text_or_null(alias));
	purple_blist_add_buddy(buddy, NULL, group, NULL);
	purple_account_add_buddy(session->account, buddy);
}

static void remove_from_group(struct session *session, PurpleBuddy *buddy)
{
	if (is_simple(session->account))
		purple_account_add_buddy(session->account, buddy); /* now it knows it */
	purple_account_remove_buddy(session->account, buddy, purple_buddy_get_group(buddy));
	purple_blist_remove_buddy(buddy);
}

/* Into the groups that are wanted, out of all others. */
static void move(struct session *session, const struct s2_buddy *wanted, GSList *buddies)
{
	GSList *spare = NULL;
	for (GSList *each = buddies; each; each = each->next)
		if (!wants_group(wanted, purple_group_get_name(purple_buddy_get_group(each->data))))
			spare = g_slist_prepend(spare, each->data);
	for (size_t i = 0; i < wanted->group_count; i++) {
		PurpleGroup *group = group_named(wanted->groups[i]);
		if (purple_find_buddy_in_group(session->account, wanted->name, group))
			continue;
		if (spare) {
			/* Moving tells the server both ends of the way. */
			purple_blist_add_buddy(spare->data, NULL, group, NULL);
			spare = g_slist_delete_link(spare, spare);
		} else {
			add_to_group(session, wanted->name, wanted->alias, wanted->groups[i]);
		}
	}
	for (GSList *each = spare; each; each = each->next)
		remove_from_group(session, each->data);
	g_slist_free(spare);
}

/* The gateway tells the contacts of networks that keep none right after the log-in; they are put into libpurple's list
 * when there is a connection, so that the protocol asks for their presence. */
struct stored {
	struct list node;
	struct s2_buddy buddy;
	struct arena arena; /* what it is on */
};

static void stored_free(struct stored *stored)
{
	struct arena arena = stored->arena;
	list_remove(&stored->node);
	arena_fini(&arena);
}

static void add_later(struct session *session, const struct s2_buddy *wanted)
{
	struct arena arena = {0};
	struct stored *stored = arena_alloc(&arena, sizeof *stored);
	const char **groups = arena_alloc(&arena, wanted->group_count * sizeof *groups);
	for (size_t i = 0; i < wanted->group_count; i++)
		groups[i] = arena_strdup(&arena, wanted->groups[i]);
	stored->buddy = (struct s2_buddy){.name = arena_strdup(&arena, wanted->name),
	                                  .alias = arena_strdup(&arena, wanted->alias),
	                                  .groups = groups,
	                                  .group_count = wanted->group_count};
	stored->arena = arena;
	list_append(&session->stored, &stored->node);
}

void contacts_add(struct s2_user *s2, const struct s2_buddy *wanted)
{
	static const char *const usual[] = {"Buddies"};
	struct session *session = session_of(s2);
	if (!session || text_empty(wanted->name))
		return;
	if (!session_is_online(session)) {
		if (protocol_keeps_no_list(purple_account_get_protocol_id(session->account)))
			add_later(session, wanted);
		return;
	}
	struct s2_buddy renamed = *wanted;
	renamed.name = contacts_purple_name(session->account, wanted->name);
	if (is_simple(session->account) && renamed.group_count > 1)
		renamed.group_count = 1;
	wanted = &renamed;
	uint64_t before = turn_take(session->number);
	authorizations_answer(session, wanted->name, true);
	GSList *buddies = purple_find_buddies(session->account, wanted->name);
	if (!buddies) {
		const char *const *groups = wanted->group_count ? wanted->groups : usual;
		size_t count = wanted->group_count ? wanted->group_count : 1;
		for (size_t i = 0; i < count; i++)
			add_to_group(session, wanted->name, wanted->alias, groups[i]);
	} else {
		PurpleBuddy *first = buddies->data;
		const char *alias = purple_buddy_get_local_buddy_alias(first);
		if (!text_empty(wanted->alias) &&
		    !text_equal(wanted->alias, alias ? alias : purple_buddy_get_name(first))) {
			for (GSList *each = buddies; each; each = each->next)
				purple_blist_alias_buddy(each->data, wanted->alias);
			serv_alias_buddy(first);
		}
		if (wanted->group_count)
			move(session, wanted, buddies);
	}
	g_slist_free(buddies);
	turn_give_back(before);
}

static void add_stored(struct session *session)
{
	while (!list_empty(&session->stored)) {
		struct stored *stored = LIST_ITEM(session->stored.next, struct stored, node);
		contacts_add(session->s2, &stored->buddy);
		stored_free(stored);
	}
}

void contacts_remove(struct s2_user *s2, const struct s2_buddy *unwanted)
{
	struct session *session = session_of(s2);
	if (!session_is_online(session) || text_empty(unwanted->name))
		return;
	const char *name = contacts_purple_name(session->account, unwanted->name);
	uint64_t before = turn_take(session->number);
	authorizations_answer(session, name, false);
	GSList *buddies = purple_find_buddies(session->account, name);
	for (GSList *each = buddies; each; each = each->next)
		remove_from_group(session, each->data);
	g_slist_free(buddies);
	turn_give_back(before);
}

void contacts_block(struct s2_user *s2, const char *name, bool blocked)
{
	struct session *session = session_of(s2);
	const char *given = name;
	if (!settings.blocking || !session_is_online(session) || text_empty(name)) {
		s2_block_result(s2, name, settings.blocking ? S2_RECIPIENT_UNAVAILABLE : S2_FEATURE_NOT_IMPLEMENTED,
		                settings.blocking ? "You are not logged in to the network."
		                                  : "Blocking is switched off on this gateway.");
		return;
	}
	name = contacts_purple_name(session->account, name);
	uint64_t before = turn_take(session->number);
	if (blocked)
		purple_privacy_deny(session->account, name, FALSE, FALSE);
	else
		purple_privacy_allow(session->account, name, FALSE, FALSE);
	bool done = !purple_privacy_check(session->account, name) == blocked;
	turn_give_back(before);
	s2_block_result(s2, given, done ? S2_DONE : S2_NOT_ALLOWED, done ? NULL : "The network refused it.");
}

/* ---- Sessions ---- */

static void contact_free(gpointer value)
{
	struct contact *contact = value;
	free(contact->name);
	free(contact);
}

void contacts_init(struct session *session)
{
	session->contacts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, contact_free);
	session->contacts_timer = timer_new(kit_loop(), tell_changed, session);
	list_init(&session->stored);
}

void contacts_online(struct session *session)
{
	add_stored(session);
	timer_start(session->contacts_timer, TELL_AFTER_MS, 0);
}

static void remove_chats(PurpleBlistNode *group, const PurpleAccount *account)
{
	for (PurpleBlistNode *node = group->child, *next; node; node = next) {
		next = node->next;
		if (PURPLE_BLIST_NODE_IS_CHAT(node) && purple_chat_get_account((PurpleChat *)node) == account)
			purple_blist_remove_chat((PurpleChat *)node);
	}
}

/* Removing one from the list removes it from the servers of all who are connected, where the protocol knows that. */
static bool groups_are_local(void)
{
	for (GList *each = purple_connections_get_all(); each; each = each->next)
		if (PURPLE_PLUGIN_PROTOCOL_INFO(purple_connection_get_prpl(each->data))->remove_group)
			return false;
	return true;
}

void contacts_forget(struct session *session)
{
	timer_free(&session->contacts_timer);
	while (!list_empty(&session->stored))
		stored_free(LIST_ITEM(session->stored.next, struct stored, node));
	GSList *buddies = purple_find_buddies(session->account, NULL);
	for (GSList *each = buddies; each; each = each->next)
		purple_blist_remove_buddy(each->data);
	g_slist_free(buddies);
	bool local = groups_are_local();
	for (PurpleBlistNode *node = purple_blist_get_root(), *next; node; node = next) {
		next = node->next;
		remove_chats(node, session->account);
		/* The list would only grow. */
		if (!node->child && local)
			purple_blist_remove_group((PurpleGroup *)node);
	}
	g_hash_table_destroy(session->contacts);
	session->contacts = NULL;
}

/* ---- Beginning ---- */

void contacts_prepare(void)
{
	static PurpleBlistUiOps ops = {.update = node_updated,
	                               .remove = node_updated,
	                               .request_add_buddy = asked_to_add,
	                               .save_node = node_unsaved,
	                               .remove_node = node_unsaved,
	                               .save_account = account_unsaved};
	purple_blist_set_ui_ops(&ops);
}

static void icon_changed(PurpleBuddy *buddy, gpointer data)
{
	note(buddy);
}

void contacts_start(void)
{
	static int handle;
	purple_signal_connect(purple_blist_get_handle(), "buddy-icon-changed", &handle, PURPLE_CALLBACK(icon_changed),
	                      NULL);
	purple_set_blist(purple_blist_new());
}
