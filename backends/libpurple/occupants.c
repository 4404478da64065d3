/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/occupants.h"

#include <stdlib.h>
#include <string.h>

#include "backends/libpurple/protocol.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/base/utf8.h"

/* Where what somebody may do is said with a voice, who has none is a visitor. */
static enum s2_role role_of(const struct room *room, PurpleConvChatBuddyFlags flags)
{
	if (flags & (PURPLE_CBFLAGS_OP | PURPLE_CBFLAGS_FOUNDER | PURPLE_CBFLAGS_HALFOP))
		return S2_ROLE_MODERATOR;
	bool jabber = !strcmp(purple_account_get_protocol_id(room->session->account), "prpl-jabber");
	return jabber && !(flags & PURPLE_CBFLAGS_VOICE) ? S2_ROLE_VISITOR : S2_ROLE_PARTICIPANT;
}

static enum s2_affiliation affiliation_of(const struct room *room, PurpleConvChatBuddyFlags flags)
{
	if (flags & PURPLE_CBFLAGS_FOUNDER)
		return S2_AFFILIATION_OWNER;
	if (strcmp(purple_account_get_protocol_id(room->session->account), "prpl-irc"))
		return S2_AFFILIATION_NONE;
	/* As the IRC backend has it. */
	if (flags & (PURPLE_CBFLAGS_OP | PURPLE_CBFLAGS_HALFOP))
		return S2_AFFILIATION_ADMIN;
	return flags & PURPLE_CBFLAGS_VOICE ? S2_AFFILIATION_MEMBER : S2_AFFILIATION_NONE;
}

bool occupant_is_self(const struct room *room, const char *name)
{
	const char *self = purple_conv_chat_get_nick(PURPLE_CONV_CHAT(room->conversation));
	char *own = mem_strdup(self ? purple_normalize(room->session->account, self) : NULL);
	bool same = own && !strcmp(own, purple_normalize(room->session->account, name));
	free(own);
	return same;
}

static void tell(struct room *room, const char *name, const char *alias, PurpleConvChatBuddyFlags flags, bool self)
{
	struct s2_participant told = {.room = room->name,
	                              .nickname = name,
	                              .status = flags & PURPLE_CBFLAGS_AWAY ? S2_STATUS_AWAY : S2_STATUS_ONLINE,
	                              .alias = text_equal(alias, name) ? NULL : alias,
	                              .affiliation = affiliation_of(room, flags),
	                              .role = role_of(room, flags)};
	if (told.role == S2_ROLE_MODERATOR)
		told.flags |= S2_PARTICIPANT_MODERATOR;
	if (self)
		told.flags |= S2_PARTICIPANT_ME;
	/* Else a name in the room is that of the person everywhere. */
	if (!(protocol_info(room->session->account)->options & OPT_PROTO_UNIQUE_CHATNAME))
		told.real_name = name;
	s2_participant(room->session->s2, &told);
	if (self)
		mem_replace(&room->nickname, name);
}

void occupant_tell(struct room *room, const PurpleConvChatBuddy *user, bool self)
{
	tell(room, user->name, user->alias, user->flags, self);
}

void occupant_tell_self(struct room *room)
{
	const char *nick = purple_connection_get_display_name(session_connection(room->session));
	if (text_empty(nick))
		nick = purple_conv_chat_get_nick(PURPLE_CONV_CHAT(room->conversation));
	tell(room, text_empty(nick) ? room->nickname : nick, NULL, PURPLE_CBFLAGS_VOICE, true);
}

void occupant_renamed(struct room *room, const char *old_name, const char *new_name, bool self)
{
	struct s2_participant told = {.room = room->name, .nickname = old_name, .new_nickname = new_name};
	if (self)
		told.flags = S2_PARTICIPANT_ME;
	s2_participant(room->session->s2, &told);
	if (self)
		s2_room_nickname(room->session->s2, room->name, new_name);
}

/* "Kicked by bob (too loud)", "You have been kicked: (too loud)": who did it and why, owned by the caller. */
static bool read_kick(const char *words, char **actor, char **reason)
{
	static const char *const beginnings[] = {"Kicked", "You have been kicked"};
	*actor = *reason = NULL;
	for (size_t i = 0; words && i < sizeof beginnings / sizeof *beginnings; i++) {
		size_t len = strlen(beginnings[i]);
		if (strncmp(words, beginnings[i], len))
			continue;
		const char *open = strchr(words, '('), *by = strstr(words + len, " by "), *close = strrchr(words, ')');
		if (by && open && by < open) {
			*actor = mem_strndup(by + 4, strcspn(by + 4, " :"));
		}
		if (open && close && close > open)
			*reason = mem_strndup(open + 1, (size_t)(close - open - 1));
		return true;
	}
	return false;
}

static void tell_left(struct room *room, const char *name, const char *words, unsigned flags)
{
	char *actor, *reason;
	struct str clean = {0};
	bool kicked = read_kick(words, &actor, &reason);
	const char *text = kicked ? reason : words;
	utf8_clean(&clean, text ? text : "", text ? strlen(text) : 0);
	struct s2_participant told = {.room = room->name,
	                              .nickname = name,
	                              .status = S2_STATUS_NONE,
	                              .status_text = text_or_null(str_text(&clean)),
	                              .actor = actor,
	                              .flags = flags | (kicked ? S2_PARTICIPANT_KICKED : 0)};
	s2_participant(room->session->s2, &told);
	str_fini(&clean);
	free(actor);
	free(reason);
}

void occupant_left(struct room *room, const char *name, const char *words)
{
	tell_left(room, name, words, 0);
}

bool occupant_self_left(struct room *room, const char *words)
{
	char *actor, *reason;
	bool kicked = read_kick(words, &actor, &reason);
	free(actor);
	free(reason);
	if (kicked)
		tell_left(room, room->nickname, words, S2_PARTICIPANT_ME);
	return kicked;
}
