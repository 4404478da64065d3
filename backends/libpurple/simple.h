/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the server of a SIP network says of messages. The plugin for SIMPLE does not pass it on; all that it can be
 * known from is what it prints for debugging. */
#ifndef BACKENDS_LIBPURPLE_SIMPLE_H
#define BACKENDS_LIBPURPLE_SIMPLE_H

#include "backends/libpurple/session.h"

/* What the plugin has printed while it is somebody's turn. */
void simple_printed(const char *text);
void simple_forget(struct session *);

#endif
