/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Searching for people of the network (XEP-0055), where it can be searched: by an IQ, with a form or plain fields, and
 * by a command. What is found has the address that a contact of this name has. */
#include "spectrum/frontend/search.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xmpp/form.h"

#define FOUND_MOST 100 /* in one answer */
#define WORDS_BYTES 256

/* ---- The question ---- */

static const struct s2_field words_field = {.name = "nick", .label = "Name, or a part of it", .required = true};

static const char instructions[] = "Whom do you look for?";

void search_get(struct request *request, const struct element *payload)
{
	if (!room_can(request->frontend->hub, S2_ROOM_SEARCH)) {
		stanza_refuse(request, S2_FEATURE_NOT_IMPLEMENTED, "This network can't be searched.");
		return;
	}
	struct writer *writer = iq_result_open(request);
	xml_open(writer, "query", NS_SEARCH);
	xml_leaf(writer, "instructions", NULL, instructions);
	xml_empty(writer, "nick", NULL);
	form_open(writer, "form", NS_SEARCH, "Search for people", instructions);
	form_ask(writer, &words_field, false);
	form_close(writer);
	xml_close(writer);
	stanza_close(request->frontend);
}

/* Whichever of the fields of section 2 he has filled in. */
static const char *words_of(struct request *request, const struct element *payload, const struct element *form)
{
	static const char *const names[] = {"nick", "first", "last", "email"};
	const char *words = NULL;
	for (size_t i = 0; text_empty(words) && i < sizeof names / sizeof *names; i++)
		words = form ? form_value(request->arena, form, names[i])
		             : element_child_text(request->arena, payload, names[i], NULL);
	return words;
}

/* ---- What was found ---- */

struct search {
	struct reply *reply;
	bool form; /* he asked by one */
	char jid[];
};

struct found {
	const char *jid, *name, *about;
};

/* Number `i` of the answer; false if no address can be made of him. */
static bool found_at(struct frontend *frontend, struct user *user, const struct s2_room_answer *answer, size_t i,
                     struct found *found)
{
	const struct s2_room_person *person = &answer->people[i];
	const char *name = text_empty(person->name) ? person->nickname : person->name;
	*found = (struct found){.name = text_empty(person->nickname) ? name : person->nickname,
	                        .about = person->reason ? person->reason : ""};
	found->jid = text_empty(name) ? NULL : contact_jid(frontend, user, name, NULL);
	return found->jid;
}

static void write_cell(struct writer *writer, const char *name, const char *value)
{
	xml_open(writer, "field", NULL);
	xml_attr(writer, "var", name);
	xml_leaf(writer, "value", NULL, value);
	xml_close(writer);
}

static void write_item(struct writer *writer, const struct found *found, bool form)
{
	xml_open(writer, "item", NULL);
	if (form) {
		write_cell(writer, "jid", found->jid);
		write_cell(writer, "nick", found->name);
		write_cell(writer, "about", found->about);
	} else {
		xml_attr(writer, "jid", found->jid);
		xml_leaf(writer, "nick", NULL, found->name);
	}
	xml_close(writer);
}

static void write_columns(struct writer *writer)
{
	static const struct s2_field columns[] = {{.name = "jid", .label = "Address", .type = S2_FIELD_JID},
	                                          {.name = "nick", .label = "Name"},
	                                          {.name = "about", .label = "About"}};
	xml_open(writer, "reported", NULL);
	for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
		form_ask(writer, &columns[i], true);
	xml_close(writer);
}

static void write_found(struct search *search, struct user *user, const struct s2_room_answer *answer)
{
	struct writer *writer = reply_open(search->reply);
	struct found found;
	unsigned count = 0;
	xml_open(writer, "query", NS_SEARCH);
	if (search->form) {
		form_open(writer, "result", NS_SEARCH, NULL, NULL);
		write_columns(writer);
	}
	for (size_t i = 0; i < answer->people_count && count < FOUND_MOST; i++) {
		if (found_at(search->reply->frontend, user, answer, i, &found)) {
			write_item(writer, &found, search->form);
			count++;
		}
	}
	if (search->form)
		form_close(writer);
	xml_close(writer);
	stanza_close(search->reply->frontend);
}

