/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Creation and migration, run whenever a database is opened. The write lock is held from the look at the version to the
 * commit, so an interruption leaves the database as it was and the next start does it all again. */
#include "spectrum/store/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "spectrum/store/file.h"

#define THEIR_VERSION 3 /* db_version.ver of Spectrum 2's last schema */
#define OUR_VERSION 4

/* Columns as Spectrum 2 has them. It does not prefix the names of its indexes; we do. */
static const char *const their_tables[] = {
    "CREATE TABLE IF NOT EXISTS \"@users\" (id INTEGER PRIMARY KEY NOT NULL, jid varchar(255) NOT NULL,"
    " uin varchar(4095) NOT NULL, password varchar(255) NOT NULL, language varchar(25) NOT NULL,"
    " encoding varchar(50) NOT NULL DEFAULT 'utf8', last_login datetime, vip int(1) NOT NULL DEFAULT 0,"
    " online int(1) NOT NULL DEFAULT 0)",
    "CREATE TABLE IF NOT EXISTS \"@buddies\" (id INTEGER PRIMARY KEY NOT NULL, user_id int(10) NOT NULL,"
    " uin varchar(255) NOT NULL, subscription varchar(20) NOT NULL, nickname varchar(255) NOT NULL,"
    " \"groups\" varchar(255) NOT NULL, flags int(4) NOT NULL DEFAULT 0)",
    "CREATE TABLE IF NOT EXISTS \"@buddies_settings\" (user_id int(10) NOT NULL, buddy_id int(10) NOT NULL,"
    " var varchar(50) NOT NULL, type int(4) NOT NULL, value varchar(255) NOT NULL, PRIMARY KEY (buddy_id, var))",
    "CREATE TABLE IF NOT EXISTS \"@users_settings\" (user_id int(10) NOT NULL, var varchar(50) NOT NULL,"
    " type int(4) NOT NULL, value varchar(4095) NOT NULL, PRIMARY KEY (user_id, var))",
    "CREATE TABLE IF NOT EXISTS \"@db_version\" (ver INTEGER NOT NULL DEFAULT '3')",
    "INSERT INTO \"@db_version\" (ver) SELECT 3 WHERE NOT EXISTS (SELECT 1 FROM \"@db_version\")",
};

/* The second of two prefixes in one old database has tables without indexes. */
static const struct {
	const char *table, *column; /* there has to be an index that starts with it */
	const char *sql;            /* makes one */
	const char *otherwise;      /* if the rows forbid that one */
} indexes[] = {
    {"users", "jid", "CREATE UNIQUE INDEX IF NOT EXISTS \"@jid\" ON \"@users\" (jid)",
     "CREATE INDEX IF NOT EXISTS \"@s2_jid\" ON \"@users\" (jid)"},
    {"buddies", "user_id", "CREATE UNIQUE INDEX IF NOT EXISTS \"@user_id\" ON \"@buddies\" (user_id, uin)",
     "CREATE INDEX IF NOT EXISTS \"@s2_buddies_user\" ON \"@buddies\" (user_id, uin)"},
    {"buddies_settings", "user_id", "CREATE INDEX IF NOT EXISTS \"@user_id02\" ON \"@buddies_settings\" (user_id)",
     NULL},
    {"users_settings", "user_id", "CREATE INDEX IF NOT EXISTS \"@user_id03\" ON \"@users_settings\" (user_id)", NULL},
};

