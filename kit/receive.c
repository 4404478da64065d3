/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One table: frame type to handler. A handler gets the user, or NULL if he is not logged in and the type is one that
 * has to be answered all the same. Inside of a callback the backend may end the user (s2_disconnected), so no handler
 * touches him after one. */
#include "kit/receive.h"

#include "kit/held.h"
#include "kit/kit.h"
#include "kit/send.h"
#include "kit/state.h"
#include "kit/user.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

#define LOG_AREA "kit"

enum { STATS_EVERY_MS = 10000 };

typedef void handler(struct s2_user *, const struct wire_frame *);

static void login(struct s2_user *user, const struct wire_frame *frame)
{
	if (user)
		kit_user_logout(user);
	kit.backend->login(kit_user_new(frame->user, &frame->login), &frame->login);
}

static void logout(struct s2_user *user, const struct wire_frame *frame)
{
	kit_user_logout(user);
}

static void ping(struct s2_user *user, const struct wire_frame *frame)
{
	static uint64_t last;
	uint64_t now = loop_now(kit.loop);
	kit_send_pong();
	/* The main process may use PING as a receipt for what it sent before, so many can come. */
	if (last && now - last < STATS_EVERY_MS)
		return;
	last = now;
	kit_send_stats();
}

static void leave_process(struct s2_user *user, const struct wire_frame *frame)
{
	kit_end(0);
}

/* ---- Messages: each with an id has exactly one result ---- */

/* Something that ends with a result: a message, or what is said about one. */
struct handover {
	const char *user, *id, *peer;
	bool known; /* the backend has a callback for it */
	bool ends;  /* the backend itself tells the result, at any later time */
	bool quiet; /* nobody wants to read about its refusal */
};

static void refuse(struct s2_user *user, const struct handover *what, enum s2_condition condition, const char *text)
{
	if (kit.extended && what->id)
		kit_send_result(what->user, what->id, what->peer, condition, text);
	else if (user && !what->quiet)
		kit_tell_refusal(user, what->peer, condition, text);
}

/* The pending entry, to be ended; `here` if the result is told when the callback has returned. NULL: refused. */
static struct pending *begin(struct s2_user *user, struct handover *what, struct pending *here)
{
	if (!user) {
		refuse(NULL, what, S2_RECIPIENT_UNAVAILABLE, "You are not logged in to the network.");
		return NULL;
	}
	if (!what->known) {
		refuse(user, what, S2_FEATURE_NOT_IMPLEMENTED, NULL);
		return NULL;
	}
	if (what->ends && user->pending_count >= PENDING_MOST) {
		refuse(user, what, S2_RESOURCE_CONSTRAINT, "Too many messages wait for the network.");
		return NULL;
	}
	if (!what->id)
		what->id = kit_local_id();
	*here = (struct pending){LIST_INIT(here->node), what->id, what->peer, false};
	struct pending *pending = what->ends ? kit_pending_new(what->id, what->peer) : here;
	kit_pending_add(user, pending);
	return pending;
}

/* `user` may be gone, and `pending` with him if it is not `here`. */
static void returned(struct s2_user *user, struct pending *pending, struct pending *here)
{
	if (pending == here && kit_pending_waits(here))
		kit_pending_end(user, here, S2_DONE, NULL, NULL);
}

static void hand_over(struct s2_user *user, const struct wire_frame *frame,
                      void (*callback)(struct s2_user *, const struct s2_message *), bool ends)
{
	struct pending here;
	struct s2_message message = frame->message;
	struct handover what = {frame->user, message.id, message.peer, callback, ends, false};
	struct pending *pending = begin(user, &what, &here);
	if (!pending)
		return;
	message.id = what.id;
	callback(user, &message);
	returned(user, pending, &here);
}

static bool backend_tells_results(void)
{
	return kit.backend->features & S2_FEATURE_MESSAGE_RESULT;
}

