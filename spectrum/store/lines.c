/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was said in rooms, in SQLite: lines stored once, and beside them from when to when each user was there, so that
 * nobody reads what was said when he was not. Called by the driver's table of jobs. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spectrum/store/schema.h"
#include "spectrum/store/sqlite.h"

#define COUNT_MOST 10000 /* lines that are counted for the total */
#define PRUNE_AT_ONCE 2000
#define CLOCK_DOUBT_MS 3600000 /* so much may the times that networks tell be ahead of our clock */

bool lines_begin(struct sqlite *sqlite)
{
	char *close = schema_sql("UPDATE \"@s2_stays\" SET last = (SELECT coalesce(max(number), 0) FROM \"@s2_lines\")"
	                         " WHERE last = 0",
	                         sqlite->prefix);
	char *drop = schema_sql("DELETE FROM \"@s2_stays\" WHERE last = 0", sqlite->prefix);
	char *find = schema_sql("SELECT coalesce(max(number), 0) FROM \"@s2_lines\"", sqlite->prefix);
	sqlite3_stmt *statement = NULL;
	bool good = sqlite3_exec(sqlite->db, close, NULL, NULL, NULL) == SQLITE_OK &&
	            sqlite3_exec(sqlite->db, drop, NULL, NULL, NULL) == SQLITE_OK &&
	            sqlite3_prepare_v2(sqlite->db, find, -1, &statement, NULL) == SQLITE_OK &&
	            sqlite3_step(statement) == SQLITE_ROW;
	if (good)
		sqlite->base.last_line = (uint64_t)sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	free(close);
	free(drop);
	free(find);
	return good;
}

static int find_room(struct sqlite *sqlite, const char *name, int64_t *room)
{
	return sqlite_end_number(sqlite, FIND_ROOM, sqlite_start(sqlite, FIND_ROOM, "t", name), room);
}

static int make_room(struct sqlite *sqlite, const char *name, int64_t *room)
{
	int code = find_room(sqlite, name, room);
	if (code != SQLITE_OK || *room)
		return code;
	code = RUN(sqlite, ADD_ROOM, "t", name);
	*room = sqlite3_last_insert_rowid(sqlite->db);
	return code;
}

int lines_put(struct sqlite *sqlite, struct job *job)
{
	const struct store_line *line = &job->line;
	int64_t room;
	int code = make_room(sqlite, line->room, &room);
	if (code != SQLITE_OK)
		return code;
	return RUN(sqlite, PUT_LINE, "iiittttt", room, (int64_t)line->number, line->time, line->id, line->stanza_id,
	           line->nickname, line->occupant_id, line->content);
}

int lines_put_stay(struct sqlite *sqlite, struct job *job)
{
	const struct store_stay *stay = &job->stay;
	int64_t room;
	int code = make_room(sqlite, stay->room, &room);
	if (code != SQLITE_OK)
		return code;
	return RUN(sqlite, PUT_STAY, "itii", room, stay->jid, (int64_t)stay->first, (int64_t)stay->last);
}

/* ---- Reading ---- */

struct search {
	struct sqlite *sqlite;
	struct job *job;
	int64_t room, heard;
	int64_t after_id, before_id; /* numbers that bound the result, */
	int64_t after, before;       /* and the page of it */
};

/* The number of the line with this id; what is no line that he heard is an error of the job. */
static int find_line(const struct search *search, const char *id, int64_t *number)
{
	struct sqlite *sqlite = search->sqlite;
	const char *jid = search->job->search.jid;
	char again[24];
	int code = sqlite_end_number(
	    sqlite, FIND_LINE_BY_ID,
	    sqlite_start(sqlite, FIND_LINE_BY_ID, "itit", search->room, jid, search->heard, id), number);
	int64_t ours = (int64_t)(strtoull(id, NULL, 16) & INT64_MAX);
	snprintf(again, sizeof again, "%" PRIx64, ours);
	if (code == SQLITE_OK && !*number && !strcmp(again, id))
		code = sqlite_end_number(
		    sqlite, FIND_LINE, sqlite_start(sqlite, FIND_LINE, "itii", search->room, jid, search->heard, ours),
		    number);
	if (code == SQLITE_OK && !*number)
		job_fail(search->job, STORE_NO_SUCH_LINE);
	return code;
}

/* The bounds; job->error if one of them is no line. */
static int find_bounds(struct search *search)
{
	const struct store_search *in = &search->job->search;
	const struct {
		const char *id;
		int64_t *number;
		int64_t otherwise;
	} bounds[] = {{in->after_id, &search->after_id, -1},
	              {in->before_id, &search->before_id, INT64_MAX},
	              {in->after, &search->after, -1},
	              {in->before, &search->before, INT64_MAX}};
	int code = SQLITE_OK;
	for (size_t i = 0; i < sizeof bounds / sizeof *bounds && code == SQLITE_OK; i++) {
		*bounds[i].number = bounds[i].otherwise;
		if (*bounds[i].id)
			code = find_line(search, bounds[i].id, bounds[i].number);
	}
	/* A line has hardly a later time than the one at which it came, and that is its number. */
	int64_t soonest = (in->start - CLOCK_DOUBT_MS) * 1000;
	if (in->start && soonest > search->after_id)
		search->after_id = soonest;
	return code;
}

