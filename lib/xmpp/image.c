/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/xmpp/image.h"

#include <openssl/evp.h>
#include <string.h>

#include "lib/base/encode.h"

const char *image_type(const void *bytes, size_t len)
{
	static const struct {
		const char *magic;
		size_t len;
		const char *type;
	} types[] = {
	    {"\x89PNG\r\n\x1a\n", 8, "image/png"}, {"\xff\xd8\xff", 3, "image/jpeg"}, {"GIF8", 4, "image/gif"}};
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (len >= types[i].len && !memcmp(bytes, types[i].magic, types[i].len))
			return types[i].type;
	}
	if (len >= 12 && !memcmp(bytes, "RIFF", 4) && !memcmp((const char *)bytes + 8, "WEBP", 4))
		return "image/webp";
	return NULL;
}

void image_hash(const void *bytes, size_t len, char hash[IMAGE_HASH_BYTES])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned digest_len = 0;
	struct str text = {0};
	EVP_Digest(bytes, len, digest, &digest_len, EVP_sha1(), NULL);
	hex_encode(&text, digest, digest_len);
	memcpy(hash, text.data, IMAGE_HASH_BYTES);
	str_fini(&text);
}
