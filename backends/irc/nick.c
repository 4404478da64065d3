/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/irc/nick.h"

#include <stdlib.h>
#include <string.h>

#include "backends/irc/channel.h"
#include "backends/irc/contacts.h"
#include "backends/irc/network.h"
#include "backends/irc/numerics.h"
#include "backends/irc/user.h"
#include "lib/base/mem.h"
#include "lib/base/utf8.h"

#define REGAIN_MS 30000
#define MOST_RENAMES 5
#define USER_BYTES 10

static const char bad_nick[] = "IRC allows no blank in a nickname and no colon in front of it.";

/* The user name: the nickname's letters and digits, as many as every server takes. */
static void user_name(const char *nick, char out[USER_BYTES + 1])
{
	size_t len = 0;
	for (; *nick && len < USER_BYTES; nick++)
		if ((*nick >= 'a' && *nick <= 'z') || (*nick >= 'A' && *nick <= 'Z') || (*nick >= '0' && *nick <= '9'))
			out[len++] = *nick;
	strcpy(out + len, len ? "" : "user");
}

static void end(struct network *network, enum s2_condition condition, const char *text)
{
	network_end(network, condition, S2_ERROR_NAME_IN_USE,
	            text_empty(text) ? "The nickname is not possible here." : text);
}

void nick_begin(struct network *network)
{
	char name[USER_BYTES + 1];
	mem_replace(&network->trying, network->wanted_nick);
	if (!line_is_middle(network->trying)) {
		end(network, S2_NOT_ACCEPTABLE, bad_nick);
		return;
	}
	user_name(network->trying, name);
	network_send_now(network, "NICK", network->trying, NULL);
	network_send_now(network, "USER", name, "0", "*", network->trying, NULL);
}

/* Another one with underscores; where the server has cut the last one (`seen`), they take the place of its end. False
 * if that was tried often enough. */
static bool try_another(struct network *network, const char *seen)
{
	if (!(settings.rename_on_conflict || network->was_ready) || network->renames >= MOST_RENAMES)
		return false;
	size_t len = strlen(network->trying), most = strlen(seen);
	bool cut = most && most < len && !strncmp(seen, network->trying, most);
	size_t keep = strlen(network->wanted_nick);
	network->renames++;
	if (cut && keep + network->renames > most)
		keep = most > network->renames ? utf8_cut(network->wanted_nick, keep, most - network->renames) : 1;
	char *nick = mem_printf("%.*s%.*s", (int)keep, network->wanted_nick, (int)network->renames, "______");
	mem_replace(&network->trying, nick);
	network_send_now(network, "NICK", nick, NULL);
	free(nick);
	return true;
}

/* The nickname is now another than the rooms know. */
static void became(struct network *network, const char *nick)
{
	char *old = network->nick;
	network->nick = mem_strdup(nick);
	LIST_EACH (&network->channels, node) {
		struct channel *channel = LIST_ITEM(node, struct channel, node);
		channel_rename(channel, old, nick);
		if (channel->entered)
			s2_room_nickname(network->user->s2, channel->room, nick);
	}
	free(old);
}

void nick_welcomed(struct network *network, const char *nick)
{
	if (*nick && strcmp(nick, network->nick))
		became(network, nick);
	if (network_is_me(network, network->wanted_nick))
		return;
	/* The first time, what the server gave is what the user has; later he gets back what he had. */
	if (network->was_ready) {
		network->regain_ms = network_now(network) + REGAIN_MS;
		network_wake(network, network->regain_ms);
	} else {
		mem_replace(&network->wanted_nick, network->nick);
	}
}

/* The change that the user asked for is not to be: his rooms are told, he stays in them under the old name. What the
 * server says about the name that he has is nothing to him: the main process would take it for the end of the room. */
