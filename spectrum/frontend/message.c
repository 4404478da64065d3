/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages (RFC 6121 section 5): bodies with XHTML-IM (XEP-0071) and styling (XEP-0393), chat states (XEP-0085),
 * receipts (XEP-0184), attention (XEP-0224), links to files (XEP-0066); and the error to the sender when one can't be
 * passed on. */
#include <string.h>

#include "lib/base/random.h"
#include "spectrum/frontend/carbon.h"
#include "spectrum/frontend/own.h"
#include "spectrum/frontend/muc.h"
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

static const char no_encryption[] = "This gateway can't read encrypted messages. Switch encryption off.";

/* A message to the gateway itself. */
static void to_gateway(struct request *request, const struct content *content)
{
	bool host = !*request->from.node && !*request->from.resource;
	if (host && privilege_received(request->frontend->privileges, request->from.domain, request->stanza)) {
		carbon_granted(request->frontend, request->from.domain);
		return;
	}
	if (own_event(request))
		return;
	if (content->encrypted)
		stanza_refuse(request, S2_NOT_ACCEPTABLE, no_encryption);
	else if (content->body)
		chat_received(request, content->body);
}

static void to_room(struct request *request, struct s2_message *message, const struct content *content,
                    struct ticket *ticket)
{
	struct hub *hub = request->frontend->hub;
	const struct jid *from = &request->from;
	/* A subject is a message with <subject/> and without <body/> (XEP-0045 section 8.1). */
	if (content->subject && !content->body) {
		message->body = content->subject;
		room_set_subject(hub, from->bare, from->resource, request->to.node, message, ticket);
	} else {
		room_send(hub, from->bare, from->resource, request->to.node, message, ticket);
	}
}

/* Who wrote what is replied to, as the network spells him. */
static const char *reply_author(struct request *request, const char *reply_jid)
{
	struct jid jid;
	if (!reply_jid || !jid_parse(request->arena, reply_jid, &jid))
		return NULL;
	if (!strcmp(jid.bare, request->from.bare))
		return request->user ? user_name(request->user) : NULL;
	if (request->target & (TARGET_ROOM | TARGET_OCCUPANT))
		return text_or_null(jid.resource);
	return contact_name(request->arena, request->user, jid.node);
}

static void message_send(struct request *request, const char *type, const struct content *content, const char *id)
{
	struct hub *hub = request->frontend->hub;
	const struct jid *from = &request->from;
	bool empty = content->attention || content->attachment_count;
	struct s2_message message = {
	    .peer = request->to.node,
	    .body = content->body ? content->body
	            : empty       ? ""
	                          : NULL,
	    .xhtml = content->xhtml,
	    .id = id,
	    .headline = !strcmp(type, "headline"),
	    .want_receipt = strcmp(type, "groupchat") != 0 && content->want_receipt,
	    .want_marker = content->want_marker,
	    .replaces = content->replaces,
	    .attachments = content->attachments,
	    .attachment_count = hub_can(hub, HUB_ATTACHMENTS) ? content->attachment_count : 0,
	};
	if (content->reply_to && hub_can(hub, HUB_REPLIES)) {
		message.reply_to = content->reply_to;
		message.reply_author = reply_author(request, content->reply_jid);
		message.reply_text = content->reply_text;
	}
	struct ticket *ticket = ticket_new(from->full, request->to.full, request->id, type);
	if (request->target == TARGET_OCCUPANT) {
		message.private_ = true;
		message.nickname = request->to.resource;
		room_send(hub, from->bare, from->resource, request->to.node, &message, ticket);
		return;
	}
	if (request->target == TARGET_ROOM) {
		to_room(request, &message, content, ticket);
		return;
	}
	message.peer = contact_name(request->arena, request->user, request->to.node);
	if (content->attention)
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

/* Nothing that a person wrote: a chat state, a marker of a kind that we have no use for. */
static void stateless_received(struct request *request, const struct content *content)
{
	if (content->typing >= 0 && request->user && request->target == TARGET_CONTACT)
		conversation_typing(request->user, contact_name(request->arena, request->user, request->to.node),
		                    (enum s2_typing)content->typing);
}

/* Why the message can't be passed on, or S2_DONE. */
static enum s2_condition check(const struct request *request, const char *type, const struct content *content,
                               const char **text)
{
	bool room = request->target == TARGET_ROOM, groupchat = !strcmp(type, "groupchat");
	const struct {
		bool bad;
		enum s2_condition condition;
		const char *text;
	} rules[] = {
	    {content->encrypted, S2_NOT_ACCEPTABLE, no_encryption},
	    {content->body && strlen(content->body) > BODY_BYTES, S2_NOT_ACCEPTABLE, "This message is too long."},
	    {!*request->from.resource, S2_BAD_REQUEST, "A message has to come from a client of yours."},
	    {groupchat != room, S2_BAD_REQUEST, "Messages of type groupchat go to a room, all others to a person."},
	};
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		if (rules[i].bad) {
			*text = rules[i].text;
			return rules[i].condition;
		}
	}
	return S2_DONE;
}

/* Something that a person wants to be passed on. */
static void pass_on(struct request *request, const char *type, const struct content *content)
{
	const char *text = NULL;
	char made[17];
	bool annotation = content_is_annotation(content);
	enum s2_condition condition = check(request, type, content, &text);
	if (condition != S2_DONE) {
		if (!annotation || !content->displayed)
			stanza_refuse(request, condition, text);
		return;
	}
	if (text_empty(request->id))
		random_id(made, sizeof made - 1);
	const char *id = text_empty(request->id) ? made : request->id;
	if (annotation)
		annotation_received(request, type, content, id);
	else
		message_send(request, type, content, id);
}

