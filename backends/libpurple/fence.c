/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/fence.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/libpurple/home.h"
#include "backends/libpurple/settings.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/io/sandbox.h"
#include "spectrum2/backend.h"

#define LOG_AREA "libpurple"
#define RESOLVERS "/etc/resolv.conf"

enum { MOST = 128 };

/* Of /etc only what libraries read: the configurations of gateways are there, too. */
static const struct sandbox_path system_paths[] = {
    {"/usr", false},
    {"/lib", false},
    {"/lib32", false},
    {"/lib64", false},
    {"/opt", false},
    {"/run", false},
    {"/proc", false},
    {"/sys/devices/system/cpu", false},
    {"/etc/alternatives", false},
    {"/etc/ca-certificates", false},
    {"/etc/crypto-policies", false},
    {"/etc/gai.conf", false},
    {"/etc/gnutls", false},
    {"/etc/group", false},
    {"/etc/host.conf", false},
    {"/etc/hosts", false},
    {"/etc/krb5.conf", false},
    {"/etc/krb5.conf.d", false},
    {"/etc/ld.so.cache", false},
    {"/etc/localtime", false},
    {"/etc/machine-id", false},
    {"/etc/mime.types", false},
    {"/etc/nsswitch.conf", false},
    {"/etc/passwd", false},
    {"/etc/pki", false},
    {"/etc/protocols", false},
    {RESOLVERS, false},
    {"/etc/services", false},
    {"/etc/ssl", false},
    {"/etc/timezone", false},
    {"/etc/zephyr", false},
    {"/dev/full", true},
    {"/dev/null", true},
    {"/dev/random", true},
    {"/dev/urandom", true},
    {"/dev/zero", true},
};

static struct {
	struct sandbox_path paths[MOST];
	size_t count;
	bool closed;
} here;

static void allow(const char *path, bool writable)
{
	if (!text_empty(path) && here.count < MOST)
		here.paths[here.count++] = (struct sandbox_path){path, writable};
}

static char *directory_of(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	return slash ? mem_strndup(path, slash == path ? 1 : (size_t)(slash - path)) : NULL;
}

void fence_enter(void)
{
	if (!s2_config_bool("backend.sandbox", true)) {
		log_warn("backend.sandbox=0: plugins can read all that this user can");
		return;
	}
	char *adopted[MOST / 2], *log = directory_of(log_path());
	size_t count = home_adopted(adopted, MOST / 2);
	char *old = mem_printf("%s/accounts.xml", settings.working_dir);
	for (size_t i = 0; i < sizeof system_paths / sizeof *system_paths; i++)
		allow(system_paths[i].path, system_paths[i].writable);
	allow(settings.home, true);
	allow(old, false);
	allow(log, true);
	allow(settings.plugins_dir, false);
	allow(settings.ca_dir, false);
	allow(settings.default_avatar, false);
	allow(settings.avatars_directory, false);
	allow(s2_config("service.web_directory"), true);
	for (size_t i = 0; s2_config_item("backend.sandbox_path", i); i++)
		allow(s2_config_item("backend.sandbox_path", i), true);
	for (size_t i = 0; i < count; i++)
		allow(adopted[i], true);
	here.closed = sandbox_enter(here.paths, here.count);
	for (size_t i = 0; i < count; i++)
		free(adopted[i]);
	free(log);
	free(old);
}

bool fence_resolves(void)
{
	return !here.closed || !access(RESOLVERS, R_OK) || errno != EACCES;
}
