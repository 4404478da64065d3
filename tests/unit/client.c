/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lib/xmpp/client without any socket: the test is the server. What a real server does is in tests/integration. */
#include <gsasl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/encode.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/xmpp/acks.h"
#include "lib/xmpp/client.h"
#include "tests/unit/test.h"

#define HEADER                                                                                                       \
	"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='1' version='1.0' " \
	"from='b.test'>"
#define SASL "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'"
#define MECHANISMS(list) "<mechanisms " SASL ">" list "</mechanisms>"
#define MECHANISM(name) "<mechanism>" name "</mechanism>"
#define FEATURES(list) HEADER "<stream:features>" list "</stream:features>"
#define STARTTLS "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
#define PROCEED "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
#define BIND "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
#define SM "<sm xmlns='urn:xmpp:sm:3'/>"
#define BOUND                                   \
	"<iq type='result' id='s2-bind'><bind " \
	"xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>al@b.test/x</jid></bind></iq>"
#define ENABLED "<enabled xmlns='urn:xmpp:sm:3' id='some-id' resume='true'/>"

static struct {
	struct client *client;
	struct str out;
	char trace[1024]; /* what was told, in words */
	struct client_failure failure;
	char text[400], condition[64], host[256];
	bool bytewise, defer_key;
	struct sasl_key wanted;
} bench;

static void note(const char *word)
{
	assert_true(strlen(bench.trace) + strlen(word) + 2 < sizeof bench.trace);
	strcat(bench.trace, word);
	strcat(bench.trace, " ");
}

static void on_output(void *arg, const char *bytes, size_t len)
{
	str_add(&bench.out, bytes, len);
}

static void on_start_tls(void *arg)
{
	note("start-tls");
}

static void on_derive(void *arg, const struct sasl_key *wanted)
{
	bench.wanted = *wanted;
	note("derive");
}

static void on_bound(void *arg, bool resumed)
{
	note(resumed ? "resumed" : "bound");
}

static void on_stanza(void *arg, struct arena *arena, const struct element *stanza)
{
	note(arena_printf(arena, "%s:%s", stanza->name, element_get(stanza, "id")));
}

static void on_acked(void *arg, void *token)
{
	char text[32];
	snprintf(text, sizeof text, "+%s", (char *)token);
	note(text);
}

static void on_dropped(void *arg, void *token)
{
	char text[32];
	snprintf(text, sizeof text, "-%s", (char *)token);
	note(text);
}

static void on_failed(void *arg, const struct client_failure *failure)
{
	bench.failure = *failure;
	snprintf(bench.text, sizeof bench.text, "%s", failure->text);
	snprintf(bench.condition, sizeof bench.condition, "%s", failure->condition);
	snprintf(bench.host, sizeof bench.host, "%s", failure->host ? failure->host : "");
	note("failed");
}

static const struct client_events at_once = {
    .output = on_output,
    .start_tls = on_start_tls,
    .bound = on_bound,
    .stanza = on_stanza,
    .acked = on_acked,
    .dropped = on_dropped,
    .failed = on_failed,
};

static void make(struct client_options options)
{
	static struct client_events events;
	events = at_once;
	if (bench.defer_key)
		events.derive = on_derive;
	options.node = "al";
	options.domain = "b.test";
	options.password = "sesame";
	bench.client = client_new(&options, &events, NULL);
}

static int set_up(void **state)
{
	memset(&bench, 0, sizeof bench);
	return 0;
}

static int tear_down(void **state)
{
	client_free(&bench.client);
	str_fini(&bench.out);
	return 0;
}

static void say(const char *xml)
{
	size_t len = strlen(xml);
	for (size_t at = 0; bench.bytewise && at + 1 < len; at++, xml++)
		client_input(bench.client, xml, 1);
	client_input(bench.client, xml, strlen(xml));
}

static void expect_out(const char *part)
{
	if (!strstr(str_text(&bench.out), part))
		fail_msg("not in what was sent: %s\n%s", part, str_text(&bench.out));
	str_clear(&bench.out, 0);
}

static void expect_nothing_out(void)
{
	assert_string_equal(str_text(&bench.out), "");
}

static void expect_trace(const char *trace)
{
	assert_string_equal(bench.trace, trace);
	*bench.trace = '\0';
}

static void send_message(const char *id, const char *token)
{
	struct writer *writer = client_stanza(bench.client, "message");
	xml_attr(writer, "id", id);
	xml_leaf(writer, "body", NULL, "<&");
	assert_true(client_send(bench.client, (void *)token));
}

