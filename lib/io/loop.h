/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process's one event loop (libuv): timers, signals, work after the turn, and the flush of every connection that
 * was written to, once per turn. */
#ifndef LIB_IO_LOOP_H
#define LIB_IO_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "lib/base/list.h"

struct loop;

struct loop *loop_new(void);
/* Everything that was created on it must be freed before; runs the loop until libuv's handles are closed. */
void loop_free(struct loop **);
void loop_run(struct loop *);
/* loop_run returns after this turn. */
void loop_stop(struct loop *);
uv_loop_t *loop_uv(struct loop *);
/* Milliseconds, monotonic, as of this turn's start. */
uint64_t loop_now(struct loop *);

/* Work that has to wait until the stack is unwound (freeing oneself, telling others). Runs once, later in this turn,
 * before the flush. Zero-initialise; adding it twice before it ran does nothing. */
struct deferred {
	struct list node;
	void (*run)(void *arg);
	void *arg;
	bool queued;
};
void loop_defer(struct loop *, struct deferred *, void (*run)(void *arg), void *arg);
void loop_defer_cancel(struct deferred *);

/* Called once per turn after all input was handled, in the order of adding: for lib/io/conn, and for owners of state
 * that is written out once per turn. */
struct flusher {
	struct list node;
	void (*flush)(void *arg);
	void *arg;
	bool queued;
};
/* Asks for one call of `flush` at the end of this turn. */
void loop_flush_later(struct loop *, struct flusher *);
void loop_flush_cancel(struct flusher *);

/* A timer is stopped when created. Freeing it inside of its own callback is allowed. */
struct timer;
struct timer *timer_new(struct loop *, void (*fired)(void *arg), void *arg);
void timer_free(struct timer **);
/* Fires after `ms`, then every `repeat_ms` (0 = once). Starting a running timer sets it anew. */
void timer_start(struct timer *, uint64_t ms, uint64_t repeat_ms);
void timer_stop(struct timer *);
bool timer_running(const struct timer *);

/* Calls `caught` on the loop, never inside of a signal handler. One per signal number. */
void loop_on_signal(struct loop *, int signal, void (*caught)(void *arg, int signal), void *arg);

#endif
