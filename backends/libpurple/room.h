/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of rooms.c, speech.c and occupants.c only: one room of one user. */
#ifndef BACKENDS_LIBPURPLE_ROOM_H
#define BACKENDS_LIBPURPLE_ROOM_H

#include "backends/libpurple/session.h"

#define ROOMS_MOST 500 /* of one user */

enum room_state {
	ROOM_JOINING, /* asked for */
	ROOM_ENTERED, /* libpurple has a conversation; the user was not shown himself yet */
	ROOM_JOINED,
};

struct room {
	struct list node;
	struct session *session;
	enum room_state state;
	char *name;     /* as the user spells it */
	char *chat;     /* the conversation's name, normalized */
	char *nickname; /* wanted, then the real one */
	char *password; /* while joining */
	unsigned tries;
	bool failed;
	PurpleConversation *conversation; /* NULL while joining */
	struct timer *timer;
	bool subject_told;
	enum s2_condition condition; /* known of a join that fails; S2_DONE = nothing */
	char *reason;
	char *last_words;    /* the protocol's last remark: why somebody was put out */
	char *leaving_words; /* of who is being taken off the list */
};

#endif
