/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a network asks its user in the course of a log-in or later: kept until he answers, refuses, takes too long, or
 * his session ends. Each question ends once, and both sides are told. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "spectrum/hub/user.h"

#define LOG_AREA "question"
#define PER_USER 5
#define QUESTIONS_MOST 10000
#define FIELDS_MOST 32
#define OPTIONS_MOST 200
#define TEXT_BYTES 8192
#define IMAGE_BYTES 65536
#define LIFE_S 600
#define LIFE_LONGEST_S 3600

struct question {
	struct list node;
	uint64_t due; /* ms, loop_now */
	const char *jid;
	struct arena arena; /* holds it */
	struct s2_request request;
};

static void question_free(struct hub *hub, struct question *question)
{
	list_remove(&question->node);
	hub->question_count--;
	struct arena arena = question->arena;
	arena_fini(&arena);
}

static struct question *find(const struct hub *hub, const char *jid, const char *id)
{
	LIST_EACH (&hub->questions, node) {
		struct question *question = LIST_ITEM(node, struct question, node);
		if (!strcmp(question->jid, jid) && !strcmp(question->request.id, id))
			return question;
	}
	return NULL;
}

const struct s2_request *question_find(const struct hub *hub, const char *jid, const char *id)
{
	const struct question *question = find(hub, jid, id);
	return question ? &question->request : NULL;
}

const struct s2_request *question_at(const struct hub *hub, const char *jid, size_t at)
{
	LIST_EACH (&hub->questions, node) {
		const struct question *question = LIST_ITEM(node, struct question, node);
		if (!strcmp(question->jid, jid) && !at--)
			return &question->request;
	}
	return NULL;
}

/* ---- Asking ---- */

static bool too_long(const char *text)
{
	return text && strlen(text) > TEXT_BYTES;
}

/* A network may send anything. */
static bool is_possible(const struct s2_request *request)
{
	if (request->field_count > FIELDS_MOST || too_long(request->id) || too_long(request->title) ||
	    too_long(request->text) || too_long(request->url))
		return false;
	for (size_t i = 0; i < request->field_count; i++) {
		const struct s2_field *field = &request->fields[i];
		if (text_empty(field->name) || too_long(field->name) || too_long(field->label) ||
		    too_long(field->value) || field->option_count > OPTIONS_MOST)
			return false;
		for (size_t j = 0; j < field->option_count; j++) {
			if (too_long(field->options[j].value) || too_long(field->options[j].label))
				return false;
		}
	}
	return true;
}

static const struct s2_field *copy_fields(struct arena *arena, const struct s2_request *in)
{
	struct s2_field *fields = arena_alloc(arena, in->field_count * sizeof *fields);
	for (size_t i = 0; i < in->field_count; i++) {
		const struct s2_field *field = &in->fields[i];
		struct s2_option *options = arena_alloc(arena, field->option_count * sizeof *options);
		for (size_t j = 0; j < field->option_count; j++)
			options[j] = (struct s2_option){arena_strdup(arena, field->options[j].value),
			                                arena_strdup(arena, field->options[j].label)};
		fields[i] = *field;
		fields[i].name = arena_strdup(arena, field->name);
		fields[i].label = arena_strdup(arena, field->label);
		fields[i].value = arena_strdup(arena, field->value);
		fields[i].options = options;
	}
	return fields;
}

static struct question *question_new(struct hub *hub, const char *jid, const struct s2_request *in)
{
	struct arena arena = {0};
	struct question *question = arena_alloc(&arena, sizeof *question);
	struct s2_request *out = &question->request;
	question->jid = arena_strdup(&arena, jid);
	*out = *in;
	out->id = arena_strdup(&arena, in->id);
	out->title = arena_strdup(&arena, in->title);
	out->text = arena_strdup(&arena, in->text);
	out->url = arena_strdup(&arena, in->url);
	out->image_type = arena_strdup(&arena, in->image_type);
	bool image = in->image && in->image_bytes && in->image_bytes <= IMAGE_BYTES;
	out->image_bytes = image ? in->image_bytes : 0;
	out->image = image ? memcpy(arena_alloc(&arena, in->image_bytes), in->image, in->image_bytes) : NULL;
	out->fields = copy_fields(&arena, in);
	if (!out->seconds || out->seconds > LIFE_LONGEST_S)
		out->seconds = out->seconds ? LIFE_LONGEST_S : LIFE_S;
	question->due = loop_now(hub->loop) + (uint64_t)out->seconds * 1000;
	question->arena = arena;
	return question;
}

