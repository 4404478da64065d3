/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rooms that a user is in, as the files of this folder see them. */
#ifndef SPECTRUM_HUB_ROOM_H
#define SPECTRUM_HUB_ROOM_H

#include <stdbool.h>

#include "spectrum/hub/user.h"

enum room_state {
	ROOM_JOINING, /* occupants are collected until the user himself is among them */
	ROOM_JOINED,
	ROOM_REJOINING, /* the network was away; the clients never left */
};

enum occupant_text {
	OCCUPANT_NICKNAME,
	OCCUPANT_STATUS,
	OCCUPANT_REAL_NAME,
	OCCUPANT_ALIAS,
	OCCUPANT_ICON,
	OCCUPANT_TEXTS
};

struct occupant {
	uint8_t affiliation, role, status;
	bool moderator;
	bool doubtful; /* known from before the network was away */
	uint16_t end[OCCUPANT_TEXTS];
	char texts[];
};

struct room {
	struct room *next;
	struct user *user;
	char *name, *node, *folded; /* the network's name, the address's, the name for comparing */
	char *nickname;             /* the user's own, as the network has it */
	char *password;
	struct occupant **occupants; /* sorted by nickname */
	unsigned count, room;
	uint64_t attendees; /* bit number-1 of each resource that is in */
	char *subject, *subject_author;
	int64_t subject_time;
	bool has_subject;
	uint8_t state;
	struct list joining_node; /* while its subject is awaited */
	uint64_t subject_due;
};

/* A message from a room, or from an occupant of one; false if it is not from a room. */
bool room_message_arrived(struct user *, const struct s2_message *);
void room_annotated(struct room *, const struct s2_annotation *);
/* By the network's name, letters' case aside; NULL if the user is not in it. */
struct room *room_find_by_name(const struct user *, const char *name);
/* The room that a message goes to, or NULL after the ticket was ended. */
struct room *room_of_sender(struct hub *, const char *jid, const char *resource, const char *node, struct ticket *);

/* ---- occupant.c: the sorted array ---- */
const char *occupant_text(const struct occupant *, enum occupant_text);
struct occupant *occupant_find(const struct room *, const char *nickname);
/* Adds or replaces. NULL if the nickname is impossible or the room is too large. *changed says whether anything that
 * shows is new. */
struct occupant *occupant_put(struct room *, const struct s2_participant *, bool *changed);
void occupant_remove(struct room *, struct occupant *);
void occupant_remove_all(struct room *);
/* The occupant as a value; texts borrowed. */
struct s2_participant occupant_value(const struct room *, const struct occupant *);

#endif
