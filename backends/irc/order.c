/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/irc/order.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/irc/channel.h"
#include "backends/irc/line.h"
#include "backends/irc/modes.h"
#include "backends/irc/network.h"
#include "backends/irc/numerics.h"
#include "backends/irc/user.h"
#include "kit/kit.h"
#include "lib/base/mem.h"
#include "lib/base/utf8.h"

#define BARRIER_PREFIX "s2o."
#define ORDERS_MOST 50 /* of one connection at once */
#define REASON_BYTES 200
#define BANS_MOST 1000
#define FOUND_MOST 200
#define CATALOG_PART 100
#define CATALOG_MS 60000 /* after that long a list may be asked for again */

struct order {
	struct list node;
	struct network *network;
	enum s2_room_verb verb;
	uint32_t request;
	unsigned barrier;     /* it is done with this PONG; 0 = it ends otherwise */
	char *channel, *nick; /* "" if it is about none */
	struct str texts;     /* bans; rooms and their topics: each with a NUL behind it */
	struct str counts;    /* unsigned, of each room */
	size_t count;
	uint64_t asked; /* ms, loop_now */
};

/* ---- Life ---- */

static size_t order_count(const struct network *network)
{
	size_t count = 0;
	LIST_EACH (&network->orders, node)
		count++;
	return count;
}

static struct order *order_new(struct network *network, enum s2_room_verb verb, uint32_t request, const char *channel,
                               const char *nick)
{
	struct order *order = mem_new(sizeof *order);
	order->network = network;
	order->verb = verb;
	order->request = request;
	order->channel = mem_strdup(channel);
	order->nick = mem_strdup(nick ? nick : "");
	order->asked = network_now(network);
	list_append(&network->orders, &order->node);
	return order;
}

static void order_free(struct order *order)
{
	list_remove(&order->node);
	free(order->channel);
	free(order->nick);
	str_fini(&order->texts);
	str_fini(&order->counts);
	free(order);
}

static void refuse(struct order *order, enum s2_condition condition, const char *text)
{
	s2_room_done(order->network->user->s2, order->request, condition, text);
	order_free(order);
}

void orders_fail(struct network *network, enum s2_condition condition, const char *text)
{
	while (!list_empty(&network->orders))
		refuse(LIST_ITEM(network->orders.next, struct order, node), condition, text);
}

/* Servers cut what is longer, or close the connection. */
static bool fits(const struct str *lines)
{
	for (const char *at = lines->data, *end; *at; at = end + 1) {
		end = strchr(at, '\n');
		if (end + 1 - at > LINE_REST_BYTES)
			return false;
	}
	return true;
}

/* Sends the lines, and the PING behind them. */
static void order_send(struct order *order, const struct str *lines)
{
	struct network *network = order->network;
	char token[24];
	if (!fits(lines)) {
		refuse(order, S2_NOT_ACCEPTABLE, "That is too long for IRC.");
		return;
	}
	order->barrier = ++network->next_order;
	snprintf(token, sizeof token, BARRIER_PREFIX "%u", order->barrier);
	if (!network_send_token(network, lines, NULL) || !network_send(network, "PING", token, NULL))
		refuse(order, S2_RESOURCE_CONSTRAINT, "The IRC connection's queue is full.");
}

/* ---- Changes of people ---- */

/* A MODE line in the making. */
struct plan {
	struct str signs, arguments;
};

static void plan_add(struct plan *plan, char sign, char mode, const char *argument)
{
	str_addf(&plan->signs, "%c%c", sign, mode);
	str_addf(&plan->arguments, " %s", argument);
}

static void plan_fini(struct plan *plan)
{
	str_fini(&plan->signs);
	str_fini(&plan->arguments);
}

static bool has_mode(const struct channel *channel, const struct occupant *occupant, char mode)
{
	return occupant && occupant->status & isupport_mode_bit(&channel->network->isupport, mode);
}

/* Takes away those of the modes that he has. */
static void plan_take(struct plan *plan, const struct channel *channel, const struct occupant *occupant,
                      const char *modes, const char *nick)
{
	for (; *modes; modes++) {
		if (has_mode(channel, occupant, *modes))
			plan_add(plan, '-', *modes, nick);
	}
}

static void plan_give(struct plan *plan, const struct channel *channel, const struct occupant *occupant, char mode,
                      const char *nick)
{
	if (!has_mode(channel, occupant, mode))
		plan_add(plan, '+', mode, nick);
}

