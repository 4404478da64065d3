/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libpurple's HTML and what XMPP knows: plain text and the inside of XHTML-IM's <body/> (XEP-0071). Protocols hand over
 * whatever their networks send, so what is read is tag soup: only elements of a list get through, every element is
 * closed where XML wants it, and characters that XML forbids are gone. */
#ifndef BACKENDS_LIBPURPLE_MARKUP_H
#define BACKENDS_LIBPURPLE_MARKUP_H

#include "lib/base/str.h"

/* What stands in the text for stored image number `id`; adds to `plain` the words that replace it, nothing to leave it
 * out. */
typedef void markup_image(void *arg, int id, struct str *plain);

/* Reads libpurple's HTML. `xhtml` stays empty if the text has no formatting that is worth it; it may be NULL, and so
 * may `image`. */
void markup_read(const char *html, struct str *plain, struct str *xhtml, markup_image *image, void *arg);
/* The plain text of it, owned by the caller. */
char *markup_plain(const char *html);
/* HTML for libpurple, owned by the caller: of `xhtml` if that is given and has any text, else of `body`. */
char *markup_write(const char *body, const char *xhtml);

#endif
