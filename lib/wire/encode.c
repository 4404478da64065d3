/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From struct wire_frame to the protobuf message that wire.c packs, one function per message. What is empty or false is
 * left out, save where presence has a meaning; new fields are written only for a peer that announced them. */
#include "lib/wire/codec.h"

#include <time.h>

/* protobuf-c's structs hold char *, but packing only reads. Text from a backend stems from a foreign network, so it is
 * cleaned on its way out, too; the main process's stems from an XML parser. */
char *wire_encode_required(struct wire_encoder *e, const char *text)
{
	if (!text)
		return (char *)"";
	return (char *)(e->direction == WIRE_TO_MAIN ? wire_clean(&e->arena, text) : text);
}

char *wire_encode_optional(struct wire_encoder *e, const char *text)
{
	return text_empty(text) ? NULL : wire_encode_required(e, text);
}

/* Shorthands. */
#define required wire_encode_required
#define optional wire_encode_optional

void wire_encode_connected(struct wire_encoder *e, const struct wire_frame *in, union wire_message *out)
{
	pbnetwork__connected__init(&out->connected);
	out->connected.user = required(e, in->user);
}

void wire_encode_disconnected(struct wire_encoder *e, const struct wire_frame *in, union wire_message *out)
{
	pbnetwork__disconnected__init(&out->disconnected);
	out->disconnected.user = required(e, in->user);
	out->disconnected.error = in->disconnected.error;
	out->disconnected.message = optional(e, in->disconnected.text);
}

static Pbnetwork__Login__Setting **encode_pairs(struct wire_encoder *e, const struct s2_setting *in, size_t count)
{
	Pbnetwork__Login__Setting *items = arena_alloc(&e->arena, count * sizeof *items);
	Pbnetwork__Login__Setting **list = arena_alloc(&e->arena, count * sizeof *list);
	for (size_t i = 0; i < count; i++) {
		pbnetwork__login__setting__init(&items[i]);
		items[i].key = required(e, in[i].key);
		items[i].value = required(e, in[i].value);
		list[i] = &items[i];
	}
	return list;
}

static Pbnetwork__Login__UserSettings *encode_settings(struct wire_encoder *e, const struct s2_login *in)
{
	Pbnetwork__Login__UserSettings *out = arena_alloc(&e->arena, sizeof *out);
	pbnetwork__login__user_settings__init(out);
	out->n_value = in->setting_count;
	out->value = encode_pairs(e, in->settings, in->setting_count);
	return out;
}

void wire_encode_login(struct wire_encoder *e, const struct wire_frame *in, union wire_message *out)
{
	pbnetwork__login__init(&out->login);
	out->login.user = required(e, in->user);
	out->login.legacyname = required(e, in->login.name);
	out->login.password = required(e, in->login.password);
	if (in->login.setting_count)
		out->login.settings = encode_settings(e, &in->login);
}

void wire_encode_logout(struct wire_encoder *e, const struct wire_frame *in, union wire_message *out)
{
	pbnetwork__logout__init(&out->logout);
	out->logout.user = required(e, in->user);
	out->logout.legacyname = required(e, in->login.name);
}

static void encode_buddy(struct wire_encoder *e, const char *user, const struct s2_buddy *in, Pbnetwork__Buddy *out)
{
	pbnetwork__buddy__init(out);
	out->username = required(e, user);
	out->buddyname = required(e, in->name);
	out->alias = optional(e, in->alias);
	out->has_status = true;
	out->status = (Pbnetwork__StatusType)in->status;
	out->statusmessage = optional(e, in->status_text);
	out->iconhash = optional(e, in->icon_hash);
	if (e->extended) {
		out->has_idlesince = in->idle_since > 0;
		out->idlesince = in->idle_since;
		out->has_lacks = in->lacks != 0;
		out->lacks = in->lacks;
		out->has_subscription = in->subscription != S2_SUBSCRIPTION_UNKNOWN;
		out->subscription = in->subscription;
		out->has_pending = in->pending;
		out->pending = in->pending;
	}
	if (!in->group_count)
		return;
	out->group = arena_alloc(&e->arena, in->group_count * sizeof *out->group);
	for (size_t i = 0; i < in->group_count; i++)
		out->group[out->n_group++] = required(e, in->groups[i]);
}

void wire_encode_buddy(struct wire_encoder *e, const struct wire_frame *in, union wire_message *out)
{
	encode_buddy(e, in->user, &in->buddy, &out->buddy);
	/* Towards a backend its mere presence asks for a change of blocking. */
	out->buddy.has_blocked = e->direction == WIRE_TO_MAIN ? in->buddy.blocked : in->has_blocked;
	out->buddy.blocked = in->buddy.blocked;
}

