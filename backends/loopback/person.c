/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/loopback/person.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"

enum { TIES_MOST = 10000, WAITING_MOST = 100 };

/* One side of what two people are to each other. */
struct tie {
	char *name; /* of the other */
	struct arena arena;
	const char *alias, **groups;
	size_t group_count;
	enum s2_subscription subscription;
	bool asks;   /* to see the other; not answered yet */
	bool asked;  /* the other asks; not answered yet */
	bool listed; /* in the list of contacts */
	char *words; /* with which the other has asked */
};

struct words {
	struct words *next;
	struct arena arena;
	struct s2_message message;
};

static struct map people;

/* ---- Ties ---- */

static struct tie *tie_new(struct person *person, const char *name)
{
	struct tie *tie = map_get(&person->ties, name);
	if (tie || person->ties.count >= TIES_MOST)
		return tie;
	tie = mem_new(sizeof *tie);
	tie->name = mem_strdup(name);
	tie->subscription = S2_SUBSCRIPTION_NONE;
	map_put(&person->ties, tie->name, tie);
	return tie;
}

static void tie_free(struct person *person, struct tie *tie)
{
	map_remove(&person->ties, tie->name);
	arena_fini(&tie->arena);
	free(tie->words);
	free(tie->name);
	free(tie);
}

/* The owner is told of the other. */
static void tell(const struct person *person, const struct tie *tie)
{
	const struct person *other = s2_subscription_to(tie->subscription) ? person_find(tie->name) : NULL;
	if (!person->user || !tie->listed)
		return;
	s2_buddy(person->user, &(struct s2_buddy){
	                           .name = tie->name,
	                           .alias = tie->alias,
	                           .groups = tie->groups,
	                           .group_count = tie->group_count,
	                           .status = other ? other->status : S2_STATUS_NONE,
	                           .status_text = other ? other->text : NULL,
	                           .subscription = tie->subscription,
	                           .pending = tie->asks,
	                       });
}

static void set(struct tie *tie, unsigned bit, bool on)
{
	tie->subscription = (enum s2_subscription)((tie->subscription & ~bit) | (on ? bit : 0));
}

static void set_to(struct tie *tie, bool on)
{
	set(tie, S2_SUBSCRIPTION_TO & ~S2_SUBSCRIPTION_NONE, on);
}

static void set_from(struct tie *tie, bool on)
{
	set(tie, S2_SUBSCRIPTION_FROM & ~S2_SUBSCRIPTION_NONE, on);
}

/* ---- What is said: RFC 6121 appendix A.2, from the owner; true if the other hears it ---- */

static bool say_subscribe(struct tie *tie)
{
	tie->listed = true;
	tie->asks = !s2_subscription_to(tie->subscription);
	return true;
}

static bool say_unsubscribe(struct tie *tie)
{
	tie->asks = false;
	set_to(tie, false);
	return true;
}

static bool say_subscribed(struct tie *tie)
{
	if (!tie->asked)
		return false;
	tie->asked = false;
	tie->listed = true;
	set_from(tie, true);
	return true;
}

static bool say_unsubscribed(struct tie *tie)
{
	if (!tie->asked && !s2_subscription_from(tie->subscription))
		return false;
	tie->asked = false;
	set_from(tie, false);
	return true;
}

/* ---- What is heard: appendix A.3, from the other; true if the owner is told ---- */

static bool hear_subscribe(struct tie *tie)
{
	bool news = !tie->asked && !s2_subscription_from(tie->subscription);
	tie->asked = !s2_subscription_from(tie->subscription);
	return news;
}

static bool hear_unsubscribe(struct tie *tie)
{
	bool news = tie->asked || s2_subscription_from(tie->subscription);
	tie->asked = false;
	set_from(tie, false);
	return news;
}

static bool hear_subscribed(struct tie *tie)
{
	bool news = tie->asks;
	tie->asks = false;
	if (news)
		set_to(tie, true);
	return news;
}

static bool hear_unsubscribed(struct tie *tie)
{
	bool news = tie->asks || s2_subscription_to(tie->subscription);
	tie->asks = false;
	set_to(tie, false);
	return news;
}

static const struct {
	bool (*say)(struct tie *), (*hear)(struct tie *);
} verbs[] = {
    [S2_SUBSCRIBE] = {say_subscribe, hear_subscribe},
    [S2_SUBSCRIBED] = {say_subscribed, hear_subscribed},
    [S2_UNSUBSCRIBE] = {say_unsubscribe, hear_unsubscribe},
    [S2_UNSUBSCRIBED] = {say_unsubscribed, hear_unsubscribed},
};

static void hear(struct person *person, const char *from, enum s2_subscription_verb verb, const char *words)
{
	struct tie *tie = verb == S2_SUBSCRIBE ? tie_new(person, from) : map_get(&person->ties, from);
	if (!tie || !verbs[verb].hear(tie))
		return;
	if (verb == S2_SUBSCRIBE)
		mem_replace(&tie->words, words);
	if (person->user && verb == S2_SUBSCRIBE)
		s2_authorization_request(person->user, from, words);
	else if (person->user)
		s2_subscription(person->user, from, verb);
	tell(person, tie);
}

