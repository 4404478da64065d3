/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Presence: log-in and log-out (XEP-0100 section 4.4), contacts' presence, and subscriptions (RFC 6121 section 3). */
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/utf8.h"
#include "spectrum/frontend/avatar.h"
#include "spectrum/frontend/client.h"
#include "spectrum/frontend/dialogue.h"
#include "spectrum/frontend/own.h"

#define STATUS_BYTES 4096

/* ---- In ---- */

static enum s2_status read_show(const char *show)
{
	static const struct {
		const char *show;
		enum s2_status status;
	} shows[] = {{"away", S2_STATUS_AWAY}, {"chat", S2_STATUS_FFC}, {"xa", S2_STATUS_XA}, {"dnd", S2_STATUS_DND}};
	for (size_t i = 0; show && i < sizeof shows / sizeof *shows; i++) {
		if (!strcmp(show, shows[i].show))
			return shows[i].status;
	}
	return S2_STATUS_ONLINE;
}

static void log_in(struct request *request)
{
	const struct element *stanza = request->stanza;
	const char *priority = element_child_text(request->arena, stanza, "priority", NULL);
	char *text = (char *)element_child_text(request->arena, stanza, "status", NULL);
	if (text && strlen(text) > STATUS_BYTES)
		text = arena_strndup(request->arena, text, utf8_cut(text, strlen(text), STATUS_BYTES));
	struct s2_presence presence = {
	    .status = read_show(element_child_text(request->arena, stanza, "show", NULL)),
	    .text = text_or_null(text),
	    .priority = priority ? atoi(priority) : 0,
	};
	if (presence.priority < -128 || presence.priority > 127)
		presence.priority = 0;
	if (element_child(stanza, "invisible", NS_INVISIBLE))
		presence.status = S2_STATUS_INVISIBLE;
	struct frontend *frontend = request->frontend;
	bool another = request->user && user_is_online(request->user) &&
	               !client_find(request->user, request->from.resource);
	user_available(frontend->hub, request->from.bare, request->from.resource, &presence);
	client_present(request);
	own_present(request);
	/* Who comes with another client may have put his roster in order meanwhile. */
	if (another)
		roster_look(frontend->roster, request->user);
}

static void answer_type(const struct request *request, const char *type)
{
	stanza_open(request->frontend, "presence", UPSTREAM_PASSING, request->to.bare, request->from.bare, type);
	stanza_close(request->frontend);
}

static void available(struct request *request)
{
	const struct element *muc = element_child(request->stanza, "x", NS_MUC);
	if (!*request->from.resource)
		return;
	if (request->target == TARGET_GATEWAY)
		log_in(request);
	else if (muc || request->target == TARGET_OCCUPANT)
		muc_join(request, muc);
	else if (request->target == TARGET_ROOM)
		stanza_refuse(request, S2_JID_MALFORMED, "Join a room under a nickname: room@gateway/nickname.");
}

static void unavailable(struct request *request)
{
	struct frontend *frontend = request->frontend;
	if (request->target == TARGET_GATEWAY)
		user_unavailable(frontend->hub, request->from.bare, request->from.resource);
	else if (request->room)
		room_leave(request->user, request->from.resource, request->to.node);
}

/* A client that is gone says so by errors, too. */
static void error(struct request *request)
{
	if (*request->from.resource)
		unavailable(request);
}

static void subscribe(struct request *request)
{
	if (request->target == TARGET_GATEWAY) {
		answer_type(request, "subscribed");
		if (request->user)
			user_probe(request->frontend->hub, request->from.bare, NULL, NULL);
	} else if (request->target == TARGET_CONTACT && request->user) {
		answer_type(request, "subscribed");
		contact_subscribe(request->user, contact_name(request->arena, request->user, request->to.node));
		roster_look(request->frontend->roster, request->user);
	} else {
		stanza_refuse(request, S2_REGISTRATION_REQUIRED, "Log in to the gateway to add contacts.");
	}
}

static void subscribed(struct request *request)
{
	if (request->target == TARGET_CONTACT && request->user)
		contact_subscribed(request->user, contact_name(request->arena, request->user, request->to.node));
}

static void unsubscribe(struct request *request)
{
	if (request->target == TARGET_CONTACT && request->user)
		contact_unsubscribe(request->user, contact_name(request->arena, request->user, request->to.node),
		                    false);
	answer_type(request, "unsubscribed");
}

static void unsubscribed(struct request *request)
{
	if (request->target == TARGET_CONTACT && request->user)
		contact_unsubscribe(request->user, contact_name(request->arena, request->user, request->to.node), true);
}

