/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Contacts as publishers of personal events (XEP-0163): nickname (XEP-0172), vCard4 (XEP-0292), picture (XEP-0084).
 * Each node has one item, which anybody of ours may ask for; news go to the clients whose capabilities ask for them. */
#ifndef SPECTRUM_FRONTEND_PEP_H
#define SPECTRUM_FRONTEND_PEP_H

#include "spectrum/frontend/inside.h"

/* <pubsub/> with the one item of a node, in an answer to an IQ: write the payload, then pep_close_item and close the
 * stanza. NULL for the id: there is no item, and nothing is to be closed. */
void pep_open_item(struct writer *, const char *node, const char *id);
void pep_close_item(struct writer *);
/* A message with news of a node from a contact to one client, open in the same way; pep_event_close ends it. NULL if
 * the contact has no address. */
struct writer *pep_event_open(struct frontend *, struct user *, const char *client, const char *name, const char *node,
                              const char *id);
void pep_event_close(struct frontend *, struct writer *);

/* It is known now that this client wants to have these (client_ability), or the user has come online with it. */
void pep_client_learned(struct frontend *, struct user *, const char *client, uint8_t abilities);
/* Out of the hub. */
void pep_online(struct frontend *, struct user *);
void pep_nickname_changed(struct frontend *, struct user *, const struct buddy *);

#endif
