/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/session.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "backends/libpurple/authorizations.h"
#include "backends/libpurple/cards.h"
#include "backends/libpurple/certificates.h"
#include "backends/libpurple/contacts.h"
#include "backends/libpurple/core.h"
#include "backends/libpurple/fence.h"
#include "backends/libpurple/files.h"
#include "backends/libpurple/invitations.h"
#include "backends/libpurple/listing.h"
#include "backends/libpurple/markup.h"
#include "backends/libpurple/needs.h"
#include "backends/libpurple/outbox.h"
#include "backends/libpurple/protocol.h"
#include "backends/libpurple/questions.h"
#include "backends/libpurple/rooms.h"
#include "backends/libpurple/sent.h"
#include "backends/libpurple/simple.h"
#include "backends/libpurple/store.h"
#include "backends/libpurple/turn.h"
#include "kit/kit.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

#define LOG_AREA "libpurple"

static struct {
	struct list sessions; /* those that are over, too, until they are gone */
	uint64_t last_number;
	struct deferred bury;
} here = {.sessions = LIST_INIT(here.sessions)};

/* ---- Look-ups ---- */

struct session *session_of(const struct s2_user *s2)
{
	return s2_user_data(s2);
}

struct session *session_of_account(const PurpleAccount *account)
{
	struct session *session = account ? account->ui_data : NULL;
	return session && session->state != SESSION_OVER ? session : NULL;
}

/* Also one that is over. */
static struct session *with_number(uint64_t number)
{
	LIST_EACH (&here.sessions, node) {
		struct session *session = LIST_ITEM(node, struct session, node);
		if (session->number == number)
			return session;
	}
	return NULL;
}

struct session *session_with_turn(void)
{
	struct session *session = with_number(turn_owner());
	return session && session->state != SESSION_OVER ? session : NULL;
}

void session_note_unsaved(void)
{
	struct session *one = with_number(turn_owner());
	LIST_EACH (&here.sessions, node) {
		struct session *session = LIST_ITEM(node, struct session, node);
		if (!one || session == one)
			session->unsaved = true;
	}
}

GList *session_take_unsaved(void)
{
	GList *accounts = NULL;
	LIST_EACH (&here.sessions, node) {
		struct session *session = LIST_ITEM(node, struct session, node);
		if (session->unsaved)
			accounts = g_list_prepend(accounts, session->account);
		session->unsaved = false;
	}
	return accounts;
}

bool session_is_online(const struct session *session)
{
	return session && session->state == SESSION_ONLINE && purple_account_is_connected(session->account);
}

PurpleConnection *session_connection(const struct session *session)
{
	return purple_account_get_connection(session->account);
}

/* ---- The end ---- */

static void remove_conversations(const PurpleAccount *account)
{
	for (GList *each = purple_get_conversations(), *next; each; each = next) {
		PurpleConversation *conversation = each->data;
		next = each->next;
		if (purple_conversation_get_account(conversation) == account)
			purple_conversation_destroy(conversation);
	}
}

/* Takes the account out of libpurple. Not inside of its callbacks. */
static void session_free(struct session *session)
{
	PurpleAccount *account = session->account;
	session->state = SESSION_OVER;
	uint64_t before = turn_take(session->number);
	if (session->unsaved)
		store_save();
	remove_conversations(account);
	purple_account_set_enabled(account, CORE_UI, FALSE);
	if (!purple_account_is_disconnected(account))
		purple_account_disconnect(account);
	remove_conversations(account);
	files_forget(session);
	contacts_forget(session);
	outbox_forget(session);
	sent_fini(session);
	questions_forget(session);
	cards_forget(session);
	authorizations_forget(session);
	rooms_forget(session);
	invitations_forget(session);
	listing_forget(session);
	simple_forget(session);
	store_forget(account);
	account->ui_data = NULL;
	purple_accounts_remove(account);
	purple_account_destroy(account);
	turn_give_back(before);
	list_remove(&session->node);
	free(session->status_text);
	free(session);
}

static void bury(void *arg)
{
	LIST_EACH (&here.sessions, node) {
		struct session *session = LIST_ITEM(node, struct session, node);
		if (session->state == SESSION_OVER)
			session_free(session);
	}
}

void session_fail(struct session *session, enum s2_connection_error error, const char *text)
{
	struct s2_user *s2 = session->s2;
	session->state = SESSION_OVER;
	session->s2 = NULL;
	s2_user_set_data(s2, NULL);
	log_info("user=%s connection error %d: %s", log_quote(s2_user_jid(s2)), (int)error, log_quote(text));
	s2_disconnected(s2, error, text);
	loop_defer(kit_loop(), &here.bury, bury, NULL);
}

