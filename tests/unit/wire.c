/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/wire/wire.h"
#include "tests/unit/test.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static size_t unhex(const char *hex, char *out)
{
	size_t len = 0;
	int used;
	unsigned byte;
	for (; sscanf(hex, "%2x%n", &byte, &used) == 1; hex += used + (hex[used] == ' '))
		out[len++] = (char)byte;
	return len;
}

static void dump_text(struct str *out, const char *name, const char *text)
{
	if (!text_empty(text))
		str_addf(out, " %s=%s", name, text);
}

static void dump_number(struct str *out, const char *name, long long number)
{
	if (number)
		str_addf(out, " %s=%lld", name, number);
}

static void dump_buddy(struct str *out, const struct s2_buddy *buddy)
{
	dump_text(out, "name", buddy->name);
	dump_text(out, "alias", buddy->alias);
	for (size_t i = 0; i < buddy->group_count; i++)
		dump_text(out, "group", buddy->groups[i]);
	dump_number(out, "status", buddy->status);
	dump_text(out, "status_text", buddy->status_text);
	dump_text(out, "icon_hash", buddy->icon_hash);
	dump_number(out, "blocked", buddy->blocked);
	dump_number(out, "idle_since", buddy->idle_since);
	dump_number(out, "lacks", buddy->lacks);
	dump_number(out, "subscription", buddy->subscription);
	dump_number(out, "pending", buddy->pending);
}

static void dump_card(struct str *out, const struct s2_card *card)
{
	const char *const texts[] = {card->name,     card->full_name,      card->nickname,    card->given_name,
	                             card->birthday, card->family_name,    card->url,         card->note,
	                             card->email,    card->phone,          card->title,       card->organisation,
	                             card->street,   card->city,           card->region,      card->postcode,
	                             card->country,  card->timezone,       card->client,      card->client_version,
	                             card->text};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		dump_text(out, "text", texts[i]);
	dump_number(out, "condition", card->condition);
}

static void dump_message(struct str *out, const struct s2_message *message)
{
	dump_text(out, "peer", message->peer);
	dump_text(out, "nickname", message->nickname);
	dump_text(out, "body", message->body);
	dump_text(out, "xhtml", message->xhtml);
	dump_text(out, "id", message->id);
	dump_number(out, "time", message->time);
	dump_number(out, "private", message->private_);
	dump_number(out, "headline", message->headline);
	dump_number(out, "carbon", message->carbon);
	dump_number(out, "want_receipt", message->want_receipt);
	dump_text(out, "own_id", message->own_id);
	dump_text(out, "replaces", message->replaces);
	dump_text(out, "reply_to", message->reply_to);
	dump_text(out, "reply_author", message->reply_author);
	dump_text(out, "reply_text", message->reply_text);
	dump_number(out, "want_marker", message->want_marker);
	for (size_t i = 0; i < message->attachment_count; i++) {
		dump_text(out, "url", message->attachments[i].url);
		dump_text(out, "mime", message->attachments[i].mime_type);
		dump_text(out, "description", message->attachments[i].description);
		dump_text(out, "file", message->attachments[i].name);
		dump_text(out, "sha256", message->attachments[i].sha256);
		dump_number(out, "bytes", (long long)message->attachments[i].bytes);
		dump_number(out, "width", message->attachments[i].width);
		dump_number(out, "height", message->attachments[i].height);
	}
}

static void dump_annotation(struct str *out, const struct s2_annotation *annotation)
{
	str_addf(out, " kind=%d", annotation->kind);
	dump_text(out, "peer", annotation->peer);
	dump_text(out, "nickname", annotation->nickname);
	dump_text(out, "id", annotation->id);
	dump_text(out, "target", annotation->target);
	for (size_t i = 0; i < annotation->reaction_count; i++)
		dump_text(out, "reaction", annotation->reactions[i]);
	dump_text(out, "reason", annotation->reason);
	dump_text(out, "actor", annotation->actor);
	dump_number(out, "time", annotation->time);
	dump_number(out, "moderated", annotation->moderated);
	dump_number(out, "private", annotation->private_);
	dump_number(out, "carbon", annotation->carbon);
}

static void dump_participant(struct str *out, const struct s2_participant *participant)
{
	dump_text(out, "room", participant->room);
	dump_text(out, "nickname", participant->nickname);
	dump_number(out, "flags", participant->flags);
	dump_number(out, "status", participant->status);
	dump_text(out, "status_text", participant->status_text);
	dump_text(out, "new_nickname", participant->new_nickname);
	dump_text(out, "icon_hash", participant->icon_hash);
	dump_text(out, "alias", participant->alias);
	dump_number(out, "affiliation", participant->affiliation);
	dump_number(out, "role", participant->role);
	dump_text(out, "real_name", participant->real_name);
	dump_text(out, "actor", participant->actor);
	dump_text(out, "person", participant->person);
	for (size_t i = 0; i < participant->hat_count; i++) {
		dump_text(out, "uri", participant->hats[i].uri);
		dump_text(out, "title", participant->hats[i].title);
	}
}

static void dump_person(struct str *out, const struct s2_room_person *person)
{
	dump_text(out, "name", person->name);
	dump_text(out, "nickname", person->nickname);
	dump_number(out, "affiliation", person->affiliation);
	dump_number(out, "role", person->role);
	dump_text(out, "reason", person->reason);
}

static void dump_room_fields(struct str *out, const struct s2_field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		dump_text(out, "field", fields[i].name);
		dump_text(out, "label", fields[i].label);
		dump_number(out, "type", fields[i].type);
		dump_number(out, "required", fields[i].required);
		dump_text(out, "value", fields[i].value);
		for (size_t k = 0; k < fields[i].option_count; k++) {
			dump_text(out, "option", fields[i].options[k].value);
			dump_text(out, "label", fields[i].options[k].label);
		}
	}
}

