/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/xmpp/sasl.h"

#include <gsasl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/encode.h"
#include "lib/base/mem.h"

#define ITERATIONS_MOST 1000000 /* half a second of one core */

/* Best first. A bound mechanism proves that nobody sits in the middle. */
static const struct {
	const char *name;
	bool scram, bound, sha256;
} mechanisms[] = {
    {"SCRAM-SHA-256-PLUS", true, true, true}, {"SCRAM-SHA-1-PLUS", true, true, false},
    {"SCRAM-SHA-256", true, false, true},     {"SCRAM-SHA-1", true, false, false},
    {"PLAIN", false, false, false},
};
enum { MECHANISMS = sizeof mechanisms / sizeof *mechanisms };

struct sasl {
	Gsasl_session *session;
	size_t mechanism;
	unsigned steps;
	struct str challenge; /* that waits for the key */
	struct sasl_key key;
};

static size_t mechanism_find(const char *name)
{
	size_t i = 0;
	while (i < MECHANISMS && strcmp(mechanisms[i].name, name) != 0)
		i++;
	return i;
}

unsigned sasl_mechanism_bit(const char *name)
{
	size_t i = mechanism_find(name);
	return i < MECHANISMS ? 1u << i : 0;
}

const char *sasl_choose(const struct sasl_offer *offer)
{
	for (size_t i = 0; i < MECHANISMS; i++) {
		bool may =
		    mechanisms[i].bound ? offer->exporter && offer->binding : mechanisms[i].scram || offer->secure;
		if (may && offer->mechanisms >> i & 1)
			return mechanisms[i].name;
	}
	return NULL;
}

/* One for the process; it holds no secrets. */
static Gsasl *library(void)
{
	static Gsasl *gsasl;
	if (!gsasl && gsasl_init(&gsasl) != GSASL_OK)
		abort();
	return gsasl;
}

struct sasl *sasl_new(const char *mechanism, const struct sasl_offer *offer, const char *name, const char *password)
{
	struct sasl *sasl = mem_new(sizeof *sasl);
	struct str binding = {0};
	sasl->mechanism = mechanism_find(mechanism);
	if (sasl->mechanism == MECHANISMS || gsasl_client_start(library(), mechanism, &sasl->session) != GSASL_OK)
		abort();
	bool fine = gsasl_property_set(sasl->session, GSASL_AUTHID, name) == GSASL_OK;
	if (!mechanisms[sasl->mechanism].scram)
		fine &= gsasl_property_set(sasl->session, GSASL_PASSWORD, password) == GSASL_OK;
	/* The library does not go on without a binding that it knows of, so the unbound mechanisms never hear of it. */
	if (mechanisms[sasl->mechanism].bound) {
		base64_encode(&binding, offer->binding, SASL_BINDING_BYTES);
		fine &= gsasl_property_set(sasl->session, GSASL_CB_TLS_EXPORTER, binding.data) == GSASL_OK;
		str_fini(&binding);
	}
	if (!fine)
		sasl_free(&sasl);
	return sasl;
}

void sasl_free(struct sasl **at)
{
	struct sasl *sasl = *at;
	if (!sasl)
		return;
	*at = NULL;
	gsasl_finish(sasl->session);
	str_fini(&sasl->challenge);
	explicit_bzero(&sasl->key, sizeof sasl->key);
	free(sasl);
}

static enum sasl_step step(struct sasl *sasl, const char *input, size_t len, struct str *answer)
{
	char *output = NULL;
	size_t output_len = 0;
	int result = gsasl_step(sasl->session, len ? input : NULL, len, &output, &output_len);
	if (result != GSASL_OK && result != GSASL_NEEDS_MORE)
		return SASL_FAILED;
	str_add(answer, output ? output : "", output_len);
	gsasl_free(output);
	return SASL_SEND;
}

