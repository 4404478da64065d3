/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The loop's side of the store: makes jobs out of calls, and calls back with what the storage thread hands over. */
#include "spectrum/store/store.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/log.h"
#include "lib/base/str.h"
#include "spectrum/store/driver.h"
#include "spectrum/store/queue.h"
#include "spectrum/store/worker.h"

#define LOG_AREA "store"
#define COMPLAIN_EVERY_MS 60000
#define ANSWERS_PER_TURN 200 /* each may start a login */

static const struct driver *const drivers[] = {&driver_sqlite, &driver_memory};

/* One line per minute, with the number of what happened since the last one. */
struct complaint {
	const char *what;
	uint64_t next_at; /* loop time */
	unsigned long count;
};

struct store {
	struct loop *loop;
	uv_async_t *async;
	struct queue *queue;
	struct worker *worker;
	struct secret *secret;
	struct flusher flusher;
	struct list ready; /* answers to give */
	struct complaint dropped, failed;
	uint64_t last_line;
	bool delivering, closing;
};

static void complain(struct store *store, struct complaint *complaint, const char *why)
{
	complaint->count++;
	if (loop_now(store->loop) < complaint->next_at)
		return;
	log_error("%s count=%lu reason=%s", complaint->what, complaint->count, log_quote(why));
	complaint->count = 0;
	complaint->next_at = loop_now(store->loop) + COMPLAIN_EVERY_MS;
}

/* ---- answers */

static void answer_jids(const struct job *job)
{
	for (const struct job_item *item = job->first_item; item; item = item->next)
		job->answer.jid(job->arg, item->text);
	job->answer.jid(job->arg, NULL);
}

static void answer_pending(const struct job *job)
{
	for (const struct job_item *item = job->first_item; item; item = item->next)
		job->answer.pending(job->arg, item->sequence, item->text, item->len);
	job->answer.pending(job->arg, 0, NULL, 0);
}

/* client, node and nickname come as three items */
static void answer_occupancies(const struct job *job)
{
	const struct job_item *item = job->first_item;
	for (; item; item = item->next->next->next)
		job->answer.occupancy(job->arg, &(struct store_occupancy){item->text, item->next->text, item->next->next->text});
	job->answer.occupancy(job->arg, NULL);
}

static void give_answer(struct store *store, struct job *job)
{
	if (job->kind == JOB_NOTE && job->error)
		log_error("the database does not work: requests are refused, changes wait reason=%s",
		          log_quote(job->error));
	else if (job->kind == JOB_NOTE)
		log_info("the database works again");
	if (job->kind == JOB_NOTE)
		return;
	if (job->warning)
		log_warn("%s jid=%s", job->warning, log_quote(job->user.jid));
	if (job->error && job_is_mute(job))
		complain(store, &store->failed, job->error);
	if (!job_has_answer(job))
		return;
	if (job->kind == JOB_EACH_JID)
		answer_jids(job);
	else if (job->kind == JOB_EACH_PENDING)
		answer_pending(job);
	else if (job->kind == JOB_EACH_OCCUPANCY)
		answer_occupancies(job);
	else if (job->kind == JOB_SEARCH_LINES)
		job->answer.page(job->arg, job->error ? NULL : &job->page, job->error);
	else if (job->kind == JOB_GET_ITEMS)
		job->answer.items(job->arg, job->error ? NULL : job->items, job->error ? 0 : job->item_count, job->error);
	else if (job->kind == JOB_PRUNE_LINES)
		job->answer.prune(job->arg, job->left, job->room);
	else if (job->kind == JOB_GET_USER || job->kind == JOB_PUT_USER)
		job->answer.user(job->arg, job->error ? NULL : job->found, job->error);
	else
		job->answer.done(job->arg, job->error);
}

static void deliver(struct store *store, size_t most)
{
	worker_collect(store->worker, &store->ready);
	size_t bytes = 0;
	store->delivering = true;
	for (size_t i = 0; i < most && !list_empty(&store->ready); i++) {
		struct job *job = LIST_ITEM(store->ready.next, struct job, node);
		list_remove(&job->node);
		give_answer(store, job);
		bytes += job->results.total;
		job_free(job);
	}
	store->delivering = false;
	worker_delivered(store->worker, bytes);
}

static void async_called(uv_async_t *async)
{
	struct store *store = async->data;
	deliver(store, ANSWERS_PER_TURN);
	if (!list_empty(&store->ready))
		uv_async_send(async);
}

/* On the storage thread. */
static void batch_answered(void *arg)
{
	uv_async_send(arg);
}

/* ---- calls */

static void flush(void *arg)
{
	queue_wake(((struct store *)arg)->queue);
}

