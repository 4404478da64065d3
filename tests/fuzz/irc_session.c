/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: one user of the IRC backend between a hostile server and a busy main process. The input is a text: a
 * line that begins with '!' is something that the user, the clock or the connection does (see acts), any other line
 * comes from the server. Kit and loop are replaced by what stands here, which holds the backend to its promises: text
 * fit for XML, exactly one result per message, no word about rooms that the user is not in. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/irc/contacts.h"
#include "backends/irc/network.h"
#include "backends/irc/user.h"
#include "kit/kit.h"
#include "kit/session.h"
#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/base/mem.h"
#include "lib/base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool truth)
{
	if (!truth)
		abort();
}

static void demand_text(const char *text)
{
	demand(!text || utf8_xml_valid(text, strlen(text)));
}

/* ---- The loop: a clock that the input turns ---- */

struct timer {
	struct list node;
	void (*fired)(void *arg);
	void *arg;
	uint64_t due; /* 0 = stopped */
};

static uint64_t now;
static struct list timers = LIST_INIT(timers), deferred = LIST_INIT(deferred);

struct loop *kit_loop(void)
{
	return NULL;
}

uint64_t loop_now(struct loop *loop)
{
	return now;
}

struct timer *timer_new(struct loop *loop, void (*fired)(void *arg), void *arg)
{
	struct timer *timer = mem_new(sizeof *timer);
	timer->fired = fired;
	timer->arg = arg;
	list_append(&timers, &timer->node);
	return timer;
}

void timer_free(struct timer **timer)
{
	list_remove(&(*timer)->node);
	free(*timer);
	*timer = NULL;
}

void timer_start(struct timer *timer, uint64_t ms, uint64_t repeat_ms)
{
	demand(!repeat_ms);
	timer->due = now + (ms ? ms : 1);
}

void loop_defer(struct loop *loop, struct deferred *work, void (*run)(void *arg), void *arg)
{
	if (work->queued)
		return;
	*work = (struct deferred){.run = run, .arg = arg, .queued = true};
	list_append(&deferred, &work->node);
}

void loop_defer_cancel(struct deferred *work)
{
	if (work->queued)
		list_remove(&work->node);
	work->queued = false;
}

static void end_turn(void)
{
	while (!list_empty(&deferred)) {
		struct deferred *work = LIST_ITEM(deferred.next, struct deferred, node);
		loop_defer_cancel(work);
		work->run(work->arg);
	}
}

static void pass_time(uint64_t ms)
{
	now += ms;
	for (int turn = 0; turn < 20; turn++) {
		struct timer *due = NULL;
		LIST_EACH (&timers, node) {
			struct timer *timer = LIST_ITEM(node, struct timer, node);
			if (timer->due && timer->due <= now)
				due = timer;
		}
		if (!due)
			return;
		due->due = 0;
		due->fired(due->arg);
		end_turn();
	}
}

/* ---- The session: lines go nowhere ---- */

#define QUEUE 64

struct s2_session {
	const struct s2_session_events *events;
	void *arg;
	enum s2_session_state state;
	void *tokens[QUEUE];
	size_t queued;
	bool freed;
};

static struct s2_session *session; /* the newest one */

struct s2_session *s2_session_new(struct loop *loop, const struct s2_session_options *options,
                                  const struct s2_session_events *events, void *arg)
{
	session = mem_new(sizeof *session);
	session->events = events;
	session->arg = arg;
	demand(options->host && options->port);
	return session;
}

void s2_session_free(struct s2_session **at)
{
	if (session == *at)
		session = NULL;
	free(*at);
	*at = NULL;
}

void s2_session_start(struct s2_session *one)
{
	one->state = S2_SESSION_CONNECTING;
}

void s2_session_syncing(struct s2_session *one)
{
}

void s2_session_online(struct s2_session *one)
{
	one->state = S2_SESSION_ONLINE;
}

/* A whole line or several, each of at most 512 bytes behind its tags, without anything that ends it early. */
static void demand_lines(const char *bytes, size_t len)
{
	demand(len > 2 && bytes[len - 1] == '\n' && !memchr(bytes, '\0', len));
	for (size_t i = 0; i < len; i++)
		demand((bytes[i] == '\r') == (i + 1 < len && bytes[i + 1] == '\n'));
}

