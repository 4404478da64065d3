/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Order, bounds and accidents: nothing that the store acknowledged may be missing afterwards, and nobody may wait for
 * an answer in vain. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spectrum/store/queue.h"
#include "tests/unit/store_env.h"
#include "tests/unit/test.h"

struct expectation {
	struct env *env;
	size_t next, wrong;
};

struct ticket {
	struct expectation *expectation;
	size_t number;
};

static void check_ticket(struct ticket *ticket)
{
	struct expectation *expectation = ticket->expectation;
	expectation->wrong += ticket->number != expectation->next++;
	if (--expectation->env->outstanding == 0)
		loop_stop(expectation->env->loop);
}

static void ticket_user(void *arg, const struct store_user *user, const char *error)
{
	check_ticket(arg);
}

static void ticket_done(void *arg, const char *error)
{
	check_ticket(arg);
}

static void ticket_jid(void *arg, const char *jid)
{
	if (!jid)
		check_ticket(arg);
}

static void ten_thousand_mixed_jobs_are_answered_in_order(void **state)
{
	enum { JOBS = 10000 };
	struct env *env = *state;
	struct expectation expectation = {.env = env};
	struct ticket *tickets = mem_new(JOBS * sizeof *tickets);
	for (size_t i = 0; i < JOBS; i++) {
		char jid[32], name[16];
		int64_t id = (int64_t)(i % 50);
		snprintf(jid, sizeof jid, "u%zu@example.org", i % 97);
		snprintf(name, sizeof name, "c%zu", i % 13);
		tickets[i] = (struct ticket){&expectation, i};
		env->outstanding++;
		store_set_online(env->store, id, i % 2);
		store_put_buddy(env->store, id, &(struct store_buddy){.name = name});
		switch (i % 5) {
		case 0:
			store_put_user(env->store, &(struct store_user){.jid = jid, .name = jid}, i % 2, ticket_user,
			               &tickets[i]);
			break;
		case 1:
			store_get_user(env->store, jid, ticket_user, &tickets[i]);
			break;
		case 2:
			store_remove_user(env->store, jid, ticket_done, &tickets[i]);
			break;
		case 3:
			store_put_pending(env->store, i, jid, strlen(jid), ticket_done, &tickets[i]);
			break;
		case 4:
			store_each_online(env->store, false, ticket_jid, &tickets[i]);
			break;
		}
		if (i % 100 == 0)
			uv_run(loop_uv(env->loop), UV_RUN_NOWAIT);
	}
	wait_for_answers(env);
	assert_int_equal(expectation.next, JOBS);
	assert_int_equal(expectation.wrong, 0);
	assert_int_equal(store_queue_length(env->store), 0);
	free(tickets);
}

static void large_answers_wait_for_the_loop(void **state)
{
	enum { BYTES = 1 << 17, ASKED = 2000 };
	struct env *env = *state;
	struct expectation expectation = {.env = env};
	struct ticket tickets[ASKED];
	char *large = mem_new(BYTES + 1);
	memset(large, 'x', BYTES);
	store_put_setting(env->store, registered(env, ALICE), &(struct store_setting){"storage", large, 0});
	for (size_t i = 0; i < ASKED; i++) {
		tickets[i] = (struct ticket){&expectation, i};
		env->outstanding++;
		if (i % 5)
			store_put_pending(env->store, i, "x", 1, ticket_done, &tickets[i]);
		else
			store_get_user(env->store, ALICE, ticket_user, &tickets[i]);
	}
	/* Some were given, some are at hand, and the thread waits with the others. */
	while (!expectation.next)
		uv_run(loop_uv(env->loop), UV_RUN_ONCE);
	store_close(&env->store);
	assert_int_equal(expectation.next, ASKED);
	assert_int_equal(expectation.wrong, 0);
	free(large);
}

