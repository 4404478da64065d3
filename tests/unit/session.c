/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kit/session against a scripted server in the same loop, and kit/throttle against a made-up clock. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit/session.h"
#include "kit/throttle.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/io/conn.h"
#include "lib/io/listener.h"
#include "tests/unit/test.h"
#include "tests/unit/tls_peer.h"

enum { LIMIT_MS = 20000, HOUR = 3600 * 1000 };

/* ---- Throttle ---- */

static const char *take(struct throttle *throttle, uint64_t now)
{
	static char text[16];
	struct throttle_item *item = throttle_take(throttle, now);
	if (!item)
		return NULL;
	snprintf(text, sizeof text, "%.*s", (int)item->len, item->bytes);
	free(item);
	return text;
}

static void throttle_lets_a_burst_through_and_then_one_each_interval(void **state)
{
	struct throttle throttle;
	char text[8];
	throttle_init(&throttle, 3, 1000, 50);
	assert_true(throttle_wait_ms(&throttle, 50) == UINT64_MAX);
	for (int i = 0; i < 9; i++) {
		snprintf(text, sizeof text, "%d", i);
		assert_true(throttle_push(&throttle, text, strlen(text), NULL));
	}
	assert_string_equal(take(&throttle, 50), "0");
	assert_string_equal(take(&throttle, 50), "1");
	assert_string_equal(take(&throttle, 50), "2");
	assert_null(take(&throttle, 50));
	assert_int_equal(throttle_wait_ms(&throttle, 50), 1000);
	assert_int_equal(throttle_wait_ms(&throttle, 450), 600);
	assert_null(take(&throttle, 1049));
	assert_string_equal(take(&throttle, 1050), "3");
	assert_null(take(&throttle, 1050));
	/* Half an interval is not lost. */
	assert_string_equal(take(&throttle, 2550), "4");
	assert_string_equal(take(&throttle, 3050), "5");
	/* After a long rest no more than the burst. */
	assert_string_equal(take(&throttle, 900000), "6");
	assert_string_equal(take(&throttle, 900000), "7");
	assert_string_equal(take(&throttle, 900000), "8");
	assert_true(throttle_push(&throttle, "9", 1, NULL));
	assert_null(take(&throttle, 900000));
	/* A clock that steps back does no harm. */
	assert_null(take(&throttle, 5));
	throttle_fini(&throttle);
}

static void throttle_is_bounded(void **state)
{
	struct throttle throttle;
	throttle_init(&throttle, 1, HOUR, 0);
	throttle_limit(&throttle, 3, 10);
	assert_false(throttle_push(&throttle, "12345678901", 11, NULL));
	assert_true(throttle_push(&throttle, "12345", 5, NULL));
	assert_true(throttle_push(&throttle, "123", 3, NULL));
	assert_false(throttle_push(&throttle, "123", 3, NULL));
	assert_true(throttle_push(&throttle, "12", 2, NULL));
	assert_false(throttle_push(&throttle, "", 0, NULL));
	assert_int_equal(throttle.count, 3);
	assert_string_equal(take(&throttle, 0), "12345");
	assert_true(throttle_push(&throttle, "1234", 4, NULL));
	throttle_fini(&throttle);
	assert_int_equal(throttle.count, 0);
	assert_int_equal(throttle.bytes, 0);
}

static void throttle_rate_may_change(void **state)
{
	struct throttle throttle;
	throttle_init(&throttle, 5, 0, 0);
	for (int i = 0; i < 20; i++)
		assert_true(throttle_push(&throttle, "x", 1, NULL));
	for (int i = 0; i < 10; i++)
		assert_non_null(take(&throttle, 0));
	throttle_set_rate(&throttle, 2, 100, 0);
	assert_non_null(take(&throttle, 0));
	assert_non_null(take(&throttle, 0));
	assert_null(take(&throttle, 99));
	throttle_set_rate(&throttle, 2, 10, 100);
	assert_non_null(take(&throttle, 100));
	assert_null(take(&throttle, 109));
	assert_non_null(take(&throttle, 110));
	throttle_fini(&throttle);
}

