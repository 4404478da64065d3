/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The backend kit: write one network's protocol, get a backend. A backend is one program that serves many users of one
 * network. It fills in a table of callbacks and calls s2_backend_run; the kit owns the event loop (one thread, never
 * block in it), the line to the main process, heartbeat, users, and answers whatever the table leaves NULL, so that
 * nothing asked for is ever met with silence.
 *
 * All pointers that a callback receives are borrowed until it returns, unless said otherwise. See backends/echo. */
#ifndef SPECTRUM2_BACKEND_H
#define SPECTRUM2_BACKEND_H

#include "spectrum2/types.h"

/* One logged-in user of the gateway. Valid from `login` until `logout` returned, or until s2_disconnected returned. */
struct s2_user;

enum s2_feature {
	S2_FEATURE_MUC = 1,             /* the network has rooms */
	S2_FEATURE_RECEIPTS = 2,        /* s2_message_received will be called */
	S2_FEATURE_NO_PASSWORD = 4,     /* registration asks for no password */
	S2_FEATURE_NO_REGISTRATION = 8, /* a presence or a room join is enough */
	S2_FEATURE_NO_JID_ESCAPING = 16,
	S2_FEATURE_MESSAGE_RESULT = 32, /* every message is ended with s2_message_result; else the kit reports it done when
	                                   `message` returns */
	/* What of an earlier message can be changed or said; see types.h. What is not announced is not asked for. */
	S2_FEATURE_CORRECTIONS = 64, /* `message` with `replaces` */
	S2_FEATURE_RETRACTIONS = 128,
	S2_FEATURE_MODERATION = 256, /* retractions of others' messages in rooms */
	S2_FEATURE_REACTIONS = 512,
	S2_FEATURE_REPLIES = 1024,     /* `message` with `reply_to`; else the quote is in the body */
	S2_FEATURE_MARKERS = 2048,     /* S2_DISPLAYED, both ways */
	S2_FEATURE_ATTACHMENTS = 4096, /* `message` with attachments; else their links are in the body */
	S2_FEATURE_FORMATTING = 8192,  /* `xhtml` of messages is shown; else nothing is made of what users write */
	S2_FEATURES_OF_MESSAGES = S2_FEATURE_CORRECTIONS | S2_FEATURE_RETRACTIONS | S2_FEATURE_MODERATION |
	                          S2_FEATURE_REACTIONS | S2_FEATURE_REPLIES | S2_FEATURE_MARKERS | S2_FEATURE_ATTACHMENTS,
	/* The kit sets these by itself where there is a callback for it; a single contact may lack them (s2_buddy). */
	S2_FEATURE_TYPING = 1 << 16,
	S2_FEATURE_ATTENTION = 1 << 17,
	S2_FEATURE_BLOCKING = 1 << 18,
	S2_FEATURE_OWN_CARD = 1 << 19, /* set_card */
	/* The network keeps no list of contacts: `add_buddy` is called for all that the user has at each log-in. */
	S2_FEATURE_NO_CONTACT_LIST = 1 << 20,
	S2_FEATURE_SUBSCRIPTIONS = 1 << 21, /* `subscription`: set by the kit, too */
};

struct s2_backend {
	const char *name; /* "spectrum2_echo_backend" */
	unsigned features;
	const char *reactions;   /* that the network has, separated by blanks; NULL: any emoji */
	unsigned reactions_most; /* of one person on one message; 0: any number */

	/* Process. `start` is called once, before any user; the configuration is there. Return false after logging why. */
	bool (*start)(void);
	void (*stop)(void); /* all users were logged out before */

