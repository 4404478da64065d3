/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/questions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backends/libpurple/form.h"
#include "backends/libpurple/invitations.h"
#include "backends/libpurple/protocol.h"
#include "backends/libpurple/turn.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/base/utf8.h"
#include "lib/config/config.h"

#define LOG_AREA "libpurple"

enum {
	MOST_OPTIONS = 200,  /* to choose from */
	MOST_QUESTIONS = 50, /* of one user; above that they are cancelled */
	EARLY_BYTES = 8192,  /* told before the user was logged in */
};

#define ANSWER "answer" /* name of the field, where there is but one */

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
	bool masked, multiline;
	bool by_chat; /* so it was asked */
	struct option *options;
	size_t option_count;
	GCallback ok, cancel;
	void *data;
	PurpleRequestFields *fields;
	guint own_answer; /* libpurple's timer by which we answer it ourselves */
	int own_option;   /* -1 = cancel */
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

static void say(struct session *session, const char *text)
{
	struct str clean = {0};
	utf8_clean(&clean, text, strlen(text));
	s2_message(session->s2, &(struct s2_message){.peer = questions_contact(session), .body = str_text(&clean)});
	str_fini(&clean);
}

void questions_tell(struct session *session, const char *text)
{
	if (session->admitted)
		say(session, text);
	else if (session->early.len + strlen(text) < EARLY_BYTES)
		str_addf(&session->early, "%s%s", session->early.len ? "\n" : "", text);
}

void questions_online(struct session *session)
{
	if (session->early.len)
		say(session, session->early.data);
	str_fini(&session->early);
}

/* ---- Asking ---- */

static void describe_options(const struct question *question, struct s2_field *field, struct arena *arena)
{
	struct s2_option *options = arena_alloc(arena, question->option_count * sizeof *options);
	for (size_t i = 0; i < question->option_count; i++) {
		options[i].value = arena_printf(arena, "%zu", i);
		options[i].label = question->options[i].label;
	}
	*field = (struct s2_field){.name = ANSWER,
	                           .label = "Answer",
	                           .type = S2_FIELD_LIST,
	                           .required = true,
	                           .options = options,
	                           .option_count = question->option_count};
}

static void describe_input(const struct question *question, struct s2_field *field)
{
	*field = (struct s2_field){.name = ANSWER, .label = "Answer", .required = true, .value = question->fallback};
	field->type = question->masked ? S2_FIELD_PRIVATE : question->multiline ? S2_FIELD_LINES : S2_FIELD_TEXT;
}

/* Through the main process. */
static bool ask_properly(struct session *session, struct question *question, const char *first)
{
	struct arena arena = {0};
	struct str text = {0};
	char id[16];
	snprintf(id, sizeof id, "%u", question->id);
	struct s2_field *field = arena_alloc(&arena, sizeof *field);
	struct s2_request request = {.id = id, .title = protocol_name(session->account)};
	str_addf(&text, "%s%s%s", first ? first : "", first ? "\n" : "", question->text);
	if (question->fields) {
		form_describe(&request, &arena, question->fields, &text);
	} else {
		if (question->option_count)
			describe_options(question, field, &arena);
		else
			describe_input(question, field);
		request.fields = field;
		request.field_count = 1;
	}
	request.text = str_text(&text);
	bool asked = s2_ask(session->s2, &request);
	str_fini(&text);
	arena_fini(&arena);
	return asked;
}

/* By chat: a text or a number is all that can be given. The main process listens only to who is logged in. */
static void ask_by_chat(struct session *session, struct question *question, const char *first)
{
	struct str text = {0};
	str_addf(&text, "%s%s%s", first ? first : "", first ? "\n" : "", question->text);
	for (size_t i = 0; i < question->option_count; i++)
		str_addf(&text, "\n%zu: %s", i, question->options[i].label);
	str_adds(&text, question->option_count ? "\nAnswer with one of the numbers, or cancel."
	                                       : "\nAnswer with it, or cancel.");
	session_admit(session);
	question->by_chat = true;
	say(session, str_text(&text));
	str_fini(&text);
}