/* Up to a session with these features. */
static void log_in(const char *features)
{
	char *text = mem_printf(FEATURES("%s"), features);
	client_begin(bench.client, true, NULL);
	say(FEATURES(MECHANISMS(MECHANISM("PLAIN"))));
	say("<success " SASL "/>");
	say(text);
	free(text);
	if (strstr(features, "bind"))
		say(BOUND);
	str_clear(&bench.out, 0);
}

/* ---- Logging in ---- */

static void plain_in_tls(void **state)
{
	for (int i = 0; i < 2; i++) {
		bench.bytewise = i == 1;
		make((struct client_options){.require_tls = true, .resource = "desk"});
		assert_string_equal(client_jid(bench.client), "");
		client_begin(bench.client, false, NULL);
		expect_out("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
		           "version='1.0' to='b.test'>");
		say(FEATURES(STARTTLS MECHANISMS(MECHANISM("PLAIN"))));
		expect_out("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
		/* What comes behind it in the clear counts for nothing. */
		say(PROCEED "<stream:error/>");
		expect_trace("start-tls ");
		client_secured(bench.client, NULL);
		expect_out("to='b.test' from='al@b.test'>");
		say(FEATURES(STARTTLS MECHANISMS(MECHANISM("X-OTHER") MECHANISM("PLAIN"))));
		expect_out("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGFsAHNlc2FtZQ==</auth>");
		say("<success " SASL "/>");
		expect_out("<stream:stream ");
		say(FEATURES(BIND));
		expect_out("<iq type='set' id='s2-bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
		           "<resource>desk</resource></bind></iq>");
		assert_false(client_is_up(bench.client));
		say(BOUND);
		expect_trace("bound ");
		assert_true(client_is_up(bench.client));
		assert_string_equal(client_jid(bench.client), "al@b.test/x");
		assert_string_equal(client_bare_jid(bench.client), "al@b.test");
		assert_false(client_has_acks(bench.client));
		say("<message id='1'/><presence id='2'/>");
		say("<iq id='3' type='get'><x xmlns='y'/></iq>");
		expect_trace("message:1 presence:2 iq:3 ");
		client_end(bench.client);
		expect_out("</stream:stream>");
		client_free(&bench.client);
	}
}

static void an_old_server_wants_a_session(void **state)
{
	make((struct client_options){0});
	client_begin(bench.client, true, NULL);
	say(FEATURES(MECHANISMS(MECHANISM("PLAIN"))));
	say("<success " SASL "/>");
	say(FEATURES(BIND "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>"));
	say(BOUND);
	expect_trace("");
	expect_out("<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>");
	say("<iq type='result' id='s2-session'/>");
	expect_trace("bound ");
}

/* ---- SCRAM, against libgsasl's own server ---- */

static const unsigned char binding[SASL_BINDING_BYTES] = "bytes that only both ends know";
static const unsigned char *server_binding;

static int server_property(Gsasl *gsasl, Gsasl_session *session, Gsasl_property property)
{
	struct str text = {0};
	switch (property) {
	case GSASL_PASSWORD:
		return gsasl_property_set(session, property, "sesame");
	case GSASL_SCRAM_ITER:
		return gsasl_property_set(session, property, "100");
	case GSASL_SCRAM_SALT:
		return gsasl_property_set(session, property, "c2FsdHNhbHQ=");
	case GSASL_CB_TLS_EXPORTER:
		if (!server_binding)
			return GSASL_NO_CALLBACK;
		base64_encode(&text, server_binding, SASL_BINDING_BYTES);
		gsasl_property_set(session, property, text.data);
		str_fini(&text);
		return GSASL_OK;
	default:
		return GSASL_NO_CALLBACK;
	}
}

/* The text of the last element that was sent. */
static char *sent_text(void)
{
	char *start = strrchr(bench.out.data, '<');
	assert_non_null(start);
	*start = '\0';
	char *text = mem_strdup(strrchr(bench.out.data, '>') + 1);
	str_clear(&bench.out, 0);
	return text;
}

/* Returns libgsasl's verdict on the client. */
static int scram_server(const char *mechanism, bool proof_in_success)
{
	Gsasl *gsasl;
	Gsasl_session *session;
	int result;
	assert_int_equal(gsasl_init(&gsasl), GSASL_OK);
	gsasl_callback_set(gsasl, server_property);
	assert_int_equal(gsasl_server_start(gsasl, mechanism, &session), GSASL_OK);
	for (;;) {
		char *answer = NULL, *text = sent_text();
		result = gsasl_step64(session, text, &answer);
		free(text);
		char *xml = NULL;
		if (result == GSASL_NEEDS_MORE || (result == GSASL_OK && !proof_in_success && answer && *answer))
			xml = mem_printf("<challenge " SASL ">%s</challenge>", answer);
		else if (result == GSASL_OK)
			xml = mem_printf("<success " SASL ">%s</success>", answer ? answer : "");
		gsasl_free(answer);
		if (xml) {
			say(xml);
			free(xml);
		}
		if (result == GSASL_OK && !proof_in_success)
			say("<success " SASL "/>");
		if (result != GSASL_NEEDS_MORE)
			break;
	}
	gsasl_finish(session);
	gsasl_done(gsasl);
	return result;
}

#define EXPORTER                                                             \
	"<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding " \
	"type='tls-exporter'/></sasl-channel-binding>"
#define ALL_MECHANISMS                                                                       \
	MECHANISMS(MECHANISM("PLAIN") MECHANISM("SCRAM-SHA-1") MECHANISM("SCRAM-SHA-1-PLUS") \
	               MECHANISM("SCRAM-SHA-256") MECHANISM("SCRAM-SHA-256-PLUS") MECHANISM("DIGEST-MD5"))

static void scram(void **state)
{
	static const struct {
		const char *features, *mechanism;
		bool secure, binding;
	} cases[] = {
	    {FEATURES(ALL_MECHANISMS EXPORTER), "SCRAM-SHA-256-PLUS", true, true},
	    {FEATURES(MECHANISMS(MECHANISM("SCRAM-SHA-1") MECHANISM("SCRAM-SHA-1-PLUS")) EXPORTER), "SCRAM-SHA-1-PLUS",
	     true, true},
	    /* The server can't bind by what we have. */
	    {FEATURES(ALL_MECHANISMS), "SCRAM-SHA-256", true, true},
	    {FEATURES(ALL_MECHANISMS EXPORTER), "SCRAM-SHA-256", true, false},
	    {FEATURES(MECHANISMS(MECHANISM("SCRAM-SHA-1"))), "SCRAM-SHA-1", true, false},
	    /* Without TLS no password is shown. */
	    {FEATURES(MECHANISMS(MECHANISM("PLAIN") MECHANISM("SCRAM-SHA-1"))), "SCRAM-SHA-1", false, false},
	};
	for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
		size_t at = i / 2;
		char *want = mem_printf("mechanism='%s'>", cases[at].mechanism);
		make((struct client_options){0});
		client_begin(bench.client, cases[at].secure, cases[at].binding ? binding : NULL);
		say(cases[at].features);
		assert_non_null(strstr(bench.out.data, want));
		free(want);
		server_binding = cases[at].binding ? binding : NULL;
		assert_int_equal(scram_server(cases[at].mechanism, i % 2), GSASL_OK);
		expect_trace("");
		expect_out("<stream:stream ");
		client_free(&bench.client);
	}
}

