/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log-in (RFC 6120 section 6). Only the network knows whether a password is right, so a client that brings one (PLAIN,
 * inside of TLS) gets its answer when the network has given its own. A token that stands for a session which is there
 * (XEP-0484) needs no network. Who fails too often waits. */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/log.h"
#include "spectrum/server/inside.h"

#define LOG_AREA "auth"
#define PASSWORD_BYTES 4096
#define TOKEN_BYTES 4096 /* of a message with one */

bool auth_is_offered(const struct stream *stream)
{
	return channel_is_secure(stream->channel) || !stream->server->tls_required;
}

bool auth_mechanism_is_offered(const struct stream *stream, enum sasl_mechanism mechanism)
{
	return mechanism == SASL_PLAIN;
}

bool auth_token_is_offered(const struct stream *stream, enum fast_mechanism mechanism)
{
	unsigned char binding[32];
	return mechanism == FAST_NONE || channel_export(stream->channel, binding);
}

void auth_end(struct stream *stream)
{
	sasl_server_free(&stream->sasl);
	proof_free(&stream->proof);
	wish_free(&stream->wish);
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

/* `base64`: what the mechanism has to say with it, NULL for nothing. */
static void succeed(struct stream *stream, const char *base64)
{
	struct server *server = stream->server;
	attempts_succeeded(server->attempts, address_of(stream), stream->jid, loop_now(server->loop));
	stream->account = account_take(server, stream->jid, stream->admin);
	log_info("logged in peer=%s user=%s tls=%d", channel_peer(stream->channel), stream->jid,
	         channel_is_secure(stream->channel));
	sasl_server_free(&stream->sasl);
	sasl_succeed(stream, base64);
}

/* ---- The network's answer ---- */

static void refused(struct stream *stream, enum s2_condition condition, const char *text)
{
	bool wrong =
	    condition == S2_NOT_AUTHORIZED || condition == S2_NOT_ALLOWED || condition == S2_REGISTRATION_REQUIRED;
	if (wrong)
		attempts_failed(stream->server->attempts, address_of(stream), stream->jid,
		                loop_now(stream->server->loop));
	sasl_fail(stream, wrong ? "not-authorized" : "temporary-auth-failure", text);
}

static void answered(void *arg, enum s2_condition condition, const char *text)
{
	struct stream *stream = arg;
	if (condition == S2_DONE)
		succeed(stream, NULL);
	else
		refused(stream, condition, text);
}

/* ---- Who it is ---- */

/* The prepared node of who calls himself so; stream->jid is his address then. NULL: the log-in has failed. */
static const char *identify(struct stream *stream, const char *name)
{
	struct server *server = stream->server;
	struct arena *arena = server_arena(server);
	/* Some clients give the whole address as their name. */
	size_t len = strlen(name), domain = strlen(server->jid);
	if (len > domain && name[len - domain - 1] == '@' && !strcasecmp(name + len - domain, server->jid))
		name = arena_strndup(arena, name, len - domain - 1);
	const char *node = jid_prepare_node(arena, name);
	if (!node || !*node) {
		sasl_fail(stream, "not-authorized",
		          "Give your name on the network, with % in place of @, and its password.");
		return NULL;
	}
	stream->jid = mem_printf("%s@%s", node, server->jid);
	return node;
}

/* Who has failed too often. */
static bool has_to_wait(struct stream *stream)
{
	struct server *server = stream->server;
	uint64_t wait = attempts_wait(server->attempts, address_of(stream), stream->jid, loop_now(server->loop));
	char text[100];
	if (!wait)
		return false;
	snprintf(text, sizeof text, "Too many failed log-ins. Try again in %llu seconds.",
	         (unsigned long long)(wait + 999) / 1000);
	sasl_fail(stream, "temporary-auth-failure", text);
	return true;
}

/* ---- With a password ---- */

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
	if (has_to_wait(stream))
		return;
	stream->admin = account_is_admin(server->hub, stream->jid);
	if (stream->admin) {
		if (is_admin_password(server, password))
			succeed(stream, NULL);
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
	const char *as = sasl_server_authorization(stream->sasl), *password = sasl_server_password(stream->sasl);
	const char *node = *password && strlen(password) <= PASSWORD_BYTES ? sasl_server_name(stream->sasl) : "";
	struct jid wanted;
	node = identify(stream, node);
	if (!node)
		return;
	if (*as && (!jid_parse(server_arena(stream->server), as, &wanted) || strcmp(wanted.bare, stream->jid) != 0)) {
		sasl_fail(stream, "invalid-authzid", "You can log in as yourself only.");
		return;
	}
	ask(stream, node, password);
}

void auth_step(struct stream *stream, const char *base64)
{
	struct str out = {0};
	enum sasl_outcome outcome = sasl_server_step(stream->sasl, base64, &out);
	switch (outcome) {
	case SASL_MORE:
		stream_move(stream, STREAM_SASL);
		sasl_challenge(stream, str_text(&out));
		break;
	case SASL_PROVED:
		proved(stream);
		break;
	case SASL_BAD_ENCODING:
		sasl_fail(stream, "incorrect-encoding", NULL);
		break;
	case SASL_WRONG:
		sasl_fail(stream, "not-authorized", NULL);
		break;
	case SASL_MALFORMED:
		sasl_fail(stream, "malformed-request", NULL);
		break;
	}
	str_fini(&out);
}

/* ---- With a token (XEP-0484) ---- */

static struct fast_client client_of(const struct stream *stream, const struct element *authenticate)
{
	const struct user *user = hub_user(stream->server->hub, stream->jid);
	const char *agent = element_get(element_child(authenticate, "user-agent", NULL), "id");
	return (struct fast_client){stream->jid, agent ? agent : "", user ? user_session(user) : 0};
}

/* `message`: his name, a NUL, the token's proof. */
static void check_token(struct stream *stream, enum fast_mechanism mechanism, const struct str *message)
{
	struct server *server = stream->server;
	unsigned char binding[32];
	struct str proof = {0}, out = {0}, base64 = {0};
	size_t name = strnlen(message->data, message->len);
	if (!identify(stream, str_text(message)) || has_to_wait(stream))
		return;
	struct fast_client client = client_of(stream, stream->wish->element);
	bool bound = mechanism == FAST_EXPORTER;
	str_add(&proof, message->data + name + 1, message->len - name - 1);
	enum fast_outcome outcome = FAST_UNKNOWN;
	if (client.session && (!bound || channel_export(stream->channel, binding)))
		outcome = fast_check(server->fast, &client, mechanism, bound ? binding : NULL, &proof, clock_wall_ms(),
		                     &out, &stream->wish->renew);
	if (outcome == FAST_RIGHT) {
		base64_encode(&base64, out.data, out.len);
		stream->wish->token = true;
		stream->wish->mechanism = mechanism;
		succeed(stream, base64.data);
	} else if (outcome == FAST_WRONG) {
		refused(stream, S2_NOT_AUTHORIZED, NULL);
	} else {
		sasl_fail(stream, "credentials-expired", "Log in with your password.");
	}
	str_fini(&proof);
	str_fini(&out);
	str_fini(&base64);
}

static void begin_token(struct stream *stream, enum fast_mechanism mechanism, const char *base64)
{
	struct str message = {0};
	if (!auth_token_is_offered(stream, mechanism))
		sasl_fail(stream, "invalid-mechanism", NULL);
	else if (!base64 || strlen(base64) > TOKEN_BYTES || !element_child(stream->wish->element, "fast", NS_FAST))
		sasl_fail(stream, "malformed-request", NULL);
	else if (!base64_decode(&message, base64, strlen(base64)))
		sasl_fail(stream, "incorrect-encoding", NULL);
	else if (!message.len || strnlen(message.data, message.len) == message.len)
		sasl_fail(stream, "malformed-request", NULL);
	else
		check_token(stream, mechanism, &message);
	str_fini(&message);
}

static bool is_true(const char *text)
{
	return text_equal(text, "true") || text_equal(text, "1");
}

void auth_token(struct stream *stream, const struct wish *wish, struct fast_token *token)
{
	const struct element *asked = element_child(wish->element, "request-token", NS_FAST),
	                     *used = element_child(wish->element, "fast", NS_FAST);
	enum fast_mechanism mechanism = asked ? fast_mechanism(element_get(asked, "mechanism")) : FAST_MECHANISMS;
	struct fast_client client = client_of(stream, wish->element);
	bool revoked = wish->token && is_true(element_get(used, "invalidate"));
	memset(token, 0, sizeof *token);
	if (revoked)
		fast_revoke(stream->server->fast, &client);
	if (wish->renew && !revoked && !asked)
		mechanism = wish->mechanism;
	/* The administrator has no session on the network that it could stand for. */
	if (client.session && !stream->admin && *client.agent && mechanism != FAST_MECHANISMS)
		fast_grant(stream->server->fast, &client, mechanism, clock_wall_ms(), token);
}

/* ---- The beginning ---- */

void auth_begin(struct stream *stream, const char *name, const char *base64)
{
	enum sasl_mechanism mechanism = sasl_server_mechanism(name);
	enum fast_mechanism token = stream->wish ? fast_mechanism(name) : FAST_MECHANISMS;
	if (!auth_is_offered(stream)) {
		sasl_fail(stream, "encryption-required", "Start TLS first.");
		return;
	}
	if (token != FAST_MECHANISMS) {
		begin_token(stream, token, base64);
		return;
	}
	if (mechanism == SASL_MECHANISMS || !auth_mechanism_is_offered(stream, mechanism)) {
		sasl_fail(stream, "invalid-mechanism", NULL);
		return;
	}
	stream->sasl = sasl_server_new(mechanism, NULL, NULL, NULL);
	if (stream->sasl)
		auth_step(stream, base64);
	else
		sasl_fail(stream, "temporary-auth-failure", NULL);
}
