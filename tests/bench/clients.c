/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Load driver of server mode: many XMPP clients, with TLS or without, and what the main process and its backend spend
 * on them. Run by tests/bench/run_server:
 *
 *	clients PORT TLS_PORT CERTIFICATE STEP... -- COMMAND...
 *
 * starts COMMAND, does the steps in order and prints a line for each:
 *
 *	handshakes:N[:W]  N bare TLS handshakes, W at once, with a process that does nothing else and has the same key
 *	answers:M[:W]     M messages of 1,000 clients, each answered by a process that does nothing else: what the
 *packets of echo cost tls:N[:W]         N more clients log in with a password over TLS, bind and switch stream
 *management on plain:N[:W]       the same without TLS old:N[:W]         the same over TLS in the form of RFC 6120, with
 *a round trip for each step basic:N[:W]       as old without TLS and stream management, and with a session (RFC 3921),
 *for servers of that age present           all send presence and wait for that of their contacts echo:M[:W]        M
 *messages to the contact b0, W under way, one client after the other; each answer is compared idle:S            nothing
 *for S seconds leave             all end their streams
 *
 * CPU seconds can be compared on a busy machine, wall time can't. A step without progress for STALL_SECONDS ends the
 * run with status 1. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"

#define DOMAIN "bench.localhost"
#define STALL_SECONDS 60
#define CLIENTS_MOST 60000
#define READ_BYTES 65536
#define EVENTS 256
#define ANSWERED_CLIENTS 1000
#define ANSWER_BYTES 300

enum state { HANDSHAKE, HEADER, ASKED, AGAIN, BINDING, ENABLING, BOUND, OVER };

struct client {
	int fd;
	uint8_t state;
	bool old, bare, basic;
	SSL *ssl;
	char *rest; /* of what was read: the beginning of a tag */
	size_t rest_len;
	unsigned handled; /* stanzas since stream management is on */
	long present;     /* contacts that were shown */
	long sent, echoed;
};

static int epoll;
static uint16_t ports[2];
static const char *certificate;
static pid_t server;
static SSL_CTX *context;
static struct client clients[CLIENTS_MOST];
static long count;
static long buddies;

static struct {
	long bound, present, echoed, over;
} seen;
static long under_way;

