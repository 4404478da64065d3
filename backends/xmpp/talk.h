/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages both ways, and their fate: each message of the user ends when the server has it, when the room has shown it,
 * or with an error. What he writes in a short break of the connection waits for the next one. */
#ifndef BACKENDS_XMPP_TALK_H
#define BACKENDS_XMPP_TALK_H

#include "backends/xmpp/user.h"
#include "lib/xmpp/content.h"
#include "lib/xmpp/jid.h"

/* Where a message came from, if not straight from its sender. */
struct origin {
	int64_t time;  /* ms since 1970 UTC, 0 = now */
	bool archived; /* from the archive */
	bool copied;   /* of another client of the user (XEP-0280) */
};

/* A <message/> that came. */
void talk_received(struct user *, struct arena *, const struct element *stanza);
/* The same for one that was inside of another. */
void talk_forwarded(struct user *, struct arena *, const struct element *stanza, const struct origin *);
/* <delay/> of a stanza, 0 if there is none. */
int64_t talk_time(const struct element *stanza);

/* The server has the message with this token, or nobody knows. */
void talk_acked(struct user *, void *token);
void talk_dropped(struct user *, void *token);
/* The room has shown this message of the user's. `network_id`: what it calls it. */
void talk_shown(struct user *, const char *room, const char *id, const char *network_id);
/* Begins a message of ours to a room or person; send it with talk_send. */
struct writer *talk_open(struct user *, const char *type, const char *to, const char *id);
/* Its result is told for `id` and `peer`; with `in_room` only when talk_shown was called. */
void talk_send(struct user *, const char *id, const char *peer, bool in_room);
/* There is a session again: what waited goes out. */
void talk_resume(struct user *);
void talk_tick(struct user *, uint64_t now);
void talk_free(struct user *);

/* For s2_message, apart from peer and sender. */
void talk_fill(struct s2_message *, const struct content *, const struct element *stanza, int64_t time);
/* For s2_annotation likewise. */
void talk_fill_annotation(struct s2_annotation *, const struct content *, const struct element *stanza, int64_t time);

/* The callbacks of spectrum2/backend.h. */
void user_message(struct s2_user *, const struct s2_message *);
void user_set_subject(struct s2_user *, const struct s2_message *);
void user_annotate(struct s2_user *, const struct s2_annotation *);
void user_typing(struct s2_user *, const char *peer, enum s2_typing);
void user_attention(struct s2_user *, const struct s2_message *);

#endif
