/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of hosts, for libpurple: resolved on our loop, where libpurple by itself would start processes for it. */
#ifndef BACKENDS_LIBPURPLE_NAMES_H
#define BACKENDS_LIBPURPLE_NAMES_H

#include "lib/io/loop.h"

void names_start(struct loop *);
/* After purple_core_quit. */
void names_stop(void);

#endif
