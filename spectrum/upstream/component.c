/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/upstream/component.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/encode.h"
#include "lib/base/log.h"
#include "lib/base/random.h"
#include "lib/io/conn.h"
#include "lib/xmpp/ns.h"
#include "lib/xmpp/parser.h"

#define LOG_AREA "component"
#define CONNECT_MS 10000
#define STANZA_BYTES (2u << 20) /* users' rosters come whole */
#define STANZA_NODES 65536
#define HANDSHAKE_MS 15000
#define RETRY_BASE_MS 250
#define RETRY_CAP_MS 15000
#define BARRIER_GAP_MS 50     /* between two barriers under traffic */
#define BARRIER_IDLE_MS 20000 /* between two barriers without any */
#define BARRIER_WAIT_MS 20000 /* without an answer the link is dead */
#define STOP_MS 800           /* for the last messages to be confirmed */
#define KEPT_FULL (16u << 20)
#define KEPT_LOW (8u << 20)
#define UNSENT_FULL (2u << 20) /* bytes that the server has not taken yet */
#define BARRIER_ID "s2-barrier-"

enum component_state { COMPONENT_DOWN, COMPONENT_CONNECTING, COMPONENT_HANDSHAKE, COMPONENT_UP };

struct component {
	struct upstream upstream;
	struct loop *loop;
	const struct config *config;
	const struct upstream_events *events;
	void *arg;
	const char *jid;
	enum component_state state;
	struct conn *conn;
	struct parser *parser;
	struct timer *retry, *barrier_timer;
	struct deferred ending; /* closes outside of the parser's callbacks */
	struct deferred stopping;
	struct timer *stop_timer;
	unsigned attempts;
	char end_reason[200]; /* why the stream was ended, until it is closed */
	bool refused;         /* the secret: said once until it changes */

	struct str kept;     /* messages that are not confirmed */
	size_t kept_covered; /* its front part that the barrier under way confirms */
	uint64_t sequence;   /* of what was handed to events.keep last */
	bool stored;         /* something of it is kept over a restart */
	bool full;
	void (*stopped)(void *arg); /* component_stop's, until it was called */
	uint64_t barrier_sent;      /* ms, 0 = none under way */
	uint64_t barrier_last;
	unsigned barrier_number, stop_barrier;

	struct writer writer;
	struct str scratch; /* takes stanzas while the link is down */
	struct str *out;
	size_t out_start;
	enum upstream_care care;
	bool open;
};

static const char header[] =
    "<?xml version='1.0'?><stream:stream xmlns='" NS_COMPONENT "' xmlns:stream='" NS_STREAMS "' to='%s'>";

/* ---- Going down, and up again ---- */

static void keep(struct component *component, const char *bytes, size_t len)
{
	component->stored = true;
	component->events->keep(component->arg, ++component->sequence, bytes, len);
}

/* All that is in doubt, anew: some of it may be stored from the time that the link was down before. */
static void keep_all(struct component *component)
{
	if (!component->kept.len)
		return;
	if (component->stored)
		component->events->forget(component->arg, component->sequence);
	keep(component, component->kept.data, component->kept.len);
}

static void stop_now(void *arg)
{
	struct component *component = arg;
	void (*stopped)(void *) = component->stopped;
	component->stopped = NULL;
	if (component->state == COMPONENT_UP)
		keep_all(component);
	if (stopped)
		stopped(component->arg);
}

static void link_lost(struct component *component, const char *reason)
{
	bool was_up = component->state == COMPONENT_UP;
	component->state = COMPONENT_DOWN;
	conn_free(&component->conn);
	loop_defer_cancel(&component->ending);
	timer_stop(component->barrier_timer);
	component->barrier_sent = 0;
	component->kept_covered = 0;
	uint64_t delay = backoff_ms(component->attempts++, RETRY_BASE_MS, RETRY_CAP_MS);
	if (!component->refused)
		log_warn("link to the XMPP server %s server=%s port=%lld reason=%s retry_ms=%llu",
		         was_up ? "lost" : "failed", config_text(component->config, "service.server"),
		         (long long)config_number(component->config, "service.port"), log_quote(reason),
		         (unsigned long long)delay);
	timer_start(component->retry, delay, 0);
	if (was_up) {
		keep_all(component);
		component->events->down(component->arg);
	}
}

