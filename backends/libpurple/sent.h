/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages of one user that a protocol has taken and of whose fate nothing is known yet. */
#ifndef BACKENDS_LIBPURPLE_SENT_H
#define BACKENDS_LIBPURPLE_SENT_H

#include "backends/libpurple/session.h"

struct sent {
	struct list node;
	char *id, *peer; /* for s2_message_result */
	char *who;       /* whom errors are about: normalized */
	char *text;      /* plain, by which an echo is known */
	uint64_t until_ms;
	bool to_room;
};

void sent_init(struct session *);
/* Nothing is told: the kit refuses what is left of a user who goes. */
void sent_fini(struct session *);

/* `who` as the protocol calls the receiver. */
void sent_new(struct session *, const struct s2_message *, const char *who, bool to_room);
/* It is done, or refused with these words; freed. */
void sent_end(struct session *, struct sent *, enum s2_condition, const char *text);
struct sent *sent_with_id(const struct session *, const char *id);
/* The oldest one to `who`, NULL if there is none; with `text` given, the oldest one of that text. */
struct sent *sent_find(const struct session *, const char *who, const char *text);
/* The oldest one whose receiver these words of the network name, NULL if there is none. */
struct sent *sent_named_in(const struct session *, const char *words);
/* Called for one to a room that nobody has echoed in time, before it counts as done. */
extern void (*sent_not_echoed)(struct session *, const struct sent *);

#endif
