/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The line between main process and backends: 4 bytes length (big-endian), then a protobuf WrapperMessage. One struct
 * holds any frame; encode and decode are each other's inverse. lib/wire/protocol.proto has the fields. */
#ifndef LIB_WIRE_WIRE_H
#define LIB_WIRE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "spectrum2/types.h"

#define WIRE_MAX_FRAME (16u << 20) /* bytes of payload; more is a protocol error */

enum wire_type {
	WIRE_CONNECTED = 1,
	WIRE_DISCONNECTED = 2,
	WIRE_LOGIN = 3,
	WIRE_LOGOUT = 4,
	WIRE_BUDDY_CHANGED = 6,
	WIRE_BUDDY_REMOVED = 7,
	WIRE_CONV_MESSAGE = 8,
	WIRE_PING = 9,
	WIRE_PONG = 10,
	WIRE_JOIN_ROOM = 11,
	WIRE_LEAVE_ROOM = 12,
	WIRE_PARTICIPANT_CHANGED = 13,
	WIRE_ROOM_NICKNAME_CHANGED = 14,
	WIRE_ROOM_SUBJECT_CHANGED = 15,
	WIRE_VCARD = 16,
	WIRE_STATUS_CHANGED = 17,
	WIRE_BUDDY_TYPING = 18,
	WIRE_BUDDY_STOPPED_TYPING = 19,
	WIRE_BUDDY_TYPED = 20,
	WIRE_AUTH_REQUEST = 21,
	WIRE_ATTENTION = 22,
	WIRE_STATS = 23,
	WIRE_EXIT = 29,
	WIRE_BACKEND_CONFIG = 30,
	WIRE_QUERY = 31,
	WIRE_ROOM_LIST = 32,
	WIRE_CONV_MESSAGE_ACK = 33,
	WIRE_RAW_XML = 34,
	WIRE_BUDDIES = 35,
	WIRE_API_VERSION = 36,
	/* Extensions of this implementation, only between two that announced them. */
	WIRE_MESSAGE_RESULT = 101, /* B->M: a message or subject change is done, or refused with a condition */
	WIRE_ROOM_ERROR = 102,     /* B->M: a join failed, or the room was lost, with a condition */
	WIRE_ANNOTATION = 103,     /* about an earlier message, both ways; confirmed like a message */
	WIRE_ROOM_ORDER = 130,     /* M->B: what a user asks about a room */
	WIRE_ROOM_ANSWER = 131,    /* B->M: what has become of it */
	WIRE_ROOM_INFO = 132,      /* B->M: what is true of a room */
	WIRE_ROOM_INVITATION = 133,
	WIRE_SLOT_REQUEST = 104,   /* B->M: where can a file go? */
	WIRE_SLOT = 105,           /* M->B: there, or nowhere */
	WIRE_REQUEST = 120,        /* B->M: a question to the user, during or after the log-in */
	WIRE_RESPONSE = 121,       /* M->B: his answer, or that there will be none */
	WIRE_REQUEST_END = 122,    /* B->M: no answer is wanted any more, or what came of it */
	WIRE_BLOCK_RESULT = 150,   /* B->M: how a block toggle ended */
	WIRE_SUBSCRIPTION = 151,   /* what user and contact say about who sees whom, both ways */
};

/* One frame, decoded. Which member counts follows from `type`. */
struct wire_frame {
	enum wire_type type;
	const char *user; /* bare JID; NULL where the message has none */
	union {
		struct s2_login login; /* LOGIN; LOGOUT (name only) */
		struct {               /* DISCONNECTED */
			int32_t error; /* s2_connection_error, unchecked */
			const char *text;
		} disconnected;
		struct {
			struct s2_buddy buddy; /* BUDDY_*, AUTH_REQUEST */
			bool has_blocked;      /* M->B: a block toggle and not an edit */
		};
		struct s2_message message; /* CONV_MESSAGE*, ROOM_SUBJECT_CHANGED, ATTENTION */
		struct s2_room room;       /* JOIN_ROOM, LEAVE_ROOM, ROOM_NICKNAME_CHANGED */
		struct s2_participant participant;
		struct s2_room_info room_info;
		struct { /* ROOM_ORDER, ROOM_ANSWER */
			union {
				struct s2_room_order order;
				struct s2_room_answer answer;
			};
			uint32_t order_number;
		};
		struct s2_room_invitation invitation;
		struct { /* VCARD */
			struct s2_card card;
			uint32_t request;
			bool has_photo; /* M->B: own avatar update and not a request */
		};
		struct { /* STATUS_CHANGED */
			enum s2_status status;
			const char *text;
		} status;
		struct { /* STATS, KB */
			int32_t res, init_res, shared;
			const char *id;
		} stats;
		struct { /* ROOM_LIST */
			const struct s2_room_listing *rooms;
			size_t count;
		} list;
		struct { /* MESSAGE_RESULT: id and peer of the message; ROOM_ERROR: room and nickname; BLOCK_RESULT: peer */
			const char *id, *peer, *nickname;
			enum s2_condition condition;
			const char *text;
			const char *network_id; /* MESSAGE_RESULT */
		} result;
		struct { /* SUBSCRIPTION */
			const char *name;
			enum s2_subscription_verb verb;
			const char *text;
		} subscription;
		struct s2_annotation annotation;
		struct s2_slot slot;
		struct s2_request question; /* REQUEST; REQUEST_END uses `result`: id, condition, text */
		struct {                    /* RESPONSE */
			const char *id;
			bool answered;
			const struct s2_setting *values; /* name and value of each field */
			size_t count;
		} response;
		struct { /* BUDDIES */
			const struct s2_buddy *items;
			size_t count;
		} buddies;
		const char *config; /* BACKEND_CONFIG, QUERY */
		const char *xml;    /* RAW_XML */
	};
};

enum wire_status {
	WIRE_OK,         /* *frame is filled in */
	WIRE_INCOMPLETE, /* wait for more bytes */
	WIRE_BAD_FRAME,  /* one frame that can't be read was skipped; go on */
	WIRE_BAD_STREAM, /* longer than allowed: close the connection */
};

/* What the receiving side says about its peer; changes how ambiguous fields are read. */
enum wire_direction { WIRE_TO_BACKEND, WIRE_TO_MAIN };

/* Reads one frame off the front of `bytes`; *used says how much of it is consumed (0 if incomplete). Strings live on
 * the arena; they are cleaned: valid UTF-8, no characters that XML forbids; embedded NULs end them. Those that the
 * protocol requires are never NULL, all others are NULL instead of empty. *error names what was wrong with a bad frame
 * or stream (static text). Numbers of enums outside of their range become the neutral value. */
enum wire_status wire_read(struct arena *, const char *bytes, size_t len, enum wire_direction, size_t *used,
                           struct wire_frame *, const char **error);

/* Appends one frame. `extended`: the peer announced our extensions, so new fields are written, too. Towards the main
 * process strings are cleaned as above; towards a backend they have to be clean. A frame that would be longer than
 * WIRE_MAX_FRAME is not written, as the peer would close the connection over it: false. */
bool wire_write(struct str *out, enum wire_direction, bool extended, const struct wire_frame *);

#endif
