/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/core.h"

#include <locale.h>
#include <purple.h>
#include <stdlib.h>
#include <string.h>

#include "backends/libpurple/authorizations.h"
#include "backends/libpurple/certificates.h"
#include "backends/libpurple/contacts.h"
#include "backends/libpurple/eventloop.h"
#include "backends/libpurple/files.h"
#include "backends/libpurple/gadu.h"
#include "backends/libpurple/jabber.h"
#include "backends/libpurple/invitations.h"
#include "backends/libpurple/listing.h"
#include "backends/libpurple/names.h"
#include "backends/libpurple/notices.h"
#include "backends/libpurple/questions.h"
#include "backends/libpurple/rooms.h"
#include "backends/libpurple/session.h"
#include "backends/libpurple/settings.h"
#include "backends/libpurple/simple.h"
#include "backends/libpurple/sources.h"
#include "backends/libpurple/speech.h"
#include "backends/libpurple/store.h"
#include "backends/libpurple/talk.h"
#include "kit/kit.h"
#include "lib/base/log.h"
#include "lib/base/random.h"
#include "lib/base/str.h"

#define LOG_AREA "libpurple"

/* ---- Log ---- */

/* Of plugins that tell what we have to know in no other way. */
static const struct {
	const char *category;
	void (*printed)(const char *text);
} overheard[] = {{"gg", gadu_printed}, {"simple", simple_printed}};

static void (*listener(const char *category))(const char *)
{
	for (size_t i = 0; i < sizeof overheard / sizeof *overheard; i++)
		if (text_equal(overheard[i].category, category))
			return overheard[i].printed;
	return NULL;
}

/* What libpurple prints for debugging holds stanzas, texts and now and then a password, so only faults are wanted, and
 * only by who looks for them. */
static void debug_print(PurpleDebugLevel level, const char *category, const char *text)
{
	void (*printed)(const char *) = listener(category);
	if (printed)
		printed(text);
	if (level >= PURPLE_DEBUG_ERROR)
		log_debug("%s: %s", category ? category : "", log_quote(text));
}

static gboolean debug_enabled(PurpleDebugLevel level, const char *category)
{
	return listener(category) || (level >= PURPLE_DEBUG_ERROR && log_level() >= LOG_DEBUG_);
}

static void glib_log(const gchar *domain, GLogLevelFlags level, const gchar *text, gpointer data)
{
	if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL))
		log_warn("%s: %s", domain ? domain : "glib", log_quote(text));
	else
		log_debug("%s: %s", domain ? domain : "glib", log_quote(text));
}

/* ---- Preferences ---- */

static gboolean load_no_preferences(void)
{
	return TRUE;
}

static void save_no_preferences(void)
{
}

/* Made before libpurple makes them with its own defaults: what it does at its start already depends on them. */
static void make_preferences(void)
{
	purple_prefs_add_none("/purple/network");
	purple_prefs_add_bool("/purple/network/auto_ip", FALSE); /* asks routers for our address */
	purple_prefs_add_bool("/purple/network/map_ports", FALSE);
}

static void set_preferences(void)
{
	purple_prefs_set_bool("/purple/logging/log_ims", FALSE);
	purple_prefs_set_bool("/purple/logging/log_chats", FALSE);
	purple_prefs_set_bool("/purple/logging/log_system", FALSE);
	purple_prefs_set_bool("/purple/away/away_when_idle", FALSE);
	purple_prefs_set_string("/purple/away/idle_reporting", "none");
	purple_prefs_set_string("/purple/away/auto_reply", "never");
	purple_prefs_set_bool("/purple/conversations/im/send_typing", TRUE);
	/* A port that is free: plugins would look for one among a hundred, and more users than that would find none. */
	purple_prefs_set_bool("/purple/network/ports_range_use", TRUE);
	purple_prefs_set_int("/purple/network/ports_range_start", 0);
	purple_prefs_set_int("/purple/network/ports_range_end", 0);
}

/* Keys that documents and older versions have taught: the second one of a pair is used if the first is missing. */
static const char *either(const char *first, const char *second)
{
	const char *text = text_or_null(s2_config(first));
	return text ? text : text_or_null(s2_config(second));
}

