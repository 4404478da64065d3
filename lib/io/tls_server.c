/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TLS contexts for listeners: certificate and key from PEM or PKCS#12, and a certificate of our own making for those
 * who have none yet. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/base/random.h"
#include "lib/base/str.h"
#include "lib/io/tls_context.h"

#define SELF_SIGNED_DAYS 3650
#define GROUPS "X25519:P-256:P-384:X448"
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20" /* of TLS 1.2; 1.3 has only good ones */

static const char *fail(const char *file, const char *why)
{
	static char text[512];
	unsigned long code = ERR_peek_last_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;
	snprintf(text, sizeof text, "%s: %s%s%s", file, why, reason ? ": " : "", reason ? reason : "");
	ERR_clear_error();
	return text;
}

/* ---- Reading ---- */

static int give_password(char *out, int room, int writing, void *password)
{
	size_t len = password ? strlen(password) : 0;
	if (len > (size_t)room)
		return -1;
	memcpy(out, password ? password : "", len);
	return (int)len;
}

/* PEM: key and certificates in any order, the first certificate is ours. */
static bool use_pem(SSL_CTX *context, const char *file)
{
	return SSL_CTX_use_certificate_chain_file(context, file) == 1 &&
	       SSL_CTX_use_PrivateKey_file(context, file, SSL_FILETYPE_PEM) == 1;
}

/* The key again, as one of the default library context. */
static EVP_PKEY *key_copy(EVP_PKEY *key)
{
	unsigned char *der = NULL;
	int len = i2d_PrivateKey(key, &der);
	const unsigned char *at = der;
	EVP_PKEY *copy = len > 0 ? d2i_AutoPrivateKey(NULL, &at, len) : NULL;
	OPENSSL_clear_free(der, len > 0 ? (size_t)len : 0);
	return copy;
}

static bool use_parts(SSL_CTX *context, EVP_PKEY *key, X509 *certificate, STACK_OF(X509) * chain)
{
	EVP_PKEY *own = key ? key_copy(key) : NULL;
	bool good = own && certificate && SSL_CTX_use_certificate(context, certificate) == 1 &&
	            SSL_CTX_use_PrivateKey(context, own) == 1;
	for (int i = 0; good && i < sk_X509_num(chain); i++)
		good = SSL_CTX_add1_chain_cert(context, sk_X509_value(chain, i)) == 1;
	EVP_PKEY_free(own);
	return good;
}

/* Files of twenty years ago are encrypted with what OpenSSL keeps in its "legacy" provider; that one is loaded for the
 * reading of the file only, in a library context of its own. */
static bool use_pkcs12(SSL_CTX *context, BIO *bio, const char *password)
{
	OSSL_LIB_CTX *library = OSSL_LIB_CTX_new();
	OSSL_PROVIDER *standard = OSSL_PROVIDER_load(library, "default"),
	              *legacy = OSSL_PROVIDER_load(library, "legacy");
	EVP_PKEY *key = NULL;
	X509 *certificate = NULL;
	STACK_OF(X509) *chain = NULL;
	PKCS12 *pkcs12 = PKCS12_init_ex(NID_pkcs7_data, library, NULL);
	bool good = d2i_PKCS12_bio(bio, &pkcs12) && PKCS12_parse(pkcs12, password, &key, &certificate, &chain) == 1 &&
	            use_parts(context, key, certificate, chain);
	sk_X509_pop_free(chain, X509_free);
	X509_free(certificate);
	EVP_PKEY_free(key);
	PKCS12_free(pkcs12);
	if (legacy)
		OSSL_PROVIDER_unload(legacy);
	if (standard)
		OSSL_PROVIDER_unload(standard);
	OSSL_LIB_CTX_free(library);
	return good;
}

static bool is_pem(BIO *bio)
{
	char start[4096] = "";
	int len = BIO_read(bio, start, sizeof start - 1);
	BIO_seek(bio, 0);
	return len > 0 && strstr(start, "-----BEGIN ");
}

static bool use_file(SSL_CTX *context, const char *file, const char *password, const char **error)
{
	BIO *bio = BIO_new_file(file, "rb");
	if (!bio) {
		*error = fail(file, strerror(errno));
		return false;
	}
	SSL_CTX_set_default_passwd_cb(context, give_password);
	SSL_CTX_set_default_passwd_cb_userdata(context, (void *)password);
	bool good = is_pem(bio) ? use_pem(context, file) : use_pkcs12(context, bio, password);
	SSL_CTX_set_default_passwd_cb_userdata(context, NULL);
	BIO_free(bio);
	if (good && SSL_CTX_check_private_key(context) != 1)
		good = false;
	if (!good)
		*error = fail(file, "no certificate with its key (PEM or PKCS#12), or the password is wrong");
	return good;
}

