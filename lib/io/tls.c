/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The shared OpenSSL context. */
#include "lib/io/tls_context.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"

static struct list all = LIST_INIT(all);

static const char *last_error(const char *what, const char *file)
{
	static char text[512];
	unsigned long code = ERR_peek_last_error();
	snprintf(text, sizeof text, "%s%s%s: %s", what, file ? " " : "", file ? file : "",
	         code ? ERR_reason_error_string(code) : "unknown reason");
	ERR_clear_error();
	return text;
}

static struct tls *find(const char *ca_file, bool verify)
{
	LIST_EACH (&all, node) {
		struct tls *tls = LIST_ITEM(node, struct tls, node);
		if (tls->verify == verify && text_equal(tls->ca_file, ca_file))
			return tls;
	}
	return NULL;
}

struct tls *tls_client_new(const char *ca_file, bool verify, const char **error)
{
	struct tls *tls = find(ca_file, verify);
	if (tls) {
		tls->users++;
		return tls;
	}
	ERR_clear_error();
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	if (!context) {
		*error = last_error("cannot set up TLS", NULL);
		return NULL;
	}
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify(context, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, verify ? tls_verified : NULL);
	if (verify && !(ca_file ? SSL_CTX_load_verify_locations(context, ca_file, NULL)
	                        : SSL_CTX_set_default_verify_paths(context))) {
		*error = last_error("cannot load the CA certificates", ca_file);
		SSL_CTX_free(context);
		return NULL;
	}
	tls = mem_new(sizeof *tls);
	tls->context = context;
	tls->ca_file = mem_strdup(ca_file);
	tls->verify = verify;
	tls->users = 1;
	list_append(&all, &tls->node);
	return tls;
}

void tls_free(struct tls **at)
{
	struct tls *tls = *at;
	*at = NULL;
	if (!tls || --tls->users)
		return;
	list_remove(&tls->node);
	SSL_CTX_free(tls->context);
	free(tls->ca_file);
	free(tls->protocol);
	free(tls);
}
