/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Groups of the network that no client has joined come among the user's bookmarks (XEP-0402), where his server lets the
 * gateway write them (XEP-0356), so that his clients join them by themselves; else he is invited. A bookmark that is
 * there already stays as it is, and one that he has removed does not come back. */
#include "lib/base/log.h"
#include "spectrum/frontend/muc.h"
#include "spectrum/frontend/private_node.h"

#define LOG_AREA "group"

static const char *title_of(const struct room *room)
{
	const char *title = room_get_info(room)->title;
	return text_empty(title) ? room_name(room) : title;
}

/* ---- Invitations ---- */

static void invite(struct frontend *frontend, struct user *user, const struct room *room,
                   const struct s2_message *message)
{
	const char *jid = room_jid(frontend, room, NULL), *title = title_of(room);
	struct writer *writer = stanza_open(frontend, "message", UPSTREAM_KEPT, jid, user_jid(user), "normal");
	content_write_id(writer, NULL);
	xml_leaf(writer, "body", NULL,
	         message ? arena_printf(&frontend->arena, "%s: %s", message->nickname, message->body)
	                 : arena_printf(&frontend->arena, "You are in the group %s.", title));
	invitation_write(writer, jid, NULL, title);
	write_delay(frontend, writer, jid, message ? message->time : 0);
	stanza_close(frontend);
}

/* ---- Bookmarks ---- */

/* The room that a request was about, if he still belongs to it. */
static struct room *room_of(const struct iq *iq, struct user **user)
{
	*user = hub_user(iq->frontend->hub, iq->to);
	return *user ? room_find(*user, iq->subject) : NULL;
}

static void published(const struct iq *iq)
{
	struct user *user;
	struct room *room = room_of(iq, &user);
	if (iq->end == IQ_RESULT)
		return;
	log_debug("no bookmark user=%s room=%s", iq->to, log_quote(iq->subject));
	if (room)
		invite(iq->frontend, user, room, NULL);
}

static void publish(struct frontend *frontend, struct user *user, const struct room *room)
{
	struct writer *writer = private_node_publish(frontend, user, NS_BOOKMARKS, room_jid(frontend, room, NULL),
	                                             published, room_node(room));
	if (!writer) {
		invite(frontend, user, room, NULL);
		return;
	}
	xml_open(writer, "conference", NS_BOOKMARKS);
	xml_attr(writer, "name", title_of(room));
	xml_attr(writer, "autojoin", "true");
	xml_leaf(writer, "nick", NULL, room_nickname(room));
	xml_close(writer);
	private_node_published(frontend, writer);
}

static bool has_bookmark(const struct iq *iq)
{
	const struct element *pubsub = iq->end == IQ_RESULT ? element_child(iq->answer, "pubsub", NS_PUBSUB) : NULL;
	return element_child(element_child(pubsub, "items", NS_PUBSUB), "item", NS_PUBSUB);
}

/* What is among his bookmarks is known: of a group that he has not heard of, and of one that he has. */
static void looked_for_new(const struct iq *iq)
{
	struct user *user;
	struct room *room = room_of(iq, &user);
	if (room && !has_bookmark(iq))
		publish(iq->frontend, user, room);
}

static void looked_for_known(const struct iq *iq)
{
	struct user *user;
	struct room *room = room_of(iq, &user);
	if (room && !has_bookmark(iq))
		invite(iq->frontend, user, room, NULL);
}

void group_told(void *arg, struct user *user, const struct room *room, const struct s2_message *message, bool known)
{
	struct frontend *frontend = arg;
	if (!private_node_get(frontend, user, NS_BOOKMARKS, room_jid(frontend, room, NULL),
	                      known ? looked_for_known : looked_for_new, room_node(room)))
		invite(frontend, user, room, message);
}

static void retracted(const struct iq *iq)
{
	if (iq->end != IQ_RESULT)
		log_debug("bookmark not removed user=%s room=%s", iq->to, log_quote(iq->subject));
}

void group_left_told(void *arg, struct user *user, const struct room *room)
{
	struct frontend *frontend = arg;
	private_node_retract(frontend, user, NS_BOOKMARKS, room_jid(frontend, room, NULL), retracted, room_node(room));
}
