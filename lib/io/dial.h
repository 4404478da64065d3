/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An outgoing TCP connection in the making: a name, or a service of a domain, becomes a connected socket; for
 * lib/io/conn only. */
#ifndef LIB_IO_DIAL_H
#define LIB_IO_DIAL_H

#include <stdint.h>

#include "lib/io/conn.h"
#include "lib/io/loop.h"

struct dial;

struct dial_events {
	/* The name is resolved, the first address is being tried. */
	void (*resolved)(void *arg);
	/* fd >= 0: connected, the callee owns the socket. -1: failed, `reason` is for people, borrowed. Called once,
	 * from the loop, never before dial_new returned. The dial must be freed afterwards, in there or later. */
	void (*done)(void *arg, int fd, const char *reason);
};

/* `source` is a local address literal or NULL. */
struct dial *dial_new(struct loop *, const char *host, uint16_t port, uint64_t timeout_ms, const char *source,
                      const struct dial_events *, void *arg);
/* The same for a service (see conn_connect_service): its hosts are tried one after the other. */
struct dial *dial_new_service(struct loop *, const struct conn_service *, uint64_t timeout_ms, const char *source,
                              const struct dial_events *, void *arg);
/* Connected through a record that wants TLS from the first byte on. */
bool dial_wants_tls(const struct dial *);
/* Also cancels. */
void dial_free(struct dial **);

#endif
