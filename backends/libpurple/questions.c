/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/questions.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backends/libpurple/files.h"
#include "backends/libpurple/protocol.h"
#include "backends/libpurple/rooms.h"
#include "backends/libpurple/turn.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/base/utf8.h"
#include "lib/config/config.h"

#define LOG_AREA "libpurple"

enum {
	MOST_OPTIONS = 200, /* to choose from */
	MOST_QUESTIONS = 50 /* of one user; above that they are cancelled */
};

/* One to choose from. */
struct option {
	char *label;
	int value;      /* of a choice */
	GCallback call; /* of an action */
};

struct question {
	struct list node; /* of the session, oldest first; alone if nobody is asked */
	guint id;         /* libpurple's handle */
	PurpleRequestType type;
	struct session *session; /* NULL: nobody's, or to be answered by us */
	char *text;
	char *fallback; /* of an input: what is there already */
	struct option *options;
	size_t option_count;
	GCallback ok, cancel;
	void *data;
	PurpleRequestFields *fields;
	GList *open_fields; /* still to be asked, the current one first */
	guint own_answer;   /* libpurple's timer by which we answer it ourselves */
	int own_option;     /* -1 = cancel */
};

static struct {
	GHashTable *questions; /* by id */
	guint last_id;
} here;

/* ---- Speaking ---- */

const char *questions_contact(const struct session *session)
{
	static char name[64];
	const char *from = protocol_short_name(session->account);
	if (!strncmp(from, "eionrobb-", 9))
		from += 9;
	g_strlcpy(name, from, sizeof name);
	if (g_str_has_suffix(name, "-tdlib"))
		name[strlen(name) - 6] = '\0';
	return name;
}

void questions_tell(struct session *session, const char *text)
{
	struct str clean = {0};
	/* The main process listens to a user who is logged in. */
	session_admit(session);
	utf8_clean(&clean, text, strlen(text));
	s2_message(session->s2, &(struct s2_message){.peer = questions_contact(session), .body = str_text(&clean)});
	str_fini(&clean);
}

static void add_line(struct str *out, const char *text)
{
	if (text_empty(text))
		return;
	if (out->len)
		str_addc(out, '\n');
	str_adds(out, text);
}

/* Titles often say the same as what stands below them. */
static void add_news(struct str *out, const char *text)
{
	if (!text_empty(text) && !(out->len && strstr(out->data, text)))
		add_line(out, text);
}

/* ---- Asking ---- */

/* Labels have an underscore before the letter of a keyboard shortcut. */
static char *label_of(const char *text)
{
	struct str out = {0};
	for (const char *at = text ? text : ""; *at; at++)
		if (*at != '_' || at[1] == '_')
			str_addc(&out, *at);
	return str_take(&out);
}

static void describe_options(const struct question *question, struct str *out)
{
	for (size_t i = 0; i < question->option_count; i++)
		str_addf(out, "\n%zu: %s", i + 1, question->options[i].label);
	add_line(out, "Answer with one of the numbers.");
}

static void describe_list(struct str *out, GList *labels, bool several)
{
	size_t number = 0;
	for (GList *each = labels; each && number < MOST_OPTIONS; each = each->next)
		str_addf(out, "\n%zu: %s", ++number, (const char *)each->data);
	add_line(out, several ? "Answer with one or more of the numbers." : "Answer with one of the numbers.");
}

static void describe_image(const PurpleRequestField *field, struct str *out)
{
	PurpleRequestField *image = (PurpleRequestField *)field;
	char *url = files_publish_image(purple_request_field_image_get_buffer(image),
	                                purple_request_field_image_get_size(image));
	add_line(out, url ? url : "The network shows a picture here, which this gateway cannot pass on.");
	free(url);
}

static void describe_field(const PurpleRequestField *field, struct str *out)
{
	char *label = label_of(purple_request_field_get_label(field));
	add_line(out, label);
	free(label);
	switch (purple_request_field_get_type(field)) {
	case PURPLE_REQUEST_FIELD_BOOLEAN:
		add_line(out, "Answer yes or no.");
		break;
	case PURPLE_REQUEST_FIELD_CHOICE:
		describe_list(out, purple_request_field_choice_get_labels(field), false);
		break;
	case PURPLE_REQUEST_FIELD_LIST:
		describe_list(out, purple_request_field_list_get_items(field),
		              purple_request_field_list_get_multi_select(field));
		break;
	case PURPLE_REQUEST_FIELD_INTEGER:
		add_line(out, "Answer with a number.");
		break;
	default:
		break;
	}
	if (!purple_request_field_is_required(field))
		add_line(out, "A single - leaves it as it is.");
}

