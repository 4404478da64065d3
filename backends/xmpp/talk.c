/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/xmpp/talk.h"

#include <stdlib.h>
#include <string.h>

#include "backends/xmpp/outbox.h"
#include "backends/xmpp/archive.h"
#include "backends/xmpp/card.h"
#include "backends/xmpp/room.h"
#include "backends/xmpp/roster.h"
#include "lib/base/clock.h"
#include "lib/base/str.h"
#include "lib/xmpp/ns.h"
#include "lib/xmpp/stanza.h"

#define OPTIONS (CONTENT_XHTML | CONTENT_REPLIES | CONTENT_FILES)
#define OWN_ID "s2-" /* of messages that nobody waits for */

int64_t talk_time(const struct element *stanza)
{
	const struct element *delay = element_child(stanza, "delay", NS_DELAY);
	const char *stamp = element_get(delay, "stamp");
	return stamp ? clock_parse(stamp) : 0;
}

/* ---- Coming ---- */

void talk_fill(struct s2_message *message, const struct content *content, const struct element *stanza, int64_t time)
{
	message->body = content->body ? content->body : "";
	message->xhtml = content->xhtml;
	message->id = element_get(stanza, "id");
	message->time = time;
	message->attachments = content->attachments;
	message->attachment_count = content->attachment_count;
	message->replaces = content->replaces;
	message->reply_to = content->reply_to;
	message->reply_text = content->reply_text;
	message->want_marker = content->want_marker;
}

void talk_fill_annotation(struct s2_annotation *annotation, const struct content *content, const struct element *stanza,
                          int64_t time)
{
	annotation->id = element_get(stanza, "id");
	annotation->time = time;
	if (content->retracted) {
		annotation->kind = S2_RETRACTION;
		annotation->target = content->retracted;
	} else if (content->reacted) {
		annotation->kind = S2_REACTION;
		annotation->target = content->reacted;
		annotation->reactions = content->reactions;
		annotation->reaction_count =
		    content->reaction_count < CONTENT_REACTIONS ? content->reaction_count : CONTENT_REACTIONS;
	} else {
		annotation->kind = S2_DISPLAYED;
		annotation->target = content->displayed;
	}
}

static const char *author_of(struct user *user, struct arena *arena, const char *jid)
{
	struct jid parsed;
	if (!jid || !jid_parse(arena, jid, &parsed))
		return NULL;
	return strcmp(parsed.bare, client_bare_jid(user->client)) ? parsed.bare : s2_user_name(user->s2);
}

/* Whoever asked wants to know that it arrived, and the main process loses nothing. */
static void send_receipt(struct user *user, const char *to, const char *id)
{
	struct writer *writer = talk_open(user, "chat", to, OWN_ID "r");
	xml_open(writer, "received", NS_RECEIPTS);
	xml_attr(writer, "id", id);
	xml_close(writer);
	user_send(user, NULL);
}

static void take_receipt(struct user *user, const char *peer, const struct element *received)
{
	const char *id = element_get(received, "id");
	if (text_empty(id))
		return;
	outbox_end(user, id, peer, S2_DONE, NULL);
	s2_message_received(user->s2, peer, id);
}

/* Words, or a file. */
static void take_message(struct user *user, struct arena *arena, const struct element *stanza,
                         const struct content *content, const struct jid *from, const char *peer, bool own,
                         const struct origin *origin)
{
	struct s2_message message = {
	    .peer = peer, .carbon = own, .headline = text_equal(element_get(stanza, "type"), "headline")};
	talk_fill(&message, content, stanza, origin->time);
	message.reply_author = author_of(user, arena, content->reply_jid);
	if (!text_empty(content->subject))
		message.body = arena_printf(arena, "%s\n%s", content->subject, message.body);
	s2_message(user->s2, &message);
	if (content->want_receipt && message.id && !own && !origin->copied && !origin->archived &&
	    roster_trusts(user, peer))
		send_receipt(user, from->full, message.id);
}

/* A message of one person to another, one of whom is the user. */
static void take_chat(struct user *user, struct arena *arena, const struct element *stanza, const struct jid *from,
                      const char *peer, bool own, const struct origin *origin)
{
	struct content content;
	const struct element *received = element_child(stanza, "received", NS_RECEIPTS);
	content_read(&content, arena, stanza, OPTIONS);
	if (received && !own)
		take_receipt(user, peer, received);
	if (content_is_annotation(&content)) {
		struct s2_annotation annotation = {.peer = peer, .carbon = own};
		talk_fill_annotation(&annotation, &content, stanza, origin->time);
		s2_annotation(user->s2, &annotation);
	} else if (content.attention && !own) {
		s2_attention(user->s2, peer, content.body);
	} else if (content.body || content.attachment_count) {
		take_message(user, arena, stanza, &content, from, peer, own, origin);
	} else if (content.typing >= 0 && !own && !origin->time && !origin->archived) {
		s2_typing(user->s2, peer, (enum s2_typing)content.typing);
	}
}

