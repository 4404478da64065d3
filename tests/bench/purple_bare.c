/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libpurple with nothing around it but GLib's loop, to compare the backend with; `purple` drives it.
 *
 * usage: bench_purple_bare PORT NAME...: prints "ready", waits for a line, connects these accounts of the XMPP server
 * at 127.0.0.1:PORT, and prints "online" when they are. */
#include <glib-unix.h>
#include <purple.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define US "bench"

struct watch {
	PurpleInputFunction function;
	gpointer data;
};

static gboolean is_ready(gint fd, GIOCondition condition, gpointer data)
{
	struct watch *watch = data;
	PurpleInputCondition ready = 0;
	if (condition & (G_IO_IN | G_IO_HUP | G_IO_ERR))
		ready |= PURPLE_INPUT_READ;
	if (condition & (G_IO_OUT | G_IO_HUP | G_IO_ERR))
		ready |= PURPLE_INPUT_WRITE;
	watch->function(watch->data, fd, ready);
	return TRUE;
}

static guint input_add(int fd, PurpleInputCondition condition, PurpleInputFunction function, gpointer data)
{
	struct watch *watch = g_new(struct watch, 1);
	*watch = (struct watch){function, data};
	GIOCondition wanted = G_IO_HUP | G_IO_ERR;
	wanted |= condition & PURPLE_INPUT_READ ? G_IO_IN : 0;
	wanted |= condition & PURPLE_INPUT_WRITE ? G_IO_OUT : 0;
	return g_unix_fd_add_full(G_PRIORITY_DEFAULT, fd, wanted, is_ready, watch, g_free);
}

static gboolean nothing(void)
{
	return TRUE;
}

static void no_save(void)
{
}

static int wanted, online;

static void connected(PurpleConnection *gc)
{
	if (++online < wanted)
		return;
	puts("online");
	fflush(stdout);
}

static void failed(PurpleConnection *gc, PurpleConnectionError reason, const char *text)
{
	fprintf(stderr, "not connected: %s\n", text);
	exit(1);
}

static void connect_account(const char *name, int port)
{
	char *username = g_strdup_printf("%s@localhost/", name), *password = g_strdup_printf("pass-%s", name);
	PurpleAccount *account = purple_account_new(username, "prpl-jabber");
	purple_account_set_string(account, "connect_server", "127.0.0.1");
	purple_account_set_string(account, "connection_security", "opportunistic_tls");
	purple_account_set_int(account, "port", port);
	purple_account_set_bool(account, "auth_plain_in_clear", TRUE);
	purple_account_set_password(account, password);
	purple_accounts_add(account);
	purple_account_set_enabled(account, US, TRUE);
	g_free(username);
	g_free(password);
}

int main(int argc, char **argv)
{
	static PurpleEventLoopUiOps loop = {.timeout_add = g_timeout_add,
	                                    .timeout_remove = g_source_remove,
	                                    .input_add = input_add,
	                                    .input_remove = g_source_remove,
	                                    .timeout_add_seconds = g_timeout_add_seconds};
	static PurplePrefsUiOps preferences = {.load = nothing, .save = no_save, .schedule_save = no_save};
	static PurpleAccountPrefsUiOps accounts = {.load = no_save, .save = no_save, .schedule_save = no_save};
	static PurpleConnectionUiOps connections = {.connected = connected, .report_disconnect_reason = failed};
	if (argc < 3)
		return 1;
	wanted = argc - 2;
	char directory[] = "/tmp/bench-purple-XXXXXX";
	if (!mkdtemp(directory))
		return 1;
	purple_util_set_user_dir(directory);
	purple_eventloop_set_ui_ops(&loop);
	purple_prefs_set_ui_ops(&preferences);
	purple_account_prefs_set_ui_ops(&accounts);
	if (!purple_core_init(US))
		return 1;
	purple_set_blist(purple_blist_new());
	purple_connections_set_ui_ops(&connections);
	puts("ready");
	fflush(stdout);
	if (getchar() == EOF)
		return 1;
	for (int i = 2; i < argc; i++)
		connect_account(argv[i], atoi(argv[1]));
	g_main_loop_run(g_main_loop_new(NULL, FALSE));
	return 0;
}
