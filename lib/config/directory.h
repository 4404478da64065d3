/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Directories for the files that the configuration names: logs, pid files, databases. */
#ifndef LIB_CONFIG_DIRECTORY_H
#define LIB_CONFIG_DIRECTORY_H

#include <stdbool.h>
#include <sys/types.h>

/* Makes `path` and what is missing above it with `mode`. Those that it makes get the owner, unless `uid` and `gid` are
 * -1; those that are there stay as they are. False with errno. */
bool directory_make(const char *path, mode_t mode, uid_t uid, gid_t gid);
/* The directory of a file: "/a/b" gives "/a", "b" gives ".". Owned by the caller. */
char *directory_of(const char *file);

#endif