/* What was said last (a stream error, our end tag) still goes out. */
static void end_now(void *arg)
{
	struct component *component = arg;
	conn_finish(&component->conn);
	link_lost(component, component->end_reason);
}

/* Ends our side and closes, when the parser has returned. `reason` is copied. */
static void stream_end(struct component *component, const char *reason)
{
	if (component->ending.queued)
		return;
	snprintf(component->end_reason, sizeof component->end_reason, "%s", reason);
	conn_write(component->conn, "</stream:stream>", 16);
	parser_stop(component->parser);
	loop_defer(component->loop, &component->ending, end_now, component);
}

static void send_barrier(struct component *component)
{
	if (component->state != COMPONENT_UP || component->barrier_sent)
		return;
	struct writer writer;
	writer_init(&writer, conn_output(component->conn), NS_COMPONENT);
	xml_open(&writer, "iq", NULL);
	xml_attr(&writer, "type", "get");
	xml_attr(&writer, "from", component->jid);
	xml_attr(&writer, "to", component->jid);
	xml_attrf(&writer, "id", BARRIER_ID "%u", ++component->barrier_number);
	xml_empty(&writer, "ping", NS_PING);
	xml_close(&writer);
	writer_end(&writer);
	component->kept_covered = component->kept.len;
	component->barrier_sent = component->barrier_last = loop_now(component->loop);
}

static void barrier_due(void *arg)
{
	struct component *component = arg;
	uint64_t now = loop_now(component->loop);
	if (component->barrier_sent) {
		if (now - component->barrier_sent >= BARRIER_WAIT_MS) {
			link_lost(component, "no answer");
			return;
		}
	} else if (component->kept.len || now - component->barrier_last >= BARRIER_IDLE_MS) {
		send_barrier(component);
	}
	timer_start(component->barrier_timer, component->kept.len ? BARRIER_GAP_MS : BARRIER_IDLE_MS, 0);
}

/* A barrier goes out behind what is kept, but not more often than the gap says. */
static void barrier_wanted(struct component *component)
{
	if (component->state != COMPONENT_UP || component->barrier_sent)
		return;
	uint64_t since = loop_now(component->loop) - component->barrier_last;
	timer_start(component->barrier_timer, since >= BARRIER_GAP_MS ? BARRIER_GAP_MS : BARRIER_GAP_MS - since, 0);
}

static void check_full(struct component *component)
{
	size_t kept = component->kept.len, unsent = component->conn ? conn_unsent(component->conn) : 0;
	bool full =
	    component->full ? kept >= KEPT_LOW || unsent > CONN_LOW_WATER : kept >= KEPT_FULL || unsent >= UNSENT_FULL;
	if (full == component->full)
		return;
	component->full = full;
	log_debug("the backends %s kept=%zu unsent=%zu", full ? "wait" : "go on", kept, unsent);
	component->events->full(component->arg, full);
}

/* The server sent our own IQ back: true if the stanza was that. */
static bool barrier_returned(struct component *component, const struct element *stanza)
{
	const char *id = element_get(stanza, "id");
	if (!element_is(stanza, "iq", NULL) || !id || strncmp(id, BARRIER_ID, strlen(BARRIER_ID)) != 0 ||
	    !text_equal(element_get(stanza, "to"), component->jid))
		return false;
	if (!component->barrier_sent ||
	    (unsigned)strtoul(id + strlen(BARRIER_ID), NULL, 10) != component->barrier_number)
		return true;
	component->barrier_sent = 0;
	str_consume(&component->kept, component->kept_covered);
	component->kept_covered = 0;
	if (!component->kept.len) {
		str_clear(&component->kept, 65536);
		if (component->stored)
			component->events->forget(component->arg, component->sequence);
		component->stored = false;
		timer_start(component->barrier_timer, BARRIER_IDLE_MS, 0);
	} else {
		barrier_wanted(component);
	}
	check_full(component);
	if (component->stopped && component->barrier_number >= component->stop_barrier)
		loop_defer(component->loop, &component->stopping, stop_now, component);
	else if (component->stopped)
		send_barrier(component);
	return true;
}

