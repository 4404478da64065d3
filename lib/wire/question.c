/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The codec of questions to users: REQUEST, RESPONSE, REQUEST_END. */
#include <string.h>

#include "lib/wire/codec.h"

static const struct s2_option *decode_options(struct wire_decoder *d, const Pbnetwork__Request__Field *in)
{
	struct s2_option *options = arena_alloc(d->arena, in->n_option * sizeof *options);
	for (size_t i = 0; i < in->n_option; i++)
		options[i] = (struct s2_option){wire_decode_required(d, in->option[i]->value),
		                                wire_decode_optional(d, in->option[i]->label)};
	return options;
}

void wire_decode_field(struct wire_decoder *d, const Pbnetwork__Request__Field *in, struct s2_field *out)
{
	out->name = wire_decode_required(d, in->name);
	out->label = wire_decode_optional(d, in->label);
	if (in->has_type && in->type > 0 && in->type < S2_FIELD_TYPES)
		out->type = (enum s2_field_type)in->type;
	out->required = in->has_required && in->required;
	out->value = wire_decode_optional(d, in->value);
	out->options = decode_options(d, in);
	out->option_count = in->n_option;
}

void wire_decode_question(struct wire_decoder *d, const union wire_message *message, struct wire_frame *frame)
{
	const Pbnetwork__Request *in = &message->question;
	struct s2_request *out = &frame->question;
	struct s2_field *fields = arena_alloc(d->arena, in->n_field * sizeof *fields);
	frame->user = wire_decode_required(d, in->user);
	out->id = wire_decode_required(d, in->id);
	out->title = wire_decode_optional(d, in->title);
	out->text = wire_decode_optional(d, in->text);
	out->url = wire_decode_optional(d, in->url);
	if (in->has_image && in->image.len) {
		out->image = in->image.data;
		out->image_bytes = in->image.len;
	}
	out->image_type = wire_decode_optional(d, in->imagetype);
	for (size_t i = 0; i < in->n_field; i++)
		wire_decode_field(d, in->field[i], &fields[i]);
	out->fields = fields;
	out->field_count = in->n_field;
	out->seconds = in->has_seconds ? in->seconds : 0;
}

void wire_decode_response(struct wire_decoder *d, const union wire_message *message, struct wire_frame *frame)
{
	const Pbnetwork__Response *in = &message->response;
	struct s2_setting *values = arena_alloc(d->arena, in->n_value * sizeof *values);
	frame->user = wire_decode_required(d, in->user);
	frame->response.id = wire_decode_required(d, in->id);
	frame->response.answered = in->has_answered && in->answered;
	for (size_t i = 0; i < in->n_value; i++)
		values[i] = (struct s2_setting){wire_decode_required(d, in->value[i]->name),
		                                wire_decode_required(d, in->value[i]->value)};
	frame->response.values = values;
	frame->response.count = in->n_value;
}

void wire_decode_request_end(struct wire_decoder *d, const union wire_message *message, struct wire_frame *frame)
{
	const Pbnetwork__RequestEnd *in = &message->request_end;
	frame->user = wire_decode_required(d, in->user);
	frame->result.id = wire_decode_required(d, in->id);
	frame->result.condition = in->condition >= 0 && in->condition < S2_CONDITIONS ? (enum s2_condition)in->condition
	                                                                              : S2_UNDEFINED_CONDITION;
	frame->result.text = wire_decode_optional(d, in->text);
}

static void encode_options(struct wire_encoder *e, const struct s2_field *in, Pbnetwork__Request__Field *out)
{
	Pbnetwork__Request__Option *items = arena_alloc(&e->arena, in->option_count * sizeof *items);
	out->option = arena_alloc(&e->arena, in->option_count * sizeof *out->option);
	for (size_t i = 0; i < in->option_count; i++) {
		pbnetwork__request__option__init(&items[i]);
		items[i].value = wire_encode_required(e, in->options[i].value);
		items[i].label = wire_encode_optional(e, in->options[i].label);
		out->option[out->n_option++] = &items[i];
	}
}

void wire_encode_field(struct wire_encoder *e, const struct s2_field *in, Pbnetwork__Request__Field *out)
{
	pbnetwork__request__field__init(out);
	out->name = wire_encode_required(e, in->name);
	out->label = wire_encode_optional(e, in->label);
	out->has_type = in->type != S2_FIELD_TEXT;
	out->type = (int32_t)in->type;
	out->has_required = out->required = in->required;
	out->value = wire_encode_optional(e, in->value);
	encode_options(e, in, out);
}

void wire_encode_question(struct wire_encoder *e, const struct wire_frame *frame, union wire_message *message)
{
	const struct s2_request *in = &frame->question;
	Pbnetwork__Request *out = &message->question;
	pbnetwork__request__init(out);
	out->user = wire_encode_required(e, frame->user);
	out->id = wire_encode_required(e, in->id);
	out->title = wire_encode_optional(e, in->title);
	out->text = wire_encode_optional(e, in->text);
	out->url = wire_encode_optional(e, in->url);
	out->has_image = in->image && in->image_bytes;
	out->image.data = (uint8_t *)(uintptr_t)in->image;
	out->image.len = in->image ? in->image_bytes : 0;
	out->imagetype = wire_encode_optional(e, in->image_type);
	Pbnetwork__Request__Field *fields = arena_alloc(&e->arena, in->field_count * sizeof *fields);
	out->field = arena_alloc(&e->arena, in->field_count * sizeof *out->field);
	for (size_t i = 0; i < in->field_count; i++) {
		wire_encode_field(e, &in->fields[i], &fields[i]);
		out->field[out->n_field++] = &fields[i];
	}
	out->has_seconds = in->seconds > 0;
	out->seconds = in->seconds;
}

void wire_encode_response(struct wire_encoder *e, const struct wire_frame *frame, union wire_message *message)
{
	Pbnetwork__Response *out = &message->response;
	size_t count = frame->response.count;
	pbnetwork__response__init(out);
	out->user = wire_encode_required(e, frame->user);
	out->id = wire_encode_required(e, frame->response.id);
	out->has_answered = out->answered = frame->response.answered;
	Pbnetwork__Response__Value *items = arena_alloc(&e->arena, count * sizeof *items);
	out->value = arena_alloc(&e->arena, count * sizeof *out->value);
	for (size_t i = 0; i < count; i++) {
		pbnetwork__response__value__init(&items[i]);
		items[i].name = wire_encode_required(e, frame->response.values[i].key);
		items[i].value = wire_encode_required(e, frame->response.values[i].value);
		out->value[out->n_value++] = &items[i];
	}
}

void wire_encode_request_end(struct wire_encoder *e, const struct wire_frame *frame, union wire_message *message)
{
	Pbnetwork__RequestEnd *out = &message->request_end;
	pbnetwork__request_end__init(out);
	out->user = wire_encode_required(e, frame->user);
	out->id = wire_encode_required(e, frame->result.id);
	out->condition = (int32_t)frame->result.condition;
	out->text = wire_encode_optional(e, frame->result.text);
}
