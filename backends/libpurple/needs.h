/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What some protocols need on this machine: without it their plugins would end the process, or stop it for a long time.
 */
#ifndef BACKENDS_LIBPURPLE_NEEDS_H
#define BACKENDS_LIBPURPLE_NEEDS_H

/* What is missing, for people; NULL if nothing is. Looks each time, as services come and go. */
const char *needs_missing(const char *protocol);

#endif
