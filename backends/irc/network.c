/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/irc/network.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "backends/irc/channel.h"
#include "backends/irc/command.h"
#include "backends/irc/contacts.h"
#include "backends/irc/format.h"
#include "backends/irc/login.h"
#include "backends/irc/nick.h"
#include "backends/irc/order.h"
#include "backends/irc/roster.h"
#include "backends/irc/reaction.h"
#include "backends/irc/talk.h"
#include "backends/irc/user.h"
#include "backends/irc/whois.h"
#include "kit/kit.h"
#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/base/mem.h"
#include "lib/base/utf8.h"

#define LOG_AREA "irc"
#define LINGER_MS 1000
#define CONNECT_MS 20000
#define LOGIN_MS 45000
#define KEEPALIVE_MS 240000
#define TLS_PORT 6697
#define PLAIN_PORT 6667
#define UNSENT_HIGH (1024 * 1024)
#define UNSENT_LOW (256 * 1024)
#define UNSENT_LOOK_MS 50
#define USUAL_AWAY_BYTES 200

static const char *const stage_names[] = {"offline",  "negotiating", "authenticating", "registering",
                                          "welcomed", "identifying", "ready"};

/* What the stages may become besides offline, as bits. */
static const unsigned stage_moves[NETWORK_STAGES] = {
    [NETWORK_OFFLINE] = 1 << NETWORK_NEGOTIATING,
    [NETWORK_NEGOTIATING] = 1 << NETWORK_AUTHENTICATING | 1 << NETWORK_REGISTERING | 1 << NETWORK_WELCOMED,
    [NETWORK_AUTHENTICATING] = 1 << NETWORK_REGISTERING,
    [NETWORK_REGISTERING] = 1 << NETWORK_WELCOMED,
    [NETWORK_WELCOMED] = 1 << NETWORK_IDENTIFYING | 1 << NETWORK_READY,
    [NETWORK_IDENTIFYING] = 1 << NETWORK_READY,
};

/* Strings that live until the line is done. */
static struct arena line_arena;

void network_set_stage(struct network *network, enum network_stage stage)
{
	assert(stage == NETWORK_OFFLINE || stage_moves[network->stage] & 1u << stage);
	log_debug("network %s -> %s user=%s server=%s", stage_names[network->stage], stage_names[stage],
	          s2_user_jid(network->user->s2), log_quote(network->address.host));
	network->stage = stage;
	network->stage_until_ms = 0;
}

/* ---- The clock ---- */

uint64_t network_now(const struct network *network)
{
	return loop_now(kit_loop());
}

void network_wake(struct network *network, uint64_t when)
{
	if (network->wake_ms && network->wake_ms <= when)
		return;
	uint64_t now = network_now(network);
	network->wake_ms = when;
	timer_start(network->timer, when > now ? when - now : 0, 0);
}

void network_room_left(struct network *network)
{
	if (settings.one_server || network->ending)
		return;
	network->linger_ms = network_now(network) + LINGER_MS;
	network_wake(network, network->linger_ms);
}

/* ---- Lines out ---- */

bool network_send_token(struct network *network, const struct str *lines, void *token)
{
	return s2_session_send(network->session, lines->data, lines->len, token);
}

/* COMMAND and up to four parameters, taken off a variadic list for line_build. */
static bool build_line(struct str *out, const char *command, va_list list)
{
	const char *p[5] = {NULL};
	for (size_t i = 0; i < 4 && (p[i] = va_arg(list, const char *)) != NULL; i++)
		;
	return line_build(out, command, p[0], p[1], p[2], p[3], NULL);
}

bool network_send(struct network *network, const char *command, ...)
{
	struct str line = {0};
	va_list list;
	va_start(list, command);
	bool sent = build_line(&line, command, list) && network_send_token(network, &line, NULL);
	va_end(list);
	str_fini(&line);
	return sent;
}

void network_send_now(struct network *network, const char *command, ...)
{
	struct str line = {0};
	va_list list;
	va_start(list, command);
	if (build_line(&line, command, list))
		s2_session_send_now(network->session, line.data, line.len);
	va_end(list);
	if (line.data)
		explicit_bzero(line.data, line.len);
	str_fini(&line);
}

/* ---- Lines in ---- */

static struct map commands; /* struct network_command */
static struct map unknown;  /* names that were logged */
#define UNKNOWN_MOST 200

void network_commands_init(void)
{
	static const struct network_commands *const tables[] = {&login_commands,  &nick_commands, &room_commands,
	                                                        &roster_commands, &talk_commands, &whois_commands,
	                                                        &contact_commands, &order_commands};
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
		for (size_t k = 0; k < tables[i]->count; k++)
			map_put(&commands, tables[i]->table[k].name, (void *)(uintptr_t)&tables[i]->table[k]);
}

