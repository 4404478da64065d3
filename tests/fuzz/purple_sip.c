/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: what libpurple's plugin for SIMPLE prints of what SIP servers send. */
#include <stdlib.h>
#include <string.h>

#include "backends/libpurple/sip.h"
#include "lib/base/mem.h"
#include "lib/base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = mem_strndup((const char *)data, size);
	struct sip_print print;
	sip_read(text, &print);
	if (strlen(print.reason) >= SIP_REASON || !utf8_xml_valid(print.reason, strlen(print.reason)))
		abort();
	sip_condition(print.status);
	free(text);
	return 0;
}
