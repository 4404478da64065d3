/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the user has said and what is not decided yet: words that the server or a room has not confirmed, and words that
 * wait for a session. For talk.c. */
#ifndef BACKENDS_XMPP_OUTBOX_H
#define BACKENDS_XMPP_OUTBOX_H

#include "backends/xmpp/user.h"

/* One that was sent; the token of client_send. */
struct sent;

struct sent *outbox_add(struct user *, const char *id, const char *peer, bool in_room);
/* It was not sent after all: the queue is full. */
void outbox_refuse(struct user *, struct sent *);
/* Ends the oldest one with this id and peer (NULL = any), if it still waits: false if it does not. */
bool outbox_end(struct user *, const char *id, const char *peer, enum s2_condition, const char *text);
/* Whether something with this id went out lately, whatever became of it. */
bool outbox_was_sent(const struct user *, const char *id);

enum waiting_kind { WAITING_MESSAGE, WAITING_SUBJECT, WAITING_ANNOTATION };

/* One that waits for a session. */
struct waiting {
	struct list node;
	enum waiting_kind kind;
	struct arena arena; /* of all that is inside */
	uint64_t until_ms;
	union {
		struct s2_message message;
		struct s2_annotation annotation;
	};
};

/* Copies; false if there are too many. */
bool outbox_wait(struct user *, enum waiting_kind, const void *word);
/* Takes the oldest out; the caller releases it. NULL if none waits. */
struct waiting *outbox_next(struct user *);
void outbox_release(struct waiting *);

#endif
