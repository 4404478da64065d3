/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lib/io with real sockets on the loopback, real children, and a real TLS server (the openssl program). */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/io/conn.h"
#include "lib/io/listener.h"
#include "lib/io/process.h"
#include "lib/io/tls.h"
#include "tests/unit/test.h"

enum { LIMIT_MS = 20000, BIG = 10 * 1024 * 1024 };

/* ---- The stage: one loop per test, stopped by what is waited for ---- */

static struct loop *loop;
static struct timer *limit;

static void took_too_long(void *arg)
{
	fail_msg("nothing happened within %d ms", LIMIT_MS);
}

static int set_up(void **state)
{
	loop = loop_new();
	limit = timer_new(loop, took_too_long, NULL);
	return 0;
}

static int tear_down(void **state)
{
	timer_free(&limit);
	loop_free(&loop);
	return 0;
}

static void run(void)
{
	timer_start(limit, LIMIT_MS, 0);
	loop_run(loop);
	timer_stop(limit);
}

/* One end of a connection that notes what it was told. */
struct end {
	struct conn *conn;
	struct str got;
	size_t inputs, drained, stop_at;
	bool resolved, connected, secured, closed;
	bool echo, stop_when_closed, stop_when_secured;
	int free_in; /* one of enum moment */
	char reason[512];
};
enum moment { NEVER, RESOLVED, CONNECTED, SECURED, INPUT, DRAINED, CLOSED };

static void end_moment(struct end *end, enum moment moment)
{
	if (end->free_in == (int)moment) {
		conn_free(&end->conn);
		loop_stop(loop);
	}
}

static void end_resolved(void *arg)
{
	struct end *end = arg;
	assert_false(end->resolved);
	end->resolved = true;
	end_moment(end, RESOLVED);
}

static void end_connected(void *arg)
{
	struct end *end = arg;
	assert_false(end->connected);
	end->connected = true;
	end_moment(end, CONNECTED);
}

static void end_secured(void *arg)
{
	struct end *end = arg;
	assert_false(end->secured);
	end->secured = true;
	if (end->stop_when_secured)
		loop_stop(loop);
	end_moment(end, SECURED);
}

static void end_input(void *arg, const char *bytes, size_t len)
{
	struct end *end = arg;
	assert_false(end->closed);
	end->inputs++;
	if (end->echo)
		conn_write(end->conn, bytes, len);
	else
		str_add(&end->got, bytes, len);
	if (end->stop_at && end->got.len >= end->stop_at)
		loop_stop(loop);
	end_moment(end, INPUT);
}

static void end_drained(void *arg)
{
	struct end *end = arg;
	end->drained++;
	end_moment(end, DRAINED);
}

static void end_closed(void *arg, const char *reason)
{
	struct end *end = arg;
	assert_false(end->closed);
	end->closed = true;
	snprintf(end->reason, sizeof end->reason, "%s", reason);
	if (end->stop_when_closed)
		loop_stop(loop);
	end_moment(end, CLOSED);
}

static const struct conn_events end_events = {
    .resolved = end_resolved,
    .connected = end_connected,
    .secured = end_secured,
    .input = end_input,
    .drained = end_drained,
    .closed = end_closed,
};

static void end_fini(struct end *end)
{
	conn_free(&end->conn);
	str_fini(&end->got);
}