static void probe(struct request *request)
{
	struct frontend *frontend = request->frontend;
	const char *to = *request->from.resource ? request->from.resource : NULL, *name = NULL;
	if (request->target == TARGET_CONTACT)
		name = contact_name(request->arena, request->user, request->to.node);
	if (request->target & (TARGET_ROOM | TARGET_OCCUPANT) ||
	    user_probe(frontend->hub, request->from.bare, to, name))
		return;
	stanza_open(frontend, "presence", UPSTREAM_PASSING, request->to.bare, request->from.full, "unavailable");
	stanza_close(frontend);
	/* Somebody who asks is there himself: after our restart he may believe that he is logged in. Only people are
	 * asked back: another gateway might do the same, for ever. */
	if (request->target == TARGET_GATEWAY && *request->from.node)
		presence_probe(frontend, request->from.bare);
}

void presence_received(struct request *request)
{
	static const struct {
		const char *type;
		void (*handler)(struct request *);
	} types[] = {
	    {"unavailable", unavailable},
	    {"subscribe", subscribe},
	    {"subscribed", subscribed},
	    {"unsubscribe", unsubscribe},
	    {"unsubscribed", unsubscribed},
	    {"probe", probe},
	    {"error", error},
	};
	/* A host that shows us all presence of its users' contacts (XEP-0356) shows us our own, too. */
	if (!request->frontend->serves && !strcmp(request->from.domain, request->frontend->jid))
		return;
	if (!request->type) {
		available(request);
		return;
	}
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (!strcmp(request->type, types[i].type)) {
			types[i].handler(request);
			return;
		}
	}
	stanza_refuse(request, S2_BAD_REQUEST, "There is no such type of presence.");
}

/* ---- Out ---- */

void presence_account(void *arg, struct user *user, const char *resource, enum account_state state, const char *text)
{
	struct frontend *frontend = arg;
	if (state == ACCOUNT_OFFLINE && !resource)
		own_offline(frontend, user);
	struct writer *writer =
	    stanza_open(frontend, "presence", UPSTREAM_PASSING, frontend->jid, user_address(frontend, user, resource),
	                state == ACCOUNT_ONLINE ? NULL : "unavailable");
	if (state == ACCOUNT_ONLINE) {
		struct s2_presence presence;
		user_presence(user, &presence);
		write_show(writer, presence.status);
		disco_write_gateway_caps(frontend, writer);
	}
	if (state == ACCOUNT_CONNECTING && text_empty(text))
		text = "Connecting";
	xml_leaf(writer, "status", NULL, text_or_null(text));
	stanza_close(frontend);
	dialogue_login_state(frontend, user_jid(user), state, text);
}

void presence_refused(void *arg, const char *jid, const char *resource, const char *node, const char *nickname,
                      enum s2_condition condition, const char *text)
{
	struct frontend *frontend = arg;
	const char *from = frontend->jid;
	if (node)
		from = arena_printf(&frontend->arena, "%s@%s/%s", node, frontend->jid, nickname ? nickname : "");
	struct writer *writer = stanza_open(frontend, "presence", UPSTREAM_PASSING, from,
	                                    arena_printf(&frontend->arena, "%s/%s", jid, resource), "error");
	if (node)
		xml_empty(writer, "x", NS_MUC);
	xml_error(writer, condition, text);
	stanza_close(frontend);
	if (!node)
		dialogue_login_state(frontend, jid, ACCOUNT_OFFLINE, text);
}

/* XEP-0319. */
static void write_idle(struct writer *writer, const struct buddy *buddy)
{
	int64_t since = buddy_idle_since(buddy);
	char text[CLOCK_TEXT_BYTES];
	if (!since)
		return;
	clock_format(since, text);
	xml_open(writer, "idle", NS_IDLE);
	xml_attr(writer, "since", text);
	xml_close(writer);
}

void presence_buddy(void *arg, struct user *user, const char *resource, const struct buddy *buddy, bool gone)
{
	struct frontend *frontend = arg;
	/* Where we are the server, we know who would get it: nobody in the course of a log-in. */
	if (frontend->serves && !resource && !client_first(user))
		return;
	const char *from = contact_jid(frontend, user, buddy_text(buddy, BUDDY_NAME), "bot");
	if (!from)
		return;
	bool blocked = buddy->flags & BUDDY_BLOCKED;
	bool away = gone || blocked || buddy->status == S2_STATUS_NONE;
	struct writer *writer = stanza_open(frontend, "presence", UPSTREAM_PASSING, from,
	                                    user_address(frontend, user, resource), away ? "unavailable" : NULL);
	if (blocked && !gone)
		xml_leaf(writer, "status", NULL, "You have blocked this contact.");
	if (!away) {
		write_show(writer, buddy->status);
		xml_leaf(writer, "status", NULL, text_or_null(buddy_text(buddy, BUDDY_STATUS)));
		avatar_write_update(frontend, writer, user, buddy);
		write_idle(writer, buddy);
		disco_write_caps(frontend, writer, contact_lacks(user, buddy));
	}
	stanza_close(frontend);
}

void presence_probe(void *arg, const char *jid)
{
	struct frontend *frontend = arg;
	stanza_open(frontend, "presence", UPSTREAM_PASSING, frontend->jid, jid, "probe");
	stanza_close(frontend);
}
