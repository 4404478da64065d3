/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/jabber.h"

#include <stdlib.h>
#include <string.h>

#include "backends/libpurple/rooms.h"
#include "backends/libpurple/sent.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/xmpp/stanza.h"

#define STANZAS "urn:ietf:params:xml:ns:xmpp-stanzas"

/* The condition of an error stanza, and words for people in *text, owned by the caller. */
static enum s2_condition read_error(xmlnode *stanza, char **text)
{
	enum s2_condition condition = S2_UNDEFINED_CONDITION;
	xmlnode *error = xmlnode_get_child(stanza, "error");
	xmlnode *words = error ? xmlnode_get_child_with_namespace(error, "text", STANZAS) : NULL;
	for (xmlnode *child = error ? error->child : NULL; child; child = child->next)
		if (child->type == XMLNODE_TYPE_TAG && child != words &&
		    text_equal(xmlnode_get_namespace(child), STANZAS))
			condition = condition_find(child->name);
	if (condition == S2_DONE)
		condition = S2_UNDEFINED_CONDITION;
	char *given = words ? xmlnode_get_data_unescaped(words) : NULL;
	if (text_empty(given))
		*text = mem_printf("The server of the other network answered: %s.", condition_name(condition));
	else
		*text = mem_strdup(given);
	g_free(given);
	return condition;
}

/* True: the plugin shall not show it, too. */
static gboolean message_arrived(PurpleConnection *gc, const char *type, const char *id, const char *from,
                                const char *to, xmlnode *stanza, gpointer data)
{
	struct session *session = session_of_account(purple_connection_get_account(gc));
	if (!session_is_online(session) || !text_equal(type, "error") || !from)
		return FALSE;
	struct sent *sent = sent_find(session, from, NULL);
	if (!sent)
		return FALSE;
	char *text;
	enum s2_condition condition = read_error(stanza, &text);
	sent_end(session, sent, condition, text);
	free(text);
	return TRUE;
}

static gboolean presence_arrived(PurpleConnection *gc, const char *type, const char *from, xmlnode *stanza,
                                 gpointer data)
{
	struct session *session = session_of_account(purple_connection_get_account(gc));
	if (!session_is_online(session) || !text_equal(type, "error") || !from)
		return FALSE;
	char *room = mem_strndup(from, strcspn(from, "/")), *text;
	enum s2_condition condition = read_error(stanza, &text);
	/* The plugin tidies up after it, and says that the join failed. */
	rooms_note_reason(session, room, condition, text);
	free(room);
	free(text);
	return FALSE;
}

void jabber_start(void)
{
	static int handle;
	PurplePlugin *plugin = purple_find_prpl("prpl-jabber");
	if (!plugin)
		return;
	purple_signal_connect(plugin, "jabber-receiving-message", &handle, PURPLE_CALLBACK(message_arrived), NULL);
	purple_signal_connect(plugin, "jabber-receiving-presence", &handle, PURPLE_CALLBACK(presence_arrived), NULL);
}
