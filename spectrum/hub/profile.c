/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Profiles of people on the network: asked for once, however many wait for the answer; and the user's own. */
#include <stdlib.h>
#include <string.h>

#include "spectrum/hub/user.h"

#define WAIT_MS 20000
#define WAITERS_MOST 10000

struct waiter {
	struct waiter *next;
	profile_answer *answer;
	void *arg;
};

struct profile_request {
	struct list node;
	uint32_t number;
	uint64_t due; /* ms, loop_now */
	struct waiter *waiters;
	const char *name; /* in the key */
	char key[];       /* the user's JID, \n, the name */
};

static void request_end(struct hub *hub, struct profile_request *request, const struct s2_card *card)
{
	list_remove(&request->node);
	map_remove(&hub->profile_of, request->key);
	for (struct waiter *waiter = request->waiters, *next; waiter; waiter = next) {
		next = waiter->next;
		hub->profile_count--;
		waiter->answer(waiter->arg, card);
		free(waiter);
	}
	free(request);
}

/* The network is not asked, or does not answer. */
static struct s2_card unknown(const char *name)
{
	return (struct s2_card){.name = name, .condition = S2_REMOTE_SERVER_TIMEOUT};
}

static struct profile_request *request_new(struct user *user, const char *name)
{
	struct hub *hub = user->hub;
	size_t jid_bytes = strlen(user->jid);
	struct profile_request *request = mem_new(sizeof *request + jid_bytes + strlen(name) + 2);
	memcpy(request->key, user->jid, jid_bytes);
	request->key[jid_bytes] = '\n';
	request->name = strcpy(request->key + jid_bytes + 1, name);
	struct profile_request *before = map_get(&hub->profile_of, request->key);
	if (before) {
		free(request);
		return before;
	}
	request->number = ++hub->next_profile;
	request->due = loop_now(hub->loop) + WAIT_MS;
	map_put(&hub->profile_of, request->key, request);
	list_append(&hub->profiles, &request->node);
	hub_tick_start(hub);
	link_card_request(&user->seat, name, request->number);
	return request;
}

void profile_get(struct user *user, const char *name, profile_answer *answer, void *arg)
{
	struct hub *hub = user->hub;
	if (hub->profile_count >= WAITERS_MOST || user->state != USER_ONLINE ||
	    link_unsent(&user->seat) >= HUB_UNSENT_MOST || config_bool(hub->config, "backend.no_vcard_fetch")) {
		struct s2_card card = unknown(name);
		answer(arg, &card);
		return;
	}
	struct profile_request *request = request_new(user, name);
	struct waiter *waiter = mem_new(sizeof *waiter);
	*waiter = (struct waiter){request->waiters, answer, arg};
	request->waiters = waiter;
	hub->profile_count++;
}

void profile_set(struct user *user, const struct s2_card *card)
{
	if (user->state == USER_ONLINE && link_unsent(&user->seat) < HUB_UNSENT_MOST)
		link_card_update(&user->seat, card);
}

void profile_arrived(void *arg, struct seat *seat, uint32_t number, const struct s2_card *card)
{
	struct hub *hub = arg;
	size_t len = strlen(seat->user);
	LIST_EACH (&hub->profiles, node) {
		struct profile_request *request = LIST_ITEM(node, struct profile_request, node);
		if (request->number == number && !strncmp(request->key, seat->user, len) && request->key[len] == '\n') {
			request_end(hub, request, card);
			return;
		}
	}
}

void profile_due(struct hub *hub, uint64_t now)
{
	while (!list_empty(&hub->profiles)) {
		struct profile_request *request = LIST_ITEM(hub->profiles.next, struct profile_request, node);
		if (request->due > now)
			return;
		struct s2_card card = unknown(request->name);
		request_end(hub, request, &card);
	}
}
