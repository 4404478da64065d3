/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/frontend/dialogue.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/encode.h"
#include "lib/base/log.h"
#include "lib/base/random.h"
#include "spectrum/frontend/command.h"

#define LOG_AREA "command"
#define LOGIN_WAIT_MS 20000
#define TICK_MS 1000
#define PER_USER 8
#define DIALOGUES_MOST 5000
#define TEXT_BYTES 4096
#define LINES_BYTES 65536
#define NONCE_BYTES 16
#define MAC_BYTES 8

struct dialogue_table {
	struct frontend *frontend;
	struct list all; /* by what was done last, oldest first */
	unsigned count;
	struct timer *tick; /* runs while there is one */
	unsigned char key[32];
};

/* ---- Ids: a random number, and what proves that we gave it to this owner. So an id that is made up is told from one
 * whose dialogue is over, without a list of those. ---- */

static void add_mac(const struct dialogue_table *table, struct str *id, const char *owner)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	struct str text = {0};
	str_addf(&text, "%s %s", str_text(id), owner);
	HMAC(EVP_sha256(), table->key, sizeof table->key, (const unsigned char *)text.data, text.len, digest, &len);
	hex_encode(id, digest, MAC_BYTES);
	str_fini(&text);
}

static void make_id(const struct dialogue_table *table, const char *owner, char out[DIALOGUE_ID_BYTES + 1])
{
	unsigned char nonce[NONCE_BYTES];
	struct str id = {0};
	random_bytes(nonce, sizeof nonce);
	hex_encode(&id, nonce, sizeof nonce);
	add_mac(table, &id, owner);
	memcpy(out, id.data, DIALOGUE_ID_BYTES + 1);
	str_fini(&id);
}

static bool was_given(const struct dialogue_table *table, const char *owner, const char *id)
{
	struct str again = {0};
	if (strlen(id) != DIALOGUE_ID_BYTES)
		return false;
	str_add(&again, id, 2 * NONCE_BYTES);
	add_mac(table, &again, owner);
	bool given = !CRYPTO_memcmp(again.data, id, DIALOGUE_ID_BYTES);
	str_fini(&again);
	return given;
}

static const char *owner_of(const struct dialogue *dialogue, struct arena *arena)
{
	return dialogue->client ? arena_printf(arena, "%s/%s", dialogue->jid, dialogue->client) : dialogue->jid;
}

/* ---- The table ---- */

static void forget_values(struct dialogue *dialogue)
{
	while (dialogue->values) {
		struct dialogue_value *next = dialogue->values->next;
		mem_free_secret(dialogue->values->text);
		free(dialogue->values);
		dialogue->values = next;
	}
}

static void dialogue_free(struct dialogue *dialogue)
{
	struct dialogue_table *table = dialogue->frontend->dialogues;
	list_remove(&dialogue->node);
	if (!--table->count)
		timer_stop(table->tick);
	forget_values(dialogue);
	if (dialogue->reply)
		reply_free(dialogue->reply);
	arena_fini(&dialogue->arena);
	arena_fini(&dialogue->form_arena);
	free(dialogue->jid);
	free(dialogue->client);
	free(dialogue->contact);
	mem_free_secret(dialogue->argument);
	free(dialogue->question);
	free(dialogue->answered);
	free(dialogue->result);
	free(dialogue);
}

static void expire(struct dialogue *dialogue)
{
	const struct user *user = hub_user(dialogue->frontend->hub, dialogue->jid);
	if (dialogue->awaits_login) {
		dialogue_done(dialogue, NOTE_INFO, "%s%s%s",
		              user && user_is_online(user)
		                  ? "The network has your answer."
		                  : "The log-in to the network is under way and takes its time.",
		              dialogue->form.text ? " " : "", dialogue->form.text ? dialogue->form.text : "");
		return;
	}
	log_debug("expired user=%s command=%s", dialogue->jid, dialogue->command->node);
	dialogue->front->expired(dialogue);
	dialogue_free(dialogue);
}

static void tick(void *arg)
{
	struct dialogue_table *table = arg;
	uint64_t now = loop_now(table->frontend->loop);
	struct list all;
	list_move(&table->all, &all);
	while (!list_empty(&all)) {
		struct dialogue *dialogue = LIST_ITEM(all.next, struct dialogue, node);
		list_remove(&dialogue->node);
		list_append(&table->all, &dialogue->node);
		if (dialogue->due <= now)
			expire(dialogue);
	}
}

