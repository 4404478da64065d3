/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What clients send, apart from presence: IQs to their own account are answered here, as their own server would;
 * everything else goes to the frontend or to a component (RFC 6120 section 10, RFC 6121 section 8). */
#include <string.h>

#include "spectrum/server/inside.h"

#define NS_SESSION "urn:ietf:params:xml:ns:xmpp-session"

void inbound_forward(struct server *server, struct arena *arena, const struct element *stanza)
{
	server->events->stanza(server->arg, arena, stanza);
}

/* Who answers: the account of who asks, unless he asked somebody else. */
static const char *answerer(const struct session *session, const struct element *stanza)
{
	const char *to = element_get(stanza, "to");
	return to ? to : session->account->jid;
}

void inbound_refuse(struct session *session, const struct element *stanza, enum s2_condition condition,
                    const char *text)
{
	const char *type = element_get(stanza, "type");
	if (text_equal(type, "error") || text_equal(type, "result"))
		return;
	struct writer *writer =
	    server_write(session->account->server, stanza->name, answerer(session, stanza), session->full, "error");
	xml_attr(writer, "id", element_get(stanza, "id"));
	xml_error(writer, condition, text);
	server_write_end(session);
}

/* ---- IQs to the own account ---- */

/* Somebody of his asks, so he is here. */
static void last_activity(struct ask *ask)
{
	struct answer *answer = answer_new(ask);
	struct writer *writer = answer_open(answer);
	xml_open(writer, "query", NS_LAST);
	xml_attr(writer, "seconds", "0");
	xml_close(writer);
	answer_send(answer);
}

static void done(struct ask *ask)
{
	ask_result_empty(ask);
}

/* What is asked of an account. `gateway`: not only his clients may ask, but also the gateway. */
static const struct {
	const char *type, *name, *ns;
	ask_handler *handler;
	bool gateway;
} own_iqs[] = {
    {"get", "query", NS_ROSTER, roster_get, false},
    {"set", "query", NS_ROSTER, roster_change, false},
    {"set", "enable", NS_CARBONS, carbons_enable, false},
    {"set", "disable", NS_CARBONS, carbons_disable, false},
    {"set", "enable", NS_PUSH, push_enable, false},
    {"set", "disable", NS_PUSH, push_disable, false},
    {"get", "query", NS_MAM, mam_get, false},
    {"set", "query", NS_MAM, mam_set, false},
    {"get", "metadata", NS_MAM, mam_metadata, false},
    {"get", "blocklist", NS_BLOCKING, blocklist_get, false},
    {"set", "block", NS_BLOCKING, blocklist_block, false},
    {"set", "unblock", NS_BLOCKING, blocklist_unblock, false},
    {"get", "query", NS_PRIVATE, private_get, false},
    {"set", "query", NS_PRIVATE, private_set, false},
    {"get", "vCard", NS_VCARD, photo_card_get, true},
    {"set", "vCard", NS_VCARD, photo_card_set, false},
    {"get", "pubsub", NS_PUBSUB, pubsub_get, true},
    {"set", "pubsub", NS_PUBSUB, pubsub_set, false},
    {"get", "pubsub", NS_PUBSUB "#owner", pubsub_owner, false},
    {"set", "pubsub", NS_PUBSUB "#owner", pubsub_owner, false},
    {"get", "query", NS_DISCO_INFO, disco_account_info, true},
    {"get", "query", NS_DISCO_ITEMS, disco_account_items, true},
    {"get", "query", NS_LAST, last_activity, false},
    {"get", "ping", NS_PING, done, true},
    {"set", "session", NS_SESSION, done, false}, /* means nothing any more */
};

void inbound_ask(struct ask *ask)
{
	const char *type = element_get(ask->iq, "type");
	for (size_t i = 0; i < sizeof own_iqs / sizeof *own_iqs; i++) {
		if (text_equal(type, own_iqs[i].type) && element_is(ask->payload, own_iqs[i].name, own_iqs[i].ns) &&
		    (ask->session || own_iqs[i].gateway)) {
			own_iqs[i].handler(ask);
			return;
		}
	}
	ask_refuse(ask, S2_SERVICE_UNAVAILABLE, NULL);
}

