/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text as IRC writes it: bytes of an unknown encoding, with mIRC's formatting codes in between. Out comes text that may
 * stand in XML, plain or as the inside of an XHTML-IM body (XEP-0071); and that becomes text with codes again. */
#ifndef BACKENDS_IRC_FORMAT_H
#define BACKENDS_IRC_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/str.h"

/* Valid UTF-8 as it is, anything else read as ISO-8859-1. Control characters stay. */
void format_decode(struct str *out, const char *bytes);
/* Without codes and without characters that XML forbids. `text` is UTF-8. */
void format_plain(struct str *out, const char *text);
/* The same with spans for the codes. False, and nothing added, if there is no code in it. */
bool format_xhtml(struct str *out, const char *text);
/* The inside of an XHTML-IM body as text with codes, of which each line has its own; links with where they lead. False, and
 * nothing added, if there is no text in it. Colours are left out: who reads has others. */
bool format_codes(struct str *out, const char *xhtml);

#endif
