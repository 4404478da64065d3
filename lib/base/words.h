/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines that people type, in words. */
#ifndef LIB_BASE_WORDS_H
#define LIB_BASE_WORDS_H

#include <stddef.h>

/* Cuts `line` at its blanks, in place, into at most `most` words; what is left over is not looked at. A word that begins
 * with a double quote goes on to the next one; in there a backslash takes the meaning from what follows it. A quote that
 * is not closed ends with the line; one inside of a word means itself. Returns how many there are. */
size_t words_split(char *line, const char **words, size_t most);

#endif
