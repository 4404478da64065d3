/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The frames about rooms that old peers don't have, both ways. */
#include "lib/wire/codec.h"

/* ---- From messages ---- */

static enum s2_condition condition_of(int32_t value)
{
	return value >= 0 && value < S2_CONDITIONS ? (enum s2_condition)value : S2_UNDEFINED_CONDITION;
}

static struct s2_room_person read_person(struct wire_decoder *d, const Pbnetwork__RoomPerson *in)
{
	struct s2_room_person out = {0};
	if (!in)
		return out;
	out.name = wire_decode_optional(d, in->name);
	out.nickname = wire_decode_optional(d, in->nickname);
	out.reason = wire_decode_optional(d, in->reason);
	if (in->affiliation > 0 && in->affiliation <= S2_AFFILIATION_OUTCAST)
		out.affiliation = (enum s2_affiliation)in->affiliation;
	if (in->role > 0 && in->role <= S2_ROLE_MODERATOR)
		out.role = (enum s2_role)in->role;
	return out;
}

static const struct s2_field *read_fields(struct wire_decoder *d, Pbnetwork__Request__Field **in, size_t count)
{
	struct s2_field *fields = arena_alloc(d->arena, count * sizeof *fields);
	for (size_t i = 0; i < count; i++)
		wire_decode_field(d, in[i], &fields[i]);
	return fields;
}

void wire_decode_room_order(struct wire_decoder *d, const union wire_message *message, struct wire_frame *frame)
{
	const Pbnetwork__RoomOrder *in = &message->room_order;
	frame->user = wire_decode_required(d, in->user);
	frame->order_number = in->request;
	frame->order = (struct s2_room_order){
	    .verb = in->verb >= 0 && in->verb < S2_ROOM_VERBS ? (enum s2_room_verb)in->verb : S2_ROOM_VERBS,
	    .room = wire_decode_optional(d, in->room),
	    .person = read_person(d, in->person),
	    .fields = read_fields(d, in->field, in->n_field),
	    .field_count = in->n_field,
	    .xml = wire_decode_optional(d, in->xml),
	};
}

void wire_decode_room_answer(struct wire_decoder *d, const union wire_message *message, struct wire_frame *frame)
{
	const Pbnetwork__RoomAnswer *in = &message->room_answer;
	struct s2_room_person *people = arena_alloc(d->arena, in->n_person * sizeof *people);
	struct s2_room_listing *rooms = arena_alloc(d->arena, in->n_room * sizeof *rooms);
	for (size_t i = 0; i < in->n_person; i++)
		people[i] = read_person(d, in->person[i]);
	for (size_t i = 0; i < in->n_room; i++)
		rooms[i] = (struct s2_room_listing){wire_decode_required(d, in->room[i]->name),
		                                    wire_decode_optional(d, in->room[i]->title), in->room[i]->occupants};
	frame->user = wire_decode_required(d, in->user);
	frame->order_number = in->request;
	frame->answer = (struct s2_room_answer){
	    .condition = condition_of(in->condition),
	    .text = wire_decode_optional(d, in->text),
	    .people = people,
	    .people_count = in->n_person,
	    .fields = read_fields(d, in->field, in->n_field),
	    .field_count = in->n_field,
	    .rooms = rooms,
	    .room_count = in->n_room,
	    .more = in->more,
	    .xml = wire_decode_optional(d, in->xml),
	};
}

void wire_decode_room_invitation(struct wire_decoder *d, const union wire_message *message, struct wire_frame *frame)
{
	const Pbnetwork__RoomInvitation *in = &message->room_invitation;
	frame->user = wire_decode_required(d, in->user);
	frame->invitation = (struct s2_room_invitation){
	    .room = wire_decode_required(d, in->room),
	    .title = wire_decode_optional(d, in->title),
	    .password = wire_decode_optional(d, in->password),
	    .name = wire_decode_optional(d, in->name),
	    .nickname = wire_decode_optional(d, in->nickname),
	    .reason = wire_decode_optional(d, in->reason),
	};
}

void wire_decode_room_info(struct wire_decoder *d, const union wire_message *message, struct wire_frame *frame)
{
	const Pbnetwork__RoomInfo *in = &message->room_info;
	frame->user = wire_decode_required(d, in->user);
	frame->room_info = (struct s2_room_info){
	    .name = wire_decode_required(d, in->room),
	    .title = wire_decode_optional(d, in->title),
	    .description = wire_decode_optional(d, in->description),
	    .language = wire_decode_optional(d, in->language),
	    .icon_hash = wire_decode_optional(d, in->iconhash),
	    .flags = in->flags,
	    .most = in->most,
	};
}

/* ---- To messages ---- */