bool s2_session_send(struct s2_session *one, const void *bytes, size_t len, void *token)
{
	demand_lines(bytes, len);
	if (one->state < S2_SESSION_AUTH || one->state == S2_SESSION_BACKOFF || one->queued == QUEUE)
		return false;
	one->tokens[one->queued++] = token;
	return true;
}

void s2_session_send_now(struct s2_session *one, const void *bytes, size_t len)
{
	demand_lines(bytes, len);
}

void s2_session_pause(struct s2_session *one)
{
}

void s2_session_resume(struct s2_session *one)
{
}

size_t kit_unsent(void)
{
	return 0;
}

size_t s2_session_queued(const struct s2_session *one)
{
	return one->queued;
}

static bool is_open(void)
{
	return session && session->state >= S2_SESSION_AUTH && session->state <= S2_SESSION_ONLINE;
}

/* ---- The main process: remembers what it asked for ---- */

struct s2_user {
	void *data;
	bool gone;
};
static struct s2_user person;

#define MOST_MESSAGES 500
static unsigned results[MOST_MESSAGES], messages;
#define MOST_ORDERS 500
static unsigned ordered[MOST_ORDERS], orders;

struct room {
	char *name, *nickname;
	bool joined;
};
static struct map rooms;

static struct room *room_of(const char *name)
{
	demand(name && !person.gone);
	struct room *room = map_get(&rooms, name);
	if (!room)
		fprintf(stderr, "nobody asked for room %s\n", name);
	demand(room != NULL);
	return room;
}

static void forget(struct room *room)
{
	map_remove(&rooms, room->name);
	free(room->name);
	free(room->nickname);
	free(room);
}

const char *s2_config(const char *key)
{
	return NULL;
}

const char *s2_config_or(const char *key, const char *fallback)
{
	return fallback;
}

const char *s2_config_item(const char *key, size_t index)
{
	return NULL;
}

int64_t s2_config_number(const char *key, int64_t fallback)
{
	return fallback;
}

bool s2_config_bool(const char *key, bool fallback)
{
	return fallback;
}

const char *s2_user_jid(const struct s2_user *user)
{
	return "user@example.org";
}

const char *s2_user_setting(const struct s2_user *user, const char *key)
{
	return NULL;
}

void *s2_user_data(const struct s2_user *user)
{
	return user->data;
}

void s2_user_set_data(struct s2_user *user, void *data)
{
	user->data = data;
}

void s2_connected(struct s2_user *user)
{
}

void s2_disconnected(struct s2_user *user, enum s2_connection_error error, const char *text)
{
	user->gone = true;
}

void s2_message(struct s2_user *user, const struct s2_message *message)
{
	demand(!user->gone && message->peer && message->body);
	demand_text(message->peer);
	demand_text(message->body);
	demand_text(message->xhtml);
	demand_text(message->nickname);
}

void s2_message_result(struct s2_user *user, const char *id, const char *peer, enum s2_condition condition,
                       const char *text)
{
	unsigned number = (unsigned)strtoul(id, NULL, 10);
	demand(!user->gone && number < messages && !results[number]++);
	demand_text(text);
}

void s2_message_done(struct s2_user *user, const char *id, const char *peer, const char *network_id)
{
	s2_message_result(user, id, peer, S2_DONE, network_id);
}

void s2_annotation(struct s2_user *user, const struct s2_annotation *annotation)
{
	demand(!user->gone && annotation->peer && annotation->target);
	demand_text(annotation->nickname);
	for (size_t i = 0; i < annotation->reaction_count; i++)
		demand_text(annotation->reactions[i]);
}

void s2_typing(struct s2_user *user, const char *peer, enum s2_typing typing)
{
	demand(!user->gone);
	demand_text(peer);
}

void s2_participant(struct s2_user *user, const struct s2_participant *participant)
{
	struct room *room = room_of(participant->room);
	demand(participant->nickname && *participant->nickname);
	demand_text(participant->nickname);
	demand_text(participant->new_nickname);
	demand_text(participant->status_text);
	demand_text(participant->actor);
	demand_text(participant->real_name);
	if (!(participant->flags & S2_PARTICIPANT_ME))
		return;
	if (participant->status == S2_STATUS_NONE) {
		forget(room);
		return;
	}
	room->joined = true;
	mem_replace(&room->nickname, participant->new_nickname ? participant->new_nickname : participant->nickname);
}

void s2_room_nickname(struct s2_user *user, const char *room, const char *nickname)
{
	room_of(room);
	demand_text(nickname);
}

