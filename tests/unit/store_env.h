/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A store on an SQLite file in a directory of its own, questions that wait for their answer, and a look into the file
 * from outside; for the store's tests. */
#ifndef TESTS_UNIT_STORE_ENV_H
#define TESTS_UNIT_STORE_ENV_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/io/loop.h"
#include "spectrum/store/store.h"

#define ALICE "alice@example.org"
#define BOB "bob@example.org"

struct env {
	char directory[64], *path, *key;
	const char *prefix;
	struct loop *loop;
	struct store *store;
	size_t outstanding;

	/* the last answer */
	struct arena arena;
	struct store_user *user;
	char *error;
	struct str list; /* "item item " of the lists */
};

/* For cmocka: with the store open, or still closed. The file is data/database.sql in the directory. */
int setup(void **state);
int setup_closed(void **state);
int teardown(void **state);
#define OPENED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define CLOSED(test) cmocka_unit_test_setup_teardown(test, setup_closed, teardown)

/* By the shell; has to succeed. */
void run(const char *command, const char *argument);

/* The error, owned by the caller, or NULL. */
char *try_open(struct env *);
void open_store(struct env *);
void reopen_store(struct env *);
/* The error has to contain `reason`. */
void refuses_to_open(struct env *, const char *reason);

/* Callbacks that note the answer; count it in `outstanding` before asking. */
void answered(struct env *, const char *error);
void take_user(void *env, const struct store_user *, const char *error);
void take_done(void *env, const char *error);
void wait_for_answers(struct env *);

/* Ask and wait. What they return lives until the next question. */
struct store_user *get(struct env *, const char *jid);
const char *put(struct env *, const char *jid, const char *name, const char *password, bool unique); /* the error */
int64_t registered(struct env *, const char *jid);
void forget(struct env *, const char *jid);
const char *jids(struct env *, bool all); /* "jid jid " */
const char *pending(struct env *);        /* "sequence:stanza " */

/* Another connection to the file. */
sqlite3 *outside(struct env *);
void execute(struct env *, const char *sql);
/* All rows, columns joined by | and rows by newlines; lives until the next question. */
const char *query(struct env *, const char *sql);

#endif
