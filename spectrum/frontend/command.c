/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of commands, and those that users give: registration, log-in and log-out, settings, contacts. */
#include "spectrum/frontend/command.h"

#include <string.h>
#include <strings.h>

#include "spectrum/frontend/search.h"
#include "spectrum/hub/address.h"

#define FORM(name) "urn:spectrum2:command:" name
#define CONTACTS_SHOWN 500
/* Where we are the server, a log-in to us is all of this. */
#define GATEWAY "!service.server_mode"

static const char *setting(const struct dialogue *dialogue, const char *key)
{
	const char *text = config_text(dialogue->frontend->config, key);
	return text ? text : "";
}

/* ---- Log-in ---- */

static bool is_here(const struct user *user, const char *client)
{
	const struct resource *resource = client_first(user);
	while (resource && strcmp(client_name(resource), client))
		resource = client_after(resource);
	return resource;
}

/* As if this client had just sent its presence. What comes of it is the result. */
static void log_in(struct dialogue *dialogue)
{
	struct frontend *frontend = dialogue->frontend;
	struct user *user = hub_user(frontend->hub, dialogue->jid);
	if (!dialogue->client) {
		dialogue_done(dialogue, NOTE_INFO, "Send presence to the gateway to log in.");
		return;
	}
	dialogue_await_login(dialogue);
	if (user && user_is_online(user))
		dialogue_login_state(frontend, dialogue->jid, ACCOUNT_ONLINE, NULL);
	else if (!user || !is_here(user, dialogue->client))
		user_available(frontend->hub, dialogue->jid, dialogue->client, &(struct s2_presence){0});
}

static void switched_on(void *arg, const struct account_info *info, enum s2_condition condition, const char *text)
{
	struct dialogue *dialogue = dialogue_resume(arg);
	if (dialogue && info)
		log_in(dialogue);
	else if (dialogue)
		dialogue_done(dialogue, NOTE_ERROR, "%s", text);
}

/* Logging out by a command lasts until one logs in by a command: else the next change of presence would undo it. */
static void switch_transport(struct dialogue *dialogue, const char *on, account_answer *answer)
{
	setting_change(dialogue->frontend->hub, dialogue->jid, &(struct s2_setting){"enable_transport", on}, 1, answer,
	               dialogue_hold(dialogue));
}

static bool switched_off(const struct dialogue *dialogue)
{
	const struct account_info *account = &dialogue->account;
	return !strcmp(
	    setting_value(dialogue->frontend->hub, account->settings, account->setting_count, "enable_transport"), "0");
}

static void finish_login(struct dialogue *dialogue)
{
	if (switched_off(dialogue))
		switch_transport(dialogue, "1", switched_on);
	else
		log_in(dialogue);
}

static void logged_out(void *arg, const struct account_info *info, enum s2_condition condition, const char *text)
{
	struct dialogue *dialogue = dialogue_resume(arg);
	if (!dialogue)
		return;
	if (info)
		dialogue_done(dialogue, NOTE_INFO,
		              "You are logged out of the network until you use the command \"login\".");
	else
		dialogue_done(dialogue, NOTE_ERROR, "%s", text);
}

static void finish_logout(struct dialogue *dialogue)
{
	struct user *user = hub_user(dialogue->frontend->hub, dialogue->jid);
	if (dialogue->account.registered) {
		switch_transport(dialogue, "0", logged_out);
		return;
	}
	if (user)
		user_logout(user, "You have logged out.");
	dialogue_done(dialogue, NOTE_INFO, "You are logged out of the network.");
}

/* ---- Registration ---- */

static void ask_account(struct dialogue *dialogue)
{
	bool password = account_needs_password(dialogue->frontend->hub);
	dialogue->form.title = dialogue->account.registered ? "Change the registration" : "Register";
	dialogue_text(dialogue, "%s", setting(dialogue, "registration.instructions"));
	dialogue_field(dialogue, &(struct s2_field){.name = "username",
	                                            .label = setting(dialogue, "registration.username_label"),
	                                            .required = true,
	                                            .value = dialogue->account.name});
	if (password)
		dialogue_field(dialogue, &(struct s2_field){.name = "password",
		                                            .label = setting(dialogue, "registration.password_label"),
		                                            .type = S2_FIELD_PRIVATE,
		                                            .required = true});
}

/* Who is registered already has proved it. */
static void ask_local_account(struct dialogue *dialogue)
{
	if (dialogue->account.registered || !account_needs_local(dialogue->frontend->hub))
		return;
	dialogue->form.title = "Your local account";
	dialogue_text(dialogue, "This gateway is for users of %s. Prove that you are one of them.",
	              setting(dialogue, "registration.local_account_server"));
	dialogue_field(dialogue, &(struct s2_field){.name = "local_username",
	                                            .label = setting(dialogue, "registration.local_username_label"),
	                                            .required = true});
	dialogue_field(
	    dialogue,
	    &(struct s2_field){
	        .name = "local_password", .label = "Local password:", .type = S2_FIELD_PRIVATE, .required = true});
}

