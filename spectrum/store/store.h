/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What survives a restart. One storage thread owns the database; calls here never block: they put a job into a bounded
 * queue and the answer comes back on the loop, in the order of the calls. Jobs that wait together share a transaction,
 * and an answer is given only after its commit. The schema is Spectrum 2's; ours is additive.
 *
 * No callback runs inside of a call. A call that finds the queue full is answered with an error on the next turn,
 * before older ones. A change that nobody waits for is committed within 100 ms, and tried again for ten minutes while
 * the database is locked or its disk is full. */
#ifndef SPECTRUM_STORE_STORE_H
#define SPECTRUM_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/mem.h"
#include "lib/config/config.h"
#include "lib/io/loop.h"
#include "spectrum2/types.h"

struct store;

struct store_buddy {
	int64_t id; /* 0: not stored yet */
	const char *name;
	const char *alias;
	const char *groups; /* joined with \n */
	const char *icon_hash;
	bool subscribed; /* both; else ask */
	int flags;       /* 2 JID escaping, 4 wants to see the user's presence, 8 blocked */
};

struct store_setting {
	const char *key, *value;
	int type; /* 0 unknown, 4 boolean, 13 string */
};

/* One registered user with everything that is known of him. */
struct store_user {
	int64_t id;
	const char *jid;  /* bare */
	const char *name; /* legacy name ("uin") */
	const char *password;
	const char *language, *encoding;
	bool vip, online;
	const struct store_setting *settings;
	size_t setting_count;
	const struct store_buddy *buddies;
	size_t buddy_count;
};

/* Opens according to database.*; creates and migrates. NULL with the reason in *error (owned by the caller) on failure
 * or an unsupported type. database.type=none gives NULL with *error NULL; in server mode a store in memory, which lasts as
 * long as the process. */
struct store *store_open(struct loop *, const struct config *, char **error);
/* Finishes all queued jobs, answers included, then closes. */
void store_close(struct store **);

/* Answers: `user` is NULL if he is not registered; it lives on until the callback returns. `error` is NULL or what the
 * database said. */
typedef void store_user_answer(void *arg, const struct store_user *user, const char *error);
typedef void store_done(void *arg, const char *error);

void store_get_user(struct store *, const char *jid, store_user_answer *, void *arg);
/* Registers, or changes name, password, language and encoding of who is registered; `online` and the rest stay. The
 * answer carries the stored user. With `unique_name` a legacy name (folded) that another JID holds is refused: error
 * STORE_NAME_TAKEN. */
#define STORE_NAME_TAKEN "name-taken"
void store_put_user(struct store *, const struct store_user *, bool unique_name, store_user_answer *, void *arg);
/* Removes the user with contacts, settings, and what he might read of rooms. `done` may be NULL here and below. */
void store_remove_user(struct store *, const char *jid, store_done *, void *arg);
void store_set_online(struct store *, int64_t user_id, bool online);
void store_put_setting(struct store *, int64_t user_id, const struct store_setting *);
/* Inserts or updates by (user, name). Names that differ in the case of ASCII letters only are the same contact; the
 * spelling that was stored first stays. `id` is not looked at. */
void store_put_buddy(struct store *, int64_t user_id, const struct store_buddy *);
void store_remove_buddy(struct store *, int64_t user_id, const char *name);

/* JIDs of the users that were online when the process ended (or of all registered ones). One call per JID, then one
 * with NULL. */
typedef void store_jid_answer(void *arg, const char *jid);
void store_each_online(struct store *, bool all, store_jid_answer *, void *arg);

/* Messages that wait for their recipient: serialized stanzas, kept in order. `done` after the commit. A sequence that
 * is in use is an error. */
void store_put_pending(struct store *, uint64_t sequence, const char *stanza, size_t len, store_done *, void *arg);
/* Forgets all up to and including `sequence`. */
void store_remove_pending(struct store *, uint64_t sequence);
/* At start: one call per stanza in order, then one with NULL. */
typedef void store_pending_answer(void *arg, uint64_t sequence, const char *stanza, size_t len);
void store_each_pending(struct store *, store_pending_answer *, void *arg);

/* Who is in which room: where clients are put back after a start that follows a kill. */
struct store_occupancy {
	const char *client;   /* full JID */
	const char *node;     /* of the room's JID */
	const char *nickname; /* that the client asked for */
};
void store_put_occupancy(struct store *, const struct store_occupancy *);
void store_remove_occupancy(struct store *, const char *client, const char *node);
/* One call each, then one with NULL. */
typedef void store_occupancy_answer(void *arg, const struct store_occupancy *);
void store_each_occupancy(struct store *, store_occupancy_answer *, void *arg);

