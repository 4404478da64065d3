/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/home.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/libpurple/settings.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

#define LOG_AREA "libpurple"

static bool is_directory(const char *path)
{
	struct stat info;
	return !lstat(path, &info) && S_ISDIR(info.st_mode);
}

/* What the main process has in the working directory, so nobody gets it who makes a link. */
static const char *const others[] = {"avatars", "libpurple", "upload"};

static bool may_be_adopted(const char *name)
{
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (!strcmp(others[i], name))
			return false;
	return *name != '.' && !strchr(name, '/');
}

/* By links, so that whoever goes back to Spectrum 2 finds all in its place. */
static void adopt(const char *name)
{
	char *path = mem_printf("%s/%s", settings.working_dir, name);
	char *link = mem_printf("%s/%s", settings.home, name), *target = mem_printf("../%s", name);
	if (may_be_adopted(name) && is_directory(path) && symlink(target, link))
		log_warn("cannot make %s: %s", log_quote(link), strerror(errno));
	free(path);
	free(link);
	free(target);
}

static void adopt_all(void)
{
	DIR *directory = opendir(settings.working_dir);
	char *accounts = mem_printf("%s/accounts.xml", settings.working_dir);
	if (directory && !access(accounts, F_OK))
		for (struct dirent *each = readdir(directory); each; each = readdir(directory))
			adopt(each->d_name);
	if (directory)
		closedir(directory);
	free(accounts);
}

static char *adopted(const char *name)
{
	static const char up[] = "../";
	char target[256], *link = mem_printf("%s/%s", settings.home, name), *path = NULL;
	ssize_t len = readlink(link, target, sizeof target - 1);
	target[len > 0 ? len : 0] = '\0';
	if (!strncmp(target, up, strlen(up)) && may_be_adopted(target + strlen(up)))
		path = mem_printf("%s/%s", settings.working_dir, target + strlen(up));
	if (path && !is_directory(path)) {
		free(path);
		path = NULL;
	}
	free(link);
	return path;
}

size_t home_adopted(char **paths, size_t most)
{
	size_t count = 0;
	DIR *directory = opendir(settings.home);
	struct dirent *each;
	while (directory && count < most && (each = readdir(directory)) != NULL) {
		paths[count] = adopted(each->d_name);
		count += paths[count] != NULL;
	}
	if (directory)
		closedir(directory);
	return count;
}

bool home_prepare(void)
{
	if (!mkdir(settings.home, 0700))
		adopt_all();
	else if (errno != EEXIST) {
		log_error("service.working_dir: cannot make %s: %s", log_quote(settings.home), strerror(errno));
		return false;
	}
	return true;
}
