/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From unpacked protobuf messages to struct wire_frame, one function per message, called through the table in wire.c.
 * An empty string means the same as an absent one, and both become NULL; names, bodies and whatever else the protocol
 * requires are never NULL. */
#include "lib/wire/codec.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/utf8.h"

#define LATEST_MS INT64_C(253402300799999) /* the end of the year 9999, behind which XEP-0082 has no notation */

const char *wire_clean(struct arena *arena, const char *raw)
{
	size_t len = raw ? strlen(raw) : 0;
	if (utf8_xml_valid(raw, len))
		return raw;
	struct str clean = {0};
	utf8_clean(&clean, raw, len);
	const char *text = arena_strndup(arena, str_text(&clean), clean.len);
	str_fini(&clean);
	return text;
}

const char *wire_decode_required(struct wire_decoder *d, const char *raw)
{
	const char *text = wire_clean(d->arena, raw);
	return text ? text : "";
}

const char *wire_decode_optional(struct wire_decoder *d, const char *raw)
{
	return text_empty(raw) ? NULL : text_or_null(wire_clean(d->arena, raw));
}

/* Shorthands. */
#define required wire_decode_required
#define optional wire_decode_optional

static enum s2_status status_of(int value)
{
	return value >= S2_STATUS_ONLINE && value <= S2_STATUS_INVISIBLE ? (enum s2_status)value : S2_STATUS_ONLINE;
}

static enum s2_condition condition_of(int32_t value)
{
	return value >= 0 && value < S2_CONDITIONS ? (enum s2_condition)value : S2_UNDEFINED_CONDITION;
}

void wire_decode_connected(struct wire_decoder *d, const union wire_message *in, struct wire_frame *out)
{
	out->user = required(d, in->connected.user);
}

void wire_decode_disconnected(struct wire_decoder *d, const union wire_message *in, struct wire_frame *out)
{
	out->user = required(d, in->disconnected.user);
	out->disconnected.error = in->disconnected.error;
	out->disconnected.text = optional(d, in->disconnected.message);
}

static const struct s2_setting *decode_pairs(struct wire_decoder *d, Pbnetwork__Login__Setting **in, size_t count)
{
	struct s2_setting *list = arena_alloc(d->arena, count * sizeof *list);
	for (size_t i = 0; i < count; i++) {
		list[i].key = required(d, in[i]->key);
		list[i].value = required(d, in[i]->value);
	}
	return list;
}

void wire_decode_login(struct wire_decoder *d, const union wire_message *in, struct wire_frame *out)
{
	out->user = required(d, in->login.user);
	out->login.name = required(d, in->login.legacyname);
	out->login.password = required(d, in->login.password);
	const Pbnetwork__Login__UserSettings *settings = in->login.settings;
	if (!settings || !settings->n_value)
		return;
	out->login.settings = decode_pairs(d, settings->value, settings->n_value);
	out->login.setting_count = settings->n_value;
}

void wire_decode_logout(struct wire_decoder *d, const union wire_message *in, struct wire_frame *out)
{
	out->user = required(d, in->logout.user);
	out->login.name = required(d, in->logout.legacyname);
}

static void decode_buddy(struct wire_decoder *d, const Pbnetwork__Buddy *in, struct s2_buddy *out)
{
	out->name = required(d, in->buddyname);
	out->alias = optional(d, in->alias);
	out->status = in->has_status ? status_of((int)in->status) : S2_STATUS_ONLINE;
	out->status_text = optional(d, in->statusmessage);
	out->icon_hash = optional(d, in->iconhash);
	out->blocked = in->has_blocked && in->blocked;
	if (in->has_idlesince && in->idlesince > 0 && in->idlesince <= LATEST_MS)
		out->idle_since = in->idlesince;
	out->lacks = in->has_lacks ? in->lacks : 0;
	if (in->has_subscription && in->subscription >= S2_SUBSCRIPTION_NONE && in->subscription <= S2_SUBSCRIPTION_BOTH)
		out->subscription = in->subscription;
	out->pending = in->has_pending && in->pending;
	if (!in->n_group)
		return;
	const char **groups = arena_alloc(d->arena, in->n_group * sizeof *groups);
	for (size_t i = 0; i < in->n_group; i++)
		if ((groups[out->group_count] = optional(d, in->group[i])) != NULL)
			out->group_count++;
	out->groups = groups;
}

