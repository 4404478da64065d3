/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Puts the XMPP side together: the upstream below, the hub behind, and the tables between them. */
#include "spectrum/frontend/frontend.h"

#include <stdlib.h>

#include "lib/base/log.h"
#include "spectrum/frontend/avatar.h"
#include "spectrum/frontend/carbon.h"
#include "spectrum/frontend/card.h"
#include "spectrum/frontend/client.h"
#include "spectrum/frontend/upload.h"
#include "spectrum/frontend/dialogue.h"
#include "spectrum/frontend/inside.h"
#include "spectrum/frontend/iq.h"
#include "spectrum/frontend/listing.h"
#include "spectrum/frontend/local_account.h"
#include "spectrum/frontend/own.h"
#include "spectrum/frontend/pep.h"
#include "spectrum/frontend/privilege.h"
#include "spectrum/frontend/question.h"
#include "spectrum/server/server.h"
#include "spectrum/upstream/component.h"

#define LOG_AREA "frontend"

static void upstream_came_up(void *arg)
{
	struct frontend *frontend = arg;
	roster_link_up(frontend->roster);
	hub_frontend_up(frontend->hub);
}

static void upstream_went_down(void *arg)
{
	/* The users keep their sessions on the network; what comes for them is kept (upstream.h). */
	struct frontend *frontend = arg;
	iq_lose_all(frontend->iqs);
	privilege_forget_all(frontend->privileges);
	roster_link_down(frontend->roster);
}

static void upstream_stanza(void *arg, struct arena *arena, const struct element *stanza)
{
	struct frontend *frontend = arg;
	route(frontend, arena, stanza);
}

static void upstream_full(void *arg, bool full)
{
	struct frontend *frontend = arg;
	hub_pause(frontend->hub, full);
}

static void upstream_keep(void *arg, uint64_t sequence, const char *bytes, size_t len)
{
	struct frontend *frontend = arg;
	hub_keep(frontend->hub, sequence, bytes, len);
}

static void upstream_forget(void *arg, uint64_t sequence)
{
	struct frontend *frontend = arg;
	hub_forget(frontend->hub, sequence);
}

static void upstream_caps(void *arg, struct writer *writer)
{
	disco_write_gateway_caps(arg, writer);
}

static const struct upstream_events upstream_table = {
    .up = upstream_came_up,
    .down = upstream_went_down,
    .stanza = upstream_stanza,
    .full = upstream_full,
    .keep = upstream_keep,
    .forget = upstream_forget,
    .caps = upstream_caps,
};

/* What an earlier process left; the link is made when all of it is here. */
static void hub_kept(void *arg, uint64_t sequence, const char *stanza, size_t len)
{
	struct frontend *frontend = arg;
	if (stanza)
		upstream_restore(frontend->upstream, sequence, stanza, len);
	else
		upstream_start(frontend->upstream);
}

static void logged_out(void *arg, const char *jid, const char *text, const enum s2_connection_error *error)
{
	struct frontend *frontend = arg;
	if (frontend->serves)
		server_logged_out(frontend->upstream, jid, text, error);
}

static void reload_configuration(void *arg, struct str *answer)
{
	struct frontend *frontend = arg;
	if (!frontend->reload) {
		str_adds(answer, "Error: Error during config reload");
		return;
	}
	frontend->reload(frontend->reload_arg, answer);
	disco_forget_caps(frontend);
}

static void user_came_online(void *arg, struct user *user)
{
	roster_online(arg, user);
	own_online(arg, user);
	pep_online(arg, user);
}

static void buddy_changed(void *arg, struct user *user, const struct buddy *buddy)
{
	roster_buddy_changed(arg, user, buddy);
	pep_nickname_changed(arg, user, buddy);
}

