/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the open connection to the first JOIN: CAP, PASS, SASL, 001 and 005, NickServ. */
#ifndef BACKENDS_IRC_LOGIN_H
#define BACKENDS_IRC_LOGIN_H

#include <stdint.h>

struct network;

/* The connection stands: says the first lines. */
void login_begin(struct network *);
/* The connection is gone: forgets what belonged to it. */
void login_forget(struct network *);
void login_tick(struct network *, uint64_t now);

#endif
