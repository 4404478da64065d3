/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/config/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct flock whole_file = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

static pid_t holder_of(int fd)
{
	struct flock lock = whole_file;
	if (fcntl(fd, F_GETLK, &lock))
		return -1;
	if (lock.l_type == F_UNLCK)
		return 0;
	errno = EBUSY; /* its process is in another pid namespace and has no number here */
	return lock.l_pid > 0 ? lock.l_pid : -1;
}

pid_t pidfile_holder(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	pid_t holder = holder_of(fd);
	int saved = errno;
	close(fd);
	errno = saved;
	return holder;
}

/* False with errno. EAGAIN: somebody else has it. ESTALE: its last owner removed it while we waited; try again. */
static bool lock_file(int fd, const char *path, pid_t *holder)
{
	struct stat opened, named;
	if (fcntl(fd, F_SETLK, &whole_file)) {
		if (errno != EACCES && errno != EAGAIN)
			return false;
		*holder = holder_of(fd);
		errno = EAGAIN;
		return false;
	}
	if (fstat(fd, &opened))
		return false;
	errno = ESTALE;
	return !stat(path, &named) && named.st_ino == opened.st_ino && named.st_dev == opened.st_dev;
}

int pidfile_take(const char *path, uid_t uid, gid_t gid, pid_t *holder)
{
	int fd;
	while ((fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644)) >= 0) {
		if (lock_file(fd, path, holder)) {
			bool owned = (uid == (uid_t)-1 && gid == (gid_t)-1) || !fchown(fd, uid, gid);
			if (owned && !ftruncate(fd, 0) && dprintf(fd, "%ld\n", (long)getpid()) > 0)
				return fd;
		}
		int saved = errno;
		close(fd);
		errno = saved;
		if (errno != ESTALE)
			break;
	}
	return -1;
}

void pidfile_release(const char *path, int fd)
{
	/* The content is a courtesy to people: the lock is what counts. */
	if (unlink(path) && ftruncate(fd, 0))
		errno = 0;
	close(fd);
}
