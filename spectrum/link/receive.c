/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/link/receive.h"

#include <string.h>

#include "lib/base/log.h"
#include "lib/base/str.h"
#include "spectrum/link/backend.h"

#define LOG_AREA "link"

#define KEEP_INPUT (64u << 10)
#define BAD_FRAME_LOG_MS 60000

/* Calls an event of the hub. */
#define TELL(b, event, ...) ((b)->link->events->event((b)->link->arg, __VA_ARGS__))

static void on_connected(struct backend *b, struct seat *seat, const struct wire_frame *frame)
{
	TELL(b, connected, seat);
}

static void on_disconnected(struct backend *b, struct seat *seat, const struct wire_frame *frame)
{
	int32_t error = frame->disconnected.error;
	if (error < S2_ERROR_NETWORK || error > S2_ERROR_OTHER)
		error = S2_ERROR_OTHER;
	TELL(b, disconnected, seat, (enum s2_connection_error)error, frame->disconnected.text);
}

static void on_buddy_changed(struct backend *b, struct seat *seat, const struct wire_frame *frame)
{
	TELL(b, buddy, seat, &frame->buddy);
}

static void on_buddy_removed(struct backend *b, struct seat *seat, const struct wire_frame *frame)
{
	TELL(b, buddy_removed, seat, frame->buddy.name);
}

static void on_auth_request(struct backend *b, struct seat *seat, const struct wire_frame *frame)
{
	TELL(b, authorization, seat, frame->buddy.name, frame->buddy.status_text);
}

static void on_message(struct backend *b, struct seat *seat, const struct wire_frame *frame)
{
	TELL(b, message, seat, &frame->message);
}

static void on_message_ack(struct backend *b, struct seat *seat, const struct wire_frame *frame)
{
	if (!text_empty(frame->message.id))
		TELL(b, received, seat, frame->message.peer, frame->message.id);
}

static void on_attention(struct backend *b, struct seat *seat, const struct wire_frame *frame)
{
	TELL(b, attention, seat, &frame->message);
}

static void on_annotation(struct backend *b, struct seat *seat, const struct wire_frame *frame)
{
	if (b->extended && frame->annotation.kind < S2_ANNOTATIONS && !text_empty(frame->annotation.target))
		TELL(b, annotation, seat, &frame->annotation);
}

static void on_slot_request(struct backend *b, struct seat *seat, const struct wire_frame *frame)
{
	if (b->extended)
		TELL(b, slot_request, seat, &frame->slot);
}

static void on_subject(struct backend *b, struct seat *seat, const struct wire_frame *frame)
{
	TELL(b, room_subject, seat, &frame->message);
}

static void on_typing(struct backend *b, struct seat *seat, const struct wire_frame *frame)
{
	enum s2_typing typing = frame->type == WIRE_BUDDY_TYPING  ? S2_TYPING_COMPOSING
	                        : frame->type == WIRE_BUDDY_TYPED ? S2_TYPING_PAUSED
	                                                          : S2_TYPING_ACTIVE;
	TELL(b, typing, seat, frame->buddy.name, typing);
}

static void on_participant(struct backend *b, struct seat *seat, const struct wire_frame *frame)
{
	TELL(b, participant, seat, &frame->participant);
}

static void on_room_nickname(struct backend *b, struct seat *seat, const struct wire_frame *frame)
{
	TELL(b, room_nickname, seat, &frame->room);
}

static void on_room_error(struct backend *b, struct seat *seat, const struct wire_frame *frame)
{
	TELL(b, room_error, seat, frame->result.peer, frame->result.nickname, frame->result.condition,
	     frame->result.text);
}

static void on_room_info(struct backend *b, struct seat *seat, const struct wire_frame *frame)
{
	TELL(b, room_info, seat, &frame->room_info);
}

static void on_question(struct backend *b, struct seat *seat, const struct wire_frame *frame)
{
	if (b->extended && !text_empty(frame->question.id))
		TELL(b, question, seat, &frame->question);
}

static void on_question_end(struct backend *b, struct seat *seat, const struct wire_frame *frame)
{
	if (b->extended)
		TELL(b, question_end, seat, frame->result.id, frame->result.condition, frame->result.text);
}

static void on_subscription(struct backend *b, struct seat *seat, const struct wire_frame *frame)
{
	enum s2_subscription_verb verb = frame->subscription.verb;
	if (verb == S2_SUBSCRIBE)
		TELL(b, authorization, seat, frame->subscription.name, frame->subscription.text);
	else if (verb < S2_SUBSCRIPTION_VERBS)
		TELL(b, subscription, seat, frame->subscription.name, verb);
}

static void on_block_result(struct backend *b, struct seat *seat, const struct wire_frame *frame)
{
	TELL(b, block_result, seat, frame->result.peer, frame->result.condition, frame->result.text);
}

