/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stanzas between components (guest.c) and everybody else. To a user of ours a component is a stranger from another
 * server: words reach him as the rules for messages have it, his clients answer what is asked of them, his account
 * answers what it tells anybody (RFC 6121 section 8.5), and who is there is not told. The contacts that users have on
 * the network are nobody's but theirs: for components they do not exist. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "spectrum/server/inside.h"

#define LOG_AREA "guest"
#define VISITS_MOST 1000         /* addresses that one client has shown itself to */
#define LETTERS_BYTES (8u << 20) /* that wait for the database */

static const char no_such_user[] = "There is no such user here.";

/* ---- Errors ---- */

static bool is_request(const struct element *stanza)
{
	const char *type = element_get(stanza, "type");
	if (element_is(stanza, "iq", NULL))
		return text_equal(type, "get") || text_equal(type, "set");
	if (element_is(stanza, "presence", NULL))
		return !type || text_equal(type, "subscribe");
	return !text_equal(type, "error");
}

/* To whoever has sent it: a client of ours or a component. */
static void refuse(struct server *server, const struct element *stanza, enum s2_condition condition, const char *text)
{
	const char *from = element_get(stanza, "from"), *to = element_get(stanza, "to");
	struct session *session = server_session(server, from);
	struct guest *guest = guest_find(server, from);
	struct str bytes = {0};
	struct writer writer;
	if (!is_request(stanza) || (!session && !guest))
		return;
	writer_init(&writer, &bytes, session ? NS_CLIENT : NS_COMPONENT);
	xml_open(&writer, stanza->name, NULL);
	xml_attr(&writer, "from", to ? to : server->jid);
	xml_attr(&writer, "to", from);
	xml_attr(&writer, "id", element_get(stanza, "id"));
	xml_attr(&writer, "type", "error");
	xml_error(&writer, condition, text);
	xml_close(&writer);
	writer_end(&writer);
	if (session)
		session_send(session, bytes.data, bytes.len);
	else
		guest_send_bytes(guest, &bytes);
	str_fini(&bytes);
}

void guest_deliver(struct guest *guest, struct arena *arena, const struct element *stanza)
{
	if (guest_is_connected(guest))
		guest_send(guest, arena, stanza);
	else
		refuse(guest->server, stanza, S2_REMOTE_SERVER_TIMEOUT, "This service is not connected at the moment.");
}

/* ---- From a component to a user ---- */

/* What waits until it is known whether there is such a user, and whether he wants to hear of the sender. */
struct letter {
	struct server *server;
	char *owner; /* bare JID */
	char *from;
	struct str stanza;
};

static void letter_free(struct letter *letter)
{
	letter->server->letter_bytes -= letter->stanza.len;
	free(letter->owner);
	free(letter->from);
	str_fini(&letter->stanza);
	free(letter);
}

/* The account answers, whether he is there or not. */
static void ask_account(struct server *server, struct account *account, const char *owner, struct arena *arena,
                        const struct element *iq)
{
	struct account absent = {.server = server, .jid = (char *)owner};
	list_init(&absent.sessions);
	struct ask ask = {.account = account ? account : &absent,
	                  .arena = arena,
	                  .iq = iq,
	                  .payload = element_child(iq, NULL, NULL),
	                  .stranger = true};
	inbound_ask(&ask);
}

static void letter_arrived(void *arg, struct arena *arena, const struct element *stanza)
{
	struct letter *letter = arg;
	if (element_is(stanza, "presence", NULL))
		circle_stanza(letter->server, letter->owner, arena, stanza);
	else if (element_is(stanza, "iq", NULL))
		ask_account(letter->server, account_find(letter->server, letter->owner), letter->owner, arena, stanza);
	else
		outbound_message(letter->server, letter->owner, NULL, arena, stanza);
}

static void letter_refused(void *arg, struct arena *arena, const struct element *stanza)
{
	struct letter *letter = arg;
	refuse(letter->server, stanza, S2_SERVICE_UNAVAILABLE, no_such_user);
}

static void blocked_looked_up(void *arg, bool blocked)
{
	static const struct parser_events arrived = {.stanza = letter_arrived}, refused = {.stanza = letter_refused};
	struct letter *letter = arg;
	outbound_read(str_text(&letter->stanza), letter->stanza.len, blocked ? &refused : &arrived, letter);
	letter_free(letter);
}

static void user_looked_up(void *arg, const struct account_info *info, enum s2_condition condition, const char *text)
{
	struct letter *letter = arg;
	if (info && info->registered)
		blocklist_ask(letter->server, letter->owner, letter->from, blocked_looked_up, letter);
	else
		blocked_looked_up(letter, true);
}