static struct question *open_question(const struct session *session)
{
	return list_empty(&session->questions) ? NULL : LIST_ITEM(session->questions.next, struct question, node);
}

static void answer_later(struct question *question, int option);

/* `first` is said before the question. */
static void ask(struct session *session, const char *first)
{
	struct question *question = open_question(session);
	if (!question || session->state == SESSION_OVER || ask_properly(session, question, first))
		return;
	if (!question->fields) {
		ask_by_chat(session, question, first);
		return;
	}
	questions_tell(session, "The network wants a form to be filled in, which this gateway cannot show.");
	answer_later(question, -1);
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
	else if (question->own_option >= 0 && question->type == PURPLE_REQUEST_INPUT && question->fallback)
		finish_text(question, question->ok, question->fallback);
	else
		cancel(question);
	return FALSE;
}

/* Not inside of the call by which it is asked. */
static void answer_later(struct question *question, int option)
{
	if (question->own_answer)
		return;
	question->own_option = option;
	question->own_answer = purple_timeout_add(0, answer_ourselves, question);
}

bool questions_choose(guint id, int option)
{
	struct question *question = g_hash_table_lookup(here.questions, GUINT_TO_POINTER(id));
	if (!question || (size_t)option >= question->option_count)
		return false;
	finish_option(question, &question->options[option]);
	return true;
}

/* ---- Answers from the user ---- */

static const struct option *find_option(const struct question *question, const char *text)
{
	int64_t number;
	if (config_parse_number(text, &number))
		return number >= 0 && (size_t)number < question->option_count ? &question->options[number] : NULL;
	for (size_t i = 0; i < question->option_count; i++)
		if (!strcasecmp(question->options[i].label, text))
			return &question->options[i];
	return NULL;
}

static void take_answer(struct session *session, struct question *question, const char *text)
{
	const struct option *option = question->option_count ? find_option(question, text) : NULL;
	if (option)
		finish_option(question, option);
	else if (question->option_count)
		ask(session, "This is no possible answer.");
	else
		finish_text(question, question->ok, text);
}

static void take_form(struct session *session, struct question *question, const struct s2_setting *values, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (form_set(question->fields, values[i].key, values[i].value ? values[i].value : ""))
			continue;
		ask(session, "This is no possible answer.");
		return;
	}
	finish_text(question, question->ok, NULL);
}

void questions_answered(struct s2_user *s2, const char *id, const struct s2_setting *values, size_t count)
{
	struct session *session = session_of(s2);
	struct question *question = session ? open_question(session) : NULL;
	if (!question || strtoul(id, NULL, 10) != question->id)
		return;
	uint64_t before = turn_take(session->number);
	if (!values) {
		cancel(question);
	} else if (question->fields) {
		take_form(session, question, values, count);
	} else {
		const char *text = "";
		for (size_t i = 0; i < count; i++)
			if (!strcmp(values[i].key, ANSWER) && values[i].value)
				text = values[i].value;
		take_answer(session, question, text);
	}
	turn_give_back(before);
}

