/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the frontend writes, and where it goes: to the client that is named, or to those that a bare address stands for
 * (RFC 6121 section 8.5); messages to who is away are kept. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "spectrum/server/inside.h"

#define LOG_AREA "outbound"

static const char reader_header[] = "<stream:stream xmlns='" NS_CLIENT "' xmlns:stream='" NS_STREAMS "'>";
static const struct parser_limits reader_limits = {.stanza_bytes = 8u << 20, .children = 65536};

/* Makes trees of stanzas of ours. */
void outbound_read(const char *bytes, size_t len, const struct parser_events *events, void *arg)
{
	struct parser *parser = parser_new(&reader_limits, events, arg);
	parser_feed(parser, reader_header, sizeof reader_header - 1);
	parser_feed(parser, bytes, len);
	parser_free(&parser);
}

/* ---- Back to the frontend ---- */

static void on_returned(void *arg, struct arena *arena, const struct element *stanza)
{
	struct server *server = arg;
	struct guest *guest = guest_find(server, element_get(stanza, "to"));
	if (guest)
		guest_deliver(guest, arena, stanza);
	else
		inbound_forward(server, arena, stanza);
}

static const struct parser_events returned_events = {.stanza = on_returned};

static void return_now(void *arg)
{
	struct server *server = arg;
	struct str bytes = server->returned;
	server->returned = (struct str){0};
	outbound_read(str_text(&bytes), bytes.len, &returned_events, server);
	str_fini(&bytes);
}

void outbound_bounce(struct server *server, const struct element *stanza, enum s2_condition condition)
{
	const char *type = element_get(stanza, "type");
	struct writer writer;
	if (text_equal(type, "error") || text_equal(type, "result"))
		return;
	writer_init(&writer, &server->returned, NS_CLIENT);
	xml_open(&writer, stanza->name, NULL);
	xml_attr(&writer, "from", element_get(stanza, "to"));
	xml_attr(&writer, "to", element_get(stanza, "from"));
	xml_attr(&writer, "id", element_get(stanza, "id"));
	xml_attr(&writer, "type", "error");
	xml_error(&writer, condition, NULL);
	xml_close(&writer);
	writer_end(&writer);
	loop_defer(server->loop, &server->returning, return_now, server);
}

void outbound_return(struct server *server, const struct str *stanza)
{
	str_add(&server->returned, stanza->data, stanza->len);
	loop_defer(server->loop, &server->returning, return_now, server);
}

/* ---- Whom a message reaches ---- */

enum message_kind { KIND_CHAT, KIND_HEADLINE, KIND_GROUPCHAT, KIND_ERROR };

static enum message_kind kind_of(const char *type)
{
	if (text_equal(type, "groupchat"))
		return KIND_GROUPCHAT;
	if (text_equal(type, "headline"))
		return KIND_HEADLINE;
	return text_equal(type, "error") ? KIND_ERROR : KIND_CHAT;
}

/* The clients with the highest priority, if any wants messages at all (RFC 6121 section 8.5.2.1.1). */
static unsigned reach_best(struct account *account)
{
	int best = -1;
	unsigned count = 0;
	LIST_EACH (&account->sessions, node) {
		struct session *session = LIST_ITEM(node, struct session, node);
		if (session->presence && session->priority > best)
			best = session->priority;
	}
	LIST_EACH (&account->sessions, again) {
		struct session *session = LIST_ITEM(again, struct session, node);
		session->reached = best >= 0 && session->presence && session->priority == best;
		count += session->reached;
	}
	return count;
}

static unsigned reach_all(struct account *account)
{
	unsigned count = 0;
	LIST_EACH (&account->sessions, node) {
		struct session *session = LIST_ITEM(node, struct session, node);
		session->reached = session->presence && session->priority >= 0;
		count += session->reached;
	}
	return count;
}

static unsigned reach_one(struct account *account, const struct session *one)
{
	LIST_EACH (&account->sessions, node) {
		struct session *session = LIST_ITEM(node, struct session, node);
		session->reached = session == one;
	}
	return one != NULL;
}

/* Who is to get it; 0: nobody is there. */
static unsigned reach(struct account *account, const char *resource, enum message_kind kind)
{
	const struct session *session = resource ? account_session(account, resource) : NULL;
	if (session)
		return reach_one(account, session);
	if (kind == KIND_CHAT)
		return reach_best(account);
	return kind == KIND_HEADLINE && !resource ? reach_all(account) : 0;
}

/* ---- Delivery of messages ---- */

