/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/xmpp/contact.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/xmpp/ns.h"
#include "lib/xmpp/subscription.h"

#define LOG_AREA "xmpp"

enum {
	MOST_CONTACTS = 20000, /* of one user */
	MOST_RESOURCES = 20,   /* of one contact */
	MOST_GROUPS = 32,
};

/* One client of a contact. */
struct resource {
	struct resource *next; /* the newest first */
	char *text;
	int64_t idle_since;
	int priority;
	enum s2_status status;
	char name[];
};

struct contact *contact_find(const struct user *user, const char *jid)
{
	return map_get(&user->contacts, jid);
}

struct contact *contact_new(struct user *user, const char *jid)
{
	if (user->contacts.count >= MOST_CONTACTS) {
		if (user->contacts.count == MOST_CONTACTS)
			log_warn("more than %d contacts; the others are left out user=%s", MOST_CONTACTS,
			         s2_user_jid(user->s2));
		return NULL;
	}
	struct contact *contact = mem_new(sizeof *contact);
	contact->jid = mem_strdup(jid);
	contact->told = S2_STATUS_NONE;
	contact->subscription = S2_SUBSCRIPTION_NONE;
	map_put(&user->contacts, contact->jid, contact);
	return contact;
}

static void resource_free(struct resource **at)
{
	struct resource *resource = *at;
	*at = resource->next;
	free(resource->text);
	free(resource);
}

void contact_forget_presences(struct contact *contact)
{
	while (contact->presences)
		resource_free(&contact->presences);
}

void contact_free(struct user *user, struct contact *contact)
{
	map_remove(&user->contacts, contact->jid);
	contact_forget_presences(contact);
	free(contact->jid);
	free(contact->alias);
	free(contact->groups);
	free(contact->icon_hash);
	free(contact->words);
	free(contact);
}

/* ---- The list ---- */

static bool replace(char **at, const char *text)
{
	text = text_or_null(text);
	if (text_equal(*at, text))
		return false;
	mem_replace(at, text);
	return true;
}

static void add_group(struct str *joined, const char *group)
{
	if (text_empty(group) || strchr(group, '\n'))
		return;
	if (joined->len)
		str_addc(joined, '\n');
	str_adds(joined, group);
}

bool contact_update(struct contact *contact, struct arena *arena, const struct element *item)
{
	struct str groups = {0};
	unsigned count = 0;
	const struct element *group = element_child(item, "group", NS_ROSTER);
	for (; group && count++ < MOST_GROUPS; group = element_next(group, "group", NS_ROSTER))
		add_group(&groups, element_text(arena, group));
	uint8_t subscription = subscription_find(element_get(item, "subscription"));
	bool asked = text_equal(element_get(item, "ask"), "subscribe");
	bool news = !contact->listed || contact->subscription != subscription || contact->asked != asked;
	contact->listed = true;
	contact->stale = false;
	contact->subscription = subscription;
	contact->asked = asked;
	if (s2_subscription_from(subscription))
		contact->request = false;
	news |= replace(&contact->alias, element_get(item, "name"));
	news |= replace(&contact->groups, groups.data);
	str_fini(&groups);
	return news;
}

bool contact_arrange(struct contact *contact, const struct s2_buddy *buddy)
{
	struct str groups = {0};
	for (size_t i = 0; i < buddy->group_count && i < MOST_GROUPS; i++)
		add_group(&groups, buddy->groups[i]);
	bool news = !text_empty(buddy->alias) && replace(&contact->alias, buddy->alias);
	news |= replace(&contact->groups, groups.data);
	str_fini(&groups);
	return news;
}

void contact_write(const struct contact *contact, struct writer *writer)
{
	xml_open(writer, "item", NULL);
	xml_attr(writer, "jid", contact->jid);
	xml_attr(writer, "name", contact->alias);
	char *list = mem_strdup(contact->groups), *rest = list, *group;
	while ((group = strsep(&rest, "\n")))
		xml_leaf(writer, "group", NULL, group);
	free(list);
	xml_close(writer);
}

