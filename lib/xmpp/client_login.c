/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A client's way to a session: TLS (RFC 6120 section 5), SASL (section 6), and both steps in one where the server can
 * (XEP-0388 with XEP-0386). */
#include <stdlib.h>
#include <string.h>

#include "lib/base/encode.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/xmpp/client_failure.h"
#include "lib/xmpp/client_state.h"
#include "lib/xmpp/ns.h"

#define SASL_BYTES (16u << 10)
#define MOST_ROUNDS 16 /* challenges of one log-in */

/* ---- SASL ---- */

static void sasl_go_on(struct client *client, enum sasl_step step, const struct str *answer, const char *mechanism);

/* The session that is wanted goes along with the first step. */
static void write_wish(struct client *client, struct writer *writer)
{
	xml_open(writer, "user-agent", NULL);
	xml_attr(writer, "id", client->options.agent);
	xml_leaf(writer, "software", NULL, "spectrum2");
	xml_close(writer);
	if (client->resume && client->inline_resume)
		client_write_resume(client, writer);
	xml_open(writer, "bind", NS_BIND_2);
	xml_leaf(writer, "tag", NULL, "spectrum2");
	if (client->inline_sm) {
		xml_open(writer, "enable", NS_SM);
		xml_attr(writer, "resume", client->options.no_resumption ? NULL : "true");
		xml_close(writer);
	}
	xml_close(writer);
}

static void write_answer(struct client *client, struct writer *writer, const char *text, const char *mechanism)
{
	const char *ns = client->sasl2 ? NS_SASL_2 : NS_SASL;
	xml_open(writer, !mechanism ? "response" : client->sasl2 ? "authenticate" : "auth", ns);
	xml_attr(writer, "mechanism", mechanism);
	if (mechanism && client->sasl2) {
		xml_leaf(writer, "initial-response", NULL, text);
		write_wish(client, writer);
	} else {
		xml_text(writer, mechanism && !*text ? "=" : text);
	}
	xml_close(writer);
}

static void sasl_send(struct client *client, const struct str *answer, const char *mechanism)
{
	struct writer writer;
	struct str bytes = {0}, text = {0};
	base64_encode(&text, answer->data, answer->len);
	writer_init(&writer, &bytes, NS_CLIENT);
	write_answer(client, &writer, str_text(&text), mechanism);
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
		client_fail_with(client, CLIENT_FATAL, S2_ERROR_AUTHENTICATION_FAILED, "",
		                 "What answers for %s can't prove that it knows the account.");
		break;
	}
}

static void sasl_begin(struct client *client, const struct sasl_offer *offer)
{
	const char *mechanism = sasl_choose(offer);
	if (!mechanism) {
		client_fail_with(client, CLIENT_FATAL, S2_ERROR_AUTHENTICATION_IMPOSSIBLE, "",
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

void client_challenge(struct client *client, struct arena *arena, const struct element *element)
{
	struct str data = {0}, answer = {0};
	if (++client->rounds > MOST_ROUNDS || !decode(&data, element_text(arena, element))) {
		client_fail_strange(client);
	} else {
		enum sasl_step step = sasl_step(client->sasl, str_text(&data), data.len, &answer);
		sasl_go_on(client, step, &answer, NULL);
	}
	str_fini(&data);
	str_fini(&answer);
}

void client_success(struct client *client, struct arena *arena, const struct element *element)
{
	struct str data = {0};
	const char *text = client->sasl2 ? element_child_text(arena, element, "additional-data", NS_SASL_2)
	                                 : element_text(arena, element);
	bool proven = decode(&data, text ? text : "") && sasl_finish(client->sasl, str_text(&data), data.len);
	str_fini(&data);
	if (!proven) {
		sasl_go_on(client, SASL_FAILED, NULL, NULL);
		return;
	}
	sasl_free(&client->sasl);
	client->authenticated = true;
	client->stage = STAGE_AGAIN;
	if (client->sasl2)
		client_bound_inline(client, arena, element);
	else
		client_send_header(client);
}

void client_sasl_failure(struct client *client, struct arena *arena, const struct element *element)
{
	struct client_failure failure = {0};
	failure_of_sasl(&failure, arena, client->options.domain, element);
	explicit_bzero(&client->key, sizeof client->key);
	client_fail(client, &failure);
}

/* ---- Features ---- */

static void read_mechanisms(struct sasl_offer *offer, struct arena *arena, const struct element *features,
                            const struct element *list)
{
	const struct element *one = element_child(list, "mechanism", NULL);
	for (; one; one = element_next(one, "mechanism", NULL))
		offer->mechanisms |= sasl_mechanism_bit(element_text(arena, one));
	list = element_child(features, "sasl-channel-binding", NS_SASL_BINDING);
	one = element_child(list, "channel-binding", NS_SASL_BINDING);
	for (; one; one = element_next(one, "channel-binding", NS_SASL_BINDING))
		offer->exporter |= text_equal(element_get(one, "type"), "tls-exporter");
}

/* What can be done in the same step; false if it is not worth it. */
static bool read_inline(struct client *client, const struct element *authentication)
{
	const struct element *list = element_child(authentication, "inline", NS_SASL_2);
	const struct element *bind = element_child(list, "bind", NS_BIND_2);
	const struct element *feature = element_child(element_child(bind, "inline", NS_BIND_2), "feature", NS_BIND_2);
	client->inline_resume = element_child(list, "sm", NS_SM) != NULL;
	client->inline_sm = false;
	for (; feature; feature = element_next(feature, "feature", NS_BIND_2))
		client->inline_sm |= text_equal(element_get(feature, "var"), NS_SM);
	return bind != NULL;
}

void client_first_features(struct client *client, struct arena *arena, const struct element *features)
{
	bool starttls = element_child(features, "starttls", NS_TLS) != NULL;
	if (!client->secure && starttls) {
		client->stage = STAGE_STARTTLS;
		client_output(client, "<starttls xmlns='" NS_TLS "'/>");
		return;
	}
	if (!client->secure && client->options.require_tls) {
		client_fail_with(client, CLIENT_FATAL, S2_ERROR_NO_SSL_SUPPORT, "",
		                 "%s offers no TLS, so the password was not sent.");
		return;
	}
	struct sasl_offer offer = {.secure = client->secure, .binding = client->has_binding ? client->binding : NULL};
	const struct element *both = element_child(features, "authentication", NS_SASL_2);
	client->sasl2 =
	    both && client->options.agent && read_inline(client, both) && (client->inline_resume || !client->resume);
	read_mechanisms(&offer, arena, features, client->sasl2 ? both : element_child(features, "mechanisms", NS_SASL));
	sasl_begin(client, &offer);
}

void client_proceed(struct client *client, struct arena *arena, const struct element *element)
{
	client->stage = STAGE_HANDSHAKE;
	parser_stop(client->parser); /* what came in the clear behind it is nobody's word */
	if (client->events->start_tls)
		client->events->start_tls(client->arg);
}

void client_tls_failure(struct client *client, struct arena *arena, const struct element *element)
{
	client_fail_with(client, CLIENT_RETRY, S2_ERROR_ENCRYPTION, "",
	                 "%s refused to begin with TLS, which it had offered.");
}
