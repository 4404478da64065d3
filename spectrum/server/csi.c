/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Client state indication (XEP-0352): a client that nobody looks at gets messages at once, and of each presence the
 * last one when it is looked at again. The same holds while its connection is gone (XEP-0198). */
#include <stdlib.h>
#include <string.h>

#include "spectrum/server/inside.h"

#define HELD_MOST 4096 /* presences; more are not held but sent */

struct held {
	struct list node;
	size_t len;
	const char *from; /* behind the bytes */
	char bytes[];
};

static void held_free(struct session *session, struct held *held)
{
	list_remove(&held->node);
	map_remove(&session->held_by_from, held->from);
	free(held);
}

void csi_hold(struct session *session, const char *from, const char *bytes, size_t len)
{
	struct held *held = from ? map_get(&session->held_by_from, from) : NULL;
	if (held)
		held_free(session, held);
	if (!from || session->held_by_from.count >= HELD_MOST) {
		if (session->stream)
			session_send(session, bytes, len);
		return;
	}
	held = mem_new(sizeof *held + len + strlen(from) + 1);
	held->len = len;
	memcpy(held->bytes, bytes, len);
	held->from = strcpy(held->bytes + len, from);
	map_put(&session->held_by_from, held->from, held);
	list_append(&session->held, &held->node);
}

void csi_flush(struct session *session)
{
	LIST_EACH (&session->held, node) {
		struct held *held = LIST_ITEM(node, struct held, node);
		session_send(session, held->bytes, held->len);
		held_free(session, held);
	}
	map_fini(&session->held_by_from);
	session->held_by_from = (struct map){0};
}

void csi_received(struct session *session, const struct element *element)
{
	session->inactive = element_is(element, "inactive", NS_CSI);
	if (session->inactive)
		return;
	csi_flush(session);
	push_awake(session);
}

void csi_end(struct session *session)
{
	LIST_EACH (&session->held, node)
		held_free(session, LIST_ITEM(node, struct held, node));
	map_fini(&session->held_by_from);
}
