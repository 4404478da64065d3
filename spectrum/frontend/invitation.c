/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Invitations into rooms, through the room (XEP-0045 section 7.8) and directly (XEP-0249), both ways; and requests to be
 * heard in a moderated room (section 7.13). */
#include <stdlib.h>
#include <string.h>

#include "lib/xmpp/form.h"
#include "spectrum/frontend/muc.h"
#include "spectrum/hub/address.h"

#define INVITED_MOST 20 /* by one stanza */
#define VOICE_REQUEST "http://jabber.org/protocol/muc#request"

/* ---- In ---- */

/* What the network is asked for; if it refuses, the sender of the message gets an error. */
struct asked {
	struct frontend *frontend;
	struct ticket *ticket;
};

static void answered(void *arg, const struct s2_room_answer *answer)
{
	struct asked *asked = arg;
	if (answer->condition != S2_DONE)
		message_bounced(asked->frontend, asked->ticket, answer->condition, answer->text);
	ticket_free(asked->ticket);
	free(asked);
}

static void ask(struct request *request, enum s2_room_verb verb, const char *room, const struct s2_room_person *person)
{
	struct asked *asked = mem_new(sizeof *asked);
	asked->frontend = request->frontend;
	asked->ticket = ticket_new(request->from.full, request->to.full, request->id, "normal");
	room_order(request->user, &(struct s2_room_order){.verb = verb, .room = room, .person = *person}, answered, asked);
}

/* Somebody who is not of the network: he comes in through the gateway, too, if he has an account there. */
static void pass_invitation(struct request *request, const char *to, const char *reason)
{
	struct frontend *frontend = request->frontend;
	struct writer *writer = stanza_open(frontend, "message", UPSTREAM_KEPT, request->to.bare, to, NULL);
	content_write_id(writer, NULL);
	xml_open(writer, "x", NS_MUC_USER);
	xml_open(writer, "invite", NULL);
	xml_attr(writer, "from", request->from.bare);
	xml_leaf(writer, "reason", NULL, reason);
	xml_close(writer);
	xml_close(writer);
	invitation_write(writer, request->to.bare, NULL, reason);
	stanza_close(frontend);
}

static void invite(struct request *request, const struct element *element)
{
	const char *to = element_get(element, "to");
	const char *reason = text_or_null(element_child_text(request->arena, element, "reason", NULL));
	struct jid jid;
	if (!to || !jid_parse(request->arena, to, &jid) || !*jid.node) {
		stanza_refuse(request, S2_JID_MALFORMED, "Say by his address who is invited.");
	} else if (strcmp(jid.domain, request->frontend->jid) != 0) {
		pass_invitation(request, jid.bare, reason);
	} else {
		struct s2_room_person person = {.name = contact_name(request->arena, request->user, jid.node),
		                                .reason = reason};
		ask(request, S2_ROOM_INVITE, room_name(request->room), &person);
	}
}

static void decline(struct request *request, const struct element *element)
{
	const char *to = element_get(element, "to");
	struct s2_room_person person = {.reason =
	                                    text_or_null(element_child_text(request->arena, element, "reason", NULL))};
	struct jid jid;
	/* Nobody needs to know that a network has no word for it. */
	if (!request->user || !room_can(request->frontend->hub, S2_ROOM_DECLINE))
		return;
	if (to && jid_parse(request->arena, to, &jid) && !strcmp(jid.domain, request->frontend->jid) && *jid.node)
		person.name = contact_name(request->arena, request->user, jid.node);
	ask(request, S2_ROOM_DECLINE, address_name(request->arena, request->to.node), &person);
}

static bool is_voice_request(struct request *request)
{
	const struct element *form = element_child(request->stanza, "x", NS_DATA);
	return form && text_equal(form_value(request->arena, form, "FORM_TYPE"), VOICE_REQUEST);
}

static bool refuse_outsider(struct request *request)
{
	if (request->room && room_joined_by(request->room, request->user, request->from.resource))
		return false;
	stanza_refuse(request, S2_NOT_ACCEPTABLE, "You are not in this room. Join it first.");
	return true;
}

