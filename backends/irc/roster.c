/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/irc/roster.h"

#include <string.h>

#include "backends/irc/channel.h"
#include "backends/irc/contacts.h"
#include "backends/irc/network.h"
#include "backends/irc/order.h"
#include "backends/irc/user.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

#define WHO_ANSWER_MS 30000
/* Above that, a list of who is away costs more than it tells. */
#define WHO_MOST_OCCUPANTS 500

static void show_away(struct channel *channel, const char *nick, bool away, const char *text)
{
	struct occupant *occupant = occupants_find(&channel->occupants, channel->network->isupport.casemap, nick);
	if (!occupant || occupant->away == away)
		return;
	occupant->away = away;
	if (channel->state == CHANNEL_JOINED)
		channel_show(channel, occupant, text);
}

static void on_away(struct network *network, const struct line *line)
{
	const char *text = line->count ? network_text(network, line_last(line)) : NULL;
	LIST_EACH (&network->channels, node)
		show_away(LIST_ITEM(node, struct channel, node), line->nick, line->count != 0, text);
	contacts_away(network, line->nick, line->count ? text_empty(text) ? "away" : text : NULL);
}

static void on_chghost(struct network *network, const struct line *line)
{
	if (!network_is_me(network, line->nick))
		return;
	mem_replace(&network->name, line->params[0]);
	mem_replace(&network->host, line->params[1]);
}

/* 352: me, channel, user, host, server, nick, flags, ...; flags begin with H(ere) or G(one). */
static void on_who(struct network *network, const struct line *line)
{
	struct channel *channel = channel_find(network, line->params[1]);
	order_who(network, line);
	if (channel && network->who == channel)
		show_away(channel, line->params[5], *line->params[6] == 'G', NULL);
}

static void on_who_end(struct network *network, const struct line *line)
{
	if (!network->who || !network_same_name(network, network->who->name, line->params[1]))
		return;
	network->who = NULL;
	network->who_ms = 0;
	roster_tick(network, network_now(network));
}

/* Asks about the channel whose turn it is; the answer to the question before must have come. */
void roster_tick(struct network *network, uint64_t now)
{
	if (network->stage != NETWORK_READY)
		return;
	if (network->who_ms && network->who_ms > now) {
		network_wake(network, network->who_ms);
		return;
	}
	network->who_ms = 0;
	network->who = NULL;
	bool once = network->capabilities & CAP_AWAY_NOTIFY || !settings.away_poll_ms;
	LIST_EACH (&network->channels, node) {
		struct channel *channel = LIST_ITEM(node, struct channel, node);
		if (!channel->who_ms || channel->state != CHANNEL_JOINED)
			continue;
		if (channel->who_ms > now || network->who_ms) {
			network_wake(network, channel->who_ms > now ? channel->who_ms : network->who_ms);
			continue;
		}
		channel->who_ms = once ? 0 : now + settings.away_poll_ms;
		if (channel->who_ms)
			network_wake(network, channel->who_ms);
		/* What is true of the channel is asked once; then its changes are told. */
		if (!channel->modes_known)
			network_send(network, "MODE", channel->name, NULL);
		if (channel->occupants.count > WHO_MOST_OCCUPANTS || !network_send(network, "WHO", channel->name, NULL))
			continue;
		network->who = channel;
		network->who_ms = now + WHO_ANSWER_MS;
		network_wake(network, network->who_ms);
	}
}

static const struct network_command table[] = {
    {"AWAY", 0, true, on_away},  {"CHGHOST", 2, false, on_chghost},
    {"352", 7, true, on_who},    {"315", 2, true, on_who_end},
    {"305", 0, true, NULL},      {"306", 0, true, NULL},
    {"ACCOUNT", 0, false, NULL}, {"SETNAME", 0, true, NULL},
    {"251", 0, true, NULL},      {"252", 0, true, NULL},
    {"253", 0, true, NULL},      {"254", 0, true, NULL},
    {"255", 0, true, NULL},      {"265", 0, true, NULL},
    {"266", 0, true, NULL},      {"221", 0, false, NULL},
    {"042", 0, true, NULL},      {"250", 0, true, NULL},
};
const struct network_commands roster_commands = {table, sizeof table / sizeof *table};