static void dump_order(struct str *out, const struct wire_frame *frame)
{
	dump_number(out, "number", frame->order_number);
	dump_number(out, "verb", frame->order.verb);
	dump_text(out, "room", frame->order.room);
	dump_person(out, &frame->order.person);
	dump_room_fields(out, frame->order.fields, frame->order.field_count);
	dump_text(out, "xml", frame->order.xml);
}

static void dump_answer(struct str *out, const struct wire_frame *frame)
{
	const struct s2_room_answer *answer = &frame->answer;
	dump_number(out, "number", frame->order_number);
	dump_number(out, "condition", answer->condition);
	dump_text(out, "text", answer->text);
	for (size_t i = 0; i < answer->people_count; i++)
		dump_person(out, &answer->people[i]);
	dump_room_fields(out, answer->fields, answer->field_count);
	for (size_t i = 0; i < answer->room_count; i++) {
		dump_text(out, "room", answer->rooms[i].name);
		dump_text(out, "title", answer->rooms[i].title);
		dump_number(out, "occupants", answer->rooms[i].occupants);
	}
	dump_number(out, "more", answer->more);
	dump_text(out, "xml", answer->xml);
}

static void dump_invitation(struct str *out, const struct s2_room_invitation *invitation)
{
	dump_text(out, "room", invitation->room);
	dump_text(out, "title", invitation->title);
	dump_text(out, "password", invitation->password);
	dump_text(out, "name", invitation->name);
	dump_text(out, "nickname", invitation->nickname);
	dump_text(out, "reason", invitation->reason);
}

static void dump_room_info(struct str *out, const struct s2_room_info *info)
{
	dump_text(out, "name", info->name);
	dump_text(out, "title", info->title);
	dump_text(out, "description", info->description);
	dump_text(out, "language", info->language);
	dump_text(out, "icon_hash", info->icon_hash);
	dump_number(out, "flags", info->flags);
	dump_number(out, "most", info->most);
}

static void dump_question(struct str *out, const struct s2_request *question)
{
	dump_text(out, "id", question->id);
	dump_text(out, "title", question->title);
	dump_text(out, "text", question->text);
	dump_text(out, "url", question->url);
	str_addf(out, " image=%.*s", (int)question->image_bytes, (const char *)question->image);
	dump_text(out, "image_type", question->image_type);
	dump_number(out, "seconds", question->seconds);
	for (size_t i = 0; i < question->field_count; i++) {
		const struct s2_field *field = &question->fields[i];
		dump_text(out, "field", field->name);
		dump_text(out, "label", field->label);
		dump_number(out, "type", field->type);
		dump_number(out, "required", field->required);
		dump_text(out, "value", field->value);
		for (size_t j = 0; j < field->option_count; j++) {
			dump_text(out, "option", field->options[j].value);
			dump_text(out, "shown", field->options[j].label);
		}
	}
}

static void dump_values(struct str *out, const struct wire_frame *frame)
{
	switch (frame->type) {
	case WIRE_DISCONNECTED:
		dump_number(out, "error", frame->disconnected.error);
		dump_text(out, "text", frame->disconnected.text);
		break;
	case WIRE_LOGIN:
	case WIRE_LOGOUT:
		dump_text(out, "name", frame->login.name);
		dump_text(out, "password", frame->login.password);
		for (size_t i = 0; i < frame->login.setting_count; i++)
			dump_text(out, frame->login.settings[i].key, frame->login.settings[i].value);
		break;
	case WIRE_JOIN_ROOM:
	case WIRE_LEAVE_ROOM:
	case WIRE_ROOM_NICKNAME_CHANGED:
		dump_text(out, "room", frame->room.name);
		dump_text(out, "nickname", frame->room.nickname);
		dump_text(out, "password", frame->room.password);
		break;
	case WIRE_VCARD:
		dump_card(out, &frame->card);
		dump_number(out, "request", frame->request);
		dump_number(out, "has_photo", frame->has_photo);
		str_addf(out, " photo=%.*s", (int)frame->card.photo_bytes, (const char *)frame->card.photo);
		break;
	case WIRE_STATUS_CHANGED:
		dump_number(out, "status", frame->status.status);
		dump_text(out, "text", frame->status.text);
		break;
	case WIRE_STATS:
		str_addf(out, " %d %d %d", frame->stats.res, frame->stats.init_res, frame->stats.shared);
		dump_text(out, "id", frame->stats.id);
		break;
	case WIRE_ROOM_LIST:
		for (size_t i = 0; i < frame->list.count; i++) {
			dump_text(out, "name", frame->list.rooms[i].name);
			dump_text(out, "title", frame->list.rooms[i].title);
		}
		break;
	case WIRE_MESSAGE_RESULT:
	case WIRE_ROOM_ERROR:
	case WIRE_BLOCK_RESULT:
		dump_text(out, "id", frame->result.id);
		dump_text(out, "peer", frame->result.peer);
		dump_text(out, "nickname", frame->result.nickname);
		dump_number(out, "condition", frame->result.condition);
		dump_text(out, "text", frame->result.text);
		dump_text(out, "network_id", frame->result.network_id);
		break;
	case WIRE_SUBSCRIPTION:
		dump_text(out, "name", frame->subscription.name);
		dump_number(out, "verb", frame->subscription.verb);
		dump_text(out, "text", frame->subscription.text);
		break;
	case WIRE_ANNOTATION:
		dump_annotation(out, &frame->annotation);
		break;
	case WIRE_REQUEST:
		dump_question(out, &frame->question);
		break;
	case WIRE_REQUEST_END:
		dump_text(out, "id", frame->result.id);
		dump_number(out, "condition", frame->result.condition);
		dump_text(out, "text", frame->result.text);
		break;
	case WIRE_RESPONSE:
		dump_text(out, "id", frame->response.id);
		dump_number(out, "answered", frame->response.answered);
		for (size_t i = 0; i < frame->response.count; i++)
			dump_text(out, frame->response.values[i].key, frame->response.values[i].value);
		break;
	case WIRE_ROOM_ORDER:
		dump_order(out, frame);
		break;
	case WIRE_ROOM_ANSWER:
		dump_answer(out, frame);
		break;
	case WIRE_ROOM_INVITATION:
		dump_invitation(out, &frame->invitation);
		break;
	case WIRE_ROOM_INFO:
		dump_room_info(out, &frame->room_info);
		break;
	case WIRE_BUDDIES:
		for (size_t i = 0; i < frame->buddies.count; i++)
			dump_buddy(out, &frame->buddies.items[i]);
		break;
	default:
		break;
	}
}

