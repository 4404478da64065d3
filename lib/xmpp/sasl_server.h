/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server's side of SASL (RFC 4422), SCRAM on libgsasl: one exchange of a mechanism from a list of allowed ones.
 * What the client sends and gets is base64 here, as it stands in the XML (RFC 6120 section 6.4). */
#ifndef LIB_XMPP_SASL_SERVER_H
#define LIB_XMPP_SASL_SERVER_H

#include <stdbool.h>

#include "lib/base/str.h"

struct sasl_server;

/* What of an account is needed for SCRAM-SHA-256 (RFC 7677); never the password. All texts are base64. */
#define SASL_KEY_TEXT 45
struct sasl_keys {
	unsigned iterations;
	char salt[SASL_KEY_TEXT], stored_key[SASL_KEY_TEXT], server_key[SASL_KEY_TEXT];
};

/* Makes the keys of a password with the salt and the iterations that are in there. Takes some milliseconds: for a
 * thread of its own. False for a password that SASLprep (RFC 4013) would change or refuse: clients don't agree about
 * those. */
bool sasl_keys_make(struct sasl_keys *, const char *password);

enum sasl_mechanism { SASL_PLAIN, SASL_SCRAM_SHA_256, SASL_SCRAM_SHA_256_PLUS, SASL_MECHANISMS };

const char *sasl_server_mechanism_name(enum sasl_mechanism);
/* SASL_MECHANISMS if it is none of ours. */
enum sasl_mechanism sasl_server_mechanism(const char *name);

struct sasl_asker {
	/* The keys of this account for SCRAM: NULL if it has none. Borrowed for the moment. */
	const struct sasl_keys *(*keys)(void *arg, const char *name);
};

/* `binding` is tls-exporter data of 32 bytes, or NULL where no SCRAM-*-PLUS was offered. NULL if the mechanism can't be
 * begun. */
struct sasl_server *sasl_server_new(enum sasl_mechanism, const unsigned char *binding, const struct sasl_asker *,
                                    void *arg);
void sasl_server_free(struct sasl_server **);
enum sasl_mechanism sasl_server_used(const struct sasl_server *);

enum sasl_outcome {
	SASL_MORE,         /* `out` is for the client, more is to come */
	SASL_PROVED,       /* name (and password) are known; `out` goes with the success */
	SASL_MALFORMED,    /* not as the mechanism has it */
	SASL_BAD_ENCODING, /* no base64 */
	SASL_UNFIT, /* well formed, but not to be done: no keys, another binding, or (RFC 5802 section 6) a client
	             * to which somebody has hidden that we can bind. Nothing was proved, right or wrong */
	SASL_WRONG, /* the proof does not hold */
};
/* One message of the client; NULL where it has sent none (an initial response that is missing). For PLAIN the password
 * is taken as it comes: SASL_PROVED says that the message was well formed. */
enum sasl_outcome sasl_server_step(struct sasl_server *, const char *base64, struct str *out);

/* After SASL_PROVED; prepared by nobody. `authorization` is "" unless the client asked to be somebody. */
const char *sasl_server_name(const struct sasl_server *);
const char *sasl_server_authorization(const struct sasl_server *);
const char *sasl_server_password(const struct sasl_server *); /* of PLAIN, else NULL */

#endif
