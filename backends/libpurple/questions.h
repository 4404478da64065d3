/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What libpurple and its protocols ask a person (PurpleRequestUiOps): one-time codes, captchas, choices, forms. The
 * user is asked one question after the other, through the main process; where that is an old one, by a contact named
 * like the protocol, to which the answer is written. What has only one sensible answer for a gateway is answered
 * without asking. */
#ifndef BACKENDS_LIBPURPLE_QUESTIONS_H
#define BACKENDS_LIBPURPLE_QUESTIONS_H

#include "backends/libpurple/session.h"

/* Before purple_core_init, and after purple_core_quit. */
void questions_prepare(void);
void questions_stop(void);
void questions_init(struct session *);
/* Nothing is asked any more. */
void questions_forget(struct session *);

/* True if a message answers a question, which it then has done. */
bool questions_take_message(struct session *, const struct s2_message *);
/* Answers the question with this id with option number `option`; false if it is not asked any more. */
bool questions_choose(guint id, int option);

/* The contact that speaks for the network: "irc", "telegram", ... Borrowed until the next call. */
const char *questions_contact(const struct session *);
/* Something to tell the user in the network's name; before he is logged in it waits until he is. */
void questions_tell(struct session *, const char *text);
/* He is logged in now. */
void questions_online(struct session *);

/* Callback of the kit. */
void questions_answered(struct s2_user *, const char *id, const struct s2_setting *values, size_t count);

#endif
