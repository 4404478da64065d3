/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Passwords of the network that the administrator wants to be kept (service.store_passwords), each with the keys of
 * SCRAM (RFC 5802) that are made of it. The keys are in memory, the passwords are sealed in the database and read when
 * the network has to be asked. An account is here when both are kept, so nobody is offered what he can't do. */
#ifndef SPECTRUM_SERVER_KEYRING_H
#define SPECTRUM_SERVER_KEYRING_H

#include <stdbool.h>

#include "lib/config/config.h"
#include "lib/io/loop.h"
#include "lib/xmpp/sasl_server.h"
#include "spectrum/hub/hub.h"

struct keyring;

/* NULL with *error (owned by the caller) if the key of the configuration is no regular expression. */
struct keyring *keyring_new(struct loop *, const struct config *, char **error);
/* Reads what is kept, and removes what should not be kept any more; `ready` is called when that is done. */
void keyring_attach(struct keyring *, struct hub *, void (*ready)(void *arg), void *arg);
bool keyring_is_ready(const struct keyring *);
void keyring_free(struct keyring **);

/* The keys of an account (bare JID): NULL if it has none. Borrowed for the moment. */
const struct sasl_keys *keyring_find(const struct keyring *, const char *jid);
/* The network has accepted this password. What is new is kept, if the account is one of those. Takes a while. */
void keyring_learn(struct keyring *, const char *jid, const char *password);
/* Password and keys are no good any more. */
void keyring_forget(struct keyring *, const char *jid);

/* Asks for the password. `password` is NULL if there is none any more, `broken` says that the database does not work.
 * The answer never comes inside of the call. */
struct recall;
typedef void keyring_answer(void *arg, const char *password, bool broken);
struct recall *keyring_recall(struct keyring *, const char *jid, keyring_answer *, void *arg);
/* Before the answer; *recall becomes NULL. */
void recall_cancel(struct recall **);

#endif