static void to_own_account(struct session *session, struct arena *arena, const struct element *iq)
{
	const char *type = element_get(iq, "type");
	struct ask ask = {.account = session->account,
	                  .session = session,
	                  .arena = arena,
	                  .iq = iq,
	                  .payload = element_child(iq, NULL, NULL)};
	if (text_equal(type, "get") || text_equal(type, "set"))
		inbound_ask(&ask);
	else
		notify_answered(session, arena, iq);
}

const char *inbound_iq_fault(const struct element *iq)
{
	const char *type = element_get(iq, "type");
	const struct element *payload = element_child(iq, NULL, NULL);
	bool request = text_equal(type, "get") || text_equal(type, "set");
	if (!element_get(iq, "id"))
		return "An IQ needs an id.";
	if (!request && !text_equal(type, "result") && !text_equal(type, "error"))
		return "An IQ is of type get, set, result or error.";
	if (request && (!payload || element_next(payload, NULL, NULL)))
		return "An IQ request has exactly one payload.";
	return NULL;
}

/* To another client of the same user, as it is. */
static void to_sibling(struct session *session, const char *resource, const struct element *stanza)
{
	struct server *server = session->account->server;
	struct session *other = account_session(session->account, resource);
	if (!other) {
		inbound_refuse(session, stanza, S2_SERVICE_UNAVAILABLE, "This client of yours is not connected.");
		return;
	}
	server_write_copy(server, stanza);
	server_write_end(other);
}

static bool is_own(const struct session *session, const struct jid *to)
{
	return !strcmp(to->bare, session->account->jid);
}

/* Nobody's roster but the own one can be changed (RFC 6121 section 2.1.5). A client, if one is named, has none. */
static bool is_others_roster(const struct element *iq, const struct jid *to)
{
	return *to->node && !*to->resource && text_equal(element_get(iq, "type"), "set") &&
	       element_child(iq, "query", NS_ROSTER);
}

void inbound_iq(struct session *session, struct arena *arena, const struct element *iq)
{
	struct server *server = session->account->server;
	const char *to = element_get(iq, "to"), *fault = inbound_iq_fault(iq);
	struct guest *guest = to ? guest_find(server, to) : NULL;
	struct jid jid = {0};
	if (fault)
		inbound_refuse(session, iq, S2_BAD_REQUEST, fault);
	else if (!to || (jid_parse(arena, to, &jid) && is_own(session, &jid) && !*jid.resource))
		to_own_account(session, arena, iq);
	else if (is_own(session, &jid))
		to_sibling(session, jid.resource, iq);
	else if (blocklist_has(session->account, to))
		blocklist_refuse(session, iq);
	else if (guest)
		guest_deliver(guest, arena, iq);
	else if (!*jid.node && element_child(iq, "request", NS_UPLOAD))
		slot_request(&(struct ask){.account = session->account,
		                           .session = session,
		                           .arena = arena,
		                           .iq = iq,
		                           .payload = element_child(iq, NULL, NULL)});
	else if (strcmp(jid.domain, server->jid) != 0)
		inbound_refuse(session, iq, S2_REMOTE_SERVER_NOT_FOUND, "This server talks to no other servers.");
	else if (is_others_roster(iq, &jid))
		inbound_refuse(session, iq, S2_FORBIDDEN, "This is somebody else's roster.");
	else
		inbound_forward(server, arena, iq);
}

/* ---- Messages ---- */

void inbound_message(struct session *session, struct arena *arena, const struct element *message)
{
	struct account *account = session->account;
	struct server *server = account->server;
	const char *to = element_get(message, "to");
	struct guest *guest = to ? guest_find(server, to) : NULL;
	struct jid jid;
	if (element_child(message, "stanza-id", NS_STANZA_ID))
		message = message_without_ids(arena, message, account->jid);
	/* RFC 6121 section 8.1.1: without "to" it is for the own account. */
	if (!to || (jid_parse(arena, to, &jid) && is_own(session, &jid))) {
		outbound_deliver(account, to && *jid.resource ? jid.resource : NULL, arena, message);
		return;
	}
	if (blocklist_has(account, to)) {
		blocklist_refuse(session, message);
		return;
	}
	if (!guest && strcmp(jid.domain, server->jid) != 0) {
		inbound_refuse(session, message, S2_REMOTE_SERVER_NOT_FOUND, "This server talks to no other servers.");
		return;
	}
	if (!account->admin)
		carbons_sent(account, session, mam_keep(server, account->jid, arena, message, true, false));
	if (guest)
		guest_deliver(guest, arena, message);
	else
		inbound_forward(server, arena, message);
}
