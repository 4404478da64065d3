/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The smallest backend: a network that sends everything back; copy it to begin one. Rooms start with '#'. */
#include "lib/base/mem.h"
#include "spectrum2/backend.h"
#include <stdlib.h>

static void echo_login(struct s2_user *user, const struct s2_login *login)
{
	const char *wanted = getenv("ECHO_BUDDIES"), *group = "Friends";
	s2_connected(user);
	for (int i = 0; i < (wanted ? atoi(wanted) : 1); i++) {
		char *name = wanted ? mem_printf("b%d", i) : mem_strdup("echo");
		s2_buddy(user, &(struct s2_buddy){name, wanted ? "Buddy" : "Echo", .groups = &group, .group_count = 1});
		free(name);
	}
}
static void echo_logout(struct s2_user *user)
{
	free(s2_user_data(user));
}
static void echo_message(struct s2_user *user, const struct s2_message *message)
{
	struct s2_message back = *message;
	if (message->peer[0] == '#' && !message->private_)
		back.nickname = s2_user_data(user); /* a room shows what one says to everybody */
	if (message->want_receipt)
		s2_message_received(user, message->peer, message->id);
	s2_message(user, &back);
}
static void echo_join(struct s2_user *user, const struct s2_room *in)
{
	free(s2_user_data(user));
	s2_user_set_data(user, mem_strdup(in->nickname));
	s2_participant(user, &(struct s2_participant){.room = in->name, .nickname = "echo"});
	s2_participant(user, &(struct s2_participant){in->name, in->nickname, .flags = S2_PARTICIPANT_ME});
	s2_room_subject(user, &(struct s2_message){.peer = in->name, .nickname = "echo", .body = "Say something"});
}
int main(int argc, char **argv)
{
	enum { ABLE = S2_FEATURE_MUC | S2_FEATURE_RECEIPTS | S2_FEATURE_FORMATTING | S2_FEATURES_OF_MESSAGES };
	static const struct s2_backend echo = {"spectrum2_echo_backend",      ABLE,
	                                       .login = echo_login,           .logout = echo_logout,
	                                       .message = echo_message,       .typing = s2_typing,
	                                       .annotate = s2_annotation,     .join_room = echo_join,
	                                       .set_subject = s2_room_subject};
	return s2_backend_run(argc, argv, &echo);
}
