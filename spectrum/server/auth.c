/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log-in (RFC 6120 section 6). Only the network knows whether a password is right, so a client that brings one (PLAIN,
 * inside of TLS) gets its answer when the network has given its own. Where the administrator has passwords kept, a
 * client may prove that it knows the one that is kept (SCRAM), and the network is asked with that. A token that stands
 * for a session which is there (XEP-0484) needs no network. Who fails too often waits. */
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

/* ---- What is offered ---- */

/* Clients take the best mechanism that they see, and most of them no other one if that fails. So SCRAM is shown to who
 * says in the stream's header for whom he comes (RFC 6120 section 4.7.1) if that account has keys, and to nobody else.
 * That tells anybody who asks whether it has some; salts made up for accounts without would hide nothing, as they could
 * not log in by them.
 *
 * A proof that is wrong may be that of a new password, which only the network knows, and a client may not be able to
 * bind as we do: who has not got in from here sees PLAIN alone the next time. */
void auth_claim(struct stream *stream, const char *from)
{
	struct server *server = stream->server;
	struct jid jid;
	mem_replace(&stream->claimed, NULL);
	if (from && jid_parse(server_arena(server), from, &jid) && keyring_find(server->keyring, jid.bare) &&
	    !account_is_admin(server->hub, jid.bare))
		stream->claimed = mem_strdup(jid.bare);
}

/* What the stream exports to bind to; also where the client does not bind, so that it is noticed if somebody has hidden
 * that it can. */
static const unsigned char *binding_of(const struct stream *stream, unsigned char binding[32])
{
	return channel_export(stream->channel, binding) ? binding : NULL;
}

static bool can_begin(const struct stream *stream, enum sasl_mechanism mechanism)
{
	if (mechanism == SASL_PLAIN)
		return true;
	return stream->claimed && keyring_find(stream->server->keyring, stream->claimed) &&
	       (mechanism == SASL_SCRAM_SHA_256 || channel_export(stream->channel, NULL));
}

bool auth_mechanism_is_offered(struct stream *stream, enum sasl_mechanism mechanism)
{
	const struct server *server = stream->server;
	return can_begin(stream, mechanism) &&
	       (mechanism == SASL_PLAIN ||
	        !attempts_has_failed(server->attempts, address_of(stream), stream->claimed, loop_now(server->loop)));
}

bool auth_token_is_offered(const struct stream *stream, enum fast_mechanism mechanism)
{
	return mechanism == FAST_NONE || channel_export(stream->channel, NULL);
}

void auth_end(struct stream *stream)
{
	sasl_server_free(&stream->sasl);
	proof_free(&stream->proof);
	recall_cancel(&stream->recall);
	mem_replace(&stream->last_word, NULL);
	wish_free(&stream->wish);
}

/* `base64`: what the mechanism has to say with it, NULL for nothing. */
static void succeed(struct stream *stream, const char *mechanism, const char *base64)
{
	struct server *server = stream->server;
	attempts_succeeded(server->attempts, address_of(stream), stream->jid, loop_now(server->loop));
	stream->account = account_take(server, stream->jid, stream->admin);
	log_info("logged in peer=%s user=%s mechanism=%s tls=%d", channel_peer(stream->channel), stream->jid, mechanism,
	         channel_is_secure(stream->channel));
	sasl_server_free(&stream->sasl);
	mem_replace(&stream->claimed, NULL);
	sasl_succeed(stream, base64);
}

/* ---- The network's answer ---- */

/* Another time it may be otherwise. */
static bool is_temporary(enum s2_condition condition)
{
	return condition != S2_NOT_AUTHORIZED && condition != S2_NOT_ALLOWED && condition != S2_REGISTRATION_REQUIRED;
}

static void tell_refused(struct stream *stream, enum s2_condition condition, const char *text)
{
	sasl_fail(stream, is_temporary(condition) ? "temporary-auth-failure" : "not-authorized", text);
}

static void refused(struct stream *stream, enum s2_condition condition, const char *text)
{
	if (!is_temporary(condition))
		attempts_failed(stream->server->attempts, address_of(stream), stream->jid,
		                loop_now(stream->server->loop));
	tell_refused(stream, condition, text);
}

/* The password that is kept is not the network's any more. The client was not wrong about it. */
static void refused_kept(struct stream *stream, enum s2_condition condition, const char *text)
{
	if (condition == S2_NOT_AUTHORIZED)
		keyring_forget(stream->server->keyring, stream->jid);
	tell_refused(stream, condition, text);
}

static void answered(void *arg, enum s2_condition condition, const char *text)
{
	struct stream *stream = arg;
	const char *password = sasl_server_password(stream->sasl); /* NULL: it was the one that is kept */
	if (condition == S2_DONE) {
		if (password)
			keyring_learn(stream->server->keyring, stream->jid, password);
		char *last_word = stream->last_word;
		stream->last_word = NULL;
		succeed(stream, sasl_server_mechanism_name(sasl_server_used(stream->sasl)), last_word);
		free(last_word);
	} else if (password) {
		refused(stream, condition, text);
	} else {
		refused_kept(stream, condition, text);
	}
}

/* ---- Who it is ---- */