static void closing_gives_all_answers(void **state)
{
	struct env *env = *state;
	struct expectation expectation = {.env = env};
	struct ticket tickets[3000];
	for (size_t i = 0; i < 3000; i++) {
		char jid[32];
		snprintf(jid, sizeof jid, "u%zu@example.org", i);
		tickets[i] = (struct ticket){&expectation, i};
		env->outstanding++;
		store_put_user(env->store, &(struct store_user){.jid = jid, .name = jid}, true, ticket_user,
		               &tickets[i]);
	}
	store_close(&env->store);
	assert_int_equal(expectation.next, 3000);
	assert_int_equal(expectation.wrong, 0);
	assert_string_equal(query(env, "SELECT count(*) FROM users"), "3000");
}

static void ask_again(void *arg, const struct store_user *user, const char *error)
{
	struct env *env = arg;
	store_set_online(env->store, user->id, true);
	store_get_user(env->store, ALICE, take_user, env);
}

static void callbacks_may_ask_while_the_store_closes(void **state)
{
	struct env *env = *state;
	registered(env, ALICE);
	env->outstanding++;
	store_get_user(env->store, ALICE, ask_again, env);
	store_close(&env->store);
	assert_int_equal(env->outstanding, 0);
	assert_non_null(env->error);
	assert_string_equal(query(env, "SELECT online FROM users"), "1");
}

static void count_errors(void *arg, const char *error)
{
	struct env *env = arg;
	if (error)
		str_addc(&env->list, 'e');
	answered(env, error);
}

static void a_locked_database_refuses_and_catches_up(void **state)
{
	struct env *env = *state;
	int64_t id = registered(env, ALICE);
	sqlite3 *other = outside(env);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	store_set_online(env->store, id, true);
	store_put_buddy(env->store, id, &(struct store_buddy){.name = "carol"});
	str_clear(&env->list, 0);
	env->outstanding++;
	store_remove_user(env->store, ALICE, count_errors, env);
	assert_false(get(env, ALICE)->online); /* reading works */
	assert_string_equal(str_text(&env->list), "e");
	assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	/* Nobody was told of a failure of these, so they must not be lost. */
	assert_true(get(env, ALICE)->online);
	assert_int_equal(env->user->buddy_count, 1);
	assert_null(put(env, BOB, "bob", "", false));
}

static void a_full_disk_refuses_and_catches_up(void **state)
{
	struct env *env = *state;
	int64_t id = registered(env, ALICE);
	struct rlimit old, small = {.rlim_cur = 4096};
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small.rlim_max = old.rlim_max;
	setrlimit(RLIMIT_FSIZE, &small);
	store_set_online(env->store, id, true);
	const char *error = put(env, BOB, "bob", "", false);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_non_null(error);
	assert_null(get(env, BOB));
	assert_true(get(env, ALICE)->online);
	assert_null(put(env, BOB, "bob", "", false));
}

static void one_bad_job_fails_alone(void **state)
{
	struct env *env = *state;
	registered(env, ALICE);
	execute(env, "CREATE TRIGGER stop BEFORE INSERT ON s2_names WHEN new.uin = 'bad'"
	             " BEGIN SELECT raise(ABORT, 'not this one'); END");
	env->outstanding += 3;
	store_put_user(env->store, &(struct store_user){.jid = "one@example.org", .name = "good"}, true, take_user,
	               env);
	store_put_user(env->store, &(struct store_user){.jid = BOB, .name = "bad"}, true, take_user, env);
	store_put_user(env->store, &(struct store_user){.jid = "two@example.org", .name = "also good"}, true, take_user,
	               env);
	wait_for_answers(env);
	assert_null(env->error);
	assert_string_equal(put(env, BOB, "bad", "", true), "not this one");
	assert_string_equal(jids(env, true), ALICE " one@example.org two@example.org ");
}