/* ---- The context ---- */

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *len, const unsigned char *offered,
                           unsigned offered_len, void *arg)
{
	const char *protocol = arg;
	size_t wanted = strlen(protocol);
	for (unsigned at = 0; at < offered_len && at + 1u + offered[at] <= offered_len; at += 1u + offered[at]) {
		if (offered[at] == wanted && !memcmp(offered + at + 1, protocol, wanted)) {
			*out = offered + at + 1;
			*len = offered[at];
			return SSL_TLSEXT_ERR_OK;
		}
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

bool tls_server_configure(void *context, const char *file, const char *password, const char **error)
{
	SSL_CTX *ctx = context;
	ERR_clear_error();
	if (!SSL_CTX_set_cipher_list(ctx, CIPHERS)) {
		*error = fail(file, "cannot set up TLS");
		return false;
	}
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
	                             SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set1_groups_list(ctx, GROUPS); /* finite fields cost too much */
	/* Clients come back with tickets; the server remembers nothing. */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 1);
	SSL_CTX_clear_chain_certs(ctx);
	return use_file(ctx, file, password, error);
}

struct tls *tls_server_new(const char *file, const char *password, const char *protocol, const char **error)
{
	ERR_clear_error();
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	if (!context) {
		*error = fail(file, "cannot set up TLS");
		return NULL;
	}
	if (!tls_server_configure(context, file, password, error)) {
		SSL_CTX_free(context);
		return NULL;
	}
	struct tls *tls = mem_new(sizeof *tls);
	tls->context = context;
	tls->protocol = mem_strdup(protocol);
	tls->users = 1;
	list_init(&tls->node);
	if (protocol)
		SSL_CTX_set_alpn_select_cb(context, choose_protocol, tls->protocol);
	return tls;
}

/* ---- A certificate of our own making ---- */

static bool add_extension(X509 *certificate, int nid, const char *value)
{
	X509V3_CTX context;
	X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	bool good = extension && X509_add_ext(certificate, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return good;
}

static bool fill_certificate(X509 *certificate, EVP_PKEY *key, const char *name)
{
	char *names = mem_printf("DNS:%s", name);
	X509_NAME *subject = X509_get_subject_name(certificate);
	unsigned char serial[16];
	BIGNUM *number = BN_new();
	random_bytes(serial, sizeof serial);
	serial[0] &= 0x7f;
	bool good = BN_bin2bn(serial, sizeof serial, number) &&
	            BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) &&
	            X509_set_version(certificate, X509_VERSION_3) &&
	            X509_gmtime_adj(X509_getm_notBefore(certificate), -86400) &&
	            X509_time_adj_ex(X509_getm_notAfter(certificate), SELF_SIGNED_DAYS, 0, NULL) &&
	            X509_set_pubkey(certificate, key) &&
	            X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0) &&
	            X509_set_issuer_name(certificate, subject) &&
	            add_extension(certificate, NID_subject_alt_name, names) &&
	            add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
	            X509_sign(certificate, key, EVP_sha256()) > 0;
	BN_free(number);
	free(names);
	return good;
}

static bool add_pem(struct str *out, int (*write)(BIO *, const void *), const void *what)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *bytes;
	bool good = bio && write(bio, what) == 1;
	if (good) {
		size_t len = (size_t)BIO_get_mem_data(bio, &bytes);
		str_add(out, bytes, len);
	}
	BIO_free(bio);
	return good;
}

static int write_certificate(BIO *bio, const void *certificate)
{
	return PEM_write_bio_X509(bio, (X509 *)certificate);
}

static int write_key(BIO *bio, const void *key)
{
	return PEM_write_bio_PrivateKey(bio, (EVP_PKEY *)key, NULL, NULL, 0, NULL, NULL);
}

bool tls_make_self_signed(const char *name, struct str *certificate, struct str *key, const char **error)
{
	ERR_clear_error();
	EVP_PKEY *pair = EVP_EC_gen("P-256");
	X509 *made = X509_new();
	bool good = pair && made && fill_certificate(made, pair, name) &&
	            add_pem(certificate, write_certificate, made) && add_pem(key, write_key, pair);
	if (!good)
		*error = fail(name, "cannot make a certificate");
	X509_free(made);
	EVP_PKEY_free(pair);
	return good;
}

bool tls_write_self_signed(const char *file, const char *name, const char **error)
{
	struct str certificate = {0}, key = {0};
	bool good = tls_make_self_signed(name, &certificate, &key, error);
	int fd = good ? open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
	if (good && (fd < 0 || write(fd, key.data, key.len) != (ssize_t)key.len ||
	             write(fd, certificate.data, certificate.len) != (ssize_t)certificate.len)) {
		*error = fail(file, strerror(errno));
		good = false;
	}
	if (fd >= 0)
		close(fd);
	if (key.data)
		explicit_bzero(key.data, key.len);
	str_fini(&key);
	str_fini(&certificate);
	return good;
}
