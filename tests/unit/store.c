/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the store keeps, in its own files and in those of Spectrum 2. Tests that are named after an S-mark hold what
 * Spectrum 2's own storage got wrong. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/utf8.h"
#include "lib/config/config.h"
#include "tests/unit/store_env.h"
#include "tests/unit/test.h"

/* As Spectrum 2 makes it. */
static const char old_schema[] =
    "CREATE TABLE %1$susers (id INTEGER PRIMARY KEY NOT NULL, jid varchar(255) NOT NULL, uin varchar(4095) NOT NULL,"
    " password varchar(255) NOT NULL, language varchar(25) NOT NULL, encoding varchar(50) NOT NULL DEFAULT 'utf8',"
    " last_login datetime, vip int(1) NOT NULL DEFAULT '0', online int(1) NOT NULL DEFAULT '0');"
    "CREATE TABLE %1$sbuddies (id INTEGER PRIMARY KEY NOT NULL, user_id int(10) NOT NULL, uin varchar(255) NOT NULL,"
    " subscription varchar(20) NOT NULL, nickname varchar(255) NOT NULL, groups varchar(255) NOT NULL,"
    " flags int(4) NOT NULL DEFAULT '0');"
    "CREATE TABLE %1$sbuddies_settings (user_id int(10) NOT NULL, buddy_id int(10) NOT NULL, var varchar(50) NOT NULL,"
    " type int(4) NOT NULL, value varchar(255) NOT NULL, PRIMARY KEY (buddy_id, var));"
    "CREATE TABLE %1$susers_settings (user_id int(10) NOT NULL, var varchar(50) NOT NULL, type int(4) NOT NULL,"
    " value varchar(4095) NOT NULL, PRIMARY KEY (user_id, var));"
    "CREATE TABLE %1$sdb_version (ver INTEGER NOT NULL DEFAULT '3'); REPLACE INTO %1$sdb_version (ver) values(3);"
    "CREATE UNIQUE INDEX IF NOT EXISTS user_id ON %1$sbuddies (user_id, uin);"
    "CREATE INDEX IF NOT EXISTS user_id02 ON %1$sbuddies_settings (user_id);"
    "CREATE UNIQUE INDEX IF NOT EXISTS jid ON %1$susers (jid);"
    "CREATE INDEX IF NOT EXISTS user_id03 ON %1$susers_settings (user_id);";
static const char old_rows[] =
    "INSERT INTO users VALUES (7, 'alice@example.org', 'Alice1', 'geheim', 'de', 'utf8', '2019-02-03 04:05:06', 1, 1);"
    "INSERT INTO users VALUES (9, 'bob@example.org', 'bob2', 'hush', 'en', 'utf-8', NULL, 0, 0);"
    "INSERT INTO users_settings VALUES (7, 'enable_transport', 4, '0'), (7, 'photohash', 13, 'abc');"
    "INSERT INTO buddies VALUES (3, 7, 'Carol', 'both', 'Carol C.', 'Friends', 2);"
    "INSERT INTO buddies VALUES (4, 7, 'dave', 'to', 'Dave', 'A\nB', 8);"
    "INSERT INTO buddies_settings VALUES (7, 3, 'icon_hash', 13, 'da39'), (7, 4, 'icon_hash', 0, 'other type');"
    "INSERT INTO buddies_settings VALUES (7, 99, 'icon_hash', 13, 'orphan');";

static void make_old_database(struct env *env, const char *prefix)
{
	char *directory = mem_printf("%s/data", env->directory), *sql = mem_printf(old_schema, prefix);
	mkdir(directory, 0700);
	execute(env, sql);
	free(directory);
	free(sql);
}

/* ---- the ordinary */

