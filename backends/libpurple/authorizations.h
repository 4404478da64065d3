/* SPDX-License-Identifier: GPL-2.0-or-later */
/* People who ask to see the user's presence: kept until he has answered, which adding or removing the contact does. */
#ifndef BACKENDS_LIBPURPLE_AUTHORIZATIONS_H
#define BACKENDS_LIBPURPLE_AUTHORIZATIONS_H

#include "backends/libpurple/session.h"

/* After purple_core_init. */
void authorizations_start(void);
void authorizations_init(struct session *);
void authorizations_forget(struct session *);

/* Answers the request of `name`; false if there is none. */
bool authorizations_answer(struct session *, const char *name, bool granted);

#endif
