/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the server says about channels: who joins, leaves, is thrown out or promoted, names, topics, invitations; and
 * the error numerics that end a join or a message. */
#include <stdlib.h>
#include <string.h>

#include "backends/irc/channel.h"
#include "backends/irc/command.h"
#include "backends/irc/modes.h"
#include "backends/irc/network.h"
#include "backends/irc/numerics.h"
#include "backends/irc/order.h"
#include "backends/irc/user.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

#define LOG_AREA "irc"
#define MOST_OCCUPANTS 20000

/* The channel that a parameter names, if we are in it or about to be. */
static struct channel *channel_of(struct network *network, const struct line *line, size_t index)
{
	return channel_find(network, line_param(line, index));
}

static bool is_in(const struct channel *channel)
{
	return channel && channel->state >= CHANNEL_NAMES;
}

static struct occupant *occupant_of(struct channel *channel, const char *nick)
{
	return occupants_find(&channel->occupants, channel->network->isupport.casemap, nick);
}

static struct occupant *enter(struct channel *channel, const char *nick)
{
	if (channel->occupants.count >= MOST_OCCUPANTS || !*nick)
		return NULL;
	struct occupant *occupant = occupants_add(&channel->occupants, channel->network->isupport.casemap, nick);
	occupant->stale = false;
	return occupant;
}

/* ---- JOIN ---- */

static void joined_ourselves(struct network *network, struct channel *channel, const struct line *line)
{
	if (channels_parting(network, line->params[0]))
		return; /* the user has left before the server let him in */
	if (*line->user)
		mem_replace(&network->name, line->user);
	if (*line->host)
		mem_replace(&network->host, line->host);
	if (channel && channel->state == CHANNEL_JOINING) {
		channel_set_state(channel, CHANNEL_NAMES);
		enter(channel, network->nick);
		return;
	}
	if (channel)
		return;
	/* Forwarded or forced: nobody on our side is there to read. */
	char *text = mem_printf("The server put you into %s. Join %s if you want to be there.", line->params[0],
	                        network_peer(network, line->params[0]));
	network_send(network, "PART", line->params[0], NULL);
	network_tell(network, text);
	free(text);
}

static void on_join(struct network *network, const struct line *line)
{
	struct channel *channel = channel_of(network, line, 0);
	if (network_is_me(network, line->nick)) {
		joined_ourselves(network, channel, line);
		return;
	}
	struct occupant *occupant = is_in(channel) ? enter(channel, line->nick) : NULL;
	if (!occupant)
		return;
	occupant->status = 0;
	occupant->away = false;
	if (channel->state == CHANNEL_JOINED)
		channel_show(channel, occupant, NULL);
}

/* 353: me, kind, channel, names */
static void on_names(struct network *network, const struct line *line)
{
	struct channel *channel = channel_of(network, line, 2);
	if (!channel || channel->state != CHANNEL_NAMES)
		return;
	char *names = mem_strdup(line->params[3]), *rest = names;
	for (char *name; (name = strsep(&rest, " ")) != NULL;) {
		uint8_t status = 0;
		for (unsigned bit; (bit = isupport_symbol_bit(&network->isupport, *name)) != 0; name++)
			status |= (uint8_t)bit;
		name[strcspn(name, "!")] = '\0';
		struct occupant *occupant = enter(channel, name);
		if (!occupant)
			continue;
		occupant->changed |= occupant->status != status;
		occupant->status = status;
	}
	free(names);
}

static void on_names_end(struct network *network, const struct line *line)
{
	struct channel *channel = channel_of(network, line, 1);
	if (channel && channel->state == CHANNEL_NAMES)
		channel_complete(channel);
}

/* ---- Leaving ---- */

static void on_part(struct network *network, const struct line *line)
{
	struct channel *channel = channel_of(network, line, 0);
	if (network_is_me(network, line->nick) && channels_parted(network, line->params[0]))
		return;
	if (is_in(channel))
		channel_part(channel, line->nick, 0, NULL,
		             line->count > 1 ? network_text(network, line_last(line)) : NULL);
}