struct dialogue_table *dialogue_table_new(struct frontend *frontend)
{
	struct dialogue_table *table = mem_new(sizeof *table);
	table->frontend = frontend;
	list_init(&table->all);
	table->tick = timer_new(frontend->loop, tick, table);
	random_bytes(table->key, sizeof table->key);
	return table;
}

void dialogue_table_free(struct dialogue_table **at)
{
	struct dialogue_table *table = *at;
	if (!table)
		return;
	LIST_EACH (&table->all, node)
		dialogue_free(LIST_ITEM(node, struct dialogue, node));
	timer_free(&table->tick);
	free(table);
	*at = NULL;
}

static void clear_form(struct dialogue *dialogue)
{
	arena_reset(&dialogue->form_arena);
	dialogue->form = (struct s2_request){.title = dialogue->command->title, .fields = dialogue->fields};
	dialogue->asked_field = 0;
}

/* Who begins more and more gets them, and loses those that he left alone longest. False if he can't have one more. */
static bool make_room(struct dialogue_table *table, const char *jid)
{
	struct dialogue *oldest = NULL;
	unsigned count = 0;
	LIST_EACH (&table->all, node) {
		struct dialogue *dialogue = LIST_ITEM(node, struct dialogue, node);
		if (strcmp(dialogue->jid, jid))
			continue;
		if (!oldest && dialogue->state == DIALOGUE_ASKING)
			oldest = dialogue;
		count++;
	}
	if (count < PER_USER)
		return table->count < DIALOGUES_MOST;
	if (oldest)
		dialogue_free(oldest);
	return oldest;
}

struct dialogue *dialogue_new(const struct request *request, const struct dialogue_front *front,
                              const struct command *command, struct reply *reply)
{
	struct dialogue_table *table = request->frontend->dialogues;
	struct arena arena = {0};
	if (!make_room(table, request->from.bare)) {
		if (reply)
			reply_free(reply);
		return NULL;
	}
	struct dialogue *dialogue = mem_new(sizeof *dialogue);
	dialogue->frontend = request->frontend;
	dialogue->front = front;
	dialogue->command = command;
	dialogue->jid = mem_strdup(request->from.bare);
	dialogue->client = mem_strdup(text_or_null(request->from.resource));
	if (request->target == TARGET_CONTACT)
		dialogue->contact = mem_strdup(contact_name(&arena, request->user, request->to.node));
	dialogue->reply = reply;
	dialogue->step = -1;
	dialogue->rows_end = &dialogue->rows;
	clear_form(dialogue);
	make_id(table, owner_of(dialogue, &arena), dialogue->id);
	list_append(&table->all, &dialogue->node);
	if (!table->count++)
		timer_start(table->tick, TICK_MS, TICK_MS);
	dialogue_touch(dialogue);
	arena_fini(&arena);
	return dialogue;
}

struct dialogue *dialogue_find(struct dialogue_table *table, const struct jid *owner, const char *id, bool *ended)
{
	*ended = was_given(table, owner->full, id);
	LIST_EACH (&table->all, node) {
		struct dialogue *dialogue = LIST_ITEM(node, struct dialogue, node);
		if (*ended && !strcmp(dialogue->id, id)) {
			*ended = false;
			return dialogue;
		}
	}
	return NULL;
}

struct dialogue *dialogue_of_chat(struct dialogue_table *table, const char *jid, const struct dialogue_front *front)
{
	LIST_EACH (&table->all, node) {
		struct dialogue *dialogue = LIST_ITEM(node, struct dialogue, node);
		if (dialogue->front == front && !strcmp(dialogue->jid, jid))
			return dialogue;
	}
	return NULL;
}

void dialogue_touch(struct dialogue *dialogue)
{
	list_remove(&dialogue->node);
	list_append(&dialogue->frontend->dialogues->all, &dialogue->node);
	uint64_t seconds = (uint64_t)config_number(dialogue->frontend->config, "service.command_timeout");
	dialogue->due = loop_now(dialogue->frontend->loop) + seconds * 1000;
}

