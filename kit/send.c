/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a backend tells, as frames to the main process; the twin of spectrum/link/receive. Towards an old main process
 * that lacks a frame the nearest old one is used, so that nothing is kept from the user. */
#include "kit/send.h"

#include <stdio.h>
#include <unistd.h>

#include "kit/line.h"
#include "kit/state.h"
#include "kit/user.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

#define LOG_AREA "kit"

/* ---- The kit's own ---- */

void kit_send_done(const char *jid, const char *id, const char *peer, enum s2_condition condition, const char *text,
                   const char *network_id)
{
	if (!kit.extended)
		return;
	struct wire_frame frame = {.type = WIRE_MESSAGE_RESULT, .user = jid};
	frame.result.id = id;
	frame.result.peer = peer;
	frame.result.condition = condition;
	frame.result.text = text;
	frame.result.network_id = network_id;
	kit_line_write(&frame);
}

void kit_send_result(const char *jid, const char *id, const char *peer, enum s2_condition condition, const char *text)
{
	kit_send_done(jid, id, peer, condition, text, NULL);
}

/* What an old main process would not know, too: it passes over it. */
static void add_extensions(struct str *config)
{
	static const struct {
		unsigned feature;
		const char *key;
	} keys[] = {
	    {S2_FEATURE_TYPING, "typing"},           {S2_FEATURE_ATTENTION, "attention"},
	    {S2_FEATURE_BLOCKING, "blocking"},       {S2_FEATURE_OWN_CARD, "own_card"},
	    {S2_FEATURE_SUBSCRIPTIONS, "subscriptions"},
	    {S2_FEATURE_CORRECTIONS, "corrections"}, {S2_FEATURE_RETRACTIONS, "retractions"},
	    {S2_FEATURE_MODERATION, "moderation"},   {S2_FEATURE_REACTIONS, "reactions"},
	    {S2_FEATURE_REPLIES, "replies"},         {S2_FEATURE_MARKERS, "markers"},
	    {S2_FEATURE_ATTACHMENTS, "attachments"}, {S2_FEATURE_FORMATTING, "formatting"},
	};
	const struct s2_backend *backend = kit.backend;
	unsigned features = backend->features | (backend->typing ? S2_FEATURE_TYPING : 0) |
	                    (backend->attention ? S2_FEATURE_ATTENTION : 0) |
	                    (backend->block_buddy ? S2_FEATURE_BLOCKING : 0) |
	                    (backend->set_card ? S2_FEATURE_OWN_CARD : 0) |
	                    (backend->subscription ? S2_FEATURE_SUBSCRIPTIONS : 0);
	str_addf(config, "extensions=1\nroom_orders=%u\n", backend->room_orders);
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		str_addf(config, "%s=%d\n", keys[i].key, !!(features & keys[i].feature));
	if (backend->reactions)
		str_addf(config, "reactions_allowed=%s\n", backend->reactions);
	if (backend->reactions_most)
		str_addf(config, "reactions_most=%u\n", backend->reactions_most);
}

void kit_send_features(void)
{
	unsigned features = kit.backend->features;
	/* Where the main process is the server, nobody registers: Spectrum 2 wants to hear that from its backends. */
	if (s2_config_bool("service.server_mode", false))
		features |= S2_FEATURE_NO_REGISTRATION;
	struct str config = {0};
	str_addf(&config, "[registration]\nneedPassword=%d\nneedRegistration=%d\n",
	         !(features & S2_FEATURE_NO_PASSWORD), !(features & S2_FEATURE_NO_REGISTRATION));
	str_addf(&config, "[features]\nmuc=%d\nreceipts=%d\ndisable_jid_escaping=%d\n", !!(features & S2_FEATURE_MUC),
	         !!(features & S2_FEATURE_RECEIPTS), !!(features & S2_FEATURE_NO_JID_ESCAPING));
	str_addf(&config, "send_buddies_on_login=%d\n", !!(features & S2_FEATURE_NO_CONTACT_LIST));
	if (kit.extended)
		add_extensions(&config);
	kit_line_write(&(struct wire_frame){.type = WIRE_BACKEND_CONFIG, .config = str_text(&config)});
	str_fini(&config);
}

void kit_send_pong(void)
{
	kit_line_write(&(struct wire_frame){.type = WIRE_PONG});
}

/* Resident and shared memory in KB; false if the kernel does not tell. */
static bool read_memory(int32_t *res, int32_t *shared)
{
	long resident_pages, shared_pages, page_kb = sysconf(_SC_PAGESIZE) / 1024;
	FILE *file = fopen("/proc/self/statm", "re");
	bool found = file && fscanf(file, "%*d %ld %ld", &resident_pages, &shared_pages) == 2;
	if (file)
		fclose(file);
	if (!found)
		return false;
	*res = (int32_t)(resident_pages * page_kb);
	*shared = (int32_t)(shared_pages * page_kb);
	return true;
}

