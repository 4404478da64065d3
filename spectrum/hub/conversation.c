/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages between a user and his contacts. Each one from the user carries a ticket that ends exactly once: the network
 * took it, or its sender gets an error. What comes while his log-in is under way waits, bounded. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "spectrum/hub/address.h"
#include "spectrum/hub/room.h"
#include "spectrum/hub/user.h"

#define LOG_AREA "conversation"
#define WAITING_MOST 100 /* messages of one user that wait for his log-in */
#define WAITING_MS 20000 /* and how long one waits: people want to know */

typedef void link_verb(struct seat *, const struct s2_message *, struct ticket *);

struct waiting {
	struct waiting *next;
	uint64_t due; /* ms, loop_now: refused then */
	link_verb *verb;
	struct ticket *ticket;
	struct s2_message message; /* its texts are behind it */
};

static const char *put(char **at, const char *text)
{
	if (!text)
		return NULL;
	char *copy = *at;
	*at = stpcpy(copy, text) + 1;
	return copy;
}

/* The fields of a message, or of an attachment, that are texts. */
static const size_t message_texts[] = {
    offsetof(struct s2_message, peer),         offsetof(struct s2_message, nickname),
    offsetof(struct s2_message, body),         offsetof(struct s2_message, xhtml),
    offsetof(struct s2_message, id),           offsetof(struct s2_message, own_id),
    offsetof(struct s2_message, replaces),     offsetof(struct s2_message, reply_to),
    offsetof(struct s2_message, reply_author), offsetof(struct s2_message, reply_text),
};
static const size_t attachment_texts[] = {
    offsetof(struct s2_attachment, url), offsetof(struct s2_attachment, mime_type),
    offsetof(struct s2_attachment, name), offsetof(struct s2_attachment, description),
    offsetof(struct s2_attachment, sha256)};
#define COUNT(array) (sizeof(array) / sizeof *(array))

static size_t texts_bytes(const void *of, const size_t *fields, size_t count)
{
	size_t bytes = 0;
	for (size_t i = 0; i < count; i++) {
		const char *text = *(const char *const *)(const void *)((const char *)of + fields[i]);
		bytes += text ? strlen(text) + 1 : 0;
	}
	return bytes;
}

static void texts_copy(void *of, const size_t *fields, size_t count, char **at)
{
	for (size_t i = 0; i < count; i++) {
		const char **text = (const char **)(void *)((char *)of + fields[i]);
		*text = put(at, *text);
	}
}

static void wait_for_login(struct user *user, link_verb *verb, const struct s2_message *message, struct ticket *ticket)
{
	size_t count = message->attachment_count;
	size_t bytes = texts_bytes(message, message_texts, COUNT(message_texts)) + count * sizeof *message->attachments;
	for (size_t i = 0; i < count; i++)
		bytes += texts_bytes(&message->attachments[i], attachment_texts, COUNT(attachment_texts));
	struct waiting *waiting = mem_new(sizeof *waiting + bytes);
	struct s2_attachment *attachments = (struct s2_attachment *)(waiting + 1);
	char *at = (char *)(attachments + count);
	waiting->due = loop_now(user->hub->loop) + WAITING_MS;
	waiting->verb = verb;
	waiting->ticket = ticket;
	waiting->message = *message;
	waiting->message.attachments = attachments;
	texts_copy(&waiting->message, message_texts, COUNT(message_texts), &at);
	for (size_t i = 0; i < count; i++) {
		attachments[i] = message->attachments[i];
		texts_copy(&attachments[i], attachment_texts, COUNT(attachment_texts), &at);
	}
	*user->waiting_end = waiting;
	user->waiting_end = &waiting->next;
	user->waiting_count++;
	if (list_empty(&user->waiting_node))
		list_append(&user->hub->waiting, &user->waiting_node);
	hub_tick_start(user->hub);
}

/* Takes the whole queue; what is queued from now on starts a new one. */
static struct waiting *take_waiting(struct user *user)
{
	struct waiting *first = user->waiting;
	user->waiting = NULL;
	user->waiting_end = &user->waiting;
	user->waiting_count = 0;
	list_remove(&user->waiting_node);
	return first;
}

