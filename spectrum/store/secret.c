/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sealing by OpenSSL. The key file's bytes are never used themselves: HKDF (RFC 5869) makes the cipher's key and the
 * short id that tells values of different keys apart. */
#include "spectrum/store/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/encode.h"
#include "lib/base/mem.h"
#include "lib/base/random.h"
#include "spectrum/store/file.h"

#define VERSION "v1$"
#define ID_BYTES 4
#define NONCE_BYTES 12
#define TAG_BYTES 16

struct secret {
	EVP_CIPHER *cipher;
	EVP_CIPHER_CTX *context;
	unsigned char key[SECRET_KEY_BYTES], occupants[SECRET_KEY_BYTES];
	char id[2 * ID_BYTES + 1];
};

void str_wipe(struct str *str)
{
	if (str->data)
		explicit_bzero(str->data, str->cap);
	str_fini(str);
}

/* Reads SECRET_KEY_BYTES from an open file that has to hold just these. */
static bool read_key(int fd, unsigned char key[SECRET_KEY_BYTES])
{
	unsigned char bytes[SECRET_KEY_BYTES + 1];
	size_t have = 0;
	ssize_t got;
	while (have < sizeof bytes &&
	       ((got = read(fd, bytes + have, sizeof bytes - have)) > 0 || (got < 0 && errno == EINTR)))
		have += got > 0 ? (size_t)got : 0;
	memcpy(key, bytes, SECRET_KEY_BYTES);
	explicit_bzero(bytes, sizeof bytes);
	return have == SECRET_KEY_BYTES;
}

/* Under a name of its own first, so that a crash leaves no half of a key, and linked, so that a key is never replaced.
 */
static bool create_key(const char *path)
{
	unsigned char key[SECRET_KEY_BYTES];
	char suffix[9];
	random_id(suffix, 8);
	char *fresh = mem_printf("%s.%s", path, suffix);
	int fd = file_make_parents(path) ? open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400) : -1;
	bool done = false;
	if (fd >= 0) {
		random_bytes(key, sizeof key);
		done = write(fd, key, sizeof key) == (ssize_t)sizeof key && !fsync(fd) && !link(fresh, path) &&
		       file_sync_parent(path);
		int saved = errno;
		close(fd);
		unlink(fresh);
		errno = saved;
	}
	explicit_bzero(key, sizeof key);
	free(fresh);
	return done;
}

static bool derive(const unsigned char master[SECRET_KEY_BYTES], const char *purpose, unsigned char *out, size_t len)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *context = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	const OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char[]){"SHA256"}, 0),
	    OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)master, SECRET_KEY_BYTES),
	    OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)purpose, strlen(purpose)),
	    OSSL_PARAM_construct_end(),
	};
	bool done = context && EVP_KDF_derive(context, out, len, params) == 1;
	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
	return done;
}

static struct secret *secret_new(const unsigned char master[SECRET_KEY_BYTES])
{
	struct secret *secret = mem_new(sizeof *secret);
	unsigned char id[ID_BYTES];
	secret->cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	secret->context = EVP_CIPHER_CTX_new();
	if (!secret->cipher || !secret->context ||
	    !derive(master, "spectrum2 store key", secret->key, sizeof secret->key) ||
	    !derive(master, "spectrum2 occupant ids", secret->occupants, sizeof secret->occupants) ||
	    !derive(master, "spectrum2 store key id", id, sizeof id)) {
		secret_free(&secret);
		return NULL;
	}
	struct str hex = {0};
	hex_encode(&hex, id, sizeof id);
	memcpy(secret->id, str_text(&hex), sizeof secret->id - 1);
	str_fini(&hex);
	return secret;
}

struct secret *secret_open(const char *key_file, bool *created, char **error)
{
	unsigned char master[SECRET_KEY_BYTES];
	*created = false;
	int fd = open(key_file, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		*created = create_key(key_file);
		fd = *created || errno == EEXIST ? open(key_file, O_RDONLY | O_CLOEXEC) : -1;
	}
	if (fd < 0) {
		*error = mem_printf("key file %s: %s", key_file, strerror(errno));
		return NULL;
	}
	bool whole = read_key(fd, master);
	close(fd);
	struct secret *secret = whole ? secret_new(master) : NULL;
	explicit_bzero(master, sizeof master);
	if (!whole)
		*error = mem_printf("key file %s: must hold %d bytes, no more and no less", key_file, SECRET_KEY_BYTES);
	else if (!secret)
		*error = mem_strdup("OpenSSL offers no AES-256-GCM or no HKDF");
	return secret;
}

