/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Administration by words: the commands and variables of Spectrum 2, whose texts its manager, its web pages and
 * monitoring read, and ours beside them. One table; the line comes from a chat of an administrator or from the control
 * socket. No line is logged: some hold passwords. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/words.h"
#include "lib/xmpp/jid.h"
#include "spectrum/hub/user.h"

#define LOG_AREA "admin"
#define WORDS_MOST 16
#define LINE_BYTES 65536

struct line {
	const char *words[WORDS_MOST];
	size_t count;
	const char *rest; /* what stands behind the first word, as it is */
};

/* One line on its way. The answer is given and everything freed by finish(). */
struct run {
	struct hub *hub;
	admin_answer *answer;
	void *arg;
	struct arena arena;
	struct str out;
	char *text, *copy; /* the line, and what its words point into; may hold a password */
	struct line line;
	char *jid; /* whom it is about */
	unsigned count;
};

static void finish(struct run *run)
{
	run->answer(run->arg, str_text(&run->out));
	str_fini(&run->out);
	arena_fini(&run->arena);
	mem_free_secret(run->text);
	mem_free_secret(run->copy);
	free(run->jid);
	free(run);
}

/* ---- Lines ---- */

static void split(struct run *run, const char *text)
{
	struct line *line = &run->line;
	run->copy = mem_strdup(text);
	line->count = words_split(run->copy, line->words, WORDS_MOST);
	char *at = run->text = mem_strdup(text);
	at += strspn(at, " \t\r\n");
	at += strcspn(at, " \t\r\n");
	line->rest = at + strspn(at, " \t\r\n");
}

/* A bare JID, prepared; NULL if it is none of a person. */
static const char *person(struct run *run, const char *text)
{
	struct jid jid;
	return text && jid_parse(&run->arena, text, &jid) && *jid.node ? jid.bare : NULL;
}

/* ---- Users ---- */

const struct user *admin_next_user(const struct hub *hub, size_t *cursor)
{
	return map_next(&hub->users, cursor);
}

unsigned admin_announce(struct hub *hub, const char *text)
{
	MAP_EACH (&hub->users, struct user, user)
		hub_tell(hub, notice, user->jid, text, NULL);
	return (unsigned)hub->users.count;
}

void admin_each_registered(struct hub *hub, admin_jid *answer, void *arg)
{
	if (hub->store) {
		store_each_online(hub->store, true, answer, arg);
		return;
	}
	MAP_EACH (&hub->users, const struct user, user)
		answer(arg, user->jid);
	answer(arg, NULL);
}

void admin_describe(struct hub *hub, const char *jid, struct str *out)
{
	static const char *const states[] = {"loading", "waiting", "connecting", "online", "retrying"};
	const struct user *user = hub_user(hub, jid);
	if (!user) {
		str_addf(out, "%s is not logged in.", jid);
		return;
	}
	unsigned rooms = 0;
	for (const struct room *room = room_first(user); room; room = room_after(room))
		rooms++;
	str_addf(out, "%s as \"%s\": %s, backend process %d, %u contacts, %u rooms", jid, user_name(user),
	         states[user->state], (int)link_process(&user->seat), user->roster.count, rooms);
	for (const struct resource *r = user->resources; r; r = r->next)
		str_addf(out, "\n%s%s: priority %d", r->name, r->present ? "" : " (in rooms only)", r->priority);
}

static void online_users(struct run *run)
{
	const char *label = config_text(run->hub->config, "registration.username_label");
	MAP_EACH (&run->hub->users, const struct user, user)
		str_addf(&run->out, "%s%s \"%s:\" \"%s\"", run->out.len ? "\n" : "", user->jid, label ? label : "",
		         user_name(user));
	finish(run);
}

static void has_online_user(struct run *run)
{
	const char *jid = person(run, run->line.words[1]);
	str_adds(&run->out, jid && hub_user(run->hub, jid) ? "1" : "0");
	finish(run);
}

static void registered(void *arg, const struct account_info *info, enum s2_condition condition, const char *text)
{
	struct run *run = arg;
	if (info)
		str_adds(&run->out, "User registered");
	else
		str_addf(&run->out, "Error: %s", text);
	finish(run);
}

