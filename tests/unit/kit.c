/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kit in a child process with a backend made for the purpose; the test is its main process. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kit/kit.h"
#include "kit/options.h"
#include "lib/base/str.h"
#include "lib/io/conn.h"
#include "lib/wire/wire.h"
#include "tests/unit/test.h"

/* ---- The backend: does what a body says ---- */

static struct conn *network;

/* The "network" is another descriptor of the very socket that is the line, so that the order of bytes can be seen. */
static bool test_start(void)
{
	static const struct conn_events nothing;
	network = conn_adopt(kit_loop(), dup(3), &nothing, NULL);
	conn_pause(network);
	return true;
}

static void test_stop(void)
{
	conn_free(&network);
}

static void test_login(struct s2_user *user, const struct s2_login *login)
{
	if (!strcmp(login->name, "nobody"))
		s2_disconnected(user, S2_ERROR_INVALID_USERNAME, "no such person");
	else
		s2_connected(user);
}

static void test_logout(struct s2_user *user)
{
	s2_typing(user, "logout", S2_TYPING_COMPOSING);
	s2_disconnected(user, S2_ERROR_OTHER, "must not be told");
}

static void test_message(struct s2_user *user, const struct s2_message *message)
{
	if (!strcmp(message->body, "done"))
		s2_message_result(user, message->id, message->peer, S2_DONE, NULL);
	else if (!strcmp(message->body, "twice"))
		for (int i = 0; i < 2; i++)
			s2_message_result(user, message->id, "elsewhere", S2_FORBIDDEN, "+m");
	else if (!strcmp(message->body, "received"))
		s2_message_received(user, message->peer, message->id);
	else if (!strcmp(message->body, "die"))
		s2_disconnected(user, S2_ERROR_NETWORK, "cable cut");
	else if (!strcmp(message->body, "write")) {
		s2_typing(user, "early", S2_TYPING_COMPOSING);
		conn_write(network, "NETWORK", 7);
	} else if (!strncmp(message->body, "name ", 5)) /* what the network calls the one that was held */
		s2_message_done(user, message->body + 5, message->peer, "network's");
	else if (!strcmp(message->body, "again"))
		s2_typing(user, message->replaces, S2_TYPING_PAUSED);
	/* "hold": its result is told never */
}

static void test_annotate(struct s2_user *user, const struct s2_annotation *annotation)
{
	s2_typing(user, annotation->target, S2_TYPING_COMPOSING);
}

static void test_add_buddy(struct s2_user *user, const struct s2_buddy *buddy)
{
	s2_typing(user, buddy->name, S2_TYPING_COMPOSING);
}

static struct s2_backend backend = {.name = "test",
                                    .add_buddy = test_add_buddy,
                                    .start = test_start,
                                    .stop = test_stop,
                                    .login = test_login,
                                    .logout = test_logout,
                                    .message = test_message,
                                    .annotate = test_annotate};

/* ---- The main process ---- */

struct child {
	pid_t pid;
	int fd;
	struct str in;
	struct arena arena;
};

static void send_frame(struct child *child, const struct wire_frame *frame)
{
	struct str out = {0};
	assert_true(wire_write(&out, WIRE_TO_BACKEND, true, frame));
	assert_int_equal(write(child->fd, out.data, out.len), out.len);
	str_fini(&out);
}

static bool fill(struct child *child)
{
	ssize_t got = read(child->fd, str_reserve(&child->in, 65536), 65536);
	if (got <= 0)
		return false;
	child->in.len += (size_t)got;
	return true;
}

