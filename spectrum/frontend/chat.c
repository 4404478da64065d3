/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands by chat with the gateway's own JID, for clients that have no window for ad-hoc commands: a word begins one,
 * then comes one question after the other. Everything is said in stanzas of our own; none of what a user writes is
 * logged. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "spectrum/frontend/command.h"
#include "spectrum/frontend/question.h"

#define BLANKS " \t\r\n"

/* ---- Out ---- */

/* With the picture of `form` (may be NULL). */
static void say_with(struct frontend *frontend, const char *to, const char *text, const struct s2_request *form)
{
	struct writer *writer = stanza_open(frontend, "message", UPSTREAM_KEPT, frontend->jid, to, "chat");
	content_write_id(writer, NULL);
	xml_leaf(writer, "body", NULL, text);
	if (form)
		question_write_picture(frontend, writer, form, text);
	stanza_close(frontend);
}

static void say(struct frontend *frontend, const char *to, const char *text)
{
	say_with(frontend, to, text, NULL);
}

/* To the owner of a dialogue; the text is freed. */
static void say_all(struct dialogue *dialogue, struct str *text)
{
	struct arena arena = {0};
	const char *to =
	    dialogue->client ? arena_printf(&arena, "%s/%s", dialogue->jid, dialogue->client) : dialogue->jid;
	const struct s2_request *form =
	    dialogue->state == DIALOGUE_ASKING && dialogue->asked_field == 0 ? &dialogue->form : NULL;
	say_with(dialogue->frontend, to, str_text(text), form);
	str_fini(text);
	arena_fini(&arena);
}

static const char *label_of(const struct s2_field *field)
{
	return text_empty(field->label) ? field->name : field->label;
}

/* What a value means to people: options by their label. */
static const char *shown(const struct s2_field *field, const char *value)
{
	if (field->type == S2_FIELD_BOOLEAN)
		return text_equal(value, "1") ? "yes" : "no";
	for (size_t i = 0; i < field->option_count; i++) {
		if (text_equal(field->options[i].value, value) && !text_empty(field->options[i].label))
			return field->options[i].label;
	}
	return value;
}

static void add_question(struct str *out, const struct s2_field *field)
{
	str_addf(out, "%s", label_of(field));
	if (field->type == S2_FIELD_BOOLEAN)
		str_adds(out, " (yes or no)");
	if (field->type == S2_FIELD_JIDS || field->type == S2_FIELD_LINES)
		str_adds(out, " (one or more lines)");
	for (size_t i = 0; i < field->option_count; i++)
		str_addf(out, "\n%zu: %s", i + 1, shown(field, field->options[i].value));
	str_adds(out, out->len && out->data[out->len - 1] == ':' ? "" : "?");
	if (!text_empty(field->value))
		str_addf(out, "\nNow: %s. Write - to leave it so.", shown(field, field->value));
	else if (!field->required)
		str_adds(out, "\nWrite - to leave it empty.");
	if (field->type == S2_FIELD_PRIVATE)
		str_adds(out, "\nMind that clients and servers keep what you write here. Remove the message later, or "
		              "use a client that shows the gateway's commands.");
}

static void add_introduction(struct str *out, const struct s2_request *form)
{
	str_addf(out, "%s\n", form->title ? form->title : "");
	if (!text_empty(form->text))
		str_addf(out, "%s\n", form->text);
	if (!text_empty(form->url))
		str_addf(out, "%s\n", form->url);
}

static void ask_field(struct dialogue *dialogue, const char *note)
{
	struct str text = {0};
	if (note)
		str_addf(&text, "%s\n", note);
	if (dialogue->asked_field == 0)
		add_introduction(&text, &dialogue->form);
	if (!dialogue->form.field_count) { /* nothing to answer: what comes of it comes by itself */
		say_all(dialogue, &text);
		return;
	}
	add_question(&text, &dialogue->form.fields[dialogue->asked_field]);
	if (dialogue->asked_field == 0 && !note)
		str_adds(&text, "\n(\"cancel\" ends this.)");
	say_all(dialogue, &text);
}

/* ---- Answers ---- */

/* The option that he means by number, label or value; else his own words. */
static const char *meant(const struct s2_field *field, const char *said)
{
	char *end;
	unsigned long number = strtoul(said, &end, 10);
	for (size_t i = 0; i < field->option_count; i++) {
		if (!strcasecmp(said, field->options[i].value) ||
		    !strcasecmp(said, shown(field, field->options[i].value)))
			return field->options[i].value;
	}
	return *said && !*end && number >= 1 && number <= field->option_count ? field->options[number - 1].value : said;
}

