/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GLib's default context, served by our loop: plugins may use GLib's own timers, sockets and threads beside those of
 * libpurple, and nobody runs a main loop of GLib's here. */
#ifndef BACKENDS_LIBPURPLE_SOURCES_H
#define BACKENDS_LIBPURPLE_SOURCES_H

#include "lib/io/loop.h"

void sources_start(struct loop *);
void sources_stop(void);

#endif
