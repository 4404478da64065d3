/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a session of the XMPP backend costs. This program plays the foreign server (without TLS, SCRAM with few rounds,
 * stream management) and the main process; the measured child is the backend, or this program itself as a bare client:
 * the same streams on the same loop, that send each message back and do nothing else.
 *
 * usage: bench_xmpp BACKEND USERS MESSAGES [CONTACTS]; prints a line for each figure. */
#include <gsasl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/encode.h"
#include "lib/base/map.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/io/conn.h"
#include "lib/io/listener.h"
#include "lib/io/loop.h"
#include "lib/io/process.h"
#include "lib/wire/wire.h"
#include "lib/xmpp/client.h"
#include "lib/xmpp/ns.h"
#include "lib/xmpp/parser.h"

#define HEADER                                                                                                       \
	"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' " \
	"id='1' "                                                                                                    \
	"version='1.0' from='b.test'>"
#define BODY "The quick brown fox jumps over the lazy dog, and comes back by the same way before anybody has seen it."

enum { LOGINS_AT_ONCE = 100, AT_ONCE = 64, REST_MS = 13000 };

static struct loop *loop;
static struct listener *listener;
static unsigned users, contacts;
static unsigned long messages;
static unsigned bound, logged_in, asked;
static unsigned long sent, returned;
static struct str roster;

/* ---- The server ---- */

struct session {
	struct conn *conn;
	struct parser *parser;
	Gsasl_session *sasl;
	bool authenticated;
	unsigned received;
};

static struct session *sessions;
static unsigned session_count;
static Gsasl *gsasl;

static int property(Gsasl *context, Gsasl_session *session, Gsasl_property property)
{
	switch (property) {
	case GSASL_PASSWORD:
		return gsasl_property_set(session, property, "sesame");
	case GSASL_SCRAM_ITER:
		return gsasl_property_set(session, property, "1");
	case GSASL_SCRAM_SALT:
		return gsasl_property_set(session, property, "c2FsdHNhbHQ=");
	default:
		return GSASL_NO_CALLBACK;
	}
}

static void say(struct session *session, const char *text)
{
	conn_write(session->conn, text, strlen(text));
}

static void on_header(void *arg, const struct element *header)
{
	struct session *session = arg;
	say(session, HEADER "<stream:features>");
	say(session, session->authenticated ? "<bind xmlns='" NS_BIND "'/><sm xmlns='" NS_SM "'/>"
	                                    : "<mechanisms xmlns='" NS_SASL
	                                      "'><mechanism>SCRAM-SHA-1</mechanism></mechanisms>");
	say(session, "</stream:features>");
}

static void sasl(struct session *session, struct arena *arena, const struct element *element)
{
	char *answer = NULL, text[512];
	if (!session->sasl)
		gsasl_server_start(gsasl, "SCRAM-SHA-1", &session->sasl);
	int result = gsasl_step64(session->sasl, element_text(arena, element), &answer);
	if (result != GSASL_OK && result != GSASL_NEEDS_MORE)
		abort();
	const char *name = result == GSASL_OK ? "success" : "challenge";
	snprintf(text, sizeof text, "<%s xmlns='" NS_SASL "'>%s</%s>", name, answer, name);
	gsasl_free(answer);
	say(session, text);
	if (result != GSASL_OK)
		return;
	gsasl_finish(session->sasl);
	session->authenticated = true;
	parser_restart(session->parser);
}

static void send_message(struct session *session)
{
	char text[512];
	snprintf(text, sizeof text,
	         "<message from='bob@b.test/desk' to='al@b.test' type='chat' id='m%lu'><body>" BODY "</body>"
	         "<active xmlns='http://jabber.org/protocol/chatstates'/></message>",
	         ++sent);
	say(session, text);
}

