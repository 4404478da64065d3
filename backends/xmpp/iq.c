/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/xmpp/iq.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/xmpp/disco.h"
#include "backends/xmpp/roster.h"
#include "lib/base/str.h"
#include "lib/xmpp/jid.h"
#include "lib/xmpp/ns.h"
#include "lib/xmpp/stanza.h"

#define ANSWER_MS 60000
#define ID "s2-q"

struct request {
	struct list node;
	unsigned number;
	uint64_t until_ms;
	iq_answer *answer;
	void *arg;
	char to[]; /* "" = the own account */
};

static struct request *opened; /* that is being written */

struct writer *iq_open(struct user *user, const char *type, const char *to, iq_answer *answer, void *arg)
{
	size_t bytes = to ? strlen(to) + 1 : 1;
	struct request *request = mem_new(sizeof *request + bytes);
	memcpy(request->to, to ? to : "", bytes);
	request->number = ++user->request_number;
	request->until_ms = user_now() + ANSWER_MS;
	request->answer = answer;
	request->arg = arg;
	list_init(&request->node);
	opened = request;
	struct writer *writer = client_stanza(user->client, "iq");
	xml_attr(writer, "type", type);
	xml_attr(writer, "to", to);
	xml_attrf(writer, "id", ID "%u", request->number);
	return writer;
}

static void end(struct user *user, struct request *request, struct arena *arena, const struct element *iq)
{
	list_remove(&request->node);
	if (request->answer)
		request->answer(user, request->arg, arena, iq);
	free(request);
}

void iq_send(struct user *user)
{
	struct request *request = opened;
	opened = NULL;
	list_append(&user->requests, &request->node);
	if (!user_send(user, NULL))
		end(user, request, NULL, NULL);
}

struct writer *iq_reply(struct user *user, const struct element *iq)
{
	struct writer *writer = client_stanza(user->client, "iq");
	xml_attr(writer, "type", "result");
	xml_attr(writer, "to", element_get(iq, "from"));
	xml_attr(writer, "id", element_get(iq, "id"));
	return writer;
}

void iq_refuse(struct user *user, const struct element *iq, enum s2_condition condition, const char *text)
{
	struct writer *writer = client_stanza(user->client, "iq");
	xml_attr(writer, "type", "error");
	xml_attr(writer, "to", element_get(iq, "from"));
	xml_attr(writer, "id", element_get(iq, "id"));
	xml_error(writer, condition, text);
	user_send(user, NULL);
}

bool iq_is_result(const struct element *iq)
{
	return text_equal(element_get(iq, "type"), "result");
}

/* ---- Answers to us ---- */

static bool is_own(const struct user *user, const char *from)
{
	return !from || !strcmp(from, client_bare_jid(user->client)) || !strcmp(from, client_jid(user->client)) ||
	       !strcmp(from, client_domain(user->client));
}

/* Ids can be guessed: only who was asked may answer. */
static bool answers(const struct user *user, struct arena *arena, const struct request *request, const char *from)
{
	struct jid jid;
	if (!*request->to)
		return is_own(user, from);
	return from ? jid_parse(arena, from, &jid) && !strcmp(jid.full, request->to) : is_own(user, request->to);
}

static void take_answer(struct user *user, struct arena *arena, const struct element *iq)
{
	const char *id = element_get(iq, "id");
	if (!id || strncmp(id, ID, strlen(ID)) != 0)
		return;
	unsigned long number = strtoul(id + strlen(ID), NULL, 10);
	LIST_EACH (&user->requests, node) {
		struct request *request = LIST_ITEM(node, struct request, node);
		if (request->number != number)
			continue;
		if (answers(user, arena, request, element_get(iq, "from")))
			end(user, request, arena, iq);
		return;
	}
}

void iq_tick(struct user *user, uint64_t now)
{
	while (!list_empty(&user->requests)) {
		struct request *request = LIST_ITEM(user->requests.next, struct request, node);
		if (request->until_ms > now)
			break;
		end(user, request, NULL, NULL);
	}
}

void iq_drop(struct user *user)
{
	struct list all;
	list_move(&user->requests, &all);
	while (!list_empty(&all))
		end(user, LIST_ITEM(all.next, struct request, node), NULL, NULL);
}

/* ---- Their requests ---- */

static void ping(struct user *user, struct arena *arena, const struct element *iq, const struct element *payload)
{
	iq_reply(user, iq);
	user_send(user, NULL);
}

static const struct {
	const char *type, *name, *ns;
	bool own; /* only the account itself may ask */
	void (*handle)(struct user *, struct arena *, const struct element *iq, const struct element *payload);
} handlers[] = {
    {"set", "query", NS_ROSTER, true, roster_pushed},
    {"set", "block", NS_BLOCKING, true, roster_block_pushed},
    {"set", "unblock", NS_BLOCKING, true, roster_block_pushed},
    {"get", "query", NS_DISCO_INFO, false, disco_info_asked},
    {"get", "query", NS_DISCO_ITEMS, false, disco_items_asked},
    {"get", "query", NS_VERSION, false, disco_version_asked},
    {"get", "ping", NS_PING, false, ping},
};

void iq_received(struct user *user, struct arena *arena, const struct element *iq)
{
	const char *type = element_get(iq, "type");
	if (text_equal(type, "result") || text_equal(type, "error")) {
		take_answer(user, arena, iq);
		return;
	}
	const struct element *payload = element_child(iq, NULL, NULL);
	for (size_t i = 0; payload && i < sizeof handlers / sizeof *handlers; i++) {
		if (!text_equal(type, handlers[i].type) || !element_is(payload, handlers[i].name, handlers[i].ns))
			continue;
		if (handlers[i].own && !is_own(user, element_get(iq, "from")))
			break;
		handlers[i].handle(user, arena, iq, payload);
		return;
	}
	iq_refuse(user, iq, S2_SERVICE_UNAVAILABLE, NULL);
}