static void searched(void *arg, const struct s2_room_answer *answer)
{
	struct search *search = arg;
	struct user *user = hub_user(search->reply->frontend->hub, search->jid);
	if (answer->condition == S2_DONE && user)
		write_found(search, user, answer);
	else
		reply_refuse(search->reply, user ? answer->condition : S2_RECIPIENT_UNAVAILABLE,
		             answer->text ? answer->text : "The network did not search.");
	reply_free(search->reply);
	free(search);
}

static void order(struct user *user, const char *words, room_answer *answer, void *arg)
{
	room_order(user, &(struct s2_room_order){.verb = S2_ROOM_SEARCH, .person = {.name = words}}, answer, arg);
}

/* Why nobody can be looked for by these words, or NULL. */
static const char *bad_words(const char *words)
{
	if (text_empty(words))
		return "Say whom you look for.";
	return strlen(words) > WORDS_BYTES ? "Nobody has such a long name." : NULL;
}

void search_set(struct request *request, const struct element *payload)
{
	const struct element *form = element_child(payload, "x", NS_DATA);
	const char *words = words_of(request, payload, form), *why = bad_words(words);
	if (!request->user) {
		stanza_refuse(request, S2_REGISTRATION_REQUIRED, "Log in to the gateway first.");
		return;
	}
	if (why) {
		stanza_refuse(request, S2_NOT_ACCEPTABLE, why);
		return;
	}
	struct search *search = mem_new(sizeof *search + strlen(request->from.bare) + 1);
	search->reply = reply_new(request);
	search->form = form;
	strcpy(search->jid, request->from.bare);
	order(request->user, words, searched, search);
}

/* ---- The command ---- */

void search_ask(struct dialogue *dialogue)
{
	dialogue_text(dialogue, "%s", instructions);
	dialogue_field(dialogue, &words_field);
}

static void command_searched(void *arg, const struct s2_room_answer *answer)
{
	struct dialogue *dialogue = dialogue_resume(arg);
	struct user *user = dialogue ? hub_user(dialogue->frontend->hub, dialogue->jid) : NULL;
	struct found found;
	unsigned count = 0;
	if (!dialogue)
		return;
	if (answer->condition != S2_DONE || !user) {
		dialogue_done(dialogue, NOTE_ERROR, "%s", answer->text ? answer->text : "The network did not search.");
		return;
	}
	dialogue_column(dialogue, S2_FIELD_JID, "jid", "Address");
	dialogue_column(dialogue, S2_FIELD_TEXT, "nick", "Name");
	dialogue_column(dialogue, S2_FIELD_TEXT, "about", "About");
	for (size_t i = 0; i < answer->people_count; i++) {
		if (found_at(dialogue->frontend, user, answer, i, &found) && count++ < FOUND_MOST)
			dialogue_row(dialogue, (const char *const[]){found.jid, found.name, found.about});
	}
	if (count > FOUND_MOST)
		dialogue_done(dialogue, NOTE_INFO, "%u people were found. These are the first %u.", count, FOUND_MOST);
	else
		dialogue_done(dialogue, NOTE_INFO, "%u %s found.", count, count == 1 ? "person was" : "people were");
}

void search_finish(struct dialogue *dialogue)
{
	struct user *user = hub_user(dialogue->frontend->hub, dialogue->jid);
	const char *words = dialogue_value(dialogue, "nick"), *why = bad_words(words);
	if (!user)
		dialogue_done(dialogue, NOTE_ERROR, "You are not logged in to the network.");
	else if (why)
		dialogue_again(dialogue, why);
	else
		order(user, words, command_searched, dialogue_hold(dialogue));
}
