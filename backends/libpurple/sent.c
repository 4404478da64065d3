/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/sent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kit/kit.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

enum {
	WAIT_MS = 1500,     /* for an error */
	SUBJECT_MS = 10000, /* for the subject that the room then has */
	ANSWER_MS = 10000,  /* for the answer of a network that gives one */
	MOST = 256,         /* that wait; above that the oldest counts as done */
};

void (*sent_not_echoed)(struct session *, const struct sent *);

static void sent_free(struct session *session, struct sent *sent)
{
	list_remove(&sent->node);
	session->sent_count--;
	free(sent->id);
	free(sent->peer);
	free(sent->who);
	free(sent->text);
	free(sent);
}

void sent_end(struct session *session, struct sent *sent, enum s2_condition condition, const char *text)
{
	s2_message_result(session->s2, sent->id, sent->peer, condition, text);
	sent_free(session, sent);
}

/* Its time is over. Words are done if nobody objected, a subject only if the room has shown it. */
static void pass(struct session *session, struct sent *sent)
{
	if (sent->to == SENT_ROOM && !sent->echoed)
		sent_not_echoed(session, sent);
	if (sent->to == SENT_SUBJECT)
		sent_end(session, sent, S2_NOT_ALLOWED,
		         "The room did not take the subject. You may not be allowed to change it.");
	else if (sent->number)
		sent_end(session, sent, S2_REMOTE_SERVER_TIMEOUT, "The network did not answer. Please try again.");
	else
		sent_end(session, sent, S2_DONE, NULL);
}

static void time_passed(void *arg)
{
	struct session *session = arg;
	uint64_t now = loop_now(kit_loop()), next = 0;
	LIST_EACH (&session->sent, node) {
		struct sent *sent = LIST_ITEM(node, struct sent, node);
		if (sent->until_ms <= now)
			pass(session, sent);
		else if (!next || sent->until_ms < next)
			next = sent->until_ms;
	}
	if (next)
		timer_start(session->sent_timer, next - now, 0);
}

void sent_init(struct session *session)
{
	list_init(&session->sent);
	session->sent_timer = timer_new(kit_loop(), time_passed, session);
}

void sent_fini(struct session *session)
{
	while (!list_empty(&session->sent))
		sent_free(session, LIST_ITEM(session->sent.next, struct sent, node));
	timer_free(&session->sent_timer);
}

void sent_new(struct session *session, const struct s2_message *message, const char *who, enum sent_to to)
{
	struct sent *sent = mem_new(sizeof *sent);
	sent->id = mem_strdup(message->id);
	sent->peer = mem_strdup(message->peer);
	sent->who = mem_strdup(purple_normalize(session->account, who));
	sent->text = mem_strdup(message->body ? message->body : "");
	sent->until_ms = loop_now(kit_loop()) + (to == SENT_SUBJECT ? SUBJECT_MS : WAIT_MS);
	sent->to = to;
	if (session->sent_count == MOST)
		pass(session, LIST_ITEM(session->sent.next, struct sent, node));
	list_append(&session->sent, &sent->node);
	session->sent_count++;
	if (!timer_running(session->sent_timer))
		timer_start(session->sent_timer, WAIT_MS, 0);
}

static struct sent *with_id(const struct session *session, const char *id)
{
	LIST_EACH (&session->sent, node) {
		struct sent *sent = LIST_ITEM(node, struct sent, node);
		if (!strcmp(sent->id, id))
			return sent;
	}
	return NULL;
}

void sent_done(struct session *session, const char *id)
{
	struct sent *sent = with_id(session, id);
	if (sent)
		sent_end(session, sent, S2_DONE, NULL);
}

void sent_await(struct session *session, uint32_t number)
{
	/* It may be sent again, with the password or because no answer came: all but the newest have their number. */
	struct sent *newest = session->sent_count ? LIST_ITEM(session->sent.prev, struct sent, node) : NULL;
	if (!newest || newest->number || newest->to != SENT_PERSON)
		return;
	newest->number = number;
	newest->until_ms = loop_now(kit_loop()) + ANSWER_MS;
}

void sent_answered(struct session *session, uint32_t number, enum s2_condition condition, const char *text)
{
	LIST_EACH (&session->sent, node) {
		struct sent *sent = LIST_ITEM(node, struct sent, node);
		if (number && sent->number == number) {
			sent_end(session, sent, condition, text);
			return;
		}
	}
}

static const char *why_not(int result, enum s2_condition *condition)
{
	*condition = S2_UNDEFINED_CONDITION;
	if (result == -E2BIG) {
		*condition = S2_POLICY_VIOLATION;
		return "The message is too long for this network.";
	}
	if (result == -ENOTCONN) {
		*condition = S2_RECIPIENT_UNAVAILABLE;
		return "There is no connection to the network at the moment.";
	}
	return "The network did not take the message.";
}

void sent_settle(struct session *session, const char *id, int result, const char *error)
{
	enum s2_condition condition = S2_NOT_ACCEPTABLE;
	struct sent *sent = session->state == SESSION_ONLINE ? with_id(session, id) : NULL;
	if (!sent || (result >= 0 && !error))
		return;
	const char *text = error ? error : why_not(result, &condition);
	sent_end(session, sent, condition, text);
}

struct sent *sent_to_echo(const struct session *session, const char *who, const char *text)
{
	struct sent *oldest = NULL;
	LIST_EACH (&session->sent, node) {
		struct sent *sent = LIST_ITEM(node, struct sent, node);
		if (sent->to != SENT_ROOM || sent->echoed || strcmp(sent->who, who))
			continue;
		if (!strcmp(sent->text, text))
			return sent;
		if (!oldest)
			oldest = sent;
	}
	return oldest;
}

struct sent *sent_find(const struct session *session, const char *who, const char *text)
{
	const char *normal = purple_normalize(session->account, who);
	LIST_EACH (&session->sent, node) {
		struct sent *sent = LIST_ITEM(node, struct sent, node);
		if (!strcmp(sent->who, normal) && (!text || !strcmp(sent->text, text)))
			return sent;
	}
	return NULL;
}

struct sent *sent_named_in(const struct session *session, const char *words)
{
	LIST_EACH (&session->sent, node) {
		struct sent *sent = LIST_ITEM(node, struct sent, node);
		if (strstr(words, sent->who) || strstr(words, sent->peer))
			return sent;
	}
	return NULL;
}