static void iq(struct session *session, const struct element *stanza)
{
	char text[512];
	const char *id = element_get(stanza, "id");
	const struct element *payload = element_child(stanza, NULL, NULL);
	if (element_is(payload, "bind", NS_BIND)) {
		snprintf(text, sizeof text,
		         "<iq type='result' id='%s'><bind xmlns='" NS_BIND "'><jid>al%u@b.test/desk</jid></bind></iq>",
		         id, (unsigned)(session - sessions));
		say(session, text);
	} else if (element_is(payload, "query", NS_ROSTER)) {
		snprintf(text, sizeof text, "<iq type='result' id='%s'><query xmlns='" NS_ROSTER "'>", id);
		say(session, text);
		say(session, str_text(&roster));
		say(session, "</query></iq>");
	} else if (!text_equal(element_get(stanza, "type"), "result")) {
		snprintf(text, sizeof text, "<iq type='result' id='%s'%s%s%s/>", id,
		         element_get(stanza, "to") ? " from='" : "",
		         element_get(stanza, "to") ? element_get(stanza, "to") : "",
		         element_get(stanza, "to") ? "'" : "");
		say(session, text);
	}
}

static void message_returned(struct session *session)
{
	returned++;
	if (sent < messages)
		send_message(session);
	if (returned == messages)
		loop_stop(loop);
}

static void on_stanza(void *arg, struct arena *arena, const struct element *stanza)
{
	struct session *session = arg;
	char text[64];
	session->received += !strcmp(stanza->ns, NS_CLIENT);
	if (!strcmp(stanza->ns, NS_SASL)) {
		sasl(session, arena, stanza);
	} else if (element_is(stanza, "enable", NS_SM)) {
		session->received = 0;
		say(session, "<enabled xmlns='" NS_SM "' resume='true' id='0123456789'/>");
		bound++;
	} else if (element_is(stanza, "r", NS_SM)) {
		snprintf(text, sizeof text, "<a xmlns='" NS_SM "' h='%u'/>", session->received);
		say(session, text);
	} else if (!strcmp(stanza->name, "iq")) {
		iq(session, stanza);
	} else if (!strcmp(stanza->name, "message") && element_child(stanza, "body", NULL)) {
		message_returned(session);
	}
}

static void on_input(void *arg, const char *bytes, size_t len)
{
	struct session *session = arg;
	if (parser_feed(session->parser, bytes, len))
		abort();
}

static void on_closed(void *arg, const char *reason)
{
	struct session *session = arg;
	conn_free(&session->conn);
}

static void on_accepted(void *arg, int fd)
{
	static const struct conn_events events = {.input = on_input, .closed = on_closed};
	static const struct parser_events parser_events = {.header = on_header, .stanza = on_stanza};
	struct session *session = &sessions[session_count++];
	session->conn = conn_adopt(loop, fd, &events, session);
	session->parser = parser_new(NULL, &parser_events, session);
}

/* ---- The main process ---- */

static struct conn *line;
static struct str input;
static struct arena arena;

static void write_frame(const struct wire_frame *frame)
{
	wire_write(conn_output(line), WIRE_TO_BACKEND, true, frame);
}

static void log_in(void)
{
	char jid[64];
	snprintf(jid, sizeof jid, "user%u@example.org", asked);
	char name[64];
	snprintf(name, sizeof name, "al%u@b.test", asked++);
	write_frame(
	    &(struct wire_frame){.type = WIRE_LOGIN, .user = jid, .login = {.name = name, .password = "sesame"}});
}

static void handle(const struct wire_frame *frame)
{
	if (frame->type == WIRE_CONNECTED) {
		if (asked < users)
			log_in();
		if (++logged_in == users)
			loop_stop(loop);
	} else if (frame->type == WIRE_DISCONNECTED) {
		fprintf(stderr, "a user was refused: %s\n", frame->disconnected.text);
		exit(1);
	} else if (frame->type == WIRE_CONV_MESSAGE) {
		struct s2_message back = {
		    .peer = frame->message.peer, .body = frame->message.body, .id = frame->message.id};
		write_frame(&(struct wire_frame){.type = WIRE_CONV_MESSAGE, .user = frame->user, .message = back});
	}
}

static void on_line(void *arg, const char *bytes, size_t len)
{
	size_t at = 0, used;
	str_add(&input, bytes, len);
	for (;;) {
		struct wire_frame frame = {0};
		const char *error = NULL;
		enum wire_status status =
		    wire_read(&arena, input.data + at, input.len - at, WIRE_TO_MAIN, &used, &frame, &error);
		if (status == WIRE_INCOMPLETE)
			break;
		at += used;
		if (status == WIRE_OK)
			handle(&frame);
		arena_reset(&arena);
	}
	str_consume(&input, at);
}