static void on_room_answer(struct backend *b, struct seat *seat, const struct wire_frame *frame)
{
	TELL(b, room_answer, seat, frame->order_number, &frame->answer);
}

static void on_room_invitation(struct backend *b, struct seat *seat, const struct wire_frame *frame)
{
	TELL(b, room_invitation, seat, &frame->invitation);
}

static void on_vcard(struct backend *b, struct seat *seat, const struct wire_frame *frame)
{
	TELL(b, card, seat, frame->request, &frame->card);
}

/* For one user, or for everybody: the latter only from old backends, which don't always say whose list it is. */
static void on_room_list(struct backend *b, struct seat *seat, const struct wire_frame *frame)
{
	if (seat || (text_empty(frame->user) && !b->extended))
		TELL(b, room_list, seat, frame->list.rooms, frame->list.count);
	else
		b->strange_frames++;
}

/* The user's seat, if he sits on this very backend. */
static struct seat *own_seat(struct backend *b, const char *user)
{
	struct seat *seat = text_empty(user) ? NULL : map_get(&b->link->seats, user);
	return seat && seat->backend == b ? seat : NULL;
}

/* Also for users who have left: what is on its way for them still ends here. */
static void on_message_result(struct backend *b, struct seat *seat, const struct wire_frame *frame)
{
	if (text_empty(frame->user) || text_empty(frame->result.id))
		return;
	struct seat *own = own_seat(b, frame->user);
	if (own && frame->result.condition == S2_DONE && !text_empty(frame->result.network_id))
		TELL(b, named, own, frame->result.peer, frame->result.id, frame->result.network_id);
	struct ticket *ticket = inflight_take_result(&b->inflight, &b->link->arena, frame->user, frame->result.id);
	if (ticket)
		TELL(b, result, ticket, frame->result.condition, frame->result.text);
}

static void on_pong(struct backend *b, struct seat *seat, const struct wire_frame *frame)
{
	backend_pong(b);
}

static int64_t kilobytes(int32_t number)
{
	return number > 0 ? number : 0;
}

/* The pid in there is a claim, and nothing is done with it. */
static void on_stats(struct backend *b, struct seat *seat, const struct wire_frame *frame)
{
	b->res_kb = kilobytes(frame->stats.res);
	b->init_res_kb = kilobytes(frame->stats.init_res);
	b->shared_kb = kilobytes(frame->stats.shared);
}

/* What a backend may set: nothing but what it is able to do. */
struct offer {
	struct str text;
	bool extended;
};

static bool read_offer(void *arg, const char *key, const char *value, unsigned line)
{
	static const char extensions[] = "features.extensions", *const sections[] = {"features", "registration"};
	struct offer *offer = arg;
	for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
		size_t len = strlen(sections[i]);
		if (!strncmp(key, sections[i], len) && key[len] == '.')
			str_addf(&offer->text, "[%s]\n%s=%s\n", sections[i], key + len + 1, value);
	}
	if (!strcmp(key, extensions))
		config_parse_bool(value, &offer->extended);
	return true;
}

static void on_backend_config(struct backend *b, struct seat *seat, const struct wire_frame *frame)
{
	const char *text = frame->config ? frame->config : "";
	struct offer offer = {.extended = b->extended};
	struct str errors = {0};
	config_parse("BACKEND_CONFIG", text, strlen(text), &errors, read_offer, &offer);
	if (errors.len)
		log_warn("backend=%u pid=%d sent a configuration that can't be read: %s", b->id, (int)b->pid,
		         log_quote(errors.data));
	b->extended = offer.extended;
	config_offer(b->link->config, str_text(&offer.text));
	str_fini(&offer.text);
	str_fini(&errors);
	b->link->events->configured(b->link->arg);
}

/* Old backends ask to store a changed password of a user of theirs: `register USER NAME PASSWORD`. */
static void on_query(struct backend *b, struct seat *seat, const struct wire_frame *frame)
{
	const char *answer = "Error: Not allowed.", *text = frame->config ? frame->config : "";
	if (!strncmp(text, "register ", 9)) {
		size_t len = strcspn(text + 9, " ");
		char *user = arena_strndup(&b->link->arena, text + 9, len);
		struct seat *own = map_get(&b->link->seats, user);
		if (own && own->backend == b)
			answer = "Error: User is already registered";
	}
	backend_write(b, &(struct wire_frame){.type = WIRE_QUERY, .config = answer});
}

