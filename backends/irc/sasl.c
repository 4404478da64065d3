/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/irc/sasl.h"

#include <string.h>
#include <strings.h>

#include "lib/base/encode.h"

#define CHALLENGE_BYTES 8192

bool sasl_offers(const char *value, const char *mechanism)
{
	if (!*value)
		return true;
	size_t wanted = strlen(mechanism);
	for (const char *at = value; *at;) {
		size_t len = strcspn(at, ",");
		if (len == wanted && !strncasecmp(at, mechanism, len))
			return true;
		at += len + (at[len] == ',');
	}
	return false;
}

void sasl_plain(struct str *out, const char *account, const char *password)
{
	str_addc(out, '\0');
	str_adds(out, account);
	str_addc(out, '\0');
	str_adds(out, password);
}

void sasl_lines(struct str *out, const void *bytes, size_t len)
{
	struct str encoded = {0};
	base64_encode(&encoded, bytes, len);
	for (size_t at = 0; at < encoded.len; at += SASL_PIECE_BYTES) {
		size_t run = encoded.len - at < SASL_PIECE_BYTES ? encoded.len - at : SASL_PIECE_BYTES;
		str_addf(out, "AUTHENTICATE %.*s\r\n", (int)run, encoded.data + at);
	}
	/* Nothing at all, or a last piece that looks as if more followed. */
	if (encoded.len % SASL_PIECE_BYTES == 0)
		str_adds(out, "AUTHENTICATE +\r\n");
	if (encoded.len)
		explicit_bzero(encoded.data, encoded.len);
	str_fini(&encoded);
}

enum sasl_result sasl_collect(struct str *pieces, const char *piece, struct str *challenge)
{
	size_t len = strlen(piece);
	if (len > SASL_PIECE_BYTES || pieces->len + len > CHALLENGE_BYTES)
		return SASL_BROKEN;
	bool end = !strcmp(piece, "+");
	if (!end)
		str_add(pieces, piece, len);
	if (!end && len == SASL_PIECE_BYTES)
		return SASL_INCOMPLETE;
	bool decoded = base64_decode(challenge, str_text(pieces), pieces->len);
	str_clear(pieces, 0);
	return decoded ? SASL_COMPLETE : SASL_BROKEN;
}