void wire_encode_buddy_name(struct wire_encoder *e, const struct wire_frame *in, union wire_message *out)
{
	pbnetwork__buddy__init(&out->buddy);
	out->buddy.username = required(e, in->user);
	out->buddy.buddyname = required(e, in->buddy.name);
	if (e->extended && in->type == WIRE_AUTH_REQUEST)
		out->buddy.statusmessage = optional(e, in->buddy.status_text);
}

void wire_encode_buddies(struct wire_encoder *e, const struct wire_frame *in, union wire_message *out)
{
	size_t count = in->buddies.count;
	pbnetwork__buddies__init(&out->buddies);
	Pbnetwork__Buddy *items = arena_alloc(&e->arena, count * sizeof *items);
	out->buddies.buddy = arena_alloc(&e->arena, count * sizeof *out->buddies.buddy);
	out->buddies.n_buddy = count;
	for (size_t i = 0; i < count; i++) {
		encode_buddy(e, in->user, &in->buddies.items[i], &items[i]);
		out->buddies.buddy[i] = &items[i];
	}
}

static void encode_file(struct wire_encoder *e, const struct s2_attachment *in, Pbnetwork__Attachment *out)
{
	out->name = optional(e, in->name);
	out->sha256 = optional(e, in->sha256);
	out->has_bytes = in->bytes;
	out->bytes = in->bytes;
	out->has_width = in->width;
	out->width = in->width;
	out->has_height = in->height;
	out->height = in->height;
}

static void encode_attachments(struct wire_encoder *e, const struct s2_message *in, Pbnetwork__ConversationMessage *out)
{
	size_t count = in->attachment_count;
	Pbnetwork__Attachment *items = arena_alloc(&e->arena, count * sizeof *items);
	out->attachment = arena_alloc(&e->arena, count * sizeof *out->attachment);
	out->n_attachment = count;
	for (size_t i = 0; i < count; i++) {
		pbnetwork__attachment__init(&items[i]);
		items[i].url = required(e, in->attachments[i].url);
		items[i].mimetype = optional(e, in->attachments[i].mime_type);
		items[i].description = optional(e, in->attachments[i].description);
		if (e->extended)
			encode_file(e, &in->attachments[i], &items[i]);
		out->attachment[i] = &items[i];
	}
}

/* YYYYMMDDTHHMMSS in UTC. */
static char *old_timestamp(struct wire_encoder *e, int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	if (!gmtime_r(&seconds, &tm) || !strftime(e->timestamp, sizeof e->timestamp, "%Y%m%dT%H%M%S", &tm))
		return NULL;
	return e->timestamp;
}

static void encode_address(struct wire_encoder *e, const struct s2_message *in, Pbnetwork__ConversationMessage *out)
{
	if (in->private_ && e->direction == WIRE_TO_BACKEND && !e->extended) {
		out->buddyname = arena_printf(&e->arena, "%s/%s", required(e, in->peer), required(e, in->nickname));
		return;
	}
	out->buddyname = required(e, in->peer);
	out->nickname = optional(e, in->nickname);
	out->has_pm = out->pm = in->private_;
}

/* To other messages. */
static void encode_relations(struct wire_encoder *e, const struct s2_message *in, Pbnetwork__ConversationMessage *out)
{
	out->ownid = optional(e, in->own_id);
	out->replaces = optional(e, in->replaces);
	out->replyto = optional(e, in->reply_to);
	out->replyauthor = optional(e, in->reply_author);
	out->replytext = optional(e, in->reply_text);
	out->has_wantmarker = out->wantmarker = in->want_marker;
}

void wire_encode_conversation(struct wire_encoder *e, const struct wire_frame *frame, union wire_message *message)
{
	const struct s2_message *in = &frame->message;
	Pbnetwork__ConversationMessage *out = &message->conversation;
	bool old_backend = e->direction == WIRE_TO_BACKEND && !e->extended;
	pbnetwork__conversation_message__init(out);
	out->username = required(e, frame->user);
	encode_address(e, in, out);
	out->message = required(e, in->body);
	out->xhtml = optional(e, in->xhtml);
	out->has_headline = out->headline = in->headline;
	out->has_carbon = out->carbon = in->carbon;
	/* To an old backend an id says that a receipt is wanted. */
	if (!old_backend || in->want_receipt)
		out->id = optional(e, in->id);
	if (e->extended && (out->id || in->want_receipt)) {
		out->has_wantreceipt = true;
		out->wantreceipt = in->want_receipt;
	}
	if (in->time > 0 && !old_backend) {
		out->timestamp = old_timestamp(e, in->time);
		out->has_timems = e->extended;
		out->timems = in->time;
	}
	if (in->attachment_count)
		encode_attachments(e, in, out);
	if (e->extended)
		encode_relations(e, in, out);
}

