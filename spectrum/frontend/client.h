/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the clients of users can do, as far as it matters here: learned from the entity capabilities in their presence
 * (XEP-0115), of which each set is asked for once, or by asking a client itself. Nothing ever waits for it. */
#ifndef SPECTRUM_FRONTEND_CLIENT_H
#define SPECTRUM_FRONTEND_CLIENT_H

#include <stdbool.h>

#include "spectrum/hub/hub.h"

struct frontend;
struct request;
struct client_table;

/* Bits of client_mark. */
enum client_ability {
	CLIENT_ASKED = 1,    /* the answer is on its way */
	CLIENT_KNOWN = 2,    /* the bits below count */
	CLIENT_EXCHANGE = 4, /* takes roster item exchanges (XEP-0144) */
	CLIENT_AVATARS = 8,  /* wants to be told of pictures (XEP-0084) */
	CLIENT_NICKS = 16,   /* ... and of nicknames (XEP-0172) */
	CLIENT_REFUSED = 32, /* has refused an exchange; stays */
};

struct client_table *client_table_new(void);
void client_table_free(struct client_table **);

/* Available presence to the gateway; the hub has taken it over. */
void client_present(struct request *);
/* Asks a client what it can do, unless that is known or under way. */
void client_look(struct frontend *, struct user *, const struct resource *);
/* It has refused a roster item exchange. */
void client_refused(struct user *, const char *name);

#endif