/* NULL, or what is wrong with the answer. */
static const char *take_answer(struct dialogue *dialogue, struct arena *arena, const struct s2_field *field,
                               const char *said)
{
	const char *value = strcmp(said, "-") ? meant(field, said) : field->value;
	return dialogue_fill(dialogue, arena, field, value ? arena_strdup(arena, value) : NULL);
}

/* On to the next question, behind a note (may be NULL); the last one may end it. */
static void advance(struct dialogue *dialogue, const char *note)
{
	if (++dialogue->asked_field < dialogue->form.field_count)
		ask_field(dialogue, note);
	else
		dialogue_next(dialogue);
}

/* The first answer stood behind the command: whoever wrote more there than one answer sees how it was understood. */
static void advance_from_first(struct dialogue *dialogue, struct arena *arena, const char *said)
{
	const struct s2_field *field = &dialogue->form.fields[0];
	bool secret = field->type == S2_FIELD_PRIVATE;
	advance(dialogue, secret ? NULL : arena_printf(arena, "%s: %s", label_of(field), shown(field, said)));
}

/* "stay_connected yes" behind a command sets this one and leaves all others: false if it begins with no field's name.
 */
static bool take_named(struct dialogue *dialogue, struct arena *arena, const char *argument, const char **wrong)
{
	size_t len = strcspn(argument, BLANKS "=");
	const char *value = argument + len + strspn(argument + len, BLANKS "=");
	const struct s2_field *named = NULL;
	for (size_t i = 0; i < dialogue->form.field_count; i++) {
		const struct s2_field *field = &dialogue->form.fields[i];
		if (strlen(field->name) == len && !strncasecmp(field->name, argument, len))
			named = field;
	}
	if (!named || !*value)
		return false;
	*wrong = take_answer(dialogue, arena, named, value);
	for (size_t i = 0; !*wrong && i < dialogue->form.field_count; i++) {
		const struct s2_field *field = &dialogue->form.fields[i];
		if (field != named)
			*wrong = take_answer(dialogue, arena, field, "-");
	}
	return true;
}

static void chat_ask(struct dialogue *dialogue, const char *note)
{
	char *argument = dialogue->argument;
	if (!argument) {
		ask_field(dialogue, note);
		return;
	}
	struct arena arena = {0};
	const char *wrong = NULL;
	dialogue->argument = NULL;
	if (take_named(dialogue, &arena, argument, &wrong)) {
		if (wrong)
			ask_field(dialogue, wrong);
		else
			dialogue_next(dialogue);
	} else if ((wrong = take_answer(dialogue, &arena, &dialogue->form.fields[0], argument)) != NULL) {
		ask_field(dialogue, wrong);
	} else {
		advance_from_first(dialogue, &arena, argument);
	}
	mem_free_secret(argument);
	arena_fini(&arena);
}

static void chat_done(struct dialogue *dialogue, enum dialogue_note note, const char *text)
{
	struct str out = {0};
	str_adds(&out, text);
	for (const struct dialogue_row *row = dialogue->rows; row; row = row->next) {
		for (unsigned i = 0; i < dialogue->column_count; i++)
			str_addf(&out, "%s%s", i ? " | " : "\n", row->cells[i]);
	}
	say_all(dialogue, &out);
}

static void chat_refuse(struct dialogue *dialogue, enum s2_condition condition, const char *text)
{
	struct str out = {0};
	str_adds(&out, text);
	say_all(dialogue, &out);
}

static void chat_expired(struct dialogue *dialogue)
{
	struct str out = {0};
	str_addf(&out, "\"%s\" is cancelled, as you did not answer.", dialogue->command->title);
	say_all(dialogue, &out);
}

static const struct dialogue_front chat_front = {
    .ask = chat_ask, .done = chat_done, .refuse = chat_refuse, .expired = chat_expired};

/* ---- In ---- */

static void cancel(struct dialogue *dialogue)
{
	struct str out = {0};
	str_addf(&out, "\"%s\" is cancelled.", dialogue->command->title);
	say_all(dialogue, &out);
	dialogue_cancel(dialogue);
}

