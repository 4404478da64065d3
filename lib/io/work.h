/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Work that takes long enough to disturb others (deriving keys), done on a thread of libuv's pool. */
#ifndef LIB_IO_WORK_H
#define LIB_IO_WORK_H

#include "lib/io/loop.h"

struct work;

/* `run` is called on another thread: it may touch nothing but `arg`. Then `done` is called on the loop, or, if the work
 * was cancelled meanwhile, `dropped`: one of the two, once, and the work is freed before. Both may free `arg`. */
struct work *work_new(struct loop *, void (*run)(void *arg), void (*done)(void *arg), void (*dropped)(void *arg),
                      void *arg);
/* `dropped` follows later. *work becomes NULL. */
void work_cancel(struct work **);

#endif