static void register_unknown(void *arg, const struct account_info *info, enum s2_condition condition, const char *text)
{
	struct run *run = arg;
	if (!info || info->registered) {
		str_addf(&run->out, "Error: %s", info ? "User is already registered" : text);
		finish(run);
		return;
	}
	account_register(
	    run->hub,
	    &(struct account_order){
	        .jid = run->jid, .name = run->line.words[2], .password = run->line.words[3], .by_admin = true},
	    registered, run);
}

static void take_person(struct run *run, void (*go_on)(struct run *))
{
	const char *jid = person(run, run->line.words[1]);
	if (jid) {
		run->jid = mem_strdup(jid);
		go_on(run);
		return;
	}
	str_addf(&run->out, "Error: %.200s is no JID of a person.", run->line.words[1]);
	finish(run);
}

static void register_person(struct run *run)
{
	account_get(run->hub, run->jid, register_unknown, run);
}

static void register_user(struct run *run)
{
	take_person(run, register_person);
}

static void unregistered(void *arg, const struct account_info *info, enum s2_condition condition, const char *text)
{
	struct run *run = arg;
	if (info)
		str_addf(&run->out, "User '%s' unregistered.", run->jid);
	else if (condition == S2_REGISTRATION_REQUIRED)
		str_addf(&run->out, "Error: User '%s' is not registered", run->jid);
	else
		str_addf(&run->out, "Error: %s", text);
	finish(run);
}

static void unregister_person(struct run *run)
{
	account_unregister(run->hub, run->jid, unregistered, run);
}

static void unregister_user(struct run *run)
{
	take_person(run, unregister_person);
}

static void show_person(struct run *run)
{
	admin_describe(run->hub, run->jid, &run->out);
	finish(run);
}

static void show_user(struct run *run)
{
	take_person(run, show_person);
}

static void disconnect_person(struct run *run)
{
	struct user *user = hub_user(run->hub, run->jid);
	if (user)
		user_logout(user, "An administrator has ended your session.");
	str_addf(&run->out, user ? "User '%s' disconnected." : "Error: User '%s' is not online", run->jid);
	finish(run);
}

static void disconnect_user(struct run *run)
{
	take_person(run, disconnect_person);
}

/* ---- Messages ---- */

static void announce(struct run *run)
{
	str_addf(&run->out, "Sent to %u users.", admin_announce(run->hub, run->line.rest));
	finish(run);
}

static void announce_to(void *arg, const char *jid)
{
	struct run *run = arg;
	if (jid) {
		hub_tell(run->hub, notice, jid, run->line.rest, NULL);
		run->count++;
		return;
	}
	str_addf(&run->out, "Sent to %u users.", run->count);
	finish(run);
}

static void announce_all(struct run *run)
{
	admin_each_registered(run->hub, announce_to, run);
}

/* ---- General ---- */

static void reload(struct run *run)
{
	log_info("an administrator reloads the configuration");
	hub_tell(run->hub, reload, &run->out);
	finish(run);
}

static void backends(struct run *run)
{
	if (run->hub->link)
		link_describe(run->hub->link, &run->out);
	if (run->out.len)
		run->out.data[--run->out.len] = '\0';
	finish(run);
}

static void help(struct run *), commands(struct run *), variables(struct run *), args(struct run *);

/* ---- Variables ---- */

static struct hub_stats stats_of(struct hub *hub)
{
	struct hub_stats stats;
	hub_stats(hub, &stats);
	return stats;
}

static void get_status(struct hub *hub, struct str *out)
{
	struct hub_stats stats = stats_of(hub);
	str_addf(out, "Running (%u users connected using %u backends)", stats.users, stats.backends);
}

static void get_uptime(struct hub *hub, struct str *out)
{
	str_addf(out, "%lld", (long long)(clock_wall_ms() - hub->stats.started) / 1000);
}

static void get_online_users_count(struct hub *hub, struct str *out)
{
	str_addf(out, "%zu", hub->users.count);
}

static void get_backends_count(struct hub *hub, struct str *out)
{
	str_addf(out, "%u", stats_of(hub).backends);
}

static void get_crashed_count(struct hub *hub, struct str *out)
{
	str_addf(out, "%u", stats_of(hub).crashed);
}

static void get_crashed(struct hub *hub, struct str *out)
{
	pid_t pids[LINK_CRASHES];
	size_t count = hub->link ? link_crashes(hub->link, pids) : 0;
	for (size_t i = 0; i < count; i++)
		str_addf(out, "%s%d", i ? "\n" : "", (int)pids[i]);
}