void dialogue_cancel(struct dialogue *dialogue)
{
	if (dialogue->question)
		question_answer(dialogue->frontend->hub, dialogue->jid, dialogue->question, NULL, 0);
	dialogue_free(dialogue);
}

struct dialogue_handle {
	struct dialogue_table *table;
	char id[DIALOGUE_ID_BYTES + 1];
};

struct dialogue_handle *dialogue_hold(const struct dialogue *dialogue)
{
	struct dialogue_handle *handle = mem_new(sizeof *handle);
	handle->table = dialogue->frontend->dialogues;
	memcpy(handle->id, dialogue->id, sizeof handle->id);
	return handle;
}

struct dialogue *dialogue_resume(struct dialogue_handle *handle)
{
	struct dialogue *found = NULL;
	LIST_EACH (&handle->table->all, node) {
		struct dialogue *dialogue = LIST_ITEM(node, struct dialogue, node);
		if (!strcmp(dialogue->id, handle->id))
			found = dialogue;
	}
	free(handle);
	return found;
}

/* ---- Values ---- */

const char *dialogue_value(const struct dialogue *dialogue, const char *name)
{
	for (const struct dialogue_value *value = dialogue->values; value; value = value->next) {
		if (!strcmp(value->name, name))
			return value->text;
	}
	return "";
}

bool dialogue_value_true(const struct dialogue *dialogue, const char *name)
{
	return !strcmp(dialogue_value(dialogue, name), "1");
}

static void put_value(struct dialogue *dialogue, const char *name, const char *text)
{
	struct dialogue_value *value = dialogue->values;
	while (value && strcmp(value->name, name))
		value = value->next;
	if (!value) {
		value = mem_new(sizeof *value + strlen(name) + 1);
		strcpy(value->name, name);
		value->next = dialogue->values;
		dialogue->values = value;
	}
	mem_free_secret(value->text);
	value->text = mem_strdup(text);
}

static const char *label_of(const struct s2_field *field)
{
	return text_empty(field->label) ? field->name : field->label;
}

/* Booleans become "1" or "0", options their value. */
static const char *check_choice(struct arena *arena, const struct s2_field *field, const char **value)
{
	static const struct {
		const char *said, *meant;
	} booleans[] = {{"1", "1"}, {"true", "1"}, {"yes", "1"}, {"0", "0"}, {"false", "0"}, {"no", "0"}};
	if (field->type == S2_FIELD_BOOLEAN) {
		for (size_t i = 0; i < sizeof booleans / sizeof *booleans; i++) {
			if (!strcasecmp(*value, booleans[i].said)) {
				*value = booleans[i].meant;
				return NULL;
			}
		}
		return arena_printf(arena, "%s: answer yes or no.", label_of(field));
	}
	for (size_t i = 0; i < field->option_count; i++) {
		if (!strcmp(*value, field->options[i].value))
			return NULL;
	}
	return arena_printf(arena, "%s: choose one of those that are offered.", label_of(field));
}

/* One address a line; they become prepared ones. */
static const char *check_addresses(struct arena *arena, const struct s2_field *field, const char **value)
{
	char *copy = arena_strdup(arena, *value), *rest = copy, *line;
	struct str all = {0};
	const char *wrong = NULL;
	while (!wrong && (line = strsep(&rest, field->type == S2_FIELD_JIDS ? "\n" : "")) != NULL) {
		struct jid jid;
		if (!*line && field->type == S2_FIELD_JIDS)
			continue;
		if (!jid_parse(arena, line, &jid))
			wrong = arena_printf(arena, "%s: %.100s is no address.", label_of(field), line);
		else
			str_addf(&all, "%s%s", all.len ? "\n" : "", jid.full);
	}
	*value = arena_strdup(arena, str_text(&all));
	str_fini(&all);
	return wrong;
}