static void a_wrong_binding_is_refused(void **state)
{
	static const unsigned char other[SASL_BINDING_BYTES] = "of another connection";
	make((struct client_options){0});
	client_begin(bench.client, true, binding);
	say(FEATURES(ALL_MECHANISMS EXPORTER));
	server_binding = other;
	assert_int_equal(scram_server("SCRAM-SHA-256-PLUS", true), GSASL_AUTHENTICATION_ERROR);
}

static void the_key_may_come_later_and_is_kept(void **state)
{
	bench.defer_key = true;
	make((struct client_options){0});
	client_begin(bench.client, true, NULL);
	say(FEATURES(MECHANISMS(MECHANISM("SCRAM-SHA-1"))));
	char *text = sent_text(), *nonce, *challenge;
	struct str first = {0}, encoded = {0};
	assert_true(base64_decode(&first, text, strlen(text)));
	free(text);
	nonce = strstr(first.data, "r=");
	challenge = mem_printf("%sXY,s=c2FsdA==,i=64", nonce);
	base64_encode(&encoded, challenge, strlen(challenge));
	text = mem_printf("<challenge " SASL ">%s</challenge>", encoded.data);
	say(text);
	expect_trace("derive ");
	assert_int_equal(bench.wanted.iterations, 64);
	expect_nothing_out();
	struct sasl_key other = bench.wanted;
	other.iterations = 63;
	client_derived(bench.client, &other);
	expect_nothing_out();
	sasl_derive(&bench.wanted, "sesame");
	client_derived(bench.client, &bench.wanted);
	expect_out("<response ");
	/* A server that does not know the password itself. */
	say("<success " SASL ">dj1BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE9</success>");
	expect_trace("failed ");
	assert_int_equal(bench.failure.error, S2_ERROR_AUTHENTICATION_FAILED);
	free(text);
	free(challenge);
	str_fini(&first);
	str_fini(&encoded);
	/* The connection goes while the key is being made. */
	client_lost(bench.client);
	client_derived(bench.client, &bench.wanted);
}

