/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Base64 (RFC 4648 section 4, padded) and lower-case hexadecimal. */
#ifndef LIB_BASE_ENCODE_H
#define LIB_BASE_ENCODE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/str.h"

void base64_encode(struct str *out, const void *bytes, size_t len);
/* White space is skipped. False on anything else that is no base64; what was added to `out` until then stays. */
bool base64_decode(struct str *out, const char *text, size_t len);
void hex_encode(struct str *out, const void *bytes, size_t len);
/* False on anything that is no pairs of hexadecimal digits; what was added to `out` until then stays. */
bool hex_decode(struct str *out, const char *text, size_t len);

#endif
