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

/* One that waits, on an arena of its own: a message or a join. */
struct waiting {
	struct arena arena;
	struct s2_message message;
	void (*deliver)(struct session *, const struct s2_message *);
	struct s2_room room;
	void (*join)(struct session *, const struct s2_room *);
};

static void waiting_free(struct waiting *waiting)
{
	if (!waiting)
		return;
	struct arena arena = waiting->arena;
	arena_fini(&arena);
}

static struct waiting *waiting_new(const struct s2_message *message, const struct s2_room *room)
{
	struct arena arena = {0};
	struct waiting *waiting = arena_alloc(&arena, sizeof *waiting);
	if (message)
		waiting->message = (struct s2_message){
		    .peer = arena_strdup(&arena, message->peer),
		    .nickname = arena_strdup(&arena, message->nickname),
		    .body = arena_strdup(&arena, message->body),
		    .xhtml = arena_strdup(&arena, message->xhtml),
		    .id = arena_strdup(&arena, message->id),
		    .private_ = message->private_,
		};
	if (room)
		waiting->room = (struct s2_room){.name = arena_strdup(&arena, room->name),
		                                 .nickname = arena_strdup(&arena, room->nickname),
		                                 .password = arena_strdup(&arena, room->password)};
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
		if (waiting && waiting->deliver)
			waiting->deliver(session, &waiting->message);
		else if (waiting)
			waiting->join(session, &waiting->room);
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

/* It costs `pieces` of the rate. False if too many wait. */
static bool put(struct session *session, struct waiting *waiting, const char *text, size_t pieces)
{
	struct outbox *outbox = session->outbox;
	if (!throttle_push(&outbox->throttle, text, text ? strlen(text) : 0, waiting)) {
		waiting_free(waiting);
		return false;
	}
	while (pieces-- > 1)
		throttle_push(&outbox->throttle, "", 0, NULL);
	if (!timer_running(outbox->timer))
		flush(session);
	return true;
}

void outbox_put(struct session *session, const struct s2_message *message,
                void (*deliver)(struct session *, const struct s2_message *))
{
	if (!session->outbox->throttle.interval_ms) {
		deliver(session, message);
		return;
	}
	struct waiting *waiting = waiting_new(message, NULL);
	waiting->deliver = deliver;
	if (!put(session, waiting, message->body, message->body ? count_lines(message->body) : 1))
		s2_message_result(session->s2, message->id, message->peer, S2_RESOURCE_CONSTRAINT,
		                  "Too many messages wait for the network. Send it again later.");
}

void outbox_put_join(struct session *session, const struct s2_room *room,
                     void (*join)(struct session *, const struct s2_room *))
{
	if (!session->outbox->throttle.interval_ms) {
		join(session, room);
		return;
	}
	struct waiting *waiting = waiting_new(NULL, room);
	waiting->join = join;
	/* The plugin asks who is there, too. */
	if (!put(session, waiting, NULL, 2))
		s2_room_error(session->s2, room->name, room->nickname, S2_RESOURCE_CONSTRAINT,
		              "Too much waits for the network. Join again later.");
}

void outbox_set_rate(struct session *session)
{
	if (strcmp(purple_account_get_protocol_id(session->account), "prpl-irc"))
		return;
	int burst = purple_account_get_int(session->account, "ratelimit-burst", 5);
	int seconds = purple_account_get_int(session->account, "ratelimit-interval", 2);
	throttle_set_rate(&session->outbox->throttle, burst > 0 ? (unsigned)burst : 1,
	                  seconds > 0 ? (uint64_t)seconds * 1000 : 0, loop_now(kit_loop()));
	throttle_limit(&session->outbox->throttle, MOST_PIECES, MOST_BYTES);
	purple_account_set_int(session->account, "ratelimit-interval", 0);
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
