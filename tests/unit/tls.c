/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TLS of lib/io against a server of other people's make, the openssl program, with certificates that are made here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/io/conn.h"
#include "lib/io/listener.h"
#include "lib/io/tls.h"
#include "tests/unit/test.h"
#include "tests/unit/tls_peer.h"

enum { LIMIT_MS = 20000 };

/* ---- The stage ---- */

static struct loop *loop;
static struct timer *limit;
static uint16_t server_port;

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
	for (int i = 0; i < 3; i++) {
		timer_start(timer, 0, 0);
		run();
	}
	timer_free(&timer);
}

static int set_up(void **state)
{
	loop = loop_new();
	limit = timer_new(loop, took_too_long, NULL);
	return 0;
}

static int tear_down(void **state)
{
	tls_peer_stop();
	timer_free(&limit);
	loop_free(&loop);
	return 0;
}

/* ---- The client ---- */

struct client {
	struct conn *conn;
	struct tls *tls;
	const char *name;
	struct str got;
	size_t stop_at, inputs;
	bool secured, closed, pause;
	bool free_when_secured, free_at_input;
	char reason[256];
};

static void client_connected(void *arg)
{
	struct client *client = arg;
	conn_start_tls(client->conn, client->tls, client->name);
}

static void client_secured(void *arg)
{
	struct client *client = arg;
	assert_false(client->secured);
	assert_true(conn_is_secure(client->conn));
	client->secured = true;
	if (client->free_when_secured) {
		conn_free(&client->conn);
		loop_stop(loop);
	}
}

static void client_input(void *arg, const char *bytes, size_t len)
{
	struct client *client = arg;
	assert_true(client->secured);
	client->inputs++;
	str_add(&client->got, bytes, len);
	if (client->pause)
		conn_pause(client->conn);
	if (client->pause || client->got.len >= client->stop_at)
		loop_stop(loop);
	if (client->free_at_input)
		conn_free(&client->conn);
}

static void client_closed(void *arg, const char *reason)
{
	struct client *client = arg;
	assert_false(client->closed);
	client->closed = true;
	snprintf(client->reason, sizeof client->reason, "%s", reason);
	loop_stop(loop);
}

static const struct conn_events client_events = {
    .connected = client_connected, .secured = client_secured, .input = client_input, .closed = client_closed};

static void client_start(struct client *client, const char *ca, bool verify, const char *name)
{
	const char *error = NULL;
	client->tls = tls_client_new(ca ? tls_peer_file(ca, "pem") : NULL, verify, &error);
	assert_non_null(client->tls);
	client->name = name;
	client->conn = conn_connect(loop, "127.0.0.1", server_port, 10000, NULL, &client_events, client);
}

static void client_fini(struct client *client)
{
	conn_free(&client->conn);
	tls_free(&client->tls);
	str_fini(&client->got);
}

/* ---- Tests ---- */

static void certificates_are_checked(void **state)
{
	static const struct {
		const char *certificate, *ca;
		bool verify;
		const char *name, *reason; /* NULL = accepted */
		enum conn_fault fault;
	} rows[] = {
	    {"good", "good", true, "chat.test", NULL, CONN_FAULT_NONE},
	    {"good", "good", true, "chat.test.", NULL, CONN_FAULT_NONE},
	    {"good", "good", true, "a.rooms.test", NULL, CONN_FAULT_NONE},
	    {"good", "good", true, "127.0.0.1", NULL, CONN_FAULT_NONE},
	    {"good", NULL, false, "anything", NULL, CONN_FAULT_NONE},
	    {"old", NULL, false, "anything", NULL, CONN_FAULT_NONE},
	    {"good", NULL, true, "chat.test", "certificate is self-signed", CONN_FAULT_CERT_SELF_SIGNED},
	    {"good", "other", true, "chat.test", "certificate is self-signed", CONN_FAULT_CERT_SELF_SIGNED},
	    {"good", "good", true, "evil.test", "certificate is for another name: chat.test, *.rooms.test, 127.0.0.1",
	     CONN_FAULT_CERT_NAME},
	    {"good", "good", true, "127.0.0.2", "certificate is for another name: chat.test, *.rooms.test, 127.0.0.1",
	     CONN_FAULT_CERT_NAME},
	    {"old", "old", true, "chat.test", "certificate expired", CONN_FAULT_CERT_EXPIRED},
	    {"young", "young", true, "chat.test", "certificate is not valid yet", CONN_FAULT_CERT_NOT_ACTIVATED},
	    {"good", "good", true, "", "\"\" is no name for a server", CONN_FAULT_TLS},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct client client = {.stop_at = 4};
		server_port = tls_peer_start(loop, rows[i].certificate, "");
		client_start(&client, rows[i].ca, rows[i].verify, rows[i].name);
		conn_start_tls(client.conn, client.tls, rows[i].name);
		conn_write(client.conn, "abc\n", 4);
		run();
		if (rows[i].reason) {
			assert_string_equal(client.reason, rows[i].reason);
			assert_false(client.secured);
			assert_null(conn_tls_description(client.conn));
		} else {
			assert_string_equal(client.reason, "");
			assert_string_equal(str_text(&client.got), "cba\n");
			assert_string_equal(conn_tls_description(client.conn), "TLSv1.3 TLS_AES_256_GCM_SHA384");
		}
		assert_int_equal(conn_fault(client.conn), rows[i].fault);
		client_fini(&client);
		tls_peer_stop();
	}
}

