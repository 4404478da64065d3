/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Load driver: plays the XMPP server's side of XEP-0114 for one gateway with the echo backend, on behalf of many users,
 * and measures what the main process and its backends spend. Run by tests/bench/run:
 *
 *	load PORT USERS STEP... -- COMMAND...
 *
 * starts COMMAND, takes its connection on PORT, does the steps in order and prints a line for each. Answers are checked
 *by content: an echo counts once and only if it is the text that was sent. A step without progress for STALL_SECONDS
 *ends the run with status 1. CPU seconds, unlike wall time, can be compared on a busy machine. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/xmpp/expat_calls.h"
#include "measure.h"

#define GATEWAY "gw.localhost"
#define SECRET "secret"
#define STREAM_ID "bench"
#define WINDOW 64 /* registrations and logins under way at once */
#define STALL_SECONDS 20
#define ROOM "#crowd@" GATEWAY
#define READ_BYTES 65536

struct user {
	bool registered, online;
	long present;      /* contacts that were shown */
	unsigned contacts; /* that granted a subscription in this step */
};

/* What one stanza from the gateway says. */
struct stanza {
	char name[16], from[256], to[256], type[24], id[64], payload[96];
	char body[4096];
	size_t body_len;
	unsigned depth;
	bool in_body;
};

static int port, line = -1;
static pid_t gateway;
static struct user *users;
static long user_count;
static long buddies; /* that the echo backend gives each user */
static XML_Parser parser;
static struct stanza stanza;
static bool linked, stream_ended, ending, closed;
static char *out;
static size_t out_len, out_cap;

/* What has happened so far; steps watch one of these grow. */
static struct {
	long registered, online, present, offline, granted, echoed, entered, occupants, lines;
} seen;

/* The echo step under way: when each message left (0: came back), how long it took. */
static double *sent_at, *took;
static long sent_count;

static void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
static void fail(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("load: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	if (gateway > 0)
		kill(gateway, SIGKILL);
	exit(1);
}

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
	va_list args;
	for (;;) {
		va_start(args, format);
		int wanted = vsnprintf(out + out_len, out_cap - out_len, format, args);
		va_end(args);
		if ((size_t)wanted < out_cap - out_len) {
			out_len += (size_t)wanted;
			return;
		}
		out_cap = (out_cap + (size_t)wanted + READ_BYTES) * 2;
		out = realloc(out, out_cap);
		if (!out)
			fail("out of memory");
	}
}

/* ---- What the gateway says ---- */

static struct user *addressee(const char *jid)
{
	long number = jid[0] == 'u' ? strtol(jid + 1, NULL, 10) : -1;
	return number >= 0 && number < user_count ? &users[number] : NULL;
}

static void on_message(void)
{
	if (!strcmp(stanza.type, "error"))
		fail("a message was refused (id %s)", stanza.id);
	if (!strncmp(stanza.body, "line ", 5) && !strcmp(stanza.type, "groupchat"))
		seen.lines++;
	if (strncmp(stanza.body, "echo ", 5))
		return;
	long number = strtol(stanza.body + 5, NULL, 10);
	if (number < 0 || number >= sent_count || sent_at[number] == 0)
		fail("an echo that was not expected: %.60s", stanza.body);
	took[seen.echoed++] = measure_now() - sent_at[number];
	sent_at[number] = 0;
}

static void on_presence(struct user *user)
{
	bool from_gateway = !strcmp(stanza.from, GATEWAY);
	if (!stanza.type[0] && !strncmp(stanza.from, ROOM "/", strlen(ROOM) + 1)) {
		seen.occupants++;
		if (stanza.from[strlen(ROOM) + 1] == 'u')
			seen.entered++;
	} else if (!strcmp(stanza.type, "subscribe")) {
		say("<presence from='%s' to='%s' type='subscribed'/>", stanza.to, stanza.from);
	} else if (!strcmp(stanza.type, "subscribed") && user && !from_gateway) {
		user->contacts++;
		seen.granted++;
	} else if (!stanza.type[0] && from_gateway && user && !user->online) {
		user->online = true;
		seen.online++;
	} else if (!stanza.type[0] && !from_gateway && user && user->present < buddies) {
		user->present++;
		seen.present++;
	} else if (!strcmp(stanza.type, "unavailable") && from_gateway && user && user->online) {
		user->online = false;
		seen.present -= user->present;
		user->present = 0;
		seen.offline++;
	}
}

