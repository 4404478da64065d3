/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Accounts: who may register with which name (XEP-0077 behind the scenes), and what registering changes for who is
 * online. */
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/xmpp/jid.h"
#include "spectrum/hub/user.h"

#define LOG_AREA "account"
#define NAME_BYTES 1023
#define PASSWORD_BYTES 4096
#define QUEUE_MOST 10000 /* jobs of the database that may wait before nobody is registered any more */

const char account_no_database[] =
    "This gateway has no database, so nobody can register. Its administrator has to set database.type.";
const char account_database_down[] = "The gateway's database does not work at the moment. Try again later.";

bool account_needs_password(const struct hub *hub)
{
	return config_bool(hub->config, "registration.needPassword");
}

bool account_needs_registration(const struct hub *hub)
{
	/* In server mode people come with a password and no account of ours, unless a backend wants it otherwise. */
	if (config_bool(hub->config, "service.server_mode") &&
	    !config_is_set(hub->config, "registration.needRegistration"))
		return false;
	return config_bool(hub->config, "registration.needRegistration") &&
	       !config_bool(hub->config, "registration.auto_register");
}

bool account_is_admin(const struct hub *hub, const char *jid)
{
	struct arena arena = {0};
	bool found = false;
	/* Where we are the server, administrators prove themselves by a password of their own and have no session: who
	 * has one was let in by the network. */
	if (config_bool(hub->config, "service.server_mode") && hub_user(hub, jid))
		return false;
	for (size_t i = 0; !found && i < config_count(hub->config, "service.admin_jid"); i++) {
		struct jid admin;
		found = jid_parse(&arena, config_item(hub->config, "service.admin_jid", i), &admin) && *admin.node &&
		        !strcmp(admin.bare, jid);
	}
	arena_fini(&arena);
	return found;
}

/* One request on its way through the database. */
struct request {
	struct hub *hub;
	account_answer *answer;
	void *arg;
	char *jid, *name, *password;
	char *local_name, *local_password;
	bool was_registered, by_admin;
};

static struct request *request_new(struct hub *hub, const char *jid, account_answer *answer, void *arg)
{
	struct request *request = mem_new(sizeof *request);
	*request = (struct request){.hub = hub, .answer = answer, .arg = arg, .jid = mem_strdup(jid)};
	return request;
}

static void request_end(struct request *request, const struct account_info *info, enum s2_condition condition,
                        const char *text)
{
	request->answer(request->arg, info, condition, text);
	free(request->jid);
	free(request->name);
	mem_free_secret(request->password);
	free(request->local_name);
	mem_free_secret(request->local_password);
	free(request);
}

static void tell_account(struct request *request, const struct store_user *row)
{
	struct s2_setting *settings = mem_new(row ? row->setting_count * sizeof *settings : 0);
	for (size_t i = 0; row && i < row->setting_count; i++)
		settings[i] = (struct s2_setting){row->settings[i].key, row->settings[i].value};
	request_end(request,
	            &(struct account_info){.registered = row,
	                                   .name = row ? row->name : NULL,
	                                   .settings = settings,
	                                   .setting_count = row ? row->setting_count : 0},
	            S2_DONE, NULL);
	free(settings);
}

static void got(void *arg, const struct store_user *row, const char *error)
{
	struct request *request = arg;
	if (error)
		request_end(request, NULL, S2_INTERNAL_SERVER_ERROR, account_database_down);
	else
		tell_account(request, row);
}

/* Who is logged in needs no database. */
static void answer_user(const struct user *user, account_answer *answer, void *arg)
{
	struct s2_setting *settings = mem_new(user->setting_count * sizeof *settings);
	for (unsigned i = 0; i < user->setting_count; i++)
		settings[i] = (struct s2_setting){user->settings[i].key, user->settings[i].value};
	answer(arg, &(struct account_info){true, user->name, settings, user->setting_count}, S2_DONE, NULL);
	free(settings);
}

void account_get(struct hub *hub, const char *jid, account_answer *answer, void *arg)
{
	struct user *user = hub_user(hub, jid);
	if (user && user->registered)
		answer_user(user, answer, arg);
	else if (!hub->store && account_needs_registration(hub))
		answer(arg, NULL, S2_SERVICE_UNAVAILABLE, account_no_database);
	else if (!hub->store)
		answer(arg, &(struct account_info){.registered = false}, S2_DONE, NULL);
	else
		store_get_user(hub->store, jid, got, request_new(hub, jid, answer, arg));
}