static bool server_knows(const struct channel *channel, char mode)
{
	return isupport_mode_bit(&channel->network->isupport, mode) != 0;
}

static bool is_mask(const char *name)
{
	return strpbrk(name, "!*@?") != NULL;
}

/* What the modes of somebody have to become; why that can't be, or NULL. */
static const char *plan_change(struct plan *plan, const struct channel *channel, const struct s2_room_person *person,
                               const char *nick)
{
	const struct occupant *occupant = occupants_find(&channel->occupants, channel->network->isupport.casemap, nick);
	char ban[LINE_REST_BYTES];
	snprintf(ban, sizeof ban, is_mask(nick) ? "%s" : "%s!*@*", nick);
	if (person->role == S2_ROLE_VISITOR) {
		plan_take(plan, channel, occupant, "ohv", nick);
	} else if (person->role == S2_ROLE_PARTICIPANT) {
		plan_take(plan, channel, occupant, "oh", nick);
		plan_give(plan, channel, occupant, 'v', nick);
	} else if (person->role == S2_ROLE_MODERATOR) {
		plan_give(plan, channel, occupant, 'o', nick);
	} else if (person->affiliation == S2_AFFILIATION_OUTCAST) {
		plan_add(plan, '+', 'b', ban);
	} else if (person->affiliation == S2_AFFILIATION_NONE) {
		plan_take(plan, channel, occupant, "qaohv", nick);
		if (!occupant)
			plan_add(plan, '-', 'b', ban);
	} else if (is_mask(nick) || !occupant) {
		return "Only who is in the channel can be something there.";
	} else if (person->affiliation == S2_AFFILIATION_MEMBER) {
		plan_take(plan, channel, occupant, "qaoh", nick);
		plan_give(plan, channel, occupant, 'v', nick);
	} else if (person->affiliation == S2_AFFILIATION_ADMIN) {
		plan_give(plan, channel, occupant, server_knows(channel, 'a') ? 'a' : 'o', nick);
	} else if (server_knows(channel, 'q')) {
		plan_give(plan, channel, occupant, 'q', nick);
	} else {
		return "On this server channels have no owners.";
	}
	return NULL;
}

/* The nickname, or the mask of a ban, of whom it is about: without the server behind it. NULL if it is none. */
static char *person_nick(const struct network *network, const struct s2_room_person *person)
{
	if (!text_empty(person->nickname))
		return mem_strdup(person->nickname);
	const char *name = person->name ? person->name : "", *server = network->server ? network->server : "";
	size_t len = strlen(name), tail = strlen(server);
	bool ours = tail && len > tail + 1 && !strcmp(name + len - tail, server) &&
	            (name[len - tail - 1] == '@' || name[len - tail - 1] == '%');
	return len ? mem_strndup(name, ours ? len - tail - 1 : len) : NULL;
}

static void add_kick(struct str *lines, const char *channel, const char *nick, const char *reason)
{
	char *cut = reason ? mem_strndup(reason, utf8_cut(reason, strlen(reason), REASON_BYTES)) : NULL;
	line_build(lines, "KICK", channel, nick, text_or_null(cut), NULL);
	free(cut);
}

static void run_change(struct channel *channel, const struct s2_room_order *in, uint32_t request)
{
	struct network *network = channel->network;
	struct s2_user *s2 = network->user->s2;
	char *nick = person_nick(network, &in->person);
	struct plan plan = {0};
	struct str lines = {0};
	bool kick = in->person.role == S2_ROLE_NONE;
	const char *why = !nick || !line_is_middle(nick) || strchr(nick, ',') ? "IRC has no such name." : NULL;
	if (!why && !kick)
		why = plan_change(&plan, channel, &in->person, nick);
	/* Who is banned has to go, too. */
	kick |= in->person.affiliation == S2_AFFILIATION_OUTCAST && !why &&
	        occupants_find(&channel->occupants, network->isupport.casemap, nick);
	if (plan.signs.len)
		str_addf(&lines, "MODE %s %s%s\r\n", channel->name, plan.signs.data, plan.arguments.data);
	if (!why && kick)
		add_kick(&lines, channel->name, nick, in->person.reason);
	if (why)
		s2_room_done(s2, request, S2_NOT_ACCEPTABLE, why);
	else if (!lines.len)
		s2_room_done(s2, request, S2_DONE, NULL); /* he is that already */
	else
		order_send(order_new(network, S2_ROOM_CHANGE, request, channel->name, nick), &lines);
	str_fini(&lines);
	plan_fini(&plan);
	free(nick);
}

