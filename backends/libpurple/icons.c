/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/icons.h"

#include <glib/gstdio.h>
#include <string.h>

#include "backends/libpurple/settings.h"
#include "lib/base/str.h"

/* Larger ones are left out: they would be sent to each client that looks at the contact. */
#define ICON_BYTES (300 * 1024)

static bool read_file(struct icon *icon, const char *path)
{
	GStatBuf info;
	gsize len;
	if (g_stat(path, &info) || !S_ISREG(info.st_mode) || info.st_size > ICON_BYTES ||
	    !g_file_get_contents(path, &icon->owned, &len, NULL))
		return false;
	icon->bytes = icon->owned;
	icon->len = len;
	return true;
}

/* A name comes from the network, so it must not lead anywhere else. */
static bool is_file_name(const char *name)
{
	return !text_empty(name) && *name != '.' && !strchr(name, '/');
}

static bool read_named(struct icon *icon, const char *name)
{
	if (!settings.avatars_directory || !is_file_name(name))
		return false;
	char *path = g_build_filename(settings.avatars_directory, name, NULL);
	bool found = read_file(icon, path);
	g_free(path);
	return found;
}

bool icon_get(struct icon *icon, PurpleBuddy *buddy, const char *name)
{
	*icon = (struct icon){0};
	PurpleBuddyIcon *own = buddy ? purple_buddy_get_icon(buddy) : NULL;
	icon->bytes = own ? purple_buddy_icon_get_data(own, &icon->len) : NULL;
	if (icon->bytes && icon->len && icon->len <= ICON_BYTES)
		return true;
	return read_named(icon, name) || (settings.default_avatar && read_file(icon, settings.default_avatar));
}

void icon_fini(struct icon *icon)
{
	g_free(icon->owned);
}

const char *icon_hash(PurpleBuddy *buddy)
{
	static char hash[64];
	struct icon icon;
	const char *found = NULL;
	if (icon_get(&icon, buddy, purple_buddy_get_name(buddy))) {
		char *sum = g_compute_checksum_for_data(G_CHECKSUM_SHA1, icon.bytes, icon.len);
		g_strlcpy(hash, sum, sizeof hash);
		g_free(sum);
		found = hash;
	}
	icon_fini(&icon);
	return found;
}
