/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Contacts: what the network says about them becomes presence and roster questions, what the user decides goes to the
 * network, and both to the database, some contacts at a time. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/xmpp/jid.h"
#include "spectrum/hub/address.h"
#include "spectrum/hub/user.h"

#define LOG_AREA "contact"
#define SAVE_DELAY_MS 1000
#define CONTACTS_MOST 20000 /* per user */
#define QUEUE_BUSY 16384    /* jobs of the database: contacts are stored when it has caught up */

const char *contact_name(struct arena *arena, const struct user *user, const char *node)
{
	/* The exact node first: a name may hold a % of its own. */
	const char *name = jid_unescape(arena, node);
	struct buddy *buddy = user ? roster_find(&user->roster, name) : NULL;
	if (!buddy) {
		name = address_name(arena, node);
		buddy = user ? roster_find(&user->roster, name) : NULL;
	}
	return buddy ? buddy_text(buddy, BUDDY_NAME) : name;
}

static bool escapes(const struct hub *hub)
{
	return config_bool(hub->config, "service.jid_escaping") &&
	       !config_bool(hub->config, "features.disable_jid_escaping");
}

const char *contact_node(struct arena *arena, const struct user *user, const char *name)
{
	struct buddy *buddy = roster_find(&user->roster, name);
	return address_of_contact(arena, buddy ? buddy_text(buddy, BUDDY_NAME) : name,
	                          buddy ? buddy->flags & BUDDY_ESCAPED : escapes(user->hub));
}

const char *contact_node_of_new(struct arena *arena, const struct hub *hub, const char *name)
{
	return address_of_contact(arena, name, escapes(hub));
}

const char *contact_request_text(const struct buddy *buddy)
{
	bool asks = (buddy->flags & (BUDDY_REQUEST | BUDDY_SUBSCRIBED)) == BUDDY_REQUEST;
	return asks ? text_or_null(buddy_text(buddy, BUDDY_STATUS)) : NULL;
}

const struct buddy *contact_find(const struct user *user, const char *name)
{
	return roster_find(&user->roster, name);
}

const struct buddy *contact_at(const struct user *user, unsigned at)
{
	return at < user->roster.count ? user->roster.items[at] : NULL;
}

void contact_mark(struct user *user, const char *name, unsigned take, unsigned give)
{
	struct buddy *buddy = roster_find(&user->roster, name);
	if (buddy)
		buddy->flags = (uint8_t)((buddy->flags & ~take) | give);
}

/* ---- Database ---- */

/* Of the flags. */
#define KEPT_FLAGS (BUDDY_ESCAPED | BUDDY_REQUEST | BUDDY_BLOCKED)

static void unsaved(struct user *user, struct buddy *buddy)
{
	struct hub *hub = user->hub;
	buddy->flags |= BUDDY_UNSAVED;
	if (!hub->store || !list_empty(&user->unsaved_node))
		return;
	user->save_at = loop_now(hub->loop) + SAVE_DELAY_MS;
	list_append(&hub->unsaved, &user->unsaved_node);
	hub_tick_start(hub);
}

void contact_save(struct user *user)
{
	if (list_empty(&user->unsaved_node) || !user->id)
		return;
	list_remove(&user->unsaved_node);
	for (unsigned i = 0; i < user->roster.count; i++) {
		struct buddy *buddy = user->roster.items[i];
		if (!(buddy->flags & BUDDY_UNSAVED))
			continue;
		buddy->flags &= (uint8_t)~BUDDY_UNSAVED;
		store_put_buddy(user->hub->store, user->id,
		                &(struct store_buddy){
		                    .name = buddy_text(buddy, BUDDY_NAME),
		                    .alias = buddy_text(buddy, BUDDY_ALIAS),
		                    .groups = buddy_text(buddy, BUDDY_GROUPS),
		                    .icon_hash = buddy_text(buddy, BUDDY_ICON),
		                    .subscribed = buddy->flags & BUDDY_SUBSCRIBED,
		                    .flags = buddy->flags & KEPT_FLAGS,
		                });
	}
}

