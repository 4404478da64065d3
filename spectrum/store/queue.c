/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A mutex, a list and two counters. Merging uses a table of fixed size that remembers where the latest change of a user
 * or contact waits; an entry that was overwritten or whose job was taken only means that a change is appended. */
#include "spectrum/store/queue.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/base/map.h"
#include "lib/base/str.h"

#define MERGE_SLOTS 8192

struct merge_slot {
	uint64_t hash, position;
	struct job *job;
};

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct list waiting;
	size_t length, bytes; /* waiting and running */
	uint64_t last_position;
	uint64_t taken;      /* position up to which jobs belong to the thread */
	uint64_t barrier;    /* nothing merges into what was pushed before */
	bool urgent, closed; /* urgent: one of them must not wait for company */
	uint64_t due;        /* monotonic ms when they are taken in any case; 0 = the thread was not told of any */
	struct merge_slot slots[MERGE_SLOTS];
};

struct queue *queue_new(void)
{
	struct queue *queue = mem_new(sizeof *queue);
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&queue->changed, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&queue->lock, NULL);
	list_init(&queue->waiting);
	return queue;
}

void queue_free(struct queue **queue)
{
	if (!*queue)
		return;
	LIST_EACH (&(*queue)->waiting, node)
		job_free(LIST_ITEM(node, struct job, node));
	pthread_cond_destroy(&(*queue)->changed);
	pthread_mutex_destroy(&(*queue)->lock);
	free(*queue);
	*queue = NULL;
}

/* Contacts are the same row if they differ in the case of ASCII letters only. */
static uint64_t merge_hash(const struct job *job)
{
	uint64_t hash = (uint64_t)job->user_id * 0x9e3779b97f4a7c15;
	if (job->kind == JOB_SET_ONLINE)
		return hash ^ hash >> 32;
	char folded[256];
	size_t len = 0;
	for (const char *at = job->buddy.name; *at && len < sizeof folded; at++)
		folded[len++] = (char)(*at >= 'A' && *at <= 'Z' ? *at + 32 : *at);
	return hash ^ hash_bytes(folded, len);
}

static bool same_target(const struct job *a, const struct job *b)
{
	return a->kind == b->kind && a->user_id == b->user_id &&
	       (a->kind == JOB_SET_ONLINE || text_equal(a->buddy.name, b->buddy.name));
}

/* Where the latest change of this target is noted. */
static struct merge_slot *merge_slot(struct queue *queue, const struct job *job, uint64_t *hash)
{
	*hash = merge_hash(job);
	return &queue->slots[*hash % MERGE_SLOTS];
}

/* Puts `job` in the place of an older one that waits with the same target. */
static bool merge(struct queue *queue, struct job *job)
{
	uint64_t hash;
	struct merge_slot *slot = merge_slot(queue, job, &hash);
	struct job *old = slot->job;
	if (!old || slot->hash != hash || slot->position <= queue->taken || slot->position <= queue->barrier ||
	    !same_target(old, job))
		return false;
	job->position = old->position;
	job->failed_at = old->failed_at;
	list_append(&old->node, &job->node);
	list_remove(&old->node);
	queue->bytes += job->bytes - old->bytes;
	slot->job = job;
	job_free(old);
	return true;
}

static void append(struct queue *queue, struct job *job)
{
	job->position = ++queue->last_position;
	list_append(&queue->waiting, &job->node);
	queue->length++;
	queue->bytes += job->bytes;
	queue->urgent |= job_has_answer(job) || job_is_prompt(job);
	if (job->kind == JOB_REMOVE_USER || queue->length < QUEUE_MERGE_FROM) {
		queue->barrier = job->position;
	} else if (job->kind == JOB_SET_ONLINE || job->kind == JOB_PUT_BUDDY || job->kind == JOB_REMOVE_BUDDY) {
		uint64_t hash;
		struct merge_slot *slot = merge_slot(queue, job, &hash);
		*slot = (struct merge_slot){hash, job->position, job->kind == JOB_REMOVE_BUDDY ? NULL : job};
	}
}

