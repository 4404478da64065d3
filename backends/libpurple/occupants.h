/* SPDX-License-Identifier: GPL-2.0-or-later */
/* People in rooms, as libpurple's lists have them. */
#ifndef BACKENDS_LIBPURPLE_OCCUPANTS_H
#define BACKENDS_LIBPURPLE_OCCUPANTS_H

#include "backends/libpurple/room.h"

bool occupant_is_self(const struct room *, const char *name);
void occupant_tell(struct room *, const PurpleConvChatBuddy *, bool self);
/* The user, in a chat whose protocol does not list him. */
void occupant_tell_self(struct room *);
void occupant_renamed(struct room *, const char *old_name, const char *new_name, bool self);
/* `words`: why, as the protocol says it; NULL if it does not. */
void occupant_left(struct room *, const char *name, const char *words);
/* The user was put out, and `words` say so: tells that. False if they say nothing of the kind. */
bool occupant_self_left(struct room *, const char *words);

#endif
