/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nicknames in addresses. A resource can't hold each character, and some become others in it; so some nicknames have
 * another form there, and the occupant's presence has the true one beside it (XEP-0172). */
#include <string.h>

#include "lib/base/str.h"
#include "lib/base/utf8.h"
#include "spectrum/frontend/inside.h"

#define MADE_BYTES 200

/* Each of these is the same in an address. */
static bool is_plain(const char *nickname)
{
	for (; *nickname; nickname++) {
		if ((unsigned char)*nickname < 0x20 || (unsigned char)*nickname > 0x7e)
			return false;
	}
	return true;
}

/* Those of its characters that an address can hold, and what makes it another one than that of similar nicknames. */
static const char *make(struct arena *arena, const char *nickname)
{
	struct str text = {0};
	size_t left = strlen(nickname), len;
	uint32_t code_point;
	for (const char *at = nickname; left && text.len < MADE_BYTES; at += len, left -= len) {
		len = utf8_decode(at, left, &code_point);
		if (!len)
			break;
		const char *one = jid_prepare_resource(arena, arena_strndup(arena, at, len));
		str_addf(&text, "%s", one ? one : "");
	}
	unsigned long long hash = hash_bytes(nickname, strlen(nickname));
	const char *readable = jid_prepare_resource(arena, arena_printf(arena, "%s-%04llx", str_text(&text), hash & 0xffff));
	if (!text.len || !readable)
		readable = arena_printf(arena, "nick-%016llx", hash);
	str_fini(&text);
	return readable;
}

const char *nickname_resource(struct frontend *frontend, const char *nickname)
{
	if (text_empty(nickname))
		return NULL;
	const char *resource = jid_prepare_resource(&frontend->arena, nickname);
	return resource ? resource : make(&frontend->arena, nickname);
}

const char *nickname_behind(struct frontend *frontend, const struct room *room, const char *resource)
{
	struct s2_participant one;
	if (room_has_occupant(room, resource))
		return resource;
	for (unsigned i = 0; room_occupant_at(room, i, &one); i++) {
		if (!is_plain(one.nickname) && text_equal(nickname_resource(frontend, one.nickname), resource))
			return one.nickname;
	}
	return resource;
}
