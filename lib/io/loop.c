/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One turn of the loop: timers, then uv_prepare (deferred work and flushes), then the poll with everybody's input. All
 * that is written while input is handled thus goes out in one piece right before the next poll. */
#include "lib/io/loop_state.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/io/resolve.h"

/* Work that makes new work is followed this often in one turn, then input gets its chance again. */
enum { ROUNDS_PER_TURN = 16 };

static void run_deferred(struct loop *loop)
{
	/* What is added meanwhile waits for the next round. */
	struct list batch = LIST_INIT(batch);
	LIST_EACH (&loop->deferred, node) {
		list_remove(node);
		list_append(&batch, node);
	}
	while (!list_empty(&batch)) {
		struct deferred *work = LIST_ITEM(batch.next, struct deferred, node);
		list_remove(&work->node);
		work->queued = false;
		work->run(work->arg);
	}
}

static void run_flushers(struct loop *loop)
{
	struct list batch = LIST_INIT(batch);
	LIST_EACH (&loop->flushers, node) {
		list_remove(node);
		list_append(&batch, node);
	}
	while (!list_empty(&batch)) {
		struct flusher *flusher = LIST_ITEM(batch.next, struct flusher, node);
		list_remove(&flusher->node);
		flusher->queued = false;
		flusher->flush(flusher->arg);
	}
}

static void stay_awake(uv_idle_t *busy)
{
}

static void end_turn(struct loop *loop)
{
	for (int i = 0; i < ROUNDS_PER_TURN; i++) {
		if (!list_empty(&loop->deferred))
			run_deferred(loop);
		else if (!list_empty(&loop->flushers))
			run_flushers(loop);
		else
			break;
	}
	if (list_empty(&loop->deferred) && list_empty(&loop->flushers))
		uv_idle_stop(&loop->busy);
	else
		uv_idle_start(&loop->busy, stay_awake);
}

static void prepared(uv_prepare_t *prepare)
{
	end_turn(prepare->data);
}

struct loop *loop_new(void)
{
	struct loop *loop = mem_new(sizeof *loop);
	signal(SIGPIPE, SIG_IGN);
	list_init(&loop->deferred);
	list_init(&loop->flushers);
	list_init(&loop->signals);
	int failed = uv_loop_init(&loop->uv);
	assert(!failed);
	uv_prepare_init(&loop->uv, &loop->prepare);
	loop->prepare.data = loop;
	uv_prepare_start(&loop->prepare, prepared);
	uv_idle_init(&loop->uv, &loop->busy);
	return loop;
}

void loop_run(struct loop *loop)
{
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	/* After uv_stop the turn's output is still in the buffers. */
	end_turn(loop);
}

void loop_stop(struct loop *loop)
{
	uv_stop(&loop->uv);
}

uv_loop_t *loop_uv(struct loop *loop)
{
	return &loop->uv;
}

uint64_t loop_now(struct loop *loop)
{
	return uv_now(&loop->uv);
}

void loop_defer(struct loop *loop, struct deferred *work, void (*run)(void *arg), void *arg)
{
	if (work->queued)
		return;
	work->run = run;
	work->arg = arg;
	work->queued = true;
	list_append(&loop->deferred, &work->node);
}

void loop_defer_cancel(struct deferred *work)
{
	if (work->queued)
		list_remove(&work->node);
	work->queued = false;
}

void loop_flush_later(struct loop *loop, struct flusher *flusher)
{
	if (flusher->queued)
		return;
	flusher->queued = true;
	list_append(&loop->flushers, &flusher->node);
}

void loop_flush_cancel(struct flusher *flusher)
{
	if (flusher->queued)
		list_remove(&flusher->node);
	flusher->queued = false;
}

struct timer {
	uv_timer_t uv; /* first: freed through it */
	void (*fired)(void *arg);
	void *arg;
};

static void handle_closed(uv_handle_t *handle)
{
	free(handle);
}

static void timer_fired(uv_timer_t *uv)
{
	struct timer *timer = (struct timer *)uv;
	timer->fired(timer->arg);
}

struct timer *timer_new(struct loop *loop, void (*fired)(void *arg), void *arg)
{
	struct timer *timer = mem_new(sizeof *timer);
	uv_timer_init(&loop->uv, &timer->uv);
	timer->fired = fired;
	timer->arg = arg;
	return timer;
}

void timer_free(struct timer **timer)
{
	if (*timer)
		uv_close((uv_handle_t *)&(*timer)->uv, handle_closed);
	*timer = NULL;
}

void timer_start(struct timer *timer, uint64_t ms, uint64_t repeat_ms)
{
	uv_timer_start(&timer->uv, timer_fired, ms, repeat_ms);
}

void timer_stop(struct timer *timer)
{
	uv_timer_stop(&timer->uv);
}

bool timer_running(const struct timer *timer)
{
	return uv_is_active((const uv_handle_t *)&timer->uv);
}

struct signal_watch {
	uv_signal_t uv; /* first: freed through it */
	struct list node;
	void (*caught)(void *arg, int signal);
	void *arg;
};

static void signal_caught(uv_signal_t *uv, int number)
{
	struct signal_watch *watch = (struct signal_watch *)uv;
	watch->caught(watch->arg, number);
}

void loop_on_signal(struct loop *loop, int number, void (*caught)(void *arg, int signal), void *arg)
{
	struct signal_watch *watch = mem_new(sizeof *watch);
	watch->caught = caught;
	watch->arg = arg;
	uv_signal_init(&loop->uv, &watch->uv);
	uv_signal_start(&watch->uv, signal_caught, number);
	list_append(&loop->signals, &watch->node);
}

/* Children that were forgotten and still run: the only handles that may be left. */
static void close_left_over(uv_handle_t *handle, void *arg)
{
	assert(uv_handle_get_type(handle) == UV_PROCESS);
	if (!uv_is_closing(handle))
		uv_close(handle, handle_closed);
}

void loop_free(struct loop **at)
{
	struct loop *loop = *at;
	if (!loop)
		return;
	*at = NULL;
	/* Connections that are being finished keep the loop running until they are done. */
	uv_unref((uv_handle_t *)&loop->prepare);
	resolver_stop(loop);
	LIST_EACH (&loop->signals, node) {
		uv_close((uv_handle_t *)&LIST_ITEM(node, struct signal_watch, node)->uv, handle_closed);
	}
	do {
		end_turn(loop);
		uv_run(&loop->uv, UV_RUN_DEFAULT);
	} while (!list_empty(&loop->deferred) || !list_empty(&loop->flushers));
	uv_close((uv_handle_t *)&loop->prepare, NULL);
	uv_close((uv_handle_t *)&loop->busy, NULL);
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	uv_walk(&loop->uv, close_left_over, NULL);
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	int busy = uv_loop_close(&loop->uv);
	assert(!busy);
	str_fini(&loop->spare);
	free(loop);
}
