/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The shared OpenSSL context. */
#include "lib/io/tls_context.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/mem.h"

static const char *last_error(const char *what, const char *file)
{
	static char text[512];
	unsigned long code = ERR_peek_last_error();
	snprintf(text, sizeof text, "%s%s%s: %s", what, file ? " " : "", file ? file : "",
	         code ? ERR_reason_error_string(code) : "unknown reason");
	ERR_clear_error();
	return text;
}

struct tls *tls_client_new(const char *ca_file, bool verify, const char **error)
{
	ERR_clear_error();
	struct tls *tls = mem_new(sizeof *tls);
	tls->verify = verify;
	tls->context = SSL_CTX_new(TLS_client_method());
	if (!tls->context) {
		*error = last_error("cannot set up TLS", NULL);
		free(tls);
		return NULL;
	}
	SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION);
	SSL_CTX_set_options(tls->context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(tls->context, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(tls->context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify(tls->context, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, verify ? tls_verified : NULL);
	if (!verify)
		return tls;
	int loaded = ca_file ? SSL_CTX_load_verify_locations(tls->context, ca_file, NULL)
	                     : SSL_CTX_set_default_verify_paths(tls->context);
	if (!loaded) {
		*error = last_error("cannot load the CA certificates", ca_file);
		tls_free(&tls);
	}
	return tls;
}

void tls_free(struct tls **tls)
{
	if (*tls) {
		SSL_CTX_free((*tls)->context);
		free(*tls);
	}
	*tls = NULL;
}
