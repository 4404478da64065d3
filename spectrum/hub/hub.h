/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is online and who talks to whom. The hub stands between the XMPP side (frontend) and the backends (link): it
 * knows users, their resources, contacts, conversations and rooms, and nothing of XML or frames. This header is what
 * the frontend sees of it; user.h, room.h and buddy.h are the hub's own view. */
#ifndef SPECTRUM_HUB_HUB_H
#define SPECTRUM_HUB_HUB_H

#include "lib/base/mem.h"
#include "lib/config/config.h"
#include "lib/io/loop.h"
#include "spectrum/hub/buddy.h"
#include "spectrum/hub/ticket.h"
#include "spectrum2/types.h"

struct hub;
struct user;
struct resource;
struct room;
struct occupant;
struct room_presence;
struct room_line;
struct room_record;

/* How the user's own connection to the network stands: what the presence of the gateway's JID says. */
enum account_state { ACCOUNT_OFFLINE, ACCOUNT_CONNECTING, ACCOUNT_ONLINE };

/* S2_DONE: it is good; else why not, or why nobody knows. */
typedef void account_verdict(void *arg, enum s2_condition, const char *text);

/* Upwards: what the frontend turns into stanzas. `resource` NULL = to the bare JID, for all of the user's resources. */
struct hub_events {
	/* `text`: why, for people; may be NULL. */
	void (*account)(void *arg, struct user *, const char *resource, enum account_state, const char *text);
	/* A message from the gateway itself; `error` is NULL or why the login failed. */
	void (*notice)(void *arg, const char *jid, const char *text, const enum s2_connection_error *error);
	/* Somebody who is not registered, or may not use the gateway, sent presence (node NULL) or tried to join a
	 * room. */
	void (*refused)(void *arg, const char *jid, const char *resource, const char *node, const char *nickname,
	                enum s2_condition, const char *text);

	/* The contact's presence now. `gone`: unavailable, whatever it was. */
	void (*buddy)(void *arg, struct user *, const char *resource, const struct buddy *, bool gone);
	/* The log-in to the network is done: what the user did to his roster meanwhile can be passed on. */
	void (*online)(void *arg, struct user *);
	/* The contact is to come into the user's roster; or (BUDDY_REQUEST) it asks to see his presence; or he has
	 * added it himself (BUDDY_SUBSCRIBED) and the other direction is missing. */
	void (*buddy_subscribe)(void *arg, struct user *, const struct buddy *);
	/* The contact has said so; server mode. */
	void (*subscription)(void *arg, struct user *, const struct buddy *, enum s2_subscription_verb);
	/* The network has changed its alias or groups, or (contact_has_subscriptions) who may see whom. */
	void (*buddy_changed)(void *arg, struct user *, const struct buddy *);
	/* It has another picture (or none). */
	void (*buddy_icon)(void *arg, struct user *, const struct buddy *);
	/* The contact is to leave the user's roster. */
	void (*buddy_removed)(void *arg, struct user *, const struct buddy *);

	/* From a contact, or a private one from an occupant: `room` is NULL or his room. With `carbon` it is the user's own,
	 * written elsewhere. */
	void (*message)(void *arg, struct user *, const char *resource, const struct room *, const struct s2_message *);
	/* About an earlier message; `resource` NULL: to all. `room`: as with messages. */
	void (*annotation)(void *arg, struct user *, const char *resource, const struct room *,
	                   const struct s2_annotation *);
	void (*typing)(void *arg, struct user *, const char *resource, const char *peer, enum s2_typing);
	void (*attention)(void *arg, struct user *, const char *resource, const struct s2_message *);
	void (*received)(void *arg, struct user *, const char *resource, const char *peer, const char *id);
	/* A file from the network needs a place (XEP-0363): answer with conversation_slot. */
	void (*slot_request)(void *arg, struct user *, const struct s2_slot *);
	/* A message was refused; or (ticket type "iq") a request has ended, perhaps with S2_DONE. The ticket is freed
	 * afterwards. */
	void (*bounce)(void *arg, const struct ticket *, enum s2_condition, const char *text);

