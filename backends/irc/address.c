/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/irc/address.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define TLS_PORT 6697

const char *irc_address_split(const char *text, const char **server)
{
	const char *sign = strrchr(text, '@');
	if (!sign)
		sign = strchr(text, '%');
	*server = sign ? sign + 1 : NULL;
	return sign ? sign : text + strlen(text);
}

static bool parse_port(const char *text, struct irc_address *address)
{
	address->tls = *text == '+';
	text += address->tls;
	size_t digits = strspn(text, "0123456789");
	unsigned long port = strtoul(text, NULL, 10);
	if (!digits || digits > 5 || text[digits] || !port || port > 65535)
		return false;
	address->port = (uint16_t)port;
	if (port == TLS_PORT)
		address->tls = true;
	return true;
}

bool irc_address_parse(const char *text, struct irc_address *address)
{
	*address = (struct irc_address){0};
	bool bracket = *text == '[';
	text += bracket;
	size_t len = strcspn(text, bracket ? "]" : ":/");
	if (!len || len >= sizeof address->host)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		if (!isalnum(c) && !strchr(bracket ? ":." : "-._", c) && c < 0x80)
			return false;
		address->host[i] = (char)(c < 0x80 ? tolower(c) : c);
	}
	text += len;
	if (bracket && *text++ != ']')
		return false;
	return !*text || ((*text == ':' || *text == '/') && parse_port(text + 1, address));
}

bool irc_address_equal(const struct irc_address *a, const struct irc_address *b)
{
	return a->port == b->port && a->tls == b->tls && !strcmp(a->host, b->host);
}