static void keeps_a_user_with_all_that_is_his(void **state)
{
	struct env *env = *state;
	assert_null(get(env, ALICE));
	int64_t id = registered(env, ALICE);
	store_set_online(env->store, id, true);
	store_put_setting(env->store, id, &(struct store_setting){"photohash", "abc", 13});
	store_put_buddy(env->store, id,
	                &(struct store_buddy){.name = "carol",
	                                      .alias = "Carol",
	                                      .groups = "A\nB",
	                                      .icon_hash = "da39",
	                                      .subscribed = true,
	                                      .flags = 2});
	store_put_buddy(env->store, id, &(struct store_buddy){.name = "dave"});
	store_put_buddy(env->store, id, &(struct store_buddy){.name = "erin"});
	store_remove_buddy(env->store, id, "erin");
	reopen_store(env);
	struct store_user *user = get(env, ALICE);
	assert_int_equal(user->id, id);
	assert_string_equal(user->jid, ALICE);
	assert_string_equal(user->name, ALICE);
	assert_string_equal(user->password, "pass");
	assert_string_equal(user->language, "en");
	assert_string_equal(user->encoding, "");
	assert_true(user->vip && user->online);
	assert_int_equal(user->setting_count, 1);
	assert_string_equal(user->settings[0].key, "photohash");
	assert_string_equal(user->settings[0].value, "abc");
	assert_int_equal(user->settings[0].type, 13);
	assert_int_equal(user->buddy_count, 2);
	assert_string_equal(user->buddies[0].name, "carol");
	assert_string_equal(user->buddies[0].alias, "Carol");
	assert_string_equal(user->buddies[0].groups, "A\nB");
	assert_string_equal(user->buddies[0].icon_hash, "da39");
	assert_true(user->buddies[0].subscribed && user->buddies[0].flags == 2 && user->buddies[0].id);
	assert_string_equal(user->buddies[1].name, "dave");
	assert_string_equal(user->buddies[1].icon_hash, "");
	assert_false(user->buddies[1].subscribed);
}

static void changes_are_stored_though_nobody_waits(void **state)
{
	struct env *env = *state;
	store_set_online(env->store, registered(env, ALICE), true);
	while (strcmp(query(env, "SELECT online FROM users"), "1"))
		uv_run(loop_uv(env->loop), UV_RUN_NOWAIT);
}

static void lists_who_was_online(void **state)
{
	struct env *env = *state;
	assert_string_equal(jids(env, true), "");
	store_set_online(env->store, registered(env, ALICE), true);
	registered(env, BOB);
	assert_string_equal(jids(env, false), ALICE " ");
	assert_string_equal(jids(env, true), ALICE " " BOB " ");
	store_set_online(env->store, env->user->id - 1, false);
	assert_string_equal(jids(env, false), "");
}

static void pending_stanzas_keep_their_order(void **state)
{
	struct env *env = *state;
	static const int order[] = {3, 1, 2, 10};
	for (size_t i = 0; i < 4; i++) {
		char text[16];
		int len = snprintf(text, sizeof text, "<m%d/>", order[i]);
		env->outstanding++;
		store_put_pending(env->store, (uint64_t)order[i], text, (size_t)len, take_done, env);
	}
	wait_for_answers(env);
	assert_null(env->error);
	reopen_store(env);
	assert_string_equal(pending(env), "1:<m1/> 2:<m2/> 3:<m3/> 10:<m10/> ");
	store_remove_pending(env->store, 2);
	assert_string_equal(pending(env), "3:<m3/> 10:<m10/> ");
	/* A number that is in use must not swallow the stanza that has it. */
	env->outstanding++;
	store_put_pending(env->store, 3, "x", 1, take_done, env);
	wait_for_answers(env);
	assert_non_null(env->error);
	assert_string_equal(pending(env), "3:<m3/> 10:<m10/> ");
}

static void last_login_is_utc_text(void **state)
{
	struct env *env = *state;
	const char *recent =
	    "SELECT last_login GLOB '20[0-9][0-9]-[01][0-9]-[0-3][0-9] [0-2][0-9]:[0-5][0-9]:[0-6][0-9]'"
	    " AND abs(strftime('%s', last_login) - strftime('%s', 'now')) < 300 FROM users";
	setenv("TZ", "Asia/Tokyo", 1);
	tzset();
	int64_t id = registered(env, ALICE);
	assert_string_equal(query(env, recent), "1");
	execute(env, "UPDATE users SET last_login = NULL");
	store_set_online(env->store, id, true);
	store_close(&env->store);
	assert_string_equal(query(env, recent), "1");
	unsetenv("TZ");
	tzset();
}

static unsigned mode_of(const char *path)
{
	struct stat info;
	assert_int_equal(stat(path, &info), 0);
	return info.st_mode & 07777;
}

static void only_the_service_can_read_the_files(void **state)
{
	struct env *env = *state;
	umask(0);
	open_store(env);
	umask(022);
	char *directory = mem_printf("%s/data", env->directory);
	assert_int_equal(mode_of(directory), 0700);
	assert_int_equal(mode_of(env->path), 0600);
	assert_int_equal(mode_of(env->key), 0400);
	free(directory);
}