	/* The network asks the user something (a code, a picture to scan ...); a question with the id of an earlier one
	 * takes its place. And the end of a question, answered or not: condition S2_DONE if it went well. */
	void (*question)(void *arg, struct user *, const struct s2_request *);
	void (*question_end)(void *arg, struct user *, const char *id, enum s2_condition, const char *text);

	/* Rooms: to one resource that is in the room. */
	void (*occupant)(void *arg, struct user *, const char *resource, const struct room *,
	                 const struct room_presence *);
	void (*room_message)(void *arg, struct user *, const char *resource, const struct room *,
	                     const struct room_line *);
	/* What is kept of part number `part` of a line: content and the stanza's id, borrowed until the loop turns.
	 * False behind the last part. */
	bool (*room_content)(void *arg, const struct room *, const struct room_line *, unsigned part,
	                     struct room_record *);
	/* Something that was kept. `history`: it was said before the client came. */
	void (*room_record)(void *arg, struct user *, const char *resource, const struct room *,
	                    const struct room_record *, bool history);
	/* Something of room_get_info has changed; the codes say what clients ask about. */
	void (*room_changed)(void *arg, struct user *, const char *resource, const struct room *, unsigned codes);
	void (*room_subject)(void *arg, struct user *, const char *resource, const struct room *);
	void (*room_error)(void *arg, struct user *, const char *resource, const struct room *, const char *nickname,
	                   enum s2_condition, const char *text);

	/* Somebody asks the user to come into a room. */
	void (*room_invited)(void *arg, struct user *, const struct s2_room_invitation *);
	/* Somebody spoke in a room of the network that the user has not joined, and no struct room can be made of it. */
	void (*room_invitation)(void *arg, struct user *, const char *room, const struct s2_message *);
	/* The network has the user in a room that none of his clients has joined. `message`: what was said there, or NULL;
	 * `known`: he was told before this session. */
	void (*group)(void *arg, struct user *, const struct room *, const struct s2_message *, bool known);
	/* It has him in there no more. */
	void (*group_left)(void *arg, struct user *, const struct room *);

	/* After a start: find out whether he is still there. */
	void (*probe)(void *arg, const char *jid);
	/* The user's session on the network has ended, or can't begin: his clients have to go (server mode). `error` is
	 * NULL or why the network ended it. */
	void (*logged_out)(void *arg, const char *jid, const char *text, const enum s2_connection_error *error);
	/* Whether this is an account of registration.local_account_server: answered once, at once or later. */
	void (*verify)(void *arg, const char *jid, const char *local_name, const char *local_password, account_verdict *,
	               void *verdict_arg);
	/* Somebody registered or unregistered: tell whom the configuration names. */
	void (*registration)(void *arg, const char *jid, bool registered);
	/* A backend has told what its network can do (hub_can). */
	void (*configured)(void *arg);
	/* An administrator wants the configuration to be read again: what came of it, for people. */
	void (*reload)(void *arg, struct str *answer);
	/* A stanza that was kept over a restart (hub_keep); then one call with NULL. */
	void (*kept)(void *arg, uint64_t sequence, const char *stanza, size_t len);
};

/* Status codes of XEP-0045 section 15.6.2 that go with an occupant's presence. */
enum room_code {
	ROOM_SELF = 1,            /* 110 */
	ROOM_NONANONYMOUS = 2,    /* 100 */
	ROOM_NICK_ASSIGNED = 4,   /* 210 */
	ROOM_RENAMED = 8,         /* 303 */
	ROOM_KICKED = 16,         /* 307 */
	ROOM_BANNED = 32,         /* 301 */
	ROOM_SHUTDOWN = 64,       /* 332 */
	ROOM_LOST = 128,          /* 333 */
	ROOM_LOGGED = 256,        /* 170 */
	ROOM_CREATED = 512,       /* 201 */
	ROOM_NOT_MEMBER = 1024,   /* 321 */
	ROOM_MEMBERS_ONLY = 2048, /* 322 */
	ROOM_CONFIGURED = 4096,   /* 104 */
	ROOM_NOT_LOGGED = 8192,   /* 171 */
	ROOM_BECAME_OPEN = 16384, /* 172, no longer anonymous */
	ROOM_DESTROYED = 65536,     /* the room has ended; no code, but an element */
	ROOM_BECAME_SEMI = 32768, /* 173, semi-anonymous now */
};