static void ping(void *arg)
{
	if (line)
		write_frame(&(struct wire_frame){.type = WIRE_PING});
}

/* ---- A bare client ---- */

struct bare {
	struct conn *conn;
	struct client *client;
	struct flusher flusher;
};

static void bare_output(void *arg, const char *bytes, size_t len)
{
	struct bare *bare = arg;
	conn_write(bare->conn, bytes, len);
}

static void bare_stanza(void *arg, struct arena *scratch, const struct element *stanza)
{
	struct bare *bare = arg;
	if (strcmp(stanza->name, "message"))
		return;
	struct writer *writer = client_stanza(bare->client, "message");
	xml_attr(writer, "type", "chat");
	xml_attr(writer, "to", element_get(stanza, "from"));
	xml_attr(writer, "id", element_get(stanza, "id"));
	xml_leaf(writer, "body", NULL, element_child_text(scratch, stanza, "body", NULL));
	xml_empty(writer, "active", NS_CHATSTATES);
	client_send(bare->client, NULL);
	loop_flush_later(loop, &bare->flusher);
}

static void bare_connected(void *arg)
{
	struct bare *bare = arg;
	client_begin(bare->client, false, NULL);
}

static void bare_input(void *arg, const char *bytes, size_t len)
{
	struct bare *bare = arg;
	client_input(bare->client, bytes, len);
}

static void bare_closed(void *arg, const char *reason)
{
	exit(0);
}

static void bare_flush(void *arg)
{
	struct bare *bare = arg;
	client_flush(bare->client);
}

static int be_bare(uint16_t port)
{
	static const struct client_events client_events = {.output = bare_output, .stanza = bare_stanza};
	static const struct conn_events conn_events = {
	    .connected = bare_connected, .input = bare_input, .closed = bare_closed};
	struct rlimit limit = {100000, 100000};
	setrlimit(RLIMIT_NOFILE, &limit);
	loop = loop_new();
	for (unsigned i = 0; i < users; i++) {
		struct bare *bare = mem_new(sizeof *bare);
		bare->client =
		    client_new(&(struct client_options){.node = "al", .domain = "b.test", .password = "sesame"},
		               &client_events, bare);
		bare->flusher = (struct flusher){.flush = bare_flush, .arg = bare};
		bare->conn = conn_connect(loop, "127.0.0.1", port, 30000, NULL, &conn_events, bare);
	}
	loop_run(loop);
	return 0;
}

/* ---- Measuring ---- */

static struct process *child;