static void types_that_are_no_database(void **state)
{
	struct env *env = *state;
	static const struct {
		const char *type;
		bool is_error;
	} types[] = {{"none", false}, {"mysql", true}, {"pqxx", true}};
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		struct config_override override = {"database.type", types[i].type};
		struct str errors = {0}, warnings = {0};
		struct config *config = config_load(NULL, "icq.example.org", &override, 1, &errors, &warnings);
		char *error = "untouched";
		assert_null(store_open(env->loop, config, &error));
		assert_int_equal(error != NULL, types[i].is_error);
		free(error);
		config_free(&config);
		str_fini(&errors);
		str_fini(&warnings);
	}
}

/* ---- S-marks */

static void s1_two_prefixes_share_a_file_with_strangers(void **state)
{
	struct env *env = *state;
	store_close(&env->store);
	execute(env, "CREATE TABLE strangers (id INTEGER); CREATE INDEX strange ON strangers (id);"
	             "INSERT INTO strangers VALUES (42)");
	env->prefix = "icq_";
	open_store(env);
	registered(env, ALICE);
	reopen_store(env);
	assert_non_null(get(env, ALICE));
	store_close(&env->store);
	assert_string_equal(query(env, "SELECT count(*) FROM users"), "0");
	assert_string_equal(query(env, "SELECT id FROM strangers"), "42");
	assert_string_equal(query(env,
	                          "SELECT count(*) FROM sqlite_master WHERE type = 'index' AND tbl_name LIKE 'icq!_%'"
	                          " ESCAPE '!' AND name NOT LIKE 'icq!_%' ESCAPE '!' AND name NOT LIKE 'sqlite!_%'"
	                          " ESCAPE '!'"),
	                    "0");
	assert_string_equal(query(env, "SELECT name FROM sqlite_master WHERE tbl_name = 'strangers' ORDER BY 1"),
	                    "strange\nstrangers");
}

static void s1_old_tables_without_their_indexes(void **state)
{
	struct env *env = *state;
	make_old_database(env, "");
	make_old_database(env, "icq_"); /* its indexes exist already, on the other tables */
	execute(env, "INSERT INTO icq_users VALUES (1, 'x@example.org', 'x', '', '', '', NULL, 0, 0);"
	             "INSERT INTO icq_users VALUES (2, 'x@example.org', 'x', '', '', '', NULL, 0, 0);");
	env->prefix = "icq_";
	open_store(env);
	registered(env, ALICE);
	assert_non_null(get(env, "x@example.org"));
	assert_string_equal(query(env, "SELECT count(*) FROM icq_users"), "3");
}

static void s2_registering_again_keeps_id_and_online(void **state)
{
	struct env *env = *state;
	int64_t id = registered(env, ALICE);
	registered(env, BOB);
	store_set_online(env->store, id, true);
	store_put_buddy(env->store, id, &(struct store_buddy){.name = "carol"});
	assert_null(put(env, ALICE, "new name", "new pass", true));
	assert_int_equal(env->user->id, id);
	assert_true(env->user->online);
	assert_int_equal(env->user->buddy_count, 1);
	assert_string_equal(env->user->name, "new name");
	assert_string_equal(env->user->password, "new pass");
}

static void s4_removal_leaves_nothing(void **state)
{
	struct env *env = *state;
	int64_t id = registered(env, ALICE), other = registered(env, BOB);
	for (int i = 0; i < 2; i++, id = other) {
		store_put_setting(env->store, id, &(struct store_setting){"a", "b", 13});
		store_put_buddy(env->store, id, &(struct store_buddy){.name = "carol", .icon_hash = "da39"});
	}
	forget(env, ALICE);
	forget(env, "nobody@example.org");
	assert_null(get(env, ALICE));
	static const char *const tables[] = {"users", "users_settings", "buddies", "buddies_settings", "s2_names"};
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
		char sql[64];
		snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", tables[i]);
		assert_string_equal(query(env, sql), "1");
	}
	assert_int_equal(get(env, BOB)->buddy_count, 1);
}

static void s4_removal_is_whole_or_not_at_all(void **state)
{
	struct env *env = *state;
	int64_t id = registered(env, ALICE);
	store_put_buddy(env->store, id, &(struct store_buddy){.name = "carol"});
	get(env, ALICE);
	execute(env, "CREATE TRIGGER stop BEFORE DELETE ON users BEGIN SELECT raise(ABORT, 'not today'); END");
	env->outstanding += 2;
	store_remove_user(env->store, ALICE, take_done, env);
	store_get_user(env->store, ALICE, take_user, env);
	wait_for_answers(env);
	assert_int_equal(env->user->buddy_count, 1);
	execute(env, "DROP TRIGGER stop");
	forget(env, ALICE);
	assert_null(get(env, ALICE));
}

