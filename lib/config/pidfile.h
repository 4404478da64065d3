/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pid file: it holds the process id and is locked (fcntl) as long as its process runs, so that neither a file that
 * was left behind nor another process with the same number is taken for a running instance. The main process takes it,
 * the manager asks for the holder. */
#ifndef LIB_CONFIG_PIDFILE_H
#define LIB_CONFIG_PIDFILE_H

#include <sys/types.h>

/* Who holds the lock on `path`: 0 if nobody does, also if there is no such file; -1 with errno if that cannot be told.
 */
pid_t pidfile_holder(const char *path);

/* Creates or takes over the file, locks it and writes our process id; it gets the owner, unless `uid` and `gid` are -1.
 * Returns the descriptor, which keeps the lock until it is closed; it does not go to child processes, so this comes
 * after the last fork of our own. -1 with errno; if that is EAGAIN, *holder is who has it. */
int pidfile_take(const char *path, uid_t uid, gid_t gid, pid_t *holder);
/* Removes the file, or empties it where the directory does not permit that, and unlocks. */
void pidfile_release(const char *path, int fd);

#endif
