/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: one user of the XMPP backend between a hostile server and a busy main process. The input is a text: a
 * line that begins with '!' is something that the user, the clock or the connection does (see acts), any other line
 * comes from the server, in place of $ stands a newline. A log-in is played before the first line. Kit and loop are
 * replaced by what stands here, which holds the backend to its promises: text fit for XML, exactly one end of all that
 * is asked for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/xmpp/card.h"
#include "backends/xmpp/room.h"
#include "backends/xmpp/roster.h"
#include "backends/xmpp/talk.h"
#include "kit/kit.h"
#include "kit/session.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/utf8.h"
#include "lib/io/conn.h"
#include "lib/xmpp/login.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEADER \
	"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='1' version='1.0'>"

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
	uint64_t due, repeat; /* due 0 = stopped */
};

static uint64_t now;
static struct list timers = LIST_INIT(timers), deferred = LIST_INIT(deferred), flushers = LIST_INIT(flushers);

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
	if (!*timer)
		return;
	list_remove(&(*timer)->node);
	free(*timer);
	*timer = NULL;
}

void timer_start(struct timer *timer, uint64_t ms, uint64_t repeat_ms)
{
	timer->due = now + (ms ? ms : 1);
	timer->repeat = repeat_ms;
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

void loop_flush_later(struct loop *loop, struct flusher *flusher)
{
	if (!flusher->queued)
		list_append(&flushers, &flusher->node);
	flusher->queued = true;
}

void loop_flush_cancel(struct flusher *flusher)
{
	if (flusher->queued)
		list_remove(&flusher->node);
	flusher->queued = false;
}

static void end_turn(void)
{
	while (!list_empty(&deferred)) {
		struct deferred *work = LIST_ITEM(deferred.next, struct deferred, node);
		loop_defer_cancel(work);
		work->run(work->arg);
	}
	while (!list_empty(&flushers)) {
		struct flusher *flusher = LIST_ITEM(flushers.next, struct flusher, node);
		loop_flush_cancel(flusher);
		flusher->flush(flusher->arg);
	}
}

static void pass_time(uint64_t ms)
{
	now += ms;
	LIST_EACH (&timers, node) {
		struct timer *timer = LIST_ITEM(node, struct timer, node);
		if (!timer->due || timer->due > now)
			continue;
		timer->due = timer->repeat ? now + timer->repeat : 0;
		timer->fired(timer->arg);
		end_turn();
	}
}

const struct conn_service login_service = {.service = "_xmpp-client._tcp", .port = 5222};

/* A key never comes. */
struct work *login_derive(struct loop *loop, const struct sasl_key *wanted, const char *password,
                          void (*done)(void *arg, const struct sasl_key *), void *arg)
{
	return NULL;
}

void work_cancel(struct work **work)
{
	*work = NULL;
}

/* ---- The session: bytes go nowhere ---- */

struct s2_session {
	const struct s2_session_events *events;
	void *arg;
	enum s2_session_state state;
	struct s2_session_failure failure; /* to be told */
	char *text;
	bool failing;
};

static struct s2_session *session;

struct s2_session *s2_session_new(struct loop *loop, const struct s2_session_options *options,
                                  const struct s2_session_events *events, void *arg)
{
	session = mem_new(sizeof *session);
	session->events = events;
	session->arg = arg;
	demand(options->host && (options->port || options->service));
	return session;
}

void s2_session_free(struct s2_session **at)
{
	free((*at)->text);
	free(*at);
	*at = session = NULL;
}

void s2_session_start(struct s2_session *one)
{
	one->state = S2_SESSION_CONNECTING;
}

void s2_session_stop(struct s2_session *one)
{
	one->state = S2_SESSION_IDLE;
	one->failing = false;
}

static bool is_open(void)
{
	return session && !session->failing && session->state >= S2_SESSION_AUTH && session->state <= S2_SESSION_ONLINE;
}

void s2_session_fail(struct s2_session *one, enum s2_session_class what, enum s2_connection_error error,
                     const char *text, uint64_t wait_ms)
{
	demand_text(text);
	if (!is_open())
		return;
	one->failing = true;
	mem_replace(&one->text, text);
	one->failure = (struct s2_session_failure){.what = what, .error = error, .text = one->text};
}

void s2_session_syncing(struct s2_session *one)
{
}

void s2_session_online(struct s2_session *one)
{
}

void s2_session_start_tls(struct s2_session *one)
{
	demand(false); /* it has TLS already */
}

void s2_session_set_server(struct s2_session *one, const char *host, uint16_t port)
{
	demand(*host);
}

void s2_session_send_now(struct s2_session *one, const void *bytes, size_t len)
{
	demand(utf8_xml_valid(bytes, len));
}

void s2_session_pause(struct s2_session *one)
{
}

void s2_session_resume(struct s2_session *one)
{
}

bool s2_session_binding(const struct s2_session *one, unsigned char out[32])
{
	return false;
}

const char *s2_session_tls_description(const struct s2_session *one)
{
	return "TLS";
}

size_t kit_unsent(void)
{
	return 0;
}

/* ---- The main process: remembers what it asked for ---- */

struct s2_user {
	void *data;
	bool gone;
	struct arena arena;
};
static struct s2_user person;

#define MOST 300
static struct {
	unsigned messages, cards, orders, blocks;
	unsigned char message_ends[MOST], card_ends[MOST], order_ends[MOST];
	int open_blocks;
} asked;

struct arena *kit_user_arena(struct s2_user *user)
{
	return &user->arena;
}

const char *s2_config(const char *key)
{
	return NULL;
}

const char *s2_config_or(const char *key, const char *fallback)
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

const char *s2_user_name(const struct s2_user *user)
{
	return "al@b.test";
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
	demand(!user->gone);
}

void s2_disconnected(struct s2_user *user, enum s2_connection_error error, const char *text)
{
	demand(!user->gone && text && *text);
	demand_text(text);
	user->gone = true;
}

void s2_message(struct s2_user *user, const struct s2_message *message)
{
	demand(!user->gone && message->peer && *message->peer && message->body);
	const char *const texts[] = {message->peer, message->body,     message->xhtml,    message->nickname,
	                             message->id,   message->replaces, message->reply_to, message->reply_text};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		demand_text(texts[i]);
	for (size_t i = 0; i < message->attachment_count; i++)
		demand_text(message->attachments[i].url);
}

void s2_message_result(struct s2_user *user, const char *id, const char *peer, enum s2_condition condition,
                       const char *text)
{
	unsigned long number = strtoul(id, NULL, 10);
	demand(!user->gone && number < asked.messages && !asked.message_ends[number]++);
	demand_text(text);
}

void s2_message_done(struct s2_user *user, const char *id, const char *peer, const char *network_id)
{
	s2_message_result(user, id, peer, S2_DONE, network_id);
}

void s2_message_received(struct s2_user *user, const char *peer, const char *id)
{
	demand(!user->gone);
	demand_text(id);
}

void s2_annotation(struct s2_user *user, const struct s2_annotation *annotation)
{
	demand(!user->gone && annotation->peer && annotation->target);
	for (size_t i = 0; i < annotation->reaction_count; i++)
		demand_text(annotation->reactions[i]);
	demand_text(annotation->reason);
}

void s2_typing(struct s2_user *user, const char *peer, enum s2_typing typing)
{
	demand(!user->gone && *peer);
}

void s2_attention(struct s2_user *user, const char *peer, const char *text)
{
	demand(!user->gone && *peer);
	demand_text(text);
}

void s2_buddy(struct s2_user *user, const struct s2_buddy *buddy)
{
	demand(!user->gone && *buddy->name);
	demand_text(buddy->alias);
	demand_text(buddy->status_text);
	for (size_t i = 0; i < buddy->group_count; i++)
		demand(*buddy->groups[i]);
}

void s2_buddy_removed(struct s2_user *user, const char *name)
{
	demand(!user->gone && *name);
}

void s2_authorization_request(struct s2_user *user, const char *name, const char *text)
{
	demand(!user->gone && *name);
	demand_text(text);
}

void s2_subscription(struct s2_user *user, const char *name, enum s2_subscription_verb verb)
{
	demand(!user->gone && *name && verb != S2_SUBSCRIBE && verb < S2_SUBSCRIPTION_VERBS);
}

void s2_block_result(struct s2_user *user, const char *name, enum s2_condition condition, const char *text)
{
	demand(--asked.open_blocks >= 0);
	demand_text(text);
}

void s2_card(struct s2_user *user, uint32_t request, const struct s2_card *card)
{
	demand(request < asked.cards && !asked.card_ends[request]++);
	demand_text(card->full_name);
	demand_text(card->note);
	demand_text(card->text);
	demand(!card->photo_bytes || card->photo);
}

void s2_participant(struct s2_user *user, const struct s2_participant *participant)
{
	demand(!user->gone && *participant->room && participant->nickname && *participant->nickname);
	demand_text(participant->nickname);
	demand_text(participant->new_nickname);
	demand_text(participant->status_text);
	for (size_t i = 0; i < participant->hat_count; i++)
		demand(participant->hats[i].uri && participant->hats[i].title);
}

void s2_room_nickname(struct s2_user *user, const char *room, const char *nickname)
{
	demand(!user->gone && *nickname);
}

void s2_room_error(struct s2_user *user, const char *room, const char *nickname, enum s2_condition condition,
                   const char *text)
{
	demand(!user->gone && condition != S2_DONE);
	demand_text(text);
}

void s2_room_info(struct s2_user *user, const struct s2_room_info *info)
{
	demand(!user->gone && *info->name);
	demand_text(info->title);
}

void s2_room_answer(struct s2_user *user, uint32_t request, const struct s2_room_answer *answer)
{
	demand(request < asked.orders && !asked.order_ends[request]++);
	for (size_t i = 0; i < answer->field_count; i++)
		demand(answer->fields[i].name != NULL);
	for (size_t i = 0; i < answer->room_count; i++)
		demand(answer->rooms[i].name != NULL);
}

void s2_room_done(struct s2_user *user, uint32_t request, enum s2_condition condition, const char *text)
{
	demand_text(text);
	s2_room_answer(user, request, &(struct s2_room_answer){.condition = condition});
}

void s2_room_invitation(struct s2_user *user, const struct s2_room_invitation *invitation)
{
	demand(!user->gone && *invitation->room);
	demand_text(invitation->reason);
}

void s2_room_subject(struct s2_user *user, const struct s2_message *message)
{
	demand(!user->gone && message->body);
}

void s2_room_list(struct s2_user *user, const struct s2_room_listing *rooms, size_t count)
{
	for (size_t i = 0; i < count; i++)
		demand(*rooms[i].name && rooms[i].title);
}

/* ---- What may happen ---- */

/* "peer words": the first word into `peer`; returns the rest. */
static const char *split(const char *text, char peer[256])
{
	size_t len = strcspn(text, " ");
	snprintf(peer, 256, "%.*s", (int)(len < 255 ? utf8_cut(text, len, 255) : len), text);
	return text[len] ? text + len + 1 : "x";
}

static void act_say(const char *text)
{
	char peer[256], id[16];
	const char *body = split(text, peer);
	if (asked.messages == MOST || !*peer)
		return;
	snprintf(id, sizeof id, "%u", asked.messages++);
	user_message(&person, &(struct s2_message){.peer = peer,
	                                           .body = body,
	                                           .id = id,
	                                           .xhtml = strchr(body, '<'),
	                                           .private_ = *body == '>',
	                                           .nickname = *body == '>' ? body + 1 : NULL,
	                                           .replaces = *body == 'r' ? body : NULL,
	                                           .reply_to = *body == 'q' ? body : NULL});
}

static void act_subject(const char *text)
{
	char peer[256], id[16];
	const char *body = split(text, peer);
	if (asked.messages == MOST || !*peer)
		return;
	snprintf(id, sizeof id, "%u", asked.messages++);
	user_set_subject(&person, &(struct s2_message){.peer = peer, .body = body, .id = id});
}

static void act_annotate(const char *text)
{
	char peer[256], id[16];
	const char *body = split(text, peer);
	if (asked.messages == MOST || !*peer)
		return;
	snprintf(id, sizeof id, "%u", asked.messages++);
	user_annotate(&person, &(struct s2_annotation){.kind = (enum s2_annotation_kind)(strlen(body) % S2_ANNOTATIONS),
	                                               .peer = peer,
	                                               .id = id,
	                                               .target = body,
	                                               .reactions = &body,
	                                               .reaction_count = 1,
	                                               .moderated = *body == 'm'});
}

static void act_join(const char *text)
{
	char peer[256];
	const char *nick = split(text, peer);
	user_join_room(&person, &(struct s2_room){.name = peer, .nickname = nick});
}

static void act_leave(const char *text)
{
	user_leave_room(&person, text);
}

static void act_add(const char *text)
{
	char peer[256];
	const char *alias = split(text, peer);
	if (*peer)
		user_add_buddy(&person,
		               &(struct s2_buddy){.name = peer, .alias = alias, .groups = &alias, .group_count = 1});
}

static void act_remove(const char *text)
{
	user_remove_buddy(&person, &(struct s2_buddy){.name = text});
}

static void act_subscription(const char *text)
{
	char peer[256];
	const char *words = split(text, peer);
	user_say_subscription(&person, peer, strlen(text) % S2_SUBSCRIPTION_VERBS, words);
}

static void act_block(const char *text)
{
	asked.open_blocks++;
	user_block_buddy(&person, text, strlen(text) % 2);
}

static void act_card(const char *text)
{
	if (asked.cards < MOST)
		user_get_card(&person, text, asked.cards++);
}

static void act_own_card(const char *text)
{
	user_set_card(&person, &(struct s2_card){.full_name = text, .photo = text, .photo_bytes = strlen(text)});
}

static void act_order(const char *text)
{
	char room[256];
	const char *rest = split(text, room);
	struct s2_field field = {.name = rest, .value = rest};
	if (asked.orders == MOST)
		return;
	struct s2_room_order order = {.verb = (enum s2_room_verb)(strlen(rest) % S2_ROOM_VERBS),
	                              .room = room,
	                              .person = {.name = strchr(rest, '@') ? rest : NULL,
	                                         .nickname = rest,
	                                         .affiliation = (enum s2_affiliation)((unsigned char)*rest % 6),
	                                         .role = (enum s2_role)((unsigned char)*rest % 5)},
	                              .fields = &field,
	                              .field_count = 1};
	user_room_order(&person, &order, asked.orders++);
}

static void act_status(const char *text)
{
	user_set_status(&person, (enum s2_status)(strlen(text) % 7), text);
}

static void act_type(const char *text)
{
	user_typing(&person, text, S2_TYPING_COMPOSING);
}

static void act_time(const char *text)
{
	pass_time(strlen(text) * 5000 + 1000);
}

static void hear(const char *text)
{
	if (is_open())
		session->events->input(session->arg, text, strlen(text));
}

static void tell_failure(void)
{
	if (!session || !session->failing)
		return;
	session->failing = false;
	session->state = S2_SESSION_BACKOFF;
	session->events->failed(session->arg, &session->failure);
	end_turn();
}

static void log_in(bool resume)
{
	if (!session || is_open())
		return;
	session->state = S2_SESSION_AUTH;
	session->events->opened(session->arg);
	hear(HEADER "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism>"
	            "</mechanisms></stream:features>");
	hear("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
	hear(HEADER "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/>"
	            "</stream:features>");
	hear(resume ? "<resumed xmlns='urn:xmpp:sm:3' h='0'/>" : "<failed xmlns='urn:xmpp:sm:3'/>");
	hear("<iq type='result' id='s2-bind'><bind "
	     "xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>al@b.test/x</jid></bind>"
	     "</iq><enabled xmlns='urn:xmpp:sm:3' id='id' resume='true'/>");
	end_turn();
	tell_failure();
}

static void act_cut(const char *text)
{
	if (!session)
		return;
	session->state = S2_SESSION_BACKOFF;
	session->events->failed(session->arg,
	                        &(struct s2_session_failure){.what = S2_SESSION_RETRY, .text = "cable cut"});
	end_turn();
	log_in(*text == 'r');
}

static const struct {
	char name;
	void (*act)(const char *text);
} acts[] = {{'m', act_say},   {'u', act_subject}, {'a', act_annotate}, {'j', act_join}, {'l', act_leave},
            {'b', act_add},   {'r', act_remove},  {'k', act_block},    {'c', act_card}, {'s', act_own_card},
            {'y', act_subscription},
            {'o', act_order}, {'p', act_status},  {'w', act_type},     {'t', act_time}, {'x', act_cut}};

static void act(const char *text)
{
	for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
		if (acts[i].name == *text && !person.gone)
			acts[i].act(text + 1);
}

/* The first log-in, from a stream that knows no session to resume. */
static void begin(void)
{
	user_login(&person, &(struct s2_login){.name = "al@b.test", .password = "sesame"});
	if (!session)
		return;
	session->state = S2_SESSION_AUTH;
	session->events->opened(session->arg);
	hear(HEADER "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism>"
	            "</mechanisms></stream:features>");
	hear("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
	hear(HEADER "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/>"
	            "</stream:features>");
	hear("<iq type='result' id='s2-bind'><bind "
	     "xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>al@b.test/x</jid></bind>"
	     "</iq><enabled xmlns='urn:xmpp:sm:3' id='id' resume='true'/>");
	end_turn();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	log_set_level(LOG_OFF_);
	now = 1000;
	memset(&asked, 0, sizeof asked);
	person = (struct s2_user){0};
	settings_read();
	begin();
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
		tell_failure();
	}
	if (person.data)
		user_logout(&person);
	end_turn();
	arena_fini(&person.arena);
	for (unsigned i = 0; i < asked.messages; i++)
		demand(asked.message_ends[i] == 1);
	for (unsigned i = 0; i < asked.cards; i++)
		demand(asked.card_ends[i] == 1);
	for (unsigned i = 0; i < asked.orders; i++)
		demand(asked.order_ends[i] == 1);
	demand(asked.open_blocks == 0);
	settings_stop();
	demand(list_empty(&timers));
	str_fini(&clean);
	free(text);
	return 0;
}