/* All that a frame says, in one line. Empty and absent look the same, as they mean the same. */
static char *dump(const struct wire_frame *frame)
{
	struct str out = {0};
	str_addf(&out, "%d", frame->type);
	dump_text(&out, "user", frame->user);
	switch (frame->type) {
	case WIRE_BUDDY_CHANGED:
	case WIRE_BUDDY_REMOVED:
	case WIRE_BUDDY_TYPING:
	case WIRE_BUDDY_STOPPED_TYPING:
	case WIRE_BUDDY_TYPED:
	case WIRE_AUTH_REQUEST:
		dump_buddy(&out, &frame->buddy);
		dump_number(&out, "has_blocked", frame->has_blocked);
		break;
	case WIRE_CONV_MESSAGE:
	case WIRE_CONV_MESSAGE_ACK:
	case WIRE_ROOM_SUBJECT_CHANGED:
	case WIRE_ATTENTION:
		dump_message(&out, &frame->message);
		break;
	case WIRE_PARTICIPANT_CHANGED:
		dump_participant(&out, &frame->participant);
		break;
	case WIRE_BACKEND_CONFIG:
	case WIRE_QUERY:
		dump_text(&out, "config", frame->config);
		break;
	case WIRE_RAW_XML:
		dump_text(&out, "xml", frame->xml);
		break;
	default:
		dump_values(&out, frame);
	}
	return str_take(&out);
}

/* One known conversation, as recorded bytes. `exact`: we write the same bytes; others spend some on empty fields. */
static const struct vector {
	enum wire_direction direction;
	bool exact;
	const char *hex, *text;
} vectors[] = {
    {WIRE_TO_BACKEND, true, "00000002 0809", "9"},
    {WIRE_TO_MAIN, true, "00000017 081e 1213 0a115b66656174757265735d0a6d75633d310a", "30 config=[features]\nmuc=1\n"},
    {WIRE_TO_MAIN, true, "00000002 080a", "10"},
    {WIRE_TO_MAIN, true, "00000013 0817 120f 088827 10c025 18b817 220434323432", "23 5000 4800 3000 id=4242"},
    {WIRE_TO_BACKEND, true,
     "00000029 0803 1225 0a03614062 1203626f62 1a027077 2a150a130a0e737461795f636f6e6e6563746564120130",
     "3 user=a@b name=bob password=pw stay_connected=0"},
    {WIRE_TO_BACKEND, false, "0000000d 0811 1209 0a03614062 1800 2200", "17 user=a@b"},
    {WIRE_TO_MAIN, true, "00000009 0801 1205 0a03614062", "1 user=a@b"},
    {WIRE_TO_MAIN, false, "00000024 0806 1220 0a03614062 1203657665 1a03457665 2207467269656e6473 2801 3200 3a00 4000",
     "6 user=a@b name=eve alias=Eve group=Friends status=1 has_blocked=1"},
    {WIRE_TO_BACKEND, false, "00000014 0808 1210 0a03614062 1203657665 1a026869 2a00", "8 user=a@b peer=eve body=hi"},
    {WIRE_TO_MAIN, false, "0000001e 0808 121a 0a03614062 1203657665 1a026869 2200 2a00 3200 3800 4800 5000",
     "8 user=a@b peer=eve body=hi"},
    {WIRE_TO_MAIN, true, "00000014 0821 1210 0a03614062 1203657665 1a00 42026d31", "33 user=a@b peer=eve id=m1"},
    {WIRE_TO_BACKEND, false, "00000019 080b 1215 0a03614062 1202616c 1a082363406972632e78 2200",
     "11 user=a@b room=#c@irc.x nickname=al"},
    {WIRE_TO_MAIN, true, "0000001b 080d 1217 0a03614062 12082363406972632e78 1a02616c 2000 2800",
     "13 user=a@b room=#c@irc.x nickname=al"},
    {WIRE_TO_MAIN, true, "00000019 0802 1215 0a03614062 1002 1a0c4261642070617373776f7264",
     "2 user=a@b error=2 text=Bad password"},
    {WIRE_TO_BACKEND, true, "0000000e 0804 120a 0a03614062 1203626f62", "4 user=a@b name=bob"},
    {WIRE_TO_BACKEND, true, "00000002 081d", "29"},
    {WIRE_TO_MAIN, true, "0000000c 081f 1208 0a06737461747573", "31 config=status"},
};

static void known_bytes_are_read_and_written(void **state)
{
	for (size_t i = 0; i < COUNT(vectors); i++) {
		const struct vector *v = &vectors[i];
		struct arena arena = {0};
		struct wire_frame frame;
		const char *error;
		char bytes[256];
		size_t used, len = unhex(v->hex, bytes);
		assert_int_equal(wire_read(&arena, bytes, len, v->direction, &used, &frame, &error), WIRE_OK);
		assert_int_equal(used, len);
		char *text = dump(&frame);
		assert_string_equal(text, v->text);
		free(text);
		struct str out = {0};
		assert_true(wire_write(&out, v->direction, false, &frame));
		if (v->exact) {
			assert_int_equal(out.len, len);
			assert_memory_equal(out.data, bytes, len);
		}
		assert_true(out.len <= len);
		str_fini(&out);
		arena_fini(&arena);
	}
}

