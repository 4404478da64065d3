/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is true of a room (XEP-0045 section 6.4), and invitations to one: from the room on somebody's behalf (section
 * 7.8.2), or straight from him (XEP-0249). */
#include <stdlib.h>
#include <string.h>

#include "backends/xmpp/iq.h"
#include "backends/xmpp/places.h"
#include "backends/xmpp/room.h"
#include "lib/base/str.h"
#include "lib/xmpp/form.h"
#include "lib/xmpp/ns.h"

#define ROOMINFO NS_MUC "#roominfo"

/* ---- Facts ---- */

static unsigned read_flags(const struct element *query)
{
	static const struct {
		const char *feature;
		enum s2_room_flag flag;
	} known[] = {
	    {"muc_membersonly", S2_ROOM_MEMBERS_ONLY}, {"muc_passwordprotected", S2_ROOM_PASSWORD},
	    {"muc_moderated", S2_ROOM_MODERATED},      {"muc_hidden", S2_ROOM_HIDDEN},
	    {"muc_persistent", S2_ROOM_PERSISTENT},    {"muc_semianonymous", S2_ROOM_SEMIANONYMOUS},
	};
	unsigned flags = 0;
	const struct element *feature = element_child(query, "feature", NS_DISCO_INFO);
	for (; feature; feature = element_next(feature, "feature", NS_DISCO_INFO))
		for (size_t i = 0; i < sizeof known / sizeof *known; i++)
			if (text_equal(element_get(feature, "var"), known[i].feature))
				flags |= known[i].flag;
	return flags;
}

static const struct element *roominfo(struct arena *arena, const struct element *query)
{
	const struct element *form = element_child(query, "x", NS_DATA);
	while (form && !text_equal(form_value(arena, form, "FORM_TYPE"), ROOMINFO))
		form = element_next(form, "x", NS_DATA);
	return form;
}

static void on_info(struct user *user, void *arg, struct arena *arena, const struct element *iq)
{
	struct room *room = iq_is_result(iq) ? room_find(user, element_get(iq, "from")) : NULL;
	const struct element *query = element_child(iq, "query", NS_DISCO_INFO);
	if (!room || room->state != ROOM_JOINED)
		return;
	const struct element *form = roominfo(arena, query);
	const char *hash = form_value(arena, form, "muc#roominfo_avatarhash"),
	           *subject = form_value(arena, form, "muc#roominfo_changesubject");
	const char *title = element_get(element_child(query, "identity", NS_DISCO_INFO), "name");
	struct s2_room_info info = {
	    .name = room->jid,
	    .title = text_or_null(title),
	    .description = text_or_null(form_value(arena, form, "muc#roominfo_description")),
	    .language = text_or_null(form_value(arena, form, "muc#roominfo_lang")),
	    .icon_hash = text_or_null(hash),
	    .flags = read_flags(query) | (form_true(subject) ? S2_ROOM_SUBJECT : 0) |
	             (places_is_bookmarked(user, room->jid) ? S2_ROOM_MEMBER : 0),
	};
	s2_room_info(user->s2, &info);
}

void room_fetch_info(struct user *user, const struct room *room)
{
	struct writer *writer = iq_open(user, "get", room->jid, on_info, NULL);
	xml_empty(writer, "query", NS_DISCO_INFO);
	iq_send(user);
}

/* ---- Invitations ---- */

static bool invited_by_room(struct user *user, struct arena *arena, const struct jid *from, const struct element *x)
{
	const struct element *invite = element_child(x, "invite", NS_MUC_USER);
	const char *who = element_get(invite, "from");
	struct jid jid;
	if (!invite || *from->resource || !*from->node)
		return false;
	bool known = who && jid_parse(arena, who, &jid);
	bool occupant = known && !strcmp(jid.bare, from->bare);
	s2_room_invitation(user->s2,
	                   &(struct s2_room_invitation){
	                       .room = from->bare,
	                       .password = text_or_null(element_child_text(arena, x, "password", NS_MUC_USER)),
	                       .name = known && !occupant ? jid.bare : NULL,
	                       .nickname = occupant ? jid.resource : NULL,
	                       .reason = text_or_null(element_child_text(arena, invite, "reason", NS_MUC_USER)),
	                   });
	return true;
}

static bool invited_by_person(struct user *user, struct arena *arena, const struct jid *from, const struct element *x)
{
	const char *room = element_get(x, "jid");
	struct jid jid;
	if (!room || !jid_parse(arena, room, &jid) || !*jid.node || *jid.resource)
		return false;
	s2_room_invitation(user->s2, &(struct s2_room_invitation){
	                                 .room = jid.bare,
	                                 .password = text_or_null(element_get(x, "password")),
	                                 .name = from->bare,
	                                 .reason = text_or_null(element_get(x, "reason")),
	                             });
	return true;
}

bool room_invited(struct user *user, struct arena *arena, const struct jid *from, const struct element *stanza)
{
	const struct element *x = element_child(stanza, "x", NS_MUC_USER);
	const struct element *direct = element_child(stanza, "x", NS_CONFERENCE);
	/* A room's own invitation has both, and the first one says more. */
	if (x && invited_by_room(user, arena, from, x))
		return true;
	return direct && !text_equal(element_get(stanza, "type"), "groupchat") &&
	       invited_by_person(user, arena, from, direct);
}
