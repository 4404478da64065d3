/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The inside of the loop, for the other files of lib/io only: what all connections of a process share. */
#ifndef LIB_IO_LOOP_STATE_H
#define LIB_IO_LOOP_STATE_H

#include "lib/base/str.h"
#include "lib/io/loop.h"

struct resolver;

enum {
	/* The first half takes what is read from a socket, the second half what TLS makes of it. */
	LOOP_READ_BYTES = 256 * 1024,
	/* A larger output buffer is not kept for the next connection. */
	LOOP_SPARE_BYTES = 128 * 1024,
};

struct loop {
	uv_loop_t uv;
	uv_prepare_t prepare;
	uv_idle_t busy; /* runs while work is left over, so that the poll does not wait */
	struct list deferred, flushers, signals;
	struct str spare; /* the output buffer that was emptied last: the next connection that writes takes it */
	struct resolver *resolver; /* lib/io/resolve.c; NULL while nobody asks for a name */
	char read_buffer[LOOP_READ_BYTES];
};

#endif
