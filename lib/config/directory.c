/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/config/directory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/mem.h"

static bool make_one(const char *path, mode_t mode, uid_t uid, gid_t gid)
{
	struct stat info;
	if (!mkdir(path, mode))
		return (uid == (uid_t)-1 && gid == (gid_t)-1) || !lchown(path, uid, gid);
	/* A directory that is there may also be answered with EACCES or EROFS. */
	int saved = errno;
	bool there = !stat(path, &info);
	errno = there ? ENOTDIR : saved;
	return there && S_ISDIR(info.st_mode);
}

bool directory_make(const char *path, mode_t mode, uid_t uid, gid_t gid)
{
	char *copy = mem_strdup(path);
	bool done = true;
	for (char *slash = strchr(copy + 1, '/'); done && slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		done = make_one(copy, mode, uid, gid);
		*slash = '/';
	}
	done = done && make_one(copy, mode, uid, gid);
	int saved = errno;
	free(copy);
	errno = saved;
	return done;
}

char *directory_of(const char *file)
{
	const char *slash = strrchr(file, '/');
	if (!slash)
		return mem_strdup(".");
	return slash == file ? mem_strdup("/") : mem_strndup(file, (size_t)(slash - file));
}
