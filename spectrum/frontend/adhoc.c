/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ad-hoc commands (XEP-0050): the front of dialogues for clients that have a window for them, and what service
 * discovery says of commands. A request for a step that takes time is answered when the step is done. */
#include <stdlib.h>
#include <string.h>

#include "lib/xmpp/form.h"
#include "lib/xmpp/parser.h"
#include "spectrum/frontend/command.h"
#include "spectrum/frontend/foreign.h"
#include "spectrum/frontend/question.h"

/* ---- Out ---- */

/* An answer with <command/> open, on behalf of `reply`. */
static struct writer *open_command(const struct reply *reply, const char *node, const char *id, const char *status)
{
	struct writer *writer = reply_open(reply);
	xml_open(writer, "command", NS_COMMANDS);
	xml_attr(writer, "node", node);
	xml_attr(writer, "sessionid", id);
	xml_attr(writer, "status", status);
	xml_attr(writer, "xml:lang", "en"); /* section 3.7: whichever was asked for, this is what there is */
	return writer;
}

static void write_note(struct writer *writer, enum dialogue_note note, const char *text)
{
	static const char *const types[] = {[NOTE_INFO] = "info", [NOTE_WARN] = "warn", [NOTE_ERROR] = "error"};
	if (text_empty(text))
		return;
	xml_open(writer, "note", NULL);
	xml_attr(writer, "type", types[note]);
	xml_text(writer, text);
	xml_close(writer);
}

/* What comes after an answer to the network nobody knows before. */
static void write_actions(struct dialogue *dialogue, struct writer *writer)
{
	bool next = dialogue->question || dialogue_has_next(dialogue);
	xml_open(writer, "actions", NULL);
	xml_attr(writer, "execute", next ? "next" : "complete");
	if (dialogue_has_previous(dialogue))
		xml_empty(writer, "prev", NULL);
	if (next)
		xml_empty(writer, "next", NULL);
	if (!dialogue_has_next(dialogue))
		xml_empty(writer, "complete", NULL);
	xml_close(writer);
}

/* A picture (XEP-0221); its bytes come beside the form if they are few, else they are asked for (XEP-0231). */
static void write_picture(struct dialogue *dialogue, struct writer *writer)
{
	struct frontend *frontend = dialogue->frontend;
	const char *cid = question_image_id(&frontend->arena, &dialogue->form);
	if (!cid)
		return;
	xml_open(writer, "field", NULL);
	xml_attr(writer, "type", "text-single");
	xml_attr(writer, "var", "picture");
	xml_attr(writer, "label", "Picture");
	xml_open(writer, "media", NS_MEDIA);
	xml_open(writer, "uri", NULL);
	xml_attr(writer, "type", question_image_type(&dialogue->form));
	xml_textf(writer, "cid:%s", cid);
	xml_close(writer);
	xml_close(writer);
	xml_close(writer);
}

static void write_form(struct dialogue *dialogue, struct writer *writer)
{
	const struct s2_request *form = &dialogue->form;
	const char *text = form->text;
	if (!text_empty(form->url))
		text =
		    arena_printf(&dialogue->frontend->arena, "%s%s%s", text ? text : "", text ? "\n" : "", form->url);
	form_open(writer, "form", dialogue_form_type(dialogue), form->title, text);
	write_picture(dialogue, writer);
	for (size_t i = 0; i < form->field_count; i++)
		form_ask(writer, &form->fields[i], false);
	form_close(writer);
}

static void write_cells(const struct dialogue *dialogue, struct writer *writer, const char *const *cells)
{
	xml_open(writer, "item", NULL);
	for (unsigned i = 0; i < dialogue->column_count; i++) {
		struct s2_field field = dialogue->columns[i];
		xml_open(writer, "field", NULL);
		xml_attr(writer, "var", field.name);
		xml_leaf(writer, "value", NULL, cells[i]);
		xml_close(writer);
	}
	xml_close(writer);
}

static void write_result(const struct dialogue *dialogue, struct writer *writer)
{
	const struct s2_request *form = &dialogue->form;
	if (!form->field_count && !dialogue->rows)
		return;
	form_open(writer, "result", dialogue->command->form_type, dialogue->command->title, NULL);
	for (size_t i = 0; i < form->field_count; i++)
		form_ask(writer, &form->fields[i], true);
	if (dialogue->rows) {
		xml_open(writer, "reported", NULL);
		for (unsigned i = 0; i < dialogue->column_count; i++)
			form_ask(writer, &dialogue->columns[i], true);
		xml_close(writer);
	}
	for (const struct dialogue_row *row = dialogue->rows; row; row = row->next)
		write_cells(dialogue, writer, row->cells);
	form_close(writer);
}