/* ---- What libpurple tells of connections ---- */

static void connected(PurpleConnection *gc)
{
	struct session *session = session_of_account(purple_connection_get_account(gc));
	if (!session || session->state != SESSION_CONNECTING)
		return;
	session->state = SESSION_ONLINE;
	session_admit(session);
	questions_online(session);
	contacts_online(session);
	listing_online(session);
}

void session_admit(struct session *session)
{
	if (!session->admitted)
		s2_connected(session->s2);
	session->admitted = true;
}

static void disconnected(PurpleConnection *gc)
{
	struct session *session = session_of_account(purple_connection_get_account(gc));
	if (session)
		session_fail(session, S2_ERROR_NETWORK, "The connection to the network ended.");
}

/* PurpleConnectionError has the wire's numbers. */
static void failed(PurpleConnection *gc, PurpleConnectionError reason, const char *text)
{
	struct session *session = session_of_account(purple_connection_get_account(gc));
	enum s2_connection_error error = (enum s2_connection_error)reason;
	const char *better;
	if (!session)
		return;
	if (certificates_problem(&error, &better)) {
		session_fail(session, error, better);
		return;
	}
	if (session->password_refused) {
		session_fail(session, S2_ERROR_AUTHENTICATION_FAILED, "The network does not take this password.");
		return;
	}
	char *plain = markup_plain(text);
	session_fail(session, error, plain);
	free(plain);
}

/* ---- Log-in ---- */

/* What refuses a log-in before there is a session. */
static void refuse(struct s2_user *s2, enum s2_connection_error error, const char *text)
{
	log_info("user=%s not logged in: %s", log_quote(s2_user_jid(s2)), text);
	s2_disconnected(s2, error, text);
}

static void apply_status(struct session *session);

static void begin(struct session *session, PurplePlugin *plugin, const struct s2_login *login)
{
	PurpleAccount *account = session->account;
	uint64_t before = turn_take(session->number);
	protocol_set_options(account, login);
	outbox_set_rate(session);
	store_claim(account, s2_user_jid(session->s2));
	if (!protocol_needs_password(plugin))
		store_save(); /* another process may be asked for it next */
	if (!text_empty(login->password)) {
		/* It is in the gateway's database already, sealed; not in a file beside it. */
		purple_account_set_remember_password(account, FALSE);
		purple_account_set_password(account, login->password);
	}
	apply_status(session);
	purple_account_set_enabled(account, CORE_UI, TRUE);
	/* A failure inside of this call has been told by now. */
	if (session->state == SESSION_CONNECTING && purple_account_is_disconnected(account))
		session_fail(session, S2_ERROR_OTHER, "The protocol of this network did not begin to connect.");
	turn_give_back(before);
}

static void login_with(struct s2_user *s2, PurplePlugin *plugin, const char *username, const struct s2_login *login)
{
	PurplePluginProtocolInfo *info = PURPLE_PLUGIN_PROTOCOL_INFO(plugin);
	const char *missing = needs_missing(plugin->info->id);
	bool optional = info->options & (OPT_PROTO_NO_PASSWORD | OPT_PROTO_PASSWORD_OPTIONAL);
	if (missing) {
		refuse(s2, S2_ERROR_NETWORK, missing);
		return;
	}
	if (purple_accounts_find(username, plugin->info->id)) {
		char *text = mem_printf("Account '%s' is already used by another user of this gateway.", username);
		refuse(s2, S2_ERROR_INVALID_USERNAME, text);
		free(text);
		return;
	}
	if (text_empty(login->password) && !optional) {
		refuse(s2, S2_ERROR_AUTHENTICATION_IMPOSSIBLE,
		       "This network needs a password. Register again with one.");
		return;
	}
	PurpleAccount *account = purple_account_new(username, plugin->info->id);
	/* Who can't show a password can't show that a stored login is his either. */
	if (store_load(account, s2_user_jid(s2)) == STORE_FOREIGN && info->options & OPT_PROTO_NO_PASSWORD) {
		purple_account_destroy(account);
		refuse(s2, S2_ERROR_INVALID_USERNAME,
		       "This account belongs to another user of this gateway. If it is yours, ask the administrator.");
		return;
	}
	struct session *session = mem_new(sizeof *session);
	session->number = ++here.last_number;
	session->s2 = s2;
	session->account = account;
	session->status = S2_STATUS_ONLINE;
	list_append(&here.sessions, &session->node);
	account->ui_data = session;
	s2_user_set_data(s2, session);
	contacts_init(session);
	outbox_init(session);
	sent_init(session);
	questions_init(session);
	cards_init(session);
	authorizations_init(session);
	rooms_init(session);
	invitations_init(session);
	listing_init(session);
	purple_accounts_add(account);
	begin(session, plugin, login);
}