static void submit(struct store *store, const struct job *model)
{
	struct job *job = job_new(model);
	bool refused = store->closing && job_has_answer(job);
	if (!refused && queue_push(store->queue, job)) {
		if (!store->closing)
			loop_flush_later(store->loop, &store->flusher);
		return;
	}
	if (!job_has_answer(job)) {
		complain(store, &store->dropped, "too many wait");
		job_free(job);
		return;
	}
	/* The callback must not run inside of the call. */
	job_fail(job, refused ? "the store is closing" : "too many requests wait for the database");
	list_append(&store->ready, &job->node);
	if (!store->closing)
		uv_async_send(store->async);
}

void store_get_user(struct store *store, const char *jid, store_user_answer *answer, void *arg)
{
	submit(store, &(struct job){.kind = JOB_GET_USER, .user.jid = jid, .answer.user = answer, .arg = arg});
}

void store_put_user(struct store *store, const struct store_user *user, bool unique_name, store_user_answer *answer,
                    void *arg)
{
	struct job job = {.kind = JOB_PUT_USER, .flag = unique_name, .user = *user, .answer.user = answer, .arg = arg};
	job.user.settings = NULL;
	job.user.buddies = NULL;
	job.user.setting_count = job.user.buddy_count = 0;
	submit(store, &job);
}

void store_remove_user(struct store *store, const char *jid, store_done *done, void *arg)
{
	submit(store, &(struct job){.kind = JOB_REMOVE_USER, .user.jid = jid, .answer.done = done, .arg = arg});
}

void store_set_online(struct store *store, int64_t user_id, bool online)
{
	submit(store, &(struct job){.kind = JOB_SET_ONLINE, .user_id = user_id, .flag = online});
}

void store_put_setting(struct store *store, int64_t user_id, const struct store_setting *setting)
{
	submit(store, &(struct job){.kind = JOB_PUT_SETTING, .user_id = user_id, .setting = *setting});
}

void store_put_buddy(struct store *store, int64_t user_id, const struct store_buddy *buddy)
{
	submit(store, &(struct job){.kind = JOB_PUT_BUDDY, .user_id = user_id, .buddy = *buddy});
}

void store_remove_buddy(struct store *store, int64_t user_id, const char *name)
{
	submit(store, &(struct job){.kind = JOB_REMOVE_BUDDY, .user_id = user_id, .buddy.name = name});
}

void store_each_online(struct store *store, bool all, store_jid_answer *answer, void *arg)
{
	submit(store, &(struct job){.kind = JOB_EACH_JID, .flag = all, .answer.jid = answer, .arg = arg});
}

void store_put_pending(struct store *store, uint64_t sequence, const char *stanza, size_t len, store_done *done,
                       void *arg)
{
	submit(store, &(struct job){.kind = JOB_PUT_PENDING,
	                            .sequence = sequence,
	                            .stanza = {stanza, len},
	                            .answer.done = done,
	                            .arg = arg});
}

void store_remove_pending(struct store *store, uint64_t sequence)
{
	submit(store, &(struct job){.kind = JOB_REMOVE_PENDING, .sequence = sequence});
}

void store_each_pending(struct store *store, store_pending_answer *answer, void *arg)
{
	submit(store, &(struct job){.kind = JOB_EACH_PENDING, .answer.pending = answer, .arg = arg});
}

void store_put_occupancy(struct store *store, const struct store_occupancy *occupancy)
{
	submit(store, &(struct job){.kind = JOB_PUT_OCCUPANCY, .occupancy = *occupancy});
}

void store_remove_occupancy(struct store *store, const char *client, const char *node)
{
	submit(store, &(struct job){.kind = JOB_REMOVE_OCCUPANCY, .occupancy = {.client = client, .node = node}});
}

void store_each_occupancy(struct store *store, store_occupancy_answer *answer, void *arg)
{
	submit(store, &(struct job){.kind = JOB_EACH_OCCUPANCY, .answer.occupancy = answer, .arg = arg});
}

void store_put_line(struct store *store, const struct store_line *line)
{
	submit(store, &(struct job){.kind = JOB_PUT_LINE, .line = *line});
}

uint64_t store_last_line(const struct store *store)
{
	return store->last_line;
}

void store_put_stay(struct store *store, const struct store_stay *stay)
{
	submit(store, &(struct job){.kind = JOB_PUT_STAY, .stay = *stay});
}

void store_search_lines(struct store *store, const struct store_search *search, store_page_answer *answer, void *arg)
{
	submit(store, &(struct job){.kind = JOB_SEARCH_LINES, .search = *search, .answer.page = answer, .arg = arg});
}

