/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lib/xmpp/login on the loopback, against a server that plays few lines; and SRV records, as dnsmasq serves them. Real
 * XMPP servers are in tests/integration. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/io/conn.h"
#include "lib/io/listener.h"
#include "lib/io/process.h"
#include "lib/io/resolve.h"
#include "lib/xmpp/login.h"
#include "tests/unit/test.h"

enum { LIMIT_MS = 20000 };

static struct loop *loop;
static struct timer *limit;
static struct listener *listener;
static uint16_t dns_port;
static struct process *dns;

/* What the server says, one piece for each piece that comes. */
static struct server {
	struct conn *conn;
	const char *const *lines;
	size_t at, accepted;
} server;

static struct {
	struct login *login;
	bool done, good;
	struct client_failure failure;
	char text[400];
} outcome;

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

static void server_input(void *arg, const char *bytes, size_t len)
{
	const char *line = server.lines[server.at];
	if (!line)
		return;
	server.at++;
	conn_write(server.conn, line, strlen(line));
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
}

static int set_up(void **state)
{
	loop = loop_new();
	limit = timer_new(loop, took_too_long, NULL);
	memset(&server, 0, sizeof server);
	memset(&outcome, 0, sizeof outcome);
	listener = listener_new(loop, "127.0.0.1", 0, server_accepted, NULL);
	return 0;
}

static int tear_down(void **state)
{
	login_free(&outcome.login);
	conn_free(&server.conn);
	listener_free(&listener);
	timer_free(&limit);
	loop_free(&loop);
	return 0;
}

static void done(void *arg, const struct client_failure *failure)
{
	assert_false(outcome.done);
	outcome.done = true;
	outcome.good = !failure;
	if (failure) {
		outcome.failure = *failure;
		snprintf(outcome.text, sizeof outcome.text, "%s", failure->text);
	}
	login_free(&outcome.login);
	loop_stop(loop);
}

static void check(struct login_options options)
{
	if (!options.jid)
		options.jid = "al@localhost";
	options.password = "sesame";
	outcome.done = false;
	outcome.login = login_new(loop, &options, done, NULL);
	assert_false(outcome.done);
	run();
	assert_true(outcome.done);
}

static void check_here(struct login_options options)
{
	options.host = "127.0.0.1";
	options.port = listener_port(listener);
	check(options);
}

#define HEADER "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"

static void an_address_must_be_one(void **state)
{
	static const char *const jids[] = {"", "localhost", "@", "a b@localhost", "al@"};
	for (size_t i = 0; i < sizeof jids / sizeof *jids; i++) {
		check_here((struct login_options){.jid = jids[i]});
		assert_int_equal(outcome.failure.error, S2_ERROR_INVALID_USERNAME);
	}
	assert_int_equal(server.accepted, 0);
}

static void no_tls_no_password(void **state)
{
	static const char *const lines[] = {HEADER
	                                    "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>"
	                                    "<mechanism>PLAIN</mechanism></mechanisms></stream:features>",
	                                    NULL};
	server.lines = lines;
	check_here((struct login_options){0});
	assert_int_equal(outcome.failure.error, S2_ERROR_NO_SSL_SUPPORT);
	server.at = 0;
	check_here((struct login_options){.without_tls = true});
	assert_int_equal(outcome.failure.error, S2_ERROR_AUTHENTICATION_IMPOSSIBLE);
}

static void a_server_that_is_not_there_or_says_nothing(void **state)
{
	static const char *const lines[] = {NULL};
	server.lines = lines;
	check_here((struct login_options){.timeout_ms = 200});
	assert_int_equal(outcome.failure.error, S2_ERROR_NETWORK);
	assert_string_equal(outcome.text, "localhost did not answer in time.");
	uint16_t port = listener_port(listener);
	listener_free(&listener);
	check((struct login_options){.host = "127.0.0.1", .port = port});
	assert_int_equal(outcome.failure.error, S2_ERROR_NETWORK);
	assert_string_equal(outcome.text,
	                    "The connection to localhost failed: cannot connect to 127.0.0.1: Connection refused.");
}

static void it_follows_to_another_host_but_not_for_ever(void **state)
{
	char text[400];
	const char *lines[] = {text, text, text, text, text, text, text, text, text, NULL};
	snprintf(text, sizeof text,
	         HEADER "<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>127.0.0.1:%u"
	                "</see-other-host></stream:error>",
	         listener_port(listener));
	server.lines = lines;
	check_here((struct login_options){0});
	assert_int_equal(outcome.failure.error, S2_ERROR_OTHER);
	assert_int_equal(server.accepted, 6);
}

static void it_may_be_cancelled_at_any_time(void **state)
{
	static const char *const lines[] = {NULL};
	struct login_options options = {
	    .jid = "al@localhost", .password = "x", .host = "127.0.0.1", .port = listener_port(listener)};
	server.lines = lines;
	outcome.login = login_new(loop, &options, done, NULL);
	login_free(&outcome.login);
	options.jid = "";
	outcome.login = login_new(loop, &options, done, NULL);
	login_free(&outcome.login);
	options = (struct login_options){.jid = "al@nowhere.test", .password = "x"};
	outcome.login = login_new(loop, &options, done, NULL);
	login_free(&outcome.login);
	assert_false(outcome.done);
}