/* ---- The server ---- */

static struct loop *loop;
static struct timer *limit;
static struct listener *listener;

enum manner { SAYS_NOTHING, ECHOES, HANGS_UP, DOES_NOT_READ };

static struct server {
	enum manner manner;
	struct conn *conn; /* the last one */
	struct str got;
	size_t accepted, stop_at_bytes;
} server;

static void server_input(void *arg, const char *bytes, size_t len)
{
	str_add(&server.got, bytes, len);
	if (server.manner == ECHOES)
		conn_write(server.conn, bytes, len);
	if (server.stop_at_bytes && server.got.len >= server.stop_at_bytes)
		loop_stop(loop);
}

static void server_closed(void *arg, const char *reason)
{
	conn_free(&server.conn);
}

static void server_accepted(void *arg, int fd)
{
	static const struct conn_events events = {.input = server_input, .closed = server_closed};
	conn_free(&server.conn);
	server.conn = conn_adopt(loop, fd, &events, NULL);
	server.accepted++;
	if (server.manner == HANGS_UP)
		conn_free(&server.conn);
	if (server.manner == DOES_NOT_READ)
		conn_pause(server.conn);
}

/* ---- The owner: notes what it is told ---- */

enum moment { NEVER, OPENED, SECURED, INPUT, KEEPALIVE, SENT, DROPPED, FAILED };

static struct owner {
	struct s2_session *session;
	char trace[512]; /* a letter or a word for each call */
	struct str got;
	enum moment stop_in, free_in;
	bool login;     /* goes online when opened */
	bool start_tls; /* when opened */
	bool answers_keepalive;
	int fail_in_input; /* -1, or a class */
	size_t failures, stop_at_failures, keepalives, stop_at_keepalives;
	struct s2_session_failure failure;
	char text[256];
	enum s2_session_state state; /* in the last callback */
} owner;

static void told(enum moment moment, const char *what)
{
	if (strlen(owner.trace) + strlen(what) + 2 < sizeof owner.trace) {
		strcat(owner.trace, what);
		strcat(owner.trace, " ");
	}
	if (owner.session)
		owner.state = s2_session_state(owner.session);
	if (owner.free_in == moment)
		s2_session_free(&owner.session);
	if (owner.stop_in == moment || owner.free_in == moment)
		loop_stop(loop);
}

static void owner_opened(void *arg)
{
	assert_ptr_equal(arg, &owner);
	if (owner.start_tls)
		s2_session_start_tls(owner.session);
	else if (owner.login)
		s2_session_online(owner.session);
	told(OPENED, "opened");
}

static void owner_secured(void *arg)
{
	if (owner.login)
		s2_session_online(owner.session);
	told(SECURED, "secured");
}

static void owner_input(void *arg, const char *bytes, size_t len)
{
	str_add(&owner.got, bytes, len);
	if (owner.fail_in_input >= 0) {
		s2_session_fail(owner.session, (enum s2_session_class)owner.fail_in_input,
		                S2_ERROR_AUTHENTICATION_FAILED, "wrong password", HOUR);
		s2_session_fail(owner.session, S2_SESSION_RETRY, S2_ERROR_NETWORK, "second", 0);
		/* A parser goes on for a while: nothing of this may have an effect. */
		s2_session_online(owner.session);
		assert_false(s2_session_send(owner.session, "late", 4, "late"));
		s2_session_send_now(owner.session, "late", 4);
	}
	told(INPUT, "input");
}

static void owner_keepalive(void *arg)
{
	if (owner.answers_keepalive)
		s2_session_send_now(owner.session, "PING\n", 5);
	if (++owner.keepalives == owner.stop_at_keepalives)
		loop_stop(loop);
	told(KEEPALIVE, "keepalive");
}

static void owner_sent(void *arg, void *token)
{
	told(SENT, token);
}

static void owner_dropped(void *arg, void *token)
{
	char text[32];
	snprintf(text, sizeof text, "-%s", (char *)token);
	told(DROPPED, text);
}

