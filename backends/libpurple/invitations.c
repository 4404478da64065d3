/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/invitations.h"

#include <stdlib.h>
#include <string.h>

#include "backends/libpurple/markup.h"
#include "backends/libpurple/protocol.h"
#include "backends/libpurple/questions.h"
#include "backends/libpurple/rooms.h"
#include "lib/base/mem.h"

enum { MOST = 100 }; /* of one user */

/* libpurple asks whether to accept one; joining the room says yes. */
struct invitation {
	struct list node;
	char *chat; /* normalized */
	char *password;
	guint question; /* see questions.h; 0 = not asked yet */
};

static void invitation_free(struct session *session, struct invitation *invitation)
{
	list_remove(&invitation->node);
	session->invitation_count--;
	free(invitation->chat);
	free(invitation->password);
	free(invitation);
}

struct invitation *invitations_find(const struct session *session, const char *name)
{
	const char *normal = purple_normalize(session->account, name);
	LIST_EACH (&session->invitations, node) {
		struct invitation *invitation = LIST_ITEM(node, struct invitation, node);
		if (!strcmp(invitation->chat, normal))
			return invitation;
	}
	return NULL;
}

const char *invitations_password(const struct invitation *invitation)
{
	return invitation ? invitation->password : NULL;
}

/* Where nobody is told of a refusal, it frees what libpurple keeps. */
void invitations_use(struct session *session, struct invitation *invitation, bool accept)
{
	guint question = invitation->question;
	invitation_free(session, invitation);
	if (accept)
		questions_choose(question, 0);
	else if (!protocol_info(session->account)->reject_chat)
		questions_choose(question, 1);
}

/* The user is told by the gateway, as of words in a room that he is not in. */
static int invited(PurpleAccount *account, const char *who, const char *name, const char *words, GHashTable *components,
                   gpointer data)
{
	struct session *session = session_of_account(account);
	if (!session || session->state != SESSION_ONLINE)
		return 0;
	if (session->invitation_count == MOST)
		invitation_free(session, LIST_ITEM(session->invitations.next, struct invitation, node));
	struct invitation *invitation = mem_new(sizeof *invitation);
	invitation->chat = mem_strdup(purple_normalize(account, name));
	invitation->password = mem_strdup(components ? g_hash_table_lookup(components, "password") : NULL);
	list_append(&session->invitations, &invitation->node);
	session->invitation_count++;
	struct s2_message message = {.peer = name, .nickname = who};
	char *plain = markup_plain(words ? words : "");
	message.body = *plain ? plain : "invites you";
	if (!rooms_find(session, name))
		s2_message(session->s2, &message);
	free(plain);
	return 0;
}

bool invitations_take_question(struct session *session, guint question)
{
	if (list_empty(&session->invitations))
		return false;
	struct invitation *last = LIST_ITEM(session->invitations.prev, struct invitation, node);
	if (last->question)
		return false;
	last->question = question;
	return true;
}

void invitations_init(struct session *session)
{
	list_init(&session->invitations);
}

void invitations_forget(struct session *session)
{
	while (!list_empty(&session->invitations))
		invitation_free(session, LIST_ITEM(session->invitations.next, struct invitation, node));
}

void invitations_start(void)
{
	static int handle;
	purple_signal_connect(purple_conversations_get_handle(), "chat-invited", &handle, PURPLE_CALLBACK(invited),
	                      NULL);
}
