/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libpurple itself: begin and end. */
#ifndef BACKENDS_LIBPURPLE_CORE_H
#define BACKENDS_LIBPURPLE_CORE_H

#include <stdbool.h>

/* What libpurple knows us as. */
#define CORE_UI "spectrum2"

/* False after logging why. */
bool core_start(void);
void core_stop(void);

#endif