	/* Session. Answer `login` with s2_connected or s2_disconnected, at once or later. After `logout` returns the user
	 * is gone: no call with him is allowed, release everything that belongs to him in there. */
	void (*login)(struct s2_user *, const struct s2_login *);
	void (*logout)(struct s2_user *);
	void (*set_status)(struct s2_user *, enum s2_status, const char *text);
	/* What the user filled into a question of s2_ask, name and value of each field; NULL: he did not, or too late. Called at
	 * most once for each; what comes of it is told by the next question, s2_connected, s2_disconnected or s2_ask_end. */
	void (*answered)(struct s2_user *, const char *id, const struct s2_setting *values, size_t count);

	/* Messages. With S2_FEATURE_MESSAGE_RESULT each `message` and `set_subject` ends with exactly one
	 * s2_message_result or s2_message_done for its id, also when the session dies before (the kit refuses what is left at
	 * logout). */
	void (*message)(struct s2_user *, const struct s2_message *);
	void (*typing)(struct s2_user *, const char *peer, enum s2_typing);
	void (*attention)(struct s2_user *, const struct s2_message *);
	/* Reactions, retractions, read markers: those that `features` has. Ends like a message, for its id. What is said in
	 * a room comes back through s2_annotation, as the room shows it. */
	void (*annotate)(struct s2_user *, const struct s2_annotation *);

	/* Contacts. `add_buddy` also accepts a request and renames or moves; `remove_buddy` also refuses one. */
	void (*add_buddy)(struct s2_user *, const struct s2_buddy *);
	void (*remove_buddy)(struct s2_user *, const struct s2_buddy *);
	/* Where the network knows who sees whom (s2_buddy tells `subscription`): what the user says about it to somebody, with
	 * his own words if he has any (`text`). Then `add_buddy` with a subscription that is not UNKNOWN only lists, renames or
	 * moves. */
	void (*subscription)(struct s2_user *, const char *name, enum s2_subscription_verb, const char *text);
	/* Ends with s2_block_result; nobody need be a contact for it. */
	void (*block_buddy)(struct s2_user *, const char *name, bool blocked);

	/* Profiles. Answer `get_card` with s2_card(request). NULL: the kit answers with an empty card. */
	void (*get_card)(struct s2_user *, const char *name, uint32_t request);
	void (*set_card)(struct s2_user *, const struct s2_card *); /* the whole: no photo = he has none any more */

	/* Rooms. A join ends with the participants (the user himself last, with S2_PARTICIPANT_ME), then the subject, or with
	 * s2_room_error. A message sent to a room comes back through s2_message, as the room shows it. */
	void (*join_room)(struct s2_user *, const struct s2_room *);
	void (*leave_room)(struct s2_user *, const char *room);
	void (*set_subject)(struct s2_user *, const struct s2_message *); /* peer = room, body = subject */
	/* Those of `room_orders` (1 << s2_room_verb, or'ed together). Ends with exactly one s2_room_answer without `more`, at
	 * once or later; when the user is gone nobody waits for it. */
	unsigned room_orders;
	void (*room_order)(struct s2_user *, const struct s2_room_order *, uint32_t request);
};

/* main() of a backend: parses the command line (--host, --port, --service.backend_id, -j, CONFIG), connects to the main
 * process, runs until told to exit. Returns the exit status. */
int s2_backend_run(int argc, char **argv, const struct s2_backend *);

/* The configuration file's value, or NULL if it is not set; `section.key`. Borrowed for the life of the process. */
const char *s2_config(const char *key);
const char *s2_config_or(const char *key, const char *fallback);
int64_t s2_config_number(const char *key, int64_t fallback);
bool s2_config_bool(const char *key, bool fallback);
/* Value number `index` of a list key, NULL behind the last. */
const char *s2_config_item(const char *key, size_t index);

/* ---- Users ---- */
const char *s2_user_jid(const struct s2_user *);  /* bare JID */
const char *s2_user_name(const struct s2_user *); /* legacy name */
const char *s2_user_setting(const struct s2_user *, const char *key); /* NULL if not set */
void *s2_user_data(const struct s2_user *);
void s2_user_set_data(struct s2_user *, void *);
/* The user with this bare JID, or NULL: for answers that come after he may have left. */
struct s2_user *s2_user_find(const char *jid);

