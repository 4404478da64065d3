/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The driver for SQLite: write-ahead log, one prepared statement per operation, a savepoint only around what takes more
 * than one statement and has to be whole. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/base/utf8.h"
#include "lib/xmpp/jid.h"
#include "spectrum/store/file.h"
#include "spectrum/store/schema.h"
#include "spectrum/store/sqlite.h"

#define BUSY_MS 1500
#define FLAG_AVATAR_TYPE "13" /* buddies_settings.type of icon_hash */

/* A line `l` that ?2 was there to hear: his last stay that began before it had not ended, or goes on and he has got as far
 * as ?3. */
#define HEARD                                                                                                \
	"(SELECT CASE s.last WHEN 0 THEN ?3 ELSE s.last END FROM \"@s2_stays\" s WHERE s.room = ?1 AND s.jid = ?2" \
	" AND s.first <= l.number ORDER BY s.first DESC LIMIT 1) >= l.number"
#define LINE "l.number, l.time, l.id, l.stanza_id, l.nickname, l.occupant_id, l.content"
#define FOUND                                                                                         \
	"l.room = ?1 AND l.number > ?4 AND l.number < ?5 AND l.time >= ?6 AND l.time <= ?7 AND (?8 = '' OR" \
	" l.nickname = ?8) AND " HEARD

