/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What libpurple and its protocols ask a person (PurpleRequestUiOps): one-time codes, captchas, choices, forms. Asked
 * in words by a contact named like the protocol, one question after the other, and answered by writing to it. What has
 * only one sensible answer for a gateway is answered without asking. */
#ifndef BACKENDS_LIBPURPLE_QUESTIONS_H
#define BACKENDS_LIBPURPLE_QUESTIONS_H

#include "backends/libpurple/session.h"

/* Before purple_core_init. */
void questions_prepare(void);
void questions_init(struct session *);
/* Cancels what is open. */
void questions_forget(struct session *);

/* The contact that speaks for the network: "irc", "telegram", ... Borrowed until the next call. */
const char *questions_contact(const struct session *);
/* True if a message to this name answers a question, which it then has done. */
bool questions_answer(struct session *, const struct s2_message *);
/* Answers the question with this id with option number `option`; false if it is not asked any more. */
bool questions_choose(guint id, int option);
/* Something to tell the user in the network's name. */
void questions_tell(struct session *, const char *text);

#endif
