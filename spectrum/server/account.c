/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A user of this server: his clients, and what all of them share. Here from the log-in of the first to the end of the
 * last one. */
#include <stdlib.h>
#include <string.h>

#include "spectrum/server/inside.h"

struct account *account_find(const struct server *server, const char *jid)
{
	return map_get(&server->accounts, jid);
}

struct user *account_user(const struct account *account)
{
	return account->admin ? NULL : hub_user(account->server->hub, account->jid);
}

struct account *account_take(struct server *server, const char *jid, bool admin)
{
	struct account *account = account_find(server, jid);
	if (!account) {
		account = mem_new(sizeof *account);
		account->server = server;
		account->jid = mem_strdup(jid);
		account->admin = admin;
		list_init(&account->sessions);
		map_put(&server->accounts, account->jid, account);
		if (!admin)
			archive_open_own(server->hub, account->jid);
		blocklist_load(account);
		photo_load(account);
		circle_open(account);
	}
	struct user *user = account_user(account);
	if (!account->held && user) {
		account->held = true;
		user_hold(user);
	}
	account->logins++;
	return account;
}

void account_settle(struct account *account)
{
	if (account->logins || account->session_count)
		return;
	struct server *server = account->server;
	struct user *user = account->held ? account_user(account) : NULL;
	map_remove(&server->accounts, account->jid);
	loop_defer_cancel(&account->expelling);
	if (user)
		user_release(user);
	if (!hub_user(server->hub, account->jid))
		fast_forget(server->fast, account->jid);
	push_leave(server, account->jid);
	circle_leave(server, account->jid);
	blocklist_free(account);
	free(account->photo);
	free(account->expel_text);
	free(account->jid);
	free(account);
}

void account_leave(struct account *account)
{
	account->logins--;
	account_settle(account);
}

struct session *account_session(const struct account *account, const char *resource)
{
	LIST_EACH (&account->sessions, node) {
		struct session *session = LIST_ITEM(node, struct session, node);
		if (!strcmp(session->resource, resource))
			return session;
	}
	return NULL;
}

void account_broadcast(struct account *account, const char *from, const char *bytes, size_t len)
{
	LIST_EACH (&account->sessions, node) {
		struct session *session = LIST_ITEM(node, struct session, node);
		if (session->presence)
			session_send_presence(session, from, bytes, len);
	}
}

void account_tell(struct account *account, const char *bytes, size_t len)
{
	LIST_EACH (&account->sessions, node) {
		struct session *session = LIST_ITEM(node, struct session, node);
		if (session->presence)
			session_send(session, bytes, len);
	}
}

/* The network has thrown the user out: all of his clients go. */
static const char *condition_of(const enum s2_connection_error *error)
{
	if (!error)
		return "remote-connection-failed";
	switch (*error) {
	case S2_ERROR_NAME_IN_USE:
		return "conflict";
	case S2_ERROR_INVALID_USERNAME:
	case S2_ERROR_AUTHENTICATION_FAILED:
		return "not-authorized";
	default:
		return "remote-connection-failed";
	}
}

static void expel(void *arg)
{
	struct account *account = arg;
	account->logins++; /* so that it stays until all are gone */
	while (!list_empty(&account->sessions))
		session_expel(LIST_ITEM(account->sessions.next, struct session, node), account->expel_condition,
		              account->expel_text);
	account_leave(account);
}

void server_logged_out(struct upstream *upstream, const char *jid, const char *text,
                       const enum s2_connection_error *error)
{
	struct server *server = LIST_ITEM(upstream, struct server, upstream);
	struct account *account = account_find(server, jid);
	if (error && *error == S2_ERROR_AUTHENTICATION_FAILED)
		keyring_forget(server->keyring, jid);
	if (!account || server->stopping)
		return;
	account->held = false;
	account->expel_condition = condition_of(error);
	mem_replace(&account->expel_text, text);
	loop_defer(server->loop, &account->expelling, expel, account);
}
