/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pictures of contacts: those of the network, else the administrator's (backend.avatars_directory, default_avatar). */
#ifndef BACKENDS_LIBPURPLE_ICONS_H
#define BACKENDS_LIBPURPLE_ICONS_H

#include <purple.h>
#include <stdbool.h>

struct icon {
	const void *bytes;
	size_t len;
	char *owned; /* where they are, if they came from a file */
};

/* False if there is none. Call icon_fini afterwards. `buddy` may be NULL: then only files are looked at. */
bool icon_get(struct icon *, PurpleBuddy *buddy, const char *name);
void icon_fini(struct icon *);
/* SHA-1 in hexadecimal, NULL if there is none. Borrowed until the next call. */
const char *icon_hash(PurpleBuddy *);

#endif