/* The next frame but BACKEND_CONFIG and STATS; type 0 at the end. */
static struct wire_frame receive(struct child *child)
{
	struct wire_frame frame;
	const char *error;
	size_t used;
	for (;;) {
		enum wire_status status =
		    wire_read(&child->arena, str_text(&child->in), child->in.len, WIRE_TO_MAIN, &used, &frame, &error);
		if (status == WIRE_INCOMPLETE) {
			if (!fill(child))
				return (struct wire_frame){0};
			continue;
		}
		assert_int_equal(status, WIRE_OK);
		str_consume(&child->in, used);
		if (frame.type != WIRE_BACKEND_CONFIG && frame.type != WIRE_STATS)
			return frame;
	}
}

static struct child start(unsigned features, bool extended)
{
	int pair[2];
	struct child child = {0};
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	child.pid = fork();
	if (!child.pid) {
		char *argv[] = {(char *)"test", NULL};
		close(pair[0]);
		dup2(pair[1], 3);
		setenv("SPECTRUM2_FD", "3", 1);
		setenv("SPECTRUM2_EXTENSIONS", extended ? "1" : "0", 1);
		backend.features = features;
		int status = s2_backend_run(1, argv, &backend);
		_exit(getenv("SPECTRUM2_FD") || getenv("SPECTRUM2_EXTENSIONS") ? 77 : status);
	}
	close(pair[1]);
	child.fd = pair[0];
	return child;
}

static void expect_end(struct child *child)
{
	int status;
	send_frame(child, &(struct wire_frame){.type = WIRE_EXIT});
	while (receive(child).type)
		;
	close(child->fd);
	assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	str_fini(&child->in);
	arena_fini(&child->arena);
}

static void login(struct child *child)
{
	send_frame(child, &(struct wire_frame){.type = WIRE_LOGIN, .user = "a@b", .login = {.name = "al"}});
	assert_int_equal(receive(child).type, WIRE_CONNECTED);
}

static void say(struct child *child, const char *body, const char *id)
{
	send_frame(child, &(struct wire_frame){.type = WIRE_CONV_MESSAGE,
	                                       .user = "a@b",
	                                       .message = {.peer = "eve", .body = body, .id = id}});
}

static void expect_result(struct child *child, const char *id, enum s2_condition condition)
{
	struct wire_frame frame = receive(child);
	assert_int_equal(frame.type, WIRE_MESSAGE_RESULT);
	assert_string_equal(frame.user, "a@b");
	assert_string_equal(frame.result.peer, "eve");
	assert_string_equal(frame.result.id, id);
	assert_int_equal(frame.result.condition, condition);
}

static void expect_type(struct child *child, enum wire_type type)
{
	assert_int_equal(receive(child).type, type);
}

/* Nothing else was sent: the next is the answer to this. */
static void expect_silence(struct child *child)
{
	send_frame(child, &(struct wire_frame){.type = WIRE_PING});
	expect_type(child, WIRE_PONG);
}

/* ---- Tests ---- */

static void results_are_told_by_the_backend_exactly_once(void **state)
{
	struct child child = start(S2_FEATURE_MESSAGE_RESULT, true);
	login(&child);
	say(&child, "done", "m1");
	expect_result(&child, "m1", S2_DONE);
	say(&child, "hold", "m2");
	expect_silence(&child);
	say(&child, "twice", "m3");
	expect_result(&child, "m3", S2_FORBIDDEN);
	expect_silence(&child);
	/* The same id twice is two messages. */
	say(&child, "hold", "m4");
	say(&child, "done", "m4");
	expect_result(&child, "m4", S2_DONE);
	send_frame(&child, &(struct wire_frame){.type = WIRE_LOGOUT, .user = "a@b", .login = {.name = "al"}});
	expect_type(&child, WIRE_BUDDY_TYPING);
	expect_result(&child, "m2", S2_RECIPIENT_UNAVAILABLE);
	expect_result(&child, "m4", S2_RECIPIENT_UNAVAILABLE);
	expect_silence(&child);
	expect_end(&child);
}

static void react(struct child *child, const char *target, const char *id)
{
	send_frame(child, &(struct wire_frame){.type = WIRE_ANNOTATION,
	                                       .user = "a@b",
	                                       .annotation = {.peer = "eve", .target = target, .id = id}});
}

