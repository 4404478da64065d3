/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spectrum2_irc_backend: IRC for the gateway. The table that the kit calls; each callback is one in user.c. */
#include "backends/irc/contacts.h"
#include "backends/irc/network.h"
#include "backends/irc/user.h"
#include "spectrum2/backend.h"

static bool start(void)
{
	settings_read();
	network_commands_init();
	return true;
}

static void stop(void)
{
	network_commands_fini();
}

int main(int argc, char **argv)
{
	static const struct s2_backend irc = {
	    .name = "spectrum2_irc_backend",
	    .features = S2_FEATURE_MUC | S2_FEATURE_NO_REGISTRATION | S2_FEATURE_NO_PASSWORD |
	                S2_FEATURE_MESSAGE_RESULT | S2_FEATURE_NO_CONTACT_LIST | S2_FEATURE_FORMATTING |
	                /* Where the server passes client tags on. */
	                S2_FEATURE_REPLIES | S2_FEATURE_REACTIONS | S2_FEATURE_RETRACTIONS |
	                /* Contacts are nick%irc.example.org, as the rooms are. */
	                S2_FEATURE_NO_JID_ESCAPING,
	    .start = start,
	    .stop = stop,
	    .login = user_login,
	    .logout = user_logout,
	    .set_status = user_set_status,
	    .message = user_message,
	    .typing = user_typing,
	    .annotate = user_annotate,
	    .join_room = user_join_room,
	    .leave_room = user_leave_room,
	    .room_orders = 1u << S2_ROOM_SEARCH | 1u << S2_ROOM_PEOPLE | 1u << S2_ROOM_CHANGE | 1u << S2_ROOM_INVITE | 1u << S2_ROOM_FORM |
	                   1u << S2_ROOM_CONFIGURE | 1u << S2_ROOM_CATALOG,
	    .room_order = user_room_order,
	    .set_subject = user_set_subject,
	    .add_buddy = contacts_add,
	    .remove_buddy = contacts_remove,
	    .get_card = user_get_card,
	};
	return s2_backend_run(argc, argv, &irc);
}
