/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands of administrators as forms: those of XEP-0133 that have a meaning for a gateway, and what its own words
 * (spectrum/hub/admin.c) do as well. */
#include <stdlib.h>
#include <string.h>

#include "spectrum/frontend/command.h"

#define ADMIN "http://jabber.org/protocol/admin"
#define FORM(name) "urn:spectrum2:command:" name

static struct hub *hub_of(const struct dialogue *dialogue)
{
	return dialogue->frontend->hub;
}

static void show(struct dialogue *dialogue, const char *name, const char *label, enum s2_field_type type,
                 const char *value)
{
	dialogue_field(dialogue, &(struct s2_field){.name = name, .label = label, .type = type, .value = value});
}

/* ---- Lists and numbers of users ---- */

static void ask_most(struct dialogue *dialogue)
{
	static const struct s2_option most[] = {{"25", "25"}, {"100", "100"}, {"500", "500"}, {"none", "all"}};
	dialogue_field(dialogue, &(struct s2_field){.name = "max_items",
	                                            .label = "Most items to show",
	                                            .type = S2_FIELD_LIST,
	                                            .value = "100",
	                                            .options = most,
	                                            .option_count = sizeof most / sizeof *most});
}

static size_t most_of(const struct dialogue *dialogue)
{
	const char *most = dialogue_value(dialogue, "max_items");
	return strcmp(most, "none") ? strtoul(most, NULL, 10) : SIZE_MAX;
}

static void finish_online_number(struct dialogue *dialogue)
{
	struct hub_stats stats;
	char number[16];
	hub_stats(hub_of(dialogue), &stats);
	snprintf(number, sizeof number, "%u", stats.users);
	show(dialogue, "onlineusersnum", "Users that are logged in", S2_FIELD_TEXT, number);
	dialogue_done(dialogue, NOTE_INFO, "Users that are logged in: %s.", number);
}

static void finish_online_list(struct dialogue *dialogue)
{
	struct str all = {0};
	size_t cursor = 0, count = 0, most = most_of(dialogue);
	for (const struct user *user; (user = admin_next_user(hub_of(dialogue), &cursor)) != NULL; count++) {
		if (count < most)
			str_addf(&all, "%s%s", all.len ? "\n" : "", user_jid(user));
	}
	show(dialogue, "onlineuserjids", "Users that are logged in", S2_FIELD_JIDS, str_text(&all));
	dialogue_done(dialogue, NOTE_INFO, "Users that are logged in: %zu.", count);
	str_fini(&all);
}

/* While the database tells of all users. */
struct census {
	struct dialogue_handle *dialogue;
	struct frontend *frontend;
	size_t count, most;
	struct str jids;
	char *text; /* for each of them, or NULL */
};

static struct census *census_new(const struct dialogue *dialogue, size_t most)
{
	struct census *census = mem_new(sizeof *census);
	census->dialogue = dialogue_hold(dialogue);
	census->frontend = dialogue->frontend;
	census->most = most;
	return census;
}

static void census_free(struct census *census)
{
	str_fini(&census->jids);
	free(census->text);
	free(census);
}

static void count_registered(void *arg, const char *jid)
{
	struct census *census = arg;
	if (jid) {
		if (census->count++ < census->most)
			str_addf(&census->jids, "%s%s", census->jids.len ? "\n" : "", jid);
		return;
	}
	struct dialogue *dialogue = dialogue_resume(census->dialogue);
	if (dialogue) {
		char number[24];
		snprintf(number, sizeof number, "%zu", census->count);
		show(dialogue, "registeredusersnum", "Registered users", S2_FIELD_TEXT, number);
		if (census->most)
			show(dialogue, "registereduserjids", "Registered users", S2_FIELD_JIDS,
			     str_text(&census->jids));
		dialogue_done(dialogue, NOTE_INFO, "Registered users: %s.", number);
	}
	census_free(census);
}

static void finish_registered_number(struct dialogue *dialogue)
{
	admin_each_registered(hub_of(dialogue), count_registered, census_new(dialogue, 0));
}

static void finish_registered_list(struct dialogue *dialogue)
{
	admin_each_registered(hub_of(dialogue), count_registered, census_new(dialogue, most_of(dialogue)));
}

/* ---- One user, or some ---- */

static void ask_user(struct dialogue *dialogue)
{
	dialogue_field(dialogue,
	               &(struct s2_field){
	                   .name = "accountjid", .label = "JID of the user", .type = S2_FIELD_JID, .required = true});
}

static void ask_users(struct dialogue *dialogue)
{
	dialogue_field(dialogue, &(struct s2_field){.name = "accountjids",
	                                            .label = "JIDs of the users",
	                                            .type = S2_FIELD_JIDS,
	                                            .required = true});
}

/* The bare JID of an address that was checked already. */
static const char *bare(struct arena *arena, const char *address)
{
	struct jid jid;
	return jid_parse(arena, address, &jid) ? jid.bare : address;
}