static void write_person(struct wire_encoder *e, const struct s2_room_person *in, Pbnetwork__RoomPerson *out)
{
	pbnetwork__room_person__init(out);
	out->name = wire_encode_optional(e, in->name);
	out->nickname = wire_encode_optional(e, in->nickname);
	out->has_affiliation = in->affiliation != S2_AFFILIATION_UNSET;
	out->affiliation = (int32_t)in->affiliation;
	out->has_role = in->role != S2_ROLE_UNSET;
	out->role = (int32_t)in->role;
	out->reason = wire_encode_optional(e, in->reason);
}

static Pbnetwork__Request__Field **write_fields(struct wire_encoder *e, const struct s2_field *in, size_t count)
{
	Pbnetwork__Request__Field *fields = arena_alloc(&e->arena, count * sizeof *fields);
	Pbnetwork__Request__Field **list = arena_alloc(&e->arena, count * sizeof *list);
	for (size_t i = 0; i < count; i++) {
		wire_encode_field(e, &in[i], &fields[i]);
		list[i] = &fields[i];
	}
	return list;
}

void wire_encode_room_order(struct wire_encoder *e, const struct wire_frame *frame, union wire_message *message)
{
	const struct s2_room_order *in = &frame->order;
	Pbnetwork__RoomOrder *out = &message->room_order;
	pbnetwork__room_order__init(out);
	out->user = wire_encode_required(e, frame->user);
	out->request = frame->order_number;
	out->verb = (int32_t)in->verb;
	out->room = wire_encode_optional(e, in->room);
	out->person = arena_alloc(&e->arena, sizeof *out->person);
	write_person(e, &in->person, out->person);
	out->field = write_fields(e, in->fields, in->field_count);
	out->n_field = in->field_count;
	out->xml = wire_encode_optional(e, in->xml);
}

void wire_encode_room_answer(struct wire_encoder *e, const struct wire_frame *frame, union wire_message *message)
{
	const struct s2_room_answer *in = &frame->answer;
	Pbnetwork__RoomAnswer *out = &message->room_answer;
	pbnetwork__room_answer__init(out);
	out->user = wire_encode_required(e, frame->user);
	out->request = frame->order_number;
	out->condition = (int32_t)in->condition;
	out->text = wire_encode_optional(e, in->text);
	out->has_more = out->more = in->more;
	out->xml = wire_encode_optional(e, in->xml);
	Pbnetwork__RoomPerson *people = arena_alloc(&e->arena, in->people_count * sizeof *people);
	out->person = arena_alloc(&e->arena, in->people_count * sizeof *out->person);
	out->n_person = in->people_count;
	for (size_t i = 0; i < in->people_count; i++) {
		write_person(e, &in->people[i], &people[i]);
		out->person[i] = &people[i];
	}
	Pbnetwork__RoomAnswer__Listing *rooms = arena_alloc(&e->arena, in->room_count * sizeof *rooms);
	out->room = arena_alloc(&e->arena, in->room_count * sizeof *out->room);
	out->n_room = in->room_count;
	for (size_t i = 0; i < in->room_count; i++) {
		pbnetwork__room_answer__listing__init(&rooms[i]);
		rooms[i].name = wire_encode_required(e, in->rooms[i].name);
		rooms[i].title = wire_encode_optional(e, in->rooms[i].title);
		rooms[i].has_occupants = in->rooms[i].occupants > 0;
		rooms[i].occupants = in->rooms[i].occupants;
		out->room[i] = &rooms[i];
	}
	out->field = write_fields(e, in->fields, in->field_count);
	out->n_field = in->field_count;
}

void wire_encode_room_invitation(struct wire_encoder *e, const struct wire_frame *frame, union wire_message *message)
{
	const struct s2_room_invitation *in = &frame->invitation;
	Pbnetwork__RoomInvitation *out = &message->room_invitation;
	pbnetwork__room_invitation__init(out);
	out->user = wire_encode_required(e, frame->user);
	out->room = wire_encode_required(e, in->room);
	out->title = wire_encode_optional(e, in->title);
	out->password = wire_encode_optional(e, in->password);
	out->name = wire_encode_optional(e, in->name);
	out->nickname = wire_encode_optional(e, in->nickname);
	out->reason = wire_encode_optional(e, in->reason);
}

void wire_encode_room_info(struct wire_encoder *e, const struct wire_frame *frame, union wire_message *message)
{
	const struct s2_room_info *in = &frame->room_info;
	Pbnetwork__RoomInfo *out = &message->room_info;
	pbnetwork__room_info__init(out);
	out->user = wire_encode_required(e, frame->user);
	out->room = wire_encode_required(e, in->name);
	out->title = wire_encode_optional(e, in->title);
	out->description = wire_encode_optional(e, in->description);
	out->language = wire_encode_optional(e, in->language);
	out->iconhash = wire_encode_optional(e, in->icon_hash);
	out->has_flags = out->has_most = true;
	out->flags = in->flags;
	out->most = in->most;
}
