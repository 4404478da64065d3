/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the user wrote in another client of the network, shown to his XMPP clients as his own: his server is asked to
 * send it in his name (XEP-0356). Two forms, by what the server does with them: as a message of his to the contact,
 * which the server then copies to his clients and archives; or as a finished carbon (XEP-0280) to himself. */
#ifndef SPECTRUM_FRONTEND_CARBON_H
#define SPECTRUM_FRONTEND_CARBON_H

#include "spectrum/frontend/inside.h"

/* A message of the user to `peer` (bare JID of a contact), open for its content; carbon_close closes it. NULL if his
 * server does not grant that. */
struct writer *carbon_open(struct frontend *, const struct user *, const char *peer, const char *id);
void carbon_close(struct frontend *, struct writer *);
/* A message from the user that is such a copy on its way back to us. */
bool carbon_is_ours(struct frontend *, const struct request *);
/* A host has granted messages: find out which form it needs. */
void carbon_granted(struct frontend *, const char *host);

struct carbon_memory;
void carbon_memory_free(struct carbon_memory **);

#endif
