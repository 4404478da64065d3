/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that only the service's user may read, and that are there whole or not at all. */
#ifndef SPECTRUM_STORE_FILE_H
#define SPECTRUM_STORE_FILE_H

#include <stdbool.h>

/* Makes the directories above `path` that are missing, mode 0700. False with errno. */
bool file_make_parents(const char *path);
/* Writes what was put into the directory above `path` to disk. */
bool file_sync_parent(const char *path);

#endif
