/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pictures of contacts and rooms: their hash in presence (XEP-0153), the same picture as items and news of personal eventing
 * (XEP-0084), and what has to be got from the network for that, one picture at a time and user. */
#ifndef SPECTRUM_FRONTEND_AVATAR_H
#define SPECTRUM_FRONTEND_AVATAR_H

#include "spectrum/frontend/avatar_cache.h"
#include "spectrum/frontend/inside.h"

struct avatar_work;

struct avatar_work *avatar_work_new(struct frontend *);
/* Who waits for a picture is told that there is none. */
void avatar_work_free(struct avatar_work **);

/* The update element of XEP-0153 in a contact's presence. */
void avatar_write_update(struct frontend *, struct writer *, const struct user *, const struct buddy *);
/* The picture of this hash, with its bytes, if it is kept here; see avatar_cache_load. */
void avatar_load(struct frontend *, const char *hash, avatar_answer *, void *arg);
/* The picture of a contact, with its bytes; NULL if it has none. The answer may come before the call returns. */
void avatar_ask(struct frontend *, struct user *, const char *name, avatar_answer *, void *arg);
/* A profile has come: what is in it counts as the contact's picture. Returns it, or NULL if there is none that can be
 * passed on. */
const struct avatar *avatar_learn(struct frontend *, struct user *, const char *name, const struct s2_card *);

/* The hash of a room's picture (XEP-0486), as far as it is known; NULL if there is none, or if it has to be looked at
 * first: the room's occupants are told when that is done. */
const char *avatar_of_room(struct frontend *, struct user *, const struct room *);
/* As avatar_learn. */
void avatar_learn_room(struct frontend *, struct room *, const struct s2_card *);

/* Items of XEP-0084 (pep.h). */
void avatar_get_metadata(struct request *, const struct buddy *, const char *id);
void avatar_get_data(struct request *, const struct buddy *, const char *id);
/* News of all contacts to a client that wants to have them. */
void avatar_present_all(struct frontend *, struct user *, const char *client);
/* Out of the hub (hub_events). */
void avatar_changed(void *arg, struct user *, const struct buddy *);

#endif
