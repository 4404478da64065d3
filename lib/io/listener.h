/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A listening TCP socket. */
#ifndef LIB_IO_LISTENER_H
#define LIB_IO_LISTENER_H

#include <stdint.h>

#include "lib/io/loop.h"

struct listener;

/* Binds to an address literal and port (0 = the kernel chooses). `accepted` gets each connection's socket and owns it.
 * NULL with errno on failure. */
struct listener *listener_new(struct loop *, const char *address, uint16_t port, void (*accepted)(void *arg, int fd),
                              void *arg);
uint16_t listener_port(const struct listener *);
void listener_free(struct listener **);

#endif