const char *dialogue_fill(struct dialogue *dialogue, struct arena *arena, const struct s2_field *field,
                          const char *value)
{
	const char *wrong = NULL;
	size_t most = field->type == S2_FIELD_LINES || field->type == S2_FIELD_JIDS ? LINES_BYTES : TEXT_BYTES;
	if (text_empty(value) && field->required)
		wrong = arena_printf(arena, "%s: this has to be filled in.", label_of(field));
	else if (value && strlen(value) > most)
		wrong = arena_printf(arena, "%s: this is too long.", label_of(field));
	else if (text_empty(value))
		value = "";
	else if (field->type == S2_FIELD_BOOLEAN || field->type == S2_FIELD_LIST)
		wrong = check_choice(arena, field, &value);
	else if (field->type == S2_FIELD_JID || field->type == S2_FIELD_JIDS)
		wrong = check_addresses(arena, field, &value);
	if (!wrong)
		put_value(dialogue, field->name, value);
	return wrong;
}

/* ---- The form ---- */

static const struct s2_option *copy_options(struct arena *arena, const struct s2_field *field)
{
	struct s2_option *options = arena_alloc(arena, field->option_count * sizeof *options);
	for (size_t i = 0; i < field->option_count; i++)
		options[i] = (struct s2_option){arena_strdup(arena, field->options[i].value),
		                                arena_strdup(arena, field->options[i].label)};
	return options;
}

void dialogue_field(struct dialogue *dialogue, const struct s2_field *field)
{
	struct arena *arena = &dialogue->form_arena;
	dialogue->asks = true;
	if (dialogue->probing || dialogue->form.field_count == DIALOGUE_FIELDS)
		return;
	const char *value = field->value;
	for (const struct dialogue_value *old = dialogue->values; old; old = old->next) {
		if (!strcmp(old->name, field->name))
			value = old->text;
	}
	struct s2_field *copy = &dialogue->fields[dialogue->form.field_count++];
	*copy = *field;
	copy->name = arena_strdup(arena, field->name);
	copy->label = arena_strdup(arena, field->label);
	/* A secret is shown to nobody, its owner among them. */
	copy->value = field->type == S2_FIELD_PRIVATE ? NULL : arena_strdup(arena, value);
	copy->options = copy_options(arena, field);
}

void dialogue_text(struct dialogue *dialogue, const char *format, ...)
{
	va_list args;
	struct str text = {0};
	if (dialogue->probing)
		return;
	va_start(args, format);
	str_addv(&text, format, args);
	va_end(args);
	dialogue->form.text = arena_strdup(&dialogue->form_arena, str_text(&text));
	str_fini(&text);
}

void dialogue_column(struct dialogue *dialogue, enum s2_field_type type, const char *name, const char *label)
{
	if (dialogue->column_count < DIALOGUE_COLUMNS)
		dialogue->columns[dialogue->column_count++] =
		    (struct s2_field){.name = name, .label = label, .type = type};
}

void dialogue_row(struct dialogue *dialogue, const char *const *cells)
{
	struct dialogue_row *row = arena_alloc(&dialogue->arena, sizeof *row);
	for (unsigned i = 0; i < dialogue->column_count; i++)
		row->cells[i] = arena_strdup(&dialogue->arena, cells[i] ? cells[i] : "");
	*dialogue->rows_end = row;
	dialogue->rows_end = &row->next;
}

/* ---- The way through the steps ---- */

static bool has_step(const struct dialogue *dialogue, int step)
{
	return step >= 0 && step < COMMAND_STEPS && dialogue->command->steps[step];
}

static void ask(struct dialogue *dialogue, const char *note)
{
	dialogue->state = DIALOGUE_ASKING;
	dialogue->front->ask(dialogue, note);
}

/* The form of a step; false if it asks nothing. */
static bool fill_form(struct dialogue *dialogue, int step)
{
	clear_form(dialogue);
	dialogue->command->steps[step](dialogue);
	return dialogue->form.field_count > 0;
}

/* Hands the answer to the network; what it says to that is the next step. */
static void answer_question(struct dialogue *dialogue)
{
	struct s2_setting values[DIALOGUE_FIELDS];
	size_t count = 0;
	struct hub *hub = dialogue->frontend->hub;
	const struct s2_request *form = &dialogue->form;
	char *id = dialogue->question;
	if (!form->field_count && question_find(hub, dialogue->jid, id)) {
		ask(dialogue, NULL); /* only shown: not done yet */
		return;
	}
	for (; count < form->field_count; count++)
		values[count] =
		    (struct s2_setting){form->fields[count].name, dialogue_value(dialogue, form->fields[count].name)};
	dialogue->question = NULL;
	free(dialogue->answered);
	dialogue->answered = id;
	dialogue->state = DIALOGUE_WORKING;
	bool taken = question_answer(hub, dialogue->jid, id, values, count);
	forget_values(dialogue);
	clear_form(dialogue);
	if (taken)
		dialogue_await_login(dialogue);
	else
		dialogue_done(dialogue, NOTE_WARN, "The network does not wait for this answer any more.");
}