/* What we sent did not arrive. If its result was told already, the user reads it in the conversation. */
static void take_error(struct user *user, struct arena *arena, const struct element *stanza, const struct jid *from)
{
	const char *id = element_get(stanza, "id"), *words = NULL;
	enum s2_condition condition = stanza_error(arena, stanza, &words);
	if (text_empty(id) || !strncmp(id, OWN_ID, strlen(OWN_ID)))
		return;
	bool private_ = room_find(user, from->bare) && *from->resource;
	const char *text =
	    arena_printf(arena, "Your message was not delivered to %s (%s)%s%s", private_ ? from->resource : from->bare,
	                 condition_name(condition), words ? ": " : ".", words ? words : "");
	if (outbox_end(user, id, from->bare, condition, words ? words : text) || !outbox_was_sent(user, id))
		return;
	s2_message(user->s2, &(struct s2_message){.peer = from->bare,
	                                          .nickname = private_ ? from->resource : NULL,
	                                          .private_ = private_,
	                                          .body = text});
}

void talk_forwarded(struct user *user, struct arena *arena, const struct element *stanza, const struct origin *origin)
{
	const char *from_text = element_get(stanza, "from"), *to_text = element_get(stanza, "to");
	const char *own = client_bare_jid(user->client), *type = element_get(stanza, "type");
	struct jid from, to;
	if (!from_text || !jid_parse(arena, from_text, &from) || text_equal(type, "groupchat") ||
	    text_equal(type, "error"))
		return;
	if (strcmp(from.bare, own) != 0) {
		if (!room_private(user, arena, &from, stanza, origin))
			take_chat(user, arena, stanza, &from, from.bare, false, origin);
		return;
	}
	/* The user's own words. Those that went through here are known. */
	if (!to_text || !jid_parse(arena, to_text, &to) || !strcmp(to.bare, own) ||
	    !strcmp(from.full, client_jid(user->client)))
		return;
	if (!room_find(user, to.bare) && !element_child(stanza, "x", NS_MUC_USER))
		take_chat(user, arena, stanza, &from, to.bare, true, origin);
}

/* XEP-0280: only the own account may send copies. */
static bool take_carbon(struct user *user, struct arena *arena, const struct element *stanza, const struct jid *from)
{
	const struct element *copy = element_child(stanza, "sent", NS_CARBONS);
	if (!copy)
		copy = element_child(stanza, "received", NS_CARBONS);
	if (!copy)
		return false;
	const struct element *forwarded = element_child(copy, "forwarded", NS_FORWARD);
	const struct element *inner = element_child(forwarded, "message", NS_CLIENT);
	if (!inner || strcmp(from->full, client_bare_jid(user->client)) != 0)
		return true;
	struct origin origin = {.time = talk_time(forwarded), .copied = true};
	/* A delay that is just now is none. */
	if (!element_child(inner, "delay", NS_DELAY))
		origin.time = 0;
	if (!archive_note(user, arena, inner))
		talk_forwarded(user, arena, inner, &origin);
	return true;
}

void talk_received(struct user *user, struct arena *arena, const struct element *stanza)
{
	const char *own = client_bare_jid(user->client), *text = element_get(stanza, "from"),
	           *type = element_get(stanza, "type");
	struct jid from;
	if (!jid_parse(arena, text ? text : own, &from))
		return;
	if (text_equal(type, "error")) {
		room_error(user, arena, &from, stanza);
		take_error(user, arena, stanza, &from);
		return;
	}
	if (take_carbon(user, arena, stanza, &from) || archive_received(user, arena, stanza, &from) ||
	    card_event(user, arena, stanza, &from) || room_invited(user, arena, &from, stanza) ||
	    room_message(user, arena, &from, stanza) || archive_note(user, arena, stanza))
		return;
	struct origin origin = {.time = talk_time(stanza)};
	talk_forwarded(user, arena, stanza, &origin);
}

/* ---- Going ---- */

struct writer *talk_open(struct user *user, const char *type, const char *to, const char *id)
{
	struct writer *writer = client_stanza(user->client, "message");
	xml_attr(writer, "type", type);
	xml_attr(writer, "to", to);
	xml_attr(writer, "id", id);
	return writer;
}

void talk_send(struct user *user, const char *id, const char *peer, bool in_room)
{
	struct sent *sent = outbox_add(user, id, peer, in_room);
	if (!user_send(user, sent))
		outbox_refuse(user, sent);
}

static void refuse(struct s2_user *s2, const char *id, const char *peer, enum s2_condition condition, const char *text)
{
	s2_message_result(s2, id, peer, condition, text);
}

/* The JID of a person; NULL if the name is none. */
static const char *person_of(struct arena *arena, const char *name)
{
	struct jid jid;
	return jid_parse(arena, name, &jid) ? jid.full : NULL;
}

static const char *reply_jid(struct user *user, const struct s2_message *message)
{
	bool own = text_equal(message->reply_author, s2_user_name(user->s2));
	return own ? client_bare_jid(user->client) : text_or_null(message->reply_author);
}

