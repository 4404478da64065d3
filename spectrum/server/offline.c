/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages for who is away (XEP-0160): they wait in the database, in order and under a cap, until a client comes that
 * takes messages. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/random.h"
#include "spectrum/server/inside.h"

#define LOG_AREA "offline"
#define KIND "offline"

/* ---- Keeping ---- */

/* What an error to the sender is made of, if it can't be kept. */
struct refusal {
	struct server *server;
	char *from, *to, *id;
	bool quiet; /* is an error itself */
};

static void kept(void *arg, enum keep_end end)
{
	struct refusal *refusal = arg;
	struct arena arena = {0};
	if (end != KEEP_DONE && !refusal->quiet) {
		struct element *message = element_new(&arena, "message", NS_CLIENT);
		element_set(&arena, message, "from", refusal->from);
		element_set(&arena, message, "to", refusal->to);
		if (refusal->id)
			element_set(&arena, message, "id", refusal->id);
		log_info("a message for who is away was refused user=%s full=%d", refusal->to, end == KEEP_FULL);
		outbound_bounce(refusal->server, message, S2_RESOURCE_CONSTRAINT);
	}
	arena_fini(&arena);
	free(refusal->from);
	free(refusal->to);
	free(refusal->id);
	free(refusal);
}

void offline_keep(struct server *server, const char *owner, const struct element *message)
{
	struct str content = {0};
	struct writer writer;
	char id[25];
	writer_init(&writer, &content, NS_CLIENT);
	xml_element(&writer, message);
	writer_end(&writer);
	random_id(id, sizeof id - 1);
	struct refusal *refusal = mem_new(sizeof *refusal);
	*refusal = (struct refusal){server, mem_strdup(element_get(message, "from")), mem_strdup(owner),
	                            mem_strdup(element_get(message, "id")),
	                            text_equal(element_get(message, "type"), "error")};
	keep_put(server->hub, owner,
	         &(struct kept){.kind = KIND,
	                        .id = id,
	                        .content = content.data,
	                        .most = (unsigned)config_number(server->config, "service.offline_messages")},
	         true, kept, refusal);
	str_fini(&content);
}

/* ---- Delivering ---- */

struct fetch {
	struct server *server;
	char *owner, *full;
};

/* As it was, with the time at which it came. */
static void deliver(struct session *session, const struct kept *item)
{
	struct server *server = session->account->server;
	struct arena *arena = server_arena(server);
	const struct element *body = parser_fragment(arena, item->content, NS_CLIENT),
	                     *message = element_child(body, "message", NULL);
	char stamp[CLOCK_TEXT_BYTES];
	if (!message)
		return;
	struct element copy = *message, *delay = element_new(arena, "delay", NS_DELAY);
	clock_format(item->time, stamp);
	element_set(arena, delay, "from", server->jid);
	element_set(arena, delay, "stamp", stamp);
	if (!element_child(message, "delay", NS_DELAY)) {
		delay->next = copy.children;
		copy.children = delay;
	}
	server_write_copy(server, &copy);
	const struct str *bytes = server_write_take(server);
	session_send_message(session, bytes->data, bytes->len, 0);
}

static void fetched(void *arg, const struct kept *items, size_t count)
{
	struct fetch *fetch = arg;
	struct session *session = server_session(fetch->server, fetch->full);
	struct account *account = account_find(fetch->server, fetch->owner);
	if (account)
		account->fetching = false;
	if (items && count && session && session->presence && session->priority >= 0) {
		for (size_t i = 0; i < count; i++)
			deliver(session, &items[i]);
		keep_remove(fetch->server->hub, fetch->owner,
		            &(struct kept){.kind = KIND, .number = items[count - 1].number}, NULL, NULL);
	} else if (items && count && account) {
		offline_deliver_to_best(account);
	}
	free(fetch->owner);
	free(fetch->full);
	free(fetch);
}

void offline_deliver(struct session *session)
{
	struct account *account = session->account;
	if (account->fetching || account->admin || session->priority < 0)
		return;
	account->fetching = true;
	struct fetch *fetch = mem_new(sizeof *fetch);
	*fetch = (struct fetch){account->server, mem_strdup(account->jid), mem_strdup(session->full)};
	keep_get(account->server->hub, account->jid, &(struct kept){.kind = KIND}, fetched, fetch);
}

void offline_deliver_to_best(struct account *account)
{
	LIST_EACH (&account->sessions, node) {
		struct session *session = LIST_ITEM(node, struct session, node);
		if (session->presence && session->priority >= 0) {
			offline_deliver(session);
			return;
		}
	}
}
