/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/eventloop.h"

#include <assert.h>
#include <errno.h>
#include <purple.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "backends/libpurple/store.h"
#include "backends/libpurple/turn.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

#define LOG_AREA "libpurple"

enum { EVENTS_AT_ONCE = 64 };

struct watch {
	struct list node;    /* of its descriptor */
	struct list removed; /* of those that were removed while callbacks run */
	guint id;
	int fd;
	PurpleInputCondition condition;
	PurpleInputFunction function;
	gpointer data;
	uint64_t owner;
	uint64_t round; /* in which it was made: what is ready then is not meant for it */
};

/* One descriptor that is or was watched. */
struct descriptor {
	struct list watches;
};

struct alarm {
	struct timer *timer;
	guint id;
	guint interval_ms;
	GSourceFunc function;
	gpointer data;
	uint64_t owner;
};

static struct {
	struct loop *loop;
	uv_poll_t poll;
	int set;
	struct descriptor **descriptors; /* by number */
	size_t capacity;
	GHashTable *watches, *alarms; /* by id */
	guint last_id;
	uint64_t round; /* of calling back */
	bool calling;
	struct list removed;
} here;

static guint next_id(GHashTable *table)
{
	do
		here.last_id++;
	while (!here.last_id || g_hash_table_contains(table, GUINT_TO_POINTER(here.last_id)));
	return here.last_id;
}

/* ---- Timers ---- */

static void alarm_free(struct alarm *alarm)
{
	g_hash_table_remove(here.alarms, GUINT_TO_POINTER(alarm->id));
	timer_free(&alarm->timer);
	free(alarm);
}

static void alarm_fired(void *arg)
{
	struct alarm *alarm = arg;
	guint id = alarm->id;
	uint64_t before = turn_take(alarm->owner);
	gboolean again = alarm->function(alarm->data);
	turn_give_back(before);
	/* It may have been removed meanwhile. */
	alarm = g_hash_table_lookup(here.alarms, GUINT_TO_POINTER(id));
	if (!alarm)
		return;
	if (again)
		timer_start(alarm->timer, alarm->interval_ms ? alarm->interval_ms : 1, 0);
	else
		alarm_free(alarm);
}

static guint timeout_add(guint interval_ms, GSourceFunc function, gpointer data)
{
	struct alarm *alarm = mem_new(sizeof *alarm);
	alarm->id = next_id(here.alarms);
	alarm->interval_ms = interval_ms;
	alarm->function = function;
	alarm->data = data;
	alarm->owner = turn_owner();
	alarm->timer = timer_new(here.loop, alarm_fired, alarm);
	timer_start(alarm->timer, interval_ms, 0);
	g_hash_table_insert(here.alarms, GUINT_TO_POINTER(alarm->id), alarm);
	return alarm->id;
}

static guint timeout_add_seconds(guint interval, GSourceFunc function, gpointer data)
{
	if (store_catch(function, data))
		return 1;
	return timeout_add(interval > G_MAXUINT / 1000 ? G_MAXUINT : interval * 1000, function, data);
}

static gboolean timeout_remove(guint id)
{
	struct alarm *alarm = g_hash_table_lookup(here.alarms, GUINT_TO_POINTER(id));
	if (alarm)
		alarm_free(alarm);
	return alarm != NULL;
}

/* ---- Descriptors ---- */

static struct descriptor *descriptor_at(int fd)
{
	size_t index = (size_t)fd;
	if (index >= here.capacity) {
		size_t wanted = (index + 1) * 2;
		here.descriptors = mem_resize(here.descriptors, wanted * sizeof *here.descriptors);
		memset(here.descriptors + here.capacity, 0, (wanted - here.capacity) * sizeof *here.descriptors);
		here.capacity = wanted;
	}
	if (!here.descriptors[index]) {
		here.descriptors[index] = mem_new(sizeof **here.descriptors);
		list_init(&here.descriptors[index]->watches);
	}
	return here.descriptors[index];
}

static bool is_removed(const struct watch *watch)
{
	return !list_empty(&watch->removed);
}

static uint32_t wanted_events(const struct descriptor *descriptor)
{
	uint32_t events = 0;
	LIST_EACH (&descriptor->watches, node) {
		const struct watch *watch = LIST_ITEM(node, struct watch, node);
		if (is_removed(watch))
			continue;
		events |= watch->condition & PURPLE_INPUT_READ ? EPOLLIN : 0;
		events |= watch->condition & PURPLE_INPUT_WRITE ? EPOLLOUT : 0;
	}
	return events;
}

/* Tells the set what is wanted of the descriptor. Whoever closed it took it out of the set, and another may bear its
 * number now, so what the set should know is not relied on. */
