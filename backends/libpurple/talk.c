/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/talk.h"

#include <stdlib.h>
#include <string.h>

#include "backends/libpurple/contacts.h"
#include "backends/libpurple/markup.h"
#include "backends/libpurple/outbox.h"
#include "backends/libpurple/protocol.h"
#include "backends/libpurple/questions.h"
#include "backends/libpurple/rooms.h"
#include "backends/libpurple/sent.h"
#include "backends/libpurple/speech.h"
#include "backends/libpurple/turn.h"
#include "backends/libpurple/words.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

enum {
	SWEEP_MS = 60000,
	IDLE_S = 600,   /* after which a conversation is forgotten */
	DELAYED_S = 10, /* what is older than that has its time told */
};

static struct timer *sweeper;

static gpointer now_mark(void)
{
	return GUINT_TO_POINTER((guint)(g_get_monotonic_time() / G_USEC_PER_SEC));
}

/* Errors are shown in the conversation, so there has to be one. */
static PurpleConversation *conversation_with(struct session *session, const char *who)
{
	PurpleConversation *found = purple_find_conversation_with_account(PURPLE_CONV_TYPE_IM, who, session->account);
	if (!found)
		found = purple_conversation_new(PURPLE_CONV_TYPE_IM, session->account, who);
	found->ui_data = now_mark();
	return found;
}

/* ---- From the user ---- */

static void refuse(struct s2_user *s2, const struct s2_message *message, enum s2_condition condition, const char *text)
{
	s2_message_result(s2, message->id, message->peer, condition, text);
}

static char *html_for(struct session *session, const struct s2_message *message)
{
	bool rich = session_connection(session)->flags & PURPLE_CONNECTION_HTML;
	return markup_write(message->body, rich ? message->xhtml : NULL);
}

static void say_to(struct session *session, const char *name, const struct s2_message *message)
{
	char *who = mem_strdup(name);
	PurpleConversation *conversation = conversation_with(session, who);
	char *html = html_for(session, message), *error = NULL;
	int result = 1;
	/* Before it is sent, as the protocol may fail or echo it inside of the call. */
	sent_new(session, message, who, SENT_PERSON);
	if (!protocol_run_command(conversation, html, &error))
		result = serv_send_im(session_connection(session), who, html, PURPLE_MESSAGE_SEND);
	sent_settle(session, message->id, result, error);
	free(who);
	free(html);
	free(error);
}

/* To one occupant of a room; old main processes write "room/nickname" as the peer. False if it is for nobody in a room.
 */
static bool say_privately(struct session *session, const struct s2_message *message)
{
	const char *name = message->peer, *nickname = message->nickname;
	if (!message->private_ && !rooms_is_occupant(session, message->peer, &name, &nickname))
		return false;
	struct room *room = rooms_find(session, name);
	if (!room || text_empty(nickname)) {
		refuse(session->s2, message, S2_NOT_ACCEPTABLE, "You are not in this room.");
		return true;
	}
	char *who = rooms_occupant(room, nickname);
	say_to(session, who, message);
	free(who);
	return true;
}

static void deliver(struct session *session, const struct s2_message *message)
{
	struct room *room = message->private_ ? NULL : rooms_find(session, message->peer);
	if (room)
		speech_say(session, room, message);
	else if (!say_privately(session, message))
		say_to(session, contacts_purple_name(session->account, message->peer), message);
}

void talk_message(struct s2_user *s2, const struct s2_message *message)
{
	struct session *session = session_of(s2);
	if (session && questions_take_message(session, message))
		return;
	if (!session_is_online(session)) {
		refuse(s2, message, S2_RECIPIENT_UNAVAILABLE, "You are not connected to the network yet.");
		return;
	}
	if (text_empty(message->peer) || text_empty(message->body)) {
		refuse(s2, message, S2_BAD_REQUEST, "There is nothing to send, or nobody to send it to.");
		return;
	}
	uint64_t before = turn_take(session->number);
	outbox_put(session, message, deliver);
	turn_give_back(before);
}

void talk_typing(struct s2_user *s2, const char *peer, enum s2_typing typing)
{
	static const PurpleTypingState states[] = {[S2_TYPING_COMPOSING] = PURPLE_TYPING,
	                                           [S2_TYPING_PAUSED] = PURPLE_TYPED,
	                                           [S2_TYPING_ACTIVE] = PURPLE_NOT_TYPING};
	struct session *session = session_of(s2);
	if (!session_is_online(session) || text_empty(peer))
		return;
	uint64_t before = turn_take(session->number);
	serv_send_typing(session_connection(session), contacts_purple_name(session->account, peer), states[typing]);
	turn_give_back(before);
}

void talk_attention(struct s2_user *s2, const struct s2_message *message)
{
	struct session *session = session_of(s2);
	if (!session_is_online(session)) {
		refuse(s2, message, S2_RECIPIENT_UNAVAILABLE, "You are not connected to the network yet.");
		return;
	}
	PurplePluginProtocolInfo *info = protocol_info(session->account);
	if (!PURPLE_PROTOCOL_PLUGIN_HAS_FUNC(info, send_attention)) {
		refuse(s2, message, S2_FEATURE_NOT_IMPLEMENTED, "On this network nobody's attention can be asked for.");
		return;
	}
	uint64_t before = turn_take(session->number);
	purple_prpl_send_attention(session_connection(session), contacts_purple_name(session->account, message->peer),
	                           0);
	turn_give_back(before);
}

/* ---- To the user ---- */

