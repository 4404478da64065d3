/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A bounded queue behind a token bucket: what a network lets one user send. `burst` pieces go at once, then one each
 * `interval_ms`. Pure: it is told the time and touches no socket. For kit/session, and for protocols with several rate
 * classes at once. */
#ifndef KIT_THROTTLE_H
#define KIT_THROTTLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/list.h"

struct throttle {
	struct list queue; /* struct throttle_item, oldest first */
	size_t count, bytes;
	size_t count_limit, bytes_limit;
	uint64_t interval_ms; /* 0 = no limit of the rate */
	uint64_t credit_ms;   /* each piece costs interval_ms */
	uint64_t updated_ms;
	unsigned burst;
};

struct throttle_item {
	struct list node;
	void *token;
	size_t len;
	char bytes[];
};

/* The bucket is full at first. */
void throttle_init(struct throttle *, unsigned burst, uint64_t interval_ms, uint64_t now_ms);
/* Frees what waits; tokens are not told. */
void throttle_fini(struct throttle *);
/* Most items and bytes that may wait. */
void throttle_limit(struct throttle *, size_t count, size_t bytes);
/* New figures from the network; what is left in the bucket stays as far as the new burst goes. */
void throttle_set_rate(struct throttle *, unsigned burst, uint64_t interval_ms, uint64_t now_ms);
/* Copies. False, with nothing changed, if the queue is full. */
bool throttle_push(struct throttle *, const void *bytes, size_t len, void *token);
/* The oldest item if its turn has come, else NULL. The caller frees it with free(). */
struct throttle_item *throttle_take(struct throttle *, uint64_t now_ms);
/* The oldest item whether or not its turn has come: to drop what cannot be sent any more. */
struct throttle_item *throttle_drop(struct throttle *);
/* Milliseconds until throttle_take gives an item, 0 = now, UINT64_MAX = the queue is empty. */
uint64_t throttle_wait_ms(struct throttle *, uint64_t now_ms);

#endif
