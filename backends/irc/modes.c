/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/irc/modes.h"

#include <stdlib.h>
#include <string.h>

#include "backends/irc/line.h"
#include "backends/irc/network.h"
#include "backends/irc/user.h"

/* The flags of RFC 2811 section 4.2 that nearly all servers have. */
static const struct {
	char mode;
	bool inverse;       /* the field is true when the mode is not set */
	unsigned room_flag; /* s2_room_flag, 0 = none */
	const char *name, *label;
} flags[] = {
    {'i', false, S2_ROOM_MEMBERS_ONLY, "muc#roomconfig_membersonly", "Only who is invited may come in"},
    {'m', false, S2_ROOM_MODERATED, "muc#roomconfig_moderatedroom", "Only who has a voice is heard"},
    {'s', true, 0, "muc#roomconfig_publicroom", "The channel is in lists"},
    {'t', true, S2_ROOM_SUBJECT, "muc#roomconfig_changesubject", "Everybody may change the topic"},
    {'n', true, 0, "irc#outside", "People outside of the channel may speak to it"},
};
#define FLAGS (sizeof flags / sizeof *flags)
#define KEY "muc#roomconfig_roomsecret"
#define LIMIT "muc#roomconfig_maxusers"

static uint32_t bit(char mode)
{
	return mode >= 'a' && mode <= 'z' ? 1u << (mode - 'a') : 0;
}

bool modes_has(const struct channel *channel, char mode)
{
	return channel->modes & bit(mode);
}

bool modes_set(struct channel *channel, char mode, bool set, const char *argument)
{
	channel->modes = set ? channel->modes | bit(mode) : channel->modes & ~bit(mode);
	if (mode == 'l')
		channel->limit = set ? (unsigned)strtoul(argument, NULL, 10) : 0;
	return strchr("imstnklp", mode) != NULL;
}

void modes_show(struct channel *channel)
{
	struct s2_room_info info = {.name = channel->room, .title = channel->name, .most = channel->limit};
	if (!channel->modes_known || channel->state != CHANNEL_JOINED)
		return;
	for (size_t i = 0; i < FLAGS; i++) {
		if (modes_has(channel, flags[i].mode) != flags[i].inverse)
			info.flags |= flags[i].room_flag;
	}
	info.flags |= modes_has(channel, 's') || modes_has(channel, 'p') ? S2_ROOM_HIDDEN : 0;
	info.flags |= modes_has(channel, 'k') ? S2_ROOM_PASSWORD : 0;
	s2_room_info(channel->network->user->s2, &info);
}

size_t modes_form(const struct channel *channel, struct arena *arena, struct s2_field fields[MODES_FIELDS])
{
	size_t count = 0;
	for (size_t i = 0; i < FLAGS; i++)
		fields[count++] =
		    (struct s2_field){.name = flags[i].name,
		                      .label = flags[i].label,
		                      .type = S2_FIELD_BOOLEAN,
		                      .value = modes_has(channel, flags[i].mode) != flags[i].inverse ? "1" : "0"};
	fields[count++] = (struct s2_field){.name = KEY,
	                                    .label = "Password to come in",
	                                    .type = S2_FIELD_PRIVATE,
	                                    .value = channel->key ? arena_strdup(arena, channel->key) : NULL};
	fields[count++] = (struct s2_field){.name = LIMIT,
	                                    .label = "Most people in the channel; empty: any number",
	                                    .type = S2_FIELD_TEXT,
	                                    .value = channel->limit ? arena_printf(arena, "%u", channel->limit) : NULL};
	return count;
}

/* ---- Changes ---- */

struct change {
	struct str signs, arguments;
};

static void add(struct change *change, char sign, char mode, const char *argument)
{
	str_addf(&change->signs, "%c%c", sign, mode);
	if (argument && *argument)
		str_addf(&change->arguments, " %s", argument);
}

static const char *set_key(const struct channel *channel, const char *value, struct change *change)
{
	if (text_empty(value)) {
		if (modes_has(channel, 'k'))
			add(change, '-', 'k', channel->key ? channel->key : "*");
		return NULL;
	}
	if (!line_is_middle(value) || strchr(value, ','))
		return "The password can't be the key of an IRC channel: it has a blank or comma in it, or a colon in "
		       "front.";
	if (channel->key && !strcmp(channel->key, value))
		return NULL;
	if (modes_has(channel, 'k'))
		add(change, '-', 'k', channel->key ? channel->key : "*");
	add(change, '+', 'k', value);
	return NULL;
}

static const char *set_limit(const struct channel *channel, const char *value, struct change *change)
{
	if (text_empty(value) || !strcmp(value, "0")) {
		if (modes_has(channel, 'l'))
			add(change, '-', 'l', NULL);
		return NULL;
	}
	if (strspn(value, "0123456789") != strlen(value) || strlen(value) > 6)
		return "The number of people is no number.";
	if ((unsigned)strtoul(value, NULL, 10) != channel->limit)
		add(change, '+', 'l', value);
	return NULL;
}

static const char *set_field(const struct channel *channel, const struct s2_field *field, struct change *change)
{
	const char *value = field->value ? field->value : "";
	if (!strcmp(field->name, KEY))
		return set_key(channel, value, change);
	if (!strcmp(field->name, LIMIT))
		return set_limit(channel, value, change);
	for (size_t i = 0; i < FLAGS; i++) {
		if (strcmp(field->name, flags[i].name) != 0)
			continue;
		if (strcmp(value, "0") && strcmp(value, "1"))
			return "A switch is 0 or 1.";
		bool wanted = (*value == '1') != flags[i].inverse;
		if (wanted != modes_has(channel, flags[i].mode))
			add(change, wanted ? '+' : '-', flags[i].mode, NULL);
		return NULL;
	}
	return "IRC has no such setting of a channel.";
}

const char *modes_configure(const struct channel *channel, const struct s2_field *fields, size_t count,
                            struct str *lines)
{
	struct change change = {0};
	const char *why = NULL;
	for (size_t i = 0; i < count && !why; i++)
		why = set_field(channel, &fields[i], &change);
	if (!why && change.signs.len)
		str_addf(lines, "MODE %s %s%s\r\n", channel->name, change.signs.data, str_text(&change.arguments));
	if (change.arguments.data)
		explicit_bzero(change.arguments.data, change.arguments.len);
	str_fini(&change.signs);
	str_fini(&change.arguments);
	return why;
}
