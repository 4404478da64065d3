/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The client's stream as a state machine: each stage knows the few elements that may come in it, everything else ends
 * the stream. */
#include "lib/xmpp/client.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/encode.h"
#include "lib/base/random.h"
#include "lib/xmpp/acks.h"
#include "lib/xmpp/client_failure.h"
#include "lib/xmpp/jid.h"
#include "lib/xmpp/ns.h"
#include "lib/xmpp/parser.h"
#include "lib/xmpp/stanza.h"

#define LOGIN_BYTES (64u << 10) /* of one element before the log-in is done */
#define STANZA_BYTES (1u << 20)
#define STANZA_NODES 32768
#define QUEUE_BYTES (512u << 10)
#define SASL_BYTES (16u << 10)
#define MOST_ROUNDS 16 /* challenges of one log-in */
#define MOST_REDIRECTS 5
#define ASK_ID "s2-ask-"
#define BIND_ID "s2-bind"
#define SESSION_ID "s2-session"

enum stage {
	STAGE_IDLE, /* no connection */
	STAGE_FEATURES,
	STAGE_STARTTLS, /* waits for <proceed/> */
	STAGE_HANDSHAKE,
	STAGE_SASL,
	STAGE_DERIVING,
	STAGE_AGAIN, /* logged in, waits for the features of the new stream */
	STAGE_RESUMING,
	STAGE_BINDING,
	STAGE_SESSION,  /* RFC 3921 */
	STAGE_ENABLING, /* stream management */
	STAGE_UP,
	STAGE_FAILED,
};

struct client {
	const struct client_events *events;
	void *arg;
	struct client_options options; /* texts are owned */
	struct parser *parser;
	enum stage stage;
	bool secure, has_binding;
	unsigned char binding[SASL_BINDING_BYTES];
	struct sasl *sasl;
	const char *mechanism;
	struct sasl_key key; /* of the last log-in with SCRAM */
	unsigned rounds, redirects;
	bool authenticated, wants_session, has_sm;
	bool sm;      /* stanzas are counted, by both */
	char *resume; /* the session's name; NULL if it can't be resumed */
	char *jid;    /* own, full; NULL before the first log-in */
	char *bare_jid;
	unsigned features; /* client_feature */
	uint32_t received; /* stanzas since stream management began */
	struct acks acks;
	bool asking;
	uint32_t asked, pings;
	uint32_t added; /* stanzas that went into `acks`, modulo 2^32 */
};

/* The stanza that is being written: one in the process. */
static struct {
	struct client *client;
	struct writer writer;
	struct str bytes;
} pen;

static void output(struct client *client, const char *text)
{
	client->events->output(client->arg, text, strlen(text));
}

/* ---- Failing ---- */

static void fail(struct client *client, const struct client_failure *failure)
{
	if (client->stage == STAGE_FAILED || client->stage == STAGE_IDLE)
		return;
	client->stage = STAGE_FAILED;
	parser_stop(client->parser);
	sasl_free(&client->sasl);
	if (failure_is_ours(failure))
		mem_replace(&client->resume, NULL);
	output(client, "</stream:stream>");
	if (client->events->failed)
		client->events->failed(client->arg, failure);
}

/* `format` has a place for the domain. */
static void fail_with(struct client *client, enum client_class what, enum s2_connection_error error,
                      const char *condition, const char *format)
{
	char *text = mem_printf(format, client->options.domain);
	struct client_failure failure = {.what = what, .error = error, .condition = condition, .text = text};
	fail(client, &failure);
	free(text);
}

static void fail_strange(struct client *client)
{
	fail_with(client, CLIENT_RETRY, S2_ERROR_NETWORK, "", "%s sent something that has no place in a log-in.");
}

/* ---- Stream and TLS ---- */

static void send_header(struct client *client)
{
	struct writer writer;
	struct str bytes = {0};
	writer_init(&writer, &bytes, NULL);
	str_adds(&bytes, "<?xml version='1.0'?>");
	xml_open(&writer, "stream:stream", NULL);
	xml_attr(&writer, "xmlns", NS_CLIENT);
	xml_attr(&writer, "xmlns:stream", NS_STREAMS);
	xml_attr(&writer, "version", "1.0");
	xml_attr(&writer, "to", client->options.domain);
	/* Who we are is nobody's business before TLS. */
	if (client->secure && client->options.node)
		xml_attrf(&writer, "from", "%s@%s", client->options.node, client->options.domain);
	str_addc(&bytes, '>');
	client->events->output(client->arg, bytes.data, bytes.len);
	str_fini(&bytes);
	parser_restart(client->parser);
}