/* To a user none of whose clients is there. */
static void to_absent(struct server *server, const char *owner, const struct element *stanza)
{
	if (server->letter_bytes > LETTERS_BYTES) {
		refuse(server, stanza, S2_RESOURCE_CONSTRAINT, "Too much waits for the database.");
		return;
	}
	struct letter *letter = mem_new(sizeof *letter);
	struct writer writer;
	letter->server = server;
	letter->owner = mem_strdup(owner);
	letter->from = mem_strdup(element_get(stanza, "from"));
	writer_init(&writer, &letter->stanza, NS_CLIENT);
	xml_element(&writer, stanza);
	writer_end(&writer);
	server->letter_bytes += letter->stanza.len;
	account_get(server->hub, owner, user_looked_up, letter);
}

static void message_to_user(struct server *server, const struct jid *to, struct arena *arena,
                            const struct element *message)
{
	if (element_child(message, "stanza-id", NS_STANZA_ID))
		message = message_without_ids(arena, message, to->bare);
	bool error = text_equal(element_get(message, "type"), "error"); /* of a stranger: for who is there */
	if (error ? server_session(server, to->full) != NULL : account_find(server, to->bare) != NULL)
		outbound_message(server, to->bare, *to->resource ? to->resource : NULL, arena, message);
	else if (!error)
		to_absent(server, to->bare, message);
}

static void presence_to_user(struct server *server, const struct jid *to, struct arena *arena,
                             const struct element *presence)
{
	const char *type = element_get(presence, "type"), *from = element_get(presence, "from");
	struct account *account = account_find(server, to->bare);
	struct session *session = *to->resource ? server_session(server, to->full) : NULL;
	if (subscription_verb(type) != S2_SUBSCRIPTION_VERBS || text_equal(type, "probe")) {
		if (account)
			circle_stanza(server, to->bare, arena, presence);
		else
			to_absent(server, to->bare, presence);
		return;
	}
	if (type && !text_equal(type, "unavailable") && !text_equal(type, "error"))
		return;
	server_write_copy(server, presence);
	const struct str *bytes = server_write_take(server);
	if (session)
		session_send_presence(session, from, bytes->data, bytes->len);
	else if (account && !*to->resource)
		account_broadcast(account, from, bytes->data, bytes->len);
}

static void iq_to_user(struct server *server, const struct jid *to, struct arena *arena, const struct element *iq)
{
	struct session *session = *to->resource ? server_session(server, to->full) : NULL;
	struct account *account = account_find(server, to->bare);
	if (session) {
		server_write_copy(server, iq);
		server_write_end(session);
	} else if (*to->resource) {
		refuse(server, iq, S2_SERVICE_UNAVAILABLE, no_such_user);
	} else if (is_request(iq) && account) {
		ask_account(server, account, account->jid, arena, iq);
	} else if (is_request(iq)) {
		to_absent(server, to->bare, iq);
	}
}

static void to_user(struct server *server, const struct jid *to, struct arena *arena, const struct element *stanza)
{
	struct account *account = account_find(server, to->bare);
	bool presence = element_is(stanza, "presence", NULL);
	if (account && blocklist_has(account, element_get(stanza, "from")) &&
	    !(presence && text_equal(element_get(stanza, "type"), "unavailable"))) {
		if (!presence)
			refuse(server, stanza, S2_SERVICE_UNAVAILABLE, no_such_user);
		return;
	}
	if (presence)
		presence_to_user(server, to, arena, stanza);
	else if (element_is(stanza, "iq", NULL))
		iq_to_user(server, to, arena, stanza);
	else
		message_to_user(server, to, arena, stanza);
}

/* ---- From a component to the rest ---- */

/* What the domain answers anybody. */
static void to_domain(struct server *server, struct arena *arena, const struct element *stanza)
{
	static const struct {
		const char *name, *ns;
	} answered[] = {{"query", NS_DISCO_INFO}, {"query", NS_DISCO_ITEMS}, {"ping", NS_PING},
	                {"query", NS_VERSION},    {"time", NS_TIME},         {"query", NS_LAST}};
	const struct element *payload = element_child(stanza, NULL, NULL);
	bool iq = element_is(stanza, "iq", NULL);
	bool get = iq && text_equal(element_get(stanza, "type"), "get");
	for (size_t i = 0; get && i < sizeof answered / sizeof *answered; i++) {
		if (element_is(payload, answered[i].name, answered[i].ns)) {
			inbound_forward(server, arena, stanza);
			return;
		}
	}
	if (iq && !is_request(stanza))
		push_answered(server, arena, stanza);
	else if (!element_is(stanza, "presence", NULL))
		refuse(server, stanza, S2_SERVICE_UNAVAILABLE, "This is not for services.");
}

