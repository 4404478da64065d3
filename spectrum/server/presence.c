/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Presence of clients (RFC 6121 section 4): who has sent it is there for contacts and messages; the user's other
 * clients see it, and the frontend, which tells the network. */
#include <stdlib.h>
#include <string.h>

#include "spectrum/server/inside.h"

/* To the gateway, which is what contacts, network and rooms hang on. */
static void tell_frontend(struct session *session, struct arena *arena, const struct element *presence)
{
	struct server *server = session->account->server;
	struct element told = *presence;
	if (session->account->admin)
		return;
	element_set(arena, &told, "to", server->jid);
	inbound_forward(server, arena, &told);
}

/* What the clients of a user know of each other. */
static void exchange(struct session *session, bool fresh)
{
	char *own = session->presence;
	account_broadcast(session->account, session->full, own, strlen(own));
	if (!fresh)
		return;
	LIST_EACH (&session->account->sessions, node) {
		struct session *other = LIST_ITEM(node, struct session, node);
		if (other != session && other->presence)
			session_send(session, other->presence, strlen(other->presence));
	}
}

static void available(struct session *session, struct arena *arena, const struct element *presence)
{
	struct server *server = session->account->server;
	const char *priority = element_child_text(arena, presence, "priority", NULL);
	int number = priority ? atoi(priority) : 0;
	bool fresh = !session->presence, deaf = fresh || session->priority < 0;
	if (number < -128 || number > 127) {
		inbound_refuse(session, presence, S2_BAD_REQUEST, "A priority is between -128 and 127.");
		return;
	}
	session->priority = (int8_t)number;
	element_set(arena, (struct element *)presence, "to", session->account->jid);
	presence = photo_mark(session->account, arena, presence);
	server_write_copy(server, presence);
	free(session->presence);
	session->presence = mem_strdup(str_text(server_write_take(server)));
	exchange(session, fresh);
	if (fresh)
		roster_remind(session);
	if (deaf && number >= 0)
		offline_deliver(session);
	circle_present(session, fresh);
	notify_present(session, presence);
	tell_frontend(session, arena, presence);
}

static void on_again(void *arg, struct arena *arena, const struct element *presence)
{
	struct session *session = arg;
	struct server *server = session->account->server;
	server_write_copy(server, photo_mark(session->account, arena, presence));
	free(session->presence);
	session->presence = mem_strdup(str_text(server_write_take(server)));
}

void presence_again(struct account *account)
{
	static const struct parser_events events = {.stanza = on_again};
	LIST_EACH (&account->sessions, node) {
		struct session *session = LIST_ITEM(node, struct session, node);
		if (!session->presence)
			continue;
		char *old = mem_strdup(session->presence);
		outbound_read(old, strlen(old), &events, session);
		free(old);
		account_broadcast(account, session->full, session->presence, strlen(session->presence));
		circle_present(session, false);
	}
}

static void unavailable(struct session *session, struct arena *arena, const struct element *presence)
{
	struct account *account = session->account;
	if (!session->presence)
		return;
	element_set(arena, (struct element *)presence, "to", account->jid);
	server_write_copy(account->server, presence);
	const struct str *bytes = server_write_take(account->server);
	account_broadcast(account, session->full, bytes->data, bytes->len);
	free(session->presence);
	session->presence = NULL;
	guest_leave_all(session, presence);
	circle_absent(session, presence);
	tell_frontend(session, arena, presence);
}

void presence_lost(struct session *session)
{
	struct arena arena = {0};
	struct element *presence = element_new(&arena, "presence", NS_CLIENT);
	element_set(&arena, presence, "from", session->full);
	element_set(&arena, presence, "type", "unavailable");
	if (session->presence)
		unavailable(session, &arena, presence);
	else if (session->directed)
		tell_frontend(session, &arena, presence);
	arena_fini(&arena);
}

void presence_from(struct session *session, struct arena *arena, const struct element *presence)
{
	struct server *server = session->account->server;
	const char *to = element_get(presence, "to"), *type = element_get(presence, "type");
	struct jid jid;
	if (!to) {
		if (!type)
			available(session, arena, presence);
		else if (!strcmp(type, "unavailable"))
			unavailable(session, arena, presence);
		else
			inbound_refuse(session, presence, S2_BAD_REQUEST, "Presence of this type needs a \"to\".");
		return;
	}
	if (!jid_parse(arena, to, &jid) || !strcmp(jid.bare, session->account->jid))
		return; /* everybody sees himself */
	struct guest *guest = guest_find(server, jid.domain);
	if (!guest && strcmp(jid.domain, server->jid) != 0) {
		inbound_refuse(session, presence, S2_REMOTE_SERVER_NOT_FOUND, "This server talks to no other servers.");
		return;
	}
	/* Directed to the domain itself it would be a log-in or log-out of this client's. */
	if (!guest && !*jid.node)
		return;
	if (blocklist_has(session->account, to) && !text_equal(type, "unavailable")) {
		blocklist_refuse(session, presence);
		return;
	}
	if (guest) {
		guest_presence_from(session, guest, arena, presence);
		return;
	}
	session->directed = true;
	if (subscription_verb(type) != S2_SUBSCRIPTION_VERBS)
		roster_subscription(session, arena, presence, jid.node);
	else
		inbound_forward(server, arena, presence);
}
