/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spectrum2_libpurple_backend: every network that libpurple and its plugins know. The table that the kit calls. */
#include "backends/libpurple/cards.h"
#include "backends/libpurple/contacts.h"
#include "backends/libpurple/core.h"
#include "backends/libpurple/fence.h"
#include "backends/libpurple/home.h"
#include "backends/libpurple/protocol.h"
#include "backends/libpurple/questions.h"
#include "backends/libpurple/rooms.h"
#include "backends/libpurple/session.h"
#include "backends/libpurple/settings.h"
#include "backends/libpurple/talk.h"
#include "lib/base/str.h"
#include "spectrum2/backend.h"

static bool start(void);

static void stop(void)
{
	session_stop();
	core_stop();
	settings_forget();
}

static struct s2_backend backend = {
    .name = "spectrum2_libpurple_backend",
    .features = S2_FEATURE_MUC | S2_FEATURE_MESSAGE_RESULT,
    .start = start,
    .stop = stop,
    .login = session_login,
    .logout = session_logout,
    .set_status = session_set_status,
    .answered = questions_answered,
    .message = talk_message,
    .typing = talk_typing,
    .attention = talk_attention,
    .add_buddy = contacts_add,
    .remove_buddy = contacts_remove,
    .block_buddy = contacts_block,
    .get_card = cards_get,
    .set_card = cards_set,
    .join_room = rooms_join,
    .leave_room = rooms_leave,
    .set_subject = rooms_set_subject,
};

/* What a registration asks for, and what can be done with contacts, depends on the protocol. */
static void set_features(void)
{
	if (text_equal(settings.protocol, "prpl-irc"))
		backend.features |= S2_FEATURE_NO_REGISTRATION;
	if (!settings.protocol || protocol_keeps_no_list(settings.protocol))
		backend.features |= S2_FEATURE_NO_CONTACT_LIST;
	if (!settings.protocol)
		return;
	PurplePlugin *plugin = purple_find_prpl(settings.protocol);
	PurplePluginProtocolInfo *info = PURPLE_PLUGIN_PROTOCOL_INFO(plugin);
	if (!protocol_needs_password(plugin))
		backend.features |= S2_FEATURE_NO_PASSWORD;
	if (!info->join_chat)
		backend.features &= ~(unsigned)S2_FEATURE_MUC;
	/* Foreign XMPP clients know the directives of XEP-0393 themselves. */
	if (!text_equal(settings.protocol, "prpl-jabber"))
		backend.features |= S2_FEATURE_FORMATTING;
	if (!info->send_typing)
		backend.typing = NULL;
	if (!PURPLE_PROTOCOL_PLUGIN_HAS_FUNC(info, send_attention))
		backend.attention = NULL;
	if (!info->icon_spec.format)
		backend.set_card = NULL;
}

static bool start(void)
{
	if (!settings_read())
		return false;
	if (!home_prepare()) {
		settings_forget();
		return false;
	}
	fence_enter();
	if (core_start() && protocol_check()) {
		set_features();
		return true;
	}
	stop();
	return false;
}

int main(int argc, char **argv)
{
	return s2_backend_run(argc, argv, &backend);
}