void store_prune_lines(struct store *store, uint64_t oldest, unsigned most, int64_t after, store_prune_answer *answer,
                       void *arg)
{
	submit(store, &(struct job){.kind = JOB_PRUNE_LINES,
	                            .prune = {(int64_t)oldest, after, most},
	                            .answer.prune = answer,
	                            .arg = arg});
}

void store_put_item(struct store *store, const struct store_item *item, bool refuse, store_done *done, void *arg)
{
	submit(store,
	       &(struct job){.kind = JOB_PUT_ITEM, .flag = refuse, .item = *item, .answer.done = done, .arg = arg});
}

void store_remove_items(struct store *store, const struct store_item *item, store_done *done, void *arg)
{
	submit(store, &(struct job){.kind = JOB_REMOVE_ITEMS, .item = *item, .answer.done = done, .arg = arg});
}

void store_get_items(struct store *store, const struct store_item *item, store_items_answer *answer, void *arg)
{
	submit(store, &(struct job){.kind = JOB_GET_ITEMS, .item = *item, .answer.items = answer, .arg = arg});
}

const unsigned char *store_occupant_key(const struct store *store)
{
	return secret_occupants(store->secret);
}

size_t store_queue_length(const struct store *store)
{
	return queue_length(store->queue);
}

/* ---- opening and closing */

/* database.key_file, or secret.key in the working directory. */
static char *key_path(const struct config *config)
{
	const char *path = config_text(config, "database.key_file"),
	           *directory = config_text(config, "service.working_dir");
	if (!text_empty(path))
		return mem_strdup(path);
	return mem_printf("%s%ssecret.key", directory ? directory : "", text_empty(directory) ? "" : "/");
}

static struct secret *open_secret(const struct config *config, char **error)
{
	char *path = key_path(config);
	bool created;
	struct stat info;
	struct secret *secret = secret_open(path, &created, error);
	if (secret && created)
		log_info("made a new key for stored passwords; without it they can't be read: keep a copy file=%s",
		         path);
	else if (secret && !stat(path, &info) && info.st_mode & 0027)
		log_warn("the key of the stored passwords can be read by others: chmod 0400 file=%s", path);
	free(path);
	return secret;
}

static const struct driver *find_driver(const char *type)
{
	for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++) {
		if (!strcmp(drivers[i]->type, type))
			return drivers[i];
	}
	return NULL;
}

static void async_closed(uv_handle_t *handle)
{
	free(handle);
}

struct store *store_open(struct loop *loop, const struct config *config, char **error)
{
	const char *type = config_text(config, "database.type");
	*error = NULL;
	if (text_empty(type))
		type = driver_memory.type;
	if (!strcmp(type, driver_memory.type) && !config_bool(config, "service.server_mode"))
		return NULL;
	const struct driver *driver = find_driver(type);
	if (!driver) {
		*error = mem_printf("database.type = %s is not supported; use sqlite3, or none", type);
		return NULL;
	}
	struct secret *secret = open_secret(config, error);
	struct database *database = secret ? driver->open(config, secret, error) : NULL;
	if (!database) {
		secret_free(&secret);
		return NULL;
	}
	struct store *store = mem_new(sizeof *store);
	store->loop = loop;
	store->secret = secret;
	store->last_line = database->last_line;
	store->flusher = (struct flusher){.flush = flush, .arg = store};
	store->dropped.what = "changes were dropped, the queue of the database is full";
	store->failed.what = "changes were not stored";
	list_init(&store->ready);
	store->async = mem_new(sizeof *store->async);
	store->async->data = store;
	uv_async_init(loop_uv(loop), store->async, async_called);
	store->queue = queue_new();
	store->worker = worker_new(store->queue, database, batch_answered, store->async);
	if (!store->worker) {
		*error = mem_printf("no thread for the database: %s", strerror(errno));
		database->driver->close(database);
		uv_close((uv_handle_t *)store->async, async_closed);
		queue_free(&store->queue);
		secret_free(&store->secret);
		free(store);
		return NULL;
	}
	return store;
}

void store_close(struct store **pointer)
{
	struct store *store = *pointer;
	if (!store)
		return;
	assert(!store->delivering);
	store->closing = true;
	loop_flush_cancel(&store->flusher);
	queue_close(store->queue);
	do
		deliver(store, SIZE_MAX);
	while (worker_wait(store->worker));
	/* A callback may have something to store, too. */
	do {
		worker_drain(store->worker);
		deliver(store, SIZE_MAX);
	} while (!list_empty(&store->ready) || queue_length(store->queue));
	uv_close((uv_handle_t *)store->async, async_closed);
	worker_free(&store->worker);
	queue_free(&store->queue);
	secret_free(&store->secret);
	free(store);
	*pointer = NULL;
}
