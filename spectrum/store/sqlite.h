/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of the SQLite driver only: what its files share. */
#ifndef SPECTRUM_STORE_SQLITE_H
#define SPECTRUM_STORE_SQLITE_H

#include <sqlite3.h>
#include <time.h>

#include "lib/base/str.h"
#include "spectrum/store/driver.h"

enum statement {
	BEGIN_READ,
	BEGIN_WRITE,
	COMMIT,
	ROLLBACK,
	SAVE,
	UNSAVE,
	RELEASE,
	FIND_USER,
	ADD_USER,
	CHANGE_USER,
	NAME_IS_TAKEN,
	PUT_NAME,
	GET_USER,
	GET_SETTINGS,
	GET_BUDDIES,
	REMOVE_NAME,
	REMOVE_SETTINGS,
	REMOVE_BUDDY_SETTINGS,
	REMOVE_BUDDIES,
	REMOVE_USER,
	SET_ONLINE,
	PUT_SETTING,
	FIND_BUDDY,
	ADD_BUDDY,
	CHANGE_BUDDY,
	PUT_AVATAR,
	REMOVE_AVATAR,
	REMOVE_BUDDY,
	REMOVE_BUDDY_SETTING,
	EACH_JID,
	PUT_PENDING,
	REMOVE_PENDING,
	EACH_PENDING,
	PUT_OCCUPANCY,
	REMOVE_OCCUPANCY,
	EACH_OCCUPANCY,
	FIND_ROOM,
	ADD_ROOM,
	PUT_LINE,
	PUT_STAY,
	REMOVE_STAYS,
	FIND_LINE_BY_ID,
	FIND_LINE,
	GET_LINE,
	FIRST_LINES,
	LAST_LINES,
	COUNT_LINES,
	NEXT_ROOM,
	LINE_BEHIND,
	PRUNE_OLD,
	PRUNE_ROOM,
	PRUNE_STAYS,
	REMOVE_ROOM,
	PUT_ITEM,
	COUNT_ITEMS,
	ITEM_BEHIND,
	PRUNE_ITEMS,
	REMOVE_ITEMS,
	GET_ITEMS,
	REMOVE_OWNER,
	STATEMENTS
};

struct sqlite {
	struct database base;
	struct secret *secret;
	char *path, *prefix;
	sqlite3 *db; /* NULL while the file can't be opened */
	sqlite3_stmt *statements[STATEMENTS];
	bool in_memory;
	struct arena scratch; /* of s2_fold */
	struct str rows;      /* of the user who is being read */
	time_t second;
	char now[20]; /* `second` as text */
};

/* Binds the arguments ('i' int64_t, 't' text) and makes the first step: SQLITE_ROW, SQLITE_DONE or an error. Texts have
 * to live until the statement is reset. */
int sqlite_start(struct sqlite *, enum statement, const char *types, ...);
/* The next row of a statement that gave SQLITE_ROW. */
int sqlite_next(struct sqlite *, enum statement);
/* Ends a statement; `code` is how its last step went. */
int sqlite_end(struct sqlite *, enum statement, int code);
/* A statement without rows that matter. */
#define RUN(sqlite, which, ...) sqlite_end(sqlite, which, sqlite_start(sqlite, which, __VA_ARGS__))
/* Ends it as well: the first column of the first row, or 0. */
int sqlite_end_number(struct sqlite *, enum statement, int code, int64_t *number);
/* A column of the row, on the arena and fit for XML. */
const char *sqlite_column(struct sqlite *, enum statement, int index, struct arena *);
/* What str_add put into sqlite->rows, on the arena. */
void *sqlite_take_rows(struct sqlite *, struct arena *);

/* lines.c: handlers of jobs about what was said in rooms. */
int lines_put(struct sqlite *, struct job *);
int lines_put_stay(struct sqlite *, struct job *);
int lines_search(struct sqlite *, struct job *);
int lines_prune(struct sqlite *, struct job *);
/* At the start: ends the stays that were open, and finds the last line. */
bool lines_begin(struct sqlite *);

/* items.c: what server mode keeps. */
int items_put(struct sqlite *, struct job *);
int items_remove(struct sqlite *, struct job *);
int items_get(struct sqlite *, struct job *);

#endif
