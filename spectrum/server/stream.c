/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One stream of a client (RFC 6120): header, features, TLS, log-in, binding, and its end with or without an error.
 * Nothing that a client sends before it has logged in counts but STARTTLS and SASL. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/random.h"
#include "spectrum/server/inside.h"

#define LOG_AREA "stream"
#define STRANGER_BYTES (10u << 10) /* of one element before the log-in */
#define STRANGER_DEPTH 8
#define MEMBER_BYTES (256u << 10) /* after it: what parsers take by themselves */
#define UNSENT_MOST (8u << 20)    /* of one who does not read */
#define NS_TLS "urn:ietf:params:xml:ns:xmpp-tls"
#define NS_FRAMING "urn:ietf:params:xml:ns:xmpp-framing" /* RFC 7395 */
#define NS_ROSTER_VER "urn:xmpp:features:rosterver"

static const char *const state_names[] = {"header", "open", "securing", "sasl", "login", "ready", "bound", "ended"};

void stream_move(struct stream *stream, enum stream_state state)
{
	log_debug("state peer=%s from=%s to=%s", stream->channel ? channel_peer(stream->channel) : "",
	          state_names[stream->state], state_names[state]);
	stream->state = (uint8_t)state;
}

void stream_set_due(struct stream *stream)
{
	const struct server *server = stream->server;
	stream->due =
	    loop_now(server->loop) + (uint64_t)config_number(server->config, "service.connect_timeout") * 1000;
}

/* ---- Writing ---- */

struct writer *stream_open(struct stream *stream, const char *name, const char *ns)
{
	struct server *server = stream->server;
	struct writer *writer = &server->own_writer;
	bool prefixed = strchr(name, ':');
	str_clear(&server->own, 65536);
	writer_init(writer, &server->own, stream->channel && stream->channel->framed ? "" : NS_CLIENT);
	xml_open(writer, name, ns);
	if (prefixed && stream->channel && stream->channel->framed)
		xml_attr(writer, "xmlns:stream", NS_STREAMS);
	return writer;
}

void stream_close(struct stream *stream)
{
	struct server *server = stream->server;
	xml_close(&server->own_writer);
	writer_end(&server->own_writer);
	if (stream->channel && !stream->farewell)
		channel_send(stream->channel, server->own.data, server->own.len);
}

static void send_header(struct stream *stream)
{
	struct server *server = stream->server;
	char id[25];
	if (stream->header_sent)
		return;
	stream->header_sent = true;
	random_id(id, sizeof id - 1);
	if (stream->channel->framed) {
		struct writer *writer = stream_open(stream, "open", NS_FRAMING);
		xml_attr(writer, "from", server->jid);
		xml_attr(writer, "id", id);
		xml_attr(writer, "version", "1.0");
		xml_attr(writer, "xml:lang", "en");
		stream_close(stream);
		return;
	}
	struct str header = {0};
	str_addf(&header,
	         "<?xml version='1.0'?><stream:stream xmlns='" NS_CLIENT "' xmlns:stream='" NS_STREAMS
	         "' from='%s' id='%s' version='1.0' xml:lang='en'>",
	         server->jid, id);
	channel_send(stream->channel, header.data, header.len);
	str_fini(&header);
}

/* ---- The end ---- */

/* When the stack is unwound. */
static void stream_free(struct stream *stream)
{
	struct server *server = stream->server;
	loop_defer_cancel(&stream->ending);
	if (stream->session)
		session_lost(stream->session, stream->said_goodbye || stream->farewell);
	auth_end(stream);
	if (stream->account)
		account_leave(stream->account);
	if (stream->counted)
		server->stranger_count--;
	list_remove(&stream->node);
	parser_free(&stream->parser);
	if (stream->farewell)
		channel_finish(&stream->channel);
	else
		channel_free(&stream->channel);
	free(stream->claimed);
	free(stream->jid);
	free(stream);
}

static void end_now(void *arg)
{
	stream_free(arg);
}

static void end_later(struct stream *stream)
{
	parser_stop(stream->parser);
	loop_defer(stream->server->loop, &stream->ending, end_now, stream);
}

