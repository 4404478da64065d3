/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The backend processes: started, watched, chosen, and spoken to. One user sits on one backend at a time; all of his
 * traffic goes through it, and frames about him are taken from no other.
 *
 * A message handed over with a ticket ends exactly once: events.result (done or refused), or events.returned when its
 * backend died or hung before it had confirmed it. Backends that announce it confirm each message; for all others a
 * PING behind the messages does: frames are handled in order, so its PONG confirms what was sent before. */
#ifndef SPECTRUM_LINK_LINK_H
#define SPECTRUM_LINK_LINK_H

#include <sys/types.h>

#include "lib/base/list.h"
#include "lib/config/config.h"
#include "lib/io/loop.h"
#include "spectrum2/types.h"

struct link;
struct backend;

/* A user's place; embedded in his owner. Zero-initialise, set `user`. */
struct seat {
	const char *user;        /* bare JID, owned by the owner, unchanged while seated or waiting */
	struct backend *backend; /* NULL: none */
	struct list mates;       /* the others on that backend, or in the queue */
	bool waiting;
};

/* What a message carries so that its end can be told to its sender. The link owns it from link_message on until it
 * hands it back through result or returned; then the receiver frees it. Opaque here. */
struct ticket;

/* Upwards. `user` calls come only for seats that are on the backend the frame came from. All pointers are borrowed. */
struct link_events {
	/* There is a place on a backend now: send LOGIN. Never called from inside of link_seat. */
	void (*seated)(void *arg, struct seat *);
	/* The backend died or was given up; the seat is free again (backend NULL) and not waiting. Comes after all
	 * `returned` of that seat. `text` is for people. */
	void (*unseated)(void *arg, struct seat *, const char *text);
	/* No backend can be started at the moment: told once per waiting seat and failed try, the seat goes on waiting.
	 */
	void (*delayed)(void *arg, struct seat *, const char *text);

	/* What the network calls the message `id` of the user. Comes before its `result`. */
	void (*named)(void *arg, struct seat *, const char *peer, const char *id, const char *network_id);
	void (*result)(void *arg, struct ticket *, enum s2_condition, const char *text);
	void (*returned)(void *arg, struct ticket *, const char *text);

	void (*connected)(void *arg, struct seat *);
	void (*disconnected)(void *arg, struct seat *, enum s2_connection_error, const char *text);
	void (*message)(void *arg, struct seat *, const struct s2_message *);
	void (*received)(void *arg, struct seat *, const char *peer, const char *id); /* CONV_MESSAGE_ACK */
	void (*typing)(void *arg, struct seat *, const char *peer, enum s2_typing);
	void (*attention)(void *arg, struct seat *, const struct s2_message *);
	void (*annotation)(void *arg, struct seat *, const struct s2_annotation *);
	/* A backend has a file for the user: answer with link_slot. */
	void (*slot_request)(void *arg, struct seat *, const struct s2_slot *);
	void (*buddy)(void *arg, struct seat *, const struct s2_buddy *);
	void (*buddy_removed)(void *arg, struct seat *, const char *name);
	void (*authorization)(void *arg, struct seat *, const char *name, const char *text);
	/* What a contact has said to the user about it; never S2_SUBSCRIBE. */
	void (*subscription)(void *arg, struct seat *, const char *name, enum s2_subscription_verb);
	void (*card)(void *arg, struct seat *, uint32_t request, const struct s2_card *);
	void (*participant)(void *arg, struct seat *, const struct s2_participant *);
	void (*room_nickname)(void *arg, struct seat *, const struct s2_room *);
	void (*room_subject)(void *arg, struct seat *, const struct s2_message *);
	void (*room_error)(void *arg, struct seat *, const char *room, const char *nickname, enum s2_condition,
	                   const char *text);
	void (*room_info)(void *arg, struct seat *, const struct s2_room_info *);
	/* A question to the user; and its end: nobody wants an answer any more, or this came of it. */
	void (*question)(void *arg, struct seat *, const struct s2_request *);
	void (*question_end)(void *arg, struct seat *, const char *id, enum s2_condition, const char *text);
	void (*block_result)(void *arg, struct seat *, const char *name, enum s2_condition, const char *text);
	void (*room_answer)(void *arg, struct seat *, uint32_t request, const struct s2_room_answer *);
	void (*room_invitation)(void *arg, struct seat *, const struct s2_room_invitation *);
	/* `seat` NULL: for everybody. */
	void (*room_list)(void *arg, struct seat *, const struct s2_room_listing *, size_t count);
	/* A backend sent BACKEND_CONFIG: config_offer was done, abilities may have changed. */
	void (*configured)(void *arg);
};