static const struct s2_option question_options[] = {{"sms", "By message"}, {"app", NULL}};
static const struct s2_field question_fields[] = {
    {"way", "Way", S2_FIELD_LIST, true, "sms", question_options, 2},
    {.name = "code", .type = S2_FIELD_PRIVATE},
};
static const struct s2_setting settings[] = {{"stay_connected", "1"}, {"", ""}, {"encoding", "utf-8"}};
static const char *const groups[] = {"Friends", "W\xc3\xb6rk"};
static const struct s2_attachment attachments[] = {{.url = "https://example.org/a",
                                                    .mime_type = "image/png",
                                                    .description = "a cat",
                                                    .name = "cat.png",
                                                    .sha256 = "abcdef",
                                                    .bytes = INT64_C(5000000000),
                                                    .width = 640,
                                                    .height = 480},
                                                   {.url = "https://example.org/b"}};
static const char *const reactions[] = {"\xf0\x9f\x91\x8d", "+1"};
static const struct s2_room_listing listings[] = {{"#a", "first", 0}, {"#b", "", 0}};
static const struct s2_buddy buddies[] = {
    {.name = "eve", .alias = "Eve", .groups = groups, .group_count = 2, .status = S2_STATUS_NONE, .icon_hash = "abc"},
    {.name = "dan", .status = S2_STATUS_NONE}};

#define FULL_BUDDY                                                                                         \
	{                                                                                                  \
		.name = "eve", .alias = "Eve", .groups = groups, .group_count = 2, .status = S2_STATUS_XA, \
		.status_text = "out", .icon_hash = "ab12", .blocked = true                                 \
	}
#define FULL_MESSAGE                                                                                                 \
	{                                                                                                            \
		.peer = "#c@irc.example.org", .nickname = "al", .body = "hi\n there", .xhtml = "<b>hi</b>",          \
		.id = "m1", .time = 1763805600000, .attachments = attachments, .attachment_count = 2,                \
		.private_ = true, .headline = true, .carbon = true, .want_receipt = true, .own_id = "o1",            \
		.replaces = "r1", .reply_to = "r2", .reply_author = "bo", .reply_text = "what?", .want_marker = true \
	}

static const struct s2_option room_options[] = {{"red", "Red"}, {"blue", NULL}};
static const struct s2_field room_fields[] = {
    {.name = "muc#roomconfig_roomname", .label = "Name", .type = S2_FIELD_TEXT, .required = true, .value = "The room"},
    {.name = "colour", .type = S2_FIELD_LIST, .value = "red", .options = room_options, .option_count = 2}};
static const struct s2_room_person room_people[] = {
    {"bob@net", "bob", S2_AFFILIATION_OUTCAST, S2_ROLE_UNSET, "spam"}, {.nickname = "eve", .role = S2_ROLE_VISITOR}};
static const struct s2_room_listing room_listings[] = {{"#a", "first", 12}, {"#b", NULL, 0}};

