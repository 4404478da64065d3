/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/xmpp/presence.h"

#include <stdlib.h>
#include <string.h>

#include "backends/xmpp/disco.h"
#include "backends/xmpp/room.h"
#include "backends/xmpp/roster.h"
#include "lib/base/clock.h"
#include "lib/base/str.h"
#include "lib/xmpp/jid.h"
#include "lib/xmpp/ns.h"
#include "lib/xmpp/subscription.h"

static const struct {
	const char *show;
	enum s2_status status;
} shows[] = {
    {"away", S2_STATUS_AWAY},
    {"chat", S2_STATUS_FFC},
    {"xa", S2_STATUS_XA},
    {"dnd", S2_STATUS_DND},
};

static const char *show_of(enum s2_status status)
{
	for (size_t i = 0; i < sizeof shows / sizeof *shows; i++)
		if (shows[i].status == status)
			return shows[i].show;
	return NULL;
}

static enum s2_status status_of(const char *show)
{
	for (size_t i = 0; show && i < sizeof shows / sizeof *shows; i++)
		if (!strcmp(shows[i].show, show))
			return shows[i].status;
	return S2_STATUS_ONLINE;
}

/* ---- Coming ---- */

void presence_read(struct presence *presence, struct arena *arena, const struct element *stanza)
{
	const char *priority = element_child_text(arena, stanza, "priority", NS_CLIENT);
	const struct element *update = element_child(stanza, "x", NS_VCARD_UPDATE);
	const struct element *photo = element_child(update, "photo", NS_VCARD_UPDATE);
	const struct element *idle = element_child(stanza, "idle", NS_IDLE);
	*presence = (struct presence){
	    .status = element_get(stanza, "type") ? S2_STATUS_NONE
	                                          : status_of(element_child_text(arena, stanza, "show", NS_CLIENT)),
	    .text = text_or_null(element_child_text(arena, stanza, "status", NS_CLIENT)),
	    .priority = priority ? atoi(priority) : 0,
	    .icon_hash = photo ? element_text(arena, photo) : NULL,
	    .idle_since = idle && element_get(idle, "since") ? clock_parse(element_get(idle, "since")) : 0,
	};
}

void presence_received(struct user *user, struct arena *arena, const struct element *stanza)
{
	const char *from = element_get(stanza, "from"), *type = element_get(stanza, "type");
	struct jid jid;
	struct presence presence;
	if (!from || !jid_parse(arena, from, &jid) || !strcmp(jid.bare, client_bare_jid(user->client)))
		return;
	if (room_presence(user, arena, &jid, stanza))
		return;
	if (!type || !strcmp(type, "unavailable")) {
		presence_read(&presence, arena, stanza);
		roster_presence(user, &jid, &presence);
	} else if (!strcmp(type, "subscribe")) {
		roster_asked(user, &jid, text_or_null(element_child_text(arena, stanza, "status", NULL)));
	} else if (!strcmp(type, "error")) {
		roster_presence_error(user, arena, &jid, stanza);
	} else if (subscription_verb(type) != S2_SUBSCRIPTION_VERBS) {
		roster_said(user, &jid, subscription_verb(type));
	}
}

/* ---- Going ---- */

void presence_write(struct user *user, struct writer *writer)
{
	xml_leaf(writer, "show", NULL, show_of(user->status));
	xml_leaf(writer, "status", NULL, text_or_null(user->status_text));
	disco_write_caps(writer);
	if (!user->photo_hash)
		return;
	xml_open(writer, "x", NS_VCARD_UPDATE);
	xml_leaf(writer, "photo", NULL, user->photo_hash);
	xml_close(writer);
}

/* Invisible people are not there for their contacts: this protocol has no other way that servers agree on. */
static bool is_visible(const struct user *user)
{
	return user->status != S2_STATUS_NONE && user->status != S2_STATUS_INVISIBLE;
}

void presence_send(struct user *user)
{
	struct writer *writer = client_stanza(user->client, "presence");
	if (is_visible(user))
		presence_write(user, writer);
	else
		xml_attr(writer, "type", "unavailable");
	user_send(user, NULL);
}

void presence_send_words(struct user *user, const char *to, const char *type, const char *words)
{
	struct writer *writer = client_stanza(user->client, "presence");
	xml_attr(writer, "to", to);
	xml_attr(writer, "type", type);
	xml_leaf(writer, "status", NULL, words);
	user_send(user, NULL);
}

void presence_send_type(struct user *user, const char *to, const char *type)
{
	presence_send_words(user, to, type, NULL);
}

void user_set_status(struct s2_user *s2, enum s2_status status, const char *text)
{
	struct user *user = s2_user_data(s2);
	if (!user || (status == user->status && text_equal(text_or_null(text), text_or_null(user->status_text))))
		return;
	user->status = status;
	mem_replace(&user->status_text, text);
	if (!user_is_ready(user))
		return;
	presence_send(user);
	rooms_presence(user);
}