static void get_res(struct hub *hub, struct str *out)
{
	str_addf(out, "%lld", (long long)stats_of(hub).res_kb);
}

static void get_shared(struct hub *hub, struct str *out)
{
	str_addf(out, "%lld", (long long)stats_of(hub).shared_kb);
}

static void get_used(struct hub *hub, struct str *out)
{
	struct hub_stats stats = stats_of(hub);
	str_addf(out, "%lld", (long long)(stats.res_kb - stats.shared_kb));
}

static void get_per_user(struct hub *hub, struct str *out)
{
	struct hub_stats stats = stats_of(hub);
	str_addf(out, "%lld", stats.users ? (long long)stats.grown_kb / stats.users : 0);
}

static void get_messages_in(struct hub *hub, struct str *out)
{
	str_addf(out, "%llu", (unsigned long long)hub->stats.messages_in);
}

static void get_messages_out(struct hub *hub, struct str *out)
{
	str_addf(out, "%llu", (unsigned long long)hub->stats.messages_out);
}

static void get_log_level(struct hub *hub, struct str *out)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};
	int level = (int)log_level();
	str_adds(out, level < 0 ? "off" : names[level]);
}

static bool set_log_level(struct hub *hub, const char *value)
{
	enum log_level level;
	if (!log_level_parse(value, &level))
		return false;
	log_set_level(level);
	return true;
}

/* ---- The table, sorted by name ---- */

struct parameter {
	const char *name, *label, *type, *example; /* a label with a dot is a key of the configuration */
};

#define PARAMETERS 3
#define ANY_REST 99

static const struct verb {
	const char *name, *category, *label, *description;
	bool of_user;              /* the context that Spectrum 2 prints */
	void (*run)(struct run *); /* a command, with as many words behind it: */
	unsigned least, most;
	struct parameter parameters[PARAMETERS];
	void (*get)(struct hub *, struct str *out); /* a variable */
	bool (*set)(struct hub *, const char *value);
} verbs[] = {
    {.name = "announce",
     .category = "Messages",
     .label = "Message to users that are online",
     .description = "Sends a message to all users that are online",
     .run = announce,
     .least = 1,
     .most = ANY_REST,
     .parameters = {{"text", "Text", "string", "Back in an hour"}}},
    {.name = "announce_all",
     .category = "Messages",
     .label = "Message to all users",
     .description = "Sends a message to all registered users",
     .run = announce_all,
     .least = 1,
     .most = ANY_REST,
     .parameters = {{"text", "Text", "string", "Back in an hour"}}},
    {.name = "args",
     .category = "General",
     .label = "Command's arguments",
     .description = "Shows description of arguments for command",
     .run = args,
     .least = 1,
     .most = 1,
     .parameters = {{"command", "Command", "string", "register"}}},
    {.name = "average_memory_per_user",
     .category = "Memory",
     .description = "(memory_used_without_any_user - res_memory)",
     .get = get_per_user},
    {.name = "backends",
     .category = "Backends",
     .label = "Backends",
     .description = "Lists the backends",
     .run = backends},
    {.name = "backends_count",
     .category = "Backends",
     .description = "Number of active backends",
     .get = get_backends_count},
    {.name = "commands",
     .category = "General",
     .label = "Available commands",
     .description = "Shows all the available commands with extended information.",
     .run = commands},
    {.name = "crashed_backends",
     .category = "Backends",
     .description = "Returns IDs of crashed backends",
     .get = get_crashed},
    {.name = "crashed_backends_count",
     .category = "Backends",
     .description = "Returns number of crashed backends",
     .get = get_crashed_count},
    {.name = "disconnect",
     .category = "Users",
     .label = "Disconnect a user",
     .description = "Ends the session of a user",
     .of_user = true,
     .run = disconnect_user,
     .least = 1,
     .most = 1,
     .parameters = {{"username", "Username", "string", "user@domain.tld"}}},
    {.name = "has_online_user",
     .category = "Users",
     .label = "Has online user",
     .description = "Returns 1 if user is online",
     .run = has_online_user,
     .least = 1,
     .most = 1,
     .parameters = {{"username", "Username", "string", "user@domain.tld"}}},
    {.name = "help", .category = "General", .label = "Help", .description = "Shows help message", .run = help},
    {.name = "log_level",
     .category = "General",
     .description = "What is logged: error, warn, info or debug",
     .get = get_log_level,
     .set = set_log_level},
    {.name = "messages_from_xmpp",
     .category = "Messages",
     .description = "Returns number of messages received from frontend network",
     .get = get_messages_in},
    {.name = "messages_to_xmpp",
     .category = "Messages",
     .description = "Returns number of messages sent to Front network",
     .get = get_messages_out},
    {.name = "online_users",
     .category = "Users",
     .label = "Online users",
     .description = "Returns list of all online users",
     .run = online_users},
    {.name = "online_users_count",
     .category = "Users",
     .description = "Number of online users",
     .get = get_online_users_count},
    {.name = "register",
     .category = "Users",
     .label = "Register",
     .description = "Registers the new user",
     .of_user = false,
     .run = register_user,
     .least = 3,
     .most = 3,
     .parameters = {{"username", "Jabber ID", "string", ""},
                    {"legacy_username", "registration.username_label", "string", ""},
                    {"legacy_password", "registration.password_label", "password", ""}}},
    {.name = "reload",
     .category = "General",
     .label = "Reload Spectrum 2 configuration",
     .description = "Reloads config file",
     .run = reload},
    {.name = "res_memory",
     .category = "Memory",
     .description = "Total RESident memory Spectrum 2 and its backends use in KB",
     .get = get_res},
    {.name = "shr_memory",
     .category = "Memory",
     .description = "Total SHaRed memory spectrum2 backends share together in KB",
     .get = get_shared},
    {.name = "status", .category = "General", .description = "Shows instance status", .get = get_status},
    {.name = "unregister",
     .category = "Users",
     .label = "Unregister",
     .description = "Unregisters existing user",
     .of_user = true,
     .run = unregister_user,
     .least = 1,
     .most = 1,
     .parameters = {{"username", "Username", "string", "user@domain.tld"}}},
    {.name = "uptime", .category = "General", .description = "Returns ptime in seconds", .get = get_uptime},
    {.name = "used_memory", .category = "Memory", .description = "(res_memory - shr_memory)", .get = get_used},
    {.name = "user",
     .category = "Users",
     .label = "Sessions of a user",
     .description = "Shows the sessions of a user",
     .of_user = true,
     .run = show_user,
     .least = 1,
     .most = 1,
     .parameters = {{"username", "Username", "string", "user@domain.tld"}}},
    {.name = "variables",
     .category = "General",
     .label = "Available variables",
     .description = "Shows all the available variables.",
     .run = variables},
};

