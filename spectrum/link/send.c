/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the hub tells a user's backend, as frames. Fields whose presence means something (blocked, photo, id) are left
 * out where they don't apply. */
#include "lib/base/str.h"
#include "spectrum/link/backend.h"

static bool send_frame(struct seat *seat, struct wire_frame *frame)
{
	frame->user = seat->user;
	return backend_write(seat->backend, frame);
}

static void send_message(struct seat *seat, enum wire_type type, const struct s2_message *message,
                         struct ticket *ticket)
{
	struct backend *b = seat->backend;
	struct wire_frame frame = {.type = type, .message = *message};
	/* To an old backend the id says that a receipt is asked for. */
	if (!b->extended && !message->want_receipt)
		frame.message.id = NULL;
	bool sent = send_frame(seat, &frame);
	if (ticket && sent)
		backend_await(b, b->extended && !text_empty(message->id), seat->user, message->id, ticket);
	else if (ticket)
		backend_refuse(b, ticket);
}

void link_message(struct seat *seat, const struct s2_message *message, struct ticket *ticket)
{
	send_message(seat, WIRE_CONV_MESSAGE, message, ticket);
}

void link_subject(struct seat *seat, const struct s2_message *message, struct ticket *ticket)
{
	send_message(seat, WIRE_ROOM_SUBJECT_CHANGED, message, ticket);
}

void link_attention(struct seat *seat, const struct s2_message *message, struct ticket *ticket)
{
	send_message(seat, WIRE_ATTENTION, message, ticket);
}

void link_annotation(struct seat *seat, const struct s2_annotation *annotation, struct ticket *ticket)
{
	struct backend *b = seat->backend;
	struct wire_frame frame = {.type = WIRE_ANNOTATION, .annotation = *annotation};
	if (b->extended && send_frame(seat, &frame))
		backend_await(b, true, seat->user, annotation->id, ticket);
	else
		backend_refuse(b, ticket);
}

void link_slot(struct seat *seat, const struct s2_slot *slot)
{
	if (seat->backend->extended)
		send_frame(seat, &(struct wire_frame){.type = WIRE_SLOT, .slot = *slot});
}

void link_login(struct seat *seat, const struct s2_login *login)
{
	send_frame(seat, &(struct wire_frame){.type = WIRE_LOGIN, .login = *login});
}

void link_logout(struct seat *seat, const char *legacy_name)
{
	send_frame(seat, &(struct wire_frame){.type = WIRE_LOGOUT, .login.name = legacy_name});
}

void link_response(struct seat *seat, const char *id, const struct s2_setting *values, size_t count)
{
	struct wire_frame frame = {.type = WIRE_RESPONSE};
	frame.response.id = id;
	frame.response.answered = values != NULL;
	frame.response.values = values;
	frame.response.count = values ? count : 0;
	if (seat->backend->extended)
		send_frame(seat, &frame);
}

void link_typing(struct seat *seat, const char *peer, enum s2_typing typing)
{
	static const enum wire_type types[] = {
	    [S2_TYPING_COMPOSING] = WIRE_BUDDY_TYPING,
	    [S2_TYPING_PAUSED] = WIRE_BUDDY_TYPED,
	    [S2_TYPING_ACTIVE] = WIRE_BUDDY_STOPPED_TYPING,
	};
	send_frame(seat, &(struct wire_frame){.type = types[typing], .buddy.name = peer});
}

void link_status(struct seat *seat, enum s2_status status, const char *text)
{
	send_frame(seat, &(struct wire_frame){.type = WIRE_STATUS_CHANGED, .status = {status, text}});
}

static void send_buddy(struct seat *seat, enum wire_type type, const struct s2_buddy *buddy, bool has_blocked)
{
	struct wire_frame frame = {.type = type, .buddy = *buddy, .has_blocked = has_blocked};
	frame.buddy.status = S2_STATUS_NONE;
	send_frame(seat, &frame);
}

void link_buddy_changed(struct seat *seat, const struct s2_buddy *buddy)
{
	send_buddy(seat, WIRE_BUDDY_CHANGED, buddy, false);
}

void link_buddy_blocked(struct seat *seat, const struct s2_buddy *buddy)
{
	send_buddy(seat, WIRE_BUDDY_CHANGED, buddy, true);
}

void link_buddy_removed(struct seat *seat, const struct s2_buddy *buddy)
{
	send_buddy(seat, WIRE_BUDDY_REMOVED, buddy, false);
}

void link_subscription(struct seat *seat, const char *name, enum s2_subscription_verb verb, const char *text)
{
	send_frame(seat, &(struct wire_frame){.type = WIRE_SUBSCRIPTION, .subscription = {name, verb, text}});
}

void link_buddies(struct seat *seat, const struct s2_buddy *buddies, size_t count)
{
	send_frame(seat, &(struct wire_frame){.type = WIRE_BUDDIES, .buddies = {buddies, count}});
}

void link_join_room(struct seat *seat, const struct s2_room *room)
{
	send_frame(seat, &(struct wire_frame){.type = WIRE_JOIN_ROOM, .room = *room});
}

void link_leave_room(struct seat *seat, const char *room)
{
	send_frame(seat, &(struct wire_frame){.type = WIRE_LEAVE_ROOM, .room.name = room});
}

bool link_room_order(struct seat *seat, const struct s2_room_order *order, uint32_t request)
{
	struct wire_frame frame = {.type = WIRE_ROOM_ORDER, .order_number = request};
	frame.order = *order;
	return seat->backend->extended && send_frame(seat, &frame);
}

void link_card_request(struct seat *seat, const char *name, uint32_t request)
{
	send_frame(seat, &(struct wire_frame){.type = WIRE_VCARD, .card.name = name, .request = request});
}

void link_card_update(struct seat *seat, const struct s2_card *card)
{
	send_frame(seat, &(struct wire_frame){.type = WIRE_VCARD, .card = *card, .has_photo = true});
}

uint64_t link_mark(struct seat *seat)
{
	backend_ping(seat->backend);
	return seat->backend->pings;
}

bool link_has_read(const struct seat *seat, uint64_t mark)
{
	return !seat->backend || seat->backend->pongs >= mark;
}

size_t link_unsent(const struct seat *seat)
{
	return seat->backend->line ? conn_unsent(seat->backend->line) : 0;
}
