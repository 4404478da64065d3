/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/authorizations.h"

#include <stdlib.h>
#include <string.h>

#include "backends/libpurple/contacts.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/base/utf8.h"

enum { MOST = 500 /* that wait for one user; further people get no answer */ };

struct authorization {
	struct list node;
	char *who; /* normalized */
	PurpleAccountRequestAuthorizationCb grant, deny;
	void *data;
};

static void authorization_free(struct authorization *authorization)
{
	list_remove(&authorization->node);
	free(authorization->who);
	free(authorization);
}

static struct authorization *find(struct session *session, const char *name)
{
	const char *normal = purple_normalize(session->account, name);
	LIST_EACH (&session->authorizations, node) {
		struct authorization *authorization = LIST_ITEM(node, struct authorization, node);
		if (!strcmp(authorization->who, normal))
			return authorization;
	}
	return NULL;
}

bool authorizations_answer(struct session *session, const char *name, bool granted)
{
	struct authorization *authorization = find(session, name);
	if (!authorization)
		return false;
	struct authorization taken = *authorization;
	authorization->who = NULL;
	authorization_free(authorization);
	session->authorization_count--;
	(granted ? taken.grant : taken.deny)(taken.data);
	free(taken.who);
	return true;
}

static void tell(struct session *session, const char *who, const char *words)
{
	const char *name = contacts_name(session->account, who);
	s2_authorization_request(session->s2, name, NULL);
	if (text_empty(words))
		return;
	struct str clean = {0};
	utf8_clean(&clean, words, strlen(words));
	s2_message(session->s2, &(struct s2_message){.peer = name, .body = str_text(&clean)});
	str_fini(&clean);
}

static void *asked(PurpleAccount *account, const char *who, const char *id, const char *alias, const char *words,
                   gboolean on_list, PurpleAccountRequestAuthorizationCb grant,
                   PurpleAccountRequestAuthorizationCb deny, void *data)
{
	struct session *session = session_of_account(account);
	if (!session || session->authorization_count >= MOST)
		return NULL;
	struct authorization *authorization = mem_new(sizeof *authorization);
	*authorization = (struct authorization){
	    .who = mem_strdup(purple_normalize(account, who)), .grant = grant, .deny = deny, .data = data};
	list_append(&session->authorizations, &authorization->node);
	session->authorization_count++;
	tell(session, who, words);
	return authorization;
}

/* The connection ends: nobody can be answered any more. */
static void closed(void *handle)
{
	authorization_free(handle);
}

void authorizations_init(struct session *session)
{
	list_init(&session->authorizations);
}

void authorizations_forget(struct session *session)
{
	while (!list_empty(&session->authorizations))
		authorization_free(LIST_ITEM(session->authorizations.next, struct authorization, node));
}

void authorizations_start(void)
{
	static PurpleAccountUiOps ops = {.request_authorize = asked, .close_account_request = closed};
	purple_accounts_set_ui_ops(&ops);
}
