/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the roster share: roster.c has the tasks and the ways into rosters, roster_host.c what a user's
 * host lets the gateway do, roster_read.c what stands in rosters, roster_out.c the way out and the gateway's own item.
 */
#ifndef SPECTRUM_FRONTEND_ROSTER_INSIDE_H
#define SPECTRUM_FRONTEND_ROSTER_INSIDE_H

#include "lib/base/map.h"
#include "spectrum/frontend/inside.h"
#include "spectrum/frontend/iq.h"
#include "spectrum/frontend/roster.h"

#define ROSTER_SET_WAIT_MS 20000
#define ROSTER_HOSTS_MOST 1000 /* of users; those of more are asked by subscription requests */

struct host {
	enum { REMOTE_UNTRIED, REMOTE_ASKED, REMOTE_YES, REMOTE_NO } remote; /* roster requests without a grant */
	bool proved; /* a set has worked since the link stands */
	bool broken; /* sets fail */
	char name[];
};

/* A user with contacts on their way. Which ones those are is written on the contacts themselves (BUDDY_LISTING,
 * BUDDY_SENT), so that thousands of them cost nothing. */
struct task {
	struct host *host;
	unsigned exchanges;   /* without an answer */
	unsigned misfits;     /* that the roster refused one by one */
	bool exchanged;       /* a client took it */
	bool refused;         /* sets fail for this user */
	uint64_t first, last; /* ms, when contacts came; first 0: none is on its way */
	uint64_t look_at;     /* 0: no look at the roster is due */
	bool looking;         /* nothing is written until it was read */
	char jid[];
};

struct roster_work {
	struct frontend *frontend;
	struct map tasks; /* by the user's JID */
	struct map hosts;
	struct map breakers; /* of roster_read.c: users whose roster was being read when the link broke */
	struct timer *tick;  /* runs while there is a task */
	uint64_t settled;    /* ms: when hosts had time to grant */
};

enum way { WAY_LATER, WAY_SET, WAY_EXCHANGE };

/* ---- roster_host.c ---- */

/* The host of a user's JID; NULL: there are too many. */
struct host *roster_host_find(struct roster_work *, const char *jid);
/* Whether it is known what this host grants: it has said so, or had the time to. */
bool roster_settled(const struct roster_work *, const struct host *);
/* Whether rosters may be read. */
bool roster_may_get(const struct roster_work *, const struct host *);
/* How contacts get into rosters of this host. */
enum way roster_way(const struct roster_work *, const struct host *);
/* A set was not answered by a result. Returns true if that is the host's fault, and tells once; false: it is about this
 * one contact. */
bool roster_set_failed(const struct iq *, struct host *);

/* ---- roster_read.c ---- */

/* Asks for the roster of a user, to compare it when it comes; false: that can't be done now, or would break the link.
 */
bool roster_read(struct roster_work *, const char *jid);
/* Whether his roster is too long for the link. */
bool roster_breaks_link(const struct roster_work *, const char *jid);
/* Perhaps a host that has granted nothing takes roster requests all the same (XEP-0321): asked once, for its first
 * user. */
void roster_try_host(struct roster_work *, struct host *, const char *jid);
void roster_forget_breakers(struct roster_work *);

/* ---- roster.c ---- */

/* The contact is to be put into the roster, on the best way. */
void roster_put(struct roster_work *, struct user *, const struct buddy *);
/* What the roster calls the contact. Borrowed from it. */
const char *roster_shown_name(const struct buddy *);

/* ---- roster_out.c ---- */

/* Opens an item of a roster set; the caller closes it. */
void roster_write_item(struct writer *, const char *jid, const char *name, const char *subscription);

#endif