void network_commands_fini(void)
{
	map_fini(&commands);
	MAP_EACH (&unknown, char, name)
		free(name);
	map_fini(&unknown);
	arena_fini(&line_arena);
}

static void note_unknown(const char *name)
{
	if (unknown.count >= UNKNOWN_MOST || strlen(name) > 32 || map_get(&unknown, name))
		return;
	char *copy = mem_strdup(name);
	map_put(&unknown, copy, copy);
	log_info("unknown command from a server, told once command=%s", log_quote(copy));
}

const char *network_text(struct network *network, const char *text)
{
	struct str plain = {0};
	format_plain(&plain, text);
	const char *copy = arena_strndup(&line_arena, str_text(&plain), plain.len);
	str_fini(&plain);
	return copy;
}

/* Makes a parameter UTF-8; a name also fit for XML. */
static const char *cleaned(const char *bytes, bool keep_codes)
{
	size_t len = strlen(bytes);
	if (keep_codes ? utf8_valid(bytes, len) : utf8_xml_valid(bytes, len))
		return bytes;
	struct str decoded = {0}, out = {0};
	format_decode(&decoded, bytes);
	if (!keep_codes)
		utf8_clean(&out, decoded.data, decoded.len);
	const struct str *result = keep_codes ? &decoded : &out;
	const char *copy = arena_strndup(&line_arena, str_text(result), result->len);
	str_fini(&decoded);
	str_fini(&out);
	return copy;
}

static void clean_line(struct line *line, bool text)
{
	line->nick = cleaned(line->nick, false);
	line->user = cleaned(line->user, false);
	line->host = cleaned(line->host, false);
	for (size_t i = 0; i < line->count; i++)
		line->params[i] = cleaned(line->params[i], text && i + 1 == line->count);
}

static unsigned numeric_of(const char *command)
{
	return strlen(command) == 3 && strspn(command, "0123456789") == 3 ? (unsigned)strtoul(command, NULL, 10) : 0;
}

static void handle_line(struct network *network, struct line *line)
{
	const struct network_command *command = map_get(&commands, line->command);
	unsigned numeric = command ? 0 : numeric_of(line->command);
	clean_line(line, command ? command->text : numeric != 0);
	if (command) {
		if (command->handle && line->count >= command->least)
			command->handle(network, line);
	} else if (numeric >= 400) {
		network_error_numeric(network, line, numeric);
	} else if (!numeric || !command_answer(network, line)) {
		note_unknown(cleaned(line->command, false));
	}
}

/* Reads no more while the main process is behind: what is unread stays with the server. */
static void hold_back(struct network *network)
{
	bool much = kit_unsent() > (network->paused ? UNSENT_LOW : UNSENT_HIGH);
	if (much != network->paused && much)
		s2_session_pause(network->session);
	else if (much != network->paused)
		s2_session_resume(network->session);
	network->paused = much;
	if (much)
		network_wake(network, network_now(network) + UNSENT_LOOK_MS);
}

static bool take_line(void *arg, char *text)
{
	struct network *network = arg;
	struct line line;
	if (line_parse(&line, text))
		handle_line(network, &line);
	arena_reset(&line_arena);
	return !network->ending;
}

static void on_input(void *arg, const char *bytes, size_t len)
{
	struct network *network = arg;
	network->reader.rest_bytes = network->isupport.line_length;
	unsigned cut = network->reader.cut_count;
	line_reader_feed(&network->reader, bytes, len, take_line, network);
	if (network->reader.cut_count != cut && !cut)
		log_warn("server sends lines that are too long; they are cut user=%s server=%s",
		         s2_user_jid(network->user->s2), log_quote(network->address.host));
	hold_back(network);
	network_carry_out_end(network);
}

static void tick(void *arg)
{
	struct network *network = arg;
	uint64_t now = network_now(network);
	network->wake_ms = 0;
	if (network->linger_ms && now >= network->linger_ms) {
		if (list_empty(&network->channels)) {
			network_free(&network, "left");
			return;
		}
		network->linger_ms = 0;
	} else if (network->linger_ms) {
		network_wake(network, network->linger_ms);
	}
	if (network->paused)
		hold_back(network);
	login_tick(network, now);
	nick_tick(network, now);
	channels_tick(network, now);
	outbox_tick(network, now);
	roster_tick(network, now);
	whois_tick(network, now);
	contacts_tick(network, now);
	network_carry_out_end(network);
}

/* ---- Life ---- */

static void on_opened(void *arg)
{
	struct network *network = arg;
	network_set_stage(network, NETWORK_NEGOTIATING);
	login_begin(network);
}

static void on_keepalive(void *arg)
{
	struct network *network = arg;
	network_send_now(network, "PING", "s2", NULL);
}

