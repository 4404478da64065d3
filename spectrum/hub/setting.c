/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What each user may set for himself: the one table of settings, their defaults, and what a change does to a session.
 * They are rows of users_settings, with the names that Spectrum 2 uses for those that it knows. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "spectrum/hub/user.h"

#define LOG_AREA "setting"
#define CHANGES_MOST 64

/* clang-format off */
#define SWITCH(name, label, fallback, config) {{(name), (label), S2_FIELD_BOOLEAN, .value = (fallback)}, (config)}
/* clang-format on */

static const struct user_setting settings[] = {
    SWITCH("enable_transport", "Log in to the network when I am online", "1", NULL),
    SWITCH("send_headlines", "Show news as headlines, not as talk", "0", "settings.send_headlines"),
    SWITCH("record_history", "Let me read later what was said in my rooms", "1", "settings.record_history"),
    SWITCH("stay_connected", "Stay logged in to the network when I am offline", "0", "settings.stay_connected"),
};

const struct user_setting *setting_at(size_t at)
{
	return at < sizeof settings / sizeof *settings ? &settings[at] : NULL;
}

/* Who could not log in any more could not switch it on again either. */
bool setting_is_offered(const struct hub *hub, const struct user_setting *setting)
{
	return strcmp(setting->field.name, "enable_transport") || !config_bool(hub->config, "service.server_mode");
}

static const struct user_setting *find(const char *name)
{
	const struct user_setting *setting;
	for (size_t i = 0; (setting = setting_at(i)) != NULL; i++) {
		if (!strcmp(setting->field.name, name))
			return setting;
	}
	return NULL;
}

const char *setting_value(const struct hub *hub, const struct s2_setting *made, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(made[i].key, name))
			return made[i].value;
	}
	const struct user_setting *setting = find(name);
	if (!setting || !setting->config)
		return setting ? setting->field.value : NULL;
	if (setting->field.type == S2_FIELD_BOOLEAN)
		return config_bool(hub->config, setting->config) ? "1" : "0";
	return config_text(hub->config, setting->config);
}

/* The numbers of users_settings.type. */
static int type_of(const char *name)
{
	const struct user_setting *setting = find(name);
	if (!strcmp(name, SETTING_STORAGE))
		return 0;
	return setting && setting->field.type == S2_FIELD_BOOLEAN ? 4 : 13;
}

static void store(struct hub *hub, int64_t id, const struct s2_setting *changes, size_t count)
{
	for (size_t i = 0; hub->store && id && i < count; i++)
		store_put_setting(hub->store, id,
		                  &(struct store_setting){changes[i].key, changes[i].value, type_of(changes[i].key)});
}

/* To who is logged in. May log him out. */
static void apply(struct user *user, const struct s2_setting *changes, size_t count)
{
	struct store_setting *all = mem_new((user->setting_count + count) * sizeof *all);
	size_t total = user->setting_count;
	bool off = false;
	if (total)
		memcpy(all, user->settings, total * sizeof *all);
	for (size_t i = 0; i < count; i++) {
		size_t at = 0;
		while (at < total && strcmp(all[at].key, changes[i].key))
			at++;
		all[at] = (struct store_setting){changes[i].key, changes[i].value, type_of(changes[i].key)};
		total += at == total;
		off = off || (!strcmp(changes[i].key, "enable_transport") && !strcmp(changes[i].value, "0"));
	}
	user_set_settings(user, all, total);
	free(all);
	if (off || (!user->resources && !user->holds && !user_stays_connected(user)))
		user_logout(user, off ? "You have switched this gateway off." : NULL);
}

/* A change on its way through the database. */
struct change {
	struct hub *hub;
	account_answer *answer;
	void *arg;
	size_t count;
	struct arena arena; /* holds it */
	struct s2_setting changes[];
};

static void known(void *arg, const struct store_user *row, const char *error)
{
	struct change *change = arg;
	if (error) {
		change->answer(change->arg, NULL, S2_INTERNAL_SERVER_ERROR, account_database_down);
	} else if (!row) {
		change->answer(change->arg, NULL, S2_REGISTRATION_REQUIRED,
		               "You are not registered with this gateway.");
	} else {
		struct user *user = hub_user(change->hub, row->jid);
		store(change->hub, row->id, change->changes, change->count);
		if (user)
			apply(user, change->changes, change->count);
		change->answer(change->arg, &(struct account_info){.registered = true, .name = row->name}, S2_DONE,
		               NULL);
	}
	struct arena arena = change->arena;
	arena_fini(&arena);
}

void setting_change(struct hub *hub, const char *jid, const struct s2_setting *changes, size_t count,
                    account_answer *answer, void *arg)
{
	struct user *user = hub_user(hub, jid);
	if (count > CHANGES_MOST) {
		answer(arg, NULL, S2_NOT_ACCEPTABLE, "These are too many changes at once.");
		return;
	}
	if (!hub->store && !user) {
		answer(arg, NULL, S2_SERVICE_UNAVAILABLE, account_no_database);
		return;
	}
	if (!hub->store) {
		struct account_info info = {.registered = user->registered};
		apply(user, changes, count);
		answer(arg, &info, S2_DONE, NULL);
		return;
	}
	/* Through the database in any case: so that nothing is promised that is not kept. */
	struct arena arena = {0};
	struct change *change = arena_alloc(&arena, sizeof *change + count * sizeof *changes);
	*change = (struct change){.hub = hub, .answer = answer, .arg = arg, .count = count};
	for (size_t i = 0; i < count; i++)
		change->changes[i] =
		    (struct s2_setting){arena_strdup(&arena, changes[i].key), arena_strdup(&arena, changes[i].value)};
	change->arena = arena;
	store_get_user(hub->store, jid, known, change);
}