/* The value of "x=value" in SCRAM's comma-separated list. */
static bool attribute(const char *list, size_t len, char letter, const char **value, size_t *value_len)
{
	for (size_t at = 0; at < len;) {
		const char *comma = memchr(list + at, ',', len - at);
		size_t end = comma ? (size_t)(comma - list) : len;
		if (end - at >= 2 && list[at] == letter && list[at + 1] == '=') {
			*value = list + at + 2;
			*value_len = end - at - 2;
			return true;
		}
		at = end + 1;
	}
	return false;
}

/* Salt and iterations of the server's first message. */
static bool read_salt(struct sasl_key *key, const char *challenge, size_t len)
{
	const char *salt, *count;
	size_t salt_len, count_len;
	struct str bytes = {0};
	char number[8] = "";
	if (!attribute(challenge, len, 's', &salt, &salt_len) || !attribute(challenge, len, 'i', &count, &count_len) ||
	    count_len >= sizeof number)
		return false;
	memcpy(number, count, count_len);
	unsigned long iterations = strtoul(number, NULL, 10);
	bool fine = base64_decode(&bytes, salt, salt_len) && bytes.len && bytes.len <= SASL_SALT_BYTES && iterations &&
	            iterations <= ITERATIONS_MOST;
	if (fine) {
		memcpy(key->salt, bytes.data, bytes.len);
		key->salt_len = bytes.len;
		key->iterations = (unsigned)iterations;
	}
	str_fini(&bytes);
	return fine;
}

enum sasl_step sasl_step(struct sasl *sasl, const char *challenge, size_t len, struct str *answer)
{
	if (sasl->steps++ == 1 && mechanisms[sasl->mechanism].scram) {
		sasl->key.sha256 = mechanisms[sasl->mechanism].sha256;
		if (!read_salt(&sasl->key, challenge, len))
			return SASL_FAILED;
		str_add(&sasl->challenge, challenge, len);
		return SASL_DERIVE;
	}
	return step(sasl, challenge, len, answer);
}

const struct sasl_key *sasl_want(const struct sasl *sasl)
{
	return &sasl->key;
}

void sasl_derive(struct sasl_key *key, const char *password)
{
	char *prepared = NULL;
	const EVP_MD *hash = key->sha256 ? EVP_sha256() : EVP_sha1();
	/* What SASLprep refuses is taken as it is: some servers don't prepare at all. */
	if (gsasl_saslprep(password, GSASL_ALLOW_UNASSIGNED, &prepared, NULL) != GSASL_OK)
		prepared = NULL;
	const char *text = prepared ? prepared : password;
	PKCS5_PBKDF2_HMAC(text, (int)strlen(text), key->salt, (int)key->salt_len, (int)key->iterations, hash,
	                  EVP_MD_get_size(hash), key->key);
	if (prepared)
		explicit_bzero(prepared, strlen(prepared));
	gsasl_free(prepared);
}

enum sasl_step sasl_derived(struct sasl *sasl, const struct sasl_key *key, struct str *answer)
{
	struct str hex = {0}, challenge = sasl->challenge;
	hex_encode(&hex, key->key, key->sha256 ? 32 : 20);
	int result = gsasl_property_set(sasl->session, GSASL_SCRAM_SALTED_PASSWORD, hex.data);
	explicit_bzero(hex.data, hex.len);
	str_fini(&hex);
	sasl->challenge = (struct str){0};
	enum sasl_step next = result == GSASL_OK ? step(sasl, challenge.data, challenge.len, answer) : SASL_FAILED;
	str_fini(&challenge);
	return next;
}

bool sasl_finish(struct sasl *sasl, const char *data, size_t len)
{
	struct str rest = {0};
	if (!mechanisms[sasl->mechanism].scram)
		return len == 0;
	/* Some servers give their proof in a challenge, and an empty success. */
	if (!len)
		return sasl->steps > 2;
	bool fine = sasl->steps == 2 && step(sasl, data, len, &rest) == SASL_SEND && !rest.len;
	str_fini(&rest);
	return fine;
}
