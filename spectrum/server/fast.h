/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tokens by which a client logs in again without its password (XEP-0484), with the mechanisms HT-SHA-256-* of
 * draft-schmaus-kitten-sasl-ht. A token stands for one session of the user on the network: it is good as long as that
 * lasts, for two weeks at most. Kept in memory only: after a restart clients bring their passwords again. */
#ifndef SPECTRUM_SERVER_FAST_H
#define SPECTRUM_SERVER_FAST_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/str.h"

enum fast_mechanism { FAST_EXPORTER, FAST_NONE, FAST_MECHANISMS };
/* "HT-SHA-256-EXPR", "HT-SHA-256-NONE". */
const char *fast_mechanism_name(enum fast_mechanism);
/* FAST_MECHANISMS if it is none of ours. */
enum fast_mechanism fast_mechanism(const char *name);

struct fast;
struct fast *fast_new(void);
void fast_free(struct fast **);

/* Whose: the user (bare JID) in the session on the network of that number, with the client of that id. */
struct fast_client {
	const char *jid, *agent;
	uint64_t session;
};

#define FAST_TOKEN_BYTES 45
struct fast_token {
	char text[FAST_TOKEN_BYTES];
	int64_t expiry; /* ms since 1970 */
};

/* A new token. The one that the client has used last stays good until this one is used. `now`: ms since 1970. */
void fast_grant(struct fast *, const struct fast_client *, enum fast_mechanism, int64_t now, struct fast_token *);

enum fast_outcome { FAST_RIGHT, FAST_WRONG, FAST_UNKNOWN };
/* The client's message: what comes behind its name and the NUL. `binding` (32 bytes, NULL for FAST_NONE) is what the
 * connection exports. FAST_RIGHT: `out` gets what proves the server, *old says that the token is due for another.
 * FAST_UNKNOWN: there is no such token any more. */
enum fast_outcome fast_check(struct fast *, const struct fast_client *, enum fast_mechanism,
                             const unsigned char *binding, const struct str *message, int64_t now, struct str *out,
                             bool *old);
/* The client's tokens are void, or all of the user's. */
void fast_revoke(struct fast *, const struct fast_client *);
void fast_forget(struct fast *, const char *jid);

#endif