static void expect_typing(struct child *child, enum wire_type type, const char *name)
{
	struct wire_frame frame = receive(child);
	assert_int_equal(frame.type, type);
	assert_string_equal(frame.buddy.name, name);
}

static void what_follows_a_message_at_once_waits_for_its_name(void **state)
{
	struct child child = start(S2_FEATURE_MESSAGE_RESULT | S2_FEATURE_REACTIONS | S2_FEATURE_CORRECTIONS, true);
	login(&child);
	say(&child, "hold", "m1");
	react(&child, "m1", "r1");
	send_frame(&child,
	           &(struct wire_frame){.type = WIRE_CONV_MESSAGE,
	                                .user = "a@b",
	                                .message = {.peer = "eve", .body = "again", .id = "m2", .replaces = "m1"}});
	react(&child, "other", "r2");
	expect_typing(&child, WIRE_BUDDY_TYPING, "other");
	expect_silence(&child);
	say(&child, "name m1", "m3");
	struct wire_frame frame = receive(&child);
	assert_string_equal(frame.result.id, "m1");
	assert_string_equal(frame.result.network_id, "network's");
	expect_typing(&child, WIRE_BUDDY_TYPING, "network's");
	expect_typing(&child, WIRE_BUDDY_TYPED, "network's");
	expect_silence(&child);
	/* Whatever still waits when he leaves is refused. */
	say(&child, "hold", "m4");
	react(&child, "m4", "r4");
	send_frame(&child, &(struct wire_frame){.type = WIRE_LOGOUT, .user = "a@b", .login = {.name = "al"}});
	expect_type(&child, WIRE_BUDDY_TYPING);
	expect_result(&child, "r4", S2_RECIPIENT_UNAVAILABLE);
	for (int i = 0; i < 5; i++) /* r2, m3, r1, m2, m4 */
		expect_type(&child, WIRE_MESSAGE_RESULT);
	expect_silence(&child);
	expect_end(&child);
}

static void a_session_that_dies_refuses_what_is_left(void **state)
{
	for (unsigned features = 0; features <= S2_FEATURE_MESSAGE_RESULT; features += S2_FEATURE_MESSAGE_RESULT) {
		struct child child = start(features, true);
		login(&child);
		say(&child, "die", "m1");
		expect_result(&child, "m1", S2_RECIPIENT_UNAVAILABLE);
		struct wire_frame frame = receive(&child);
		assert_int_equal(frame.type, WIRE_DISCONNECTED);
		assert_string_equal(frame.user, "a@b");
		assert_int_equal(frame.disconnected.error, S2_ERROR_NETWORK);
		assert_string_equal(frame.disconnected.text, "cable cut");
		say(&child, "done", "m2");
		expect_result(&child, "m2", S2_RECIPIENT_UNAVAILABLE);
		login(&child);
		expect_end(&child);
	}
}

static void a_login_that_fails_leaves_nobody(void **state)
{
	struct child child = start(0, true);
	send_frame(&child, &(struct wire_frame){.type = WIRE_LOGIN, .user = "a@b", .login = {.name = "nobody"}});
	expect_type(&child, WIRE_DISCONNECTED);
	send_frame(&child, &(struct wire_frame){.type = WIRE_LOGOUT, .user = "a@b"});
	expect_silence(&child);
	expect_end(&child);
}