void dialogue_next(struct dialogue *dialogue)
{
	if (dialogue->question) {
		answer_question(dialogue);
		return;
	}
	if (dialogue->step >= 0)
		dialogue->asked_steps |= 1u << dialogue->step;
	while (has_step(dialogue, ++dialogue->step)) {
		if (fill_form(dialogue, dialogue->step)) {
			ask(dialogue, NULL);
			return;
		}
	}
	dialogue->state = DIALOGUE_WORKING;
	clear_form(dialogue);
	dialogue->command->finish(dialogue);
}

static bool step_asks(struct dialogue *dialogue, int step)
{
	struct s2_request form = dialogue->form;
	dialogue->probing = true;
	dialogue->asks = false;
	dialogue->command->steps[step](dialogue);
	dialogue->probing = false;
	dialogue->form = form;
	return dialogue->asks;
}

bool dialogue_has_next(struct dialogue *dialogue)
{
	bool asks = false;
	for (int step = dialogue->step + 1; !dialogue->question && !asks && has_step(dialogue, step); step++)
		asks = step_asks(dialogue, step);
	return asks;
}

/* The last step before `step` that had something to ask; -1 if none did. */
static int asked_before(const struct dialogue *dialogue, int step)
{
	while (--step >= 0 && !(dialogue->asked_steps & 1u << step))
		;
	return step;
}

bool dialogue_has_previous(const struct dialogue *dialogue)
{
	return !dialogue->question && asked_before(dialogue, dialogue->step) >= 0;
}

void dialogue_previous(struct dialogue *dialogue)
{
	dialogue->step = asked_before(dialogue, dialogue->step);
	dialogue->asked_steps &= ~(1u << dialogue->step);
	fill_form(dialogue, dialogue->step);
	ask(dialogue, NULL);
}

void dialogue_again(struct dialogue *dialogue, const char *reason)
{
	int step = asked_before(dialogue, dialogue->step);
	if (step < 0) {
		dialogue_done(dialogue, NOTE_ERROR, "%s", reason);
		return;
	}
	struct arena arena = {0};
	const char *copy = arena_strdup(&arena, reason);
	dialogue->step = step;
	dialogue->asked_steps &= ~(1u << step);
	fill_form(dialogue, step);
	ask(dialogue, copy);
	arena_fini(&arena);
}

void dialogue_done(struct dialogue *dialogue, enum dialogue_note note, const char *format, ...)
{
	va_list args;
	struct str text = {0};
	va_start(args, format);
	str_addv(&text, format, args);
	va_end(args);
	if (dialogue->front->reachable && !dialogue->front->reachable(dialogue)) {
		free(dialogue->result);
		dialogue->result = str_take(&text);
		dialogue->result_note = note;
		dialogue->awaits_login = false;
		dialogue->state = DIALOGUE_ASKING;
		dialogue_touch(dialogue);
		return;
	}
	dialogue->front->done(dialogue, note, str_text(&text));
	str_fini(&text);
	dialogue_free(dialogue);
}

/* ---- The start ---- */

static void account_known(void *arg, const struct account_info *info, enum s2_condition condition, const char *text)
{
	struct dialogue *dialogue = dialogue_resume(arg);
	if (!dialogue)
		return;
	if (info) {
		struct arena *arena = &dialogue->arena;
		struct s2_setting *settings = arena_alloc(arena, info->setting_count * sizeof *settings);
		for (size_t i = 0; i < info->setting_count; i++)
			settings[i] = (struct s2_setting){arena_strdup(arena, info->settings[i].key),
			                                  arena_strdup(arena, info->settings[i].value)};
		dialogue->account = *info;
		dialogue->account.name = arena_strdup(arena, info->name);
		dialogue->account.settings = settings;
	}
	const char *why = command_refused(dialogue->frontend, dialogue->command, dialogue->jid, info, &condition);
	if (why) {
		dialogue->front->refuse(dialogue, condition, why);
		dialogue_free(dialogue);
		return;
	}
	dialogue_next(dialogue);
}

