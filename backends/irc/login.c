/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/irc/login.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backends/irc/channel.h"
#include "backends/irc/network.h"
#include "backends/irc/order.h"
#include "backends/irc/nick.h"
#include "backends/irc/numerics.h"
#include "backends/irc/sasl.h"
#include "backends/irc/user.h"
#include "lib/base/mem.h"

#define SASL_TIMEOUT_MS 20000
#define MOTD_TIMEOUT_MS 10000
#define IDENTIFY_TIMEOUT_MS 5000

static const struct {
	const char *name;
	unsigned bit;
} capabilities[] = {
    {"sasl", CAP_SASL},
    {"server-time", CAP_SERVER_TIME},
    {"message-tags", CAP_MESSAGE_TAGS},
    {"echo-message", CAP_ECHO_MESSAGE},
    {"away-notify", CAP_AWAY_NOTIFY},
    {"account-tag", CAP_ACCOUNT_TAG},
    {"extended-join", CAP_EXTENDED_JOIN},
    {"multi-prefix", CAP_MULTI_PREFIX},
    {"batch", CAP_BATCH},
    {"chghost", CAP_CHGHOST},
    {"setname", CAP_SETNAME},
    {"userhost-in-names", CAP_USERHOST_IN_NAMES},
    {"invite-notify", CAP_INVITE_NOTIFY},
    {"labeled-response", CAP_LABELED_RESPONSE},
    {"cap-notify", CAP_CAP_NOTIFY},
    {"draft/message-redaction", CAP_REDACTION},
    {"extended-monitor", CAP_EXTENDED_MONITOR},
};
#define CAPABILITIES (sizeof capabilities / sizeof *capabilities)

/* ---- What the user may say to this server ---- */

/* A setting of the user's: "NAME@HOST" for one server, or NAME where there is only one. NULL if it is not set. */
static const char *setting_of(const struct network *network, const char *name)
{
	char *key = mem_printf("%s@%s", name, network->address.host);
	const char *value = text_or_null(s2_user_setting(network->user->s2, key));
	free(key);
	return !value && settings.one_server ? text_or_null(s2_user_setting(network->user->s2, name)) : value;
}

static const char *account_of(const struct network *network)
{
	const char *set = setting_of(network, "sasl_account");
	return set ? set : network->user->account;
}

/* A password of several servers' worth is no password: in many-network mode it goes only to the server that the account
 * was registered with, and never over a connection that is plain only because nobody answered on the TLS port. */
static const char *password_of(const struct network *network)
{
	const struct user *user = network->user;
	if (network->guessed)
		return NULL;
	const char *set = setting_of(network, "sasl_password");
	if (set)
		return set;
	if (text_empty(user->password))
		return NULL;
	if (settings.one_server)
		return user->password;
	return user->password_host && !strcasecmp(user->password_host, network->address.host) ? user->password : NULL;
}

static bool wants_sasl(const struct network *network)
{
	return password_of(network) && (!settings.send_pass || setting_of(network, "sasl_password"));
}

/* ---- The first lines ---- */

void login_begin(struct network *network)
{
	network_send_now(network, "CAP", "LS", "302", NULL);
	const char *password = password_of(network);
	if (settings.send_pass && password)
		network_send_now(network, "PASS", password, NULL);
	nick_begin(network);
}

void login_forget(struct network *network)
{
	network->capabilities = network->offered = network->requested = network->requests = 0;
	network->authenticated = false;
	network->renames = 0;
	network->regain_ms = 0;
	network->who_ms = 0;
	network->who = NULL;
	mem_replace(&network->sasl_mechanisms, NULL);
	mem_replace(&network->name, NULL);
	mem_replace(&network->host, NULL);
	mem_replace(&network->error, NULL);
	free(network->batches);
	network->batches = NULL;
	isupport_init(&network->isupport);
	line_reader_fini(&network->reader);
	network->reader = (struct line_reader){0};
}

/* ---- CAP ---- */

static void refuse_sasl(struct network *network, const char *text)
{
	network_end(network, S2_NOT_AUTHORIZED, S2_ERROR_AUTHENTICATION_FAILED,
	            text_empty(text) ? "The server refused the account or its password." : text);
}