static void run_invite(struct channel *channel, const struct s2_room_order *in, uint32_t request)
{
	struct network *network = channel->network;
	char *nick = person_nick(network, &in->person);
	struct str lines = {0};
	if (nick && line_build(&lines, "INVITE", nick, channel->name, NULL))
		order_send(order_new(network, S2_ROOM_INVITE, request, channel->name, nick), &lines);
	else
		s2_room_done(network->user->s2, request, S2_NOT_ACCEPTABLE, "IRC has no such name.");
	str_fini(&lines);
	free(nick);
}

/* ---- Lists and settings ---- */

static void ask(struct channel *channel, enum s2_room_verb verb, uint32_t request, const char *mode)
{
	struct str lines = {0};
	line_build(&lines, "MODE", channel->name, mode, NULL);
	order_send(order_new(channel->network, verb, request, channel->name, NULL), &lines);
	str_fini(&lines);
}

static void configure(struct channel *channel, const struct s2_room_order *in, uint32_t request)
{
	struct network *network = channel->network;
	struct str lines = {0};
	const char *why = modes_configure(channel, in->fields, in->field_count, &lines);
	if (why)
		s2_room_done(network->user->s2, request, S2_NOT_ACCEPTABLE, why);
	else if (!lines.len)
		s2_room_done(network->user->s2, request, S2_DONE, NULL);
	else
		order_send(order_new(network, S2_ROOM_CONFIGURE, request, channel->name, NULL), &lines);
	if (lines.data)
		explicit_bzero(lines.data, lines.len); /* a password may be among it */
	str_fini(&lines);
}

void order_channel(struct channel *channel, const struct s2_room_order *in, uint32_t request)
{
	struct network *network = channel->network;
	struct s2_user *s2 = network->user->s2;
	if (network->stage != NETWORK_READY || channel->state != CHANNEL_JOINED)
		s2_room_done(s2, request, S2_RECIPIENT_UNAVAILABLE,
		             "There is no connection to the IRC server at the moment.");
	else if (order_count(network) >= ORDERS_MOST)
		s2_room_done(s2, request, S2_RESOURCE_CONSTRAINT, "Too much is asked of the IRC server already.");
	else if (in->verb == S2_ROOM_CHANGE)
		run_change(channel, in, request);
	else if (in->verb == S2_ROOM_INVITE)
		run_invite(channel, in, request);
	else if (in->verb == S2_ROOM_PEOPLE && in->person.affiliation == S2_AFFILIATION_OUTCAST)
		ask(channel, S2_ROOM_PEOPLE, request, "b");
	else if (in->verb == S2_ROOM_FORM)
		ask(channel, S2_ROOM_FORM, request, NULL);
	else if (in->verb == S2_ROOM_CONFIGURE)
		configure(channel, in, request);
	else
		s2_room_done(s2, request, S2_FEATURE_NOT_IMPLEMENTED, "IRC has no such list.");
}

/* ---- Answers ---- */

static struct order *order_find(const struct network *network, enum s2_room_verb verb, const char *channel)
{
	LIST_EACH (&network->orders, node) {
		struct order *order = LIST_ITEM(node, struct order, node);
		if (order->verb == verb && (!channel || network_same_name(network, order->channel, channel)))
			return order;
	}
	return NULL;
}

static void answer_bans(struct order *order)
{
	struct network *network = order->network;
	struct s2_room_person *people = mem_new((order->count + 1) * sizeof *people);
	struct arena arena = {0};
	const char *at = order->texts.data;
	for (size_t i = 0; i < order->count; i++, at += strlen(at) + 1)
		people[i] = (struct s2_room_person){.name = arena_strdup(&arena, network_peer(network, at)),
		                                    .affiliation = S2_AFFILIATION_OUTCAST};
	s2_room_answer(network->user->s2, order->request,
	               &(struct s2_room_answer){.people = people, .people_count = order->count});
	arena_fini(&arena);
	free(people);
}

static void answer_form(struct order *order)
{
	struct network *network = order->network;
	struct channel *channel = channel_find(network, order->channel);
	struct s2_field fields[MODES_FIELDS];
	struct arena arena = {0};
	if (channel)
		s2_room_answer(
		    network->user->s2, order->request,
		    &(struct s2_room_answer){.fields = fields, .field_count = modes_form(channel, &arena, fields)});
	else
		s2_room_done(network->user->s2, order->request, S2_NOT_ACCEPTABLE,
		             "You are not in this room any more.");
	arena_fini(&arena);
}

