/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the XMPP servers of users allow the gateway to do in their names (XEP-0356, versions 1 and 2). Each says so for
 * itself, by a message right after the link stands; nothing is believed beyond that link's end. */
#ifndef SPECTRUM_FRONTEND_PRIVILEGE_H
#define SPECTRUM_FRONTEND_PRIVILEGE_H

#include <stdbool.h>

#include "lib/xmpp/element.h"

#define PRIVILEGE_NAMESPACES 32

/* IQ requests with this namespace in the name of a user. */
struct privilege_iq {
	char *ns;
	bool get, set;
};

struct privilege {
	const char *ns; /* the version that was announced */
	bool roster_get, roster_set;
	bool message; /* type outgoing */
	bool copies;  /* ... and what is sent so is copied to the user's clients and archived (carbon.h) */
	bool presence_managed, presence_roster;
	struct privilege_iq iqs[PRIVILEGE_NAMESPACES];
	unsigned iq_count;
	char host[]; /* whose users it is about */
};

struct privilege_table;

struct privilege_table *privilege_table_new(void);
void privilege_table_free(struct privilege_table **);
/* A message from a host to the gateway: true if it was an advert. It replaces the one before. */
bool privilege_received(struct privilege_table *, const char *host, const struct element *message);
/* NULL if that host has not said anything. */
const struct privilege *privilege_find(const struct privilege_table *, const char *host);
/* For what is found out later. NULL as above. */
struct privilege *privilege_change(struct privilege_table *, const char *host);
/* Whether requests of `type` ("get", "set") with this namespace may be sent in the names of the host's users
 * (privileged_iq_open); also with NULL for the privilege. */
bool privilege_has_iq(const struct privilege *, const char *type, const char *ns);
/* The link is down. */
void privilege_forget_all(struct privilege_table *);

#endif