void wire_decode_buddy(struct wire_decoder *d, const union wire_message *in, struct wire_frame *out)
{
	out->user = required(d, in->buddy.username);
	out->has_blocked = in->buddy.has_blocked;
	decode_buddy(d, &in->buddy, &out->buddy);
}

/* The message names the user once per contact; all are the same, those that are not are left out. */
void wire_decode_buddies(struct wire_decoder *d, const union wire_message *in, struct wire_frame *out)
{
	const Pbnetwork__Buddies *list = &in->buddies;
	if (!list->n_buddy)
		return;
	out->user = required(d, list->buddy[0]->username);
	struct s2_buddy *items = arena_alloc(d->arena, list->n_buddy * sizeof *items);
	for (size_t i = 0; i < list->n_buddy; i++)
		if (text_equal(list->buddy[i]->username, list->buddy[0]->username))
			decode_buddy(d, list->buddy[i], &items[out->buddies.count++]);
	out->buddies.items = items;
}

static void decode_attachments(struct wire_decoder *d, const Pbnetwork__ConversationMessage *in, struct s2_message *out)
{
	struct s2_attachment *list = arena_alloc(d->arena, in->n_attachment * sizeof *list);
	for (size_t i = 0; i < in->n_attachment; i++) {
		list[i].url = required(d, in->attachment[i]->url);
		list[i].mime_type = optional(d, in->attachment[i]->mimetype);
		list[i].description = optional(d, in->attachment[i]->description);
		list[i].name = optional(d, in->attachment[i]->name);
		list[i].sha256 = optional(d, in->attachment[i]->sha256);
		list[i].bytes = in->attachment[i]->bytes;
		list[i].width = in->attachment[i]->width;
		list[i].height = in->attachment[i]->height;
	}
	out->attachments = list;
	out->attachment_count = in->n_attachment;
}

static void decode_relations(struct wire_decoder *d, const Pbnetwork__ConversationMessage *in, struct s2_message *out)
{
	out->own_id = optional(d, in->ownid);
	out->replaces = optional(d, in->replaces);
	out->reply_to = optional(d, in->replyto);
	out->reply_author = optional(d, in->replyauthor);
	out->reply_text = optional(d, in->replytext);
	out->want_marker = in->has_wantmarker && in->wantmarker;
}

void wire_decode_conversation(struct wire_decoder *d, const union wire_message *message, struct wire_frame *frame)
{
	const Pbnetwork__ConversationMessage *in = &message->conversation;
	struct s2_message *out = &frame->message;
	frame->user = required(d, in->username);
	out->peer = required(d, in->buddyname);
	out->body = required(d, in->message);
	out->nickname = optional(d, in->nickname);
	out->xhtml = optional(d, in->xhtml);
	out->id = optional(d, in->id);
	out->headline = in->has_headline && in->headline;
	out->private_ = in->has_pm && in->pm;
	out->carbon = in->has_carbon && in->carbon;
	/* An old main process sends the id only if a receipt was asked for. */
	out->want_receipt = in->has_wantreceipt ? in->wantreceipt : d->direction == WIRE_TO_BACKEND && out->id;
	if (in->has_timems && in->timems > 0 && in->timems <= LATEST_MS)
		out->time = in->timems;
	else if (!text_empty(in->timestamp))
		out->time = clock_parse(in->timestamp);
	if (in->n_attachment)
		decode_attachments(d, in, out);
	decode_relations(d, in, out);
}

void wire_decode_room(struct wire_decoder *d, const union wire_message *in, struct wire_frame *out)
{
	out->user = required(d, in->room.username);
	out->room.name = required(d, in->room.room);
	out->room.nickname = required(d, in->room.nickname);
	out->room.password = optional(d, in->room.password);
}