void s2_room_error(struct s2_user *user, const char *name, const char *nickname, enum s2_condition condition,
                   const char *text)
{
	struct room *room = room_of(name);
	demand_text(text);
	demand(condition != S2_DONE);
	if (!room->joined || !nickname || !strcmp(nickname, room->nickname))
		forget(room);
}

void s2_room_subject(struct s2_user *user, const struct s2_message *message)
{
	room_of(message->peer);
	demand_text(message->body);
	demand_text(message->nickname);
}

void s2_buddy(struct s2_user *user, const struct s2_buddy *buddy)
{
	demand_text(buddy->name);
	demand_text(buddy->status_text);
	demand(*buddy->name);
}

#define MOST_CARDS 64
static unsigned cards_asked, card_ends[MOST_CARDS];

void s2_card(struct s2_user *user, uint32_t request, const struct s2_card *card)
{
	demand(request < MOST_CARDS && !card_ends[request]++);
	demand_text(card->full_name);
	demand_text(card->nickname);
	demand_text(card->note);
	demand_text(card->text);
}

void s2_room_info(struct s2_user *user, const struct s2_room_info *info)
{
	demand(room_of(info->name)->joined);
	demand_text(info->title);
}

void s2_room_answer(struct s2_user *user, uint32_t request, const struct s2_room_answer *answer)
{
	demand(!person.gone && request < orders);
	demand_text(answer->text);
	for (size_t i = 0; i < answer->people_count; i++)
		demand_text(answer->people[i].name);
	for (size_t i = 0; i < answer->field_count; i++)
		demand_text(answer->fields[i].value);
	for (size_t i = 0; i < answer->room_count; i++) {
		demand_text(answer->rooms[i].name);
		demand_text(answer->rooms[i].title);
	}
	demand(!ordered[request]);
	ordered[request] += !answer->more;
}

void s2_room_done(struct s2_user *user, uint32_t request, enum s2_condition condition, const char *text)
{
	s2_room_answer(user, request, &(struct s2_room_answer){.condition = condition, .text = text});
}

void s2_room_invitation(struct s2_user *user, const struct s2_room_invitation *invitation)
{
	demand(!person.gone && invitation->room);
	demand_text(invitation->room);
	demand_text(invitation->nickname);
}

/* ---- What may happen ---- */

static void act_join(const char *text)
{
	char *name = mem_strndup(text, strcspn(text, " "));
	const char *nick = text[strlen(name)] ? text + strlen(name) + 1 : "al";
	if (*name && !map_get(&rooms, name)) {
		struct room *room = mem_new(sizeof *room);
		room->name = mem_strdup(name);
		room->nickname = mem_strdup(nick);
		map_put(&rooms, room->name, room);
	}
	if (*name)
		user_join_room(&person,
		               &(struct s2_room){.name = name, .nickname = nick, .password = strchr(nick, '!')});
	free(name);
}

static void act_leave(const char *text)
{
	struct room *room = map_get(&rooms, text);
	if (!room)
		return;
	user_leave_room(&person, text);
	forget(room);
}

static void say(const char *text, void (*how)(struct s2_user *, const struct s2_message *))
{
	char *peer = mem_strndup(text, strcspn(text, " ")), id[16];
	const char *body = text[strlen(peer)] ? text + strlen(peer) + 1 : "x";
	if (*peer && *body && messages < MOST_MESSAGES) {
		snprintf(id, sizeof id, "%u", messages++);
		char *nick = strchr(body, '>');
		how(&person,
		    &(struct s2_message){.peer = peer, .body = body, .id = id, .private_ = nick, .nickname = nick});
	}
	free(peer);
}

static void act_say(const char *text)
{
	say(text, user_message);
}

/* "ROOM VERB RANK WHOM": an order; letters stand for the verb and for the affiliation or role wanted. */
static void act_order(const char *text)
{
	char *room = mem_strndup(text, strcspn(text, " ")), *rest = strchr(text, ' ');
	if (rest && strlen(rest) > 4 && orders < MOST_ORDERS) {
		unsigned rank = (unsigned char)rest[3] % 10;
		struct s2_field field = {.name = rest[3] & 1 ? "muc#roomconfig_roomsecret" : "muc#roomconfig_maxusers",
		                         .value = rest + 4};
		struct s2_room_order order = {.verb = (unsigned char)rest[1] % S2_ROOM_VERBS,
		                              .room = room,
		                              .fields = &field,
		                              .field_count = 1,
		                              .person = {.name = rest + 4,
		                                         .nickname = rest[2] == 'n' ? rest + 4 : NULL,
		                                         .affiliation = rank > 4 ? rank - 4 : S2_AFFILIATION_UNSET,
		                                         .role = rank < 5 ? rank : S2_ROLE_UNSET,
		                                         .reason = "why"}};
		user_room_order(&person, &order, orders++);
	}
	free(room);
}

