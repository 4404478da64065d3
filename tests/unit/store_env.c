/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/store_env.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/config/config.h"
#include "tests/unit/test.h"

void run(const char *command, const char *argument)
{
	char *line = mem_printf("%s %s", command, argument);
	assert_int_equal(system(line), 0);
	free(line);
}

char *try_open(struct env *env)
{
	struct config_override overrides[] = {
	    {"database.type", "sqlite3"},
	    {"database.database", env->path},
	    {"database.key_file", env->key},
	    {"database.prefix", env->prefix},
	};
	struct str errors = {0}, warnings = {0};
	struct config *config = config_load(NULL, "icq.example.org", overrides, 4, &errors, &warnings);
	assert_string_equal(str_text(&errors), "");
	assert_string_equal(str_text(&warnings), "");
	char *error = NULL;
	env->store = store_open(env->loop, config, &error);
	assert_true(!env->store == !!error);
	config_free(&config);
	str_fini(&errors);
	str_fini(&warnings);
	return error;
}

void open_store(struct env *env)
{
	char *error = try_open(env);
	if (error)
		print_error("%s\n", error);
	assert_null(error);
}

void refuses_to_open(struct env *env, const char *reason)
{
	char *error = try_open(env);
	assert_non_null(error);
	if (!strstr(error, reason))
		print_error("%s\n", error);
	assert_non_null(strstr(error, reason));
	free(error);
}

void reopen_store(struct env *env)
{
	store_close(&env->store);
	open_store(env);
}

static struct env *env_new(void)
{
	struct env *env = mem_new(sizeof *env);
	strcpy(env->directory, "/tmp/spectrum2-store-XXXXXX");
	assert_non_null(mkdtemp(env->directory));
	env->path = mem_printf("%s/data/database.sql", env->directory);
	env->key = mem_printf("%s/keys/secret.key", env->directory);
	env->prefix = "";
	env->loop = loop_new();
	log_set_level(LOG_OFF_);
	return env;
}

int setup_closed(void **state)
{
	*state = env_new();
	return 0;
}

int setup(void **state)
{
	setup_closed(state);
	open_store(*state);
	return 0;
}

int teardown(void **state)
{
	struct env *env = *state;
	store_close(&env->store);
	loop_free(&env->loop);
	run("rm -rf", env->directory);
	arena_fini(&env->arena);
	str_fini(&env->list);
	free(env->error);
	free(env->path);
	free(env->key);
	free(env);
	return 0;
}

/* ---- asking and waiting */

void answered(struct env *env, const char *error)
{
	mem_replace(&env->error, error);
	if (--env->outstanding == 0)
		loop_stop(env->loop);
}

void wait_for_answers(struct env *env)
{
	while (env->outstanding)
		loop_run(env->loop);
}

void take_user(void *arg, const struct store_user *user, const char *error)
{
	struct env *env = arg;
	arena_reset(&env->arena);
	env->user = NULL;
	if (user) {
		struct store_user *copy = env->user = arena_alloc(&env->arena, sizeof *copy);
		struct store_setting *settings = arena_alloc(&env->arena, (user->setting_count + 1) * sizeof *settings);
		struct store_buddy *buddies = arena_alloc(&env->arena, (user->buddy_count + 1) * sizeof *buddies);
		*copy = *user;
		copy->jid = arena_strdup(&env->arena, user->jid);
		copy->name = arena_strdup(&env->arena, user->name);
		copy->password = arena_strdup(&env->arena, user->password);
		copy->language = arena_strdup(&env->arena, user->language);
		copy->encoding = arena_strdup(&env->arena, user->encoding);
		for (size_t i = 0; i < user->setting_count; i++) {
			settings[i] = user->settings[i];
			settings[i].key = arena_strdup(&env->arena, settings[i].key);
			settings[i].value = arena_strdup(&env->arena, settings[i].value);
		}
		for (size_t i = 0; i < user->buddy_count; i++) {
			buddies[i] = user->buddies[i];
			buddies[i].name = arena_strdup(&env->arena, buddies[i].name);
			buddies[i].alias = arena_strdup(&env->arena, buddies[i].alias);
			buddies[i].groups = arena_strdup(&env->arena, buddies[i].groups);
			buddies[i].icon_hash = arena_strdup(&env->arena, buddies[i].icon_hash);
		}
		copy->settings = settings;
		copy->buddies = buddies;
	}
	answered(env, error);
}

void take_done(void *arg, const char *error)
{
	answered(arg, error);
}

static void take_jid(void *arg, const char *jid)
{
	struct env *env = arg;
	if (jid)
		str_addf(&env->list, "%s ", jid);
	else
		answered(env, NULL);
}

static void take_pending(void *arg, uint64_t sequence, const char *stanza, size_t len)
{
	struct env *env = arg;
	if (stanza)
		str_addf(&env->list, "%llu:%.*s ", (unsigned long long)sequence, (int)len, stanza);
	else
		answered(env, NULL);
}

struct store_user *get(struct env *env, const char *jid)
{
	env->outstanding++;
	store_get_user(env->store, jid, take_user, env);
	wait_for_answers(env);
	assert_null(env->error);
	return env->user;
}

const char *put(struct env *env, const char *jid, const char *name, const char *password, bool unique)
{
	struct store_user user = {.jid = jid, .name = name, .password = password, .language = "en", .vip = true};
	env->outstanding++;
	store_put_user(env->store, &user, unique, take_user, env);
	wait_for_answers(env);
	return env->error;
}

int64_t registered(struct env *env, const char *jid)
{
	assert_null(put(env, jid, jid, "pass", false));
	return env->user->id;
}

void forget(struct env *env, const char *jid)
{
	env->outstanding++;
	store_remove_user(env->store, jid, take_done, env);
	wait_for_answers(env);
	assert_null(env->error);
}

const char *jids(struct env *env, bool all)
{
	str_clear(&env->list, 0);
	env->outstanding++;
	store_each_online(env->store, all, take_jid, env);
	wait_for_answers(env);
	return str_text(&env->list);
}

const char *pending(struct env *env)
{
	str_clear(&env->list, 0);
	env->outstanding++;
	store_each_pending(env->store, take_pending, env);
	wait_for_answers(env);
	return str_text(&env->list);
}

/* ---- looking into the file from outside */

sqlite3 *outside(struct env *env)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open(env->path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	return db;
}

void execute(struct env *env, const char *sql)
{
	sqlite3 *db = outside(env);
	char *error = NULL;
	sqlite3_exec(db, sql, NULL, NULL, &error);
	if (error)
		print_error("%s\n", error);
	assert_null(error);
	sqlite3_close(db);
}

const char *query(struct env *env, const char *sql)
{
	sqlite3 *db = outside(env);
	sqlite3_stmt *statement;
	struct str rows = {0};
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	while (sqlite3_step(statement) == SQLITE_ROW) {
		if (rows.len)
			str_addc(&rows, '\n');
		for (int i = 0; i < sqlite3_column_count(statement); i++)
			str_addf(&rows, "%s%s", i ? "|" : "", (const char *)sqlite3_column_text(statement, i));
	}
	sqlite3_finalize(statement);
	sqlite3_close(db);
	const char *text = arena_strdup(&env->arena, str_text(&rows));
	str_fini(&rows);
	return text;
}