void wire_encode_ack(struct wire_encoder *e, const struct wire_frame *in, union wire_message *out)
{
	pbnetwork__conversation_message__init(&out->conversation);
	out->conversation.username = required(e, in->user);
	out->conversation.buddyname = required(e, in->message.peer);
	out->conversation.message = required(e, in->message.body);
	out->conversation.id = required(e, in->message.id);
}

void wire_encode_room(struct wire_encoder *e, const struct wire_frame *in, union wire_message *out)
{
	pbnetwork__room__init(&out->room);
	out->room.username = required(e, in->user);
	out->room.room = required(e, in->room.name);
	out->room.nickname = required(e, in->room.nickname);
	out->room.password = optional(e, in->room.password);
}

void wire_encode_room_list(struct wire_encoder *e, const struct wire_frame *in, union wire_message *out)
{
	size_t count = in->list.count;
	pbnetwork__room_list__init(&out->room_list);
	out->room_list.user = optional(e, in->user);
	out->room_list.room = arena_alloc(&e->arena, count * sizeof *out->room_list.room);
	out->room_list.name = arena_alloc(&e->arena, count * sizeof *out->room_list.name);
	out->room_list.n_room = out->room_list.n_name = count;
	for (size_t i = 0; i < count; i++) {
		out->room_list.room[i] = required(e, in->list.rooms[i].name);
		out->room_list.name[i] = required(e, in->list.rooms[i].title);
	}
}

static void encode_hats(struct wire_encoder *e, const struct s2_participant *in, Pbnetwork__Participant *out)
{
	Pbnetwork__Hat *items = arena_alloc(&e->arena, in->hat_count * sizeof *items);
	out->hat = arena_alloc(&e->arena, in->hat_count * sizeof *out->hat);
	out->n_hat = in->hat_count;
	for (size_t i = 0; i < in->hat_count; i++) {
		pbnetwork__hat__init(&items[i]);
		items[i].uri = required(e, in->hats[i].uri);
		items[i].title = optional(e, in->hats[i].title);
		out->hat[i] = &items[i];
	}
}

void wire_encode_participant(struct wire_encoder *e, const struct wire_frame *frame, union wire_message *message)
{
	const struct s2_participant *in = &frame->participant;
	Pbnetwork__Participant *out = &message->participant;
	pbnetwork__participant__init(out);
	out->username = required(e, frame->user);
	out->room = required(e, in->room);
	out->nickname = required(e, in->nickname);
	out->flag = (int32_t)(e->extended ? in->flags : in->flags & S2_PARTICIPANT_OLD_FLAGS);
	out->status = (Pbnetwork__StatusType)in->status;
	out->statusmessage = optional(e, in->status_text);
	out->newname = optional(e, in->new_nickname);
	out->iconhash = optional(e, in->icon_hash);
	out->alias = optional(e, in->alias);
	if (!e->extended)
		return;
	out->has_affiliation = in->affiliation != S2_AFFILIATION_UNSET;
	out->affiliation = (int32_t)in->affiliation;
	out->has_role = in->role != S2_ROLE_UNSET;
	out->role = (int32_t)in->role;
	out->realname = optional(e, in->real_name);
	out->actor = optional(e, in->actor);
	out->person = optional(e, in->person);
	if (in->hat_count)
		encode_hats(e, in, out);
}

static void encode_details(struct wire_encoder *e, const struct s2_card *in, Pbnetwork__VCard *out)
{
	out->givenname = optional(e, in->given_name);
	out->familyname = optional(e, in->family_name);
	out->birthday = optional(e, in->birthday);
	out->url = optional(e, in->url);
	out->note = optional(e, in->note);
	out->email = optional(e, in->email);
	out->phone = optional(e, in->phone);
	out->organisation = optional(e, in->organisation);
	out->title = optional(e, in->title);
	out->street = optional(e, in->street);
	out->city = optional(e, in->city);
	out->region = optional(e, in->region);
	out->postcode = optional(e, in->postcode);
	out->country = optional(e, in->country);
	out->timezone = optional(e, in->timezone);
	out->client = optional(e, in->client);
	out->clientversion = optional(e, in->client_version);
	out->has_condition = in->condition != S2_DONE;
	out->condition = (int32_t)in->condition;
	out->text = optional(e, in->text);
}

void wire_encode_card(struct wire_encoder *e, const struct wire_frame *in, union wire_message *out)
{
	pbnetwork__vcard__init(&out->card);
	out->card.username = required(e, in->user);
	out->card.buddyname = required(e, in->card.name);
	out->card.id = (int32_t)in->request;
	out->card.fullname = optional(e, in->card.full_name);
	out->card.nickname = optional(e, in->card.nickname);
	/* Towards a backend its mere presence says that this is no request. */
	out->card.has_photo = e->direction == WIRE_TO_MAIN ? in->card.photo_bytes > 0 : in->has_photo;
	out->card.photo.data = (uint8_t *)(uintptr_t)in->card.photo;
	out->card.photo.len = in->card.photo ? in->card.photo_bytes : 0;
	if (e->extended)
		encode_details(e, &in->card, &out->card);
}