static void s5_avatar_hash_follows_the_contact(void **state)
{
	struct env *env = *state;
	int64_t id = registered(env, ALICE);
	static const char *const hashes[] = {"one", "two", "", "three"};
	for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++) {
		store_put_buddy(env->store, id, &(struct store_buddy){.name = "carol", .icon_hash = hashes[i]});
		assert_string_equal(get(env, ALICE)->buddies[0].icon_hash, hashes[i]);
	}
	assert_int_equal(env->user->buddy_count, 1);
}

static void s6_a_setting_needs_no_row(void **state)
{
	struct env *env = *state;
	int64_t id = registered(env, ALICE);
	store_put_setting(env->store, id, &(struct store_setting){"storage", "<storage/>", 0});
	assert_string_equal(get(env, ALICE)->settings[0].value, "<storage/>");
	store_put_setting(env->store, id, &(struct store_setting){"storage", "<other/>", 0});
	assert_string_equal(get(env, ALICE)->settings[0].value, "<other/>");
	assert_int_equal(env->user->setting_count, 1);
}

/* S-7 and S-11 */
static void s11_long_values_stay_whole(void **state)
{
	struct env *env = *state;
	char *longer = mem_new(70001);
	memset(longer, 'x', 70000);
	assert_null(put(env, ALICE, longer, longer, true));
	store_put_setting(env->store, env->user->id, &(struct store_setting){"storage", longer, 0});
	store_put_buddy(env->store, env->user->id, &(struct store_buddy){.name = longer, .alias = longer});
	struct store_user *user = get(env, ALICE);
	assert_string_equal(user->name, longer);
	assert_string_equal(user->password, longer);
	assert_string_equal(user->settings[0].value, longer);
	assert_string_equal(user->buddies[0].name, longer);
	free(longer);
}

static void s8_cr14_odd_passwords_are_taken_as_they_are(void **state)
{
	struct env *env = *state;
	static const char *const odd[] = {
	    "v1$",
	    "v1$0123abcd$",
	    "v1$0123abcd$AAAA$AAAA",
	    "v1$0123ABCD$AAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	    "v1$0123abcd$AAAAAAAAAAAAAAAA$not base64!",
	    "no base64 \xc3\xa4",
	    "28bR7N/d",
	    "'; DROP TABLE users; --",
	};
	registered(env, ALICE);
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		char *sql = sqlite3_mprintf("UPDATE users SET password = %Q", odd[i]);
		execute(env, sql);
		assert_string_equal(get(env, ALICE)->password, odd[i]);
		assert_null(put(env, ALICE, "a", odd[i], false));
		assert_string_equal(get(env, ALICE)->password, odd[i]);
		sqlite3_free(sql);
	}
}

static void s12_all_of_unicode(void **state)
{
	struct env *env = *state;
	static const char *const text = "\xf0\x9f\x98\x80 \xc3\xa4\xe2\x82\xac";
	int64_t id = registered(env, ALICE);
	store_put_buddy(env->store, id, &(struct store_buddy){.name = text, .alias = text});
	assert_string_equal(get(env, ALICE)->buddies[0].alias, text);
	assert_string_equal(env->user->buddies[0].name, text);
}

static void s13_sec10_no_password_is_readable_in_the_files(void **state)
{
	struct env *env = *state;
	assert_null(put(env, ALICE, "alice", "a-very-secret-word", false));
	store_close(&env->store);
	char *command = mem_printf("! grep -rq a-very-secret-word %s", env->directory);
	assert_int_equal(system(command), 0);
	free(command);
	assert_string_equal(query(env, "SELECT password GLOB 'v1$????????$????????????????$*' FROM users"), "1");
	open_store(env);
	assert_string_equal(get(env, ALICE)->password, "a-very-secret-word");
	assert_null(put(env, ALICE, "alice", NULL, false));
	assert_string_equal(get(env, ALICE)->password, "");
	assert_string_equal(query(env, "SELECT password FROM users"), "");
}

