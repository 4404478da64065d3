/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What users ask of the network about rooms: lists, ranks, settings, invitations. Each order ends exactly once: by the
 * network's answer, by time, or with the user's session. */
#include <stdlib.h>
#include <string.h>

#include "spectrum/hub/room.h"

#define WAIT_MS 30000
#define ORDERS_MOST 200 /* of one user at once */

struct order {
	struct list node;
	uint32_t number;
	uint64_t due; /* ms, loop_now */
	enum s2_room_verb verb;
	struct user *user;
	room_answer *answer;
	void *arg;
};

static void end(struct order *order, const struct s2_room_answer *answer)
{
	list_remove(&order->node);
	order->user->order_count--;
	order->answer(order->arg, answer);
	free(order);
}

static void refuse(room_answer *answer, void *arg, enum s2_condition condition, const char *text)
{
	answer(arg, &(struct s2_room_answer){.condition = condition, .text = text});
}

bool room_can(const struct hub *hub, enum s2_room_verb verb)
{
	return config_number(hub->config, "features.room_orders") >> verb & 1;
}

void room_order(struct user *user, const struct s2_room_order *in, room_answer *answer, void *arg)
{
	struct hub *hub = user->hub;
	if (user->state != USER_ONLINE) {
		refuse(answer, arg, S2_RECIPIENT_UNAVAILABLE, "You are not connected to the network at the moment.");
		return;
	}
	if (!room_can(hub, in->verb)) {
		refuse(answer, arg, S2_FEATURE_NOT_IMPLEMENTED, "This network has no such thing.");
		return;
	}
	if (user->order_count >= ORDERS_MOST || link_unsent(&user->seat) >= HUB_UNSENT_MOST) {
		refuse(answer, arg, S2_RESOURCE_CONSTRAINT, "You ask too much at once. Try again later.");
		return;
	}
	struct order *order = mem_new(sizeof *order);
	*order = (struct order){
	    LIST_INIT(order->node), ++hub->next_order, loop_now(hub->loop) + WAIT_MS, in->verb, user, answer, arg};
	list_append(&hub->orders, &order->node);
	user->order_count++;
	hub_tick_start(hub);
	if (!link_room_order(&user->seat, in, order->number))
		end(order, &(struct s2_room_answer){.condition = S2_FEATURE_NOT_IMPLEMENTED,
		                                    .text = "This network has no such thing."});
}

void order_answered(void *arg, struct seat *seat, uint32_t number, const struct s2_room_answer *answer)
{
	struct hub *hub = arg;
	LIST_EACH (&hub->orders, node) {
		struct order *order = LIST_ITEM(node, struct order, node);
		if (order->number != number || order->user != user_of_seat(seat))
			continue;
		if (answer->more && order->verb == S2_ROOM_CATALOG && answer->condition == S2_DONE) {
			order->due = loop_now(hub->loop) + WAIT_MS;
			order->answer(order->arg, answer);
			return;
		}
		end(order, answer);
		return;
	}
}

/* An answer may lead to another order, which goes to the end of the list. */
void order_due(struct hub *hub, uint64_t now)
{
	LIST_EACH (&hub->orders, node) {
		struct order *order = LIST_ITEM(node, struct order, node);
		if (order->due <= now)
			end(order, &(struct s2_room_answer){.condition = S2_REMOTE_SERVER_TIMEOUT,
			                                    .text = "The network does not answer."});
	}
}

void order_end_all(struct user *user, const char *text)
{
	LIST_EACH (&user->hub->orders, node) {
		struct order *order = LIST_ITEM(node, struct order, node);
		if (order->user == user)
			end(order, &(struct s2_room_answer){
			               .condition = S2_RECIPIENT_UNAVAILABLE,
			               .text = text_empty(text) ? "The connection to the network has ended." : text});
	}
}
