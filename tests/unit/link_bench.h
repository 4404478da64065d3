/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bench on which the link is driven against tests/peers/backend.py, a backend that misbehaves on demand. Everything
 * that the link tells goes into one trace, a line per event; tests wait for lines or counters and never for time. */
#ifndef TESTS_UNIT_LINK_BENCH_H
#define TESTS_UNIT_LINK_BENCH_H

#include "lib/base/str.h"
#include "spectrum/link/link.h"
#include "tests/unit/test.h"

#define PEOPLE 60
#define TICKETS 300

struct ticket {
	char id[16];
	unsigned results, returns;
	enum s2_condition condition;
};

struct person {
	struct seat seat;
	char jid[24];
	unsigned seated, unseated, delayed, connected, messages;
};

struct bench {
	char folder[64], log[96], report[96];
	struct loop *loop;
	struct config *config;
	struct link *link;
	struct timer *tick, *limit;
	struct str trace;
	struct person people[PEOPLE];
	struct ticket tickets[TICKETS];
	unsigned seated, unseated, delayed, connected, messages, results, returned;
	/* What to do inside of events. */
	bool seat_again, leave_when_seated, send_when_returned;
	/* The wait that runs. */
	const char *text;
	const unsigned *counter;
	unsigned least;
	bool in_log, late;
};

#define PEER "/usr/bin/python3 " BACKEND_PY " "
/* Up to four options of the configuration behind the backend's command. */
#define START(t, backend, ...)                           \
	bench_start(t, 1, (char *[]){"spectrum2", NULL}, \
	            (const struct config_override[5]){{"service.backend", backend}, __VA_ARGS__})

/* The whole file, "" if there is none; owned by the caller. */
char *file_text(const char *path);
/* How often this text stands in the log so far. */
unsigned times_logged(struct bench *t, const char *needle);
/* They run the loop until the text is in the trace, so many times in the log, or the counter is there; they fail after
 * a long time. */
void wait_text(struct bench *t, const char *text);
void wait_log(struct bench *t, const char *text, unsigned times);
void wait_count(struct bench *t, const unsigned *counter, unsigned least);
struct seat *seat_of(struct bench *t, unsigned who);
void bench_start(struct bench *t, int argc, char **argv, const struct config_override overrides[5]);
int bench_setup(void **state);
int bench_teardown(void **state);
/* Seats him and logs him in. */
void login(struct bench *t, unsigned who);
/* Sends a message with a ticket. */
void say(struct bench *t, unsigned who, const char *body, unsigned ticket);
/* Sends a message without a ticket and waits for the word that the backend says behind its answer. */
void ask(struct bench *t, unsigned who, const char *body, const char *last);
void assert_traced(struct bench *t, const char *line);
void assert_not_traced(struct bench *t, const char *line);
/* From the statistics. */
unsigned backends(struct bench *t);
unsigned crashed(struct bench *t);
/* The first `count` tickets: each ended by one result or one return. */
void assert_all_ended_once(struct bench *t, unsigned count);
struct s2_message plain(const char *body, const char *id);

#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)

/* main() of a test program with some that wait for heartbeats, back-off or much work: `PROGRAM slow`. */
#define RUN_TESTS_AND_SLOW(tests, slow_tests)                                  \
	int main(int argc, char **argv)                                        \
	{                                                                      \
		cmocka_set_message_output(CM_OUTPUT_TAP);                      \
		if (argc > 1 && !strcmp(argv[1], "slow"))                      \
			return cmocka_run_group_tests(slow_tests, NULL, NULL); \
		return cmocka_run_group_tests(tests, NULL, NULL);              \
	}

#endif
