/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rooms that a user is in, as the files of this folder see them. */
#ifndef SPECTRUM_HUB_ROOM_H
#define SPECTRUM_HUB_ROOM_H

#include <stdbool.h>

#include "spectrum/hub/user.h"
#include "spectrum/hub/venue.h"

enum room_state {
	ROOM_JOINING, /* occupants are collected until the user himself is among them */
	ROOM_JOINED,
	ROOM_REJOINING, /* the network was away; the clients never left */
	ROOM_BELONGING, /* no client has joined, but the network has the user in it: group.c */
};

/* One user's view of a room. */
struct room {
	struct room *next;
	struct user *user;
	struct venue *venue;
	struct hearing hearing;
	char *name, *node; /* the network's name, the address's */
	char *nickname;    /* the user's own, as the network has it */
	char *password;
	uintptr_t *occupants; /* occupant.c: sorted by nickname */
	unsigned count, room;
	uint64_t attendees; /* bit number-1 of each resource that is in */
	uint64_t reading;   /* of them, those that get nothing live yet: history.c */
	struct list entries, held;
	unsigned held_count;
	uint64_t stay; /* archive.c: number of the first line that the user may read; 0 = he is not there, or reads
	                  nothing */
	bool stay_stored;
	char *subject, *subject_author;
	int64_t subject_time;
	bool has_subject;
	bool created; /* by this join */
	bool told, spoken; /* group.c: the user was told of it, and that somebody speaks there */
	bool stays;   /* in the database: the user comes back to it after a start, without a client. absence.c: */
	uint8_t parted_by; /* the client whose leave may be the user's: 0 = none */
	unsigned missed;   /* lines that came while no client was there */
	uint64_t parting_due;
	struct list parting_node;
	uint8_t state;
	struct s2_room_info info; /* roominfo.c; its texts are the room's */
	struct list joining_node; /* while its subject is awaited */
	uint64_t subject_due;
};

/* ---- room.c ---- */
static inline uint64_t room_bit(const struct resource *resource)
{
	return (uint64_t)1 << (resource->number - 1);
}
/* Runs the body for each client of the user that is in the room. */
#define EACH_ATTENDEE(room, resource)                                                                  \
	for (struct resource *resource = (room)->user->resources; resource; resource = resource->next) \
		if ((room)->attendees & room_bit(resource))

bool room_is_self(const struct room *, const char *nickname);
void room_tell_occupant(struct room *, const struct s2_participant *, const char *occupant_id, unsigned codes);
/* The whole room to one client that joined under `requested`. */
void room_replay(struct room *, const char *resource, const char *requested);
/* The network has let the user go: nobody is in it any more. May free the user. */
void room_over(struct room *);
/* The user leaves it on the network, too. */
void room_part(struct room *);
/* One that he is in from now on; without clients yet. */
struct room *room_new(struct user *, const struct room_entry *);
bool room_is_one_too_many(const struct user *);

/* Runs the body for those of them that get what happens live. */
#define EACH_LISTENER(room, resource) \
	EACH_ATTENDEE(room, resource) \
	if (!((room)->reading & room_bit(resource)))

/* ---- history.c: what a client gets first ---- */
/* A client has asked to come in: it gets nothing that is said until history_replay has given it what was said before,
 * and the subject. */
void history_enter(struct room *, struct resource *, const struct room_history *);
/* It knows who is there, and itself. */
void history_replay(struct room *, struct resource *);
/* There is a subject now, or it is known that there is none. */
void history_subject(struct room *);
/* For those who read: a line that is said meanwhile. */
void history_hold(struct room *, const struct room_record *);
void history_leave(struct room *, const struct resource *);
void history_end(struct room *);
/* A line of the database; its id may be on the arena. */
struct room_record room_record_of(struct arena *, const struct store_line *);

/* ---- archive.c: who may read what was said ---- */
void archive_start(struct hub *);
void archive_stop(struct hub *);
/* The user is in the room from now on, and until now. */
void archive_open(struct room *);
void archive_close(struct room *);
/* He has heard a line. */
bool archive_wants(const struct room *);
void archive_keep(struct room *, const struct room_record *, bool prompt);
void archive_heard(struct room *);
/* Reads the last lines that he has heard. */
struct store_search;
void archive_search_room(struct room *, struct store_search *);

/* ---- absence.c: rooms without a client, of users who stay connected ---- */
/* The last client has left. False if the user leaves with it; else he stays until it is clear whether the client has left
 * this room alone or the gateway, and in the latter case for good. */
bool absence_begin(struct room *, const struct resource *);
/* A client is there again. */
void absence_end(struct room *);
/* A client is gone from the gateway: it has not left its rooms but everything. */
void absence_client_gone(struct user *, unsigned number);
/* The room is forgotten. */
void absence_forget(struct room *);
/* The gateway ends: it is to be joined at the next start. */
void absence_note(struct room *);
/* The network has put the user out of a room where he has no client: he is told. */
void absence_lost(const struct room *, const char *text);
/* A room of before the start. */
void absence_return(struct hub *, const char *jid, const char *node, const char *nickname);

/* ---- group.c: rooms that no client has joined, though the network has the user in them ---- */
/* He belongs to the room of this name, of which no client of his knows. NULL if no address can be made of the name, or if
 * he has too many. */
struct room *group_enter(struct user *, const char *name);
/* The network counts him among its members. */
void group_found(struct room *);
/* Somebody has spoken there. */
void group_spoken(struct room *, const struct s2_message *);
/* No client is there any more. True if he still belongs to it; else the room is to be forgotten. */
bool group_stays(struct room *);
/* He is no member any more. */
void group_left(struct room *);

/* ---- roominfo.c ---- */
void room_forget_info(struct s2_room_info *);

/* ---- speech.c ---- */
/* A message from a room, or from an occupant of one; false if it is not from a room. */
bool room_message_arrived(struct user *, const struct s2_message *);
void room_annotated(struct room *, const struct s2_annotation *);
/* By the network's name, letters' case aside; NULL if the user is not in it. */
struct room *room_find_by_name(const struct user *, const char *name);
/* The room that a message goes to, or NULL after the ticket was ended. */
struct room *room_of_sender(struct hub *, const char *jid, const char *resource, const char *node, struct ticket *);

/* ---- occupant.c: the sorted array ---- */
struct occupant *occupant_at(const struct room *, unsigned at);
struct occupant *occupant_find(const struct room *, const char *nickname);
/* Adds or replaces; `id` as in venue_occupant. NULL if the nickname is impossible or the room is too large. *changed
 * says whether anything that shows is new. */
struct occupant *occupant_put(struct room *, const struct s2_participant *, const char *id, bool *changed);
void occupant_remove(struct room *, struct occupant *);
void occupant_remove_all(struct room *);
/* Whether he is known from before the network was away only. */
bool occupant_is_doubtful(const struct room *, unsigned at);
void occupant_doubt_all(struct room *);

/* An occupant as a value; its texts are borrowed. */
struct occupant_value {
	struct s2_participant value;
	struct s2_hat hats[OCCUPANT_HATS_MOST];
};
void occupant_get(const struct room *, const struct occupant *, struct occupant_value *);

#endif