static void finish_user_stats(struct dialogue *dialogue)
{
	struct arena arena = {0};
	struct str text = {0}, clients = {0};
	const char *jid = bare(&arena, dialogue_value(dialogue, "accountjid"));
	const struct user *user = hub_user(hub_of(dialogue), jid);
	unsigned contacts = 0;
	while (user && contact_at(user, contacts))
		contacts++;
	for (const struct resource *r = user ? client_first(user) : NULL; r; r = client_after(r))
		str_addf(&clients, "%s%s", clients.len ? "\n" : "", client_name(r));
	if (user) {
		show(dialogue, "rostersize", "Contacts", S2_FIELD_TEXT, arena_printf(&arena, "%u", contacts));
		show(dialogue, "onlineresources", "Clients", S2_FIELD_LINES, str_text(&clients));
	}
	admin_describe(hub_of(dialogue), jid, &text);
	dialogue_done(dialogue, NOTE_INFO, "%s", str_text(&text));
	str_fini(&text);
	str_fini(&clients);
	arena_fini(&arena);
}

static void finish_end_session(struct dialogue *dialogue)
{
	struct arena arena = {0};
	char *all = arena_strdup(&arena, dialogue_value(dialogue, "accountjids")), *jid;
	unsigned ended = 0;
	while ((jid = strsep(&all, "\n")) != NULL) {
		struct user *user = hub_user(hub_of(dialogue), bare(&arena, jid));
		if (user)
			user_logout(user, "An administrator has ended your session.");
		ended += user != NULL;
	}
	dialogue_done(dialogue, ended ? NOTE_INFO : NOTE_WARN, "Sessions ended: %u.", ended);
	arena_fini(&arena);
}

/* Users that are removed, one after the other. */
struct removal {
	struct dialogue_handle *dialogue;
	struct hub *hub;
	char *all, *rest; /* JIDs, a line each */
	const char *jid;  /* at hand */
	unsigned removed;
	struct str failed;
};

static void remove_next(struct removal *removal);

static void removed(void *arg, const struct account_info *info, enum s2_condition condition, const char *text)
{
	struct removal *removal = arg;
	if (info)
		removal->removed++;
	else
		str_addf(&removal->failed, "\n%s: %s", removal->jid,
		         condition == S2_REGISTRATION_REQUIRED ? "is not registered" : text);
	remove_next(removal);
}

static void remove_next(struct removal *removal)
{
	removal->jid = removal->rest ? strsep(&removal->rest, "\n") : NULL;
	if (removal->jid) {
		struct arena arena = {0};
		account_unregister(removal->hub, bare(&arena, removal->jid), removed, removal);
		arena_fini(&arena);
		return;
	}
	struct dialogue *dialogue = dialogue_resume(removal->dialogue);
	if (dialogue)
		dialogue_done(dialogue, removal->failed.len ? NOTE_WARN : NOTE_INFO, "Users removed: %u.%s",
		              removal->removed, str_text(&removal->failed));
	str_fini(&removal->failed);
	free(removal->all);
	free(removal);
}

static void finish_delete(struct dialogue *dialogue)
{
	struct removal *removal = mem_new(sizeof *removal);
	removal->dialogue = dialogue_hold(dialogue);
	removal->hub = hub_of(dialogue);
	removal->all = removal->rest = mem_strdup(dialogue_value(dialogue, "accountjids"));
	remove_next(removal);
}

static void ask_add(struct dialogue *dialogue)
{
	const struct config *config = dialogue->frontend->config;
	ask_user(dialogue);
	dialogue_field(dialogue, &(struct s2_field){.name = "username",
	                                            .label = config_text(config, "registration.username_label"),
	                                            .required = true});
	dialogue_field(dialogue, &(struct s2_field){.name = "password",
	                                            .label = config_text(config, "registration.password_label"),
	                                            .type = S2_FIELD_PRIVATE,
	                                            .required = account_needs_password(hub_of(dialogue))});
}

static void added(void *arg, const struct account_info *info, enum s2_condition condition, const char *text)
{
	struct dialogue *dialogue = dialogue_resume(arg);
	if (dialogue && info)
		dialogue_done(dialogue, NOTE_INFO, "Registered %s as %s.", dialogue_value(dialogue, "accountjid"),
		              info->name);
	else if (dialogue)
		dialogue_again(dialogue, text);
}

static void finish_add(struct dialogue *dialogue)
{
	struct arena arena = {0};
	account_register(hub_of(dialogue),
	                 &(struct account_order){.jid = bare(&arena, dialogue_value(dialogue, "accountjid")),
	                                         .name = dialogue_value(dialogue, "username"),
	                                         .password = dialogue_value(dialogue, "password"),
	                                         .by_admin = true},
	                 added, dialogue_hold(dialogue));
	arena_fini(&arena);
}

/* ---- Messages ---- */

