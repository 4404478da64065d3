/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the plugin for XMPP lets us see beyond libpurple's own interface: errors as the server sent them, of which the
 * plugin shows only some, and those in words. */
#ifndef BACKENDS_LIBPURPLE_JABBER_H
#define BACKENDS_LIBPURPLE_JABBER_H

/* After purple_core_init; nothing happens if there is no such plugin. */
void jabber_start(void);

#endif