/* ---- People who are called about like this ---- */

static bool has_wildcards(const char *words)
{
	return strpbrk(words, "*?");
}

void order_search(struct network *network, const char *words, uint32_t request)
{
	struct s2_user *s2 = network->user->s2;
	struct str line = {0};
	char *mask = has_wildcards(words) ? mem_strdup(words) : mem_printf("*%s*", words);
	if (network->stage != NETWORK_READY)
		s2_room_done(s2, request, S2_RECIPIENT_UNAVAILABLE,
		             "There is no connection to the IRC server at the moment.");
	else if (order_find(network, S2_ROOM_SEARCH, NULL))
		s2_room_done(s2, request, S2_RESOURCE_CONSTRAINT, "You search already. Try again in a moment.");
	else if (!line_is_middle(mask) || !line_build(&line, "WHO", mask, NULL))
		s2_room_done(s2, request, S2_NOT_ACCEPTABLE, "Nobody on IRC has such a name.");
	else
		order_send(order_new(network, S2_ROOM_SEARCH, request, "", words), &line);
	str_fini(&line);
	free(mask);
}

/* me, channel, user, host, server, nick, flags, "hops real name". What the question about a channel brings is heard,
 * too. */
void order_who(struct network *network, const struct line *line)
{
	struct order *order = order_find(network, S2_ROOM_SEARCH, NULL);
	const char *nick = line->params[5], *about = network_text(network, line_last(line));
	about += strspn(about, "0123456789");
	about += *about == ' ';
	if (!order || order->count >= FOUND_MOST)
		return;
	if (!has_wildcards(order->nick) && !strcasestr(nick, order->nick) &&
	    !strcasestr(line->params[2], order->nick) && !strcasestr(about, order->nick))
		return;
	str_add(&order->texts, nick, strlen(nick) + 1);
	str_add(&order->texts, about, strlen(about) + 1);
	order->count++;
}

static void answer_search(struct order *order)
{
	struct network *network = order->network;
	struct s2_room_person *people = mem_new((order->count + 1) * sizeof *people);
	struct arena arena = {0};
	const char *at = order->texts.data;
	for (size_t i = 0; i < order->count; i++) {
		people[i] =
		    (struct s2_room_person){.name = arena_strdup(&arena, network_peer(network, at)), .nickname = at};
		at += strlen(at) + 1;
		people[i].reason = at;
		at += strlen(at) + 1;
	}
	s2_room_answer(network->user->s2, order->request,
	               &(struct s2_room_answer){.people = people, .people_count = order->count});
	arena_fini(&arena);
	free(people);
}

static void order_done(struct order *order)
{
	if (order->verb == S2_ROOM_SEARCH)
		answer_search(order);
	else if (order->verb == S2_ROOM_PEOPLE)
		answer_bans(order);
	else if (order->verb == S2_ROOM_FORM)
		answer_form(order);
	else
		s2_room_done(order->network->user->s2, order->request, S2_DONE, NULL);
	order_free(order);
}

bool order_pong(struct network *network, const char *token)
{
	size_t len = strlen(BARRIER_PREFIX);
	if (strncmp(token, BARRIER_PREFIX, len) != 0)
		return false;
	unsigned number = (unsigned)strtoul(token + len, NULL, 10);
	LIST_EACH (&network->orders, node) {
		struct order *order = LIST_ITEM(node, struct order, node);
		if (order->barrier && order->barrier <= number)
			order_done(order);
	}
	return true;
}

bool order_refuse(struct network *network, const struct line *line, unsigned numeric)
{
	if (numeric == 404) /* that was a message */
		return false;
	enum s2_condition condition = numeric_condition(NUMERIC_CHANGE, numeric);
	if (condition == S2_DONE)
		condition = S2_NOT_ALLOWED;
	LIST_EACH (&network->orders, node) {
		struct order *order = LIST_ITEM(node, struct order, node);
		for (size_t i = 1; i + 1 < line->count; i++) {
			bool nick = *order->nick && network_same_name(network, order->nick, line->params[i]);
			bool channel = *order->channel && network_same_name(network, order->channel, line->params[i]);
			bool list = order->verb == S2_ROOM_CATALOG && !strcmp(line->params[i], "LIST");
			if (!nick && !channel && !list)
				continue;
			refuse(order, condition, network_text(network, line_last(line)));
			return true;
		}
	}
	return false;
}