void stream_send(struct stream *stream, const char *bytes, size_t len)
{
	if (stream->farewell || stream->ending.queued)
		return;
	if (!stream->channel->framed) {
		channel_send(stream->channel, bytes, len);
		if (channel_unsent(stream->channel) > UNSENT_MOST)
			end_later(stream); /* no farewell: nobody reads it */
		return;
	}
	/* Alone in its message it has to name its namespace. */
	struct str *own = &stream->server->framed;
	size_t name = strcspn(bytes, " />");
	own->len = 0;
	str_add(own, bytes, name);
	if (strncmp(bytes + name, " xmlns=", 7) != 0)
		str_adds(own, " xmlns='" NS_CLIENT "'");
	str_add(own, bytes + name, len - name);
	channel_send(stream->channel, own->data, own->len);
}

static void send_error(struct stream *stream, const char *condition, const char *text)
{
	send_header(stream);
	struct writer *writer = stream_open(stream, "stream:error", NULL);
	xml_empty(writer, condition, NS_STREAM_ERRORS);
	xml_leaf(writer, "text", NS_STREAM_ERRORS, text);
	stream_close(stream);
}

void stream_end(struct stream *stream, const char *condition, const char *text)
{
	if (stream->ending.queued || stream->farewell)
		return;
	if (condition) {
		log_info("stream ended peer=%s user=%s condition=%s text=%s", channel_peer(stream->channel),
		         stream->jid ? stream->jid : "", condition, log_quote(text));
		send_error(stream, condition, text);
	}
	if (stream->channel->framed) {
		stream_open(stream, "close", NS_FRAMING);
		stream_close(stream);
	} else if (stream->header_sent) {
		channel_send(stream->channel, "</stream:stream>", 16);
	}
	stream->farewell = true;
	end_later(stream);
}

void stream_drop(struct stream *stream)
{
	if (!stream->ending.queued)
		end_later(stream);
}

void stream_drop_all(struct server *server)
{
	struct list *const lists[] = {&server->bound, &server->strangers};
	for (size_t i = 0; i < 2; i++) {
		LIST_EACH (lists[i], node)
			stream_free(LIST_ITEM(node, struct stream, node));
	}
}

void stream_flush(struct stream *stream)
{
	if (stream->channel)
		channel_flush(stream->channel);
}

/* ---- Features ---- */

static void write_limits(const struct stream *stream, struct writer *writer)
{
	unsigned most = stream->account || stream->session ? MEMBER_BYTES : STRANGER_BYTES;
	xml_open(writer, "limits", "urn:xmpp:stream-limits:0"); /* XEP-0478 */
	xml_open(writer, "max-bytes", NULL);
	xml_textf(writer, "%u", most);
	xml_close(writer);
	xml_close(writer);
}

static void send_features(struct stream *stream)
{
	struct server *server = stream->server;
	bool secure = channel_is_secure(stream->channel);
	struct writer *writer = stream_open(stream, "stream:features", NULL);
	if (stream->account) {
		xml_empty(writer, "bind", NS_BIND);
		xml_open(writer, "session", NS_SESSION);
		xml_empty(writer, "optional", NULL);
		xml_close(writer);
	}
	if (stream->account || stream->session) {
		server->events->caps(server->arg, writer);
		if (!stream->session || !sm_is_on(stream->session)) /* not again if it came with the log-in */
			xml_empty(writer, "sm", NS_SM);
		xml_empty(writer, "csi", NS_CSI);
		xml_empty(writer, "ver", NS_ROSTER_VER);
	} else {
		if (!secure && server->tls && !stream->channel->framed) {
			xml_open(writer, "starttls", NS_TLS);
			if (server->tls_required)
				xml_empty(writer, "required", NULL);
			xml_close(writer);
		}
		sasl_write_features(stream, writer);
	}
	write_limits(stream, writer);
	stream_close(stream);
	if (!stream->session)
		stream_move(stream, stream->account ? STREAM_READY : STREAM_OPEN);
}

/* ---- The header ---- */

static bool is_our_domain(struct stream *stream, const char *domain)
{
	const char *prepared = domain ? jid_prepare_domain(server_arena(stream->server), domain) : NULL;
	return prepared && !strcmp(prepared, stream->server->jid);
}

