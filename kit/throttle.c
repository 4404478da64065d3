/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bucket holds time rather than tokens: a piece costs interval_ms, at most burst * interval_ms are saved up. So
 * there are no fractions and nothing has to run while a queue is empty. */
#include "kit/throttle.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"

void throttle_init(struct throttle *throttle, unsigned burst, uint64_t interval_ms, uint64_t now_ms)
{
	*throttle = (struct throttle){.burst = burst ? burst : 1,
	                              .interval_ms = interval_ms,
	                              .updated_ms = now_ms,
	                              .count_limit = SIZE_MAX,
	                              .bytes_limit = SIZE_MAX};
	throttle->credit_ms = throttle->burst * interval_ms;
	list_init(&throttle->queue);
}

void throttle_fini(struct throttle *throttle)
{
	struct throttle_item *item;
	while ((item = throttle_drop(throttle)))
		free(item);
}

void throttle_limit(struct throttle *throttle, size_t count, size_t bytes)
{
	throttle->count_limit = count;
	throttle->bytes_limit = bytes;
}

static void throttle_refill(struct throttle *throttle, uint64_t now_ms)
{
	uint64_t most = throttle->burst * throttle->interval_ms;
	uint64_t passed = now_ms > throttle->updated_ms ? now_ms - throttle->updated_ms : 0;
	uint64_t room = most - throttle->credit_ms;
	throttle->credit_ms += passed < room ? passed : room;
	throttle->updated_ms = now_ms;
}

void throttle_set_rate(struct throttle *throttle, unsigned burst, uint64_t interval_ms, uint64_t now_ms)
{
	throttle_refill(throttle, now_ms);
	burst = burst ? burst : 1;
	uint64_t pieces = throttle->interval_ms ? throttle->credit_ms / throttle->interval_ms : burst;
	throttle->credit_ms = (pieces < burst ? pieces : burst) * interval_ms;
	throttle->burst = burst;
	throttle->interval_ms = interval_ms;
}

bool throttle_push(struct throttle *throttle, const void *bytes, size_t len, void *token)
{
	if (throttle->count >= throttle->count_limit || len > throttle->bytes_limit - throttle->bytes)
		return false;
	struct throttle_item *item = mem_new(sizeof *item + len);
	item->token = token;
	item->len = len;
	if (len)
		memcpy(item->bytes, bytes, len);
	list_append(&throttle->queue, &item->node);
	throttle->count++;
	throttle->bytes += len;
	return true;
}

struct throttle_item *throttle_drop(struct throttle *throttle)
{
	if (list_empty(&throttle->queue))
		return NULL;
	struct throttle_item *item = LIST_ITEM(throttle->queue.next, struct throttle_item, node);
	list_remove(&item->node);
	throttle->count--;
	throttle->bytes -= item->len;
	return item;
}

struct throttle_item *throttle_take(struct throttle *throttle, uint64_t now_ms)
{
	if (throttle_wait_ms(throttle, now_ms) > 0)
		return NULL;
	throttle->credit_ms -= throttle->interval_ms;
	return throttle_drop(throttle);
}

uint64_t throttle_wait_ms(struct throttle *throttle, uint64_t now_ms)
{
	throttle_refill(throttle, now_ms);
	if (list_empty(&throttle->queue))
		return UINT64_MAX;
	return throttle->credit_ms >= throttle->interval_ms ? 0 : throttle->interval_ms - throttle->credit_ms;
}
