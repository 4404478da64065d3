/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small files, read and written on other threads, so that a slow disk does not hold the loop. */
#ifndef LIB_IO_FILE_H
#define LIB_IO_FILE_H

#include <stddef.h>

#include "lib/io/loop.h"

/* What was begun and is not done; zero-initialised after list_init. Its owner may go before the end of a job: then
 * nobody is told. */
struct file_jobs {
	struct loop *loop;
	struct list under_way;
};
void file_jobs_init(struct file_jobs *, struct loop *);
void file_jobs_abandon(struct file_jobs *);

/* `bytes` NULL: there is no such file, or it is larger than `most`. Borrowed until the call returns. */
typedef void file_read_done(void *arg, const void *bytes, size_t len);
void file_read(struct file_jobs *, const char *path, size_t most, file_read_done *, void *arg);
/* Under another name first, so that the file is whole or not there. Failures are logged. */
void file_write(struct file_jobs *, const char *path, const void *bytes, size_t len);
void file_remove(struct file_jobs *, const char *path);

#endif
