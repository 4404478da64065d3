/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages (RFC 6121 section 5): bodies with XHTML-IM (XEP-0071), chat states (XEP-0085), receipts (XEP-0184),
 * attention (XEP-0224), links to files (XEP-0066); and the error to the sender when one can't be passed on. */
#include <string.h>

#include "lib/base/random.h"
#include "spectrum/frontend/inside.h"
#include "spectrum/frontend/privilege.h"

#define BODY_BYTES 65536

/* ---- In ---- */

static const char *known_type(const char *type)
{
	static const char *const types[] = {"chat", "groupchat", "normal", "headline"};
	for (size_t i = 0; type && i < sizeof types / sizeof *types; i++) {
		if (!strcmp(type, types[i]))
			return types[i];
	}
	return type ? NULL : "normal";
}

/* What it is about, apart from the body. */
struct parts {
	const char *body, *subject, *xhtml;
	const struct element *attention;
	int typing; /* s2_typing, or -1 */
};

static int read_chat_state(const struct element *stanza)
{
	static const struct {
		const char *name;
		enum s2_typing typing;
	} states[] = {{"composing", S2_TYPING_COMPOSING},
	              {"paused", S2_TYPING_PAUSED},
	              {"active", S2_TYPING_ACTIVE},
	              {"inactive", S2_TYPING_ACTIVE},
	              {"gone", S2_TYPING_ACTIVE}};
	const struct element *state = element_child(stanza, NULL, NS_CHATSTATES);
	for (size_t i = 0; state && i < sizeof states / sizeof *states; i++) {
		if (!strcmp(state->name, states[i].name))
			return (int)states[i].typing;
	}
	return -1;
}

static void read_parts(struct request *request, struct parts *parts)
{
	struct arena *arena = request->arena;
	const struct element *stanza = request->stanza;
	*parts = (struct parts){
	    .body = text_or_null(element_child_text(arena, stanza, "body", NULL)),
	    .subject = element_child_text(arena, stanza, "subject", NULL),
	    .attention = element_child(stanza, "attention", NS_ATTENTION),
	    .typing = read_chat_state(stanza),
	};
	const struct element *html = element_child(stanza, "html", NS_XHTML_IM);
	if (html && config_bool(request->frontend->config, "service.enable_xhtml"))
		parts->xhtml = text_or_null(xhtml_inner(arena, element_child(html, "body", NS_XHTML)));
}

/* A message to the gateway itself. */
static void to_gateway(struct request *request, const struct parts *parts)
{
	bool host = !*request->from.node && !*request->from.resource;
	if (host && privilege_received(request->frontend->privileges, request->from.domain, request->stanza))
		return;
	if (!parts->body)
		return;
	struct writer *writer =
	    stanza_open(request->frontend, "message", UPSTREAM_KEPT, request->to.full, request->from.full, "chat");
	xml_leaf(writer, "body", NULL,
	         request->user
	             ? "You are logged in to this gateway. Write to your contacts, or join a room."
	             : "You are not logged in. Register with this gateway in your client's service discovery, then "
	               "send it presence.");
	stanza_close(request->frontend);
}

static void to_room(struct request *request, struct s2_message *message, const struct parts *parts,
                    struct ticket *ticket)
{
	struct hub *hub = request->frontend->hub;
	const struct jid *from = &request->from;
	/* A subject is a message with <subject/> and without <body/> (XEP-0045 section 8.1). */
	if (parts->subject && !parts->body) {
		message->body = parts->subject;
		room_set_subject(hub, from->bare, from->resource, request->to.node, message, ticket);
	} else {
		room_send(hub, from->bare, from->resource, request->to.node, message, ticket);
	}
}

static void message_send(struct request *request, const char *type, const struct parts *parts)
{
	struct hub *hub = request->frontend->hub;
	const struct jid *from = &request->from;
	bool groupchat = !strcmp(type, "groupchat");
	char id[17];
	if (text_empty(request->id))
		random_id(id, sizeof id - 1);
	struct s2_message message = {
	    .peer = request->to.node,
	    .body = parts->body        ? parts->body
	            : parts->attention ? ""
	                               : NULL,
	    .xhtml = parts->xhtml,
	    .id = text_empty(request->id) ? id : request->id,
	    .headline = !strcmp(type, "headline"),
	    .want_receipt = !groupchat && element_child(request->stanza, "request", NS_RECEIPTS),
	};
	struct ticket *ticket = ticket_new(from->full, request->to.full, request->id, type);
	if (request->target == TARGET_OCCUPANT) {
		message.private_ = true;
		message.nickname = request->to.resource;
		room_send(hub, from->bare, from->resource, request->to.node, &message, ticket);
		return;
	}
	if (request->target == TARGET_ROOM) {
		to_room(request, &message, parts, ticket);
		return;
	}
	message.peer = contact_name(request->arena, request->user, request->to.node);
	if (parts->attention)
		conversation_attention(hub, from->bare, from->resource, &message, ticket);
	else
		conversation_send(hub, from->bare, from->resource, &message, ticket);
}