void kit_send_stats(void)
{
	/* The first is sent before there is any user: what the process needs without them. */
	static int32_t init_res;
	char id[16];
	struct wire_frame frame = {.type = WIRE_STATS};
	if (!read_memory(&frame.stats.res, &frame.stats.shared))
		return;
	if (!init_res)
		init_res = frame.stats.res;
	snprintf(id, sizeof id, "%d", (int)getpid());
	frame.stats.init_res = init_res;
	frame.stats.id = id;
	kit_line_write(&frame);
}

/* ---- Session ---- */

void s2_connected(struct s2_user *user)
{
	kit_line_write(&(struct wire_frame){.type = WIRE_CONNECTED, .user = user->jid});
}

void s2_disconnected(struct s2_user *user, enum s2_connection_error error, const char *text)
{
	/* Inside of `logout` the main process knows already, and the kit frees him. */
	if (user->leaving)
		return;
	struct str jid = {0};
	str_adds(&jid, user->jid);
	kit_user_free(user);
	struct wire_frame frame = {.type = WIRE_DISCONNECTED, .user = str_text(&jid)};
	frame.disconnected.error = (int32_t)error;
	frame.disconnected.text = text;
	kit_line_write(&frame);
	str_fini(&jid);
}

bool s2_ask(struct s2_user *user, const struct s2_request *request)
{
	return kit.extended &&
	       kit_line_write(&(struct wire_frame){.type = WIRE_REQUEST, .user = user->jid, .question = *request});
}

void s2_ask_end(struct s2_user *user, const char *id, enum s2_condition condition, const char *text)
{
	struct wire_frame frame = {.type = WIRE_REQUEST_END, .user = user->jid};
	frame.result.id = id;
	frame.result.condition = condition;
	frame.result.text = text;
	if (kit.extended)
		kit_line_write(&frame);
}

/* ---- Messages ---- */

static void send_message(struct s2_user *user, enum wire_type type, const struct s2_message *message)
{
	kit_line_write(&(struct wire_frame){.type = type, .user = user->jid, .message = *message});
}

void s2_message(struct s2_user *user, const struct s2_message *message)
{
	send_message(user, WIRE_CONV_MESSAGE, message);
}

static void end_message(struct s2_user *user, const char *id, const char *peer, enum s2_condition condition,
                        const char *text, const char *network_id)
{
	struct pending *pending = text_empty(id) ? NULL : kit_pending_find(user, id, peer);
	if (pending)
		kit_pending_end(user, pending, condition, text, network_id);
	else
		log_debug("user=%s no message waits for a result with this id", log_quote(user->jid));
}

void s2_message_result(struct s2_user *user, const char *id, const char *peer, enum s2_condition condition,
                       const char *text)
{
	end_message(user, id, peer, condition, text, NULL);
}

void s2_message_done(struct s2_user *user, const char *id, const char *peer, const char *network_id)
{
	end_message(user, id, peer, S2_DONE, NULL, network_id);
}

void s2_annotation(struct s2_user *user, const struct s2_annotation *annotation)
{
	if (kit.extended)
		kit_line_write(
		    &(struct wire_frame){.type = WIRE_ANNOTATION, .user = user->jid, .annotation = *annotation});
}

void s2_message_received(struct s2_user *user, const char *peer, const char *id)
{
	if (text_empty(id) || kit_id_is_local(id))
		return;
	send_message(user, WIRE_CONV_MESSAGE_ACK, &(struct s2_message){.peer = peer, .id = id});
}

void s2_typing(struct s2_user *user, const char *peer, enum s2_typing typing)
{
	static const enum wire_type types[] = {
	    [S2_TYPING_COMPOSING] = WIRE_BUDDY_TYPING,
	    [S2_TYPING_PAUSED] = WIRE_BUDDY_TYPED,
	    [S2_TYPING_ACTIVE] = WIRE_BUDDY_STOPPED_TYPING,
	};
	kit_line_write(&(struct wire_frame){.type = types[typing], .user = user->jid, .buddy = {.name = peer}});
}

void s2_attention(struct s2_user *user, const char *peer, const char *text)
{
	send_message(user, WIRE_ATTENTION, &(struct s2_message){.peer = peer, .body = text});
}

/* ---- Contacts and profiles ---- */

void s2_buddy(struct s2_user *user, const struct s2_buddy *buddy)
{
	kit_line_write(&(struct wire_frame){.type = WIRE_BUDDY_CHANGED, .user = user->jid, .buddy = *buddy});
}

void s2_buddy_removed(struct s2_user *user, const char *name)
{
	kit_line_write(&(struct wire_frame){.type = WIRE_BUDDY_REMOVED, .user = user->jid, .buddy = {.name = name}});
}

void s2_block_result(struct s2_user *user, const char *name, enum s2_condition condition, const char *text)
{
	if (!kit.extended)
		return;
	struct wire_frame frame = {.type = WIRE_BLOCK_RESULT, .user = user->jid};
	frame.result.peer = name;
	frame.result.condition = condition;
	frame.result.text = text;
	kit_line_write(&frame);
}

