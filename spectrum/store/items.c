/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What server mode keeps for its users, in SQLite: messages for who is away, published items, private data, lists.
 * Called by the driver's table of jobs. */
#include <stdlib.h>

#include "spectrum/store/sqlite.h"

/* What a secret is bound to besides its owner. */
static char *place_of(const struct store_item *item)
{
	return mem_printf("%s %s %s", item->kind, item->node, item->id);
}

static void seal(struct sqlite *sqlite, const struct store_item *item, struct str *out)
{
	char *place = place_of(item);
	secret_seal(sqlite->secret, item->owner, place, item->content, out);
	free(place);
}

/* What stands there in the clear was not put there by us. */
static const char *unseal(struct sqlite *sqlite, const struct store_item *item, struct arena *arena)
{
	char *place = place_of(item);
	struct str plain = {0};
	bool good = secret_unseal(sqlite->secret, item->owner, place, item->content, &plain) == SECRET_SEALED;
	const char *text = arena_strdup(arena, good ? str_text(&plain) : "");
	str_wipe(&plain);
	free(place);
	return text;
}

/* Those of the node that are more than `most`, the oldest first. */
static int limit(struct sqlite *sqlite, const struct store_item *item)
{
	int64_t number;
	int code = sqlite_end_number(
	    sqlite, ITEM_BEHIND,
	    sqlite_start(sqlite, ITEM_BEHIND, "ttti", item->owner, item->kind, item->node, (int64_t)item->most),
	    &number);
	if (code != SQLITE_OK || !number)
		return code;
	return RUN(sqlite, PRUNE_ITEMS, "ttti", item->owner, item->kind, item->node, number);
}

int items_put(struct sqlite *sqlite, struct job *job)
{
	const struct store_item *item = &job->item;
	struct str sealed = {0};
	int64_t count = 0;
	int code = SQLITE_OK;
	if (item->most && job->flag)
		code = sqlite_end_number(sqlite, COUNT_ITEMS,
		                         sqlite_start(sqlite, COUNT_ITEMS, "ttt", item->owner, item->kind, item->node),
		                         &count);
	if (code != SQLITE_OK)
		return code;
	if (job->flag && item->most && count >= item->most) {
		job_fail(job, STORE_FULL);
		return SQLITE_OK;
	}
	if (item->sealed)
		seal(sqlite, item, &sealed);
	code = RUN(sqlite, PUT_ITEM, "ttttit", item->owner, item->kind, item->node, item->id, item->time,
	           item->sealed ? str_text(&sealed) : item->content);
	str_fini(&sealed);
	return code == SQLITE_OK && item->most && !job->flag ? limit(sqlite, item) : code;
}

int items_remove(struct sqlite *sqlite, struct job *job)
{
	const struct store_item *item = &job->item;
	return RUN(sqlite, REMOVE_ITEMS, "tttti", item->owner, item->kind, item->node, item->id,
	           item->number ? (int64_t)item->number : INT64_MAX);
}

int items_get(struct sqlite *sqlite, struct job *job)
{
	const struct store_item *item = &job->item;
	struct arena *arena = &job->results;
	sqlite3_stmt *row = sqlite->statements[GET_ITEMS];
	int code = sqlite_start(sqlite, GET_ITEMS, "tttti", item->owner, item->kind, item->node, item->id,
	                        item->most ? (int64_t)item->most : INT64_MAX);
	for (; code == SQLITE_ROW; code = sqlite_next(sqlite, GET_ITEMS)) {
		struct store_item found = {
		    .owner = item->owner,
		    .kind = item->kind,
		    .number = (uint64_t)sqlite3_column_int64(row, 0),
		    .node = sqlite_column(sqlite, GET_ITEMS, 1, arena),
		    .id = sqlite_column(sqlite, GET_ITEMS, 2, arena),
		    .time = sqlite3_column_int64(row, 3),
		    .content = sqlite_column(sqlite, GET_ITEMS, 4, arena),
		};
		if (item->sealed)
			found.content = unseal(sqlite, &found, arena);
		str_add(&sqlite->rows, &found, sizeof found);
		job->item_count++;
	}
	job->items = sqlite_take_rows(sqlite, arena);
	return sqlite_end(sqlite, GET_ITEMS, code);
}