void secret_free(struct secret **secret)
{
	if (!*secret)
		return;
	EVP_CIPHER_CTX_free((*secret)->context);
	EVP_CIPHER_free((*secret)->cipher);
	explicit_bzero(*secret, sizeof **secret);
	free(*secret);
	*secret = NULL;
}

const unsigned char *secret_occupants(const struct secret *secret)
{
	return secret->occupants;
}

/* Key, nonce and what the text is bound to: owner NUL column. */
static bool prepare(struct secret *secret, bool encrypt, const unsigned char *nonce, const char *owner,
                    const char *column)
{
	int len;
	return EVP_CipherInit_ex2(secret->context, secret->cipher, secret->key, nonce, encrypt, NULL) == 1 &&
	       EVP_CipherUpdate(secret->context, NULL, &len, (const unsigned char *)owner, (int)strlen(owner) + 1) ==
	           1 &&
	       EVP_CipherUpdate(secret->context, NULL, &len, (const unsigned char *)column, (int)strlen(column)) == 1;
}

void secret_seal(struct secret *secret, const char *owner, const char *column, const char *plain, struct str *out)
{
	size_t len = strlen(plain);
	unsigned char nonce[NONCE_BYTES], *sealed = mem_new(len + TAG_BYTES);
	int done = 0, rest = 0;
	if (!len) {
		free(sealed);
		return;
	}
	random_bytes(nonce, sizeof nonce);
	if (!prepare(secret, true, nonce, owner, column) ||
	    EVP_CipherUpdate(secret->context, sealed, &done, (const unsigned char *)plain, (int)len) != 1 ||
	    EVP_CipherFinal_ex(secret->context, sealed + done, &rest) != 1 ||
	    EVP_CIPHER_CTX_ctrl(secret->context, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, sealed + len) != 1)
		abort(); /* only without memory */
	str_addf(out, VERSION "%s$", secret->id);
	base64_encode(out, nonce, sizeof nonce);
	str_addc(out, '$');
	base64_encode(out, sealed, len + TAG_BYTES);
	free(sealed);
}

/* Splits a sealed text; false if it has not the form of one. `id` is where the key's id starts. */
static bool parse(const char *stored, const char **id, struct str *nonce, struct str *sealed)
{
	size_t version = strlen(VERSION);
	if (strncmp(stored, VERSION, version))
		return false;
	*id = stored + version;
	const char *after_id = strchr(*id, '$');
	const char *after_nonce = after_id ? strchr(after_id + 1, '$') : NULL;
	return after_nonce && after_id - *id == 2 * ID_BYTES && strspn(*id, "0123456789abcdef") == 2 * ID_BYTES &&
	       base64_decode(nonce, after_id + 1, (size_t)(after_nonce - after_id) - 1) && nonce->len == NONCE_BYTES &&
	       base64_decode(sealed, after_nonce + 1, strlen(after_nonce + 1)) && sealed->len > TAG_BYTES;
}

static bool decrypt(struct secret *secret, const char *owner, const char *column, const struct str *nonce,
                    const struct str *sealed, struct str *out)
{
	size_t len = sealed->len - TAG_BYTES;
	int done = 0, rest = 0;
	unsigned char *plain = (unsigned char *)str_reserve(out, len);
	bool good =
	    prepare(secret, false, (const unsigned char *)nonce->data, owner, column) &&
	    EVP_CipherUpdate(secret->context, plain, &done, (const unsigned char *)sealed->data, (int)len) == 1 &&
	    EVP_CIPHER_CTX_ctrl(secret->context, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, sealed->data + len) == 1 &&
	    EVP_CipherFinal_ex(secret->context, plain + done, &rest) == 1;
	if (good)
		out->len += len;
	else
		explicit_bzero(plain, len);
	out->data[out->len] = '\0';
	return good;
}

enum secret_form secret_unseal(struct secret *secret, const char *owner, const char *column, const char *stored,
                               struct str *out)
{
	struct str nonce = {0}, sealed = {0};
	const char *id = NULL;
	enum secret_form form = SECRET_PLAIN;
	if (!parse(stored, &id, &nonce, &sealed)) {
		str_adds(out, stored);
	} else {
		bool good =
		    !strncmp(id, secret->id, 2 * ID_BYTES) && decrypt(secret, owner, column, &nonce, &sealed, out);
		form = good ? SECRET_SEALED : SECRET_LOST;
	}
	str_fini(&nonce);
	str_fini(&sealed);
	return form;
}