static void set_binding(struct client *client, const unsigned char *binding)
{
	client->secure = true;
	client->has_binding = binding != NULL;
	if (binding)
		memcpy(client->binding, binding, sizeof client->binding);
}

void client_begin(struct client *client, bool secure, const unsigned char *binding)
{
	const struct parser_limits limits = {.stanza_bytes = LOGIN_BYTES};
	client->secure = client->has_binding = false;
	if (secure)
		set_binding(client, binding);
	client->authenticated = client->wants_session = client->has_sm = false;
	client->rounds = 0;
	client->features = 0;
	client->asking = false;
	client->stage = STAGE_FEATURES;
	parser_set_limits(client->parser, &limits);
	send_header(client);
}

void client_secured(struct client *client, const unsigned char *binding)
{
	if (client->stage != STAGE_HANDSHAKE)
		return;
	set_binding(client, binding);
	client->stage = STAGE_FEATURES;
	send_header(client);
}

static void on_header(void *arg, const struct element *header)
{
	struct client *client = arg;
	if (!element_get(header, "version"))
		fail_with(client, CLIENT_FATAL, S2_ERROR_OTHER, "",
		          "%s is a server of before 2004: nobody can log in there.");
}

/* ---- SASL ---- */

static void sasl_go_on(struct client *client, enum sasl_step step, const struct str *answer, const char *mechanism);

static void sasl_send(struct client *client, const struct str *answer, const char *mechanism)
{
	struct writer writer;
	struct str bytes = {0}, text = {0};
	base64_encode(&text, answer->data, answer->len);
	writer_init(&writer, &bytes, NS_CLIENT);
	xml_open(&writer, mechanism ? "auth" : "response", NS_SASL);
	xml_attr(&writer, "mechanism", mechanism);
	xml_text(&writer, mechanism && !text.len ? "=" : str_text(&text));
	xml_close(&writer);
	writer_end(&writer);
	client->events->output(client->arg, bytes.data, bytes.len);
	explicit_bzero(bytes.data, bytes.len);
	if (text.data)
		explicit_bzero(text.data, text.len);
	str_fini(&bytes);
	str_fini(&text);
}

static bool same_salt(const struct sasl_key *a, const struct sasl_key *b)
{
	return a->sha256 == b->sha256 && a->iterations == b->iterations && a->salt_len == b->salt_len &&
	       !memcmp(a->salt, b->salt, a->salt_len);
}

static void want_key(struct client *client)
{
	const struct sasl_key *wanted = sasl_want(client->sasl);
	client->stage = STAGE_DERIVING;
	if (same_salt(wanted, &client->key)) {
		client_derived(client, &client->key);
	} else if (client->events->derive) {
		client->events->derive(client->arg, wanted);
	} else {
		struct sasl_key key = *wanted;
		sasl_derive(&key, client->options.password);
		client_derived(client, &key);
		explicit_bzero(&key, sizeof key);
	}
}

void client_derived(struct client *client, const struct sasl_key *key)
{
	struct str answer = {0};
	if (client->stage != STAGE_DERIVING || !same_salt(key, sasl_want(client->sasl)))
		return;
	client->stage = STAGE_SASL;
	client->key = *key;
	enum sasl_step step = sasl_derived(client->sasl, key, &answer);
	sasl_go_on(client, step, &answer, NULL);
	str_fini(&answer);
}

static void sasl_go_on(struct client *client, enum sasl_step step, const struct str *answer, const char *mechanism)
{
	switch (step) {
	case SASL_SEND:
		sasl_send(client, answer, mechanism);
		break;
	case SASL_DERIVE:
		want_key(client);
		break;
	case SASL_FAILED:
		fail_with(client, CLIENT_FATAL, S2_ERROR_AUTHENTICATION_FAILED, "",
		          "What answers for %s can't prove that it knows the account.");
		break;
	}
}