static void act_type(const char *text)
{
	user_typing(&person, text, S2_TYPING_COMPOSING);
}

static void act_subject(const char *text)
{
	say(text, user_set_subject);
}

static void act_away(const char *text)
{
	user_set_status(&person, *text ? S2_STATUS_AWAY : S2_STATUS_ONLINE, text);
}

static void act_open(const char *text)
{
	if (!session || session->state != S2_SESSION_CONNECTING)
		return;
	session->state = S2_SESSION_AUTH;
	session->events->opened(session->arg);
}

static void act_fail(const char *text)
{
	if (!session)
		return;
	struct s2_session_failure failure = {.what = *text == 'f' ? S2_SESSION_FATAL : S2_SESSION_RETRY,
	                                     .text = "cable cut",
	                                     .error = *text == 't' ? S2_ERROR_CERT_OTHER : S2_ERROR_NETWORK};
	session->queued = 0;
	session->state = S2_SESSION_CONNECTING;
	session->events->failed(session->arg, &failure);
}

static void act_sent(const char *text)
{
	struct s2_session *one = session;
	size_t count = one ? one->queued : 0;
	for (size_t i = 0; i < count && one == session; i++)
		if (one->tokens[i])
			one->events->sent(one->arg, one->tokens[i]);
	if (one == session && one)
		one->queued = 0;
}

static void act_time(const char *text)
{
	pass_time(strlen(text) * 1000 + 500);
}

static void act_add(const char *text)
{
	if (*text)
		contacts_add(&person, &(struct s2_buddy){.name = text});
}

static void act_remove(const char *text)
{
	contacts_remove(&person, &(struct s2_buddy){.name = text});
}

static void act_card(const char *text)
{
	if (cards_asked == MOST_CARDS)
		return;
	user_get_card(&person, text, cards_asked++);
}

static const struct {
	char name;
	void (*act)(const char *text);
} acts[] = {{'b', act_add},  {'r', act_remove},  {'c', act_card}, {'j', act_join}, {'l', act_leave},
            {'m', act_say},  {'s', act_subject}, {'a', act_away}, {'o', act_open}, {'f', act_fail},
            {'q', act_sent}, {'t', act_time},    {'w', act_type}, {'x', act_order}};

static void act(const char *text)
{
	for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
		if (acts[i].name == *text)
			acts[i].act(text + 1);
}

static void hear(const char *text)
{
	if (!is_open())
		return;
	session->events->input(session->arg, text, strlen(text));
	if (is_open())
		session->events->input(session->arg, "\r\n", 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	log_set_level(LOG_OFF_);
	now = 1000;
	messages = 0;
	orders = 0;
	memset(results, 0, sizeof results);
	memset(card_ends, 0, sizeof card_ends);
	cards_asked = 0;
	memset(ordered, 0, sizeof ordered);
	person = (struct s2_user){0};
	settings_read();
	settings.rename_on_conflict = size && data[0] & 1;
	network_commands_init();
	user_login(&person, &(struct s2_login){.name = "carol@h", .password = size && data[0] & 2 ? "secret" : NULL});
	struct str clean = {0};
	char *text = mem_strndup((const char *)data, size), *rest = text;
	for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
		str_clear(&clean, 4096);
		utf8_clean(&clean, line, strlen(line)); /* the kit hands over clean text only */
		if (*line == '!')
			act(str_text(&clean) + 1);
		else
			hear(line);
		end_turn();
	}
	user_logout(&person);
	end_turn();
	for (unsigned i = 0; i < messages; i++)
		demand(results[i] == 1);
	for (unsigned i = 0; i < cards_asked; i++)
		demand(card_ends[i] == 1);
	for (unsigned i = 0; i < orders; i++)
		demand(ordered[i] == 1);
	MAP_EACH (&rooms, struct room, room)
		forget(room);
	map_fini(&rooms);
	demand(list_empty(&timers));
	network_commands_fini();
	str_fini(&clean);
	free(text);
	return 0;
}
