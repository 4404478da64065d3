/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A child process in a session of its own (setsid), with closed descriptors above 2 except for one that may be given.
 */
#ifndef LIB_IO_PROCESS_H
#define LIB_IO_PROCESS_H

#include <sys/types.h>

#include "lib/io/loop.h"

struct process;

/* Runs argv[0] (no PATH search). `extra_env` holds NAME=VALUE, NULL-terminated, added to our environment.
 * `inherited_fd` becomes descriptor 3 of the child, -1 for none; ours stays open. `exited` is called once, when the
 * child was reaped; `signal` is 0 unless one killed it. NULL with errno if the program could not be started (ENOENT: no
 * such file). */
struct process *process_spawn(struct loop *, char *const argv[], char *const extra_env[], int inherited_fd,
                              void (*exited)(void *arg, int status, int signal), void *arg);
pid_t process_pid(const struct process *);
/* Only ever signals our own, not yet reaped child. */
void process_kill(struct process *, int signal);
/* Forgets the child; it is reaped silently when it ends. *process becomes NULL. */
void process_free(struct process **);

#endif
