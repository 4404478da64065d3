/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rooms that the user may want to join: his bookmarks (XEP-0402, else XEP-0048), and the public ones of his server.
 * Those that a bookmark says so of are joined. */
#ifndef BACKENDS_XMPP_PLACES_H
#define BACKENDS_XMPP_PLACES_H

#include "backends/xmpp/user.h"

/* A bookmark lets him join the room by itself: he is a member, as far as XMPP knows such. */
bool places_is_bookmarked(const struct user *, const char *jid);
/* Once for a user; s2_room_list follows. */
void places_fetch(struct user *);
void places_free(struct user *);

#endif
