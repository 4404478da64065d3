/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SASL over IRC (IRCv3 sasl 3.1 and 3.2): AUTHENTICATE carries base64 in pieces of 400 bytes, both ways. */
#ifndef BACKENDS_IRC_SASL_H
#define BACKENDS_IRC_SASL_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/str.h"

#define SASL_PIECE_BYTES 400

/* True if `mechanism` is in the capability's value ("PLAIN,EXTERNAL"); also if the server listed none. */
bool sasl_offers(const char *value, const char *mechanism);
/* The message of PLAIN (RFC 4616), not encoded. */
void sasl_plain(struct str *out, const char *account, const char *password);
/* Appends the AUTHENTICATE lines that carry `bytes`, with their line ends. */
void sasl_lines(struct str *out, const void *bytes, size_t len);

enum sasl_result { SASL_INCOMPLETE, SASL_COMPLETE, SASL_BROKEN };
/* Takes the parameter of one AUTHENTICATE line from the server; `pieces` collects the base64. When complete, the
 * decoded challenge is in *challenge and `pieces` is empty again. Broken: no base64, or longer than any mechanism
 * needs. */
enum sasl_result sasl_collect(struct str *pieces, const char *piece, struct str *challenge);

#endif