static void s13_a_lost_key_gives_an_empty_password(void **state)
{
	struct env *env = *state;
	registered(env, ALICE);
	store_close(&env->store);
	assert_int_equal(unlink(env->key), 0);
	open_store(env);
	assert_string_equal(get(env, ALICE)->password, "");
	assert_string_equal(env->user->name, ALICE);
	assert_null(put(env, ALICE, "alice", "again", false));
	assert_string_equal(env->user->password, "again");
}

static void s13_a_password_is_bound_to_its_user(void **state)
{
	struct env *env = *state;
	registered(env, ALICE);
	registered(env, BOB);
	execute(env, "UPDATE users SET password = (SELECT password FROM users WHERE jid = 'alice@example.org')");
	assert_string_equal(get(env, ALICE)->password, "pass");
	assert_string_equal(get(env, BOB)->password, "");
}

static void s13_the_key_file_is_checked(void **state)
{
	struct env *env = *state;
	open_store(env);
	store_close(&env->store);
	run("chmod 0600", env->key);
	run("truncate -s 31", env->key);
	refuses_to_open(env, "32 bytes");
	run("truncate -s 33", env->key);
	refuses_to_open(env, "32 bytes");
	run("rm", env->key);
	run("mkdir", env->key);
	refuses_to_open(env, env->key);
}

static void s14_sec14_a_name_belongs_to_one_user(void **state)
{
	struct env *env = *state;
	assert_null(put(env, ALICE, "+4912345 Abc", "", true));
	assert_string_equal(put(env, BOB, "+4912345 aBC", "", true), STORE_NAME_TAKEN);
	assert_null(env->user);
	assert_null(get(env, BOB));
	assert_null(put(env, ALICE, "+4912345 ABC", "", true)); /* his own row */
	assert_null(put(env, BOB, "+4912345 aBC", "", false));  /* not asked for */
	forget(env, ALICE);
	assert_null(put(env, "carol@example.org", "other", "", true));
	assert_string_equal(put(env, "carol@example.org", "+4912345 abc", "", true), STORE_NAME_TAKEN);
	assert_string_equal(get(env, "carol@example.org")->name, "other");
	forget(env, BOB);
	assert_null(put(env, "carol@example.org", "+4912345 abc", "", true));
}

static void s14_of_two_at_once_one_wins(void **state)
{
	struct env *env = *state;
	char *jid;
	for (int i = 0; i < 50; i++) {
		env->outstanding++;
		jid = mem_printf("u%d@example.org", i);
		store_put_user(env->store, &(struct store_user){.jid = jid, .name = i % 2 ? "Same" : "same"}, true,
		               take_user, env);
		free(jid);
	}
	wait_for_answers(env);
	assert_string_equal(jids(env, true), "u0@example.org ");
}

static void s15_spelling_is_kept_and_does_not_matter(void **state)
{
	struct env *env = *state;
	int64_t id = registered(env, ALICE);
	store_put_buddy(env->store, id, &(struct store_buddy){.name = "Carol", .alias = "1"});
	store_put_buddy(env->store, id, &(struct store_buddy){.name = "cAROL", .alias = "2"});
	assert_int_equal(get(env, ALICE)->buddy_count, 1);
	assert_string_equal(env->user->buddies[0].name, "Carol");
	assert_string_equal(env->user->buddies[0].alias, "2");
	/* An old database may have both: each is found by its own spelling. */
	execute(env, "INSERT INTO buddies VALUES (50, 1, 'CAROL', 'ask', 'x', '', 0)");
	store_put_buddy(env->store, id, &(struct store_buddy){.name = "CAROL", .alias = "3"});
	assert_string_equal(get(env, ALICE)->buddies[0].alias, "2");
	assert_string_equal(env->user->buddies[1].alias, "3");
	store_remove_buddy(env->store, id, "CAROL");
	store_remove_buddy(env->store, id, "carol");
	assert_int_equal(get(env, ALICE)->buddy_count, 0);
}

/* ---- what server mode keeps */

static void take_items(void *arg, const struct store_item *items, size_t count, const char *error)
{
	struct env *env = arg;
	env->list.len = 0;
	for (size_t i = 0; i < count; i++)
		str_addf(&env->list, "%s/%s/%s=%s ", items[i].kind, items[i].node, items[i].id, items[i].content);
	if (!count)
		str_adds(&env->list, "nothing");
	answered(env, error);
}

static void take_item_end(void *arg, const char *error)
{
	struct env *env = arg;
	env->list.len = 0;
	str_adds(&env->list, error ? error : "done");
	answered(env, NULL);
}