void contact_save_due(struct hub *hub, uint64_t now)
{
	LIST_EACH (&hub->unsaved, node) {
		struct user *user = LIST_ITEM(node, struct user, unsaved_node);
		if (user->save_at > now || store_queue_length(hub->store) > QUEUE_BUSY)
			return; /* in the order of time */
		contact_save(user);
	}
}

void contact_load(struct user *user, const struct store_buddy *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (shun_load(user, &rows[i]))
			continue;
		struct buddy *buddy = roster_add(&user->roster, rows[i].name, NULL);
		if (!buddy)
			continue;
		buddy->flags = (uint8_t)((rows[i].flags & KEPT_FLAGS) | (rows[i].subscribed ? BUDDY_SUBSCRIBED : 0));
		buddy = roster_set(&user->roster, buddy, BUDDY_ALIAS, rows[i].alias);
		buddy = roster_set(&user->roster, buddy, BUDDY_GROUPS, rows[i].groups);
		roster_set(&user->roster, buddy, BUDDY_ICON, rows[i].icon_hash);
	}
}

/* ---- To the user ---- */

void contact_present(struct user *user, const char *name)
{
	struct buddy *buddy = roster_find(&user->roster, name);
	if (buddy && buddy->status != S2_STATUS_NONE)
		hub_tell(user->hub, buddy, user, NULL, buddy, false);
}

void contact_present_all(struct user *user, const char *resource)
{
	for (unsigned i = 0; i < user->roster.count; i++) {
		if (user->roster.items[i]->status != S2_STATUS_NONE)
			hub_tell(user->hub, buddy, user, resource, user->roster.items[i], false);
	}
}

void contact_offline(struct user *user, const char *resource)
{
	for (unsigned i = 0; i < user->roster.count; i++) {
		if (user->roster.items[i]->status != S2_STATUS_NONE)
			hub_tell(user->hub, buddy, user, resource, user->roster.items[i], true);
	}
}

void contact_forget_status(struct user *user)
{
	for (unsigned i = 0; i < user->roster.count; i++)
		user->roster.items[i]->status = S2_STATUS_NONE;
}

/* ---- To the network ---- */

static struct s2_buddy to_network(const struct user *user, const struct buddy *buddy, const char **groups, size_t most,
                                  struct arena *arena)
{
	struct s2_buddy out = {
	    .name = buddy_text(buddy, BUDDY_NAME),
	    .alias = buddy_text(buddy, BUDDY_ALIAS),
	    .icon_hash = buddy_text(buddy, BUDDY_ICON),
	    .status = S2_STATUS_NONE,
	    .groups = groups,
	};
	if (contact_has_subscriptions(user))
		out.subscription = buddy->subscription;
	char *list = arena_strdup(arena, buddy_text(buddy, BUDDY_GROUPS)), *rest = list, *group;
	while (rest && *rest && out.group_count < most && (group = strsep(&rest, "\n")))
		groups[out.group_count++] = group;
	return out;
}

#define GROUPS_MOST 32

static void tell_network(struct user *user, const struct buddy *buddy,
                         void (*verb)(struct seat *, const struct s2_buddy *))
{
	struct arena arena = {0};
	const char *groups[GROUPS_MOST];
	struct s2_buddy out = to_network(user, buddy, groups, GROUPS_MOST, &arena);
	if (user->seat.backend) {
		echo_expect(user, out.name, verb == link_buddy_removed);
		verb(&user->seat, &out);
	}
	arena_fini(&arena);
}

void contact_announce_all(struct user *user)
{
	struct arena arena = {0};
	unsigned count = user->roster.count;
	struct s2_buddy *all = arena_alloc(&arena, count * sizeof *all);
	for (unsigned i = 0; i < count; i++) {
		const char **groups = arena_alloc(&arena, GROUPS_MOST * sizeof *groups);
		all[i] = to_network(user, user->roster.items[i], groups, GROUPS_MOST, &arena);
	}
	link_buddies(&user->seat, all, count);
	arena_fini(&arena);
}