static unsigned count_of(const struct hub *hub, const char *jid)
{
	unsigned count = 0;
	while (question_at(hub, jid, count))
		count++;
	return count;
}

void question_asked(void *arg, struct seat *seat, const struct s2_request *request)
{
	struct hub *hub = arg;
	struct user *user = user_of_seat(seat);
	struct question *before = find(hub, user->jid, request->id);
	if (before)
		question_free(hub, before);
	/* Who is about to prove himself to us has no session yet in which he could be asked. */
	if (user->proving || !is_possible(request) || count_of(hub, user->jid) >= PER_USER || hub->question_count >= QUESTIONS_MOST) {
		log_warn("a question of the network can't be asked user=%s", user->jid);
		link_response(seat, request->id, NULL, 0);
		return;
	}
	struct question *question = question_new(hub, user->jid, request);
	list_append(&hub->questions, &question->node);
	hub->question_count++;
	hub_tick_start(hub);
	log_info("the network asks something user=%s", user->jid);
	hub_tell(hub, question, user, &question->request);
}

/* ---- The end ---- */

bool question_answer(struct hub *hub, const char *jid, const char *id, const struct s2_setting *values, size_t count)
{
	struct question *question = find(hub, jid, id);
	struct user *user = hub_user(hub, jid);
	if (!question || !user || !user->seat.backend)
		return false;
	link_response(&user->seat, id, values, count);
	question_free(hub, question);
	return true;
}

/* Also of a question that was answered: then it tells what came of the answer. */
void question_ended(void *arg, struct seat *seat, const char *id, enum s2_condition condition, const char *text)
{
	struct hub *hub = arg;
	struct user *user = user_of_seat(seat);
	struct question *question = find(hub, user->jid, id);
	if (question)
		question_free(hub, question);
	hub_tell(hub, question_end, user, id, condition, text);
}

/* Nobody answered. If the network still waits, it is told. May be called while the question's user is leaving. */
static void give_up(struct user *user, struct question *question, enum s2_condition condition, const char *text)
{
	struct hub *hub = user->hub;
	struct arena arena = {0};
	const char *id = arena_strdup(&arena, question->request.id);
	question_free(hub, question);
	if (user->seat.backend && condition != S2_DONE)
		link_response(&user->seat, id, NULL, 0);
	hub_tell(hub, question_end, user, id, condition, text);
	arena_fini(&arena);
}

void question_due(struct hub *hub, uint64_t now)
{
	LIST_EACH (&hub->questions, node) {
		struct question *question = LIST_ITEM(node, struct question, node);
		struct user *user = hub_user(hub, question->jid);
		if (question->due <= now && user)
			give_up(user, question, S2_REMOTE_SERVER_TIMEOUT, "This took too long.");
	}
}

static void give_up_all(struct user *user, enum s2_condition condition, const char *text)
{
	LIST_EACH (&user->hub->questions, node) {
		struct question *question = LIST_ITEM(node, struct question, node);
		if (!strcmp(question->jid, user->jid))
			give_up(user, question, condition, text);
	}
}

void question_drop_all(struct user *user, const char *text)
{
	give_up_all(user, S2_RECIPIENT_UNAVAILABLE, text ? text : "The session with the network has ended.");
}

void question_settle_all(struct user *user)
{
	give_up_all(user, S2_DONE, "You are logged in to the network.");
}