/* An occupant as he is now, or as he leaves. */
struct room_presence {
	const struct s2_participant *value;
	const char *occupant_id; /* XEP-0421; NULL if he has none */
	unsigned codes;
};

/* What a client wants to read of what was said before it came (XEP-0045 section 7.2.13); -1: it does not say. */
struct room_history {
	int stanzas, chars;
	int64_t since; /* ms since 1970; 0: it does not say */
};

/* A line that was said in a room. */
struct room_line {
	const struct s2_message *message;
	uint64_t number; /* 0: it is a notice of the room. Else what its id is made of (XEP-0359) if the network gives
	                    none; a part of it has a greater one */
	const char *occupant_id; /* of who said it */
};

/* A line, or a part of one that takes several stanzas, as it is kept. */
struct room_record {
	uint64_t number;
	const char *id;        /* XEP-0359 */
	const char *stanza_id; /* the attribute of the stanza that carried it */
	const char *nickname, *occupant_id;
	const char *content; /* what is inside of the stanza, as XML; what has no namespace is of jabber:client */
	int64_t time;        /* ms since 1970, 0 = now */
	bool named;          /* the id is the network's */
};

/* Opens the database and starts the first backend. NULL with *error (owned by the caller) if that can't be. */
struct hub *hub_new(struct loop *, struct config *, int argc, char **argv, const struct hub_events *, void *arg,
                    char **error);
/* Hands over what an earlier process left: events.kept, and events.bounce for messages that were under way. */
void hub_start(struct hub *);
/* Tells all users (account offline, rooms 332) and ends the backends; nobody is let in any more. */
void hub_stop(struct hub *);
/* hub_stop, if that was not done; finishes the database's work. */
void hub_free(struct hub **);
/* The XMPP side is there (again): asks after the users that are online, and after a start after those that were. */
void hub_frontend_up(struct hub *);
/* Back-pressure: what the network sends can't be passed on (or can again). */
void hub_pause(struct hub *, bool pause);
/* Keeps serialized stanzas over a restart, and forgets all up to `sequence`. */
void hub_keep(struct hub *, uint64_t sequence, const char *stanza, size_t len);
void hub_forget(struct hub *, uint64_t sequence);

struct hub_stats {
	unsigned users, backends, crashed;
	uint64_t messages_in, messages_out; /* from XMPP, to XMPP */
	int64_t started;                    /* wall clock, ms */
	int64_t res_kb, shared_kb;          /* memory of this process and the backends */
	int64_t grown_kb;                   /* that the backends took since their start, for their users */
};
void hub_stats(const struct hub *, struct hub_stats *);
/* Contacts of all users that are logged in. Looks at each of them. */
void hub_count_contacts(const struct hub *, unsigned *total, unsigned *online);

/* ---- Users (spectrum/hub/user.c) ---- */
/* Logged in or about to be; NULL else. */
struct user *hub_user(const struct hub *, const char *jid);
const char *user_jid(const struct user *);
const char *user_name(const struct user *);
bool user_is_online(const struct user *);
/* What the client says of itself. */
struct s2_presence {
	enum s2_status status;
	const char *text;
	int priority;
};
/* What the network is told: of the client with the highest priority. */
void user_presence(const struct user *, struct s2_presence *);
/* What he has set, or NULL. Borrowed until a setting changes. */
const char *user_setting(const struct user *, const char *key);
/* The setting send_headlines: headlines stay headlines. */
bool user_wants_headlines(const struct user *);
/* Logs out and frees. What waits is refused with `text`. */
void user_logout(struct user *, const char *text);
/* Available presence to the gateway: log-in, or news of a resource. */
void user_available(struct hub *, const char *jid, const char *resource, const struct s2_presence *);
/* Unavailable to the gateway, or an error that says so. With the last one the user is logged out. `resource` "": none
 * is there, as a server answers a probe. */