static bool to_room(struct request *request)
{
	const struct element *x = element_child(request->stanza, "x", NS_MUC_USER);
	const struct element *refusal = x ? element_child(x, "decline", NS_MUC_USER) : NULL;
	const struct element *one = x ? element_child(x, "invite", NS_MUC_USER) : NULL;
	if (is_voice_request(request)) {
		if (!refuse_outsider(request))
			ask(request, S2_ROOM_VOICE, room_name(request->room), &(struct s2_room_person){0});
		return true;
	}
	if (refusal) {
		decline(request, refusal);
		return true;
	}
	if (!one || refuse_outsider(request))
		return one;
	for (unsigned count = 0; one && count < INVITED_MOST; count++, one = element_next(one, "invite", NS_MUC_USER))
		invite(request, one);
	return true;
}

/* A direct one to a person of the network, into one of its rooms. */
static bool to_contact(struct request *request)
{
	const struct element *x = element_child(request->stanza, "x", NS_CONFERENCE);
	const char *room = x ? element_get(x, "jid") : NULL;
	struct jid jid;
	if (!room || !jid_parse(request->arena, room, &jid) || strcmp(jid.domain, request->frontend->jid) != 0 || !*jid.node)
		return false; /* its text, if it has one, is an ordinary message */
	if (!request->user) {
		stanza_refuse(request, S2_REGISTRATION_REQUIRED, "Log in to the gateway first.");
		return true;
	}
	struct s2_room_person person = {.name = contact_name(request->arena, request->user, request->to.node),
	                                .reason = text_or_null(element_get(x, "reason"))};
	ask(request, S2_ROOM_INVITE, address_name(request->arena, jid.node), &person);
	return true;
}

bool invitation_received(struct request *request)
{
	if (text_equal(request->type, "error") || text_equal(request->type, "groupchat"))
		return false;
	if (request->target == TARGET_ROOM)
		return to_room(request);
	return request->target == TARGET_CONTACT && to_contact(request);
}

/* ---- Out ---- */

void invitation_write(struct writer *writer, const char *room, const char *password, const char *reason)
{
	xml_open(writer, "x", NS_CONFERENCE);
	xml_attr(writer, "jid", room);
	xml_attr(writer, "password", password);
	xml_attr(writer, "reason", reason);
	xml_close(writer);
}

/* Who invites: a person of the network, or an occupant. */
static const char *inviter(struct frontend *frontend, const struct user *user, const char *room,
                           const struct s2_room_invitation *invitation)
{
	const char *jid =
	    text_empty(invitation->name) ? NULL : contact_jid(frontend, user, invitation->name, NULL);
	if (jid || text_empty(invitation->nickname))
		return jid ? jid : room;
	return occupant_jid(frontend, room, invitation->nickname);
}

/* Both forms in one stanza: each client takes the one that it knows. */
void muc_invited(void *arg, struct user *user, const struct s2_room_invitation *invitation)
{
	struct frontend *frontend = arg;
	const char *node = address_of_room(&frontend->arena, invitation->room);
	if (!node)
		return;
	const char *room = arena_printf(&frontend->arena, "%s@%s", node, frontend->jid);
	const char *reason = text_or_null(invitation->reason), *password = text_or_null(invitation->password);
	const char *who = text_empty(invitation->nickname) ? invitation->name : invitation->nickname;
	const char *title = text_empty(invitation->title) ? invitation->room : invitation->title;
	struct writer *writer = stanza_open(frontend, "message", UPSTREAM_KEPT, room, user_jid(user), NULL);
	content_write_id(writer, NULL);
	xml_leaf(writer, "body", NULL,
	         arena_printf(&frontend->arena, "%s invites you to %s%s%s", text_empty(who) ? "Somebody" : who, title,
	                      reason ? ": " : "", reason ? reason : ""));
	xml_open(writer, "x", NS_MUC_USER);
	xml_open(writer, "invite", NULL);
	xml_attr(writer, "from", inviter(frontend, user, room, invitation));
	xml_leaf(writer, "reason", NULL, reason);
	xml_close(writer);
	xml_leaf(writer, "password", NULL, password);
	xml_close(writer);
	invitation_write(writer, room, password, reason);
	stanza_close(frontend);
}