/* All requests are answered. */
static void negotiated(struct network *network)
{
	if (network->stage != NETWORK_NEGOTIATING)
		return;
	if (wants_sasl(network) && network->capabilities & CAP_SASL) {
		network_set_stage(network, NETWORK_AUTHENTICATING);
		network->stage_until_ms = network_now(network) + SASL_TIMEOUT_MS;
		network_wake(network, network->stage_until_ms);
		network_send_now(network, "AUTHENTICATE", "PLAIN", NULL);
		return;
	}
	/* A password for SASL and for nothing else is no password for NickServ. */
	if (!network->guessed && setting_of(network, "sasl_password")) {
		refuse_sasl(network, "The server offers no login by SASL PLAIN at the moment.");
		return;
	}
	network_set_stage(network, NETWORK_REGISTERING);
	network_send_now(network, "CAP", "END", NULL);
}

static void request(struct network *network, unsigned bits, bool each)
{
	struct str list = {0};
	for (size_t i = 0; i < CAPABILITIES; i++) {
		if (!(bits & capabilities[i].bit))
			continue;
		str_addf(&list, "%s%s", list.len ? " " : "", capabilities[i].name);
		if (!each)
			continue;
		network_send_now(network, "CAP", "REQ", list.data, NULL);
		network->requests++;
		str_clear(&list, 0);
	}
	if (list.len) {
		network_send_now(network, "CAP", "REQ", list.data, NULL);
		network->requests++;
	}
	network->requested |= bits;
	str_fini(&list);
}

/* Calls for each capability of the list that we know: its bit, and its value ("" if none). */
static unsigned bits_of(const char *list, char **sasl_mechanisms, unsigned *removed)
{
	unsigned bits = 0;
	for (const char *at = list; *at;) {
		size_t len = strcspn(at, " "), name = strcspn(at, " =");
		bool minus = *at == '-';
		for (size_t i = 0; i < CAPABILITIES; i++) {
			if (strlen(capabilities[i].name) != name - minus ||
			    strncmp(at + minus, capabilities[i].name, name - minus))
				continue;
			if (minus && removed)
				*removed |= capabilities[i].bit;
			else
				bits |= capabilities[i].bit;
			if (capabilities[i].bit == CAP_SASL && sasl_mechanisms) {
				free(*sasl_mechanisms);
				*sasl_mechanisms =
				    name < len ? mem_strndup(at + name + 1, len - name - 1) : mem_strdup("");
			}
		}
		at += len;
		at += strspn(at, " ");
	}
	return bits;
}

/* What we want of the offered ones. */
static unsigned wanted(const struct network *network, unsigned offered)
{
	bool sasl = wants_sasl(network) && network->sasl_mechanisms && sasl_offers(network->sasl_mechanisms, "PLAIN");
	if (!sasl)
		offered &= ~(unsigned)CAP_SASL;
	/* Labels are answered in batches. */
	if (!(offered & CAP_BATCH))
		offered &= ~(unsigned)CAP_LABELED_RESPONSE;
	return offered;
}

static void cap_listed(struct network *network, const struct line *line)
{
	bool more = line->count > 3 && !strcmp(line->params[2], "*");
	network->offered |= bits_of(line_last(line), &network->sasl_mechanisms, NULL);
	if (more || network->stage != NETWORK_NEGOTIATING)
		return;
	request(network, wanted(network, network->offered), false);
	if (!network->requests)
		negotiated(network);
}

static void cap_acknowledged(struct network *network, const struct line *line)
{
	unsigned removed = 0;
	network->capabilities |= bits_of(line_last(line), NULL, &removed);
	network->capabilities &= ~removed;
	if (network->requests && !--network->requests)
		negotiated(network);
}

/* One bad name spoils a whole request: ask for each alone. SASL refused alone ends the login. */
static void cap_refused(struct network *network, const struct line *line)
{
	unsigned bits = bits_of(line_last(line), NULL, NULL);
	if (network->requests)
		network->requests--;
	if (bits & (bits - 1)) {
		request(network, bits, true);
		return;
	}
	if (bits & CAP_SASL)
		refuse_sasl(network, "The server refused SASL, and there is no other way to log in to the account.");
	else if (!network->requests)
		negotiated(network);
}

