/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is said in rooms, and in private to their occupants. A room's message has two names: the id that its author
 * chose, by which it is corrected, and the room's own (XEP-0359), by which others react to it, answer it or take it
 * away. Towards the main process it has the room's own, if there is one. */
#include <stdlib.h>
#include <string.h>

#include "backends/xmpp/iq.h"
#include "backends/xmpp/outbox.h"
#include "backends/xmpp/room.h"
#include "lib/base/clock.h"
#include "lib/base/str.h"
#include "lib/xmpp/ns.h"
#include "lib/xmpp/stanza.h"

#define OPTIONS (CONTENT_XHTML | CONTENT_REPLIES | CONTENT_FILES)
#define MOST_SAID 64 /* messages of a room whose two names are known */

/* ---- Names of messages ---- */

void room_forget_said(struct room *room)
{
	for (size_t i = 0; room->said && i < MOST_SAID; i++) {
		free(room->said[i].id);
		free(room->said[i].stanza_id);
	}
	free(room->said);
	room->said = NULL;
}

static void remember(struct room *room, const char *id, const char *stanza_id)
{
	if (text_empty(id) && text_empty(stanza_id))
		return;
	if (!room->said)
		room->said = mem_new(MOST_SAID * sizeof *room->said);
	struct said *said = &room->said[room->said_next++ % MOST_SAID];
	mem_replace(&said->id, id);
	mem_replace(&said->stanza_id, text_empty(stanza_id) ? id : stanza_id);
}

/* Of history that comes after a break. */
static bool is_known(const struct room *room, const char *name)
{
	for (size_t i = 0; name && room->said && i < MOST_SAID; i++)
		if (text_equal(room->said[i].stanza_id, name))
			return true;
	return false;
}

/* The room's name for the message with this id, or the id itself. */
static const char *name_of(const struct room *room, const char *id)
{
	for (size_t i = 0; id && room->said && i < MOST_SAID; i++)
		if (text_equal(room->said[i].id, id))
			return room->said[i].stanza_id;
	return id;
}

static const char *id_of(const struct room *room, const char *name)
{
	for (size_t i = 0; name && room->said && i < MOST_SAID; i++)
		if (text_equal(room->said[i].stanza_id, name))
			return room->said[i].id;
	return name;
}

static const char *stanza_id(const struct element *stanza, const char *by)
{
	const struct element *id = element_child(stanza, "stanza-id", NS_STANZA_ID);
	while (id && !text_equal(element_get(id, "by"), by))
		id = element_next(id, "stanza-id", NS_STANZA_ID);
	return id ? text_or_null(element_get(id, "id")) : NULL;
}

/* ---- Coming ---- */

static const char *nick_of(struct arena *arena, const char *jid)
{
	struct jid parsed;
	return jid && jid_parse(arena, jid, &parsed) ? text_or_null(parsed.resource) : NULL;
}

static void take_subject(struct user *user, struct room *room, const char *nick, const struct element *stanza,
                         const char *subject)
{
	const char *id = element_get(stanza, "id");
	if (text_equal(nick, room->nick) && id)
		talk_shown(user, room->jid, id, NULL);
	s2_room_subject(user->s2, &(struct s2_message){
	                              .peer = room->jid, .nickname = nick, .body = subject, .time = talk_time(stanza)});
}

static void take_words(struct user *user, struct arena *arena, struct room *room, const char *nick,
                       const struct element *stanza, const struct content *content)
{
	const char *id = element_get(stanza, "id"), *name = stanza_id(stanza, room->jid);
	bool late = element_child(stanza, "delay", NS_DELAY) != NULL, own = text_equal(nick, room->nick) && !late;
	if (late && is_known(room, name ? name : id))
		return;
	struct s2_message message = {.peer = room->jid, .nickname = nick, .own_id = own ? id : NULL};
	talk_fill(&message, content, stanza, talk_time(stanza));
	message.id = name ? name : id;
	message.replaces = name_of(room, content->replaces);
	message.reply_author = nick_of(arena, content->reply_jid);
	message.want_marker = false;
	/* A correction goes by the names of the first version. */
	if (!content->replaces)
		remember(room, id, name);
	room->last_ms = message.time ? message.time : clock_wall_ms();
	s2_message(user->s2, &message);
	if (own && id)
		talk_shown(user, room->jid, id, name);
}

