/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stream management (XEP-0198): what a client has not acknowledged is kept, under a cap, and sent again when it comes
 * back on another connection; if it does not, messages go where messages for somebody who is away go. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/random.h"
#include "spectrum/server/inside.h"

#define LOG_AREA "sm"
#define KEPT_MOST (1u << 20) /* bytes without an acknowledgement */
#define ASK_STANZAS 10       /* so many are asked about at once, or so many bytes, or what has been sent for so long */
#define ASK_BYTES (16u << 10)
#define ASK_MS 250
#define ANSWER_MS 60000 /* a client that leaves <r/> unanswered for so long is gone */

bool sm_is_on(const struct session *session)
{
	return session->sm.on;
}

/* Stanzas since it was switched on. */
static uint32_t sent(const struct session *session)
{
	return session->sm.acks.acknowledged + (uint32_t)session->sm.acks.count;
}

/* ---- Asking ---- */

static void set_asked(struct session *session, uint64_t now)
{
	struct server *server = session->account->server;
	session->sm.asked = now;
	list_remove(&session->sm.asked_node);
	if (now) {
		list_append(&server->asked, &session->sm.asked_node);
		server_tick_start(server);
	}
}

static void ask_now(void *arg)
{
	struct session *session = arg;
	if (!session->stream || session->sm.asked || !session->sm.acks.count)
		return;
	set_asked(session, loop_now(session->account->server->loop));
	session->sm.asked_for = sent(session);
	stream_open(session->stream, "r", NS_SM);
	stream_close(session->stream);
}

/* A question and its answer cost as much as a message. */
static void ask(struct session *session)
{
	struct server *server = session->account->server;
	struct sm *sm = &session->sm;
	if (!session->stream || sm->asked || !sm->acks.count)
		return;
	if (sm->acks.count >= ASK_STANZAS || acks_bytes(&sm->acks) >= ASK_BYTES) {
		loop_defer(server->loop, &sm->asking, ask_now, session);
	} else if (list_empty(&sm->asked_node)) {
		sm->ask_at = loop_now(server->loop) + ASK_MS;
		list_append(&server->unasked, &sm->asked_node);
		if (!timer_running(server->asker))
			timer_start(server->asker, ASK_MS, 0);
	}
}

void sm_ask_waiting(void *arg)
{
	struct server *server = arg;
	uint64_t now = loop_now(server->loop);
	while (!list_empty(&server->unasked)) {
		struct session *session = LIST_ITEM(server->unasked.next, struct session, sm.asked_node);
		if (session->sm.ask_at > now) {
			timer_start(server->asker, session->sm.ask_at - now, 0);
			return;
		}
		list_remove(&session->sm.asked_node);
		ask_now(session);
	}
}

static void expire(void *arg)
{
	session_end(arg);
}

void sm_keep(struct session *session, const char *bytes, size_t len, void *token)
{
	struct sm *sm = &session->sm;
	acks_add(&sm->acks, bytes, len, token);
	if (acks_bytes(&sm->acks) > KEPT_MOST) {
		log_info("too much without an acknowledgement user=%s resource=%s", session->account->jid,
		         log_quote(session->resource));
		sm->resumable = false;
		if (session->stream)
			stream_end(session->stream, "policy-violation", "You do not acknowledge what you are sent.");
		else
			loop_defer(session->account->server->loop, &sm->expiring, expire, session);
		return;
	}
	ask(session);
}

/* ---- Elements of the client ---- */

void sm_write_failed(struct writer *writer, const char *condition)
{
	xml_open(writer, "failed", NS_SM);
	xml_empty(writer, condition, NS_STANZA_ERRORS);
	xml_close(writer);
}

void sm_fail(struct stream *stream, const char *condition)
{
	struct writer *writer = stream_open(stream, "failed", NS_SM);
	xml_empty(writer, condition, NS_STANZA_ERRORS);
	stream_close(stream);
}

static unsigned wait_seconds(const struct session *session, const struct element *enable)
{
	unsigned most = (unsigned)config_number(session->account->server->config, "service.resume_timeout");
	const char *max = element_get(enable, "max");
	unsigned long wanted = max ? strtoul(max, NULL, 10) : most;
	return wanted < most ? (unsigned)wanted : most;
}

void sm_write_enabled(struct session *session, struct writer *writer, const struct element *enable)
{
	struct sm *sm = &session->sm;
	const char *resume = element_get(enable, "resume");
	sm->on = true;
	sm->handled = 0;
	sm->wait = wait_seconds(session, enable);
	sm->resumable = sm->wait && (text_equal(resume, "true") || text_equal(resume, "1"));
	if (!sm->resumable)
		return;
	random_id(sm->id, sizeof sm->id - 1);
	map_put(&session->account->server->resumable, sm->id, session);
	xml_attr(writer, "id", sm->id);
	xml_attr(writer, "resume", "true");
	xml_attrf(writer, "max", "%u", sm->wait);
}

static void enable(struct session *session, const struct element *element)
{
	if (session->sm.on) {
		sm_fail(session->stream, "unexpected-request");
		return;
	}
	struct writer *writer = stream_open(session->stream, "enabled", NS_SM);
	sm_write_enabled(session, writer, element);
	stream_close(session->stream);
}

static bool read_count(const struct element *element, uint32_t *count)
{
	const char *h = element_get(element, "h");
	char *end;
	unsigned long number = h ? strtoul(h, &end, 10) : 0;
	*count = (uint32_t)number;
	return h && *h && !*end && number <= UINT32_MAX;
}

static void forget_token(void *arg, void *token)
{
}

