/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A byte stream over a socket (TCP, Unix or socketpair), with TLS if asked for. Reading is pushed to the owner; writing
 * goes to a buffer that is flushed once per loop turn. Nobody waits, nothing blocks. */
#ifndef LIB_IO_CONN_H
#define LIB_IO_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "lib/base/str.h"
#include "lib/io/loop.h"

struct conn;
struct tls; /* lib/io/tls.h: settings shared by many connections */

/* What a connection tells its owner. Any may be NULL. conn_free is allowed inside of each of them. */
struct conn_events {
	/* The outgoing connection stands (before TLS); never called for adopted sockets. */
	void (*connected)(void *arg);
	/* The TLS handshake is done and the peer's certificate was accepted. */
	void (*secured)(void *arg);
	void (*input)(void *arg, const char *bytes, size_t len);
	/* The output buffer went below the low-water mark after conn_write had reported it full. */
	void (*drained)(void *arg);
	/* The peer closed, an error happened, or the connection attempt failed. Called at most once, nothing follows it;
	 * `reason` is a text for people. Not called after conn_free. The owner must still call conn_free. */
	void (*closed)(void *arg, const char *reason);
};

/* Takes over a connected socket. */
struct conn *conn_adopt(struct loop *, int fd, const struct conn_events *, void *arg);

/* Starts an outgoing TCP connection. Names are resolved by c-ares, all addresses are tried (A and AAAA raced, RFC 8305);
 * `timeout_ms` covers resolving and connecting. `source` is the local address to bind to, or NULL. */
struct conn *conn_connect(struct loop *, const char *host, uint16_t port, uint64_t timeout_ms, const char *source,
                          const struct conn_events *, void *arg);

/* Drops what is unsent and closes. *conn becomes NULL. */
void conn_free(struct conn **);
/* Sends what is buffered (waiting for at most 2 s), then closes; the owner hears nothing more. *conn becomes NULL. */
void conn_finish(struct conn **);

/* Appends to the output buffer; flushed at the end of this turn. */
void conn_write(struct conn *, const void *bytes, size_t len);
/* The output buffer itself, to write into; flushed at the end of this turn. */
struct str *conn_output(struct conn *);
/* Bytes that were written and not yet taken by the kernel. */
size_t conn_unsent(const struct conn *);
/* Writes as much as the kernel takes right now: before a process ends. */
void conn_flush(struct conn *);

/* Stops and restarts reading: back-pressure towards the peer. */
void conn_pause(struct conn *);
void conn_resume(struct conn *);

/* Begins TLS as client; what was buffered before goes out in the clear first. `name` is what the certificate is checked
 * against and the SNI. */
void conn_start_tls(struct conn *, struct tls *, const char *name);
bool conn_is_secure(const struct conn *);
/* "TLSv1.3 TLS_AES_256_GCM_SHA384", or NULL without TLS. Borrowed. */
const char *conn_tls_description(const struct conn *);
/* The peer's address as text, "127.0.0.1:6667"; "" if unknown. Borrowed. */
const char *conn_peer(const struct conn *);
int conn_fd(const struct conn *);

#endif