static void owner_failed(void *arg, const struct s2_session_failure *failure)
{
	owner.failure = *failure;
	snprintf(owner.text, sizeof owner.text, "%s", failure->text);
	owner.failure.text = owner.text;
	if (++owner.failures == owner.stop_at_failures)
		loop_stop(loop);
	told(FAILED, "failed");
}

static const struct s2_session_events events = {
    .opened = owner_opened,
    .secured = owner_secured,
    .input = owner_input,
    .keepalive = owner_keepalive,
    .sent = owner_sent,
    .dropped = owner_dropped,
    .failed = owner_failed,
};

/* ---- The stage ---- */

static void stop(void *arg)
{
	loop_stop(loop);
}

static void took_too_long(void *arg)
{
	fail_msg("nothing happened within %d ms", LIMIT_MS);
}

static void run(void)
{
	timer_start(limit, LIMIT_MS, 0);
	loop_run(loop);
	timer_stop(limit);
}

static void settle(void)
{
	struct timer *timer = timer_new(loop, stop, NULL);
	for (int i = 0; i < 5; i++) {
		timer_start(timer, 0, 0);
		run();
	}
	timer_free(&timer);
}

static int set_up(void **state)
{
	loop = loop_new();
	limit = timer_new(loop, took_too_long, NULL);
	memset(&owner, 0, sizeof owner);
	memset(&server, 0, sizeof server);
	owner.fail_in_input = -1;
	listener = listener_new(loop, "127.0.0.1", 0, server_accepted, NULL);
	return 0;
}

static void forget_session(void)
{
	s2_session_free(&owner.session);
	str_fini(&owner.got);
	memset(&owner, 0, sizeof owner);
	owner.fail_in_input = -1;
}

static int tear_down(void **state)
{
	tls_peer_stop();
	forget_session();
	conn_free(&server.conn);
	str_fini(&server.got);
	listener_free(&listener);
	timer_free(&limit);
	loop_free(&loop);
	return 0;
}

static void begin(struct s2_session_options options)
{
	options.host = "127.0.0.1";
	if (!options.port)
		options.port = listener_port(listener);
	owner.session = s2_session_new(loop, &options, &events, &owner);
	assert_int_equal(s2_session_state(owner.session), S2_SESSION_IDLE);
	s2_session_start(owner.session);
	assert_int_equal(s2_session_state(owner.session), S2_SESSION_RESOLVING);
}

static void begin_and_run_until(enum moment moment, struct s2_session_options options)
{
	owner.stop_in = moment;
	begin(options);
	run();
	owner.stop_in = NEVER;
}

/* ---- States ---- */

static void only_known_moves_are_allowed(void **state)
{
	/* Rows from, columns to: idle resolving connecting tls auth sync online backoff. */
	static const char *allowed[S2_SESSION_STATES] = {
	    [S2_SESSION_IDLE] = ".x......",   [S2_SESSION_RESOLVING] = "x.x....x", [S2_SESSION_CONNECTING] = "x..xx..x",
	    [S2_SESSION_TLS] = "x...x..x",    [S2_SESSION_AUTH] = "x..x.xxx",      [S2_SESSION_SYNC] = "x.....xx",
	    [S2_SESSION_ONLINE] = "x......x", [S2_SESSION_BACKOFF] = "xx......",
	};
	for (int from = 0; from < S2_SESSION_STATES; from++)
		for (int to = 0; to < S2_SESSION_STATES; to++)
			assert_int_equal(s2_session_may_move(from, to), allowed[from][to] == 'x');
	assert_string_equal(s2_session_state_name(S2_SESSION_BACKOFF), "backoff");
}