static void sasl_begin(struct client *client, const struct sasl_offer *offer)
{
	const char *mechanism = sasl_choose(offer);
	if (!mechanism) {
		fail_with(client, CLIENT_FATAL, S2_ERROR_AUTHENTICATION_IMPOSSIBLE, "",
		          client->secure ? "%s offers no way of logging in that is known here."
		                         : "%s offers no way of logging in that hides the password.");
		return;
	}
	client->mechanism = mechanism;
	client->sasl = sasl_new(mechanism, offer, client->options.node, client->options.password);
	struct str answer = {0};
	client->stage = STAGE_SASL;
	sasl_go_on(client, client->sasl ? sasl_step(client->sasl, "", 0, &answer) : SASL_FAILED, &answer, mechanism);
	if (answer.data)
		explicit_bzero(answer.data, answer.len);
	str_fini(&answer);
}

/* False on what is no base64. */
static bool decode(struct str *out, const char *text)
{
	size_t len = text ? strlen(text) : 0;
	return len <= SASL_BYTES && (!strcmp(text, "=") || base64_decode(out, text, len));
}

static void on_challenge(struct client *client, struct arena *arena, const struct element *element)
{
	struct str data = {0}, answer = {0};
	if (++client->rounds > MOST_ROUNDS || !decode(&data, element_text(arena, element))) {
		fail_strange(client);
	} else {
		enum sasl_step step = sasl_step(client->sasl, str_text(&data), data.len, &answer);
		sasl_go_on(client, step, &answer, NULL);
	}
	str_fini(&data);
	str_fini(&answer);
}

static void on_success(struct client *client, struct arena *arena, const struct element *element)
{
	struct str data = {0};
	bool proven =
	    decode(&data, element_text(arena, element)) && sasl_finish(client->sasl, str_text(&data), data.len);
	str_fini(&data);
	if (!proven) {
		sasl_go_on(client, SASL_FAILED, NULL, NULL);
		return;
	}
	sasl_free(&client->sasl);
	client->authenticated = true;
	client->stage = STAGE_AGAIN;
	send_header(client);
}

static void on_sasl_failure(struct client *client, struct arena *arena, const struct element *element)
{
	struct client_failure failure = {0};
	failure_of_sasl(&failure, arena, client->options.domain, element);
	explicit_bzero(&client->key, sizeof client->key);
	fail(client, &failure);
}

/* ---- Features ---- */

static void read_mechanisms(struct sasl_offer *offer, struct arena *arena, const struct element *features)
{
	const struct element *list = element_child(features, "mechanisms", NS_SASL);
	const struct element *one = element_child(list, "mechanism", NS_SASL);
	for (; one; one = element_next(one, "mechanism", NS_SASL))
		offer->mechanisms |= sasl_mechanism_bit(element_text(arena, one));
	list = element_child(features, "sasl-channel-binding", NS_SASL_BINDING);
	one = element_child(list, "channel-binding", NS_SASL_BINDING);
	for (; one; one = element_next(one, "channel-binding", NS_SASL_BINDING))
		offer->exporter |= text_equal(element_get(one, "type"), "tls-exporter");
}

static void first_features(struct client *client, struct arena *arena, const struct element *features)
{
	bool starttls = element_child(features, "starttls", NS_TLS) != NULL;
	if (!client->secure && starttls) {
		client->stage = STAGE_STARTTLS;
		output(client, "<starttls xmlns='" NS_TLS "'/>");
		return;
	}
	if (!client->secure && client->options.require_tls) {
		fail_with(client, CLIENT_FATAL, S2_ERROR_NO_SSL_SUPPORT, "",
		          "%s offers no TLS, so the password was not sent.");
		return;
	}
	struct sasl_offer offer = {.secure = client->secure, .binding = client->has_binding ? client->binding : NULL};
	read_mechanisms(&offer, arena, features);
	sasl_begin(client, &offer);
}

static unsigned read_features(const struct element *features)
{
	static const struct {
		const char *name, *ns;
		enum client_feature bit;
	} known[] = {
	    {"ver", "urn:xmpp:features:rosterver", CLIENT_ROSTER_VERSIONS},
	    {"sub", "urn:xmpp:features:pre-approval", CLIENT_PRE_APPROVAL},
	    {"csi", "urn:xmpp:csi:0", CLIENT_CSI},
	};
	unsigned bits = 0;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (element_child(features, known[i].name, known[i].ns))
			bits |= known[i].bit;
	return bits;
}

