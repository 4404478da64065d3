/* SPDX-License-Identifier: GPL-2.0-or-later */
/* service.user and service.group: who the main process becomes when it is started as root, and who its files belong to.
 * As root nothing is created or changed below a directory that somebody else than root may write to: that is done
 * later, as the user himself. Called by daemon.c only. */
#ifndef SPECTRUM_OWNER_H
#define SPECTRUM_OWNER_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/config/config.h"

struct owner {
	bool becomes; /* root now, and somebody else later; else nothing of this does anything */
	uid_t uid;
	gid_t gid;
	const char *user; /* borrowed from the config */
};

/* False with a message in *error if a user or group does not exist. *notice gets a remark for the log, if there is one.
 */
bool owner_find(struct owner *, const struct config *, struct str *error, struct str *notice);
/* While still root: makes a directory that the user himself could not make. */
void owner_make_directory(const struct owner *, const char *path);
/* While still root: creates an empty file that the user himself could not create, and removes an unlocked one of root's
 * that he could not write. */
void owner_make_file(const struct owner *, const char *path);
/* Sets groups, group and user for good. False with a message. */
bool owner_become(const struct owner *, struct str *error);

#endif