#define VERBS (sizeof verbs / sizeof *verbs)

static const struct verb *find(const char *name)
{
	for (size_t i = 0; name && i < VERBS; i++) {
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	}
	return NULL;
}

static void help(struct run *run)
{
	static const char *const categories[] = {"General", "Users", "Messages", "Frontend", "Backends", "Memory"};
	for (size_t c = 0; c < sizeof categories / sizeof *categories; c++) {
		bool named = false;
		for (size_t i = 0; i < VERBS; i++) {
			const struct verb *verb = &verbs[i];
			if (strcmp(verb->category, categories[c]))
				continue;
			if (!named)
				str_addf(&run->out, "%s%s:", run->out.len ? "\n" : "", categories[c]);
			named = true;
			str_addf(&run->out, "\n   %s   %s - %s", verb->get ? "VAR" : "CMD", verb->name,
			         verb->description);
		}
	}
	finish(run);
}

/* The misspelt word belongs to the format. */
static void commands(struct run *run)
{
	for (size_t i = 0; i < VERBS; i++) {
		const struct verb *verb = &verbs[i];
		if (verb->run)
			str_addf(&run->out, "%s%s - \"%s\" Category: %s AccesMode: %s Context: %s Label: \"%s\"",
			         run->out.len ? "\n" : "", verb->name, verb->description, verb->category,
			         verb->of_user || verb->run == register_user ? "User" : "Admin",
			         verb->of_user ? "User" : "Global", verb->label);
	}
	finish(run);
}

const char *admin_variable(struct hub *hub, size_t at, struct str *value)
{
	for (size_t i = 0; i < VERBS; i++) {
		if (!verbs[i].get || at--)
			continue;
		str_clear(value, SIZE_MAX);
		verbs[i].get(hub, value);
		/* Whoever reads the list takes it line by line. */
		for (char *c = value->data; c && *c; c++)
			*c = *c == '\n' ? ' ' : *c;
		return verbs[i].name;
	}
	return NULL;
}

