/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files about rooms offer the others of this folder. */
#ifndef SPECTRUM_FRONTEND_MUC_H
#define SPECTRUM_FRONTEND_MUC_H

#include "lib/xmpp/content.h"
#include "spectrum/frontend/info.h"
#include "spectrum/frontend/inside.h"

/* roominfo.c: what a room tells of itself. */
void roominfo_collect(struct request *, struct info *);

/* muc.c */
void muc_write_occupant_id(struct writer *, const char *id);
/* What stands in a stanza that carries a line of the archive: content, occupant id, stanza id. `ns`: the namespace of
 * the stanza; `bare`: the room's JID. */
void muc_write_record(struct frontend *, struct writer *, const char *ns, const char *bare, const struct room_record *);

/* rank.c: muc#admin, and the words for what somebody is. */
iq_handler rank_get, rank_set;
const char *rank_affiliation(const struct s2_participant *);
const char *rank_role(const struct s2_participant *);
/* True, with an error, if the sender is not in the room or no moderator there. */
bool rank_refused(struct request *);
/* roomform.c: muc#owner. */
iq_handler roomform_get, roomform_set;
/* invitation.c: a message that invites, declines or asks for a voice; false if it is none. */
bool invitation_received(struct request *);
/* <x xmlns='jabber:x:conference'/> */
void invitation_write(struct writer *, const char *room, const char *password, const char *reason);

/* archive.c: IQs of a room's archive. */
iq_handler archive_query_set, archive_query_get, archive_metadata;

#endif
