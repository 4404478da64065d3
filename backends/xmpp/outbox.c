/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/xmpp/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "backends/xmpp/talk.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

enum {
	WAIT_MS = 20000,  /* for a session */
	SHOWN_MS = 30000, /* for a room to show what the server has got */
	MOST_WAITING = 200,
	MOST_KNOWN = 16, /* ids that an error may still come for */
};

struct sent {
	struct list node;  /* of user->sent, until its end was told */
	uint64_t until_ms; /* 0 = not timed */
	bool in_room;
	bool ended;
	bool unacked; /* it is a token of the client's */
	const char *peer;
	char id[];
};

/* ---- Sent ---- */

struct sent *outbox_add(struct user *user, const char *id, const char *peer, bool in_room)
{
	size_t id_bytes = strlen(id) + 1, peer_bytes = strlen(peer) + 1;
	struct sent *sent = mem_new(sizeof *sent + id_bytes + peer_bytes);
	memcpy(sent->id, id, id_bytes);
	sent->peer = memcpy(sent->id + id_bytes, peer, peer_bytes);
	sent->in_room = in_room;
	sent->unacked = true;
	list_append(&user->sent, &sent->node);
	return sent;
}

/* The last few ids of what was confirmed: someone far away may still refuse it. */
static void remember(struct user *user, const char *id)
{
	if (!user->known_ids)
		user->known_ids = mem_new(MOST_KNOWN * sizeof *user->known_ids);
	user->known_ids[user->known_next++ % MOST_KNOWN] = hash_bytes(id, strlen(id));
}

bool outbox_was_sent(const struct user *user, const char *id)
{
	uint64_t hash = hash_bytes(id, strlen(id));
	for (size_t i = 0; user->known_ids && i < MOST_KNOWN; i++)
		if (user->known_ids[i] == hash)
			return true;
	return false;
}

static void end(struct user *user, struct sent *sent, enum s2_condition condition, const char *text,
                const char *network_id)
{
	list_remove(&sent->node);
	sent->ended = true;
	if (condition == S2_DONE) {
		remember(user, sent->id);
		s2_message_done(user->s2, sent->id, sent->peer, network_id ? network_id : sent->id);
	} else {
		s2_message_result(user->s2, sent->id, sent->peer, condition, text);
	}
	if (!sent->unacked)
		free(sent);
}

void outbox_refuse(struct user *user, struct sent *sent)
{
	sent->unacked = false;
	end(user, sent, S2_RESOURCE_CONSTRAINT, "Your XMPP server does not keep up. Try again in a while.", NULL);
}

static struct sent *find(struct user *user, const char *id, const char *peer)
{
	LIST_EACH (&user->sent, node) {
		struct sent *sent = LIST_ITEM(node, struct sent, node);
		if (!strcmp(sent->id, id) && (!peer || !strcmp(sent->peer, peer)))
			return sent;
	}
	return NULL;
}

bool outbox_end(struct user *user, const char *id, const char *peer, enum s2_condition condition, const char *text)
{
	struct sent *sent = find(user, id, peer);
	if (sent)
		end(user, sent, condition, text, NULL);
	return sent != NULL;
}

void talk_shown(struct user *user, const char *room, const char *id, const char *network_id)
{
	struct sent *sent = find(user, id, room);
	if (sent)
		end(user, sent, S2_DONE, NULL, network_id);
}

void talk_acked(struct user *user, void *token)
{
	struct sent *sent = token;
	sent->unacked = false;
	if (sent->ended)
		free(sent);
	else if (sent->in_room)
		sent->until_ms = user_now() + SHOWN_MS;
	else
		end(user, sent, S2_DONE, NULL, NULL);
}

void talk_dropped(struct user *user, void *token)
{
	struct sent *sent = token;
	sent->unacked = false;
	if (sent->ended)
		free(sent);
	else
		end(user, sent, S2_REMOTE_SERVER_TIMEOUT,
		    "The connection broke before your XMPP server confirmed the message. It may have arrived.", NULL);
}

