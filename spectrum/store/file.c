/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Directories for key and database; called when the store is opened. */
#include "spectrum/store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/mem.h"

bool file_make_parents(const char *path)
{
	char *copy = mem_strdup(path);
	bool done = true;
	for (char *slash = copy; done && (slash = strchr(slash + 1, '/'));) {
		*slash = '\0';
		done = !mkdir(copy, 0700) || errno == EEXIST;
		*slash = '/';
	}
	free(copy);
	return done;
}

bool file_sync_parent(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *directory = slash ? mem_strndup(path, (size_t)(slash - path) + 1) : mem_strdup(".");
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(directory);
	bool done = fd >= 0 && !fsync(fd);
	if (fd >= 0)
		close(fd);
	return done;
}
