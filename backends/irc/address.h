/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names that the XMPP side uses: "#chan@irc.example.org:6697", "nick@irc.example.org", and what they say about where to
 * connect. */
#ifndef BACKENDS_IRC_ADDRESS_H
#define BACKENDS_IRC_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

/* The part behind the last '@'; or, if there is none, behind the first '%'. Returns where the name before it ends: at
 * that sign, or at the end of `text`, with *server NULL, if there is neither. */
const char *irc_address_split(const char *text, const char **server);

struct irc_address {
	char host[256]; /* lower case; an IPv6 address without its brackets */
	uint16_t port;  /* 0 = not said */
	bool tls;       /* '+' in front of the port, or port 6697 */
};
/* "host", "host:port", "host:+port", "host/port", "host/+port", "[v6]:port". False if it is none of these. */
bool irc_address_parse(const char *text, struct irc_address *);
bool irc_address_equal(const struct irc_address *, const struct irc_address *);

#endif
