/* SPDX-License-Identifier: GPL-2.0-or-later */
/* People whom the user has in his roster, and servers: whether they are there. By MONITOR where the server has it, else
 * by asking from time to time (ISON). A network without a contact list: the main process keeps it, and tells it at each
 * log-in. */
#ifndef BACKENDS_IRC_CONTACTS_H
#define BACKENDS_IRC_CONTACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "spectrum2/backend.h"

struct network;
struct user;

void contacts_add(struct s2_user *, const struct s2_buddy *);
void contacts_remove(struct s2_user *, const struct s2_buddy *);
/* Nothing is told. */
void contacts_free(struct user *);

/* The connection stands, or is gone: all of its people are unknown then. */
void contacts_watch(struct network *);
void contacts_lost(struct network *);
void contacts_tick(struct network *, uint64_t now);
/* News of somebody from elsewhere: he is away, or (text NULL) back. */
void contacts_away(struct network *, const char *nick, const char *text);

/* Answers to ISON come in the order of asking; others ask, too (nick.c). */
void contacts_note_ison(struct network *, bool for_contacts);
/* True if the answer, which is taken off the queue, was for somebody else. */
bool contacts_take_ison(struct network *, const char *nicks);

#endif