static void handshake_accepted(struct component *component)
{
	component->state = COMPONENT_UP;
	component->attempts = 0;
	component->refused = false;
	log_info("connected to the XMPP server jid=%s server=%s", component->jid, conn_peer(component->conn));
	timer_start(component->barrier_timer, BARRIER_IDLE_MS, 0);
	if (component->kept.len) {
		conn_write(component->conn, component->kept.data, component->kept.len);
		send_barrier(component);
		timer_start(component->barrier_timer, BARRIER_GAP_MS, 0);
	}
	component->events->up(component->arg);
}

/* ---- The stream ---- */

static void on_header(void *arg, const struct element *element)
{
	struct component *component = arg;
	const char *id = element_get(element, "id"), *secret = config_text(component->config, "service.password");
	struct str text = {0}, answer = {0};
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	str_adds(&text, id);
	str_adds(&text, secret);
	EVP_Digest(str_text(&text), text.len, digest, &len, EVP_sha1(), NULL);
	str_adds(&answer, "<handshake>");
	hex_encode(&answer, digest, len);
	str_adds(&answer, "</handshake>");
	conn_write(component->conn, answer.data, answer.len);
	explicit_bzero(text.data, text.len);
	str_fini(&text);
	str_fini(&answer);
}

static void on_stream_error(struct component *component, struct arena *arena, const struct element *error)
{
	const struct element *condition = element_child(error, NULL, NS_STREAM_ERRORS);
	const char *text = element_child_text(arena, error, "text", NS_STREAM_ERRORS);
	const char *name = condition ? condition->name : "undefined-condition";
	if (component->state == COMPONENT_HANDSHAKE && !strcmp(name, "not-authorized")) {
		if (!component->refused)
			log_error("the XMPP server refused the secret jid=%s: service.password must be the secret that "
			          "the server has "
			          "for this component; trying again from time to time",
			          component->jid);
		component->refused = true;
	}
	stream_end(component, arena_printf(arena, "the server ended the stream: %s%s%s", name, text ? ": " : "",
	                                   text ? text : ""));
}

static void on_stanza(void *arg, struct arena *arena, const struct element *stanza)
{
	struct component *component = arg;
	if (element_is(stanza, "error", NS_STREAMS))
		on_stream_error(component, arena, stanza);
	else if (component->state == COMPONENT_HANDSHAKE && element_is(stanza, "handshake", NS_COMPONENT))
		handshake_accepted(component);
	else if (component->state == COMPONENT_UP && !barrier_returned(component, stanza))
		component->events->stanza(component->arg, arena, stanza);
}

static void on_end(void *arg)
{
	stream_end(arg, "the server ended the stream");
}

static const struct parser_events parser_table = {.header = on_header, .stanza = on_stanza, .end = on_end};

/* ---- The connection ---- */

static void on_connected(void *arg)
{
	struct component *component = arg;
	component->state = COMPONENT_HANDSHAKE;
	parser_restart(component->parser);
	str_addf(conn_output(component->conn), header, component->jid);
	timer_start(component->retry, HANDSHAKE_MS, 0);
}

static const char *error_text(enum parser_error error)
{
	switch (error) {
	case PARSER_NOT_WELL_FORMED:
		return "the server sent what is no XML";
	case PARSER_RESTRICTED_XML:
		return "the server sent XML that has no place in a stream";
	case PARSER_BAD_NAMESPACE:
		return "the server's stream is none of XMPP; service.server and service.port name a component port";
	case PARSER_POLICY_VIOLATION:
		return "the server sent a stanza above the limits";
	default:
		return parser_error_name(error);
	}
}

static void on_input(void *arg, const char *bytes, size_t len)
{
	struct component *component = arg;
	enum parser_error error = parser_feed(component->parser, bytes, len);
	if (component->state == COMPONENT_UP)
		timer_stop(component->retry);
	if (error != PARSER_OK && component->conn && !component->ending.queued) {
		str_addf(conn_output(component->conn),
		         "<stream:error><%s xmlns='" NS_STREAM_ERRORS "'/></stream:error>", parser_error_name(error));
		stream_end(component, error_text(error));
	}
}

static void on_drained(void *arg)
{
	check_full(arg);
}

static void on_closed(void *arg, const char *reason)
{
	link_lost(arg, reason);
}

static const struct conn_events conn_table = {
    .connected = on_connected, .input = on_input, .drained = on_drained, .closed = on_closed};

