/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names to addresses, and services of a domain to names, by c-ares on the loop; for lib/io/dial, and for
 * main(), which chooses the servers. */
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

/* A host that offers a service (RFC 2782). */
struct srv_target {
	const char *host;
	uint16_t port;
	bool tls; /* it is a record of the second service */
};

struct srv_query;

/* Asks for the SRV records of `domain` for `service` ("_xmpp-client._tcp"), and for `tls_service` (may be NULL), whose
 * targets want TLS from the first byte on; the records of both are one set (XEP-0368). `answered` is called once, from
 * the loop, never before srv_query_new returned: targets in the order in which they should be tried, borrowed; none if
 * there are no records. `refused`: the domain says that it has no such service. The query must be freed afterwards, in
 * there or later. */
struct srv_query *srv_query_new(struct loop *, const char *domain, const char *service, const char *tls_service,
                                void (*answered)(void *arg, const struct srv_target *, size_t count, bool refused),
                                void *arg);
/* Also cancels. */
void srv_query_free(struct srv_query **);

/* DNS servers to ask instead of the system's: address[:port], separated by commas; NULL = the system's. Borrowed for
 * the life of the process; to be called before the first question. */
void resolver_use(const char *servers);
/* The loop ends: what is still asked is given up. */
void resolver_stop(struct loop *);

#endif
