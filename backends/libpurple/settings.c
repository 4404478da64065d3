/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/settings.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "spectrum2/backend.h"

#define LOG_AREA "libpurple"

struct settings settings;

/* libpurple is asked for the same files later, from wherever it is then. */
static char *absolute(const char *path)
{
	char here[4096];
	if (*path == '/' || !getcwd(here, sizeof here))
		return mem_strdup(path);
	return mem_printf("%s/%s", here, path);
}

/* The defaults name directories that need not be there. */
static const char *directory(const char *key, const char *fallback)
{
	const char *path = s2_config_or(key, fallback);
	if (!access(path, R_OK | X_OK))
		return path;
	if (strcmp(path, fallback))
		log_warn("%s: cannot read %s", key, path);
	return NULL;
}

bool settings_read(void)
{
	const char *protocol = s2_config_or("service.protocol", "");
	if (!*protocol) {
		log_error("service.protocol is not set; write a protocol of libpurple such as prpl-irc, or any");
		return false;
	}
	settings = (struct settings){
	    .protocol = strcmp(protocol, "any") ? protocol : NULL,
	    .working_dir = absolute(s2_config_or("service.working_dir", ".")),
	    .verify = s2_config_bool("service.verify_certs", true),
	    .blocking = s2_config_bool("service.enable_privacy_lists", true),
	    .ca_dir = directory("purple.cacerts_dir", "./ca-certs"),
	    .plugins_dir = directory("purple.plugins_dir", "./plugins"),
	    .image_bytes = (size_t)s2_config_number("service.web_maximgsize", 1000000),
	    .file_bytes = (size_t)s2_config_number("service.web_maxfilesize", 20000000),
	    .default_avatar = s2_config_or("backend.default_avatar", NULL),
	    .avatars_directory = s2_config_or("backend.avatars_directory", NULL),
	    .no_cards = s2_config_bool("backend.no_vcard_fetch", false),
	    .rooms_listed = (size_t)s2_config_number("service.max_room_list_size", 100),
	};
	settings.home = mem_printf("%s/libpurple", settings.working_dir);
	if (!settings.verify)
		log_warn("service.verify_certs=0: any certificate of a server is accepted");
	return true;
}

void settings_forget(void)
{
	free(settings.working_dir);
	free(settings.home);
	settings.working_dir = settings.home = NULL;
}