/* A moderator's act comes from the room itself (XEP-0425). */
static void take_annotation(struct user *user, struct arena *arena, struct room *room, const char *nick,
                            const struct element *stanza, const struct content *content)
{
	const char *id = element_get(stanza, "id"), *name = stanza_id(stanza, room->jid);
	const struct element *retract = element_child(stanza, "retract", NS_RETRACT);
	const struct element *moderated = element_child(retract, "moderated", NS_MODERATE);
	struct s2_annotation annotation = {.peer = room->jid, .nickname = nick};
	talk_fill_annotation(&annotation, content, stanza, talk_time(stanza));
	annotation.id = name ? name : id;
	annotation.target = name_of(room, annotation.target);
	if (moderated && nick)
		return; /* only the room may say so */
	annotation.moderated = moderated != NULL;
	annotation.actor = nick_of(arena, element_get(moderated, "by"));
	annotation.reason = text_or_null(element_child_text(arena, retract, "reason", NULL));
	s2_annotation(user->s2, &annotation);
	if (text_equal(nick, room->nick) && id)
		talk_shown(user, room->jid, id, name);
}

/* Something about the room itself is another. */
static bool is_news(const struct element *stanza)
{
	const struct element *x = element_child(stanza, "x", NS_MUC_USER);
	const struct element *status = element_child(x, "status", NS_MUC_USER);
	while (status && !text_equal(element_get(status, "code"), "104"))
		status = element_next(status, "status", NS_MUC_USER);
	return status != NULL;
}

bool room_message(struct user *user, struct arena *arena, const struct jid *from, const struct element *stanza)
{
	struct room *room = room_find(user, from->bare);
	struct content content;
	const char *nick = text_or_null(from->resource);
	if (!text_equal(element_get(stanza, "type"), "groupchat"))
		return false;
	if (!room || room->state == ROOM_LEAVING)
		return true;
	content_read(&content, arena, stanza, OPTIONS);
	if (!nick && is_news(stanza))
		room_fetch_info(user, room);
	if (content_is_annotation(&content))
		take_annotation(user, arena, room, nick, stanza, &content);
	else if (content.subject && !content.body)
		take_subject(user, room, nick, stanza, content.subject);
	else if (content.body || content.attachment_count)
		take_words(user, arena, room, nick, stanza, &content);
	return true;
}

bool room_private(struct user *user, struct arena *arena, const struct jid *from, const struct element *stanza,
                  const struct origin *origin)
{
	struct room *room = room_find(user, from->bare);
	struct content content;
	if (!room || !*from->resource)
		return false;
	content_read(&content, arena, stanza, OPTIONS);
	if (content_is_annotation(&content)) {
		struct s2_annotation annotation = {.peer = room->jid, .nickname = from->resource, .private_ = true};
		talk_fill_annotation(&annotation, &content, stanza, origin->time);
		s2_annotation(user->s2, &annotation);
	} else if (content.body || content.attachment_count) {
		struct s2_message message = {.peer = room->jid, .nickname = from->resource, .private_ = true};
		talk_fill(&message, &content, stanza, origin->time);
		message.reply_author = nick_of(arena, content.reply_jid);
		s2_message(user->s2, &message);
	}
	return true;
}

void room_error(struct user *user, struct arena *arena, const struct jid *from, const struct element *stanza)
{
	struct room *room = room_find(user, from->bare);
	if (!room || *from->resource || room->state != ROOM_JOINED ||
	    stanza_error(arena, stanza, NULL) != S2_NOT_ACCEPTABLE)
		return;
	/* The room does not know us any more, and nobody told: in again. */
	const char *nick = arena_strdup(arena, room->nick);
	room_lose(user, room, nick, S2_REMOTE_SERVER_TIMEOUT, "The room has lost you. Join it again.");
}

/* ---- Going ---- */

static void refuse(struct user *user, const char *id, const char *peer, enum s2_condition condition, const char *text)
{
	s2_message_result(user->s2, id, peer, condition, text);
}