/* The proxy holds for all accounts. */
static void set_proxy(void)
{
	static const struct {
		const char *name;
		PurpleProxyType type;
	} types[] = {{"http", PURPLE_PROXY_HTTP}, {"socks4", PURPLE_PROXY_SOCKS4}, {"socks5", PURPLE_PROXY_SOCKS5}};
	PurpleProxyInfo *proxy = purple_global_proxy_get_info();
	const char *kind = s2_config_or("proxy.type", "socks5"), *host = either("proxy.host", "proxy.server");
	int64_t port = s2_config_number("proxy.port", 0);
	purple_proxy_info_set_type(proxy, PURPLE_PROXY_NONE);
	for (size_t i = 0; host && port && i < sizeof types / sizeof *types; i++)
		if (text_equal(kind, types[i].name))
			purple_proxy_info_set_type(proxy, types[i].type);
	purple_proxy_info_set_host(proxy, host);
	purple_proxy_info_set_port(proxy, (int)port);
	purple_proxy_info_set_username(proxy, either("proxy.username", "proxy.user"));
	purple_proxy_info_set_password(proxy, text_or_null(s2_config("proxy.password")));
}

/* ---- Beginning and end ---- */

static GHashTable *about_us(void)
{
	static GHashTable *info;
	if (info)
		return info;
	info = g_hash_table_new(g_str_hash, g_str_equal);
	g_hash_table_insert(info, (gpointer) "name", (gpointer) "spectrum2");
	g_hash_table_insert(info, (gpointer) "version", (gpointer)SPECTRUM2_VERSION);
	g_hash_table_insert(info, (gpointer) "client_type", (gpointer) "pc");
	return info;
}

/* Whatever libpurple, its plugins and their libraries keep for "the user" belongs to the gateway's directory, never to
 * the home of whom it runs as. */
static void set_environment(void)
{
	setenv("HOME", settings.home, 1);
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("XDG_DATA_HOME");
	unsetenv("XDG_CACHE_HOME");
	setenv("GST_REGISTRY_DISABLE", "yes", 1);
	unsetenv("GNOME_DESKTOP_SESSION_ID"); /* proxies of a desktop */
	unsetenv("http_proxy");
	unsetenv("HTTP_PROXY");
	setlocale(LC_CTYPE, "C.UTF-8");
}

/* Plugins take ids from the C library's numbers, which are the same in each process until somebody seeds them: two of
 * ours would look like one to a server. */
static void seed(void)
{
	unsigned number;
	random_bytes(&number, sizeof number);
	srand(number);
	srandom(number);
}

/* libpurple looks for a session to be remote-controlled in, and for a network manager that may tell it to go offline.
 * Plugins that need the system's bus find it later, but for the one that finds people by Avahi: libdbus looks for the bus
 * once only. */
static bool init(void)
{
	char *bus = g_strdup(getenv("DBUS_SYSTEM_BUS_ADDRESS"));
	setenv("DBUS_SESSION_BUS_ADDRESS", "disabled:", 1);
	if (settings.protocol && strcmp(settings.protocol, "prpl-bonjour") != 0)
		setenv("DBUS_SYSTEM_BUS_ADDRESS", "disabled:", 1);
	bool good = purple_core_init(CORE_UI);
	if (!good)
		log_error("libpurple does not start");
	if (bus)
		setenv("DBUS_SYSTEM_BUS_ADDRESS", bus, 1);
	else
		unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
	g_free(bus);
	return good;
}

bool core_start(void)
{
	static PurplePrefsUiOps preferences = {
	    .load = load_no_preferences, .save = save_no_preferences, .schedule_save = save_no_preferences};
	static PurpleDebugUiOps debug = {.print = debug_print, .is_enabled = debug_enabled};
	static PurpleCoreUiOps core = {.ui_prefs_init = make_preferences, .get_ui_info = about_us};
	set_environment();
	seed();
	g_log_set_default_handler(glib_log, NULL);
	eventloop_start(kit_loop());
	sources_start(kit_loop());
	store_start(kit_loop());
	names_start(kit_loop());
	purple_util_set_user_dir(settings.home);
	purple_prefs_set_ui_ops(&preferences);
	purple_debug_set_ui_ops(&debug);
	purple_core_set_ui_ops(&core);
	if (settings.plugins_dir)
		purple_plugins_add_search_path(settings.plugins_dir);
	contacts_prepare();
	questions_prepare();
	notices_prepare();
	if (!init())
		return false;
	set_preferences();
	set_proxy();
	purple_network_force_online();
	certificates_start();
	session_start();
	authorizations_start();
	contacts_start();
	files_start();
	rooms_start();
	speech_start();
	invitations_start();
	jabber_start();
	listing_start();
	talk_start(kit_loop());
	purple_buddy_icons_set_caching(FALSE);
	return true;
}

void core_stop(void)
{
	if (purple_get_core()) {
		talk_stop();
		certificates_stop();
		purple_core_quit();
	}
	files_stop();
	questions_stop();
	names_stop();
	store_stop();
	sources_stop();
	eventloop_stop();
}