static void ask_announcement(struct dialogue *dialogue)
{
	dialogue_field(
	    dialogue,
	    &(struct s2_field){.name = "announcement", .label = "Text", .type = S2_FIELD_LINES, .required = true});
	dialogue_field(dialogue, &(struct s2_field){.name = "registered",
	                                            .label = "Also to users that are not logged in",
	                                            .type = S2_FIELD_BOOLEAN,
	                                            .value = "0"});
}

static void announce_to(void *arg, const char *jid)
{
	struct census *census = arg;
	if (jid) {
		message_notice(census->frontend, jid, census->text, NULL);
		census->count++;
		return;
	}
	struct dialogue *dialogue = dialogue_resume(census->dialogue);
	if (dialogue)
		dialogue_done(dialogue, NOTE_INFO, "Sent to %zu users.", census->count);
	census_free(census);
}

static void finish_announcement(struct dialogue *dialogue)
{
	const char *text = dialogue_value(dialogue, "announcement");
	if (dialogue_value_true(dialogue, "registered")) {
		struct census *census = census_new(dialogue, 0);
		census->text = mem_strdup(text);
		admin_each_registered(hub_of(dialogue), announce_to, census);
	} else {
		dialogue_done(dialogue, NOTE_INFO, "Sent to %u users.", admin_announce(hub_of(dialogue), text));
	}
}

/* ---- The process ---- */

/* What one of the administration's words answers is the result. */
static void answered(void *arg, const char *text)
{
	struct dialogue *dialogue = dialogue_resume(arg);
	if (dialogue)
		dialogue_done(dialogue, strncmp(text, "Error:", 6) ? NOTE_INFO : NOTE_ERROR, "%s", text);
}

static void finish_reload(struct dialogue *dialogue)
{
	admin_run(hub_of(dialogue), "reload", answered, dialogue_hold(dialogue));
}

static void current_level(void *arg, const char *text)
{
	struct str *out = arg;
	str_adds(out, text);
}

static void ask_level(struct dialogue *dialogue)
{
	static const struct s2_option levels[] = {
	    {"error", "Errors"}, {"warn", "Errors and warnings"}, {"info", "What happens"}, {"debug", "Everything"}};
	struct str level = {0};
	admin_run(hub_of(dialogue), "get log_level", current_level, &level);
	dialogue_field(dialogue, &(struct s2_field){.name = "level",
	                                            .label = "What is logged",
	                                            .type = S2_FIELD_LIST,
	                                            .required = true,
	                                            .value = str_text(&level),
	                                            .options = levels,
	                                            .option_count = sizeof levels / sizeof *levels});
	str_fini(&level);
}

static void finish_level(struct dialogue *dialogue)
{
	char line[64];
	snprintf(line, sizeof line, "set log_level %s", dialogue_value(dialogue, "level"));
	admin_run(hub_of(dialogue), line, answered, dialogue_hold(dialogue));
}

static void finish_statistics(struct dialogue *dialogue)
{
	struct str value = {0};
	const char *name;
	dialogue_column(dialogue, S2_FIELD_TEXT, "name", "Name");
	dialogue_column(dialogue, S2_FIELD_TEXT, "value", "Value");
	for (size_t i = 0; (name = admin_variable(hub_of(dialogue), i, &value)) != NULL; i++)
		dialogue_row(dialogue, (const char *const[]){name, str_text(&value)});
	str_fini(&value);
	dialogue_done(dialogue, NOTE_INFO, "Statistics of %s", dialogue->frontend->jid);
}

/* clang-format off */
#define STANDARD(name, title, step, finish) \
	{ADMIN "#" name, NULL, (title), (title), FOR_ADMINS, NULL, ADMIN, {step}, (finish)}
#define OURS(name, title, step, finish) {(name), NULL, (title), (title), FOR_ADMINS, NULL, FORM(name), {step}, (finish)}
/* clang-format on */

static const struct command commands[] = {
    STANDARD("get-online-users-num", "Number of online users", NULL, finish_online_number),
    STANDARD("get-online-users-list", "List of online users", ask_most, finish_online_list),
    STANDARD("get-registered-users-num", "Number of registered users", NULL, finish_registered_number),
    STANDARD("get-registered-users-list", "List of registered users", ask_most, finish_registered_list),
    STANDARD("user-stats", "Sessions of a user", ask_user, finish_user_stats),
    STANDARD("end-user-session", "Disconnect users", ask_users, finish_end_session),
    STANDARD("add-user", "Register a user", ask_add, finish_add),
    STANDARD("delete-user", "Unregister users", ask_users, finish_delete),
    STANDARD("announce", "Message to all users", ask_announcement, finish_announcement),
    OURS("statistics", "Statistics", NULL, finish_statistics),
    OURS("log-level", "Log level", ask_level, finish_level),
    OURS("reload", "Reload the configuration", NULL, finish_reload),
};

const struct command *command_admin_at(size_t at)
{
	return at < sizeof commands / sizeof *commands ? &commands[at] : NULL;
}
