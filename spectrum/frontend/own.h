/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The user's own picture: when his presence (XEP-0153) or a personal event (XEP-0084) names another one than the
 * network was given last, it is fetched from his account, and the network gets it with his card. Only who has news
 * costs memory. */
#ifndef SPECTRUM_FRONTEND_OWN_H
#define SPECTRUM_FRONTEND_OWN_H

#include "spectrum/frontend/inside.h"

struct own_work;

struct own_work *own_work_new(struct frontend *);
void own_work_free(struct own_work **);

/* Available presence of a user to the gateway; a message to the gateway, true if it was such an event. */
void own_present(struct request *);
bool own_event(struct request *);
/* He has come online, or has left. */
void own_online(struct frontend *, struct user *);
void own_offline(struct frontend *, const struct user *);

#endif