static void go_on(struct request *request, struct dialogue *dialogue, const char *said)
{
	mem_replace(&dialogue->client, text_or_null(request->from.resource));
	if (!strcasecmp(said, "cancel")) {
		cancel(dialogue);
		return;
	}
	if (dialogue->state != DIALOGUE_ASKING) {
		say(request->frontend, request->from.full,
		    "The last command is still being worked on. \"cancel\" ends it.");
		return;
	}
	dialogue_touch(dialogue);
	if (!dialogue->form.field_count) {
		dialogue_next(dialogue);
		return;
	}
	const struct s2_field *field = &dialogue->form.fields[dialogue->asked_field];
	const char *wrong = take_answer(dialogue, request->arena, field, said);
	if (wrong)
		ask_field(dialogue, wrong);
	else
		advance(dialogue, NULL);
}

/* ---- Questions of the network, unasked for ---- */

void chat_question(struct frontend *frontend, const struct user *user, const struct s2_request *request)
{
	const struct jid from = {
	    .bare = user_jid(user), .full = user_jid(user), .node = "", .domain = "", .resource = ""};
	const struct request owner = {.frontend = frontend, .from = from};
	struct dialogue *dialogue = NULL;
	/* Not if he is in the middle of something, or if there is nothing to answer. */
	if (request->field_count && !dialogue_of_chat(frontend->dialogues, user_jid(user), &chat_front))
		dialogue = dialogue_new(&owner, &chat_front, command_find("answer"), NULL);
	if (dialogue) {
		dialogue_ask_question(dialogue, request);
		return;
	}
	struct str text = {0};
	add_introduction(&text, request);
	if (request->field_count)
		str_adds(&text, "Write \"answer\" when you are ready to answer this.");
	say_with(frontend, user_jid(user), str_text(&text), request);
	str_fini(&text);
}

void chat_question_end(struct frontend *frontend, const struct user *user, const char *text)
{
	say(frontend, user_jid(user), text);
}

/* ---- Administrators: their words come before those of users ---- */

struct admin_talk {
	struct frontend *frontend;
	bool help;
	char to[];
};

static void admin_answered(void *arg, const char *text)
{
	struct admin_talk *talk = arg;
	struct str out = {0};
	str_adds(&out, *text ? text : "(nothing)");
	if (talk->help)
		str_adds(&out, "\nWhat every user may do: write \"my help\". \"my\" before a word is yourself.");
	say(talk->frontend, talk->to, str_text(&out));
	str_fini(&out);
	free(talk);
}

/* Two words that need more behind them in the administration mean himself where nothing follows. */
static bool is_for_admin(const char *said)
{
	return admin_knows(said) && strcmp(said, "register") && strcmp(said, "unregister");
}

static void administrate(struct request *request, const char *said)
{
	struct admin_talk *talk = mem_new(sizeof *talk + strlen(request->from.full) + 1);
	talk->frontend = request->frontend;
	talk->help = !strcmp(said, "help");
	strcpy(talk->to, request->from.full);
	admin_run(request->frontend->hub, said, admin_answered, talk);
}

static void begin(struct request *request, const char *said)
{
	size_t len = strcspn(said, BLANKS);
	const char *argument = said + len + strspn(said + len, BLANKS);
	const struct command *command = command_of_word(said, len);
	if (!command) {
		say(request->frontend, request->from.full,
		    "This is a gateway to another network. Write \"help\" to see what it can do.");
		return;
	}
	struct dialogue *dialogue = dialogue_new(request, &chat_front, command, NULL);
	if (!dialogue) {
		say(request->frontend, request->from.full, "Too many commands are being given. Try again later.");
		return;
	}
	dialogue->argument = mem_strdup(text_or_null(argument));
	dialogue_start(dialogue);
}

/* Without the blanks around it. */
static const char *trimmed(struct arena *arena, const char *body)
{
	body += strspn(body, BLANKS);
	size_t len = strlen(body);
	while (len && strchr(BLANKS, body[len - 1]))
		len--;
	return arena_strndup(arena, body, len);
}

void chat_received(struct request *request, const char *body)
{
	const char *said = trimmed(request->arena, body);
	/* Only people are answered: another gateway might answer the answer, for ever. */
	if (!*request->from.node || !*said)
		return;
	struct frontend *frontend = request->frontend;
	struct dialogue *dialogue = dialogue_of_chat(frontend->dialogues, request->from.bare, &chat_front);
	bool mine = !strncasecmp(said, "my ", 3);
	if (dialogue)
		go_on(request, dialogue, said);
	else if (!mine && is_for_admin(said) && account_is_admin(frontend->hub, request->from.bare))
		administrate(request, said);
	else
		begin(request, mine ? said + 3 + strspn(said + 3, BLANKS) : said);
}
