/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Profiles: vCards (XEP-0054), the user's own among them, and pictures that are announced by PEP (XEP-0084). */
#ifndef BACKENDS_XMPP_CARD_H
#define BACKENDS_XMPP_CARD_H

#include "backends/xmpp/user.h"
#include "lib/xmpp/jid.h"

/* A message with news of a picture; false if it is none. */
bool card_event(struct user *, struct arena *, const struct element *stanza, const struct jid *from);

/* The callbacks of spectrum2/backend.h. */
void user_get_card(struct s2_user *, const char *name, uint32_t request);
void user_set_card(struct s2_user *, const struct s2_card *);

#endif
