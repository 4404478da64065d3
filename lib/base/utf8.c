/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/base/utf8.h"

#include <string.h>

size_t utf8_decode(const char *at, size_t len, uint32_t *code_point)
{
	const unsigned char *p = (const unsigned char *)at;
	if (!len)
		return 0;
	if (p[0] < 0x80) {
		*code_point = p[0];
		return 1;
	}
	size_t bytes = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	if (p[0] < 0xc2 || p[0] > 0xf4 || bytes > len)
		return 0;
	uint32_t value = p[0] & (0xff >> (bytes + 1));
	for (size_t i = 1; i < bytes; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (p[i] & 0x3f);
	}
	if (value < least[bytes] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
		return 0;
	*code_point = value;
	return bytes;
}

size_t utf8_encode(uint32_t c, char out[4])
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* Length of the run of printable ASCII at the start: what nearly all text is made of. */
static size_t plain_run(const char *text, size_t len)
{
	size_t at = 0;
	while (at < len && (unsigned char)text[at] >= 0x20 && (unsigned char)text[at] < 0x80)
		at++;
	return at;
}

bool utf8_valid(const char *text, size_t len)
{
	uint32_t c;
	for (size_t at = 0, bytes; at < len; at += bytes) {
		bytes = plain_run(text + at, len - at);
		if (!bytes && !(bytes = utf8_decode(text + at, len - at, &c)))
			return false;
	}
	return true;
}

bool utf8_xml_char(uint32_t c)
{
	return c >= 0x20 ? c != 0xfffe && c != 0xffff && (c < 0xd800 || c > 0xdfff) : c == '\t' || c == '\n' || c == '\r';
}

bool utf8_xml_valid(const char *text, size_t len)
{
	uint32_t c;
	for (size_t at = 0, bytes; at < len; at += bytes) {
		bytes = plain_run(text + at, len - at);
		if (bytes)
			continue;
		bytes = utf8_decode(text + at, len - at, &c);
		if (!bytes || !utf8_xml_char(c))
			return false;
	}
	return true;
}

void utf8_clean(struct str *out, const char *text, size_t len)
{
	uint32_t c;
	for (size_t at = 0, bytes; at < len; at += bytes) {
		bytes = plain_run(text + at, len - at);
		if (bytes) {
			str_add(out, text + at, bytes);
		} else if ((bytes = utf8_decode(text + at, len - at, &c)) == 0) {
			str_adds(out, "\xef\xbf\xbd");
			bytes = 1;
		} else if (utf8_xml_char(c)) {
			str_add(out, text + at, bytes);
		}
	}
}

/* Marks that belong to the character before them: the blocks of combining marks, joiners and variation selectors. */
static bool continues_grapheme(uint32_t c)
{
	return (c >= 0x300 && c <= 0x36f) || (c >= 0x483 && c <= 0x489) || (c >= 0x591 && c <= 0x5bd) ||
	       (c >= 0x64b && c <= 0x65f) || (c >= 0x93c && c <= 0x94d) || (c >= 0xe34 && c <= 0xe4e) ||
	       (c >= 0x1ab0 && c <= 0x1aff) || (c >= 0x1dc0 && c <= 0x1dff) || c == 0x200d ||
	       (c >= 0x20d0 && c <= 0x20ff) || (c >= 0xfe00 && c <= 0xfe0f) || (c >= 0xfe20 && c <= 0xfe2f) ||
	       (c >= 0x1f3fb && c <= 0x1f3ff) || (c >= 0xe0020 && c <= 0xe01ef);
}

size_t utf8_cut(const char *text, size_t len, size_t max)
{
	if (len <= max)
		return len;
	size_t whole = 0, boundary = 0;
	uint32_t c, before = 0;
	for (size_t at = 0, bytes; at <= max; at += bytes) {
		bytes = utf8_decode(text + at, len - at, &c);
		if (!bytes) {
			bytes = 1;
			c = 0xfffd;
		}
		whole = at;
		if (at && !continues_grapheme(c) && before != 0x200d)
			boundary = at;
		before = c;
	}
	/* A run of marks longer than the line: any character boundary will do. */
	return boundary ? boundary : whole;
}
