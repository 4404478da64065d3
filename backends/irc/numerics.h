/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an error numeric means to the request that it ends, as an XMPP stanza error condition. */
#ifndef BACKENDS_IRC_NUMERICS_H
#define BACKENDS_IRC_NUMERICS_H

#include "spectrum2/types.h"

enum numeric_context {
	NUMERIC_JOIN,
	NUMERIC_NICK,
	NUMERIC_MESSAGE, /* PRIVMSG */
	NUMERIC_CHANGE,  /* TOPIC, MODE, KICK, INVITE */
	NUMERIC_LINK,    /* the connection as a whole; SASL */
};

/* S2_DONE if the numeric is no error there. In the contexts of a channel or a person every number from 400 to 599 is
 * one, so that nothing waits for ever because a server made up its own. */
enum s2_condition numeric_condition(enum numeric_context, unsigned numeric);

#endif