static void registered(void *arg, const struct account_info *info, enum s2_condition condition, const char *text)
{
	struct dialogue *dialogue = dialogue_resume(arg);
	if (!dialogue)
		return;
	if (!info) {
		dialogue_again(dialogue, text);
		return;
	}
	roster_add_gateway(dialogue->frontend->roster, dialogue->jid);
	log_in(dialogue);
}

static void finish_register(struct dialogue *dialogue)
{
	account_register(dialogue->frontend->hub,
	                 &(struct account_order){.jid = dialogue->jid,
	                                         .name = dialogue_value(dialogue, "username"),
	                                         .password = dialogue_value(dialogue, "password"),
	                                         .local_name = dialogue_value(dialogue, "local_username"),
	                                         .local_password = dialogue_value(dialogue, "local_password")},
	                 registered, dialogue_hold(dialogue));
}

static void ask_unregister(struct dialogue *dialogue)
{
	dialogue_text(dialogue,
	              "Your registration as %s is removed, and all of its contacts from your roster. Your "
	              "account on the network stays.",
	              dialogue->account.name ? dialogue->account.name : "");
	dialogue_field(dialogue, &(struct s2_field){.name = "confirm",
	                                            .label = "Remove my registration",
	                                            .type = S2_FIELD_BOOLEAN,
	                                            .required = true,
	                                            .value = "0"});
}

static void unregistered(void *arg, const struct account_info *info, enum s2_condition condition, const char *text)
{
	struct dialogue *dialogue = dialogue_resume(arg);
	if (dialogue && info)
		dialogue_done(dialogue, NOTE_INFO, "You are no longer registered.");
	else if (dialogue)
		dialogue_done(dialogue, NOTE_ERROR, "%s", text);
}

static void finish_unregister(struct dialogue *dialogue)
{
	if (dialogue_value_true(dialogue, "confirm"))
		account_unregister(dialogue->frontend->hub, dialogue->jid, unregistered, dialogue_hold(dialogue));
	else
		dialogue_done(dialogue, NOTE_WARN, "You did not confirm. Nothing was changed.");
}

/* ---- What the network asks ---- */

static void finish_answer(struct dialogue *dialogue)
{
	const struct s2_request *request = question_at(dialogue->frontend->hub, dialogue->jid, 0);
	if (request)
		dialogue_ask_question(dialogue, request);
	else
		dialogue_done(dialogue, NOTE_INFO, "The network asks nothing at the moment.");
}

/* ---- Settings ---- */

static void ask_settings(struct dialogue *dialogue)
{
	const struct account_info *account = &dialogue->account;
	const struct user_setting *row;
	for (size_t i = 0; (row = setting_at(i)) != NULL; i++) {
		struct s2_field field = row->field;
		if (!setting_is_offered(dialogue->frontend->hub, row))
			continue;
		field.value =
		    setting_value(dialogue->frontend->hub, account->settings, account->setting_count, field.name);
		dialogue_field(dialogue, &field);
	}
}

static void settings_changed(void *arg, const struct account_info *info, enum s2_condition condition, const char *text)
{
	struct dialogue *dialogue = dialogue_resume(arg);
	if (!dialogue)
		return;
	if (!info)
		dialogue_done(dialogue, NOTE_ERROR, "%s", text);
	else if (switched_off(dialogue) && dialogue_value_true(dialogue, "enable_transport"))
		log_in(dialogue);
	else
		dialogue_done(dialogue, NOTE_INFO, "Your settings are stored.");
}

static void finish_settings(struct dialogue *dialogue)
{
	struct s2_setting changes[DIALOGUE_FIELDS];
	size_t count = 0;
	const struct account_info *account = &dialogue->account;
	const struct user_setting *row;
	for (size_t i = 0; count < DIALOGUE_FIELDS && (row = setting_at(i)) != NULL; i++) {
		const char *name = row->field.name, *value = dialogue_value(dialogue, name);
		if (!setting_is_offered(dialogue->frontend->hub, row))
			continue;
		if (!text_equal(setting_value(dialogue->frontend->hub, account->settings, account->setting_count, name),
		                value))
			changes[count++] = (struct s2_setting){name, value};
	}
	if (count)
		setting_change(dialogue->frontend->hub, dialogue->jid, changes, count, settings_changed,
		               dialogue_hold(dialogue));
	else
		dialogue_done(dialogue, NOTE_INFO, "You changed nothing.");
}

/* ---- Contacts ---- */

