/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What protocols remember about an account: tokens of a login by code, device ids and the like, as account settings of
 * libpurple. One file per account below working_dir/accounts, in the format of libpurple's accounts.xml, so that
 * several processes of one gateway do not overwrite each other's; accounts.xml itself, where older installations kept
 * all of them, is read as long as an account has no file of its own. */
#ifndef BACKENDS_LIBPURPLE_STORE_H
#define BACKENDS_LIBPURPLE_STORE_H

#include <purple.h>
#include <stdbool.h>

#include "lib/io/loop.h"

/* Before purple_core_init. */
void store_start(struct loop *);
/* Before purple_core_quit. */
void store_stop(void);

enum store_answer {
	STORE_NOTHING, /* never seen before */
	STORE_LOADED,
	STORE_FOREIGN, /* belongs to another user of the gateway; nothing was loaded */
};
/* Loads what is stored for the account. `owner` is the user's JID. */
enum store_answer store_load(PurpleAccount *, const char *owner);
/* From now on the account belongs to `owner`. */
void store_claim(PurpleAccount *, const char *owner);
/* Stores all accounts in which something has changed. */
void store_save(void);
/* The account is about to be freed. */
void store_forget(const PurpleAccount *);
/* For the event loop: true if the timer that libpurple begins is the one by which it would save its accounts, and must
 * not run. */
bool store_catch(GSourceFunc, gpointer data);

#endif
