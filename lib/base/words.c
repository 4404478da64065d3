/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/base/words.h"

#include <string.h>

#define BLANKS " \t\r\n"

/* The word at *at, which moves behind it; NULL if there is none. */
static const char *take(char **at)
{
	char *word = *at + strspn(*at, BLANKS), *end = word;
	if (!*word)
		return NULL;
	if (*word != '"') {
		*at = word + strcspn(word, BLANKS);
		if (**at)
			*(*at)++ = '\0';
		return word;
	}
	for (*at = word + 1; **at && **at != '"'; *end++ = *(*at)++) {
		if (**at == '\\' && (*at)[1])
			(*at)++;
	}
	if (**at)
		(*at)++;
	*end = '\0';
	return word;
}

size_t words_split(char *line, const char **words, size_t most)
{
	size_t count = 0;
	while (count < most && (words[count] = take(&line)) != NULL)
		count++;
	return count;
}