/* The contact of this name, new if need be. NULL if there are too many already, or if the name makes no address. */
static struct buddy *contact_add(struct user *user, const char *name, bool *created)
{
	*created = false;
	struct buddy *buddy = roster_find(&user->roster, name);
	if (buddy)
		return buddy;
	struct arena arena = {0};
	bool escaped = escapes(user->hub);
	bool fits = user->roster.count < CONTACTS_MOST && address_of_contact(&arena, name, escaped);
	arena_fini(&arena);
	buddy = fits ? roster_add(&user->roster, name, created) : NULL;
	if (buddy && escaped)
		buddy->flags |= BUDDY_ESCAPED;
	if (buddy && shun_lift(user, name))
		buddy->flags |= BUDDY_BLOCKED;
	return buddy;
}

void contact_set_blocked(struct user *user, struct buddy *buddy, bool blocked)
{
	buddy->flags = (uint8_t)((buddy->flags & ~BUDDY_BLOCKED) | (blocked ? BUDDY_BLOCKED : 0));
	unsaved(user, buddy);
	hub_tell(user->hub, buddy, user, NULL, buddy, false);
}

/* ---- From the network ---- */

/* A network has few kinds of contacts, so each remembers the number of its kind only. */
static uint8_t lacks_number(struct hub *hub, unsigned lacks)
{
	unsigned number = 0;
	while (number < hub->lack_count && hub->lacks[number] != lacks)
		number++;
	if (!lacks || number == HUB_LACKS_MOST)
		return 0;
	if (number == hub->lack_count)
		hub->lacks[hub->lack_count++] = lacks;
	return (uint8_t)(number + 1);
}

unsigned contact_lacks(const struct user *user, const struct buddy *buddy)
{
	return buddy->lacks ? user->hub->lacks[buddy->lacks - 1] : 0;
}

static char *join_groups(struct arena *arena, const struct s2_buddy *in)
{
	struct str joined = {0};
	for (size_t i = 0; i < in->group_count; i++) {
		if (text_empty(in->groups[i]))
			continue;
		if (joined.len)
			str_addc(&joined, '\n');
		str_adds(&joined, in->groups[i]);
	}
	char *text = arena_strdup(arena, joined.data);
	str_fini(&joined);
	return text;
}

/* What has changed of a contact, presence aside. */
struct news {
	bool kept;   /* something that the database keeps */
	bool listed; /* of that, what the roster shows */
	bool icon;
	bool subscription; /* who may see whom */
	bool hidden;       /* of presence there is nothing to tell */
};

/* The user may not see it and did not before; or who may see whom has changed, and nothing that the user sees. */
static bool presence_is_hidden(const struct buddy *buddy, const struct s2_buddy *in, bool icon)
{
	bool sees = s2_subscription_to(in->subscription);
	if (in->subscription == S2_SUBSCRIPTION_UNKNOWN || in->status != buddy->status)
		return false;
	if (!sees && in->status == S2_STATUS_NONE && text_empty(in->status_text))
		return true;
	return (in->subscription != buddy->subscription || in->pending != buddy->pending) &&
	       buddy->subscription != S2_SUBSCRIPTION_UNKNOWN && sees == !!s2_subscription_to(buddy->subscription) && !icon &&
	       in->blocked == !!(buddy->flags & BUDDY_BLOCKED) &&
	       text_equal(buddy_text(buddy, BUDDY_STATUS), in->status_text ? in->status_text : "");
}

/* Whom the network lists so is in the user's roster; who sees the user has no question any more. */
static bool contact_update_subscription(const struct user *user, struct buddy *buddy, const struct s2_buddy *in)
{
	bool changed = buddy->subscription != in->subscription || buddy->pending != in->pending;
	buddy->subscription = (uint8_t)in->subscription;
	buddy->pending = in->pending;
	if (in->subscription == S2_SUBSCRIPTION_UNKNOWN || !contact_has_subscriptions(user))
		return false;
	changed |= !(buddy->flags & BUDDY_SUBSCRIBED);
	buddy->flags |= BUDDY_SUBSCRIBED;
	if (s2_subscription_from(in->subscription))
		buddy->flags &= (uint8_t)~BUDDY_REQUEST;
	return changed;
}

