/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/speech.h"

#include <stdlib.h>
#include <string.h>

#include "backends/libpurple/markup.h"
#include "backends/libpurple/protocol.h"
#include "backends/libpurple/room.h"
#include "backends/libpurple/rooms.h"
#include "backends/libpurple/sent.h"
#include "backends/libpurple/words.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

void speech_say(struct session *session, struct room *room, const struct s2_message *message)
{
	if (!room->conversation) {
		s2_message_result(session->s2, message->id, message->peer, S2_NOT_ACCEPTABLE,
		                  "You are not in this room yet. Please try again in a moment.");
		return;
	}
	PurpleConvChat *chat = PURPLE_CONV_CHAT(room->conversation);
	PurpleConnection *gc = session_connection(session);
	char *html = markup_write(message->body, gc->flags & PURPLE_CONNECTION_HTML ? message->xhtml : NULL);
	char *error = NULL;
	int result = 1;
	sent_new(session, message, room->chat, SENT_ROOM);
	session->saying = true;
	if (!protocol_run_command(room->conversation, html, &error))
		result = serv_chat_send(gc, purple_conv_chat_get_id(chat), html, PURPLE_MESSAGE_SEND);
	session->saying = false;
	sent_settle(session, message->id, result, error);
	free(html);
	free(error);
}

/* The room shows what the user said: the answer to his message, or the words of another client of his. */
static void note_own(struct room *room, struct s2_message *message, const char *text, PurpleMessageFlags flags)
{
	struct sent *sent = flags & PURPLE_MESSAGE_DELAYED ? NULL : sent_to_echo(room->session, room->chat, text);
	message->nickname = room->nickname;
	if (!sent)
		return;
	message->own_id = sent->id;
	sent->echoed = true;
}

/* Some protocols show it as soon as they have it, and may have to take it back; others when the network does. */
static void echo_done(struct room *room, const char *id)
{
	if (!room->session->saying)
		sent_done(room->session, id);
}

/* A protocol that never shows what the user himself says. */
static void not_echoed(struct session *session, const struct sent *sent)
{
	struct room *room = rooms_find(session, sent->peer);
	if (!room)
		return;
	struct s2_message message = {
	    .peer = room->name, .nickname = room->nickname, .body = sent->text, .own_id = sent->id};
	s2_message(session->s2, &message);
}

static void tell_words(struct room *room, const char *who, const char *html, PurpleMessageFlags flags, time_t when)
{
	struct words words;
	struct s2_message message = {.peer = room->name,
	                             .nickname = who,
	                             .time = words_time(when, flags),
	                             .private_ = flags & PURPLE_MESSAGE_WHISPER};
	words_read(&words, html, false);
	if (flags & PURPLE_MESSAGE_SEND)
		note_own(room, &message, str_text(&words.plain), flags);
	words_send(room->session, &words, &message);
	if (message.own_id)
		echo_done(room, message.own_id);
	words_fini(&words);
}

/* An error, or a remark of the protocol ("bob entered the room"). IRC answers with remarks to what cannot be said. */
static void note_remark(struct room *room, const char *html, PurpleMessageFlags flags)
{
	char *plain = markup_plain(html);
	bool answer = flags & PURPLE_MESSAGE_ERROR ||
	              (flags & PURPLE_MESSAGE_NO_LOG && !strcmp(protocol_short_name(room->session->account), "irc"));
	struct sent *sent = answer ? sent_find(room->session, room->chat, NULL) : NULL;
	if (sent)
		sent_end(room->session, sent, S2_NOT_ALLOWED, plain);
	else if (flags & PURPLE_MESSAGE_ERROR)
		s2_message(room->session->s2, &(struct s2_message){.peer = room->name, .body = plain});
	mem_replace(&room->last_words, plain);
	free(plain);
}

void speech_write(PurpleConversation *conversation, const char *who, const char *html, PurpleMessageFlags flags,
                  time_t when)
{
	struct room *room = rooms_of(conversation);
	if (!room)
		return;
	if (flags & (PURPLE_MESSAGE_ERROR | PURPLE_MESSAGE_SYSTEM))
		note_remark(room, html, flags);
	else
		tell_words(room, text_or_null(who), html, flags, when);
}

void speech_start(void)
{
	sent_not_echoed = not_echoed;
}