/* Every type with every field that it carries, by direction. */
static const struct {
	enum wire_direction direction;
	struct wire_frame frame;
} full[] = {
    {WIRE_TO_MAIN, {.type = WIRE_CONNECTED, .user = "a@b"}},
    {WIRE_TO_MAIN, {.type = WIRE_DISCONNECTED, .user = "a@b", .disconnected = {16, "gone"}}},
    {WIRE_TO_MAIN, {.type = WIRE_DISCONNECTED, .user = "a@b", .disconnected = {-7, "odd"}}},
    {WIRE_TO_BACKEND, {.type = WIRE_LOGIN, .user = "a@b", .login = {"bob", "p\xc3\xa4ss", settings, 3}}},
    {WIRE_TO_BACKEND, {.type = WIRE_LOGOUT, .user = "a@b", .login = {.name = "bob"}}},
    {WIRE_TO_MAIN, {.type = WIRE_BUDDY_CHANGED, .user = "a@b", .buddy = FULL_BUDDY, .has_blocked = true}},
    {WIRE_TO_BACKEND, {.type = WIRE_BUDDY_CHANGED, .user = "a@b", .buddy = FULL_BUDDY, .has_blocked = true}},
    {WIRE_TO_BACKEND, {.type = WIRE_BUDDY_CHANGED, .user = "a@b", .buddy = {.name = "eve"}, .has_blocked = true}},
    {WIRE_TO_BACKEND, {.type = WIRE_BUDDY_CHANGED, .user = "a@b", .buddy = {.name = "eve", .alias = "E"}}},
    {WIRE_TO_BACKEND, {.type = WIRE_BUDDY_REMOVED, .user = "a@b", .buddy = {.name = "eve", .status = S2_STATUS_NONE}}},
    {WIRE_TO_MAIN, {.type = WIRE_BUDDY_REMOVED, .user = "a@b", .buddy = {.name = "eve"}}},
    {WIRE_TO_MAIN, {.type = WIRE_CONV_MESSAGE, .user = "a@b", .message = FULL_MESSAGE}},
    {WIRE_TO_BACKEND, {.type = WIRE_PING}},
    {WIRE_TO_MAIN, {.type = WIRE_PONG}},
    {WIRE_TO_BACKEND, {.type = WIRE_JOIN_ROOM, .user = "a@b", .room = {"#c", "al", "key"}}},
    {WIRE_TO_BACKEND, {.type = WIRE_LEAVE_ROOM, .user = "a@b", .room = {"#c", "", ""}}},
    {WIRE_TO_MAIN,
     {.type = WIRE_PARTICIPANT_CHANGED,
      .user = "a@b",
      .participant = {.room = "#c",
                      .nickname = "al",
                      .flags = S2_PARTICIPANT_ME | S2_PARTICIPANT_KICKED,
                      .status = S2_STATUS_NONE,
                      .status_text = "bye",
                      .new_nickname = "al2",
                      .icon_hash = "ab",
                      .alias = "Al"}}},
    {WIRE_TO_MAIN, {.type = WIRE_ROOM_NICKNAME_CHANGED, .user = "a@b", .room = {"#c", "al", NULL}}},
    {WIRE_TO_MAIN,
     {.type = WIRE_ROOM_SUBJECT_CHANGED, .user = "a@b", .message = {.peer = "#c", .nickname = "al", .body = "topic"}}},
    {WIRE_TO_BACKEND, {.type = WIRE_VCARD, .user = "a@b", .card = {.name = "eve"}, .request = 4000000000u}},
    {WIRE_TO_BACKEND,
     {.type = WIRE_VCARD,
      .user = "a@b",
      .card = {.name = "", .full_name = "Al B", .nickname = "al", .photo = "png", .photo_bytes = 3},
      .has_photo = true}},
    {WIRE_TO_BACKEND, {.type = WIRE_VCARD, .user = "a@b", .card = {.nickname = "al"}, .has_photo = true}},
    {WIRE_TO_MAIN,
     {.type = WIRE_VCARD,
      .user = "a@b",
      .card = {.name = "eve", .full_name = "Eve E", .nickname = "eve", .photo = "jpg", .photo_bytes = 3},
      .request = 7,
      .has_photo = true}},
    {WIRE_TO_BACKEND, {.type = WIRE_STATUS_CHANGED, .user = "a@b", .status = {S2_STATUS_INVISIBLE, "shh"}}},
    {WIRE_TO_MAIN, {.type = WIRE_BUDDY_TYPING, .user = "a@b", .buddy = {.name = "eve"}}},
    {WIRE_TO_MAIN, {.type = WIRE_BUDDY_STOPPED_TYPING, .user = "a@b", .buddy = {.name = "eve"}}},
    {WIRE_TO_MAIN, {.type = WIRE_BUDDY_TYPED, .user = "a@b", .buddy = {.name = "eve"}}},
    {WIRE_TO_MAIN, {.type = WIRE_AUTH_REQUEST, .user = "a@b", .buddy = {.name = "eve"}}},
    {WIRE_TO_MAIN, {.type = WIRE_ATTENTION, .user = "a@b", .message = {.peer = "eve", .body = "!"}}},
    {WIRE_TO_MAIN, {.type = WIRE_STATS, .stats = {1, 2, 3, "77"}}},
    {WIRE_TO_BACKEND, {.type = WIRE_EXIT}},
    {WIRE_TO_MAIN, {.type = WIRE_BACKEND_CONFIG, .config = "[features]\nmuc=1\n"}},
    {WIRE_TO_MAIN, {.type = WIRE_QUERY, .config = "status"}},
    {WIRE_TO_MAIN, {.type = WIRE_ROOM_LIST, .user = "a@b", .list = {listings, 2}}},
    {WIRE_TO_MAIN, {.type = WIRE_ROOM_LIST, .list = {listings, 1}}},
    {WIRE_TO_MAIN, {.type = WIRE_CONV_MESSAGE_ACK, .user = "a@b", .message = {.peer = "eve", .id = "m1"}}},
    {WIRE_TO_MAIN, {.type = WIRE_RAW_XML, .xml = "<message/>"}},
    {WIRE_TO_BACKEND, {.type = WIRE_BUDDIES, .user = "a@b", .buddies = {buddies, 2}}},
    {WIRE_TO_BACKEND, {.type = WIRE_API_VERSION}},
    {WIRE_TO_MAIN,
     {.type = WIRE_MESSAGE_RESULT,
      .user = "a@b",
      .result = {.id = "m1", .peer = "#c", .condition = S2_FORBIDDEN, .text = "+m", .network_id = "n1"}}},
    {WIRE_TO_MAIN,
     {.type = WIRE_ANNOTATION,
      .user = "a@b",
      .annotation = {.kind = S2_RETRACTION,
                     .peer = "#c",
                     .nickname = "al",
                     .id = "a1",
                     .target = "n1",
                     .reason = "spam",
                     .actor = "op",
                     .time = 1763805600000,
                     .moderated = true,
                     .private_ = true,
                     .carbon = true}}},
    {WIRE_TO_BACKEND,
     {.type = WIRE_ANNOTATION,
      .user = "a@b",
      .annotation = {.kind = S2_REACTION, .peer = "eve", .target = "n1", .reactions = reactions, .reaction_count = 2}}},
    {WIRE_TO_MAIN, {.type = WIRE_SUBSCRIPTION, .user = "a@b", .subscription = {"eve", S2_UNSUBSCRIBED, NULL}}},
    {WIRE_TO_BACKEND, {.type = WIRE_SUBSCRIPTION, .user = "a@b", .subscription = {"eve", S2_SUBSCRIBE, "It's me"}}},
    {WIRE_TO_MAIN,
     {.type = WIRE_BLOCK_RESULT, .user = "a@b", .result = {.peer = "eve", .condition = S2_NOT_ALLOWED, .text = "no"}}},
    {WIRE_TO_MAIN,
     {.type = WIRE_ROOM_ERROR,
      .user = "a@b",
      .result = {.peer = "#c", .nickname = "al", .condition = S2_CONFLICT, .text = "taken"}}},
    {WIRE_TO_BACKEND,
     {.type = WIRE_ROOM_ORDER,
      .user = "a@b",
      .order = {S2_ROOM_CONFIGURE, "#c", {"bob@net", "bob", S2_AFFILIATION_OWNER, S2_ROLE_UNSET, "why"}, room_fields, 2, "<iq/>"},
      .order_number = 4000000000u}},
    {WIRE_TO_MAIN,
     {.type = WIRE_ROOM_ANSWER,
      .user = "a@b",
      .answer = {S2_FORBIDDEN, "no", room_people, 2, room_fields, 2, room_listings, 2, true, "<iq/>"},
      .order_number = 7}},
    {WIRE_TO_MAIN,
     {.type = WIRE_ROOM_INVITATION, .user = "a@b", .invitation = {"#c", "The room", "key", "bob@net", "bob", "come"}}},
    {WIRE_TO_MAIN,
     {.type = WIRE_REQUEST,
      .user = "a@b",
      .question = {"q1", "Title", "Text", "https://x/", "PNG", 3, "image/png", question_fields, 2, 60}}},
    {WIRE_TO_MAIN, {.type = WIRE_REQUEST, .user = "a@b", .question = {.id = "q2"}}},
    {WIRE_TO_MAIN,
     {.type = WIRE_REQUEST_END, .user = "a@b", .result = {.id = "q1", .condition = S2_GONE, .text = "never mind"}}},
    {WIRE_TO_BACKEND, {.type = WIRE_RESPONSE, .user = "a@b", .response = {"q1", true, settings, 2}}},
    {WIRE_TO_BACKEND, {.type = WIRE_RESPONSE, .user = "a@b", .response = {.id = "q1"}}},
    {WIRE_TO_MAIN,
     {.type = WIRE_ROOM_INFO,
      .user = "a@b",
      .room_info = {"#c", "The room", "What for", "de", "ab", S2_ROOM_HIDDEN | S2_ROOM_MEMBER, 12}}},
};

