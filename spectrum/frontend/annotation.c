/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is said about earlier messages: reactions (XEP-0444), retractions (XEP-0424), retractions by moderators
 * (XEP-0425), read markers (XEP-0333, XEP-0490). In rooms messages are named by the room's stanza-id, else by the
 * stanza's id. */
#include <string.h>

#include "lib/base/log.h"
#include "spectrum/frontend/carbon.h"
#include "spectrum/frontend/private_node.h"

#define LOG_AREA "annotation"
#define NS_MODERATE_0 "urn:xmpp:message-moderate:0"

/* ---- In ---- */

static void say(struct request *request, struct s2_annotation *annotation, struct ticket *ticket)
{
	struct hub *hub = request->frontend->hub;
	const struct jid *from = &request->from;
	if (request->target == TARGET_OCCUPANT) {
		annotation->private_ = true;
		annotation->nickname = request->to.resource;
	}
	if (request->target & (TARGET_ROOM | TARGET_OCCUPANT)) {
		room_annotate(hub, from->bare, from->resource, request->to.node, annotation, ticket);
		return;
	}
	annotation->peer = contact_name(request->arena, request->user, request->to.node);
	conversation_annotate(hub, from->bare, from->resource, annotation, ticket);
}

void annotation_received(struct request *request, const char *type, const struct content *content, const char *id)
{
	struct s2_annotation annotation = {.id = id};
	if (content->retracted) {
		annotation.kind = S2_RETRACTION;
		annotation.target = content->retracted;
	} else if (content->reacted) {
		annotation.kind = S2_REACTION;
		annotation.target = content->reacted;
		annotation.reactions = content->reactions;
		annotation.reaction_count = content->reaction_count;
	} else {
		annotation.kind = S2_DISPLAYED;
		annotation.target = content->displayed;
	}
	if (content->reaction_count > CONTENT_REACTIONS) {
		stanza_refuse(request, S2_NOT_ACCEPTABLE, "These are too many reactions.");
		return;
	}
	/* Who has read something in a room that he is not in needs no answer. */
	if (annotation.kind == S2_DISPLAYED && request->target != TARGET_CONTACT && !request->room)
		return;
	say(request, &annotation, ticket_new(request->from.full, request->to.full, request->id, type));
}

static void moderate(struct request *request, const char *target, const char *reason)
{
	if (!request->room || !room_joined_by(request->room, request->user, request->from.resource)) {
		stanza_refuse(request, S2_NOT_ACCEPTABLE, "You are not in this room. Join it first.");
		return;
	}
	if (text_empty(target)) {
		stanza_refuse(request, S2_BAD_REQUEST, "Name the message by its stanza-id.");
		return;
	}
	char *id = arena_printf(request->arena, "iq-%s", request->id ? request->id : "");
	struct s2_annotation annotation = {
	    .kind = S2_RETRACTION, .id = id, .target = target, .moderated = true, .reason = text_or_null(reason)};
	say(request, &annotation, ticket_new(request->from.full, request->to.full, request->id, TICKET_IQ));
}

void annotation_moderate(struct request *request, const struct element *payload)
{
	moderate(request, element_get(payload, "id"), element_child_text(request->arena, payload, "reason", NULL));
}

/* The form of version 0, by XEP-0422. */
void annotation_moderate_old(struct request *request, const struct element *payload)
{
	const struct element *inner = element_child(payload, "moderate", NS_MODERATE_0);
	if (inner)
		moderate(request, element_get(payload, "id"),
		         element_child_text(request->arena, inner, "reason", NULL));
	else
		stanza_refuse(request, S2_SERVICE_UNAVAILABLE, NULL);
}

/* ---- Out ---- */

static void write_annotation(struct frontend *frontend, struct writer *writer, const struct room *room,
                             const struct s2_annotation *annotation)
{
	bool named = room && !text_empty(annotation->actor);
	content_write_annotation(writer, annotation, room && (annotation->moderated || named),
	                         named ? room_jid(frontend, room, annotation->actor) : NULL);
}

/* The user himself has said it, in another client of the network. */
static void write_carbon(struct frontend *frontend, struct user *user, const struct s2_annotation *annotation)
{
	const char *peer = contact_jid(frontend, user, annotation->peer, NULL);
	struct writer *writer = peer ? carbon_open(frontend, user, peer, annotation->id) : NULL;
	if (!writer)
		return;
	write_annotation(frontend, writer, NULL, annotation);
	carbon_close(frontend, writer);
}

static void published(const struct iq *iq)
{
	const char *text = NULL;
	if (iq->end == IQ_ERROR)
		log_debug("read mark not published user=%s error=%s", iq->to,
		          condition_name(stanza_error(iq->arena, iq->answer, &text)));
}

/* How far he has read in a room: on his own account, where his other clients look (XEP-0490). */
static void publish_displayed(struct frontend *frontend, struct user *user, const struct room *room, const char *id)
{
	const char *jid = room_jid(frontend, room, NULL);
	struct writer *writer = private_node_publish(frontend, user, NS_DISPLAYED, jid, published, NULL);
	if (!writer)
		return;
	xml_open(writer, "displayed", NS_DISPLAYED);
	xml_open(writer, "stanza-id", NS_STANZA_ID);
	xml_attr(writer, "by", jid);
	xml_attr(writer, "id", id);
	xml_close(writer);
	xml_close(writer);
	private_node_published(frontend, writer);
}

/* Of a room: what its moderators do comes from the room itself. */
static const char *sender(struct frontend *frontend, const struct user *user, const struct room *room,
                          const struct s2_annotation *annotation)
{
	bool moderated = annotation->moderated || !text_empty(annotation->actor);
	if (!room)
		return contact_jid(frontend, user, annotation->peer, "bot");
	return room_jid(frontend, room, moderated && !annotation->private_ ? NULL : annotation->nickname);
}

void annotation_arrived(void *arg, struct user *user, const char *resource, const struct room *room,
                        const struct s2_annotation *annotation)
{
	struct frontend *frontend = arg;
	bool groupchat = room && !annotation->private_;
	const char *from = sender(frontend, user, room, annotation);
	if (!from)
		return;
	if (annotation->carbon && !room) {
		write_carbon(frontend, user, annotation);
		return;
	}
	if (annotation->carbon && annotation->kind == S2_DISPLAYED) {
		publish_displayed(frontend, user, room, annotation->target);
		return;
	}
	struct writer *writer = stanza_open(frontend, "message", UPSTREAM_KEPT, from,
	                                    user_address(frontend, user, resource), groupchat ? "groupchat" : "chat");
	content_write_id(writer, annotation->id);
	write_annotation(frontend, writer, room, annotation);
	if (room && !groupchat)
		xml_empty(writer, "x", NS_MUC_USER);
	write_delay(frontend, writer, frontend->jid, annotation->time);
	stanza_close(frontend);
}