void user_unavailable(struct hub *, const char *jid, const char *resource);
/* The user's clients that are online, newest first. */
const struct resource *client_first(const struct user *);
const struct resource *client_after(const struct resource *);
const char *client_name(const struct resource *);
const struct resource *client_find(const struct user *, const char *name);
/* What the frontend wants to remember of a client, 0 at first; false if it is gone. */
uint8_t client_mark(const struct resource *);
bool client_set_mark(struct user *, const char *name, uint8_t mark);
/* Answers a probe to the gateway (name NULL) or to a contact; false if that is not known. */
bool user_probe(struct hub *, const char *jid, const char *resource, const char *name);

/* ---- Log-in with a password (proof.c), for server mode ---- */
/* S2_DONE: the network has let him in, or had before with the same password; call user_hold now, or he is logged out
 * again. S2_NOT_AUTHORIZED: wrong name or password. Anything else: this can't be known now. `text` is for people. The
 * login is still to be freed, then or later. */
typedef void proof_answer(void *arg, enum s2_condition, const char *text);
struct proof;
/* `name` is the one on the network. Answered from the loop, never before this returns. */
struct proof *proof_new(struct hub *, const char *jid, const char *name, const char *password, unsigned wait_ms,
                        proof_answer *, void *arg);
/* Also cancels. */
void proof_free(struct proof **);
/* The number of this session of his on the network, which no other one has; 0 while the network has not said whether
 * his password is right. */
uint64_t user_session(const struct user *);
/* The user stays logged in while somebody holds him, even without a client that has sent presence. */
void user_hold(struct user *);
/* May log him out, and free him. */
void user_release(struct user *);

/* ---- What is kept for a user (keep.c), for server mode ---- */
/* By kind ("offline", "pep" ...), node and id; NULL and "" stand for any where it is asked for or removed. */
struct kept {
	const char *kind, *node, *id;
	const char *content;
	int64_t time;    /* 0 = now */
	uint64_t number; /* greater for what came later; where it is removed: up to this one, 0 = all */
	unsigned most;   /* of the node; where it is asked for: the last ones; 0 = any number */
	bool sealed;     /* a secret, to be asked for as such: "" if it can't be opened any more */
};
enum keep_end { KEEP_DONE, KEEP_FULL, KEEP_FAILED };
/* Answers never come inside of the call. `done` may be NULL. */
typedef void keep_done(void *arg, enum keep_end);
/* `items` is NULL if the database does not work; oldest first. */
typedef void keep_answer(void *arg, const struct kept *items, size_t count);
/* In place of the one with the same id. Above `most` the oldest go, or with `refuse` the new one is not taken. */
void keep_put(struct hub *, const char *owner, const struct kept *, bool refuse, keep_done *, void *arg);
void keep_remove(struct hub *, const char *owner, const struct kept *, keep_done *, void *arg);
void keep_get(struct hub *, const char *owner, const struct kept *, keep_answer *, void *arg);

/* ---- Contacts (contact.c) ---- */
/* The name behind a contact's node, as the network spells it. */
const char *contact_name(struct arena *, const struct user *, const char *node);
/* The node of a contact of this user; NULL if no JID can be made of the name. */
const char *contact_node(struct arena *, const struct user *, const char *name);
/* Of somebody new, for a user of any kind. */
const char *contact_node_of_new(struct arena *, const struct hub *, const char *name);
/* Subscription stanzas from the user. */
void contact_subscribe(struct user *, const char *name);
void contact_subscribed(struct user *, const char *name);
void contact_unsubscribe(struct user *, const char *name, bool unsubscribed);
/* Server mode, where the network itself knows who may see whom: the states of RFC 6121 are its own, and in place of the
 * three above contact_say tells it what the user says. */
