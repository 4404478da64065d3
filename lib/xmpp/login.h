/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a name and a password are good at an XMPP server: finds it, logs in there, and out again. For everybody who
 * has to know that an account is somebody's own. */
#ifndef LIB_XMPP_LOGIN_H
#define LIB_XMPP_LOGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/io/loop.h"
#include "lib/xmpp/client.h"

struct login;

/* Copied. */
struct login_options {
	const char *jid; /* bare */
	const char *password;
	const char *host;    /* of the server; NULL: as DNS says */
	uint16_t port;       /* with `host`; 0 = 5222 */
	const char *ca_file; /* PEM; NULL: the system's authorities */
	bool insecure;       /* do not check the certificate */
	bool without_tls;    /* go on where the server has none; a password in the clear is not sent even then */
	uint64_t timeout_ms; /* for all of it; 0 = 30 s */
};

/* `done` is called once, from the loop, never before login_new returned: NULL = the account is good; else why it is
 * not, or why nobody knows: `error` tells (S2_ERROR_AUTHENTICATION_FAILED, S2_ERROR_INVALID_USERNAME; all else is
 * trouble on the way), `text` is for people. The login must be freed afterwards, in there or later. */
struct login *login_new(struct loop *, const struct login_options *,
                        void (*done)(void *arg, const struct client_failure *), void *arg);
/* Also cancels. */
void login_free(struct login **);

/* The services of XMPP clients, for conn_connect_service; `domain` is left open. */
extern const struct conn_service login_service;
/* How a lost connection is told: as a failure with a sentence about `domain` on the arena. */
struct conn;
void login_failure(struct client_failure *, struct arena *, const char *domain, const struct conn *,
                   const char *reason);
/* Computes the key on a thread. `done` gets it, borrowed, on the loop; nobody does after work_cancel. */
struct work *login_derive(struct loop *, const struct sasl_key *wanted, const char *password,
                          void (*done)(void *arg, const struct sasl_key *), void *arg);

#endif
