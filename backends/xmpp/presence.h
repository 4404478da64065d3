/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Presence (RFC 6121 section 4): the user's own goes out, that of contacts, and their requests, come in. */
#ifndef BACKENDS_XMPP_PRESENCE_H
#define BACKENDS_XMPP_PRESENCE_H

#include "backends/xmpp/user.h"

/* What a presence says, for contacts and occupants alike. */
struct presence {
	enum s2_status status; /* NONE = unavailable */
	int priority;
	const char *text;      /* NULL or borrowed from the stanza */
	const char *icon_hash; /* NULL = nothing about a picture, "" = there is none */
	int64_t idle_since;
};
void presence_read(struct presence *, struct arena *, const struct element *stanza);

void presence_received(struct user *, struct arena *, const struct element *stanza);
/* The user's own, to all contacts. */
void presence_send(struct user *);
/* Subscription stanzas and the like, without anything in them. */
void presence_send_type(struct user *, const char *to, const char *type);
void presence_send_words(struct user *, const char *to, const char *type, const char *words); /* words may be NULL */
/* <show/>, <status/>, capabilities and the own picture into an open presence. */
void presence_write(struct user *, struct writer *);

/* The callback of spectrum2/backend.h. */
void user_set_status(struct s2_user *, enum s2_status, const char *text);

#endif
