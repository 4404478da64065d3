/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/protocol.h"

#include <string.h>
#include <strings.h>

#include "backends/libpurple/markup.h"
#include "backends/libpurple/settings.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/config/config.h"

#define LOG_AREA "libpurple"

/* User settings that are the gateway's own. */
static const char *const own_settings[] = {"enable_transport", "send_headlines", "stay_connected", "photohash",
                                           "storage"};

PurplePlugin *protocol_of(const char *login_name, const char **name)
{
	*name = login_name;
	if (settings.protocol)
		return purple_find_prpl(settings.protocol);
	/* Ids have no dots as a rule, but nobody forbids them. */
	for (const char *dot = strchr(login_name, '.'); dot; dot = strchr(dot + 1, '.')) {
		char *id = mem_strndup(login_name, (size_t)(dot - login_name));
		PurplePlugin *found = purple_find_prpl(id);
		free(id);
		*name = dot + 1;
		if (found)
			return found;
	}
	return NULL;
}

PurplePluginProtocolInfo *protocol_info(const PurpleAccount *account)
{
	PurplePlugin *plugin = purple_find_prpl(purple_account_get_protocol_id(account));
	return PURPLE_PLUGIN_PROTOCOL_INFO(plugin);
}

const char *protocol_name(const PurpleAccount *account)
{
	return purple_account_get_protocol_name(account);
}

const char *protocol_short_name(const PurpleAccount *account)
{
	const char *id = purple_account_get_protocol_id(account);
	return strncmp(id, "prpl-", 5) ? id : id + 5;
}

bool protocol_sends_plain(const PurpleAccount *account, const char *text)
{
	return !strcmp(purple_account_get_protocol_id(account), "prpl-simple") && strncasecmp(text, "<html", 5) != 0 &&
	       strncasecmp(text, "<!doctype", 9) != 0;
}

bool protocol_status_is_plain(const PurpleAccount *account)
{
	return !strcmp(purple_account_get_protocol_id(account), "prpl-gg");
}

bool protocol_keeps_no_list(const char *id)
{
	static const char *const ids[] = {"prpl-gg",     "prpl-irc",  "prpl-mm-sms",
	                                  "prpl-simple", "prpl-snpp", "prpl-zephyr"};
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
		if (!strcmp(id, ids[i]))
			return true;
	return false;
}

bool protocol_needs_password(PurplePlugin *plugin)
{
	return !(PURPLE_PLUGIN_PROTOCOL_INFO(plugin)->options & OPT_PROTO_NO_PASSWORD);
}

char *protocol_username(PurplePlugin *plugin, const char *name)
{
	struct str full = {0};
	str_adds(&full, name);
	for (GList *node = PURPLE_PLUGIN_PROTOCOL_INFO(plugin)->user_splits; node; node = node->next) {
		char separator = purple_account_user_split_get_separator(node->data);
		const char *value = purple_account_user_split_get_default_value(node->data);
		if (!strchr(str_text(&full), separator) && !text_empty(value))
			str_addf(&full, "%c%s", separator, value);
	}
	return str_take(&full);
}

bool protocol_run_command(PurpleConversation *conversation, const char *html, char **error)
{
	PurpleAccount *account = purple_conversation_get_account(conversation);
	if (*html != '/' || !(protocol_info(account)->options & OPT_PROTO_SLASH_COMMANDS_NATIVE))
		return false;
	char *plain = markup_plain(html + 1), *why = NULL;
	PurpleCmdStatus status = purple_cmd_do_command(conversation, plain, html + 1, &why);
	free(plain);
	if (status == PURPLE_CMD_STATUS_FAILED || status == PURPLE_CMD_STATUS_WRONG_ARGS)
		*error = markup_plain(why ? why : "The command needs other arguments.");
	g_free(why);
	return status == PURPLE_CMD_STATUS_OK || *error;
}

/* ---- Options ---- */

