/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/irc/command.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backends/irc/channel.h"
#include "backends/irc/network.h"
#include "backends/irc/nick.h"
#include "backends/irc/talk.h"
#include "backends/irc/user.h"
#include "lib/base/mem.h"

/* How long after a command the server's words are taken for the answer. */
#define ANSWER_MS 10000
#define MOST_NAMES_BYTES 8000

/* One command that was given. */
struct order {
	struct network *network;
	struct channel *channel; /* NULL outside of rooms */
	const struct s2_message *message;
	char *first; /* word; "" if there is none */
	char *rest;  /* what follows it; "" */
};

static void report(const struct order *order, enum s2_condition condition, const char *text)
{
	s2_message_result(order->network->user->s2, order->message->id, order->message->peer, condition, text);
}

/* The line went out or did not; answers come to the room or, without one, from the server. */
static void sent(const struct order *order, bool good)
{
	struct network *network = order->network;
	if (!good) {
		report(order, S2_BAD_REQUEST, "The IRC server can't be told this now, or not in this form.");
		return;
	}
	mem_replace(&network->asked_room, order->channel ? order->channel->room : NULL);
	network->asked_until_ms = network_now(network) + ANSWER_MS;
	report(order, S2_DONE, NULL);
}

static void run_away(const struct order *order)
{
	char *text = *order->rest ? mem_printf("%s %s", order->first, order->rest) : mem_strdup(order->first);
	sent(order, network_send(order->network, "AWAY", text_or_null(text), NULL));
	free(text);
}

static void run_invite(const struct order *order)
{
	sent(order, network_send(order->network, "INVITE", order->first, order->channel->name, NULL));
}

static void run_kick(const struct order *order)
{
	sent(order,
	     network_send(order->network, "KICK", order->channel->name, order->first, text_or_null(order->rest), NULL));
}

/* Arguments of modes are words of their own. */
static void run_mode(const struct order *order)
{
	struct str line = {0};
	bool good =
	    line_is_middle(order->channel->name) && !strpbrk(order->first, "\r\n") && !strpbrk(order->rest, "\r\n");
	str_addf(&line, "MODE %s %s%s%s\r\n", order->channel->name, order->first, *order->rest ? " " : "", order->rest);
	sent(order, good && line.len <= LINE_REST_BYTES && network_send_token(order->network, &line, NULL));
	str_fini(&line);
}

static void run_msg(const struct order *order)
{
	struct s2_message message = *order->message;
	message.body = order->rest;
	talk_note(order->network, order->first, NULL);
	outbox_message(order->network, order->first, &message);
}

static void run_names(const struct order *order)
{
	const struct isupport *isupport = &order->network->isupport;
	struct str text = {0};
	size_t cursor = 0;
	str_addf(&text, "%u here:", order->channel->occupants.count);
	for (struct occupant *one; (one = occupants_next(&order->channel->occupants, &cursor)) != NULL;) {
		if (text.len > MOST_NAMES_BYTES) {
			str_adds(&text, " ...");
			break;
		}
		str_addc(&text, ' ');
		for (size_t i = 0; isupport->prefix_symbols[i]; i++)
			if (one->status & 1u << i) {
				str_addc(&text, isupport->prefix_symbols[i]);
				break;
			}
		str_adds(&text, one->nick);
	}
	channel_tell(order->channel, text.data);
	str_fini(&text);
	report(order, S2_DONE, NULL);
}

static void run_nick(const struct order *order)
{
	nick_change(order->network, order->first);
	report(order, S2_DONE, NULL);
}

static void run_notice(const struct order *order)
{
	sent(order, network_send(order->network, "NOTICE", order->first, order->rest, NULL));
}

static void run_raw(const struct order *order)
{
	struct str line = {0};
	str_addf(&line, "%s%s%s\r\n", order->first, *order->rest ? " " : "", order->rest);
	bool good = line.len <= LINE_REST_BYTES && strcspn(line.data, "\r\n") == line.len - 2;
	sent(order, good && network_send_token(order->network, &line, NULL));
	str_fini(&line);
}

static void run_topic(const struct order *order)
{
	if (!*order->first) {
		channel_show_topic(order->channel);
		report(order, S2_DONE, NULL);
		return;
	}
	char *topic = *order->rest ? mem_printf("%s %s", order->first, order->rest) : mem_strdup(order->first);
	struct s2_message message = *order->message;
	message.body = topic;
	outbox_subject(order->network, order->channel->name, &message);
	free(topic);
}