static void take_line(struct search *search, enum statement which)
{
	struct arena *arena = &search->job->results;
	sqlite3_stmt *row = search->sqlite->statements[which];
	struct store_line line = {
	    .room = search->job->search.room,
	    .number = (uint64_t)sqlite3_column_int64(row, 0),
	    .time = sqlite3_column_int64(row, 1),
	    .id = sqlite_column(search->sqlite, which, 2, arena),
	    .stanza_id = sqlite_column(search->sqlite, which, 3, arena),
	    .nickname = sqlite_column(search->sqlite, which, 4, arena),
	    .occupant_id = sqlite_column(search->sqlite, which, 5, arena),
	    .content = sqlite_column(search->sqlite, which, 6, arena),
	};
	str_add(&search->sqlite->rows, &line, sizeof line);
	search->job->page.count++;
}

static int start_search(struct search *search, enum statement which, int64_t after, int64_t before, int64_t most)
{
	const struct store_search *in = &search->job->search;
	return sqlite_start(search->sqlite, which, "itiiiiiti", search->room, in->jid, search->heard, after, before,
	                    in->start, in->end ? in->end : INT64_MAX, in->nickname, most);
}

static void turn_round(struct store_line *lines, size_t count)
{
	for (size_t i = 0; i < count / 2; i++) {
		struct store_line line = lines[i];
		lines[i] = lines[count - 1 - i];
		lines[count - 1 - i] = line;
	}
}

static int read_page(struct search *search)
{
	const struct store_search *in = &search->job->search;
	struct store_page *page = &search->job->page;
	enum statement which = in->backwards ? LAST_LINES : FIRST_LINES;
	int64_t after = search->after > search->after_id ? search->after : search->after_id;
	int64_t before = search->before < search->before_id ? search->before : search->before_id;
	/* One more than is wanted shows that there are more. */
	int code = start_search(search, which, after, before, (int64_t)in->most + 1);
	for (; code == SQLITE_ROW && page->count < in->most; code = sqlite_next(search->sqlite, which))
		take_line(search, which);
	page->complete = code == SQLITE_DONE;
	struct store_line *lines = sqlite_take_rows(search->sqlite, &search->job->results);
	if (in->backwards)
		turn_round(lines, page->count);
	page->lines = lines;
	return sqlite_end(search->sqlite, which, code);
}

static int count_lines(struct search *search)
{
	struct store_page *page = &search->job->page;
	int code = start_search(search, COUNT_LINES, search->after_id, search->before_id, COUNT_MOST + 1);
	code = sqlite_end_number(search->sqlite, COUNT_LINES, code, &page->total);
	if (page->total > COUNT_MOST)
		page->total = -1;
	return code;
}

/* Just these lines, however often and in which order they are named. */
static int read_ids(struct search *search)
{
	struct job *job = search->job;
	int code = SQLITE_OK;
	for (const char *at = job->search.ids; *at && code == SQLITE_OK && !job->error;) {
		size_t len = strcspn(at, "\x01");
		int64_t number;
		code = find_line(search, arena_strndup(&job->results, at, len), &number);
		if (code == SQLITE_OK && number) {
			code = sqlite_start(search->sqlite, GET_LINE, "i", number);
			if (code == SQLITE_ROW)
				take_line(search, GET_LINE);
			code = sqlite_end(search->sqlite, GET_LINE, code);
		}
		at += len + (at[len] != '\0');
	}
	job->page.lines = sqlite_take_rows(search->sqlite, &job->results);
	job->page.complete = true;
	job->page.total = (int64_t)job->page.count;
	return code;
}

int lines_search(struct sqlite *sqlite, struct job *job)
{
	struct search search = {.sqlite = sqlite, .job = job, .heard = (int64_t)(job->search.heard & INT64_MAX)};
	int code = find_room(sqlite, job->search.room, &search.room);
	if (code != SQLITE_OK)
		return code;
	if (*job->search.ids)
		return read_ids(&search);
	code = find_bounds(&search);
	if (code == SQLITE_OK && !job->error)
		code = count_lines(&search);
	return code == SQLITE_OK && !job->error ? read_page(&search) : code;
}

/* ---- Forgetting ---- */

static int prune(struct job *job, struct sqlite *sqlite, int code)
{
	job->left |= code == SQLITE_OK && sqlite3_changes(sqlite->db) >= PRUNE_AT_ONCE;
	return code;
}

int lines_prune(struct sqlite *sqlite, struct job *job)
{
	int64_t room, number;
	job->left = false;
	int code = prune(job, sqlite, RUN(sqlite, PRUNE_OLD, "ii", job->prune.oldest, (int64_t)PRUNE_AT_ONCE));
	if (code == SQLITE_OK)
		code =
		    sqlite_end_number(sqlite, NEXT_ROOM, sqlite_start(sqlite, NEXT_ROOM, "i", job->prune.after), &room);
	if (code != SQLITE_OK || !(job->room = room))
		return code;
	code = sqlite_end_number(sqlite, LINE_BEHIND,
	                         sqlite_start(sqlite, LINE_BEHIND, "ii", room, (int64_t)job->prune.most), &number);
	if (code == SQLITE_OK && number)
		code = prune(job, sqlite, RUN(sqlite, PRUNE_ROOM, "iii", room, number, (int64_t)PRUNE_AT_ONCE));
	if (code == SQLITE_OK)
		code = RUN(sqlite, PRUNE_STAYS, "i", room);
	return code == SQLITE_OK ? RUN(sqlite, REMOVE_ROOM, "i", room) : code;
}