/* A line that was said in a room of the network, stored once however many users heard it. */
struct store_line {
	const char *room; /* folded name */
	uint64_t number;  /* greater than those of all lines before, in all rooms */
	int64_t time;     /* ms since 1970 */
	const char *id;   /* that the network has given it; "" */
	const char *stanza_id; /* of the stanza that carried it */
	const char *nickname, *occupant_id;
	const char *content; /* what is inside of the stanza, as XML */
	bool prompt;         /* nobody has it yet: not risked for a cheaper commit */
};
void store_put_line(struct store *, const struct store_line *);
/* The greatest number of a line when the database was opened; 0 if there was none. */
uint64_t store_last_line(const struct store *);

/* Somebody was in a room, and may read what was said meanwhile. */
struct store_stay {
	const char *room;
	const char *jid;      /* bare */
	uint64_t first, last; /* numbers of lines; last 0: he is still there */
};
/* Inserts, or changes `last`. Stays that are open when the database is opened end with the last line that it has. */
void store_put_stay(struct store *, const struct store_stay *);

/* What of a room's lines somebody wants to read (XEP-0313). All that is given has to be true of a line. */
struct store_search {
	const char *room, *jid;
	uint64_t heard;            /* of a stay that is open: the last line that he has heard */
	int64_t start, end;        /* ms since 1970, both included; 0 = not given */
	const char *nickname;      /* who said it; NULL = anybody */
	const char *after_id, *before_id; /* NULL, or ids of lines that bound the whole result */
	const char *after, *before;       /* NULL, or ids of lines that bound this page */
	const char *ids;           /* NULL, or just these: each with \x01 behind it */
	unsigned most;             /* lines of a page */
	bool backwards;            /* the last ones that fit, not the first */
};
struct store_page {
	const struct store_line *lines; /* in the order of their numbers */
	size_t count;
	bool complete;     /* there are no more in this direction */
	int64_t total;     /* of all pages; -1 if they were not counted, as there are too many */
};
#define STORE_NO_SUCH_LINE "no-such-line" /* the error: one of the ids */
/* `page` is NULL with an error. */
typedef void store_page_answer(void *arg, const struct store_page *page, const char *error);
void store_search_lines(struct store *, const struct store_search *, store_page_answer *, void *arg);

/* Forgets some lines that are older than `oldest` (a number), and of the room behind `after` (in the order of the
 * database's own numbers; 0 = the first) some of those that are more than `most`. `left` says whether there was more to
 * forget, `room` which room it was: 0 when all were seen. */
typedef void store_prune_answer(void *arg, bool left, int64_t room);
void store_prune_lines(struct store *, uint64_t oldest, unsigned most, int64_t after, store_prune_answer *, void *arg);

/* What server mode keeps for a user, by kind ("offline", "pep" and so on), node and id. */
struct store_item {
	const char *owner; /* bare JID */
	const char *kind, *node, *id;
	const char *content; /* XML, mostly */
	int64_t time;        /* ms since 1970 */
	uint64_t number;     /* the database's: greater for what was put later */
	unsigned most;       /* items of this node; 0 = any number */
	bool sealed;         /* the content is a secret; "" where one can't be opened any more */
};
#define STORE_FULL "full"
/* Inserts, or replaces the one with the same id. Above `most` the oldest ones go; with `refuse` the new one is not taken
 * (STORE_FULL). */
void store_put_item(struct store *, const struct store_item *, bool refuse, store_done *, void *arg);
/* All of the owner and kind, that node and id (NULL or "": any), up to `number` (0: any). */
void store_remove_items(struct store *, const struct store_item *, store_done *, void *arg);
/* The same ones, or the last `most` of them, oldest first. `items` is NULL with an error. */
typedef void store_items_answer(void *arg, const struct store_item *items, size_t count, const char *error);
void store_get_items(struct store *, const struct store_item *, store_items_answer *, void *arg);

/* 32 bytes that are the same at each start: what the ids of occupants of rooms are made with. */
const unsigned char *store_occupant_key(const struct store *);

/* Jobs in the queue: refuse new registrations above a bound. */
size_t store_queue_length(const struct store *);

#endif