static void old_versions_are_refused(void **state)
{
	struct client client = {.stop_at = 4};
	server_port = tls_peer_start(loop, "good", "-tls1_2");
	client_start(&client, "good", true, "chat.test");
	conn_start_tls(client.conn, client.tls, "chat.test");
	conn_write(client.conn, "abc\n", 4);
	run();
	assert_string_equal(str_text(&client.got), "cba\n");
	assert_memory_equal(conn_tls_description(client.conn), "TLSv1.2 ", 8);
	client_fini(&client);
	tls_peer_stop();

	client = (struct client){0};
	server_port = tls_peer_start(loop, "good", "-tls1_1 -cipher DEFAULT:@SECLEVEL=0");
	client_start(&client, "good", true, "chat.test");
	run();
	assert_true(client.closed);
	assert_memory_equal(client.reason, "TLS failed: ", 12);
	assert_int_equal(conn_fault(client.conn), CONN_FAULT_TLS);
	client_fini(&client);
}

static char *make_lines(size_t count, bool reversed)
{
	enum { WIDTH = 1000 };
	char *lines = mem_new(count * WIDTH + 1), number[16];
	for (size_t i = 0; i < count; i++) {
		char *line = lines + i * WIDTH;
		memset(line, 'x', WIDTH - 1);
		snprintf(number, sizeof number, "%08zu", i);
		for (size_t k = 0; k < 8; k++)
			line[reversed ? WIDTH - 2 - k : k] = number[k];
		line[WIDTH - 1] = '\n';
	}
	return lines;
}

static void much_goes_through_in_order(void **state)
{
	enum { LINES = 4000 };
	struct client client = {.stop_at = LINES * 1000};
	server_port = tls_peer_start(loop, "good", "");
	client_start(&client, "good", true, "chat.test");
	char *lines = make_lines(LINES, false), *expected = make_lines(LINES, true);
	conn_start_tls(client.conn, client.tls, "chat.test");
	conn_write(client.conn, lines, LINES * 1000);
	run();
	assert_string_equal(client.reason, "");
	assert_int_equal(client.got.len, LINES * 1000);
	assert_memory_equal(client.got.data, expected, LINES * 1000);
	free(lines);
	free(expected);
	client_fini(&client);
}

static void paused_tls_gives_nothing_and_loses_nothing(void **state)
{
	enum { LINES = 500 };
	struct client client = {.stop_at = LINES * 1000, .pause = true};
	server_port = tls_peer_start(loop, "good", "");
	client_start(&client, "good", true, "chat.test");
	char *lines = make_lines(LINES, false), *expected = make_lines(LINES, true);
	conn_start_tls(client.conn, client.tls, "chat.test");
	conn_write(client.conn, lines, LINES * 1000);
	while (client.got.len < LINES * 1000) {
		size_t inputs = client.inputs;
		run();
		assert_int_equal(client.inputs, inputs + 1);
		settle();
		assert_int_equal(client.inputs, inputs + 1);
		conn_resume(client.conn);
	}
	assert_memory_equal(client.got.data, expected, LINES * 1000);
	free(lines);
	free(expected);
	client_fini(&client);
}

/* Between client and server: hands on the server's bytes one by one, a turn for each. */
struct relay {
	struct conn *to_client, *to_server;
	struct str waiting;
	struct timer *next;
};

static void relay_from_client(void *arg, const char *bytes, size_t len)
{
	struct relay *relay = arg;
	conn_write(relay->to_server, bytes, len);
}

static void relay_from_server(void *arg, const char *bytes, size_t len)
{
	struct relay *relay = arg;
	str_add(&relay->waiting, bytes, len);
}

