/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a server says about itself in numeric 005 (RPL_ISUPPORT), as far as this backend obeys it. */
#ifndef BACKENDS_IRC_ISUPPORT_H
#define BACKENDS_IRC_ISUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/irc/casemap.h"

#define ISUPPORT_PREFIXES 8

/* When a channel mode takes an argument: the four classes of CHANMODES, and the PREFIX modes. */
enum mode_class {
	MODE_FLAG,   /* D: never; also every mode that is not known */
	MODE_LIST,   /* A: always; a list without one */
	MODE_ALWAYS, /* B */
	MODE_SET,    /* C: only when set */
	MODE_PREFIX, /* always; gives or takes a status */
};

struct isupport {
	enum casemap casemap;
	char chantypes[8];
	char statusmsg[ISUPPORT_PREFIXES + 1];
	/* Status modes and their symbols, highest first, the same length. */
	char prefix_modes[ISUPPORT_PREFIXES + 1], prefix_symbols[ISUPPORT_PREFIXES + 1];
	uint8_t mode_class[128];
	/* Bytes; 0 = not told. */
	unsigned line_length, nick_length, topic_length, away_length;
	/* CLIENTTAGDENY: these do not get through. */
	unsigned monitor_most; /* nicknames that MONITOR takes; 0 = there is no MONITOR */
	bool no_typing, no_reply, no_react;
};

/* The state before the first 005. */
void isupport_init(struct isupport *);
/* One token: "NICKLEN=30", "-NICKLEN". Unknown ones and values out of range are passed over. */
void isupport_token(struct isupport *, const char *token);

bool isupport_is_channel(const struct isupport *, const char *name);
/* The name behind STATUSMSG symbols ("@#chan" -> "#chan"); `name` itself if it is no such target. */
const char *isupport_target(const struct isupport *, const char *name);
/* Bit of a status symbol or mode: 1 is the highest status; 0 = no such. */
unsigned isupport_symbol_bit(const struct isupport *, char symbol);
unsigned isupport_mode_bit(const struct isupport *, char mode);
enum mode_class isupport_mode_class(const struct isupport *, char mode);

#endif
