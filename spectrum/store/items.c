/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What server mode keeps for its users, in SQLite: messages for who is away, published items, private data, lists.
 * Called by the driver's table of jobs. */
#include "spectrum/store/sqlite.h"

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
	code =
	    RUN(sqlite, PUT_ITEM, "ttttit", item->owner, item->kind, item->node, item->id, item->time, item->content);
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
		str_add(&sqlite->rows, &found, sizeof found);
		job->item_count++;
	}
	job->items = sqlite_take_rows(sqlite, arena);
	return sqlite_end(sqlite, GET_ITEMS, code);
}
