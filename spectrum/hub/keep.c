/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What server mode keeps for its users, in the database or, without one, in memory: the hub only hands it on. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spectrum/hub/instance.h"

#define LOG_AREA "keep"

struct keeping {
	keep_done *done;
	keep_answer *answer;
	void *arg;
};

static struct keeping *keeping_new(keep_done *done, keep_answer *answer, void *arg)
{
	struct keeping *keeping = mem_new(sizeof *keeping);
	*keeping = (struct keeping){done, answer, arg};
	return keeping;
}

static struct store_item to_store(const char *owner, const struct kept *kept)
{
	return (struct store_item){.owner = owner,
	                           .kind = kept->kind,
	                           .node = kept->node,
	                           .id = kept->id,
	                           .content = kept->content,
	                           .time = kept->time ? kept->time : clock_wall_ms(),
	                           .number = kept->number,
	                           .most = kept->most,
	                           .sealed = kept->sealed};
}

static void changed(void *arg, const char *error)
{
	struct keeping keeping = *(struct keeping *)arg;
	free(arg);
	bool full = error && !strcmp(error, STORE_FULL);
	if (error && !full)
		log_warn("not kept: %s", error);
	if (keeping.done)
		keeping.done(keeping.arg, full ? KEEP_FULL : error ? KEEP_FAILED : KEEP_DONE);
}

void keep_put(struct hub *hub, const char *owner, const struct kept *kept, bool refuse, keep_done *done, void *arg)
{
	struct store_item item = to_store(owner, kept);
	store_put_item(hub->store, &item, refuse, changed, keeping_new(done, NULL, arg));
}

void keep_remove(struct hub *hub, const char *owner, const struct kept *kept, keep_done *done, void *arg)
{
	struct store_item item = to_store(owner, kept);
	store_remove_items(hub->store, &item, changed, keeping_new(done, NULL, arg));
}

static void found(void *arg, const struct store_item *items, size_t count, const char *error)
{
	struct keeping keeping = *(struct keeping *)arg;
	free(arg);
	struct kept *all = mem_new((count + 1) * sizeof *all);
	for (size_t i = 0; i < count; i++)
		all[i] = (struct kept){.kind = items[i].kind,
		                       .node = items[i].node,
		                       .id = items[i].id,
		                       .content = items[i].content,
		                       .time = items[i].time,
		                       .number = items[i].number};
	keeping.answer(keeping.arg, error ? NULL : all, count);
	free(all);
}

void keep_get(struct hub *hub, const char *owner, const struct kept *kept, keep_answer *answer, void *arg)
{
	struct store_item item = to_store(owner, kept);
	store_get_items(hub->store, &item, found, keeping_new(NULL, answer, arg));
}
