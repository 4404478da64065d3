/* SPDX-License-Identifier: GPL-2.0-or-later */
/* OpenSSL over two spans of memory: a BIO of our own reads from the bytes that were fed and writes behind the
 * connection's output, so nothing is copied twice and an idle connection holds no buffer. */
#include "lib/io/tls_stream.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/io/tls_context.h"

struct tls_stream {
	SSL *ssl;
	struct str *wire;
	struct str plain;
	const char *fed;
	size_t fed_len;
	bool secure, failed;
	enum conn_fault fault;
	char *reason;
	char description[64];
};

/* ---- BIO ---- */

static int span_read(BIO *bio, char *out, int room)
{
	struct tls_stream *stream = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	if (!stream->fed_len) {
		BIO_set_retry_read(bio);
		return -1;
	}
	size_t len = stream->fed_len < (size_t)room ? stream->fed_len : (size_t)room;
	memcpy(out, stream->fed, len);
	stream->fed += len;
	stream->fed_len -= len;
	return (int)len;
}

static int span_write(BIO *bio, const char *bytes, int len)
{
	struct tls_stream *stream = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	str_add(stream->wire, bytes, (size_t)len);
	return len;
}

static long span_control(BIO *bio, int command, long number, void *pointer)
{
	return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO_METHOD *span_method(void)
{
	static BIO_METHOD *method;
	if (!method) {
		method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "span");
		assert(method);
		BIO_meth_set_read(method, span_read);
		BIO_meth_set_write(method, span_write);
		BIO_meth_set_ctrl(method, span_control);
	}
	return method;
}

/* ---- Certificates ---- */

static void stream_fail(struct tls_stream *stream, enum conn_fault fault, char *reason)
{
	if (stream->reason) {
		free(reason);
		return;
	}
	stream->fault = fault;
	stream->reason = reason;
}

/* Names come from a stranger and go into a message for people. */
static void add_name(struct str *names, const unsigned char *text, int len)
{
	if (names->len > 200)
		return;
	if (names->len)
		str_adds(names, ", ");
	for (int i = 0; i < len && i < 100; i++)
		str_addc(names, text[i] > ' ' && text[i] < 127 ? (char)text[i] : '?');
}

static char *certificate_names(X509 *certificate)
{
	struct str names = {0};
	GENERAL_NAMES *alternative = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; i < sk_GENERAL_NAME_num(alternative); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(alternative, i);
		char address[INET6_ADDRSTRLEN];
		if (name->type == GEN_DNS)
			add_name(&names, ASN1_STRING_get0_data(name->d.dNSName), ASN1_STRING_length(name->d.dNSName));
		if (name->type != GEN_IPADD)
			continue;
		int family = ASN1_STRING_length(name->d.iPAddress) == 4 ? AF_INET : AF_INET6;
		if (family == AF_INET6 && ASN1_STRING_length(name->d.iPAddress) != 16)
			continue;
		inet_ntop(family, ASN1_STRING_get0_data(name->d.iPAddress), address, sizeof address);
		add_name(&names, (const unsigned char *)address, (int)strlen(address));
	}
	sk_GENERAL_NAME_pop_free(alternative, GENERAL_NAME_free);
	if (!names.len) {
		X509_NAME *subject = X509_get_subject_name(certificate);
		int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
		const ASN1_STRING *common = at < 0 ? NULL : X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
		if (common)
			add_name(&names, ASN1_STRING_get0_data(common), ASN1_STRING_length(common));
	}
	return str_take(&names);
}

static const struct {
	int code;
	enum conn_fault fault;
	const char *text;
} refusals[] = {
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, CONN_FAULT_CERT_SELF_SIGNED, "certificate is self-signed"},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, CONN_FAULT_CERT_UNTRUSTED,
     "certificate is signed by an untrusted authority"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, CONN_FAULT_CERT_UNTRUSTED, "certificate is signed by an unknown authority"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, CONN_FAULT_CERT_UNTRUSTED,
     "certificate is signed by an unknown authority"},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, CONN_FAULT_CERT_UNTRUSTED,
     "certificate is signed by an unknown authority"},
    {X509_V_ERR_CERT_HAS_EXPIRED, CONN_FAULT_CERT_EXPIRED, "certificate expired"},
    {X509_V_ERR_CERT_NOT_YET_VALID, CONN_FAULT_CERT_NOT_ACTIVATED, "certificate is not valid yet"},
    {X509_V_ERR_CERT_REVOKED, CONN_FAULT_CERT_OTHER, "certificate was revoked"},
};

int tls_verified(int good, X509_STORE_CTX *store)
{
	if (good)
		return 1;
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_stream *stream = SSL_get_app_data(ssl);
	int code = X509_STORE_CTX_get_error(store);
	if (code == X509_V_ERR_HOSTNAME_MISMATCH || code == X509_V_ERR_IP_ADDRESS_MISMATCH) {
		char *names = certificate_names(X509_STORE_CTX_get0_cert(store));
		stream_fail(stream, CONN_FAULT_CERT_NAME,
		            mem_printf("certificate is for another name: %s", *names ? names : "none"));
		free(names);
		return 0;
	}
	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
		if (refusals[i].code == code)
			stream_fail(stream, refusals[i].fault, mem_strdup(refusals[i].text));
	}
	stream_fail(stream, CONN_FAULT_CERT_OTHER,
	            mem_printf("certificate refused: %s", X509_verify_cert_error_string(code)));
	return 0;
}