static void small_buffers(int fd)
{
	int size = 4096;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

/* Two connected ends over a Unix socket pair. */
static void pair(struct end *a, struct end *b)
{
	int fd[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	small_buffers(fd[0]);
	small_buffers(fd[1]);
	a->conn = conn_adopt(loop, fd[0], &end_events, a);
	b->conn = conn_adopt(loop, fd[1], &end_events, b);
}

/* One adopted end; the other is a plain blocking socket. */
static int adopt_half(struct end *end)
{
	int fd[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	end->conn = conn_adopt(loop, fd[0], &end_events, end);
	return fd[1];
}

static void stop(void *arg)
{
	loop_stop(loop);
}

/* Runs whole turns until nothing more happens at once. */
static void settle(void)
{
	struct timer *timer = timer_new(loop, stop, NULL);
	for (int i = 0; i < 3; i++) {
		timer_start(timer, 0, 0);
		run();
	}
	timer_free(&timer);
}

/* ---- Loop ---- */

static char trace[64];

static void note(void *arg)
{
	strcat(trace, arg);
}

static struct deferred first, second;
static struct flusher flusher = {.flush = note, .arg = "F"};

static void note_and_defer(void *arg)
{
	note(arg);
	loop_flush_later(loop, &flusher);
	loop_defer(loop, &second, note, "d");
	loop_defer(loop, &second, note, "d");
}

static void in_timer(void *arg)
{
	note(arg);
	loop_flush_later(loop, &flusher);
	loop_flush_later(loop, &flusher);
	loop_defer(loop, &first, note_and_defer, "D");
	loop_stop(loop);
}

static void deferred_work_comes_before_the_flush_and_both_in_this_turn(void **state)
{
	struct timer *timer = timer_new(loop, in_timer, "T");
	*trace = 0;
	timer_start(timer, 0, 0);
	run();
	assert_string_equal(trace, "TDdF");
	timer_free(&timer);
}

static void cancelled_work_does_not_run(void **state)
{
	*trace = 0;
	loop_defer(loop, &first, note, "D");
	loop_flush_later(loop, &flusher);
	loop_defer_cancel(&first);
	loop_defer_cancel(&first);
	loop_flush_cancel(&flusher);
	settle();
	assert_string_equal(trace, "");
}

static struct deferred endless;
static int rounds;

static void defer_again(void *arg)
{
	if (++rounds < 1000)
		loop_defer(loop, &endless, defer_again, NULL);
	else
		loop_stop(loop);
}

static void work_that_makes_work_neither_starves_nor_sleeps(void **state)
{
	rounds = 0;
	loop_defer(loop, &endless, defer_again, NULL);
	run();
	assert_int_equal(rounds, 1000);
}

static struct timer *own;
static int fired;

static void free_own_timer(void *arg)
{
	if (++fired == 3) {
		timer_free(&own);
		loop_stop(loop);
	}
}

static void timer_may_free_itself(void **state)
{
	fired = 0;
	own = timer_new(loop, free_own_timer, NULL);
	assert_false(timer_running(own));
	timer_start(own, 1, 1);
	assert_true(timer_running(own));
	run();
	assert_int_equal(fired, 3);
	assert_null(own);
}

static void caught(void *arg, int number)
{
	*(int *)arg = number;
	loop_stop(loop);
}

static void signal_reaches_the_loop(void **state)
{
	int number = 0;
	loop_on_signal(loop, SIGUSR1, caught, &number);
	raise(SIGUSR1);
	run();
	assert_int_equal(number, SIGUSR1);
}

/* ---- Connections ---- */

static char *pattern(size_t len)
{
	char *bytes = mem_new(len);
	uint32_t x = 1;
	for (size_t i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		bytes[i] = (char)(x >> 24);
	}
	return bytes;
}

static void large_echo_arrives_in_order(void **state)
{
	struct end a = {.stop_at = BIG}, b = {.echo = true};
	char *bytes = pattern(BIG);
	pair(&a, &b);
	conn_write(a.conn, bytes, BIG);
	assert_int_equal(conn_unsent(a.conn), BIG);
	run();
	assert_int_equal(a.got.len, BIG);
	assert_memory_equal(a.got.data, bytes, BIG);
	assert_int_equal(conn_unsent(a.conn), 0);
	assert_int_equal(a.drained, 1);
	free(bytes);
	end_fini(&a);
	end_fini(&b);
}

static void write_small_pieces(void *arg)
{
	struct end *end = arg;
	for (int i = 0; i < 1000; i++)
		conn_write(end->conn, "0123456789", 10);
}

static void thousand_writes_are_one_packet(void **state)
{
	/* A seqpacket socket keeps the bounds of each write. */
	int fd[2];
	struct end end = {0};
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd), 0);
	end.conn = conn_adopt(loop, fd[0], &end_events, &end);
	struct timer *timer = timer_new(loop, write_small_pieces, &end);
	timer_start(timer, 0, 0);
	settle();
	char *bytes = mem_new(20000);
	assert_int_equal(recv(fd[1], bytes, 20000, MSG_DONTWAIT), 10000);
	assert_int_equal(recv(fd[1], bytes, 20000, MSG_DONTWAIT), -1);
	free(bytes);
	timer_free(&timer);
	close(fd[1]);
	end_fini(&end);
}

static void output_buffer_can_be_written_into(void **state)
{
	struct end a = {.stop_at = 11}, b = {0};
	pair(&a, &b);
	conn_write(b.conn, "hello ", 6);
	str_adds(conn_output(b.conn), "world");
	run();
	assert_string_equal(str_text(&a.got), "hello world");
	end_fini(&a);
	end_fini(&b);
}

static void unread_data_comes_before_the_end(void **state)
{
	struct end end = {.stop_when_closed = true};
	int peer = adopt_half(&end);
	assert_int_equal(send(peer, "last words", 10, 0), 10);
	close(peer);
	/* The write fails, but what the peer sent before is still delivered, and only then the failure. */
	conn_write(end.conn, "anybody?", 8);
	run();
	assert_string_equal(str_text(&end.got), "last words");
	assert_string_equal(end.reason, strerror(EPIPE));
	assert_int_equal(conn_fault(end.conn), CONN_FAULT_LOST);
	/* Writing on does no harm and keeps nothing. */
	conn_write(end.conn, "still", 5);
	settle();
	assert_int_equal(conn_unsent(end.conn), 0);
	end_fini(&end);
}

static void end_of_stream_is_told_once(void **state)
{
	struct end end = {.stop_when_closed = true};
	close(adopt_half(&end));
	run();
	assert_string_equal(end.reason, "closed by the peer");
	settle();
	end_fini(&end);
}

static void reset_with_unread_data(void **state)
{
	struct end a = {0}, b = {.stop_when_closed = true};
	pair(&a, &b);
	/* `a` goes away without having read: the kernel resets. */
	conn_pause(a.conn);
	conn_write(a.conn, "bye", 3);
	conn_write(b.conn, "unread", 6);
	settle();
	conn_free(&a.conn);
	run();
	assert_string_equal(str_text(&b.got), "bye");
	assert_true(b.closed);
	end_fini(&a);
	end_fini(&b);
}

static void free_in_every_callback(void **state)
{
	for (int moment = INPUT; moment <= CLOSED; moment++) {
		struct end a = {.free_in = moment}, b = {0};
		char *bytes = pattern(BIG / 10);
		pair(&a, &b);
		if (moment == DRAINED) {
			conn_write(a.conn, bytes, BIG / 10);
		} else {
			conn_write(b.conn, "x", 1);
			settle();
			conn_free(&b.conn);
		}
		if (a.conn)
			run();
		assert_null(a.conn);
		assert_true(a.closed == (moment == CLOSED));
		settle();
		free(bytes);
		end_fini(&a);
		end_fini(&b);
	}
}

static void pause_holds_the_peer_back(void **state)
{
	struct end a = {.stop_at = BIG}, b = {0};
	char *bytes = pattern(BIG);
	pair(&a, &b);
	conn_pause(a.conn);
	conn_write(b.conn, bytes, BIG);
	settle();
	assert_int_equal(a.got.len, 0);
	assert_true(conn_unsent(b.conn) > BIG / 2);
	conn_resume(a.conn);
	run();
	assert_memory_equal(a.got.data, bytes, BIG);
	free(bytes);
	end_fini(&a);
	end_fini(&b);
}

static void end_while_paused_is_seen_after_resuming(void **state)
{
	struct end end = {.stop_when_closed = true};
	int peer = adopt_half(&end);
	conn_pause(end.conn);
	assert_int_equal(send(peer, "kept", 4, 0), 4);
	close(peer);
	settle();
	assert_false(end.closed);
	assert_int_equal(end.got.len, 0);
	conn_resume(end.conn);
	run();
	assert_string_equal(str_text(&end.got), "kept");
	end_fini(&end);
}

static void finish_sends_everything_and_is_silent(void **state)
{
	struct end a = {.stop_when_closed = true}, b = {0};
	char *bytes = pattern(BIG);
	pair(&a, &b);
	conn_write(a.conn, "ignored", 7);
	conn_write(b.conn, bytes, BIG);
	conn_finish(&b.conn);
	assert_null(b.conn);
	run();
	assert_int_equal(a.got.len, BIG);
	assert_memory_equal(a.got.data, bytes, BIG);
	assert_string_equal(a.reason, "closed by the peer");
	assert_int_equal(b.inputs, 0);
	assert_false(b.closed);
	free(bytes);
	end_fini(&a);
	end_fini(&b);
}

static void finish_gives_up_on_a_peer_that_does_not_read(void **state)
{
	struct end end = {0};
	char *bytes = pattern(BIG);
	int peer = adopt_half(&end);
	conn_write(end.conn, bytes, BIG);
	conn_finish(&end.conn);
	/* loop_free waits for it, and tear_down would hang if it did not end. */
	loop_free(&loop);
	char byte;
	assert_int_equal(recv(peer, &byte, 1, 0), 1);
	close(peer);
	free(bytes);
	limit = NULL;
}

static int finish_set_up(void **state)
{
	loop = loop_new();
	return 0;
}

static void flush_works_without_a_turn(void **state)
{
	struct end end = {0};
	int peer = adopt_half(&end);
	conn_write(end.conn, "now", 3);
	conn_flush(end.conn);
	char bytes[8];
	assert_int_equal(recv(peer, bytes, sizeof bytes, MSG_DONTWAIT), 3);
	close(peer);
	end_fini(&end);
}

static void what_is_no_socket_is_refused(void **state)
{
	struct end end = {.stop_when_closed = true};
	end.conn = conn_adopt(loop, open("/etc/passwd", O_RDONLY), &end_events, &end);
	assert_false(end.closed);
	run();
	assert_string_equal(end.reason, strerror(EPERM));
	end_fini(&end);
}

/* ---- TCP ---- */

static struct listener *listener;
static struct end served;

static void accepted(void *arg, int fd)
{
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	conn_free(&served.conn);
	served.closed = false;
	served.conn = conn_adopt(loop, fd, &end_events, &served);
}

static void connects_to_a_listener(const char *address, const char *name, const char *source, const char *peer)
{
	memset(&served, 0, sizeof served);
	served.echo = true;
	struct end end = {.stop_at = 5};
	listener = listener_new(loop, address, 0, accepted, NULL);
	assert_non_null(listener);
	uint16_t port = listener_port(listener);
	assert_int_not_equal(port, 0);
	end.conn = conn_connect(loop, name, port, 5000, source, &end_events, &end);
	conn_write(end.conn, "early", 5);
	assert_string_equal(conn_peer(end.conn), "");
	run();
	assert_string_equal(end.reason, "");
	assert_true(end.resolved && end.connected);
	assert_string_equal(str_text(&end.got), "early");
	char expected[64];
	snprintf(expected, sizeof expected, peer, port);
	assert_string_equal(conn_peer(end.conn), expected);
	end_fini(&end);
	end_fini(&served);
	listener_free(&listener);
}

static void connects_by_name_and_address(void **state)
{
	connects_to_a_listener("127.0.0.1", "127.0.0.1", NULL, "127.0.0.1:%u");
	connects_to_a_listener("127.0.0.1", "localhost", NULL, "127.0.0.1:%u");
	connects_to_a_listener("127.0.0.1", "127.0.0.1", "127.0.0.2", "127.0.0.1:%u");
}

static void free_in_callbacks_of_connecting(void **state)
{
	static const char *names[] = {"127.0.0.1", "localhost"};
	listener = listener_new(loop, "127.0.0.1", 0, accepted, NULL);
	for (int moment = NEVER; moment <= CONNECTED; moment++) {
		for (size_t i = 0; i < 2; i++) {
			struct end end = {.free_in = moment};
			end.conn = conn_connect(loop, names[i], listener_port(listener), 5000, NULL, &end_events, &end);
			if (moment == NEVER)
				conn_free(&end.conn);
			else
				run();
			assert_null(end.conn);
			settle();
			end_fini(&end);
		}
	}
	end_fini(&served);
	listener_free(&listener);
}

static void failing_to_connect_gives_a_reason(void **state)
{
	static const struct {
		const char *host, *source, *reason;
	} rows[] = {
	    {"127.0.0.1", NULL, "cannot connect to 127.0.0.1: Connection refused"},
	    {"localhost", NULL, "cannot connect to localhost: Connection refused"},
	    /* Whether there is a name server that says no, or none at all. */
	    {"no such name", NULL, "cannot find no such name: "},
	    {"name.invalid", NULL, "cannot find name.invalid: "},
	    {"", NULL, "cannot find : "},
	    {"127.0.0.1", "nonsense", "nonsense is not a local address"},
	    {"127.0.0.1", "::1", "127.0.0.1 has no address of the local address's family"},
	    {"127.0.0.1", "192.0.2.7", "cannot connect to 127.0.0.1: Cannot assign requested address"},
	};
	/* A port that was free a moment ago. */
	listener = listener_new(loop, "127.0.0.1", 0, accepted, NULL);
	uint16_t port = listener_port(listener);
	listener_free(&listener);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct end end = {.stop_when_closed = true};
		end.conn = conn_connect(loop, rows[i].host, port, 300, rows[i].source, &end_events, &end);
		assert_false(end.closed);
		run();
		assert_true(end.closed);
		assert_false(end.connected);
		assert_memory_equal(end.reason, rows[i].reason, strlen(rows[i].reason));
		assert_int_equal(conn_fault(end.conn), CONN_FAULT_UNREACHABLE);
		end_fini(&end);
	}
}

