/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IQ requests that the network answers itself, where it speaks XMPP: whatever nobody here knows, and all that is for its
 * services. Addresses in attributes named `jid` are those of the network there and those of the gateway here. */
#ifndef SPECTRUM_FRONTEND_FOREIGN_H
#define SPECTRUM_FRONTEND_FOREIGN_H

#include <stdbool.h>

#include "spectrum/frontend/inside.h"

/* The network would take the request. */
bool foreign_takes(const struct request *);
/* ... and nobody here should answer it: it is for a service, or about somebody of whom nothing is known here, or a question
 * that only a client itself can answer. */
bool foreign_owns(const struct request *, const struct element *payload);
/* Hands it on; it is answered later. */
void foreign_ask(struct request *);

/* The answer, with the gateway's addresses; NULL if the network did not answer or refused. Lives during the call. */
typedef void foreign_answer(void *arg, const struct element *iq);
void foreign_get(struct request *, foreign_answer *, void *arg);

/* The node of the user's own server on the network, NULL if there is none: on the request's arena. */
const char *foreign_home(struct request *);

#endif