/* What the certificate has to say; the SNI too, which knows no addresses (RFC 6066 section 3). */
static void stream_expect(struct tls_stream *stream, const char *name)
{
	size_t len = strlen(name);
	char *plain = mem_strndup(name, len && name[len - 1] == '.' ? len - 1 : len);
	X509_VERIFY_PARAM *param = SSL_get0_param(stream->ssl);
	if (X509_VERIFY_PARAM_set1_ip_asc(param, plain) != 1) {
		SSL_set_hostflags(stream->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
		if (!*plain || SSL_set1_host(stream->ssl, plain) != 1 ||
		    SSL_set_tlsext_host_name(stream->ssl, plain) != 1)
			stream_fail(stream, CONN_FAULT_TLS, mem_printf("\"%s\" is no name for a server", plain));
	}
	free(plain);
	ERR_clear_error();
}

/* ---- The stream ---- */

static void stream_offer(struct tls_stream *stream, const char *alpn)
{
	unsigned char offer[256];
	size_t len = strlen(alpn);
	assert(len && len < sizeof offer);
	offer[0] = (unsigned char)len;
	memcpy(offer + 1, alpn, len);
	SSL_set_alpn_protos(stream->ssl, offer, (unsigned)len + 1);
}

struct tls_stream *tls_stream_new(struct tls *tls, const char *name, const char *alpn, struct str *wire)
{
	struct tls_stream *stream = mem_new(sizeof *stream);
	stream->wire = wire;
	stream->ssl = SSL_new(tls->context);
	BIO *bio = BIO_new(span_method());
	assert(stream->ssl && bio);
	BIO_set_data(bio, stream);
	BIO_set_init(bio, 1);
	SSL_set_bio(stream->ssl, bio, bio);
	SSL_set_app_data(stream->ssl, stream);
	if (name) {
		SSL_set_connect_state(stream->ssl);
		stream_expect(stream, name);
		if (alpn)
			stream_offer(stream, alpn);
	} else {
		SSL_set_accept_state(stream->ssl);
	}
	return stream;
}

void tls_stream_free(struct tls_stream **at)
{
	struct tls_stream *stream = *at;
	if (!stream)
		return;
	*at = NULL;
	SSL_free(stream->ssl);
	str_fini(&stream->plain);
	free(stream->reason);
	free(stream);
}

void tls_stream_feed(struct tls_stream *stream, const char *bytes, size_t len)
{
	stream->fed = bytes;
	stream->fed_len = len;
}

size_t tls_stream_unread(const struct tls_stream *stream, const char **bytes)
{
	*bytes = stream->fed;
	return stream->fed_len;
}

/* OpenSSL did not get on: waiting, closed or broken. */
static enum tls_stream_step stream_stuck(struct tls_stream *stream, int result)
{
	int why = SSL_get_error(stream->ssl, result);
	if (why == SSL_ERROR_WANT_READ) {
		/* SSL_MODE_RELEASE_BUFFERS forgets the one that it took to find nothing: 16 KiB. */
		SSL_free_buffers(stream->ssl);
		return TLS_STREAM_HUNGRY;
	}
	if (why == SSL_ERROR_ZERO_RETURN)
		return TLS_STREAM_CLOSED;
	unsigned long code = ERR_peek_error();
	const char *text = code ? ERR_reason_error_string(code) : NULL;
	stream_fail(stream, CONN_FAULT_TLS, mem_printf("TLS failed: %s", text ? text : "unknown reason"));
	ERR_clear_error();
	stream->failed = true;
	return TLS_STREAM_FAILED;
}

enum tls_stream_step tls_stream_read(struct tls_stream *stream, char *out, size_t room, size_t *len)
{
	*len = 0;
	if (stream->failed || (stream->reason && !stream->secure))
		return TLS_STREAM_FAILED;
	ERR_clear_error();
	if (!stream->secure) {
		int result = SSL_do_handshake(stream->ssl);
		if (result != 1)
			return stream_stuck(stream, result);
		stream->secure = true;
		snprintf(stream->description, sizeof stream->description, "%s %s", SSL_get_version(stream->ssl),
		         SSL_get_cipher_name(stream->ssl));
		return TLS_STREAM_SECURED;
	}
	while (*len < room) {
		size_t got;
		if (SSL_read_ex(stream->ssl, out + *len, room - *len, &got) != 1)
			return stream_stuck(stream, 0);
		*len += got;
	}
	return TLS_STREAM_FULL;
}

struct str *tls_stream_plain(struct tls_stream *stream)
{
	return &stream->plain;
}

void tls_stream_write(struct tls_stream *stream)
{
	size_t written;
	if (!stream->secure || stream->failed || !stream->plain.len)
		return;
	ERR_clear_error();
	/* The BIO takes everything. */
	SSL_write_ex(stream->ssl, stream->plain.data, stream->plain.len, &written);
	stream->plain.len = 0;
}

void tls_stream_close(struct tls_stream *stream)
{
	if (stream->secure && !stream->failed)
		SSL_shutdown(stream->ssl);
	ERR_clear_error();
}

bool tls_stream_binding(const struct tls_stream *stream, unsigned char *out)
{
	static const char label[] = "EXPORTER-Channel-Binding";
	/* With an older TLS what is exported is not bound to the handshake. */
	return SSL_version(stream->ssl) >= TLS1_3_VERSION &&
	       (!out || SSL_export_keying_material(stream->ssl, out, 32, label, sizeof label - 1, NULL, 0, 0) == 1);
}

bool tls_stream_is_secure(const struct tls_stream *stream)
{
	return stream->secure;
}

const char *tls_stream_description(const struct tls_stream *stream)
{
	return stream->description;
}

const char *tls_stream_reason(const struct tls_stream *stream)
{
	return stream->reason;
}

enum conn_fault tls_stream_fault(const struct tls_stream *stream)
{
	return stream->fault;
}