static void connecting_gives_up_in_time(void **state)
{
	/* A listener whose queue is full does not answer. */
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM, 0), waiting[8];
	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(fd, 0), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	for (int i = 0; i < 8; i++) {
		waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(waiting[i], (struct sockaddr *)&address, len);
	}
	struct end end = {.stop_when_closed = true};
	end.conn = conn_connect(loop, "127.0.0.1", ntohs(address.sin_port), 100, NULL, &end_events, &end);
	run();
	assert_string_equal(end.reason, "cannot connect to 127.0.0.1: no answer within 1 s");
	end_fini(&end);
	for (int i = 0; i < 8; i++)
		close(waiting[i]);
	close(fd);
}

static void listener_tells_why_it_cannot_listen(void **state)
{
	assert_null(listener_new(loop, "not an address", 0, accepted, NULL));
	assert_int_equal(errno, EINVAL);
	assert_null(listener_new(loop, "192.0.2.7", 0, accepted, NULL));
	assert_int_equal(errno, EADDRNOTAVAIL);
	listener = listener_new(loop, "127.0.0.1", 0, accepted, NULL);
	assert_null(listener_new(loop, "127.0.0.1", listener_port(listener), accepted, NULL));
	assert_int_equal(errno, EADDRINUSE);
	listener_free(&listener);
}

