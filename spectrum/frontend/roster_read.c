/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rosters as they are: what the user has changed in his goes to the network, what it has lost is put back. A roster
 * that is longer than the link takes breaks the link; whose that was is remembered. */
#include <stdlib.h>
#include <string.h>

#include "spectrum/frontend/privilege.h"
#include "spectrum/frontend/roster_inside.h"

#define GET_WAIT_MS 10000
#define GROUPS_MOST 32 /* of one contact */

/* Somebody whose roster may be too long for the link. */
struct breaker {
	unsigned times;
	char jid[];
};

static int order(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char *join_sorted(struct arena *arena, const char **groups, size_t count)
{
	struct str joined = {0};
	qsort(groups, count, sizeof *groups, order);
	for (size_t i = 0; i < count; i++) {
		if (joined.len)
			str_addc(&joined, '\n');
		str_adds(&joined, groups[i]);
	}
	const char *text = arena_strdup(arena, str_text(&joined));
	str_fini(&joined);
	return text;
}

static const char *item_groups(struct arena *arena, const struct element *item)
{
	const char *groups[GROUPS_MOST];
	size_t count = 0;
	for (const struct element *group = element_child(item, "group", NS_ROSTER); group && count < GROUPS_MOST;
	     group = element_next(group, "group", NS_ROSTER)) {
		const char *text = element_text(arena, group);
		if (*text && !strchr(text, '\n'))
			groups[count++] = text;
	}
	return join_sorted(arena, groups, count);
}

static const char *buddy_groups(struct arena *arena, const struct buddy *buddy)
{
	const char *groups[GROUPS_MOST];
	size_t count = 0;
	char *rest = arena_strdup(arena, buddy_text(buddy, BUDDY_GROUPS)), *group;
	while (*rest && count < GROUPS_MOST && (group = strsep(&rest, "\n"))) {
		groups[count++] = group;
		if (!rest)
			break;
	}
	return join_sorted(arena, groups, count);
}

/* One of our contacts as the roster shows it. What the user has changed goes to the network; what the roster lacks is
 * put into it. Of who is just about to be written only a name is of interest, if the network has given none. */
static void compare_item(struct roster_work *work, struct arena *arena, struct user *user, const struct element *item,
                         const char *node)
{
	const struct buddy *buddy = contact_find(user, contact_name(arena, user, node));
	if (!buddy)
		return;
	const char *subscription = element_get(item, "subscription"), *name = element_get(item, "name");
	const char *groups = item_groups(arena, item), *known_groups = buddy_groups(arena, buddy);
	const char *known = arena_strdup(arena, buddy_text(buddy, BUDDY_NAME));
	bool listed = text_equal(subscription, "both") || text_equal(subscription, "to");
	if (!listed)
		return;
	const char *new_name = !text_empty(name) && strcmp(name, roster_shown_name(buddy)) != 0 ? name : NULL;
	const char *new_groups = *groups && strcmp(groups, known_groups) != 0 ? groups : NULL;
	if (buddy->flags & (BUDDY_LISTING | BUDDY_SENT)) {
		if (new_name && !*buddy_text(buddy, BUDDY_ALIAS))
			contact_arrange(user, known, new_name, NULL);
		return;
	}
	bool lacks = (text_empty(name) && *buddy_text(buddy, BUDDY_ALIAS)) || (!*groups && *known_groups);
	if (!(buddy->flags & BUDDY_SUBSCRIBED))
		contact_listed(user, known);
	if (new_name || new_groups)
		contact_arrange(user, known, new_name, new_groups);
	buddy = lacks ? contact_find(user, known) : NULL;
	if (buddy && roster_way(work, roster_host_find(work, user_jid(user))) == WAY_SET)
		roster_put(work, user, buddy);
}

/* A roster that has lost all of them gets them again. */
static void restore_all(struct roster_work *work, struct user *user)
{
	const struct buddy *buddy;
	if (roster_way(work, roster_host_find(work, user_jid(user))) != WAY_SET)
		return;
	for (unsigned at = 0; (buddy = contact_at(user, at)); at++) {
		if (buddy->flags & BUDDY_SUBSCRIBED)
			roster_put(work, user, buddy);
	}
}

static void compare(struct roster_work *work, struct arena *arena, struct user *user, const struct element *query)
{
	const struct element *item = element_child(query, "item", NS_ROSTER);
	bool any = false;
	for (; item; item = element_next(item, "item", NS_ROSTER)) {
		struct jid jid;
		if (!jid_parse(arena, element_get(item, "jid"), &jid) || !*jid.node ||
		    strcmp(jid.domain, work->frontend->jid) != 0)
			continue;
		any = true;
		compare_item(work, arena, user, item, jid.node);
	}
	if (!any)
		restore_all(work, user);
}

/* A roster above the limits of the link breaks it: who did that twice in a row is not asked any more. */
static void note_break(struct roster_work *work, const char *jid, bool broke)
{
	struct breaker *breaker = map_get(&work->breakers, jid);
	if (broke && !breaker && work->breakers.count < ROSTER_HOSTS_MOST) {
		breaker = mem_new(sizeof *breaker + strlen(jid) + 1);
		strcpy(breaker->jid, jid);
		map_put(&work->breakers, breaker->jid, breaker);
	}
	if (broke && breaker) {
		breaker->times++;
	} else if (breaker) {
		map_remove(&work->breakers, jid);
		free(breaker);
	}
}

bool roster_breaks_link(const struct roster_work *work, const char *jid)
{
	const struct breaker *breaker = map_get(&work->breakers, jid);
	return breaker && breaker->times > 1;
}

static void roster_got(const struct iq *iq)
{
	struct roster_work *work = iq->frontend->roster;
	struct host *host = roster_host_find(work, iq->to);
	if (host && host->remote == REMOTE_ASKED)
		host->remote = iq->end == IQ_RESULT ? REMOTE_YES : iq->end == IQ_LOST ? REMOTE_UNTRIED : REMOTE_NO;
	note_break(work, iq->to, iq->end == IQ_LOST);
	struct task *task = map_get(&work->tasks, iq->to);
	if (task)
		task->looking = false;
	struct user *user = hub_user(iq->frontend->hub, iq->to);
	if (iq->end == IQ_RESULT && user && user_is_online(user))
		compare(work, iq->arena, user, element_child(iq->answer, "query", NS_ROSTER));
}

bool roster_read(struct roster_work *work, const char *jid)
{
	struct frontend *frontend = work->frontend;
	if (roster_breaks_link(work, jid))
		return false;
	struct writer *writer = iq_open(frontend->iqs, "get", jid, GET_WAIT_MS, roster_got, NULL);
	if (!writer)
		return false;
	xml_empty(writer, "query", NS_ROSTER);
	stanza_close(frontend);
	return true;
}

/* The first user of a host that has not granted anything: perhaps it takes roster requests all the same. */
void roster_try_host(struct roster_work *work, struct host *host, const char *jid)
{
	if (host && host->remote == REMOTE_UNTRIED && !privilege_find(work->frontend->privileges, host->name))
		host->remote = roster_read(work, jid) ? REMOTE_ASKED : REMOTE_UNTRIED;
}

void roster_forget_breakers(struct roster_work *work)
{
	MAP_EACH (&work->breakers, struct breaker, breaker)
		free(breaker);
	map_fini(&work->breakers);
}
