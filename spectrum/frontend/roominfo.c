/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Service discovery of one room (XEP-0045 section 6.4): its name, what is true of it now, and the form muc#roominfo
 * (XEP-0128) with what there is to tell. */
#include "spectrum/frontend/avatar.h"
#include "spectrum/frontend/muc.h"
#include "spectrum/hub/address.h"

#define ROOMINFO "http://jabber.org/protocol/muc#roominfo"

static const char *const always[] = {NS_DISCO_INFO,
                                     NS_DISCO_ITEMS,
                                     NS_MUC,
                                     NS_PING,
                                     NS_VCARD,
                                     NS_STANZA_ID,
                                     NS_OCCUPANT_ID,
                                     NS_HATS,
                                     "http://jabber.org/protocol/muc#stable_id",
                                     "http://jabber.org/protocol/muc#self-ping-optimization"};

/* One of each pair is true, as soon as the network has told. */
static const struct {
	unsigned flag; /* s2_room_flag */
	const char *set, *unset;
} pairs[] = {
    {S2_ROOM_MEMBERS_ONLY, "muc_membersonly", "muc_open"},
    {S2_ROOM_PASSWORD, "muc_passwordprotected", "muc_unsecured"},
    {S2_ROOM_MODERATED, "muc_moderated", "muc_unmoderated"},
    {S2_ROOM_HIDDEN, "muc_hidden", "muc_public"},
    {S2_ROOM_PERSISTENT, "muc_persistent", "muc_temporary"},
};

static void add_features(const struct hub *hub, struct info *out, const struct room *room)
{
	for (size_t i = 0; i < sizeof always / sizeof *always; i++)
		info_add_feature(out, always[i]);
	if (archive_is_kept(hub)) {
		info_add_feature(out, NS_MAM);
		info_add_feature(out, NS_MAM "#extended");
	}
	if (!room)
		return;
	const struct s2_room_info *info = room_get_info(room);
	info_add_feature(out, room_is_nonanonymous(room) ? "muc_nonanonymous" : "muc_semianonymous");
	for (size_t i = 0; info->name && i < sizeof pairs / sizeof *pairs; i++)
		info_add_feature(out, info->flags & pairs[i].flag ? pairs[i].set : pairs[i].unset);
}

static void add_text(struct info *out, const char *var, const char *text)
{
	if (!text_empty(text))
		info_add_value(out, ROOMINFO, var, text);
}

static void add_values(struct request *request, struct info *out)
{
	const struct s2_room_info *info = room_get_info(request->room);
	struct room_subject subject;
	room_get_subject(request->room, &subject);
	if (room_occupants(request->room))
		add_text(out, "muc#roominfo_occupants",
		         arena_printf(request->arena, "%u", room_occupants(request->room)));
	add_text(out, "muc#roominfo_subject", subject.text);
	add_text(out, "muc#roominfo_description", info->description);
	add_text(out, "muc#roominfo_lang", info->language);
	add_text(out, "muc#roominfo_avatarhash", avatar_of_room(request->frontend, request->user, request->room));
	if (info->name)
		add_text(out, "muc#roominfo_changesubject", info->flags & S2_ROOM_SUBJECT ? "1" : "0");
	if (info->most)
		add_text(out, "muc#roomconfig_maxusers", arena_printf(request->arena, "%u", info->most));
}

void roominfo_collect(struct request *request, struct info *out)
{
	const char *name = request->room ? room_get_info(request->room)->title : NULL;
	if (text_empty(name))
		name = address_name(request->arena, request->to.node);
	info_add_identity(out, "conference", "text", name);
	add_features(request->frontend->hub, out, request->room);
	if (request->room)
		add_values(request, out);
}
