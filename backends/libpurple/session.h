/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One user of the gateway and his account in libpurple, from log-in to the end of the connection. Everything in here is
 * found from the user (by his JID, in the kit), never by the account's name, so that nobody gets what is another's. */
#ifndef BACKENDS_LIBPURPLE_SESSION_H
#define BACKENDS_LIBPURPLE_SESSION_H

#include <purple.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/list.h"
#include "lib/base/str.h"
#include "lib/io/loop.h"
#include "spectrum2/backend.h"

enum session_state {
	SESSION_CONNECTING,
	SESSION_ONLINE,
	SESSION_OVER, /* the user knows; libpurple's side is still to be taken down */
};

struct session {
	struct list node;
	uint64_t number; /* see turn.h */
	enum session_state state;
	struct s2_user *s2; /* NULL when over */
	PurpleAccount *account;
	enum s2_status status; /* what the user wants to be seen as */
	char *status_text;
	GHashTable *contacts;         /* contacts.c: struct contact by normalized name */
	struct list stored;           /* contacts.c: to be put into libpurple's list */
	struct timer *contacts_timer; /* until changed ones are told */
	struct outbox *outbox;        /* outbox.c: messages that wait for their turn */
	struct list sent;             /* sent.c: messages whose fate is not known yet, oldest first */
	unsigned sent_count;
	struct timer *sent_timer;
	struct list questions; /* questions.c: not answered yet, oldest first */
	unsigned question_count;
	struct str early;  /* questions.c: to be told as soon as the user is logged in */
	struct list cards; /* cards.c: asked for and not answered yet */
	struct timer *cards_timer;
	struct list authorizations; /* authorizations.c: not answered yet */
	unsigned authorization_count;
	struct list rooms; /* rooms.c */
	unsigned room_count;
	struct list invitations; /* invitations.c: not accepted yet, oldest first */
	unsigned invitation_count;
	struct listing *listing; /* listing.c */
	struct timer *nudge;     /* simple.c */
	bool password_refused;   /* gadu.c */
	bool saying;             /* inside of the protocol's function that sends to a room */
	bool admitted;           /* s2_connected was called */
	bool unsaved;            /* something in the account has changed */
};

/* After purple_core_init, and before purple_core_quit. */
void session_start(void);
void session_stop(void);

/* Callbacks of the kit. */
void session_login(struct s2_user *, const struct s2_login *);
void session_logout(struct s2_user *);
void session_set_status(struct s2_user *, enum s2_status, const char *text);

/* NULL if it is over or there is none. Those of libpurple's objects: of an account, of whose turn it is. */
struct session *session_of(const struct s2_user *);
struct session *session_of_account(const PurpleAccount *);
struct session *session_with_turn(void);
/* The log-in failed or the connection is lost: tells the user, and takes libpurple's side down when it has returned. */
void session_fail(struct session *, enum s2_connection_error, const char *text);
/* Lets the user be logged in to the gateway, so that he can be spoken to, though the network has not let him in yet. */
void session_admit(struct session *);
/* Something has changed in the account whose turn it is; in any, if it is nobody's. */
void session_note_unsaved(void);
/* Those accounts; from now on they are as if saved. The list is the caller's. */
GList *session_take_unsaved(void);
/* Connected, so that libpurple's calls to the server may be used. */
bool session_is_online(const struct session *);
PurpleConnection *session_connection(const struct session *);

#endif
