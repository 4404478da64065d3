/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The inside of the TLS settings, for lib/io/tls and lib/io/tls_stream only. */
#ifndef LIB_IO_TLS_CONTEXT_H
#define LIB_IO_TLS_CONTEXT_H

#include <openssl/ssl.h>

#include "lib/base/list.h"
#include "lib/io/tls.h"

struct tls {
	struct list node;
	SSL_CTX *context;
	char *ca_file;
	char *protocol; /* of a server: ALPN */
	size_t users;
	bool verify;
};

/* OpenSSL's verify callback (lib/io/tls_stream.c): notes why a certificate was refused. */
int tls_verified(int good, X509_STORE_CTX *);

#endif