static bool is_answerable(const PurpleRequestField *field)
{
	switch (purple_request_field_get_type(field)) {
	case PURPLE_REQUEST_FIELD_STRING:
		return purple_request_field_string_is_editable(field);
	case PURPLE_REQUEST_FIELD_INTEGER:
	case PURPLE_REQUEST_FIELD_BOOLEAN:
	case PURPLE_REQUEST_FIELD_CHOICE:
	case PURPLE_REQUEST_FIELD_LIST:
		return true;
	default:
		return false;
	}
}

/* Labels and pictures before the current field are shown with it. */
static void describe_fields(struct question *question, struct str *out)
{
	while (question->open_fields && !is_answerable(question->open_fields->data)) {
		const PurpleRequestField *field = question->open_fields->data;
		if (purple_request_field_get_type(field) == PURPLE_REQUEST_FIELD_IMAGE)
			describe_image(field, out);
		else
			add_line(out, purple_request_field_get_label(field));
		question->open_fields = g_list_delete_link(question->open_fields, question->open_fields);
	}
	if (question->open_fields)
		describe_field(question->open_fields->data, out);
	else
		add_line(out, "Answer ok.");
}

static struct question *open_question(const struct session *session)
{
	return list_empty(&session->questions) ? NULL : LIST_ITEM(session->questions.next, struct question, node);
}

static void ask(struct session *session)
{
	struct question *question = open_question(session);
	struct str text = {0};
	if (!question || session->state == SESSION_OVER)
		return;
	add_line(&text, question->text);
	free(question->text);
	question->text = NULL; /* further fields and wrong answers don't repeat it */
	if (question->option_count)
		describe_options(question, &text);
	else if (question->fields)
		describe_fields(question, &text);
	else if (question->fallback)
		str_addf(&text, "\nA single - means: %s", question->fallback);
	add_line(&text, "Or write cancel.");
	questions_tell(session, str_text(&text));
	str_fini(&text);
}

/* ---- Answers to libpurple ---- */

static void finish_option(struct question *question, const struct option *option)
{
	guint id = question->id;
	PurpleRequestType type = question->type;
	void *data = question->data;
	if (type == PURPLE_REQUEST_ACTION && option->call)
		((PurpleRequestActionCb)option->call)(data, option->value);
	else if (type == PURPLE_REQUEST_CHOICE && question->ok)
		((PurpleRequestChoiceCb)question->ok)(data, option->value);
	purple_request_close(type, GUINT_TO_POINTER(id));
}

static void finish_text(struct question *question, GCallback call, const char *text)
{
	guint id = question->id;
	PurpleRequestType type = question->type;
	if (call && type == PURPLE_REQUEST_FIELDS)
		((PurpleRequestFieldsCb)call)(question->data, question->fields);
	else if (call && type == PURPLE_REQUEST_CHOICE)
		((PurpleRequestChoiceCb)call)(question->data, 0);
	else if (call)
		((PurpleRequestInputCb)call)(question->data, text);
	purple_request_close(type, GUINT_TO_POINTER(id));
}

/* What says no comes last. */
static void cancel(struct question *question)
{
	if (question->type == PURPLE_REQUEST_ACTION && question->option_count)
		finish_option(question, &question->options[question->option_count - 1]);
	else
		finish_text(question, question->cancel, "");
}

static gboolean answer_ourselves(gpointer data)
{
	struct question *question = data;
	question->own_answer = 0;
	if (question->own_option >= 0 && (size_t)question->own_option < question->option_count)
		finish_option(question, &question->options[question->own_option]);
	else if (question->own_option >= 0 && question->type == PURPLE_REQUEST_INPUT)
		finish_text(question, question->ok, question->fallback ? question->fallback : "");
	else
		cancel(question);
	return FALSE;
}

