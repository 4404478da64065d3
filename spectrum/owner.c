/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/config/directory.h"
#include "lib/config/pidfile.h"

bool owner_find(struct owner *owner, const struct config *config, struct str *error, struct str *notice)
{
	const char *user = text_or_null(config_text(config, "service.user"));
	const char *group = text_or_null(config_text(config, "service.group"));
	*owner = (struct owner){.uid = geteuid(), .gid = getegid(), .user = user};
	const struct passwd *passwd = user ? getpwnam(user) : NULL;
	const struct group *entry = group ? getgrnam(group) : NULL;
	if (user && !passwd)
		str_addf(error, "service.user: there is no user %s; create it or correct the key\n", user);
	if (group && !entry)
		str_addf(error, "service.group: there is no group %s; create it or correct the key\n", group);
	if ((user && !passwd) || (group && !entry))
		return false;
	if (passwd) {
		owner->uid = passwd->pw_uid;
		owner->gid = passwd->pw_gid;
	}
	if (entry)
		owner->gid = entry->gr_gid;
	bool changes = owner->uid != geteuid() || owner->gid != getegid();
	owner->becomes = geteuid() == 0 && changes;
	if (geteuid() != 0 && changes)
		str_adds(notice, "service.user and service.group have no effect, as this was not started as root");
	else if (owner->uid == 0)
		str_adds(notice, "running as root; set service.user to run without its privileges");
	return true;
}

/* Whether nobody but root can change what `path` means, as far as it exists. */
static bool belongs_to_root(const char *path)
{
	char *copy = mem_strdup(path);
	struct stat info;
	bool roots = *path == '/';
	for (char *slash = copy; roots && slash; slash = strchr(slash + 1, '/')) {
		char saved = slash[1];
		if (slash != copy)
			*slash = '\0';
		else
			slash[1] = '\0';
		if (lstat(copy, &info))
			break;
		bool open_to_others = !S_ISLNK(info.st_mode) && (info.st_mode & 022);
		roots = info.st_uid == 0 && !open_to_others;
		*slash = '/';
		slash[1] = saved;
	}
	free(copy);
	return roots;
}

void owner_make_directory(const struct owner *owner, const char *path)
{
	if (owner->becomes && belongs_to_root(path))
		directory_make(path, 0770, owner->uid, owner->gid);
}

void owner_make_file(const struct owner *owner, const char *path)
{
	struct stat info;
	if (!owner->becomes)
		return;
	if (!lstat(path, &info) && S_ISREG(info.st_mode) && info.st_uid == 0 && pidfile_holder(path) == 0)
		unlink(path);
	if (!belongs_to_root(path))
		return;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0)
		return;
	if (fchown(fd, owner->uid, owner->gid))
		unlink(path);
	close(fd);
}

bool owner_become(const struct owner *owner, struct str *error)
{
	if (!owner->becomes)
		return true;
	bool grouped = owner->user ? !initgroups(owner->user, owner->gid) : !setgroups(0, NULL);
	if (grouped && !setresgid(owner->gid, owner->gid, owner->gid) && !setresuid(owner->uid, owner->uid, owner->uid))
		return true;
	str_addf(error, "service.user: cannot become %s: %s\n", owner->user ? owner->user : "another group",
	         strerror(errno));
	return false;
}