/* Whom he asks who sees him anyway, or who is nobody, answers at once. */
static void answer_at_once(struct person *person, struct tie *tie)
{
	const struct person *other = person_find(tie->name);
	const struct tie *back = other ? map_get(&other->ties, person->name) : NULL;
	if (!other)
		hear(person, tie->name, S2_UNSUBSCRIBED, NULL);
	else if (back && s2_subscription_from(back->subscription))
		hear(person, tie->name, S2_SUBSCRIBED, NULL);
}

void person_say(struct person *person, const char *name, enum s2_subscription_verb verb, const char *words)
{
	struct person *other = person_find(name);
	struct tie *tie = verb == S2_SUBSCRIBE ? tie_new(person, name) : map_get(&person->ties, name);
	if (!tie || other == person || !verbs[verb].say(tie))
		return;
	tell(person, tie);
	if (other)
		hear(other, person->name, verb, words);
	if (verb == S2_SUBSCRIBE)
		answer_at_once(person, tie);
}

void person_befriend(struct person *person, const char *name)
{
	person_say(person, name, S2_SUBSCRIBED, NULL);
	struct tie *tie = map_get(&person->ties, name);
	if (!tie || !s2_subscription_to(tie->subscription))
		person_say(person, name, S2_SUBSCRIBE, NULL);
}

/* ---- The list ---- */

bool person_list(struct person *person, const struct s2_buddy *buddy)
{
	struct tie *tie = tie_new(person, buddy->name);
	if (!tie)
		return false;
	arena_fini(&tie->arena);
	tie->alias = arena_strdup(&tie->arena, buddy->alias);
	tie->groups = arena_alloc(&tie->arena, (buddy->group_count + 1) * sizeof *tie->groups);
	tie->group_count = buddy->group_count;
	for (size_t i = 0; i < buddy->group_count; i++)
		tie->groups[i] = arena_strdup(&tie->arena, buddy->groups[i]);
	tie->listed = true;
	tell(person, tie);
	return true;
}

void person_unlist(struct person *person, const char *name)
{
	struct tie *tie = map_get(&person->ties, name);
	if (!tie)
		return;
	tie->listed = false; /* he knows, and hears no more of it */
	person_say(person, name, S2_UNSUBSCRIBE, NULL);
	person_say(person, name, S2_UNSUBSCRIBED, NULL);
	tie_free(person, tie);
}

/* ---- Words ---- */

static struct words *words_new(const char *from, const struct s2_message *message)
{
	struct words *words = mem_new(sizeof *words);
	words->message = (struct s2_message){
	    .peer = arena_strdup(&words->arena, from),
	    .body = arena_strdup(&words->arena, message->body),
	    .xhtml = arena_strdup(&words->arena, message->xhtml),
	    .id = arena_strdup(&words->arena, message->id),
	    .time = clock_wall_ms(),
	};
	return words;
}

static void words_free(struct words *words)
{
	arena_fini(&words->arena);
	free(words);
}

bool person_hear(struct person *person, const char *from, const struct s2_message *message)
{
	if (person->user) {
		struct s2_message heard = *message;
		heard.peer = from;
		s2_message(person->user, &heard);
		return true;
	}
	if (person->waiting_count >= WAITING_MOST)
		return false;
	person->waiting_count++;
	*person->waiting_end = words_new(from, message);
	person->waiting_end = &(*person->waiting_end)->next;
	return true;
}

/* Hands them over, or (user NULL) forgets them. */
static void end_waiting(struct person *person)
{
	while (person->waiting) {
		struct words *words = person->waiting;
		person->waiting = words->next;
		if (person->user)
			s2_message(person->user, &words->message);
		words_free(words);
	}
	person->waiting_end = &person->waiting;
	person->waiting_count = 0;
}

/* ---- People ---- */

struct person *person_find(const char *name)
{
	return map_get(&people, name);
}

struct person *person_arrive(const char *name, struct s2_user *user)
{
	struct person *person = person_find(name);
	if (!person) {
		person = mem_new(sizeof *person);
		person->name = mem_strdup(name);
		person->status = S2_STATUS_NONE;
		person->waiting_end = &person->waiting;
		map_put(&people, person->name, person);
	}
	if (person->user)
		return NULL;
	person->user = user;
	return person;
}

void person_greet(struct person *person)
{
	MAP_EACH (&person->ties, struct tie, tie) {
		tell(person, tie);
		if (tie->asked)
			s2_authorization_request(person->user, tie->name, tie->words);
	}
	end_waiting(person);
}

void person_set_status(struct person *person, enum s2_status status, const char *text)
{
	/* Who is invisible is not there for the others. */
	person->status = status == S2_STATUS_INVISIBLE ? S2_STATUS_NONE : status;
	mem_replace(&person->text, text);
	MAP_EACH (&person->ties, struct tie, tie) {
		struct person *other = s2_subscription_from(tie->subscription) ? person_find(tie->name) : NULL;
		struct tie *back = other ? map_get(&other->ties, person->name) : NULL;
		if (back)
			tell(other, back);
	}
}

void person_leave(struct person *person)
{
	person->user = NULL;
	person_set_status(person, S2_STATUS_NONE, NULL);
}

void people_free(void)
{
	MAP_EACH (&people, struct person, person) {
		person->user = NULL;
		MAP_EACH (&person->ties, struct tie, tie)
			tie_free(person, tie);
		end_waiting(person);
		map_fini(&person->ties);
		map_remove(&people, person->name);
		free(person->text);
		free(person->name);
		free(person);
	}
	map_fini(&people);
}
