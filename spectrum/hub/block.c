/* SPDX-License-Identifier: GPL-2.0-or-later */
/* People whom the user does not want: blocked by the network on his behalf, contacts or not; and those whose requests
 * he has refused, so that they don't come again. Who is no contact is kept beside the contacts, in rows of the same
 * table. */
#include <stdlib.h>
#include <string.h>

#include "lib/xmpp/jid.h"
#include "spectrum/hub/user.h"

#define WAIT_MS 20000
#define BLOCKS_MOST 4096
#define SHUNNED_MOST 10000 /* of one user */

/* In the database's flags; BUDDY_BLOCKED has the same number there. */
enum { ROW_DENIED = 16, ROW_SHUNNED = 32 };

/* ---- Who is no contact ---- */

/* Their `flags` are the database's, without ROW_SHUNNED. */
static void save(struct user *user, const struct buddy *person)
{
	const char *name = buddy_text(person, BUDDY_NAME);
	if (!user->hub->store || !user->id)
		return;
	if (person->flags)
		store_put_buddy(user->hub->store, user->id,
		                &(struct store_buddy){.name = name,
		                                      .alias = "",
		                                      .groups = "",
		                                      .icon_hash = "",
		                                      .flags = person->flags | ROW_SHUNNED});
	else
		store_remove_buddy(user->hub->store, user->id, name);
}

static void change(struct user *user, const char *name, unsigned take, unsigned give)
{
	bool created = false;
	struct buddy *person = roster_find(&user->shunned, name);
	if (!person && give && user->shunned.count < SHUNNED_MOST)
		person = roster_add(&user->shunned, name, &created);
	if (!person)
		return;
	person->flags = (uint8_t)((person->flags & ~take) | give);
	save(user, person);
	if (!person->flags)
		roster_remove(&user->shunned, person);
}

bool shun_load(struct user *user, const struct store_buddy *row)
{
	if (!(row->flags & ROW_SHUNNED))
		return false;
	struct buddy *person = roster_add(&user->shunned, row->name, NULL);
	if (person)
		person->flags = (uint8_t)(row->flags & (ROW_DENIED | BUDDY_BLOCKED));
	return true;
}

void shun_deny(struct user *user, const char *name)
{
	change(user, name, 0, ROW_DENIED);
}

bool shun_is_denied(const struct user *user, const char *name)
{
	const struct buddy *person = roster_find(&user->shunned, name);
	return person && person->flags & ROW_DENIED;
}

/* The row becomes the contact's. */
bool shun_lift(struct user *user, const char *name)
{
	struct buddy *person = user->shunned.count ? roster_find(&user->shunned, name) : NULL;
	bool blocked = person && person->flags & BUDDY_BLOCKED;
	if (person)
		roster_remove(&user->shunned, person);
	return blocked;
}

/* ---- Blocking ---- */

struct block {
	struct list node;
	uint64_t due; /* ms, loop_now */
	bool blocked; /* what is wished */
	block_answer *answer;
	void *arg;
	const char *name; /* behind the JID */
	char jid[];       /* the user's */
};

static void block_end(struct hub *hub, struct block *block, enum s2_condition condition, const char *text)
{
	list_remove(&block->node);
	hub->block_count--;
	block->answer(block->arg, condition, text);
	free(block);
}

bool block_can(const struct hub *hub)
{
	return config_bool(hub->config, "features.blocking") &&
	       config_bool(hub->config, "service.enable_privacy_lists");
}

void block_set(struct user *user, const char *name, bool blocked, block_answer *answer, void *arg)
{
	struct hub *hub = user->hub;
	size_t jid_bytes = strlen(user->jid) + 1;
	if (!block_can(hub)) {
		answer(arg, S2_FEATURE_NOT_IMPLEMENTED,
		       "This network can't block people. Block the address with your client: your own server does it.");
		return;
	}
	if (user->state != USER_ONLINE) {
		answer(arg, S2_RECIPIENT_UNAVAILABLE, "You are not logged in to the network.");
		return;
	}
	if (hub->block_count >= BLOCKS_MOST || link_unsent(&user->seat) >= HUB_UNSENT_MOST) {
		answer(arg, S2_RESOURCE_CONSTRAINT, "The network is too busy. Try again later.");
		return;
	}
	struct block *block = mem_new(sizeof *block + jid_bytes + strlen(name) + 1);
	memcpy(block->jid, user->jid, jid_bytes);
	block->name = strcpy(block->jid + jid_bytes, name);
	block->due = loop_now(hub->loop) + WAIT_MS;
	block->blocked = blocked;
	block->answer = answer;
	block->arg = arg;
	list_append(&hub->blocks, &block->node);
	hub->block_count++;
	hub_tick_start(hub);
	link_buddy_blocked(&user->seat, &(struct s2_buddy){.name = name, .blocked = blocked});
}

static void apply(struct user *user, const char *name, bool blocked)
{
	struct buddy *buddy = roster_find(&user->roster, name);
	if (buddy)
		contact_set_blocked(user, buddy, blocked);
	else
		change(user, name, BUDDY_BLOCKED, blocked ? BUDDY_BLOCKED : 0);
}

void block_ended(void *arg, struct seat *seat, const char *name, enum s2_condition condition, const char *text)
{
	struct hub *hub = arg;
	struct user *user = user_of_seat(seat);
	LIST_EACH (&hub->blocks, node) {
		struct block *block = LIST_ITEM(node, struct block, node);
		if (strcmp(block->jid, user->jid) != 0 || strcmp(block->name, name) != 0)
			continue;
		if (condition == S2_DONE)
			apply(user, name, block->blocked);
		block_end(hub, block, condition, text);
		return;
	}
}

void block_due(struct hub *hub, uint64_t now)
{
	while (!list_empty(&hub->blocks)) {
		struct block *block = LIST_ITEM(hub->blocks.next, struct block, node);
		if (block->due > now)
			return;
		block_end(hub, block, S2_REMOTE_SERVER_TIMEOUT, "The network did not answer.");
	}
}

void block_each(const struct user *user, void (*tell)(void *arg, const char *name), void *arg)
{
	const struct roster *rosters[] = {&user->roster, &user->shunned};
	for (size_t i = 0; i < sizeof rosters / sizeof *rosters; i++) {
		for (unsigned at = 0; at < rosters[i]->count; at++) {
			if (rosters[i]->items[at]->flags & BUDDY_BLOCKED)
				tell(arg, buddy_text(rosters[i]->items[at], BUDDY_NAME));
		}
	}
}
