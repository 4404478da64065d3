/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The user's nickname on one server: asked for at the login, renamed there if it is taken, taken back after a
 * reconnect, changed by the user or by services. There is one per connection, for all rooms. */
#ifndef BACKENDS_IRC_NICK_H
#define BACKENDS_IRC_NICK_H

#include <stdint.h>

struct network;

/* Sends NICK and USER. */
void nick_begin(struct network *);
/* 001 says what became of it. */
void nick_welcomed(struct network *, const char *nick);
/* The user wants another one. */
void nick_change(struct network *, const char *nick);
void nick_tick(struct network *, uint64_t now);

#endif
