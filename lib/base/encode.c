/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/base/encode.h"

#include <stdint.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct str *out, const void *bytes, size_t len)
{
	const unsigned char *in = bytes;
	for (size_t at = 0; at < len; at += 3) {
		size_t have = len - at < 3 ? len - at : 3;
		uint32_t group = (uint32_t)in[at] << 16 | (have > 1 ? (uint32_t)in[at + 1] << 8 : 0) | (have > 2 ? in[at + 2] : 0u);
		char quad[4] = {alphabet[group >> 18], alphabet[group >> 12 & 63], have > 1 ? alphabet[group >> 6 & 63] : '=',
		                have > 2 ? alphabet[group & 63] : '='};
		str_add(out, quad, 4);
	}
}

static int digit_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode(struct str *out, const char *text, size_t len)
{
	uint32_t group = 0;
	unsigned digits = 0, padding = 0;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
			continue;
		int value = digit_value(c);
		if (c == '=' && digits % 4 >= 2)
			padding++;
		else if (value < 0 || padding)
			return false;
		group = group << 6 | (uint32_t)(value < 0 ? 0 : value);
		if (++digits % 4 == 0) {
			char three[3] = {(char)(group >> 16), (char)(group >> 8), (char)group};
			if (padding > 2)
				return false;
			str_add(out, three, 3 - padding);
			group = 0;
		}
	}
	return digits % 4 == 0;
}

void hex_encode(struct str *out, const void *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *in = bytes;
	for (size_t i = 0; i < len; i++) {
		char pair[2] = {digits[in[i] >> 4], digits[in[i] & 15]};
		str_add(out, pair, 2);
	}
}

static int hex_value(char digit)
{
	return digit >= '0' && digit <= '9'   ? digit - '0'
	       : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
	       : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
	                                      : -1;
}

bool hex_decode(struct str *out, const char *text, size_t len)
{
	for (size_t i = 0; i + 1 < len; i += 2) {
		int high = hex_value(text[i]), low = hex_value(text[i + 1]);
		if (high < 0 || low < 0)
			return false;
		str_addc(out, (char)(high << 4 | low));
	}
	return len % 2 == 0;
}
