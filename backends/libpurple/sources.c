/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One turn: at its end GLib is asked what it waits for (descriptors and a time), all of that goes into an epoll set and
 * a timer of the loop; after the poll GLib is told what came and calls back. */
#include "backends/libpurple/sources.h"

#include <assert.h>
#include <glib.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "lib/base/mem.h"

static struct {
	struct loop *loop;
	GMainContext *context;
	uv_poll_t poll;
	uv_check_t check;
	struct timer *timer;
	struct flusher flusher;
	int set;
	bool fired; /* one of the descriptors */
	bool open;  /* GLib was asked and not told yet */
	gint priority;
	GPollFD *asked, *watched; /* of this turn; in the set */
	gint asked_count, watched_count, capacity;
} here;

static void time_passed(void *arg)
{
}

static void descriptor_ready(uv_poll_t *poll, int status, int events)
{
	here.fired = true;
}

static uint32_t epoll_events(gushort events)
{
	return (events & G_IO_IN ? (uint32_t)EPOLLIN : 0) | (events & G_IO_OUT ? (uint32_t)EPOLLOUT : 0) |
	       (events & G_IO_PRI ? (uint32_t)EPOLLPRI : 0);
}

/* The set follows what is asked for. That changes seldom, so all of it is made anew then. */
static void watch_asked(void)
{
	size_t bytes = (size_t)here.asked_count * sizeof *here.asked;
	if (here.asked_count == here.watched_count && !memcmp(here.asked, here.watched, bytes))
		return;
	for (gint i = 0; i < here.watched_count; i++)
		epoll_ctl(here.set, EPOLL_CTL_DEL, here.watched[i].fd, NULL);
	for (gint i = 0; i < here.asked_count; i++) {
		struct epoll_event event = {.data.fd = here.asked[i].fd};
		/* One descriptor may be asked for several times. */
		for (gint j = 0; j < here.asked_count; j++)
			if (here.asked[j].fd == here.asked[i].fd)
				event.events |= epoll_events(here.asked[j].events);
		epoll_ctl(here.set, EPOLL_CTL_ADD, here.asked[i].fd, &event);
	}
	memcpy(here.watched, here.asked, bytes);
	here.watched_count = here.asked_count;
}

static void ask(void *arg)
{
	gint timeout_ms, count;
	g_main_context_prepare(here.context, &here.priority);
	while ((count = g_main_context_query(here.context, here.priority, &timeout_ms, here.asked, here.capacity)) >
	       here.capacity) {
		here.asked = mem_resize(here.asked, (size_t)count * sizeof *here.asked);
		here.watched = mem_resize(here.watched, (size_t)count * sizeof *here.watched);
		here.capacity = count;
	}
	here.asked_count = count;
	for (gint i = 0; i < count; i++)
		here.asked[i].revents = 0;
	watch_asked();
	here.open = true;
	if (timeout_ms >= 0)
		timer_start(here.timer, (uint64_t)timeout_ms, 0);
	else
		timer_stop(here.timer);
}

/* GLib's descriptors have poll(2)'s own bits. */
static void look(void)
{
	for (gint i = 0; i < here.asked_count; i++) {
		struct pollfd one = {here.asked[i].fd, (short)here.asked[i].events, 0};
		if (poll(&one, 1, 0) > 0)
			here.asked[i].revents = (gushort)one.revents;
	}
}

static void after_poll(uv_check_t *check)
{
	if (here.fired)
		look();
	here.fired = false;
	if (here.open && g_main_context_check(here.context, here.priority, here.asked, here.asked_count))
		g_main_context_dispatch(here.context);
	here.open = false;
	/* After all that this turn brings, as that may make new sources. */
	loop_flush_later(here.loop, &here.flusher);
}

void sources_start(struct loop *loop)
{
	here.loop = loop;
	here.context = g_main_context_default();
	gboolean ours = g_main_context_acquire(here.context);
	here.set = epoll_create1(EPOLL_CLOEXEC);
	assert(ours && here.set >= 0);
	here.flusher.flush = ask;
	here.timer = timer_new(loop, time_passed, NULL);
	uv_poll_init(loop_uv(loop), &here.poll, here.set);
	uv_poll_start(&here.poll, UV_READABLE, descriptor_ready);
	uv_check_init(loop_uv(loop), &here.check);
	uv_check_start(&here.check, after_poll);
	loop_flush_later(loop, &here.flusher);
}

static void poll_closed(uv_handle_t *handle)
{
	close(here.set);
}

void sources_stop(void)
{
	loop_flush_cancel(&here.flusher);
	timer_free(&here.timer);
	uv_close((uv_handle_t *)&here.poll, poll_closed);
	uv_close((uv_handle_t *)&here.check, NULL);
	g_main_context_release(here.context);
	free(here.asked);
	free(here.watched);
}