/* Not inside of the call by which it is asked. */
static void answer_later(struct question *question, int option)
{
	question->own_option = option;
	question->own_answer = purple_timeout_add(0, answer_ourselves, question);
}

/* ---- Answers from the user ---- */

static bool set_list(PurpleRequestField *field, const char *text)
{
	GList *items = purple_request_field_list_get_items(field);
	purple_request_field_list_clear_selected(field);
	bool any = false;
	while (*text) {
		char *end;
		unsigned long number = strtoul(text, &end, 10);
		if (end == text)
			return false;
		const char *item = number ? g_list_nth_data(items, (guint)number - 1) : NULL;
		if (!item)
			return false;
		purple_request_field_list_add_selected(field, item);
		any = true;
		text = end + strspn(end, " ,;");
	}
	return any;
}

static bool set_field(PurpleRequestField *field, const char *text)
{
	bool truth;
	int64_t number;
	if (!strcmp(text, "-") && !purple_request_field_is_required(field))
		return true;
	switch (purple_request_field_get_type(field)) {
	case PURPLE_REQUEST_FIELD_STRING:
		purple_request_field_string_set_value(field, text);
		return true;
	case PURPLE_REQUEST_FIELD_INTEGER:
		if (!config_parse_number(text, &number))
			return false;
		purple_request_field_int_set_value(field, (int)number);
		return true;
	case PURPLE_REQUEST_FIELD_BOOLEAN:
		if (!config_parse_bool(text, &truth))
			return false;
		purple_request_field_bool_set_value(field, truth);
		return true;
	case PURPLE_REQUEST_FIELD_CHOICE:
		if (!config_parse_number(text, &number) || number < 1 ||
		    number > g_list_length(purple_request_field_choice_get_labels(field)))
			return false;
		purple_request_field_choice_set_value(field, (int)number - 1);
		return true;
	default:
		return set_list(field, text);
	}
}

static const struct option *find_option(const struct question *question, const char *text)
{
	int64_t number;
	if (config_parse_number(text, &number))
		return number >= 1 && (size_t)number <= question->option_count ? &question->options[number - 1] : NULL;
	for (size_t i = 0; i < question->option_count; i++)
		if (!strcasecmp(question->options[i].label, text))
			return &question->options[i];
	return NULL;
}

static void answer_fields(struct session *session, struct question *question, const char *text)
{
	if (question->open_fields) {
		if (!set_field(question->open_fields->data, text)) {
			questions_tell(session, "This is no possible answer.");
			ask(session);
			return;
		}
		question->open_fields = g_list_delete_link(question->open_fields, question->open_fields);
		if (question->open_fields) {
			ask(session);
			return;
		}
	}
	finish_text(question, question->ok, NULL);
}

bool questions_answer(struct session *session, const struct s2_message *message)
{
	struct question *question = open_question(session);
	if (!question || strcasecmp(message->peer, questions_contact(session)))
		return false;
	const char *text = message->body;
	s2_message_result(session->s2, message->id, message->peer, S2_DONE, NULL);
	if (!strcasecmp(text, "cancel")) {
		cancel(question);
	} else if (question->option_count) {
		const struct option *option = find_option(question, text);
		if (option) {
			finish_option(question, option);
		} else {
			questions_tell(session, "This is no possible answer.");
			ask(session);
		}
	} else if (question->fields) {
		answer_fields(session, question, text);
	} else {
		finish_text(question, question->ok,
		            !strcmp(text, "-") && question->fallback ? question->fallback : text);
	}
	return true;
}

bool questions_choose(guint id, int option)
{
	struct question *question = g_hash_table_lookup(here.questions, GUINT_TO_POINTER(id));
	if (!question || (size_t)option >= question->option_count)
		return false;
	finish_option(question, &question->options[option]);
	return true;
}

/* ---- What libpurple asks ---- */

/* Answers that are always the same, by what the question is called. */
static const struct {
	const char *protocol, *title;
	int option; /* -1 = cancel */
} rules[] = {
    {"prpl-jabber", "Plaintext Authentication", -1}, /* [purple] auth_plain_in_clear = 1 allows it */
    {"prpl-jabber", "Create New Room", 1},           /* with the defaults */
    {"prpl-jabber", "Enter a Conference Server", 0}, /* whose rooms are listed: the one that the server names */
};