static void login_goes_through_its_states(void **state)
{
	begin((struct s2_session_options){0});
	/* Too early for any of these. */
	s2_session_online(owner.session);
	s2_session_syncing(owner.session);
	s2_session_start_tls(owner.session);
	s2_session_fail(owner.session, S2_SESSION_RETRY, S2_ERROR_OTHER, "", 0);
	s2_session_send_now(owner.session, "early", 5);
	assert_false(s2_session_send(owner.session, "early", 5, "early"));
	forget_session();

	begin_and_run_until(OPENED, (struct s2_session_options){0});
	assert_int_equal(owner.state, S2_SESSION_AUTH);
	assert_int_equal(s2_session_state(owner.session), S2_SESSION_AUTH);
	s2_session_start(owner.session);
	s2_session_syncing(owner.session);
	assert_int_equal(s2_session_state(owner.session), S2_SESSION_SYNC);
	s2_session_start_tls(owner.session);
	s2_session_syncing(owner.session);
	assert_int_equal(s2_session_state(owner.session), S2_SESSION_SYNC);
	s2_session_online(owner.session);
	s2_session_online(owner.session);
	assert_int_equal(s2_session_state(owner.session), S2_SESSION_ONLINE);
	s2_session_syncing(owner.session);
	assert_int_equal(s2_session_state(owner.session), S2_SESSION_ONLINE);
	s2_session_stop(owner.session);
	assert_int_equal(s2_session_state(owner.session), S2_SESSION_IDLE);
	s2_session_stop(owner.session);
	assert_string_equal(owner.trace, "opened ");
	/* And once more. */
	owner.stop_in = OPENED;
	s2_session_start(owner.session);
	run();
	assert_int_equal(s2_session_state(owner.session), S2_SESSION_AUTH);
	assert_int_equal(server.accepted, 2);
}

static void farewell_is_sent_before_stopping(void **state)
{
	begin_and_run_until(OPENED, (struct s2_session_options){0});
	s2_session_send_now(owner.session, "QUIT\n", 5);
	s2_session_stop(owner.session);
	server.stop_at_bytes = 5;
	run();
	assert_string_equal(str_text(&server.got), "QUIT\n");
	/* The same when it is freed. */
	owner.stop_in = OPENED;
	s2_session_start(owner.session);
	run();
	s2_session_send_now(owner.session, "GONE\n", 5);
	s2_session_free(&owner.session);
	server.stop_at_bytes = 10;
	run();
	assert_string_equal(str_text(&server.got), "QUIT\nGONE\n");
	settle();
	assert_string_equal(owner.trace, "opened opened ");
}

/* ---- Failing and trying again ---- */

static void refused_sessions_back_off_and_give_up(void **state)
{
	uint16_t port = listener_port(listener);
	listener_free(&listener);
	owner.stop_at_failures = 1;
	begin((struct s2_session_options){.port = port, .retry_ms = 8, .attempts = 4});
	run();
	assert_int_equal(s2_session_state(owner.session), S2_SESSION_BACKOFF);
	assert_string_equal(owner.text, "cannot connect to 127.0.0.1: Connection refused");
	assert_int_equal(owner.failure.what, S2_SESSION_RETRY);
	assert_int_equal(owner.failure.error, S2_ERROR_NETWORK);
	assert_false(owner.failure.was_online);
	assert_int_equal(owner.failure.attempt, 1);
	assert_in_range(owner.failure.retry_ms, 6, 10);
	owner.stop_at_failures = 3;
	run();
	assert_int_equal(owner.failure.attempt, 3);
	assert_in_range(owner.failure.retry_ms, 24, 40);
	owner.stop_at_failures = 4;
	run();
	assert_int_equal(owner.failure.what, S2_SESSION_FATAL);
	assert_int_equal(owner.failure.retry_ms, 0);
	assert_int_equal(s2_session_state(owner.session), S2_SESSION_IDLE);
	settle();
	assert_int_equal(owner.failures, 4);
}

static void server_that_comes_back_is_found(void **state)
{
	uint16_t port = listener_port(listener);
	listener_free(&listener);
	owner.stop_at_failures = 2;
	begin((struct s2_session_options){.port = port, .retry_ms = 5});
	run();
	listener = listener_new(loop, "127.0.0.1", port, server_accepted, NULL);
	assert_non_null(listener);
	owner.stop_in = OPENED;
	run();
	assert_string_equal(owner.trace, "failed failed opened ");
}

