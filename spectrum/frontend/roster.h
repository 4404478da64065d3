/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How contacts get into the roster that the user's own server keeps, without a question for each where that can be.
 * The ways, best first, chosen by the user's host:
 *   1 roster sets: the host has granted them (XEP-0356), or takes them without a word (XEP-0321; tried once per host);
 *   2 one roster item exchange (XEP-0144) with the clients that announce it, when no new contact has come for a while;
 *   3 subscription requests with the contact's name (XEP-0172), some at a time.
 * A way that fails is left for the next one until the link to the XMPP server has been made anew. Only who has contacts
 * on their way costs memory. */
#ifndef SPECTRUM_FRONTEND_ROSTER_H
#define SPECTRUM_FRONTEND_ROSTER_H

#include "spectrum/hub/hub.h"

struct frontend;
struct roster_work;

struct roster_work *roster_work_new(struct frontend *);
void roster_work_free(struct roster_work **);

/* The link stands: privileges are about to be announced. And it is gone: whatever was on its way starts over. */
void roster_link_up(struct roster_work *);
void roster_link_down(struct roster_work *);

/* Out of the hub (hub_events). */
void roster_online(void *arg, struct user *);
void roster_buddy_subscribe(void *arg, struct user *, const struct buddy *);
void roster_said(void *arg, struct user *, const struct buddy *, enum s2_subscription_verb);
void roster_buddy_changed(void *arg, struct user *, const struct buddy *);
void roster_buddy_removed(void *arg, struct user *, const struct buddy *);

/* The user has added a contact: soon look how he calls it. */
void roster_look(struct roster_work *, const struct user *);
/* The gateway itself, for who registers and unregisters. */
void roster_add_gateway(struct roster_work *, const char *jid);
void roster_remove_gateway(struct roster_work *, const char *jid);

#endif