static void connect_now(void *arg)
{
	struct component *component = arg;
	if (component->state != COMPONENT_DOWN) {
		link_lost(component, "no answer to the handshake");
		return;
	}
	component->state = COMPONENT_CONNECTING;
	component->conn = conn_connect(component->loop, config_text(component->config, "service.server"),
	                               (uint16_t)config_number(component->config, "service.port"), CONNECT_MS, NULL,
	                               &conn_table, component);
}

static struct component *component_of(struct upstream *upstream)
{
	return LIST_ITEM(upstream, struct component, upstream);
}

static void component_start(struct upstream *upstream)
{
	connect_now(component_of(upstream));
}

static void component_stop(struct upstream *upstream, void (*stopped)(void *arg))
{
	struct component *component = component_of(upstream);
	component->stopped = stopped;
	if (component->state != COMPONENT_UP) {
		loop_defer(component->loop, &component->stopping, stop_now, component);
		return;
	}
	send_barrier(component);
	component->stop_barrier = component->barrier_number + (component->kept_covered < component->kept.len);
	timer_start(component->stop_timer, STOP_MS, 0);
}

static void component_free(struct upstream *upstream)
{
	struct component *component = component_of(upstream);
	loop_defer_cancel(&component->ending);
	loop_defer_cancel(&component->stopping);
	if (component->state == COMPONENT_UP) {
		conn_write(component->conn, "</stream:stream>", 16);
		conn_flush(component->conn);
		conn_finish(&component->conn);
	}
	conn_free(&component->conn);
	parser_free(&component->parser);
	timer_free(&component->retry);
	timer_free(&component->stop_timer);
	timer_free(&component->barrier_timer);
	str_fini(&component->kept);
	str_fini(&component->scratch);
	free(component);
}

static bool component_is_up(const struct upstream *upstream)
{
	const struct component *component = LIST_ITEM(upstream, const struct component, upstream);
	return component->state == COMPONENT_UP;
}

static void component_restore(struct upstream *upstream, uint64_t sequence, const char *bytes, size_t len)
{
	struct component *component = component_of(upstream);
	assert(component->state != COMPONENT_UP);
	str_add(&component->kept, bytes, len);
	component->stored = true;
	if (sequence > component->sequence)
		component->sequence = sequence;
}

static struct writer *component_open(struct upstream *upstream, const char *name, enum upstream_care care,
                                     const char *from, const char *to, const char *type)
{
	struct component *component = component_of(upstream);
	struct writer *writer = &component->writer;
	assert(!component->open);
	component->open = true;
	component->care = care;
	component->out = component->state == COMPONENT_UP ? conn_output(component->conn) : &component->scratch;
	component->out_start = component->out->len;
	writer_init(writer, component->out, NS_COMPONENT);
	xml_open(writer, name, NULL);
	xml_attr(writer, "from", from);
	xml_attr(writer, "to", to);
	xml_attr(writer, "type", type);
	return writer;
}

static void component_close(struct upstream *upstream)
{
	struct component *component = component_of(upstream);
	xml_close(&component->writer);
	writer_end(&component->writer);
	component->open = false;
	const char *bytes = component->out->data + component->out_start;
	size_t len = component->out->len - component->out_start;
	if (component->care == UPSTREAM_KEPT) {
		str_add(&component->kept, bytes, len);
		if (component->state != COMPONENT_UP)
			keep(component, bytes, len);
		barrier_wanted(component);
	}
	if (component->out == &component->scratch)
		str_clear(&component->scratch, 65536);
	check_full(component);
}

static const struct upstream_verbs component_verbs = {
    .start = component_start,
    .stop = component_stop,
    .free = component_free,
    .is_up = component_is_up,
    .restore = component_restore,
    .open = component_open,
    .close = component_close,
};

struct upstream *component_new(struct loop *loop, const struct config *config, const struct upstream_events *events,
                               void *arg)
{
	struct component *component = mem_new(sizeof *component);
	component->upstream.verbs = &component_verbs;
	component->loop = loop;
	component->config = config;
	component->events = events;
	component->arg = arg;
	component->jid = config_text(config, "service.jid");
	component->parser = parser_new(&(struct parser_limits){.stanza_bytes = STANZA_BYTES, .children = STANZA_NODES},
	                               &parser_table, component);
	component->retry = timer_new(loop, connect_now, component);
	component->barrier_timer = timer_new(loop, barrier_due, component);
	component->stop_timer = timer_new(loop, stop_now, component);
	return &component->upstream;
}
