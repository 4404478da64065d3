/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cards of contacts, from what protocols show as "user info", and the user's own picture. */
#ifndef BACKENDS_LIBPURPLE_CARDS_H
#define BACKENDS_LIBPURPLE_CARDS_H

#include "backends/libpurple/session.h"

void cards_init(struct session *);
void cards_forget(struct session *);
/* A protocol shows what it knows of `who`. */
void cards_arrived(struct session *, const char *who, PurpleNotifyUserInfo *);

/* Callbacks of the kit. */
void cards_get(struct s2_user *, const char *name, uint32_t request);
void cards_set(struct s2_user *, const struct s2_card *);

#endif