/* Joins have even tokens, messages odd ones. */
static void on_sent(void *arg, void *token)
{
	struct network *network = arg;
	if ((uintptr_t)token & 1)
		outbox_sent(network, (uintptr_t)token);
	else
		channels_join_sent(network, (uintptr_t)token);
}

static void on_failed(void *arg, const struct s2_session_failure *);

static const struct s2_session_events session_events = {
    .opened = on_opened,
    .input = on_input,
    .keepalive = on_keepalive,
    .sent = on_sent,
    .failed = on_failed,
};

/* Opens a session to the address as it is now. A port that was not said is 6697 with TLS, then 6667. */
static void dial(struct network *network)
{
	const struct irc_address *address = &network->address;
	bool guess = !address->port;
	network->guessed = guess && network->plain_next;
	struct s2_session_options options = {
	    .host = address->host,
	    .port = !guess             ? address->port
	            : network->guessed ? PLAIN_PORT
	                               : TLS_PORT,
	    .tls = guess ? !network->guessed : address->tls,
	    .insecure = !settings.verify,
	    .ca_file = settings.ca_file,
	    .connect_ms = CONNECT_MS,
	    .login_ms = LOGIN_MS,
	    .keepalive_ms = KEEPALIVE_MS,
	    .burst = settings.burst,
	    .interval_ms = settings.interval_ms,
	};
	if (network->session)
		s2_session_free(&network->session);
	network->session = s2_session_new(kit_loop(), &options, &session_events, network);
	s2_session_start(network->session);
}

struct network *network_new(struct user *user, const char *server, const struct irc_address *address, const char *nick)
{
	struct network *network = mem_new(sizeof *network);
	network->user = user;
	network->server = mem_strdup(server);
	network->address = *address;
	network->nick = mem_strdup(nick);
	network->wanted_nick = mem_strdup(nick);
	list_init(&network->channels);
	list_init(&network->partings);
	list_init(&network->correspondents);
	list_init(&network->inquiries);
	outbox_init(&network->outbox);
	list_init(&network->orders);
	isupport_init(&network->isupport);
	network->timer = timer_new(kit_loop(), tick, network);
	list_append(&user->networks, &network->node);
	dial(network);
	return network;
}

void network_free(struct network **pointer, const char *quit_text)
{
	struct network *network = *pointer;
	*pointer = NULL;
	if (!network)
		return;
	network->ending = true; /* nothing that goes now starts anything */
	outbox_fail(network, S2_RECIPIENT_UNAVAILABLE,
	            "The IRC connection was closed before the message was confirmed.");
	orders_fail(network, S2_RECIPIENT_UNAVAILABLE, "The IRC connection was closed.");
	if (network->stage != NETWORK_OFFLINE)
		network_send_now(network, "QUIT", quit_text, NULL);
	whois_forget(network);
	contacts_lost(network);
	LIST_EACH (&network->channels, node) {
		struct channel *channel = LIST_ITEM(node, struct channel, node);
		channel_free(&channel);
	}
	s2_session_free(&network->session);
	timer_free(&network->timer);
	talk_forget(network);
	reactions_free(&network->reactions);
	channels_forget_partings(network);
	list_remove(&network->node);
	line_reader_fini(&network->reader);
	free(network->sasl_mechanisms);
	free(network->batches);
	free(network->server);
	free(network->nick);
	free(network->wanted_nick);
	free(network->trying);
	free(network->name);
	free(network->host);
	free(network->error);
	free(network->asked_room);
	free(network->end_text);
	free(network);
}

void network_end(struct network *network, enum s2_condition condition, enum s2_connection_error error, const char *text)
{
	if (network->ending)
		return;
	network->ending = true;
	network->end_condition = condition;
	network->end_error = error;
	network->end_text = mem_strdup(text);
}

void network_carry_out_end(struct network *network)
{
	if (!network->ending)
		return;
	struct user *user = network->user;
	char *text = network->end_text;
	enum s2_connection_error error = network->end_error;
	network->end_text = NULL;
	log_info("network ended user=%s server=%s reason=%s", s2_user_jid(user->s2), log_quote(network->address.host),
	         log_quote(text));
	outbox_fail(network, network->end_condition, text);
	LIST_EACH (&network->channels, node)
		channel_refuse(LIST_ITEM(node, struct channel, node), network->end_condition, text);
	network_free(&network, "Bye");
	if (settings.one_server)
		user_fail(user, error, text);
	free(text);
}

void network_send_away(struct network *network)
{
	const char *away = network->user->away;
	size_t most = network->isupport.away_length ? network->isupport.away_length : USUAL_AWAY_BYTES;
	if (network->stage != NETWORK_READY)
		return;
	char *text = away ? mem_strndup(away, utf8_cut(away, strlen(away), most)) : NULL;
	network_send(network, "AWAY", text, NULL);
	free(text);
}

