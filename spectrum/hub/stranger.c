/* SPDX-License-Identifier: GPL-2.0-or-later */
/* People who are not registered. A server that shows the gateway all presence of its users (XEP-0356) shows it that of
 * thousands who have nothing to do with it: for a while it is remembered that they are strangers, so that the database
 * is not asked for each of their presences. */
#include <stdlib.h>
#include <string.h>

#include "spectrum/hub/user.h"

#define STRANGERS_MOST 20000
#define REMEMBER_MS 60000

struct stranger {
	struct list node;
	uint64_t due; /* ms, loop_now */
	char jid[];
};

static void stranger_free(struct hub *hub, struct stranger *stranger)
{
	map_remove(&hub->strangers, stranger->jid);
	list_remove(&stranger->node);
	free(stranger);
}

void stranger_note(struct hub *hub, const char *jid)
{
	struct stranger *stranger = map_get(&hub->strangers, jid);
	if (stranger)
		stranger_free(hub, stranger);
	if (hub->strangers.count >= STRANGERS_MOST)
		stranger_free(hub, LIST_ITEM(hub->old_strangers.next, struct stranger, node));
	stranger = mem_new(sizeof *stranger + strlen(jid) + 1);
	strcpy(stranger->jid, jid);
	stranger->due = loop_now(hub->loop) + REMEMBER_MS;
	map_put(&hub->strangers, stranger->jid, stranger);
	list_append(&hub->old_strangers, &stranger->node);
}

bool stranger_is(struct hub *hub, const char *jid)
{
	while (!list_empty(&hub->old_strangers)) {
		struct stranger *oldest = LIST_ITEM(hub->old_strangers.next, struct stranger, node);
		if (oldest->due > loop_now(hub->loop))
			break;
		stranger_free(hub, oldest);
	}
	return map_get(&hub->strangers, jid);
}

void stranger_forget(struct hub *hub, const char *jid)
{
	struct stranger *stranger = map_get(&hub->strangers, jid);
	if (stranger)
		stranger_free(hub, stranger);
}

void stranger_forget_all(struct hub *hub)
{
	LIST_EACH (&hub->old_strangers, node)
		stranger_free(hub, LIST_ITEM(node, struct stranger, node));
	map_fini(&hub->strangers);
}
