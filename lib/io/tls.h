/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TLS settings (OpenSSL): a context that many connections share. TLS 1.2 and newer, no compression, no renegotiation,
 * buffers released when idle. */
#ifndef LIB_IO_TLS_H
#define LIB_IO_TLS_H

#include <stdbool.h>

#include "lib/base/str.h"

struct tls;

/* For connections that we open. The certificate chain is checked against `ca_file` (PEM; NULL = the system's), and the
 * name against the certificate; `verify` false switches both off. Asking again for the same gives the same (with all
 * the CAs it is large), until as many tls_free have followed. NULL on failure, with the reason in *error (static or
 * borrowed until the next call). */
struct tls *tls_client_new(const char *ca_file, bool verify, const char **error);

/* For connections that come to us. `file` holds certificate, chain and key, as PEM or PKCS#12; `password` (may be NULL)
 * opens it. Clients that speak ALPN have to offer `protocol`. NULL on failure, as above. Connections keep what they
 * began with, so a new one can be made from a changed file at any time. */
struct tls *tls_server_new(const char *file, const char *password, const char *protocol, const char **error);
/* The same settings for a context (SSL_CTX) of a library that has its own connections, ALPN aside. May be called again
 * with a changed file. */
bool tls_server_configure(void *context, const char *file, const char *password, const char **error);
/* Makes a certificate for this name, signed by itself, with a new key, both as PEM. */
bool tls_make_self_signed(const char *name, struct str *certificate, struct str *key, const char **error);
/* Makes a certificate for this name that is signed by itself, with a new key, and writes both to `file` (PEM, mode
 * 0600). False with *error as above. */
bool tls_write_self_signed(const char *file, const char *name, const char **error);

void tls_free(struct tls **);

#endif
