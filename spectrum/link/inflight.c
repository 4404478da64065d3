/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/link/inflight.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"

struct inflight {
	struct list node;
	struct ticket *ticket;
	uint64_t ping;
	char key[]; /* user NUL id NUL */
};

static struct ticket *take(struct list *node)
{
	struct inflight *inflight = LIST_ITEM(node, struct inflight, node);
	struct ticket *ticket = inflight->ticket;
	list_remove(node);
	free(inflight);
	return ticket;
}

void inflight_add(struct list *list, const char *user, const char *id, uint64_t ping, struct ticket *ticket)
{
	if (!id)
		id = "";
	size_t user_bytes = strlen(user) + 1, id_bytes = strlen(id) + 1;
	struct inflight *inflight = mem_new(sizeof *inflight + user_bytes + id_bytes);
	inflight->ticket = ticket;
	inflight->ping = ping;
	memcpy(inflight->key, user, user_bytes);
	memcpy(inflight->key + user_bytes, id, id_bytes);
	list_append(list, &inflight->node);
}

struct ticket *inflight_take(struct list *list, const char *user, const char *id)
{
	size_t user_bytes = strlen(user) + 1;
	LIST_EACH (list, node) {
		const char *key = LIST_ITEM(node, struct inflight, node)->key;
		if (!strcmp(key, user) && !strcmp(key + user_bytes, id))
			return take(node);
	}
	return NULL;
}

struct ticket *inflight_take_confirmed(struct list *list, uint64_t pong)
{
	if (list_empty(list) || LIST_ITEM(list->next, struct inflight, node)->ping > pong)
		return NULL;
	return take(list->next);
}

struct ticket *inflight_take_first(struct list *list)
{
	return list_empty(list) ? NULL : take(list->next);
}

uint64_t inflight_last_ping(const struct list *list)
{
	return list_empty(list) ? 0 : LIST_ITEM(list->prev, struct inflight, node)->ping;
}
