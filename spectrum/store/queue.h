/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bounded queue between loop and storage thread. The loop pushes and never waits; the thread takes all that is
 * there, so that waiting jobs share a transaction. Under load a change nobody waits for replaces the older one that it
 * makes pointless. */
#ifndef SPECTRUM_STORE_QUEUE_H
#define SPECTRUM_STORE_QUEUE_H

#include "lib/base/list.h"
#include "spectrum/store/job.h"

#define QUEUE_JOBS 65536
#define QUEUE_BYTES ((size_t)64 << 20)
#define QUEUE_BATCH 1000 /* jobs that share a transaction at most */
#define QUEUE_USERS 200  /* of them, jobs that read a user with all his contacts */
/* Jobs that nobody waits for wait so long for company: a commit costs more than they do. */
#define QUEUE_LINGER_MS 100
#define QUEUE_MERGE_FROM 1024 /* jobs: below, looking for older changes costs more than it saves */

struct queue;

struct queue *queue_new(void);
/* Frees what is still in it. */
void queue_free(struct queue **);

/* Loop side. False if it is full: the job stays the caller's. */
bool queue_push(struct queue *, struct job *);
/* Lets the thread see what was pushed: once per turn of the loop. */
void queue_wake(struct queue *);
/* Jobs that wait or run. */
size_t queue_length(struct queue *);
/* The thread takes what is left and then gets 0. */
void queue_close(struct queue *);

/* Thread side. Waits, then moves up to QUEUE_BATCH jobs to `batch`; 0 when closed and empty. Each job has to be ended
 * with queue_finish or queue_return. */
size_t queue_take(struct queue *, struct list *batch);
/* So many jobs of the batch with so many bytes leave the queue's account; they are the caller's. */
void queue_finish(struct queue *, size_t jobs, size_t bytes);
/* Puts the rest of a batch back in front, to be tried again. It must hold every job of the batch that could be
 * merged with a later one. */
void queue_return(struct queue *, struct list *batch);
/* Sleeps, or less if the queue is closed. */
void queue_pause(struct queue *, unsigned ms);
bool queue_closed(struct queue *);

#endif
