/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/sip.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/str.h"
#include "lib/base/utf8.h"

static void read_status(const char *line, size_t len, struct sip_print *print)
{
	char *end;
	unsigned long status = strtoul(line, &end, 10);
	print->status = status >= 100 && status < 700 ? (unsigned)status : 699;
	struct str clean = {0};
	if (*end == ' ' && end < line + len)
		utf8_clean(&clean, end + 1, (size_t)(line + len - end - 1));
	size_t kept = clean.len ? utf8_cut(clean.data, clean.len, SIP_REASON - 1) : 0;
	memcpy(print->reason, str_text(&clean), kept);
	str_fini(&clean);
}

static const char *value_of(const char *line, const char *name)
{
	size_t len = strlen(name);
	return strncasecmp(line, name, len) ? NULL : line + len + strspn(line + len, " ");
}

static void read_header(const char *line, struct sip_print *print)
{
	const char *value = value_of(line, "CSeq:");
	if (value) {
		char *end;
		print->number = (uint32_t)strtoul(value, &end, 10);
		print->message = !strncmp(end, " MESSAGE\r", 9);
	}
	value = value_of(line, "Content-Type:");
	if (value)
		print->plain = !strncasecmp(value, "text/plain", 10);
}

bool sip_read(const char *printed, struct sip_print *print)
{
	static const char answer[] = "SIP/2.0 ", fence[] = "######\n";
	const char *at = strstr(printed, fence);
	*print = (struct sip_print){.sent = !strncmp(printed, "\n\nsending", 9)};
	if (!at || (!print->sent && strncmp(printed, "\n\nreceived", 10) != 0))
		return false;
	at += sizeof fence - 1;
	size_t len = strcspn(at, "\r\n");
	if (!strncmp(at, answer, sizeof answer - 1) && len >= sizeof answer - 1)
		read_status(at + sizeof answer - 1, len - (sizeof answer - 1), print);
	/* Up to the empty line before the body. */
	for (at += len; at[0] == '\r' && at[1] == '\n' && at[2] && at[2] != '\r'; at += strcspn(at, "\r\n")) {
		at += 2;
		read_header(at, print);
	}
	return true;
}

enum s2_condition sip_condition(unsigned status)
{
	static const struct {
		unsigned status;
		enum s2_condition condition;
	} meanings[] = {
	    {403, S2_FORBIDDEN},
	    {603, S2_FORBIDDEN},
	    {404, S2_ITEM_NOT_FOUND},
	    {484, S2_ITEM_NOT_FOUND},
	    {604, S2_ITEM_NOT_FOUND},
	    {410, S2_GONE},
	    {405, S2_NOT_ACCEPTABLE},
	    {406, S2_NOT_ACCEPTABLE},
	    {415, S2_NOT_ACCEPTABLE},
	    {488, S2_NOT_ACCEPTABLE},
	    {606, S2_NOT_ACCEPTABLE},
	    {413, S2_POLICY_VIOLATION},
	    {513, S2_POLICY_VIOLATION},
	    {408, S2_REMOTE_SERVER_TIMEOUT},
	    {504, S2_REMOTE_SERVER_TIMEOUT},
	    {502, S2_SERVICE_UNAVAILABLE},
	    {503, S2_SERVICE_UNAVAILABLE},
	    {480, S2_RECIPIENT_UNAVAILABLE},
	    {486, S2_RECIPIENT_UNAVAILABLE},
	    {600, S2_RECIPIENT_UNAVAILABLE},
	};
	for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
		if (meanings[i].status == status)
			return meanings[i].condition;
	return S2_UNDEFINED_CONDITION;
}