/* ---- Both steps in one ---- */

#define SASL2_FEATURES                                                                                \
	FEATURES("<authentication xmlns='urn:xmpp:sasl:2'><mechanism>PLAIN</mechanism><inline><bind " \
	         "xmlns='urn:xmpp:bind:0'>"                                                           \
	         "<inline><feature var='urn:xmpp:sm:3'/></inline></bind><sm "                         \
	         "xmlns='urn:xmpp:sm:3'/></inline></authentication>" MECHANISMS(MECHANISM("PLAIN")))
#define LATER "<stream:features>" BIND "<csi xmlns='urn:xmpp:csi:0'/></stream:features>"
#define BOUND2                                                                                                     \
	"<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>al@b.test/y</authorization-identifier><bound " \
	"xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' id='some-id' resume='1'/></bound></success>"

static void log_in_at_once(void)
{
	make((struct client_options){
	    .require_tls = true, .resource = "desk", .agent = "00000000-0000-8000-8000-000000000000"});
	client_begin(bench.client, true, NULL);
	str_clear(&bench.out, 0);
	say(SASL2_FEATURES);
	assert_string_equal(
	    str_text(&bench.out),
	    "<authenticate xmlns='urn:xmpp:sasl:2' "
	    "mechanism='PLAIN'><initial-response>AGFsAHNlc2FtZQ==</initial-response>"
	    "<user-agent id='00000000-0000-8000-8000-000000000000'><software>spectrum2</software></user-agent><bind "
	    "xmlns='urn:xmpp:bind:0'><tag>spectrum2</tag><enable xmlns='urn:xmpp:sm:3' "
	    "resume='true'/></bind></authenticate>");
	str_clear(&bench.out, 0);
	say(BOUND2 LATER);
	expect_nothing_out();
	expect_trace("bound ");
	assert_string_equal(client_jid(bench.client), "al@b.test/y");
	assert_true(client_has_acks(bench.client) && client_offers(bench.client, CLIENT_CSI));
}

static void one_step_is_enough(void **state)
{
	log_in_at_once();
	say("<message id='1'/>");
	send_message("m1", "one");
	send_message("m2", "two");
	client_lost(bench.client);
	expect_trace("message:1 ");
	client_begin(bench.client, true, NULL);
	say(SASL2_FEATURES);
	expect_out("<resume xmlns='urn:xmpp:sm:3' h='1' previd='some-id'/><bind ");
	say("<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>al@b.test</authorization-identifier><resumed "
	    "xmlns='urn:xmpp:sm:3' h='1' previd='some-id'/></success>" LATER "<message id='2'/>");
	expect_trace("+one resumed message:2 ");
	expect_out("<message id='m2'>");
}

static void nobody_resumes_what_was_not_there(void **state)
{
	make((struct client_options){.agent = "x"});
	client_begin(bench.client, true, NULL);
	say(SASL2_FEATURES
	    "<success xmlns='urn:xmpp:sasl:2'><resumed xmlns='urn:xmpp:sm:3' h='0' previd='i'/></success>");
	expect_trace("failed ");
}

static void one_step_may_not_be_enough(void **state)
{
	log_in_at_once();
	send_message("m1", "one");
	client_lost(bench.client);
	client_begin(bench.client, true, NULL);
	say(SASL2_FEATURES);
	/* The session is gone, and a new one was made. */
	say("<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>al@b.test/z</authorization-identifier><failed "
	    "xmlns='urn:xmpp:sm:3'/><bound xmlns='urn:xmpp:bind:0'/></success>");
	expect_trace("");
	say(LATER);
	expect_trace("-one bound ");
	assert_false(client_has_acks(bench.client));
	client_lost(bench.client);
	/* Nothing was made: in the old way. */
	client_begin(bench.client, true, NULL);
	say(SASL2_FEATURES "<success xmlns='urn:xmpp:sasl:2'/>" LATER);
	expect_out("<iq type='set' id='s2-bind'>");
	say(BOUND);
	expect_trace("bound ");
	client_lost(bench.client);
	client_begin(bench.client, true, NULL);
	say(SASL2_FEATURES "<failure xmlns='urn:xmpp:sasl:2'><not-authorized " SASL "/></failure>");
	expect_trace("failed ");
	assert_int_equal(bench.failure.error, S2_ERROR_AUTHENTICATION_FAILED);
}