static void settle_without_descriptors(void)
{
	struct rlimit before, tight;
	int lowest = dup(0);
	close(lowest);
	getrlimit(RLIMIT_NOFILE, &before);
	tight = before;
	tight.rlim_cur = (rlim_t)lowest;
	enum log_level level = log_level();
	log_set_level(LOG_OFF_);
	setrlimit(RLIMIT_NOFILE, &tight);
	settle();
	setrlimit(RLIMIT_NOFILE, &before);
	log_set_level(level);
}

static void accepted_at_last(void *arg, int fd)
{
	++*(int *)arg;
	close(fd);
	loop_stop(loop);
}

static void listener_survives_a_lack_of_descriptors(void **state)
{
	int count = 0, client = socket(AF_INET, SOCK_STREAM, 0);
	listener = listener_new(loop, "127.0.0.1", 0, accepted_at_last, &count);
	struct sockaddr_in address = {.sin_family = AF_INET,
	                              .sin_port = htons(listener_port(listener)),
	                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof address), 0);
	settle_without_descriptors();
	assert_int_equal(count, 0);
	run();
	assert_int_equal(count, 1);
	close(client);
	listener_free(&listener);
}

static void free_listener(void *arg, int fd)
{
	close(fd);
	listener_free(&listener);
	loop_stop(loop);
}

