/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages of one user that a protocol has taken and of whose fate nothing is known yet. */
#ifndef BACKENDS_LIBPURPLE_SENT_H
#define BACKENDS_LIBPURPLE_SENT_H

#include "backends/libpurple/session.h"

enum sent_to { SENT_PERSON, SENT_ROOM, SENT_SUBJECT };

struct sent {
	struct list node;
	char *id, *peer; /* for s2_message_result */
	char *who;       /* whom errors are about: normalized */
	char *text;      /* plain, by which an echo is known */
	uint64_t until_ms;
	uint32_t number; /* that the answer of the network will bear, 0 = none is known to come */
	enum sent_to to;
	bool echoed; /* the room has shown it */
};

void sent_init(struct session *);
/* Nothing is told: the kit refuses what is left of a user who goes. */
void sent_fini(struct session *);

/* `who` as the protocol calls the receiver. */
void sent_new(struct session *, const struct s2_message *, const char *who, enum sent_to);
/* It is done, or refused with these words; freed. */
void sent_end(struct session *, struct sent *, enum s2_condition, const char *text);
void sent_done(struct session *, const char *id);
/* The protocol has answered the call by which this one was sent: negative `result` as of its send functions, or an
 * error in words. Nothing happens if it was ended inside of the call. */
void sent_settle(struct session *, const char *id, int result, const char *error);
/* The one that is being sent is not done before sent_answered with the same number; without an answer it fails. */
void sent_await(struct session *, uint32_t number);
void sent_answered(struct session *, uint32_t number, enum s2_condition, const char *text);
/* The oldest one to `who`, NULL if there is none; with `text` given, the oldest one of that text. */
struct sent *sent_find(const struct session *, const char *who, const char *text);
/* The one that a room shows now: the oldest of this text, else the oldest; NULL if all were shown. */
struct sent *sent_to_echo(const struct session *, const char *who, const char *text);
/* The oldest one whose receiver these words of the network name, NULL if there is none. */
struct sent *sent_named_in(const struct session *, const char *words);
/* Called for one to a room that nobody has echoed in time, before it counts as done. */
extern void (*sent_not_echoed)(struct session *, const struct sent *);

#endif
