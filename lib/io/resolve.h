/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names to addresses, by c-ares on the loop; for lib/io/dial only. */
#ifndef LIB_IO_RESOLVE_H
#define LIB_IO_RESOLVE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "lib/io/loop.h"

struct query;

/* Asks for all addresses of `host` (a name or an address literal), with `port` filled in. `answered` is called once,
 * from the loop, never before query_new returned: addresses in the order in which they should be tried (RFC 6724,
 * families in turn), or none and a reason; both borrowed. The query must be freed afterwards, in there or later. */
struct query *query_new(struct loop *, const char *host, uint16_t port,
                        void (*answered)(void *arg, const struct sockaddr_storage *, size_t count, const char *reason),
                        void *arg);
/* Also cancels. */
void query_free(struct query **);
/* The loop ends: what is still asked is given up. */
void resolver_stop(struct loop *);

#endif
