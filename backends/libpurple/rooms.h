/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Chats of libpurple as rooms: join, people, subject. A chat that the protocol joins by itself is a
 * room, too; the gateway invites the user to it when somebody speaks there. */
#ifndef BACKENDS_LIBPURPLE_ROOMS_H
#define BACKENDS_LIBPURPLE_ROOMS_H

#include "backends/libpurple/session.h"

struct room;

/* After purple_core_init. */
void rooms_start(void);
void rooms_init(struct session *);
void rooms_forget(struct session *);

/* For the conversations' one table of operations, see talk.c. */
void rooms_users_added(PurpleConversation *, GList *users, gboolean new_arrivals);
void rooms_user_renamed(PurpleConversation *, const char *old_name, const char *new_name, const char *new_alias);
void rooms_users_removed(PurpleConversation *, GList *names);
void rooms_user_changed(PurpleConversation *, const char *name);

/* The room by the name that the user knows; NULL if he is not in it. */
struct room *rooms_find(const struct session *, const char *name);
/* The room of a chat, NULL if there is none. */
struct room *rooms_of(PurpleConversation *);
/* The name under which the protocol takes messages to one occupant alone. Owned by the caller. */
char *rooms_occupant(struct room *, const char *nickname);
/* Whether `who` of the protocol is an occupant of a room: which, and the nickname (part of `who`). */
bool rooms_is_occupant(const struct session *, const char *who, const char **room, const char **nickname);
/* Why the room cannot be joined, more exactly than the words that follow. */
void rooms_note_reason(struct session *, const char *name, enum s2_condition, const char *text);
/* Words of the network that may say why a room cannot be joined: true if they were used as that. */
bool rooms_refused(struct session *, const char *words);

/* Callbacks of the kit. */
void rooms_join(struct s2_user *, const struct s2_room *);
void rooms_leave(struct s2_user *, const char *name);
void rooms_set_subject(struct s2_user *, const struct s2_message *);

#endif
