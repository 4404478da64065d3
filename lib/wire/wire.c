/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames: length, wrapper and the table of all types. The link (main process) and the kit (backends) speak through
 * this. protobuf-c unpacks what is inside onto the caller's arena and packs right into the output, so that a message
 * costs no malloc.
 */
#include "lib/wire/wire.h"

#include <assert.h>
#include <string.h>

#include "lib/wire/codec.h"

#define HEAD_BYTES 4
/* The wrapper's fields. */
#define WRAPPER_TYPE 1
#define WRAPPER_PAYLOAD 2
#define WRAPPER_MOST (2 + 2 + 5) /* bytes: both tags take one, a type up to two, a length up to five */
/* Memory that one frame may take while it is unpacked: many tiny fields need far more of it than bytes on the wire. */
#define MEMORY_FLOOR (1u << 20)
#define MEMORY_FACTOR 8

/* How one type is read and written. No `message`: there is nothing inside; no functions: nobody has a use for it. */
static const struct format {
	const ProtobufCMessageDescriptor *message;
	wire_decode_function *decode;
	wire_encode_function *encode;
	bool known;
} formats[] = {
    [WIRE_CONNECTED] = {&pbnetwork__connected__descriptor, wire_decode_connected, wire_encode_connected, true},
    [WIRE_DISCONNECTED] = {&pbnetwork__disconnected__descriptor, wire_decode_disconnected, wire_encode_disconnected,
                           true},
    [WIRE_LOGIN] = {&pbnetwork__login__descriptor, wire_decode_login, wire_encode_login, true},
    [WIRE_LOGOUT] = {&pbnetwork__logout__descriptor, wire_decode_logout, wire_encode_logout, true},
    [WIRE_BUDDY_CHANGED] = {&pbnetwork__buddy__descriptor, wire_decode_buddy, wire_encode_buddy, true},
    [WIRE_BUDDY_REMOVED] = {&pbnetwork__buddy__descriptor, wire_decode_buddy, wire_encode_buddy, true},
    [WIRE_CONV_MESSAGE] = {&pbnetwork__conversation_message__descriptor, wire_decode_conversation,
                           wire_encode_conversation, true},
    [WIRE_PING] = {NULL, NULL, NULL, true},
    [WIRE_PONG] = {NULL, NULL, NULL, true},
    [WIRE_JOIN_ROOM] = {&pbnetwork__room__descriptor, wire_decode_room, wire_encode_room, true},
    [WIRE_LEAVE_ROOM] = {&pbnetwork__room__descriptor, wire_decode_room, wire_encode_room, true},
    [WIRE_PARTICIPANT_CHANGED] = {&pbnetwork__participant__descriptor, wire_decode_participant, wire_encode_participant,
                                  true},
    [WIRE_ROOM_NICKNAME_CHANGED] = {&pbnetwork__room__descriptor, wire_decode_room, wire_encode_room, true},
    [WIRE_ROOM_SUBJECT_CHANGED] = {&pbnetwork__conversation_message__descriptor, wire_decode_conversation,
                                   wire_encode_conversation, true},
    [WIRE_VCARD] = {&pbnetwork__vcard__descriptor, wire_decode_card, wire_encode_card, true},
    [WIRE_STATUS_CHANGED] = {&pbnetwork__status__descriptor, wire_decode_status, wire_encode_status, true},
    [WIRE_BUDDY_TYPING] = {&pbnetwork__buddy__descriptor, wire_decode_buddy, wire_encode_buddy_name, true},
    [WIRE_BUDDY_STOPPED_TYPING] = {&pbnetwork__buddy__descriptor, wire_decode_buddy, wire_encode_buddy_name, true},
    [WIRE_BUDDY_TYPED] = {&pbnetwork__buddy__descriptor, wire_decode_buddy, wire_encode_buddy_name, true},
    [WIRE_AUTH_REQUEST] = {&pbnetwork__buddy__descriptor, wire_decode_buddy, wire_encode_buddy_name, true},
    [WIRE_ATTENTION] = {&pbnetwork__conversation_message__descriptor, wire_decode_conversation,
                        wire_encode_conversation, true},
    [WIRE_STATS] = {&pbnetwork__stats__descriptor, wire_decode_stats, wire_encode_stats, true},
    [WIRE_EXIT] = {NULL, NULL, NULL, true},
    [WIRE_BACKEND_CONFIG] = {&pbnetwork__backend_config__descriptor, wire_decode_config, wire_encode_config, true},
    [WIRE_QUERY] = {&pbnetwork__backend_config__descriptor, wire_decode_config, wire_encode_config, true},
    [WIRE_ROOM_LIST] = {&pbnetwork__room_list__descriptor, wire_decode_room_list, wire_encode_room_list, true},
    [WIRE_CONV_MESSAGE_ACK] = {&pbnetwork__conversation_message__descriptor, wire_decode_conversation, wire_encode_ack,
                               true},
    [WIRE_RAW_XML] = {NULL, NULL, NULL, true},
    [WIRE_BUDDIES] = {&pbnetwork__buddies__descriptor, wire_decode_buddies, wire_encode_buddies, true},
    [WIRE_API_VERSION] = {&pbnetwork__apiversion__descriptor, NULL, wire_encode_version, true},
    [WIRE_MESSAGE_RESULT] = {&pbnetwork__message_result__descriptor, wire_decode_result, wire_encode_result, true},
    [WIRE_REQUEST] = {&pbnetwork__request__descriptor, wire_decode_question, wire_encode_question, true},
    [WIRE_RESPONSE] = {&pbnetwork__response__descriptor, wire_decode_response, wire_encode_response, true},
    [WIRE_REQUEST_END] = {&pbnetwork__request_end__descriptor, wire_decode_request_end, wire_encode_request_end, true},
    [WIRE_BLOCK_RESULT] = {&pbnetwork__block_result__descriptor, wire_decode_block_result, wire_encode_block_result,
                           true},
    [WIRE_SUBSCRIPTION] = {&pbnetwork__subscription__descriptor, wire_decode_subscription, wire_encode_subscription,
                           true},
    [WIRE_ROOM_ERROR] = {&pbnetwork__room_error__descriptor, wire_decode_room_error, wire_encode_room_error, true},
    [WIRE_SLOT_REQUEST] = {&pbnetwork__slot__descriptor, wire_decode_slot, wire_encode_slot, true},
    [WIRE_SLOT] = {&pbnetwork__slot__descriptor, wire_decode_slot, wire_encode_slot, true},
    [WIRE_ANNOTATION] = {&pbnetwork__annotation__descriptor, wire_decode_annotation, wire_encode_annotation, true},
    [WIRE_ROOM_ORDER] = {&pbnetwork__room_order__descriptor, wire_decode_room_order, wire_encode_room_order, true},
    [WIRE_ROOM_ANSWER] = {&pbnetwork__room_answer__descriptor, wire_decode_room_answer, wire_encode_room_answer, true},
    [WIRE_ROOM_INVITATION] = {&pbnetwork__room_invitation__descriptor, wire_decode_room_invitation,
                              wire_encode_room_invitation, true},
    [WIRE_ROOM_INFO] = {&pbnetwork__room_info__descriptor, wire_decode_room_info, wire_encode_room_info, true},
};

