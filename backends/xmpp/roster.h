/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The contacts of one account (RFC 6121 sections 2 and 3): what the server's list and their presences say goes to the
 * main process, what the user does to them goes to the server. Blocking (XEP-0191) is here, too. */
#ifndef BACKENDS_XMPP_ROSTER_H
#define BACKENDS_XMPP_ROSTER_H

#include "backends/xmpp/presence.h"
#include "backends/xmpp/user.h"
#include "lib/xmpp/jid.h"


/* Asks for the list; user_ready follows when it is there. */
void roster_fetch(struct user *);
/* Tells the main process of all. */
void roster_tell_all(struct user *);
/* Contacts that were online before a break and have not shown up again are offline. */
void roster_settle(struct user *);
/* Asks who is blocked. */
void roster_fetch_blocked(struct user *);
void roster_free(struct user *);

/* What came from the server. */
void roster_pushed(struct user *, struct arena *, const struct element *iq, const struct element *query);
void roster_block_pushed(struct user *, struct arena *, const struct element *iq, const struct element *list);
void roster_presence(struct user *, const struct jid *, const struct presence *);
void roster_presence_error(struct user *, struct arena *, const struct jid *, const struct element *stanza);
void roster_asked(struct user *, const struct jid *, const char *words);
void roster_said(struct user *, const struct jid *, enum s2_subscription_verb); /* not S2_SUBSCRIBE */
/* The picture that PEP announced (XEP-0084). */
void roster_avatar(struct user *, const char *bare, const char *hash);
/* The picture's hash of a contact, NULL if there is none. Borrowed. */
const char *roster_avatar_of(const struct user *, const char *bare);

/* Whether somebody may know that we are here: he is subscribed to the user's presence. */
bool roster_trusts(const struct user *, const char *bare);

/* The callbacks of spectrum2/backend.h. */
void user_add_buddy(struct s2_user *, const struct s2_buddy *);
void user_remove_buddy(struct s2_user *, const struct s2_buddy *);
void user_say_subscription(struct s2_user *, const char *name, enum s2_subscription_verb, const char *text);
void user_block_buddy(struct s2_user *, const char *name, bool blocked);

#endif
