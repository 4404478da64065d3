/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The directory that libpurple, its plugins and their libraries keep things in: `libpurple` in the working directory,
 * apart from what the main process has there, which a plugin shall not see. */
#ifndef BACKENDS_LIBPURPLE_HOME_H
#define BACKENDS_LIBPURPLE_HOME_H

#include <stdbool.h>
#include <stddef.h>

/* Makes it if it is missing; false after logging why it can't be. What plugins have kept under Spectrum 2, in
 * directories beside accounts.xml, is found in it, too. */
bool home_prepare(void);
/* Fills `paths` with those directories, each owned by the caller; how many. */
size_t home_adopted(char **paths, size_t most);

#endif
