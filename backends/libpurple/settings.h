/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the configuration says, read once at start. */
#ifndef BACKENDS_LIBPURPLE_SETTINGS_H
#define BACKENDS_LIBPURPLE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

struct settings {
	const char *protocol; /* "prpl-irc"; NULL = any, the user's name tells */
	char *working_dir;    /* absolute */
	char *home;           /* home.h */
	bool verify;          /* certificates of servers */
	bool blocking;        /* service.enable_privacy_lists */
	const char *ca_dir;   /* NULL = none beside the system's */
	const char *plugins_dir;
	size_t image_bytes, file_bytes; /* largest that are taken */
	const char *default_avatar, *avatars_directory;
	bool no_cards; /* backend.no_vcard_fetch */
	size_t rooms_listed;
};
extern struct settings settings;

/* False after logging what is wrong. */
bool settings_read(void);
void settings_forget(void);

#endif