/* ---- SRV ---- */

static void dns_ended(void *arg, int status, int number)
{
	process_free(&dns);
}

static uint16_t free_udp_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	close(fd);
	return ntohs(address.sin_port);
}

static struct srv_query *query;
static struct {
	char hosts[256]; /* "host:port[!] ..." in order; ! = TLS */
	bool refused;
} found;

static void srv_found(void *arg, const struct srv_target *targets, size_t count, bool refused)
{
	*found.hosts = '\0';
	for (size_t i = 0; i < count; i++)
		snprintf(found.hosts + strlen(found.hosts), sizeof found.hosts - strlen(found.hosts), "%s:%u%s ",
		         targets[i].host, targets[i].port, targets[i].tls ? "!" : "");
	found.refused = refused;
	srv_query_free(&query);
	loop_stop(loop);
}

static void ask(const char *domain)
{
	query = srv_query_new(loop, domain, "_xmpp-client._tcp", "_xmpps-client._tcp", srv_found, NULL);
	run();
}

static void try_again(void *arg)
{
	loop_stop(loop);
}

/* dnsmasq with records for a.test (three hosts, one of them by direct TLS), none.test (no service), and b.test, whose
 * first host is not there. */
static void start_dns(void)
{
	static char servers[32];
	uint16_t gone = free_udp_port(); /* nobody listens on the same port of TCP either */
	dns_port = free_udp_port();
	char *script = mem_printf(
	    "PATH=$PATH:/usr/sbin exec dnsmasq -k -h -R -u '' -C /dev/null --pid-file= --listen-address=127.0.0.1 "
	    "--bind-interfaces -p %u --srv-host=_xmpp-client._tcp.a.test,x1.a.test,5001,10 "
	    "--srv-host=_xmpps-client._tcp.a.test,x2.a.test,5002,5 "
	    "--srv-host=_xmpp-client._tcp.a.test,x3.a.test,5003,20 "
	    "--srv-host=_xmpp-client._tcp.none.test,.,0,0 --srv-host=_xmpp-client._tcp.b.test,h.b.test,%u,1 "
	    "--srv-host=_xmpp-client._tcp.b.test,h.b.test,%u,2 --address=/h.b.test/127.0.0.1 "
	    "--address=/c.test/127.0.0.1 "
	    "--local=/test/ 2>/dev/null",
	    dns_port, gone, listener_port(listener));
	char *const argv[] = {"/bin/sh", "-c", script, NULL};
	dns = process_spawn(loop, argv, NULL, -1, dns_ended, NULL);
	free(script);
	snprintf(servers, sizeof servers, "127.0.0.1:%u", dns_port);
	resolver_use(servers);
	/* It is there when it knows the first record. */
	struct timer *timer = timer_new(loop, try_again, NULL);
	for (ask("a.test"); dns && !*found.hosts; ask("a.test")) {
		timer_start(timer, 20, 0);
		run();
	}
	timer_free(&timer);
}

static void stop_dns(void)
{
	if (dns)
		process_kill(dns, SIGTERM);
	struct timer *timer = timer_new(loop, try_again, NULL);
	while (dns) {
		timer_start(timer, 5, 0);
		run();
	}
	timer_free(&timer);
	resolver_use(NULL);
}

static void services_are_found_by_dns(void **state)
{
	static const char *const lines[] = {NULL};
	start_dns();
	if (!dns) {
		stop_dns();
		skip(); /* there is no dnsmasq on this machine */
	}
	ask("a.test");
	assert_string_equal(found.hosts, "x2.a.test:5002! x1.a.test:5001 x3.a.test:5003 ");
	ask("c.test");
	assert_true(!*found.hosts && !found.refused);
	ask("none.test");
	assert_true(!*found.hosts && found.refused);
	check((struct login_options){.jid = "al@none.test"});
	assert_string_equal(outcome.text,
	                    "The connection to none.test failed: none.test says that it has no such service.");
	check((struct login_options){.jid = "al@nowhere.test"});
	assert_non_null(strstr(outcome.text, "cannot find nowhere.test"));
	/* The first host of b.test refuses, the second one answers. */
	server.lines = lines;
	check((struct login_options){.jid = "al@b.test", .timeout_ms = 300});
	assert_string_equal(outcome.text, "b.test did not answer in time.");
	assert_int_equal(server.accepted, 1);
	stop_dns();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(an_address_must_be_one),
	    TEST(no_tls_no_password),
	    TEST(a_server_that_is_not_there_or_says_nothing),
	    TEST(it_follows_to_another_host_but_not_for_ever),
	    TEST(it_may_be_cancelled_at_any_time),
	    TEST(services_are_found_by_dns),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