/* The users' clients and the host know service discovery and grant nothing. */
static void on_iq(struct user *user)
{
	if (!strcmp(stanza.to, GATEWAY)) {
		/* Every server routes what a component writes to itself. */
		say("<iq from='%s' to='%s' type='%s' id='%s'><ping xmlns='urn:xmpp:ping'/></iq>", stanza.from,
		    stanza.to, stanza.type, stanza.id);
	} else if (!strcmp(stanza.type, "result")) {
		if (!strncmp(stanza.id, "register", 8) && user && !user->registered) {
			user->registered = true;
			seen.registered++;
		}
	} else if (!strcmp(stanza.type, "error")) {
		if (!strncmp(stanza.id, "register", 8))
			fail("a registration was refused (%s)", stanza.to);
	} else if (!strcmp(stanza.payload, "http://jabber.org/protocol/disco#info")) {
		say("<iq from='%s' to='%s' type='result' id='%s'><query xmlns='%s'><identity category='client' "
		    "type='pc'/>"
		    "</query></iq>",
		    stanza.to, stanza.from, stanza.id, stanza.payload);
	} else {
		say("<iq from='%s' to='%s' type='error' id='%s'><error type='cancel'><service-unavailable "
		    "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
		    stanza.to, stanza.from, stanza.id);
	}
}

static void on_handshake(void)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned length;
	char right[2 * EVP_MAX_MD_SIZE + 1];
	EVP_Digest(STREAM_ID SECRET, strlen(STREAM_ID SECRET), digest, &length, EVP_sha1(), NULL);
	for (unsigned i = 0; i < length; i++)
		snprintf(right + (size_t)2 * i, 3, "%02x", digest[i]);
	if (strcmp(stanza.body, right))
		fail("the gateway's secret is wrong");
	say("<handshake/>");
	linked = true;
}

static void on_stanza(void)
{
	struct user *user = addressee(stanza.to);
	if (!strcmp(stanza.name, "message"))
		on_message();
	else if (!strcmp(stanza.name, "presence"))
		on_presence(user);
	else if (!strcmp(stanza.name, "iq"))
		on_iq(user);
	else if (!strcmp(stanza.name, "handshake"))
		on_handshake();
	else
		fail("the gateway sent <%s/>", stanza.name);
}

/* ---- Parsing: namespaces come in front of names, behind a blank ---- */

static const char *local(const char *name)
{
	const char *blank = strrchr(name, ' ');
	return blank ? blank + 1 : name;
}

static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
}

static void XMLCALL on_start(void *arg, const char *name, const char **attributes)
{
	stanza.depth++;
	if (stanza.depth == 1) {
		say("<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' "
		    "xmlns:stream='http://etherx.jabber.org/streams' from='" GATEWAY "' id='" STREAM_ID "'>");
	} else if (stanza.depth == 2) {
		stanza = (struct stanza){.depth = 2};
		copy(stanza.name, sizeof stanza.name, local(name));
		for (; *attributes; attributes += 2) {
			const struct {
				const char *name;
				char *to;
				size_t size;
			} wanted[] = {{"from", stanza.from, sizeof stanza.from},
			              {"to", stanza.to, sizeof stanza.to},
			              {"type", stanza.type, sizeof stanza.type},
			              {"id", stanza.id, sizeof stanza.id}};
			for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
				if (!strcmp(attributes[0], wanted[i].name))
					copy(wanted[i].to, wanted[i].size, attributes[1]);
		}
		stanza.in_body = !strcmp(stanza.name, "handshake");
	} else if (stanza.depth == 3) {
		stanza.in_body = !strcmp(local(name), "body");
		if (!stanza.payload[0])
			snprintf(stanza.payload, sizeof stanza.payload, "%.*s",
			         (int)(local(name) - name - (local(name) > name)), name);
	}
}

static void XMLCALL on_text(void *arg, const char *text, int len)
{
	if (stanza.in_body && stanza.body_len + (size_t)len < sizeof stanza.body) {
		memcpy(stanza.body + stanza.body_len, text, (size_t)len);
		stanza.body_len += (size_t)len;
	}
}

static void finish_stream(void)
{
	say("</stream:stream>");
	stream_ended = true;
}

static void XMLCALL on_end(void *arg, const char *name)
{
	if (stanza.depth == 2)
		on_stanza();
	else if (stanza.depth == 3)
		stanza.in_body = false;
	else if (stanza.depth == 1)
		finish_stream();
	stanza.depth--;
}

/* ---- The line ---- */

static void flush(void)
{
	size_t done = 0;
	while (done < out_len && !closed) {
		ssize_t wrote = write(line, out + done, out_len - done);
		if (wrote < 0 && errno == EAGAIN)
			break;
		if (wrote < 0 && ending)
			wrote = (ssize_t)(out_len - done); /* nobody reads that any more */
		else if (wrote < 0)
			fail("write: %s", strerror(errno));
		done += (size_t)wrote;
	}
	memmove(out, out + done, out_len - done);
	out_len -= done;
}