/* NULL, or why not. */
static const char *header_fault(struct stream *stream, const struct element *header, const char **text)
{
	const char *version = element_get(header, "version"), *from = element_get(header, "from");
	struct jid jid;
	*text = NULL;
	if (!stream->channel->framed && !text_equal(element_get(header, "xmlns"), NS_CLIENT)) {
		*text = "Streams of clients are in the namespace jabber:client.";
		return "invalid-namespace";
	}
	if (!is_our_domain(stream, element_get(header, "to"))) {
		*text = "The attribute \"to\" of a stream has to be the domain that this server serves.";
		return "host-unknown";
	}
	if (!version || atoi(version) < 1) {
		*text = "This server speaks XMPP 1.0.";
		return "unsupported-version";
	}
	if (from && stream->account &&
	    (!jid_parse(server_arena(stream->server), from, &jid) || strcmp(jid.bare, stream->jid) != 0))
		return "invalid-from";
	return NULL;
}

static void go_on(struct stream *stream)
{
	stream->headed = false;
	send_header(stream);
	send_features(stream);
}

static void header_received(struct stream *stream, const struct element *header)
{
	const char *text, *from = element_get(header, "from"), *fault = header_fault(stream, header, &text);
	if (fault) {
		stream_end(stream, fault, text);
		return;
	}
	mem_replace(&stream->claimed, NULL);
	/* In the first moments after a start it is not known yet who has keys. */
	if (from && !stream->account && !keyring_is_ready(stream->server->keyring)) {
		stream->claimed = mem_strdup(from);
		stream->headed = true;
		return;
	}
	if (!stream->account)
		auth_claim(stream, from);
	go_on(stream);
}

void stream_go_on_all(struct server *server)
{
	LIST_EACH (&server->strangers, node) {
		struct stream *stream = LIST_ITEM(node, struct stream, node);
		if (!stream->headed || stream->ending.queued)
			continue;
		char *from = stream->claimed;
		stream->claimed = NULL;
		auth_claim(stream, from);
		free(from);
		go_on(stream);
	}
}

static void on_header(void *arg, const struct element *header)
{
	struct stream *stream = arg;
	if (!stream->channel->framed) /* that one is our own */
		header_received(stream, header);
}

/* ---- Before the log-in ---- */

static void stream_restart(struct stream *stream)
{
	if (!stream->channel->framed)
		parser_restart(stream->parser);
	stream->header_sent = false;
	stream_move(stream, STREAM_HEADER);
}

static void start_tls(struct stream *stream)
{
	if (channel_is_secure(stream->channel) || stream->channel->framed || !stream->server->tls) {
		stream_open(stream, "failure", NS_TLS);
		stream_close(stream);
		stream_end(stream, NULL, NULL);
		return;
	}
	stream_open(stream, "proceed", NS_TLS);
	stream_close(stream);
	stream_restart(stream); /* drops what was sent ahead of the handshake */
	stream_move(stream, STREAM_SECURING);
	channel_secure(stream->channel, stream->server->tls);
}

static bool is_stanza(const struct element *element)
{
	return element_is(element, "message", NS_CLIENT) || element_is(element, "presence", NS_CLIENT) ||
	       element_is(element, "iq", NS_CLIENT);
}

static void stranger_received(struct stream *stream, struct arena *arena, const struct element *element)
{
	if (stream->state == STREAM_OPEN && element_is(element, "starttls", NS_TLS))
		start_tls(stream);
	else if (element_is(element, "enable", NS_SM) || element_is(element, "resume", NS_SM))
		sm_fail(stream, "unexpected-request"); /* too early, which ends no stream (XEP-0198 section 3) */
	else if (!sasl_received(stream, arena, element))
		stream_end(stream, "not-authorized", "Log in first.");
}

void stream_logged_in(struct stream *stream)
{
	parser_set_limits(stream->parser, NULL);
	stream_restart(stream);
	stream_set_due(stream);
}

void stream_logged_in_at_once(struct stream *stream, const struct bound *bound)
{
	parser_set_limits(stream->parser, NULL);
	stream_set_due(stream);
	if (bound->resumed)
		session_resumed(bound->session, stream);
	else
		send_features(stream);
}

void stream_bound(struct stream *stream, struct session *session)
{
	stream->session = session;
	if (stream->counted)
		stream->server->stranger_count--;
	stream->counted = false;
	list_remove(&stream->node);
	list_append(&stream->server->bound, &stream->node);
	stream_move(stream, STREAM_BOUND);
}