static void send_bind(struct client *client)
{
	struct writer writer;
	struct str bytes = {0};
	writer_init(&writer, &bytes, NS_CLIENT);
	xml_open(&writer, "iq", NULL);
	xml_attr(&writer, "type", "set");
	xml_attr(&writer, "id", BIND_ID);
	xml_open(&writer, "bind", NS_BIND);
	xml_leaf(&writer, "resource", NULL, client->options.resource);
	xml_close(&writer);
	xml_close(&writer);
	writer_end(&writer);
	client->events->output(client->arg, bytes.data, bytes.len);
	str_fini(&bytes);
	client->stage = STAGE_BINDING;
}

static void send_resume(struct client *client)
{
	struct writer writer;
	struct str bytes = {0};
	writer_init(&writer, &bytes, NS_CLIENT);
	xml_open(&writer, "resume", NS_SM);
	xml_attrf(&writer, "h", "%u", (unsigned)client->received);
	xml_attr(&writer, "previd", client->resume);
	xml_close(&writer);
	writer_end(&writer);
	client->events->output(client->arg, bytes.data, bytes.len);
	str_fini(&bytes);
	client->stage = STAGE_RESUMING;
}

static void bound_features(struct client *client, const struct element *features)
{
	const struct element *session = element_child(features, "session", NS_SESSION);
	client->features = read_features(features);
	client->wants_session = session && !element_child(session, "optional", NS_SESSION);
	client->has_sm = element_child(features, "sm", NS_SM) != NULL;
	if (client->resume && client->has_sm)
		send_resume(client);
	else if (element_child(features, "bind", NS_BIND))
		send_bind(client);
	else
		fail_with(client, CLIENT_FATAL, S2_ERROR_OTHER, "", "%s lets nobody begin a session.");
}

static void on_features(struct client *client, struct arena *arena, const struct element *features)
{
	if (client->authenticated)
		bound_features(client, features);
	else
		first_features(client, arena, features);
}

static void on_proceed(struct client *client, struct arena *arena, const struct element *element)
{
	client->stage = STAGE_HANDSHAKE;
	parser_stop(client->parser); /* what came in the clear behind it is nobody's word */
	if (client->events->start_tls)
		client->events->start_tls(client->arg);
}

static void on_tls_failure(struct client *client, struct arena *arena, const struct element *element)
{
	fail_with(client, CLIENT_RETRY, S2_ERROR_ENCRYPTION, "", "%s refused to begin with TLS, which it had offered.");
}

/* ---- The session ---- */

static void token_dropped(void *arg, void *token)
{
	struct client *client = arg;
	if (client->events->dropped)
		client->events->dropped(client->arg, token);
}

static void token_acked(void *arg, void *token)
{
	struct client *client = arg;
	if (client->events->acked)
		client->events->acked(client->arg, token);
}

static void up(struct client *client, bool resumed)
{
	client->stage = STAGE_UP;
	client->redirects = 0;
	parser_set_limits(client->parser, &(struct parser_limits){
	                                      .stanza_bytes = client->options.stanza_bytes,
	                                      .children = client->options.stanza_nodes,
	                                  });
	if (client->events->bound)
		client->events->bound(client->arg, resumed);
}

/* A new session begins: stanzas of the old one are in doubt. */
static void begin_session(struct client *client, bool sm)
{
	acks_drop(&client->acks, token_dropped, client);
	client->sm = sm;
	client->received = client->added = 0;
	client->asking = false;
	up(client, false);
}

static void enable(struct client *client)
{
	mem_replace(&client->resume, NULL);
	if (!client->has_sm) {
		begin_session(client, false);
		return;
	}
	output(client, client->options.no_resumption ? "<enable xmlns='" NS_SM "'/>"
	                                             : "<enable xmlns='" NS_SM "' resume='true'/>");
	client->stage = STAGE_ENABLING;
}

static void send_session(struct client *client)
{
	output(client, "<iq type='set' id='" SESSION_ID "'><session xmlns='" NS_SESSION "'/></iq>");
	client->stage = STAGE_SESSION;
}

