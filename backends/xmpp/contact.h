/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One contact: its place in the server's list, and its presences, of which the best one counts. */
#ifndef BACKENDS_XMPP_CONTACT_H
#define BACKENDS_XMPP_CONTACT_H

#include "backends/xmpp/presence.h"
#include "backends/xmpp/user.h"

struct resource;

struct contact {
	char *jid;            /* bare */
	char *alias, *groups; /* NULL = none; groups are joined with \n */
	char *icon_hash;
	struct resource *presences;
	uint8_t subscription; /* s2_subscription */
	uint8_t told; /* s2_status: what the main process was told last */
	bool listed;  /* in the server's list */
	bool asked;   /* the user's request was not answered yet */
	bool request; /* asks to see the user's presence */
	char *words;  /* that he asked with, or NULL */
	bool blocked, was_blocked;
	bool stale; /* not in the list that came just now */
};

struct contact *contact_find(const struct user *, const char *jid);
/* NULL if there are too many. */
struct contact *contact_new(struct user *, const char *jid);
void contact_free(struct user *, struct contact *);

/* Takes an <item/> over; true if there is news for the main process. */
bool contact_update(struct contact *, struct arena *, const struct element *item);
/* Takes name and groups that the user gave; true if they are new. */
bool contact_arrange(struct contact *, const struct s2_buddy *);
/* The <item/> that says so. */
void contact_write(const struct contact *, struct writer *);
/* True if the best presence is another, or its text. */
bool contact_set_presence(struct contact *, const char *resource, const struct presence *);
bool contact_set_icon(struct contact *, const char *hash);
void contact_forget_presences(struct contact *);
/* The main process has heard of it, or should. */
/* The resource of the client that counts, NULL if there is none. */
const char *contact_resource(const struct contact *);
bool contact_is_shown(const struct contact *);
/* For s2_buddy. */
void contact_read(const struct contact *, struct arena *, struct s2_buddy *);

#endif