static void back_off_can_be_cut_short_or_ended(void **state)
{
	server.manner = HANGS_UP;
	begin_and_run_until(FAILED, (struct s2_session_options){.retry_ms = HOUR});
	assert_string_equal(owner.trace, "opened failed ");
	server.manner = SAYS_NOTHING;
	owner.stop_in = OPENED;
	s2_session_start(owner.session);
	run();
	assert_string_equal(owner.trace, "opened failed opened ");
	conn_free(&server.conn);
	owner.stop_in = FAILED;
	run();
	s2_session_stop(owner.session);
	assert_int_equal(s2_session_state(owner.session), S2_SESSION_IDLE);
}

static void online_forgets_failures_when_it_lasts(void **state)
{
	server.manner = HANGS_UP;
	owner.login = true;
	/* A server that throws everybody out at once is not hammered. */
	owner.stop_at_failures = 3;
	begin((struct s2_session_options){.retry_ms = 1, .stable_ms = HOUR});
	run();
	assert_int_equal(owner.failure.attempt, 3);
	assert_true(owner.failure.was_online);
	forget_session();

	server.manner = SAYS_NOTHING;
	owner.login = true;
	begin((struct s2_session_options){.retry_ms = 1, .stable_ms = 1, .keepalive_ms = 10, .answer_ms = 1});
	owner.stop_at_failures = 3;
	run();
	assert_int_equal(owner.failure.attempt, 1);
}

static void another_server_can_be_tried(void **state)
{
	uint16_t port = listener_port(listener);
	listener_free(&listener);
	begin_and_run_until(FAILED, (struct s2_session_options){.port = port, .retry_ms = HOUR});
	listener = listener_new(loop, "127.0.0.1", 0, server_accepted, NULL);
	s2_session_set_server(owner.session, "localhost", listener_port(listener));
	owner.stop_in = OPENED;
	s2_session_start(owner.session);
	run();
	assert_int_equal(server.accepted, 1);
}

static void owner_says_how_it_failed(void **state)
{
	static const enum s2_session_state then[] = {
	    [S2_SESSION_FATAL] = S2_SESSION_IDLE,
	    [S2_SESSION_RETRY] = S2_SESSION_BACKOFF,
	    [S2_SESSION_WAIT] = S2_SESSION_BACKOFF,
	};
	for (int what = S2_SESSION_FATAL; what <= S2_SESSION_WAIT; what++) {
		server.manner = ECHOES;
		owner.fail_in_input = what;
		begin_and_run_until(OPENED, (struct s2_session_options){.retry_ms = 2000, .interval_ms = HOUR});
		s2_session_send_now(owner.session, "hello", 5);
		assert_true(s2_session_send(owner.session, "a", 1, "a"));
		assert_true(s2_session_send(owner.session, "b", 1, "b"));
		owner.stop_in = FAILED;
		run();
		assert_string_equal(owner.trace, "opened a input -b failed ");
		assert_string_equal(owner.text, "wrong password");
		assert_int_equal(owner.failure.what, what);
		assert_int_equal(owner.failure.error, S2_ERROR_AUTHENTICATION_FAILED);
		assert_int_equal(s2_session_state(owner.session), then[what]);
		if (what == S2_SESSION_WAIT)
			assert_in_range(owner.failure.retry_ms, HOUR, HOUR + HOUR / 10);
		forget_session();
	}
}

static void failing_can_be_taken_back_by_stopping(void **state)
{
	begin_and_run_until(OPENED, (struct s2_session_options){0});
	s2_session_fail(owner.session, S2_SESSION_FATAL, S2_ERROR_OTHER, "why", 0);
	s2_session_stop(owner.session);
	settle();
	assert_string_equal(owner.trace, "opened ");
}

static void login_that_does_not_end_fails(void **state)
{
	begin_and_run_until(FAILED, (struct s2_session_options){.login_ms = 20});
	assert_string_equal(owner.trace, "opened failed ");
	assert_string_equal(owner.text, "the login was not completed in time");
	assert_int_equal(owner.failure.what, S2_SESSION_RETRY);
}

