/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this process, and so any plugin of libpurple, may touch: libraries and certificates of the system, the
 * directory of libpurple, the log, and what the configuration names. Not the database with its key, not the
 * configurations with their secrets, not other processes. */
#ifndef BACKENDS_LIBPURPLE_FENCE_H
#define BACKENDS_LIBPURPLE_FENCE_H

#include <stdbool.h>

/* When the settings are read, and before libpurple is there. For good; backend.sandbox=0 leaves it out. */
void fence_enter(void);
/* False if names cannot be resolved any more, as the file that says by which servers was replaced by another. */
bool fence_resolves(void);

#endif