static void ask_contact(struct dialogue *dialogue)
{
	dialogue_text(dialogue, "%s", setting(dialogue, "gateway_responder.label"));
	dialogue_field(dialogue, &(struct s2_field){.name = "name",
	                                            .label = setting(dialogue, "gateway_responder.prompt"),
	                                            .required = true});
}

const char *command_name(const struct dialogue *dialogue, struct arena *arena, const char *said)
{
	struct jid jid;
	const struct user *user = hub_user(dialogue->frontend->hub, dialogue->jid);
	if (jid_parse(arena, said, &jid) && *jid.node && !strcmp(jid.domain, dialogue->frontend->jid))
		return contact_name(arena, user, jid.node);
	return said;
}

static void finish_contact(struct dialogue *dialogue)
{
	struct arena arena = {0};
	struct user *user = hub_user(dialogue->frontend->hub, dialogue->jid);
	const char *name = command_name(dialogue, &arena, dialogue_value(dialogue, "name"));
	if (!user || !user_is_online(user)) {
		dialogue_done(dialogue, NOTE_ERROR, "You are not logged in to the network.");
	} else if (!contact_want(user, name)) {
		dialogue_again(dialogue, "No address can be made of this name, or you have too many contacts.");
	} else {
		const char *jid = contact_jid(dialogue->frontend, user, name, NULL);
		dialogue_field(dialogue, &(struct s2_field){
		                             .name = "jid", .label = "Address", .type = S2_FIELD_JID, .value = jid});
		dialogue_done(dialogue, NOTE_INFO, "%s is on the way into your contacts.", jid);
	}
	arena_fini(&arena);
}

static const char *status_text(const struct buddy *buddy)
{
	static const char *const texts[] = {[S2_STATUS_ONLINE] = "online",           [S2_STATUS_AWAY] = "away",
	                                    [S2_STATUS_FFC] = "free to chat",        [S2_STATUS_XA] = "away for long",
	                                    [S2_STATUS_DND] = "not to be disturbed", [S2_STATUS_NONE] = "offline",
	                                    [S2_STATUS_INVISIBLE] = "invisible"};
	return buddy->status < sizeof texts / sizeof *texts ? texts[buddy->status] : "";
}

static void finish_contacts(struct dialogue *dialogue)
{
	const struct user *user = hub_user(dialogue->frontend->hub, dialogue->jid);
	const struct buddy *buddy;
	unsigned count = 0;
	dialogue_column(dialogue, S2_FIELD_JID, "jid", "Address");
	dialogue_column(dialogue, S2_FIELD_TEXT, "name", "Name");
	dialogue_column(dialogue, S2_FIELD_TEXT, "status", "Status");
	for (; user && (buddy = contact_at(user, count)) != NULL; count++) {
		const char *alias = buddy_text(buddy, BUDDY_ALIAS), *name = buddy_text(buddy, BUDDY_NAME);
		const char *jid = contact_jid(dialogue->frontend, user, name, NULL);
		if (jid && count < CONTACTS_SHOWN)
			dialogue_row(dialogue, (const char *const[]){jid, *alias ? alias : name, status_text(buddy)});
	}
	if (count > CONTACTS_SHOWN)
		dialogue_done(dialogue, NOTE_INFO, "You have %u contacts. These are the first %u.", count,
		              CONTACTS_SHOWN);
	else
		dialogue_done(dialogue, NOTE_INFO, "You have %u contact%s.", count, count == 1 ? "" : "s");
}

/* ---- Status and help ---- */

static void finish_status(struct dialogue *dialogue)
{
	struct user *user = hub_user(dialogue->frontend->hub, dialogue->jid);
	unsigned contacts = 0, rooms = 0;
	const char *name = user ? user_name(user) : dialogue->account.name;
	while (user && contact_at(user, contacts))
		contacts++;
	for (struct room *room = user ? room_first(user) : NULL; room; room = room_after(room))
		rooms++;
	const char *state = !user ? switched_off(dialogue) ? "logged out, until you use \"login\"" : "not logged in"
	                    : user_is_online(user) ? "logged in"
	                                           : "connecting";
	dialogue_field(dialogue, &(struct s2_field){.name = "state", .label = "Network", .value = state});
	dialogue_done(dialogue, NOTE_INFO, "%s%s. Network: %s. Contacts: %u. Rooms: %u.",
	              dialogue->account.registered ? "You are registered as " : "You are not registered",
	              dialogue->account.registered && name ? name : "", state, contacts, rooms);
}

static void finish_help(struct dialogue *dialogue)
{
	struct str text = {0};
	const struct command *command;
	enum s2_condition condition;
	str_addf(&text, "%s. These are its commands:", setting(dialogue, "identity.name"));
	for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
		if (command->words &&
		    !command_refused(dialogue->frontend, command, dialogue->jid, &dialogue->account, &condition))
			str_addf(&text, "\n%.*s - %s", (int)strcspn(command->words, "|"), command->words,
			         command->help);
	}
	dialogue_done(dialogue, NOTE_INFO, "%s", str_text(&text));
	str_fini(&text);
}