static void messages_that_wait_are_bounded(void **state)
{
	struct child child = start(S2_FEATURE_MESSAGE_RESULT, true);
	char id[16];
	login(&child);
	for (int i = 0; i < 1030; i++) {
		snprintf(id, sizeof id, "m%d", i);
		say(&child, "hold", id);
	}
	for (int i = 1024; i < 1030; i++) {
		snprintf(id, sizeof id, "m%d", i);
		expect_result(&child, id, S2_RESOURCE_CONSTRAINT);
	}
	expect_silence(&child);
	send_frame(&child, &(struct wire_frame){.type = WIRE_EXIT});
	expect_type(&child, WIRE_BUDDY_TYPING);
	for (int i = 0; i < 1024; i++) {
		snprintf(id, sizeof id, "m%d", i);
		expect_result(&child, id, S2_RECIPIENT_UNAVAILABLE);
	}
	expect_type(&child, 0);
	close(child.fd);
	assert_int_equal(waitpid(child.pid, NULL, 0), child.pid);
	str_fini(&child.in);
	arena_fini(&child.arena);
}

static void a_message_is_on_its_way_before_it_is_confirmed(void **state)
{
	struct child child = start(0, true);
	login(&child);
	expect_silence(&child);
	expect_silence(&child); /* takes the STATS behind the first PONG */
	say(&child, "write", "m1");
	while (child.in.len < 7)
		assert_true(fill(&child));
	assert_memory_equal(child.in.data, "NETWORK", 7);
	str_consume(&child.in, 7);
	expect_type(&child, WIRE_BUDDY_TYPING);
	expect_result(&child, "m1", S2_DONE);
	expect_end(&child);
}

static void contacts_of_the_gateway_reach_a_backend_that_wants_them(void **state)
{
	(void)state;
	struct s2_buddy known[] = {{.name = "ann"}, {.name = "bob"}};
	struct wire_frame buddies = {.type = WIRE_BUDDIES, .user = "a@b", .buddies = {known, 2}};
	struct child child = start(0, true);
	send_frame(&child, &buddies); /* nobody is logged in: not an error, and for nobody */
	login(&child);
	send_frame(&child, &buddies);
	expect_typing(&child, WIRE_BUDDY_TYPING, "ann");
	expect_typing(&child, WIRE_BUDDY_TYPING, "bob");
	expect_end(&child);
}

static void what_the_table_lacks_is_answered(void **state)
{
	struct child child = start(0, true);
	login(&child);
	struct wire_frame subject = {
	    .type = WIRE_ROOM_SUBJECT_CHANGED, .user = "a@b", .message = {.peer = "eve", .body = "x", .id = "m1"}};
	send_frame(&child, &subject);
	expect_result(&child, "m1", S2_FEATURE_NOT_IMPLEMENTED);
	send_frame(&child, &(struct wire_frame){.type = WIRE_JOIN_ROOM, .user = "a@b", .room = {"#c", "al", ""}});
	struct wire_frame frame = receive(&child);
	assert_int_equal(frame.type, WIRE_ROOM_ERROR);
	assert_string_equal(frame.result.peer, "#c");
	assert_string_equal(frame.result.nickname, "al");
	assert_int_equal(frame.result.condition, S2_FEATURE_NOT_IMPLEMENTED);
	expect_end(&child);
}

static void an_old_main_process_is_told_in_its_own_words(void **state)
{
	struct child child = start(S2_FEATURE_MESSAGE_RESULT, false);
	login(&child);
	say(&child, "done", "m1");
	say(&child, "done", NULL);
	expect_silence(&child);
	for (int i = 0; i < 2; i++) {
		say(&child, "twice", i ? NULL : "m2");
		struct wire_frame frame = receive(&child);
		assert_int_equal(frame.type, WIRE_CONV_MESSAGE);
		assert_string_equal(frame.message.peer, "eve");
		assert_non_null(strstr(frame.message.body, "+m"));
	}
	/* A receipt only for an id that the main process knows. */
	say(&child, "received", NULL);
	say(&child, "received", "m3");
	struct wire_frame frame = receive(&child);
	assert_int_equal(frame.type, WIRE_CONV_MESSAGE_ACK);
	assert_string_equal(frame.message.id, "m3");
	send_frame(&child, &(struct wire_frame){.type = WIRE_JOIN_ROOM, .user = "a@b", .room = {"#c", "al", ""}});
	frame = receive(&child);
	assert_int_equal(frame.type, WIRE_PARTICIPANT_CHANGED);
	assert_int_equal(frame.participant.flags, S2_PARTICIPANT_ROOM_NOT_FOUND);
	assert_int_equal(frame.participant.status, S2_STATUS_NONE);
	expect_end(&child);
}

