/* SPDX-License-Identifier: GPL-2.0-or-later */
/* UTF-8 (RFC 3629: shortest form, no surrogates, up to U+10FFFF) and the characters that XML 1.0 allows. */
#ifndef LIB_BASE_UTF8_H
#define LIB_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/str.h"

/* Decodes one code point; returns its bytes (1-4), 0 if `at` does not start a valid one within `len`. */
size_t utf8_decode(const char *at, size_t len, uint32_t *code_point);
/* Writes 1-4 bytes, returns how many. */
size_t utf8_encode(uint32_t code_point, char out[4]);
bool utf8_valid(const char *text, size_t len);
/* XML 1.0 Char: tab, newline, carriage return and everything from U+0020 but surrogates, U+FFFE and U+FFFF. */
bool utf8_xml_char(uint32_t code_point);
/* Valid and free of characters that XML forbids. */
bool utf8_xml_valid(const char *text, size_t len);
/* Adds `text` to `out` with U+FFFD for each byte that is no UTF-8, and without characters that XML forbids. */
void utf8_clean(struct str *out, const char *text, size_t len);
/* The largest prefix of at most `max` bytes that ends on a character boundary and, where there is a choice, not before
 * a combining mark or a joiner, so that no grapheme is torn. 0 < result <= max for valid text and max >= 4. */
size_t utf8_cut(const char *text, size_t len, size_t max);

#endif