static void cap_new(struct network *network, const struct line *line)
{
	unsigned bits = bits_of(line_last(line), &network->sasl_mechanisms, NULL);
	network->offered |= bits;
	/* An account that could not be logged in to because services were away is not logged in to later. */
	request(network, wanted(network, bits) & ~(unsigned)(CAP_SASL | CAP_ECHO_MESSAGE), false);
}

static void cap_deleted(struct network *network, const struct line *line)
{
	unsigned bits = bits_of(line_last(line), NULL, NULL);
	network->offered &= ~bits;
	network->capabilities &= ~bits;
}

static void on_cap(struct network *network, const struct line *line)
{
	static const struct {
		const char *name;
		void (*handle)(struct network *, const struct line *);
	} verbs[] = {{"LS", cap_listed},
	             {"ACK", cap_acknowledged},
	             {"NAK", cap_refused},
	             {"NEW", cap_new},
	             {"DEL", cap_deleted}};
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (!strcasecmp(line->params[1], verbs[i].name))
			verbs[i].handle(network, line);
}

/* ---- SASL ---- */

static void on_authenticate(struct network *network, const struct line *line)
{
	if (network->stage != NETWORK_AUTHENTICATING)
		return;
	struct str pieces = {0}, challenge = {0}, answer = {0}, lines = {0};
	/* PLAIN has one empty challenge; anything else is not meant for it. */
	if (sasl_collect(&pieces, line->params[0], &challenge) != SASL_COMPLETE) {
		network_send_now(network, "AUTHENTICATE", "*", NULL);
	} else {
		sasl_plain(&answer, account_of(network), password_of(network));
		sasl_lines(&lines, answer.data, answer.len);
		s2_session_send_now(network->session, lines.data, lines.len);
		explicit_bzero(answer.data, answer.len);
		explicit_bzero(lines.data, lines.len);
	}
	str_fini(&pieces);
	str_fini(&challenge);
	str_fini(&answer);
	str_fini(&lines);
}

static void on_sasl_success(struct network *network, const struct line *line)
{
	network->authenticated = true;
	if (network->stage != NETWORK_AUTHENTICATING)
		return;
	network_set_stage(network, NETWORK_REGISTERING);
	network_send_now(network, "CAP", "END", NULL);
}

static void on_sasl_failure(struct network *network, const struct line *line)
{
	if (network->stage == NETWORK_AUTHENTICATING)
		refuse_sasl(network, network_text(network, line_last(line)));
}

/* 900: logged in, by SASL or by NickServ. */
static void on_logged_in(struct network *network, const struct line *line)
{
	network->authenticated = true;
	if (network->stage == NETWORK_IDENTIFYING)
		network_ready(network);
}

/* ---- Welcome ---- */

static void on_welcome(struct network *network, const struct line *line)
{
	if (network->stage >= NETWORK_WELCOMED)
		return;
	/* A server that knows nothing of CAP may get here at once. */
	bool needed = network->capabilities & CAP_SASL || (!network->guessed && setting_of(network, "sasl_password"));
	if (needed && !network->authenticated) {
		refuse_sasl(network, NULL);
		return;
	}
	if (network->stage == NETWORK_AUTHENTICATING)
		network_set_stage(network, NETWORK_REGISTERING);
	network_set_stage(network, NETWORK_WELCOMED);
	network->stage_until_ms = network_now(network) + MOTD_TIMEOUT_MS;
	network_wake(network, network->stage_until_ms);
	s2_session_syncing(network->session);
	nick_welcomed(network, line->params[0]);
}

static void on_isupport(struct network *network, const struct line *line)
{
	enum casemap before = network->isupport.casemap;
	for (size_t i = 1; i + 1 < line->count; i++)
		isupport_token(&network->isupport, line->params[i]);
	if (before == network->isupport.casemap)
		return;
	LIST_EACH (&network->channels, node)
		occupants_rehash(&LIST_ITEM(node, struct channel, node)->occupants, network->isupport.casemap);
}