void wire_decode_room_list(struct wire_decoder *d, const union wire_message *message, struct wire_frame *out)
{
	const Pbnetwork__RoomList *in = &message->room_list;
	size_t count = in->n_room < in->n_name ? in->n_room : in->n_name;
	out->user = optional(d, in->user);
	struct s2_room_listing *rooms = arena_alloc(d->arena, count * sizeof *rooms);
	for (size_t i = 0; i < count; i++) {
		rooms[i].name = required(d, in->room[i]);
		rooms[i].title = optional(d, in->name[i]);
	}
	out->list.rooms = rooms;
	out->list.count = count;
}

static void decode_hats(struct wire_decoder *d, const Pbnetwork__Participant *in, struct s2_participant *out)
{
	struct s2_hat *hats = arena_alloc(d->arena, in->n_hat * sizeof *hats);
	for (size_t i = 0; i < in->n_hat; i++)
		hats[i] = (struct s2_hat){required(d, in->hat[i]->uri), optional(d, in->hat[i]->title)};
	out->hats = hats;
	out->hat_count = in->n_hat;
}

void wire_decode_participant(struct wire_decoder *d, const union wire_message *message, struct wire_frame *frame)
{
	const Pbnetwork__Participant *in = &message->participant;
	struct s2_participant *out = &frame->participant;
	frame->user = required(d, in->username);
	out->room = required(d, in->room);
	out->nickname = required(d, in->nickname);
	out->flags = (unsigned)in->flag;
	out->status = status_of((int)in->status);
	out->status_text = optional(d, in->statusmessage);
	out->new_nickname = optional(d, in->newname);
	out->icon_hash = optional(d, in->iconhash);
	out->alias = optional(d, in->alias);
	if (in->has_affiliation && in->affiliation > 0 && in->affiliation <= S2_AFFILIATION_OUTCAST)
		out->affiliation = (enum s2_affiliation)in->affiliation;
	if (in->has_role && in->role > 0 && in->role <= S2_ROLE_MODERATOR)
		out->role = (enum s2_role)in->role;
	out->real_name = optional(d, in->realname);
	out->actor = optional(d, in->actor);
	out->person = optional(d, in->person);
	if (in->n_hat)
		decode_hats(d, in, out);
}

static void decode_details(struct wire_decoder *d, const Pbnetwork__VCard *in, struct s2_card *out)
{
	out->given_name = optional(d, in->givenname);
	out->family_name = optional(d, in->familyname);
	out->birthday = optional(d, in->birthday);
	out->url = optional(d, in->url);
	out->note = optional(d, in->note);
	out->email = optional(d, in->email);
	out->phone = optional(d, in->phone);
	out->organisation = optional(d, in->organisation);
	out->title = optional(d, in->title);
	out->street = optional(d, in->street);
	out->city = optional(d, in->city);
	out->region = optional(d, in->region);
	out->postcode = optional(d, in->postcode);
	out->country = optional(d, in->country);
	out->timezone = optional(d, in->timezone);
	out->client = optional(d, in->client);
	out->client_version = optional(d, in->clientversion);
	out->condition = in->has_condition ? condition_of(in->condition) : S2_DONE;
	out->text = optional(d, in->text);
}

void wire_decode_card(struct wire_decoder *d, const union wire_message *in, struct wire_frame *out)
{
	out->user = required(d, in->card.username);
	out->card.name = required(d, in->card.buddyname);
	out->card.full_name = optional(d, in->card.fullname);
	out->card.nickname = optional(d, in->card.nickname);
	decode_details(d, &in->card, &out->card);
	out->request = (uint32_t)in->card.id;
	out->has_photo = in->card.has_photo;
	if (in->card.has_photo && in->card.photo.len) {
		out->card.photo = in->card.photo.data;
		out->card.photo_bytes = in->card.photo.len;
	}
}

void wire_decode_status(struct wire_decoder *d, const union wire_message *in, struct wire_frame *out)
{
	out->user = required(d, in->status.username);
	out->status.status = status_of((int)in->status.status);
	out->status.text = optional(d, in->status.statusmessage);
}

