/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A process that gives up what it has no use for, so that whoever takes it over by a flaw of the code in it gains
 * little: files by landlock(7), system calls by seccomp(2). Network connections are left to it. */
#ifndef LIB_IO_SANDBOX_H
#define LIB_IO_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

struct sandbox_path {
	const char *path; /* of a file, or of a directory and all that is below; may be missing */
	bool writable;    /* else it can be read only */
};

/* For good, and for all threads and children that are made later, so it is called while there is one thread. From then
 * on only those paths can be opened, no program can be started, and system calls that look into other processes, load
 * code into the kernel or change mounts fail with EPERM. What is open stays open. What the kernel lacks is left out and
 * logged; false if files are not guarded at all. */
bool sandbox_enter(const struct sandbox_path *, size_t count);

#endif
