/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables in SQLite: those of Spectrum 2 (version 3 of its schema), and ours beside them, so that Spectrum 2 itself
 * can open the file again. Everything is additive and in one transaction. */
#ifndef SPECTRUM_STORE_SCHEMA_H
#define SPECTRUM_STORE_SCHEMA_H

#include <sqlite3.h>
#include <stdbool.h>

/* `text` with the table prefix (quoted) in the place of each '@'; owned by the caller. */
char *schema_sql(const char *text, const char *prefix);
/* Creates what is missing; before the first change of a database that was there already, copies it to
 * PATH.backup-VERSION. The function s2_fold(text) has to be registered. False with the reason in *error, owned by the
 * caller. */
bool schema_prepare(sqlite3 *, const char *path, const char *prefix, char **error);

#endif
