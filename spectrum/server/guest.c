/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Components of others (XEP-0114, the server's side): each has a domain of its own and a secret, both named in the
 * configuration, and one connection. What goes over it is guest_stanza.c's.
 *
 * A second connection of a domain is refused, as by Prosody: else two processes that are configured alike would throw
 * each other out for ever. The first one is given a byte to answer for, so that one whose process is gone shows. */
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/encode.h"
#include "lib/base/log.h"
#include "lib/base/random.h"
#include "spectrum/server/inside.h"

#define LOG_AREA "guest"
#define STRANGER_BYTES (10u << 10)
#define STRANGER_DEPTH 4
#define STRANGERS_MOST 64      /* connections that have not proved a secret */
#define UNSENT_MOST (8u << 20) /* of one that does not read */
#define SILENT_MS 60000        /* then it gets a blank */
#define HANDSHAKE_BYTES 40

enum guest_state { GUEST_HEADER, GUEST_HANDSHAKE, GUEST_IN };

struct guest_stream {
	struct list node; /* of the server's guest_streams */
	struct server *server;
	struct guest *guest; /* whose domain the header names; NULL before */
	struct channel *channel;
	struct parser *parser;
	struct deferred ending;
	uint64_t due;   /* ms: of the handshake */
	uint64_t spoke; /* ms: when something was sent last */
	enum guest_state state;
	char id[25];
	bool header_sent;
	bool farewell; /* our end of the stream was sent */
};

/* ---- Those that the configuration names ---- */

static void guest_free(struct guest *guest)
{
	map_remove(&guest->server->guests, guest->domain);
	free(guest->domain);
	mem_free_secret(guest->secret);
	free(guest);
}

static void stream_end_as(struct guest_stream *, const char *condition, const char *text);

static void add_guest(void *arg, const char *key)
{
	struct server *server = arg;
	const char *domain = jid_prepare_domain(server_arena(server), strchr(key, '.') + 1);
	const char *secret = config_text(server->config, key);
	if (!domain || !strcmp(domain, server->jid) || strpbrk(domain, "'\"<>&@/ ") || text_empty(secret)) {
		log_error("this component can't be served: its name has to be a domain, not our own, and have a secret "
		          "key=%s",
		          log_quote(key));
		return;
	}
	struct guest *guest = map_get(&server->guests, domain);
	if (!guest) {
		guest = mem_new(sizeof *guest);
		guest->server = server;
		guest->domain = mem_strdup(domain);
		map_put(&server->guests, guest->domain, guest);
	}
	if (guest->stream && strcmp(guest->secret, secret) != 0)
		stream_end_as(guest->stream, "reset", "The secret has changed.");
	mem_free_secret(guest->secret);
	guest->secret = mem_strdup(secret);
	guest->named = true;
}

void guests_load(struct server *server)
{
	MAP_EACH (&server->guests, struct guest, guest)
		guest->named = false;
	config_each(server->config, "components", add_guest, server);
	MAP_EACH (&server->accounts, struct account, account)
		circle_open(account);
	MAP_EACH (&server->guests, struct guest, guest) {
		if (guest->named)
			continue;
		LIST_EACH (&server->guest_streams, node) {
			struct guest_stream *stream = LIST_ITEM(node, struct guest_stream, node);
			if (stream->guest == guest)
				stream_end_as(stream, "host-gone", "This component is not configured here any more.");
			if (stream->guest == guest)
				stream->guest = NULL;
		}
		if (guest->stream)
			guest_gone(guest);
		guest_free(guest);
	}
}

struct guest *guest_find(const struct server *server, const char *address)
{
	if (!server->guests.count || !address)
		return NULL;
	size_t len = strcspn(address, "/");
	const char *at = memchr(address, '@', len), *domain = at ? at + 1 : address;
	char name[JID_PART_BYTES + 1];
	len -= (size_t)(domain - address);
	if (len >= sizeof name)
		return NULL;
	memcpy(name, domain, len);
	name[len] = '\0';
	return map_get(&server->guests, name);
}

bool guest_is_connected(const struct guest *guest)
{
	return guest->stream && !guest->stream->farewell && !guest->stream->ending.queued;
}

/* ---- The end of a stream ---- */

static void guest_stream_free(struct guest_stream *stream)
{
	struct guest *guest = stream->guest;
	loop_defer_cancel(&stream->ending);
	list_remove(&stream->node);
	parser_free(&stream->parser);
	if (stream->farewell)
		channel_finish(&stream->channel);
	else
		channel_free(&stream->channel);
	if (stream->state != GUEST_IN)
		stream->server->guest_strangers--;
	if (guest && guest->stream == stream) {
		log_info("a component has gone domain=%s", guest->domain);
		guest->stream = NULL;
		guest_gone(guest);
	}
	free(stream);
}

static void end_now(void *arg)
{
	guest_stream_free(arg);
}

static void end_later(struct guest_stream *stream)
{
	parser_stop(stream->parser);
	loop_defer(stream->server->loop, &stream->ending, end_now, stream);
}

static void send_bytes(struct guest_stream *stream, const char *bytes, size_t len)
{
	if (stream->farewell || stream->ending.queued)
		return;
	stream->spoke = loop_now(stream->server->loop);
	channel_send(stream->channel, bytes, len);
	if (channel_unsent(stream->channel) <= UNSENT_MOST)
		return;
	log_warn("a component does not read, and is dropped domain=%s", stream->guest ? stream->guest->domain : "");
	end_later(stream); /* no farewell: nobody reads it */
}

static void send_header(struct guest_stream *stream)
{
	struct str header = {0};
	if (stream->header_sent)
		return;
	stream->header_sent = true;
	random_id(stream->id, sizeof stream->id - 1);
	str_addf(&header,
	         "<?xml version='1.0'?><stream:stream xmlns='" NS_COMPONENT "' xmlns:stream='" NS_STREAMS
	         "' from='%s' id='%s'>",
	         stream->guest ? stream->guest->domain : stream->server->jid, stream->id);
	send_bytes(stream, header.data, header.len);
	str_fini(&header);
}

/* `condition` NULL: no error. */
static void stream_end_as(struct guest_stream *stream, const char *condition, const char *text)
{
	struct str bytes = {0};
	struct writer writer;
	if (stream->ending.queued || stream->farewell)
		return;
	send_header(stream);
	if (condition) {
		if (!stream->server->stopping)
			log_warn("the stream of a component was ended peer=%s domain=%s condition=%s text=%s",
			         channel_peer(stream->channel), stream->guest ? stream->guest->domain : "", condition,
			         log_quote(text));
		writer_init(&writer, &bytes, NS_COMPONENT);
		xml_open(&writer, "stream:error", NULL);
		xml_empty(&writer, condition, NS_STREAM_ERRORS);
		xml_leaf(&writer, "text", NS_STREAM_ERRORS, text);
		xml_close(&writer);
		writer_end(&writer);
	}
	str_adds(&bytes, "</stream:stream>");
	send_bytes(stream, bytes.data, bytes.len);
	str_fini(&bytes);
	stream->farewell = true;
	end_later(stream);
}

/* ---- Its beginning ---- */

static void header_received(struct guest_stream *stream, const struct element *header)
{
	struct server *server = stream->server;
	const char *to = element_get(header, "to");
	const char *domain = to ? jid_prepare_domain(server_arena(server), to) : NULL;
	if (!text_equal(element_get(header, "xmlns"), NS_COMPONENT)) {
		stream_end_as(
		    stream, "invalid-namespace",
		    "This port is for components: their streams are in the namespace jabber:component:accept.");
		return;
	}
	if (!domain) {
		stream_end_as(stream, "improper-addressing",
		              "The attribute \"to\" of the stream has to be the component's domain.");
		return;
	}
	stream->guest = map_get(&server->guests, domain);
	if (!stream->guest) {
		stream_end_as(stream, "host-unknown", "No component of this domain is configured here.");
		return;
	}
	send_header(stream);
	stream->state = GUEST_HANDSHAKE;
}

static bool proves_secret(const struct guest_stream *stream, const char *given)
{
	struct str text = {0}, hex = {0};
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	str_addf(&text, "%s%s", stream->id, stream->guest->secret);
	EVP_Digest(text.data, text.len, digest, &len, EVP_sha1(), NULL);
	hex_encode(&hex, digest, len);
	bool proved = hex.len == HANDSHAKE_BYTES && strlen(given) == HANDSHAKE_BYTES &&
	              CRYPTO_memcmp(hex.data, given, HANDSHAKE_BYTES) == 0;
	OPENSSL_cleanse(text.data, text.len);
	str_fini(&text);
	str_fini(&hex);
	return proved;
}

static void handshake_received(struct guest_stream *stream, struct arena *arena, const struct element *element)
{
	struct guest *guest = stream->guest;
	if (!proves_secret(stream, element_text(arena, element))) {
		stream_end_as(stream, "not-authorized", "The secret is not the one that is configured here.");
		return;
	}
	if (guest->stream) {
		send_bytes(guest->stream, " ", 1);
		stream_end_as(stream, "conflict", "This component is connected already.");
		return;
	}
	guest->stream = stream;
	stream->state = GUEST_IN;
	stream->server->guest_strangers--;
	parser_set_limits(stream->parser, NULL);
	send_bytes(stream, "<handshake/>", 12);
	log_info("a component has come domain=%s peer=%s", guest->domain, channel_peer(stream->channel));
	circle_guest(guest, true);
}

/* ---- Stanzas ---- */

/* Elements of one content namespace in the other, which those of a foreign element in between are not. */
static struct element *moved(struct arena *arena, const struct element *element, const char *from, const char *to)
{
	struct element *copy = arena_alloc(arena, sizeof *copy), **tail = &copy->children;
	*copy = *element;
	copy->next = NULL;
	if (!element->name || (element->ns && strcmp(element->ns, from) != 0))
		return copy;
	copy->ns = to;
	copy->children = NULL;
	for (const struct element *child = element->children; child; child = child->next) {
		*tail = moved(arena, child, from, to);
		tail = &(*tail)->next;
	}
	return copy;
}

void guest_send_bytes(struct guest *guest, const struct str *bytes)
{
	if (guest_is_connected(guest))
		send_bytes(guest->stream, bytes->data, bytes->len);
}

void guest_send(struct guest *guest, struct arena *arena, const struct element *stanza)
{
	struct str bytes = {0};
	struct writer writer;
	writer_init(&writer, &bytes, NS_COMPONENT);
	xml_element(&writer, moved(arena, stanza, NS_CLIENT, NS_COMPONENT));
	writer_end(&writer);
	guest_send_bytes(guest, &bytes);
	str_fini(&bytes);
}

static void stanza_received(struct guest_stream *stream, struct arena *arena, const struct element *stanza)
{
	const char *from = element_get(stanza, "from");
	struct jid jid;
	if (text_empty(from)) {
		stream_end_as(stream, "improper-addressing", "A component's stanzas need a \"from\".");
		return;
	}
	if (!jid_parse(arena, from, &jid) || strcmp(jid.domain, stream->guest->domain) != 0) {
		stream_end_as(stream, "invalid-from", "A component's stanzas come from its own domain.");
		return;
	}
	struct element *inside = moved(arena, stanza, NS_COMPONENT, NS_CLIENT);
	element_set(arena, inside, "from", jid.full);
	guest_received(stream->guest, arena, inside);
}

static void on_stanza(void *arg, struct arena *arena, const struct element *element)
{
	struct guest_stream *stream = arg;
	bool stanza = element_is(element, "message", NS_COMPONENT) || element_is(element, "presence", NS_COMPONENT) ||
	              element_is(element, "iq", NS_COMPONENT);
	if (stream->state == GUEST_IN && stanza)
		stanza_received(stream, arena, element);
	else if (element_is(element, "error", NS_STREAMS))
		stream_end_as(stream, NULL, NULL);
	else if (stream->state == GUEST_HANDSHAKE && element_is(element, "handshake", NS_COMPONENT))
		handshake_received(stream, arena, element);
	else if (stream->state == GUEST_IN)
		stream_end_as(stream, "unsupported-stanza-type", "This element has no place here.");
	else
		stream_end_as(stream, "not-authorized", "Prove the secret first.");
}

static void on_header(void *arg, const struct element *header)
{
	header_received(arg, header);
}

static void on_end(void *arg)
{
	stream_end_as(arg, NULL, NULL);
}

static const struct parser_events parser_table = {.header = on_header, .stanza = on_stanza, .end = on_end};

static void on_input(void *arg, const char *bytes, size_t len)
{
	struct guest_stream *stream = arg;
	if (stream->ending.queued)
		return;
	enum parser_error error = parser_feed(stream->parser, bytes, len);
	if (error != PARSER_OK)
		stream_end_as(stream, parser_error_name(error), NULL);
}

static void nothing(void *arg)
{
}

static void on_closed(void *arg, const char *reason)
{
	struct guest_stream *stream = arg;
	log_debug("connection of a component ended peer=%s reason=%s", channel_peer(stream->channel),
	          log_quote(reason));
	stream->farewell = false;
	guest_stream_free(stream);
}

static const struct channel_events channel_table = {
    .input = on_input, .secured = nothing, .drained = nothing, .closed = on_closed};

void guest_stream_new(struct server *server, struct channel *channel)
{
	struct guest_stream *stream = mem_new(sizeof *stream);
	stream->server = server;
	stream->channel = channel;
	channel->events = &channel_table;
	channel->arg = stream;
	stream->parser = parser_new(&(struct parser_limits){.stanza_bytes = STRANGER_BYTES, .depth = STRANGER_DEPTH},
	                            &parser_table, stream);
	stream->due =
	    loop_now(server->loop) + (uint64_t)config_number(server->config, "service.connect_timeout") * 1000;
	server->guest_strangers++;
	list_append(&server->guest_streams, &stream->node);
	server_tick_start(server);
}

/* ---- All of them ---- */

/* The one that has waited longest makes room. */
static void refuse_oldest(struct server *server)
{
	LIST_EACH (&server->guest_streams, node) {
		struct guest_stream *stream = LIST_ITEM(node, struct guest_stream, node);
		if (stream->state == GUEST_IN || stream->ending.queued)
			continue;
		stream_end_as(stream, "resource-constraint", "Too many connections wait for a handshake.");
		return;
	}
}

static void accepted(void *arg, int fd)
{
	struct server *server = arg;
	if (server->stopping) {
		close(fd);
		return;
	}
	if (server->guest_strangers >= STRANGERS_MOST)
		refuse_oldest(server);
	guest_stream_new(server, socket_channel_new(server->loop, fd, NULL));
}

bool guests_open(struct server *server, char **error)
{
	const char *address = config_text(server->config, "service.component_address");
	uint16_t port = (uint16_t)config_number(server->config, "service.component_port");
	if (!port)
		return true;
	guests_load(server);
	server->guest_listener = listener_new(server->loop, address, port, accepted, server);
	if (!server->guest_listener)
		*error =
		    mem_printf("can't listen on service.component_address=%s service.component_port=%u: %s", address,
		               port, errno == EINVAL ? "this is no address of this machine" : strerror(errno));
	return server->guest_listener;
}

void guests_due(struct server *server, uint64_t now)
{
	LIST_EACH (&server->guest_streams, node) {
		struct guest_stream *stream = LIST_ITEM(node, struct guest_stream, node);
		if (stream->state != GUEST_IN && stream->due <= now)
			stream_end_as(stream, "connection-timeout", "The handshake has taken too long.");
		else if (stream->state == GUEST_IN && now - stream->spoke >= SILENT_MS)
			send_bytes(stream, " ", 1); /* the kernel drops who does not acknowledge it */
	}
}

void guests_stop(struct server *server)
{
	listener_free(&server->guest_listener);
	LIST_EACH (&server->guest_streams, node) {
		struct guest_stream *stream = LIST_ITEM(node, struct guest_stream, node);
		stream_end_as(stream, "system-shutdown", NULL);
		channel_flush(stream->channel);
	}
}

void guests_drop(struct server *server)
{
	listener_free(&server->guest_listener);
	LIST_EACH (&server->guest_streams, node)
		guest_stream_free(LIST_ITEM(node, struct guest_stream, node));
}

void guests_free(struct server *server)
{
	guests_drop(server);
	MAP_EACH (&server->guests, struct guest, guest)
		guest_free(guest);
	map_fini(&server->guests);
}
