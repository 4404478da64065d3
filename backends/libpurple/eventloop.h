/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libpurple's event loop on ours: its timers are timers of the loop, its watches of descriptors sit in an epoll set of
 * their own that the loop polls. A set of our own, because libpurple and its plugins may watch a descriptor several
 * times and may close one that is still watched, which libuv does not forgive. */
#ifndef BACKENDS_LIBPURPLE_EVENTLOOP_H
#define BACKENDS_LIBPURPLE_EVENTLOOP_H

#include "lib/io/loop.h"

/* Before purple_core_init. */
void eventloop_start(struct loop *);
/* After purple_core_quit: forgets what was not removed. */
void eventloop_stop(void);

#endif
