/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kit/held.h"

#include <stdlib.h>
#include <string.h>

#include "kit/receive.h"
#include "kit/send.h"
#include "kit/state.h"
#include "kit/user.h"
#include "lib/base/str.h"

#define HELD_MOST 64 /* of one user */

/* The frame as bytes: a copy of everything that it points to. */
struct held {
	struct list node; /* in the order of coming */
	char *user, *about, *peer;
	char *network_id;
	bool ready;
	struct str bytes;
};

static struct list held_frames = LIST_INIT(held_frames);
static struct deferred release;

static void held_free(struct held *held)
{
	list_remove(&held->node);
	free(held->user);
	free(held->about);
	free(held->peer);
	free(held->network_id);
	str_fini(&held->bytes);
	free(held);
}

/* The id of the message that the frame is about; its place in the frame. */
static const char **about_of(struct wire_frame *frame)
{
	if (frame->type == WIRE_ANNOTATION)
		return &frame->annotation.target;
	return frame->message.replaces ? &frame->message.replaces : &frame->message.reply_to;
}

static const char *peer_of(const struct wire_frame *frame)
{
	return frame->type == WIRE_ANNOTATION ? frame->annotation.peer : frame->message.peer;
}

static bool read_frame(struct arena *arena, const struct held *held, struct wire_frame *frame)
{
	const char *error;
	size_t used;
	return wire_read(arena, held->bytes.data, held->bytes.len, WIRE_TO_BACKEND, &used, frame, &error) == WIRE_OK;
}

static unsigned count_of(const struct s2_user *user)
{
	unsigned count = 0;
	LIST_EACH (&held_frames, node)
		count += !strcmp(LIST_ITEM(node, struct held, node)->user, user->jid);
	return count;
}

bool kit_hold(struct s2_user *user, const struct wire_frame *in)
{
	struct wire_frame frame = *in;
	const char *about = *about_of(&frame);
	struct pending *pending = about ? kit_pending_find(user, about, peer_of(in)) : NULL;
	if (!pending || !pending->owned || strcmp(pending->peer, peer_of(in)) != 0 || count_of(user) >= HELD_MOST)
		return false;
	struct held *held = mem_new(sizeof *held);
	if (!wire_write(&held->bytes, WIRE_TO_BACKEND, true, in)) {
		free(held);
		return false;
	}
	held->user = mem_strdup(user->jid);
	held->about = mem_strdup(about);
	held->peer = mem_strdup(peer_of(in));
	list_append(&held_frames, &held->node);
	return true;
}

static struct held *first_ready(void)
{
	LIST_EACH (&held_frames, node) {
		struct held *held = LIST_ITEM(node, struct held, node);
		if (held->ready)
			return held;
	}
	return NULL;
}

/* Out of the backend's own call. What the backend does with one frame may end the user, and with him the others. */
static void release_ready(void *arg)
{
	for (struct held *held; (held = first_ready()) != NULL;) {
		struct arena arena = {0};
		struct wire_frame frame = {0};
		bool readable = read_frame(&arena, held, &frame);
		if (readable && held->network_id)
			*about_of(&frame) = arena_strdup(&arena, held->network_id);
		held_free(held);
		if (readable)
			kit_receive(&frame);
		arena_fini(&arena);
	}
}

void kit_held_named(struct s2_user *user, const char *id, const char *peer, const char *network_id)
{
	LIST_EACH (&held_frames, node) {
		struct held *held = LIST_ITEM(node, struct held, node);
		if (held->ready || strcmp(held->about, id) != 0 || strcmp(held->user, user->jid) != 0 ||
		    strcmp(held->peer, peer) != 0)
			continue;
		held->ready = true;
		held->network_id = mem_strdup(text_or_null(network_id));
		loop_defer(kit.loop, &release, release_ready, NULL);
	}
}

void kit_held_drop(struct s2_user *user)
{
	LIST_EACH (&held_frames, node) {
		struct held *held = LIST_ITEM(node, struct held, node);
		struct arena arena = {0};
		struct wire_frame frame = {0};
		if (strcmp(held->user, user->jid) != 0)
			continue;
		if (read_frame(&arena, held, &frame)) {
			const char *id = frame.type == WIRE_ANNOTATION ? frame.annotation.id : frame.message.id;
			if (id)
				kit_send_result(user->jid, id, held->peer, S2_RECIPIENT_UNAVAILABLE,
				                "The session with the network ended before the message was confirmed.");
		}
		held_free(held);
		arena_fini(&arena);
	}
}