static void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
static void fail(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("clients: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	if (server > 0)
		kill(server, SIGKILL);
	exit(1);
}

/* ---- Sending ---- */

static void put(struct client *client, const char *bytes, size_t len)
{
	/* Little is sent at a time: it always fits. */
	ssize_t done =
	    client->ssl ? SSL_write(client->ssl, bytes, (int)len) : send(client->fd, bytes, len, MSG_NOSIGNAL);
	if (done != (ssize_t)len)
		fail("client %ld: can't send: %s", client - clients, strerror(errno));
}

static void say(struct client *client, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct client *client, const char *format, ...)
{
	char text[2048];
	va_list args;
	va_start(args, format);
	int len = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	put(client, text, (size_t)len);
}

static void send_header(struct client *client)
{
	say(client, "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='" DOMAIN
	            "' version='1.0'>");
}

static void log_in(struct client *client)
{
	char plain[64], base64[128];
	int len = snprintf(plain, sizeof plain, "%cu%ld%csecret", 0, client - clients, 0);
	EVP_EncodeBlock((unsigned char *)base64, (const unsigned char *)plain, len);
	if (client->old)
		say(client, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>%s</auth>", base64);
	else
		say(client,
		    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>%s</initial-response>"
		    "<bind xmlns='urn:xmpp:bind:0'><tag>bench</tag><enable xmlns='urn:xmpp:sm:3' resume='true'/></bind>"
		    "</authenticate>",
		    base64);
	client->state = ASKED;
}

static void send_message(struct client *client)
{
	say(client,
	    "<message to='b0@" DOMAIN "' type='chat' id='m%ld'><body>echo %ld-%ld, and some words more to make it as "
	    "long as messages are</body></message>",
	    client->sent, (long)(client - clients), client->sent);
	client->sent++;
}

/* ---- What the server says ---- */

static void is_bound(struct client *client)
{
	client->state = BOUND;
	seen.bound++;
}

static void on_features(struct client *client)
{
	if (client->state == HEADER) {
		log_in(client);
	} else if (client->state == AGAIN) {
		say(client, "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>bench"
		            "</resource></bind></iq>");
		client->state = BINDING;
	} else if (client->state == BINDING) {
		is_bound(client);
	}
}

static void on_success(struct client *client)
{
	client->state = client->old ? AGAIN : BINDING;
	if (client->old)
		send_header(client);
}

static void on_iq(struct client *client)
{
	if (client->state == BINDING) {
		say(client, client->basic
		                ? "<iq type='set' id='s'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>"
		                : "<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
		client->state = ENABLING;
	} else if (client->state == ENABLING && client->basic) {
		is_bound(client);
	}
}

static void on_body(struct client *client, const char *body)
{
	char wanted[64];
	int len = snprintf(wanted, sizeof wanted, "echo %ld-%ld,", (long)(client - clients), client->echoed);
	if (strncmp(body, wanted, (size_t)len) != 0)
		fail("an answer that was not expected: %.60s", body);
	client->echoed++;
	seen.echoed++;
	under_way--;
}

/* A tag without its brackets; `after` is the text behind it. */
static void on_tag(struct client *client, const char *tag, const char *after)
{
	size_t len = strcspn(tag, " />");
	bool stanza = true;
	if (len == 8 && !memcmp(tag, "presence", len)) {
		if ((strstr(tag, " from='b") || strstr(tag, " from=\"b")) && !strstr(tag, "type="))
			client->present++, seen.present++;
	} else if (len == 7 && !memcmp(tag, "message", len)) {
		if (strstr(tag, "type='error'") || strstr(tag, "type=\"error\""))
			fail("client %ld: a message was refused", client - clients);
	} else if (len == 2 && !memcmp(tag, "iq", len)) {
		on_iq(client);
	} else {
		stanza = false;
	}
	if (stanza && client->state == BOUND)
		client->handled++;
	if (!strncmp(tag, "/stream:features", 16))
		on_features(client);
	else if (len == 7 && !memcmp(tag, "success", len))
		on_success(client);
	else if (len == 7 && !memcmp(tag, "enabled", len) && client->old)
		is_bound(client);
	else if (len == 4 && !memcmp(tag, "body", len))
		on_body(client, after);
	else if (len == 1 && *tag == 'r')
		say(client, "<a xmlns='urn:xmpp:sm:3' h='%u'/>", client->handled);
	else if (!strncmp(tag, "/stream:stream", 14) && client->state != OVER)
		fail("client %ld: the server ended the stream", client - clients);
	else if ((len == 7 && !memcmp(tag, "failure", len)) || (len == 12 && !memcmp(tag, "stream:error", len)))
		fail("client %ld: <%.60s %.60s", client - clients, tag, after);
}

/* `text` ends with a NUL behind len. Returns how much of it is done with. */
static size_t read_tags(struct client *client, char *text, size_t len)
{
	size_t at = 0;
	for (;;) {
		char *open = memchr(text + at, '<', len - at);
		char *close = open ? memchr(open, '>', len - (size_t)(open - text)) : NULL;
		if (!open)
			return len;
		/* The text of a body has to be there. */
		if (!close || (!strncmp(open, "<body", 5) && !memchr(close, '<', len - (size_t)(close - text))))
			return (size_t)(open - text);
		char *next = memchr(close, '<', len - (size_t)(close - text));
		*close = '\0';
		if (next)
			*next = '\0';
		on_tag(client, open + 1, close + 1);
		if (next)
			*next = '<';
		at = (size_t)(close + 1 - text);
	}
}

static void received(struct client *client, const char *bytes, size_t len)
{
	static char text[2 * READ_BYTES + 1];
	if (client->rest_len + len >= sizeof text)
		fail("client %ld: a tag without end", client - clients);
	memcpy(text, client->rest ? client->rest : "", client->rest_len);
	memcpy(text + client->rest_len, bytes, len);
	len += client->rest_len;
	text[len] = '\0';
	size_t done = read_tags(client, text, len);
	free(client->rest);
	client->rest_len = len - done;
	client->rest = client->rest_len ? malloc(client->rest_len) : NULL;
	if (client->rest)
		memcpy(client->rest, text + done, client->rest_len);
}

/* ---- Connections ---- */

static void finish(struct client *client)
{
	SSL_free(client->ssl);
	client->ssl = NULL;
	close(client->fd);
	client->fd = -1;
	client->state = OVER;
	seen.over++;
}

static void shake(struct client *client)
{
	int result = SSL_do_handshake(client->ssl);
	if (result != 1) {
		if (SSL_get_error(client->ssl, result) != SSL_ERROR_WANT_READ)
			fail("client %ld: the handshake failed", client - clients);
		return;
	}
	if (client->bare) {
		seen.bound++;
		finish(client);
		return;
	}
	client->state = HEADER;
	send_header(client);
}

static void readable(struct client *client)
{
	static char bytes[READ_BYTES];
	if (client->state == HANDSHAKE)
		shake(client);
	while (client->state != HANDSHAKE && client->fd >= 0) {
		ssize_t len =
		    client->ssl ? SSL_read(client->ssl, bytes, sizeof bytes) : recv(client->fd, bytes, sizeof bytes, 0);
		if (len > 0) {
			received(client, bytes, (size_t)len);
			continue;
		}
		if (client->ssl ? SSL_get_error(client->ssl, (int)len) == SSL_ERROR_WANT_READ
		                : len < 0 && errno == EAGAIN)
			return;
		if (client->state != OVER)
			fail("client %ld: the server closed", client - clients);
		finish(client);
	}
}

static void begin(uint16_t port, bool tls, const struct client *kind)
{
	struct client *client = &clients[count++];
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int on = 1;
	*client = *kind;
	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(client->fd, (struct sockaddr *)&address, sizeof address))
		fail("can't connect to port %u: %s", port, strerror(errno));
	setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	fcntl(client->fd, F_SETFL, O_NONBLOCK);
	epoll_ctl(epoll, EPOLL_CTL_ADD, client->fd, &(struct epoll_event){.events = EPOLLIN, .data.ptr = client});
	if (tls) {
		client->ssl = SSL_new(context);
		SSL_set_fd(client->ssl, client->fd);
		SSL_set_connect_state(client->ssl);
		SSL_set_alpn_protos(client->ssl, (const unsigned char *)"\013xmpp-client", 12);
		shake(client);
	} else {
		client->state = HEADER;
		if (!client->bare)
			send_header(client);
	}
}

static void turn(void)
{
	struct epoll_event events[EVENTS];
	int ready = epoll_wait(epoll, events, EVENTS, 100);
	for (int i = 0; i < ready; i++)
		readable(events[i].data.ptr);
}

/* Until *counter is `target`; `more` (may be NULL) is called in each turn. */
static void until(const long *counter, long target, void (*more)(void), const char *what)
{
	long last = *counter;
	double moved = measure_now();
	while (*counter < target) {
		if (more)
			more();
		turn();
		if (*counter != last) {
			last = *counter;
			moved = measure_now();
		} else if (measure_now() - moved > STALL_SECONDS) {
			fail("%s: stuck at %ld of %ld", what, *counter, target);
		}
	}
}

/* ---- Steps ---- */

static struct {
	long target, window;
	uint16_t port;
	bool tls;
	struct client kind;
} wave;

static void open_more(void)
{
	while (count < wave.target && count - seen.bound < wave.window)
		begin(wave.port, wave.tls, &wave.kind);
}

static void open_wave(long number, long window, uint16_t port, bool tls, struct client kind)
{
	wave.target = count + number;
	wave.window = window;
	wave.port = port;
	wave.tls = tls;
	wave.kind = kind;
	if (wave.target > CLIENTS_MOST)
		fail("%d clients at most", CLIENTS_MOST);
	until(&seen.bound, wave.target, open_more, "log-in");
}

/* A process of its own that has nothing to do but handshakes. */
static void serve_handshakes(int listener)
{
	SSL_CTX *own = SSL_CTX_new(TLS_server_method());
	SSL_CTX_use_certificate_chain_file(own, certificate);
	SSL_CTX_use_PrivateKey_file(own, certificate, SSL_FILETYPE_PEM);
	SSL_CTX_set_mode(own, SSL_MODE_RELEASE_BUFFERS);
	for (;;) {
		char byte;
		int fd = accept(listener, NULL, NULL);
		SSL *ssl = SSL_new(own);
		SSL_set_fd(ssl, fd);
		if (SSL_accept(ssl) == 1)
			SSL_read(ssl, &byte, 1); /* until it goes */
		SSL_free(ssl);
		close(fd);
	}
}

/* Answers what it has read, at the length that the server's answers have. */
static void answer_messages(int fd)
{
	static char bytes[READ_BYTES];
	ssize_t len = read(fd, bytes, sizeof bytes - 1);
	if (len <= 0) {
		close(fd);
		return;
	}
	bytes[len] = '\0';
	for (char *body = bytes; (body = strstr(body, "<body>")); body++) {
		static const char format[] = "<message from='b0@" DOMAIN "' type='chat' id='%0*d'>%.*s</message>";
		char answer[2 * ANSWER_BYTES];
		int body_len = (int)(strstr(body, "</message>") - body);
		int padding = ANSWER_BYTES - body_len - (int)(sizeof format - sizeof "%0*d%.*s");
		snprintf(answer, sizeof answer, format, padding, 0, body_len, body);
		if (write(fd, answer, ANSWER_BYTES) != ANSWER_BYTES)
			_exit(1);
	}
}

static void serve_answers(int listener)
{
	int own = epoll_create1(EPOLL_CLOEXEC), on = 1;
	epoll_ctl(own, EPOLL_CTL_ADD, listener, &(struct epoll_event){.events = EPOLLIN, .data.fd = listener});
	for (;;) {
		struct epoll_event events[EVENTS];
		int ready = epoll_wait(own, events, EVENTS, -1);
		for (int i = 0; i < ready; i++) {
			if (events[i].data.fd != listener) {
				answer_messages(events[i].data.fd);
				continue;
			}
			int fd = accept(listener, NULL, NULL);
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
			epoll_ctl(own, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.fd = fd});
		}
	}
}

static double bare_cpu;

static pid_t bare_start(void (*serve)(int listener), uint16_t *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&address, len) || listen(listener, 1024) ||
	    getsockname(listener, (struct sockaddr *)&address, &len))
		fail("no port for what is compared with");
	pid_t pid = fork();
	if (pid == 0)
		serve(listener);
	close(listener);
	*port = ntohs(address.sin_port);
	return pid;
}