static void nobody_there(struct server *server, const char *owner, const struct element *message,
                         enum message_kind kind)
{
	/* An error says that a message of the user's own has not arrived: somebody has to hear of it. XEP-0160 section 3 means
	 * those of strangers. */
	if (kind == KIND_ERROR || (kind == KIND_CHAT && message_is_worth_keeping(message)))
		offline_keep(server, owner, message);
	else if (kind == KIND_CHAT && element_child(message, "body", NULL))
		outbound_bounce(server, message, S2_SERVICE_UNAVAILABLE);
	else if (kind == KIND_GROUPCHAT)
		outbound_bounce(server, message, S2_RECIPIENT_UNAVAILABLE);
}

static void deliver_bytes(struct account *account, const struct element *message, enum message_kind kind,
                          unsigned count, const char *bytes, size_t len)
{
	bool copied = kind == KIND_CHAT;
	if (copied)
		count += carbons_received(account, message, true);
	unsigned flags = (count > 1 ? MESSAGE_SHARED : 0) | (message_is_state(message) ? MESSAGE_STATE : 0) |
	                 (copied ? 0 : MESSAGE_COPY);
	LIST_EACH (&account->sessions, node) {
		struct session *session = LIST_ITEM(node, struct session, node);
		if (session->reached)
			session_send_message(session, bytes, len, flags);
	}
	if (copied)
		carbons_received(account, message, false);
}

/* `account` NULL: none of his clients is there. `fresh`: it has not been here before. */
static void deliver(struct server *server, struct account *account, const char *owner, const char *resource,
                    struct arena *arena, const struct element *message, bool fresh)
{
	enum message_kind kind = kind_of(element_get(message, "type"));
	unsigned count = account ? reach(account, resource, kind) : 0;
	if (fresh && kind == KIND_CHAT)
		message = mam_keep(server, owner, arena, message, false, !count);
	if (fresh)
		push_message(server, owner, resource, message);
	if (!count) {
		nobody_there(server, owner, message, kind);
		return;
	}
	struct str bytes = {0};
	struct writer writer;
	writer_init(&writer, &bytes, NS_CLIENT);
	xml_element(&writer, message);
	writer_end(&writer);
	deliver_bytes(account, message, kind, count, bytes.data, bytes.len);
	str_fini(&bytes);
}

void outbound_deliver(struct account *account, const char *resource, struct arena *arena, const struct element *message)
{
	deliver(account->server, account, account->jid, resource, arena, message, true);
}

void outbound_message(struct server *server, const char *owner, const char *resource, struct arena *arena,
                      const struct element *message)
{
	deliver(server, account_find(server, owner), owner, resource, arena, message, true);
}

static void on_again(void *arg, struct arena *arena, const struct element *message)
{
	struct account *account = arg;
	deliver(account->server, account, account->jid, NULL, arena, message, false);
}

static const struct parser_events again_events = {.stanza = on_again};

void outbound_again(struct account *account, const char *bytes, size_t len)
{
	outbound_read(bytes, len, &again_events, account);
}

/* ---- What the frontend has written ---- */

static void on_own_message(void *arg, struct arena *arena, const struct element *message)
{
	struct server *server = arg;
	struct account *account = server->out_account;
	if (!server->out_own) {
		deliver(server, account, server->out_owner, server->out_resource, arena, message, true);
		return;
	}
	message = mam_keep(server, server->out_owner, arena, message, true, false);
	if (account)
		carbons_sent(account, NULL, message);
}

static const struct parser_events reader_events = {.stanza = on_own_message};

/* Whether this client gets a message, or none, whatever is in it. */
static bool is_simple(const struct session *session, bool copied)
{
	return session->reached ? session->stream && !session->inactive : !copied || !session->carbons;
}

/* Most messages go to clients that are there, and where no archive is kept nobody minds what is in them: no tree is made
 * then. */
static bool deliver_as_written(struct server *server, struct account *account)
{
	enum message_kind kind = kind_of(server->out_type);
	bool copied = kind == KIND_CHAT;
	if (!account || server->out_own || server->guests.count || (copied && archive_is_kept(server->hub)))
		return false;
	unsigned count = reach(account, server->out_resource, kind);
	LIST_EACH (&account->sessions, node) {
		if (!is_simple(LIST_ITEM(node, struct session, node), copied))
			return false;
	}
	unsigned flags = (count > 1 ? MESSAGE_SHARED : 0) | (copied ? 0 : MESSAGE_COPY);
	LIST_EACH (&account->sessions, again) {
		struct session *session = LIST_ITEM(again, struct session, node);
		if (session->reached)
			session_send_message(session, server->scratch.data, server->scratch.len, flags);
	}
	return count;
}