static const char *items(struct env *env, const char *kind, const char *node, unsigned most)
{
	env->outstanding++;
	store_get_items(env->store, &(struct store_item){.owner = ALICE, .kind = kind, .node = node, .most = most},
	                take_items, env);
	wait_for_answers(env);
	return str_text(&env->list);
}

static const char *put_item(struct env *env, const struct store_item *item, bool refuse)
{
	env->outstanding++;
	store_put_item(env->store, item, refuse, take_item_end, env);
	wait_for_answers(env);
	return str_text(&env->list);
}

static const char *secrets(struct env *env, const char *node)
{
	env->outstanding++;
	store_get_items(env->store, &(struct store_item){.owner = BOB, .kind = "password", .node = node, .sealed = true},
	                take_items, env);
	wait_for_answers(env);
	return str_text(&env->list);
}

static void items_that_are_secrets_are_sealed(void **state)
{
	struct env *env = *state;
	open_store(env);
	struct store_item item = {.owner = BOB, .kind = "password", .node = "a", .content = "S3cret", .sealed = true};
	assert_string_equal(put_item(env, &item, false), "done");
	item.node = "b";
	item.content = "another";
	assert_string_equal(put_item(env, &item, false), "done");
	assert_string_equal(secrets(env, "a"), "password/a/=S3cret ");
	assert_string_equal(query(env, "SELECT substr(content, 1, 3) FROM s2_items WHERE node = 'a'"), "v1$");
	/* In another row, or put there by somebody without the key, they are nothing. */
	query(env, "UPDATE s2_items SET content = (SELECT content FROM s2_items WHERE node = 'b') WHERE node = 'a'");
	assert_string_equal(secrets(env, "a"), "password/a/= ");
	query(env, "UPDATE s2_items SET content = 'clear' WHERE node = 'a'");
	assert_string_equal(secrets(env, NULL), "password/a/= password/b/=another ");
}

static void items_are_kept_replaced_limited_and_removed(void **state)
{
	struct env *env = *state;
	open_store(env);
	const char *ids[] = {"a", "b", "c", "a"};
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(put_item(env,
		                             &(struct store_item){.owner = ALICE,
		                                                  .kind = "pep",
		                                                  .node = "n",
		                                                  .id = ids[i],
		                                                  .content = i == 3 ? "new" : "x",
		                                                  .most = 2},
		                             false),
		                    "done");
	assert_string_equal(items(env, "pep", "n", 0), "pep/n/c=x pep/n/a=new ");
	assert_string_equal(items(env, "pep", NULL, 1), "pep/n/a=new ");
	assert_string_equal(items(env, "other", "n", 0), "nothing");
	struct store_item third = {.owner = ALICE, .kind = "pep", .node = "n", .id = "d", .content = "x", .most = 2};
	assert_string_equal(put_item(env, &third, true), STORE_FULL);
	store_put_item(env->store, &(struct store_item){.owner = BOB, .kind = "pep", .node = "n", .id = "a"}, false,
	               NULL, NULL);
	store_remove_items(env->store, &(struct store_item){.owner = ALICE, .kind = "pep", .node = "n", .id = "c"},
	                   NULL, NULL);
	assert_string_equal(items(env, "pep", "n", 0), "pep/n/a=new ");
	registered(env, ALICE);
	forget(env, ALICE);
	assert_string_equal(items(env, "pep", NULL, 0), "nothing");
	assert_string_equal(query(env, "SELECT owner FROM s2_items"), BOB);
}

/* ---- databases of Spectrum 2 */

static void an_old_database_opens_with_all_its_rows(void **state)
{
	struct env *env = *state;
	make_old_database(env, "");
	execute(env, old_rows);
	open_store(env);
	struct store_user *user = get(env, ALICE);
	assert_int_equal(user->id, 7);
	assert_string_equal(user->name, "Alice1");
	assert_string_equal(user->password, "geheim");
	assert_string_equal(user->language, "de");
	assert_string_equal(user->encoding, "utf8");
	assert_true(user->vip && user->online);
	assert_int_equal(user->setting_count, 2);
	assert_int_equal(user->buddy_count, 2);
	assert_string_equal(user->buddies[0].name, "Carol");
	assert_string_equal(user->buddies[0].icon_hash, "da39");
	assert_true(user->buddies[0].subscribed);
	assert_string_equal(user->buddies[1].groups, "A\nB");
	assert_string_equal(user->buddies[1].icon_hash, "");
	assert_false(user->buddies[1].subscribed);
	assert_int_equal(user->buddies[1].flags, 8);
	assert_string_equal(query(env, "SELECT count(*) FROM buddies_settings WHERE value = 'orphan'"), "0");
	/* Names that were there before are known to the check, too. */
	assert_string_equal(put(env, BOB, "ALICE1", "hush", true), STORE_NAME_TAKEN);
	/* Plain until it is written anew. */
	assert_string_equal(query(env, "SELECT password FROM users WHERE id = 7"), "geheim");
	assert_null(put(env, ALICE, "Alice1", "geheim", true));
	assert_string_equal(query(env, "SELECT substr(password, 1, 3) FROM users WHERE id = 7"), "v1$");
}