static void listener_may_be_freed_when_it_accepts(void **state)
{
	struct end a = {0}, b = {0};
	listener = listener_new(loop, "127.0.0.1", 0, free_listener, NULL);
	uint16_t port = listener_port(listener);
	a.conn = conn_connect(loop, "127.0.0.1", port, 5000, NULL, &end_events, &a);
	b.conn = conn_connect(loop, "127.0.0.1", port, 5000, NULL, &end_events, &b);
	run();
	settle();
	end_fini(&a);
	end_fini(&b);
}

/* ---- Children ---- */

static struct process *child;
static int exit_status, exit_signal, exits;

static void child_exited(void *arg, int status, int number)
{
	exit_status = status;
	exit_signal = number;
	exits++;
	loop_stop(loop);
}

static int run_shell(const char *script, char *const env[], int fd)
{
	char *const argv[] = {"/bin/sh", "-c", (char *)script, NULL};
	exits = exit_status = exit_signal = 0;
	child = process_spawn(loop, argv, env, fd, child_exited, NULL);
	assert_non_null(child);
	run();
	assert_int_equal(exits, 1);
	process_free(&child);
	return exit_status;
}

static void child_tells_its_status(void **state)
{
	char *const env[] = {"COLOUR=blue", "HOME=/elsewhere", NULL};
	assert_int_equal(run_shell("exit 0", NULL, -1), 0);
	assert_int_equal(run_shell("exit 7", NULL, -1), 7);
	assert_int_equal(run_shell("test \"$COLOUR $HOME\" = 'blue /elsewhere' && test -n \"$PATH\"", env, -1), 0);
	/* A session of its own, nothing on standard input. */
	assert_int_equal(
	    run_shell("read -r _ _ _ _ group session _ </proc/self/stat; test \"$session\" = $$", NULL, -1), 0);
	assert_int_equal(run_shell("read -r line", NULL, -1), 1);
}

