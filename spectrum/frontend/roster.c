/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/frontend/roster.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/map.h"
#include "spectrum/frontend/client.h"
#include "spectrum/frontend/inside.h"
#include "spectrum/frontend/iq.h"
#include "spectrum/frontend/privilege.h"
#include "spectrum/server/server.h"

#define LOG_AREA "roster"
#define TICK_MS 100     /* and one subscription request per user and tick */
#define SETTLE_MS 500   /* from the link's start to the first use of what hosts grant */
#define HOSTS_MOST 1000 /* of users; those of more are asked by subscription requests */
#define WINDOW 64       /* roster sets of one user without an answer */
#define SET_WAIT_MS 20000
#define GET_WAIT_MS 10000
#define LOOK_MS 1000           /* from the user's adding of a contact to the look at his roster */
#define EXCHANGE_QUIET_MS 3000 /* no new contact for so long */
#define EXCHANGE_LATE_MS 20000 /* ... or waiting for so long */
#define EXCHANGE_WAIT_MS 60000 /* clients ask their users first */
#define EXCHANGE_ITEMS 500     /* of one stanza */
#define MISFITS_MOST 10        /* contacts that the roster refuses and that ask instead, at once */

struct host {
	enum { REMOTE_UNTRIED, REMOTE_ASKED, REMOTE_YES, REMOTE_NO } remote; /* roster requests without a grant */
	bool proved; /* a set has worked since the link stands */
	bool broken; /* sets fail */
	char name[];
};

/* Somebody whose roster may be too long for the link. */
struct breaker {
	unsigned times;
	char jid[];
};

/* A user with contacts on their way. Which ones those are is written on the contacts themselves (BUDDY_LISTING,
 * BUDDY_SENT), so that thousands of them cost nothing. */
struct task {
	struct host *host;
	unsigned exchanges;   /* without an answer */
	unsigned misfits;     /* that the roster refused one by one */
	bool exchanged;       /* a client took it */
	bool refused;         /* sets fail for this user */
	uint64_t first, last; /* ms, when contacts came; first 0: none is on its way */
	uint64_t look_at;     /* 0: no look at the roster is due */
	bool looking;         /* nothing is written until it was read */
	char jid[];
};

struct roster_work {
	struct frontend *frontend;
	struct map tasks; /* by the user's JID */
	struct map hosts;
	struct map breakers; /* users whose roster was being read when the link broke */
	struct timer *tick;  /* runs while there is a task */
	uint64_t settled;    /* ms: when hosts had time to grant */
};

enum way { WAY_LATER, WAY_SET, WAY_EXCHANGE, WAY_NONE };

/* ---- Hosts ---- */

static const char *host_of(const char *jid)
{
	const char *at = strrchr(jid, '@');
	return at ? at + 1 : jid;
}

static struct host *host_find(struct roster_work *work, const char *jid)
{
	const char *name = host_of(jid);
	struct host *host = map_get(&work->hosts, name);
	if (host || work->hosts.count >= HOSTS_MOST)
		return host;
	host = mem_new(sizeof *host + strlen(name) + 1);
	strcpy(host->name, name);
	map_put(&work->hosts, host->name, host);
	return host;
}

/* Whether it is known what this host grants: it has said so, or had the time to. */
static bool is_settled(const struct roster_work *work, const struct host *host)
{
	const struct frontend *frontend = work->frontend;
	return upstream_is_up(frontend->upstream) && (loop_now(frontend->loop) >= work->settled ||
	                                              (host && privilege_find(frontend->privileges, host->name)));
}

/* Whether rosters may be read, and written. */
static bool may_get(const struct roster_work *work, const struct host *host)
{
	const struct privilege *privilege = host ? privilege_find(work->frontend->privileges, host->name) : NULL;
	return privilege ? privilege->roster_get : host && host->remote == REMOTE_YES;
}

static enum way host_way(const struct roster_work *work, const struct host *host)
{
	if (!is_settled(work, host))
		return WAY_LATER;
	if (!host || host->broken)
		return WAY_EXCHANGE;
	const struct privilege *privilege = privilege_find(work->frontend->privileges, host->name);
	if (privilege)
		return privilege->roster_set ? WAY_SET : WAY_EXCHANGE;
	static const enum way ways[] = {[REMOTE_UNTRIED] = WAY_LATER,
	                                [REMOTE_ASKED] = WAY_LATER,
	                                [REMOTE_YES] = WAY_SET,
	                                [REMOTE_NO] = WAY_EXCHANGE};
	return ways[host->remote];
}

