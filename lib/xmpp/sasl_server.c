/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/xmpp/sasl_server.h"

#include <gsasl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/encode.h"
#include "lib/base/mem.h"
#include "lib/base/utf8.h"

#define MESSAGE_BYTES 8192 /* of one message of a client */
#define HASH_BYTES 32

struct sasl_server {
	Gsasl_session *session;
	enum sasl_mechanism mechanism;
	const struct sasl_asker *asker;
	void *arg;
	char *binding; /* base64 */
	char *name, *authorization, *password;
	bool begun;
	bool challenged; /* the client has got what it makes its proof with */
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

/* ---- Keys ---- */

static bool is_unchanged(const char *password, Gsasl_saslprep_flags flags)
{
	char *prepared = NULL;
	if (gsasl_saslprep(password, flags, &prepared, NULL) != GSASL_OK)
		return false;
	bool same = !strcmp(password, prepared);
	OPENSSL_cleanse(prepared, strlen(prepared));
	gsasl_free(prepared);
	return same;
}

/* What SASLprep leaves as it is, with characters of Unicode 3.2 only. Which of the flags refuses others depends on the
 * library's version. */
static bool is_prepared(const char *password)
{
	return is_unchanged(password, 0) && is_unchanged(password, GSASL_ALLOW_UNASSIGNED);
}

static void key_text(char out[SASL_KEY_TEXT], const unsigned char key[HASH_BYTES])
{
	struct str text = {0};
	base64_encode(&text, key, HASH_BYTES);
	memcpy(out, text.data, SASL_KEY_TEXT);
	OPENSSL_cleanse(text.data, text.len);
	str_fini(&text);
}

static void hmac(const unsigned char key[HASH_BYTES], const char *text, unsigned char out[HASH_BYTES])
{
	HMAC(EVP_sha256(), key, HASH_BYTES, (const unsigned char *)text, strlen(text), out, NULL);
}

/* RFC 5802 section 3. */
bool sasl_keys_make(struct sasl_keys *keys, const char *password)
{
	unsigned char salted[HASH_BYTES], client[HASH_BYTES], stored[HASH_BYTES], server[HASH_BYTES];
	struct str salt = {0};
	bool good = is_prepared(password) && base64_decode(&salt, keys->salt, strlen(keys->salt)) &&
	            PKCS5_PBKDF2_HMAC(password, (int)strlen(password), (const unsigned char *)salt.data, (int)salt.len,
	                              (int)keys->iterations, EVP_sha256(), sizeof salted, salted) == 1;
	str_fini(&salt);
	if (!good)
		return false;
	hmac(salted, "Client Key", client);
	hmac(salted, "Server Key", server);
	EVP_Digest(client, sizeof client, stored, NULL, EVP_sha256(), NULL);
	key_text(keys->stored_key, stored);
	key_text(keys->server_key, server);
	OPENSSL_cleanse(salted, sizeof salted);
	OPENSSL_cleanse(client, sizeof client);
	OPENSSL_cleanse(server, sizeof server);
	return true;
}

/* ---- Exchanges ---- */

static int give_keys(struct sasl_server *sasl, Gsasl_session *session)
{
	const char *name = gsasl_property_get(session, GSASL_AUTHID);
	const struct sasl_keys *keys = name && sasl->asker ? sasl->asker->keys(sasl->arg, name) : NULL;
	char iterations[16];
	if (!keys)
		return GSASL_NO_CALLBACK;
	snprintf(iterations, sizeof iterations, "%u", keys->iterations);
	gsasl_property_set(session, GSASL_SCRAM_ITER, iterations);
	gsasl_property_set(session, GSASL_SCRAM_SALT, keys->salt);
	gsasl_property_set(session, GSASL_SCRAM_STOREDKEY, keys->stored_key);
	gsasl_property_set(session, GSASL_SCRAM_SERVERKEY, keys->server_key);
	return GSASL_OK;
}

/* The library asks. Anything that it is not told it has to do without. */
static int asked(Gsasl *gsasl, Gsasl_session *session, Gsasl_property property)
{
	struct sasl_server *sasl = gsasl_session_hook_get(session);
	switch (property) {
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
	if (mechanism == SASL_PLAIN)
		return sasl;
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

enum sasl_mechanism sasl_server_used(const struct sasl_server *sasl)
{
	return sasl->mechanism;
}

static enum sasl_outcome finish(struct sasl_server *sasl)
{
	sasl->name = mem_strdup(gsasl_property_fast(sasl->session, GSASL_AUTHID));
	sasl->authorization = mem_strdup(gsasl_property_fast(sasl->session, GSASL_AUTHZID));
	return sasl->name && *sasl->name ? SASL_PROVED : SASL_MALFORMED;
}

/* RFC 4616, without the library: that changes passwords, and refuses some, by SASLprep; but whether one is right is for
 * the network to say. Control characters are nobody's. */
static enum sasl_outcome take_plain(struct sasl_server *sasl, const struct str *in)
{
	const char *as = str_text(in), *end = as + in->len;
	const char *name = memchr(as, '\0', in->len);
	const char *password = name ? memchr(name + 1, '\0', (size_t)(end - name - 1)) : NULL;
	if (!password || memchr(password + 1, '\0', (size_t)(end - password - 1)) || !*++name)
		return SASL_MALFORMED;
	for (const char *at = as; at < end; at++) {
		if ((*at && (unsigned char)*at < ' ') || *at == 0x7f)
			return SASL_MALFORMED;
	}
	password++;
	if (!utf8_xml_valid(as, strlen(as)) || !utf8_xml_valid(name, strlen(name)) ||
	    !utf8_xml_valid(password, strlen(password)))
		return SASL_MALFORMED;
	sasl->authorization = mem_strdup(as);
	sasl->name = mem_strdup(name);
	sasl->password = mem_strdup(password);
	return SASL_PROVED;
}

static enum sasl_outcome step_of(struct sasl_server *sasl, int code)
{
	switch (code) {
	case GSASL_OK:
		return finish(sasl);
	case GSASL_NEEDS_MORE:
		sasl->challenged = true;
		return SASL_MORE;
	case GSASL_AUTHENTICATION_ERROR:
		return sasl->challenged ? SASL_WRONG : SASL_UNFIT;
	case GSASL_NO_CALLBACK:
	case GSASL_NO_PASSWORD:
	case GSASL_NO_CB_TLS_UNIQUE:
	case GSASL_NO_CB_TLS_EXPORTER:
		return SASL_UNFIT;
	default:
		return SASL_MALFORMED;
	}
}

static enum sasl_outcome take_scram(struct sasl_server *sasl, const struct str *in, struct str *out)
{
	char *answer = NULL;
	size_t len = 0;
	/* Only -PLUS may bind; the library would go on. */
	if (sasl->mechanism == SASL_SCRAM_SHA_256 && !sasl->challenged && in->len && *in->data == 'p')
		return SASL_UNFIT;
	int code = gsasl_step(sasl->session, str_text(in), in->len, &answer, &len);
	if (code == GSASL_OK || code == GSASL_NEEDS_MORE)
		base64_encode(out, answer ? answer : "", len);
	gsasl_free(answer);
	return step_of(sasl, code);
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
	enum sasl_outcome outcome = sasl->mechanism == SASL_PLAIN ? take_plain(sasl, &in) : take_scram(sasl, &in, out);
	if (in.data)
		explicit_bzero(in.data, in.len);
	str_fini(&in);
	return outcome;
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