void conversation_waiting_due(struct hub *hub, uint64_t now)
{
	LIST_EACH (&hub->waiting, node) {
		struct user *user = LIST_ITEM(node, struct user, waiting_node);
		while (user->waiting && user->waiting->due <= now) {
			struct waiting *waiting = user->waiting;
			user->waiting = waiting->next;
			user->waiting_count--;
			hub_end(hub, waiting->ticket, S2_REMOTE_SERVER_TIMEOUT,
			        "The log-in to the network takes too long. Try again later.");
			free(waiting);
		}
		if (!user->waiting)
			take_waiting(user);
	}
}

void conversation_flush(struct user *user)
{
	for (struct waiting *waiting = take_waiting(user), *next; waiting; waiting = next) {
		next = waiting->next;
		waiting->verb(&user->seat, &waiting->message, waiting->ticket);
		free(waiting);
	}
}

void conversation_refuse(struct user *user, enum s2_condition condition, const char *text)
{
	for (struct waiting *waiting = take_waiting(user), *next; waiting; waiting = next) {
		next = waiting->next;
		hub_end(user->hub, waiting->ticket, condition, text);
		free(waiting);
	}
}

void conversation_hand_over(struct user *user, link_verb *verb, const struct s2_message *message, struct ticket *ticket)
{
	user->hub->stats.messages_in++;
	journal_add(user->hub->journal, ticket);
	if (user->state == USER_ONLINE && link_unsent(&user->seat) < HUB_UNSENT_MOST)
		verb(&user->seat, message, ticket);
	else if (user->state == USER_ONLINE)
		hub_end(user->hub, ticket, S2_RESOURCE_CONSTRAINT,
		        "The network takes messages too slowly. Try again later.");
	else if (user->waiting_count < WAITING_MOST)
		wait_for_login(user, verb, message, ticket);
	else
		hub_end(user->hub, ticket, S2_RESOURCE_CONSTRAINT,
		        "Too many messages wait for the log-in to the network.");
}

/* Who is not logged in gets to know what to do about it. */
struct stranger {
	struct hub *hub;
	struct ticket *ticket;
};

static void stranger_known(void *arg, const struct account_info *info, enum s2_condition condition, const char *text)
{
	struct stranger *stranger = arg;
	if (!info)
		hub_end(stranger->hub, stranger->ticket, condition, text);
	else if (info->registered)
		hub_end(stranger->hub, stranger->ticket, S2_RECIPIENT_UNAVAILABLE,
		        "You are not logged in to the network. Send presence to the gateway first.");
	else
		hub_end(stranger->hub, stranger->ticket, S2_REGISTRATION_REQUIRED,
		        "You are not registered with this gateway.");
	free(stranger);
}

void conversation_refuse_stranger(struct hub *hub, const char *jid, struct ticket *ticket)
{
	if (hub->stopping) {
		hub_end(hub, ticket, S2_RECIPIENT_UNAVAILABLE, "The gateway is being shut down.");
		return;
	}
	struct stranger *stranger = mem_new(sizeof *stranger);
	*stranger = (struct stranger){hub, ticket};
	account_get(hub, jid, stranger_known, stranger);
}

void conversation_send_from(struct user *user, const struct s2_message *in, struct ticket *ticket)
{
	struct s2_message message = *in;
	struct str text = {0};
	if (!text_empty(in->replaces) && !hub_can(user->hub, HUB_CORRECTIONS)) {
		/* Better said again than not at all. */
		str_addf(&text, "(corrected) %s", in->body ? in->body : "");
		message.body = str_text(&text);
		message.xhtml = NULL;
		message.replaces = NULL;
	}
	message.replaces = annotation_network_id(user, in->peer, message.replaces);
	message.reply_to = annotation_network_id(user, in->peer, in->reply_to);
	conversation_hand_over(user, link_message, &message, ticket);
	str_fini(&text);
}

