/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TLS settings (OpenSSL): a context that many connections share. TLS 1.2 and newer, no compression, no renegotiation,
 * buffers released when idle. */
#ifndef LIB_IO_TLS_H
#define LIB_IO_TLS_H

#include <stdbool.h>

struct tls;

/* For connections that we open. The certificate chain is checked against `ca_file` (PEM; NULL = the system's), and the
 * name against the certificate; `verify` false switches both off. Asking again for the same gives the same (with all
 * the CAs it is large), until as many tls_free have followed. NULL on failure, with the reason in *error (static or
 * borrowed until the next call). */
struct tls *tls_client_new(const char *ca_file, bool verify, const char **error);
void tls_free(struct tls **);

#endif