/* Answers to our iqs before the session stands; true if it is one of type result. */
static bool is_answer(struct client *client, struct arena *arena, const struct element *iq, const char *id)
{
	const char *type = element_get(iq, "type");
	if (!text_equal(element_get(iq, "id"), id)) {
		fail_strange(client);
		return false;
	}
	if (text_equal(type, "result"))
		return true;
	struct client_failure failure = {0};
	failure_of_binding(&failure, arena, client->options.domain, iq);
	fail(client, &failure);
	return false;
}

static void on_bound(struct client *client, struct arena *arena, const struct element *iq)
{
	struct jid jid;
	if (!is_answer(client, arena, iq, BIND_ID))
		return;
	const struct element *bind = element_child(iq, "bind", NS_BIND);
	const char *text = element_child_text(arena, bind, "jid", NS_BIND);
	if (!text || !jid_parse(arena, text, &jid) || !*jid.resource) {
		fail_strange(client);
		return;
	}
	mem_replace(&client->jid, jid.full);
	mem_replace(&client->bare_jid, jid.bare);
	if (client->wants_session)
		send_session(client);
	else
		enable(client);
}

static void on_session(struct client *client, struct arena *arena, const struct element *iq)
{
	if (is_answer(client, arena, iq, SESSION_ID))
		enable(client);
}

static void on_enabled(struct client *client, struct arena *arena, const struct element *element)
{
	const char *resume = element_get(element, "resume");
	bool can = resume && (!strcmp(resume, "true") || !strcmp(resume, "1"));
	mem_replace(&client->resume, can ? text_or_null(element_get(element, "id")) : NULL);
	begin_session(client, true);
}

/* Enabling failed, or resuming: the latter may tell what had arrived. */
static bool read_count(const struct element *element, uint32_t *count)
{
	const char *text = element_get(element, "h");
	char *end;
	if (text_empty(text) || strlen(text) > 10)
		return false;
	unsigned long long number = strtoull(text, &end, 10);
	*count = (uint32_t)number;
	return !*end && number <= UINT32_MAX;
}

static void on_not_enabled(struct client *client, struct arena *arena, const struct element *element)
{
	begin_session(client, false);
}

static void on_not_resumed(struct client *client, struct arena *arena, const struct element *element)
{
	uint32_t count;
	if (read_count(element, &count))
		acks_take(&client->acks, count, token_acked, client);
	mem_replace(&client->resume, NULL);
	send_bind(client);
}

static void on_resumed(struct client *client, struct arena *arena, const struct element *element)
{
	uint32_t count;
	size_t len;
	if (!read_count(element, &count) || !acks_take(&client->acks, count, token_acked, client)) {
		mem_replace(&client->resume, NULL);
		fail_with(client, CLIENT_RETRY, S2_ERROR_NETWORK, "", "%s has lost count of what it was sent.");
		return;
	}
	const char *again = acks_again(&client->acks, &len);
	client->events->output(client->arg, again, len);
	up(client, true);
	client_flush(client);
}

/* ---- Stanzas and acknowledgements ---- */

static void handled(struct client *client, uint32_t count)
{
	client->asking = false;
	if (!acks_take(&client->acks, count, token_acked, client)) {
		mem_replace(&client->resume, NULL);
		fail_with(client, CLIENT_RETRY, S2_ERROR_NETWORK, "", "%s says that it got more than it was sent.");
	}
}

static void on_ack(struct client *client, struct arena *arena, const struct element *element)
{
	uint32_t count;
	if (client->sm && read_count(element, &count))
		handled(client, count);
}

static void on_ack_request(struct client *client, struct arena *arena, const struct element *element)
{
	char text[64];
	if (!client->sm)
		return;
	snprintf(text, sizeof text, "<a xmlns='" NS_SM "' h='%u'/>", (unsigned)client->received);
	output(client, text);
}

/* The answer to a ping of ours, be it a result or an error: what was sent before it was handled before it. */
static bool ping_answered(struct client *client, const struct element *stanza)
{
	const char *id = element_get(stanza, "id"), *type = element_get(stanza, "type");
	if (!id || strncmp(id, ASK_ID, strlen(ASK_ID)) != 0 || !element_is(stanza, "iq", NULL) ||
	    (!text_equal(type, "result") && !text_equal(type, "error")))
		return false;
	if (client->asking && !client->sm && strtoul(id + strlen(ASK_ID), NULL, 10) == client->pings)
		handled(client, client->asked);
	return true;
}