void dialogue_start(struct dialogue *dialogue)
{
	account_get(dialogue->frontend->hub, dialogue->jid, account_known, dialogue_hold(dialogue));
}

/* ---- Log-in ---- */

void dialogue_await_login(struct dialogue *dialogue)
{
	dialogue->awaits_login = true;
	dialogue->due = loop_now(dialogue->frontend->loop) + LOGIN_WAIT_MS;
}

void dialogue_ask_question(struct dialogue *dialogue, const struct s2_request *request)
{
	struct arena *arena = &dialogue->form_arena;
	/* A field may have the name of one that was filled in before. */
	forget_values(dialogue);
	clear_form(dialogue);
	dialogue->awaits_login = false;
	free(dialogue->question);
	dialogue->question = mem_strdup(request->id);
	if (request->title)
		dialogue->form.title = arena_strdup(arena, request->title);
	dialogue->form.text = arena_strdup(arena, request->text);
	dialogue->form.url = arena_strdup(arena, request->url);
	dialogue->form.seconds = request->seconds;
	for (size_t i = 0; i < request->field_count; i++)
		dialogue_field(dialogue, &request->fields[i]);
	if (request->image) {
		dialogue->form.image =
		    memcpy(arena_alloc(arena, request->image_bytes), request->image, request->image_bytes);
		dialogue->form.image_bytes = request->image_bytes;
		dialogue->form.image_type = arena_strdup(arena, request->image_type);
	}
	dialogue_touch(dialogue);
	ask(dialogue, NULL);
}

const char *dialogue_form_type(const struct dialogue *dialogue)
{
	return dialogue->question ? "urn:spectrum2:command:answer" : dialogue->command->form_type;
}

static bool is_of(const struct dialogue *dialogue, const char *jid)
{
	return !dialogue->result && !strcmp(dialogue->jid, jid);
}

bool dialogue_question(struct frontend *frontend, const char *jid, const struct s2_request *request)
{
	LIST_EACH (&frontend->dialogues->all, node) {
		struct dialogue *dialogue = LIST_ITEM(node, struct dialogue, node);
		if (!is_of(dialogue, jid) || !(dialogue->awaits_login || text_equal(dialogue->question, request->id)))
			continue;
		dialogue_ask_question(dialogue, request);
		return true;
	}
	return false;
}

bool dialogue_question_end(struct frontend *frontend, const char *jid, const char *id, enum s2_condition condition,
                           const char *text)
{
	bool known = false;
	LIST_EACH (&frontend->dialogues->all, node) {
		struct dialogue *dialogue = LIST_ITEM(node, struct dialogue, node);
		bool asks = text_equal(dialogue->question, id);
		bool answered = dialogue->awaits_login && text_equal(dialogue->answered, id);
		if (!is_of(dialogue, jid) || (!asks && !answered))
			continue;
		known = true;
		free(dialogue->question);
		dialogue->question = NULL;
		dialogue_done(dialogue, condition == S2_DONE ? NOTE_INFO : NOTE_ERROR, "%s",
		              text                   ? text
		              : condition == S2_DONE ? "The network has your answer."
		                                     : "The network does not wait for an answer any more.");
	}
	return known;
}

void dialogue_login_state(struct frontend *frontend, const char *jid, enum account_state state, const char *text)
{
	LIST_EACH (&frontend->dialogues->all, node) {
		struct dialogue *dialogue = LIST_ITEM(node, struct dialogue, node);
		/* A picture that is only shown is done with when the log-in is. */
		bool shows = dialogue->question && !dialogue->form.field_count && state != ACCOUNT_CONNECTING;
		if (!is_of(dialogue, jid) || !(dialogue->awaits_login || shows))
			continue;
		if (state == ACCOUNT_ONLINE)
			dialogue_done(dialogue, NOTE_INFO, "You are logged in to the network.");
		else if (state == ACCOUNT_OFFLINE)
			dialogue_done(dialogue, NOTE_ERROR, "The log-in did not succeed. %s", text ? text : "");
		else if (!text_empty(text))
			dialogue_text(dialogue, "%s", text); /* why it takes so long */
	}
}
