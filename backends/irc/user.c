/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/irc/user.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backends/irc/channel.h"
#include "backends/irc/command.h"
#include "backends/irc/contacts.h"
#include "backends/irc/network.h"
#include "backends/irc/nick.h"
#include "backends/irc/order.h"
#include "backends/irc/reaction.h"
#include "backends/irc/talk.h"
#include "backends/irc/whois.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

#define LOG_AREA "irc"
#define MOST_NETWORKS 50

struct settings settings;

void settings_read(void)
{
	settings = (struct settings){
	    .one_server = !text_empty(s2_config_item("service.irc_server", 0)),
	    .send_pass = s2_config_bool("service.irc_send_pass", false),
	    .rename_on_conflict = !strcmp(s2_config_or("irc.nick_conflict", "error"), "rename"),
	    .verify = s2_config_bool("service.verify_certs", true) && s2_config_bool("irc.verify_cert", true),
	    .reconnect = s2_config_bool("irc.reconnect", true),
	    .members = !strcmp(s2_config_or("irc.member_affiliation", "none"), "member"),
	    .identify = s2_config_or("service.irc_identify", "NickServ identify $password"),
	    .ca_file = s2_config_or("irc.tls_ca_file", NULL),
	    .burst = (unsigned)s2_config_number("irc.throttle_burst", 10),
	    .interval_ms = (uint64_t)s2_config_number("irc.throttle_interval_ms", 1000),
	    .away_poll_ms = (uint64_t)s2_config_number("service.irc_away_timeout", 60) * 1000,
	};
}

/* ---- Session ---- */

static void user_free(struct user *user)
{
	contacts_free(user);
	LIST_EACH (&user->networks, node) {
		struct network *network = LIST_ITEM(node, struct network, node);
		network_free(&network, "Bye");
	}
	s2_user_set_data(user->s2, NULL);
	free(user->nick);
	mem_free_secret(user->password);
	free(user->account);
	free(user->password_host);
	free(user->away);
	free(user);
}

bool user_next_server(struct user *user, const char **server)
{
	*server = s2_config_item("service.irc_server", ++user->server_index);
	if (*server)
		return true;
	user->server_index = 0;
	return false;
}

void user_fail(struct user *user, enum s2_connection_error error, const char *text)
{
	struct s2_user *s2 = user->s2;
	user_free(user);
	s2_disconnected(s2, error, text);
}

/* With service.irc_server there is one connection, from login to logout. */
static void login_to_server(struct user *user)
{
	struct irc_address address;
	const char *server = s2_config_item("service.irc_server", 0);
	if (irc_address_parse(server, &address)) {
		network_new(user, NULL, &address, user->nick);
		return;
	}
	char *text =
	    mem_printf("service.irc_server: \"%s\" is no server; write host, host:port or host:+port for TLS.", server);
	user_fail(user, S2_ERROR_INVALID_SETTINGS, text);
	free(text);
}

void user_login(struct s2_user *s2, const struct s2_login *login)
{
	struct user *user = mem_new(sizeof *user);
	const char *server;
	const char *end = irc_address_split(login->name, &server);
	user->s2 = s2;
	list_init(&user->networks);
	list_init(&user->contacts);
	/* "account@irc.example.org" says which network the password is for. */
	user->account = mem_strndup(login->name, (size_t)(end - login->name));
	user->nick = mem_strdup(user->account);
	user->password = mem_strdup(text_or_null(login->password));
	struct irc_address address;
	if (server && irc_address_parse(server, &address))
		user->password_host = mem_strdup(address.host);
	s2_user_set_data(s2, user);
	if (settings.one_server) {
		login_to_server(user);
	} else {
		user->connected = true;
		s2_connected(s2);
	}
}

void user_logout(struct s2_user *s2)
{
	struct user *user = s2_user_data(s2);
	if (user)
		user_free(user);
}

void user_set_status(struct s2_user *s2, enum s2_status status, const char *text)
{
	static const char *const texts[] = {
	    [S2_STATUS_AWAY] = "away", [S2_STATUS_XA] = "away for longer", [S2_STATUS_DND] = "do not disturb"};
	struct user *user = s2_user_data(s2);
	if (!user || status == S2_STATUS_NONE)
		return;
	const char *word = (size_t)status < sizeof texts / sizeof *texts ? texts[status] : NULL;
	const char *away = !word ? NULL : text_empty(text) ? word : text;
	if (text_equal(away, user->away))
		return;
	mem_replace(&user->away, away);
	LIST_EACH (&user->networks, node) {
		struct network *network = LIST_ITEM(node, struct network, node);
		network_send_away(network);
	}
}