/* Sends what waits, takes what there is; waits for it up to `ms`. */
static void turn(int ms)
{
	static char buffer[READ_BYTES];
	flush();
	struct pollfd want = {.fd = line, .events = (short)(POLLIN | (out_len ? POLLOUT : 0))};
	if (poll(&want, 1, ms) < 0 && errno != EINTR)
		fail("poll: %s", strerror(errno));
	if (!(want.revents & (POLLIN | POLLHUP)))
		return;
	ssize_t got = read(line, buffer, sizeof buffer);
	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
		if (!ending)
			fail("the gateway closed its connection");
		closed = true;
		return;
	}
	if (got > 0 && XML_Parse(parser, buffer, (int)got, 0) != XML_STATUS_OK)
		fail("the gateway sent bad XML: %s", XML_ErrorString(XML_GetErrorCode(parser)));
}

/* Turns until *counter is at least `target`. */
static void until(const long *counter, long target, const char *what)
{
	long last = *counter;
	double moved = measure_now();
	while (*counter < target) {
		turn(100);
		if (*counter != last) {
			last = *counter;
			moved = measure_now();
		} else if (measure_now() - moved > STALL_SECONDS) {
			fail("%s: stuck at %ld of %ld", what, *counter, target);
		}
	}
}

/* ---- Steps ---- */

static void step_register(long unused, long unused_too)
{
	for (long i = 0; i < user_count; i++) {
		say("<iq from='u%ld@localhost/r' to='" GATEWAY
		    "' type='set' id='register%ld'><query xmlns='jabber:iq:register'>"
		    "<username>legacy%ld</username><password>secret%ld</password></query></iq>",
		    i, i, i, i);
		until(&seen.registered, i + 1 - WINDOW, "register");
	}
	until(&seen.registered, user_count, "register");
}

static void step_login(long unused, long unused_too)
{
	long before = seen.online;
	for (long i = 0; i < user_count; i++) {
		say("<presence from='u%ld@localhost/r' to='" GATEWAY "'/>", i);
		until(&seen.online, before + i + 1 - WINDOW, "login");
	}
	until(&seen.online, before + user_count, "login");
	until(&seen.present, user_count * buddies, "login: contacts");
}