/* ---- Failing ---- */

#define STREAM_ERROR(name)                                                            \
	"<stream:error><" name " xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text " \
	"xmlns='urn:ietf:params:xml:ns:xmpp-streams'>so it is</text></stream:error>"
#define SASL_FAILURE(name) "<failure " SASL "><" name "/></failure>"
#define PLAIN_FEATURES FEATURES(MECHANISMS(MECHANISM("PLAIN")))

static void failures_are_told_in_words(void **state)
{
	static const struct {
		const char *input;
		enum client_class what;
		enum s2_connection_error error;
		const char *text;
	} cases[] = {
	    {PLAIN_FEATURES SASL_FAILURE("not-authorized"), CLIENT_FATAL, S2_ERROR_AUTHENTICATION_FAILED,
	     "password is wrong"},
	    {PLAIN_FEATURES SASL_FAILURE("account-disabled"), CLIENT_FATAL, S2_ERROR_AUTHENTICATION_FAILED, "disabled"},
	    {PLAIN_FEATURES SASL_FAILURE("credentials-expired"), CLIENT_FATAL, S2_ERROR_AUTHENTICATION_FAILED,
	     "expired"},
	    {PLAIN_FEATURES SASL_FAILURE("temporary-auth-failure"), CLIENT_RETRY, S2_ERROR_NETWORK, "at the moment"},
	    {PLAIN_FEATURES SASL_FAILURE("x-strange"), CLIENT_FATAL, S2_ERROR_AUTHENTICATION_FAILED, "x-strange"},
	    {PLAIN_FEATURES "<failure " SASL "/>", CLIENT_FATAL, S2_ERROR_AUTHENTICATION_FAILED, "refused"},
	    {PLAIN_FEATURES "<success " SASL ">c3VycHJpc2U=</success>", CLIENT_FATAL, S2_ERROR_AUTHENTICATION_FAILED,
	     "prove"},
	    {PLAIN_FEATURES "<message/>", CLIENT_RETRY, S2_ERROR_NETWORK, "no place"},
	    {HEADER STREAM_ERROR("host-unknown"), CLIENT_FATAL, S2_ERROR_INVALID_USERNAME,
	     "does not know the domain b.test"},
	    {HEADER STREAM_ERROR("conflict"), CLIENT_FATAL, S2_ERROR_NAME_IN_USE, "Another client"},
	    {HEADER STREAM_ERROR("connection-timeout"), CLIENT_RETRY, S2_ERROR_NETWORK, "so it is"},
	    {HEADER STREAM_ERROR("policy-violation"), CLIENT_RETRY, S2_ERROR_NETWORK, "rules"},
	    {HEADER STREAM_ERROR("system-shutdown"), CLIENT_RETRY, S2_ERROR_NETWORK, "shut down"},
	    {HEADER STREAM_ERROR("x-strange"), CLIENT_RETRY, S2_ERROR_NETWORK, "x-strange"},
	    {HEADER "<stream:error/>", CLIENT_RETRY, S2_ERROR_NETWORK, "undefined-condition"},
	    {HEADER STREAM_ERROR("see-other-host"), CLIENT_FATAL, S2_ERROR_OTHER, "does not say to which"},
	    {HEADER "</stream:stream>", CLIENT_RETRY, S2_ERROR_NETWORK, "ended"},
	    {FEATURES(MECHANISMS(MECHANISM("DIGEST-MD5") MECHANISM("ANONYMOUS"))), CLIENT_FATAL,
	     S2_ERROR_AUTHENTICATION_IMPOSSIBLE, "no way of logging in"},
	    {FEATURES(""), CLIENT_FATAL, S2_ERROR_AUTHENTICATION_IMPOSSIBLE, "no way of logging in"},
	    {"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='1'>",
	     CLIENT_FATAL, S2_ERROR_OTHER, "before 2004"},
	    {"<html><body>", CLIENT_RETRY, S2_ERROR_NETWORK, "no XMPP server"},
	    {"220 mail.b.test ESMTP\r\n", CLIENT_RETRY, S2_ERROR_NETWORK, "no XML"},
	    {HEADER "<!-- hello -->", CLIENT_RETRY, S2_ERROR_NETWORK, "no place in XMPP"},
	};
	for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
		size_t at = i / 2;
		bench.bytewise = i % 2;
		make((struct client_options){0});
		client_begin(bench.client, true, NULL);
		say(cases[at].input);
		expect_trace("failed ");
		assert_int_equal(bench.failure.what, cases[at].what);
		assert_int_equal(bench.failure.error, cases[at].error);
		if (!strstr(bench.text, cases[at].text))
			fail_msg("case %zu: \"%s\" is not in \"%s\"", at, cases[at].text, bench.text);
		say("<more/>");
		expect_trace("");
		client_free(&bench.client);
	}
}