/* ---- Names ---- */

struct network *user_network(const struct user *user, const struct irc_address *address)
{
	LIST_EACH (&user->networks, node) {
		struct network *network = LIST_ITEM(node, struct network, node);
		if (settings.one_server || irc_address_equal(&network->address, address))
			return network;
	}
	return NULL;
}

/* A person's address may leave the port out where there is only one connection to the host. */
static struct network *network_by_host(const struct user *user, const char *host)
{
	LIST_EACH (&user->networks, node) {
		struct network *network = LIST_ITEM(node, struct network, node);
		if (!strcmp(network->address.host, host))
			return network;
	}
	return NULL;
}

bool user_resolve(const struct user *user, const char *text, struct destination *destination)
{
	*destination = (struct destination){0};
	if (settings.one_server) {
		destination->name = mem_strdup(text);
		destination->network = user_network(user, NULL);
		return *text != '\0';
	}
	const char *end = irc_address_split(text, &destination->server);
	destination->name = mem_strndup(text, (size_t)(end - text));
	destination->has_server = destination->server && irc_address_parse(destination->server, &destination->address);
	if (!destination->has_server || end == text)
		return false;
	destination->network = user_network(user, &destination->address);
	return true;
}

static struct channel *room_find(const struct user *user, const char *room)
{
	struct destination destination;
	struct channel *channel = NULL;
	if (user_resolve(user, room, &destination) && destination.network)
		channel = channel_find(destination.network, destination.name);
	free(destination.name);
	return channel;
}

/* ---- Rooms ---- */

/* Why this channel or key can't be, NULL if it can. */
static const char *bad_channel(const struct destination *destination, const struct s2_room *room)
{
	if (!line_is_middle(destination->name) || strchr(destination->name, ',') || strchr(destination->name, '\a'))
		return "IRC channels have no blank, comma or control character in their name.";
	if (!text_empty(room->password) && (!line_is_middle(room->password) || strchr(room->password, ',')))
		return "The password can't be the key of an IRC channel: it has a blank or comma in it, or a colon in "
		       "front.";
	/* What other first characters make a channel only the server knows; it has a say when we are connected. */
	struct isupport isupport;
	isupport_init(&isupport);
	const struct network *network = destination->network;
	if (!isupport_is_channel(network && network->stage == NETWORK_READY ? &network->isupport : &isupport,
	                         destination->name) &&
	    !strchr("#&+!", *destination->name))
		return "This is no IRC channel: those begin with #.";
	return NULL;
}

/* One more client, or another nickname. */
static void join_again(struct channel *channel, const struct s2_room *room)
{
	struct network *network = channel->network;
	if (channel->state == CHANNEL_JOINED && !text_empty(room->nickname) && strcmp(room->nickname, network->nick))
		nick_change(network, room->nickname);
	else if (channel->state == CHANNEL_JOINED)
		channel_show_again(channel);
}

static void join_new(struct user *user, struct destination *destination, const struct s2_room *room)
{
	const char *nick = text_empty(room->nickname) ? user->nick : room->nickname;
	struct network *network = destination->network;
	if (!network)
		network = network_new(user, destination->server, &destination->address, nick);
	/* Before the login, the nickname of the last join counts. */
	if (settings.one_server && network->stage == NETWORK_READY && list_empty(&network->channels) &&
	    strcmp(nick, network->nick))
		nick_change(network, nick);
	struct channel *channel = channel_new(network, destination->name, room->name);
	channel->nickname = mem_strdup(nick);
	channel->key = mem_strdup(text_or_null(room->password));
	if (network->stage == NETWORK_READY)
		channels_join(network);
	else if (network->stage == NETWORK_OFFLINE)
		s2_session_start(network->session); /* nobody waits for the end of a pause between two tries */
}

static size_t network_count(const struct user *user)
{
	size_t count = 0;
	LIST_EACH (&user->networks, node)
		count++;
	return count;
}