/* Each request has one answer: what comes without one asking for it is dropped. */
static struct reply *take_reply(struct dialogue *dialogue)
{
	struct reply *reply = dialogue->reply;
	dialogue->reply = NULL;
	return reply;
}

static void adhoc_ask(struct dialogue *dialogue, const char *note)
{
	struct reply *reply = take_reply(dialogue);
	if (!reply)
		return;
	struct writer *writer = open_command(reply, dialogue->command->node, dialogue->id, "executing");
	write_actions(dialogue, writer);
	write_form(dialogue, writer);
	question_write_image(writer, &dialogue->form, true);
	if (!text_empty(dialogue->form.url)) {
		xml_open(writer, "x", NS_OOB);
		xml_leaf(writer, "url", NULL, dialogue->form.url);
		xml_close(writer);
	}
	write_note(writer, NOTE_ERROR, note);
	xml_close(writer);
	stanza_close(dialogue->frontend);
	reply_free(reply);
}

static void adhoc_done(struct dialogue *dialogue, enum dialogue_note note, const char *text)
{
	struct reply *reply = take_reply(dialogue);
	if (!reply)
		return;
	struct writer *writer = open_command(reply, dialogue->command->node, dialogue->id, "completed");
	write_note(writer, note, text);
	write_result(dialogue, writer);
	xml_close(writer);
	stanza_close(dialogue->frontend);
	reply_free(reply);
}

static void adhoc_refuse(struct dialogue *dialogue, enum s2_condition condition, const char *text)
{
	struct reply *reply = take_reply(dialogue);
	if (!reply)
		return;
	reply_refuse(reply, condition, text);
	reply_free(reply);
}

/* He finds out when he goes on: nobody looks at a window that was left open. */
static void adhoc_expired(struct dialogue *dialogue)
{
	adhoc_refuse(dialogue, S2_REMOTE_SERVER_TIMEOUT, "This took too long. Begin again.");
}

static bool adhoc_reachable(const struct dialogue *dialogue)
{
	return dialogue->reply;
}

static const struct dialogue_front adhoc_front = {.ask = adhoc_ask,
                                                  .done = adhoc_done,
                                                  .refuse = adhoc_refuse,
                                                  .expired = adhoc_expired,
                                                  .reachable = adhoc_reachable};

/* ---- In ---- */

enum action { EXECUTE, NEXT, PREV, COMPLETE, CANCEL, UNKNOWN };

static enum action action_of(const struct element *command)
{
	static const char *const names[] = {
	    [EXECUTE] = "execute", [NEXT] = "next", [PREV] = "prev", [COMPLETE] = "complete", [CANCEL] = "cancel"};
	const char *name = element_get(command, "action");
	for (size_t i = 0; name && i < sizeof names / sizeof *names; i++) {
		if (!strcmp(name, names[i]))
			return (enum action)i;
	}
	return name ? UNKNOWN : EXECUTE;
}

/* One of the errors that XEP-0050 section 4.5 names. */
static void refuse(const struct request *request, enum s2_condition condition, const char *name, const char *text)
{
	struct writer *writer =
	    stanza_open(request->frontend, "iq", UPSTREAM_PASSING, request->to.full, request->from.full, "error");
	xml_attr(writer, "id", request->id);
	xml_error_of(writer, condition, name, NS_COMMANDS, text);
	stanza_close(request->frontend);
}

static void begin(struct request *request, const char *node, enum action action)
{
	const struct command *command = command_find(node);
	if (!command || (request->target == TARGET_CONTACT && !command_is_of_contacts(command))) {
		stanza_refuse(request, S2_ITEM_NOT_FOUND, "There is no such command.");
		return;
	}
	if (action == CANCEL || action == PREV) {
		refuse(request, S2_BAD_REQUEST, "bad-action", "Name the session that this is about.");
		return;
	}
	struct dialogue *dialogue = dialogue_new(request, &adhoc_front, command, reply_new(request));
	if (dialogue)
		dialogue_start(dialogue);
	else
		stanza_refuse(request, S2_RESOURCE_CONSTRAINT, "Too many commands are being given. Try again later.");
}

