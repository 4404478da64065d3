/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log-in (RFC 6120 section 6). Only the network knows whether a password is right, so a client that brings one (PLAIN,
 * inside of TLS) gets its answer when the network has given its own. Who fails too often waits. */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "spectrum/server/inside.h"

#define LOG_AREA "auth"
#define NS_SASL "urn:ietf:params:xml:ns:xmpp-sasl"
#define FAILURES_MOST 5 /* of one stream */
#define PASSWORD_BYTES 4096

bool auth_is_offered(const struct stream *stream)
{
	return channel_is_secure(stream->channel) || !stream->server->tls_required;
}

void auth_write_features(struct stream *stream, struct writer *writer)
{
	if (!auth_is_offered(stream))
		return;
	xml_open(writer, "mechanisms", NS_SASL);
	xml_leaf(writer, "mechanism", NULL, sasl_server_mechanism_name(SASL_PLAIN));
	xml_close(writer);
}

void auth_end(struct stream *stream)
{
	sasl_server_free(&stream->sasl);
	proof_free(&stream->proof);
}

/* ---- Answers ---- */

static void fail(struct stream *stream, const char *condition, const char *text)
{
	struct writer *writer = stream_open(stream, "failure", NS_SASL);
	xml_empty(writer, condition, NULL);
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

/* Of an address: without the port; of IPv6 the half that a network has. */
static const char *address_of(struct stream *stream)
{
	char *address = arena_strdup(server_arena(stream->server), channel_peer(stream->channel));
	char *port = strrchr(address, ':');
	if (port)
		*port = '\0';
	if (*address == '[') {
		unsigned colons = 0;
		for (char *at = address; *at; at++) {
			if (*at == ':' && ++colons == 4)
				*at-- = '\0';
		}
	}
	return address;
}

static void succeed(struct stream *stream)
{
	struct server *server = stream->server;
	attempts_succeeded(server->attempts, address_of(stream), stream->jid, loop_now(server->loop));
	stream->account = account_take(server, stream->jid, stream->admin);
	log_info("logged in peer=%s user=%s tls=%d", channel_peer(stream->channel), stream->jid,
	         channel_is_secure(stream->channel));
	stream_open(stream, "success", NS_SASL);
	stream_close(stream);
	sasl_server_free(&stream->sasl);
	stream_logged_in(stream);
}

/* ---- The network's answer ---- */

static void refused(struct stream *stream, enum s2_condition condition, const char *text)
{
	bool wrong =
	    condition == S2_NOT_AUTHORIZED || condition == S2_NOT_ALLOWED || condition == S2_REGISTRATION_REQUIRED;
	if (wrong)
		attempts_failed(stream->server->attempts, address_of(stream), stream->jid,
		                loop_now(stream->server->loop));
	fail(stream, wrong ? "not-authorized" : "temporary-auth-failure", text);
}

static void answered(void *arg, enum s2_condition condition, const char *text)
{
	struct stream *stream = arg;
	if (condition == S2_DONE)
		succeed(stream);
	else
		refused(stream, condition, text);
}

/* ---- What is asked for ---- */

/* C-7: without a password in the configuration nobody logs in as admin. */
static bool is_admin_password(const struct server *server, const char *password)
{
	const char *right = config_text(server->config, "service.admin_password");
	return !text_empty(right) && strlen(right) == strlen(password) &&
	       !CRYPTO_memcmp(right, password, strlen(right));
}

static void ask(struct stream *stream, const char *node, const char *password)
{
	struct server *server = stream->server;
	uint64_t now = loop_now(server->loop);
	uint64_t wait = attempts_wait(server->attempts, address_of(stream), stream->jid, now);
	if (wait) {
		char text[100];
		snprintf(text, sizeof text, "Too many failed log-ins. Try again in %llu seconds.",
		         (unsigned long long)(wait + 999) / 1000);
		fail(stream, "temporary-auth-failure", text);
		return;
	}
	stream->admin = account_is_admin(server->hub, stream->jid);
	if (stream->admin) {
		if (is_admin_password(server, password))
			succeed(stream);
		else
			refused(stream, S2_NOT_AUTHORIZED, NULL);
		return;
	}
	unsigned seconds = (unsigned)config_number(server->config, "service.login_timeout");
	stream_move(stream, STREAM_LOGIN);
	stream->due = UINT64_MAX; /* the network's time does not count */
	stream->proof = proof_new(server->hub, stream->jid, contact_name(server_arena(server), NULL, node), password,
	                          seconds * 1000, answered, stream);
}

/* Name and password are there: whose are they? */
static void proved(struct stream *stream)
{
	struct server *server = stream->server;
	struct arena *arena = server_arena(server);
	const char *name = sasl_server_name(stream->sasl), *as = sasl_server_authorization(stream->sasl);
	const char *password = sasl_server_password(stream->sasl);
	/* Some clients give the whole address as their name. */
	size_t len = strlen(name), domain = strlen(server->jid);
	if (len > domain && name[len - domain - 1] == '@' && !strcasecmp(name + len - domain, server->jid))
		name = arena_strndup(arena, name, len - domain - 1);
	const char *node = jid_prepare_node(arena, name);
	if (!node || !*node || !*password || strlen(password) > PASSWORD_BYTES) {
		fail(stream, "not-authorized",
		     "Give your name on the network, with % in place of @, and its password.");
		return;
	}
	stream->jid = mem_printf("%s@%s", node, server->jid);
	struct jid wanted;
	if (*as && (!jid_parse(arena, as, &wanted) || strcmp(wanted.bare, stream->jid) != 0)) {
		fail(stream, "invalid-authzid", "You can log in as yourself only.");
		return;
	}
	ask(stream, node, password);
}

static void step(struct stream *stream, const char *base64)
{
	struct str out = {0};
	enum sasl_outcome outcome = sasl_server_step(stream->sasl, base64, &out);
	switch (outcome) {
	case SASL_MORE:
		stream_open(stream, "challenge", NS_SASL);
		xml_text(&stream->server->own_writer, str_text(&out));
		stream_close(stream);
		stream_move(stream, STREAM_SASL);
		break;
	case SASL_PROVED:
		proved(stream);
		break;
	case SASL_BAD_ENCODING:
		fail(stream, "incorrect-encoding", NULL);
		break;
	case SASL_WRONG:
		fail(stream, "not-authorized", NULL);
		break;
	case SASL_MALFORMED:
		fail(stream, "malformed-request", NULL);
		break;
	}
	str_fini(&out);
}

static void begin(struct stream *stream, const char *mechanism_name, const char *base64)
{
	enum sasl_mechanism mechanism = sasl_server_mechanism(mechanism_name);
	if (!auth_is_offered(stream)) {
		fail(stream, "encryption-required", "Start TLS first.");
		return;
	}
	if (mechanism != SASL_PLAIN) {
		fail(stream, "invalid-mechanism", NULL);
		return;
	}
	stream->sasl = sasl_server_new(mechanism, NULL, NULL, NULL);
	if (stream->sasl)
		step(stream, text_or_null(base64));
	else
		fail(stream, "temporary-auth-failure", NULL);
}

bool auth_received(struct stream *stream, struct arena *arena, const struct element *element)
{
	if (stream->state == STREAM_OPEN && element_is(element, "auth", NS_SASL)) {
		begin(stream, element_get(element, "mechanism"), element_text(arena, element));
		return true;
	}
	if (stream->state == STREAM_SASL && element_is(element, "response", NS_SASL)) {
		step(stream, element_text(arena, element));
		return true;
	}
	if ((stream->state == STREAM_SASL || stream->state == STREAM_LOGIN) && element_is(element, "abort", NS_SASL)) {
		fail(stream, "aborted", NULL);
		return true;
	}
	return false;
}