/* 367: me, channel, mask, who has set it, when */
static void on_ban(struct network *network, const struct line *line)
{
	struct order *order = order_find(network, S2_ROOM_PEOPLE, line->params[1]);
	if (!order || order->count >= BANS_MOST)
		return;
	str_add(&order->texts, line->params[2], strlen(line->params[2]) + 1);
	order->count++;
}

/* ---- The channels of a server ---- */

void order_catalog(struct network *network, uint32_t request)
{
	struct s2_user *s2 = network->user->s2;
	struct order *running = order_find(network, S2_ROOM_CATALOG, NULL);
	if (running && network_now(network) > running->asked + CATALOG_MS) {
		refuse(running, S2_REMOTE_SERVER_TIMEOUT, "The IRC server did not answer.");
		running = NULL;
	}
	if (network->stage != NETWORK_READY)
		s2_room_done(s2, request, S2_RECIPIENT_UNAVAILABLE,
		             "There is no connection to the IRC server at the moment.");
	else if (running)
		s2_room_done(s2, request, S2_RESOURCE_CONSTRAINT, "The list is being read. Try again in a moment.");
	else if (!network_send(network, "LIST", NULL))
		s2_room_done(s2, request, S2_RESOURCE_CONSTRAINT, "The IRC connection's queue is full.");
	else
		order_new(network, S2_ROOM_CATALOG, request, "", NULL);
}

static void answer_rooms(struct order *order, bool more)
{
	struct network *network = order->network;
	struct s2_room_listing *rooms = mem_new((order->count + 1) * sizeof *rooms);
	const char *at = order->texts.data;
	for (size_t i = 0; i < order->count; i++) {
		rooms[i].name = at;
		rooms[i].title = at += strlen(at) + 1;
		at += strlen(at) + 1;
		memcpy(&rooms[i].occupants, order->counts.data + i * sizeof(unsigned), sizeof(unsigned));
	}
	s2_room_answer(network->user->s2, order->request,
	               &(struct s2_room_answer){.rooms = rooms, .room_count = order->count, .more = more});
	free(rooms);
	order->count = 0;
	str_clear(&order->texts, SIZE_MAX);
	str_clear(&order->counts, SIZE_MAX);
}

/* 322: me, channel, people, topic */
static void on_list(struct network *network, const struct line *line)
{
	struct order *order = order_find(network, S2_ROOM_CATALOG, NULL);
	if (!order || !isupport_is_channel(&network->isupport, line->params[1]))
		return;
	const char *peer = network_peer(network, line->params[1]);
	const char *topic = line->count > 3 ? network_text(network, line_last(line)) : "";
	unsigned people = (unsigned)strtoul(line->params[2], NULL, 10);
	struct str title = {0};
	/* Some servers put the modes in front of the topic. */
	if (*topic == '[' && topic[1] == '+' && strchr(topic, ']'))
		topic = strchr(topic, ']') + 1;
	topic += strspn(topic, " ");
	str_addf(&title, "%s%s%s", line->params[1], *topic ? ": " : "", topic);
	str_add(&order->texts, peer, strlen(peer) + 1);
	str_add(&order->texts, title.data, title.len + 1);
	str_add(&order->counts, &people, sizeof people);
	str_fini(&title);
	if (++order->count == CATALOG_PART)
		answer_rooms(order, true);
}

static void on_list_end(struct network *network, const struct line *line)
{
	struct order *order = order_find(network, S2_ROOM_CATALOG, NULL);
	if (!order)
		return;
	answer_rooms(order, false);
	order_free(order);
}

/* 263: me, command, text: not now */
static void on_try_again(struct network *network, const struct line *line)
{
	struct order *order = !strcmp(line->params[1], "LIST") ? order_find(network, S2_ROOM_CATALOG, NULL) : NULL;
	if (order)
		refuse(order, S2_RESOURCE_CONSTRAINT, network_text(network, line_last(line)));
}

static const struct network_command table[] = {
    {"367", 3, false, on_ban},     {"368", 0, true, NULL},         {"321", 0, true, NULL},  {"322", 3, true, on_list},
    {"323", 0, true, on_list_end}, {"263", 2, true, on_try_again}, {"341", 0, false, NULL},
};
const struct network_commands order_commands = {table, sizeof table / sizeof *table};
