/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The buddy list: libpurple's towards the user and back. libpurple has one list for the whole process, in which each
 * buddy belongs to an account; nothing of it is kept in files, as networks keep their lists themselves and the gateway
 * keeps the others. Changes are gathered for a moment, since a log-in brings each contact several times. */
#ifndef BACKENDS_LIBPURPLE_CONTACTS_H
#define BACKENDS_LIBPURPLE_CONTACTS_H

#include "backends/libpurple/session.h"

/* Before and after purple_core_init. */
void contacts_prepare(void);
void contacts_start(void);

void contacts_init(struct session *);
/* The user may be told now. */
void contacts_online(struct session *);
/* The account is disconnected: takes its buddies out of libpurple's list. */
void contacts_forget(struct session *);

/* The name by which the user knows `who`: of a buddy, or without what the protocol does not count as part of it (the
 * resource of a JID). Borrowed until the next call. */
const char *contacts_name(const PurpleAccount *, const char *who);
/* And back: what libpurple calls whom the user names. Borrowed until the next call. */
const char *contacts_purple_name(const PurpleAccount *, const char *name);

/* Callbacks of the kit. */
void contacts_add(struct s2_user *, const struct s2_buddy *);
void contacts_remove(struct s2_user *, const struct s2_buddy *);
void contacts_block(struct s2_user *, const char *name, bool blocked);

#endif
