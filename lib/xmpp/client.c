/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The client's stream as a state machine: each stage knows the few elements that may come in it, everything else ends
 * the stream. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/xmpp/client_failure.h"
#include "lib/xmpp/client_state.h"
#include "lib/xmpp/jid.h"
#include "lib/xmpp/ns.h"
#include "lib/xmpp/stanza.h"

#define LOGIN_BYTES (64u << 10) /* of one element before the log-in is done */
#define STANZA_BYTES (1u << 20)
#define STANZA_NODES 32768
#define QUEUE_BYTES (512u << 10)
#define MOST_REDIRECTS 5
#define ASK_ID "s2-ask-"
#define BIND_ID "s2-bind"
#define SESSION_ID "s2-session"

/* The stanza that is being written: one in the process. */
static struct {
	struct client *client;
	struct writer writer;
	struct str bytes;
} pen;

void client_output(struct client *client, const char *text)
{
	client->events->output(client->arg, text, strlen(text));
}

/* ---- Failing ---- */

void client_fail(struct client *client, const struct client_failure *failure)
{
	if (client->stage == STAGE_FAILED || client->stage == STAGE_IDLE)
		return;
	client->stage = STAGE_FAILED;
	parser_stop(client->parser);
	sasl_free(&client->sasl);
	if (failure_is_ours(failure))
		mem_replace(&client->resume, NULL);
	client_output(client, "</stream:stream>");
	if (client->events->failed)
		client->events->failed(client->arg, failure);
}

/* `format` has a place for the domain. */
void client_fail_with(struct client *client, enum client_class what, enum s2_connection_error error,
                      const char *condition, const char *format)
{
	char *text = mem_printf(format, client->options.domain);
	struct client_failure failure = {.what = what, .error = error, .condition = condition, .text = text};
	client_fail(client, &failure);
	free(text);
}

void client_fail_strange(struct client *client)
{
	client_fail_with(client, CLIENT_RETRY, S2_ERROR_NETWORK, "",
	                 "%s sent something that has no place in a log-in.");
}

/* ---- Stream and TLS ---- */

void client_send_header(struct client *client)
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
	client->authenticated = client->wants_session = client->has_sm = client->bound = false;
	client->rounds = 0;
	client->features = 0;
	client->asking = false;
	client->stage = STAGE_FEATURES;
	parser_set_limits(client->parser, &limits);
	client_send_header(client);
}

void client_secured(struct client *client, const unsigned char *binding)
{
	if (client->stage != STAGE_HANDSHAKE)
		return;
	set_binding(client, binding);
	client->stage = STAGE_FEATURES;
	client_send_header(client);
}

static void on_header(void *arg, const struct element *header)
{
	struct client *client = arg;
	if (!element_get(header, "version"))
		client_fail_with(client, CLIENT_FATAL, S2_ERROR_OTHER, "",
		                 "%s is a server of before 2004: nobody can log in there.");
}

/* ---- The session ---- */

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

void client_write_resume(const struct client *client, struct writer *writer)
{
	xml_open(writer, "resume", NS_SM);
	xml_attrf(writer, "h", "%u", (unsigned)client->received);
	xml_attr(writer, "previd", client->resume);
	xml_close(writer);
}

static void send_resume(struct client *client)
{
	struct writer writer;
	struct str bytes = {0};
	writer_init(&writer, &bytes, NS_CLIENT);
	client_write_resume(client, &writer);
	writer_end(&writer);
	client->events->output(client->arg, bytes.data, bytes.len);
	str_fini(&bytes);
	client->stage = STAGE_RESUMING;
}

static void enable(struct client *client);

static void on_bound_features(struct client *client, struct arena *arena, const struct element *features)
{
	const struct element *session = element_child(features, "session", NS_SESSION);
	client->features = read_features(features);
	client->wants_session = session && !element_child(session, "optional", NS_SESSION);
	client->has_sm = element_child(features, "sm", NS_SM) != NULL;
	if (client->bound)
		enable(client);
	else if (client->resume && client->has_sm)
		send_resume(client);
	else if (element_child(features, "bind", NS_BIND))
		send_bind(client);
	else
		client_fail_with(client, CLIENT_FATAL, S2_ERROR_OTHER, "", "%s lets nobody begin a session.");
}

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
	client_output(client, client->options.no_resumption ? "<enable xmlns='" NS_SM "'/>"
	                                                    : "<enable xmlns='" NS_SM "' resume='true'/>");
	client->stage = STAGE_ENABLING;
}

static void send_session(struct client *client)
{
	client_output(client, "<iq type='set' id='" SESSION_ID "'><session xmlns='" NS_SESSION "'/></iq>");
	client->stage = STAGE_SESSION;
}