/* contacts:K - each user subscribes to K names. */
static void step_contacts(long count, long unused)
{
	long before = seen.granted, asked = 0;
	for (long i = 0; i < user_count; i++)
		for (long k = 0; k < count; k++) {
			say("<presence from='u%ld@localhost' to='c%ld@" GATEWAY "' type='subscribe'/>", i, k);
			until(&seen.granted, before + ++asked - WINDOW, "contacts");
		}
	until(&seen.granted, before + asked, "contacts");
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* echo:COUNT:OUTSTANDING - texts to the contact `echo`, spread over all users, so many under way at once. */
static void step_echo(long count, long outstanding)
{
	static const char padding[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl";
	seen.echoed = 0;
	sent_count = 0;
	free(sent_at);
	free(took);
	sent_at = calloc((size_t)count, sizeof *sent_at);
	took = calloc((size_t)count, sizeof *took);
	if (!sent_at || !took)
		fail("out of memory");
	while (sent_count < count) {
		for (; sent_count < count && sent_count - seen.echoed < outstanding; sent_count++) {
			sent_at[sent_count] = measure_now();
			say("<message from='u%ld@localhost/r' to='echo@" GATEWAY
			    "' type='chat' id='m%ld'><body>echo %ld %s</body>"
			    "</message>",
			    sent_count % user_count, sent_count, sent_count, padding);
		}
		until(&seen.echoed, seen.echoed + 1, "echo");
	}
	until(&seen.echoed, count, "echo");
	qsort(took, (size_t)count, sizeof *took, compare);
}

/* All into one room, where others are already; see crowd.c. */
static void step_enter(long unused, long unused_too)
{
	long before = seen.entered;
	for (long i = 0; i < user_count; i++) {
		say("<presence from='u%ld@localhost/r' to='" ROOM
		    "/u%ld'><x xmlns='http://jabber.org/protocol/muc'/></presence>",
		    i, i);
		until(&seen.entered, before + i + 1 - WINDOW, "enter");
	}
	until(&seen.entered, before + user_count, "enter");
}

/* lines:COUNT:OUTSTANDING - as many are said there, each is told to all users; so many under way at once. */
static void step_lines(long count, long outstanding)
{
	static const char padding[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl";
	seen.lines = 0;
	for (long i = 0; i < count; i++) {
		say("<message from='u0@localhost/r' to='" ROOM "' type='groupchat' id='l%ld'><body>line %ld %s</body>"
		    "</message>",
		    i, i, padding);
		until(&seen.lines, (i + 1 - outstanding) * user_count, "lines");
	}
	until(&seen.lines, count * user_count, "lines");
	if (seen.lines != count * user_count)
		fail("lines came twice");
}

static void step_logout(long unused, long unused_too)
{
	long before = seen.offline;
	for (long i = 0; i < user_count; i++)
		say("<presence from='u%ld@localhost/r' to='" GATEWAY "' type='unavailable'/>", i);
	until(&seen.offline, before + user_count, "logout");
}

static void step_rss(long unused, long unused_too)
{
}

static const struct step {
	const char *name;
	void (*run)(long, long);
	long first, second; /* arguments if none are given */
	bool each_user;     /* counts users; else the first argument */
} steps[] = {
    {"register", step_register, 0, 0, true},
    {"login", step_login, 0, 0, true},
    {"contacts", step_contacts, 20, 0, true},
    {"echo", step_echo, 10000, 256, false},
    {"latency", step_echo, 2000, 1, false},
    {"enter", step_enter, 0, 0, true},
    {"lines", step_lines, 300, 10, true},
    {"logout", step_logout, 0, 0, true},
    {"rss", step_rss, 0, 0, true},
};

static void print(const char *text, const struct step *step, long count, double wall, double main_cpu, double child_cpu)
{
	printf("%-18s", text);
	if (step->run != step_rss)
		printf(" %8ld in %7.2f s  %9.0f/s  main %6.2f s cpu, %8.1f us each  backend %6.2f s cpu", count, wall,
		       (double)count / wall, main_cpu, main_cpu / (double)count * 1e6, child_cpu);
	printf("  rss main %ld kB, backends %ld kB", measure_rss_kb(gateway), measure_children_rss_kb(gateway));
	if (step->run == step_echo)
		printf("  p50 %.0f us, p99 %.0f us", took[count / 2] * 1e6, took[count * 99 / 100] * 1e6);
	putchar('\n');
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
		double begin = measure_now(), main_cpu = measure_cpu(gateway),
		       child_cpu = measure_children_cpu(gateway);
		step->run(first, second);
		bool times = step->run == step_contacts || step->run == step_lines;
		long count = step->each_user ? user_count * (times ? first : 1) : first;
		print(text, step, count, measure_now() - begin, measure_cpu(gateway) - main_cpu,
		      measure_children_cpu(gateway) - child_cpu);
		return;
	}
	fail("no such step: %s", text);
}

/* ---- Beginning and end ---- */

static void start(char **command)
{
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1))
		fail("port %d: %s", port, strerror(errno));
	double begin = measure_now();
	gateway = fork();
	if (gateway == 0) {
		execvp(command[0], command);
		_exit(127);
	}
	struct pollfd want = {.fd = listener, .events = POLLIN};
	if (poll(&want, 1, STALL_SECONDS * 1000) != 1)
		fail("the gateway does not connect");
	line = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	setsockopt(line, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	close(listener);
	parser = XML_ParserCreateNS(NULL, ' ');
	expat_be_prompt(parser);
	XML_SetElementHandler(parser, on_start, on_end);
	XML_SetCharacterDataHandler(parser, on_text);
	while (!linked)
		turn(100);
	printf("%-18s linked after %.3f s, rss main %ld kB\n", "start", measure_now() - begin, measure_rss_kb(gateway));
}

static int end(void)
{
	int status = 0;
	double begin = measure_now();
	ending = true;
	kill(gateway, SIGTERM);
	while (!stream_ended && !closed && measure_now() - begin < STALL_SECONDS)
		turn(10);
	flush();
	close(line);
	while (waitpid(gateway, &status, WNOHANG) == 0) {
		if (measure_now() - begin > STALL_SECONDS)
			fail("the gateway does not end");
		usleep(1000);
	}
	printf("%-18s after %.2f s with status %d\n", "end", measure_now() - begin,
	       WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	return status != 0;
}

int main(int argc, char **argv)
{
	int dashes = 3;
	while (dashes < argc && strcmp(argv[dashes], "--"))
		dashes++;
	if (dashes + 1 >= argc) {
		fputs("usage: load PORT USERS STEP... -- COMMAND...\nsteps:", stderr);
		for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
			fprintf(stderr, " %s", steps[i].name);
		fputs("; arguments behind colons, as in echo:COUNT:OUTSTANDING\n", stderr);
		return 1;
	}
	port = atoi(argv[1]);
	user_count = strtol(argv[2], NULL, 10);
	buddies = getenv("ECHO_BUDDIES") ? strtol(getenv("ECHO_BUDDIES"), NULL, 10) : 1;
	users = calloc((size_t)user_count, sizeof *users);
	if (user_count < 1 || !users)
		fail("so many users cannot be: %s", argv[2]);
	signal(SIGPIPE, SIG_IGN);
	start(argv + dashes + 1);
	for (int i = 3; i < dashes; i++)
		run_step(argv[i]);
	int status = end();
	XML_ParserFree(parser);
	return status;
}
