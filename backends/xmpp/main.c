/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spectrum2_xmpp_backend: accounts on other XMPP servers for the gateway; also what configurations for
 * spectrum2_swiften_backend get. The table that the kit calls. */
#include "backends/xmpp/card.h"
#include "backends/xmpp/presence.h"
#include "backends/xmpp/room.h"
#include "backends/xmpp/roster.h"
#include "backends/xmpp/talk.h"
#include "backends/xmpp/user.h"

static bool start(void)
{
	settings_read();
	return true;
}

int main(int argc, char **argv)
{
	static const struct s2_backend xmpp = {
	    .name = "spectrum2_xmpp_backend",
	    .features = S2_FEATURE_MUC | S2_FEATURE_RECEIPTS | S2_FEATURE_MESSAGE_RESULT | S2_FEATURE_CORRECTIONS |
	                S2_FEATURE_RETRACTIONS | S2_FEATURE_MODERATION | S2_FEATURE_REACTIONS | S2_FEATURE_REPLIES |
	                S2_FEATURE_MARKERS | S2_FEATURE_ATTACHMENTS,
	    .start = start,
	    .stop = settings_stop,
	    .login = user_login,
	    .logout = user_logout,
	    .set_status = user_set_status,
	    .message = user_message,
	    .typing = user_typing,
	    .attention = user_attention,
	    .annotate = user_annotate,
	    .add_buddy = user_add_buddy,
	    .remove_buddy = user_remove_buddy,
	    .subscription = user_say_subscription,
	    .block_buddy = user_block_buddy,
	    .get_card = user_get_card,
	    .set_card = user_set_card,
	    .join_room = user_join_room,
	    .leave_room = user_leave_room,
	    .set_subject = user_set_subject,
	    .room_order = user_room_order,
	    .room_orders = (1u << S2_ROOM_SEARCH) - 1, /* all but that */
	};
	return s2_backend_run(argc, argv, &xmpp);
}
