/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A network whose people are the users of this process: they can add each other, see each other, and talk. Any password is
 * right, and nothing outlasts the process: for trying out, and for testing all that RFC 6121 says of two users of one
 * server. Set service.users_per_backend so that all of them are here. */
#include <stddef.h>

#include "backends/loopback/person.h"

static void loopback_login(struct s2_user *user, const struct s2_login *login)
{
	struct person *person = person_arrive(login->name, user);
	if (!person) {
		s2_disconnected(user, S2_ERROR_NAME_IN_USE, "Somebody of this name is here already.");
		return;
	}
	s2_user_set_data(user, person);
	s2_connected(user);
	person_greet(person);
}

static void loopback_logout(struct s2_user *user)
{
	struct person *person = s2_user_data(user);
	if (person)
		person_leave(person);
}

static void set_status(struct s2_user *user, enum s2_status status, const char *text)
{
	person_set_status(s2_user_data(user), status, text);
}

static void message(struct s2_user *user, const struct s2_message *message)
{
	struct person *to = person_find(message->peer);
	if (!to)
		s2_message_result(user, message->id, message->peer, S2_ITEM_NOT_FOUND,
		                  "Nobody of this name has ever been here.");
	else if (!person_hear(to, s2_user_name(user), message))
		s2_message_result(user, message->id, message->peer, S2_RESOURCE_CONSTRAINT,
		                  "Too many messages wait for this person.");
	else
		s2_message_done(user, message->id, message->peer, NULL);
}

/* The user on the other side; NULL if he is away. */
static struct s2_user *other(const char *name)
{
	struct person *person = person_find(name);
	return person ? person->user : NULL;
}

static void typing(struct s2_user *user, const char *peer, enum s2_typing state)
{
	if (other(peer))
		s2_typing(other(peer), s2_user_name(user), state);
}

static void attention(struct s2_user *user, const struct s2_message *message)
{
	if (other(message->peer))
		s2_attention(other(message->peer), s2_user_name(user), message->body);
}

static void annotate(struct s2_user *user, const struct s2_annotation *annotation)
{
	struct s2_annotation heard = *annotation;
	heard.peer = s2_user_name(user);
	if (!other(annotation->peer)) {
		s2_message_result(user, annotation->id, annotation->peer, S2_RECIPIENT_UNAVAILABLE, "This person is away.");
		return;
	}
	s2_annotation(other(annotation->peer), &heard);
	s2_message_done(user, annotation->id, annotation->peer, NULL);
}

static void add_buddy(struct s2_user *user, const struct s2_buddy *buddy)
{
	struct person *person = s2_user_data(user);
	if (person_list(person, buddy) && buddy->subscription == S2_SUBSCRIPTION_UNKNOWN)
		person_befriend(person, buddy->name);
}

static void remove_buddy(struct s2_user *user, const struct s2_buddy *buddy)
{
	person_unlist(s2_user_data(user), buddy->name);
}

static void subscription(struct s2_user *user, const char *name, enum s2_subscription_verb verb, const char *text)
{
	person_say(s2_user_data(user), name, verb, text);
}

int main(int argc, char **argv)
{
	static const struct s2_backend loopback = {
	    .name = "spectrum2_loopback_backend",
	    .features = S2_FEATURE_MESSAGE_RESULT | S2_FEATURE_FORMATTING | S2_FEATURES_OF_MESSAGES,
	    .stop = people_free,
	    .login = loopback_login,
	    .logout = loopback_logout,
	    .set_status = set_status,
	    .message = message,
	    .typing = typing,
	    .attention = attention,
	    .annotate = annotate,
	    .add_buddy = add_buddy,
	    .remove_buddy = remove_buddy,
	    .subscription = subscription,
	};
	return s2_backend_run(argc, argv, &loopback);
}
