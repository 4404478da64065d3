/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The client's side of SASL (RFC 4422) through libgsasl: PLAIN, SCRAM-SHA-1 and SCRAM-SHA-256, these two also bound to
 * the TLS connection (RFC 5802, RFC 9266). No other mechanism is ever used, whatever the library knows. For
 * lib/xmpp/client. */
#ifndef LIB_XMPP_SASL_H
#define LIB_XMPP_SASL_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/str.h"

struct sasl;

enum { SASL_KEY_BYTES = 32, SASL_BINDING_BYTES = 32, SASL_SALT_BYTES = 128 };

/* What SCRAM makes of a password: takes a millisecond or many, so it is remembered from one log-in to the next. */
struct sasl_key {
	bool sha256;
	unsigned iterations; /* 0 = there is none */
	size_t salt_len;
	unsigned char salt[SASL_SALT_BYTES];
	unsigned char key[SASL_KEY_BYTES];
};

/* What the server offers, and how. */
struct sasl_offer {
	unsigned mechanisms;          /* bits of sasl_mechanism_bit */
	bool secure;                  /* the stream is encrypted: a password may be shown */
	bool exporter;                /* the server can bind by tls-exporter (XEP-0440) */
	const unsigned char *binding; /* SASL_BINDING_BYTES of this connection, NULL if it has none */
};

/* A bit for a mechanism of ours, 0 for any other. */
unsigned sasl_mechanism_bit(const char *name);
/* The name of the best one that may be used, NULL if there is none. */
const char *sasl_choose(const struct sasl_offer *);

/* Begins with the mechanism that sasl_choose gave. Texts are copied. NULL if name or password have characters that
 * SASL forbids. */
struct sasl *sasl_new(const char *mechanism, const struct sasl_offer *, const char *name, const char *password);
void sasl_free(struct sasl **);

enum sasl_step {
	SASL_SEND,   /* `answer` goes to the server */
	SASL_DERIVE, /* sasl_want, sasl_derive (on any thread), then sasl_derived */
	SASL_FAILED, /* the server's word is not what the mechanism says, or it does not know the password itself */
};
/* The server's challenge ("" for the first step), not in base64. */
enum sasl_step sasl_step(struct sasl *, const char *challenge, size_t len, struct str *answer);
/* The last word, that came with the server's success: false if it does not prove that this is the server. */
bool sasl_finish(struct sasl *, const char *data, size_t len);

/* The key that is wanted: salt and iterations. */
const struct sasl_key *sasl_want(const struct sasl *);
/* Computes `key`; pure. */
void sasl_derive(struct sasl_key *, const char *password);
/* Goes on. The key must be that for sasl_want. */
enum sasl_step sasl_derived(struct sasl *, const struct sasl_key *, struct str *answer);

#endif