static const struct format *format_find(uint64_t type)
{
	return type < sizeof formats / sizeof *formats && formats[type].known ? &formats[type] : NULL;
}

/* protobuf-c's view of an arena, bounded. */
struct budget {
	struct arena *arena;
	size_t left;
	bool exhausted;
};

static void *budget_alloc(void *arg, size_t bytes)
{
	struct budget *budget = arg;
	if (bytes > budget->left) {
		budget->exhausted = true;
		return NULL;
	}
	budget->left -= bytes;
	return arena_alloc(budget->arena, bytes);
}

static void budget_free(void *arg, void *memory)
{
}

static bool read_number(const uint8_t **at, const uint8_t *end, uint64_t *value)
{
	*value = 0;
	for (int shift = 0; shift < 64 && *at < end; shift += 7) {
		uint8_t byte = *(*at)++;
		*value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return true;
	}
	return false;
}

/* One field of a message that nobody has a structure for. */
struct field {
	uint64_t number;      /* of the field */
	uint64_t kind;        /* ProtobufCWireType */
	uint64_t value;       /* of a varint */
	const uint8_t *bytes; /* of all others */
	size_t len;
};

/* The field at *at, which moves behind it; false if none can be read there. */
static bool read_field(const uint8_t **at, const uint8_t *end, struct field *field)
{
	uint64_t tag, len = 0;
	if (!read_number(at, end, &tag))
		return false;
	field->number = tag >> 3;
	field->kind = tag & 7;
	switch (field->kind) {
	case PROTOBUF_C_WIRE_TYPE_VARINT:
		return field->number && read_number(at, end, &field->value);
	case PROTOBUF_C_WIRE_TYPE_64BIT:
		len = 8;
		break;
	case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
		if (!read_number(at, end, &len))
			return false;
		break;
	case PROTOBUF_C_WIRE_TYPE_32BIT:
		len = 4;
		break;
	default:
		return false;
	}
	if (!field->number || len > (uint64_t)(end - *at))
		return false;
	field->bytes = *at;
	field->len = (size_t)len;
	*at += len;
	return true;
}

static const char broken[] = "payload is no protobuf message";
static const char incomplete[] = "a required field is missing or has another type";

/* The wrapper is read by hand, so that what is in it needs no copy. NULL, or what is wrong. */
static const char *read_wrapper(const uint8_t *at, size_t len, uint64_t *type, struct field *inner)
{
	struct field field;
	bool typed = false;
	for (const uint8_t *end = at + len; at < end;) {
		if (!read_field(&at, end, &field))
			return broken;
		if (field.number == WRAPPER_TYPE && field.kind == PROTOBUF_C_WIRE_TYPE_VARINT) {
			*type = field.value;
			typed = true;
		} else if (field.number == WRAPPER_PAYLOAD && field.kind == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED) {
			*inner = field;
		}
	}
	return typed ? NULL : incomplete;
}