static void message(struct s2_user *user, const struct wire_frame *frame)
{
	if (user && kit_hold(user, frame))
		return;
	hand_over(user, frame, kit.backend->message, backend_tells_results());
}

static void subject(struct s2_user *user, const struct wire_frame *frame)
{
	hand_over(user, frame, kit.backend->set_subject, backend_tells_results());
}

static void attention(struct s2_user *user, const struct wire_frame *frame)
{
	hand_over(user, frame, kit.backend->attention, false);
}

static bool annotates(const struct s2_annotation *annotation)
{
	static const unsigned features[S2_ANNOTATIONS] = {[S2_REACTION] = S2_FEATURE_REACTIONS,
	                                                  [S2_RETRACTION] = S2_FEATURE_RETRACTIONS,
	                                                  [S2_DISPLAYED] = S2_FEATURE_MARKERS};
	if (!kit.backend->annotate || annotation->kind >= S2_ANNOTATIONS)
		return false;
	unsigned needed = annotation->kind == S2_RETRACTION && annotation->moderated ? S2_FEATURE_MODERATION
	                                                                             : features[annotation->kind];
	return kit.backend->features & needed;
}

static void annotation(struct s2_user *user, const struct wire_frame *frame)
{
	struct pending here;
	struct s2_annotation annotation = frame->annotation;
	if (user && kit_hold(user, frame))
		return;
	struct handover what = {frame->user,
	                        annotation.id,
	                        annotation.peer,
	                        annotates(&annotation),
	                        backend_tells_results(),
	                        annotation.kind == S2_DISPLAYED};
	struct pending *pending = begin(user, &what, &here);
	if (!pending)
		return;
	annotation.id = what.id;
	kit.backend->annotate(user, &annotation);
	returned(user, pending, &here);
}

/* ---- All else: what the backend lacks is answered where an answer is waited for ---- */

static void typing(struct s2_user *user, const struct wire_frame *frame)
{
	enum s2_typing state = frame->type == WIRE_BUDDY_TYPING           ? S2_TYPING_COMPOSING
	                       : frame->type == WIRE_BUDDY_STOPPED_TYPING ? S2_TYPING_ACTIVE
	                                                                  : S2_TYPING_PAUSED;
	if (kit.backend->typing)
		kit.backend->typing(user, frame->buddy.name, state);
}

static void buddy_changed(struct s2_user *user, const struct wire_frame *frame)
{
	if (frame->has_blocked) {
		if (kit.backend->block_buddy)
			kit.backend->block_buddy(user, frame->buddy.name, frame->buddy.blocked);
		else
			s2_block_result(user, frame->buddy.name, S2_FEATURE_NOT_IMPLEMENTED,
			                "This network can't block people.");
	} else if (kit.backend->add_buddy) {
		kit.backend->add_buddy(user, &frame->buddy);
	}
}

static void buddies(struct s2_user *user, const struct wire_frame *frame)
{
	for (size_t i = 0; kit.backend->add_buddy && i < frame->buddies.count && s2_user_find(frame->user) == user; i++)
		kit.backend->add_buddy(user, &frame->buddies.items[i]);
}

static void buddy_removed(struct s2_user *user, const struct wire_frame *frame)
{
	if (kit.backend->remove_buddy)
		kit.backend->remove_buddy(user, &frame->buddy);
}

static void subscription(struct s2_user *user, const struct wire_frame *frame)
{
	if (kit.backend->subscription && frame->subscription.verb < S2_SUBSCRIPTION_VERBS)
		kit.backend->subscription(user, frame->subscription.name, frame->subscription.verb,
		                          frame->subscription.text);
}

static void card(struct s2_user *user, const struct wire_frame *frame)
{
	if (frame->has_photo) {
		if (kit.backend->set_card)
			kit.backend->set_card(user, &frame->card);
	} else if (kit.backend->get_card) {
		kit.backend->get_card(user, frame->card.name, frame->request);
	} else {
		s2_card(user, frame->request, &(struct s2_card){.name = frame->card.name});
	}
}

