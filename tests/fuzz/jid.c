/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses and names: what was prepared stays as it is when it is prepared again, and escaped names come back. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xmpp/jid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = {0};
	struct jid jid, again;
	const char *text = arena_strndup(&arena, (const char *)data, size);
	if (jid_parse(&arena, text, &jid)) {
		if (strlen(jid.node) > JID_PART_BYTES || !*jid.domain)
			abort();
		/* The tables of the RFC are not closed under themselves everywhere: what is refused at second sight is
		 * rare, but what is accepted may not change. */
		if (jid_parse(&arena, jid.full, &again) && strcmp(jid.full, again.full))
			abort();
	}
	size_t len = strlen(text), start = strspn(text, " ");
	while (len > start && text[len - 1] == ' ')
		len--;
	const char *trimmed = arena_strndup(&arena, text + start, len - start);
	if (strcmp(jid_unescape(&arena, jid_escape(&arena, text)), trimmed))
		abort();
	jid_fold(&arena, text);
	arena_fini(&arena);
	return 0;
}