static struct question *question_new(PurpleRequestType type, PurpleAccount *account, const char *title,
                                     const char *primary, const char *secondary, void *data)
{
	struct question *question = mem_new(sizeof *question);
	struct str text = {0};
	question->id = ++here.last_id;
	question->type = type;
	question->session = account ? session_of_account(account) : session_with_turn();
	question->data = data;
	add_news(&text, title);
	add_news(&text, primary);
	add_news(&text, secondary);
	question->text = str_take(&text);
	list_init(&question->node);
	g_hash_table_insert(here.questions, GUINT_TO_POINTER(question->id), question);
	return question;
}

static void add_option(struct question *question, const char *label, int value, GCallback call)
{
	if (question->option_count == MOST_OPTIONS)
		return;
	question->options = mem_resize(question->options, (question->option_count + 1) * sizeof *question->options);
	question->options[question->option_count++] = (struct option){label_of(label), value, call};
}

/* Returns what libpurple keeps of it. */
static void *put(struct question *question, const char *title)
{
	struct session *session = question->session;
	if (session && question->type == PURPLE_REQUEST_ACTION && rooms_take_invitation(session, question->id)) {
		question->session = NULL;
		return GUINT_TO_POINTER(question->id);
	}
	const char *protocol = session ? purple_account_get_protocol_id(session->account) : NULL;
	for (size_t i = 0; session && i < sizeof rules / sizeof *rules; i++) {
		if (strcmp(rules[i].protocol, protocol) || !title || strcmp(rules[i].title, title))
			continue;
		question->session = NULL;
		answer_later(question, rules[i].option);
		return GUINT_TO_POINTER(question->id);
	}
	if (!session || session->question_count >= MOST_QUESTIONS) {
		log_warn("a question that nobody can answer is cancelled: %s", log_quote(question->text));
		question->session = NULL;
		answer_later(question, -1);
		return GUINT_TO_POINTER(question->id);
	}
	bool first = list_empty(&session->questions);
	list_append(&session->questions, &question->node);
	session->question_count++;
	if (first)
		ask(session);
	return GUINT_TO_POINTER(question->id);
}

static void *request_input(const char *title, const char *primary, const char *secondary, const char *fallback,
                           gboolean multiline, gboolean masked, gchar *hint, const char *ok_text, GCallback ok,
                           const char *cancel_text, GCallback cancelled, PurpleAccount *account, const char *who,
                           PurpleConversation *conversation, void *data)
{
	struct question *question = question_new(PURPLE_REQUEST_INPUT, account, title, primary, secondary, data);
	question->fallback = mem_strdup(text_or_null(fallback));
	question->ok = ok;
	question->cancel = cancelled;
	return put(question, title);
}

static void *request_choice(const char *title, const char *primary, const char *secondary, int fallback,
                            const char *ok_text, GCallback ok, const char *cancel_text, GCallback cancelled,
                            PurpleAccount *account, const char *who, PurpleConversation *conversation, void *data,
                            va_list choices)
{
	struct question *question = question_new(PURPLE_REQUEST_CHOICE, account, title, primary, secondary, data);
	const char *label;
	while ((label = va_arg(choices, const char *)) != NULL)
		add_option(question, label, va_arg(choices, int), NULL);
	question->ok = ok;
	question->cancel = cancelled;
	return put(question, title);
}

static void *request_action(const char *title, const char *primary, const char *secondary, int fallback,
                            PurpleAccount *account, const char *who, PurpleConversation *conversation, void *data,
                            size_t count, va_list actions)
{
	struct question *question = question_new(PURPLE_REQUEST_ACTION, account, title, primary, secondary, data);
	for (size_t i = 0; i < count; i++) {
		const char *label = va_arg(actions, const char *);
		add_option(question, label, (int)i, va_arg(actions, GCallback));
	}
	return put(question, title);
}

static void *request_action_with_icon(const char *title, const char *primary, const char *secondary, int fallback,
                                      PurpleAccount *account, const char *who, PurpleConversation *conversation,
                                      gconstpointer icon, gsize icon_len, void *data, size_t count, va_list actions)
{
	return request_action(title, primary, secondary, fallback, account, who, conversation, data, count, actions);
}