void session_login(struct s2_user *s2, const struct s2_login *login)
{
	const char *name;
	PurplePlugin *plugin = protocol_of(login->name, &name);
	bury(NULL);
	if (!fence_resolves()) {
		/* The next process sees the new file. */
		log_error("/etc/resolv.conf was replaced; this process ends, and its users are moved");
		refuse(s2, S2_ERROR_NETWORK, "The gateway's network has changed.");
		raise(SIGTERM);
		return;
	}
	if (!plugin) {
		refuse(s2, S2_ERROR_INVALID_USERNAME,
		       "There is no such protocol here. Register with a name like prpl-jabber.name@example.org.");
		return;
	}
	if (text_empty(name)) {
		refuse(s2, S2_ERROR_INVALID_USERNAME, "The name on the network is missing. Register again with one.");
		return;
	}
	char *username = protocol_username(plugin, name);
	login_with(s2, plugin, username, login);
	free(username);
}

void session_logout(struct s2_user *s2)
{
	struct session *session = session_of(s2);
	if (!session)
		return;
	s2_user_set_data(s2, NULL);
	session->s2 = NULL;
	session_free(session);
}

/* ---- Status ---- */

/* In the order in which they are tried; the first one that the protocol has is taken. */
static const PurpleStatusPrimitive primitives[][3] = {
    [S2_STATUS_ONLINE] = {PURPLE_STATUS_AVAILABLE},
    [S2_STATUS_AWAY] = {PURPLE_STATUS_AWAY, PURPLE_STATUS_EXTENDED_AWAY, PURPLE_STATUS_AVAILABLE},
    [S2_STATUS_FFC] = {PURPLE_STATUS_AVAILABLE},
    [S2_STATUS_XA] = {PURPLE_STATUS_EXTENDED_AWAY, PURPLE_STATUS_AWAY, PURPLE_STATUS_AVAILABLE},
    [S2_STATUS_DND] = {PURPLE_STATUS_UNAVAILABLE, PURPLE_STATUS_AWAY, PURPLE_STATUS_AVAILABLE},
    [S2_STATUS_NONE] = {PURPLE_STATUS_OFFLINE},
    [S2_STATUS_INVISIBLE] = {PURPLE_STATUS_INVISIBLE, PURPLE_STATUS_AVAILABLE},
};

static PurpleStatusType *status_type(const struct session *session)
{
	PurpleStatusType *type = NULL;
	if (session->status == S2_STATUS_FFC)
		type = purple_account_get_status_type(session->account, "freeforchat");
	for (size_t i = 0; !type && i < 3 && primitives[session->status][i]; i++)
		type = purple_account_get_status_type_with_primitive(session->account, primitives[session->status][i]);
	return type;
}

static void apply_status(struct session *session)
{
	PurpleStatusType *type = status_type(session);
	const char *text = text_or_null(session->status_text);
	if (!type)
		return;
	const char *id = purple_status_type_get_id(type);
	if (text && purple_status_type_get_attr(type, "message"))
		purple_account_set_status(session->account, id, TRUE, "message", text, NULL);
	else
		purple_account_set_status(session->account, id, TRUE, NULL);
}

void session_set_status(struct s2_user *s2, enum s2_status status, const char *text)
{
	struct session *session = session_of(s2);
	/* Offline is what a log-out is for; libpurple would end the connection by itself. */
	if (!session || status == S2_STATUS_NONE || status > S2_STATUS_INVISIBLE)
		return;
	session->status = status;
	mem_replace(&session->status_text, text);
	uint64_t before = turn_take(session->number);
	apply_status(session);
	turn_give_back(before);
}

/* ---- Beginning and end ---- */

void session_start(void)
{
	static PurpleConnectionUiOps ops = {
	    .connected = connected, .disconnected = disconnected, .report_disconnect_reason = failed};
	purple_connections_set_ui_ops(&ops);
}

void session_stop(void)
{
	loop_defer_cancel(&here.bury);
	bury(NULL);
}
