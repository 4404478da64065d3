/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/store.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/libpurple/core.h"
#include "backends/libpurple/session.h"
#include "backends/libpurple/settings.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

#define LOG_AREA "libpurple"

enum {
	SAVE_AFTER_MS = 5000,
	SAVED_AT_ONCE = 8,          /* accounts: each makes a tree of hundreds of nodes for a moment */
	FILE_BYTES = 4 << 20,       /* of one account */
	OLD_FILE_BYTES = 256 << 20, /* of accounts.xml */
};

static struct {
	struct timer *timer;
	GHashTable *written; /* path: checksum of what is in the file */
	bool changed;
	/* While libpurple is made to save: the timer that it wants for that. */
	bool catching;
	GSourceFunc saver;
	gpointer saver_data;
} here;

static char *path_of(const PurpleAccount *account)
{
	char *key = mem_printf("%s\n%s", purple_account_get_protocol_id(account),
	                       purple_normalize(account, purple_account_get_username(account)));
	char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, key, -1);
	char *path = mem_printf("%s/accounts/%s.xml", settings.home, sum);
	free(key);
	g_free(sum);
	return path;
}

/* ---- Loading ---- */

static xmlnode *read_file(const char *path, size_t most)
{
	GStatBuf info;
	char *text = NULL;
	gsize len;
	if (g_stat(path, &info) || (size_t)info.st_size > most || !g_file_get_contents(path, &text, &len, NULL))
		return NULL;
	xmlnode *root = len ? xmlnode_from_str(text, (gssize)len) : NULL;
	if (!root)
		log_warn("%s is damaged and not used", log_quote(path));
	g_free(text);
	return root;
}

static char *child_text(xmlnode *node, const char *name)
{
	xmlnode *child = xmlnode_get_child(node, name);
	return child ? xmlnode_get_data(child) : NULL;
}

/* Names may be spelt in several ways. */
static bool is_account(xmlnode *node, const PurpleAccount *account)
{
	char *protocol = child_text(node, "protocol"), *name = child_text(node, "name");
	bool same = false;
	if (protocol && name && !strcmp(protocol, purple_account_get_protocol_id(account))) {
		char *wanted = mem_strdup(purple_normalize(account, purple_account_get_username(account)));
		same = !strcmp(purple_normalize(account, name), wanted);
		free(wanted);
	}
	g_free(protocol);
	g_free(name);
	return same;
}

static xmlnode *find_account(xmlnode *root, const PurpleAccount *account)
{
	for (xmlnode *node = xmlnode_get_child(root, "account"); node; node = xmlnode_get_next_twin(node))
		if (is_account(node, account))
			return node;
	return NULL;
}

static void load_setting(PurpleAccount *account, const char *name, const char *type, const char *value)
{
	if (!strcmp(type, "string"))
		purple_account_set_string(account, name, value);
	else if (!strcmp(type, "int"))
		purple_account_set_int(account, name, atoi(value));
	else if (!strcmp(type, "bool"))
		purple_account_set_bool(account, name, *value != '0');
}

static void load_settings(PurpleAccount *account, xmlnode *node)
{
	for (xmlnode *settings_node = xmlnode_get_child(node, "settings"); settings_node;
	     settings_node = xmlnode_get_next_twin(settings_node)) {
		if (xmlnode_get_attrib(settings_node, "ui"))
			continue;
		for (xmlnode *child = xmlnode_get_child(settings_node, "setting"); child;
		     child = xmlnode_get_next_twin(child)) {
			const char *name = xmlnode_get_attrib(child, "name"), *type = xmlnode_get_attrib(child, "type");
			char *value = xmlnode_get_data(child);
			if (name && type && value)
				load_setting(account, name, type, value);
			g_free(value);
		}
	}
}

/* Only protocols without a password in the registration keep one here: a token that the network gave them. */
static void load_password(PurpleAccount *account, xmlnode *node)
{
	xmlnode *child = xmlnode_get_child(node, "password");
	char *value = child && !xmlnode_get_attrib(child, "keyring_id") ? xmlnode_get_data(child) : NULL;
	if (value) {
		purple_account_set_remember_password(account, TRUE);
		purple_account_set_password(account, value);
	}
	g_free(value);
}

static char *owner_of(xmlnode *node)
{
	for (xmlnode *child = xmlnode_get_child(node, "settings"); child; child = xmlnode_get_next_twin(child)) {
		const char *ui = xmlnode_get_attrib(child, "ui");
		if (!ui || strcmp(ui, CORE_UI))
			continue;
		for (xmlnode *one = xmlnode_get_child(child, "setting"); one; one = xmlnode_get_next_twin(one)) {
			const char *name = xmlnode_get_attrib(one, "name");
			if (name && !strcmp(name, "owner"))
				return xmlnode_get_data(one);
		}
	}
	return NULL;
}

enum store_answer store_load(PurpleAccount *account, const char *owner)
{
	enum store_answer answer = STORE_NOTHING;
	char *path = path_of(account), *old = mem_printf("%s/accounts.xml", settings.working_dir);
	xmlnode *root = read_file(path, FILE_BYTES);
	xmlnode *node = root ? find_account(root, account) : NULL;
	if (!root) {
		root = read_file(old, OLD_FILE_BYTES);
		node = root ? find_account(root, account) : NULL;
	}
	if (node) {
		char *other = owner_of(node);
		answer = other && strcmp(other, owner) ? STORE_FOREIGN : STORE_LOADED;
		g_free(other);
	}
	if (answer == STORE_LOADED) {
		load_settings(account, node);
		load_password(account, node);
	}
	if (root)
		xmlnode_free(root);
	free(path);
	free(old);
	return answer;
}

