/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages from the network: channel and private text, notices, CTCP; and which conversation a private message belongs
 * to: the room if the user wrote to that nickname in the room last, else the person. */
#ifndef BACKENDS_IRC_TALK_H
#define BACKENDS_IRC_TALK_H

#include "spectrum2/backend.h"

struct network;

/* The user has written to this nickname: as an occupant of `room`, or (NULL) as a person. */
void talk_note(struct network *, const char *nick, const char *room);
/* Tells this nickname that the user is writing, where the server has message tags. */
void talk_typing(struct network *, const char *nick, enum s2_typing);
/* Frees what was noted. */
void talk_forget(struct network *);

#endif
