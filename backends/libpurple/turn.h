/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whose turn it is. Many of libpurple's calls to a user interface (notifications, requests without an account) do not
 * say which account they are about. So each timer and each watch of a descriptor remembers the session for which it was
 * made, and while it runs, that session has the turn; what is made meanwhile belongs to it again. */
#ifndef BACKENDS_LIBPURPLE_TURN_H
#define BACKENDS_LIBPURPLE_TURN_H

#include <stdint.h>

/* Number of the session, 0 = nobody's. */
uint64_t turn_owner(void);
/* Returns who had it, to be given back. */
uint64_t turn_take(uint64_t owner);
void turn_give_back(uint64_t owner);

#endif
