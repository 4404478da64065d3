/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames of a hostile backend against the link: the first byte says in which pieces they come. Only events of its own
 * user may follow, each ticket ends once, and all texts are there to be read. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "spectrum/link/backend.h"
#include "spectrum/link/receive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct seat own = {.user = "a@b"}, other = {.user = "c@d"};
static unsigned ended;
static size_t text_bytes;

struct ticket {
	bool ended;
};

static void read_text(const char *text)
{
	text_bytes += text ? strlen(text) : 0;
}

static void check(struct seat *seat)
{
	assert(seat == &own);
}

static void end_ticket(struct ticket *ticket, const char *text)
{
	assert(!ticket->ended);
	ticket->ended = true;
	ended++;
	read_text(text);
}

static void result(void *arg, struct ticket *ticket, enum s2_condition condition, const char *text)
{
	assert(condition >= S2_DONE && condition < S2_CONDITIONS);
	end_ticket(ticket, text);
}

static void returned(void *arg, struct ticket *ticket, const char *text)
{
	end_ticket(ticket, text);
}

static void connected(void *arg, struct seat *seat)
{
	check(seat);
}

static void disconnected(void *arg, struct seat *seat, enum s2_connection_error error, const char *text)
{
	check(seat);
	assert(error >= S2_ERROR_NETWORK && error <= S2_ERROR_OTHER);
	read_text(text);
}

static void message(void *arg, struct seat *seat, const struct s2_message *message)
{
	check(seat);
	assert(message->peer && message->body);
	read_text(message->peer);
	read_text(message->nickname);
	read_text(message->body);
	read_text(message->xhtml);
	read_text(message->id);
	for (size_t i = 0; i < message->attachment_count; i++)
		read_text(message->attachments[i].url);
}

static void two_texts(void *arg, struct seat *seat, const char *a, const char *b)
{
	check(seat);
	assert(a && b);
	read_text(a);
	read_text(b);
}

static void one_text(void *arg, struct seat *seat, const char *text)
{
	check(seat);
	assert(text);
	read_text(text);
}

static void typing(void *arg, struct seat *seat, const char *peer, enum s2_typing state)
{
	one_text(arg, seat, peer);
}

static void buddy(void *arg, struct seat *seat, const struct s2_buddy *buddy)
{
	one_text(arg, seat, buddy->name);
	assert(buddy->status >= S2_STATUS_ONLINE && buddy->status <= S2_STATUS_INVISIBLE);
	for (size_t i = 0; i < buddy->group_count; i++)
		read_text(buddy->groups[i]);
}

static void card(void *arg, struct seat *seat, uint32_t request, const struct s2_card *card)
{
	one_text(arg, seat, card->name);
}

static void participant(void *arg, struct seat *seat, const struct s2_participant *who)
{
	two_texts(arg, seat, who->room, who->nickname);
}

static void room_nickname(void *arg, struct seat *seat, const struct s2_room *room)
{
	two_texts(arg, seat, room->name, room->nickname);
}

static void authorization(void *arg, struct seat *seat, const char *name, const char *text)
{
	one_text(arg, seat, name);
	if (text)
		one_text(arg, seat, text);
}

static void subscription(void *arg, struct seat *seat, const char *name, enum s2_subscription_verb verb)
{
	if (verb < S2_SUBSCRIBED || verb > S2_UNSUBSCRIBED)
		abort();
	one_text(arg, seat, name);
}

static void block_result(void *arg, struct seat *seat, const char *name, enum s2_condition condition, const char *text)
{
	one_text(arg, seat, name);
}

static void room_error(void *arg, struct seat *seat, const char *room, const char *nickname,
                       enum s2_condition condition, const char *text)
{
	assert(condition >= S2_DONE && condition < S2_CONDITIONS);
	two_texts(arg, seat, room, nickname);
}

static void room_list(void *arg, struct seat *seat, const struct s2_room_listing *rooms, size_t count)
{
	assert(!seat || seat == &own);
	for (size_t i = 0; i < count; i++)
		read_text(rooms[i].name);
}

