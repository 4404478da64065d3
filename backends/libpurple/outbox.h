/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages on the way to a protocol that sends only so many in a time. Such a protocol (IRC) would take them all at
 * once into a queue of its own and say that they are sent; in ours they wait as what they are, not sent yet. */
#ifndef BACKENDS_LIBPURPLE_OUTBOX_H
#define BACKENDS_LIBPURPLE_OUTBOX_H

#include "backends/libpurple/session.h"

void outbox_init(struct session *);
/* Nothing is told: the kit refuses what is left of a user who goes. */
void outbox_forget(struct session *);
/* Before the connection: takes what the account's options say about the rate away from the plugin. */
void outbox_set_rate(struct session *);
/* Calls `deliver` with the message, or a copy of it, as soon as its turn has come; refuses it if too many wait. */
void outbox_put(struct session *, const struct s2_message *,
                void (*deliver)(struct session *, const struct s2_message *));
/* The same for a join. */
void outbox_put_join(struct session *, const struct s2_room *, void (*join)(struct session *, const struct s2_room *));

#endif
