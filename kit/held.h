/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames about a message of the user that is itself still on its way to the network: a correction or a reaction that
 * follows it at once. They wait until the network has named the message, and get that name. */
#ifndef KIT_HELD_H
#define KIT_HELD_H

#include "lib/wire/wire.h"
#include "spectrum2/backend.h"

/* True: the frame (CONV_MESSAGE or ANNOTATION) waits, and will come back through kit_receive. */
bool kit_hold(struct s2_user *, const struct wire_frame *);
/* The message `id` has ended; `network_id` NULL: the network has no name for it. */
void kit_held_named(struct s2_user *, const char *id, const char *peer, const char *network_id);
/* The user leaves: what waits is refused. */
void kit_held_drop(struct s2_user *);

#endif
