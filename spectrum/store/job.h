/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One call to the store on its way to the database and back: what was asked (copied, in one block of memory), whom to
 * answer, and what the database said. Made and answered on the loop, run on the storage thread; at any time it belongs
 * to exactly one of the two. */
#ifndef SPECTRUM_STORE_JOB_H
#define SPECTRUM_STORE_JOB_H

#include "lib/base/list.h"
#include "lib/base/mem.h"
#include "spectrum/store/store.h"

enum job_kind {
	JOB_GET_USER,
	JOB_PUT_USER,
	JOB_REMOVE_USER,
	JOB_SET_ONLINE,
	JOB_PUT_SETTING,
	JOB_PUT_BUDDY,
	JOB_REMOVE_BUDDY,
	JOB_EACH_JID,
	JOB_PUT_PENDING,
	JOB_REMOVE_PENDING,
	JOB_EACH_PENDING,
	JOB_PUT_OCCUPANCY,
	JOB_REMOVE_OCCUPANCY,
	JOB_EACH_OCCUPANCY,
	JOB_PUT_LINE,
	JOB_PUT_STAY,
	JOB_SEARCH_LINES,
	JOB_PRUNE_LINES,
	JOB_PUT_ITEM,
	JOB_REMOVE_ITEMS,
	JOB_GET_ITEMS,
	JOB_NOTE, /* from the thread to the log: `error` is the line */
	JOB_KINDS
};

/* One of many results: a JID, a stanza, or the three texts of an occupancy. */
struct job_item {
	struct job_item *next;
	const char *text;
	size_t len;
	uint64_t sequence;
};

struct job {
	struct list node;
	enum job_kind kind;
	bool flag;         /* unique_name, online or all */
	uint64_t position; /* in the queue */
	size_t bytes;      /* of memory */
	int64_t user_id;
	uint64_t sequence;
	union {
		struct store_user user;
		struct store_buddy buddy;
		struct store_setting setting;
		struct store_occupancy occupancy;
		struct store_line line;
		struct store_stay stay;
		struct store_search search;
		struct store_item item;
		struct { /* JOB_PRUNE_LINES */
			int64_t oldest, after;
			unsigned most;
		} prune;
		struct {
			const char *text;
			size_t len;
		} stanza;
	};

	union {
		store_user_answer *user;
		store_done *done;
		store_jid_answer *jid;
		store_pending_answer *pending;
		store_occupancy_answer *occupancy;
		store_page_answer *page;
		store_prune_answer *prune;
		store_items_answer *items;
	} answer; /* all NULL: nobody waits */
	void *arg;

	char *error;         /* owned; NULL = done */
	const char *warning; /* literal, for the log */
	uint64_t failed_at;  /* monotonic ms of the first try that failed, 0 = none did */
	struct arena results;
	const struct store_user *found;
	struct store_page page; /* its lines are on `results` */
	const struct store_item *items; /* likewise */
	size_t item_count;
	int64_t room;           /* JOB_PRUNE_LINES: what the answer says */
	bool left;
	struct job_item *first_item, *last_item;
};

/* A copy of `model` and of everything it points to, on the heap. Absent texts become "". */
struct job *job_new(const struct job *model);
/* Overwrites passwords. */
void job_free(struct job *);
bool job_writes(const struct job *);
/* Not risked for a cheaper commit: messages, and who is put back where when we are killed. */
bool job_is_prompt(const struct job *);
/* False: nobody waits for the outcome. */
bool job_has_answer(const struct job *);
/* Nobody can be told of a failure. */
bool job_is_mute(const struct job *);
/* Replaces the error; NULL removes it. */
void job_fail(struct job *, const char *error);
/* Forgets error and results, for another try. */
void job_rewind(struct job *);
void job_add_item(struct job *, uint64_t sequence, const char *text, size_t len);

#endif
