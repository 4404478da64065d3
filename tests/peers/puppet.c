/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A protocol plugin for libpurple whose only contact, `puppet`, does what it is told by message: what plugins out there
 * do and the networks in the tests never make their plugins do. The password says how the log-in goes. */
#include <errno.h>
#include <fcntl.h>
#include <purple.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PUPPET "puppet"

static PurpleConnection *live; /* the last that logged in */

/* ---- What comes back ---- */

static void say(PurpleConnection *gc, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void say(PurpleConnection *gc, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	char *text = g_strdup_vprintf(format, args);
	va_end(args);
	if (g_list_find(purple_connections_get_all(), gc))
		serv_got_im(gc, PUPPET, text, PURPLE_MESSAGE_RECV, time(NULL));
	g_free(text);
}

static void text_given(void *data, const char *text)
{
	say(data, "given %s", text);
}

static void text_cancelled(void *data, const char *text)
{
	say(data, "cancelled");
}

static void number_given(void *data, int number)
{
	say(data, "chosen %d", number);
}

static void form_given(void *data, PurpleRequestFields *fields)
{
	PurpleRequestField *colours = purple_request_fields_get_field(fields, "colours");
	GString *picked = g_string_new(NULL);
	for (GList *each = purple_request_field_list_get_selected(colours); each; each = each->next)
		g_string_append_printf(picked, " %s", (const char *)each->data);
	say(data, "form %s %d %d %d%s", purple_request_fields_get_string(fields, "name"),
	    purple_request_fields_get_integer(fields, "age"), purple_request_fields_get_bool(fields, "sure"),
	    purple_request_fields_get_choice(fields, "size"), picked->str);
	g_string_free(picked, TRUE);
}

/* ---- What it can be told ---- */

struct order {
	PurpleConnection *gc;
	PurpleAccount *account;
	const char *rest; /* of the message */
};

static void do_say(struct order *order)
{
	say(order->gc, "%s", order->rest);
}

static void do_input(struct order *order)
{
	purple_request_input(order->gc, "Code", "A code was sent to you", "Which one is it?", NULL, FALSE, FALSE, NULL,
	                     "OK", G_CALLBACK(text_given), "Cancel", G_CALLBACK(text_cancelled), order->account, NULL,
	                     NULL, order->gc);
}

static void do_choice(struct order *order)
{
	purple_request_choice(order->gc, NULL, "Which one?", NULL, 20, "OK", G_CALLBACK(number_given), "Cancel",
	                      G_CALLBACK(number_given), order->account, NULL, NULL, order->gc, "Ten", 10, "Twenty", 20,
	                      NULL);
}

static void do_action(struct order *order)
{
	purple_request_action(order->gc, NULL, "Do it?", NULL, 0, order->account, NULL, NULL, order->gc, 2, "_Yes",
	                      number_given, "_No", number_given);
}

/* The account is not named: only the turn tells whose question it is. */
static void do_nobody(struct order *order)
{
	purple_request_action(order->gc, NULL, "Whose is this?", NULL, 0, NULL, NULL, NULL, order->gc, 2, "_Mine",
	                      number_given, "_No", number_given);
}

static void do_form(struct order *order)
{
	PurpleRequestFields *fields = purple_request_fields_new();
	PurpleRequestFieldGroup *group = purple_request_field_group_new(NULL);
	PurpleRequestField *field = purple_request_field_string_new("name", "_Name", "Bob", FALSE);
	purple_request_field_set_required(field, TRUE);
	purple_request_field_group_add_field(group, field);
	purple_request_field_group_add_field(group, purple_request_field_int_new("age", "Age", 7));
	purple_request_field_group_add_field(group, purple_request_field_bool_new("sure", "Sure", FALSE));
	field = purple_request_field_choice_new("size", "Size", 1);
	purple_request_field_choice_add(field, "small");
	purple_request_field_choice_add(field, "large");
	purple_request_field_group_add_field(group, field);
	field = purple_request_field_list_new("colours", "Colours");
	purple_request_field_list_set_multi_select(field, TRUE);
	purple_request_field_list_add(field, "red", field);
	purple_request_field_list_add(field, "green", field);
	purple_request_field_list_add(field, "blue", field);
	purple_request_field_group_add_field(group, field);
	purple_request_field_group_add_field(group, purple_request_field_label_new("note", "Take care"));
	purple_request_field_group_add_field(group,
	                                     purple_request_field_image_new("captcha", "", "\x89PNGpicture", 11));
	purple_request_fields_add_group(fields, group);
	purple_request_fields(order->gc, "Form", "Fill it in", NULL, fields, "OK", G_CALLBACK(form_given), "Cancel",
	                      G_CALLBACK(form_given), order->account, NULL, NULL, order->gc);
}

static void do_file_question(struct order *order)
{
	purple_request_file(order->gc, "Save as", "x", TRUE, G_CALLBACK(text_given), G_CALLBACK(text_cancelled),
	                    order->account, NULL, NULL, order->gc);
}

static void do_forget(struct order *order)
{
	purple_request_close_with_handle(order->gc);
}

static void do_notice(struct order *order)
{
	purple_notify_error(order->gc, "Title", "Something happened", order->rest);
}

static void do_notices(struct order *order)
{
	PurpleNotifySearchResults *results = purple_notify_searchresults_new();
	GList *row = g_list_append(g_list_append(NULL, g_strdup("Bob")), g_strdup("bob@example.org"));
	const char *texts[] = {"Hello", NULL}, *people[] = {"eve", NULL}, *urls[] = {"https://example.org/1", NULL};
	purple_notify_formatted(order->gc, "Title", "Title", NULL, "<b>bold</b> &amp; plain", NULL, NULL);
	purple_notify_emails(order->gc, 1, TRUE, texts, people, people, urls, NULL, NULL);
	purple_notify_uri(order->gc, "https://example.org/page");
	purple_notify_searchresults_column_add(results, purple_notify_searchresults_column_new("Name"));
	purple_notify_searchresults_column_add(results, purple_notify_searchresults_column_new("Address"));
	purple_notify_searchresults_row_add(results, row);
	purple_notify_searchresults(order->gc, "Found", NULL, NULL, results, NULL, NULL);
}

static void do_error(struct order *order)
{
	purple_conv_present_error(PUPPET, order->account, order->rest);
}

/* A file of the user's, as it comes here. */
static void do_link(struct order *order)
{
	say(order->gc, "a link");
}

static void do_carbon(struct order *order)
{
	PurpleConversation *conversation = purple_conversation_new(PURPLE_CONV_TYPE_IM, order->account, PUPPET);
	purple_conv_im_write(PURPLE_CONV_IM(conversation), NULL, order->rest,
	                     PURPLE_MESSAGE_SEND | PURPLE_MESSAGE_REMOTE_SEND, time(NULL));
}

static const unsigned char picture[] = {
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00,
    0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x00, 0x00, 0x00, 0x3a, 0x7e, 0x9b, 0x55, 0x00,
    0x00, 0x00, 0x0a, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0x60, 0x00, 0x00, 0x00, 0x02, 0x00, 0x01,
    0x48, 0xaf, 0xa4, 0x71, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82};

static void do_picture(struct order *order)
{
	int id = purple_imgstore_add_with_id(g_memdup2(picture, sizeof picture), sizeof picture, "a.png");
	say(order->gc, "look: <img id=\"%d\">", id);
	purple_imgstore_unref_by_id(id);
}

static void do_icon(struct order *order)
{
	purple_buddy_icons_set_for_user(order->account, PUPPET, g_memdup2(picture, sizeof picture), sizeof picture,
	                                NULL);
}

static void do_status(struct order *order)
{
	purple_prpl_got_user_status(order->account, PUPPET, order->rest, NULL);
}

static void do_idle(struct order *order)
{
	time_t since = (time_t)atoi(order->rest);
	purple_prpl_got_user_idle(order->account, PUPPET, since != 0, since);
}

static void do_attention(struct order *order)
{
	purple_prpl_got_attention(order->gc, PUPPET, 0);
}

static void do_chat(struct order *order)
{
	PurpleConversation *conversation = serv_got_joined_chat(order->gc, 7, order->rest);
	purple_conv_chat_add_user(PURPLE_CONV_CHAT(conversation), PUPPET, NULL, PURPLE_CBFLAGS_OP, FALSE);
	serv_got_chat_in(order->gc, 7, PUPPET, 0, "nobody asked for this room", time(NULL));
}

static void do_token(struct order *order)
{
	if (*order->rest)
		purple_account_set_string(order->account, "token", order->rest);
	say(order->gc, "token %s", purple_account_get_string(order->account, "token", "none"));
}

static void do_option(struct order *order)
{
	say(order->gc, "colour %s number %d", purple_account_get_string(order->account, "colour", "none"),
	    purple_account_get_int(order->account, "number", -1));
}

static void do_crash(struct order *order)
{
	raise(SIGSEGV);
}

/* ---- What a plugin shall not do ---- */

static void do_read(struct order *order)
{
	int fd = open(order->rest, O_RDONLY | O_CLOEXEC);
	say(order->gc, "read %s", fd < 0 ? strerror(errno) : "done");
	if (fd >= 0)
		close(fd);
}

static void do_write(struct order *order)
{
	int fd = open(order->rest, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	say(order->gc, "write %s", fd < 0 ? strerror(errno) : "done");
	if (fd >= 0)
		close(fd);
}

static void do_start(struct order *order)
{
	char *argv[] = {(char *)order->rest, NULL};
	pid_t child;
	int failed = posix_spawn(&child, order->rest, NULL, NULL, argv, NULL);
	say(order->gc, "start %s", failed ? strerror(failed) : "done");
	if (!failed)
		waitpid(child, NULL, 0);
}

static void do_kill(struct order *order)
{
	say(order->gc, "kill %s", kill(atoi(order->rest), 0) ? strerror(errno) : "done");
}

static void do_end(struct order *order)
{
	purple_connection_error_reason(order->gc, (PurpleConnectionError)atoi(order->rest), "told to");
}

/* ---- GLib's own sources ---- */

static gboolean glib_time(gpointer gc)
{
	say(gc, "glib timer");
	return FALSE;
}

static gboolean glib_idle(gpointer gc)
{
	say(gc, "glib idle");
	return FALSE;
}

static gboolean glib_read(GIOChannel *channel, GIOCondition condition, gpointer gc)
{
	say(gc, "glib descriptor");
	return FALSE;
}

static gpointer glib_thread(gpointer gc)
{
	g_idle_add(glib_idle, gc);
	return NULL;
}

static void do_glib(struct order *order)
{
	int ends[2];
	if (pipe(ends) || write(ends[1], "x", 1) != 1)
		return;
	GIOChannel *channel = g_io_channel_unix_new(ends[0]);
	g_io_channel_set_close_on_unref(channel, TRUE);
	g_io_add_watch(channel, G_IO_IN, glib_read, order->gc);
	g_io_channel_unref(channel);
	close(ends[1]);
	g_timeout_add(50, glib_time, order->gc);
	g_thread_unref(g_thread_new("puppet", glib_thread, order->gc));
}

/* ---- Watches that are handled as carelessly as plugins do ---- */

static guint watch;

static void readable(gpointer gc, gint fd, PurpleInputCondition condition)
{
	char byte;
	purple_input_remove(watch);
	say(gc, "read %d", (int)read(fd, &byte, 1));
	close(fd);
}

/* Closes a watched descriptor, and watches the next one that bears the same number. */
static void do_careless(struct order *order)
{
	int first[2], second[2];
	if (pipe(first))
		return;
	guint stale = purple_input_add(first[0], PURPLE_INPUT_READ, readable, order->gc);
	close(first[0]);
	close(first[1]);
	if (pipe(second) || write(second[1], "x", 1) != 1)
		return;
	watch = purple_input_add(second[0], PURPLE_INPUT_READ, readable, order->gc);
	purple_input_remove(stale);
	purple_input_remove(stale);
	purple_timeout_remove(12345);
	close(second[1]);
}

/* ---- Files ---- */

static void file_begins(PurpleXfer *xfer)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		return;
	size_t size = (size_t)(gintptr)xfer->data;
	char *bytes = g_strnfill(size, 'x');
	if (write(ends[1], bytes, size) != (ssize_t)size)
		size = 0;
	g_free(bytes);
	close(ends[1]);
	purple_xfer_start(xfer, ends[0], NULL, 0);
}

static void file_refused(PurpleXfer *xfer)
{
	say(purple_account_get_connection(xfer->account), "file refused");
}

/* "SIZE SAID NAME": so many bytes come, and so many are said to come. */
static void do_file(struct order *order)
{
	char **words = g_strsplit(order->rest, " ", 3);
	PurpleXfer *xfer = purple_xfer_new(order->account, PURPLE_XFER_RECEIVE, PUPPET);
	xfer->data = (void *)(gintptr)atoi(words[0]);
	purple_xfer_set_size(xfer, (size_t)atoi(words[1]));
	purple_xfer_set_filename(xfer, words[2]);
	purple_xfer_set_init_fnc(xfer, file_begins);
	purple_xfer_set_cancel_recv_fnc(xfer, file_refused);
	purple_xfer_request(xfer);
	g_strfreev(words);
}

static const struct {
	const char *name;
	void (*run)(struct order *);
} orders[] = {
    {"say", do_say},
    {"input", do_input},
    {"choice", do_choice},
    {"action", do_action},
    {"nobody", do_nobody},
    {"form", do_form},
    {"save", do_file_question},
    {"forget", do_forget},
    {"notice", do_notice},
    {"notices", do_notices},
    {"error", do_error},
    {"carbon", do_carbon},
    {"picture", do_picture},
    {"icon", do_icon},
    {"status", do_status},
    {"attention", do_attention},
    {"idle", do_idle},
    {"chat", do_chat},
    {"token", do_token},
    {"option", do_option},
    {"crash", do_crash},
    {"end", do_end},
    {"read", do_read},
    {"write", do_write},
    {"start", do_start},
    {"kill", do_kill},
    {"https://files.test/a.png", do_link},
    {"glib", do_glib},
    {"careless", do_careless},
    {"file", do_file},
};

/* "refuse 7" is not taken for this reason; "quiet" is taken, but not to be shown. */
static int send_im(PurpleConnection *gc, const char *who, const char *html, PurpleMessageFlags flags)
{
	char *text = NULL;
	int result = 1;
	purple_markup_html_to_xhtml(html, NULL, &text);
	char *blank = strchr(text, ' ');
	struct order order = {gc, purple_connection_get_account(gc), blank ? blank + 1 : ""};
	if (blank)
		*blank = '\0';
	if (!strcmp(text, "refuse"))
		result = -atoi(order.rest);
	if (!strcmp(text, "quiet"))
		result = 0;
	for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
		if (!strcmp(text, orders[i].name))
			orders[i].run(&order);
	g_free(text);
	return result;
}

/* ---- Log-in ---- */

static void let_in(PurpleConnection *gc)
{
	PurpleAccount *account = purple_connection_get_account(gc);
	PurpleBuddy *buddy = purple_find_buddy(account, PUPPET);
	live = gc;
	purple_connection_set_state(gc, PURPLE_CONNECTED);
	if (!buddy) {
		PurpleGroup *group = purple_group_new("Toys");
		buddy = purple_buddy_new(account, PUPPET, "The Puppet");
		purple_blist_add_group(group, NULL);
		purple_blist_add_buddy(buddy, NULL, group, NULL);
	}
	purple_prpl_got_user_status(account, PUPPET, "available", NULL);
}

static void code_given(void *data, const char *code)
{
	if (!strcmp(code, "1234"))
		let_in(data);
	else
		purple_connection_error_reason(data, PURPLE_CONNECTION_ERROR_AUTHENTICATION_FAILED,
		                               "This code is wrong.");
}

static void code_refused(void *data, const char *code)
{
	purple_connection_error_reason(data, PURPLE_CONNECTION_ERROR_AUTHENTICATION_FAILED, "No code was given.");
}

static void log_in(PurpleAccount *account)
{
	PurpleConnection *gc = purple_account_get_connection(account);
	const char *password = purple_connection_get_password(gc);
	gc->flags |= PURPLE_CONNECTION_HTML;
	if (password && !strcmp(password, "code"))
		purple_request_input(gc, "Code", "A code was sent to you", NULL, NULL, FALSE, TRUE, NULL, "OK",
		                     G_CALLBACK(code_given), "Cancel", G_CALLBACK(code_refused), account, NULL, NULL,
		                     gc);
	else if (password && !strcmp(password, "ask"))
		purple_account_request_password(account, G_CALLBACK(code_given), G_CALLBACK(code_refused), gc);
	else if (password && !strncmp(password, "error ", 6))
		purple_connection_error_reason(gc, (PurpleConnectionError)atoi(password + 6), "told to");
	else if (!password || strcmp(password, "never") != 0)
		let_in(gc);
}

static void log_out(PurpleConnection *gc)
{
	if (live == gc)
		live = NULL;
}

static void get_info(PurpleConnection *gc, const char *who)
{
	PurpleNotifyUserInfo *info = purple_notify_user_info_new();
	if (!strcmp(who, "silence")) {
		purple_notify_user_info_destroy(info);
		return;
	}
	purple_notify_user_info_add_pair(info, "Full Name", "Pup &amp; Pet");
	purple_notify_user_info_add_pair(info, "Nickname", "<b>Pup</b>");
	purple_notify_user_info_add_section_break(info);
	purple_notify_user_info_add_pair(info, "Email", "<a href=\"mailto:pup@example.org\">pup@example.org</a>");
	purple_notify_user_info_add_pair(info, "Unheard of", "x");
	purple_notify_userinfo(gc, who, info, NULL, NULL);
	purple_notify_user_info_destroy(info);
}

static const char *list_icon(PurpleAccount *account, PurpleBuddy *buddy)
{
	return PUPPET;
}

static GList *status_types(PurpleAccount *account)
{
	static const struct {
		PurpleStatusPrimitive primitive;
		const char *id;
	} kinds[] = {
	    {PURPLE_STATUS_AVAILABLE, "available"}, {PURPLE_STATUS_AWAY, "away"}, {PURPLE_STATUS_OFFLINE, "offline"}};
	GList *types = NULL;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		types = g_list_append(types, purple_status_type_new(kinds[i].primitive, kinds[i].id, NULL, TRUE));
	return types;
}

static PurplePluginProtocolInfo protocol = {
    .options = OPT_PROTO_IM_IMAGE,
    .list_icon = list_icon,
    .status_types = status_types,
    .login = log_in,
    .close = log_out,
    .send_im = send_im,
    .get_info = get_info,
    .normalize = purple_normalize_nocase,
    .struct_size = sizeof(PurplePluginProtocolInfo),
};

static PurplePluginInfo info = {
    .magic = PURPLE_PLUGIN_MAGIC,
    .major_version = PURPLE_MAJOR_VERSION,
    .minor_version = PURPLE_MINOR_VERSION,
    .type = PURPLE_PLUGIN_PROTOCOL,
    .priority = PURPLE_PRIORITY_DEFAULT,
    .id = (char *)"prpl-puppet",
    .name = (char *)"Puppet",
    .version = (char *)"1",
    .extra_info = &protocol,
};

static void prepare(PurplePlugin *plugin)
{
	protocol.protocol_options =
	    g_list_append(protocol.protocol_options, purple_account_option_string_new("Colour", "colour", "grey"));
	protocol.protocol_options =
	    g_list_append(protocol.protocol_options, purple_account_option_int_new("Number", "number", 1));
	if (getenv("PUPPET_NO_PASSWORD"))
		protocol.options |= OPT_PROTO_NO_PASSWORD;
}

/* The macro of libpurple declares no prototype. */
gboolean purple_init_plugin(PurplePlugin *plugin);
PURPLE_INIT_PLUGIN(puppet, prepare, info)
