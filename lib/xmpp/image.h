/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pictures of people: what they are and how they are called. */
#ifndef LIB_XMPP_IMAGE_H
#define LIB_XMPP_IMAGE_H

#include <stddef.h>

#define IMAGE_HASH_BYTES 41 /* SHA-1 in hexadecimal, with NUL */

/* The media type by the first bytes; NULL if it is none that clients know. */
const char *image_type(const void *bytes, size_t len);
/* Its name in XEP-0084 and XEP-0153. */
void image_hash(const void *bytes, size_t len, char hash[IMAGE_HASH_BYTES]);

#endif
