/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/talk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backends/libpurple/contacts.h"
#include "backends/libpurple/markup.h"
#include "backends/libpurple/outbox.h"
#include "backends/libpurple/protocol.h"
#include "backends/libpurple/questions.h"
#include "backends/libpurple/sent.h"
#include "backends/libpurple/turn.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

#define LOG_AREA "libpurple"

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

/* "/me waves" and other commands, on networks that have them. False if it is none. */
static bool run_command(PurpleConversation *conversation, const char *html, char **error)
{
	PurpleAccount *account = purple_conversation_get_account(conversation);
	if (*html != '/' || !(protocol_info(account)->options & OPT_PROTO_SLASH_COMMANDS_NATIVE))
		return false;
	char *plain = markup_plain(html + 1), *why = NULL;
	PurpleCmdStatus status = purple_cmd_do_command(conversation, plain, html + 1, &why);
	free(plain);
	if (status == PURPLE_CMD_STATUS_FAILED || status == PURPLE_CMD_STATUS_WRONG_ARGS)
		*error = markup_plain(why ? why : "The command needs other arguments.");
	g_free(why);
	return status == PURPLE_CMD_STATUS_OK || *error;
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

static void deliver(struct session *session, const struct s2_message *message)
{
	const char *who = message->peer;
	PurpleConversation *conversation = conversation_with(session, who);
	char *html = html_for(session, message), *error = NULL;
	/* Before it is sent, as the protocol may fail or echo it inside of the call. */
	sent_new(session, message, who, false);
	int result = 1;
	if (!run_command(conversation, html, &error))
		result = serv_send_im(session_connection(session), who, html, PURPLE_MESSAGE_SEND);
	/* It may be over by now, or told already. */
	struct sent *sent = session_with_turn() ? sent_with_id(session, message->id) : NULL;
	enum s2_condition condition;
	if (sent && error)
		sent_end(session, sent, S2_NOT_ACCEPTABLE, error);
	else if (sent && result < 0)
		sent_end(session, sent, condition, why_not(result, &condition));
	free(html);
	free(error);
}

void talk_message(struct s2_user *s2, const struct s2_message *message)
{
	struct session *session = session_of(s2);
	if (session && questions_answer(session, message))
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
	serv_send_typing(session_connection(session), peer, states[typing]);
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
	purple_prpl_send_attention(session_connection(session), message->peer, 0);
	turn_give_back(before);
}

/* ---- To the user ---- */

static int64_t time_of(time_t when, PurpleMessageFlags flags)
{
	time_t now = time(NULL);
	bool old = flags & PURPLE_MESSAGE_DELAYED || now - when > DELAYED_S;
	return old && when > 0 ? (int64_t)when * 1000 : 0;
}

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
	struct str plain = {0}, xhtml = {0};
	markup_read(html, &plain, &xhtml, NULL, NULL);
	bool own = flags & PURPLE_MESSAGE_SEND;
	const char *name = contacts_name(session->account, who);
	if (own && is_echo(session, who, str_text(&plain), flags)) {
		/* nothing new */
	} else if (flags & PURPLE_MESSAGE_NOTIFY) {
		if (!own)
			s2_attention(session->s2, name, str_text(&plain));
	} else if (plain.len) {
		struct s2_message message = {
		    .peer = name, .body = plain.data, .xhtml = xhtml.data, .carbon = own, .time = time_of(when, flags)};
		s2_message(session->s2, &message);
	}
	str_fini(&plain);
	str_fini(&xhtml);
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
		if (purple_conversation_get_type(conversation) == PURPLE_CONV_TYPE_IM &&
		    now - GPOINTER_TO_UINT(conversation->ui_data) > IDLE_S)
			purple_conversation_destroy(conversation);
	}
}

void talk_start(struct loop *loop)
{
	static int handle;
	static PurpleConversationUiOps ops = {.write_im = write_im, .write_conv = write_conversation};
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
