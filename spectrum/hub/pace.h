/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How often somebody may do something: so many times at once, then once each interval. It outlives the users whom it is
 * about, as somebody who logs out and in again is the same one. */
#ifndef SPECTRUM_HUB_PACE_H
#define SPECTRUM_HUB_PACE_H

#include <stdbool.h>

#include "lib/base/map.h"

struct pace {
	unsigned burst;
	uint64_t interval_ms;
	struct map by_name;
};

/* False if it is too often. `now` is loop_now. */
bool pace_allow(struct pace *, const char *name, uint64_t now);
/* Forgets who has been slow enough since. */
void pace_clean(struct pace *, uint64_t now);
bool pace_empty(const struct pace *);
void pace_fini(struct pace *);

#endif
