/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/sent.h"

#include <stdlib.h>
#include <string.h>

#include "kit/kit.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

enum {
	WAIT_MS = 1500, /* for an error */
	MOST = 256,     /* that wait; above that the oldest counts as done */
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

static void pass(struct session *session, struct sent *sent)
{
	if (sent->to_room && sent_not_echoed)
		sent_not_echoed(session, sent);
	sent_end(session, sent, S2_DONE, NULL);
}

static void time_passed(void *arg)
{
	struct session *session = arg;
	uint64_t now = loop_now(kit_loop());
	while (!list_empty(&session->sent)) {
		struct sent *first = LIST_ITEM(session->sent.next, struct sent, node);
		if (first->until_ms > now) {
			timer_start(session->sent_timer, first->until_ms - now, 0);
			return;
		}
		pass(session, first);
	}
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

void sent_new(struct session *session, const struct s2_message *message, const char *who, bool to_room)
{
	struct sent *sent = mem_new(sizeof *sent);
	sent->id = mem_strdup(message->id);
	sent->peer = mem_strdup(message->peer);
	sent->who = mem_strdup(purple_normalize(session->account, who));
	sent->text = mem_strdup(message->body ? message->body : "");
	sent->until_ms = loop_now(kit_loop()) + WAIT_MS;
	sent->to_room = to_room;
	if (session->sent_count == MOST)
		pass(session, LIST_ITEM(session->sent.next, struct sent, node));
	list_append(&session->sent, &sent->node);
	session->sent_count++;
	if (!timer_running(session->sent_timer))
		timer_start(session->sent_timer, WAIT_MS, 0);
}

struct sent *sent_with_id(const struct session *session, const char *id)
{
	LIST_EACH (&session->sent, node) {
		struct sent *sent = LIST_ITEM(node, struct sent, node);
		if (!strcmp(sent->id, id))
			return sent;
	}
	return NULL;
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
