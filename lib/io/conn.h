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
	/* The name of an outgoing connection is resolved, the first address is being tried. */
	void (*resolved)(void *arg);
	/* The outgoing connection stands (before TLS); never called for adopted sockets. */
	void (*connected)(void *arg);
	/* The TLS handshake is done and the peer's certificate was accepted. */
	void (*secured)(void *arg);
	void (*input)(void *arg, const char *bytes, size_t len);
	/* conn_unsent had been above CONN_HIGH_WATER at the end of a turn and is now at most CONN_LOW_WATER. */
	void (*drained)(void *arg);
	/* The peer closed, an error happened, or the connection attempt failed. Called at most once, nothing follows
	 * it; `reason` is a text for people. Not called after conn_free. The owner must still call conn_free. */
	void (*closed)(void *arg, const char *reason);
};

enum { CONN_HIGH_WATER = 256 * 1024, CONN_LOW_WATER = 64 * 1024 };

/* What ended a connection, for owners that tell reasons apart. */
enum conn_fault {
	CONN_FAULT_NONE,
	CONN_FAULT_UNREACHABLE, /* not resolved, refused, timed out */
	CONN_FAULT_LOST,        /* closed by the peer, reset */
	CONN_FAULT_TLS,         /* the handshake or a record was wrong */
	CONN_FAULT_CERT_SELF_SIGNED,
	CONN_FAULT_CERT_EXPIRED,
	CONN_FAULT_CERT_NOT_ACTIVATED,
	CONN_FAULT_CERT_NAME,
	CONN_FAULT_CERT_UNTRUSTED,
	CONN_FAULT_CERT_OTHER,
};

/* Takes over a connected socket. */
struct conn *conn_adopt(struct loop *, int fd, const struct conn_events *, void *arg);

/* Starts an outgoing TCP connection. Names are resolved by c-ares, all addresses are tried (A and AAAA raced, RFC
 * 8305); `timeout_ms` covers resolving and connecting. `source` is the local address to bind to, or NULL. */
struct conn *conn_connect(struct loop *, const char *host, uint16_t port, uint64_t timeout_ms, const char *source,
                          const struct conn_events *, void *arg);

/* A service of a domain that DNS tells the hosts of (RFC 2782). */
struct conn_service {
	const char *domain;
	const char *service;     /* "_xmpp-client._tcp" */
	const char *tls_service; /* the same with TLS from the first byte on, "_xmpps-client._tcp"; or NULL */
	uint16_t port;           /* of `domain` itself, where there are no records */
};
/* As conn_connect; the hosts are tried in their order until one connects. */
struct conn *conn_connect_service(struct loop *, const struct conn_service *, uint64_t timeout_ms, const char *source,
                                  const struct conn_events *, void *arg);
/* Connected through a record of `tls_service`: the owner is to begin with TLS. */
bool conn_wants_tls(const struct conn *);

/* Drops what is unsent and closes. *conn becomes NULL. */
void conn_free(struct conn **);
/* Sends what is buffered (waiting for at most 2 s), then closes; the owner hears nothing more. *conn becomes NULL. */
void conn_finish(struct conn **);

/* Appends to the output buffer; flushed at the end of this turn, or when the connection stands. */
void conn_write(struct conn *, const void *bytes, size_t len);
/* The output buffer itself, to append to; flushed at the end of this turn. Borrowed until then. */
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
/* Begins TLS as server, likewise: what comes from the peer next belongs to its handshake. */
void conn_accept_tls(struct conn *, struct tls *);
/* The protocol that is then asked for (ALPN, RFC 7301), such as "xmpp-client"; a literal. To be called before. */
void conn_set_alpn(struct conn *, const char *protocol);
/* 32 bytes that both ends of this TLS connection can compute and nobody else (RFC 9266, tls-exporter), to bind a log-in
 * to it. False without TLS 1.3. `out` may be NULL: to know whether there are any costs nothing. */
bool conn_binding(const struct conn *, unsigned char *out);
bool conn_is_secure(const struct conn *);
/* "TLSv1.3 TLS_AES_256_GCM_SHA384", or NULL without TLS. Borrowed. */
const char *conn_tls_description(const struct conn *);
/* The peer's address as text, "127.0.0.1:6667"; "" if unknown. Borrowed. */
const char *conn_peer(const struct conn *);
/* -1 while connecting. */
int conn_fd(const struct conn *);
enum conn_fault conn_fault(const struct conn *);

#endif
