/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of this folder share: the frontend itself, one stanza that came in, and how stanzas go out. */
#ifndef SPECTRUM_FRONTEND_INSIDE_H
#define SPECTRUM_FRONTEND_INSIDE_H

#include "lib/xmpp/content.h"
#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/xmpp/jid.h"
#include "lib/xmpp/ns.h"
#include "lib/xmpp/stanza.h"
#include "spectrum/frontend/frontend.h"
#include "spectrum/frontend/roster.h"
#include "spectrum/hub/hub.h"
#include "spectrum/upstream/upstream.h"

struct frontend {
	struct loop *loop;
	struct config *config;
	struct hub *hub;
	struct upstream *upstream;          /* where stanzas come from and go to */
	bool serves;                        /* server mode: the upstream is a server (spectrum/server) */
	char upload_most[24];               /* bytes of a file; server mode */
	struct iq_table *iqs;               /* iq.h */
	struct privilege_table *privileges; /* privilege.h */
	struct roster_work *roster;
	struct carbon_memory *carbons; /* carbon.h */
	struct upload_table *uploads;  /* upload.h */
	struct dialogue_table *dialogues; /* dialogue.h */
	const char *jid;    /* of the gateway */
	struct arena arena; /* for what is written; reset at the end of a turn of the loop */
	struct deferred cleaning;
	struct caps_table *caps; /* disco.c */
	struct client_table *clients; /* client.h */
	struct avatar_work *avatars;  /* avatar.h */
	struct card_table *cards;     /* card.h */
	struct own_work *own;         /* own.h */
	void (*reload)(void *arg, struct str *answer); /* frontend_on_reload */
	void *reload_arg;
	struct map catalogs;      /* listing.c: of rooms of servers */
	struct list local_checks; /* local_account.h */
	struct map local_failures;
	bool ended;            /* the upstream: */
	struct writer nowhere; /* ... takes what is written then */
	struct str dropped;
	unsigned strays; /* stanzas for other addresses */
};

/* Whom a stanza is for. */
enum target {
	TARGET_GATEWAY = 1,
	TARGET_CONTACT = 2,
	TARGET_ROOM = 4,
	TARGET_OCCUPANT = 8,
};

/* One stanza from a user, addresses prepared. Lives while it is handled. */
struct request {
	struct frontend *frontend;
	struct arena *arena;
	const struct element *stanza;
	struct jid from, to;
	const char *type, *id; /* may be NULL */
	enum target target;
	struct user *user; /* NULL: not logged in */
	struct room *room; /* the room that `to` is in, if the user has joined it */
};

/* ---- route.c ---- */
void route(struct frontend *, struct arena *, const struct element *stanza);
/* Handlers by kind of stanza; each file defines its own. */
void message_received(struct request *);
void presence_received(struct request *);
typedef void iq_handler(struct request *, const struct element *payload);
iq_handler adhoc_set, annotation_moderate, annotation_moderate_old;
iq_handler block_list, block_add, block_remove;
iq_handler card_get, card_get_4, card_set, card_version, card_time, pep_get;
iq_handler disco_info, disco_items;
iq_handler muc_admin_get;
iq_handler register_get, register_set;
iq_handler service_ping, service_version, service_last, service_time, service_prompt, service_address;
iq_handler question_image_get;
iq_handler service_statistics, storage_get, storage_set;

/* ---- Writing (stanza.c) ---- */
/* An answer to an IQ, type result, open: write the payload, then stanza_close. */
struct writer *iq_result_open(const struct request *);
void iq_result_empty(const struct request *);
/* An answer with an error to an IQ, message or presence; never to an error. */
void stanza_refuse(const struct request *, enum s2_condition, const char *text);
/* A request outlives its stanza where the answer comes later: this is what is needed for it. */
struct reply {
	struct frontend *frontend;
	char *from, *to, *id; /* of the answer */
};
struct reply *reply_new(const struct request *);
void reply_free(struct reply *);
struct writer *reply_open(const struct reply *); /* type result; then stanza_close */
void reply_refuse(const struct reply *, enum s2_condition, const char *text);

/* Addresses on the frontend's arena: node@gateway, node@gateway/resource. NULL if the name makes no JID. */
const char *contact_jid(struct frontend *, const struct user *, const char *name, const char *resource);
const char *room_jid(struct frontend *, const struct room *, const char *nickname);
const char *occupant_jid(struct frontend *, const char *bare, const char *nickname);
/* nickname.c: how a nickname is spelt in an address, on the frontend's arena; and the other way round, for those who are in
 * the room (the same if nobody is behind it; borrowed until the room changes). */