/* service.irc_identify: the first word says to whom, the rest is the text. */
static bool identify(struct network *network)
{
	const char *password = password_of(network), *format = settings.identify;
	if (!password || network->authenticated || settings.send_pass || text_empty(format))
		return false;
	static const char password_word[] = "$password", name_word[] = "$name";
	struct str text = {0};
	while (*format) {
		if (!strncmp(format, password_word, sizeof password_word - 1)) {
			str_adds(&text, password);
			format += sizeof password_word - 1;
		} else if (!strncmp(format, name_word, sizeof name_word - 1)) {
			str_adds(&text, account_of(network));
			format += sizeof name_word - 1;
		} else {
			str_addc(&text, *format++);
		}
	}
	char *what = strchr(text.data, ' ');
	bool sent = what && what != text.data;
	if (sent) {
		*what++ = '\0';
		outbox_silent(network, text.data, what);
	}
	explicit_bzero(text.data, text.len);
	str_fini(&text);
	return sent;
}

/* The end of the MOTD, or there is none. */
static void on_motd_end(struct network *network, const struct line *line)
{
	if (network->stage != NETWORK_WELCOMED)
		return;
	if (!identify(network)) {
		network_ready(network);
		return;
	}
	network_set_stage(network, NETWORK_IDENTIFYING);
	network->stage_until_ms = network_now(network) + IDENTIFY_TIMEOUT_MS;
	network_wake(network, network->stage_until_ms);
}

void login_tick(struct network *network, uint64_t now)
{
	if (!network->stage_until_ms)
		return;
	if (network->stage_until_ms > now)
		network_wake(network, network->stage_until_ms);
	else if (network->stage == NETWORK_AUTHENTICATING)
		refuse_sasl(network, "The server did not answer the login to the account.");
	else if (network->stage == NETWORK_WELCOMED)
		on_motd_end(network, NULL);
	else if (network->stage == NETWORK_IDENTIFYING)
		network_ready(network);
}

/* ---- The connection itself ---- */

static void on_ping(struct network *network, const struct line *line)
{
	network_send_now(network, "PONG", line_last(line), NULL);
}

static void on_pong(struct network *network, const struct line *line)
{
	if (!order_pong(network, line_last(line)))
		outbox_pong(network, line_last(line));
}

static void on_error(struct network *network, const struct line *line)
{
	mem_replace(&network->error, network_text(network, line_last(line)));
}

/* 464, 465, 463, 466: not welcome, and trying again would not change that. */
static void on_refused(struct network *network, const struct line *line)
{
	unsigned numeric = (unsigned)strtoul(line->command, NULL, 10);
	enum s2_connection_error error = numeric == 464 ? S2_ERROR_AUTHENTICATION_FAILED : S2_ERROR_OTHER;
	if (numeric == 464 && network->stage >= NETWORK_WELCOMED)
		return; /* OPER */
	network_end(network, numeric_condition(NUMERIC_LINK, numeric), error, network_text(network, line_last(line)));
}

/* 396: the host that others see. */
static void on_own_host(struct network *network, const struct line *line)
{
	const char *at = strchr(line->params[1], '@');
	mem_replace(&network->host, at ? at + 1 : line->params[1]);
}

static const struct network_command table[] = {
    {"CAP", 3, false, on_cap},
    {"AUTHENTICATE", 1, false, on_authenticate},
    {"900", 1, true, on_logged_in},
    {"901", 0, true, NULL},
    {"903", 0, true, on_sasl_success},
    {"907", 0, true, on_sasl_success},
    {"902", 0, true, on_sasl_failure},
    {"904", 0, true, on_sasl_failure},
    {"905", 0, true, on_sasl_failure},
    {"906", 0, true, on_sasl_failure},
    {"908", 0, true, on_sasl_failure},
    {"001", 1, false, on_welcome},
    {"002", 0, true, NULL},
    {"003", 0, true, NULL},
    {"004", 0, true, NULL},
    {"005", 2, true, on_isupport},
    {"375", 0, true, NULL},
    {"372", 0, true, NULL},
    {"376", 0, true, on_motd_end},
    {"422", 0, true, on_motd_end},
    {"396", 2, true, on_own_host},
    {"463", 0, true, on_refused},
    {"464", 0, true, on_refused},
    {"465", 0, true, on_refused},
    {"466", 0, true, on_refused},
    {"PING", 1, false, on_ping},
    {"PONG", 1, false, on_pong},
    {"ERROR", 0, true, on_error},
};
const struct network_commands login_commands = {table, sizeof table / sizeof *table};