/* ---- Registering ---- */

static const char *domain_of(const char *jid)
{
	const char *at = strrchr(jid, '@');
	return at ? at + 1 : jid;
}

static bool may_register(const struct hub *hub, const char *jid)
{
	if (config_bool(hub->config, "registration.enable_public_registration"))
		return true;
	for (size_t i = 0; i < config_count(hub->config, "service.allowed_servers"); i++) {
		if (!strcmp(config_item(hub->config, "service.allowed_servers", i), domain_of(jid)))
			return true;
	}
	return false;
}

/* registration.username_mask with $username replaced; the name itself if there is no mask. */
static char *masked(const struct hub *hub, const char *name)
{
	const char *mask = config_text(hub->config, "registration.username_mask");
	const char *place = text_empty(mask) ? NULL : strstr(mask, "$username");
	if (!place)
		return mem_strdup(name);
	return mem_printf("%.*s%s%s", (int)(place - mask), mask, name, place + strlen("$username"));
}

/* registration.allowed_usernames matches the whole name. */
bool account_name_allowed(const struct hub *hub, const char *name)
{
	const char *pattern = config_text(hub->config, "registration.allowed_usernames");
	if (text_empty(pattern))
		return true;
	char *whole = mem_printf("^(%s)$", pattern);
	regex_t regex;
	bool allowed = false;
	if (regcomp(&regex, whole, REG_EXTENDED | REG_NOSUB) == 0) {
		allowed = regexec(&regex, name, 0, NULL, 0) == 0;
		regfree(&regex);
	} else {
		log_error("registration.allowed_usernames is no regular expression: nobody can register or log in");
	}
	free(whole);
	return allowed;
}

/* Without the blanks around it; NULL if there is nothing else. */
static char *trim(const char *name)
{
	size_t len = name ? strlen(name += strspn(name, " \t\r\n")) : 0;
	while (len && strchr(" \t\r\n", name[len - 1]))
		len--;
	return len ? mem_strndup(name, len) : NULL;
}

const char *account_forbidden(const struct hub *hub, const char *jid)
{
	return may_register(hub, jid) ? NULL : "Users of your server may not register with this gateway.";
}

bool account_needs_local(const struct hub *hub)
{
	return config_bool(hub->config, "registration.require_local_account");
}

static enum s2_condition check(struct hub *hub, const struct account_order *order, const char *name, const char **text)
{
	const char *jid = order->jid, *password = order->password;
	const struct {
		bool bad;
		enum s2_condition condition;
		const char *text;
	} rules[] = {
	    {!hub->store, S2_SERVICE_UNAVAILABLE, account_no_database},
	    {!order->by_admin && !may_register(hub, jid), S2_NOT_ALLOWED, account_forbidden(hub, jid)},
	    {text_empty(name), S2_NOT_ACCEPTABLE, "Give your name on the network."},
	    {name && strlen(name) > NAME_BYTES, S2_NOT_ACCEPTABLE, "This name is too long."},
	    {account_needs_password(hub) && text_empty(password), S2_NOT_ACCEPTABLE,
	     "Give your password on the network."},
	    {password && strlen(password) > PASSWORD_BYTES, S2_NOT_ACCEPTABLE, "This password is too long."},
	    {name && !strcmp(name, jid), S2_NOT_ACCEPTABLE,
	     "Give your name on the other network. This is the name that you have here."},
	    {hub->store && store_queue_length(hub->store) > QUEUE_MOST, S2_RESOURCE_CONSTRAINT,
	     "Too many people register at this moment. Try again in a minute."},
	};
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		if (rules[i].bad) {
			*text = rules[i].text;
			return rules[i].condition;
		}
	}
	return S2_DONE;
}

static void registered(void *arg, const struct store_user *row, const char *error)
{
	struct request *request = arg;
	struct hub *hub = request->hub;
	if (error && !strcmp(error, STORE_NAME_TAKEN)) {
		request_end(request, NULL, S2_CONFLICT, "Somebody else has registered this name.");
		return;
	}
	if (error) {
		log_error("can't register user=%s error=%s", request->jid, log_quote(error));
		request_end(request, NULL, S2_INTERNAL_SERVER_ERROR, account_database_down);
		return;
	}
	log_info("registered user=%s new=%d", request->jid, !request->was_registered);
	stranger_forget(hub, request->jid);
	struct user *user = hub_user(hub, request->jid);
	if (user)
		user_restart(user, row->id, row->name, row->password);
	if (!request->was_registered)
		hub_tell(hub, registration, request->jid, true);
	request_end(request, &(struct account_info){.registered = true, .name = row->name}, S2_DONE, NULL);
}