static void descriptor_update(int fd)
{
	struct epoll_event event = {.events = wanted_events(descriptor_at(fd)), .data.fd = fd};
	if (!event.events)
		epoll_ctl(here.set, EPOLL_CTL_DEL, fd, NULL);
	else if (epoll_ctl(here.set, EPOLL_CTL_MOD, fd, &event) && errno == ENOENT &&
	         epoll_ctl(here.set, EPOLL_CTL_ADD, fd, &event))
		log_warn("cannot watch descriptor %d: %s", fd, strerror(errno));
}

static guint input_add(int fd, PurpleInputCondition condition, PurpleInputFunction function, gpointer data)
{
	if (fd < 0) {
		log_warn("a plugin wants to watch descriptor %d", fd);
		return 0;
	}
	struct watch *watch = mem_new(sizeof *watch);
	watch->id = next_id(here.watches);
	watch->fd = fd;
	watch->condition = condition;
	watch->function = function;
	watch->data = data;
	watch->owner = turn_owner();
	watch->round = here.calling ? here.round : 0;
	list_init(&watch->removed);
	list_append(&descriptor_at(fd)->watches, &watch->node);
	g_hash_table_insert(here.watches, GUINT_TO_POINTER(watch->id), watch);
	descriptor_update(fd);
	return watch->id;
}

static void bury(void)
{
	LIST_EACH (&here.removed, node) {
		struct watch *watch = LIST_ITEM(node, struct watch, removed);
		list_remove(&watch->removed);
		list_remove(&watch->node);
		free(watch);
	}
}

static gboolean input_remove(guint id)
{
	struct watch *watch = g_hash_table_lookup(here.watches, GUINT_TO_POINTER(id));
	if (!watch)
		return FALSE;
	g_hash_table_remove(here.watches, GUINT_TO_POINTER(id));
	/* While callbacks run it stays in its list, which somebody may be walking along. */
	list_append(&here.removed, &watch->removed);
	descriptor_update(watch->fd);
	if (!here.calling)
		bury();
	return TRUE;
}

static void dispatch(int fd, uint32_t events)
{
	PurpleInputCondition ready = 0;
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		ready |= PURPLE_INPUT_READ;
	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		ready |= PURPLE_INPUT_WRITE;
	LIST_EACH (&descriptor_at(fd)->watches, node) {
		struct watch *watch = LIST_ITEM(node, struct watch, node);
		if (is_removed(watch) || watch->round == here.round || !(watch->condition & ready))
			continue;
		uint64_t before = turn_take(watch->owner);
		watch->function(watch->data, fd, watch->condition & ready);
		turn_give_back(before);
	}
}

static void some_ready(uv_poll_t *poll, int status, int events)
{
	struct epoll_event found[EVENTS_AT_ONCE];
	int count = epoll_wait(here.set, found, EVENTS_AT_ONCE, 0);
	here.round++;
	here.calling = true;
	for (int i = 0; i < count; i++)
		dispatch(found[i].data.fd, found[i].events);
	here.calling = false;
	bury();
}

/* ---- Beginning and end ---- */

void eventloop_start(struct loop *loop)
{
	static PurpleEventLoopUiOps ops = {.timeout_add = timeout_add,
	                                   .timeout_remove = timeout_remove,
	                                   .input_add = input_add,
	                                   .input_remove = input_remove,
	                                   .timeout_add_seconds = timeout_add_seconds};
	here.loop = loop;
	list_init(&here.removed);
	here.watches = g_hash_table_new(g_direct_hash, g_direct_equal);
	here.alarms = g_hash_table_new(g_direct_hash, g_direct_equal);
	here.set = epoll_create1(EPOLL_CLOEXEC);
	assert(here.set >= 0);
	uv_poll_init(loop_uv(loop), &here.poll, here.set);
	uv_poll_start(&here.poll, UV_READABLE, some_ready);
	purple_eventloop_set_ui_ops(&ops);
}

static void poll_closed(uv_handle_t *handle)
{
	close(here.set);
}

void eventloop_stop(void)
{
	GHashTableIter each;
	gpointer value;
	g_hash_table_iter_init(&each, here.alarms);
	while (g_hash_table_iter_next(&each, NULL, &value)) {
		struct alarm *alarm = value;
		timer_free(&alarm->timer);
		free(alarm);
	}
	g_hash_table_destroy(here.alarms);
	g_hash_table_destroy(here.watches);
	for (size_t i = 0; i < here.capacity; i++) {
		if (!here.descriptors[i])
			continue;
		LIST_EACH (&here.descriptors[i]->watches, node)
			free(LIST_ITEM(node, struct watch, node));
		free(here.descriptors[i]);
	}
	free(here.descriptors);
	uv_close((uv_handle_t *)&here.poll, poll_closed);
}