static void on_stanza(struct client *client, struct arena *arena, const struct element *stanza)
{
	client->received++;
	if (ping_answered(client, stanza))
		return;
	if (client->events->stanza)
		client->events->stanza(client->arg, arena, stanza);
}

static void on_stream_error(struct client *client, struct arena *arena, const struct element *error)
{
	struct client_failure failure = {0};
	failure_of_stream(&failure, arena, client->options.domain, error);
	if (failure.what == CLIENT_REDIRECT && ++client->redirects > MOST_REDIRECTS) {
		client->redirects = 0;
		fail_with(client, CLIENT_FATAL, S2_ERROR_OTHER, "see-other-host",
		          "%s sends us from one host to the next without end.");
		return;
	}
	fail(client, &failure);
}

/* What may come when. A stanza's name is one of three; NULL stands for them. */
static const struct {
	enum stage stage;
	const char *name, *ns;
	void (*handle)(struct client *, struct arena *, const struct element *);
} handlers[] = {
    {STAGE_UP, NULL, NS_CLIENT, on_stanza},
    {STAGE_UP, "r", NS_SM, on_ack_request},
    {STAGE_UP, "a", NS_SM, on_ack},
    {STAGE_FEATURES, "features", NS_STREAMS, on_features},
    {STAGE_AGAIN, "features", NS_STREAMS, on_features},
    {STAGE_STARTTLS, "proceed", NS_TLS, on_proceed},
    {STAGE_STARTTLS, "failure", NS_TLS, on_tls_failure},
    {STAGE_SASL, "challenge", NS_SASL, on_challenge},
    {STAGE_SASL, "success", NS_SASL, on_success},
    {STAGE_SASL, "failure", NS_SASL, on_sasl_failure},
    {STAGE_RESUMING, "resumed", NS_SM, on_resumed},
    {STAGE_RESUMING, "failed", NS_SM, on_not_resumed},
    {STAGE_BINDING, "iq", NS_CLIENT, on_bound},
    {STAGE_SESSION, "iq", NS_CLIENT, on_session},
    {STAGE_ENABLING, "enabled", NS_SM, on_enabled},
    {STAGE_ENABLING, "failed", NS_SM, on_not_enabled},
};

static bool is_stanza(const char *name)
{
	return !strcmp(name, "message") || !strcmp(name, "presence") || !strcmp(name, "iq");
}

static void on_element(void *arg, struct arena *arena, const struct element *element)
{
	struct client *client = arg;
	for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++) {
		if (handlers[i].stage != client->stage || strcmp(handlers[i].ns, element->ns) != 0 ||
		    !(handlers[i].name ? !strcmp(handlers[i].name, element->name) : is_stanza(element->name)))
			continue;
		handlers[i].handle(client, arena, element);
		return;
	}
	if (element_is(element, "error", NS_STREAMS))
		on_stream_error(client, arena, element);
	else if (client->stage != STAGE_UP) /* there, a server may have more to say than we know */
		fail_strange(client);
}

static void on_end(void *arg)
{
	fail_with(arg, CLIENT_RETRY, S2_ERROR_NETWORK, "", "%s ended the stream.");
}

void client_input(struct client *client, const char *bytes, size_t len)
{
	if (client->stage == STAGE_IDLE || client->stage == STAGE_FAILED)
		return;
	enum parser_error error = parser_feed(client->parser, bytes, len);
	if (error == PARSER_OK)
		return;
	struct arena arena = {0};
	struct client_failure failure;
	char *told =
	    mem_printf("<stream:error><%s xmlns='" NS_STREAM_ERRORS "'/></stream:error>", parser_error_name(error));
	output(client, told);
	free(told);
	failure_of_parser(&failure, &arena, client->options.domain, error);
	fail(client, &failure);
	arena_fini(&arena);
}

/* ---- Sending ---- */

struct writer *client_stanza(struct client *client, const char *name)
{
	assert(!pen.client);
	pen.client = client;
	writer_init(&pen.writer, &pen.bytes, NS_CLIENT);
	xml_open(&pen.writer, name, NULL);
	return &pen.writer;
}

