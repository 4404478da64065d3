/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Group commit. A transaction that fails takes its answers with it: whoever waits gets the error; what nobody waits for
 * is tried again for a while, because nobody else would. */
#include "spectrum/store/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "lib/base/clock.h"

#define RETRY_PAUSE_MS 250
#define RETRY_FOR_MS (10 * 60 * 1000)

struct worker {
	struct queue *queue;
	struct database *database;
	void (*answered)(void *arg);
	void *arg;
	pthread_t thread;
	bool failing;   /* the last transaction failed, and a note says so */
	bool giving_up; /* closing, and the database does not work */

	/* Under the lock. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct list done;    /* for the loop */
	size_t result_bytes; /* of jobs that the loop has not answered yet */
	bool finished;       /* the thread has nothing more to do */
};

static struct job *job_at(struct list *node)
{
	return LIST_ITEM(node, struct job, node);
}

/* Runs the batch in one transaction, or only what reads. False: none of it was stored, see database->error. */
static bool run_transaction(struct database *database, struct list *batch, bool writes)
{
	const struct driver *driver = database->driver;
	bool good = driver->begin(database, writes);
	if (!good)
		return false;
	LIST_EACH (batch, node) {
		struct job *job = job_at(node);
		if (!writes && job_writes(job))
			continue;
		job_rewind(job);
		if (!(good = driver->run(database, job)))
			break;
	}
	if (good && driver->commit(database))
		return true;
	driver->rollback(database);
	return false;
}

static void fail_all(struct list *batch, bool writes, const char *error)
{
	LIST_EACH (batch, node) {
		struct job *job = job_at(node);
		if (job_writes(job) != writes)
			continue;
		job_rewind(job);
		job_fail(job, error);
	}
}

/* `error` NULL: all is well again. */
static void add_note(struct list *done, const char *error)
{
	struct job *note = job_new(&(struct job){.kind = JOB_NOTE});
	job_fail(note, error);
	list_append(done, &note->node);
}

/* Whether a job of a failed transaction stays in the queue. */
static bool try_again(struct worker *worker, struct job *job, uint64_t now)
{
	if (!job_is_mute(job) || worker->giving_up)
		return false;
	if (!job->failed_at)
		job->failed_at = now;
	return now - job->failed_at < RETRY_FOR_MS;
}

/* Sorts a batch that was run: back into the queue, to the loop, or to the end. */
static void settle(struct worker *worker, struct list *batch, bool stored, bool transient)
{
	struct list again = LIST_INIT(again), done = LIST_INIT(done), gone = LIST_INIT(gone);
	size_t jobs = 0, bytes = 0;
	uint64_t now = stored ? 0 : clock_monotonic_ms();
	if (stored == worker->failing)
		add_note(&done, stored ? NULL : worker->database->error);
	worker->failing = !stored;
	LIST_EACH (batch, node) {
		struct job *job = job_at(node);
		list_remove(node);
		if (!stored && job->error && transient && try_again(worker, job, now)) {
			job_fail(job, NULL);
			list_append(&again, node);
			continue;
		}
		jobs++;
		bytes += job->bytes;
		list_append(job_has_answer(job) || job->error ? &done : &gone, node);
	}
	queue_return(worker->queue, &again);
	queue_finish(worker->queue, jobs, bytes);
	LIST_EACH (&gone, node)
		job_free(job_at(node));
	if (list_empty(&done))
		return;
	pthread_mutex_lock(&worker->lock);
	LIST_EACH (&done, node) {
		worker->result_bytes += job_at(node)->results.total;
		list_remove(node);
		list_append(&worker->done, node);
	}
	pthread_cond_signal(&worker->changed);
	pthread_mutex_unlock(&worker->lock);
	worker->answered(worker->arg);
}

static void run_batch(struct worker *worker, struct list *batch)
{
	struct database *database = worker->database;
	bool writes = false, reads = false, stored = false;
	LIST_EACH (batch, node) {
		writes |= job_writes(job_at(node));
		reads |= !job_writes(job_at(node));
	}
	if (!worker->giving_up)
		stored = run_transaction(database, batch, writes);
	if (stored) {
		settle(worker, batch, true, false);
		return;
	}
	bool transient = database->transient;
	worker->giving_up |= queue_closed(worker->queue);
	fail_all(batch, true, database->error);
	/* A database that is locked can still be read. */
	if (reads && (!writes || worker->giving_up || !run_transaction(database, batch, false)))
		fail_all(batch, false, database->error);
	settle(worker, batch, false, transient);
	if (!worker->giving_up)
		queue_pause(worker->queue, RETRY_PAUSE_MS);
}

/* The results of many logins are large: the loop has to keep up with them. */
static void wait_for_loop(struct worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	while (worker->result_bytes > WORKER_RESULT_BYTES)
		pthread_cond_wait(&worker->changed, &worker->lock);
	pthread_mutex_unlock(&worker->lock);
}

void worker_drain(struct worker *worker)
{
	struct list batch = LIST_INIT(batch);
	while (wait_for_loop(worker), queue_take(worker->queue, &batch))
		run_batch(worker, &batch);
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;
	worker_drain(worker);
	pthread_mutex_lock(&worker->lock);
	worker->finished = true;
	pthread_cond_signal(&worker->changed);
	pthread_mutex_unlock(&worker->lock);
	return NULL;
}

struct worker *worker_new(struct queue *queue, struct database *database, void (*answered)(void *arg), void *arg)
{
	struct worker *worker = mem_new(sizeof *worker);
	worker->queue = queue;
	worker->database = database;
	worker->answered = answered;
	worker->arg = arg;
	list_init(&worker->done);
	pthread_mutex_init(&worker->lock, NULL);
	pthread_cond_init(&worker->changed, NULL);
	/* Signals are the loop's. */
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int code = pthread_create(&worker->thread, NULL, worker_main, worker);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (code) {
		pthread_cond_destroy(&worker->changed);
		pthread_mutex_destroy(&worker->lock);
		free(worker);
		errno = code;
		return NULL;
	}
	pthread_setname_np(worker->thread, "store");
	return worker;
}

void worker_collect(struct worker *worker, struct list *jobs)
{
	pthread_mutex_lock(&worker->lock);
	while (!list_empty(&worker->done)) {
		struct list *node = worker->done.next;
		list_remove(node);
		list_append(jobs, node);
	}
	pthread_mutex_unlock(&worker->lock);
}

void worker_delivered(struct worker *worker, size_t result_bytes)
{
	pthread_mutex_lock(&worker->lock);
	worker->result_bytes -= result_bytes;
	pthread_cond_signal(&worker->changed);
	pthread_mutex_unlock(&worker->lock);
}

bool worker_wait(struct worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	while (list_empty(&worker->done) && !worker->finished)
		pthread_cond_wait(&worker->changed, &worker->lock);
	bool more = !list_empty(&worker->done);
	pthread_mutex_unlock(&worker->lock);
	if (!more)
		pthread_join(worker->thread, NULL);
	return more;
}

void worker_free(struct worker **worker)
{
	if (!*worker)
		return;
	(*worker)->database->driver->close((*worker)->database);
	pthread_cond_destroy(&(*worker)->changed);
	pthread_mutex_destroy(&(*worker)->lock);
	free(*worker);
	*worker = NULL;
}