void network_ready(struct network *network)
{
	network_set_stage(network, NETWORK_READY);
	network->was_ready = true;
	network->lost_told = false;
	s2_session_online(network->session);
	if (network->user->away)
		network_send_away(network);
	if (!network->user->connected) {
		network->user->connected = true;
		s2_connected(network->user->s2);
	}
	contacts_watch(network);
	channels_join(network);
}

/* ---- Trouble ---- */

static enum s2_condition condition_of(const struct s2_session_failure *failure)
{
	if (failure->error == S2_ERROR_ENCRYPTION || failure->error == S2_ERROR_NO_SSL_SUPPORT ||
	    (failure->error >= S2_ERROR_CERT_NOT_PROVIDED && failure->error <= S2_ERROR_CERT_OTHER))
		return S2_NOT_ALLOWED;
	return strstr(failure->text, "time") || strstr(failure->text, "no answer") ? S2_REMOTE_SERVER_TIMEOUT
	                                                                           : S2_ITEM_NOT_FOUND;
}

/* The connection never stood: another port or server, if there is one. */
static bool try_elsewhere(struct network *network, const struct s2_session_failure *failure, bool reached)
{
	if (!network->address.port && !network->plain_next && !reached && condition_of(failure) != S2_NOT_ALLOWED) {
		network->plain_next = true;
		dial(network);
		return true;
	}
	const char *server;
	struct irc_address address;
	if (!settings.one_server || !user_next_server(network->user, &server) || !irc_address_parse(server, &address))
		return false;
	network->address = address;
	network->plain_next = false;
	dial(network);
	return true;
}

static void tell_lost(struct network *network, const char *reason)
{
	char *text =
	    mem_printf("The connection to %s is lost: %s. Trying to connect again.", network->address.host, reason);
	LIST_EACH (&network->channels, node) {
		struct channel *channel = LIST_ITEM(node, struct channel, node);
		if (channel->entered)
			channel_tell(channel, text);
	}
	free(text);
	network->lost_told = true;
}

static void on_failed(void *arg, const struct s2_session_failure *failure)
{
	struct network *network = arg;
	enum network_stage stage = network->stage;
	/* An ERROR before 001 is the server's own word; what else failed, the transport says. */
	bool refused = network->error && stage != NETWORK_OFFLINE && !network->was_ready;
	char *reason = mem_strdup(network->error ? network->error : failure->text);
	log_info("connection failed user=%s server=%s attempt=%u reason=%s", s2_user_jid(network->user->s2),
	         log_quote(network->address.host), failure->attempt, log_quote(reason));
	network_set_stage(network, NETWORK_OFFLINE);
	network->paused = false;
	login_forget(network);
	whois_forget(network);
	contacts_lost(network);
	outbox_fail(network, S2_REMOTE_SERVER_TIMEOUT, "The IRC connection was lost before the message was confirmed.");
	orders_fail(network, S2_REMOTE_SERVER_TIMEOUT, "The IRC connection was lost.");
	bool again = network->was_ready && settings.reconnect && failure->what != S2_SESSION_FATAL;
	if (again && list_empty(&network->channels) && !settings.one_server) {
		network_free(&network, "left");
	} else if (again) {
		channels_lost(network, condition_of(failure), reason);
		if (!network->lost_told)
			tell_lost(network, reason);
	} else if (!network->was_ready && try_elsewhere(network, failure, stage != NETWORK_OFFLINE)) {
		;
	} else {
		enum s2_condition condition = refused                           ? S2_FORBIDDEN
		                              : stage == NETWORK_AUTHENTICATING ? S2_NOT_AUTHORIZED
		                                                                : condition_of(failure);
		char *text = mem_printf("%s: %s", network->address.host, reason);
		network_end(network, condition, failure->error, text);
		free(text);
		network_carry_out_end(network);
	}
	free(reason);
}

/* ---- Names ---- */

bool network_same_name(const struct network *network, const char *a, const char *b)
{
	return casemap_equal(network->isupport.casemap, a, b);
}

bool network_is_me(const struct network *network, const char *nick)
{
	return network_same_name(network, network->nick, nick);
}

const char *network_peer(const struct network *network, const char *name)
{
	static struct str peers[2];
	static unsigned turn;
	if (!network->server)
		return name;
	struct str *peer = &peers[turn++ % 2];
	str_clear(peer, 512);
	str_addf(peer, "%s@%s", name, network->server);
	return peer->data;
}

const char *network_server_peer(const struct network *network)
{
	return network->server ? network->server : network->address.host;
}

void network_tell(struct network *network, const char *text)
{
	struct s2_message message = {.peer = network_server_peer(network), .body = text};
	if (!text_empty(text))
		s2_message(network->user->s2, &message);
}
