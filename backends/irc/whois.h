/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Profiles of people on IRC: what WHOIS tells, as a card. The same numerics answer the text command /whois; those that
 * no card waits for are its. */
#ifndef BACKENDS_IRC_WHOIS_H
#define BACKENDS_IRC_WHOIS_H

#include <stdint.h>

struct network;

/* Ends with s2_card for `request`, whose name is `name`. */
void whois_ask(struct network *, const char *nick, const char *name, uint32_t request);
void whois_tick(struct network *, uint64_t now);
/* The connection is gone: nobody will answer. */
void whois_forget(struct network *);

#endif