static void too_high(struct stream *stream, const struct session *session, uint32_t h)
{
	struct writer *writer = stream_open(stream, "stream:error", NULL);
	xml_empty(writer, "undefined-condition", NS_STREAM_ERRORS);
	xml_open(writer, "handled-count-too-high", NS_SM);
	xml_attrf(writer, "h", "%u", h);
	xml_attrf(writer, "send-count", "%u", sent(session));
	xml_close(writer);
	stream_close(stream);
	stream_end(stream, NULL, NULL);
}

static void acknowledged(struct session *session, const struct element *element)
{
	uint32_t h;
	set_asked(session, 0);
	if (!read_count(element, &h)) {
		stream_end(session->stream, "bad-format", "An acknowledgement has a number.");
		return;
	}
	/* Some clients count what they got before <enabled/>, too: nothing is forgotten on their word. */
	if (acks_take(&session->sm.acks, h, forget_token, NULL) || h - sent(session) <= session->sm.before) {
		/* Who counts too few would be asked for ever. */
		if (sent(session) != session->sm.asked_for)
			ask(session);
	} else {
		too_high(session->stream, session, h);
	}
}

void sm_received(struct session *session, const struct element *element)
{
	if (element_is(element, "enable", NS_SM)) {
		enable(session, element);
	} else if (element_is(element, "r", NS_SM) && session->sm.on) {
		struct writer *writer = stream_open(session->stream, "a", NS_SM);
		xml_attrf(writer, "h", "%u", session->sm.handled);
		stream_close(session->stream);
	} else if (element_is(element, "a", NS_SM) && session->sm.on) {
		acknowledged(session, element);
	} else {
		sm_fail(session->stream, "unexpected-request");
	}
}

/* ---- Resumption ---- */

static struct session *find(const struct stream *stream, const struct element *resume)
{
	const char *id = element_get(resume, "previd");
	struct session *session = id ? map_get(&stream->server->resumable, id) : NULL;
	return session && !strcmp(session->account->jid, stream->jid) ? session : NULL;
}

struct session *sm_resume(struct stream *stream, const struct element *resume, const char **condition)
{
	struct session *session = find(stream, resume);
	uint32_t h;
	*condition = NULL;
	if (!session || !read_count(resume, &h)) {
		*condition = session ? "bad-request" : "item-not-found";
		return NULL;
	}
	if (h - session->sm.acks.acknowledged > session->sm.acks.count) {
		too_high(stream, session, h);
		return NULL;
	}
	acks_take(&session->sm.acks, h, forget_token, NULL);
	/* The old connection may not know yet that it is dead. */
	struct stream *old = session->stream;
	session->stream = NULL;
	if (old) {
		old->session = NULL;
		stream_end(old, "conflict", "The session goes on over another connection.");
	}
	log_info("resumed user=%s resource=%s unacknowledged=%zu", session->account->jid, log_quote(session->resource),
	         session->sm.acks.count);
	list_remove(&session->sm.sleeping);
	set_asked(session, 0);
	return session;
}

void sm_write_resumed(struct session *session, struct writer *writer)
{
	xml_attr(writer, "previd", session->sm.id);
	xml_attrf(writer, "h", "%u", session->sm.handled);
}

static void send_one(void *arg, const char *bytes, size_t len, void *token)
{
	stream_send(arg, bytes, len);
}

void sm_send_again(struct session *session)
{
	/* One by one: a framed stream has a message for each. */
	acks_each(&session->sm.acks, send_one, session->stream);
	ask(session);
}

/* ---- Sleep ---- */

bool sm_sleep(struct session *session)
{
	struct server *server = session->account->server;
	struct sm *sm = &session->sm;
	if (!sm->resumable || server->stopping)
		return false;
	session->stream = NULL;
	set_asked(session, 0);
	loop_defer_cancel(&sm->asking);
	sm->until = loop_now(server->loop) + sm->wait * 1000ull;
	list_append(&server->sleeping, &sm->sleeping);
	server_tick_start(server);
	log_info("asleep user=%s resource=%s unacknowledged=%zu", session->account->jid, log_quote(session->resource),
	         sm->acks.count);
	return true;
}

static void end_absent(struct server *server, uint64_t now)
{
	while (!list_empty(&server->sleeping)) {
		struct session *first = NULL;
		LIST_EACH (&server->sleeping, node) {
			struct session *session = LIST_ITEM(node, struct session, sm.sleeping);
			if (session->sm.until <= now) {
				first = session;
				break;
			}
		}
		if (!first)
			return;
		session_end(first);
	}
}

void sm_due(struct server *server, uint64_t now)
{
	end_absent(server, now);
	LIST_EACH (&server->asked, node) {
		struct session *session = LIST_ITEM(node, struct session, sm.asked_node);
		if (now - session->sm.asked <= ANSWER_MS)
			return;
		if (session->stream)
			stream_drop(session->stream);
	}
}

/* ---- The end ---- */

struct again {
	struct account *account;
	bool others; /* the user has clients that are connected */
};

static void deliver_again(void *arg, const char *bytes, size_t len, void *token)
{
	struct again *again = arg;
	if (token == SM_ALONE || (token == SM_SHARED && !again->others))
		outbound_again(again->account, bytes, len);
}

void sm_end(struct session *session)
{
	struct sm *sm = &session->sm;
	struct server *server = session->account->server;
	loop_defer_cancel(&sm->asking);
	loop_defer_cancel(&sm->expiring);
	list_remove(&sm->sleeping);
	list_remove(&sm->asked_node);
	if (*sm->id)
		map_remove(&server->resumable, sm->id);
	struct again again = {.account = session->account};
	LIST_EACH (&session->account->sessions, node)
		again.others |= LIST_ITEM(node, struct session, node)->stream != NULL;
	acks_each(&sm->acks, deliver_again, &again);
	acks_fini(&sm->acks);
}