void s2_authorization_request(struct s2_user *user, const char *name, const char *text)
{
	kit_line_write(&(struct wire_frame){
	    .type = WIRE_AUTH_REQUEST, .user = user->jid, .buddy = {.name = name, .status_text = text}});
}

void s2_subscription(struct s2_user *user, const char *name, enum s2_subscription_verb verb)
{
	struct wire_frame frame = {.type = WIRE_SUBSCRIPTION, .user = user->jid};
	if (!kit.extended)
		return;
	frame.subscription.name = name;
	frame.subscription.verb = verb;
	kit_line_write(&frame);
}

void s2_card(struct s2_user *user, uint32_t request, const struct s2_card *card)
{
	struct wire_frame frame = {.type = WIRE_VCARD, .user = user->jid, .card = *card, .request = request};
	if (kit_line_write(&frame))
		return;
	/* Whoever asked waits: rather without the picture than not at all. */
	frame.card.photo_bytes = 0;
	kit_line_write(&frame);
}

/* ---- Rooms ---- */

void s2_participant(struct s2_user *user, const struct s2_participant *participant)
{
	kit_line_write(
	    &(struct wire_frame){.type = WIRE_PARTICIPANT_CHANGED, .user = user->jid, .participant = *participant});
}

void s2_room_nickname(struct s2_user *user, const char *room, const char *nickname)
{
	kit_line_write(&(struct wire_frame){
	    .type = WIRE_ROOM_NICKNAME_CHANGED, .user = user->jid, .room = {.name = room, .nickname = nickname}});
}

/* An old main process knows three reasons, as flags of the user's own occupant. */
static void send_old_room_error(struct s2_user *user, const char *room, const char *nickname,
                                enum s2_condition condition, const char *text)
{
	static const enum s2_participant_flag flags[S2_CONDITIONS] = {
	    [S2_CONFLICT] = S2_PARTICIPANT_CONFLICT,
	    [S2_FORBIDDEN] = S2_PARTICIPANT_NOT_AUTHORIZED,
	    [S2_NOT_AUTHORIZED] = S2_PARTICIPANT_NOT_AUTHORIZED,
	    [S2_REGISTRATION_REQUIRED] = S2_PARTICIPANT_NOT_AUTHORIZED,
	};
	struct s2_participant self = {
	    .room = room, .nickname = nickname, .status = S2_STATUS_NONE, .status_text = text};
	self.flags = flags[condition] ? flags[condition] : S2_PARTICIPANT_ROOM_NOT_FOUND;
	s2_participant(user, &self);
}

void s2_room_error(struct s2_user *user, const char *room, const char *nickname, enum s2_condition condition,
                   const char *text)
{
	if (!kit.extended) {
		send_old_room_error(user, room, nickname, condition, text);
		return;
	}
	struct wire_frame frame = {.type = WIRE_ROOM_ERROR, .user = user->jid};
	frame.result.peer = room;
	frame.result.nickname = nickname;
	frame.result.condition = condition;
	frame.result.text = text;
	kit_line_write(&frame);
}

void s2_room_info(struct s2_user *user, const struct s2_room_info *info)
{
	if (kit.extended)
		kit_line_write(&(struct wire_frame){.type = WIRE_ROOM_INFO, .user = user->jid, .room_info = *info});
}

void s2_room_answer(struct s2_user *user, uint32_t request, const struct s2_room_answer *answer)
{
	struct wire_frame frame = {.type = WIRE_ROOM_ANSWER, .user = user->jid, .order_number = request};
	frame.answer = *answer;
	if (kit.extended)
		kit_line_write(&frame);
}

void s2_room_done(struct s2_user *user, uint32_t request, enum s2_condition condition, const char *text)
{
	s2_room_answer(user, request, &(struct s2_room_answer){.condition = condition, .text = text});
}

/* To an old main process it is a message from a room that was not joined. */
void s2_room_invitation(struct s2_user *user, const struct s2_room_invitation *invitation)
{
	struct s2_message message = {
	    .peer = invitation->room,
	    .nickname = text_empty(invitation->nickname) ? invitation->name : invitation->nickname,
	    .body = text_empty(invitation->reason) ? "invites you to this room" : invitation->reason,
	};
	if (kit.extended)
		kit_line_write(
		    &(struct wire_frame){.type = WIRE_ROOM_INVITATION, .user = user->jid, .invitation = *invitation});
	else
		s2_message(user, &message);
}

void s2_room_subject(struct s2_user *user, const struct s2_message *message)
{
	send_message(user, WIRE_ROOM_SUBJECT_CHANGED, message);
}

void s2_room_list(struct s2_user *user, const struct s2_room_listing *rooms, size_t count)
{
	kit_line_write(&(struct wire_frame){.type = WIRE_ROOM_LIST, .user = user->jid, .list = {rooms, count}});
}
