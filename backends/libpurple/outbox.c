/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "backends/libpurple/turn.h"
#include "kit/kit.h"
#include "kit/throttle.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

enum { MOST_PIECES = 4000, MOST_BYTES = 4 << 20 };

struct outbox {
	struct throttle throttle;
	struct timer *timer;
};

/* One that waits, on an arena of its own. */
struct waiting {
	struct arena arena;
	struct s2_message message;
	void (*deliver)(struct session *, const struct s2_message *);
};

static void waiting_free(struct waiting *waiting)
{
	if (!waiting)
		return;
	struct arena arena = waiting->arena;
	arena_fini(&arena);
}

static struct waiting *waiting_new(const struct s2_message *message)
{
	struct arena arena = {0};
	struct waiting *waiting = arena_alloc(&arena, sizeof *waiting);
	waiting->message = (struct s2_message){
	    .peer = arena_strdup(&arena, message->peer),
	    .nickname = arena_strdup(&arena, message->nickname),
	    .body = arena_strdup(&arena, message->body),
	    .xhtml = arena_strdup(&arena, message->xhtml),
	    .id = arena_strdup(&arena, message->id),
	    .private_ = message->private_,
	};
	waiting->arena = arena;
	return waiting;
}

static void flush(void *arg)
{
	struct session *session = arg;
	struct outbox *outbox = session->outbox;
	uint64_t now = loop_now(kit_loop()), before = turn_take(session->number);
	struct throttle_item *item;
	while (session_is_online(session) && (item = throttle_take(&outbox->throttle, now)) != NULL) {
		struct waiting *waiting = item->token;
		if (waiting)
			waiting->deliver(session, &waiting->message);
		waiting_free(waiting);
		free(item);
	}
	uint64_t wait = throttle_wait_ms(&outbox->throttle, now);
	if (session_is_online(session) && wait != UINT64_MAX)
		timer_start(outbox->timer, wait, 0);
	turn_give_back(before);
}

/* Each line is sent as a message of its own. */
static size_t count_lines(const char *body)
{
	size_t lines = 1;
	for (const char *at = body; (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	return lines;
}

void outbox_put(struct session *session, const struct s2_message *message,
                void (*deliver)(struct session *, const struct s2_message *))
{
	struct outbox *outbox = session->outbox;
	if (!outbox->throttle.interval_ms) {
		deliver(session, message);
		return;
	}
	struct waiting *waiting = waiting_new(message);
	waiting->deliver = deliver;
	if (!throttle_push(&outbox->throttle, message->body, message->body ? strlen(message->body) : 0, waiting)) {
		waiting_free(waiting);
		s2_message_result(session->s2, message->id, message->peer, S2_RESOURCE_CONSTRAINT,
		                  "Too many messages wait for the network. Send it again later.");
		return;
	}
	for (size_t lines = message->body ? count_lines(message->body) : 1; lines > 1; lines--)
		throttle_push(&outbox->throttle, "", 0, NULL);
	if (!timer_running(outbox->timer))
		flush(session);
}

void outbox_online(struct session *session)
{
	if (strcmp(purple_account_get_protocol_id(session->account), "prpl-irc"))
		return;
	int burst = purple_account_get_int(session->account, "ratelimit-burst", 5);
	int seconds = purple_account_get_int(session->account, "ratelimit-interval", 2);
	throttle_set_rate(&session->outbox->throttle, burst > 0 ? (unsigned)burst : 1,
	                  seconds > 0 ? (uint64_t)seconds * 1000 : 0, loop_now(kit_loop()));
	throttle_limit(&session->outbox->throttle, MOST_PIECES, MOST_BYTES);
}

void outbox_init(struct session *session)
{
	session->outbox = mem_new(sizeof *session->outbox);
	throttle_init(&session->outbox->throttle, 1, 0, loop_now(kit_loop()));
	session->outbox->timer = timer_new(kit_loop(), flush, session);
}

void outbox_forget(struct session *session)
{
	struct throttle_item *item;
	while ((item = throttle_drop(&session->outbox->throttle)) != NULL) {
		waiting_free(item->token);
		free(item);
	}
	throttle_fini(&session->outbox->throttle);
	timer_free(&session->outbox->timer);
	free(session->outbox);
	session->outbox = NULL;
}
