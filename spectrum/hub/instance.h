/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hub's own view of itself: one instance with its users, and what the files in this folder tell each other. */
#ifndef SPECTRUM_HUB_INSTANCE_H
#define SPECTRUM_HUB_INSTANCE_H

#include "lib/base/list.h"
#include "lib/base/map.h"
#include "spectrum/hub/hub.h"
#include "spectrum/hub/journal.h"
#include "spectrum/hub/pace.h"
#include "spectrum/link/link.h"
#include "spectrum/store/store.h"

#define HUB_NUMBER_STEP 32 /* between the numbers of two lines: a line may take so many stanzas */
#define HUB_TICK_MS 250
#define HUB_LACKS_MOST 255
#define HUB_UNSENT_MOST (4u << 20) /* bytes that a backend has not taken yet */

struct hub {
	struct loop *loop;
	struct config *config;
	struct link *link;
	struct journal *journal; /* NULL: its file can't be used */
	struct store *store;     /* NULL: database.type=none */
	const struct hub_events *events;
	void *arg;
	struct map users;  /* by bare JID */
	struct map venues; /* by folded name */
	unsigned char occupant_key[32];
	uint64_t last_number; /* of a line in a room */
	uint64_t last_session; /* of a user */
	struct pace joins;    /* of rooms, per user */
	struct archive *archive; /* NULL: nothing of rooms is kept */
	struct list orders;   /* of rooms, without an answer yet, oldest first */
	uint32_t next_order;
	struct list retrying; /* users that wait for their next log-in */
	struct list unsaved;  /* users with contacts that are to be stored */
	struct list waiting;  /* users with messages that wait for their log-in */
	struct list joining;  /* rooms whose join waits for its subject */
	struct list parting;  /* rooms whose last client has left */
	struct list proofs;   /* attempts that wait for the network */
	struct list questions; /* of the network to users, oldest first */
	unsigned question_count;
	struct map strangers; /* stranger.c */
	struct list old_strangers;
	struct list blocks;   /* struct block: what the network has not confirmed, oldest first */
	unsigned block_count;
	struct list profiles; /* requests without an answer yet, oldest first */
	struct map profile_of; /* the same by user and name */
	uint32_t next_profile;
	unsigned profile_count; /* who waits for them */
	struct timer *tick;            /* runs while one of the lists is not empty */
	struct s2_room_listing *rooms; /* that the network listed for everybody */
	size_t room_count;
	unsigned lacks[HUB_LACKS_MOST]; /* sets of abilities (s2_feature) that some contacts lack */
	unsigned lack_count;
	bool configured; /* a backend has told what it can do */
	bool probed;     /* the users of before the start were asked after */
	bool stopping;
	struct hub_stats stats;
};

#define hub_tell(hub, event, ...) ((hub)->events->event((hub)->arg, __VA_ARGS__))

/* Ends a ticket with an error (S2_DONE: without), and frees it. */
void hub_end(struct hub *, struct ticket *, enum s2_condition, const char *text);
/* A number that no other line has had, and greater than all of them: microseconds since 1970, about. */
uint64_t hub_next_number(struct hub *);
/* There is something in one of the lists. */
void hub_tick_start(struct hub *);

/* What link_events are made of; each file takes the part that is its subject. */
void user_seated(void *arg, struct seat *);
void user_unseated(void *arg, struct seat *, const char *text);
void user_delayed(void *arg, struct seat *, const char *text);
void user_connected(void *arg, struct seat *);
void user_disconnected(void *arg, struct seat *, enum s2_connection_error, const char *text);
void conversation_result(void *arg, struct ticket *, enum s2_condition, const char *text);
void conversation_returned(void *arg, struct ticket *, const char *text);
void conversation_arrived(void *arg, struct seat *, const struct s2_message *);
void conversation_named(void *arg, struct seat *, const char *peer, const char *id, const char *network_id);
void conversation_annotated(void *arg, struct seat *, const struct s2_annotation *);
void conversation_slot_wanted(void *arg, struct seat *, const struct s2_slot *);
void conversation_received(void *arg, struct seat *, const char *peer, const char *id);
void conversation_typed(void *arg, struct seat *, const char *peer, enum s2_typing);
void conversation_attended(void *arg, struct seat *, const struct s2_message *);
void profile_arrived(void *arg, struct seat *, uint32_t request, const struct s2_card *);
void question_asked(void *arg, struct seat *, const struct s2_request *);
void question_ended(void *arg, struct seat *, const char *id, enum s2_condition, const char *text);
void contact_changed(void *arg, struct seat *, const struct s2_buddy *);
void contact_removed(void *arg, struct seat *, const char *name);
void contact_authorization(void *arg, struct seat *, const char *name, const char *text);
void contact_said(void *arg, struct seat *, const char *name, enum s2_subscription_verb);
void block_ended(void *arg, struct seat *, const char *name, enum s2_condition, const char *text);
void room_participant(void *arg, struct seat *, const struct s2_participant *);
void room_renamed(void *arg, struct seat *, const struct s2_room *);
void room_subject_changed(void *arg, struct seat *, const struct s2_message *);
void room_failed(void *arg, struct seat *, const char *room, const char *nickname, enum s2_condition, const char *text);
void order_answered(void *arg, struct seat *, uint32_t request, const struct s2_room_answer *);
void room_invited(void *arg, struct seat *, const struct s2_room_invitation *);
void room_informed(void *arg, struct seat *, const struct s2_room_info *);
void room_listed(void *arg, struct seat *, const struct s2_room_listing *, size_t count);

/* The tick's parts. `now` is loop_now. */
void user_retry_due(struct hub *, uint64_t now);
void contact_save_due(struct hub *, uint64_t now);
void order_due(struct hub *, uint64_t now);
void room_subject_due(struct hub *, uint64_t now);
void absence_due(struct hub *, uint64_t now);
void conversation_waiting_due(struct hub *, uint64_t now);
void profile_due(struct hub *, uint64_t now);
void block_due(struct hub *, uint64_t now);
void proof_due(struct hub *, uint64_t now);
void question_due(struct hub *, uint64_t now);

#endif