void store_claim(PurpleAccount *account, const char *owner)
{
	purple_account_set_ui_string(account, CORE_UI, "owner", owner);
}

/* ---- Saving ---- */

/* libpurple tells when something has changed, but not what the settings of an account are: it only writes those of all
 * accounts to accounts.xml in its directory, from a timer. So we let it begin that timer, catch it, point it to a
 * directory of our own, and meanwhile to a list of those accounts alone that have changed. */
static void let_purple_save(GList *changed, const char *directory)
{
	GList *head = purple_accounts_get_all(), all = *head;
	PurpleAccount *any = changed->data;
	PurpleAccountPrefsUiOps *ops = purple_account_prefs_get_ui_ops();
	purple_account_prefs_set_ui_ops(NULL);
	here.catching = true;
	here.saver = NULL;
	purple_account_set_remember_password(any, purple_account_get_remember_password(any));
	here.catching = false;
	if (here.saver) {
		head->data = changed->data;
		head->next = changed->next;
		purple_util_set_user_dir(directory);
		here.saver(here.saver_data);
		purple_util_set_user_dir(settings.home);
		*head = all;
	}
	purple_account_prefs_set_ui_ops(ops);
}

bool store_catch(GSourceFunc function, gpointer data)
{
	if (!here.catching)
		return false;
	here.saver = function;
	here.saver_data = data;
	return true;
}

static void drop_child(xmlnode *node, const char *name)
{
	xmlnode *child = xmlnode_get_child(node, name);
	if (child)
		xmlnode_free(child);
}

/* What changes with each status and each error is worth no write. */
static void write_account(PurpleAccount *account, xmlnode *node)
{
	drop_child(node, "statuses");
	drop_child(node, "current_error");
	drop_child(node, "proxy");
	xmlnode *root = xmlnode_new("account");
	xmlnode_set_attrib(root, "version", "1.0");
	xmlnode_insert_child(root, xmlnode_copy(node));
	int len;
	char *text = xmlnode_to_formatted_str(root, &len), *path = path_of(account);
	char *sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (guchar *)text, (gsize)len);
	const char *before = g_hash_table_lookup(here.written, path);
	GError *error = NULL;
	if (before && !strcmp(before, sum)) {
		g_free(sum);
	} else if (g_file_set_contents_full(path, text, len, G_FILE_SET_CONTENTS_CONSISTENT, 0600, &error)) {
		g_hash_table_insert(here.written, g_strdup(path), sum);
	} else {
		log_error("cannot write %s: %s", log_quote(path), error->message);
		g_error_free(error);
		g_free(sum);
	}
	g_free(text);
	free(path);
	xmlnode_free(root);
}

/* In the order in which libpurple wrote them. */
static void write_accounts(GList *changed, xmlnode *root)
{
	xmlnode *node = xmlnode_get_child(root, "account");
	for (GList *each = changed; each && node; each = each->next, node = xmlnode_get_next_twin(node))
		write_account(each->data, node);
}

static void save(GList *changed)
{
	char *below = mem_printf("%s/accounts", settings.home);
	char *directory = mem_printf("%s/.saving-XXXXXX", below);
	if ((mkdir(below, 0700) && errno != EEXIST) || !mkdtemp(directory)) {
		log_error("cannot make directories in %s: %s", log_quote(below), strerror(errno));
	} else {
		let_purple_save(changed, directory);
		char *path = mem_printf("%s/accounts.xml", directory);
		xmlnode *root = read_file(path, OLD_FILE_BYTES);
		if (root) {
			write_accounts(changed, root);
			xmlnode_free(root);
		}
		unlink(path);
		rmdir(directory);
		free(path);
	}
	free(below);
	free(directory);
}

void store_save(void)
{
	GList *changed = session_take_unsaved();
	here.changed = false;
	timer_stop(here.timer);
	while (changed) {
		GList *rest = g_list_nth(changed, SAVED_AT_ONCE);
		if (rest) {
			rest->prev->next = NULL;
			rest->prev = NULL;
		}
		save(changed);
		g_list_free(changed);
		changed = rest;
	}
}

void store_forget(const PurpleAccount *account)
{
	char *path = path_of(account);
	g_hash_table_remove(here.written, path);
	free(path);
}

/* ---- Beginning and end ---- */

static void load_nothing(void)
{
}

static void note_change(void)
{
	session_note_unsaved();
	if (!here.changed && here.timer)
		timer_start(here.timer, SAVE_AFTER_MS, 0);
	here.changed = true;
}

static void time_to_save(void *arg)
{
	store_save();
}

void store_start(struct loop *loop)
{
	static PurpleAccountPrefsUiOps ops = {.load = load_nothing, .save = load_nothing, .schedule_save = note_change};
	here.written = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	here.timer = timer_new(loop, time_to_save, NULL);
	purple_account_prefs_set_ui_ops(&ops);
}

void store_stop(void)
{
	timer_free(&here.timer);
	g_hash_table_destroy(here.written);
	here.written = NULL;
}
