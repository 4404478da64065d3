/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A user's contacts, kept small: one block of memory per contact, its texts packed behind it, and a sorted array of
 * them. A contact moves when it changes, so no pointer to one may be kept. */
#ifndef SPECTRUM_HUB_BUDDY_H
#define SPECTRUM_HUB_BUDDY_H

#include <stdbool.h>
#include <stdint.h>

#include "spectrum2/types.h"

enum buddy_text { BUDDY_NAME, BUDDY_FOLDED, BUDDY_ALIAS, BUDDY_GROUPS, BUDDY_STATUS, BUDDY_ICON, BUDDY_IDLE, BUDDY_TEXTS };

enum buddy_flag {
	BUDDY_SUBSCRIBED = 1, /* the user has it in his roster ("both"), else still to be asked ("ask") */
	BUDDY_ESCAPED = 2,    /* its JID uses XEP-0106; the number is the database's */
	BUDDY_REQUEST = 4,    /* wants to see the user's presence, not answered yet; kept in the database, too */
	BUDDY_BLOCKED = 8,    /* the number is the database's */
	BUDDY_ASKED = 16,     /* the question was sent in this session */
	BUDDY_UNSAVED = 32,
	BUDDY_LISTING = 64, /* the frontend's (contact_mark): on its way into the user's roster ... */
	BUDDY_SENT = 128,   /* ... and sent there; with BUDDY_LISTING: and changed since */
};

struct buddy {
	uint8_t flags;             /* buddy_flag */
	uint8_t status;            /* s2_status */
	uint8_t talk;              /* number of the resource that wrote to it last, 0 = none */
	uint8_t lacks;             /* number of the set of abilities that it lacks (contact_lacks) */
	uint8_t subscription;      /* s2_subscription, as the network has it */
	bool pending;              /* the user has asked to see it */
	uint16_t end[BUDDY_TEXTS]; /* where each text ends in `texts`, its NUL included */
	char texts[];
};

struct roster {
	struct buddy **items; /* sorted by folded name */
	unsigned count, room;
};

/* Never NULL; "" if not given. Borrowed until the contact changes. BUDDY_GROUPS are joined with \n, BUDDY_IDLE is a time
 * in ms (see buddy_idle_since). */
const char *buddy_text(const struct buddy *, enum buddy_text);

/* ms since 1970 UTC, as in s2_buddy; 0 if not known. */
int64_t buddy_idle_since(const struct buddy *);

/* By name, letters' case aside; NULL if there is none. */
struct buddy *roster_find(const struct roster *, const char *name);
/* Creates it if it is new (*created, may be NULL). NULL if the name is empty or too long. */
struct buddy *roster_add(struct roster *, const char *name, bool *created);
/* Sets one text; returns the contact at its new place. Over-long text is cut on a character boundary. */
struct buddy *roster_set(struct roster *, struct buddy *, enum buddy_text, const char *text);
void roster_remove(struct roster *, struct buddy *);
void roster_fini(struct roster *);

#endif