/* A password that the registration did not give. */
static bool is_password(PurpleRequestFields *fields)
{
	return purple_request_fields_exists(fields, "password") && purple_request_fields_exists(fields, "remember");
}

static void *request_fields(const char *title, const char *primary, const char *secondary, PurpleRequestFields *fields,
                            const char *ok_text, GCallback ok, const char *cancel_text, GCallback cancelled,
                            PurpleAccount *account, const char *who, PurpleConversation *conversation, void *data)
{
	struct question *question = question_new(PURPLE_REQUEST_FIELDS, account, title, primary, secondary, data);
	question->fields = fields;
	question->ok = ok;
	question->cancel = cancelled;
	for (GList *group = purple_request_fields_get_groups(fields); group; group = group->next)
		for (GList *each = purple_request_field_group_get_fields(group->data); each; each = each->next)
			if (purple_request_field_is_visible(each->data))
				question->open_fields = g_list_append(question->open_fields, each->data);
	if (!question->session || !is_password(fields))
		return put(question, title);
	session_fail(question->session, S2_ERROR_AUTHENTICATION_IMPOSSIBLE,
	             "The network asks for a password. Register again with the right one.");
	question->session = NULL;
	answer_later(question, -1);
	return GUINT_TO_POINTER(question->id);
}

static void *request_no_file(PurpleRequestType type, const char *title, GCallback cancelled, PurpleAccount *account,
                             void *data)
{
	struct question *question = question_new(type, account, title, NULL, NULL, data);
	if (question->session)
		questions_tell(question->session, "The network wants a file to be chosen, which cannot be done here.");
	question->session = NULL;
	question->cancel = cancelled;
	answer_later(question, -1);
	return GUINT_TO_POINTER(question->id);
}

static void *request_file(const char *title, const char *name, gboolean save, GCallback ok, GCallback cancelled,
                          PurpleAccount *account, const char *who, PurpleConversation *conversation, void *data)
{
	return request_no_file(PURPLE_REQUEST_FILE, title, cancelled, account, data);
}

static void *request_folder(const char *title, const char *name, GCallback ok, GCallback cancelled,
                            PurpleAccount *account, const char *who, PurpleConversation *conversation, void *data)
{
	return request_no_file(PURPLE_REQUEST_FOLDER, title, cancelled, account, data);
}

static void question_free(struct question *question)
{
	if (question->own_answer)
		purple_timeout_remove(question->own_answer);
	if (question->fields)
		purple_request_fields_destroy(question->fields);
	g_list_free(question->open_fields);
	for (size_t i = 0; i < question->option_count; i++)
		free(question->options[i].label);
	free(question->options);
	free(question->text);
	free(question->fallback);
	free(question);
}

/* It was answered, or is not asked any more. */
static void closed(PurpleRequestType type, void *handle)
{
	struct question *question = g_hash_table_lookup(here.questions, handle);
	if (!question)
		return;
	g_hash_table_remove(here.questions, handle);
	struct session *session = question->session;
	bool was_open = session && open_question(session) == question;
	if (session) {
		list_remove(&question->node);
		session->question_count--;
	}
	question_free(question);
	if (was_open)
		ask(session);
}

/* ---- Sessions ---- */

void questions_init(struct session *session)
{
	list_init(&session->questions);
}

void questions_forget(struct session *session)
{
	while (!list_empty(&session->questions)) {
		struct question *question = open_question(session);
		list_remove(&question->node);
		question->session = NULL;
		purple_request_close(question->type, GUINT_TO_POINTER(question->id));
	}
	session->question_count = 0;
}

void questions_prepare(void)
{
	static PurpleRequestUiOps ops = {.request_input = request_input,
	                                 .request_choice = request_choice,
	                                 .request_action = request_action,
	                                 .request_fields = request_fields,
	                                 .request_file = request_file,
	                                 .close_request = closed,
	                                 .request_folder = request_folder,
	                                 .request_action_with_icon = request_action_with_icon};
	here.questions = g_hash_table_new(g_direct_hash, g_direct_equal);
	purple_request_set_ui_ops(&ops);
}
