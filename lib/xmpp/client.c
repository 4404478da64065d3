/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The client's stream as a state machine: each stage knows the few elements that may come in it, everything else ends
 * the stream. What they do is in client_login (TLS, SASL), client_session (binding, resuming) and client_stanza. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/xmpp/client_failure.h"
#include "lib/xmpp/client_state.h"
#include "lib/xmpp/ns.h"

#define LOGIN_BYTES (64u << 10) /* of one element before the log-in is done */
#define STANZA_BYTES (1u << 20)
#define STANZA_NODES 32768
#define QUEUE_BYTES (512u << 10)
#define MOST_REDIRECTS 5

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

/* ---- Beginning ---- */

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

/* ---- Coming ---- */

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
	client_handler *handle;
} handlers[] = {
    {STAGE_UP, NULL, NS_CLIENT, client_take_stanza},
    {STAGE_UP, "r", NS_SM, client_ack_request},
    {STAGE_UP, "a", NS_SM, client_ack},
    {STAGE_UP, "features", NS_STREAMS, client_late_features},
    {STAGE_FEATURES, "features", NS_STREAMS, client_first_features},
    {STAGE_AGAIN, "features", NS_STREAMS, client_bound_features},
    {STAGE_STARTTLS, "proceed", NS_TLS, client_proceed},
    {STAGE_STARTTLS, "failure", NS_TLS, client_tls_failure},
    {STAGE_SASL, "challenge", NS_SASL, client_challenge},
    {STAGE_SASL, "success", NS_SASL, client_success},
    {STAGE_SASL, "failure", NS_SASL, client_sasl_failure},
    {STAGE_SASL, "challenge", NS_SASL_2, client_challenge},
    {STAGE_SASL, "success", NS_SASL_2, client_success},
    {STAGE_SASL, "failure", NS_SASL_2, client_sasl_failure},
    {STAGE_RESUMING, "resumed", NS_SM, client_resumed},
    {STAGE_RESUMING, "failed", NS_SM, client_not_resumed},
    {STAGE_BINDING, "iq", NS_CLIENT, client_bind_answer},
    {STAGE_SESSION, "iq", NS_CLIENT, client_session_answer},
    {STAGE_ENABLING, "enabled", NS_SM, client_enabled},
    {STAGE_ENABLING, "failed", NS_SM, client_not_enabled},
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
	client_drop_sent(client);
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
		client_drop_sent(client);
}

void client_end(struct client *client)
{
	if (client->stage == STAGE_IDLE || client->stage == STAGE_FAILED)
		return;
	mem_replace(&client->resume, NULL);
	client_output(client, "</stream:stream>");
	client_lost(client);
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