/* What the user wrote himself: shown to him again by the protocol, or written in another client. */
static bool is_echo(struct session *session, const char *who, const char *plain, PurpleMessageFlags flags)
{
	struct sent *sent = sent_find(session, who, plain);
	if (sent && !(flags & PURPLE_MESSAGE_REMOTE_SEND)) {
		sent_end(session, sent, S2_DONE, NULL);
		return true;
	}
	return !(flags & (PURPLE_MESSAGE_REMOTE_SEND | PURPLE_MESSAGE_DELAYED)) && sent_find(session, who, NULL);
}

static void tell_message(struct session *session, const char *who, const char *html, PurpleMessageFlags flags,
                         time_t when)
{
	struct words words;
	struct s2_message message = {.time = words_time(when, flags), .carbon = flags & PURPLE_MESSAGE_SEND};
	words_read(&words, html, protocol_sends_plain(session->account, html));
	message.private_ = rooms_is_occupant(session, who, &message.peer, &message.nickname);
	if (!message.private_)
		message.peer = contacts_name(session->account, who);
	if (message.carbon && is_echo(session, who, str_text(&words.plain), flags)) {
		/* nothing new */
	} else if (flags & PURPLE_MESSAGE_NOTIFY) {
		if (!message.carbon)
			s2_attention(session->s2, message.peer, str_text(&words.plain));
	} else {
		words_send(session, &words, &message);
	}
	words_fini(&words);
}

/* An error is about the oldest message that may be meant; without one it is a message itself. */
static void tell_error(struct session *session, const char *who, const char *html)
{
	char *plain = markup_plain(html);
	struct sent *sent = sent_find(session, who, NULL);
	if (sent) {
		sent_end(session, sent, S2_RECIPIENT_UNAVAILABLE, plain);
	} else {
		struct s2_message message = {.peer = contacts_name(session->account, who), .body = plain};
		s2_message(session->s2, &message);
	}
	free(plain);
}

/* What is no message: errors, and remarks ("bob is now known as ..."), which clients of XMPP see for themselves. IRC
 * answers a message to nobody with a remark. */
static bool is_remark(struct session *session, const char *who, const char *html, PurpleMessageFlags flags)
{
	if (flags & PURPLE_MESSAGE_ERROR ||
	    (flags & PURPLE_MESSAGE_SYSTEM && !strcmp(protocol_short_name(session->account), "irc") &&
	     sent_find(session, who, NULL))) {
		tell_error(session, who, html);
		return true;
	}
	return flags & PURPLE_MESSAGE_SYSTEM && !(flags & PURPLE_MESSAGE_NOTIFY);
}

static void write_im(PurpleConversation *conversation, const char *who, const char *html, PurpleMessageFlags flags,
                     time_t when)
{
	struct session *session = session_of_account(purple_conversation_get_account(conversation));
	const char *name = purple_conversation_get_name(conversation);
	conversation->ui_data = now_mark();
	if (!session || session->state != SESSION_ONLINE || is_remark(session, name, html, flags))
		return;
	tell_message(session, flags & PURPLE_MESSAGE_SEND || !who ? name : who, html, flags, when);
}

/* Errors and remarks come this way past the two other functions. */
static void write_conversation(PurpleConversation *conversation, const char *who, const char *alias, const char *html,
                               PurpleMessageFlags flags, time_t when)
{
	if (purple_conversation_get_type(conversation) == PURPLE_CONV_TYPE_IM)
		write_im(conversation, who, html, flags, when);
	else if (purple_conversation_get_type(conversation) == PURPLE_CONV_TYPE_CHAT)
		speech_write(conversation, who, html, flags, when);
}

static void tell_typing(PurpleAccount *account, const char *who, gpointer typing)
{
	struct session *session = session_of_account(account);
	if (session && session->state == SESSION_ONLINE)
		s2_typing(session->s2, contacts_name(account, who), (enum s2_typing)GPOINTER_TO_INT(typing));
}

/* ---- Beginning and end ---- */

/* libpurple keeps each conversation, and each word that was written to it by other ways than ours, until somebody
 * closes a window. */
static void sweep(void *arg)
{
	guint now = GPOINTER_TO_UINT(now_mark());
	for (GList *each = purple_get_conversations(), *next; each; each = next) {
		PurpleConversation *conversation = each->data;
		next = each->next;
		purple_conversation_clear_message_history(conversation);
		PurpleConversationType type = purple_conversation_get_type(conversation);
		if ((type == PURPLE_CONV_TYPE_IM && now - GPOINTER_TO_UINT(conversation->ui_data) > IDLE_S) ||
		    (type == PURPLE_CONV_TYPE_CHAT && purple_conv_chat_has_left(PURPLE_CONV_CHAT(conversation))))
			purple_conversation_destroy(conversation);
	}
}

void talk_start(struct loop *loop)
{
	static int handle;
	static PurpleConversationUiOps ops = {.write_im = write_im,
	                                      .write_chat = speech_write,
	                                      .write_conv = write_conversation,
	                                      .chat_add_users = rooms_users_added,
	                                      .chat_rename_user = rooms_user_renamed,
	                                      .chat_remove_users = rooms_users_removed,
	                                      .chat_update_user = rooms_user_changed};
	static const struct {
		const char *signal;
		enum s2_typing typing;
	} signals[] = {{"buddy-typing", S2_TYPING_COMPOSING},
	               {"buddy-typed", S2_TYPING_PAUSED},
	               {"buddy-typing-stopped", S2_TYPING_ACTIVE}};
	purple_conversations_set_ui_ops(&ops);
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		purple_signal_connect(purple_conversations_get_handle(), signals[i].signal, &handle,
		                      PURPLE_CALLBACK(tell_typing), GINT_TO_POINTER((int)signals[i].typing));
	sweeper = timer_new(loop, sweep, NULL);
	timer_start(sweeper, SWEEP_MS, SWEEP_MS);
}

void talk_stop(void)
{
	timer_free(&sweeper);
}