static const struct hub_events hub_table = {
    .account = presence_account,
    .notice = message_notice,
    .refused = presence_refused,
    .buddy = presence_buddy,
    .online = user_came_online,
    .buddy_subscribe = roster_buddy_subscribe,
    .subscription = roster_said,
    .buddy_changed = buddy_changed,
    .buddy_icon = avatar_changed,
    .buddy_removed = roster_buddy_removed,
    .message = message_arrived,
    .annotation = annotation_arrived,
    .slot_request = upload_wanted,
    .typing = message_typing,
    .attention = message_attention,
    .received = message_delivered,
    .question = question_arrived,
    .question_end = question_over,
    .bounce = message_bounced,
    .occupant = muc_occupant,
    .room_message = muc_message,
    .room_content = muc_content,
    .room_record = muc_record,
    .room_changed = muc_changed,
    .room_subject = muc_subject,
    .room_error = muc_error,
    .room_invited = muc_invited,
    .room_invitation = muc_invitation,
    .group = group_told,
    .group_left = group_left_told,
    .probe = presence_probe,
    .logged_out = logged_out,
    .verify = local_account_verify,
    .registration = register_changed,
    .configured = disco_forget_caps,
    .reload = reload_configuration,
    .kept = hub_kept,
};

struct frontend *frontend_new(struct loop *loop, struct config *config, int argc, char **argv, char **error)
{
	struct frontend *frontend = mem_new(sizeof *frontend);
	frontend->loop = loop;
	frontend->config = config;
	frontend->jid = config_text(config, "service.jid");
	frontend->iqs = iq_table_new(frontend, loop);
	frontend->privileges = privilege_table_new();
	frontend->roster = roster_work_new(frontend);
	frontend->caps = disco_caps_new();
	frontend->clients = client_table_new();
	frontend->avatars = avatar_work_new(frontend);
	frontend->cards = card_table_new();
	frontend->own = own_work_new(frontend);
	frontend->dialogues = dialogue_table_new(frontend);
	local_account_init(frontend);
	frontend->serves = config_bool(config, "service.server_mode");
	*error = NULL;
	frontend->upstream = frontend->serves ? server_new(loop, config, &upstream_table, frontend, error)
	                                      : component_new(loop, config, &upstream_table, frontend);
	if (frontend->upstream)
		frontend->hub = hub_new(loop, config, argc, argv, &hub_table, frontend, error);
	if (!frontend->hub) {
		frontend_free(&frontend);
		return NULL;
	}
	if (frontend->serves) {
		server_attach(frontend->upstream, frontend->hub);
		snprintf(frontend->upload_most, sizeof frontend->upload_most, "%llu",
		         (unsigned long long)server_upload_most(frontend->upstream));
	}
	hub_start(frontend->hub);
	return frontend;
}

void frontend_on_reload(struct frontend *frontend, void (*reload)(void *arg, struct str *answer), void *arg)
{
	frontend->reload = reload;
	frontend->reload_arg = arg;
}

struct hub *frontend_hub(struct frontend *frontend)
{
	return frontend->hub;
}

static void stopped(void *arg)
{
	struct frontend *frontend = arg;
	loop_stop(frontend->loop);
}

void frontend_reload(struct frontend *frontend)
{
	if (frontend->serves)
		server_reload(frontend->upstream);
}

void frontend_stop(struct frontend *frontend)
{
	local_account_cancel_all(frontend);
	hub_stop(frontend->hub);
	upstream_stop(frontend->upstream, stopped);
}

void frontend_free(struct frontend **at)
{
	struct frontend *frontend = *at;
	if (!frontend)
		return;
	local_account_cancel_all(frontend);
	avatar_work_free(&frontend->avatars);
	upstream_end(frontend->upstream);
	frontend->ended = frontend->serves;
	hub_free(&frontend->hub);
	dialogue_table_free(&frontend->dialogues);
	own_work_free(&frontend->own);
	card_table_free(&frontend->cards);
	client_table_free(&frontend->clients);
	roster_work_free(&frontend->roster);
	listing_free_all(frontend);
	iq_table_free(&frontend->iqs);
	privilege_table_free(&frontend->privileges);
	carbon_memory_free(&frontend->carbons);
	upload_table_free(&frontend->uploads);
	upstream_free(&frontend->upstream);
	loop_defer_cancel(&frontend->cleaning);
	disco_caps_free(&frontend->caps);
	arena_fini(&frontend->arena);
	str_fini(&frontend->dropped);
	free(frontend);
	*at = NULL;
}
