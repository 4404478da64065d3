/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests to the server and to others, each with exactly one answer; and the answers to theirs. */
#ifndef BACKENDS_XMPP_IQ_H
#define BACKENDS_XMPP_IQ_H

#include "backends/xmpp/user.h"

/* `iq` is of type result or error; NULL: nothing came in time, or the session is over. */
typedef void iq_answer(struct user *, void *arg, struct arena *, const struct element *iq);

/* Begins a request: write the payload, then iq_send. `to` NULL: the own account. */
struct writer *iq_open(struct user *, const char *type, const char *to, iq_answer *, void *arg);
/* Where it can't be sent, the answer comes at once. */
void iq_send(struct user *);
/* Answers a request with a result: write the payload, then user_send. */
struct writer *iq_reply(struct user *, const struct element *iq);
void iq_refuse(struct user *, const struct element *iq, enum s2_condition, const char *text);

/* An iq that came. */
void iq_received(struct user *, struct arena *, const struct element *iq);
/* Gives up what has waited too long. */
void iq_tick(struct user *, uint64_t now);
/* Gives up all: the session is another. */
void iq_drop(struct user *);

/* Whether this is a result; false for errors and NULL. */
bool iq_is_result(const struct element *iq);

#endif