/* ---- Input ---- */

/* What only a framed stream has; false if it is none of it. */
static bool frame_received(struct stream *stream, const struct element *element)
{
	stream->elements++;
	if (stream->elements > 1) {
		stream_end(stream, "not-well-formed", "A message holds one element.");
	} else if (element_is(element, "close", NS_FRAMING)) {
		stream->said_goodbye = true;
		stream_end(stream, NULL, NULL);
	} else if (element_is(element, "open", NS_FRAMING) && stream->state == STREAM_HEADER) {
		header_received(stream, element);
	} else if (stream->state == STREAM_HEADER || element_is(element, NULL, NS_FRAMING)) {
		stream_end(stream, "bad-format", "A stream begins with <open/>.");
	} else {
		return false;
	}
	return true;
}

static void on_stanza(void *arg, struct arena *arena, const struct element *element)
{
	struct stream *stream = arg;
	if (stream->channel->framed && frame_received(stream, element))
		return;
	if (stream->state == STREAM_BOUND && is_stanza(element))
		session_received(stream->session, arena, element);
	else if (stream->state == STREAM_BOUND && element_is(element, NULL, NS_SM))
		sm_received(stream->session, element);
	else if (stream->state == STREAM_BOUND &&
	         (element_is(element, "active", NS_CSI) || element_is(element, "inactive", NS_CSI)))
		csi_received(stream->session, element);
	else if (stream->state == STREAM_BOUND && element_is(element, "error", NS_STREAMS))
		stream_end(stream, NULL, NULL);
	else if (stream->state == STREAM_BOUND)
		stream_end(stream, "unsupported-stanza-type", "This element has no place here.");
	else if (stream->state == STREAM_READY)
		bind_received(stream, arena, element);
	else
		stranger_received(stream, arena, element);
}

static void on_end(void *arg)
{
	struct stream *stream = arg;
	if (stream->channel->framed) {
		stream_end(stream, "not-well-formed", NULL);
		return;
	}
	stream->said_goodbye = true;
	stream_end(stream, NULL, NULL);
}

/* Around the messages of a framed stream, each of which names its namespace itself. */
static const char frame_header[] = "<stream:stream xmlns:stream='" NS_STREAMS "'>";

static const struct parser_events parser_table = {.header = on_header, .stanza = on_stanza, .end = on_end};

static void on_input(void *arg, const char *bytes, size_t len)
{
	struct stream *stream = arg;
	if (stream->ending.queued)
		return;
	stream->elements = 0;
	enum parser_error error = parser_feed(stream->parser, bytes, len);
	if (error != PARSER_OK)
		stream_end(stream, parser_error_name(error), NULL);
	else if (stream->channel->framed && !stream->elements && len > strspn(bytes, " \t\r\n"))
		stream_end(stream, "not-well-formed", "A message holds one whole element.");
}

static void on_secured(void *arg)
{
	struct stream *stream = arg;
	if (stream->state == STREAM_SECURING)
		stream_move(stream, STREAM_HEADER);
}

static void on_drained(void *arg)
{
}

static void on_closed(void *arg, const char *reason)
{
	struct stream *stream = arg;
	log_debug("connection ended peer=%s user=%s reason=%s", channel_peer(stream->channel),
	          stream->jid ? stream->jid : "", log_quote(reason));
	stream->farewell = false;
	stream_free(stream);
}

static const struct channel_events channel_table = {
    .input = on_input, .secured = on_secured, .drained = on_drained, .closed = on_closed};

void stream_new(struct server *server, struct channel *channel)
{
	struct stream *stream = mem_new(sizeof *stream);
	stream->server = server;
	stream->channel = channel;
	channel->events = &channel_table;
	channel->arg = stream;
	stream->parser = parser_new(&(struct parser_limits){.stanza_bytes = STRANGER_BYTES, .depth = STRANGER_DEPTH},
	                            &parser_table, stream);
	if (channel->framed)
		parser_feed(stream->parser, frame_header, sizeof frame_header - 1);
	stream_set_due(stream);
	stream->counted = true;
	server->stranger_count++;
	server_tick_start(server);
	list_append(&server->strangers, &stream->node);
}