static void an_old_database_is_copied_before_it_is_changed(void **state)
{
	struct env *env = *state;
	make_old_database(env, "");
	execute(env, old_rows);
	const char *dump = "SELECT group_concat(sql, ';') FROM sqlite_master";
	const char *before = query(env, dump);
	open_store(env);
	registered(env, ALICE);
	reopen_store(env);
	store_close(&env->store);
	char *path = env->path, *backup = env->path = mem_printf("%s.backup-3", path);
	assert_int_equal(mode_of(backup), 0600);
	/* The arena was emptied by the answers. */
	before = arena_strdup(&env->arena, query(env, dump));
	assert_null(strstr(before, "s2_"));
	assert_string_equal(query(env, "SELECT count(*), max(password) FROM users"), "2|hush");
	assert_string_equal(query(env, "SELECT count(*) FROM buddies_settings WHERE value = 'orphan'"), "1");
	env->path = path;
	free(backup);
}

static void spectrum_2_can_go_on_with_the_database(void **state)
{
	struct env *env = *state;
	make_old_database(env, "");
	execute(env, old_rows);
	const char *tables =
	    "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 's2!_%' ESCAPE '!'"
	    " ORDER BY name";
	char *before = mem_strdup(query(env, tables));
	open_store(env);
	registered(env, "new@example.org");
	store_close(&env->store);
	assert_string_equal(query(env, tables), before);
	free(before);
	assert_string_equal(query(env, "SELECT ver FROM db_version"), "3");
	/* What it does at work. */
	execute(env,
	        "INSERT OR REPLACE INTO users (id, jid, uin, password, language, encoding, last_login, vip) VALUES"
	        " ((SELECT id FROM users WHERE jid = 'alice@example.org'), 'alice@example.org', 'Changed', 'p', 'en',"
	        " '', DATETIME('NOW'), 0);"
	        "DELETE FROM users WHERE jid = 'bob@example.org';"
	        "INSERT INTO users (jid, uin, password, language, encoding, last_login, vip) VALUES"
	        " ('carol@example.org', 'Carol', '', '', '', DATETIME('NOW'), 0);"
	        "INSERT INTO buddies (user_id, uin, subscription, groups, nickname, flags) VALUES"
	        " (7, 'erin', 'both', '', '', 0);");
	open_store(env);
	assert_int_equal(get(env, ALICE)->buddy_count, 3);
	assert_string_equal(put(env, BOB, "CAROL", "", true), STORE_NAME_TAKEN);
	assert_string_equal(put(env, BOB, "changed", "", true), STORE_NAME_TAKEN);
	assert_null(put(env, BOB, "alice1", "", true));
}

static void other_versions_are_refused_untouched(void **state)
{
	struct env *env = *state;
	static const char *const versions[] = {"4", "2", "99999999999"};
	make_old_database(env, "");
	for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
		char sql[80];
		snprintf(sql, sizeof sql, "UPDATE db_version SET ver = %s", versions[i]);
		execute(env, sql);
		refuses_to_open(env, versions[i]);
		assert_string_equal(query(env, "SELECT count(*) FROM sqlite_master WHERE name LIKE '%s2%'"), "0");
	}
	execute(env, "DELETE FROM db_version");
	open_store(env);
	assert_string_equal(query(env, "SELECT ver FROM db_version"), "3");
}