static void keep(struct request *request)
{
	store_put_user(request->hub->store,
	               &(struct store_user){.jid = request->jid,
	                                    .name = request->name,
	                                    .password = request->password ? request->password : "",
	                                    .language = config_text(request->hub->config, "registration.language")},
	               !account_needs_password(request->hub), registered, request);
}

static void verified(void *arg, enum s2_condition condition, const char *text)
{
	struct request *request = arg;
	log_info("local account user=%s good=%d", request->jid, condition == S2_DONE);
	if (condition == S2_DONE)
		keep(request);
	else
		request_end(request, NULL, condition, text);
}

static void known_before(void *arg, const struct store_user *row, const char *error)
{
	struct request *request = arg;
	if (error) {
		request_end(request, NULL, S2_INTERNAL_SERVER_ERROR, account_database_down);
		return;
	}
	request->was_registered = row;
	if (row || request->by_admin || !account_needs_local(request->hub))
		keep(request);
	else if (text_empty(request->local_name) || text_empty(request->local_password))
		request_end(request, NULL, S2_NOT_ACCEPTABLE,
		            "Give the name and the password of your local account. Clients that show no form for them "
		            "can use the command \"register\" of the gateway.");
	else
		hub_tell(request->hub, verify, request->jid, request->local_name, request->local_password, verified,
		         request);
}

void account_register(struct hub *hub, const struct account_order *order, account_answer *answer, void *arg)
{
	const char *text = NULL;
	char *trimmed = trim(order->name);
	enum s2_condition condition = check(hub, order, trimmed, &text);
	if (condition != S2_DONE) {
		free(trimmed);
		answer(arg, NULL, condition, text);
		return;
	}
	struct request *request = request_new(hub, order->jid, answer, arg);
	request->name = masked(hub, trimmed);
	free(trimmed);
	request->password = mem_strdup(order->password);
	request->local_name = mem_strdup(order->local_name);
	request->local_password = mem_strdup(order->local_password);
	request->by_admin = order->by_admin;
	if (!account_name_allowed(hub, request->name))
		request_end(request, NULL, S2_NOT_ACCEPTABLE, "This gateway does not accept this name.");
	else
		store_get_user(hub->store, order->jid, known_before, request);
}

/* ---- Unregistering ---- */

static void removed(void *arg, const char *error)
{
	struct request *request = arg;
	struct hub *hub = request->hub;
	if (error) {
		request_end(request, NULL, S2_INTERNAL_SERVER_ERROR, account_database_down);
		return;
	}
	log_info("unregistered user=%s", request->jid);
	hub_tell(hub, registration, request->jid, false);
	request_end(request, &(struct account_info){.registered = false}, S2_DONE, NULL);
}

static void remove_known(void *arg, const struct store_user *row, const char *error)
{
	struct request *request = arg;
	struct hub *hub = request->hub;
	if (error || !row) {
		request_end(request, NULL, error ? S2_INTERNAL_SERVER_ERROR : S2_REGISTRATION_REQUIRED,
		            error ? account_database_down : "You are not registered with this gateway.");
		return;
	}
	/* The contacts have to leave the user's roster: they are collected before they are deleted. */
	struct user *user = user_start(hub, request->jid, NULL);
	if (user) {
		if (!user->roster.count)
			contact_load(user, row->buddies, row->buddy_count);
		user->id = 0;
		for (unsigned i = 0; i < user->roster.count; i++)
			hub_tell(hub, buddy_removed, user, user->roster.items[i]);
		list_remove(&user->unsaved_node);
		user_logout(user, "You are no longer registered.");
	}
	store_remove_user(hub->store, request->jid, removed, request);
}

void account_unregister(struct hub *hub, const char *jid, account_answer *answer, void *arg)
{
	if (!hub->store) {
		answer(arg, NULL, S2_SERVICE_UNAVAILABLE, account_no_database);
		return;
	}
	store_get_user(hub->store, jid, remove_known, request_new(hub, jid, answer, arg));
}
