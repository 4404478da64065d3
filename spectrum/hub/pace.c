/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/hub/pace.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"

#define NAMES_MOST 100000

/* Each time costs an interval; `paid_ms` is how far he has paid for, at most a burst behind now. */
struct walker {
	uint64_t paid_ms;
	char name[];
};

static uint64_t least_paid(const struct pace *pace, uint64_t now)
{
	uint64_t whole = pace->burst * pace->interval_ms;
	return now > whole ? now - whole : 0;
}

bool pace_allow(struct pace *pace, const char *name, uint64_t now)
{
	struct walker *walker = map_get(&pace->by_name, name);
	uint64_t least = least_paid(pace, now);
	if (!walker && pace->by_name.count >= NAMES_MOST)
		pace_clean(pace, now);
	if (!walker && pace->by_name.count >= NAMES_MOST)
		return false;
	if (!walker) {
		walker = mem_new(sizeof *walker + strlen(name) + 1);
		strcpy(walker->name, name);
		map_put(&pace->by_name, walker->name, walker);
	}
	if (walker->paid_ms < least)
		walker->paid_ms = least;
	if (walker->paid_ms + pace->interval_ms > now)
		return false;
	walker->paid_ms += pace->interval_ms;
	return true;
}

void pace_clean(struct pace *pace, uint64_t now)
{
	MAP_EACH (&pace->by_name, struct walker, walker) {
		if (walker->paid_ms <= least_paid(pace, now)) {
			map_remove(&pace->by_name, walker->name);
			free(walker);
		}
	}
}

bool pace_empty(const struct pace *pace)
{
	return !pace->by_name.count;
}

void pace_fini(struct pace *pace)
{
	MAP_EACH (&pace->by_name, struct walker, walker)
		free(walker);
	map_fini(&pace->by_name);
}