/* Takes over what the network says. */
static struct news contact_update(struct user *user, struct buddy **at, const struct s2_buddy *in)
{
	struct arena arena = {0};
	struct roster *roster = &user->roster;
	struct buddy *buddy = *at;
	const char *groups = join_groups(&arena, in);
	struct news news = {.icon = !text_equal(buddy_text(buddy, BUDDY_ICON), in->icon_hash ? in->icon_hash : "")};
	news.hidden = presence_is_hidden(buddy, in, news.icon);
	buddy = roster_set(roster, buddy, BUDDY_ICON, in->icon_hash);
	if (!text_empty(in->alias)) {
		news.listed = strcmp(buddy_text(buddy, BUDDY_ALIAS), in->alias) != 0;
		buddy = roster_set(roster, buddy, BUDDY_ALIAS, in->alias);
	}
	if (groups) {
		news.listed = news.listed || strcmp(buddy_text(buddy, BUDDY_GROUPS), groups) != 0;
		buddy = roster_set(roster, buddy, BUDDY_GROUPS, groups);
	}
	buddy = roster_set(roster, buddy, BUDDY_STATUS, in->status_text);
	buddy = roster_set(roster, buddy, BUDDY_IDLE,
	                   in->idle_since ? arena_printf(&arena, "%lld", (long long)in->idle_since) : NULL);
	buddy->status = (uint8_t)in->status;
	buddy->lacks = lacks_number(user->hub, in->lacks);
	news.subscription = contact_update_subscription(user, buddy, in);
	news.kept = news.icon || news.listed || news.subscription || !!(buddy->flags & BUDDY_BLOCKED) != in->blocked;
	buddy->flags = (uint8_t)((buddy->flags & ~BUDDY_BLOCKED) | (in->blocked ? BUDDY_BLOCKED : 0));
	arena_fini(&arena);
	*at = buddy;
	return news;
}

void contact_changed(void *arg, struct seat *seat, const struct s2_buddy *in)
{
	struct hub *hub = arg;
	struct user *user = user_of_seat(seat);
	bool created = false;
	enum echo_kind echo = echo_is_due(user, in->name);
	if (echo == ECHO_REMOVED)
		return;
	struct s2_buddy known = *in;
	if (echo == ECHO_CHANGED) {
		known.alias = NULL;
		known.group_count = 0;
		in = &known;
	}
	struct buddy *buddy = roster_find(&user->roster, in->name);
	if (!buddy && !text_equal(in->name, user->name))
		buddy = contact_add(user, in->name, &created);
	if (!buddy) {
		log_debug("contact without an address left out user=%s name=%s", user->jid, log_quote(in->name));
		return;
	}
	struct news news = contact_update(user, &buddy, in);
	if (news.kept || created)
		unsaved(user, buddy);
	if (!(buddy->flags & (BUDDY_SUBSCRIBED | BUDDY_ASKED))) {
		buddy->flags |= BUDDY_ASKED;
		hub_tell(hub, buddy_subscribe, user, buddy);
	} else if (news.listed || news.subscription) {
		hub_tell(hub, buddy_changed, user, buddy);
	}
	if (!news.hidden)
		hub_tell(hub, buddy, user, NULL, buddy, false);
	if (news.icon)
		hub_tell(hub, buddy_icon, user, buddy);
}

static void contact_drop(struct user *user, struct buddy *buddy)
{
	if (user->hub->store && user->id)
		store_remove_buddy(user->hub->store, user->id, buddy_text(buddy, BUDDY_NAME));
	roster_remove(&user->roster, buddy);
}

void contact_removed(void *arg, struct seat *seat, const char *name)
{
	struct hub *hub = arg;
	struct user *user = user_of_seat(seat);
	struct buddy *buddy = roster_find(&user->roster, name);
	if (!buddy || echo_is_due(user, name) != ECHO_NONE)
		return;
	hub_tell(hub, buddy_removed, user, buddy);
	contact_drop(user, buddy);
}

