/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Invitations to rooms. The user is told of them, and accepts one when he joins the room. */
#ifndef BACKENDS_LIBPURPLE_INVITATIONS_H
#define BACKENDS_LIBPURPLE_INVITATIONS_H

#include "backends/libpurple/session.h"

struct invitation;

void invitations_start(void);
void invitations_init(struct session *);
void invitations_forget(struct session *);

/* The one to this room, NULL if there is none. */
struct invitation *invitations_find(const struct session *, const char *room);
/* What the room can be entered with; NULL if there is no invitation, or none is needed. */
const char *invitations_password(const struct invitation *);
/* The user enters the room, either by accepting the invitation, or by himself. Freed. */
void invitations_use(struct session *, struct invitation *, bool accept);
/* Whether the question with this id, which libpurple asks right now, is an invitation that the room's join answers. */
bool invitations_take_question(struct session *, guint question);

#endif