static unsigned content_options(const struct frontend *frontend)
{
	bool styling = config_bool(frontend->config, "service.styling") && hub_can(frontend->hub, HUB_FORMATTING);
	return (config_bool(frontend->config, "service.enable_xhtml") ? CONTENT_XHTML : 0) |
	       (styling ? CONTENT_STYLING : 0) | (hub_can(frontend->hub, HUB_REPLIES) ? CONTENT_REPLIES : 0) |
	       (hub_can(frontend->hub, HUB_ATTACHMENTS) ? CONTENT_FILES : 0);
}

void message_received(struct request *request)
{
	if (text_equal(request->type, "error")) {
		error_received(request);
		return;
	}
	if (carbon_is_ours(request->frontend, request) || invitation_received(request))
		return;
	const char *type = known_type(request->type);
	struct content content;
	content_read(&content, request->arena, request->stanza, content_options(request->frontend));
	if (!type)
		stanza_refuse(request, S2_BAD_REQUEST, "There is no such type of message.");
	else if (request->target == TARGET_GATEWAY)
		to_gateway(request, &content);
	else if (content.body || content.attention || content.attachment_count || content_is_annotation(&content) ||
	         (content.subject && request->target == TARGET_ROOM))
		pass_on(request, type, &content);
	else
		stateless_received(request, &content);
}

/* ---- Out ---- */

bool message_part(struct frontend *frontend, const struct s2_message *message, unsigned part, struct s2_message *piece)
{
	bool together = !config_bool(frontend->config, "service.oob_split") &&
	                !config_bool(frontend->config, "service.oob_replace_body");
	return content_part(&frontend->arena, message, part, together, piece);
}

void message_write(struct frontend *frontend, struct writer *writer, const struct s2_message *message,
                   const char *reply_jid)
{
	unsigned xhtml = config_bool(frontend->config, "service.enable_xhtml") ? CONTENT_XHTML : 0;
	unsigned styling = config_bool(frontend->config, "service.styling") ? CONTENT_STYLING : 0;
	content_write(writer, &frontend->arena, message, reply_jid, text_empty(message->xhtml) ? 0 : xhtml | styling);
}

/* Who a message is from: a contact, or an occupant. */
static const char *sender(struct frontend *frontend, struct user *user, const struct room *room, const char *peer,
                          const char *nickname)
{
	return room ? room_jid(frontend, room, nickname) : contact_jid(frontend, user, peer, "bot");
}

/* Who wrote what a message answers. */
static const char *author_jid(struct frontend *frontend, struct user *user, const struct room *room, const char *author)
{
	if (text_empty(author))
		return NULL;
	if (room)
		return room_jid(frontend, room, author);
	return !strcmp(author, user_name(user)) ? user_jid(user) : contact_jid(frontend, user, author, NULL);
}

static void write_carbon(struct frontend *frontend, struct user *user, const struct s2_message *piece)
{
	const char *peer = contact_jid(frontend, user, piece->peer, NULL);
	struct writer *writer = peer ? carbon_open(frontend, user, peer, piece->id) : NULL;
	if (!writer)
		return;
	message_write(frontend, writer, piece, author_jid(frontend, user, NULL, piece->reply_author));
	write_delay(frontend, writer, frontend->jid, piece->time);
	carbon_close(frontend, writer);
}

static void write_message(struct frontend *frontend, struct user *user, const char *resource, const struct room *room,
                          const char *from, const struct s2_message *piece)
{
	const char *type = piece->headline && user_wants_headlines(user) ? "headline" : "chat";
	struct writer *writer =
	    stanza_open(frontend, "message", UPSTREAM_KEPT, from, user_address(frontend, user, resource), type);
	content_write_id(writer, piece->id);
	message_write(frontend, writer, piece, author_jid(frontend, user, room, piece->reply_author));
	xml_empty(writer, "active", NS_CHATSTATES);
	if (room)
		xml_empty(writer, "x", NS_MUC_USER);
	write_delay(frontend, writer, frontend->jid, piece->time);
	stanza_close(frontend);
}

void message_arrived(void *arg, struct user *user, const char *resource, const struct room *room,
                     const struct s2_message *message)
{
	struct frontend *frontend = arg;
	const char *from = sender(frontend, user, room, message->peer, message->nickname);
	struct s2_message piece;
	for (unsigned part = 0; from && message_part(frontend, message, part, &piece); part++) {
		if (message->carbon && !room)
			write_carbon(frontend, user, &piece);
		else
			write_message(frontend, user, resource, room, from, &piece);
	}
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
	content_write_id(writer, message->id);
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
	content_write_id(writer, NULL);
	xml_open(writer, "received", NS_RECEIPTS);
	xml_attr(writer, "id", id);
	xml_close(writer);
	stanza_close(frontend);
}

void message_bounced(void *arg, const struct ticket *ticket, enum s2_condition condition, const char *text)
{
	struct frontend *frontend = arg;
	bool request = text_equal(ticket->type, TICKET_IQ);
	struct writer *writer = stanza_open(frontend, request ? "iq" : "message", UPSTREAM_KEPT, ticket->to,
	                                    ticket->from, condition == S2_DONE ? "result" : "error");
	xml_attr(writer, "id", ticket->id);
	if (condition != S2_DONE)
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
	content_write_id(writer, NULL);
	xml_leaf(writer, "body", NULL, text);
	if (error && (unsigned)*error < sizeof connection_errors / sizeof *connection_errors) {
		xml_open(writer, "spectrumerror", "http://spectrum.im/error");
		xml_attrf(writer, "error", "%d", (int)*error);
		xml_textf(writer, "CONNECTION_ERROR_%s", connection_errors[*error]);
		xml_close(writer);
	}
	stanza_close(frontend);
}