/* What was filled in. NULL, or what is wrong with it. */
static const char *read_form(struct request *request, struct dialogue *dialogue, const struct element *form)
{
	struct arena *arena = request->arena;
	const char *type = form_value(arena, form, "FORM_TYPE"), *wrong = NULL;
	if (!form && dialogue->form.field_count)
		return "Send the form that was asked for.";
	if (form && !text_equal(element_get(form, "type"), "submit"))
		return "Fill in the form and submit it.";
	if (type && strcmp(type, dialogue_form_type(dialogue)))
		return "This is the form of something else.";
	for (size_t i = 0; !wrong && i < dialogue->form.field_count; i++) {
		const struct s2_field *field = &dialogue->form.fields[i];
		const char *value = form_values(arena, form, field->name);
		/* What is left out stays as it was shown; a secret that was given before, too. */
		if (!value && field->type == S2_FIELD_PRIVATE)
			value = text_or_null(dialogue_value(dialogue, field->name));
		if (!value)
			value = field->value;
		wrong = dialogue_fill(dialogue, arena, field, value ? arena_strdup(arena, value) : NULL);
	}
	return wrong;
}

static void cancel(struct request *request, struct dialogue *dialogue)
{
	struct reply *reply = reply_new(request);
	xml_close(open_command(reply, dialogue->command->node, dialogue->id, "canceled"));
	stanza_close(request->frontend);
	reply_free(reply);
	adhoc_refuse(dialogue, S2_RECIPIENT_UNAVAILABLE, "You have cancelled this.");
	dialogue_cancel(dialogue);
}

static void go_on(struct request *request, struct dialogue *dialogue, enum action action, const struct element *command)
{
	const char *wrong = NULL;
	dialogue_touch(dialogue);
	if (action == CANCEL) {
		cancel(request, dialogue);
	} else if (dialogue->result) {
		struct arena arena = {0};
		const char *result = arena_strdup(&arena, dialogue->result);
		dialogue->reply = reply_new(request);
		dialogue_done(dialogue, dialogue->result_note, "%s", result);
		arena_fini(&arena);
	} else if (dialogue->state != DIALOGUE_ASKING) {
		refuse(request, S2_BAD_REQUEST, "bad-action", "The last step is still being worked on. Wait for it.");
	} else if (action == PREV && !dialogue_has_previous(dialogue)) {
		refuse(request, S2_BAD_REQUEST, "bad-action", "This is the first step.");
	} else if (action == COMPLETE && dialogue_has_next(dialogue)) {
		refuse(request, S2_BAD_REQUEST, "bad-action", "There are more steps to come.");
	} else if (action == PREV) {
		dialogue->reply = reply_new(request);
		dialogue_previous(dialogue);
	} else if ((wrong = read_form(request, dialogue, element_child(command, "x", NS_DATA))) != NULL) {
		refuse(request, S2_BAD_REQUEST, "bad-payload", wrong);
	} else {
		dialogue->reply = reply_new(request);
		dialogue_next(dialogue);
	}
}

void adhoc_set(struct request *request, const struct element *payload)
{
	const char *node = element_get(payload, "node"), *id = element_get(payload, "sessionid");
	enum action action = action_of(payload);
	bool ended = false;
	struct dialogue *dialogue = id ? dialogue_find(request->frontend->dialogues, &request->from, id, &ended) : NULL;
	if (text_empty(node))
		stanza_refuse(request, S2_BAD_REQUEST, "Name the command by its node.");
	else if (request->target == TARGET_CONTACT && !command_find(node) && foreign_takes(request))
		foreign_ask(request);
	else if (action == UNKNOWN)
		refuse(request, S2_BAD_REQUEST, "malformed-action", "There is no such action.");
	else if (!id)
		begin(request, node, action);
	else if (ended)
		refuse(request, S2_NOT_ALLOWED, "session-expired", "This session is over. Begin again.");
	else if (!dialogue || dialogue->front != &adhoc_front || strcmp(dialogue->command->node, node) != 0)
		refuse(request, S2_BAD_REQUEST, "bad-sessionid", "You have no such session of this command.");
	else
		go_on(request, dialogue, action, payload);
}

/* ---- Service discovery ---- */

/* A question about commands, until the account of the asker is known. */
struct discovery {
	struct reply *reply;
	const struct command *command; /* NULL: all of them */
	bool of_contact;               /* those that it takes */
	char *others;                  /* items of the network's own, as XML; may be NULL */
	char jid[];
};

static struct discovery *discovery_new(const struct request *request, const struct command *command)
{
	struct discovery *discovery = mem_new(sizeof *discovery + strlen(request->from.bare) + 1);
	discovery->reply = reply_new(request);
	discovery->command = command;
	discovery->of_contact = request->target == TARGET_CONTACT;
	strcpy(discovery->jid, request->from.bare);
	return discovery;
}