/* ---- Towards the user ---- */
void s2_connected(struct s2_user *);
/* The login failed or the session is over for good; the user is freed, no `logout` follows. The main process decides
 * about logging in again by the error's class. `text` is told to the person. */
void s2_disconnected(struct s2_user *, enum s2_connection_error, const char *text);

/* Asks the user something: during the log-in (a code, a picture to scan, a page to open) or later. A question with the same
 * id takes the place of the one before. False if the main process can't ask: go on without an answer, or say why not with
 * s2_disconnected. */
bool s2_ask(struct s2_user *, const struct s2_request *);
/* No answer is wanted any more, or this came of it: S2_DONE, or what is wrong with it. */
void s2_ask_end(struct s2_user *, const char *id, enum s2_condition, const char *text);

void s2_message(struct s2_user *, const struct s2_message *);
void s2_message_result(struct s2_user *, const char *id, const char *peer, enum s2_condition, const char *text);
/* The network has it, and calls it `network_id`: corrections, reactions and the like will name it so. */
void s2_message_done(struct s2_user *, const char *id, const char *peer, const char *network_id);
/* Somebody, or the user in another client, says something about an earlier message. */
void s2_annotation(struct s2_user *, const struct s2_annotation *);
/* Puts a copy of the file onto the upload service of the user's server (XEP-0363), else into service.web_directory.
 * `done` is called once, later, while the user is still there: with the attachment for a message, or NULL and why not, for
 * people. The backend has to be linked with upload_dep. */
void s2_upload(struct s2_user *, const struct s2_file *,
               void (*done)(struct s2_user *, void *arg, const struct s2_attachment *, const char *error), void *arg);
/* The network confirmed delivery (XEP-0184). `id`: the stanza's, or the network's. */
void s2_message_received(struct s2_user *, const char *peer, const char *id);
void s2_typing(struct s2_user *, const char *peer, enum s2_typing);
void s2_attention(struct s2_user *, const char *peer, const char *text);

void s2_buddy(struct s2_user *, const struct s2_buddy *);
void s2_buddy_removed(struct s2_user *, const char *name);
/* The person is (un)blocked now (S2_DONE), or why not. */
void s2_block_result(struct s2_user *, const char *name, enum s2_condition, const char *text);
/* A person asks to see the user's presence; `text`: what he says with it, may be NULL. */
void s2_authorization_request(struct s2_user *, const char *name, const char *text);
/* A person has said so to the user; S2_SUBSCRIBE is s2_authorization_request. Tell s2_buddy what has become of it. */
void s2_subscription(struct s2_user *, const char *name, enum s2_subscription_verb);
void s2_card(struct s2_user *, uint32_t request, const struct s2_card *);

void s2_participant(struct s2_user *, const struct s2_participant *);
/* The user's own nickname in the room is now another. Send the participant's rename as well. */
void s2_room_nickname(struct s2_user *, const char *room, const char *nickname);
/* The join did not succeed, or the user is no longer in the room. */
void s2_room_error(struct s2_user *, const char *room, const char *nickname, enum s2_condition, const char *text);
/* What is true of a room that the user is in, or belongs to (S2_ROOM_MEMBER: he is told of it): when he joins, and when it
 * changes. */
void s2_room_info(struct s2_user *, const struct s2_room_info *);
void s2_room_answer(struct s2_user *, uint32_t request, const struct s2_room_answer *);
/* The answer without anything in it. */
void s2_room_done(struct s2_user *, uint32_t request, enum s2_condition, const char *text);
void s2_room_invitation(struct s2_user *, const struct s2_room_invitation *);
void s2_room_subject(struct s2_user *, const struct s2_message *); /* peer, nickname, body, time */
void s2_room_list(struct s2_user *, const struct s2_room_listing *, size_t count);

#endif