void contact_authorization(void *arg, struct seat *seat, const char *name, const char *text)
{
	struct hub *hub = arg;
	struct user *user = user_of_seat(seat);
	bool created;
	if (shun_is_denied(user, name)) { /* he has said no once; the network forgets that */
		link_buddy_removed(seat, &(struct s2_buddy){.name = name});
		return;
	}
	struct buddy *buddy = contact_add(user, name, &created);
	/* A network may repeat a question that was answered just now. */
	if (!buddy || (contact_has_subscriptions(user) && s2_subscription_from(buddy->subscription)))
		return;
	buddy->flags |= BUDDY_REQUEST | BUDDY_ASKED;
	/* Of who is no contact yet nothing else is known. */
	if (!(buddy->flags & BUDDY_SUBSCRIBED))
		buddy = roster_set(&user->roster, buddy, BUDDY_STATUS, text);
	unsaved(user, buddy);
	hub_tell(hub, buddy_subscribe, user, buddy);
}

void contact_said(void *arg, struct seat *seat, const char *name, enum s2_subscription_verb verb)
{
	struct hub *hub = arg;
	struct user *user = user_of_seat(seat);
	struct buddy *buddy = roster_find(&user->roster, name);
	if (!buddy)
		return;
	hub_tell(hub, subscription, user, buddy, verb);
	if (verb != S2_UNSUBSCRIBE || !(buddy->flags & BUDDY_REQUEST))
		return;
	/* The question was taken back. */
	buddy->flags &= (uint8_t)~BUDDY_REQUEST;
	if (buddy->flags & BUDDY_SUBSCRIBED)
		unsaved(user, buddy);
	else
		contact_drop(user, buddy);
}

/* ---- From the user ---- */

/* In the roster from now on, and the network knows. Returns whether it was so before. */
static bool contact_confirm(struct user *user, const char *name)
{
	bool created;
	struct buddy *buddy = contact_add(user, name, &created);
	if (!buddy)
		return true;
	bool before = (buddy->flags & (BUDDY_SUBSCRIBED | BUDDY_REQUEST)) == BUDDY_SUBSCRIBED;
	buddy->flags |= BUDDY_SUBSCRIBED;
	buddy->flags &= (uint8_t)~BUDDY_REQUEST;
	if (!before) {
		unsaved(user, buddy);
		tell_network(user, buddy, link_buddy_changed);
	}
	hub_tell(user->hub, buddy, user, NULL, buddy, false);
	return before;
}

void contact_subscribe(struct user *user, const char *name)
{
	bool before = contact_confirm(user, name);
	struct buddy *buddy = roster_find(&user->roster, name);
	/* The other direction, asked once. */
	if (buddy && !before && !(buddy->flags & BUDDY_ASKED)) {
		buddy->flags |= BUDDY_ASKED;
		hub_tell(user->hub, buddy_subscribe, user, buddy);
	}
}

bool contact_want(struct user *user, const char *name)
{
	bool created;
	struct buddy *buddy = contact_add(user, name, &created);
	if (!buddy)
		return false;
	if (created)
		unsaved(user, buddy);
	tell_network(user, buddy, link_buddy_changed);
	if (!(buddy->flags & BUDDY_SUBSCRIBED)) {
		buddy->flags |= BUDDY_ASKED;
		hub_tell(user->hub, buddy_subscribe, user, buddy);
	}
	return true;
}

void contact_subscribed(struct user *user, const char *name)
{
	/* The answer to a question; nobody was asked about a name that is not known. */
	if (roster_find(&user->roster, name))
		contact_confirm(user, name);
}

void contact_listed(struct user *user, const char *name)
{
	struct buddy *buddy = roster_find(&user->roster, name);
	if (!buddy)
		return;
	if (!(buddy->flags & BUDDY_SUBSCRIBED)) {
		buddy->flags |= BUDDY_SUBSCRIBED;
		unsaved(user, buddy);
	}
	/* The user's server may not have let it through before. */
	if (buddy->status != S2_STATUS_NONE)
		hub_tell(user->hub, buddy, user, NULL, buddy, false);
}