static void a_replaced_file_is_not_written_to_blindly(void **state)
{
	struct env *env = *state;
	registered(env, ALICE);
	store_set_online(env->store, env->user->id, true);
	get(env, ALICE);
	char *aside = mem_printf("%s %s.aside", env->path, env->path);
	run("mv", aside);
	assert_non_null(put(env, BOB, "bob", "", false));
	assert_int_equal(access(env->path, F_OK), -1); /* and no empty one is made in its place */
	free(aside);
	aside = mem_printf("%s.aside %s", env->path, env->path);
	run("mv", aside);
	free(aside);
	assert_null(put(env, BOB, "bob", "", false));
	assert_string_equal(jids(env, true), ALICE " " BOB " ");
}

static void garbage_is_refused(void **state)
{
	struct env *env = *state;
	char *directory = mem_printf("%s/data", env->directory);
	mkdir(directory, 0700);
	run("printf %050000d 7 >", env->path);
	refuses_to_open(env, "not a database");
	assert_int_equal(unlink(env->path), 0);
	assert_int_equal(mkdir(env->path, 0700), 0);
	refuses_to_open(env, env->path);
	assert_int_equal(rmdir(env->path), 0);
	execute(env, "CREATE TABLE users (something INTEGER)");
	refuses_to_open(env, "no such column");
	free(directory);
}

