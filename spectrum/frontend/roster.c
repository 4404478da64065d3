/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/frontend/roster.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "spectrum/frontend/client.h"
#include "spectrum/frontend/roster_inside.h"
#include "spectrum/server/server.h"

#define LOG_AREA "roster"
#define TICK_MS 100            /* and one subscription request per user and tick */
#define SETTLE_MS 500          /* from the link's start to the first use of what hosts grant */
#define WINDOW 64              /* roster sets of one user without an answer */
#define LOOK_MS 1000           /* from the user's adding of a contact to the look at his roster */
#define EXCHANGE_QUIET_MS 3000 /* no new contact for so long */
#define EXCHANGE_LATE_MS 20000 /* ... or waiting for so long */
#define EXCHANGE_WAIT_MS 60000 /* clients ask their users first */
#define EXCHANGE_ITEMS 500     /* of one stanza */
#define MISFITS_MOST 10        /* contacts that the roster refuses and that ask instead, at once */

/* ---- Writing ---- */

const char *roster_shown_name(const struct buddy *buddy)
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

/* A question of the contact to the user, with its name. */
static void ask(struct frontend *frontend, struct user *user, const struct buddy *buddy)
{
	const char *from = contact_jid(frontend, user, buddy_text(buddy, BUDDY_NAME), NULL);
	if (!from)
		return;
	struct writer *writer = stanza_open(frontend, "presence", UPSTREAM_KEPT, from, user_jid(user), "subscribe");
	xml_leaf(writer, "status", NULL, contact_request_text(buddy));
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
	task->host = roster_host_find(work, jid);
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

void roster_put(struct roster_work *work, struct user *user, const struct buddy *buddy)
{
	struct task *task = task_of(work, user_jid(user));
	task->last = loop_now(work->frontend->loop);
	if (!task->first)
		task->first = task->last;
	contact_mark(user, buddy_text(buddy, BUDDY_NAME), 0, BUDDY_LISTING);
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
	} else if (roster_set_failed(iq, task->host)) {
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
	    jid ? iq_open(frontend->iqs, "set", user_jid(user), ROSTER_SET_WAIT_MS, set_answered, name) : NULL;
	if (!writer)
		return false;
	xml_open(writer, "query", NS_ROSTER);
	roster_write_item(writer, jid, roster_shown_name(buddy), "both");
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
		xml_attr(writer, "name", roster_shown_name(buddy));
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
	enum way way = roster_way(work, task->host);
	if ((way == WAY_SET && task->refused) ||
	    (way == WAY_LATER && roster_settled(work, task->host) && roster_breaks_link(work, task->jid)))
		way = WAY_EXCHANGE;
	if (roster_settled(work, task->host))
		roster_try_host(work, task->host, task->jid);
	if (task->look_at && task->look_at <= loop_now(work->frontend->loop) && way != WAY_LATER) {
		task->look_at = 0;
		task->looking = roster_may_get(work, task->host) && roster_read(work, task->jid);
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
	roster_forget_breakers(work);
	map_fini(&work->tasks);
	map_fini(&work->hosts);
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
	struct host *host = roster_host_find(frontend->roster, user_jid(user));
	if (!roster_settled(frontend->roster, host))
		roster_look(frontend->roster, user);
	else if (roster_may_get(frontend->roster, host))
		roster_read(frontend->roster, user_jid(user));
	else
		roster_try_host(frontend->roster, host, user_jid(user));
}

void roster_buddy_subscribe(void *arg, struct user *user, const struct buddy *buddy)
{
	struct frontend *frontend = arg;
	if (frontend->serves)
		server_contact_new(frontend->upstream, user, buddy);
	else if (buddy->flags & BUDDY_REQUEST)
		ask(frontend, user, buddy);
	else if (buddy->flags & BUDDY_SUBSCRIBED &&
	         roster_way(frontend->roster, roster_host_find(frontend->roster, user_jid(user))) != WAY_SET)
		ask(frontend, user, buddy); /* the other direction */
	else
		roster_put(frontend->roster, user, buddy);
}

void roster_said(void *arg, struct user *user, const struct buddy *buddy, enum s2_subscription_verb verb)
{
	struct frontend *frontend = arg;
	if (frontend->serves)
		server_contact_said(frontend->upstream, user, buddy, verb);
}

void roster_buddy_changed(void *arg, struct user *user, const struct buddy *buddy)
{
	struct frontend *frontend = arg;
	if (frontend->serves)
		server_contact_changed(frontend->upstream, user, buddy);
	else if (!(buddy->flags & BUDDY_REQUEST))
		roster_put(frontend->roster, user, buddy);
}

void roster_look(struct roster_work *work, const struct user *user)
{
	if (work->frontend->serves)
		return;
	struct task *task = task_of(work, user_jid(user));
	task->look_at = loop_now(work->frontend->loop) + LOOK_MS;
}