bool questions_take_message(struct session *session, const struct s2_message *message)
{
	struct question *question = open_question(session);
	if (!question || !question->by_chat || strcasecmp(message->peer, questions_contact(session)))
		return false;
	uint64_t before = turn_take(session->number);
	s2_message_result(session->s2, message->id, message->peer, S2_DONE, NULL);
	if (!strcasecmp(message->body, "cancel"))
		cancel(question);
	else
		take_answer(session, question, message->body);
	turn_give_back(before);
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

static void add_news(struct str *out, const char *text)
{
	if (!text_empty(text) && !(out->len && strstr(out->data, text)))
		str_addf(out, "%s%s", out->len ? "\n" : "", text);
}

static struct question *question_new(PurpleRequestType type, PurpleAccount *account, const char *title,
                                     const char *primary, const char *secondary, void *data)
{
	struct question *question = mem_new(sizeof *question);
	struct str text = {0}, clean = {0};
	question->id = ++here.last_id;
	question->type = type;
	question->session = account ? session_of_account(account) : session_with_turn();
	question->data = data;
	/* They often say the same. */
	add_news(&text, title);
	add_news(&text, primary);
	add_news(&text, secondary);
	utf8_clean(&clean, str_text(&text), text.len);
	question->text = str_take(&clean);
	str_fini(&text);
	list_init(&question->node);
	g_hash_table_insert(here.questions, GUINT_TO_POINTER(question->id), question);
	return question;
}

static void add_option(struct question *question, const char *label, int value, GCallback call)
{
	if (question->option_count == MOST_OPTIONS)
		return;
	question->options = mem_resize(question->options, (question->option_count + 1) * sizeof *question->options);
	question->options[question->option_count++] = (struct option){form_label(label), value, call};
}

/* Nobody is asked. Returns what libpurple keeps of it. */
static void *put_aside(struct question *question)
{
	question->session = NULL;
	return GUINT_TO_POINTER(question->id);
}

static void *put(struct question *question, const char *title)
{
	struct session *session = question->session;
	const char *protocol = session ? purple_account_get_protocol_id(session->account) : NULL;
	if (session && question->type == PURPLE_REQUEST_ACTION && invitations_take_question(session, question->id))
		return put_aside(question);
	for (size_t i = 0; session && i < sizeof rules / sizeof *rules; i++) {
		if (strcmp(rules[i].protocol, protocol) || !title || strcmp(rules[i].title, title))
			continue;
		answer_later(question, rules[i].option);
		return put_aside(question);
	}
	if (!session || session->question_count >= MOST_QUESTIONS) {
		log_warn("a question that nobody can answer is cancelled: %s", log_quote(question->text));
		answer_later(question, -1);
		return put_aside(question);
	}
	bool first = list_empty(&session->questions);
	list_append(&session->questions, &question->node);
	session->question_count++;
	if (first)
		ask(session, NULL);
	return GUINT_TO_POINTER(question->id);
}

static void *request_input(const char *title, const char *primary, const char *secondary, const char *fallback,
                           gboolean multiline, gboolean masked, gchar *hint, const char *ok_text, GCallback ok,
                           const char *cancel_text, GCallback cancelled, PurpleAccount *account, const char *who,
                           PurpleConversation *conversation, void *data)
{
	struct question *question = question_new(PURPLE_REQUEST_INPUT, account, title, primary, secondary, data);
	question->fallback = mem_strdup(text_or_null(fallback));
	question->masked = masked;
	question->multiline = multiline;
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

static void *request_fields(const char *title, const char *primary, const char *secondary, PurpleRequestFields *fields,
                            const char *ok_text, GCallback ok, const char *cancel_text, GCallback cancelled,
                            PurpleAccount *account, const char *who, PurpleConversation *conversation, void *data)
{
	struct question *question = question_new(PURPLE_REQUEST_FIELDS, account, title, primary, secondary, data);
	question->fields = fields;
	question->ok = ok;
	question->cancel = cancelled;
	if (!question->session || !form_is_password(fields))
		return put(question, title);
	session_fail(question->session, S2_ERROR_AUTHENTICATION_IMPOSSIBLE,
	             "The network asks for a password. Register again with the right one.");
	answer_later(question, -1);
	return put_aside(question);
}

static void *request_no_file(PurpleRequestType type, const char *title, GCallback cancelled, PurpleAccount *account,
                             void *data)
{
	struct question *question = question_new(type, account, title, NULL, NULL, data);
	if (question->session)
		questions_tell(question->session, "The network wants a file to be chosen, which cannot be done here.");
	question->cancel = cancelled;
	answer_later(question, -1);
	return put_aside(question);
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
	if (was_open && session->s2) {
		char id[16];
		snprintf(id, sizeof id, "%u", question->id);
		s2_ask_end(session->s2, id, S2_DONE, NULL);
	}
	question_free(question);
	if (was_open)
		ask(session, NULL);
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
	str_fini(&session->early);
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

void questions_stop(void)
{
	GHashTableIter each;
	gpointer value;
	g_hash_table_iter_init(&each, here.questions);
	while (g_hash_table_iter_next(&each, NULL, &value)) {
		struct question *question = value;
		question->own_answer = 0; /* with the loop */
		question_free(question);
	}
	g_hash_table_destroy(here.questions);
}