static void silent_server_is_found(void **state)
{
	owner.login = true;
	begin_and_run_until(FAILED, (struct s2_session_options){.keepalive_ms = 20, .answer_ms = 20});
	assert_string_equal(owner.trace, "opened keepalive failed ");
	assert_string_equal(owner.text, "no answer");
	assert_true(owner.failure.was_online);
}

static void answering_server_is_kept(void **state)
{
	server.manner = ECHOES;
	owner.login = owner.answers_keepalive = true;
	owner.stop_at_keepalives = 4;
	begin((struct s2_session_options){.keepalive_ms = 10, .answer_ms = HOUR});
	run();
	assert_string_equal(owner.trace, "opened keepalive input keepalive input keepalive input keepalive ");
}

static void paused_session_is_not_blamed_on_the_server(void **state)
{
	owner.login = true;
	begin_and_run_until(OPENED, (struct s2_session_options){.keepalive_ms = 5, .answer_ms = 5});
	s2_session_pause(owner.session);
	struct timer *timer = timer_new(loop, stop, NULL);
	timer_start(timer, 50, 0);
	run();
	assert_string_equal(owner.trace, "opened ");
	s2_session_resume(owner.session);
	owner.stop_in = KEEPALIVE;
	run();
	timer_free(&timer);
}

/* ---- Sending ---- */

static void queue_keeps_its_order_and_priority_goes_first(void **state)
{
	begin_and_run_until(OPENED, (struct s2_session_options){.burst = 2, .interval_ms = 5});
	assert_true(s2_session_send(owner.session, "1\n", 2, "1"));
	assert_true(s2_session_send(owner.session, "2\n", 2, NULL));
	assert_true(s2_session_send(owner.session, "3\n", 2, "3"));
	assert_true(s2_session_send(owner.session, "4\n", 2, "4"));
	s2_session_send_now(owner.session, "PONG\n", 5);
	assert_string_equal(owner.trace, "opened ");
	assert_int_equal(s2_session_queued(owner.session), 4);
	server.stop_at_bytes = 13;
	run();
	assert_string_equal(str_text(&server.got), "PONG\n1\n2\n3\n4\n");
	assert_string_equal(owner.trace, "opened 1 3 4 ");
	assert_int_equal(s2_session_queued(owner.session), 0);
}

static void burst_is_not_exceeded(void **state)
{
	begin_and_run_until(OPENED, (struct s2_session_options){.burst = 2, .interval_ms = HOUR, .queue_limit = 5});
	for (int i = 0; i < 5; i++)
		assert_true(s2_session_send(owner.session, "x\n", 2, "x"));
	assert_false(s2_session_send(owner.session, "x\n", 2, "overflow"));
	settle();
	assert_string_equal(owner.trace, "opened x x ");
	assert_string_equal(str_text(&server.got), "x\nx\n");
	assert_true(s2_session_send(owner.session, "x\n", 2, "x"));
	/* The network grants more. */
	s2_session_set_rate(owner.session, 2, 1);
	server.stop_at_bytes = 12;
	run();
	assert_string_equal(owner.trace, "opened x x x x x x ");
}

static void what_waits_is_dropped_before_the_failure(void **state)
{
	begin_and_run_until(OPENED, (struct s2_session_options){.interval_ms = HOUR, .retry_ms = HOUR});
	assert_true(s2_session_send(owner.session, "1", 1, "1"));
	assert_true(s2_session_send(owner.session, "2", 1, "2"));
	assert_true(s2_session_send(owner.session, "3", 1, NULL));
	assert_true(s2_session_send(owner.session, "4", 1, "4"));
	settle();
	conn_free(&server.conn);
	owner.stop_in = FAILED;
	run();
	assert_string_equal(owner.trace, "opened 1 -2 -4 failed ");
	assert_false(s2_session_send(owner.session, "5", 1, "5"));
	/* The bucket is full again on the next connection. */
	owner.stop_in = OPENED;
	s2_session_start(owner.session);
	run();
	assert_true(s2_session_send(owner.session, "6", 1, "6"));
	assert_true(s2_session_send(owner.session, "7", 1, "7"));
	settle();
	s2_session_stop(owner.session);
	assert_string_equal(owner.trace, "opened 1 -2 -4 failed opened 6 -7 ");
	owner.stop_in = OPENED;
	s2_session_start(owner.session);
	run();
	assert_true(s2_session_send(owner.session, "8", 1, "8"));
	s2_session_free(&owner.session);
	assert_string_equal(owner.trace, "opened 1 -2 -4 failed opened 6 -7 opened -8 ");
}