static double cpu_seconds(void)
{
	char path[64];
	unsigned long user = 0, system = 0;
	snprintf(path, sizeof path, "/proc/%d/stat", (int)process_pid(child));
	FILE *file = fopen(path, "re");
	if (!file || fscanf(file, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
		abort();
	fclose(file);
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static double rss_kib(void)
{
	char path[64];
	long pages = 0;
	snprintf(path, sizeof path, "/proc/%d/statm", (int)process_pid(child));
	FILE *file = fopen(path, "re");
	if (!file || fscanf(file, "%*d %ld", &pages) != 1)
		abort();
	fclose(file);
	return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1024;
}

static void child_ended(void *arg, int status, int number)
{
	process_free(&child);
	loop_stop(loop);
}

static void stop(void *arg)
{
	loop_stop(loop);
}

static void wait_ms(uint64_t ms)
{
	struct timer *timer = timer_new(loop, stop, NULL);
	timer_start(timer, ms, 0);
	loop_run(loop);
	timer_free(&timer);
}

/* CPU seconds for all messages, AT_ONCE of them under way. */
static double exchange(unsigned among)
{
	sent = returned = 0;
	double before = cpu_seconds();
	for (unsigned i = 0; i < AT_ONCE && sent < messages; i++)
		send_message(&sessions[i % among]);
	loop_run(loop);
	return cpu_seconds() - before;
}

static void close_sessions(void)
{
	for (unsigned i = 0; i < session_count; i++) {
		conn_free(&sessions[i].conn);
		parser_free(&sessions[i].parser);
	}
	memset(sessions, 0, (users + 1) * sizeof *sessions);
	session_count = bound = 0;
}

static void measure_bare(const char *self, double *seconds)
{
	char port[16], count[16];
	snprintf(port, sizeof port, "%u", listener_port(listener));
	snprintf(count, sizeof count, "%u", users < AT_ONCE ? users : AT_ONCE);
	char *const argv[] = {(char *)self, "bare", port, count, NULL};
	child = process_spawn(loop, argv, NULL, -1, child_ended, NULL);
	while (bound < (users < AT_ONCE ? users : AT_ONCE))
		wait_ms(20);
	*seconds = exchange(users < AT_ONCE ? users : AT_ONCE);
	close_sessions();
	while (child)
		loop_run(loop);
}

static void start_backend(const char *backend, const char *config)
{
	int pair[2];
	char *const argv[] = {(char *)backend, "--service.backend_id=1", (char *)config, NULL};
	char *const environment[] = {"SPECTRUM2_FD=3", "SPECTRUM2_EXTENSIONS=1", NULL};
	static const struct conn_events events = {.input = on_line};
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		abort();
	child = process_spawn(loop, argv, environment, pair[1], child_ended, NULL);
	close(pair[1]);
	line = conn_adopt(loop, pair[0], &events, NULL);
	wait_ms(300);
}

static char *write_config(void)
{
	char *path = mem_strdup("/tmp/spectrum2-bench-XXXXXX");
	FILE *file = fdopen(mkstemp(path), "w");
	fprintf(file, "[service]\njid = gw.test\n[xmpp]\nserver = 127.0.0.1:%u\nrequire_tls = 0\n",
	        listener_port(listener));
	fclose(file);
	return path;
}

static void make_roster(void)
{
	for (unsigned i = 0; i < contacts; i++)
		str_addf(&roster,
		         "<item jid='contact%u@b.test' name='Contact number %u' subscription='both'><group>Friends"
		         "</group></item>",
		         i, i);
}

static void prepare(void)
{
	struct rlimit limit = {100000, 100000};
	setrlimit(RLIMIT_NOFILE, &limit);
	gsasl_init(&gsasl);
	gsasl_callback_set(gsasl, property);
	sessions = mem_new((users + 1) * sizeof *sessions);
	loop = loop_new();
	listener = listener_new(loop, "127.0.0.1", 0, on_accepted, NULL);
	make_roster();
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "bare")) {
		users = (unsigned)atoi(argv[3]);
		return be_bare((uint16_t)atoi(argv[2]));
	}
	if (argc < 4) {
		fprintf(stderr, "usage: %s BACKEND USERS MESSAGES [CONTACTS]\n", argv[0]);
		return 1;
	}
	users = (unsigned)atoi(argv[2]);
	messages = strtoul(argv[3], NULL, 10);
	contacts = argc > 4 ? (unsigned)atoi(argv[4]) : 20;
	prepare();
	double bare, seconds;
	measure_bare(argv[0], &bare);
	printf("bare stream: %.2f us of CPU for a message and its answer\n", bare / (double)messages * 1e6);
	char *config = write_config();
	struct timer *pinger = timer_new(loop, ping, NULL);
	timer_start(pinger, 5000, 5000);
	start_backend(argv[1], config);
	double empty = rss_kib(), before = cpu_seconds();
	for (unsigned i = 0; i < LOGINS_AT_ONCE && asked < users; i++)
		log_in();
	loop_run(loop);
	printf("log-in with %u contacts: %.0f us of CPU\n", contacts, (cpu_seconds() - before) / users * 1e6);
	printf("memory per session: %.1f KiB after the log-in", (rss_kib() - empty) / users);
	wait_ms(REST_MS);
	printf(", %.1f KiB when idle (%u sessions, %.1f MB without any)\n", (rss_kib() - empty) / users, users,
	       empty / 1024);
	unsigned few = users < AT_ONCE ? users : AT_ONCE;
	seconds = exchange(few);
	printf("backend: %.2f us of CPU for the same, %.1f times the bare stream\n", seconds / (double)messages * 1e6,
	       seconds / bare);
	seconds = exchange(users);
	unlink(config);
	write_frame(&(struct wire_frame){.type = WIRE_EXIT});
	while (child)
		loop_run(loop);
	return 0;
}