/* A client answers a room's stanza with an error when it is no longer there (XEP-0045, ghost users). */
static void error_received(struct request *request)
{
	const char *text;
	enum s2_condition condition = stanza_error(request->arena, request->stanza, &text);
	if (request->room && condition != S2_UNDEFINED_CONDITION && condition != S2_POLICY_VIOLATION &&
	    condition != S2_RESOURCE_CONSTRAINT)
		room_leave(request->user, request->from.resource, request->to.node);
}

void message_received(struct request *request)
{
	if (text_equal(request->type, "error")) {
		error_received(request);
		return;
	}
	const char *type = known_type(request->type);
	struct parts parts;
	read_parts(request, &parts);
	if (!type)
		stanza_refuse(request, S2_BAD_REQUEST, "There is no such type of message.");
	else if (request->target == TARGET_GATEWAY)
		to_gateway(request, &parts);
	else if (!parts.body && !parts.attention && !(parts.subject && request->target == TARGET_ROOM)) {
		if (parts.typing >= 0 && request->user && request->target == TARGET_CONTACT)
			conversation_typing(request->user,
			                    contact_name(request->arena, request->user, request->to.node),
			                    (enum s2_typing)parts.typing);
	} else if (element_child(request->stanza, "encryption", NS_EME))
		stanza_refuse(request, S2_NOT_ACCEPTABLE,
		              "This gateway can't read encrypted messages. Switch encryption off.");
	else if (parts.body && strlen(parts.body) > BODY_BYTES)
		stanza_refuse(request, S2_NOT_ACCEPTABLE, "This message is too long.");
	else if (!*request->from.resource)
		stanza_refuse(request, S2_BAD_REQUEST, "A message has to come from a client of yours.");
	else if (!strcmp(type, "groupchat") ? request->target != TARGET_ROOM : request->target == TARGET_ROOM)
		stanza_refuse(request, S2_BAD_REQUEST,
		              "Messages of type groupchat go to a room, all others to a person.");
	else
		message_send(request, type, &parts);
}

/* ---- Out ---- */

void message_write_content(struct frontend *frontend, struct writer *writer, const struct s2_message *message)
{
	xml_leaf(writer, "body", NULL, message->body ? message->body : "");
	if (!text_empty(message->xhtml) && config_bool(frontend->config, "service.enable_xhtml")) {
		struct element *body = xhtml_clean(&frontend->arena, message->xhtml);
		if (body) {
			xml_open(writer, "html", NS_XHTML_IM);
			xml_element(writer, body);
			xml_close(writer);
		}
	}
	for (size_t i = 0; i < message->attachment_count; i++) {
		xml_open(writer, "x", NS_OOB);
		xml_leaf(writer, "url", NULL, message->attachments[i].url);
		xml_leaf(writer, "desc", NULL, text_or_null(message->attachments[i].description));
		xml_close(writer);
	}
}

void message_write_id(struct writer *writer, const char *id)
{
	char made[17];
	if (text_empty(id))
		random_id(made, sizeof made - 1);
	xml_attr(writer, "id", text_empty(id) ? made : id);
}

/* Who a message is from: a contact, or an occupant. */
static const char *sender(struct frontend *frontend, struct user *user, const struct room *room, const char *peer,
                          const char *nickname)
{
	return room ? room_jid(frontend, room, nickname) : contact_jid(frontend, user, peer, "bot");
}