static void change_refused(struct network *network, const char *nick, enum s2_condition condition, const char *text)
{
	if (!*nick || network_is_me(network, nick))
		return;
	LIST_EACH (&network->channels, node) {
		struct channel *channel = LIST_ITEM(node, struct channel, node);
		if (channel->state == CHANNEL_JOINED)
			s2_room_error(network->user->s2, channel->room, nick, condition, text);
	}
}

static void on_change_refused(struct network *network, const char *nick, enum s2_condition condition, const char *text)
{
	char *wanted = network->wanted_nick;
	network->wanted_nick = mem_strdup(network->nick);
	network->regain_ms = 0;
	change_refused(network, *nick ? nick : wanted, condition, text);
	free(wanted);
}

void nick_change(struct network *network, const char *nick)
{
	unsigned most = network->isupport.nick_length;
	if (!line_is_middle(nick)) {
		change_refused(network, nick, S2_NOT_ACCEPTABLE, bad_nick);
	} else if (most && strlen(nick) > most) {
		change_refused(network, nick, S2_NOT_ACCEPTABLE, "The nickname is too long for this server.");
	} else if (!network_send(network, "NICK", nick, NULL)) {
		change_refused(network, nick, S2_RESOURCE_CONSTRAINT, "Too much waits to be sent to the IRC server.");
	} else {
		mem_replace(&network->wanted_nick, nick);
		network->regain_ms = 0;
	}
}

static void ask_for_nick(struct network *network)
{
	if (network_send(network, "ISON", network->wanted_nick, NULL))
		contacts_note_ison(network, false);
}

void nick_tick(struct network *network, uint64_t now)
{
	if (!network->regain_ms)
		return;
	if (now >= network->regain_ms) {
		network->regain_ms = now + REGAIN_MS;
		if (network->stage == NETWORK_READY)
			ask_for_nick(network);
	}
	network_wake(network, network->regain_ms);
}

static void on_refused(struct network *network, const struct line *line)
{
	unsigned numeric = (unsigned)strtoul(line->command, NULL, 10);
	enum s2_condition condition = numeric_condition(NUMERIC_NICK, numeric);
	const char *text = network_text(network, line_last(line)), *nick = line->count > 2 ? line->params[1] : "";
	if (*nick && channel_find(network, nick)) /* 437 is about channels, too */
		network_error_numeric(network, line, numeric);
	else if (network->regain_ms && network_same_name(network, nick, network->wanted_nick))
		return; /* taken again in the meantime; the next try is due later */
	else if (network->stage >= NETWORK_WELCOMED)
		on_change_refused(network, nick, condition, text);
	else if (condition != S2_CONFLICT || !try_another(network, nick))
		end(network, condition, text);
}

static void on_nick(struct network *network, const struct line *line)
{
	const char *to = line->params[0];
	if (!*to)
		return;
	if (!network_is_me(network, line->nick)) {
		LIST_EACH (&network->channels, node)
			channel_rename(LIST_ITEM(node, struct channel, node), line->nick, to);
		return;
	}
	became(network, to);
	/* Forced by services, or wanted: either way that is the name now. */
	if (!network->regain_ms || network_is_me(network, network->wanted_nick)) {
		mem_replace(&network->wanted_nick, to);
		network->regain_ms = 0;
	}
}

/* The answer to ISON: who of those asked for is there. */
static void on_ison(struct network *network, const struct line *line)
{
	if (!contacts_take_ison(network, line_param(line, 1)))
		return;
	if (network->regain_ms && !line_param(line, 1)[strspn(line_param(line, 1), " ")])
		network_send(network, "NICK", network->wanted_nick, NULL);
}

static const struct network_command table[] = {
    {"NICK", 1, false, on_nick},  {"303", 1, true, on_ison},    {"431", 1, true, on_refused},
    {"432", 1, true, on_refused}, {"433", 1, true, on_refused}, {"435", 1, true, on_refused},
    {"436", 1, true, on_refused}, {"437", 1, true, on_refused}, {"438", 1, true, on_refused},
    {"447", 1, true, on_refused},
};
const struct network_commands nick_commands = {table, sizeof table / sizeof *table};