static void bare_end(pid_t pid, double before)
{
	bare_cpu = measure_cpu(pid) - before;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void step_handshakes(long number, long window)
{
	uint16_t port;
	pid_t pid = bare_start(serve_handshakes, &port);
	long before = count;
	double cpu = measure_cpu(pid);
	open_wave(number, window, port, true, (struct client){.bare = true});
	bare_end(pid, cpu);
	/* They were nobody. */
	seen.bound -= number;
	seen.over -= number;
	count = before;
}

static void step_tls(long number, long window)
{
	open_wave(number, window, ports[1], true, (struct client){0});
}

static void step_old(long number, long window)
{
	open_wave(number, window, ports[1], true, (struct client){.old = true});
}

static void step_plain(long number, long window)
{
	open_wave(number, window, ports[0], false, (struct client){0});
}

static void step_basic(long number, long window)
{
	open_wave(number, window, ports[0], false, (struct client){.old = true, .basic = true});
}

static void step_present(long unused, long unused_too)
{
	for (long i = 0; i < count; i++)
		say(&clients[i], "%s<presence/>",
		    clients[i].basic ? "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>" : "");
	until(&seen.present, count * buddies, NULL, "presence");
}

static long echo_sent, echo_target, echo_window;

static void echo_more(void)
{
	while (echo_sent < echo_target && under_way < echo_window) {
		send_message(&clients[echo_sent++ % count]);
		under_way++;
	}
}

static void step_echo(long number, long window)
{
	echo_target = echo_sent + number;
	echo_window = window;
	until(&seen.echoed, echo_target, echo_more, "echo");
}

static void step_answers(long number, long window)
{
	uint16_t port;
	if (count)
		fail("answers come before anybody logs in");
	pid_t pid = bare_start(serve_answers, &port);
	while (count < ANSWERED_CLIENTS) {
		begin(port, false, &(struct client){.bare = true});
		clients[count - 1].state = BOUND;
	}
	double cpu = measure_cpu(pid);
	step_echo(number, window);
	bare_end(pid, cpu);
	for (long i = 0; i < count; i++)
		close(clients[i].fd);
	count = seen.echoed = echo_sent = 0;
}

static void step_idle(long seconds, long unused)
{
	for (double begin = measure_now(); measure_now() - begin < (double)seconds;)
		turn();
}

static void step_leave(long unused, long unused_too)
{
	long target = seen.over;
	for (long i = 0; i < count; i++) {
		if (clients[i].fd < 0)
			continue;
		clients[i].state = OVER;
		say(&clients[i], "</stream:stream>");
		target++;
	}
	until(&seen.over, target, NULL, "leave");
	count = seen.bound = seen.over = seen.present = seen.echoed = echo_sent = 0;
}

static const struct step {
	const char *name;
	void (*run)(long, long);
	long first, second; /* if they are not given */
} steps[] = {
    {"handshakes", step_handshakes, 1000, 64},
    {"answers", step_answers, 40000, 256},
    {"tls", step_tls, 1000, 64},
    {"old", step_old, 1000, 64},
    {"plain", step_plain, 1000, 64},
    {"basic", step_basic, 1000, 64},
    {"present", step_present, 0, 0},
    {"echo", step_echo, 40000, 256},
    {"idle", step_idle, 5, 0},
    {"leave", step_leave, 0, 0},
};

static void print(const char *text, const struct step *step, long done, double wall, double main_cpu, double child_cpu)
{
	bool bare = step->run == step_handshakes || step->run == step_answers;
	printf("%-16s", text);
	if (bare)
		main_cpu = bare_cpu;
	printf(" %8ld in %7.2f s  %s %7.3f s cpu, %7.1f us each  backend %6.3f s cpu", done, wall,
	       bare ? "bare" : "main", main_cpu, main_cpu / (double)(done ? done : 1) * 1e6, child_cpu);
	printf("  main %ld kB, backend %ld kB\n", measure_rss_kb(server), measure_children_rss_kb(server));
	fflush(stdout);
}

static void run_step(const char *text)
{
	char name[32] = "";
	long first = 0, second = 0;
	int given = sscanf(text, "%31[a-z]:%ld:%ld", name, &first, &second);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		const struct step *step = &steps[i];
		if (strcmp(name, step->name))
			continue;
		first = given > 1 ? first : step->first;
		second = given > 2 ? second : step->second;
		long all = count;
		double begun = measure_now(), main_cpu = measure_cpu(server), child_cpu = measure_children_cpu(server);
		step->run(first, second);
		print(text, step, first ? first : all, measure_now() - begun, measure_cpu(server) - main_cpu,
		      measure_children_cpu(server) - child_cpu);
		return;
	}
	fail("no such step: %s", text);
}