/* Starts the first backend at once. `argv` is main's own, passed on to the backends behind the options that they need.
 * The config must outlive the link. */
struct link *link_new(struct loop *, struct config *, int argc, char **argv, const struct link_events *, void *arg);
/* EXIT to all backends; those that are still there after `grace_ms` are killed. Messages that they send meanwhile and
 * what they confirm is told as always, then all tickets that are left by `returned`; nothing else is called back. All
 * seats are free afterwards. */
void link_free(struct link **, uint64_t grace_ms);

/* Asks for a place; the answer is events.seated. */
void link_seat(struct link *, struct seat *);
/* Gives the place up (or stops waiting). Tickets of this seat that are not confirmed yet stay with the link until they
 * are; frames for him are dropped from now on. Send LOGOUT before. */
void link_unseat(struct link *, struct seat *);

/* Everything below needs a seat with a backend. */
void link_login(struct seat *, const struct s2_login *);
void link_logout(struct seat *, const char *legacy_name);
void link_message(struct seat *, const struct s2_message *, struct ticket *);
void link_subject(struct seat *, const struct s2_message *, struct ticket *);
void link_attention(struct seat *, const struct s2_message *, struct ticket *);
/* Only to a backend that has announced the feature. */
void link_annotation(struct seat *, const struct s2_annotation *, struct ticket *);
void link_slot(struct seat *, const struct s2_slot *);
/* The answer to a question; `values` NULL: there will be none. */
void link_response(struct seat *, const char *id, const struct s2_setting *values, size_t count);
void link_typing(struct seat *, const char *peer, enum s2_typing);
void link_status(struct seat *, enum s2_status, const char *text);
void link_buddy_changed(struct seat *, const struct s2_buddy *);
void link_buddy_blocked(struct seat *, const struct s2_buddy *);
void link_buddy_removed(struct seat *, const struct s2_buddy *);
/* Only if features.subscriptions; `text` may be NULL. */
void link_subscription(struct seat *, const char *name, enum s2_subscription_verb, const char *text);
void link_buddies(struct seat *, const struct s2_buddy *, size_t count); /* only if features.send_buddies_on_login */
void link_join_room(struct seat *, const struct s2_room *);
void link_leave_room(struct seat *, const char *room);
/* False to a backend that knows nothing of that: no answer will come. */
bool link_room_order(struct seat *, const struct s2_room_order *, uint32_t request);
void link_card_request(struct seat *, const char *name, uint32_t request);
void link_card_update(struct seat *, const struct s2_card *);
/* What comes before link_has_read(mark) was said by a backend that had not read what is sent after link_mark. */
uint64_t link_mark(struct seat *);
bool link_has_read(const struct seat *, uint64_t mark);
/* Bytes that this seat's backend has not taken yet: refuse messages above a bound. */
size_t link_unsent(const struct seat *);

/* Stops and restarts reading from all backends: while what they send can't be passed on. */
void link_pause(struct link *);
void link_resume(struct link *);

/* For statistics. */
struct link_stats {
	unsigned backends, users, waiting, crashed;
	uint64_t frames_in, frames_out;
	int64_t res_kb, init_res_kb, shared_kb; /* sums of the backends' STATS */
};
void link_stats(const struct link *, struct link_stats *);
/* Process ids of the backends that crashed last, oldest first; returns how many were written. */
#define LINK_CRASHES 64
size_t link_crashes(const struct link *, pid_t out[LINK_CRASHES]);
/* The backends of now, a line for each: number, process, state, users, memory. */
void link_describe(const struct link *, struct str *out);
/* The process that this user sits on; 0: none. */
pid_t link_process(const struct seat *);

#endif
