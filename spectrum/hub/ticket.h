/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a message from a user carries on its way to the network, so that its end can be told to whoever sent it: done,
 * or refused with an error. Made by the frontend, opaque to the link, ended exactly once. */
#ifndef SPECTRUM_HUB_TICKET_H
#define SPECTRUM_HUB_TICKET_H

#include <stdint.h>

#define TICKET_IQ "iq" /* not a message but a request: its sender is also told of success */

struct ticket {
	const char *from; /* full JID of the sender */
	const char *to;   /* the JID that was written to */
	const char *id;   /* of the stanza; NULL if it had none */
	const char *type; /* of the stanza, a literal: "chat", "groupchat", "normal", "headline", or TICKET_IQ */
	uint32_t record;  /* where the journal has it, 0 = nowhere */
};

/* Copies the texts (but for type). One block of memory, freed by ticket_free. */
struct ticket *ticket_new(const char *from, const char *to, const char *id, const char *type);
void ticket_free(struct ticket *);

#endif