static void run_whois(const struct order *order)
{
	sent(order, network_send(order->network, "WHOIS", order->first, NULL));
}

static void run_whowas(const struct order *order)
{
	sent(order, network_send(order->network, "WHOWAS", order->first, NULL));
}

static const struct {
	const char *name;
	unsigned words; /* that it needs */
	bool in_room;
	void (*run)(const struct order *);
	const char *usage;
} commands[] = {
    {"away", 0, false, run_away, "/away [TEXT]"},
    {"invite", 1, true, run_invite, "/invite NICK"},
    {"kick", 1, true, run_kick, "/kick NICK [REASON]"},
    {"mode", 0, true, run_mode, "/mode [MODES [ARGUMENTS]]"},
    {"msg", 2, false, run_msg, "/msg NICK TEXT"},
    {"names", 0, true, run_names, "/names"},
    {"nick", 1, false, run_nick, "/nick NICK"},
    {"notice", 2, false, run_notice, "/notice NICK TEXT"},
    {"query", 2, false, run_msg, "/query NICK TEXT"},
    {"quote", 1, false, run_raw, "/quote LINE"},
    {"raw", 1, false, run_raw, "/raw LINE"},
    {"topic", 0, true, run_topic, "/topic [TEXT]"},
    {"whois", 1, false, run_whois, "/whois NICK"},
    {"whowas", 1, false, run_whowas, "/whowas NICK"},
};

/* Cuts the next word off. */
static char *take_word(char **at)
{
	char *word = *at + strspn(*at, " "), *end = word + strcspn(word, " ");
	*at = end + strspn(end, " ");
	*end = '\0';
	return word;
}

static bool run_line(struct network *network, struct channel *channel, const struct s2_message *message,
                     const char *text)
{
	if (*text != '/')
		return false;
	size_t len = strcspn(text + 1, " \r\n");
	size_t at = 0, count = sizeof commands / sizeof *commands;
	while (at < count && (strlen(commands[at].name) != len || strncasecmp(commands[at].name, text + 1, len)))
		at++;
	if (at == count)
		return false;
	char *copy = mem_strdup(text + 1 + len), *rest = copy;
	for (size_t end = strlen(copy); end && strchr(" \r\n", copy[end - 1]);)
		copy[--end] = '\0';
	struct order order = {.network = network, .channel = channel, .message = message};
	order.first = take_word(&rest);
	order.rest = rest;
	unsigned words = (*order.first != '\0') + (*order.rest != '\0');
	char *usage =
	    mem_printf(commands[at].in_room && !channel ? "This works in a room only: %s" : "It is written: %s",
	               commands[at].usage);
	if (network->stage != NETWORK_READY)
		report(&order, S2_RECIPIENT_UNAVAILABLE, "There is no connection to the IRC server at the moment.");
	else if (words < commands[at].words || (commands[at].in_room && !channel))
		report(&order, S2_BAD_REQUEST, usage);
	else
		commands[at].run(&order);
	free(usage);
	free(copy);
	return true;
}

bool command_run(struct network *network, struct channel *channel, const struct s2_message *message)
{
	return run_line(network, channel, message, message->body);
}

void command_run_raw(struct network *network, const struct s2_message *message)
{
	struct order order = {.network = network, .message = message, .rest = ""};
	if (run_line(network, NULL, message, message->body))
		return;
	order.first = (char *)(uintptr_t)message->body;
	if (network->stage != NETWORK_READY)
		report(&order, S2_RECIPIENT_UNAVAILABLE, "There is no connection to the IRC server at the moment.");
	else
		run_raw(&order);
}

const char *command_text(const char *body)
{
	return body + (body[0] == '/' && body[1] == '/');
}

bool command_answer(struct network *network, const struct line *line)
{
	if (network->asked_until_ms < network_now(network))
		return false;
	struct str text = {0};
	for (size_t i = 1; i < line->count; i++)
		str_addf(&text, "%s%s", i > 1 ? " " : "", network_text(network, line->params[i]));
	struct channel *channel = NULL;
	LIST_EACH (&network->channels, node) {
		struct channel *each = LIST_ITEM(node, struct channel, node);
		if (text_equal(each->room, network->asked_room) && each->state == CHANNEL_JOINED)
			channel = each;
	}
	if (channel && text.len)
		channel_tell(channel, text.data);
	else
		network_tell(network, str_text(&text));
	str_fini(&text);
	return true;
}