bool contact_has_subscriptions(const struct user *);
/* False: he is not logged in to the network at the moment, so nobody was told. */
bool contact_say(struct user *, const char *name, enum s2_subscription_verb, const char *text);
/* What somebody says who asks to see the user's presence; NULL: nothing. */
const char *contact_request_text(const struct buddy *);
/* NULL if there is none. Borrowed until the contact changes. */
const struct buddy *contact_find(const struct user *, const char *name);
/* The contact behind `at`, in the order of names; NULL at the end. */
const struct buddy *contact_at(const struct user *, unsigned at);
/* What the network can do, but not with this contact (s2_feature). */
unsigned contact_lacks(const struct user *, const struct buddy *);
/* Takes flags from a contact and gives it others: BUDDY_LISTING and BUDDY_SENT. */
void contact_mark(struct user *, const char *name, unsigned take, unsigned give);
/* It is in the roster now, and the user need not be asked. */
void contact_listed(struct user *, const char *name);
/* The user has given it this name (NULL: no news) and these groups (joined with \n; NULL: no news) in his roster. */
void contact_arrange(struct user *, const char *name, const char *alias, const char *groups);
/* The user wants to have this contact: the network is told, and it comes into his roster. False if no address can be
 * made of the name, or if he has too many. */
bool contact_want(struct user *, const char *name);
/* The user has put it into his roster, perhaps anew; the network is told. False if that can't be now. */
bool contact_put(struct user *, const char *name, const char *alias, const char *groups);
/* He has removed it, and the network is told. */
void contact_remove(struct user *, const char *name);
/* Presence of one contact once more, to all. */
void contact_present(struct user *, const char *name);
/* Presences of all contacts to one resource. */
void contact_present_all(struct user *, const char *resource);

/* ---- Blocking, by the network (block.c) ---- */
/* S2_DONE, or why not. May come before the call returns, and comes also if the user has left. */
typedef void block_answer(void *arg, enum s2_condition, const char *text);
/* The network can, and the configuration lets it. */
bool block_can(const struct hub *);
/* `name` need not be a contact. */
void block_set(struct user *, const char *name, bool blocked, block_answer *, void *arg);
/* Calls `tell` for everybody who is blocked. */
void block_each(const struct user *, void (*tell)(void *arg, const char *name), void *arg);

/* ---- Conversations (conversation.c) ---- */
/* Everything that takes a ticket ends it: at once by events.bounce, or later. `jid` need not be logged in. */
void conversation_send(struct hub *, const char *jid, const char *resource, const struct s2_message *, struct ticket *);
void conversation_attention(struct hub *, const char *jid, const char *resource, const struct s2_message *,
                            struct ticket *);
void conversation_typing(struct user *, const char *peer, enum s2_typing);
/* Reactions, retractions, read markers (annotation.c). What the network has not is refused; a read marker is dropped. */
void conversation_annotate(struct hub *, const char *jid, const char *resource, const struct s2_annotation *,
                           struct ticket *);
/* What the network of this instance can do: as its backends have announced. */
enum hub_ability {
	HUB_CORRECTIONS,
	HUB_RETRACTIONS,
	HUB_MODERATION,
	HUB_REACTIONS,
	HUB_REPLIES,
	HUB_MARKERS,
	HUB_ATTACHMENTS,
	HUB_FORMATTING,
};
bool hub_can(const struct hub *, enum hub_ability);

/* The answer to events.slot_request; nothing happens if the user's session is not there any more. */
void conversation_slot(struct hub *, const char *jid, const struct s2_slot *);

/* ---- Profiles (profile.c) ---- */
/* With condition S2_REMOTE_SERVER_TIMEOUT the network has not been asked, or has said nothing for 20 s. */
typedef void profile_answer(void *arg, const struct s2_card *);
/* Of a contact, or of an occupant (ROOM/NICKNAME). Who asks for the same meanwhile gets the same answer. It may come
 * before the call returns, and comes also if the user has left. */
void profile_get(struct user *, const char *name, profile_answer *, void *arg);
/* The user's own goes to the network. */
void profile_set(struct user *, const struct s2_card *);

