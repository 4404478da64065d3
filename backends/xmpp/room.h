/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rooms (XEP-0045) that the user is in on the network: joining, occupants, leaving, and being there again after a break
 * of the session. What is said in them is in room_talk.c. */
#ifndef BACKENDS_XMPP_ROOM_H
#define BACKENDS_XMPP_ROOM_H

#include "backends/xmpp/talk.h"
#include "backends/xmpp/user.h"
#include "lib/xmpp/jid.h"

enum room_state { ROOM_JOINING, ROOM_JOINED, ROOM_LEAVING };

struct occupant {
	bool stale;      /* was there before a break, and has not shown up again */
	char *real_name; /* bare JID; NULL where the room does not tell */
	char nick[];
};

/* A message that the room has shown, under its two names. */
struct said {
	char *id;        /* the stanza's, its author's choice */
	char *stanza_id; /* the room's (XEP-0359) */
};

struct room {
	char *jid, *nick;
	char *wanted; /* a nickname that the user would like to change to; NULL = none */
	char *password;
	enum room_state state;
	bool was_joined;   /* the main process has been told that the user is in it */
	bool asked_for;    /* by the user, and not only by a bookmark */
	bool again;        /* asked once more for who is there, no history is wanted */
	bool goodbye;      /* the answer to a leave is still to come */
	uint64_t until_ms; /* for the server to answer a join, 0 = it does not owe one */
	int64_t last_ms;   /* wall clock of the last message, 0 = none */
	struct map occupants;
	struct said *said; /* the last few; NULL while there are none */
	unsigned said_next;
};

/* By its bare JID, as the main process spells it or as the server does; NULL if there is none. */
struct room *room_find(const struct user *, const char *jid);
/* Makes and joins one. NULL if there are too many. */
struct room *room_enter(struct user *, const char *jid, const char *nick, const char *password);
/* Ends it with an error that the user reads. */
void room_lose(struct user *, struct room *, const char *nick, enum s2_condition, const char *text);

/* A presence; false if it is from no room. */
bool room_presence(struct user *, struct arena *, const struct jid *from, const struct element *stanza);
/* A new session: goes into all rooms again. */
void rooms_rejoin(struct user *);
/* The user's status is another. */
void rooms_presence(struct user *);
void rooms_tick(struct user *, uint64_t now);
void rooms_free(struct user *);

/* room_talk.c: messages. Those that return bool say whether it was for a room. */
bool room_message(struct user *, struct arena *, const struct jid *from, const struct element *stanza);
bool room_private(struct user *, struct arena *, const struct jid *from, const struct element *stanza,
                  const struct origin *);
void room_error(struct user *, struct arena *, const struct jid *from, const struct element *stanza);
void room_say(struct user *, struct arena *, const struct s2_message *);
void room_annotate(struct user *, struct arena *, const struct s2_annotation *);
void room_set_subject(struct user *, const struct s2_message *);
void room_forget_said(struct room *);

/* A message that asks the user to come into a room; false if this is none. */
bool room_invited(struct user *, struct arena *, const struct jid *from, const struct element *stanza);
/* passing.c: an IQ request to anybody. */
void passing_ask(struct user *, const struct s2_room_order *, uint32_t request);
/* Asks what is true of the room, for s2_room_info. */
void room_fetch_info(struct user *, const struct room *);

/* The callbacks of spectrum2/backend.h; user_room_order is in room_order.c. */
void user_room_order(struct s2_user *, const struct s2_room_order *, uint32_t request);
void user_join_room(struct s2_user *, const struct s2_room *);
void user_leave_room(struct s2_user *, const char *room);

#endif