static struct room *joined(struct user *user, const char *id, const char *peer)
{
	struct room *room = room_find(user, peer);
	if (room && room->state == ROOM_JOINED)
		return room;
	refuse(user, id, peer, S2_NOT_ACCEPTABLE, "You are not in this room.");
	return NULL;
}

static const char *jid_of(struct arena *arena, const struct room *room, const char *nick)
{
	return text_empty(nick) ? NULL : arena_printf(arena, "%s/%s", room->jid, nick);
}

static void write_origin_id(struct writer *writer, const char *id)
{
	xml_open(writer, "origin-id", NS_STANZA_ID);
	xml_attr(writer, "id", id);
	xml_close(writer);
}

void room_say(struct user *user, struct arena *arena, const struct s2_message *message)
{
	struct room *room = joined(user, message->id, message->peer);
	struct s2_message whole = *message, piece;
	if (!room)
		return;
	const char *to = message->private_ ? jid_of(arena, room, message->nickname) : room->jid;
	if (!to) {
		refuse(user, message->id, message->peer, S2_BAD_REQUEST, NULL);
		return;
	}
	if (!message->private_)
		whole.replaces = id_of(room, message->replaces);
	for (unsigned part = 0; content_part(arena, &whole, part, false, &piece); part++) {
		struct writer *writer = talk_open(user, message->private_ ? "chat" : "groupchat", to, piece.id);
		content_write(writer, arena, &piece, jid_of(arena, room, message->reply_author), CONTENT_XHTML);
		write_origin_id(writer, piece.id);
		if (message->private_)
			xml_empty(writer, "x", NS_MUC_USER);
		if (part)
			user_send(user, NULL);
		else
			talk_send(user, message->id, message->peer, !message->private_);
	}
}

/* A moderator's retraction is a request to the room (XEP-0425). */
static void on_moderated(struct user *user, void *arg, struct arena *arena, const struct element *iq)
{
	char *id = arg, *peer = id + strlen(id) + 1;
	const char *words = NULL;
	if (iq_is_result(iq))
		refuse(user, id, peer, S2_DONE, NULL);
	else if (iq)
		refuse(user, id, peer, stanza_error(arena, iq, &words), words);
	else
		refuse(user, id, peer, S2_REMOTE_SERVER_TIMEOUT, "The room does not answer.");
	free(id);
}

static void moderate(struct user *user, const struct room *room, const struct s2_annotation *annotation)
{
	size_t id_bytes = strlen(annotation->id) + 1, peer_bytes = strlen(room->jid) + 1;
	char *names = mem_new(id_bytes + peer_bytes);
	memcpy(names, annotation->id, id_bytes);
	memcpy(names + id_bytes, room->jid, peer_bytes);
	struct writer *writer = iq_open(user, "set", room->jid, on_moderated, names);
	xml_open(writer, "moderate", NS_MODERATE);
	xml_attr(writer, "id", annotation->target);
	xml_empty(writer, "retract", NS_RETRACT);
	xml_leaf(writer, "reason", NULL, text_or_null(annotation->reason));
	xml_close(writer);
	iq_send(user);
}

void room_annotate(struct user *user, struct arena *arena, const struct s2_annotation *annotation)
{
	struct room *room = joined(user, annotation->id, annotation->peer);
	if (!room)
		return;
	if (annotation->moderated) {
		moderate(user, room, annotation);
		return;
	}
	const char *to = annotation->private_ ? jid_of(arena, room, annotation->nickname) : room->jid;
	if (!to) {
		refuse(user, annotation->id, annotation->peer, S2_BAD_REQUEST, NULL);
		return;
	}
	struct writer *writer = talk_open(user, annotation->private_ ? "chat" : "groupchat", to, annotation->id);
	content_write_annotation(writer, annotation, false, NULL);
	write_origin_id(writer, annotation->id);
	if (annotation->private_)
		xml_empty(writer, "x", NS_MUC_USER);
	talk_send(user, annotation->id, annotation->peer, !annotation->private_);
}

void room_set_subject(struct user *user, const struct s2_message *message)
{
	struct room *room = joined(user, message->id, message->peer);
	if (!room)
		return;
	struct writer *writer = talk_open(user, "groupchat", room->jid, message->id);
	xml_leaf(writer, "subject", NULL, message->body ? message->body : "");
	talk_send(user, message->id, message->peer, true);
}
