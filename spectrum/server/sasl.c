/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a log-in is written on the stream, in the two forms that there are: that of RFC 6120 section 6, and the newer one
 * of XEP-0388, with which binding (XEP-0386), resumption (XEP-0198) and a token (XEP-0484) come in the same step.
 * auth.c decides. */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spectrum/server/inside.h"

#define LOG_AREA "sasl"
#define FAILURES_MOST 5 /* of one stream */

/* ---- Features ---- */

static void write_mechanisms(struct stream *stream, struct writer *writer)
{
	/* The best one first (RFC 6120 section 6.4.1). */
	for (unsigned i = SASL_MECHANISMS; i-- > 0;) {
		if (auth_mechanism_is_offered(stream, i))
			xml_leaf(writer, "mechanism", NULL, sasl_server_mechanism_name(i));
	}
}

/* XEP-0440: beside mechanisms that bind. */
static void write_binding(struct stream *stream, struct writer *writer)
{
	if (!auth_mechanism_is_offered(stream, SASL_SCRAM_SHA_256_PLUS))
		return;
	xml_open(writer, "sasl-channel-binding", NS_SASL_BINDING);
	xml_open(writer, "channel-binding", NULL);
	xml_attr(writer, "type", "tls-exporter");
	xml_close(writer);
	xml_close(writer);
}

static void write_inline(const struct stream *stream, struct writer *writer)
{
	static const char *const features[] = {NS_CARBONS, NS_CSI, NS_SM};
	xml_open(writer, "inline", NULL);
	xml_open(writer, "bind", NS_BIND_2);
	xml_open(writer, "inline", NULL);
	for (size_t i = 0; i < sizeof features / sizeof *features; i++) {
		xml_open(writer, "feature", NULL);
		xml_attr(writer, "var", features[i]);
		xml_close(writer);
	}
	xml_close(writer);
	xml_close(writer);
	xml_empty(writer, "sm", NS_SM);
	xml_open(writer, "fast", NS_FAST);
	for (unsigned i = 0; i < FAST_MECHANISMS; i++) {
		if (auth_token_is_offered(stream, i))
			xml_leaf(writer, "mechanism", NULL, fast_mechanism_name(i));
	}
	xml_close(writer);
	xml_close(writer);
}

void sasl_write_features(struct stream *stream, struct writer *writer)
{
	if (!auth_is_offered(stream))
		return;
	xml_open(writer, "mechanisms", NS_SASL);
	write_mechanisms(stream, writer);
	xml_close(writer);
	xml_open(writer, "authentication", NS_SASL_2);
	write_mechanisms(stream, writer);
	write_inline(stream, writer);
	xml_close(writer);
	write_binding(stream, writer);
}

/* ---- What the client says ---- */

static struct wish *wish_new(const struct element *element)
{
	struct wish *wish = mem_new(sizeof *wish);
	wish->element = element_copy(&wish->arena, element);
	return wish;
}

void wish_free(struct wish **at)
{
	if (*at)
		arena_fini(&(*at)->arena);
	free(*at);
	*at = NULL;
}

static void begin(struct stream *stream, struct arena *arena, const struct element *element)
{
	const char *mechanism = element_get(element, "mechanism");
	if (element_is(element, NULL, NS_SASL)) {
		auth_begin(stream, mechanism, text_or_null(element_text(arena, element)));
		return;
	}
	stream->wish = wish_new(element);
	auth_begin(stream, mechanism, element_child_text(arena, element, "initial-response", NULL));
}

bool sasl_received(struct stream *stream, struct arena *arena, const struct element *element)
{
	bool answers = element_is(element, NULL, stream->wish ? NS_SASL_2 : NS_SASL);
	if (stream->state == STREAM_OPEN &&
	    (element_is(element, "auth", NS_SASL) || element_is(element, "authenticate", NS_SASL_2)))
		begin(stream, arena, element);
	else if (stream->state == STREAM_SASL && answers && element_is(element, "response", NULL))
		auth_step(stream, element_text(arena, element));
	else if ((stream->state == STREAM_SASL || stream->state == STREAM_LOGIN) && answers &&
	         element_is(element, "abort", NULL))
		sasl_fail(stream, "aborted", NULL);
	else
		return false;
	return true;
}

/* ---- What it is told ---- */

static const char *ns_of(const struct stream *stream)
{
	return stream->wish ? NS_SASL_2 : NS_SASL;
}

void sasl_challenge(struct stream *stream, const char *base64)
{
	struct writer *writer = stream_open(stream, "challenge", ns_of(stream));
	xml_text(writer, base64);
	stream_close(stream);
}

void sasl_fail(struct stream *stream, const char *condition, const char *text)
{
	struct writer *writer = stream_open(stream, "failure", ns_of(stream));
	xml_empty(writer, condition, NS_SASL);
	if (text) {
		xml_open(writer, "text", NULL);
		xml_attr(writer, "xml:lang", "en");
		xml_text(writer, text);
		xml_close(writer);
	}
	stream_close(stream);
	log_info("log-in refused peer=%s user=%s condition=%s text=%s", channel_peer(stream->channel),
	         stream->jid ? stream->jid : "", condition, log_quote(text));
	auth_end(stream);
	mem_replace(&stream->jid, NULL);
	stream_move(stream, STREAM_OPEN);
	stream_set_due(stream);
	if (++stream->failures >= FAILURES_MOST)
		stream_end(stream, "policy-violation", "Too many failed log-ins.");
}

static void write_token(struct writer *writer, const struct fast_token *token)
{
	char expiry[CLOCK_TEXT_BYTES];
	if (!*token->text)
		return;
	clock_format(token->expiry, expiry);
	xml_open(writer, "token", NS_FAST);
	xml_attr(writer, "expiry", expiry);
	xml_attr(writer, "token", token->text);
	xml_close(writer);
}

/* All that the client has wished for is done first, so that the answer can tell of it. */
static void succeed_at_once(struct stream *stream, const char *base64)
{
	struct wish *wish = stream->wish;
	struct bound bound;
	struct fast_token token;
	stream->wish = NULL;
	auth_token(stream, wish, &token);
	if (bind_at_once(stream, wish->element, &bound)) {
		struct writer *writer = stream_open(stream, "success", NS_SASL_2);
		xml_leaf(writer, "additional-data", NULL, text_or_null(base64));
		xml_leaf(writer, "authorization-identifier", NULL, bound.session ? bound.session->full : stream->jid);
		bind_write(&bound, writer);
		write_token(writer, &token);
		stream_close(stream);
		stream_logged_in_at_once(stream, &bound);
	}
	OPENSSL_cleanse(&token, sizeof token);
	wish_free(&wish);
}

void sasl_succeed(struct stream *stream, const char *base64)
{
	if (stream->wish) {
		succeed_at_once(stream, base64);
		return;
	}
	struct writer *writer = stream_open(stream, "success", NS_SASL);
	xml_text(writer, text_or_null(base64));
	stream_close(stream);
	stream_logged_in(stream);
}
