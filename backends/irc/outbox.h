/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a user has sent and the server has not yet confirmed. Each message and subject change ends with exactly one
 * s2_message_result; a message to a channel is then reflected to its sender.
 *
 * A true answer comes in one of three ways: with echo-message the server sends each line back (tied by
 * labeled-response, else by order); without it a PING goes behind the lines, and what was not refused before its PONG
 * has arrived; and an error numeric refuses the oldest message that it can mean. */
#ifndef BACKENDS_IRC_OUTBOX_H
#define BACKENDS_IRC_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/list.h"
#include "lib/io/loop.h"
#include "spectrum2/backend.h"

struct network;
struct line;

struct outbox {
	struct list sent; /* struct outgoing, oldest first */
	size_t count, bytes;
	unsigned next_label, next_barrier;
	struct deferred barrier; /* sends the PING at the end of the turn */
};

void outbox_init(struct outbox *);
/* Returns everything with an error. */
void outbox_fail(struct network *, enum s2_condition, const char *text);

/* Sends `message->body` to `target`, a nickname or channel. Answers at once if that can't be done. */
void outbox_message(struct network *, const char *target, const struct s2_message *);
/* Sends TOPIC. */
void outbox_subject(struct network *, const char *channel, const struct s2_message *);
/* A line of our own that nobody waits for (NickServ): its echo and errors are swallowed. */
void outbox_silent(struct network *, const char *target, const char *text);

/* A PRIVMSG from ourselves came back. False if it is none of ours: then it was written elsewhere under our name. */
bool outbox_echo(struct network *, const struct line *, const char *target);
/* "ACK": the server has nothing to say about a labelled line. */
void outbox_acknowledge(struct network *, unsigned label);
/* PONG; false if the token is not ours. */
bool outbox_pong(struct network *, const char *token);
/* True if the numeric refused one of ours. */
bool outbox_refuse(struct network *, const struct line *, unsigned numeric);
/* The bytes of the message with this token went out. */
void outbox_sent(struct network *, uintptr_t token);
/* Returns what was not answered for too long. */
void outbox_tick(struct network *, uint64_t now);
/* The label of a line or of the batch that it is in, 0 = none. */
unsigned outbox_label(const struct network *, const struct line *);

/* One TAGMSG about a message: false if the queue is full. */
bool outbox_reaction(struct network *, const char *target, const char *message, const char *tag, const char *emoji);
/* All TAGMSGs of a reaction are queued: ends it when they have arrived. */
void outbox_reacted(struct network *, const char *target, const struct s2_annotation *);
/* REDACT: ends the annotation, at once or when the server has taken it. */
void outbox_redact(struct network *, const char *target, const struct s2_annotation *);
/* FAIL: standard replies. */
void outbox_failed(struct network *, const struct line *);

#endif