/* ---- Rooms (room.c) ---- */
struct room *room_first(const struct user *);
struct room *room_after(const struct room *);
struct room *room_find(const struct user *, const char *node);
const char *room_node(const struct room *);
const char *room_name(const struct room *);
const char *room_nickname(const struct room *);
unsigned room_occupants(const struct room *);
bool room_has_occupant(const struct room *, const char *nickname);
bool room_joined_by(const struct room *, const struct user *, const char *resource);
struct room_subject {
	const char *text, *author; /* NULL if unknown */
	int64_t time;
};
void room_get_subject(const struct room *, struct room_subject *);
/* Whether everybody there can see who is behind a nickname. */
bool room_is_nonanonymous(const struct room *);
/* All of his clients in it are told that it has changed: status codes of enum room_code. */
void room_announce(struct room *, unsigned codes);
/* What the network has told; `name` is NULL if it has told nothing. */
const struct s2_room_info *room_get_info(const struct room *);
struct room_entry {
	const char *node, *nickname;
	const char *password; /* may be NULL */
	struct room_history history;
};
#define ROOM_HISTORY_ANY  \
	{                 \
		-1, -1, 0 \
	}
void room_join(struct hub *, const char *jid, const char *resource, const struct room_entry *);
void room_leave(struct user *, const char *resource, const char *node);
/* All of his clients leave, and so does he if none is there. False if he is in no such room. */
bool room_quit(struct user *, const char *node);
bool room_has_clients(const struct room *);
void room_send(struct hub *, const char *jid, const char *resource, const char *node, const struct s2_message *,
               struct ticket *);
void room_set_subject(struct hub *, const char *jid, const char *resource, const char *node, const struct s2_message *,
                      struct ticket *);
void room_annotate(struct hub *, const char *jid, const char *resource, const char *node, const struct s2_annotation *,
                   struct ticket *);
/* Rooms that the network listed for the user, and for everybody. */
bool room_is_listed(const struct hub *, const struct user *, const char *node);
size_t room_listing(const struct hub *, const struct user *, const struct s2_room_listing **rooms);

/* ---- What users ask of rooms' networks (order.c) ---- */
/* Called once, with what the network answered, or why it did not; for a catalog in parts, all but the last one with `more`.
 * May be called inside of room_order. */
typedef void room_answer(void *arg, const struct s2_room_answer *);
void room_order(struct user *, const struct s2_room_order *, room_answer *, void *arg);
/* The room has been destroyed on the network: all of the user's clients in it are told. */
void room_destroyed(struct hub *, const char *jid, const char *node, const char *reason);
/* Whether the network can do it at all. */
bool room_can(const struct hub *, enum s2_room_verb);
/* Occupant number `at`, in the order of nicknames; false behind the last one. The texts are borrowed; no hats. */
bool room_occupant_at(const struct room *, unsigned at, struct s2_participant *);
/* The user's own; false if he is not shown there yet. */
bool room_self(const struct room *, struct s2_participant *);

/* ---- What was said in rooms (archive.c, XEP-0313) ---- */
bool archive_is_kept(const struct hub *);
/* All that is given has to be true of a line; NULL and 0 are not given. */
struct archive_query {
	int64_t start, end; /* ms since 1970, both included */
	const char *nickname;
	const char *after_id, *before_id; /* bound the whole result */
	const char *after, *before;       /* bound this page */
	const char *ids;                  /* just these: each with \x01 behind it */
	unsigned most;
	bool backwards; /* the last page that fits */
};
struct archive_page {
	const struct room_record *records;
	size_t count;
	bool complete;
	int64_t total; /* -1: not counted */
};
/* `page` is NULL with an error. */
typedef void archive_answer(void *arg, const struct archive_page *page, enum s2_condition, const char *text);
/* What this user (bare JID) has heard of the room with this node. The answer never comes inside of the call. */
void archive_search(struct hub *, const char *jid, const char *node, const struct archive_query *, archive_answer *,
                    void *arg);

/* A user's own archive, in server mode: the messages that he has written and got. */
struct archive_line {
	const char *with; /* the other one's address */
	const char *stanza_id;
	const char *content; /* the stanza */
	int64_t time;        /* 0 = now */
	bool prompt;         /* nobody has it yet */
};
/* Somebody has it now: to be called once in the life of a process before anything is noted. */
void archive_open_own(struct hub *, const char *owner);
/* Returns the number of the line, which in hexadecimal is its id. */
uint64_t archive_note(struct hub *, const char *owner, const struct archive_line *);
/* As archive_search; `nickname` is the other one's address. */
void archive_search_own(struct hub *, const char *owner, const struct archive_query *, archive_answer *, void *arg);

