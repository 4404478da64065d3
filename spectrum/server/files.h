/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Uploaded files (XEP-0363): places that were promised, files that are there, what each user may keep, and their end
 * after some days. A file is known by a token that nobody can guess; beside it lies a small file with its type and
 * owner. */
#ifndef SPECTRUM_SERVER_FILES_H
#define SPECTRUM_SERVER_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/mem.h"
#include "lib/config/config.h"
#include "lib/io/loop.h"
#include "spectrum2/types.h"

struct files;
struct arrival; /* that is being uploaded */

/* NULL if the configuration wants none; with *error (owned by the caller) if the directory can't be used. */
struct files *files_new(struct loop *, const struct config *, char **error);
void files_free(struct files **);
/* Bytes of the largest file that is taken. */
uint64_t files_most(const struct files *);

/* A place for a file of this user: the path of its URL, on the arena; NULL with why not. */
const char *files_promise(struct files *, const char *owner, const char *name, uint64_t size, const char *type,
                          struct arena *, enum s2_condition *, const char **text);

/* An upload begins: NULL with *status of HTTP if this is no place that was promised, or not of that size. */
struct arrival *arrival_begin(struct files *, const char *path, uint64_t size, unsigned *status);
/* False if it can't be: too much, or no room on the disk. */
bool arrival_write(struct arrival *, const void *bytes, size_t len);
/* The status of HTTP; frees it. */
unsigned arrival_end(struct arrival *);
void arrival_abort(struct arrival **);

/* A file that is there. */
struct file_found {
	char *path; /* of the file; owned by the caller */
	char type[128];
	bool shown; /* a browser may show it */
};
bool files_find(struct files *, const char *path, struct file_found *);

#endif