static void on_kick(struct network *network, const struct line *line)
{
	struct channel *channel = channel_of(network, line, 0);
	if (is_in(channel))
		channel_part(channel, line->params[1], S2_PARTICIPANT_KICKED, line->nick,
		             line->count > 2 ? network_text(network, line_last(line)) : NULL);
}

static void on_quit(struct network *network, const struct line *line)
{
	if (network_is_me(network, line->nick))
		return; /* ERROR and the end of the connection follow */
	const char *text = line->count ? network_text(network, line_last(line)) : NULL;
	LIST_EACH (&network->channels, node)
		channel_part(LIST_ITEM(node, struct channel, node), line->nick, 0, NULL, text);
}

/* ---- MODE ---- */

static void change_status(struct channel *channel, const char *nick, char mode, bool set)
{
	struct occupant *occupant = occupant_of(channel, nick);
	if (!occupant)
		return;
	uint8_t bit = (uint8_t)isupport_mode_bit(&channel->network->isupport, mode), before = occupant->status;
	occupant->status = set ? occupant->status | bit : occupant->status & (uint8_t)~bit;
	occupant->changed |= occupant->status != before;
}

static void show_changed(struct channel *channel)
{
	if (channel->state != CHANNEL_JOINED)
		return;
	size_t cursor = 0;
	for (struct occupant *one; (one = occupants_next(&channel->occupants, &cursor)) != NULL;)
		if (one->changed)
			channel_show(channel, one, NULL);
}

/* Each mode takes its own argument, whatever became of the one before. `first`: the parameter with the modes. True if
 * anybody's status changed; *told if something changed that is true of the channel. */
static bool apply_modes(struct channel *channel, const struct line *line, size_t first, bool *told)
{
	const struct isupport *isupport = &channel->network->isupport;
	bool set = true, status = false;
	size_t next = first + 1;
	for (const char *mode = line->params[first]; *mode; mode++) {
		if (*mode == '+' || *mode == '-') {
			set = *mode == '+';
			continue;
		}
		enum mode_class class = isupport_mode_class(isupport, *mode);
		bool takes =
		    class == MODE_PREFIX || class == MODE_ALWAYS || class == MODE_LIST || (class == MODE_SET && set);
		const char *argument = takes ? line_param(line, next++) : "";
		if (class == MODE_PREFIX) {
			change_status(channel, argument, *mode, set);
			status = true;
		} else if (*mode == 'k' && takes && (!set || strcmp(argument, "*"))) {
			/* Servers hide the key from some with a star. */
			mem_replace(&channel->key, set && *argument && !strchr(argument, ',') ? argument : NULL);
		}
		if (class != MODE_PREFIX && class != MODE_LIST)
			*told |= modes_set(channel, *mode, set, argument);
	}
	return status;
}

/* 324: me, channel, modes, arguments */
static void on_modes_are(struct network *network, const struct line *line)
{
	struct channel *channel = channel_of(network, line, 1);
	bool told = false;
	if (!is_in(channel))
		return;
	channel->modes = channel->limit = 0;
	apply_modes(channel, line, 2, &told);
	channel->modes_known = true;
	modes_show(channel);
}

static void on_mode(struct network *network, const struct line *line)
{
	struct channel *channel = channel_of(network, line, 0);
	if (!is_in(channel))
		return;
	struct str text = {0};
	str_addf(&text, "Mode %s [", channel->name);
	for (size_t i = 1; i < line->count; i++)
		str_addf(&text, "%s%s", i > 1 ? " " : "", line->params[i]);
	str_addf(&text, "] by %s", line->nick);
	bool told = false;
	if (apply_modes(channel, line, 1, &told))
		show_changed(channel);
	if (told)
		modes_show(channel);
	if (channel->state == CHANNEL_JOINED)
		channel_tell(channel, text.data);
	str_fini(&text);
}

/* ---- Topic ---- */

static void set_topic(struct channel *channel, const char *topic, const char *author, int64_t time)
{
	mem_replace(&channel->topic, topic);
	mem_replace(&channel->topic_author, author);
	channel->topic_time = time;
	if (channel->state == CHANNEL_JOINED)
		channel_show_topic(channel);
}

