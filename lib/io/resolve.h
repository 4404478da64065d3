/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names to addresses, by c-ares on the loop; for lib/io/dial only. */
#ifndef LIB_IO_RESOLVE_H
#define LIB_IO_RESOLVE_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "lib/io/loop.h"

struct query;

union address {
	struct sockaddr any; /* sa_family AF_UNSPEC = none */
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Reads an address literal, with a scope if it has one ("fe80::1%eth0"). */
bool address_parse(union address *, const char *literal, uint16_t port);

/* Asks for all addresses of `host` (a name or an address literal), with `port` filled in. `answered` is called once,
 * from the loop, never before query_new returned: addresses in the order in which they should be tried (RFC 6724,
 * families in turn), or none and a reason; both borrowed. The query must be freed afterwards, in there or later. */
struct query *query_new(struct loop *, const char *host, uint16_t port,
                        void (*answered)(void *arg, const union address *, size_t count, const char *reason),
                        void *arg);
/* Also cancels. */
void query_free(struct query **);
/* The loop ends: what is still asked is given up. */
void resolver_stop(struct loop *);

#endif
