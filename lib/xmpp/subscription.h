/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Subscriptions (RFC 6121 sections 2.1.2.5 and 3) as they are written in rosters and presence. */
#ifndef LIB_XMPP_SUBSCRIPTION_H
#define LIB_XMPP_SUBSCRIPTION_H

#include "spectrum2/types.h"

/* "none", "to", "from", "both", of an item; S2_SUBSCRIPTION_UNKNOWN counts as both. */
const char *subscription_name(enum s2_subscription);
/* S2_SUBSCRIPTION_NONE if it is none of them, or NULL. */
enum s2_subscription subscription_find(const char *name);
/* "subscribe" and so on, of presence. */
const char *subscription_type(enum s2_subscription_verb);
/* S2_SUBSCRIPTION_VERBS if presence of this type (may be NULL) is about something else. */
enum s2_subscription_verb subscription_verb(const char *type);

#endif
