/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Why the Gadu-Gadu server let somebody not in. The plugin calls every such failure one of the connection, so the
 * gateway would try a wrong password for ever; all that it can be known from is what libgadu prints for debugging. */
#ifndef BACKENDS_LIBPURPLE_GADU_H
#define BACKENDS_LIBPURPLE_GADU_H

/* What was printed while it is somebody's turn. */
void gadu_printed(const char *text);

#endif