static void a_file_that_cannot_be_written_is_refused(void **state)
{
	struct env *env = *state;
	open_store(env);
	store_close(&env->store);
	char *paths = mem_printf("%s %s/data %s/keys %s", env->directory, env->directory, env->directory, env->key);
	run("chmod 0755", paths);
	run("chmod 0444", env->path);
	free(paths);
	fflush(stdout);
	pid_t child = fork();
	assert_true(child >= 0);
	if (!child) {
		if (!getuid() && (setgid(65534) || setuid(65534)))
			_exit(2);
		char *error = try_open(env);
		_exit(error && strstr(error, env->path) && !env->store ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(chmod(env->path, 0600), 0);
}

static void the_queue_is_bounded(void **state)
{
	struct env *env = *state;
	int64_t id = registered(env, ALICE);
	sqlite3 *other = outside(env);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	for (int i = 0; i < 2000; i++)
		store_set_online(env->store, id + i, false);
	store_put_buddy(env->store, id, &(struct store_buddy){.name = "carol", .alias = "0"});
	store_put_buddy(env->store, id, &(struct store_buddy){.name = "dave"});
	for (int i = 1; i < 1000; i++) {
		char alias[8];
		snprintf(alias, sizeof alias, "%d", i);
		store_set_online(env->store, id, i % 2);
		store_put_buddy(env->store, id, &(struct store_buddy){.name = "carol", .alias = alias});
	}
	assert_true(store_queue_length(env->store) < 2010);
	/* Changes merge, but not across what would undo them. */
	store_remove_buddy(env->store, id, "carol");
	store_put_buddy(env->store, id, &(struct store_buddy){.name = "carol", .alias = "last"});
	store_put_buddy(env->store, id, &(struct store_buddy){.name = "DAVE", .alias = "x"});
	store_put_buddy(env->store, id, &(struct store_buddy){.name = "dave", .alias = "y"});
	uint64_t sequence = 0;
	str_clear(&env->list, 0);
	while (store_queue_length(env->store) < QUEUE_JOBS) {
		env->outstanding++;
		store_put_pending(env->store, ++sequence, "x", 1, count_errors, env);
	}
	assert_string_equal(str_text(&env->list), ""); /* never inside of the call */
	env->outstanding += 3;
	for (int i = 0; i < 3; i++)
		store_put_pending(env->store, ++sequence, "x", 1, count_errors, env);
	store_set_online(env->store, id, true);        /* finds its place */
	store_set_online(env->store, id + 9999, true); /* dropped */
	assert_int_equal(store_queue_length(env->store), QUEUE_JOBS);
	while (env->list.len < 3)
		uv_run(loop_uv(env->loop), UV_RUN_ONCE);
	assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	wait_for_answers(env);
	assert_true(get(env, ALICE)->online);
	assert_int_equal(env->user->buddy_count, 2);
	for (int i = 0; i < 2; i++)
		assert_string_equal(env->user->buddies[i].alias,
		                    strcmp(env->user->buddies[i].name, "carol") ? "y" : "last");
	/* What was acknowledged is there, and nothing else. */
	char count[16];
	snprintf(count, sizeof count, "%llu", (unsigned long long)(sequence - env->list.len));
	assert_string_equal(query(env, "SELECT count(*) FROM s2_pending"), count);
}

static void large_jobs_are_bounded_by_bytes(void **state)
{
	struct env *env = *state;
	registered(env, ALICE);
	sqlite3 *other = outside(env);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	size_t len = QUEUE_BYTES / 8;
	char *large = mem_new(len);
	str_clear(&env->list, 0);
	for (uint64_t i = 1; i <= 10; i++) {
		env->outstanding++;
		store_put_pending(env->store, i, large, len, count_errors, env);
	}
	assert_int_equal(store_queue_length(env->store), 7);
	assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	wait_for_answers(env);
	assert_int_equal(env->list.len, 3);
	free(large);
}

/* ---- kill -9 */

struct child {
	struct env *env;
	int pipe;
	unsigned next;
};

static void child_registers(struct child *child);

static void child_acknowledged(void *arg, const struct store_user *user, const char *error)
{
	struct child *child = arg;
	if (error || write(child->pipe, user->jid, strlen(user->jid) + 1) < 0)
		_exit(1);
	child_registers(child);
}

static void child_registers(struct child *child)
{
	char jid[32];
	snprintf(jid, sizeof jid, "u%u@example.org", child->next++);
	store_put_user(child->env->store, &(struct store_user){.jid = jid, .name = jid, .password = "p"}, true,
	               child_acknowledged, child);
}

static void what_was_acknowledged_survives_kill(void **state)
{
	enum { SOME = 2000 };
	struct env *env = *state;
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	fflush(stdout);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		close(ends[0]);
		struct child child = {env, ends[1], 0};
		open_store(env);
		for (int i = 0; i < 20; i++)
			child_registers(&child);
		loop_run(env->loop);
		_exit(1);
	}
	close(ends[1]);
	struct str acknowledged = {0};
	size_t count = 0;
	bool killed = false;
	for (ssize_t got; (got = read(ends[0], str_reserve(&acknowledged, 4096), 4096)) > 0;) {
		for (ssize_t i = 0; i < got; i++)
			count += !acknowledged.data[acknowledged.len + (size_t)i];
		acknowledged.len += (size_t)got;
		if (count >= SOME && !killed)
			killed = !kill(pid, SIGKILL);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(killed && WIFSIGNALED(status));
	close(ends[0]);
	open_store(env);
	for (const char *jid = acknowledged.data; jid < acknowledged.data + acknowledged.len; jid += strlen(jid) + 1) {
		struct store_user *user = get(env, jid);
		assert_non_null(user);
		assert_string_equal(user->password, "p");
	}
	assert_string_equal(query(env, "PRAGMA integrity_check"), "ok");
	str_fini(&acknowledged);
}

static const struct CMUnitTest tests[] = {
    OPENED(ten_thousand_mixed_jobs_are_answered_in_order),
    OPENED(large_answers_wait_for_the_loop),
    OPENED(closing_gives_all_answers),
    OPENED(callbacks_may_ask_while_the_store_closes),
    OPENED(a_locked_database_refuses_and_catches_up),
    OPENED(a_full_disk_refuses_and_catches_up),
    OPENED(one_bad_job_fails_alone),
    OPENED(a_replaced_file_is_not_written_to_blindly),
    CLOSED(garbage_is_refused),
    CLOSED(a_file_that_cannot_be_written_is_refused),
    OPENED(the_queue_is_bounded),
    OPENED(large_jobs_are_bounded_by_bytes),
    CLOSED(what_was_acknowledged_survives_kill),
};
RUN_TESTS(tests)