void message_arrived(void *arg, struct user *user, const char *resource, const struct room *room,
                     const struct s2_message *message)
{
	struct frontend *frontend = arg;
	const char *from = sender(frontend, user, room, message->peer, message->nickname);
	if (!from)
		return;
	const char *type = message->headline && user_wants_headlines(user) ? "headline" : "chat";
	struct writer *writer =
	    stanza_open(frontend, "message", UPSTREAM_KEPT, from, user_address(frontend, user, resource), type);
	message_write_id(writer, message->id);
	message_write_content(frontend, writer, message);
	xml_empty(writer, "active", NS_CHATSTATES);
	if (room)
		xml_empty(writer, "x", NS_MUC_USER);
	write_delay(frontend, writer, frontend->jid, message->time);
	stanza_close(frontend);
}

void message_typing(void *arg, struct user *user, const char *resource, const char *peer, enum s2_typing typing)
{
	static const char *const states[] = {
	    [S2_TYPING_COMPOSING] = "composing", [S2_TYPING_PAUSED] = "paused", [S2_TYPING_ACTIVE] = "active"};
	struct frontend *frontend = arg;
	const char *from = contact_jid(frontend, user, peer, "bot");
	if (!from)
		return;
	struct writer *writer =
	    stanza_open(frontend, "message", UPSTREAM_PASSING, from, user_address(frontend, user, resource), "chat");
	xml_empty(writer, states[typing], NS_CHATSTATES);
	xml_empty(writer, "no-store", NS_HINTS);
	stanza_close(frontend);
}

void message_attention(void *arg, struct user *user, const char *resource, const struct s2_message *message)
{
	struct frontend *frontend = arg;
	const char *from = contact_jid(frontend, user, message->peer, "bot");
	if (!from)
		return;
	struct writer *writer =
	    stanza_open(frontend, "message", UPSTREAM_KEPT, from, user_address(frontend, user, resource), "headline");
	message_write_id(writer, message->id);
	xml_leaf(writer, "body", NULL, text_or_null(message->body));
	xml_empty(writer, "attention", NS_ATTENTION);
	stanza_close(frontend);
}

void message_delivered(void *arg, struct user *user, const char *resource, const char *peer, const char *id)
{
	struct frontend *frontend = arg;
	const char *from = contact_jid(frontend, user, peer, "bot");
	if (!from || text_empty(id))
		return;
	struct writer *writer =
	    stanza_open(frontend, "message", UPSTREAM_KEPT, from, user_address(frontend, user, resource), "chat");
	message_write_id(writer, NULL);
	xml_open(writer, "received", NS_RECEIPTS);
	xml_attr(writer, "id", id);
	xml_close(writer);
	stanza_close(frontend);
}

void message_bounced(void *arg, const struct ticket *ticket, enum s2_condition condition, const char *text)
{
	struct frontend *frontend = arg;
	struct writer *writer = stanza_open(frontend, "message", UPSTREAM_KEPT, ticket->to, ticket->from, "error");
	xml_attr(writer, "id", ticket->id);
	xml_error(writer, condition, text);
	stanza_close(frontend);
}

/* The numbers and names that Spectrum 2 puts into its <spectrumerror/>. */
static const char *const connection_errors[] = {
    "NETWORK_ERROR",    "INVALID_USERNAME",   "AUTHENTICATION_FAILED",  "AUTHENTICATION_IMPOSSIBLE", "NO_SSL_SUPPORT",
    "ENCRYPTION_ERROR", "NAME_IN_USE",        "INVALID_SETTINGS",       "CERT_NOT_PROVIDED",         "CERT_UNTRUSTED",
    "CERT_EXPIRED",     "CERT_NOT_ACTIVATED", "CERT_HOSTNAME_MISMATCH", "CERT_FINGERPRINT_MISMATCH", "CERT_SELF_SIGNED",
    "CERT_OTHER_ERROR", "OTHER_ERROR",
};

void message_notice(void *arg, const char *jid, const char *text, const enum s2_connection_error *error)
{
	struct frontend *frontend = arg;
	struct writer *writer = stanza_open(frontend, "message", UPSTREAM_KEPT, frontend->jid, jid, "chat");
	message_write_id(writer, NULL);
	xml_leaf(writer, "body", NULL, text);
	if (error && (unsigned)*error < sizeof connection_errors / sizeof *connection_errors) {
		xml_open(writer, "spectrumerror", "http://spectrum.im/error");
		xml_attrf(writer, "error", "%d", (int)*error);
		xml_textf(writer, "CONNECTION_ERROR_%s", connection_errors[*error]);
		xml_close(writer);
	}
	stanza_close(frontend);
}
