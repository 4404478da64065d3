/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages between two, typing and attention. libpurple does not tell when a network has taken a message: a protocol
 * says at once that it can't, or shows an error in the conversation a moment later. So a message that was handed over
 * counts as done when that moment has passed without one. */
#ifndef BACKENDS_LIBPURPLE_TALK_H
#define BACKENDS_LIBPURPLE_TALK_H

#include "backends/libpurple/session.h"

/* After purple_core_init, and before purple_core_quit. */
void talk_start(struct loop *);
void talk_stop(void);

/* Callbacks of the kit. */
void talk_message(struct s2_user *, const struct s2_message *);
void talk_typing(struct s2_user *, const char *peer, enum s2_typing);
void talk_attention(struct s2_user *, const struct s2_message *);

#endif