static const char *const statement_sql[STATEMENTS] = {
    [BEGIN_READ] = "BEGIN",
    [BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [SAVE] = "SAVEPOINT job",
    [UNSAVE] = "ROLLBACK TO job",
    [RELEASE] = "RELEASE job",
    [FIND_USER] = "SELECT id FROM \"@users\" WHERE jid = ?1",
    [ADD_USER] = "INSERT INTO \"@users\" (jid, uin, password, language, encoding, last_login, vip, online)"
                 " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0)",
    [CHANGE_USER] = "UPDATE \"@users\" SET uin = ?2, password = ?3, language = ?4, encoding = ?5, last_login = ?6"
                    " WHERE id = ?1",
    [NAME_IS_TAKEN] = "SELECT 1 FROM \"@s2_names\" n JOIN \"@users\" u ON u.id = n.user_id AND u.uin = n.uin"
                      " WHERE n.folded = s2_fold(?1) AND u.jid <> ?2 LIMIT 1",
    [PUT_NAME] = "INSERT OR REPLACE INTO \"@s2_names\" (user_id, uin, folded) VALUES (?1, ?2, s2_fold(?2))",
    [GET_USER] = "SELECT id, jid, uin, password, language, encoding, vip, online FROM \"@users\" WHERE jid = ?1",
    [GET_SETTINGS] = "SELECT var, value, type FROM \"@users_settings\" WHERE user_id = ?1",
    [GET_BUDDIES] = "SELECT b.id, b.uin, b.nickname, b.\"groups\", s.value, b.subscription, b.flags FROM \"@buddies\" b"
                    " LEFT JOIN \"@buddies_settings\" s ON s.buddy_id = b.id AND s.var = 'icon_hash'"
                    " AND s.type = " FLAG_AVATAR_TYPE " WHERE b.user_id = ?1 ORDER BY b.id",
    [REMOVE_NAME] = "DELETE FROM \"@s2_names\" WHERE user_id = ?1",
    [REMOVE_SETTINGS] = "DELETE FROM \"@users_settings\" WHERE user_id = ?1",
    [REMOVE_BUDDY_SETTINGS] = "DELETE FROM \"@buddies_settings\" WHERE buddy_id IN"
                              " (SELECT id FROM \"@buddies\" WHERE user_id = ?1)",
    [REMOVE_BUDDIES] = "DELETE FROM \"@buddies\" WHERE user_id = ?1",
    [REMOVE_USER] = "DELETE FROM \"@users\" WHERE id = ?1",
    [SET_ONLINE] = "UPDATE \"@users\" SET online = ?2, last_login = ?3 WHERE id = ?1",
    [PUT_SETTING] = "INSERT INTO \"@users_settings\" (user_id, var, type, value) VALUES (?1, ?2, ?3, ?4)"
                    " ON CONFLICT (user_id, var) DO UPDATE SET type = excluded.type, value = excluded.value",
    [FIND_BUDDY] = "SELECT id, uin = ?2 FROM \"@buddies\" WHERE user_id = ?1 AND uin = ?2 COLLATE NOCASE",
    [ADD_BUDDY] = "INSERT INTO \"@buddies\" (user_id, uin, subscription, nickname, \"groups\", flags)"
                  " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [CHANGE_BUDDY] = "UPDATE \"@buddies\" SET subscription = ?2, nickname = ?3, \"groups\" = ?4, flags = ?5"
                     " WHERE id = ?1 AND (subscription <> ?2 OR nickname <> ?3 OR \"groups\" <> ?4 OR flags <> ?5)",
    [PUT_AVATAR] = "INSERT INTO \"@buddies_settings\" (user_id, buddy_id, var, type, value)"
                   " VALUES (?1, ?2, 'icon_hash', " FLAG_AVATAR_TYPE ", ?3)"
                   " ON CONFLICT (buddy_id, var) DO UPDATE SET user_id = excluded.user_id, type = excluded.type,"
                   " value = excluded.value WHERE value <> excluded.value OR type <> excluded.type",
    [REMOVE_AVATAR] = "DELETE FROM \"@buddies_settings\" WHERE buddy_id = ?1 AND var = 'icon_hash'",
    [REMOVE_BUDDY] = "DELETE FROM \"@buddies\" WHERE id = ?1",
    [REMOVE_BUDDY_SETTING] = "DELETE FROM \"@buddies_settings\" WHERE buddy_id = ?1",
    [EACH_JID] = "SELECT jid FROM \"@users\" WHERE ?1 OR online <> 0 ORDER BY id",
    [PUT_PENDING] = "INSERT INTO \"@s2_pending\" (sequence, stanza) VALUES (?1, ?2)",
    [REMOVE_PENDING] = "DELETE FROM \"@s2_pending\" WHERE sequence <= ?1",
    [EACH_PENDING] = "SELECT sequence, stanza FROM \"@s2_pending\" ORDER BY sequence",
    [PUT_OCCUPANCY] = "INSERT OR REPLACE INTO \"@s2_occupancies\" (client, node, nickname) VALUES (?1, ?2, ?3)",
    [REMOVE_OCCUPANCY] = "DELETE FROM \"@s2_occupancies\" WHERE client = ?1 AND node = ?2",
    [EACH_OCCUPANCY] = "SELECT client, node, nickname FROM \"@s2_occupancies\"",
    [FIND_ROOM] = "SELECT id FROM \"@s2_rooms\" WHERE name = ?1",
    [ADD_ROOM] = "INSERT INTO \"@s2_rooms\" (name) VALUES (?1)",
    [PUT_LINE] = "INSERT OR IGNORE INTO \"@s2_lines\" (room, number, time, id, stanza_id, nickname, occupant_id, content)"
                 " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [PUT_STAY] = "INSERT INTO \"@s2_stays\" (room, jid, first, last) VALUES (?1, ?2, ?3, ?4)"
                 " ON CONFLICT (room, jid, first) DO UPDATE SET last = excluded.last",
    [REMOVE_STAYS] = "DELETE FROM \"@s2_stays\" WHERE jid = ?1",
    [FIND_LINE_BY_ID] = "SELECT l.number FROM \"@s2_lines\" l WHERE l.room = ?1 AND l.id = ?4 AND " HEARD,
    [FIND_LINE] = "SELECT l.number FROM \"@s2_lines\" l WHERE l.room = ?1 AND l.number = ?4 AND l.id = '' AND " HEARD,
    [GET_LINE] = "SELECT " LINE " FROM \"@s2_lines\" l WHERE l.number = ?1",
    [FIRST_LINES] = "SELECT " LINE " FROM \"@s2_lines\" l WHERE " FOUND " ORDER BY l.number LIMIT ?9",
    [LAST_LINES] = "SELECT " LINE " FROM \"@s2_lines\" l WHERE " FOUND " ORDER BY l.number DESC LIMIT ?9",
    [COUNT_LINES] = "SELECT count(*) FROM (SELECT 1 FROM \"@s2_lines\" l WHERE " FOUND " LIMIT ?9)",
    [NEXT_ROOM] = "SELECT id FROM \"@s2_rooms\" WHERE id > ?1 ORDER BY id LIMIT 1",
    [LINE_BEHIND] = "SELECT number FROM \"@s2_lines\" WHERE room = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2",
    [PRUNE_OLD] = "DELETE FROM \"@s2_lines\" WHERE number IN"
                  " (SELECT number FROM \"@s2_lines\" WHERE number < ?1 ORDER BY number LIMIT ?2)",
    [PRUNE_ROOM] = "DELETE FROM \"@s2_lines\" WHERE number IN"
                   " (SELECT number FROM \"@s2_lines\" WHERE room = ?1 AND number <= ?2 ORDER BY number LIMIT ?3)",
    [PRUNE_STAYS] = "DELETE FROM \"@s2_stays\" WHERE room = ?1 AND last <> 0 AND last <"
                    " (SELECT coalesce(min(number), 9223372036854775807) FROM \"@s2_lines\" WHERE room = ?1)",
    [REMOVE_ROOM] = "DELETE FROM \"@s2_rooms\" WHERE id = ?1 AND NOT EXISTS"
                    " (SELECT 1 FROM \"@s2_lines\" WHERE room = ?1) AND NOT EXISTS"
                    " (SELECT 1 FROM \"@s2_stays\" WHERE room = ?1)",
    [PUT_ITEM] = "INSERT OR REPLACE INTO \"@s2_items\" (owner, kind, node, id, time, content)"
                 " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [COUNT_ITEMS] = "SELECT count(*) FROM \"@s2_items\" WHERE owner = ?1 AND kind = ?2 AND node = ?3",
    [ITEM_BEHIND] = "SELECT number FROM \"@s2_items\" WHERE owner = ?1 AND kind = ?2 AND node = ?3"
                    " ORDER BY number DESC LIMIT 1 OFFSET ?4",
    [PRUNE_ITEMS] = "DELETE FROM \"@s2_items\" WHERE owner = ?1 AND kind = ?2 AND node = ?3 AND number <= ?4",
    [REMOVE_ITEMS] = "DELETE FROM \"@s2_items\" WHERE owner = ?1 AND kind = ?2 AND (?3 = '' OR node = ?3)"
                     " AND (?4 = '' OR id = ?4) AND number <= ?5",
    [GET_ITEMS] = "SELECT number, node, id, time, content FROM (SELECT * FROM \"@s2_items\" WHERE owner = ?1"
                  " AND kind = ?2 AND (?3 = '' OR node = ?3) AND (?4 = '' OR id = ?4) ORDER BY number DESC LIMIT ?5)"
                  " ORDER BY number",
    [REMOVE_OWNER] = "DELETE FROM \"@s2_items\" WHERE owner = ?1",
};

static void fold(sqlite3_context *context, int count, sqlite3_value **values)
{
	struct sqlite *sqlite = sqlite3_user_data(context);
	const char *name = (const char *)sqlite3_value_text(values[0]);
	sqlite3_result_text(context, jid_fold(&sqlite->scratch, name ? name : ""), -1, SQLITE_TRANSIENT);
	arena_reset(&sqlite->scratch);
}

static void disconnect(struct sqlite *sqlite)
{
	for (size_t i = 0; i < STATEMENTS; i++) {
		sqlite3_finalize(sqlite->statements[i]);
		sqlite->statements[i] = NULL;
	}
	sqlite3_close(sqlite->db);
	sqlite->db = NULL;
}

static bool prepare_statements(struct sqlite *sqlite)
{
	for (size_t i = 0; i < STATEMENTS; i++) {
		char *sql = schema_sql(statement_sql[i], sqlite->prefix);
		int code =
		    sqlite3_prepare_v3(sqlite->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &sqlite->statements[i], NULL);
		free(sql);
		if (code != SQLITE_OK)
			return false;
	}
	return true;
}

static bool connect_open(struct sqlite *sqlite, char **error)
{
	sqlite3_open_v2(sqlite->path, &sqlite->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	sqlite3_extended_result_codes(sqlite->db, 1);
	sqlite3_busy_timeout(sqlite->db, BUSY_MS);
	sqlite3_create_function(sqlite->db, "s2_fold", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY,
	                        sqlite, fold, NULL, NULL);
	if (!schema_prepare(sqlite->db, sqlite->path, sqlite->prefix, error))
		return false;
	/* A file system without shared memory stays with the rollback journal: slower, and no less safe. */
	if (sqlite3_exec(sqlite->db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -512;", NULL, NULL, NULL) ==
	        SQLITE_OK &&
	    prepare_statements(sqlite))
		return true;
	*error = mem_printf("database %s: %s", sqlite->path, sqlite3_errmsg(sqlite->db));
	return false;
}

static void sqlite_close(struct database *database)
{
	struct sqlite *sqlite = (struct sqlite *)database;
	disconnect(sqlite);
	arena_fini(&sqlite->scratch);
	str_fini(&sqlite->rows);
	free(sqlite->path);
	free(sqlite->prefix);
	free(sqlite);
}

/* Made here and not by SQLite, for its mode. */
static bool make_file(const struct sqlite *sqlite, char **error)
{
	int fd = file_make_parents(sqlite->path) ? open(sqlite->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
	if (fd < 0)
		*error = mem_printf("database %s: %s", sqlite->path, strerror(errno));
	else
		close(fd);
	return fd >= 0;
}

static struct database *open_database(struct sqlite *sqlite, struct secret *secret, char **error)
{
	sqlite->secret = secret;
	bool open = (sqlite->in_memory || make_file(sqlite, error)) && connect_open(sqlite, error);
	if (open && !lines_begin(sqlite)) {
		*error = mem_printf("database %s: %s", sqlite->path, sqlite3_errmsg(sqlite->db));
		open = false;
	}
	if (!open) {
		sqlite_close(&sqlite->base);
		return NULL;
	}
	return &sqlite->base;
}

static struct database *sqlite_open(const struct config *config, struct secret *secret, char **error)
{
	struct sqlite *sqlite = mem_new(sizeof *sqlite);
	const char *path = config_text(config, "database.database"), *prefix = config_text(config, "database.prefix");
	sqlite->base.driver = &driver_sqlite;
	sqlite->path = mem_strdup(path ? path : "");
	sqlite->prefix = mem_strdup(prefix ? prefix : "");
	return open_database(sqlite, secret, error);
}

static struct database *memory_open(const struct config *config, struct secret *secret, char **error)
{
	struct sqlite *sqlite = mem_new(sizeof *sqlite);
	sqlite->base.driver = &driver_memory;
	sqlite->in_memory = true;
	sqlite->path = mem_strdup(":memory:");
	sqlite->prefix = mem_strdup("");
	return open_database(sqlite, secret, error);
}

/* Notes what the last statement failed with. */
static int failed(struct sqlite *sqlite, int code)
{
	snprintf(sqlite->base.error, sizeof sqlite->base.error, "%s", sqlite3_errmsg(sqlite->db));
	return code;
}

int sqlite_start(struct sqlite *sqlite, enum statement which, const char *types, ...)
{
	sqlite3_stmt *statement = sqlite->statements[which];
	va_list args;
	va_start(args, types);
	for (int i = 0; types[i]; i++) {
		if (types[i] == 'i')
			sqlite3_bind_int64(statement, i + 1, va_arg(args, int64_t));
		else
			sqlite3_bind_text(statement, i + 1, va_arg(args, const char *), -1, SQLITE_STATIC);
	}
	va_end(args);
	int code = sqlite3_step(statement);
	return code == SQLITE_ROW || code == SQLITE_DONE ? code : failed(sqlite, code);
}

int sqlite_next(struct sqlite *sqlite, enum statement which)
{
	int code = sqlite3_step(sqlite->statements[which]);
	return code == SQLITE_ROW || code == SQLITE_DONE ? code : failed(sqlite, code);
}

int sqlite_end(struct sqlite *sqlite, enum statement which, int code)
{
	sqlite3_reset(sqlite->statements[which]);
	return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

int sqlite_end_number(struct sqlite *sqlite, enum statement which, int code, int64_t *number)
{
	*number = code == SQLITE_ROW ? sqlite3_column_int64(sqlite->statements[which], 0) : 0;
	return sqlite_end(sqlite, which, code);
}

/* A copy that is fit for XML: SQLite takes any bytes for text, and others write into this file, too. */
static const char *copy_text(struct arena *arena, const char *text, size_t len)
{
	if (!len)
		return "";
	if (utf8_xml_valid(text, len))
		return arena_strndup(arena, text, len);
	struct str clean = {0};
	utf8_clean(&clean, text, len);
	text = arena_strdup(arena, str_text(&clean));
	str_wipe(&clean);
	return text;
}

const char *sqlite_column(struct sqlite *sqlite, enum statement which, int index, struct arena *arena)
{
	const char *text = (const char *)sqlite3_column_text(sqlite->statements[which], index);
	return copy_text(arena, text, (size_t)sqlite3_column_bytes(sqlite->statements[which], index));
}

static const char *now_text(struct sqlite *sqlite)
{
	time_t now = time(NULL);
	if (now != sqlite->second) {
		struct tm tm;
		strftime(sqlite->now, sizeof sqlite->now, "%Y-%m-%d %H:%M:%S", gmtime_r(&now, &tm));
		sqlite->second = now;
	}
	return sqlite->now;
}

/* Rows are collected in a buffer, because their number is not known before the last one. */
void *sqlite_take_rows(struct sqlite *sqlite, struct arena *arena)
{
	void *rows = arena_alloc(arena, sqlite->rows.len);
	if (sqlite->rows.len)
		memcpy(rows, sqlite->rows.data, sqlite->rows.len);
	str_clear(&sqlite->rows, 65536);
	return rows;
}

static int read_settings(struct sqlite *sqlite, struct job *job, struct store_user *user)
{
	struct arena *arena = &job->results;
	int code = sqlite_start(sqlite, GET_SETTINGS, "i", user->id);
	for (; code == SQLITE_ROW; code = sqlite_next(sqlite, GET_SETTINGS)) {
		struct store_setting setting = {
		    .key = sqlite_column(sqlite, GET_SETTINGS, 0, arena),
		    .value = sqlite_column(sqlite, GET_SETTINGS, 1, arena),
		    .type = sqlite3_column_int(sqlite->statements[GET_SETTINGS], 2),
		};
		str_add(&sqlite->rows, &setting, sizeof setting);
		user->setting_count++;
	}
	user->settings = sqlite_take_rows(sqlite, arena);
	return sqlite_end(sqlite, GET_SETTINGS, code);
}

static int read_buddies(struct sqlite *sqlite, struct job *job, struct store_user *user)
{
	struct arena *arena = &job->results;
	sqlite3_stmt *row = sqlite->statements[GET_BUDDIES];
	int code = sqlite_start(sqlite, GET_BUDDIES, "i", user->id);
	for (; code == SQLITE_ROW; code = sqlite_next(sqlite, GET_BUDDIES)) {
		const char *subscription = (const char *)sqlite3_column_text(row, 5);
		struct store_buddy buddy = {
		    .id = sqlite3_column_int64(row, 0),
		    .name = sqlite_column(sqlite, GET_BUDDIES, 1, arena),
		    .alias = sqlite_column(sqlite, GET_BUDDIES, 2, arena),
		    .groups = sqlite_column(sqlite, GET_BUDDIES, 3, arena),
		    .icon_hash = sqlite_column(sqlite, GET_BUDDIES, 4, arena),
		    .subscribed = text_equal(subscription, "both"),
		    .flags = sqlite3_column_int(row, 6),
		};
		str_add(&sqlite->rows, &buddy, sizeof buddy);
		user->buddy_count++;
	}
	user->buddies = sqlite_take_rows(sqlite, arena);
	return sqlite_end(sqlite, GET_BUDDIES, code);
}

static const char *read_password(struct sqlite *sqlite, struct job *job, const char *jid)
{
	const char *stored = (const char *)sqlite3_column_text(sqlite->statements[GET_USER], 3);
	struct str plain = {0};
	if (secret_unseal(sqlite->secret, jid, "password", stored ? stored : "", &plain) == SECRET_LOST)
		job->warning = "the stored password was sealed with another key, or is damaged: taken as empty";
	const char *password = copy_text(&job->results, str_text(&plain), plain.len);
	str_wipe(&plain);
	return password;
}

static int get_user(struct sqlite *sqlite, struct job *job)
{
	sqlite3_stmt *row = sqlite->statements[GET_USER];
	struct arena *arena = &job->results;
	int code = sqlite_start(sqlite, GET_USER, "t", job->user.jid);
	if (code != SQLITE_ROW)
		return sqlite_end(sqlite, GET_USER, code);
	struct store_user *user = arena_alloc(arena, sizeof *user);
	user->id = sqlite3_column_int64(row, 0);
	user->jid = sqlite_column(sqlite, GET_USER, 1, arena);
	user->name = sqlite_column(sqlite, GET_USER, 2, arena);
	user->password = read_password(sqlite, job, user->jid);
	user->language = sqlite_column(sqlite, GET_USER, 4, arena);
	user->encoding = sqlite_column(sqlite, GET_USER, 5, arena);
	user->vip = sqlite3_column_int(row, 6);
	user->online = sqlite3_column_int(row, 7);
	job->found = user;
	code = sqlite_end(sqlite, GET_USER, code);
	if (code == SQLITE_OK)
		code = read_settings(sqlite, job, user);
	return code == SQLITE_OK ? read_buddies(sqlite, job, user) : code;
}

static int write_user(struct sqlite *sqlite, const struct store_user *user, const char *password)
{
	int64_t id;
	const char *now = now_text(sqlite);
	int code = sqlite_end_number(sqlite, FIND_USER, sqlite_start(sqlite, FIND_USER, "t", user->jid), &id);
	if (code != SQLITE_OK)
		return code;
	if (id) {
		code =
		    RUN(sqlite, CHANGE_USER, "ittttt", id, user->name, password, user->language, user->encoding, now);
	} else {
		code = RUN(sqlite, ADD_USER, "tttttti", user->jid, user->name, password, user->language, user->encoding,
		           now, (int64_t)user->vip);
		id = sqlite3_last_insert_rowid(sqlite->db);
	}
	return code == SQLITE_OK ? RUN(sqlite, PUT_NAME, "it", id, user->name) : code;
}

static int put_user(struct sqlite *sqlite, struct job *job)
{
	const struct store_user *user = &job->user;
	int64_t taken = 0;
	int code = SQLITE_OK;
	if (job->flag)
		code = sqlite_end_number(sqlite, NAME_IS_TAKEN, sqlite_start(sqlite, NAME_IS_TAKEN, "tt", user->name, user->jid),
		                  &taken);
	if (code != SQLITE_OK)
		return code;
	if (taken) {
		job_fail(job, STORE_NAME_TAKEN);
		return SQLITE_OK;
	}
	struct str password = {0};
	secret_seal(sqlite->secret, user->jid, "password", user->password, &password);
	code = write_user(sqlite, user, str_text(&password));
	str_fini(&password);
	return code == SQLITE_OK ? get_user(sqlite, job) : code;
}

static int remove_user(struct sqlite *sqlite, struct job *job)
{
	static const enum statement steps[] = {REMOVE_BUDDY_SETTINGS, REMOVE_BUDDIES, REMOVE_SETTINGS, REMOVE_NAME,
	                                       REMOVE_USER};
	int64_t id;
	int code = sqlite_end_number(sqlite, FIND_USER, sqlite_start(sqlite, FIND_USER, "t", job->user.jid), &id);
	for (size_t i = 0; code == SQLITE_OK && id && i < sizeof steps / sizeof *steps; i++)
		code = RUN(sqlite, steps[i], "i", id);
	if (code == SQLITE_OK)
		code = RUN(sqlite, REMOVE_OWNER, "t", job->user.jid);
	return code == SQLITE_OK ? RUN(sqlite, REMOVE_STAYS, "t", job->user.jid) : code;
}

static int set_online(struct sqlite *sqlite, struct job *job)
{
	return RUN(sqlite, SET_ONLINE, "iit", job->user_id, (int64_t)job->flag, now_text(sqlite));
}

static int put_setting(struct sqlite *sqlite, struct job *job)
{
	return RUN(sqlite, PUT_SETTING, "itit", job->user_id, job->setting.key, (int64_t)job->setting.type,
	           job->setting.value);
}

/* The spelling that is asked for before another one; *id 0 if there is none. */
static int find_buddy(struct sqlite *sqlite, struct job *job, int64_t *id)
{
	sqlite3_stmt *row = sqlite->statements[FIND_BUDDY];
	bool exact = false;
	*id = 0;
	int code = sqlite_start(sqlite, FIND_BUDDY, "it", job->user_id, job->buddy.name);
	for (; code == SQLITE_ROW && !exact; code = exact ? code : sqlite_next(sqlite, FIND_BUDDY)) {
		exact = sqlite3_column_int(row, 1);
		if (exact || !*id)
			*id = sqlite3_column_int64(row, 0);
	}
	return sqlite_end(sqlite, FIND_BUDDY, code);
}

static int put_buddy(struct sqlite *sqlite, struct job *job)
{
	const struct store_buddy *buddy = &job->buddy;
	const char *subscription = buddy->subscribed ? "both" : "ask";
	int64_t id, flags = buddy->flags;
	int code = find_buddy(sqlite, job, &id);
	if (code != SQLITE_OK)
		return code;
	bool known = id != 0;
	if (known) {
		code = RUN(sqlite, CHANGE_BUDDY, "ittti", id, subscription, buddy->alias, buddy->groups, flags);
	} else {
		code = RUN(sqlite, ADD_BUDDY, "itttti", job->user_id, buddy->name, subscription, buddy->alias,
		           buddy->groups, flags);
		id = sqlite3_last_insert_rowid(sqlite->db);
	}
	if (code == SQLITE_OK && *buddy->icon_hash)
		code = RUN(sqlite, PUT_AVATAR, "iit", job->user_id, id, buddy->icon_hash);
	else if (code == SQLITE_OK && known)
		code = RUN(sqlite, REMOVE_AVATAR, "i", id);
	return code;
}

static int remove_buddy(struct sqlite *sqlite, struct job *job)
{
	int64_t id;
	int code = find_buddy(sqlite, job, &id);
	if (code == SQLITE_OK && id)
		code = RUN(sqlite, REMOVE_BUDDY, "i", id);
	if (code == SQLITE_OK && id)
		code = RUN(sqlite, REMOVE_BUDDY_SETTING, "i", id);
	return code;
}

static int each_jid(struct sqlite *sqlite, struct job *job)
{
	sqlite3_stmt *row = sqlite->statements[EACH_JID];
	int code = sqlite_start(sqlite, EACH_JID, "i", (int64_t)job->flag);
	for (; code == SQLITE_ROW; code = sqlite_next(sqlite, EACH_JID)) {
		const char *jid = (const char *)sqlite3_column_text(row, 0);
		if (jid && utf8_xml_valid(jid, (size_t)sqlite3_column_bytes(row, 0)))
			job_add_item(job, 0, jid, (size_t)sqlite3_column_bytes(row, 0));
	}
	return sqlite_end(sqlite, EACH_JID, code);
}

static int put_pending(struct sqlite *sqlite, struct job *job)
{
	sqlite3_bind_blob64(sqlite->statements[PUT_PENDING], 2, job->stanza.text, job->stanza.len, SQLITE_STATIC);
	return RUN(sqlite, PUT_PENDING, "i", (int64_t)job->sequence);
}

static int remove_pending(struct sqlite *sqlite, struct job *job)
{
	return RUN(sqlite, REMOVE_PENDING, "i", (int64_t)job->sequence);
}

static int each_pending(struct sqlite *sqlite, struct job *job)
{
	sqlite3_stmt *row = sqlite->statements[EACH_PENDING];
	int code = sqlite_start(sqlite, EACH_PENDING, "");
	for (; code == SQLITE_ROW; code = sqlite_next(sqlite, EACH_PENDING)) {
		const char *stanza = sqlite3_column_blob(row, 1);
		size_t len = (size_t)sqlite3_column_bytes(row, 1);
		job_add_item(job, (uint64_t)sqlite3_column_int64(row, 0), stanza ? stanza : "", len);
	}
	return sqlite_end(sqlite, EACH_PENDING, code);
}

static int put_occupancy(struct sqlite *sqlite, struct job *job)
{
	const struct store_occupancy *in = &job->occupancy;
	return RUN(sqlite, PUT_OCCUPANCY, "ttt", in->client, in->node, in->nickname);
}

static int remove_occupancy(struct sqlite *sqlite, struct job *job)
{
	return RUN(sqlite, REMOVE_OCCUPANCY, "tt", job->occupancy.client, job->occupancy.node);
}

static int each_occupancy(struct sqlite *sqlite, struct job *job)
{
	sqlite3_stmt *row = sqlite->statements[EACH_OCCUPANCY];
	int code = sqlite_start(sqlite, EACH_OCCUPANCY, "");
	for (; code == SQLITE_ROW; code = sqlite_next(sqlite, EACH_OCCUPANCY)) {
		bool valid = true;
		for (int i = 0; i < 3; i++) {
			const char *text = (const char *)sqlite3_column_text(row, i);
			valid = valid && text && utf8_xml_valid(text, (size_t)sqlite3_column_bytes(row, i));
		}
		for (int i = 0; i < 3 && valid; i++)
			job_add_item(job, 0, (const char *)sqlite3_column_text(row, i), (size_t)sqlite3_column_bytes(row, i));
	}
	return sqlite_end(sqlite, EACH_OCCUPANCY, code);
}

static const struct {
	int (*run)(struct sqlite *, struct job *);
	bool whole; /* several statements that have to be undone together */
} handlers[JOB_KINDS] = {
    [JOB_GET_USER] = {get_user, false},         [JOB_PUT_USER] = {put_user, true},
    [JOB_REMOVE_USER] = {remove_user, true},    [JOB_SET_ONLINE] = {set_online, false},
    [JOB_PUT_SETTING] = {put_setting, false},   [JOB_PUT_BUDDY] = {put_buddy, false},
    [JOB_REMOVE_BUDDY] = {remove_buddy, false}, [JOB_EACH_JID] = {each_jid, false},
    [JOB_PUT_PENDING] = {put_pending, false},   [JOB_REMOVE_PENDING] = {remove_pending, false},
    [JOB_EACH_PENDING] = {each_pending, false}, [JOB_PUT_OCCUPANCY] = {put_occupancy, false},
    [JOB_REMOVE_OCCUPANCY] = {remove_occupancy, false}, [JOB_EACH_OCCUPANCY] = {each_occupancy, false},
    [JOB_PUT_LINE] = {lines_put, false},
    [JOB_PUT_STAY] = {lines_put_stay, false},
    [JOB_SEARCH_LINES] = {lines_search, false},
    [JOB_PRUNE_LINES] = {lines_prune, true},
    [JOB_PUT_ITEM] = {items_put, true},
    [JOB_REMOVE_ITEMS] = {items_remove, false},
    [JOB_GET_ITEMS] = {items_get, false},
};

/* Errors that say more about the database than about the statement. */
static bool lost(struct sqlite *sqlite, int code)
{
	switch (code & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_NOMEM:
	case SQLITE_READONLY:
	case SQLITE_IOERR:
	case SQLITE_FULL:
	case SQLITE_CANTOPEN:
	case SQLITE_PROTOCOL:
		sqlite->base.transient = true;
		return true;
	default:
		sqlite->base.transient = false;
		return sqlite3_get_autocommit(sqlite->db);
	}
}

static bool sqlite_run(struct database *database, struct job *job)
{
	struct sqlite *sqlite = (struct sqlite *)database;
	bool whole = handlers[job->kind].whole;
	int code = whole ? RUN(sqlite, SAVE, "") : SQLITE_OK;
	if (code == SQLITE_OK)
		code = handlers[job->kind].run(sqlite, job);
	if (code != SQLITE_OK) {
		if (lost(sqlite, code))
			return false;
		job_rewind(job);
		job_fail(job, sqlite->base.error);
		code = whole ? RUN(sqlite, UNSAVE, "") : SQLITE_OK;
	}
	if (whole && code == SQLITE_OK)
		code = RUN(sqlite, RELEASE, "");
	return code == SQLITE_OK || !lost(sqlite, code);
}

/* The file was removed or replaced: what would be written into the old one would be lost. */
static bool reopen_if_moved(struct sqlite *sqlite)
{
	int moved = 0;
	if (sqlite->in_memory)
		return true;
	if (sqlite->db && sqlite3_file_control(sqlite->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK &&
	    !moved)
		return true;
	char *error = NULL;
	disconnect(sqlite);
	if (connect_open(sqlite, &error))
		return true;
	snprintf(sqlite->base.error, sizeof sqlite->base.error, "%s", error);
	free(error);
	disconnect(sqlite);
	return false;
}

static bool sqlite_begin(struct database *database, bool writes)
{
	struct sqlite *sqlite = (struct sqlite *)database;
	database->transient = true;
	if (!reopen_if_moved(sqlite))
		return false;
	int code = RUN(sqlite, writes ? BEGIN_WRITE : BEGIN_READ, "");
	return code == SQLITE_OK || (lost(sqlite, code), false);
}

static bool sqlite_commit(struct database *database)
{
	struct sqlite *sqlite = (struct sqlite *)database;
	int code = RUN(sqlite, COMMIT, "");
	return code == SQLITE_OK || (lost(sqlite, code), false);
}

static void sqlite_rollback(struct database *database)
{
	struct sqlite *sqlite = (struct sqlite *)database;
	if (sqlite->db && !sqlite3_get_autocommit(sqlite->db))
		sqlite_end(sqlite, ROLLBACK, sqlite3_step(sqlite->statements[ROLLBACK]));
}

const struct driver driver_sqlite = {
    .type = "sqlite3",
    .open = sqlite_open,
    .close = sqlite_close,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .run = sqlite_run,
};

const struct driver driver_memory = {
    .type = "none",
    .open = memory_open,
    .close = sqlite_close,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .run = sqlite_run,
};