static void an_interrupted_migration_is_done_again(void **state)
{
	struct env *env = *state;
	make_old_database(env, "");
	execute(env, old_rows);
	char *rest = mem_printf("echo half >%s.backup-3.new; echo old >", env->path);
	char *backup = mem_printf("%s.backup-3", env->path);
	run(rest, backup);
	/* A stranger's object in the way makes the first try fail in the middle. */
	execute(env, "CREATE TABLE s2_buddies_name (x)");
	refuses_to_open(env, "s2_buddies_name");
	assert_string_equal(query(env, "SELECT count(*) FROM sqlite_master WHERE name LIKE 's2!_%' ESCAPE '!'"), "1");
	execute(env, "DROP TABLE s2_buddies_name");
	open_store(env);
	assert_int_equal(get(env, ALICE)->buddy_count, 2);
	store_close(&env->store);
	char *path = env->path;
	env->path = backup;
	assert_string_equal(query(env, "SELECT count(*) FROM users"), "2");
	env->path = path;
	free(rest);
	free(backup);
}

/* Others write into the file, too, and SQLite lets them write anything. */
static void odd_values_come_out_as_text(void **state)
{
	struct env *env = *state;
	int64_t id = registered(env, ALICE);
	store_put_setting(env->store, id, &(struct store_setting){"storage", "x", 0});
	store_put_buddy(env->store, id, &(struct store_buddy){.name = "carol", .icon_hash = "x"});
	get(env, ALICE);
	execute(
	    env,
	    "UPDATE users SET uin = X'41FF0142', password = X'FFFE', language = 7, encoding = X'', vip = 'x',"
	    " online = 9e99;"
	    "UPDATE users_settings SET value = X'00', type = 'x'; UPDATE buddies_settings SET value = X'C3';"
	    "UPDATE buddies SET uin = X'EDA080', nickname = 1.5, subscription = X'FF', flags = 'many', \"groups\" = 3;"
	    "INSERT INTO users VALUES (50, X'FF', 'x', '', '', '', 1, 1, 1);");
	struct store_user *user = get(env, ALICE);
	assert_string_equal(user->name, "A\xef\xbf\xbd"
	                                "B");
	assert_string_equal(user->password, "\xef\xbf\xbd\xef\xbf\xbd");
	assert_string_equal(user->language, "7");
	assert_string_equal(user->settings[0].value, "");
	assert_true(utf8_xml_valid(user->buddies[0].name, strlen(user->buddies[0].name)));
	assert_string_equal(user->buddies[0].alias, "1.5");
	assert_string_equal(user->buddies[0].icon_hash, "\xef\xbf\xbd");
	assert_false(user->buddies[0].subscribed);
	assert_string_equal(jids(env, true), ALICE " ");
	reopen_store(env);
	get(env, ALICE);
}

static const struct CMUnitTest tests[] = {
    OPENED(keeps_a_user_with_all_that_is_his),
    OPENED(changes_are_stored_though_nobody_waits),
    OPENED(lists_who_was_online),
    OPENED(pending_stanzas_keep_their_order),
    OPENED(last_login_is_utc_text),
    CLOSED(only_the_service_can_read_the_files),
    CLOSED(types_that_are_no_database),
    OPENED(s1_two_prefixes_share_a_file_with_strangers),
    CLOSED(s1_old_tables_without_their_indexes),
    OPENED(s2_registering_again_keeps_id_and_online),
    OPENED(s4_removal_leaves_nothing),
    OPENED(s4_removal_is_whole_or_not_at_all),
    OPENED(s5_avatar_hash_follows_the_contact),
    OPENED(s6_a_setting_needs_no_row),
    OPENED(s11_long_values_stay_whole),
    OPENED(s8_cr14_odd_passwords_are_taken_as_they_are),
    OPENED(s12_all_of_unicode),
    OPENED(s13_sec10_no_password_is_readable_in_the_files),
    OPENED(s13_a_lost_key_gives_an_empty_password),
    OPENED(s13_a_password_is_bound_to_its_user),
    CLOSED(s13_the_key_file_is_checked),
    OPENED(s14_sec14_a_name_belongs_to_one_user),
    OPENED(s14_of_two_at_once_one_wins),
    OPENED(s15_spelling_is_kept_and_does_not_matter),
    CLOSED(an_old_database_opens_with_all_its_rows),
    CLOSED(an_old_database_is_copied_before_it_is_changed),
    CLOSED(spectrum_2_can_go_on_with_the_database),
    CLOSED(items_that_are_secrets_are_sealed),
    CLOSED(items_are_kept_replaced_limited_and_removed),
    CLOSED(other_versions_are_refused_untouched),
    CLOSED(an_interrupted_migration_is_done_again),
    OPENED(odd_values_come_out_as_text),
};
RUN_TESTS(tests)
