/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One logged-in user, as the files of this folder see him. */
#ifndef SPECTRUM_HUB_USER_H
#define SPECTRUM_HUB_USER_H

#include "spectrum/hub/instance.h"

enum user_state {
	USER_LOADING,    /* the database is asked */
	USER_WAITING,    /* for a place on a backend */
	USER_CONNECTING, /* LOGIN was sent */
	USER_ONLINE,
	USER_RETRYING, /* lost the network or the backend; next log-in at retry_at */
};

#define USER_RESOURCES 63

/* One client of the user. */
struct resource {
	struct resource *next;
	char *text; /* of its presence, or NULL */
	int8_t priority;
	uint8_t number;  /* 1..USER_RESOURCES: what contacts and rooms remember it by */
	uint8_t status;  /* s2_status */
	bool present;    /* sent presence to the gateway; else here for a room only */
	bool uninformed; /* the XMPP link was away: what it was told may be lost */
	uint8_t mark;    /* the frontend's (client_set_mark) */
	char name[];
};

struct waiting; /* conversation.c: a message that waits for the log-in */

struct user {
	struct hub *hub;
	struct seat seat; /* seat.user is his bare JID */
	char *jid, *name, *password;
	int64_t id;                     /* in the database; 0 = not there */
	uint64_t session;               /* no other user has had this number */
	struct store_setting *settings; /* one block of memory */
	unsigned setting_count;
	struct resource *resources;
	struct roster roster;
	struct echo *echoes; /* the newest first (echo.c) */
	struct roster shunned; /* no contacts: whom he has refused, and strangers that he has blocked (block.c) */
	struct room *rooms;
	size_t occupant_bytes; /* of all rooms */
	unsigned order_count;
	struct idmap *ids; /* of the messages that he sent; NULL if the network never told any */
	struct waiting *waiting, **waiting_end;
	unsigned waiting_count;
	struct s2_room_listing *listing;
	size_t listing_count;
	struct list retry_node, unsaved_node, waiting_node;
	uint64_t retry_at, save_at; /* ms, loop_now */
	char *sent_text;            /* the status that the network was told last */
	uint8_t sent_status;
	uint8_t state; /* user_state */
	uint8_t attempts;
	bool registered;
	bool asked;   /* the database, for him */
	bool returned; /* after a start, without a client; only who stays connected is let in then */
	bool proving; /* the network has not said yet whether his password is right (proof.c) */
	bool ending;
	const enum s2_connection_error *cause; /* of its end; valid while it ends */
	unsigned holds;                        /* user_hold */
};

static inline struct user *user_of_seat(struct seat *seat)
{
	return LIST_ITEM(seat, struct user, seat);
}

struct resource *user_resource(const struct user *, const char *name);
/* By number; NULL for 0 and for who is gone. */
struct resource *user_resource_number(const struct user *, unsigned number);
/* Finds it or adds it, not present; NULL if there are too many. */
struct resource *user_resource_add(struct user *, const char *name);
/* Takes a resource out of the rooms and the list; logs the user out with the last one, which frees him. */
void user_resource_drop(struct user *, struct resource *);
/* Makes the user known if he is not; NULL while the gateway stops. `nickname` is used where an account needs a name and
 * there is none. Follow with user_load when it is noted what he came for. */
struct user *user_start(struct hub *, const char *jid, const char *nickname);
/* After a start: he was online before it. Whoever does not stay connected has to come by himself. */
struct user *user_return(struct hub *, const char *jid);
bool user_stays_connected(const struct user *);
/* Starts his log-in if it has not begun. May refuse and free him. */
void user_load(struct user *);
bool user_setting_true(const struct user *, const char *key);
/* Takes over copies; what he had is forgotten. */
void user_set_settings(struct user *, const struct store_setting *, size_t count);
/* The account was made or changed: log in with it, anew if he was. */
void user_restart(struct user *user, int64_t id, const char *name, const char *password);

/* account.c: registration.allowed_usernames, against the whole name. */
bool account_name_allowed(const struct hub *, const char *name);
/* proof.c */
/* The network has let the user in; or it will not. */
void proof_succeeded(struct user *);
void proof_failed(struct user *, enum s2_condition, const char *text);
/* Logs out, and frees, who is here for nobody any more. */
void user_settle(struct user *);
/* conversation.c */
/* Gives a message to the backend, or lets it wait for the log-in, or refuses it. */
void conversation_hand_over(struct user *, void (*verb)(struct seat *, const struct s2_message *, struct ticket *),
                            const struct s2_message *, struct ticket *);
/* A message of any kind to the network: its references become the network's, what it can't do becomes words. */
void conversation_send_from(struct user *, const struct s2_message *, struct ticket *);
/* Ends the ticket of somebody who is not logged in, with what he can do about it. */
void conversation_refuse_stranger(struct hub *, const char *jid, struct ticket *);
/* What waited goes out, or is refused. */
void conversation_flush(struct user *);
void conversation_refuse(struct user *, enum s2_condition, const char *text);
/* annotation.c: ids of messages. The same id if the other one is not known. Borrowed until the next message. */
const char *annotation_own_id(const struct user *, const char *peer, const char *network_id);
const char *annotation_network_id(const struct user *, const char *peer, const char *own_id);
/* echo.c */
enum echo_kind { ECHO_NONE, ECHO_CHANGED, ECHO_REMOVED };
/* Before the backend is told what the user has changed of this contact. */
void echo_expect(struct user *, const char *name, bool removed);
/* What the user has done to this contact that the backend has not read yet. */
enum echo_kind echo_is_due(struct user *, const char *name);
void echo_forget_all(struct user *);

/* contact.c */
void contact_load(struct user *, const struct store_buddy *, size_t count);
void contact_offline(struct user *, const char *resource); /* tells a resource, or all, that all contacts are gone */
void contact_forget_status(struct user *);
void contact_announce_all(struct user *); /* BUDDIES to the backend */
void contact_save(struct user *);
void contact_set_blocked(struct user *, struct buddy *, bool blocked);
/* stranger.c */
void stranger_note(struct hub *, const char *jid);
bool stranger_is(struct hub *, const char *jid);
void stranger_forget(struct hub *, const char *jid);
void stranger_forget_all(struct hub *);
/* block.c */
/* Of somebody who is no contact. True if the row is such a one. */
bool shun_load(struct user *, const struct store_buddy *);
/* His request was refused: it is not to come again. */
void shun_deny(struct user *, const char *name);
bool shun_is_denied(const struct user *, const char *name);
/* He is a contact now. Returns whether he was blocked. */
bool shun_lift(struct user *, const char *name);
/* room.c */
void room_rejoin_all(struct user *);
void room_leave_all(struct user *, struct resource *);
void room_interrupt_all(
    struct user *); /* the network is away: occupants are doubtful until the rooms are joined again */
void room_refuse_all(struct user *, enum s2_condition, const char *text);
void room_end_all(struct user *, unsigned codes, const char *text); /* tells everybody in them, and forgets them */
/* order.c: his session has ended, so no answers will come. */
void order_end_all(struct user *, const char *text);
bool room_has_resource(const struct user *, const struct resource *);
/* question.c: whatever his session asked is over. */
void question_drop_all(struct user *, const char *text);
/* He is logged in: what was asked for that needs no answer any more. */
void question_settle_all(struct user *);
/* account.c: how a request through the database is refused. */
extern const char account_no_database[], account_database_down[];

#endif
