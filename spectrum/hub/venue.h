/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One room of the network, shared by all users of this gateway who are in it. Each of them has a connection of his own
 * to the network, and so a view of his own (struct room); but who is there, and what is said, is the same for all. So
 * each occupant is kept once however many see him, and each line is recognised when it comes to one user after the
 * other. */
#ifndef SPECTRUM_HUB_VENUE_H
#define SPECTRUM_HUB_VENUE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/map.h"
#include "spectrum2/types.h"

struct hub;

#define VENUE_KEY_BYTES 32
#define OCCUPANT_HATS_MOST 8

enum occupant_text {
	OCCUPANT_NICKNAME,
	OCCUPANT_STATUS,
	OCCUPANT_REAL_NAME,
	OCCUPANT_ALIAS,
	OCCUPANT_ICON,
	OCCUPANT_ID,   /* XEP-0421: of the person, the same under every nickname */
	OCCUPANT_HATS, /* URI and title of each, with a NUL behind each of them */
	OCCUPANT_TEXTS
};

/* Never changes: who changes is another one. */
struct occupant {
	uint8_t affiliation, role, status;
	bool moderator;
	uint32_t views;           /* that have him */
	struct occupant *variant; /* another one of this nickname: what other views (still) have */
	uint16_t end[OCCUPANT_TEXTS];
	char texts[];
};

/* A line that was said, as far as it is needed to know it again. */
struct said {
	uint64_t mark, number, at; /* what makes it this line; its number; when it came, in ms of loop_now */
	uint32_t author;           /* venue_nickname_mark of who said it */
	bool kept;                 /* it is in the archive */
};

struct venue {
	struct hub *hub;
	char *name; /* folded */
	unsigned views;
	struct map occupants; /* the first of each nickname */
	unsigned char key[VENUE_KEY_BYTES];
	struct said *said; /* a ring: line number n of the venue is at n % said_room */
	unsigned said_room;
	uint64_t said_end;
};

/* The venue with one view more. `name` is folded. */
struct venue *venue_enter(struct hub *, const char *name);
/* One view less; with the last one it goes. */
void venue_leave(struct venue **);

/* The occupant that is made of this, with one view more. `id`: his occupant id, NULL to find out. */
struct occupant *venue_occupant(struct venue *, const struct s2_participant *, const char *id);
/* One view less. */
void venue_release(struct venue *, struct occupant *);
/* "" if it is not given. */
const char *occupant_text(const struct occupant *, enum occupant_text);
size_t occupant_bytes(const struct occupant *);

/* ---- What was said ---- */

/* How far one view is: of the lines from `base` on it has heard those whose bits are set. */
struct hearing {
	uint64_t base, heard;
	uint64_t sure; /* number of the last line before `base` that it has heard */
	/* Lines with numbers between these two (both excluded) will not be heard any more. May be NULL. */
	void (*missed)(struct hearing *, uint64_t behind, uint64_t before);
};

/* From now on. */
void venue_listen(const struct venue *, struct hearing *);
/* This view has heard a line; `mark` is a hash of what makes it this line. Borrowed until the next call; *fresh says
 * whether nobody has heard it before. */
struct said *venue_hear(struct venue *, struct hearing *, uint64_t mark, bool *fresh);
uint32_t venue_nickname_mark(const char *nickname);
/* Who said the line of this mark, if he is still there under the same nickname, or NULL. */
const char *venue_author(const struct venue *, uint64_t mark);
/* Gives up lines that others have heard before `time` (loop_now), and this view has not. */
void venue_settle(const struct venue *, struct hearing *, uint64_t time);
/* The number of the last line before the first one that this view has not heard (yet); UINT64_MAX if it has heard all.
 */
uint64_t venue_heard(const struct venue *, const struct hearing *);

#endif
