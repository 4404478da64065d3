/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tickets of messages that a backend has not confirmed yet, oldest first. Each ends exactly once: taken out by a
 * result, by a PONG that covers it, or by the death of the backend. */
#ifndef SPECTRUM_LINK_INFLIGHT_H
#define SPECTRUM_LINK_INFLIGHT_H

#include <stdint.h>

#include "lib/base/list.h"

struct ticket;

/* `ping` is the number of the PING whose PONG confirms it. */
void inflight_add(struct list *, const char *user, const char *id, uint64_t ping, struct ticket *);
/* The first one with this user and id, taken out; NULL if there is none. */
struct ticket *inflight_take(struct list *, const char *user, const char *id);
/* The oldest one if PONG number `pong` confirms it, taken out; else NULL. */
struct ticket *inflight_take_confirmed(struct list *, uint64_t pong);
/* The oldest one, taken out; NULL if there is none. */
struct ticket *inflight_take_first(struct list *);
/* The number of the PING that the youngest waits for; 0 if there is none. */
uint64_t inflight_last_ping(const struct list *);

#endif