/* A set has failed: is that the host's fault, or about this one contact? */
static bool is_about_item(enum s2_condition condition)
{
	return condition == S2_BAD_REQUEST || condition == S2_NOT_ACCEPTABLE || condition == S2_JID_MALFORMED ||
	       condition == S2_POLICY_VIOLATION || condition == S2_RESOURCE_CONSTRAINT;
}

static bool set_failed(const struct iq *iq, struct host *host)
{
	const char *text;
	enum s2_condition condition =
	    iq->end == IQ_ERROR ? stanza_error(iq->arena, iq->answer, &text) : S2_REMOTE_SERVER_TIMEOUT;
	if (host && !host->proved && !host->broken && !is_about_item(condition)) {
		host->broken = true;
		log_warn("roster sets fail: contacts are asked for in other ways until the link is made anew host=%s "
		         "error=%s",
		         host->name, condition_name(condition));
	}
	return !is_about_item(condition);
}

/* ---- Writing ---- */

static const char *shown_name(const struct buddy *buddy)
{
	const char *alias = buddy_text(buddy, BUDDY_ALIAS);
	return *alias ? alias : buddy_text(buddy, BUDDY_NAME);
}

static void write_groups(struct writer *writer, struct arena *arena, const char *joined)
{
	char *rest = arena_strdup(arena, joined), *group;
	while (rest && *rest && (group = strsep(&rest, "\n")))
		xml_leaf(writer, "group", NULL, text_or_null(group));
}

static void write_item(struct writer *writer, const char *jid, const char *name, const char *subscription)
{
	xml_open(writer, "item", NULL);
	xml_attr(writer, "jid", jid);
	xml_attr(writer, "name", name);
	xml_attr(writer, "subscription", subscription);
}

static void say_presence(struct frontend *frontend, const char *from, const char *to, const char *type)
{
	stanza_open(frontend, "presence", UPSTREAM_KEPT, from, to, type);
	stanza_close(frontend);
}

/* A question of the contact to the user, with its name. */
static void ask(struct frontend *frontend, struct user *user, const struct buddy *buddy)
{
	const char *from = contact_jid(frontend, user, buddy_text(buddy, BUDDY_NAME), NULL);
	if (!from)
		return;
	struct writer *writer = stanza_open(frontend, "presence", UPSTREAM_KEPT, from, user_jid(user), "subscribe");
	xml_leaf(writer, "nick", NS_NICK, text_or_null(buddy_text(buddy, BUDDY_ALIAS)));
	stanza_close(frontend);
}

/* ---- Tasks ---- */

static void task_free(struct roster_work *work, struct task *task)
{
	map_remove(&work->tasks, task->jid);
	free(task);
}

static void tick(void *arg);

static struct task *task_of(struct roster_work *work, const char *jid)
{
	struct task *task = map_get(&work->tasks, jid);
	if (task)
		return task;
	task = mem_new(sizeof *task + strlen(jid) + 1);
	strcpy(task->jid, jid);
	task->host = host_find(work, jid);
	map_put(&work->tasks, task->jid, task);
	if (!timer_running(work->tick))
		timer_start(work->tick, TICK_MS, TICK_MS);
	return task;
}

/* A contact is on its way, and nobody has it yet. */
static bool waits(const struct buddy *buddy)
{
	return (buddy->flags & (BUDDY_LISTING | BUDDY_SENT)) == BUDDY_LISTING;
}

/* The first contact from *at on that waits; *at moves behind it. NULL: there is none. */
static const struct buddy *next_waiting(const struct user *user, unsigned *at)
{
	const struct buddy *buddy;
	while ((buddy = contact_at(user, (*at)++))) {
		if (waits(buddy))
			return buddy;
	}
	return NULL;
}

static unsigned count_flag(const struct user *user, unsigned flag)
{
	const struct buddy *buddy;
	unsigned count = 0;
	for (unsigned at = 0; (buddy = contact_at(user, at)); at++)
		count += !!(buddy->flags & flag);
	return count;
}

static void wait_again(struct user *user, const char *name)
{
	contact_mark(user, name, BUDDY_SENT, BUDDY_LISTING);
}

