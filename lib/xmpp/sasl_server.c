/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/xmpp/sasl_server.h"

#include <gsasl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/encode.h"
#include "lib/base/mem.h"

#define MESSAGE_BYTES 8192 /* of one message of a client */

struct sasl_server {
	Gsasl_session *session;
	enum sasl_mechanism mechanism;
	const struct sasl_asker *asker;
	void *arg;
	char *binding; /* base64 */
	char *name, *authorization, *password;
	bool begun;
};

static const char *const names[SASL_MECHANISMS] = {
    [SASL_PLAIN] = "PLAIN",
    [SASL_SCRAM_SHA_256] = "SCRAM-SHA-256",
    [SASL_SCRAM_SHA_256_PLUS] = "SCRAM-SHA-256-PLUS",
};

const char *sasl_server_mechanism_name(enum sasl_mechanism mechanism)
{
	return names[mechanism];
}

enum sasl_mechanism sasl_server_mechanism(const char *name)
{
	unsigned mechanism = 0;
	while (mechanism < SASL_MECHANISMS && !text_equal(name, names[mechanism]))
		mechanism++;
	return mechanism;
}

static int give_keys(struct sasl_server *sasl, Gsasl_session *session)
{
	struct sasl_keys keys;
	const char *name = gsasl_property_get(session, GSASL_AUTHID);
	char iterations[16];
	if (!name || !sasl->asker || !sasl->asker->keys(sasl->arg, name, &keys))
		return GSASL_NO_CALLBACK;
	snprintf(iterations, sizeof iterations, "%u", keys.iterations);
	gsasl_property_set(session, GSASL_SCRAM_ITER, iterations);
	gsasl_property_set(session, GSASL_SCRAM_SALT, keys.salt);
	gsasl_property_set(session, GSASL_SCRAM_STOREDKEY, keys.stored_key);
	gsasl_property_set(session, GSASL_SCRAM_SERVERKEY, keys.server_key);
	return GSASL_OK;
}

/* The library asks. Anything that it is not told it has to do without. */
static int asked(Gsasl *gsasl, Gsasl_session *session, Gsasl_property property)
{
	struct sasl_server *sasl = gsasl_session_hook_get(session);
	switch (property) {
	case GSASL_VALIDATE_SIMPLE:
		return GSASL_OK; /* only the network knows */
	case GSASL_CB_TLS_EXPORTER:
		if (!sasl->binding)
			return GSASL_NO_CALLBACK;
		gsasl_property_set(session, property, sasl->binding);
		return GSASL_OK;
	case GSASL_SCRAM_ITER:
	case GSASL_SCRAM_SALT:
	case GSASL_SCRAM_STOREDKEY:
	case GSASL_SCRAM_SERVERKEY:
		return give_keys(sasl, session);
	default:
		return GSASL_NO_CALLBACK;
	}
}

/* One for the process; it holds no secrets. */
static Gsasl *library(void)
{
	static Gsasl *gsasl;
	if (!gsasl && gsasl_init(&gsasl) != GSASL_OK)
		abort();
	gsasl_callback_set(gsasl, asked);
	return gsasl;
}

struct sasl_server *sasl_server_new(enum sasl_mechanism mechanism, const unsigned char *binding,
                                    const struct sasl_asker *asker, void *arg)
{
	struct sasl_server *sasl = mem_new(sizeof *sasl);
	sasl->mechanism = mechanism;
	sasl->asker = asker;
	sasl->arg = arg;
	if (binding) {
		struct str text = {0};
		base64_encode(&text, binding, 32);
		sasl->binding = str_take(&text);
	}
	if (gsasl_server_start(library(), names[mechanism], &sasl->session) != GSASL_OK) {
		sasl_server_free(&sasl);
		return NULL;
	}
	gsasl_session_hook_set(sasl->session, sasl);
	return sasl;
}

void sasl_server_free(struct sasl_server **at)
{
	struct sasl_server *sasl = *at;
	if (!sasl)
		return;
	*at = NULL;
	if (sasl->session)
		gsasl_finish(sasl->session);
	free(sasl->binding);
	free(sasl->name);
	free(sasl->authorization);
	mem_free_secret(sasl->password);
	free(sasl);
}

static enum sasl_outcome finish(struct sasl_server *sasl)
{
	sasl->name = mem_strdup(gsasl_property_fast(sasl->session, GSASL_AUTHID));
	sasl->authorization = mem_strdup(gsasl_property_fast(sasl->session, GSASL_AUTHZID));
	if (sasl->mechanism == SASL_PLAIN)
		sasl->password = mem_strdup(gsasl_property_fast(sasl->session, GSASL_PASSWORD));
	return sasl->name && *sasl->name ? SASL_PROVED : SASL_MALFORMED;
}

static enum sasl_outcome step_of(struct sasl_server *sasl, int code)
{
	switch (code) {
	case GSASL_OK:
		return finish(sasl);
	case GSASL_NEEDS_MORE:
		return SASL_MORE;
	case GSASL_AUTHENTICATION_ERROR:
	case GSASL_NO_CALLBACK:
	case GSASL_NO_PASSWORD:
		return SASL_WRONG;
	default:
		return SASL_MALFORMED;
	}
}

enum sasl_outcome sasl_server_step(struct sasl_server *sasl, const char *base64, struct str *out)
{
	struct str in = {0};
	bool empty = base64 && !strcmp(base64, "="); /* RFC 6120 section 6.4.2: there, and of no length */
	if (!base64 && !sasl->begun) {
		sasl->begun = true;
		return SASL_MORE;
	}
	sasl->begun = true;
	if (base64 && strlen(base64) > MESSAGE_BYTES)
		return SASL_MALFORMED;
	if (base64 && !empty && !base64_decode(&in, base64, strlen(base64))) {
		str_fini(&in);
		return SASL_BAD_ENCODING;
	}
	char *answer = NULL;
	size_t len = 0;
	int code = gsasl_step(sasl->session, str_text(&in), in.len, &answer, &len);
	if (code == GSASL_OK || code == GSASL_NEEDS_MORE)
		base64_encode(out, answer ? answer : "", len);
	if (in.data)
		explicit_bzero(in.data, in.len);
	str_fini(&in);
	gsasl_free(answer);
	return step_of(sasl, code);
}

const char *sasl_server_name(const struct sasl_server *sasl)
{
	return sasl->name;
}

const char *sasl_server_authorization(const struct sasl_server *sasl)
{
	/* The library says the name where the client has not asked to be somebody else. */
	return sasl->authorization && strcmp(sasl->authorization, sasl->name) != 0 ? sasl->authorization : "";
}

const char *sasl_server_password(const struct sasl_server *sasl)
{
	return sasl->password;
}
