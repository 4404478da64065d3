/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who we are for others (XEP-0030, XEP-0115, XEP-0092), and what is asked of the server when a session begins. */
#ifndef BACKENDS_XMPP_DISCO_H
#define BACKENDS_XMPP_DISCO_H

#include "backends/xmpp/user.h"

/* A new session: switches copies on (XEP-0280), asks for blocked contacts, bookmarks, and rooms of the server. */
void disco_begin(struct user *);
/* <c/> into an open presence. */
void disco_write_caps(struct writer *);
/* For iq.c: somebody asks. */
void disco_info_asked(struct user *, struct arena *, const struct element *iq, const struct element *query);
void disco_items_asked(struct user *, struct arena *, const struct element *iq, const struct element *query);
void disco_version_asked(struct user *, struct arena *, const struct element *iq, const struct element *query);

#endif