/* Rules for messages look at what is in them. */
static void deliver_message(struct server *server)
{
	if (deliver_as_written(server, server->out_account))
		return;
	if (!server->reader) {
		server->reader = parser_new(&reader_limits, &reader_events, server);
		parser_feed(server->reader, reader_header, sizeof reader_header - 1);
	}
	if (parser_feed(server->reader, server->scratch.data, server->scratch.len) != PARSER_OK) {
		log_error("a message of our own could not be read to=%s", log_quote(server->out_to));
		parser_free(&server->reader);
	}
}

/* Presence that is about the user's account or his contacts: to those of his clients that are there. */
static void deliver_presence(struct server *server, struct account *account, struct session *session)
{
	const char *type = server->out_type;
	const struct str *bytes = &server->scratch;
	/* The network's state is the contacts' presence; the domain itself is nobody's contact. */
	if (text_equal(type, "probe") || (!strcmp(server->out_from, server->jid) && !text_equal(type, "error")))
		return;
	if (subscription_verb(type) != S2_SUBSCRIPTION_VERBS)
		account_tell(account, bytes->data, bytes->len);
	else if (session)
		session_send_presence(session, server->out_from, bytes->data, bytes->len);
	else if (!server->out_resource)
		account_broadcast(account, server->out_from, bytes->data, bytes->len);
}

static void on_own_iq(void *arg, struct arena *arena, const struct element *iq)
{
	struct ask ask = {.account = arg, .arena = arena, .iq = iq, .payload = element_child(iq, NULL, NULL)};
	inbound_ask(&ask);
}

static const struct parser_events own_iq_events = {.stanza = on_own_iq};

/* Questions of the gateway to an account are answered for him. */
static void deliver_iq(struct server *server, struct account *account, struct session *session)
{
	const char *type = server->out_type;
	if (session)
		session_send(session, server->scratch.data, server->scratch.len);
	else if (!server->out_resource && (text_equal(type, "get") || text_equal(type, "set")))
		outbound_read(server->scratch.data, server->scratch.len, &own_iq_events, account);
}

/* To a component. */
static void on_own_stanza(void *arg, struct arena *arena, const struct element *stanza)
{
	guest_deliver(arg, arena, stanza);
}

static const struct parser_events own_stanza_events = {.stanza = on_own_stanza};

/* ---- The upstream's verbs ---- */

static struct server *server_of(struct upstream *upstream)
{
	return LIST_ITEM(upstream, struct server, upstream);
}

struct writer *outbound_open(struct upstream *upstream, const char *name, enum upstream_care care, const char *from,
                             const char *to, const char *type)
{
	struct server *server = server_of(upstream);
	struct writer *writer = &server->writer;
	assert(!server->open);
	server->open = true;
	server->out_name = name;
	server->out_from = from;
	server->out_to = to;
	server->out_type = type;
	server->out_own = care == UPSTREAM_OWN;
	str_clear(&server->scratch, 65536);
	writer_init(writer, &server->scratch, NS_CLIENT);
	xml_open(writer, name, NULL);
	xml_attr(writer, "from", from);
	xml_attr(writer, "to", to);
	xml_attr(writer, "type", type);
	return writer;
}

static bool is_of_ours(const struct server *server, const char *bare)
{
	const char *at = strchr(bare, '@');
	return at && !strcmp(at + 1, server->jid);
}

void outbound_close(struct upstream *upstream)
{
	struct server *server = server_of(upstream);
	xml_close(&server->writer);
	writer_end(&server->writer);
	server->open = false;
	struct guest *guest = server->out_own ? NULL : guest_find(server, server->out_to);
	if (guest) {
		outbound_read(server->scratch.data, server->scratch.len, &own_stanza_events, guest);
		return;
	}
	const char *to = server->out_own ? server->out_from : server->out_to, *slash = strchr(to, '/');
	char bare[2 * JID_PART_BYTES + 2];
	size_t len = slash ? (size_t)(slash - to) : strlen(to);
	if (len >= sizeof bare)
		return;
	memcpy(bare, to, len);
	bare[len] = '\0';
	struct account *account = account_find(server, bare);
	if (!account && !is_of_ours(server, bare))
		return;
	if (account && !server->out_own && blocklist_has(account, server->out_from) &&
	    !text_equal(server->out_type, "unavailable"))
		return;
	server->out_account = account;
	server->out_owner = bare;
	server->out_resource = slash ? slash + 1 : NULL;
	struct session *session = account && slash ? account_session(account, slash + 1) : NULL;
	if (!strcmp(server->out_name, "message"))
		deliver_message(server);
	else if (account && !strcmp(server->out_name, "presence"))
		deliver_presence(server, account, session);
	else if (account)
		deliver_iq(server, account, session);
}

void outbound_fini(struct server *server)
{
	loop_defer_cancel(&server->returning);
	parser_free(&server->reader);
	str_fini(&server->returned);
	str_fini(&server->scratch);
}