/* The prepared node of who calls himself so; NULL or "": nobody can. */
static const char *node_of(struct server *server, const char *name)
{
	struct arena *arena = server_arena(server);
	/* Some clients give the whole address as their name. */
	size_t len = strlen(name), domain = strlen(server->jid);
	if (len > domain && name[len - domain - 1] == '@' && !strcasecmp(name + len - domain, server->jid))
		name = arena_strndup(arena, name, len - domain - 1);
	return jid_prepare_node(arena, name);
}

/* The same, and stream->jid is his address then. NULL: the log-in has failed. */
static const char *identify(struct stream *stream, const char *name)
{
	struct server *server = stream->server;
	const char *node = node_of(server, name);
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

static void ask_network(struct stream *stream, const char *password)
{
	struct server *server = stream->server;
	struct arena *arena = server_arena(server);
	unsigned seconds = (unsigned)config_number(server->config, "service.login_timeout");
	const char *node = arena_strndup(arena, stream->jid, strcspn(stream->jid, "@"));
	stream_move(stream, STREAM_LOGIN);
	stream->due = UINT64_MAX; /* the network's time does not count */
	stream->proof = proof_new(server->hub, stream->jid, contact_name(arena, NULL, node), password, seconds * 1000,
	                          answered, stream);
}

static void ask(struct stream *stream, const char *password)
{
	struct server *server = stream->server;
	if (has_to_wait(stream))
		return;
	stream->admin = account_is_admin(server->hub, stream->jid);
	if (stream->admin) {
		if (is_admin_password(server, password))
			succeed(stream, sasl_server_mechanism_name(SASL_PLAIN), NULL);
		else
			refused(stream, S2_NOT_AUTHORIZED, NULL);
		return;
	}
	ask_network(stream, password);
}

/* ---- With a proof of it (SCRAM) ---- */

static const struct sasl_keys *give_keys(void *arg, const char *name)
{
	const struct stream *stream = arg;
	const char *node = node_of(stream->server, name);
	size_t len = node ? strlen(node) : 0;
	/* Nobody but who was named in the header. */
	bool same = len && !strncmp(node, stream->jid, len) && stream->jid[len] == '@';
	return same ? keyring_find(stream->server->keyring, stream->jid) : NULL;
}

static const struct sasl_asker asker = {give_keys};

static void recalled(void *arg, const char *password, bool broken)
{
	struct stream *stream = arg;
	stream->recall = NULL;
	if (password)
		ask_network(stream, password);
	else
		refused_kept(stream, broken ? S2_REMOTE_SERVER_TIMEOUT : S2_NOT_AUTHORIZED,
		             "Log in with your password.");
}

static void ask_with_kept(struct stream *stream, const char *last_word)
{
	stream_move(stream, STREAM_LOGIN);
	stream->due = UINT64_MAX;
	stream->last_word = mem_strdup(last_word);
	stream->recall = keyring_recall(stream->server->keyring, stream->jid, recalled, stream);
}

/* ---- One exchange ---- */

static bool may_be_whom_he_wants(struct stream *stream)
{
	const char *as = sasl_server_authorization(stream->sasl);
	struct jid wanted;
	if (!*as || (jid_parse(server_arena(stream->server), as, &wanted) && !strcmp(wanted.bare, stream->jid)))
		return true;
	sasl_fail(stream, "invalid-authzid", "You can log in as yourself only.");
	return false;
}

/* Name and password, or the proof, are there: whose are they? */
static void proved(struct stream *stream, const char *last_word)
{
	const char *password = sasl_server_password(stream->sasl);
	if (password) {
		bool usable = *password && strlen(password) <= PASSWORD_BYTES;
		if (!identify(stream, usable ? sasl_server_name(stream->sasl) : ""))
			return;
	}
	if (!may_be_whom_he_wants(stream))
		return;
	if (password)
		ask(stream, password);
	else
		ask_with_kept(stream, last_word);
}

static void wrong(struct stream *stream)
{
	refused(stream, S2_NOT_AUTHORIZED, "The password is not right. If it is a new one, try it once more.");
}

/* Nothing was proved. A client that can't do better should find another way. */
static void impossible(struct stream *stream, const char *condition, const char *text)
{
	struct server *server = stream->server;
	if (stream->jid)
		attempts_note(server->attempts, address_of(stream), stream->jid, loop_now(server->loop));
	sasl_fail(stream, condition, text);
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
		proved(stream, str_text(&out));
		break;
	case SASL_BAD_ENCODING:
		impossible(stream, "incorrect-encoding", NULL);
		break;
	case SASL_WRONG:
		wrong(stream);
		break;
	case SASL_UNFIT:
		impossible(stream, "not-authorized",
		           "The name has to be that of the stream's header, and channel binding is by tls-exporter.");
		break;
	case SASL_MALFORMED:
		impossible(stream, "malformed-request", NULL);
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
		succeed(stream, fast_mechanism_name(mechanism), base64.data);
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
	if (mechanism == SASL_MECHANISMS || !can_begin(stream, mechanism)) {
		sasl_fail(stream, "invalid-mechanism", NULL);
		return;
	}
	if (mechanism != SASL_PLAIN) {
		stream->jid = mem_strdup(stream->claimed);
		if (has_to_wait(stream))
			return;
	}
	unsigned char binding[32];
	stream->sasl =
	    sasl_server_new(mechanism, mechanism == SASL_PLAIN ? NULL : binding_of(stream, binding), &asker, stream);
	if (stream->sasl)
		auth_step(stream, base64);
	else
		sasl_fail(stream, "temporary-auth-failure", NULL);
}
