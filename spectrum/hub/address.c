/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/hub/address.h"

#include <string.h>

#include "lib/xmpp/jid.h"

static const char *with_last_replaced(struct arena *arena, const char *text, char from, char to)
{
	const char *at = strrchr(text, from);
	if (!at)
		return text;
	char *copy = arena_strdup(arena, text);
	copy[at - text] = to;
	return copy;
}

/* Names of small letters, digits and dots are their own node. */
static bool is_plain(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-");
	return len > 0 && len <= JID_PART_BYTES && !name[len];
}

const char *address_of_contact(struct arena *arena, const char *name, bool escaped)
{
	if (is_plain(name))
		return name;
	if (!escaped)
		name = with_last_replaced(arena, name, '@', '%');
	return jid_prepare_node(arena, jid_escape(arena, name));
}

const char *address_of_room(struct arena *arena, const char *name)
{
	return address_of_contact(arena, name, false);
}

const char *address_name(struct arena *arena, const char *node)
{
	const char *name = jid_unescape(arena, node);
	return strchr(name, '@') ? name : with_last_replaced(arena, name, '%', '@');
}

bool address_is_room(const char *node)
{
	return *node == '#' || *node == '&';
}
