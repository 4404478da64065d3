/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of lib/wire only: the table from frame type to the functions that move its fields between struct wire_frame
 * and the message that protobuf-c packs and unpacks. */
#ifndef LIB_WIRE_CODEC_H
#define LIB_WIRE_CODEC_H

#include "lib/wire/protocol.pb-c.h"
#include "lib/wire/wire.h"

/* Any inner message; lives on the stack while it is packed. */
union wire_message {
	ProtobufCMessage base;
	Pbnetwork__Connected connected;
	Pbnetwork__Disconnected disconnected;
	Pbnetwork__Login login;
	Pbnetwork__Logout logout;
	Pbnetwork__Buddy buddy;
	Pbnetwork__Buddies buddies;
	Pbnetwork__ConversationMessage conversation;
	Pbnetwork__Room room;
	Pbnetwork__RoomList room_list;
	Pbnetwork__Participant participant;
	Pbnetwork__VCard card;
	Pbnetwork__Status status;
	Pbnetwork__Stats stats;
	Pbnetwork__BackendConfig config;
	Pbnetwork__APIVersion version;
	Pbnetwork__MessageResult result;
	Pbnetwork__RoomError room_error;
	Pbnetwork__Request question;
	Pbnetwork__Response response;
	Pbnetwork__RequestEnd request_end;
	Pbnetwork__BlockResult block_result;
	Pbnetwork__Subscription subscription;
	Pbnetwork__Annotation annotation;
	Pbnetwork__RoomInfo room_info;
	Pbnetwork__RoomOrder room_order;
	Pbnetwork__RoomAnswer room_answer;
	Pbnetwork__RoomInvitation room_invitation;
	Pbnetwork__Slot slot;
};

struct wire_decoder {
	struct arena *arena;
	enum wire_direction direction;
};

struct wire_encoder {
	struct arena arena; /* for arrays and cleaned text; most frames need none */
	enum wire_direction direction;
	bool extended;
	char timestamp[24];
};

typedef void wire_decode_function(struct wire_decoder *, const union wire_message *, struct wire_frame *);
typedef void wire_encode_function(struct wire_encoder *, const struct wire_frame *, union wire_message *);

/* From RFC 3629 bytes of a peer to text that may go anywhere: the same pointer if it is clean already. NULL gives NULL.
 */
const char *wire_clean(struct arena *, const char *text);

wire_decode_function wire_decode_connected;
wire_decode_function wire_decode_disconnected;
wire_decode_function wire_decode_login;
wire_decode_function wire_decode_logout;
wire_decode_function wire_decode_buddy;
wire_decode_function wire_decode_buddies;
wire_decode_function wire_decode_conversation;
wire_decode_function wire_decode_room;
wire_decode_function wire_decode_room_list;
wire_decode_function wire_decode_participant;
wire_decode_function wire_decode_card;
wire_decode_function wire_decode_status;
wire_decode_function wire_decode_stats;
wire_decode_function wire_decode_config;
wire_decode_function wire_decode_result;
wire_decode_function wire_decode_room_error;
wire_decode_function wire_decode_block_result;
wire_decode_function wire_decode_subscription;
wire_decode_function wire_decode_annotation;
wire_decode_function wire_decode_room_answer;
wire_decode_function wire_decode_room_info;
wire_decode_function wire_decode_room_invitation;
wire_decode_function wire_decode_room_order;
wire_decode_function wire_decode_slot;
wire_encode_function wire_encode_connected;
wire_encode_function wire_encode_disconnected;
wire_encode_function wire_encode_login;
wire_encode_function wire_encode_logout;
wire_encode_function wire_encode_buddy;
wire_encode_function wire_encode_buddy_name;
wire_encode_function wire_encode_buddies;
wire_encode_function wire_encode_conversation;
wire_encode_function wire_encode_ack;
wire_encode_function wire_encode_room;
wire_encode_function wire_encode_room_list;
wire_encode_function wire_encode_participant;
wire_encode_function wire_encode_card;
wire_encode_function wire_encode_status;
wire_encode_function wire_encode_stats;
wire_encode_function wire_encode_config;
wire_encode_function wire_encode_version;
wire_encode_function wire_encode_result;
wire_encode_function wire_encode_room_error;
wire_encode_function wire_encode_block_result;
wire_encode_function wire_encode_subscription;
wire_encode_function wire_encode_annotation;
wire_encode_function wire_encode_room_answer;
wire_encode_function wire_encode_room_info;
wire_encode_function wire_encode_room_invitation;
wire_encode_function wire_encode_room_order;
wire_encode_function wire_encode_slot;

/* question.c: REQUEST, RESPONSE, REQUEST_END. */
wire_decode_function wire_decode_question, wire_decode_response, wire_decode_request_end;
wire_encode_function wire_encode_question, wire_encode_response, wire_encode_request_end;
/* For the codecs of several files: never NULL and clean; the same, but NULL if there is none. */
/* Fields of questions and of rooms' settings (question.c). */
void wire_decode_field(struct wire_decoder *, const Pbnetwork__Request__Field *, struct s2_field *);
void wire_encode_field(struct wire_encoder *, const struct s2_field *, Pbnetwork__Request__Field *);
const char *wire_decode_required(struct wire_decoder *, const char *raw);
const char *wire_decode_optional(struct wire_decoder *, const char *raw);
char *wire_encode_required(struct wire_encoder *, const char *text);
char *wire_encode_optional(struct wire_encoder *, const char *text);

#endif
