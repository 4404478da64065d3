/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is away: told by away-notify, else asked for with WHO, one channel at a time. */
#ifndef BACKENDS_IRC_ROSTER_H
#define BACKENDS_IRC_ROSTER_H

#include <stdint.h>

struct network;

void roster_tick(struct network *, uint64_t now);

#endif
