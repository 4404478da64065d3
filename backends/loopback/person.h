/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The people of this network, here or away, and who may see whom: the states of RFC 6121 appendix A, two for each pair, one
 * on each side. */
#ifndef BACKENDS_LOOPBACK_PERSON_H
#define BACKENDS_LOOPBACK_PERSON_H

#include "lib/base/map.h"
#include "spectrum2/backend.h"

struct words; /* that wait for somebody */

struct person {
	char *name;
	struct s2_user *user; /* NULL: he is away */
	enum s2_status status;
	char *text;      /* of his status, or NULL */
	struct map ties; /* by the other's name */
	struct words *waiting, **waiting_end;
	unsigned waiting_count;
};

/* NULL: nobody of this name has ever been here. */
struct person *person_find(const char *name);
/* He is here now. NULL if he is already. */
struct person *person_arrive(const char *name, struct s2_user *);
/* Tells him what he has missed, once he is connected. */
void person_greet(struct person *);
void person_leave(struct person *);
void person_set_status(struct person *, enum s2_status, const char *text);
/* Into his list, or to another place in it. False if there are too many. */
bool person_list(struct person *, const struct s2_buddy *);
void person_unlist(struct person *, const char *name);
void person_say(struct person *, const char *name, enum s2_subscription_verb, const char *words);
/* They see each other from now on, as far as it is his to say. */
void person_befriend(struct person *, const char *name);
/* Words for him, now or when he comes. False if too many wait. */
bool person_hear(struct person *, const char *from, const struct s2_message *);
void people_free(void);

#endif
