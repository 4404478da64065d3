/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What users write as the name of an XMPP account, and where its server is. Pure. */
#ifndef BACKENDS_XMPP_ACCOUNT_H
#define BACKENDS_XMPP_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/mem.h"

/* Texts live on the arena. */
struct account {
	const char *node, *domain; /* prepared */
	const char *bare;
	const char *resource; /* NULL if the name has none */
	const char *agent;    /* NULL: the resource has to be that one */
	const char *host;     /* of the server; NULL = as DNS says */
	uint16_t port;        /* of `host` */
	const char *ascii;    /* the domain as DNS and certificates write it */
};

/* "name@example.org", maybe with "/resource". `server` is xmpp.server: "", "host", "host:port" or "[address]:port".
 * False with a text for people. */
bool account_parse(struct account *, struct arena *, const char *name, const char *server, const char **why);
/* A resource that stays the same for this user of this gateway, so that a session that was left behind is replaced and
 * two users of one account do not throw each other out. */
const char *account_resource(struct arena *, const char *user, const char *gateway);
/* A UUID that does likewise, for servers that make the resource of it (XEP-0386). */
const char *account_agent(struct arena *, const char *user, const char *gateway);

#endif
