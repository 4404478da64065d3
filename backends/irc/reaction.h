/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Client tags about earlier messages (IRCv3 message-tags, message-ids): reactions, replies, and taking back by REDACT.
 * IRC tells one reaction at a time, XMPP all of a person's: what was told of recent messages is kept. */
#ifndef BACKENDS_IRC_REACTION_H
#define BACKENDS_IRC_REACTION_H

#include "backends/irc/line.h"
#include "backends/irc/network.h"

struct reactions;
void reactions_free(struct reactions **);

/* What of s2_feature this server has not got. */
unsigned reaction_lacks(const struct network *);
/* Ends the annotation, at once or when the server has it. `target`: nickname or channel. */
void reaction_send(struct network *, const char *target, const struct s2_annotation *);
/* TAGMSG: somebody reacts. */
void reaction_received(struct network *, const struct line *);
void reaction_redacted(struct network *, const struct line *); /* REDACT */
/* The server has taken what the user said about `message` in this channel: the room shows it. */
void reaction_shown(struct network *, const char *channel, const char *message);

/* The message that a line answers, NULL if none. */
const char *reaction_reply(const struct line *);
/* Whether the server passes these tags on. */
bool reaction_may_reply(const struct network *);

#endif