static void the_command_line_is_read_as_the_main_process_writes_it(void **state)
{
	static const struct {
		const char *argv[12];
		bool ok;
		const char *host;
		int port;
		const char *jid, *config, *overrides;
	} cases[] = {
	    {{"b"}, true, "127.0.0.1", 10000, NULL, NULL, ""},
	    {{"b", "--host", "::1", "--port", "31234", "--service.backend_id=1", "-j", "irc.example.org",
	      "/etc/irc.cfg"},
	     true,
	     "::1",
	     31234,
	     "irc.example.org",
	     "/etc/irc.cfg",
	     "service.backend_id=1;"},
	    {{"b", "-h", "h", "-p", "7", "-jx", "-n", "-d", "--config", "c"}, true, "h", 7, "x", "c", ""},
	    {{"b", "--host=h", "--port=7", "--jid=x", "--config=c"}, true, "h", 7, "x", "c", ""},
	    {{"b", "--verbose", "--what=ever", "-q", "--a.b=c=d", "--a.c=", "--no-daemonize", "c"},
	     true,
	     "127.0.0.1",
	     10000,
	     NULL,
	     "c",
	     "a.b=c=d;a.c=;"},
	    {{"b", "fixed", "--port", "7", "c"}, true, "127.0.0.1", 7, NULL, "c", ""},
	    {{"b", "--port", "0"}, false, NULL, 0, NULL, NULL, NULL},
	    {{"b", "--port", "65536"}, false, NULL, 0, NULL, NULL, NULL},
	    {{"b", "--port", "7x"}, false, NULL, 0, NULL, NULL, NULL},
	    {{"b", "--host"}, false, NULL, 0, NULL, NULL, NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *argv[12];
		int argc = 0;
		struct options options;
		const char *error = NULL;
		while (cases[i].argv[argc]) {
			argv[argc] = mem_strdup(cases[i].argv[argc]);
			argc++;
		}
		assert_int_equal(options_parse(&options, argc, argv, &error), cases[i].ok);
		assert_int_equal(!error, cases[i].ok);
		if (cases[i].ok) {
			struct str overrides = {0};
			for (size_t k = 0; k < options.override_count; k++)
				str_addf(&overrides, "%s=%s;", options.overrides[k].key, options.overrides[k].value);
			assert_string_equal(options.host, cases[i].host);
			assert_int_equal(options.port, cases[i].port);
			assert_true(text_equal(options.jid, cases[i].jid));
			assert_true(text_equal(options.config, cases[i].config));
			assert_string_equal(str_text(&overrides), cases[i].overrides);
			str_fini(&overrides);
		}
		options_fini(&options);
		while (argc)
			free(argv[--argc]);
	}
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(results_are_told_by_the_backend_exactly_once),
    cmocka_unit_test(what_follows_a_message_at_once_waits_for_its_name),
    cmocka_unit_test(a_session_that_dies_refuses_what_is_left),
    cmocka_unit_test(a_login_that_fails_leaves_nobody),
    cmocka_unit_test(messages_that_wait_are_bounded),
    cmocka_unit_test(a_message_is_on_its_way_before_it_is_confirmed),
    cmocka_unit_test(contacts_of_the_gateway_reach_a_backend_that_wants_them),
    cmocka_unit_test(what_the_table_lacks_is_answered),
    cmocka_unit_test(an_old_main_process_is_told_in_its_own_words),
    cmocka_unit_test(the_command_line_is_read_as_the_main_process_writes_it),
};
RUN_TESTS(tests)
