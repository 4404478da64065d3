/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/irc/split.h"

#include <string.h>

#include "lib/base/utf8.h"

#define LEAST_BUDGET 16 /* a server that leaves less is not to be served anyway; progress is what counts */

void split_init(struct split *split, const char *text, size_t budget)
{
	split->at = text;
	split->budget = budget < LEAST_BUDGET ? LEAST_BUDGET : budget;
}

/* Behind the last blank in the second half of the piece, 0 if there is none. */
static size_t blank_cut(const char *text, size_t len)
{
	for (size_t at = len; at > len / 2; at--)
		if (text[at - 1] == ' ')
			return at;
	return 0;
}

bool split_next(struct split *split, const char **piece, size_t *len)
{
	const char *at = split->at;
	if (!at[strspn(at, "\r\n")])
		return false;
	size_t line = strcspn(at, "\r\n"), cut = line;
	if (line > split->budget) {
		cut = utf8_cut(at, line, split->budget);
		size_t blank = at[cut] == ' ' ? cut : blank_cut(at, cut);
		if (blank)
			cut = blank;
	}
	*piece = line ? at : " ";
	*len = line ? cut : 1;
	at += cut;
	if (cut == line) {
		if (*at == '\r' && at[1] == '\n')
			at++;
		if (*at)
			at++;
	}
	split->at = at;
	return true;
}