static char *there_and_back(enum wire_direction direction, bool extended, const struct wire_frame *frame)
{
	struct str out = {0};
	struct arena arena = {0};
	struct wire_frame back;
	const char *error;
	size_t used;
	str_adds(&out, "before");
	assert_true(wire_write(&out, direction, extended, frame));
	str_consume(&out, strlen("before"));
	for (size_t cut = 0; cut < out.len; cut++) {
		/* Exactly sized, so that reading too far is noticed. */
		char *piece = malloc(cut + !cut);
		memcpy(piece, out.data, cut);
		assert_int_equal(wire_read(&arena, piece, cut, direction, &used, &back, &error), WIRE_INCOMPLETE);
		assert_int_equal(used, 0);
		free(piece);
	}
	enum wire_status status = wire_read(&arena, out.data, out.len, direction, &used, &back, &error);
	if (status != WIRE_OK)
		print_message("type %d: %s\n", frame->type, error);
	assert_int_equal(status, WIRE_OK);
	assert_int_equal(used, out.len);
	char *text = dump(&back);
	str_fini(&out);
	arena_fini(&arena);
	return text;
}

static void every_type_survives_the_way(void **state)
{
	for (size_t i = 0; i < COUNT(full); i++) {
		for (int extended = 0; extended < 2; extended++) {
			char *before = dump(&full[i].frame),
			     *after = there_and_back(full[i].direction, extended, &full[i].frame);
			assert_string_equal(
			    after, extended || full[i].frame.type != WIRE_CONV_MESSAGE
			               ? before
			               : "8 user=a@b peer=#c@irc.example.org nickname=al body=hi\n there "
			                 "xhtml=<b>hi</b> id=m1 time=1763805600000 private=1 headline=1 carbon=1 "
			                 "url=https://example.org/a mime=image/png description=a cat "
			                 "url=https://example.org/b");
			free(before);
			free(after);
		}
	}
}

static void check_way(enum wire_direction direction, bool extended, const struct wire_frame *frame,
                      const char *expected)
{
	char *text = there_and_back(direction, extended, frame);
	assert_string_equal(text, expected);
	free(text);
}

static void occupants_have_more_for_new_peers(void **state)
{
	static const struct s2_hat hats[] = {{"urn:dj", "DJ"}, {"urn:vip", NULL}};
	const struct wire_frame frame = {.type = WIRE_PARTICIPANT_CHANGED,
	                                 .user = "a@b",
	                                 .participant = {.room = "#c",
	                                                 .nickname = "al",
	                                                 .flags = S2_PARTICIPANT_ME | S2_PARTICIPANT_FAULT,
	                                                 .affiliation = S2_AFFILIATION_OWNER,
	                                                 .role = S2_ROLE_MODERATOR,
	                                                 .real_name = "Al",
	                                                 .actor = "op",
	                                                 .person = "+49 1",
	                                                 .hats = hats,
	                                                 .hat_count = 2}};
	check_way(WIRE_TO_MAIN, true, &frame,
	          "13 user=a@b room=#c nickname=al flags=528 affiliation=4 role=4 real_name=Al actor=op person=+49 1 "
	          "uri=urn:dj title=DJ uri=urn:vip");
	check_way(WIRE_TO_MAIN, false, &frame, "13 user=a@b room=#c nickname=al flags=16");
}

static void people_have_more_for_new_peers(void **state)
{
	const struct wire_frame buddy = {
	    .type = WIRE_BUDDY_CHANGED,
	    .user = "a@b",
	    .buddy = {.name = "eve",
	              .status = S2_STATUS_AWAY,
	              .idle_since = 1763805600001,
	              .lacks = 1u << 31 | 1,
	              .subscription = S2_SUBSCRIPTION_FROM,
	              .pending = true}};
	check_way(WIRE_TO_MAIN, true, &buddy,
	          "6 user=a@b name=eve status=1 idle_since=1763805600001 lacks=2147483649 subscription=6 pending=1");
	check_way(WIRE_TO_MAIN, false, &buddy, "6 user=a@b name=eve status=1");
	const struct wire_frame request = {
	    .type = WIRE_AUTH_REQUEST, .user = "a@b", .buddy = {.name = "eve", .status_text = "It's me"}};
	check_way(WIRE_TO_MAIN, true, &request, "21 user=a@b name=eve status_text=It's me");
	check_way(WIRE_TO_MAIN, false, &request, "21 user=a@b name=eve");
	const struct wire_frame card = {.type = WIRE_VCARD,
	                                .user = "a@b",
	                                .card = {"eve",  "1",  "2",  NULL, 0,    "3",  "4",  "5",  "6",  "7",
	                                         "8",    "9",  "10", "11", "12", "13", "14", "15", "16", "17",
	                                         "18",   "19", S2_GONE, "20"}};
	check_way(WIRE_TO_MAIN, true, &card,
	          "16 user=a@b text=eve text=1 text=2 text=3 text=5 text=4 text=6 text=7 text=8 text=9 text=11 text=10 "
	          "text=12 text=13 text=14 text=15 text=16 text=17 text=18 text=19 text=20 condition=5 photo=");
	check_way(WIRE_TO_MAIN, false, &card, "16 user=a@b text=eve text=1 text=2 photo=");
}