static const struct {
	void (*handle)(struct backend *, struct seat *, const struct wire_frame *);
	bool without_seat; /* `seat` may be NULL */
} handlers[] = {
    [WIRE_CONNECTED] = {on_connected, false},
    [WIRE_DISCONNECTED] = {on_disconnected, false},
    [WIRE_BUDDY_CHANGED] = {on_buddy_changed, false},
    [WIRE_BUDDY_REMOVED] = {on_buddy_removed, false},
    [WIRE_CONV_MESSAGE] = {on_message, false},
    [WIRE_PONG] = {on_pong, true},
    [WIRE_PARTICIPANT_CHANGED] = {on_participant, false},
    [WIRE_ROOM_NICKNAME_CHANGED] = {on_room_nickname, false},
    [WIRE_ROOM_SUBJECT_CHANGED] = {on_subject, false},
    [WIRE_VCARD] = {on_vcard, false},
    [WIRE_BUDDY_TYPING] = {on_typing, false},
    [WIRE_BUDDY_STOPPED_TYPING] = {on_typing, false},
    [WIRE_BUDDY_TYPED] = {on_typing, false},
    [WIRE_AUTH_REQUEST] = {on_auth_request, false},
    [WIRE_ATTENTION] = {on_attention, false},
    [WIRE_STATS] = {on_stats, true},
    [WIRE_BACKEND_CONFIG] = {on_backend_config, true},
    [WIRE_QUERY] = {on_query, true},
    [WIRE_ROOM_LIST] = {on_room_list, true},
    [WIRE_CONV_MESSAGE_ACK] = {on_message_ack, false},
    [WIRE_MESSAGE_RESULT] = {on_message_result, true},
    [WIRE_ROOM_ERROR] = {on_room_error, false},
    [WIRE_BLOCK_RESULT] = {on_block_result, false},
    [WIRE_SUBSCRIPTION] = {on_subscription, false},
    [WIRE_ANNOTATION] = {on_annotation, false},
    [WIRE_REQUEST] = {on_question, false},
    [WIRE_REQUEST_END] = {on_question_end, false},
    [WIRE_ROOM_INFO] = {on_room_info, false},
    [WIRE_ROOM_ANSWER] = {on_room_answer, false},
    [WIRE_ROOM_INVITATION] = {on_room_invitation, false},
    [WIRE_SLOT_REQUEST] = {on_slot_request, false},
};

/* What still counts when the backends were told to end: messages and their confirmations. */
static bool counts_at_end(enum wire_type type)
{
	return type == WIRE_CONV_MESSAGE || type == WIRE_ATTENTION || type == WIRE_CONV_MESSAGE_ACK ||
	       type == WIRE_MESSAGE_RESULT || type == WIRE_PONG;
}

static void handle(struct backend *b, const struct wire_frame *frame)
{
	if (b->link->ending && !counts_at_end(frame->type))
		return;
	if ((size_t)frame->type >= sizeof handlers / sizeof *handlers || !handlers[frame->type].handle)
		return; /* nothing that a main process cares for, file transfer of the past among it */
	struct seat *seat = own_seat(b, frame->user);
	if (seat || handlers[frame->type].without_seat)
		handlers[frame->type].handle(b, seat, frame);
	else if (b->strange_frames++ == 0)
		log_debug("backend=%u pid=%d sends frames about users who are not on it", b->id, (int)b->pid);
}

static void bad_frame(struct backend *b, const char *error)
{
	uint64_t now = loop_now(b->link->loop);
	b->bad_frames++;
	if (b->bad_frame_logged_at && now - b->bad_frame_logged_at < BAD_FRAME_LOG_MS)
		return;
	b->bad_frame_logged_at = now;
	log_warn("backend=%u pid=%d sent a frame that can't be read: %s; %llu so far", b->id, (int)b->pid, error,
	         (unsigned long long)b->bad_frames);
}

/* Returns how many bytes were used. */
static size_t read_frames(struct backend *b, const char *bytes, size_t len)
{
	size_t at = 0;
	/* An event may end the backend's line: what came before its end still counts. */
	while (at < len) {
		struct wire_frame frame = {0};
		const char *error = NULL;
		size_t used = 0;
		enum wire_status status =
		    wire_read(&b->link->arena, bytes + at, len - at, WIRE_TO_MAIN, &used, &frame, &error);
		at += used;
		if (status == WIRE_INCOMPLETE)
			break;
		if (status == WIRE_BAD_STREAM) {
			backend_give_up(b, "sent a frame longer than allowed", true);
			return len;
		}
		b->link->frames_in++;
		b->asked = false;
		b->silent = 0;
		if (status == WIRE_OK)
			handle(b, &frame);
		else
			bad_frame(b, error);
		arena_reset(&b->link->arena);
	}
	return at;
}

void receive_input(struct backend *b, const char *bytes, size_t len)
{
	if (!b->input.len) {
		size_t used = read_frames(b, bytes, len);
		str_add(&b->input, bytes + used, len - used);
		return;
	}
	str_add(&b->input, bytes, len);
	str_consume(&b->input, read_frames(b, b->input.data, b->input.len));
	if (!b->input.len)
		str_clear(&b->input, KEEP_INPUT);
}