static void configured(void *arg)
{
}

static void named(void *arg, struct seat *seat, const char *peer, const char *id, const char *network_id)
{
	two_texts(arg, seat, peer, id);
	read_text(network_id);
}

static void annotation(void *arg, struct seat *seat, const struct s2_annotation *in)
{
	assert(in->kind < S2_ANNOTATIONS);
	two_texts(arg, seat, in->peer, in->target);
}

static void slot_request(void *arg, struct seat *seat, const struct s2_slot *slot)
{
	check(seat);
	read_text(slot->id);
	read_text(slot->name);
}

static void room_info(void *arg, struct seat *seat, const struct s2_room_info *info)
{
	one_text(arg, seat, info->name);
	read_text(info->title);
}

static void question(void *arg, struct seat *seat, const struct s2_request *request)
{
	one_text(arg, seat, request->id);
	for (size_t i = 0; i < request->field_count; i++) {
		assert(request->fields[i].type < S2_FIELD_TYPES);
		read_text(request->fields[i].name);
		for (size_t j = 0; j < request->fields[i].option_count; j++)
			read_text(request->fields[i].options[j].value);
	}
}

static void question_end(void *arg, struct seat *seat, const char *id, enum s2_condition condition, const char *text)
{
	assert(condition >= S2_DONE && condition < S2_CONDITIONS);
	one_text(arg, seat, id);
}

static const struct link_events events = {
    .result = result,
    .returned = returned,
    .connected = connected,
    .disconnected = disconnected,
    .message = message,
    .received = two_texts,
    .typing = typing,
    .attention = message,
    .buddy = buddy,
    .buddy_removed = one_text,
    .authorization = authorization,
    .subscription = subscription,
    .card = card,
    .participant = participant,
    .room_nickname = room_nickname,
    .room_subject = message,
    .room_error = room_error,
    .block_result = block_result,
    .room_list = room_list,
    .configured = configured,
    .named = named,
    .annotation = annotation,
    .slot_request = slot_request,
    .room_info = room_info,
    .question = question,
    .question_end = question_end,
};

static struct backend *backend_new(struct link *link)
{
	struct backend *b = mem_new(sizeof *b);
	b->link = link;
	b->state = BACKEND_READY;
	b->chosen = true;
	b->pings = 2;
	list_init(&b->seats);
	inflight_init(&b->inflight);
	list_append(&link->backends, &b->node);
	return b;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct loop *loop;
	static struct config *config;
	struct str errors = {0}, warnings = {0};
	if (!loop)
		loop = loop_new();
	if (!config)
		config = config_load(NULL, "j@example.org", NULL, 0, &errors, &warnings);
	str_fini(&errors);
	str_fini(&warnings);
	if (!len)
		return 0;

	struct link link = {.loop = loop, .config = config, .events = &events};
	list_init(&link.backends);
	list_init(&link.waiting);
	struct backend *b = backend_new(&link), *foreign = backend_new(&link);
	struct ticket tickets[5] = {0};
	ended = 0;
	backend_sit(b, &own);
	backend_sit(foreign, &other);
	inflight_await_result(&b->inflight, "a@b", "m", &tickets[0]);
	inflight_await_result(&b->inflight, "a@b", "m", &tickets[1]);
	inflight_await_result(&b->inflight, "e@f", "m", &tickets[2]);
	inflight_await_pong(&b->inflight, 1, &tickets[3]);
	inflight_await_pong(&b->inflight, 3, &tickets[4]);

	size_t step = *data ? *data : len;
	for (size_t at = 1; at < len && b->state == BACKEND_READY; at += step)
		receive_input(b, (const char *)data + at, at + step < len ? step : len - at);

	assert(!tickets[4].ended);
	backend_return_tickets(b, "the end");
	assert(ended == 5);
	backend_stand_up(&own);
	backend_stand_up(&other);
	backend_free(b);
	backend_free(foreign);
	map_fini(&link.seats);
	arena_fini(&link.arena);
	return 0;
}