void wire_encode_status(struct wire_encoder *e, const struct wire_frame *in, union wire_message *out)
{
	pbnetwork__status__init(&out->status);
	out->status.username = required(e, in->user);
	out->status.status = (Pbnetwork__StatusType)in->status.status;
	out->status.statusmessage = optional(e, in->status.text);
}

void wire_encode_stats(struct wire_encoder *e, const struct wire_frame *in, union wire_message *out)
{
	pbnetwork__stats__init(&out->stats);
	out->stats.res = in->stats.res;
	out->stats.init_res = in->stats.init_res;
	out->stats.shared = in->stats.shared;
	out->stats.id = required(e, in->stats.id);
}

void wire_encode_config(struct wire_encoder *e, const struct wire_frame *in, union wire_message *out)
{
	pbnetwork__backend_config__init(&out->config);
	out->config.config = required(e, in->config);
}

void wire_encode_version(struct wire_encoder *e, const struct wire_frame *in, union wire_message *out)
{
	pbnetwork__apiversion__init(&out->version);
	out->version.version = 1;
}

void wire_encode_result(struct wire_encoder *e, const struct wire_frame *in, union wire_message *out)
{
	pbnetwork__message_result__init(&out->result);
	out->result.user = required(e, in->user);
	out->result.id = required(e, in->result.id);
	out->result.peer = required(e, in->result.peer);
	out->result.condition = (int32_t)in->result.condition;
	out->result.text = optional(e, in->result.text);
	out->result.networkid = optional(e, in->result.network_id);
}

void wire_encode_annotation(struct wire_encoder *e, const struct wire_frame *frame, union wire_message *message)
{
	const struct s2_annotation *in = &frame->annotation;
	Pbnetwork__Annotation *out = &message->annotation;
	pbnetwork__annotation__init(out);
	out->user = required(e, frame->user);
	out->peer = required(e, in->peer);
	out->kind = (int32_t)in->kind;
	out->target = required(e, in->target);
	out->id = optional(e, in->id);
	out->nickname = optional(e, in->nickname);
	out->reason = optional(e, in->reason);
	out->actor = optional(e, in->actor);
	out->has_timems = in->time > 0;
	out->timems = in->time;
	out->has_moderated = out->moderated = in->moderated;
	out->has_private_ = out->private_ = in->private_;
	out->has_carbon = out->carbon = in->carbon;
	if (!in->reaction_count)
		return;
	out->reaction = arena_alloc(&e->arena, in->reaction_count * sizeof *out->reaction);
	for (size_t i = 0; i < in->reaction_count; i++)
		out->reaction[out->n_reaction++] = required(e, in->reactions[i]);
}

void wire_encode_room_error(struct wire_encoder *e, const struct wire_frame *in, union wire_message *out)
{
	pbnetwork__room_error__init(&out->room_error);
	out->room_error.user = required(e, in->user);
	out->room_error.room = required(e, in->result.peer);
	out->room_error.nickname = required(e, in->result.nickname);
	out->room_error.condition = (int32_t)in->result.condition;
	out->room_error.text = optional(e, in->result.text);
}

void wire_encode_slot(struct wire_encoder *e, const struct wire_frame *frame, union wire_message *message)
{
	const struct s2_slot *in = &frame->slot;
	Pbnetwork__Slot *out = &message->slot;
	pbnetwork__slot__init(out);
	out->user = required(e, frame->user);
	out->id = required(e, in->id);
	out->name = optional(e, in->name);
	out->mimetype = optional(e, in->mime_type);
	out->has_bytes = in->bytes;
	out->bytes = in->bytes;
	out->put = optional(e, in->put);
	out->get = optional(e, in->get);
	out->n_header = in->header_count;
	out->header = encode_pairs(e, in->headers, in->header_count);
	out->has_condition = in->condition != S2_DONE;
	out->condition = (int32_t)in->condition;
	out->text = optional(e, in->text);
}

void wire_encode_subscription(struct wire_encoder *e, const struct wire_frame *in, union wire_message *out)
{
	pbnetwork__subscription__init(&out->subscription);
	out->subscription.user = required(e, in->user);
	out->subscription.buddy = required(e, in->subscription.name);
	out->subscription.verb = (int32_t)in->subscription.verb;
	out->subscription.text = optional(e, in->subscription.text);
}

void wire_encode_block_result(struct wire_encoder *e, const struct wire_frame *in, union wire_message *out)
{
	pbnetwork__block_result__init(&out->block_result);
	out->block_result.user = required(e, in->user);
	out->block_result.buddy = required(e, in->result.peer);
	out->block_result.condition = (int32_t)in->result.condition;
	out->block_result.text = optional(e, in->result.text);
}