static void slow_server_holds_the_queue_not_memory(void **state)
{
	enum { PIECES = 16000, WIDTH = 1000 };
	char piece[WIDTH];
	server.manner = DOES_NOT_READ;
	begin_and_run_until(
	    OPENED, (struct s2_session_options){.queue_limit = PIECES, .queue_bytes_limit = (size_t)PIECES * WIDTH});
	for (int i = 0; i < PIECES; i++) {
		memset(piece, 'a' + i % 26, WIDTH);
		assert_true(s2_session_send(owner.session, piece, WIDTH, NULL));
	}
	settle();
	assert_true(s2_session_queued(owner.session) > 0);
	assert_non_null(server.conn);
	conn_resume(server.conn);
	server.stop_at_bytes = (size_t)PIECES * WIDTH;
	run();
	for (int i = 0; i < PIECES; i++)
		assert_int_equal(server.got.data[(size_t)i * WIDTH + 1], 'a' + i % 26);
	assert_int_equal(s2_session_queued(owner.session), 0);
}

static void server_that_never_reads_is_given_up(void **state)
{
	char *bytes = mem_new(100000);
	server.manner = DOES_NOT_READ;
	begin_and_run_until(OPENED, (struct s2_session_options){.retry_ms = HOUR});
	for (int i = 0; i < 1000 && !owner.failures; i++) {
		s2_session_send_now(owner.session, bytes, 100000);
		settle();
	}
	assert_string_equal(owner.text, "the server does not read what it is sent");
	free(bytes);
}

/* ---- Freeing ---- */

static void may_be_freed_in_every_callback(void **state)
{
	for (enum moment moment = OPENED; moment <= FAILED; moment++) {
		if (moment == SECURED)
			continue; /* below, with TLS */
		server.manner = moment == INPUT ? ECHOES : SAYS_NOTHING;
		owner.login = true;
		owner.free_in = moment;
		owner.stop_in = OPENED;
		begin((struct s2_session_options){.interval_ms = HOUR,
		                                  .keepalive_ms = moment == KEEPALIVE ? 5 : HOUR,
		                                  .answer_ms = HOUR,
		                                  .retry_ms = HOUR});
		run();
		if (owner.session && moment != KEEPALIVE) {
			s2_session_send_now(owner.session, "hello", 5);
			assert_true(s2_session_send(owner.session, "1", 1, moment == SENT ? "1" : NULL));
			assert_true(s2_session_send(owner.session, "2", 1, "2"));
			assert_true(s2_session_send(owner.session, "3", 1, "3"));
			settle();
		}
		if (moment == DROPPED || moment == FAILED)
			conn_free(&server.conn);
		if (owner.session)
			run();
		assert_null(owner.session);
		settle();
		if (moment == DROPPED)
			assert_string_equal(owner.trace, "opened -2 -3 ");
		conn_free(&server.conn);
		forget_session();
	}
}

/* ---- TLS ---- */

static void tls_stands_before_opened(void **state)
{
	uint16_t port = tls_peer_start(loop, "good", "");
	begin_and_run_until(
	    OPENED, (struct s2_session_options){.port = port, .tls = true, .ca_file = tls_peer_file("good", "pem")});
	assert_string_equal(owner.trace, "opened ");
	assert_memory_equal(s2_session_tls_description(owner.session), "TLSv1.3", 7);
	s2_session_send_now(owner.session, "abc\n", 4);
	owner.stop_in = INPUT;
	run();
	assert_string_equal(str_text(&owner.got), "cba\n");
}

