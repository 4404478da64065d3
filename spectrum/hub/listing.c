/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rooms that a network lists, for one user or for everybody. */
#include <stdlib.h>
#include <string.h>

#include "lib/xmpp/jid.h"
#include "spectrum/hub/address.h"
#include "spectrum/hub/user.h"

void room_listed(void *arg, struct seat *seat, const struct s2_room_listing *in, size_t count)
{
	struct hub *hub = arg;
	struct s2_room_listing **list = seat ? &user_of_seat(seat)->listing : &hub->rooms;
	size_t *list_count = seat ? &user_of_seat(seat)->listing_count : &hub->room_count;
	size_t most = (size_t)config_number(hub->config, "service.max_room_list_size");
	size_t bytes = 0;
	count = count < most ? count : most;
	for (size_t i = 0; i < count; i++)
		bytes += sizeof **list + strlen(in[i].name) + (in[i].title ? strlen(in[i].title) : 0) + 2;
	free(*list);
	*list = bytes ? mem_new(bytes) : NULL;
	*list_count = count;
	char *at = (char *)(*list + count);
	for (size_t i = 0; i < count; i++) {
		(*list)[i].name = at;
		at = stpcpy(at, in[i].name) + 1;
		(*list)[i].title = at;
		at = stpcpy(at, in[i].title ? in[i].title : "") + 1;
	}
}

size_t room_listing(const struct hub *hub, const struct user *user, const struct s2_room_listing **rooms)
{
	bool own = user && user->listing_count;
	*rooms = own ? user->listing : hub->rooms;
	return own ? user->listing_count : hub->room_count;
}

bool room_is_listed(const struct hub *hub, const struct user *user, const char *node)
{
	const struct s2_room_listing *rooms;
	size_t count = room_listing(hub, user, &rooms);
	struct arena arena = {0};
	const char *name = count ? jid_fold(&arena, address_name(&arena, node)) : NULL;
	bool listed = false;
	for (size_t i = 0; i < count && !listed; i++)
		listed = !strcmp(jid_fold(&arena, rooms[i].name), name);
	arena_fini(&arena);
	return listed;
}