static void relay_one(void *arg)
{
	struct relay *relay = arg;
	if (!relay->waiting.len)
		return;
	conn_write(relay->to_client, relay->waiting.data, 1);
	conn_flush(relay->to_client);
	str_consume(&relay->waiting, 1);
}

static void bytewise_input_and_start_in_mid_stream(void **state)
{
	static const struct conn_events client_side = {.input = relay_from_client},
	                                server_side = {.input = relay_from_server};
	struct client client = {.stop_at = 7, .name = "chat.test"};
	struct relay relay = {0};
	int fd[2];
	char clear[16] = "";
	const char *error;
	server_port = tls_peer_start(loop, "good", "");
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	/* Clear text that was written before TLS began goes out in the clear. */
	client.tls = tls_client_new(tls_peer_file("good", "pem"), true, &error);
	client.conn = conn_adopt(loop, fd[0], &client_events, &client);
	conn_write(client.conn, "STARTTLS", 8);
	conn_start_tls(client.conn, client.tls, "chat.test");
	conn_write(client.conn, "secret\n", 7);
	conn_flush(client.conn);
	assert_int_equal(recv(fd[1], clear, sizeof clear, MSG_DONTWAIT), 8);
	assert_string_equal(clear, "STARTTLS");

	relay.to_client = conn_adopt(loop, fd[1], &client_side, &relay);
	relay.to_server = conn_connect(loop, "127.0.0.1", server_port, 5000, NULL, &server_side, &relay);
	relay.next = timer_new(loop, relay_one, &relay);
	timer_start(relay.next, 1, 1);
	run();
	assert_string_equal(client.reason, "");
	assert_string_equal(str_text(&client.got), "terces\n");
	conn_free(&relay.to_client);
	conn_free(&relay.to_server);
	timer_free(&relay.next);
	str_fini(&relay.waiting);
	client_fini(&client);
}

static void finish_sends_what_was_written_before_the_handshake(void **state)
{
	/* The server's log of what it got is not needed: it closes when it was told goodbye. */
	struct client client = {0};
	server_port = tls_peer_start(loop, "good", "-naccept 1");
	client_start(&client, "good", true, "chat.test");
	conn_start_tls(client.conn, client.tls, "chat.test");
	conn_write(client.conn, "bye\n", 4);
	conn_finish(&client.conn);
	tls_peer_wait();
	assert_false(client.closed);
	client_fini(&client);
}

static void freed_in_callbacks(void **state)
{
	for (int i = 0; i < 2; i++) {
		struct client client = {.free_when_secured = i == 0, .free_at_input = i == 1, .stop_at = 1};
		server_port = tls_peer_start(loop, "good", "");
		client_start(&client, "good", true, "chat.test");
		conn_write(client.conn, "", 0);
		conn_start_tls(client.conn, client.tls, "chat.test");
		conn_write(client.conn, "abc\n", 4);
		run();
		assert_null(client.conn);
		client_fini(&client);
		tls_peer_stop();
	}
}

static void speak_in_clear(void *arg, int fd)
{
	assert_int_equal(send(fd, "NOTICE AUTH :hello\r\n", 20, 0), 20);
	*(int *)arg = fd;
}

static void server_without_tls_is_told(void **state)
{
	struct client client = {0};
	int fd = -1;
	struct listener *listener = listener_new(loop, "127.0.0.1", 0, speak_in_clear, &fd);
	server_port = listener_port(listener);
	client_start(&client, "good", true, "chat.test");
	run();
	assert_string_equal(client.reason, "TLS failed: wrong version number");
	close(fd);
	listener_free(&listener);
	client_fini(&client);
}

static void bad_ca_files_are_told(void **state)
{
	const char *error = NULL;
	assert_null(tls_client_new("/no/such/file.pem", true, &error));
	assert_non_null(strstr(error, "/no/such/file.pem"));
	assert_null(tls_client_new("/etc/passwd", true, &error));
	assert_non_null(strstr(error, "/etc/passwd"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static const struct CMUnitTest tests[] = {
    TEST(certificates_are_checked),
    TEST(old_versions_are_refused),
    TEST(much_goes_through_in_order),
    TEST(paused_tls_gives_nothing_and_loses_nothing),
    TEST(bytewise_input_and_start_in_mid_stream),
    TEST(finish_sends_what_was_written_before_the_handshake),
    TEST(freed_in_callbacks),
    TEST(server_without_tls_is_told),
    TEST(bad_ca_files_are_told),
};

int main(void)
{
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, tls_peer_make_certificates, tls_peer_remove_certificates);
}
