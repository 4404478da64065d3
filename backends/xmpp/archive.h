/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was missed in a break of the session, from the account's archive (XEP-0313): each message once, whether it comes
 * from there, as a copy of another client's, or late from the server's offline store. */
#ifndef BACKENDS_XMPP_ARCHIVE_H
#define BACKENDS_XMPP_ARCHIVE_H

#include "backends/xmpp/user.h"
#include "lib/xmpp/jid.h"

/* Notes a message that has come, by the name that the archive has for it. True if it has come before. */
bool archive_note(struct user *, struct arena *, const struct element *stanza);
/* A session begins that is none of before: from now on what comes does not tell what has come before it. */
void archive_new_session(struct user *);
/* The session is ready: asks for what came since the one before, or where the archive stands if there was none. */
void archive_catch_up(struct user *);
/* Asks once more where no answer has come. */
void archive_tick(struct user *);
/* A message of the archive's answer; false if this is none. */
bool archive_received(struct user *, struct arena *, const struct element *stanza, const struct jid *from);
void archive_free(struct user *);

#endif