/* Step N brings our version from N to N + 1. */
static const char *const our_steps[OUR_VERSION] = {
    "CREATE TABLE IF NOT EXISTS \"@s2_version\" (version INTEGER NOT NULL);"
    "INSERT INTO \"@s2_version\" SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM \"@s2_version\");"
    /* Folded legacy names, with what they were folded from: Spectrum 2 does not keep this table. */
    "CREATE TABLE IF NOT EXISTS \"@s2_names\" (user_id INTEGER PRIMARY KEY NOT NULL, uin TEXT NOT NULL,"
    " folded TEXT NOT NULL);"
    "CREATE INDEX IF NOT EXISTS \"@s2_names_folded\" ON \"@s2_names\" (folded);"
    "CREATE TABLE IF NOT EXISTS \"@s2_pending\" (sequence INTEGER PRIMARY KEY NOT NULL, stanza BLOB NOT NULL);"
    "CREATE INDEX IF NOT EXISTS \"@s2_buddies_name\" ON \"@buddies\" (user_id, uin COLLATE NOCASE);"
    /* A contact that gets the number of one long gone must not get its avatar, too. */
    "DELETE FROM \"@buddies_settings\" WHERE buddy_id NOT IN (SELECT id FROM \"@buddies\");",
    "CREATE TABLE IF NOT EXISTS \"@s2_occupancies\" (client TEXT NOT NULL, node TEXT NOT NULL,"
    " nickname TEXT NOT NULL, PRIMARY KEY (client, node)) WITHOUT ROWID;",
    /* What was said in rooms: new lines go to the end of the table. */
    "CREATE TABLE IF NOT EXISTS \"@s2_rooms\" (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL UNIQUE);"
    "CREATE TABLE IF NOT EXISTS \"@s2_lines\" (number INTEGER PRIMARY KEY NOT NULL, room INTEGER NOT NULL,"
    " time INTEGER NOT NULL, id TEXT NOT NULL, stanza_id TEXT NOT NULL, nickname TEXT NOT NULL,"
    " occupant_id TEXT NOT NULL, content TEXT NOT NULL);"
    "CREATE INDEX IF NOT EXISTS \"@s2_lines_room\" ON \"@s2_lines\" (room);"
    "CREATE INDEX IF NOT EXISTS \"@s2_lines_id\" ON \"@s2_lines\" (room, id) WHERE id <> '';"
    "CREATE TABLE IF NOT EXISTS \"@s2_stays\" (room INTEGER NOT NULL, jid TEXT NOT NULL, first INTEGER NOT NULL,"
    " last INTEGER NOT NULL, PRIMARY KEY (room, jid, first)) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS \"@s2_stays_jid\" ON \"@s2_stays\" (jid);",
    /* What server mode keeps for its users. */
    "CREATE TABLE IF NOT EXISTS \"@s2_items\" (number INTEGER PRIMARY KEY NOT NULL, owner TEXT NOT NULL,"
    " kind TEXT NOT NULL, node TEXT NOT NULL, id TEXT NOT NULL, time INTEGER NOT NULL, content TEXT NOT NULL);"
    "CREATE UNIQUE INDEX IF NOT EXISTS \"@s2_items_id\" ON \"@s2_items\" (owner, kind, node, id);",
};

/* At each opening: Spectrum 2 may have been here in between. */
static const char *const refresh_names[] = {
    "INSERT OR REPLACE INTO \"@s2_names\" (user_id, uin, folded) SELECT u.id, u.uin, s2_fold(u.uin) FROM \"@users\" u"
    " LEFT JOIN \"@s2_names\" n ON n.user_id = u.id WHERE n.uin IS NOT u.uin",
    "DELETE FROM \"@s2_names\" WHERE user_id NOT IN (SELECT id FROM \"@users\")",
};

char *schema_sql(const char *text, const char *prefix)
{
	struct str sql = {0};
	for (; *text; text++) {
		if (*text != '@') {
			str_addc(&sql, *text);
			continue;
		}
		for (const char *at = prefix; *at; at++) {
			if (*at == '"')
				str_addc(&sql, '"');
			str_addc(&sql, *at);
		}
	}
	return str_take(&sql);
}

struct schema {
	sqlite3 *db;
	const char *path, *prefix;
	char **error;
};

static bool failed(const struct schema *schema, const char *doing)
{
	*schema->error = mem_printf("database %s: %s: %s", schema->path, doing, sqlite3_errmsg(schema->db));
	return false;
}

static int execute(const struct schema *schema, const char *text)
{
	char *sql = schema_sql(text, schema->prefix);
	int code = sqlite3_exec(schema->db, sql, NULL, NULL, NULL);
	free(sql);
	return code;
}

/* The first column of the first row in *value, untouched without a row. `name` and `column` go to ?1 and ?2. */
static bool look_up(const struct schema *schema, const char *text, const char *name, const char *column, int64_t *value)
{
	char *sql = schema_sql(text, schema->prefix);
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(schema->db, sql, -1, &statement, NULL);
	free(sql);
	if (code != SQLITE_OK)
		return failed(schema, "cannot be read");
	if (name)
		sqlite3_bind_text(statement, 1, name, -1, SQLITE_TRANSIENT);
	if (column)
		sqlite3_bind_text(statement, 2, column, -1, SQLITE_TRANSIENT);
	code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		*value = sqlite3_column_int64(statement, 0);
	bool good = code == SQLITE_ROW || code == SQLITE_DONE || failed(schema, "cannot be read");
	sqlite3_finalize(statement);
	return good;
}