/* Of a list, what stands for `value`: people may write what the protocol calls it or what it shows. */
static const char *list_value(const PurpleAccountOption *option, const char *value)
{
	for (GList *node = purple_account_option_get_list(option); node; node = node->next) {
		const PurpleKeyValuePair *pair = node->data;
		if (pair->value && (!strcmp(pair->value, value) || !strcmp(pair->key, value)))
			return pair->value;
	}
	return NULL;
}

/* Sets one option, if `account` is given; false if the value is of the wrong kind. */
static bool apply(PurpleAccount *account, const PurpleAccountOption *option, const char *value)
{
	const char *name = purple_account_option_get_setting(option);
	bool truth;
	int64_t number;
	switch (purple_account_option_get_type(option)) {
	case PURPLE_PREF_BOOLEAN:
		if (!config_parse_bool(value, &truth))
			return false;
		if (account)
			purple_account_set_bool(account, name, truth);
		return true;
	case PURPLE_PREF_INT:
		if (!config_parse_number(value, &number))
			return false;
		if (account)
			purple_account_set_int(account, name, (int)number);
		return true;
	case PURPLE_PREF_STRING_LIST:
		value = list_value(option, value);
		if (!value)
			return false;
		/* fall through */
	default:
		if (account)
			purple_account_set_string(account, name, value);
		return true;
	}
}

static const PurpleAccountOption *find_option(PurplePlugin *plugin, const char *name)
{
	for (GList *node = PURPLE_PLUGIN_PROTOCOL_INFO(plugin)->protocol_options; node; node = node->next)
		if (!strcmp(purple_account_option_get_setting(node->data), name))
			return node->data;
	return NULL;
}

/* The section [purple]. False, with a line in the log for each, if values are wrong. */
static bool apply_config(PurpleAccount *account, PurplePlugin *plugin)
{
	bool good = true;
	for (GList *node = PURPLE_PLUGIN_PROTOCOL_INFO(plugin)->protocol_options; node; node = node->next) {
		const char *name = purple_account_option_get_setting(node->data);
		char *key = mem_printf("purple.%s", name);
		const char *value = s2_config(key);
		if (value && !apply(account, node->data, value)) {
			log_error("%s: %s is not possible for %s", key, log_quote(value), plugin->info->id);
			good = false;
		}
		free(key);
	}
	return good;
}

static bool is_own(const char *setting)
{
	for (size_t i = 0; i < sizeof own_settings / sizeof *own_settings; i++)
		if (!strcmp(own_settings[i], setting))
			return true;
	return false;
}

/* Bonjour shows users by the name of whom the gateway runs as, unless it is told another one. */
static void set_shown_name(PurpleAccount *account)
{
	if (!strcmp(purple_account_get_protocol_id(account), "prpl-bonjour"))
		purple_account_set_string(account, "first", purple_account_get_username(account));
}

void protocol_set_options(PurpleAccount *account, const struct s2_login *login)
{
	set_shown_name(account);
	PurplePlugin *plugin = purple_find_prpl(purple_account_get_protocol_id(account));
	for (size_t i = 0; i < login->setting_count; i++) {
		const struct s2_setting *setting = &login->settings[i];
		const PurpleAccountOption *option = find_option(plugin, setting->key);
		if (is_own(setting->key))
			continue;
		if (!option)
			purple_account_set_string(account, setting->key, setting->value);
		else if (!apply(account, option, setting->value))
			log_warn("setting %s: %s is not possible for %s", log_quote(setting->key),
			         log_quote(setting->value), plugin->info->id);
	}
	apply_config(account, plugin);
}

bool protocol_check(void)
{
	if (!settings.protocol)
		return true;
	PurplePlugin *plugin = purple_find_prpl(settings.protocol);
	if (plugin)
		return apply_config(NULL, plugin);
	struct str known = {0};
	for (GList *node = purple_plugins_get_protocols(); node; node = node->next)
		str_addf(&known, " %s", ((PurplePlugin *)node->data)->info->id);
	log_error("service.protocol: libpurple has no %s; it has%s", log_quote(settings.protocol), str_text(&known));
	str_fini(&known);
	return false;
}
