/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines of administrators: words never reach beyond the line, and together are no longer than it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *words[16];
	char *line = mem_strndup((const char *)data, size);
	size_t len = strlen(line), total = 0, count = words_split(line, words, 16);
	for (size_t i = 0; i < count; i++) {
		if (words[i] < line || words[i] > line + len || (i && words[i] <= words[i - 1]))
			abort();
		total += strlen(words[i]);
	}
	if (total > len)
		abort();
	free(line);
	return 0;
}
