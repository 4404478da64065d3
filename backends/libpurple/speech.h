/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is said in rooms. */
#ifndef BACKENDS_LIBPURPLE_SPEECH_H
#define BACKENDS_LIBPURPLE_SPEECH_H

#include "backends/libpurple/session.h"

struct room;

void speech_start(void);
/* Sends the message to all in there. The caller has the turn. */
void speech_say(struct session *, struct room *, const struct s2_message *);
/* For the conversations' one table of operations, see talk.c. */
void speech_write(PurpleConversation *, const char *who, const char *html, PurpleMessageFlags, time_t when);

#endif