const char *nickname_resource(struct frontend *, const char *nickname);
const char *nickname_behind(struct frontend *, const struct room *, const char *resource);
/* user@host or user@host/resource. */
const char *user_address(struct frontend *, const struct user *, const char *resource);

/* A stanza with from, to, type (may be NULL), open for further attributes and children; stanza_close closes it. */
struct writer *stanza_open(struct frontend *, const char *name, enum upstream_care, const char *from, const char *to,
                           const char *type);
void stanza_close(struct frontend *);
/* For who uses the frontend's arena and opens no stanza: it is reset when the loop turns. */
void stanza_tidy(struct frontend *);
/* The delay element (XEP-0203), if the time is known and not now, or if the link is down and the stanza has to wait. */
void write_delay(struct frontend *, struct writer *, const char *from, int64_t time);
/* The same, always. */
void write_past(struct writer *, const char *from, int64_t time);
void write_show(struct writer *, enum s2_status);

/* ---- Out of the hub: each file's part of hub_events ---- */
void presence_account(void *arg, struct user *, const char *resource, enum account_state, const char *text);
void presence_refused(void *arg, const char *jid, const char *resource, const char *node, const char *nickname,
                      enum s2_condition, const char *text);
void presence_buddy(void *arg, struct user *, const char *resource, const struct buddy *, bool gone);
void presence_probe(void *arg, const char *jid);
void message_notice(void *arg, const char *jid, const char *text, const enum s2_connection_error *);
void message_arrived(void *arg, struct user *, const char *resource, const struct room *, const struct s2_message *);
void message_typing(void *arg, struct user *, const char *resource, const char *peer, enum s2_typing);
void message_attention(void *arg, struct user *, const char *resource, const struct s2_message *);
void annotation_arrived(void *arg, struct user *, const char *resource, const struct room *,
                        const struct s2_annotation *);
void message_delivered(void *arg, struct user *, const char *resource, const char *peer, const char *id);
void message_bounced(void *arg, const struct ticket *, enum s2_condition, const char *text);
void muc_occupant(void *arg, struct user *, const char *resource, const struct room *, const struct room_presence *);
void muc_message(void *arg, struct user *, const char *resource, const struct room *, const struct room_line *);
bool muc_content(void *arg, const struct room *, const struct room_line *, unsigned part, struct room_record *);
void muc_record(void *arg, struct user *, const char *resource, const struct room *, const struct room_record *,
                bool history);
void muc_invited(void *arg, struct user *, const struct s2_room_invitation *);
void muc_changed(void *arg, struct user *, const char *resource, const struct room *, unsigned codes);
void muc_subject(void *arg, struct user *, const char *resource, const struct room *);
void muc_error(void *arg, struct user *, const char *resource, const struct room *, const char *nickname,
               enum s2_condition, const char *text);
void muc_invitation(void *arg, struct user *, const char *room, const struct s2_message *);
void group_told(void *arg, struct user *, const struct room *, const struct s2_message *, bool known);
void group_left_told(void *arg, struct user *, const struct room *);
void register_changed(void *arg, const char *jid, bool registered);
void disco_forget_caps(void *arg); /* a backend has told what it can do */

/* annotation.c: a message that content_is_annotation; `id`: for its result. */
void annotation_received(struct request *, const char *type, const struct content *, const char *id);
/* message.c: content_part and content_write (lib/xmpp/content.h) as the configuration wants them. */
bool message_part(struct frontend *, const struct s2_message *, unsigned part, struct s2_message *piece);
void message_write(struct frontend *, struct writer *, const struct s2_message *, const char *reply_jid);
/* muc.c: <presence/> with <x xmlns='.../muc'/> to a room. */
void muc_join(struct request *, const struct element *x);
/* disco.c: entity capabilities (XEP-0115), for available presence only: of a contact that lacks these of the network's
 * abilities (s2_feature), and of the gateway. What the configuration says is looked up once between two expirations. */
struct caps_table *disco_caps_new(void);
void disco_caps_free(struct caps_table **);
void disco_caps_expire(struct caps_table *);
void disco_write_caps(struct frontend *, struct writer *, unsigned lacks);
void disco_write_gateway_caps(struct frontend *, struct writer *);
/* muc.c: an invitation of the gateway (XEP-0249) to a room's address. */
void muc_invite(struct frontend *, const char *to, const char *room);
/* chat.c: words to the gateway itself; a question of the network to somebody who is in no dialogue; how it ended. */
void chat_question(struct frontend *, const struct user *, const struct s2_request *);
void chat_question_end(struct frontend *, const struct user *, const char *text);
void chat_received(struct request *, const char *body);
/* adhoc.c, for disco.c: the list of commands; what a node is, false if it is none of commands. */
void adhoc_items(struct request *);
bool adhoc_info(struct request *, const char *node);

#endif
