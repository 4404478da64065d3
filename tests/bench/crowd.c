/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A backend for `load`: one room in which all users of the gateway are, with CROWD_OCCUPANTS others. What one of them says
 * the network tells to each of them on a connection of his own, as it does. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/mem.h"
#include "spectrum2/backend.h"

static struct s2_user **present;
static size_t present_count;
static unsigned occupants;

static bool crowd_start(void)
{
	const char *wanted = getenv("CROWD_OCCUPANTS");
	occupants = wanted ? (unsigned)atoi(wanted) : 1000;
	return true;
}

static void crowd_stop(void)
{
	free(present);
}

static void crowd_login(struct s2_user *user, const struct s2_login *login)
{
	s2_connected(user);
}

static void crowd_leave(struct s2_user *user, const char *room)
{
	for (size_t i = 0; i < present_count; i++) {
		if (present[i] == user) {
			present[i] = present[--present_count];
			return;
		}
	}
}

static void crowd_logout(struct s2_user *user)
{
	crowd_leave(user, NULL);
}

static void crowd_join(struct s2_user *user, const struct s2_room *room)
{
	crowd_leave(user, NULL);
	present = mem_resize(present, (present_count + 1) * sizeof *present);
	present[present_count++] = user;
	for (unsigned i = 0; i < occupants; i++) {
		char nickname[24];
		snprintf(nickname, sizeof nickname, "occupant%u", i);
		s2_participant(user, &(struct s2_participant){.room = room->name,
		                                              .nickname = nickname,
		                                              .affiliation = S2_AFFILIATION_NONE,
		                                              .role = S2_ROLE_PARTICIPANT});
	}
	s2_participant(user, &(struct s2_participant){
	                         .room = room->name, .nickname = room->nickname, .flags = S2_PARTICIPANT_ME});
	s2_room_subject(user, &(struct s2_message){.peer = room->name, .body = ""});
}

/* Somebody else says it: so each of the users is told the same. */
static void crowd_message(struct s2_user *user, const struct s2_message *in)
{
	struct s2_message line = {.peer = in->peer, .nickname = "occupant0", .body = in->body};
	for (size_t i = 0; i < present_count; i++)
		s2_message(present[i], &line);
}

int main(int argc, char **argv)
{
	static const struct s2_backend crowd = {.name = "crowd",
	                                        .features = S2_FEATURE_MUC,
	                                        .start = crowd_start,
	                                        .stop = crowd_stop,
	                                        .login = crowd_login,
	                                        .logout = crowd_logout,
	                                        .message = crowd_message,
	                                        .join_room = crowd_join,
	                                        .leave_room = crowd_leave};
	return s2_backend_run(argc, argv, &crowd);
}
