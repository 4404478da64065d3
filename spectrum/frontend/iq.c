/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/frontend/iq.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/map.h"
#include "spectrum/frontend/inside.h"

#define PENDING_MOST 4096
#define TICK_MS 1000
#define ID_BYTES 24

struct pending {
	struct list node;
	uint64_t due; /* ms, loop_now */
	iq_answer *answered;
	const char *to, *subject; /* behind it */
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

struct writer *iq_open(struct iq_table *table, const char *type, const char *to, unsigned wait_ms, iq_answer *answered,
                       const char *subject)
{
	struct frontend *frontend = table->frontend;
	if (table->by_id.count >= PENDING_MOST || !upstream_is_up(frontend->upstream))
		return NULL;
	size_t to_bytes = strlen(to) + 1, subject_bytes = subject ? strlen(subject) + 1 : 1;
	struct pending *pending = mem_new(sizeof *pending + to_bytes + subject_bytes);
	char *texts = (char *)(pending + 1);
	pending->to = memcpy(texts, to, to_bytes);
	pending->subject = memcpy(texts + to_bytes, subject ? subject : "", subject_bytes);
	pending->due = loop_now(table->loop) + wait_ms;
	pending->answered = answered;
	snprintf(pending->id, sizeof pending->id, "s2-iq-%u", ++table->number);
	map_put(&table->by_id, pending->id, pending);
	list_append(&table->all, &pending->node);
	if (!timer_running(table->tick))
		timer_start(table->tick, TICK_MS, TICK_MS);
	struct writer *writer = stanza_open(frontend, "iq", UPSTREAM_PASSING, frontend->jid, to, type);
	xml_attr(writer, "id", pending->id);
	return writer;
}

void iq_answered(struct iq_table *table, struct arena *arena, const char *from, const struct element *stanza)
{
	const char *id = element_get(stanza, "id");
	struct pending *pending = id ? map_get(&table->by_id, id) : NULL;
	if (!pending || strcmp(pending->to, from) != 0)
		return;
	bool result = text_equal(element_get(stanza, "type"), "result");
	end(table, pending, &(struct iq){.end = result ? IQ_RESULT : IQ_ERROR, .arena = arena, .answer = stanza});
}

void iq_lose_all(struct iq_table *table)
{
	end_due(table, UINT64_MAX, IQ_LOST);
}
