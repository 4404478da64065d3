/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A listening socket: TCP, or a name in the file system. */
#ifndef LIB_IO_LISTENER_H
#define LIB_IO_LISTENER_H

#include <stdint.h>
#include <sys/types.h>

#include "lib/io/loop.h"

struct listener;

/* Binds to an address literal and port (0 = the kernel chooses). `accepted` gets each connection's socket and owns it.
 * NULL with errno on failure. */
struct listener *listener_new(struct loop *, const char *address, uint16_t port, void (*accepted)(void *arg, int fd),
                              void *arg);
/* The same for a Unix socket, which gets these permissions. What is at `path` is replaced if it is a socket; it is removed
 * when the listener is freed. */
struct listener *listener_new_local(struct loop *, const char *path, mode_t mode, void (*accepted)(void *arg, int fd),
                                    void *arg);
/* The address literal of a host's name, NULL or "" being 127.0.0.1. Asks the resolver, if it must: only before the loop
 * runs. NULL with *error (static). Owned by the caller. */
char *listener_address(const char *host, const char **error);
/* 0 if it has none. */
uint16_t listener_port(const struct listener *);
void listener_free(struct listener **);

#endif