void guest_received(struct guest *guest, struct arena *arena, struct element *stanza)
{
	struct server *server = guest->server;
	const char *to = element_get(stanza, "to");
	const char *fault = element_is(stanza, "iq", NULL) ? inbound_iq_fault(stanza) : NULL;
	struct jid jid;
	if (!to) {
		refuse(server, stanza, S2_BAD_REQUEST, "A component's stanzas need a \"to\".");
		return;
	}
	if (!jid_parse(arena, to, &jid)) {
		refuse(server, stanza, S2_JID_MALFORMED, "The attribute \"to\" is no address.");
		return;
	}
	element_set(arena, stanza, "to", jid.full);
	struct guest *other = guest_find(server, jid.domain);
	if (fault)
		refuse(server, stanza, S2_BAD_REQUEST, fault);
	else if (other)
		guest_deliver(other, arena, stanza);
	else if (strcmp(jid.domain, server->jid) != 0)
		refuse(server, stanza, S2_REMOTE_SERVER_NOT_FOUND, "This server talks to no other servers.");
	else if (*jid.node)
		to_user(server, &jid, arena, stanza);
	else
		to_domain(server, arena, stanza);
}

/* ---- From a client to a component ---- */

/* Directed presence (RFC 6121 section 4.6): it is taken back when the client becomes unavailable. False: too many. */
static bool visit(struct session *session, const char *to, const char *type)
{
	char *known = map_get(&session->visits, to);
	if (text_equal(type, "unavailable")) {
		map_remove(&session->visits, to);
		free(known);
	} else if (!type && !known) {
		if (session->visits.count >= VISITS_MOST)
			return false;
		known = mem_strdup(to);
		map_put(&session->visits, known, known);
	}
	return true;
}

void guest_presence_from(struct session *session, struct guest *guest, struct arena *arena,
                         const struct element *presence)
{
	const char *to = element_get(presence, "to"), *type = element_get(presence, "type");
	if (subscription_verb(type) != S2_SUBSCRIPTION_VERBS) {
		circle_stanza(guest->server, session->account->jid, arena, presence);
		return;
	}
	if (type && !text_equal(type, "unavailable") && !text_equal(type, "error"))
		return; /* we probe for our users */
	if (!visit(session, to, type)) {
		inbound_refuse(session, presence, S2_RESOURCE_CONSTRAINT,
		               "This client has shown itself to too many addresses.");
		return;
	}
	guest_deliver(guest, arena, type ? presence : photo_mark(session->account, arena, presence));
}

void guest_leave_all(struct session *session, const struct element *words)
{
	struct arena arena = {0};
	MAP_EACH (&session->visits, char, to) {
		struct guest *guest = guest_find(session->account->server, to);
		struct element *presence = element_new(&arena, "presence", NS_CLIENT);
		presence->children = words ? words->children : NULL;
		element_set(&arena, presence, "from", session->full);
		element_set(&arena, presence, "to", to);
		element_set(&arena, presence, "type", "unavailable");
		if (guest)
			guest_send(guest, &arena, presence);
		free(to);
	}
	map_fini(&session->visits);
	session->visits = (struct map){0};
	arena_fini(&arena);
}

/* Whom its clients have visited there is not there any more. */
static void leave_gone(struct guest *guest, struct session *session)
{
	struct server *server = guest->server;
	MAP_EACH (&session->visits, char, address) {
		if (guest_find(server, address) != guest)
			continue;
		server_write(server, "presence", address, session->full, "unavailable");
		const struct str *bytes = server_write_take(server);
		session_send_presence(session, address, bytes->data, bytes->len);
		map_remove(&session->visits, address);
		free(address);
	}
}

void guest_gone(struct guest *guest)
{
	MAP_EACH (&guest->server->accounts, struct account, account) {
		LIST_EACH (&account->sessions, node)
			leave_gone(guest, LIST_ITEM(node, struct session, node));
	}
	circle_guest(guest, false);
}

void server_each_guest(const struct upstream *upstream, void (*call)(void *arg, const char *domain), void *arg)
{
	const struct server *server = LIST_ITEM(upstream, const struct server, upstream);
	MAP_EACH (&server->guests, struct guest, guest) {
		if (guest_is_connected(guest))
			call(arg, guest->domain);
	}
}