/* ---- Beginning and end ---- */

static void start(char **command)
{
	double begun = measure_now();
	server = fork();
	if (server == 0) {
		execvp(command[0], command);
		_exit(127);
	}
	for (;;) {
		struct sockaddr_in address = {
		    .sin_family = AF_INET, .sin_port = htons(ports[1]), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		int result = connect(fd, (struct sockaddr *)&address, sizeof address);
		close(fd);
		if (!result)
			break;
		if (measure_now() - begun > STALL_SECONDS || waitpid(server, NULL, WNOHANG) == server)
			fail("the server does not come up");
		usleep(1000);
	}
	printf("%-16s serves after %.3f s  main %ld kB\n", "start", measure_now() - begun, measure_rss_kb(server));
}

static int end(void)
{
	int status = 0;
	double begun = measure_now();
	kill(server, SIGTERM);
	while (waitpid(server, &status, WNOHANG) == 0) {
		if (measure_now() - begun > STALL_SECONDS)
			fail("the server does not end");
		usleep(1000);
	}
	printf("%-16s after %.2f s with status %d\n", "end", measure_now() - begun,
	       WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	return status != 0;
}

int main(int argc, char **argv)
{
	int at = 4;
	struct rlimit limit;
	if (argc < 6)
		fail("usage: clients PORT TLS_PORT CERTIFICATE STEP... -- COMMAND...");
	signal(SIGPIPE, SIG_IGN);
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	ports[0] = (uint16_t)atoi(argv[1]);
	ports[1] = (uint16_t)atoi(argv[2]);
	certificate = argv[3];
	buddies = getenv("ECHO_BUDDIES") ? atol(getenv("ECHO_BUDDIES")) : 1;
	context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	while (at < argc && strcmp(argv[at], "--"))
		at++;
	if (at + 1 >= argc)
		fail("no command");
	start(argv + at + 1);
	for (int i = 4; i < at; i++)
		run_step(argv[i]);
	return end();
}