static void tls_in_mid_stream(void **state)
{
	uint16_t port = tls_peer_start(loop, "good", "");
	for (int i = 0; i < 2; i++) {
		owner.start_tls = owner.login = true;
		owner.free_in = i ? SECURED : NEVER;
		begin_and_run_until(SECURED, (struct s2_session_options){.port = port,
		                                                         .tls_name = "chat.test",
		                                                         .ca_file = tls_peer_file("good", "pem")});
		assert_string_equal(owner.trace, "opened secured ");
		assert_int_equal(owner.state, S2_SESSION_ONLINE);
		forget_session();
	}
}

static void certificates_decide(void **state)
{
	static const struct {
		const char *certificate, *ca, *name;
		enum s2_session_class what;
		enum s2_connection_error error;
	} rows[] = {
	    {"good", "other", NULL, S2_SESSION_FATAL, S2_ERROR_CERT_SELF_SIGNED},
	    {"good", "good", "evil.test", S2_SESSION_FATAL, S2_ERROR_CERT_HOSTNAME_MISMATCH},
	    {"old", "old", NULL, S2_SESSION_FATAL, S2_ERROR_CERT_EXPIRED},
	    {"young", "young", NULL, S2_SESSION_FATAL, S2_ERROR_CERT_NOT_ACTIVATED},
	    {"good", "missing", NULL, S2_SESSION_FATAL, S2_ERROR_INVALID_SETTINGS},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct s2_session_options options = {.port = tls_peer_start(loop, rows[i].certificate, ""),
		                                     .tls = true,
		                                     .tls_name = rows[i].name,
		                                     .ca_file = tls_peer_file(rows[i].ca, "pem")};
		begin_and_run_until(FAILED, options);
		assert_string_equal(owner.trace, "failed ");
		assert_int_equal(owner.failure.what, rows[i].what);
		assert_int_equal(owner.failure.error, rows[i].error);
		forget_session();
		options.insecure = true;
		begin_and_run_until(OPENED, options);
		assert_string_equal(owner.trace, "opened ");
		forget_session();
		tls_peer_stop();
	}
}

static void silent_tls_handshake_fails(void **state)
{
	begin_and_run_until(FAILED, (struct s2_session_options){.tls = true, .insecure = true, .connect_ms = 50});
	assert_string_equal(owner.trace, "failed ");
	assert_string_equal(owner.text, "no answer during the TLS handshake");
	assert_int_equal(s2_session_state(owner.session), S2_SESSION_BACKOFF);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(throttle_lets_a_burst_through_and_then_one_each_interval),
    cmocka_unit_test(throttle_is_bounded),
    cmocka_unit_test(throttle_rate_may_change),
    cmocka_unit_test(only_known_moves_are_allowed),
    TEST(login_goes_through_its_states),
    TEST(farewell_is_sent_before_stopping),
    TEST(refused_sessions_back_off_and_give_up),
    TEST(server_that_comes_back_is_found),
    TEST(back_off_can_be_cut_short_or_ended),
    TEST(online_forgets_failures_when_it_lasts),
    TEST(another_server_can_be_tried),
    TEST(owner_says_how_it_failed),
    TEST(failing_can_be_taken_back_by_stopping),
    TEST(login_that_does_not_end_fails),
    TEST(silent_server_is_found),
    TEST(answering_server_is_kept),
    TEST(paused_session_is_not_blamed_on_the_server),
    TEST(queue_keeps_its_order_and_priority_goes_first),
    TEST(burst_is_not_exceeded),
    TEST(what_waits_is_dropped_before_the_failure),
    TEST(slow_server_holds_the_queue_not_memory),
    TEST(server_that_never_reads_is_given_up),
    TEST(may_be_freed_in_every_callback),
    TEST(tls_stands_before_opened),
    TEST(tls_in_mid_stream),
    TEST(certificates_decide),
    TEST(silent_tls_handshake_fails),
};

int main(void)
{
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, tls_peer_make_certificates, tls_peer_remove_certificates);
}
