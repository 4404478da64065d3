/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TLS of one connection, without any socket: bytes of the wire in, plain bytes out, and back; for lib/io/conn only. */
#ifndef LIB_IO_TLS_STREAM_H
#define LIB_IO_TLS_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/str.h"
#include "lib/io/conn.h"
#include "lib/io/tls.h"

struct tls_stream;

/* A client's side, or with name NULL a server's. What it has to send is appended to `wire`; call tls_stream_read to
 * begin. `alpn` may be NULL. */
struct tls_stream *tls_stream_new(struct tls *, const char *name, const char *alpn, struct str *wire);
void tls_stream_free(struct tls_stream **);

/* Bytes from the wire, borrowed until tls_stream_read has returned TLS_STREAM_HUNGRY. */
void tls_stream_feed(struct tls_stream *, const char *bytes, size_t len);
/* What of them was not yet read. */
size_t tls_stream_unread(const struct tls_stream *, const char **bytes);

enum tls_stream_step {
	TLS_STREAM_HUNGRY,  /* nothing happens before more bytes come; *len plain bytes were given */
	TLS_STREAM_SECURED, /* the handshake ended just now */
	TLS_STREAM_FULL,    /* *len = room plain bytes were given, there may be more */
	TLS_STREAM_CLOSED,  /* the peer said goodbye; *len plain bytes were given */
	TLS_STREAM_FAILED,  /* tls_stream_reason, tls_stream_fault; *len plain bytes were given */
};
/* Goes on with the handshake, later with decrypting into `out`. */
enum tls_stream_step tls_stream_read(struct tls_stream *, char *out, size_t room, size_t *len);

/* The buffer of plain bytes to be sent. */
struct str *tls_stream_plain(struct tls_stream *);
/* Encrypts it; waits while the handshake is not done. */
void tls_stream_write(struct tls_stream *);
/* Says goodbye. */
void tls_stream_close(struct tls_stream *);

/* See conn_binding. */
bool tls_stream_binding(const struct tls_stream *, unsigned char *out);
bool tls_stream_is_secure(const struct tls_stream *);
const char *tls_stream_description(const struct tls_stream *);
const char *tls_stream_reason(const struct tls_stream *);
enum conn_fault tls_stream_fault(const struct tls_stream *);

#endif
