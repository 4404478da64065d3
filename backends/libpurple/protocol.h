/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libpurple's protocols: which one a user means, and what configuration and user settings say to it. */
#ifndef BACKENDS_LIBPURPLE_PROTOCOL_H
#define BACKENDS_LIBPURPLE_PROTOCOL_H

#include <purple.h>
#include <stdbool.h>

#include "spectrum2/backend.h"

/* Whether libpurple has service.protocol and takes the options of the section [purple]; logs what is wrong. */
bool protocol_check(void);
/* The protocol of a login's name, and in *name the name on it: with service.protocol=any the login's name is
 * "prpl-x.name". NULL if there is none. */
PurplePlugin *protocol_of(const char *login_name, const char **name);
PurplePluginProtocolInfo *protocol_info(const PurpleAccount *);
/* "XMPP" of prpl-jabber: for people. */
const char *protocol_name(const PurpleAccount *);
/* "jabber" of prpl-jabber: for texts and names. */
const char *protocol_short_name(const PurpleAccount *);
/* The plugin for SIMPLE hands over plain text as it came, where HTML is expected. */
bool protocol_sends_plain(const PurpleAccount *, const char *text);
/* The one for Gadu-Gadu shows what contacts say of their status without what looks like markup to it. */
bool protocol_status_is_plain(const PurpleAccount *);
/* Contacts are only where the program is: the gateway keeps them. */
bool protocol_keeps_no_list(const char *id);
bool protocol_needs_password(PurplePlugin *);
/* The name as libpurple wants it, with the defaults of parts that were left out (the server of an IRC network). Owned
 * by the caller. */
char *protocol_username(PurplePlugin *, const char *name);
/* Sets the account's options: first those that the user has stored, then [purple], which so has the last word. */
void protocol_set_options(PurpleAccount *, const struct s2_login *);
/* "/me waves" and other commands, on networks that have them. False if `html` is none, else it was done; or it was not,
 * with a reason in *error, owned by the caller. */
bool protocol_run_command(PurpleConversation *, const char *html, char **error);

#endif
