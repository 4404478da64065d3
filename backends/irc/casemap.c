/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/irc/casemap.h"

#include <string.h>
#include <strings.h>

#include "lib/base/map.h"

enum casemap casemap_parse(const char *name)
{
	if (!strcasecmp(name, "rfc1459"))
		return CASEMAP_RFC1459;
	if (!strcasecmp(name, "rfc1459-strict") || !strcasecmp(name, "strict-rfc1459"))
		return CASEMAP_STRICT;
	return CASEMAP_ASCII;
}

char casemap_fold(enum casemap map, char c)
{
	/* The three differ in how far the range of upper-case characters goes behind Z. */
	static const char last[] = {[CASEMAP_RFC1459] = '^', [CASEMAP_STRICT] = ']', [CASEMAP_ASCII] = 'Z'};
	return c >= 'A' && c <= last[map] ? (char)(c + 32) : c;
}

bool casemap_equal(enum casemap map, const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if (casemap_fold(map, *a) != casemap_fold(map, *b))
			return false;
	return *a == *b;
}

uint32_t casemap_hash(enum casemap map, const char *name)
{
	char folded[64];
	uint64_t hash = 0;
	/* Names are nearly always shorter than one round. */
	for (size_t len = strlen(name), at = 0; at < len || !at; at += sizeof folded) {
		size_t run = len - at < sizeof folded ? len - at : sizeof folded;
		for (size_t i = 0; i < run; i++)
			folded[i] = casemap_fold(map, name[at + i]);
		hash = hash * 31 + hash_bytes(folded, run);
		if (!len)
			break;
	}
	return (uint32_t)(hash ^ hash >> 32);
}