static void old_peers_get_old_fields_only(void **state)
{
	struct wire_frame frame = {.type = WIRE_CONV_MESSAGE, .user = "a@b", .message = FULL_MESSAGE};
	frame.message.attachment_count = 0;
	frame.message.time++;
	/* The receipt is all that an id means there. */
	check_way(WIRE_TO_BACKEND, false, &frame,
	          "8 user=a@b peer=#c@irc.example.org/al body=hi\n there xhtml=<b>hi</b> id=m1 headline=1 carbon=1 "
	          "want_receipt=1");
	check_way(
	    WIRE_TO_BACKEND, true, &frame,
	    "8 user=a@b peer=#c@irc.example.org nickname=al body=hi\n there xhtml=<b>hi</b> id=m1 time=1763805600001 "
	    "private=1 headline=1 carbon=1 want_receipt=1 own_id=o1 replaces=r1 reply_to=r2 reply_author=bo "
	    "reply_text=what? want_marker=1");
	check_way(
	    WIRE_TO_MAIN, false, &frame,
	    "8 user=a@b peer=#c@irc.example.org nickname=al body=hi\n there xhtml=<b>hi</b> id=m1 time=1763805600000 "
	    "private=1 headline=1 carbon=1");
	frame.message = (struct s2_message){.peer = "eve", .body = "x", .id = "m2"};
	check_way(WIRE_TO_BACKEND, false, &frame, "8 user=a@b peer=eve body=x");
	check_way(WIRE_TO_BACKEND, true, &frame, "8 user=a@b peer=eve body=x id=m2");

	struct wire_frame who = {.type = WIRE_PARTICIPANT_CHANGED,
	                         .user = "a@b",
	                         .participant = {.room = "#c",
	                                         .nickname = "al",
	                                         .affiliation = S2_AFFILIATION_OWNER,
	                                         .role = S2_ROLE_VISITOR,
	                                         .real_name = "al@host",
	                                         .actor = "op"}};
	check_way(WIRE_TO_MAIN, false, &who, "13 user=a@b room=#c nickname=al");
	check_way(WIRE_TO_MAIN, true, &who,
	          "13 user=a@b room=#c nickname=al affiliation=4 role=2 real_name=al@host actor=op");
}

static void W_13_CR_3_times_are_read_in_every_form(void **state)
{
	static const struct {
		const char *hex; /* field 6 and what else there is */
		int64_t time;
	} cases[] = {
	    {"320f 323032353131323254313030303030", 1763805600000},                        /* 20251122T100000 */
	    {"3210 3230323531313232543130303030305a", 1763805600000},                      /* ...Z */
	    {"320a 31373633383035363030", 1763805600000},                                  /* 1763805600 */
	    {"3205 6e6f6e6521", 0},                                                        /* none! */
	    {"320f 323032353131323254313030303030 b00681b286d8aa33", 1763805600001},       /* the exact time wins */
	    {"320f 323032353131323254313030303030 b006ffffffffffffffff7f", 1763805600000}, /* the year 292 million */
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena arena = {0};
		struct wire_frame frame;
		const char *error;
		char bytes[128] = {0, 0, 0, 0, 8, 8, 18, 0};
		size_t used, len = unhex("0a0161 120162 1a0163", bytes + 8);
		len += unhex(cases[i].hex, bytes + 8 + len);
		bytes[7] = (char)len;
		bytes[3] = (char)(len + 4);
		assert_int_equal(wire_read(&arena, bytes, len + 8, WIRE_TO_MAIN, &used, &frame, &error), WIRE_OK);
		assert_int_equal(frame.message.time, cases[i].time);
		arena_fini(&arena);
	}
}

static void bad_frames_are_told_apart(void **state)
{
	static const struct {
		const char *hex;
		enum wire_status status;
		size_t used;
		const char *error;
	} cases[] = {
	    {"00000000", WIRE_BAD_FRAME, 4, "frame is empty"},
	    {"00000002 0805", WIRE_BAD_FRAME, 6, "unknown frame type"},
	    {"00000002 0825", WIRE_BAD_FRAME, 6, "unknown frame type"},
	    {"00000003 08e807", WIRE_BAD_FRAME, 7, "unknown frame type"},
	    {"0000000b 08ffffffffffffffffff01", WIRE_BAD_FRAME, 15, "unknown frame type"},
	    {"00000002 0818", WIRE_BAD_FRAME, 6, "file transfer by frames is obsolete"},
	    {"00000002 1200", WIRE_BAD_FRAME, 6, "a required field is missing or has another type"},
	    {"00000002 0801", WIRE_BAD_FRAME, 6, "a required field is missing or has another type"},
	    {"00000009 0802 1205 0a03614062", WIRE_BAD_FRAME, 13, "a required field is missing or has another type"},
	    {"00000006 0801 1202 0801", WIRE_BAD_FRAME, 10, "a required field is missing or has another type"},
	    {"00000004 ffffffff", WIRE_BAD_FRAME, 8, "payload is no protobuf message"},
	    {"00000009 0801 12ff 0a03614062", WIRE_BAD_FRAME, 13, "payload is no protobuf message"},
	    {"00000009 0801 1205 0a7f614062", WIRE_BAD_FRAME, 13, "payload is no protobuf message"},
	    {"00000004 4745 5420", WIRE_BAD_FRAME, 8, "payload is no protobuf message"},
	    {"01000001 0801", WIRE_BAD_STREAM, 0, "frame is longer than allowed"},
	    {"ffffffff", WIRE_BAD_STREAM, 0, "frame is longer than allowed"},
	    {"47455420 2f", WIRE_BAD_STREAM, 0, "frame is longer than allowed"},
	    {"01000000 0801", WIRE_INCOMPLETE, 0, NULL},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena arena = {0};
		struct wire_frame frame;
		const char *error;
		char bytes[64];
		size_t used, len = unhex(cases[i].hex, bytes);
		assert_int_equal(wire_read(&arena, bytes, len, WIRE_TO_MAIN, &used, &frame, &error), cases[i].status);
		assert_int_equal(used, cases[i].used);
		if (cases[i].error)
			assert_string_equal(error, cases[i].error);
		else
			assert_null(error);
		arena_fini(&arena);
	}
}

