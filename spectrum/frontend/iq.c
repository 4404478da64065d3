/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/frontend/iq.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/map.h"
#include "lib/base/log.h"
#include "spectrum/frontend/inside.h"
#include "spectrum/frontend/privilege.h"

#define LOG_AREA "iq"
#define PENDING_MOST 4096
#define TICK_MS 1000
#define ID_BYTES 24

struct pending {
	struct list node;
	uint64_t due; /* ms, loop_now */
	iq_answer *answered;
	const char *to, *subject; /* behind it */
	const char *inner_to;     /* in the name of `to`: whom the inner request was for; else NULL */
	char id[ID_BYTES];
};

struct iq_table {
	struct frontend *frontend;
	struct loop *loop;
	struct map by_id;
	struct list all;    /* in the order of sending */
	struct timer *tick; /* runs while one waits */
	unsigned number;
};

static void end(struct iq_table *table, struct pending *pending, struct iq *iq)
{
	list_remove(&pending->node);
	map_remove(&table->by_id, pending->id);
	iq->frontend = table->frontend;
	iq->to = pending->to;
	iq->subject = pending->subject;
	pending->answered(iq);
	free(pending);
}

/* Those that are due by `now`; what is sent meanwhile stays. */
static void end_due(struct iq_table *table, uint64_t now, enum iq_end how)
{
	struct list old;
	list_move(&table->all, &old);
	while (!list_empty(&old)) {
		struct pending *pending = LIST_ITEM(old.next, struct pending, node);
		list_remove(&pending->node);
		if (pending->due <= now)
			end(table, pending, &(struct iq){.end = how});
		else
			list_append(&table->all, &pending->node);
	}
	if (list_empty(&table->all))
		timer_stop(table->tick);
}

static void tick(void *arg)
{
	struct iq_table *table = arg;
	end_due(table, loop_now(table->loop), IQ_TIMEOUT);
}

struct iq_table *iq_table_new(struct frontend *frontend, struct loop *loop)
{
	struct iq_table *table = mem_new(sizeof *table);
	table->frontend = frontend;
	table->loop = loop;
	list_init(&table->all);
	table->tick = timer_new(loop, tick, table);
	return table;
}

void iq_table_free(struct iq_table **at)
{
	struct iq_table *table = *at;
	if (!table)
		return;
	LIST_EACH (&table->all, node)
		free(LIST_ITEM(node, struct pending, node));
	map_fini(&table->by_id);
	timer_free(&table->tick);
	free(table);
	*at = NULL;
}

static struct pending *pending_new(const char *to, const char *subject, const char *inner_to)
{
	subject = subject ? subject : "";
	size_t inner_bytes = inner_to ? strlen(inner_to) + 1 : 0;
	struct pending *pending = mem_new(sizeof *pending + strlen(to) + strlen(subject) + 2 + inner_bytes);
	char *at = (char *)(pending + 1);
	pending->to = at;
	at = stpcpy(at, to) + 1;
	pending->subject = at;
	at = stpcpy(at, subject) + 1;
	if (inner_to)
		pending->inner_to = strcpy(at, inner_to);
	return pending;
}

static struct writer *open_request(struct iq_table *table, const char *type, const char *to, unsigned wait_ms,
                                   iq_answer *answered, const char *subject, const char *inner_to)
{
	struct frontend *frontend = table->frontend;
	if (table->by_id.count >= PENDING_MOST || !upstream_is_up(frontend->upstream))
		return NULL;
	struct pending *pending = pending_new(to, subject, inner_to);
	pending->due = loop_now(table->loop) + wait_ms;
	pending->answered = answered;
	snprintf(pending->id, sizeof pending->id, "s2-iq-%u", ++table->number);
	map_put(&table->by_id, pending->id, pending);
	list_append(&table->all, &pending->node);
	if (!timer_running(table->tick))
		timer_start(table->tick, TICK_MS, TICK_MS);
	struct writer *writer = stanza_open(frontend, "iq", UPSTREAM_PASSING, frontend->jid, to, type);
	xml_attr(writer, "id", pending->id);
	if (!inner_to)
		return writer;
	xml_open(writer, "privileged_iq", NS_PRIVILEGE_2);
	xml_open(writer, "iq", NS_CLIENT);
	xml_attr(writer, "type", type);
	xml_attr(writer, "id", pending->id);
	xml_attr(writer, "to", strcmp(inner_to, to) ? inner_to : NULL);
	return writer;
}

struct writer *iq_open(struct iq_table *table, const char *type, const char *to, unsigned wait_ms, iq_answer *answered,
                       const char *subject)
{
	return open_request(table, type, to, wait_ms, answered, subject, NULL);
}

struct writer *privileged_iq_open(struct iq_table *table, const char *type, const char *user, const char *ns,
                                  const char *to, unsigned wait_ms, iq_answer *answered, const char *subject)
{
	const char *at = strrchr(user, '@');
	const struct privilege *privilege = at ? privilege_find(table->frontend->privileges, at + 1) : NULL;
	if (!privilege_has_iq(privilege, type, ns))
		return NULL;
	return open_request(table, type, user, wait_ms, answered, subject, to ? to : user);
}

void privileged_iq_close(struct iq_table *table, struct writer *writer)
{
	xml_close(writer);
	xml_close(writer);
	stanza_close(table->frontend);
}

/* An address is missing or this one; a user's with a resource behind it is his, too. */
static bool is_address(struct arena *arena, const char *text, const char *wanted)
{
	struct jid jid;
	return !text || (jid_parse(arena, text, &jid) && (!strcmp(jid.bare, wanted) || !strcmp(jid.full, wanted)));
}

/* What stands in the answer to a request in the name of a user: the answer that he got, or NULL if it is none. */
static const struct element *unwrap(const struct pending *pending, struct arena *arena, const struct element *stanza)
{
	const struct element *privilege = element_child(stanza, "privilege", NS_PRIVILEGE_2);
	const struct element *forwarded = element_child(privilege, "forwarded", NS_FORWARD);
	const struct element *inner = element_child(forwarded, "iq", NS_CLIENT);
	const char *type = element_get(inner, "type"), *from = element_get(inner, "from");
	bool own = !strcmp(pending->inner_to, pending->to);
	if (inner && (text_equal(type, "result") || text_equal(type, "error")) &&
	    text_equal(element_get(inner, "id"), pending->id) && (from || own) &&
	    is_address(arena, from, pending->inner_to) && is_address(arena, element_get(inner, "to"), pending->to))
		return inner;
	log_warn("host of user=%s answered with something else", pending->to);
	return NULL;
}

void iq_answered(struct iq_table *table, struct arena *arena, const char *from, const struct element *stanza)
{
	const char *id = element_get(stanza, "id");
	struct pending *pending = id ? map_get(&table->by_id, id) : NULL;
	if (!pending || strcmp(pending->to, from) != 0)
		return;
	bool result = text_equal(element_get(stanza, "type"), "result");
	if (result && pending->inner_to) {
		stanza = unwrap(pending, arena, stanza);
		result = text_equal(element_get(stanza, "type"), "result");
	}
	end(table, pending, &(struct iq){.end = result ? IQ_RESULT : IQ_ERROR, .arena = arena, .answer = stanza});
}

void iq_lose_all(struct iq_table *table)
{
	end_due(table, UINT64_MAX, IQ_LOST);
}