bool queue_push(struct queue *queue, struct job *job)
{
	bool mergeable = job->kind == JOB_SET_ONLINE || job->kind == JOB_PUT_BUDDY;
	pthread_mutex_lock(&queue->lock);
	bool merged = mergeable && queue->length >= QUEUE_MERGE_FROM && merge(queue, job);
	bool fits = queue->length < QUEUE_JOBS && queue->bytes + job->bytes <= QUEUE_BYTES;
	if (!merged && fits)
		append(queue, job);
	pthread_mutex_unlock(&queue->lock);
	return merged || fits;
}

/* Whether the thread shall take what is there. */
static bool ready(struct queue *queue)
{
	if (queue->closed)
		return true;
	return !list_empty(&queue->waiting) && queue->due &&
	       (queue->urgent || queue->length >= QUEUE_BATCH || clock_monotonic_ms() >= queue->due);
}

void queue_wake(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	bool told = queue->due != 0;
	if (!told && !list_empty(&queue->waiting))
		queue->due = clock_monotonic_ms() + QUEUE_LINGER_MS;
	if (!told || ready(queue))
		pthread_cond_signal(&queue->changed);
	pthread_mutex_unlock(&queue->lock);
}

size_t queue_length(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	size_t length = queue->length;
	pthread_mutex_unlock(&queue->lock);
	return length;
}

void queue_close(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->closed = true;
	pthread_cond_signal(&queue->changed);
	pthread_mutex_unlock(&queue->lock);
}

bool queue_closed(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	bool closed = queue->closed;
	pthread_mutex_unlock(&queue->lock);
	return closed;
}

/* Until `due` (0 = without end), or the condition is signalled. */
static bool wait_until(struct queue *queue, uint64_t due)
{
	struct timespec until = {.tv_sec = (time_t)(due / 1000), .tv_nsec = (long)(due % 1000) * 1000000};
	if (!due)
		return !pthread_cond_wait(&queue->changed, &queue->lock);
	return !pthread_cond_timedwait(&queue->changed, &queue->lock, &until);
}

size_t queue_take(struct queue *queue, struct list *batch)
{
	size_t count = 0, users = 0;
	pthread_mutex_lock(&queue->lock);
	while (!ready(queue))
		wait_until(queue, queue->due);
	for (; count < QUEUE_BATCH && users < QUEUE_USERS && !list_empty(&queue->waiting); count++) {
		struct job *job = LIST_ITEM(queue->waiting.next, struct job, node);
		users += job->kind == JOB_GET_USER || job->kind == JOB_PUT_USER;
		queue->taken = job->position;
		list_remove(&job->node);
		list_append(batch, &job->node);
	}
	if (list_empty(&queue->waiting)) {
		queue->urgent = false;
		queue->due = 0;
	}
	pthread_mutex_unlock(&queue->lock);
	return count;
}

void queue_finish(struct queue *queue, size_t jobs, size_t bytes)
{
	pthread_mutex_lock(&queue->lock);
	queue->length -= jobs;
	queue->bytes -= bytes;
	pthread_mutex_unlock(&queue->lock);
}

void queue_return(struct queue *queue, struct list *batch)
{
	if (list_empty(batch))
		return;
	pthread_mutex_lock(&queue->lock);
	queue->taken = LIST_ITEM(batch->next, struct job, node)->position - 1;
	while (!list_empty(batch)) {
		struct list *last = batch->prev;
		list_remove(last);
		list_prepend(&queue->waiting, last);
	}
	queue->due = clock_monotonic_ms();
	pthread_mutex_unlock(&queue->lock);
}

void queue_pause(struct queue *queue, unsigned ms)
{
	uint64_t until = clock_monotonic_ms() + ms;
	pthread_mutex_lock(&queue->lock);
	while (!queue->closed && wait_until(queue, until))
		;
	pthread_mutex_unlock(&queue->lock);
}