static void mark_sent(struct user *user, const struct buddy *buddy)
{
	contact_mark(user, buddy_text(buddy, BUDDY_NAME), BUDDY_LISTING, BUDDY_SENT);
}

/* It has arrived, or there is no way for it. */
static void forget(struct user *user, const char *name)
{
	contact_mark(user, name, BUDDY_LISTING | BUDDY_SENT, 0);
}

static void task_add(struct roster_work *work, struct user *user, const struct buddy *buddy)
{
	struct task *task = task_of(work, user_jid(user));
	task->last = loop_now(work->frontend->loop);
	if (!task->first)
		task->first = task->last;
	contact_mark(user, buddy_text(buddy, BUDDY_NAME), 0, BUDDY_LISTING);
}

/* ---- The roster as it is ---- */

static int order(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

#define GROUPS_MOST 32

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
	const char *new_name = !text_empty(name) && strcmp(name, shown_name(buddy)) != 0 ? name : NULL;
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
	if (buddy && host_way(work, host_find(work, user_jid(user))) == WAY_SET)
		task_add(work, user, buddy);
}

/* A roster that has lost all of them gets them again. */
static void restore_all(struct roster_work *work, struct user *user)
{
	const struct buddy *buddy;
	if (host_way(work, host_find(work, user_jid(user))) != WAY_SET)
		return;
	for (unsigned at = 0; (buddy = contact_at(user, at)); at++) {
		if (buddy->flags & BUDDY_SUBSCRIBED)
			task_add(work, user, buddy);
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
	if (broke && !breaker && work->breakers.count < HOSTS_MOST) {
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

static bool breaks_link(const struct roster_work *work, const char *jid)
{
	const struct breaker *breaker = map_get(&work->breakers, jid);
	return breaker && breaker->times > 1;
}

static void roster_got(const struct iq *iq)
{
	struct roster_work *work = iq->frontend->roster;
	struct host *host = host_find(work, iq->to);
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

static bool read_roster(struct roster_work *work, const char *jid)
{
	struct frontend *frontend = work->frontend;
	if (breaks_link(work, jid))
		return false;
	struct writer *writer = iq_open(frontend->iqs, "get", jid, GET_WAIT_MS, roster_got, NULL);
	if (!writer)
		return false;
	xml_empty(writer, "query", NS_ROSTER);
	stanza_close(frontend);
	return true;
}

/* The first user of a host that has not granted anything: perhaps it takes roster requests all the same. */
static void try_host(struct roster_work *work, struct host *host, const char *jid)
{
	if (host && host->remote == REMOTE_UNTRIED && !privilege_find(work->frontend->privileges, host->name))
		host->remote = read_roster(work, jid) ? REMOTE_ASKED : REMOTE_UNTRIED;
}

/* ---- Way 1: roster sets ---- */

static void set_answered(const struct iq *iq)
{
	struct roster_work *work = iq->frontend->roster;
	struct user *user = hub_user(iq->frontend->hub, iq->to);
	struct task *task = map_get(&work->tasks, iq->to);
	const struct buddy *buddy = user && task ? contact_find(user, iq->subject) : NULL;
	if (!buddy || !(buddy->flags & BUDDY_SENT))
		return;
	if (iq->end == IQ_RESULT) {
		if (task->host)
			task->host->proved = true;
		if (buddy->flags & BUDDY_LISTING)
			wait_again(user, iq->subject);
		else
			forget(user, iq->subject);
		contact_listed(user, iq->subject);
	} else if (iq->end == IQ_LOST) {
		wait_again(user, iq->subject);
	} else if (set_failed(iq, task->host)) {
		task->refused = true;
		wait_again(user, iq->subject);
	} else {
		log_info("contact refused by the roster user=%s name=%s", iq->to, log_quote(iq->subject));
		if (!(buddy->flags & BUDDY_SUBSCRIBED) && task->misfits++ < MISFITS_MOST)
			ask(iq->frontend, user, buddy);
		forget(user, iq->subject);
	}
}

static bool send_set(struct roster_work *work, struct user *user, const struct buddy *buddy)
{
	struct frontend *frontend = work->frontend;
	const char *name = buddy_text(buddy, BUDDY_NAME), *jid = contact_jid(frontend, user, name, NULL);
	struct writer *writer =
	    jid ? iq_open(frontend->iqs, "set", user_jid(user), SET_WAIT_MS, set_answered, name) : NULL;
	if (!writer)
		return false;
	xml_open(writer, "query", NS_ROSTER);
	write_item(writer, jid, shown_name(buddy), "both");
	write_groups(writer, &frontend->arena, buddy_text(buddy, BUDDY_GROUPS));
	xml_close(writer);
	xml_close(writer);
	stanza_close(frontend);
	return true;
}

static void send_sets(struct roster_work *work, struct user *user)
{
	const struct buddy *buddy;
	unsigned at = 0, sent = count_flag(user, BUDDY_SENT);
	while (sent < WINDOW && (buddy = next_waiting(user, &at))) {
		if (!send_set(work, user, buddy))
			return; /* too many requests wait: at the next tick */
		mark_sent(user, buddy);
		sent++;
	}
}

/* ---- Way 2: roster item exchange ---- */

static bool takes_exchanges(const struct resource *client)
{
	return (client_mark(client) & (CLIENT_EXCHANGE | CLIENT_REFUSED)) == CLIENT_EXCHANGE;
}

/* Returns whether it is known of all clients what they can do; *able: how many take exchanges. */
static bool ask_clients(struct roster_work *work, struct user *user, unsigned *able)
{
	bool all = true;
	*able = 0;
	for (const struct resource *client = client_first(user); client; client = client_after(client)) {
		client_look(work->frontend, user, client);
		all = all && client_mark(client) & CLIENT_KNOWN;
		*able += takes_exchanges(client);
	}
	return all;
}

static void exchange_answered(const struct iq *iq)
{
	struct roster_work *work = iq->frontend->roster;
	const char *slash = strchr(iq->to, '/');
	struct arena *arena = &iq->frontend->arena;
	const char *jid = slash ? arena_strndup(arena, iq->to, (size_t)(slash - iq->to)) : iq->to;
	struct user *user = hub_user(iq->frontend->hub, jid);
	struct task *task = map_get(&work->tasks, jid);
	if (!user || !task || !task->exchanges)
		return;
	/* Who does not answer is still asking his user. */
	if (iq->end == IQ_RESULT || iq->end == IQ_TIMEOUT)
		task->exchanged = true;
	else if (iq->end == IQ_ERROR && slash)
		client_refused(user, slash + 1);
	if (--task->exchanges)
		return;
	const struct buddy *buddy;
	for (unsigned at = 0; (buddy = contact_at(user, at)); at++) {
		if (!(buddy->flags & BUDDY_SENT))
			continue;
		if (task->exchanged && !(buddy->flags & BUDDY_LISTING))
			forget(user, buddy_text(buddy, BUDDY_NAME));
		else
			wait_again(user, buddy_text(buddy, BUDDY_NAME));
	}
	task->exchanged = false;
}

static void write_exchange(struct frontend *frontend, struct writer *writer, struct user *user)
{
	const struct buddy *buddy;
	unsigned count = 0;
	xml_open(writer, "x", NS_ROSTER_EXCHANGE);
	for (unsigned at = 0; count < EXCHANGE_ITEMS && (buddy = next_waiting(user, &at)); count++) {
		const char *jid = contact_jid(frontend, user, buddy_text(buddy, BUDDY_NAME), NULL);
		if (!jid)
			continue;
		xml_open(writer, "item", NULL);
		xml_attr(writer, "action", buddy->flags & BUDDY_SUBSCRIBED ? "modify" : "add");
		xml_attr(writer, "jid", jid);
		xml_attr(writer, "name", shown_name(buddy));
		write_groups(writer, &frontend->arena, buddy_text(buddy, BUDDY_GROUPS));
		xml_close(writer);
	}
	xml_close(writer);
}

static void send_exchanges(struct roster_work *work, struct task *task, struct user *user)
{
	struct frontend *frontend = work->frontend;
	for (const struct resource *client = client_first(user); client; client = client_after(client)) {
		if (!takes_exchanges(client))
			continue;
		struct writer *writer = iq_open(frontend->iqs, "set", user_address(frontend, user, client_name(client)),
		                                EXCHANGE_WAIT_MS, exchange_answered, NULL);
		if (!writer)
			continue;
		write_exchange(frontend, writer, user);
		stanza_close(frontend);
		task->exchanges++;
	}
	const struct buddy *buddy;
	unsigned at = 0;
	for (unsigned count = 0; task->exchanges && count < EXCHANGE_ITEMS && (buddy = next_waiting(user, &at));
	     count++)
		mark_sent(user, buddy);
}

/* ---- Way 3: questions ---- */

static void ask_next(struct roster_work *work, struct user *user)
{
	const struct buddy *buddy;
	for (unsigned at = 0; (buddy = next_waiting(user, &at));) {
		bool new = !(buddy->flags & BUDDY_SUBSCRIBED);
		if (new)
			ask(work->frontend, user, buddy);
		forget(user, buddy_text(buddy, BUDDY_NAME));
		if (new)
			return;
	}
}

/* ---- All together ---- */

static void without_sets(struct roster_work *work, struct task *task, struct user *user)
{
	uint64_t now = loop_now(work->frontend->loop);
	unsigned able, at = 0;
	if (!next_waiting(user, &at) || task->exchanges || !ask_clients(work, user, &able))
		return;
	if (!able)
		ask_next(work, user);
	else if (now - task->last >= EXCHANGE_QUIET_MS || now - task->first >= EXCHANGE_LATE_MS)
		send_exchanges(work, task, user);
}

static void task_advance(struct roster_work *work, struct task *task)
{
	struct user *user = hub_user(work->frontend->hub, task->jid);
	enum way way = host_way(work, task->host);
	if ((way == WAY_SET && task->refused) ||
	    (way == WAY_LATER && is_settled(work, task->host) && breaks_link(work, task->jid)))
		way = WAY_EXCHANGE;
	if (is_settled(work, task->host))
		try_host(work, task->host, task->jid);
	if (task->look_at && task->look_at <= loop_now(work->frontend->loop) && way != WAY_LATER) {
		task->look_at = 0;
		task->looking = may_get(work, task->host) && read_roster(work, task->jid);
	}
	if (task->look_at || task->looking)
		return;
	if (user && way == WAY_SET)
		send_sets(work, user);
	else if (user && way == WAY_EXCHANGE)
		without_sets(work, task, user);
	if (!user || !count_flag(user, BUDDY_LISTING | BUDDY_SENT))
		task_free(work, task);
}

static void tick(void *arg)
{
	struct roster_work *work = arg;
	MAP_EACH (&work->tasks, struct task, task)
		task_advance(work, task);
	if (!work->tasks.count)
		timer_stop(work->tick);
}

struct roster_work *roster_work_new(struct frontend *frontend)
{
	struct roster_work *work = mem_new(sizeof *work);
	work->frontend = frontend;
	work->tick = timer_new(frontend->loop, tick, work);
	return work;
}

void roster_work_free(struct roster_work **at)
{
	struct roster_work *work = *at;
	if (!work)
		return;
	MAP_EACH (&work->tasks, struct task, task)
		task_free(work, task);
	MAP_EACH (&work->hosts, struct host, host)
		free(host);
	MAP_EACH (&work->breakers, struct breaker, breaker)
		free(breaker);
	map_fini(&work->tasks);
	map_fini(&work->hosts);
	map_fini(&work->breakers);
	timer_free(&work->tick);
	free(work);
	*at = NULL;
}

void roster_link_up(struct roster_work *work)
{
	work->settled = loop_now(work->frontend->loop) + SETTLE_MS;
}

void roster_link_down(struct roster_work *work)
{
	MAP_EACH (&work->hosts, struct host, host) {
		host->remote = REMOTE_UNTRIED;
		host->proved = host->broken = false;
	}
	MAP_EACH (&work->tasks, struct task, task)
		task->refused = false;
}

/* ---- Out of the hub ---- */

void roster_online(void *arg, struct user *user)
{
	struct frontend *frontend = arg;
	if (frontend->serves)
		return;
	struct host *host = host_find(frontend->roster, user_jid(user));
	if (!is_settled(frontend->roster, host))
		roster_look(frontend->roster, user);
	else if (may_get(frontend->roster, host))
		read_roster(frontend->roster, user_jid(user));
	else
		try_host(frontend->roster, host, user_jid(user));
}

void roster_buddy_subscribe(void *arg, struct user *user, const struct buddy *buddy)
{
	struct frontend *frontend = arg;
	if (frontend->serves)
		server_contact_new(frontend->upstream, user, buddy);
	else if (buddy->flags & BUDDY_REQUEST)
		ask(frontend, user, buddy);
	else if (buddy->flags & BUDDY_SUBSCRIBED &&
	         host_way(frontend->roster, host_find(frontend->roster, user_jid(user))) != WAY_SET)
		ask(frontend, user, buddy); /* the other direction */
	else
		task_add(frontend->roster, user, buddy);
}

void roster_buddy_changed(void *arg, struct user *user, const struct buddy *buddy)
{
	struct frontend *frontend = arg;
	if (frontend->serves)
		server_contact_changed(frontend->upstream, user, buddy);
	else if (!(buddy->flags & BUDDY_REQUEST))
		task_add(frontend->roster, user, buddy);
}

void roster_look(struct roster_work *work, const struct user *user)
{
	if (work->frontend->serves)
		return;
	struct task *task = task_of(work, user_jid(user));
	task->look_at = loop_now(work->frontend->loop) + LOOK_MS;
}

/* ---- Taking out ---- */

static void take_back(struct frontend *frontend, const char *from, const char *to)
{
	say_presence(frontend, from, to, "unsubscribe");
	say_presence(frontend, from, to, "unsubscribed");
}

static void remove_answered(const struct iq *iq)
{
	const char *text;
	if (iq->end == IQ_RESULT ||
	    (iq->end == IQ_ERROR && stanza_error(iq->arena, iq->answer, &text) == S2_ITEM_NOT_FOUND))
		return;
	if (iq->end != IQ_LOST)
		set_failed(iq, host_find(iq->frontend->roster, iq->to));
	take_back(iq->frontend, iq->subject, iq->to);
}

static void take_out(struct frontend *frontend, const char *jid, const char *user)
{
	struct roster_work *work = frontend->roster;
	struct writer *writer = NULL;
	stanza_open(frontend, "presence", UPSTREAM_PASSING, jid, user, "unavailable");
	stanza_close(frontend);
	if (host_way(work, host_find(work, user)) == WAY_SET)
		writer = iq_open(frontend->iqs, "set", user, SET_WAIT_MS, remove_answered, jid);
	if (!writer) {
		take_back(frontend, jid, user);
		return;
	}
	xml_open(writer, "query", NS_ROSTER);
	write_item(writer, jid, NULL, "remove");
	xml_close(writer);
	xml_close(writer);
	stanza_close(frontend);
}

void roster_buddy_removed(void *arg, struct user *user, const struct buddy *buddy)
{
	struct frontend *frontend = arg;
	if (frontend->serves) {
		server_contact_removed(frontend->upstream, user, buddy);
		return;
	}
	const char *jid = contact_jid(frontend, user, buddy_text(buddy, BUDDY_NAME), NULL);
	if (jid)
		take_out(frontend, jid, user_jid(user));
}

/* ---- The gateway itself ---- */

/* Asks for the user's presence and shows him its own (XEP-0100 section 4.1.1). */
static void ask_for_gateway(struct frontend *frontend, const char *jid)
{
	say_presence(frontend, frontend->jid, jid, "subscribe");
}

static void gateway_answered(const struct iq *iq)
{
	if (iq->end == IQ_RESULT) {
		struct host *host = host_find(iq->frontend->roster, iq->to);
		if (host)
			host->proved = true;
		/* Whoever is there will be logged in. */
		presence_probe(iq->frontend, iq->to);
		return;
	}
	if (iq->end != IQ_LOST)
		set_failed(iq, host_find(iq->frontend->roster, iq->to));
	ask_for_gateway(iq->frontend, iq->to);
}

void roster_add_gateway(struct roster_work *work, const char *jid)
{
	struct frontend *frontend = work->frontend;
	struct writer *writer = NULL;
	if (frontend->serves)
		return;
	if (host_way(work, host_find(work, jid)) == WAY_SET)
		writer = iq_open(frontend->iqs, "set", jid, SET_WAIT_MS, gateway_answered, NULL);
	if (!writer) {
		ask_for_gateway(frontend, jid);
		return;
	}
	xml_open(writer, "query", NS_ROSTER);
	write_item(writer, frontend->jid, text_or_null(config_text(frontend->config, "identity.name")), "both");
	xml_close(writer);
	xml_close(writer);
	stanza_close(frontend);
}

void roster_remove_gateway(struct roster_work *work, const char *jid)
{
	if (!work->frontend->serves)
		take_out(work->frontend, work->frontend->jid, jid);
}