/* Answers to our iqs before the session stands; true if it is one of type result. */
static bool is_answer(struct client *client, struct arena *arena, const struct element *iq, const char *id)
{
	const char *type = element_get(iq, "type");
	if (!text_equal(element_get(iq, "id"), id)) {
		client_fail_strange(client);
		return false;
	}
	if (text_equal(type, "result"))
		return true;
	struct client_failure failure = {0};
	failure_of_binding(&failure, arena, client->options.domain, iq);
	client_fail(client, &failure);
	return false;
}

static bool take_jid(struct client *client, struct arena *arena, const char *text)
{
	struct jid jid;
	if (!text || !jid_parse(arena, text, &jid) || !*jid.resource)
		return false;
	mem_replace(&client->jid, jid.full);
	mem_replace(&client->bare_jid, jid.bare);
	return true;
}

static void on_bound(struct client *client, struct arena *arena, const struct element *iq)
{
	if (!is_answer(client, arena, iq, BIND_ID))
		return;
	const struct element *bind = element_child(iq, "bind", NS_BIND);
	if (!take_jid(client, arena, element_child_text(arena, bind, "jid", NS_BIND)))
		client_fail_strange(client);
	else if (client->wants_session)
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
		client_fail_with(client, CLIENT_RETRY, S2_ERROR_NETWORK, "", "%s has lost count of what it was sent.");
		return;
	}
	const char *again = acks_again(&client->acks, &len);
	client->events->output(client->arg, again, len);
	up(client, true);
	client_flush(client);
}

void client_bound_inline(struct client *client, struct arena *arena, const struct element *success)
{
	const struct element *resumed = element_child(success, "resumed", NS_SM);
	const struct element *failed = element_child(success, "failed", NS_SM);
	const struct element *bound = element_child(success, "bound", NS_BIND_2);
	const struct element *enabled = element_child(bound, "enabled", NS_SM);
	uint32_t count;
	if (resumed) {
		if (client->resume)
			on_resumed(client, arena, resumed);
		else
			client_fail_strange(client);
		return;
	}
	if (failed && read_count(failed, &count))
		acks_take(&client->acks, count, token_acked, client);
	mem_replace(&client->resume, NULL);
	if (!bound)
		return; /* in the old way then, when the features come */
	if (!take_jid(client, arena, element_child_text(arena, success, "authorization-identifier", NS_SASL_2)))
		client_fail_strange(client);
	else if (enabled)
		on_enabled(client, arena, enabled);
	else
		client->bound = true; /* stream management follows from the features */
}

static void on_late_features(struct client *client, struct arena *arena, const struct element *features)
{
	client->features = read_features(features);
}

/* ---- Stanzas and acknowledgements ---- */

static void handled(struct client *client, uint32_t count)
{
	client->asking = false;
	if (!acks_take(&client->acks, count, token_acked, client)) {
		mem_replace(&client->resume, NULL);
		client_fail_with(client, CLIENT_RETRY, S2_ERROR_NETWORK, "",
		                 "%s says that it got more than it was sent.");
	} else if (client->added != client->asked) {
		client_flush(client); /* for what was sent behind the question */
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
	client_output(client, text);
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
		client_fail_with(client, CLIENT_FATAL, S2_ERROR_OTHER, "see-other-host",
		                 "%s sends us from one host to the next without end.");
		return;
	}
	client_fail(client, &failure);
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
    {STAGE_UP, "features", NS_STREAMS, on_late_features},
    {STAGE_FEATURES, "features", NS_STREAMS, client_first_features},
    {STAGE_AGAIN, "features", NS_STREAMS, on_bound_features},
    {STAGE_STARTTLS, "proceed", NS_TLS, client_proceed},
    {STAGE_STARTTLS, "failure", NS_TLS, client_tls_failure},
    {STAGE_SASL, "challenge", NS_SASL, client_challenge},
    {STAGE_SASL, "success", NS_SASL, client_success},
    {STAGE_SASL, "failure", NS_SASL, client_sasl_failure},
    {STAGE_SASL, "challenge", NS_SASL_2, client_challenge},
    {STAGE_SASL, "success", NS_SASL_2, client_success},
    {STAGE_SASL, "failure", NS_SASL_2, client_sasl_failure},
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
		client_fail_strange(client);
}

static void on_end(void *arg)
{
	client_fail_with(arg, CLIENT_RETRY, S2_ERROR_NETWORK, "", "%s ended the stream.");
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
	client_output(client, told);
	free(told);
	failure_of_parser(&failure, &arena, client->options.domain, error);
	client_fail(client, &failure);
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
	client_output(client, text);
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
	options->agent = mem_strdup(given->agent);
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
	free((char *)client->options.agent);
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
	client_output(client, "</stream:stream>");
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
