/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Comparing nicknames and channel names as the server does: ISUPPORT CASEMAPPING. Bytes above 127 stand for themselves.
 */
#ifndef BACKENDS_IRC_CASEMAP_H
#define BACKENDS_IRC_CASEMAP_H

#include <stdbool.h>
#include <stdint.h>

enum casemap {
	CASEMAP_RFC1459, /* {}|~ are the lower case of []\^; what holds until the server has spoken */
	CASEMAP_STRICT,  /* rfc1459-strict: without ~^ */
	CASEMAP_ASCII,
};

/* ASCII for names that are not known: of all readings the one that takes the fewest names for the same. */
enum casemap casemap_parse(const char *name);
char casemap_fold(enum casemap, char);
bool casemap_equal(enum casemap, const char *a, const char *b);
/* Equal for equal names; seeded per process. */
uint32_t casemap_hash(enum casemap, const char *name);

#endif