void user_join_room(struct s2_user *s2, const struct s2_room *room)
{
	struct user *user = s2_user_data(s2);
	struct destination destination;
	const char *why = NULL;
	enum s2_condition condition = S2_JID_MALFORMED;
	if (!user)
		return;
	struct channel *channel = NULL;
	if (!user_resolve(user, room->name, &destination))
		why = "An IRC room is called #channel%irc.example.org or #channel%irc.example.org:port.";
	else if (destination.network)
		channel = channel_find(destination.network, destination.name);
	if (!why && !channel)
		why = bad_channel(&destination, room);
	if (!why && !destination.network && network_count(user) >= MOST_NETWORKS) {
		condition = S2_RESOURCE_CONSTRAINT;
		why = "You are connected to too many IRC networks already.";
	}
	if (why)
		s2_room_error(s2, room->name, room->nickname, condition, why);
	else if (channel)
		join_again(channel, room);
	else
		join_new(user, &destination, room);
	free(destination.name);
}

void user_leave_room(struct s2_user *s2, const char *room)
{
	struct user *user = s2_user_data(s2);
	struct channel *channel = user ? room_find(user, room) : NULL;
	if (!channel)
		return;
	channel_leave(channel);
}

/* ---- Messages ---- */

static void refuse(struct s2_user *s2, const struct s2_message *message, enum s2_condition condition, const char *text)
{
	s2_message_result(s2, message->id, message->peer, condition, text);
}

/* "room/nick", as main processes write that know no better. NULL if there is no such room. */
static struct channel *private_form(const struct user *user, const char *peer, const char **nick)
{
	for (const char *slash = strchr(peer, '/'); slash; slash = strchr(slash + 1, '/')) {
		char *room = mem_strndup(peer, (size_t)(slash - peer));
		struct channel *channel = room_find(user, room);
		free(room);
		*nick = slash + 1;
		if (channel && **nick)
			return channel;
	}
	return NULL;
}

static void to_occupant(struct channel *channel, const char *nick, const struct s2_message *message)
{
	if (command_run(channel->network, NULL, message))
		return;
	talk_note(channel->network, nick, channel->room);
	outbox_message(channel->network, nick, message);
}

static void to_person(struct user *user, struct destination *destination, const struct s2_message *message)
{
	struct network *network = destination->network;
	if (!network && destination->has_server)
		network = network_by_host(user, destination->address.host);
	if (!network) {
		refuse(user->s2, message, S2_RECIPIENT_UNAVAILABLE,
		       "You are not connected to that IRC server. Join a channel there first.");
		return;
	}
	if (command_run(network, NULL, message))
		return;
	talk_note(network, destination->name, NULL);
	outbox_message(network, destination->name, message);
}

static void to_channel(struct user *user, const struct s2_message *message)
{
	struct channel *channel = room_find(user, message->peer);
	if (!channel)
		refuse(user->s2, message, S2_NOT_ACCEPTABLE, "You are not in this room.");
	else if (channel->state != CHANNEL_JOINED)
		refuse(user->s2, message, S2_RECIPIENT_UNAVAILABLE,
		       "There is no connection to the IRC server at the moment.");
	else if (!command_run(channel->network, channel, message))
		outbox_message(channel->network, channel->name, message);
}

/* The server itself as a contact: "irc.example.org". */
static struct network *server_of(const struct user *user, const char *peer)
{
	LIST_EACH (&user->networks, node) {
		struct network *network = LIST_ITEM(node, struct network, node);
		if (!strcasecmp(network_server_peer(network), peer))
			return network;
	}
	return NULL;
}

static bool is_channel_name(const struct destination *destination)
{
	struct isupport isupport;
	isupport_init(&isupport);
	return isupport_is_channel(destination->network ? &destination->network->isupport : &isupport,
	                           destination->name);
}

void user_message(struct s2_user *s2, const struct s2_message *message)
{
	struct user *user = s2_user_data(s2);
	struct destination destination;
	const char *nick = message->nickname;
	if (!user) {
		refuse(s2, message, S2_RECIPIENT_UNAVAILABLE, "You are not logged in.");
		return;
	}
	struct channel *channel =
	    message->private_ ? room_find(user, message->peer) : private_form(user, message->peer, &nick);
	if (channel && !text_empty(nick)) {
		to_occupant(channel, nick, message);
		return;
	}
	struct network *server = server_of(user, message->peer);
	if (server) {
		command_run_raw(server, message);
		return;
	}
	if (!user_resolve(user, message->peer, &destination))
		refuse(s2, message, S2_ITEM_NOT_FOUND, "People on IRC are called nick%irc.example.org.");
	else if (message->private_)
		refuse(s2, message, S2_NOT_ACCEPTABLE, "You are not in this room.");
	else if (!is_channel_name(&destination))
		to_person(user, &destination, message);
	else
		to_channel(user, message);
	free(destination.name);
}