/* ---- The table ---- */

/* clang-format off */
static const struct command commands[] = {
    {"register", "register|password", "Register, or change name and password",
     "register with this gateway, or change name and password",
     FOR_ANYONE, GATEWAY, NS_REGISTER, {ask_account, ask_local_account}, finish_register},
    {"login", "login|connect", "Log in to the network", "log in to the network",
     FOR_REGISTERED, GATEWAY, FORM("login"), {0}, finish_login},
    {"logout", "logout|disconnect", "Log out of the network", "log out of the network, and stay so",
     FOR_LOGGED_IN, GATEWAY, FORM("logout"), {0}, finish_logout},
    {"answer", "answer", "Answer the network", "answer what the network has asked",
     FOR_LOGGED_IN, NULL, FORM("answer"), {0}, finish_answer},
    {"status", "status", "Status", "how you stand with this gateway and its network",
     FOR_ANYONE, NULL, FORM("status"), {0}, finish_status},
    {"contacts", "contacts|list", "List of contacts", "your contacts on the network",
     FOR_LOGGED_IN, NULL, FORM("contacts"), {0}, finish_contacts},
    {"add-contact", "add", "Add a contact", "add a contact by its name on the network",
     FOR_LOGGED_IN, NULL, FORM("add-contact"), {ask_contact}, finish_contact},
    {"search", "search|find", "Search for people", "search for people of the network",
     FOR_LOGGED_IN, NULL, NS_SEARCH, {search_ask}, search_finish},
    {"settings", "settings|set", "Transport settings", "what this gateway does for you",
     FOR_REGISTERED, NULL, FORM("settings"), {ask_settings}, finish_settings},
    {"unregister", "unregister", "Unregister", "remove your registration and its contacts",
     FOR_REGISTERED, NULL, FORM("unregister"), {ask_unregister}, finish_unregister},
    {"help", "help|?", "Help", "show this",
     FOR_ANYONE, NULL, FORM("help"), {0}, finish_help},
};
/* clang-format on */

static const struct command *own_command_at(size_t at)
{
	return at < sizeof commands / sizeof *commands ? &commands[at] : NULL;
}

const struct command *command_at(size_t at)
{
	static const struct command *(*const tables[])(size_t) = {own_command_at, command_room_at, command_contact_at,
	                                                          command_admin_at};
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
		size_t count = 0;
		for (const struct command *command; (command = tables[i](count)) != NULL; count++) {
			if (count == at)
				return command;
		}
		at -= count;
	}
	return NULL;
}

const struct command *command_find(const char *node)
{
	const struct command *command;
	for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
		if (!strcmp(command->node, node))
			return command;
	}
	return NULL;
}

static bool has_word(const char *words, const char *word, size_t len)
{
	for (const char *at = words; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL) {
		if (strcspn(at, "|") == len && !strncasecmp(at, word, len))
			return true;
	}
	return false;
}

const struct command *command_of_word(const char *word, size_t len)
{
	const struct command *command;
	for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
		if (command->words && has_word(command->words, word, len))
			return command;
	}
	return NULL;
}

static bool is_possible(const struct frontend *frontend, const struct command *command)
{
	const char *key = command->needs;
	bool reverse = key && *key == '!';
	if (command->finish == search_finish)
		return room_can(frontend->hub, S2_ROOM_SEARCH);
	return !key || config_bool(frontend->config, key + reverse) != reverse;
}

const char *command_refused(struct frontend *frontend, const struct command *command, const char *jid,
                            const struct account_info *info, enum s2_condition *condition)
{
	if (!is_possible(frontend, command)) {
		*condition = S2_FEATURE_NOT_IMPLEMENTED;
		return "There is no such command here.";
	}
	if (command->finish == finish_register && info && !info->registered && account_forbidden(frontend->hub, jid)) {
		*condition = S2_NOT_ALLOWED;
		return account_forbidden(frontend->hub, jid);
	}
	switch (command->access) {
	case FOR_ADMINS:
		*condition = S2_FORBIDDEN;
		return account_is_admin(frontend->hub, jid) ? NULL : "Only administrators of this gateway may do this.";
	case FOR_LOGGED_IN:
		*condition = S2_NOT_ALLOWED;
		return hub_user(frontend->hub, jid)
		           ? NULL
		           : "You are not logged in to the network. Use the command \"login\" first.";
	case FOR_REGISTERED:
		*condition = S2_REGISTRATION_REQUIRED;
		return (info && info->registered) || !account_needs_registration(frontend->hub)
		           ? NULL
		           : "You are not registered with this gateway. Use the command \"register\" first.";
	default:
		return NULL;
	}
}
