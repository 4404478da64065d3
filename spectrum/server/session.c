/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One client of a user, bound to a resource (RFC 6120 section 7). */
#include "spectrum/server/inside.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"

#define LOG_AREA "session"
#define SESSIONS_MOST 32 /* of one user */

struct session *session_new(struct account *account, struct stream *stream, const char *resource)
{
	struct server *server = account->server;
	struct session *same = account_session(account, resource);
	if (same)
		session_expel(same, "conflict", "Another client of yours has taken this resource.");
	if (!config_bool(server->config, "service.more_resources")) {
		LIST_EACH (&account->sessions, node)
			session_expel(LIST_ITEM(node, struct session, node), "conflict",
			              "You have signed on from another location.");
	}
	if (account->session_count >= SESSIONS_MOST)
		return NULL;
	struct session *session = mem_new(sizeof *session);
	session->account = account;
	session->stream = stream;
	session->full = mem_printf("%s/%s", account->jid, resource);
	session->resource = session->full + strlen(account->jid) + 1;
	list_init(&session->sm.sleeping);
	list_init(&session->sm.asked_node);
	list_init(&session->held);
	list_prepend(&account->sessions, &session->node);
	account->session_count++;
	push_awake(session);
	log_info("bound user=%s resource=%s", account->jid, log_quote(resource));
	return session;
}

void session_end(struct session *session)
{
	struct account *account = session->account;
	/* Out of the list first: nothing that its end causes comes back to it. */
	list_remove(&session->node);
	account->session_count--;
	account->logins++; /* stays until this is done */
	if (session->stream)
		session->stream->session = NULL;
	session->stream = NULL;
	log_info("unbound user=%s resource=%s", account->jid, log_quote(session->resource));
	sm_end(session);
	csi_end(session);
	presence_lost(session);
	free(session->presence);
	guest_leave_all(session, NULL);
	free(session->wishes);
	free(session->full);
	free(session);
	account_leave(account);
}

void session_expel(struct session *session, const char *condition, const char *text)
{
	struct stream *stream = session->stream;
	session_end(session);
	if (stream)
		stream_end(stream, condition, text);
}

void session_lost(struct session *session, bool for_good)
{
	if (for_good || !sm_sleep(session))
		session_end(session);
	else
		push_asleep(session);
}

void session_resumed(struct session *session, struct stream *stream)
{
	session->stream = stream;
	session->inactive = false;
	push_awake(session);
	sm_send_again(session);
	csi_flush(session);
}

/* ---- Sending ---- */

static void put(struct session *session, const char *bytes, size_t len, void *token)
{
	if (session->stream)
		stream_send(session->stream, bytes, len);
	if (sm_is_on(session))
		sm_keep(session, bytes, len, token);
	else
		session->sm.before++;
}

void session_send(struct session *session, const char *bytes, size_t len)
{
	put(session, bytes, len, NULL);
}

void session_send_presence(struct session *session, const char *from, const char *bytes, size_t len)
{
	if (session->inactive || !session->stream)
		csi_hold(session, from, bytes, len);
	else
		put(session, bytes, len, NULL);
}

void session_send_message(struct session *session, const char *bytes, size_t len, unsigned flags)
{
	void *token = flags & MESSAGE_COPY ? NULL : flags & MESSAGE_SHARED ? SM_SHARED : SM_ALONE;
	if (flags & MESSAGE_STATE && (session->inactive || !session->stream))
		return; /* nobody looks */
	put(session, bytes, len, flags & MESSAGE_STATE ? NULL : token);
}

/* A client may name itself in "from", nobody else (RFC 6120 section 8.1.2.1). */
static bool is_from_itself(const struct session *session, const char *from)
{
	struct jid jid;
	return !from || (jid_parse(server_arena(session->account->server), from, &jid) &&
	                 (!strcmp(jid.full, session->full) || !strcmp(jid.full, session->account->jid)));
}

void session_received(struct session *session, struct arena *arena, const struct element *element)
{
	const char *to = element_get(element, "to");
	struct jid jid;
	if (!is_from_itself(session, element_get(element, "from"))) {
		stream_end(session->stream, "invalid-from", "A stanza's \"from\" can't be somebody else.");
		return;
	}
	if (to && !jid_parse(arena, to, &jid)) {
		session->sm.handled++;
		inbound_refuse(session, element, S2_JID_MALFORMED, "The attribute \"to\" is no address.");
		return;
	}
	/* As it goes on: from this client, to a prepared address. */
	struct element stamped = *element;
	element_set(arena, &stamped, "from", session->full);
	if (to)
		element_set(arena, &stamped, "to", jid.full);
	session->sm.handled++;
	if (element_is(&stamped, "iq", NULL))
		inbound_iq(session, arena, &stamped);
	else if (element_is(&stamped, "message", NULL))
		inbound_message(session, arena, &stamped);
	else
		presence_from(session, arena, &stamped);
}
