/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tickets that have not ended yet, by what will end them: a result, the PONG that answers a PING behind them, or a
 * refusal that has to wait until the stack is unwound. Each is taken out exactly once. */
#ifndef SPECTRUM_LINK_INFLIGHT_H
#define SPECTRUM_LINK_INFLIGHT_H

#include <stdint.h>

#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/base/mem.h"

struct ticket;

struct inflight {
	struct list by_result, by_pong, refused; /* oldest first */
	struct map ids;                          /* of by_result; of several with one user and id the oldest */
};

void inflight_init(struct inflight *);
/* Must be empty. */
void inflight_fini(struct inflight *);
/* Moves all to `to`, which need not be initialised. */
void inflight_move(struct inflight *from, struct inflight *to);

void inflight_await_result(struct inflight *, const char *user, const char *id, struct ticket *);
/* `ping` is the number of the PING whose PONG ends it; not less than that of those before. */
void inflight_await_pong(struct inflight *, uint64_t ping, struct ticket *);
void inflight_refuse(struct inflight *, struct ticket *);

/* The oldest ticket with this user and id; NULL if there is none. The arena is for the look-up. */
struct ticket *inflight_take_result(struct inflight *, struct arena *, const char *user, const char *id);
/* The oldest ticket if PONG number `pong` ends it; else NULL. */
struct ticket *inflight_take_pong(struct inflight *, uint64_t pong);
struct ticket *inflight_take_refused(struct inflight *);
/* Any; NULL if there is none at all. */
struct ticket *inflight_take(struct inflight *);
/* The number of the last PING that a ticket waits for; 0 if none does. */
uint64_t inflight_last_ping(const struct inflight *);

#endif