static void no_password_without_tls(void **state)
{
	static const struct {
		const char *features;
		bool require;
		enum s2_connection_error error;
	} cases[] = {
	    {FEATURES(MECHANISMS(MECHANISM("PLAIN") MECHANISM("SCRAM-SHA-1"))), true, S2_ERROR_NO_SSL_SUPPORT},
	    {FEATURES(MECHANISMS(MECHANISM("PLAIN"))), false, S2_ERROR_AUTHENTICATION_IMPOSSIBLE},
	    {FEATURES(STARTTLS) "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", false, S2_ERROR_ENCRYPTION},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		make((struct client_options){.require_tls = cases[i].require});
		client_begin(bench.client, false, NULL);
		say(cases[i].features);
		expect_trace("failed ");
		assert_int_equal(bench.failure.error, cases[i].error);
		assert_null(strstr(bench.out.data, "<auth"));
		client_free(&bench.client);
	}
}

static void redirections(void **state)
{
	static const struct {
		const char *text, *host;
		uint16_t port;
	} cases[] = {
	    {"other.b.test", "other.b.test", 5222},
	    {"other.b.test:5299", "other.b.test", 5299},
	    {"[2001:db8::1]:5333", "2001:db8::1", 5333},
	    {"[2001:db8::1]", "2001:db8::1", 5222},
	    {"2001:db8::1", "2001:db8::1", 5222},
	    {"other.b.test:0", NULL, 0},
	    {"a b", NULL, 0},
	    {"", NULL, 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *xml =
		    mem_printf(HEADER "<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>"
		                      "%s</see-other-host></stream:error>",
		               cases[i].text);
		make((struct client_options){0});
		client_begin(bench.client, true, NULL);
		say(xml);
		free(xml);
		expect_trace("failed ");
		assert_int_equal(bench.failure.what, cases[i].host ? CLIENT_REDIRECT : CLIENT_FATAL);
		if (cases[i].host) {
			assert_string_equal(bench.host, cases[i].host);
			assert_int_equal(bench.failure.port, cases[i].port);
		}
		client_free(&bench.client);
	}
}

static void a_redirection_loop_ends(void **state)
{
	int redirected = 0;
	make((struct client_options){0});
	do {
		client_lost(bench.client);
		client_begin(bench.client, true, NULL);
		say(HEADER "<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>"
		           "other.b.test</see-other-host></stream:error>");
		assert_true(++redirected < 20);
	} while (bench.failure.what == CLIENT_REDIRECT);
	assert_int_equal(bench.failure.what, CLIENT_FATAL);
	assert_non_null(strstr(bench.text, "without end"));
}

static void binding_may_be_refused(void **state)
{
	make((struct client_options){0});
	client_begin(bench.client, true, NULL);
	say(PLAIN_FEATURES "<success " SASL "/>");
	say(FEATURES(BIND));
	say("<iq type='error' id='s2-bind'><error type='cancel'><conflict "
	    "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
	expect_trace("failed ");
	assert_int_equal(bench.failure.error, S2_ERROR_NAME_IN_USE);
}

static void too_much_before_the_log_in(void **state)
{
	make((struct client_options){0});
	client_begin(bench.client, true, NULL);
	say(HEADER "<stream:features><x>");
	char *piece = mem_printf("%01000d", 0);
	for (int i = 0; i < 200 && client_jid(bench.client); i++)
		say(piece);
	free(piece);
	expect_trace("failed ");
	assert_non_null(strstr(bench.text, "more in one piece"));
}

/* ---- Acknowledgements ---- */

static void stanzas_are_acknowledged(void **state)
{
	make((struct client_options){0});
	log_in(BIND SM);
	expect_trace("");
	say(ENABLED);
	expect_trace("bound ");
	assert_true(client_has_acks(bench.client));
	send_message("m1", "one");
	expect_out("<message id='m1'><body>&lt;&amp;</body></message>");
	send_message("m2", NULL);
	send_message("m3", "three");
	str_clear(&bench.out, 0);
	client_flush(bench.client);
	client_flush(bench.client);
	assert_true(client_is_asking(bench.client));
	assert_string_equal(str_text(&bench.out), "<r xmlns='urn:xmpp:sm:3'/>");
	str_clear(&bench.out, 0);
	say("<a xmlns='urn:xmpp:sm:3' h='2'/>");
	expect_trace("+one ");
	assert_false(client_is_asking(bench.client));
	client_flush(bench.client);
	expect_out("<r ");
	say("<a xmlns='urn:xmpp:sm:3' h='3'/>");
	expect_trace("+three ");
	client_flush(bench.client);
	expect_nothing_out();
	/* The other way round. */
	say("<message id='1'/><presence id='2'/><r xmlns='urn:xmpp:sm:3'/>");
	expect_out("<a xmlns='urn:xmpp:sm:3' h='2'/>");
	*bench.trace = '\0';
	say("<a xmlns='urn:xmpp:sm:3' h='4'/>");
	expect_trace("failed ");
}

/* What is said while a question is under way must not wait for the next word or the keep-alive. */
static void what_was_sent_behind_a_question_is_asked_for(void **state)
{
	make((struct client_options){0});
	log_in(BIND SM);
	say(ENABLED);
	send_message("m1", "one");
	client_flush(bench.client);
	send_message("m2", "two");
	client_flush(bench.client);
	str_clear(&bench.out, 0);
	say("<a xmlns='urn:xmpp:sm:3' h='1'/>");
	expect_trace("bound +one ");
	assert_string_equal(str_text(&bench.out), "<r xmlns='urn:xmpp:sm:3'/>");
	str_clear(&bench.out, 0);
	/* A server that is behind is not asked on and on. */
	say("<a xmlns='urn:xmpp:sm:3' h='1'/>");
	expect_nothing_out();
	client_flush(bench.client);
	expect_out("<r ");
	say("<a xmlns='urn:xmpp:sm:3' h='2'/>");
	expect_trace("+two ");
	expect_nothing_out();
}

static void a_session_is_resumed(void **state)
{
	make((struct client_options){0});
	log_in(BIND SM);
	say(ENABLED "<message id='1'/>");
	send_message("m1", "one");
	send_message("m2", "two");
	client_lost(bench.client);
	expect_trace("bound message:1 ");
	assert_false(client_is_up(bench.client));
	struct writer *writer = client_stanza(bench.client, "message");
	xml_attr(writer, "id", "early");
	assert_false(client_send(bench.client, "early"));
	client_begin(bench.client, true, NULL);
	say(PLAIN_FEATURES "<success " SASL "/>");
	say(FEATURES(BIND SM));
	expect_out("<resume xmlns='urn:xmpp:sm:3' h='1' previd='some-id'/>");
	say("<resumed xmlns='urn:xmpp:sm:3' h='1' previd='some-id'/><message id='2'/>");
	expect_trace("+one resumed message:2 ");
	assert_string_equal(str_text(&bench.out),
	                    "<message id='m2'><body>&lt;&amp;</body></message><r xmlns='urn:xmpp:sm:3'/>");
	say("<a xmlns='urn:xmpp:sm:3' h='2'/>");
	expect_trace("+two ");
}

static void a_session_that_is_gone_begins_anew(void **state)
{
	make((struct client_options){0});
	log_in(BIND SM);
	say(ENABLED);
	send_message("m1", "one");
	send_message("m2", "two");
	client_lost(bench.client);
	client_begin(bench.client, true, NULL);
	say(PLAIN_FEATURES "<success " SASL "/>");
	say(FEATURES(BIND SM));
	say("<failed xmlns='urn:xmpp:sm:3' h='1'><item-not-found "
	    "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>");
	expect_trace("bound +one ");
	say(BOUND ENABLED);
	expect_trace("-two bound ");
	send_message("m3", "three");
	say("<a xmlns='urn:xmpp:sm:3' h='1'/>");
	expect_trace("+three ");
}

static void without_resumption_all_is_in_doubt(void **state)
{
	make((struct client_options){0});
	log_in(BIND SM);
	say("<enabled xmlns='urn:xmpp:sm:3'/>");
	send_message("m1", "one");
	client_lost(bench.client);
	expect_trace("bound -one ");
	/* The server can't enable it. */
	log_in(BIND SM);
	say("<failed xmlns='urn:xmpp:sm:3'/>");
	expect_trace("bound ");
	assert_false(client_has_acks(bench.client));
	send_message("m2", "two");
	client_free(&bench.client);
	expect_trace("-two ");
}

/* What the server cut us off for is not said once more. */
static void a_stanza_that_ends_streams_is_not_repeated(void **state)
{
	make((struct client_options){0});
	log_in(BIND SM);
	say(ENABLED);
	send_message("m1", "one");
	say(STREAM_ERROR("not-well-formed"));
	expect_trace("bound failed ");
	client_lost(bench.client);
	expect_trace("-one ");
}

static void pings_stand_in_for_acknowledgements(void **state)
{
	make((struct client_options){0});
	log_in(BIND);
	send_message("m1", "one");
	send_message("m2", NULL);
	send_message("m3", "three");
	str_clear(&bench.out, 0);
	client_flush(bench.client);
	assert_string_equal(str_text(&bench.out), "<iq type='get' id='s2-ask-1'><ping xmlns='urn:xmpp:ping'/></iq>");
	send_message("m4", "four");
	say("<iq type='result' id='s2-ask-7'/><iq type='set' id='s2-ask-1'/>");
	expect_trace("bound iq:s2-ask-1 ");
	say("<iq type='error' id='s2-ask-1'/>");
	expect_trace("+one +three ");
	expect_out("s2-ask-2");
	say("<iq type='result' id='s2-ask-2'/>");
	expect_trace("+four ");
	client_flush(bench.client);
	expect_nothing_out();
	client_ask(bench.client);
	expect_out("s2-ask-3");
}

static void the_queue_is_bounded(void **state)
{
	make((struct client_options){.queue_bytes = 200});
	log_in(BIND SM);
	say(ENABLED);
	unsigned sent = 0;
	for (bool more = true; more; sent++) {
		struct writer *writer = client_stanza(bench.client, "message");
		xml_leaf(writer, "body", NULL, "words");
		more = client_send(bench.client, NULL);
	}
	assert_int_equal(sent - 1, 200 / strlen("<message><body>words</body></message>"));
	say("<a xmlns='urn:xmpp:sm:3' h='5'/>");
	send_message("m", NULL);
}

static void queues_do_not_lose_their_place(void **state)
{
	struct acks acks = {.acknowledged = UINT32_MAX - 500};
	uint32_t sent = acks.acknowledged, taken = sent;
	char text[16];
	size_t len;
	for (int round = 0; round < 1000; round++) {
		for (int i = 0; i < round % 7; i++) {
			snprintf(text, sizeof text, "%u,", (unsigned)++sent);
			acks_add(&acks, text, strlen(text), NULL);
		}
		taken += sent == taken ? 0 : (uint32_t)round % (sent - taken + 1);
		assert_true(acks_take(&acks, taken, on_acked, NULL));
		assert_false(acks_take(&acks, sent + 1, on_acked, NULL));
		const char *rest = acks_again(&acks, &len);
		assert_int_equal(acks.count, sent - taken);
		if (len)
			assert_int_equal(strtoul(rest, NULL, 10), taken + 1);
	}
	acks_fini(&acks);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(plain_in_tls),
	    TEST(an_old_server_wants_a_session),
	    TEST(scram),
	    TEST(a_wrong_binding_is_refused),
	    TEST(the_key_may_come_later_and_is_kept),
	    TEST(one_step_is_enough),
	    TEST(one_step_may_not_be_enough),
	    TEST(nobody_resumes_what_was_not_there),
	    TEST(failures_are_told_in_words),
	    TEST(no_password_without_tls),
	    TEST(redirections),
	    TEST(a_redirection_loop_ends),
	    TEST(binding_may_be_refused),
	    TEST(too_much_before_the_log_in),
	    TEST(stanzas_are_acknowledged),
	    TEST(what_was_sent_behind_a_question_is_asked_for),
	    TEST(a_session_is_resumed),
	    TEST(a_session_that_is_gone_begins_anew),
	    TEST(without_resumption_all_is_in_doubt),
	    TEST(a_stanza_that_ends_streams_is_not_repeated),
	    TEST(pings_stand_in_for_acknowledgements),
	    TEST(the_queue_is_bounded),
	    TEST(queues_do_not_lose_their_place),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