static void send_by(struct hub *hub, const char *jid, const char *resource, link_verb *verb,
                    const struct s2_message *message, struct ticket *ticket)
{
	struct user *user = hub_user(hub, jid);
	if (!user) {
		conversation_refuse_stranger(hub, jid, ticket);
		return;
	}
	struct resource *sender = user_resource(user, resource);
	struct buddy *buddy = sender && !message->private_ ? roster_find(&user->roster, message->peer) : NULL;
	if (buddy)
		buddy->talk = sender->number;
	if (verb == link_message)
		conversation_send_from(user, message, ticket);
	else
		conversation_hand_over(user, verb, message, ticket);
}

void conversation_send(struct hub *hub, const char *jid, const char *resource, const struct s2_message *message,
                       struct ticket *ticket)
{
	send_by(hub, jid, resource, link_message, message, ticket);
}

void conversation_attention(struct hub *hub, const char *jid, const char *resource, const struct s2_message *message,
                            struct ticket *ticket)
{
	send_by(hub, jid, resource, link_attention, message, ticket);
}

void conversation_typing(struct user *user, const char *peer, enum s2_typing typing)
{
	if (user->state == USER_ONLINE && link_unsent(&user->seat) < HUB_UNSENT_MOST)
		link_typing(&user->seat, peer, typing);
}

/* ---- From the network ---- */

void conversation_result(void *arg, struct ticket *ticket, enum s2_condition condition, const char *text)
{
	hub_end(arg, ticket, condition, text);
}

void conversation_returned(void *arg, struct ticket *ticket, const char *text)
{
	hub_end(arg, ticket, S2_RECIPIENT_UNAVAILABLE, text);
}

/* The client that wrote to this contact last, or NULL for the bare JID. */
static const char *talk_resource(const struct user *user, const char *peer)
{
	struct buddy *buddy = roster_find(&user->roster, peer);
	struct resource *resource = buddy ? user_resource_number(user, buddy->talk) : NULL;
	return resource ? resource->name : NULL;
}

void conversation_arrived(void *arg, struct seat *seat, const struct s2_message *message)
{
	struct hub *hub = arg;
	struct user *user = user_of_seat(seat);
	if (text_empty(message->peer))
		return;
	if (room_message_arrived(user, message))
		return;
	struct s2_message shown = *message;
	shown.replaces = annotation_own_id(user, message->peer, message->replaces);
	shown.reply_to = annotation_own_id(user, message->peer, message->reply_to);
	/* A network that does not say whose message it was: the user's own have two names. */
	if (!text_empty(message->reply_to) && text_empty(message->reply_author))
		shown.reply_author = shown.reply_to == message->reply_to ? message->peer : user_name(user);
	hub->stats.messages_out++;
	hub_tell(hub, message, user, message->carbon ? NULL : talk_resource(user, message->peer), NULL, &shown);
}

void conversation_received(void *arg, struct seat *seat, const char *peer, const char *id)
{
	struct user *user = user_of_seat(seat);
	hub_tell((struct hub *)arg, received, user, talk_resource(user, peer), peer, annotation_own_id(user, peer, id));
}

void conversation_typed(void *arg, struct seat *seat, const char *peer, enum s2_typing typing)
{
	struct user *user = user_of_seat(seat);
	const char *resource = talk_resource(user, peer);
	/* A state alone opens no conversation. */
	if (resource)
		hub_tell((struct hub *)arg, typing, user, resource, peer, typing);
}

void conversation_attended(void *arg, struct seat *seat, const struct s2_message *message)
{
	struct user *user = user_of_seat(seat);
	if (!text_empty(message->peer))
		hub_tell((struct hub *)arg, attention, user, talk_resource(user, message->peer), message);
}

/* ---- Files ---- */

void conversation_slot_wanted(void *arg, struct seat *seat, const struct s2_slot *slot)
{
	hub_tell((struct hub *)arg, slot_request, user_of_seat(seat), slot);
}

void conversation_slot(struct hub *hub, const char *jid, const struct s2_slot *slot)
{
	struct user *user = hub_user(hub, jid);
	if (user && user->seat.backend)
		link_slot(&user->seat, slot);
}