void wire_decode_stats(struct wire_decoder *d, const union wire_message *in, struct wire_frame *out)
{
	out->stats.res = in->stats.res;
	out->stats.init_res = in->stats.init_res;
	out->stats.shared = in->stats.shared;
	out->stats.id = required(d, in->stats.id);
}

void wire_decode_config(struct wire_decoder *d, const union wire_message *in, struct wire_frame *out)
{
	out->config = required(d, in->config.config);
}

void wire_decode_result(struct wire_decoder *d, const union wire_message *in, struct wire_frame *out)
{
	out->user = required(d, in->result.user);
	out->result.id = required(d, in->result.id);
	out->result.peer = required(d, in->result.peer);
	out->result.condition = condition_of(in->result.condition);
	out->result.text = optional(d, in->result.text);
	out->result.network_id = optional(d, in->result.networkid);
}

void wire_decode_annotation(struct wire_decoder *d, const union wire_message *message, struct wire_frame *frame)
{
	const Pbnetwork__Annotation *in = &message->annotation;
	struct s2_annotation *out = &frame->annotation;
	frame->user = required(d, in->user);
	out->peer = required(d, in->peer);
	out->kind = in->kind >= 0 && in->kind < S2_ANNOTATIONS ? (enum s2_annotation_kind)in->kind : S2_ANNOTATIONS;
	out->target = required(d, in->target);
	out->id = optional(d, in->id);
	out->nickname = optional(d, in->nickname);
	out->reason = optional(d, in->reason);
	out->actor = optional(d, in->actor);
	if (in->has_timems && in->timems > 0 && in->timems <= LATEST_MS)
		out->time = in->timems;
	out->moderated = in->has_moderated && in->moderated;
	out->private_ = in->has_private_ && in->private_;
	out->carbon = in->has_carbon && in->carbon;
	const char **reactions = arena_alloc(d->arena, in->n_reaction * sizeof *reactions);
	for (size_t i = 0; i < in->n_reaction; i++)
		if ((reactions[out->reaction_count] = optional(d, in->reaction[i])) != NULL)
			out->reaction_count++;
	out->reactions = reactions;
}

void wire_decode_room_error(struct wire_decoder *d, const union wire_message *in, struct wire_frame *out)
{
	out->user = required(d, in->room_error.user);
	out->result.peer = required(d, in->room_error.room);
	out->result.nickname = required(d, in->room_error.nickname);
	out->result.condition = condition_of(in->room_error.condition);
	out->result.text = optional(d, in->room_error.text);
}

void wire_decode_slot(struct wire_decoder *d, const union wire_message *message, struct wire_frame *frame)
{
	const Pbnetwork__Slot *in = &message->slot;
	struct s2_slot *out = &frame->slot;
	frame->user = required(d, in->user);
	out->id = required(d, in->id);
	out->name = optional(d, in->name);
	out->mime_type = optional(d, in->mimetype);
	out->bytes = in->has_bytes ? in->bytes : 0;
	out->put = optional(d, in->put);
	out->get = optional(d, in->get);
	out->headers = decode_pairs(d, in->header, in->n_header);
	out->header_count = in->n_header;
	out->condition = in->has_condition ? condition_of(in->condition) : S2_DONE;
	out->text = optional(d, in->text);
}

/* A verb that is not known is S2_SUBSCRIPTION_VERBS. */
void wire_decode_subscription(struct wire_decoder *d, const union wire_message *in, struct wire_frame *out)
{
	int32_t verb = in->subscription.verb;
	out->user = required(d, in->subscription.user);
	out->subscription.name = required(d, in->subscription.buddy);
	out->subscription.text = optional(d, in->subscription.text);
	out->subscription.verb =
	    verb >= 0 && verb < S2_SUBSCRIPTION_VERBS ? (enum s2_subscription_verb)verb : S2_SUBSCRIPTION_VERBS;
}

void wire_decode_block_result(struct wire_decoder *d, const union wire_message *in, struct wire_frame *out)
{
	out->user = required(d, in->block_result.user);
	out->result.peer = required(d, in->block_result.buddy);
	out->result.condition = condition_of(in->block_result.condition);
	out->result.text = optional(d, in->block_result.text);
}