/* ---- Waiting ---- */

static void copy_message(struct waiting *waiting, const struct s2_message *from)
{
	struct arena *arena = &waiting->arena;
	struct s2_message *to = &waiting->message;
	const char **const texts[] = {&to->peer,   &to->nickname, &to->body,     &to->xhtml,        &to->id,
	                              &to->own_id, &to->replaces, &to->reply_to, &to->reply_author, &to->reply_text};
	*to = *from;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		*texts[i] = arena_strdup(arena, *texts[i]);
	struct s2_attachment *files = arena_alloc(arena, from->attachment_count * sizeof *files);
	for (size_t i = 0; i < from->attachment_count; i++) {
		files[i] = from->attachments[i];
		files[i].url = arena_strdup(arena, files[i].url);
		files[i].mime_type = arena_strdup(arena, files[i].mime_type);
		files[i].description = arena_strdup(arena, files[i].description);
		files[i].name = arena_strdup(arena, files[i].name);
		files[i].sha256 = arena_strdup(arena, files[i].sha256);
	}
	to->attachments = files;
}

static void copy_annotation(struct waiting *waiting, const struct s2_annotation *from)
{
	struct arena *arena = &waiting->arena;
	struct s2_annotation *to = &waiting->annotation;
	const char **const texts[] = {&to->peer, &to->nickname, &to->id, &to->target, &to->reason, &to->actor};
	*to = *from;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		*texts[i] = arena_strdup(arena, *texts[i]);
	const char **reactions = arena_alloc(arena, from->reaction_count * sizeof *reactions);
	for (size_t i = 0; i < from->reaction_count; i++)
		reactions[i] = arena_strdup(arena, from->reactions[i]);
	to->reactions = reactions;
}

bool outbox_wait(struct user *user, enum waiting_kind kind, const void *word)
{
	if (user->waiting_count >= MOST_WAITING)
		return false;
	struct waiting *waiting = mem_new(sizeof *waiting);
	waiting->kind = kind;
	waiting->until_ms = user_now() + WAIT_MS;
	if (kind == WAITING_ANNOTATION)
		copy_annotation(waiting, word);
	else
		copy_message(waiting, word);
	list_append(&user->waiting, &waiting->node);
	user->waiting_count++;
	return true;
}

struct waiting *outbox_next(struct user *user)
{
	if (list_empty(&user->waiting))
		return NULL;
	struct waiting *waiting = LIST_ITEM(user->waiting.next, struct waiting, node);
	list_remove(&waiting->node);
	user->waiting_count--;
	return waiting;
}

void outbox_release(struct waiting *waiting)
{
	arena_fini(&waiting->arena);
	free(waiting);
}

static void give_up(struct user *user)
{
	struct waiting *waiting = outbox_next(user);
	bool message = waiting->kind != WAITING_ANNOTATION;
	s2_message_result(user->s2, message ? waiting->message.id : waiting->annotation.id,
	                  message ? waiting->message.peer : waiting->annotation.peer, S2_RECIPIENT_UNAVAILABLE,
	                  "There is no connection to your XMPP server at the moment.");
	outbox_release(waiting);
}

void talk_tick(struct user *user, uint64_t now)
{
	while (!list_empty(&user->waiting) && LIST_ITEM(user->waiting.next, struct waiting, node)->until_ms <= now)
		give_up(user);
	LIST_EACH (&user->sent, node) {
		struct sent *sent = LIST_ITEM(node, struct sent, node);
		if (sent->until_ms && sent->until_ms <= now)
			end(user, sent, S2_REMOTE_SERVER_TIMEOUT, "The room has not shown the message.", NULL);
	}
}

void talk_free(struct user *user)
{
	while (!list_empty(&user->waiting))
		give_up(user);
	while (!list_empty(&user->sent)) {
		struct sent *sent = LIST_ITEM(user->sent.next, struct sent, node);
		end(user, sent, S2_RECIPIENT_UNAVAILABLE, "The session ended before the message was confirmed.", NULL);
	}
	free(user->known_ids);
}