static void CR_20_missing_programs_are_told_by_errno(void **state)
{
	static const struct {
		char *program;
		int error;
	} rows[] = {
	    {"/no/such/program", ENOENT}, {"/etc/passwd", EACCES}, {"sh", ENOENT}, /* PATH is not searched */
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *const argv[] = {rows[i].program, NULL};
		assert_null(process_spawn(loop, argv, NULL, -1, child_exited, NULL));
		assert_int_equal(errno, rows[i].error);
	}
}

static void child_can_be_killed(void **state)
{
	char *const argv[] = {"/bin/sh", "-c", "kill -STOP $$", NULL};
	exits = 0;
	child = process_spawn(loop, argv, NULL, -1, child_exited, NULL);
	assert_true(process_pid(child) > 0);
	process_kill(child, SIGKILL);
	run();
	assert_int_equal(exit_signal, SIGKILL);
	/* The number may belong to somebody else by now. */
	process_kill(child, SIGKILL);
	process_free(&child);
}

static void child_has_exactly_what_it_was_given(void **state)
{
	static const char script[] = "echo hello >&3; n=4; while test $n -lt 300; do "
	                             "test ! -e /proc/$$/fd/$n || exit 1; n=$((n + 1)); done";
	int fd[2], leak = open("/dev/null", O_RDONLY); /* deliberately without O_CLOEXEC */
	char bytes[16] = "";
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(run_shell(script, NULL, fd[1]), 0);
	assert_int_equal(read(fd[0], bytes, sizeof bytes - 1), 6);
	assert_string_equal(bytes, "hello\n");
	close(leak);
	close(fd[0]);
	close(fd[1]);
}

static void signals_of_the_child_are_as_usual(void **state)
{
	assert_int_equal(run_shell("kill -PIPE $$", NULL, -1), 0);
	assert_int_equal(exit_signal, SIGPIPE);
}

static void forgotten_child_is_reaped(void **state)
{
	int fd[2];
	assert_int_equal(pipe(fd), 0);
	char *const argv[] = {"/bin/sh", "-c", "read -r line <&3", NULL};
	exits = 0;
	child = process_spawn(loop, argv, NULL, fd[0], child_exited, NULL);
	pid_t pid = process_pid(child);
	process_free(&child);
	close(fd[0]);
	close(fd[1]);
	struct timer *timer = timer_new(loop, stop, NULL);
	for (int i = 0; i < 2000 && kill(pid, 0) == 0; i++) {
		timer_start(timer, 5, 0);
		run();
	}
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(exits, 0);
	timer_free(&timer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static const struct CMUnitTest tests[] = {
    TEST(deferred_work_comes_before_the_flush_and_both_in_this_turn),
    TEST(cancelled_work_does_not_run),
    TEST(work_that_makes_work_neither_starves_nor_sleeps),
    TEST(timer_may_free_itself),
    TEST(signal_reaches_the_loop),
    TEST(large_echo_arrives_in_order),
    TEST(thousand_writes_are_one_packet),
    TEST(output_buffer_can_be_written_into),
    TEST(unread_data_comes_before_the_end),
    TEST(end_of_stream_is_told_once),
    TEST(reset_with_unread_data),
    TEST(free_in_every_callback),
    TEST(pause_holds_the_peer_back),
    TEST(end_while_paused_is_seen_after_resuming),
    TEST(finish_sends_everything_and_is_silent),
    cmocka_unit_test_setup(finish_gives_up_on_a_peer_that_does_not_read, finish_set_up),
    TEST(flush_works_without_a_turn),
    TEST(what_is_no_socket_is_refused),
    TEST(connects_by_name_and_address),
    TEST(free_in_callbacks_of_connecting),
    TEST(failing_to_connect_gives_a_reason),
    TEST(connecting_gives_up_in_time),
    TEST(listener_tells_why_it_cannot_listen),
    TEST(listener_survives_a_lack_of_descriptors),
    TEST(listener_may_be_freed_when_it_accepts),
    TEST(child_tells_its_status),
    TEST(CR_20_missing_programs_are_told_by_errno),
    TEST(child_can_be_killed),
    TEST(child_has_exactly_what_it_was_given),
    TEST(signals_of_the_child_are_as_usual),
    TEST(forgotten_child_is_reaped),
};

RUN_TESTS(tests)
