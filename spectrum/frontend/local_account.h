/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proof of a local account, where registration asks for one (registration.require_local_account): a log-in to that server
 * with what was given, over TLS that is verified. Nobody waits for it but who registers. */
#ifndef SPECTRUM_FRONTEND_LOCAL_ACCOUNT_H
#define SPECTRUM_FRONTEND_LOCAL_ACCOUNT_H

#include "spectrum/hub/hub.h"

struct frontend;

void local_account_init(struct frontend *);
/* Out of the hub (hub_events). */
void local_account_verify(void *arg, const char *jid, const char *name, const char *password, account_verdict *,
                          void *verdict_arg);
/* Before the hub is gone: whoever waits is refused. */
void local_account_cancel_all(struct frontend *);

#endif