/* ---- Accounts (account.c) ---- */
enum account_reply { ACCOUNT_DONE, ACCOUNT_REFUSED };
struct account_info {
	bool registered;
	const char *name;
	const struct s2_setting *settings; /* that he has made; see setting_value */
	size_t setting_count;
};
/* Answers come on the loop, maybe before the call returns. `info` NULL: see condition and text. */
typedef void account_answer(void *arg, const struct account_info *info, enum s2_condition, const char *text);
void account_get(struct hub *, const char *jid, account_answer *, void *arg);
struct account_order {
	const char *jid, *name, *password;
	const char *local_name, *local_password; /* registration.require_local_account */
	bool by_admin; /* who may register with whom does not matter then */
};
void account_register(struct hub *, const struct account_order *, account_answer *, void *arg);
void account_unregister(struct hub *, const char *jid, account_answer *, void *arg);
bool account_needs_password(const struct hub *);
/* NULL, or why nobody of this user's server may register. */
const char *account_forbidden(const struct hub *, const char *jid);
/* Who registers has to prove that he has an account of registration.local_account_server. */
bool account_needs_local(const struct hub *);
bool account_needs_registration(const struct hub *);
/* The bare JID is one of service.admin_jid. */
bool account_is_admin(const struct hub *, const char *jid);

/* ---- What the network asks (question.c) ---- */
/* Question number `at` of those of the user that have no answer yet, oldest first; NULL at the end. */
const struct s2_request *question_at(const struct hub *, const char *jid, size_t at);
/* NULL if it is over. */
const struct s2_request *question_find(const struct hub *, const char *jid, const char *id);
/* Answers it, in name and value of each field; values NULL: he won't. It is gone then. False if it was already. */
bool question_answer(struct hub *, const char *jid, const char *id, const struct s2_setting *values, size_t count);

/* ---- Administration by words (admin.c) ---- */
/* What a command answered; "" is an answer, too. */
typedef void admin_answer(void *arg, const char *text);
/* Carries out one line: a command or variable with what follows it. The answer comes on the loop, maybe before the call
 * returns. Who may do this is the caller's to know. */
void admin_run(struct hub *, const char *line, admin_answer *, void *arg);
/* Whether the line begins with the name of a command or variable. */
bool admin_knows(const char *line);
/* Name number `at` of those that can be read, with its value; NULL at the end. */
const char *admin_variable(struct hub *, size_t at, struct str *value);
/* To everybody who is logged in. Returns how many they are. */
unsigned admin_announce(struct hub *, const char *text);
/* All who are registered, one call each, then one with NULL. Without a database: those that are logged in. */
typedef void admin_jid(void *arg, const char *jid);
void admin_each_registered(struct hub *, admin_jid *, void *arg);
/* The users that are logged in, in no order: at first NULL; NULL at the end. */
const struct user *admin_next_user(const struct hub *, size_t *cursor);
/* How he stands, for people. */
void admin_describe(struct hub *, const char *jid, struct str *out);

/* ---- What each user may set for himself (setting.c) ---- */
struct user_setting {
	struct s2_field field; /* with the value that it has if nobody said anything */
	const char *config;    /* key that says this value instead, or NULL */
};
/* Row `at` of the table of all settings; NULL at its end. */
const struct user_setting *setting_at(size_t at);
bool setting_is_offered(const struct hub *, const struct user_setting *);
/* What the setting of this name is for somebody who has made these; NULL if there is no such setting. */
const char *setting_value(const struct hub *, const struct s2_setting *made, size_t count, const char *name);
/* Kept like a setting, but not the user's to fill into a form: his bookmarks (XEP-0049), as XML. */
#define SETTING_STORAGE "storage"
/* Keeps values, which the caller has checked, and lets them take effect. He need not be logged in, and may not be
 * any more when the answer comes. */
void setting_change(struct hub *, const char *jid, const struct s2_setting *changes, size_t count, account_answer *,
                    void *arg);

#endif