/* Why protobuf-c refused a message: it does not tell. If all fields can be walked over, then one of them is missing. */
static const char *refusal(const struct budget *budget, const struct field *message)
{
	struct field field;
	if (budget->exhausted)
		return "payload has too many fields";
	for (const uint8_t *at = message->bytes, *end = at + message->len; at < end;)
		if (!read_field(&at, end, &field))
			return broken;
	return incomplete;
}

/* The payload of one frame. Returns what is wrong with it, NULL if nothing is. */
static const char *read_payload(struct arena *arena, const uint8_t *bytes, size_t len, enum wire_direction direction,
                                struct wire_frame *frame)
{
	struct field inner = {.bytes = bytes};
	uint64_t type;
	const char *error = len ? read_wrapper(bytes, len, &type, &inner) : "frame is empty";
	if (error)
		return error;
	const struct format *format = format_find(type);
	if (!format)
		return type >= PBNETWORK__WRAPPER_MESSAGE__TYPE__TYPE_FT_START &&
		               type <= PBNETWORK__WRAPPER_MESSAGE__TYPE__TYPE_FT_CONTINUE
		           ? "file transfer by frames is obsolete"
		           : "unknown frame type";
	frame->type = (enum wire_type)type;
	if (frame->type == WIRE_RAW_XML)
		frame->xml = wire_clean(arena, arena_strndup(arena, (const char *)inner.bytes, inner.len));
	if (!format->message)
		return NULL;
	struct budget budget = {arena, MEMORY_FLOOR + MEMORY_FACTOR * len, false};
	ProtobufCAllocator allocator = {budget_alloc, budget_free, &budget};
	struct wire_decoder decoder = {arena, direction};
	ProtobufCMessage *message = protobuf_c_message_unpack(format->message, &allocator, inner.len, inner.bytes);
	if (!message)
		return refusal(&budget, &inner);
	if (format->decode)
		format->decode(&decoder, (const union wire_message *)(const void *)message, frame);
	return NULL;
}

enum wire_status wire_read(struct arena *arena, const char *bytes, size_t len, enum wire_direction direction,
                           size_t *used, struct wire_frame *frame, const char **error)
{
	const uint8_t *head = (const uint8_t *)bytes;
	*used = 0;
	*error = NULL;
	if (len < HEAD_BYTES)
		return WIRE_INCOMPLETE;
	size_t size = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
	if (size > WIRE_MAX_FRAME) {
		*error = "frame is longer than allowed";
		return WIRE_BAD_STREAM;
	}
	if (len - HEAD_BYTES < size)
		return WIRE_INCOMPLETE;
	*used = HEAD_BYTES + size;
	memset(frame, 0, sizeof *frame);
	*error = read_payload(arena, head + HEAD_BYTES, size, direction, frame);
	return *error ? WIRE_BAD_FRAME : WIRE_OK;
}

static uint8_t *put_number(uint8_t *at, size_t value)
{
	for (; value >= 0x80; value >>= 7)
		*at++ = (uint8_t)(value | 0x80);
	*at++ = (uint8_t)value;
	return at;
}

static bool write_frame(struct str *out, enum wire_type type, const ProtobufCMessage *message, const char *text)
{
	size_t inner = message ? protobuf_c_message_get_packed_size(message) : text ? strlen(text) : 0;
	if (inner > WIRE_MAX_FRAME - WRAPPER_MOST)
		return false;
	uint8_t *head = (uint8_t *)str_reserve(out, HEAD_BYTES + WRAPPER_MOST + inner);
	uint8_t *at = head + HEAD_BYTES;
	*at++ = WRAPPER_TYPE << 3 | PROTOBUF_C_WIRE_TYPE_VARINT;
	at = put_number(at, (size_t)type);
	if (message || text) {
		*at++ = WRAPPER_PAYLOAD << 3 | PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
		at = put_number(at, inner);
	}
	if (message)
		at += protobuf_c_message_pack(message, at);
	else if (text)
		at = (uint8_t *)memcpy(at, text, inner) + inner;
	size_t size = (size_t)(at - head) - HEAD_BYTES;
	for (int i = 0; i < HEAD_BYTES; i++)
		head[i] = (uint8_t)(size >> (8 * (HEAD_BYTES - 1 - i)));
	*at = '\0';
	out->len += HEAD_BYTES + size;
	return true;
}

bool wire_write(struct str *out, enum wire_direction direction, bool extended, const struct wire_frame *frame)
{
	const struct format *format = format_find((uint64_t)frame->type);
	struct wire_encoder encoder = {.direction = direction, .extended = extended};
	union wire_message message;
	assert(format);
	bool written;
	if (format->encode) {
		format->encode(&encoder, frame, &message);
		written = write_frame(out, frame->type, &message.base, NULL);
	} else {
		bool raw = frame->type == WIRE_RAW_XML;
		const char *text = raw ? frame->xml ? wire_clean(&encoder.arena, frame->xml) : "" : NULL;
		written = write_frame(out, frame->type, NULL, text);
	}
	arena_fini(&encoder.arena);
	return written;
}