static void discovery_free(struct discovery *discovery)
{
	reply_free(discovery->reply);
	free(discovery->others);
	free(discovery);
}

static void write_others(const struct discovery *discovery, struct writer *writer, struct arena *arena)
{
	const struct element *list =
	    discovery->others ? parser_fragment(arena, discovery->others, NS_DISCO_ITEMS) : NULL;
	const struct element *item = element_child(list, "item", NS_DISCO_ITEMS);
	for (; item; item = element_next(item, "item", NS_DISCO_ITEMS))
		xml_element(writer, item);
}

static void write_items(void *arg, const struct account_info *info, enum s2_condition condition, const char *text)
{
	struct discovery *discovery = arg;
	struct frontend *frontend = discovery->reply->frontend;
	struct writer *writer = reply_open(discovery->reply);
	const struct command *command;
	xml_open(writer, "query", NS_DISCO_ITEMS);
	xml_attr(writer, "node", NS_COMMANDS);
	for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
		if ((discovery->of_contact && !command_is_of_contacts(command)) ||
		    command_refused(frontend, command, discovery->jid, info, &condition))
			continue;
		xml_open(writer, "item", NULL);
		xml_attr(writer, "jid", discovery->reply->from);
		xml_attr(writer, "node", command->node);
		xml_attr(writer, "name", command->title);
		xml_close(writer);
	}
	write_others(discovery, writer, &frontend->arena);
	xml_close(writer);
	stanza_close(frontend);
	discovery_free(discovery);
}

/* What a contact's client or account itself offers stands behind what can be done with each contact. */
static void others_came(void *arg, const struct element *iq)
{
	struct discovery *discovery = arg;
	const struct element *query = element_child(iq, "query", NS_DISCO_ITEMS);
	const struct element *item = element_child(query, "item", NS_DISCO_ITEMS);
	struct writer writer;
	struct str xml = {0};
	for (; item; item = element_next(item, "item", NS_DISCO_ITEMS)) {
		writer_init(&writer, &xml, NULL);
		xml_element(&writer, item);
		writer_end(&writer);
	}
	discovery->others = xml.data;
	account_get(discovery->reply->frontend->hub, discovery->jid, write_items, discovery);
}

void adhoc_items(struct request *request)
{
	struct discovery *discovery = discovery_new(request, NULL);
	if (discovery->of_contact && foreign_takes(request))
		foreign_get(request, others_came, discovery);
	else
		account_get(request->frontend->hub, request->from.bare, write_items, discovery);
}

static void write_info(const struct reply *reply, const char *node, const char *type, const char *name)
{
	struct writer *writer = reply_open(reply);
	xml_open(writer, "query", NS_DISCO_INFO);
	xml_attr(writer, "node", node);
	xml_open(writer, "identity", NULL);
	xml_attr(writer, "category", "automation");
	xml_attr(writer, "type", type);
	xml_attr(writer, "name", name);
	xml_close(writer);
	static const char *const features[] = {NS_COMMANDS, NS_DISCO_INFO, NS_DATA};
	for (size_t i = 0; i < sizeof features / sizeof *features; i++) {
		xml_open(writer, "feature", NULL);
		xml_attr(writer, "var", features[i]);
		xml_close(writer);
	}
	xml_close(writer);
	stanza_close(reply->frontend);
}

static void tell_command(void *arg, const struct account_info *info, enum s2_condition condition, const char *text)
{
	struct discovery *discovery = arg;
	const struct command *command = discovery->command;
	const char *why = command_refused(discovery->reply->frontend, command, discovery->jid, info, &condition);
	if (why)
		reply_refuse(discovery->reply, S2_FORBIDDEN, why);
	else
		write_info(discovery->reply, command->node, "command-node", command->title);
	discovery_free(discovery);
}

bool adhoc_info(struct request *request, const char *node)
{
	const struct command *command = command_find(node);
	if (request->target == TARGET_CONTACT && command && !command_is_of_contacts(command))
		return false;
	if (command)
		account_get(request->frontend->hub, request->from.bare, tell_command, discovery_new(request, command));
	if (command || strcmp(node, NS_COMMANDS) != 0)
		return command;
	struct reply *reply = reply_new(request);
	write_info(reply, NS_COMMANDS, "command-list", "Commands");
	reply_free(reply);
	return true;
}
