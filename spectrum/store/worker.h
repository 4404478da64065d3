/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The storage thread: takes what waits in the queue, runs it as one transaction, and hands the jobs back when it is
 * committed. */
#ifndef SPECTRUM_STORE_WORKER_H
#define SPECTRUM_STORE_WORKER_H

#include "lib/base/list.h"
#include "spectrum/store/driver.h"
#include "spectrum/store/queue.h"

#define WORKER_RESULT_BYTES ((size_t)4 << 20) /* of answers that the loop has not given yet: more wait until it has */

struct worker;

/* Starts the thread on an open database; `answered` is called there after each batch. NULL with errno if there can be
 * no thread; the database then stays the caller's. */
struct worker *worker_new(struct queue *, struct database *, void (*answered)(void *arg), void *arg);
/* Moves the jobs that are done to `jobs`, in the order in which they were asked for: those that somebody waits for,
 * those that failed, and notes. */
void worker_collect(struct worker *, struct list *jobs);
/* So many bytes of results of collected jobs are free again. */
void worker_delivered(struct worker *, size_t result_bytes);
/* With the queue closed: waits for something to collect; false when the thread has ended and nothing is left. */
bool worker_wait(struct worker *);
/* After the thread's end: runs what was pushed since then, here. */
void worker_drain(struct worker *);
/* Closes the database. */
void worker_free(struct worker **);

#endif