static void say_to_person(struct user *user, struct arena *arena, const struct s2_message *message)
{
	const char *to = person_of(arena, message->peer);
	struct s2_message piece, next;
	if (!to) {
		refuse(user->s2, message->id, message->peer, S2_JID_MALFORMED,
		       "People on XMPP are called name@example.org.");
		return;
	}
	for (unsigned part = 0; content_part(arena, message, part, false, &piece); part++) {
		struct writer *writer = talk_open(user, message->headline ? "headline" : "chat", to, piece.id);
		content_write(writer, arena, &piece, reply_jid(user, message), CONTENT_XHTML);
		xml_empty(writer, "active", NS_CHATSTATES);
		if (message->want_receipt)
			xml_empty(writer, "request", NS_RECEIPTS);
		if (content_part(arena, message, part + 1, false, &next))
			user_send(user, NULL);
		else
			talk_send(user, message->id, message->peer, false);
	}
}

static void say(struct user *user, const struct s2_message *message)
{
	struct arena arena = {0};
	if (message->private_ || room_find(user, message->peer))
		room_say(user, &arena, message);
	else
		say_to_person(user, &arena, message);
	arena_fini(&arena);
}

static void say_annotation(struct user *user, const struct s2_annotation *annotation)
{
	struct arena arena = {0};
	const char *to = person_of(&arena, annotation->peer);
	if (annotation->private_ || room_find(user, annotation->peer)) {
		room_annotate(user, &arena, annotation);
	} else if (!to || text_empty(annotation->target)) {
		refuse(user->s2, annotation->id, annotation->peer, S2_ITEM_NOT_FOUND, NULL);
	} else {
		struct writer *writer = talk_open(user, "chat", to, annotation->id);
		content_write_annotation(writer, annotation, false, NULL);
		talk_send(user, annotation->id, annotation->peer, false);
	}
	arena_fini(&arena);
}

/* Whether the user can be served now. If not, the word waits, or is refused. */
static bool can_speak(struct s2_user *s2, enum waiting_kind kind, const void *word, const char *id, const char *peer)
{
	struct user *user = s2_user_data(s2);
	if (user && user_is_ready(user))
		return true;
	if (!user)
		refuse(s2, id, peer, S2_RECIPIENT_UNAVAILABLE, "You are not logged in.");
	else if (user->ending.queued || !outbox_wait(user, kind, word))
		refuse(s2, id, peer, S2_RECIPIENT_UNAVAILABLE,
		       "There is no connection to your XMPP server at the moment.");
	return false;
}

void user_message(struct s2_user *s2, const struct s2_message *message)
{
	if (can_speak(s2, WAITING_MESSAGE, message, message->id, message->peer))
		say(s2_user_data(s2), message);
}

void user_set_subject(struct s2_user *s2, const struct s2_message *message)
{
	if (can_speak(s2, WAITING_SUBJECT, message, message->id, message->peer))
		room_set_subject(s2_user_data(s2), message);
}

void user_annotate(struct s2_user *s2, const struct s2_annotation *annotation)
{
	if (can_speak(s2, WAITING_ANNOTATION, annotation, annotation->id, annotation->peer))
		say_annotation(s2_user_data(s2), annotation);
}

void talk_resume(struct user *user)
{
	struct waiting *waiting;
	while (user_is_ready(user) && (waiting = outbox_next(user))) {
		if (waiting->kind == WAITING_MESSAGE)
			say(user, &waiting->message);
		else if (waiting->kind == WAITING_SUBJECT)
			room_set_subject(user, &waiting->message);
		else
			say_annotation(user, &waiting->annotation);
		outbox_release(waiting);
	}
}

void user_typing(struct s2_user *s2, const char *peer, enum s2_typing typing)
{
	static const char *const states[] = {
	    [S2_TYPING_COMPOSING] = "composing", [S2_TYPING_PAUSED] = "paused", [S2_TYPING_ACTIVE] = "active"};
	struct user *user = s2_user_data(s2);
	struct arena arena = {0};
	const char *to = user && user_is_ready(user) && !room_find(user, peer) ? person_of(&arena, peer) : NULL;
	if (to) {
		struct writer *writer = talk_open(user, "chat", to, OWN_ID "t");
		xml_empty(writer, states[typing], NS_CHATSTATES);
		xml_empty(writer, "no-store", NS_HINTS);
		user_send(user, NULL);
	}
	arena_fini(&arena);
}

void user_attention(struct s2_user *s2, const struct s2_message *message)
{
	struct user *user = s2_user_data(s2);
	struct arena arena = {0};
	const char *to = user && user_is_ready(user) ? person_of(&arena, message->peer) : NULL;
	if (to) {
		struct writer *writer = talk_open(user, "headline", to, message->id);
		xml_leaf(writer, "body", NULL, text_or_null(message->body));
		xml_empty(writer, "attention", NS_ATTENTION);
		talk_send(user, message->id, message->peer, false);
	} else {
		refuse(s2, message->id, message->peer, S2_RECIPIENT_UNAVAILABLE,
		       "There is no connection to your XMPP server at the moment.");
	}
	arena_fini(&arena);
}