static void W_6_SEC_27_a_frame_cannot_ask_for_memory_without_end(void **state)
{
	/* Two bytes each: empty contacts, of which protobuf-c would make structures of more than a hundred bytes. */
	size_t inner = 8u << 20;
	struct str out = {0};
	struct arena arena = {0};
	struct wire_frame frame;
	const char *error;
	size_t used, size = inner + 7;
	char head[] = {(char)(size >> 24), (char)(size >> 16), (char)(size >> 8), (char)size, 8, 8, 18,
	               (char)0x80,         (char)0x80,         (char)0x80,        4};
	str_add(&out, head, sizeof head);
	for (size_t i = 0; i < inner / 2; i++)
		str_add(&out, "\x5a", 2);
	assert_int_equal(wire_read(&arena, out.data, out.len, WIRE_TO_BACKEND, &used, &frame, &error), WIRE_BAD_FRAME);
	assert_string_equal(error, "payload has too many fields");
	assert_int_equal(used, out.len);
	assert_true(arena.total < 128u << 20);
	str_fini(&out);
	arena_fini(&arena);
}

static void W_10_SEC_16_text_is_cleaned(void **state)
{
	static const struct {
		enum wire_direction direction;
		const char *hex, *text;
	} cases[] = {
	    /* body "h\xffi", nickname "\x01" (nothing is left of it) */
	    {WIRE_TO_MAIN, "00000018 0808 1214 0a03614062 1203657665 1a0368ff69 220101",
	     "8 user=a@b peer=eve body=h\xef\xbf\xbdi"},
	    /* body "h\0i" */
	    {WIRE_TO_BACKEND, "00000015 0808 1211 0a03614062 1203657665 1a03680069", "8 user=a@b peer=eve body=h"},
	    /* raw XML with a NUL and a lone continuation byte */
	    {WIRE_TO_MAIN, "00000009 0822 1205 3c61802f3e", "34 xml=<a\xef\xbf\xbd/>"},
	    {WIRE_TO_MAIN, "00000008 0822 1204 3c610062", "34 xml=<a"},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena arena = {0};
		struct wire_frame frame;
		const char *error;
		char bytes[64];
		size_t used, len = unhex(cases[i].hex, bytes);
		bytes[3] = (char)(len - 4);
		if (bytes[5] == 8)
			bytes[7] = (char)(len - 8);
		assert_int_equal(wire_read(&arena, bytes, len, cases[i].direction, &used, &frame, &error), WIRE_OK);
		char *text = dump(&frame);
		assert_string_equal(text, cases[i].text);
		free(text);
		arena_fini(&arena);
	}
	/* And on the way out of a backend. */
	struct str out = {0};
	struct wire_frame frame = {.type = WIRE_CONNECTED, .user = "\xff"};
	wire_write(&out, WIRE_TO_MAIN, false, &frame);
	assert_memory_equal(out.data, "\0\0\0\x09\x08\x01\x12\x05\x0a\x03\xef\xbf\xbd", 13);
	str_fini(&out);
}

static void numbers_out_of_range_become_neutral(void **state)
{
	static const struct {
		const char *hex, *text;
	} cases[] = {
	    {"00000012 080d 120e 0a0161 12012a 1a0162 2001 2863", "13 user=a room=* nickname=b flags=1"},
	    {"00000018 080d 1214 0a0161 12012a 1a0162 2000 2801 a80609 b00609", "13 user=a room=* nickname=b status=1"},
	    {"0000000f 0865 120b 0a0161 120162 1a0163 207f", "101 user=a id=b peer=c condition=20"},
	    {"0000000e 0806 120a 0a0161 120162 287f 4001", "6 user=a name=b blocked=1 has_blocked=1"},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena arena = {0};
		struct wire_frame frame;
		const char *error;
		char bytes[64];
		size_t used, len = unhex(cases[i].hex, bytes);
		bytes[3] = (char)(len - 4);
		bytes[7] = (char)(len - 8);
		assert_int_equal(wire_read(&arena, bytes, len, WIRE_TO_MAIN, &used, &frame, &error), WIRE_OK);
		char *text = dump(&frame);
		assert_string_equal(text, cases[i].text);
		free(text);
		arena_fini(&arena);
	}
}

static void frames_that_are_too_long_are_not_written(void **state)
{
	char *photo = malloc(WIRE_MAX_FRAME);
	memset(photo, 'x', WIRE_MAX_FRAME);
	struct str out = {0};
	struct wire_frame frame = {
	    .type = WIRE_VCARD, .user = "a@b", .card = {.photo = photo, .photo_bytes = WIRE_MAX_FRAME}};
	assert_false(wire_write(&out, WIRE_TO_MAIN, true, &frame));
	assert_int_equal(out.len, 0);
	frame.card.photo_bytes = WIRE_MAX_FRAME - 64;
	assert_true(wire_write(&out, WIRE_TO_MAIN, true, &frame));
	assert_true(out.len <= WIRE_MAX_FRAME + 4);
	struct arena arena = {0};
	const char *error;
	size_t used;
	assert_int_equal(wire_read(&arena, out.data, out.len, WIRE_TO_MAIN, &used, &frame, &error), WIRE_OK);
	assert_int_equal(frame.card.photo_bytes, WIRE_MAX_FRAME - 64);
	arena_fini(&arena);
	str_fini(&out);
	free(photo);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(known_bytes_are_read_and_written),
    cmocka_unit_test(every_type_survives_the_way),
    cmocka_unit_test(occupants_have_more_for_new_peers),
    cmocka_unit_test(people_have_more_for_new_peers),
    cmocka_unit_test(old_peers_get_old_fields_only),
    cmocka_unit_test(W_13_CR_3_times_are_read_in_every_form),
    cmocka_unit_test(bad_frames_are_told_apart),
    cmocka_unit_test(W_6_SEC_27_a_frame_cannot_ask_for_memory_without_end),
    cmocka_unit_test(W_10_SEC_16_text_is_cleaned),
    cmocka_unit_test(numbers_out_of_range_become_neutral),
    cmocka_unit_test(frames_that_are_too_long_are_not_written),
};
RUN_TESTS(tests)