bool client_send(struct client *client, void *token)
{
	assert(pen.client == client);
	xml_close(&pen.writer);
	writer_end(&pen.writer);
	pen.client = NULL;
	size_t limit = client->options.queue_bytes;
	bool sends = client->stage == STAGE_UP && acks_bytes(&client->acks) + pen.bytes.len <= limit;
	/* Without stream management nothing is sent again, so only who waits is noted. */
	if (sends && (client->sm || token)) {
		acks_add(&client->acks, pen.bytes.data, client->sm ? pen.bytes.len : 0, token);
		client->added++;
	}
	if (sends)
		client->events->output(client->arg, pen.bytes.data, pen.bytes.len);
	str_clear(&pen.bytes, STANZA_BYTES);
	return sends;
}

void client_ask(struct client *client)
{
	char text[160];
	if (client->stage != STAGE_UP || client->asking)
		return;
	client->asking = true;
	client->asked = client->added;
	if (client->sm)
		snprintf(text, sizeof text, "<r xmlns='" NS_SM "'/>");
	else
		snprintf(text, sizeof text, "<iq type='get' id='" ASK_ID "%u'><ping xmlns='" NS_PING "'/></iq>",
		         (unsigned)++client->pings);
	output(client, text);
}

void client_flush(struct client *client)
{
	if (client->acks.count)
		client_ask(client);
}

bool client_is_asking(const struct client *client)
{
	return client->asking;
}

/* ---- Life ---- */

struct client *client_new(const struct client_options *given, const struct client_events *events, void *arg)
{
	static const struct parser_events parser_events = {.header = on_header, .stanza = on_element, .end = on_end};
	struct client *client = mem_new(sizeof *client);
	struct client_options *options = &client->options;
	*options = *given;
	options->node = mem_strdup(given->node);
	options->domain = mem_strdup(given->domain);
	options->resource = mem_strdup(given->resource);
	options->password = mem_strdup(given->password ? given->password : "");
	options->stanza_bytes = given->stanza_bytes ? given->stanza_bytes : STANZA_BYTES;
	options->stanza_nodes = given->stanza_nodes ? given->stanza_nodes : STANZA_NODES;
	options->queue_bytes = given->queue_bytes ? given->queue_bytes : QUEUE_BYTES;
	client->events = events;
	client->arg = arg;
	client->parser = parser_new(NULL, &parser_events, client);
	return client;
}

void client_free(struct client **at)
{
	struct client *client = *at;
	if (!client)
		return;
	*at = NULL;
	acks_drop(&client->acks, token_dropped, client);
	parser_free(&client->parser);
	sasl_free(&client->sasl);
	explicit_bzero(&client->key, sizeof client->key);
	mem_free_secret((char *)client->options.password);
	free((char *)client->options.node);
	free((char *)client->options.domain);
	free((char *)client->options.resource);
	free(client->resume);
	free(client->jid);
	free(client->bare_jid);
	free(client);
}

void client_lost(struct client *client)
{
	client->stage = STAGE_IDLE;
	client->asking = false;
	sasl_free(&client->sasl);
	parser_stop(client->parser);
	if (!client->resume)
		acks_drop(&client->acks, token_dropped, client);
}

void client_end(struct client *client)
{
	if (client->stage == STAGE_IDLE || client->stage == STAGE_FAILED)
		return;
	mem_replace(&client->resume, NULL);
	output(client, "</stream:stream>");
	client_lost(client);
}

bool client_rest(struct client *client)
{
	return client->stage == STAGE_UP && parser_rest(client->parser);
}

/* ---- Facts ---- */

bool client_is_up(const struct client *client)
{
	return client->stage == STAGE_UP;
}

const char *client_jid(const struct client *client)
{
	return client->jid ? client->jid : "";
}

const char *client_bare_jid(const struct client *client)
{
	return client->bare_jid ? client->bare_jid : "";
}

const char *client_domain(const struct client *client)
{
	return client->options.domain;
}

const char *client_mechanism(const struct client *client)
{
	return client->mechanism ? client->mechanism : "";
}

bool client_has_acks(const struct client *client)
{
	return client->sm;
}

bool client_offers(const struct client *client, enum client_feature feature)
{
	return client->features & feature;
}
