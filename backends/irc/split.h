/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cuts a text of any length into pieces that each fit into one IRC line, losing nothing: at line ends, at a blank if
 * one is near, else between characters, never inside of a grapheme. */
#ifndef BACKENDS_IRC_SPLIT_H
#define BACKENDS_IRC_SPLIT_H

#include <stdbool.h>
#include <stddef.h>

struct split {
	const char *at;
	size_t budget;
};

/* `text` is borrowed until the last piece was taken; `budget` is bytes per piece. */
void split_init(struct split *, const char *text, size_t budget);
/* The next piece, false behind the last. An empty line is a piece of one blank; line ends behind the last line count
 * for nothing. A text without any character gives no piece. */
bool split_next(struct split *, const char **piece, size_t *len);

#endif