static bool table_exists(const struct schema *schema, const char *name, bool *exists)
{
	char *table = mem_printf("%s%s", schema->prefix, name);
	int64_t found = 0;
	bool good =
	    look_up(schema, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1", table, NULL, &found);
	free(table);
	*exists = found;
	return good;
}

/* *theirs: 0 if the tables are not there at all; *ours: 0 if only Spectrum 2 was here. */
static bool read_versions(const struct schema *schema, int64_t *theirs, int64_t *ours)
{
	bool has_tables, has_theirs, has_ours;
	*theirs = *ours = 0;
	if (!table_exists(schema, "users", &has_tables) || !table_exists(schema, "db_version", &has_theirs) ||
	    !table_exists(schema, "s2_version", &has_ours))
		return false;
	if (has_tables || has_theirs)
		*theirs = THEIR_VERSION;
	if (has_theirs && !look_up(schema, "SELECT ver FROM \"@db_version\" ORDER BY ver DESC", NULL, NULL, theirs))
		return false;
	if (has_ours && !look_up(schema, "SELECT max(version) FROM \"@s2_version\"", NULL, NULL, ours))
		return false;
	if ((has_tables || has_theirs) && *theirs != THEIR_VERSION) {
		*schema->error =
		    mem_printf("database %s: has version %lld of Spectrum 2's tables; only version %d is known: "
		               "open it with the program that made it, or name another file in "
		               "database.database",
		               schema->path, (long long)*theirs, THEIR_VERSION);
		return false;
	}
	return true;
}

/* Copies through a second handle, while the first one holds the write lock; appears under its name when it is whole. */
static bool back_up(const struct schema *schema, int64_t theirs, int64_t ours)
{
	char *version =
	    ours ? mem_printf("%lld.%lld", (long long)theirs, (long long)ours) : mem_printf("%lld", (long long)theirs);
	char *name = mem_printf("%s.backup-%s", schema->path, version);
	char *fresh = mem_printf("%s.new", name);
	sqlite3 *from = NULL, *to = NULL;
	bool done = false;
	(void)unlink(fresh);
	errno = 0;
	int fd = open(fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0 && sqlite3_open_v2(schema->path, &from, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
	    sqlite3_open_v2(fresh, &to, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK) {
		sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
		done = backup && sqlite3_backup_step(backup, -1) == SQLITE_DONE;
		done = sqlite3_backup_finish(backup) == SQLITE_OK && done;
	}
	sqlite3_close(to);
	sqlite3_close(from);
	done = done && !fsync(fd) && !rename(fresh, name) && file_sync_parent(name);
	if (!done) {
		*schema->error = mem_printf("database %s: cannot be copied to %s before its tables are changed: %s",
		                            schema->path, name, errno ? strerror(errno) : "the copy is not whole");
		(void)unlink(fresh);
	}
	if (fd >= 0)
		close(fd);
	free(fresh);
	free(name);
	free(version);
	return done;
}

static bool make_indexes(const struct schema *schema)
{
	for (size_t i = 0; i < sizeof indexes / sizeof *indexes; i++) {
		char *table = mem_printf("%s%s", schema->prefix, indexes[i].table);
		int64_t found = 0;
		bool good = look_up(schema,
		                    "SELECT 1 FROM pragma_index_list(?1) l JOIN pragma_index_info(l.name) i"
		                    " WHERE i.seqno = 0 AND i.name = ?2",
		                    table, indexes[i].column, &found);
		free(table);
		if (!good)
			return false;
		if (found || execute(schema, indexes[i].sql) == SQLITE_OK)
			continue;
		if (!indexes[i].otherwise || execute(schema, indexes[i].otherwise) != SQLITE_OK)
			return failed(schema, "cannot make an index");
	}
	return true;
}

static bool migrate(const struct schema *schema, int64_t ours)
{
	for (size_t i = 0; i < sizeof their_tables / sizeof *their_tables; i++) {
		if (execute(schema, their_tables[i]) != SQLITE_OK)
			return failed(schema, "cannot make the tables");
	}
	if (!make_indexes(schema))
		return false;
	for (int64_t step = ours; step < OUR_VERSION; step++) {
		if (execute(schema, our_steps[step]) != SQLITE_OK)
			return failed(schema, "cannot be brought to the present version");
	}
	char sql[64];
	snprintf(sql, sizeof sql, "UPDATE \"@s2_version\" SET version = %d", OUR_VERSION);
	return execute(schema, sql) == SQLITE_OK || failed(schema, "cannot be brought to the present version");
}

static bool prepare_locked(const struct schema *schema)
{
	int64_t theirs, ours;
	if (!read_versions(schema, &theirs, &ours))
		return false;
	if (ours < OUR_VERSION && ((theirs && !back_up(schema, theirs, ours)) || !migrate(schema, ours)))
		return false;
	for (size_t i = 0; i < sizeof refresh_names / sizeof *refresh_names; i++) {
		if (execute(schema, refresh_names[i]) != SQLITE_OK)
			return failed(schema, "cannot fold the names");
	}
	return true;
}

bool schema_prepare(sqlite3 *db, const char *path, const char *prefix, char **error)
{
	struct schema schema = {db, path, prefix, error};
	if (sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
		return failed(&schema, "cannot be opened");
	if (!prepare_locked(&schema)) {
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
		return false;
	}
	if (sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
		failed(&schema, "cannot be changed");
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
		return false;
	}
	return true;
}