static void status(struct s2_user *user, const struct wire_frame *frame)
{
	if (kit.backend->set_status)
		kit.backend->set_status(user, frame->status.status, frame->status.text);
}

static void response(struct s2_user *user, const struct wire_frame *frame)
{
	if (kit.backend->answered)
		kit.backend->answered(user, frame->response.id,
		                      frame->response.answered ? frame->response.values : NULL,
		                      frame->response.answered ? frame->response.count : 0);
}

static void join_room(struct s2_user *user, const struct wire_frame *frame)
{
	if (kit.backend->join_room)
		kit.backend->join_room(user, &frame->room);
	else
		s2_room_error(user, frame->room.name, frame->room.nickname, S2_FEATURE_NOT_IMPLEMENTED,
		              "This network has no rooms.");
}

static void leave_room(struct s2_user *user, const struct wire_frame *frame)
{
	if (kit.backend->leave_room)
		kit.backend->leave_room(user, frame->room.name);
}

static void slot(struct s2_user *user, const struct wire_frame *frame)
{
	if (kit.slot_arrived)
		kit.slot_arrived(user, &frame->slot);
}

static void room_order(struct s2_user *user, const struct wire_frame *frame)
{
	const struct s2_backend *backend = kit.backend;
	if (frame->order.verb < S2_ROOM_VERBS && backend->room_order && backend->room_orders & 1u << frame->order.verb)
		backend->room_order(user, &frame->order, frame->order_number);
	else
		s2_room_done(user, frame->order_number, S2_FEATURE_NOT_IMPLEMENTED, "This network has no such thing.");
}

/* Whom a handler is for. */
enum audience {
	FOR_USER,   /* not called if he is not logged in */
	FOR_ANYONE, /* called with NULL then */
};

static const struct {
	handler *handle;
	enum audience audience;
} handlers[] = {
    [WIRE_LOGIN] = {login, FOR_ANYONE},
    [WIRE_LOGOUT] = {logout, FOR_USER},
    [WIRE_BUDDY_CHANGED] = {buddy_changed, FOR_USER},
    [WIRE_BUDDY_REMOVED] = {buddy_removed, FOR_USER},
    [WIRE_BUDDIES] = {buddies, FOR_USER},
    [WIRE_SUBSCRIPTION] = {subscription, FOR_USER},
    [WIRE_CONV_MESSAGE] = {message, FOR_ANYONE},
    [WIRE_PING] = {ping, FOR_ANYONE},
    [WIRE_JOIN_ROOM] = {join_room, FOR_USER},
    [WIRE_LEAVE_ROOM] = {leave_room, FOR_USER},
    [WIRE_ROOM_SUBJECT_CHANGED] = {subject, FOR_ANYONE},
    [WIRE_ROOM_ORDER] = {room_order, FOR_USER},
    [WIRE_VCARD] = {card, FOR_USER},
    [WIRE_STATUS_CHANGED] = {status, FOR_USER},
    [WIRE_BUDDY_TYPING] = {typing, FOR_USER},
    [WIRE_BUDDY_STOPPED_TYPING] = {typing, FOR_USER},
    [WIRE_BUDDY_TYPED] = {typing, FOR_USER},
    [WIRE_ATTENTION] = {attention, FOR_ANYONE},
    [WIRE_EXIT] = {leave_process, FOR_ANYONE},
    [WIRE_ANNOTATION] = {annotation, FOR_ANYONE},
    [WIRE_RESPONSE] = {response, FOR_USER},
    [WIRE_SLOT] = {slot, FOR_USER},
};

void kit_receive(const struct wire_frame *frame)
{
	if ((size_t)frame->type >= sizeof handlers / sizeof *handlers || !handlers[frame->type].handle) {
		log_debug("a frame of type %d is nothing for a backend", (int)frame->type);
		return;
	}
	struct s2_user *user = s2_user_find(frame->user);
	if (user || handlers[frame->type].audience == FOR_ANYONE)
		handlers[frame->type].handle(user, frame);
}