static void variables(struct run *run)
{
	struct str value = {0};
	const char *name;
	for (size_t i = 0; (name = admin_variable(run->hub, i, &value)) != NULL; i++) {
		const struct verb *verb = find(name);
		str_addf(&run->out,
		         "%s%s - \"%s\" Value: \"%s\" Read-only: %s Category: %s AccesMode: Admin Context: Global",
		         run->out.len ? "\n" : "", name, verb->description, str_text(&value),
		         verb->set ? "false" : "true", verb->category);
	}
	str_fini(&value);
	finish(run);
}

static void args(struct run *run)
{
	const struct verb *verb = find(run->line.words[1]);
	if (!verb || verb->get)
		str_adds(&run->out, verb ? "Error: This is not a command, but a variable."
		                         : "Error: Unknown command passed as an argument.");
	for (size_t i = 0; verb && !verb->get && i < PARAMETERS && verb->parameters[i].name; i++) {
		const struct parameter *parameter = &verb->parameters[i];
		const char *label =
		    strchr(parameter->label, '.') ? config_text(run->hub->config, parameter->label) : parameter->label;
		str_addf(&run->out, "%s%s - \"%s\" Example: \"%s\" Type: \"%s\"", i ? "\n" : "", parameter->name,
		         label ? label : "", parameter->example, parameter->type);
	}
	finish(run);
}

/* ---- The way in ---- */

static void fail(struct run *run, const char *error)
{
	str_adds(&run->out, error);
	finish(run);
}

/* Takes the first word out of the line. */
static void shift(struct line *line)
{
	for (size_t i = 1; i < line->count; i++)
		line->words[i - 1] = line->words[i];
	line->words[--line->count] = NULL;
	line->rest += strcspn(line->rest, " \t\r\n");
	line->rest += strspn(line->rest, " \t\r\n");
}

static void run_get(struct run *run, const struct verb *verb)
{
	if (!verb->get) {
		fail(run, "Error: This variable cannot be get.");
		return;
	}
	verb->get(run->hub, &run->out);
	finish(run);
}

static void run_set(struct run *run, const struct verb *verb)
{
	if (!verb->set)
		fail(run, "Error: This variable cannot be set.");
	else if (run->line.count < 2)
		fail(run, "Error: Value is missing.");
	else if (!verb->set(run->hub, run->line.words[1]))
		fail(run, "Error: This value is not possible.");
	else
		run_get(run, verb);
}

static void run_command(struct run *run, const struct verb *verb)
{
	size_t given = run->line.count - 1;
	if (given > verb->most)
		fail(run, "Error: Too many arguments.");
	else if (given < verb->least && verb->run == has_online_user)
		fail(run, "Error: Missing user name as an argument");
	else if (given < verb->least && verb->of_user)
		fail(run, "Error: No username given");
	else if (given < verb->least)
		fail(run, "Error: Argument is missing.");
	else
		verb->run(run);
}

void admin_run(struct hub *hub, const char *text, admin_answer *answer, void *arg)
{
	struct run *run = mem_new(sizeof *run);
	*run = (struct run){.hub = hub, .answer = answer, .arg = arg};
	if (strlen(text) > LINE_BYTES || hub->stopping) {
		fail(run, hub->stopping ? "Error: The instance is being shut down." : "Error: This line is too long.");
		return;
	}
	split(run, text);
	struct line *line = &run->line;
	bool get = line->count > 1 && !strcmp(line->words[0], "get");
	bool set = line->count > 1 && !strcmp(line->words[0], "set");
	if (get || set)
		shift(line);
	const struct verb *verb = find(line->words[0]);
	if (!verb)
		fail(run, "Error: Unknown variable or command");
	else if (set)
		run_set(run, verb);
	else if (get || verb->get)
		run_get(run, verb);
	else
		run_command(run, verb);
}

bool admin_knows(const char *text)
{
	struct run run = {0};
	split(&run, text);
	const char *first = run.line.words[0];
	bool knows = first && (find(first) || !strcmp(first, "get") || !strcmp(first, "set"));
	mem_free_secret(run.text);
	mem_free_secret(run.copy);
	return knows;
}