void user_typing(struct s2_user *s2, const char *peer, enum s2_typing typing)
{
	struct user *user = s2_user_data(s2);
	struct destination destination = {0};
	if (user && user_resolve(user, peer, &destination) && destination.network && !is_channel_name(&destination))
		talk_typing(destination.network, destination.name, typing);
	free(destination.name);
}

void user_annotate(struct s2_user *s2, const struct s2_annotation *annotation)
{
	struct user *user = s2_user_data(s2);
	struct destination destination = {0};
	struct channel *channel = user ? room_find(user, annotation->peer) : NULL;
	if (channel && annotation->private_)
		reaction_send(channel->network, annotation->nickname, annotation);
	else if (channel)
		reaction_send(channel->network, channel->name, annotation);
	else if (user && user_resolve(user, annotation->peer, &destination) && destination.network)
		reaction_send(destination.network, destination.name, annotation);
	else
		s2_message_result(s2, annotation->id, annotation->peer, S2_RECIPIENT_UNAVAILABLE,
		                  "You are not connected to that IRC server. Join a channel there first.");
	free(destination.name);
}

/* The one that a search is about: named behind the words, "bob%irc.example.org", or the only one. */
static void search(struct user *user, const char *words, uint32_t request)
{
	struct destination destination = {0};
	struct network *network = NULL;
	bool named = user_resolve(user, words, &destination) && destination.network;
	size_t count = 0;
	LIST_EACH (&user->networks, node) {
		network = LIST_ITEM(node, struct network, node);
		count++;
	}
	if (named)
		order_search(destination.network, destination.name, request);
	else if (count == 1 && !strchr(words, '%'))
		order_search(network, words, request);
	else
		s2_room_done(user->s2, request, S2_ITEM_NOT_FOUND,
		             "Say on which IRC server you are connected to: name%irc.example.org.");
	free(destination.name);
}

void user_room_order(struct s2_user *s2, const struct s2_room_order *order, uint32_t request)
{
	struct user *user = s2_user_data(s2);
	const char *room = order->room ? order->room : "";
	if (user && order->verb == S2_ROOM_SEARCH) {
		search(user, order->person.name ? order->person.name : "", request);
		return;
	}
	if (user && order->verb == S2_ROOM_CATALOG) {
		struct network *network = server_of(user, room);
		if (network)
			order_catalog(network, request);
		else
			s2_room_done(s2, request, S2_ITEM_NOT_FOUND,
			             "You are not connected to such an IRC server. Join a channel there first.");
		return;
	}
	struct channel *channel = user ? room_find(user, room) : NULL;
	if (channel)
		order_channel(channel, order, request);
	else
		s2_room_done(s2, request, S2_NOT_ACCEPTABLE, "You are not in this room.");
}

void user_set_subject(struct s2_user *s2, const struct s2_message *message)
{
	struct user *user = s2_user_data(s2);
	struct channel *channel = user ? room_find(user, message->peer) : NULL;
	if (channel && channel->state == CHANNEL_JOINED)
		outbox_subject(channel->network, channel->name, message);
	else
		refuse(s2, message, S2_NOT_ACCEPTABLE, "You are not in this room.");
}

void user_get_card(struct s2_user *s2, const char *name, uint32_t request)
{
	struct user *user = s2_user_data(s2);
	struct destination destination = {0};
	const char *nick = NULL;
	struct channel *channel = user ? private_form(user, name, &nick) : NULL;
	struct network *network = channel ? channel->network : NULL;
	if (user && !channel && user_resolve(user, name, &destination) && !is_channel_name(&destination)) {
		nick = destination.name;
		network = destination.network;
		if (!network && destination.has_server)
			network = network_by_host(user, destination.address.host);
	}
	if (network && !text_empty(nick) && line_is_middle(nick) && !strpbrk(nick, ",*?"))
		whois_ask(network, nick, name, request);
	else
		s2_card(s2, request,
		        &(struct s2_card){.name = name,
		                          .condition = S2_ITEM_NOT_FOUND,
		                          .text = "Only people on IRC servers that you are connected to have a card."});
	free(destination.name);
}