static void on_topic(struct network *network, const struct line *line)
{
	struct channel *channel = channel_of(network, line, 0);
	if (is_in(channel))
		set_topic(channel, network_text(network, line_last(line)), line->nick, 0);
}

/* 332: me, channel, topic */
static void on_topic_is(struct network *network, const struct line *line)
{
	struct channel *channel = channel_of(network, line, 1);
	if (is_in(channel))
		set_topic(channel, network_text(network, line_last(line)), NULL, 0);
}

static void on_no_topic(struct network *network, const struct line *line)
{
	struct channel *channel = channel_of(network, line, 1);
	if (is_in(channel))
		set_topic(channel, NULL, NULL, 0);
}

/* 333: me, channel, author, seconds since 1970. Comes behind 332; before the names there is nothing to show yet. */
static void on_topic_by(struct network *network, const struct line *line)
{
	struct channel *channel = channel_of(network, line, 1);
	if (!is_in(channel) || !channel->topic)
		return;
	long long seconds = strtoll(line->params[3], NULL, 10);
	char *topic = mem_strdup(channel->topic);
	int64_t time = seconds > 0 && seconds < INT64_MAX / 1000 ? (int64_t)seconds * 1000 : 0;
	set_topic(channel, topic, line->params[2], time);
	free(topic);
}

/* ---- Invitations ---- */

static void on_invite(struct network *network, const struct line *line)
{
	const char *channel = line->params[1];
	struct channel *room = channel_find(network, channel);
	if (!isupport_is_channel(&network->isupport, channel))
		return;
	if (network_is_me(network, line->params[0])) {
		if (room && room->state == CHANNEL_JOINED)
			return; /* he is there */
		struct s2_room_invitation invitation = {.room = network_peer(network, channel),
		                                        .title = channel,
		                                        .name = network_peer(network, line->nick),
		                                        .nickname = line->nick};
		s2_room_invitation(network->user->s2, &invitation);
	} else if (room && room->state == CHANNEL_JOINED) { /* invite-notify */
		char *text = mem_printf("%s invites %s.", line->nick, line->params[0]);
		channel_tell(room, text);
		free(text);
	}
}

/* ---- Errors ---- */

/* The join that a numeric ends: one of its middle parameters is the channel. */
static struct channel *join_refused(struct network *network, const struct line *line)
{
	for (size_t i = 1; i + 1 < line->count; i++) {
		struct channel *channel = channel_find(network, line->params[i]);
		if (channel && channel->state == CHANNEL_JOINING)
			return channel;
	}
	return NULL;
}

void network_error_numeric(struct network *network, const struct line *line, unsigned numeric)
{
	bool not_there = numeric == 442 || numeric == 403;
	if (not_there && line->count > 2 && channels_parted(network, line->params[1]))
		return;
	struct channel *channel = join_refused(network, line);
	enum s2_condition condition = channel ? numeric_condition(NUMERIC_JOIN, numeric) : S2_DONE;
	if (condition != S2_DONE) {
		const char *text = network_text(network, line_last(line));
		if (numeric == 470 && line->count > 3) /* me, channel, other channel, text */
			text = network_text(network, line->params[2]);
		channel_refuse(channel, condition, text);
		return;
	}
	if (!order_refuse(network, line, numeric) && !outbox_refuse(network, line, numeric) &&
	    !command_answer(network, line))
		log_debug("numeric of no consequence user=%s numeric=%u", s2_user_jid(network->user->s2), numeric);
}

static const struct network_command table[] = {
    {"JOIN", 1, false, on_join},     {"PART", 1, true, on_part},    {"KICK", 2, true, on_kick},
    {"QUIT", 0, true, on_quit},      {"MODE", 2, false, on_mode},   {"TOPIC", 2, true, on_topic},
    {"INVITE", 2, false, on_invite}, {"353", 4, false, on_names},   {"366", 2, true, on_names_end},
    {"331", 2, true, on_no_topic},   {"332", 3, true, on_topic_is}, {"333", 4, false, on_topic_by},
    {"324", 3, false, on_modes_are}, {"328", 0, true, NULL},        {"329", 0, false, NULL},
};
const struct network_commands room_commands = {table, sizeof table / sizeof *table};
