/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is said in rooms: messages and subjects, both ways. A line comes once for each of our users who is in the room;
 * it has one number and one id for all of them (XEP-0359). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "spectrum/hub/room.h"

/* The same for all copies of a line, and hardly for another one: the network's id, or else who said what. */
static uint64_t mark_of(const struct s2_message *message)
{
	if (!text_empty(message->id))
		return hash_bytes(message->id, strlen(message->id));
	uint64_t parts[] = {hash_bytes(message->body, strlen(message->body)),
	                    hash_bytes(message->nickname, strlen(message->nickname))};
	return hash_bytes(parts, sizeof parts);
}

#define LINE_ID_BYTES 20

/* For the archive, and for clients that come in just now. */
static void keep_line(struct room *room, const struct room_line *line, struct said *said)
{
	struct hub *hub = room->user->hub;
	bool keep = archive_wants(room) && !said->kept;
	struct room_record record = {.nickname = line->message->nickname, .occupant_id = line->occupant_id};
	for (unsigned part = 0; part < HUB_NUMBER_STEP && (keep || room->reading); part++) {
		char id[LINE_ID_BYTES];
		record.id = NULL;
		if (!hub->events->room_content(hub->arg, room, line, part, &record))
			break;
		record.number = said->number + part;
		record.time = line->message->time;
		record.named = !text_empty(record.id);
		snprintf(id, sizeof id, "%" PRIx64, record.number);
		if (!record.named)
			record.id = id;
		if (keep)
			archive_keep(room, &record, !room->attendees);
		if (room->reading)
			history_hold(room, &record);
	}
	said->kept |= keep;
	room->missed += !room->attendees;
	archive_heard(room);
}

/* To all clients that are in the room. */
static void pass_line(struct room *room, const struct s2_message *message)
{
	struct user *user = room->user;
	struct room_line line = {.message = message};
	if (!text_empty(message->nickname)) {
		const struct occupant *author = occupant_find(room, message->nickname);
		bool fresh;
		struct said *said = venue_hear(room->venue, &room->hearing, mark_of(message), &fresh);
		if (fresh)
			said->author = venue_nickname_mark(message->nickname);
		line.number = said->number;
		line.occupant_id = author ? occupant_text(author, OCCUPANT_ID) : NULL;
		if (archive_wants(room) || room->reading)
			keep_line(room, &line, said);
	}
	EACH_LISTENER(room, resource)
	{
		user->hub->stats.messages_out++;
		hub_tell(user->hub, room_message, user, resource->name, room, &line);
	}
}

static void pass_private(struct room *room, const struct s2_message *message)
{
	EACH_ATTENDEE(room, resource)
	{
		room->user->hub->stats.messages_out++;
		hub_tell(room->user->hub, message, room->user, resource->name, room, message);
	}
}

bool room_message_arrived(struct user *user, const struct s2_message *message)
{
	struct room *room = room_find_by_name(user, message->peer);
	if (!room && text_empty(message->nickname))
		return false;
	if (!room && !message->private_)
		room = group_enter(user, message->peer);
	if (!room) {
		hub_tell(user->hub, room_invitation, user, message->peer, message);
		return true;
	}
	if (!text_empty(message->own_id) && !text_empty(message->id))
		conversation_named(user->hub, &user->seat, room->name, message->own_id, message->id);
	struct s2_message shown = *message;
	shown.replaces = annotation_own_id(user, room->name, message->replaces);
	if (!text_empty(message->reply_to) && text_empty(message->reply_author))
		shown.reply_author = venue_author(room->venue, hash_bytes(message->reply_to, strlen(message->reply_to)));
	if (message->private_)
		pass_private(room, &shown);
	else
		pass_line(room, &shown);
	if (room->state == ROOM_BELONGING)
		group_spoken(room, &shown);
	return true;
}

void room_invited(void *arg, struct seat *seat, const struct s2_room_invitation *invitation)
{
	struct hub *hub = arg;
	if (!text_empty(invitation->room))
		hub_tell(hub, room_invited, user_of_seat(seat), invitation);
}

void room_annotated(struct room *room, const struct s2_annotation *annotation)
{
	struct hub *hub = room->user->hub;
	if (annotation->carbon && annotation->kind == S2_DISPLAYED) { /* no news for the room, but for all of his clients */
		hub_tell(hub, annotation, room->user, NULL, room, annotation);
		return;
	}
	EACH_ATTENDEE(room, resource)
	hub_tell(room->user->hub, annotation, room->user, resource->name, room, annotation);
}

void room_subject_changed(void *arg, struct seat *seat, const struct s2_message *in)
{
	struct room *room = room_find_by_name(user_of_seat(seat), in->peer);
	if (!room)
		return;
	bool same = room->has_subject && text_equal(room->subject, in->body) && room->subject_time == in->time;
	mem_replace(&room->subject, in->body);
	mem_replace(&room->subject_author, in->nickname);
	room->subject_time = in->time;
	room->has_subject = true;
	list_remove(&room->joining_node);
	if (room->state != ROOM_JOINING && !same)
		history_subject(room); /* else it comes with the room */
}

void room_subject_due(struct hub *hub, uint64_t now)
{
	LIST_EACH (&hub->joining, node) {
		struct room *room = LIST_ITEM(node, struct room, joining_node);
		if (room->subject_due > now)
			return; /* in the order of time */
		list_remove(&room->joining_node);
		room->has_subject = true;
		history_subject(room);
	}
}

struct room *room_of_sender(struct hub *hub, const char *jid, const char *resource, const char *node,
                            struct ticket *ticket)
{
	struct user *user = hub_user(hub, jid);
	struct room *room = user ? room_find(user, node) : NULL;
	if (!room || !room_joined_by(room, user, resource)) {
		hub_end(hub, ticket, S2_NOT_ACCEPTABLE, "You are not in this room. Join it first.");
		return NULL;
	}
	return room;
}

void room_send(struct hub *hub, const char *jid, const char *resource, const char *node, const struct s2_message *in,
               struct ticket *ticket)
{
	struct room *room = room_of_sender(hub, jid, resource, node, ticket);
	if (!room)
		return;
	if (in->private_ && room->state == ROOM_JOINED && !occupant_find(room, in->nickname)) {
		hub_end(hub, ticket, S2_ITEM_NOT_FOUND, "There is nobody with this nickname in the room.");
		return;
	}
	struct s2_message message = *in;
	message.peer = room->name;
	conversation_send_from(room->user, &message, ticket);
}

void room_set_subject(struct hub *hub, const char *jid, const char *resource, const char *node,
                      const struct s2_message *in, struct ticket *ticket)
{
	struct room *room = room_of_sender(hub, jid, resource, node, ticket);
	if (!room)
		return;
	struct s2_message message = *in;
	message.peer = room->name;
	conversation_hand_over(room->user, link_subject, &message, ticket);
}