/* ---- Presences ---- */

static struct resource **find(struct contact *contact, const char *name)
{
	struct resource **at = &contact->presences;
	while (*at && strcmp((*at)->name, name) != 0)
		at = &(*at)->next;
	return at;
}

/* How available somebody is, for clients of equal priority. */
static int rank(enum s2_status status)
{
	static const int ranks[] = {
	    [S2_STATUS_FFC] = 5, [S2_STATUS_ONLINE] = 4, [S2_STATUS_DND] = 3, [S2_STATUS_AWAY] = 2, [S2_STATUS_XA] = 1};
	return (size_t)status < sizeof ranks / sizeof *ranks ? ranks[status] : 0;
}

static const struct resource *best(const struct contact *contact)
{
	const struct resource *best = contact->presences;
	for (const struct resource *one = best; one; one = one->next)
		if (one->priority > best->priority ||
		    (one->priority == best->priority && rank(one->status) > rank(best->status)))
			best = one;
	return best;
}

static void resource_add(struct contact *contact, const char *name, const struct presence *presence)
{
	size_t bytes = strlen(name) + 1;
	struct resource *resource = mem_new(sizeof *resource + bytes);
	memcpy(resource->name, name, bytes);
	resource->text = mem_strdup(presence->text);
	resource->idle_since = presence->idle_since;
	resource->priority = presence->priority;
	resource->status = presence->status;
	resource->next = contact->presences;
	contact->presences = resource;
	unsigned count = 0;
	for (struct resource **at = &contact->presences; *at;) {
		if (++count > MOST_RESOURCES)
			resource_free(at);
		else
			at = &(*at)->next;
	}
}

static bool same_words(const struct s2_buddy *a, const struct s2_buddy *b)
{
	return a->status == b->status && a->idle_since == b->idle_since && text_equal(a->status_text, b->status_text);
}

bool contact_set_presence(struct contact *contact, const char *resource, const struct presence *presence)
{
	struct arena arena = {0};
	struct s2_buddy before, after;
	contact_read(contact, &arena, &before);
	if (before.status_text)
		before.status_text = arena_strdup(&arena, before.status_text);
	/* Without a resource: all of them are gone. */
	if (presence->status == S2_STATUS_NONE && !*resource)
		contact_forget_presences(contact);
	struct resource **old = find(contact, resource);
	if (*old)
		resource_free(old);
	if (presence->status != S2_STATUS_NONE)
		resource_add(contact, resource, presence);
	bool news = presence->icon_hash && contact_set_icon(contact, presence->icon_hash);
	contact_read(contact, &arena, &after);
	news |= !same_words(&before, &after) || contact->told != after.status;
	contact->told = (uint8_t)after.status;
	arena_fini(&arena);
	return news;
}

bool contact_set_icon(struct contact *contact, const char *hash)
{
	return replace(&contact->icon_hash, hash);
}

/* ---- For the main process ---- */

const char *contact_resource(const struct contact *contact)
{
	const struct resource *resource = best(contact);
	return resource ? resource->name : NULL;
}

bool contact_is_shown(const struct contact *contact)
{
	return contact->listed;
}

void contact_read(const struct contact *contact, struct arena *arena, struct s2_buddy *buddy)
{
	const struct resource *resource = best(contact);
	const char **groups = arena_alloc(arena, MOST_GROUPS * sizeof *groups);
	*buddy = (struct s2_buddy){
	    .name = contact->jid,
	    .alias = contact->alias,
	    .groups = groups,
	    .status = resource ? resource->status : S2_STATUS_NONE,
	    .status_text = resource ? resource->text : NULL,
	    .idle_since = resource ? resource->idle_since : 0,
	    .icon_hash = contact->icon_hash,
	    .blocked = contact->blocked,
	    .subscription = contact->subscription,
	    .pending = contact->asked,
	};
	char *rest = arena_strdup(arena, contact->groups), *group;
	while (buddy->group_count < MOST_GROUPS && (group = strsep(&rest, "\n")))
		groups[buddy->group_count++] = group;
}