void contact_arrange(struct user *user, const char *name, const char *alias, const char *groups)
{
	struct buddy *buddy = roster_find(&user->roster, name);
	if (!buddy || user->state != USER_ONLINE)
		return;
	if (alias)
		buddy = roster_set(&user->roster, buddy, BUDDY_ALIAS, alias);
	if (groups)
		buddy = roster_set(&user->roster, buddy, BUDDY_GROUPS, groups);
	unsaved(user, buddy);
	tell_network(user, buddy, link_buddy_changed);
}

bool contact_has_subscriptions(const struct user *user)
{
	const struct config *config = user->hub->config;
	return config_bool(config, "features.subscriptions") && config_bool(config, "service.server_mode");
}

bool contact_say(struct user *user, const char *name, enum s2_subscription_verb verb, const char *text)
{
	struct buddy *buddy = roster_find(&user->roster, name);
	bool answer = verb == S2_SUBSCRIBED || verb == S2_UNSUBSCRIBED;
	if (user->state != USER_ONLINE)
		return false;
	if (text_equal(name, user->name))
		return true;
	link_subscription(&user->seat, name, verb, text);
	if (!buddy || !answer || !(buddy->flags & BUDDY_REQUEST))
		return true;
	buddy->flags &= (uint8_t)~BUDDY_REQUEST;
	if (verb == S2_SUBSCRIBED || buddy->flags & BUDDY_SUBSCRIBED)
		unsaved(user, buddy);
	else
		contact_drop(user, buddy);
	return true;
}

bool contact_put(struct user *user, const char *name, const char *alias, const char *groups)
{
	bool created;
	if (user->state != USER_ONLINE || text_equal(name, user->name))
		return false;
	struct buddy *buddy = contact_add(user, name, &created);
	if (!buddy)
		return false;
	buddy->flags |= BUDDY_SUBSCRIBED | BUDDY_ASKED;
	if (!contact_has_subscriptions(user))
		buddy->flags &= (uint8_t)~BUDDY_REQUEST;
	else if (buddy->subscription == S2_SUBSCRIPTION_UNKNOWN)
		buddy->subscription = S2_SUBSCRIPTION_NONE; /* listed, and nothing else */
	buddy = roster_set(&user->roster, buddy, BUDDY_ALIAS, alias);
	buddy = roster_set(&user->roster, buddy, BUDDY_GROUPS, groups);
	unsaved(user, buddy);
	tell_network(user, buddy, link_buddy_changed);
	return true;
}

void contact_remove(struct user *user, const char *name)
{
	struct buddy *buddy = roster_find(&user->roster, name);
	if (!buddy)
		return;
	tell_network(user, buddy, link_buddy_removed);
	hub_tell(user->hub, buddy, user, NULL, buddy, true);
	contact_drop(user, buddy);
}

void contact_unsubscribe(struct user *user, const char *name, bool unsubscribed)
{
	struct buddy *buddy = roster_find(&user->roster, name);
	if (!buddy)
		return;
	/* "unsubscribed" refuses a question; from a contact that is in the roster it only hides the user's presence. */
	if (unsubscribed && (buddy->flags & BUDDY_SUBSCRIBED)) {
		if (buddy->flags & BUDDY_REQUEST) {
			buddy->flags &= (uint8_t)~BUDDY_REQUEST;
			unsaved(user, buddy);
		}
		return;
	}
	bool tell = !(buddy->flags & BUDDY_SUBSCRIBED) || config_bool(user->hub->config, "service.enable_remove_buddy");
	if (tell)
		tell_network(user, buddy, link_buddy_removed);
	hub_tell(user->hub, buddy, user, NULL, buddy, true);
	bool denied = unsubscribed && buddy->flags & BUDDY_REQUEST;
	char *copy = denied ? mem_strdup(name) : NULL;
	contact_drop(user, buddy);
	if (denied)
		shun_deny(user, copy);
	free(copy);
}
