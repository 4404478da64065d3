/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/link_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/mem.h"

#define LIMIT_MS 20000 /* of any wait: a failure, not a measurement */

/* ---- Events ---- */

static struct person *person_of(struct seat *seat)
{
	return (struct person *)seat;
}

static void trace(struct bench *t, const char *event, struct seat *seat, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void trace(struct bench *t, const char *event, struct seat *seat, const char *format, ...)
{
	va_list args;
	str_addf(&t->trace, "%s %s ", event, seat ? seat->user : "*");
	va_start(args, format);
	str_addv(&t->trace, format, args);
	va_end(args);
	str_addc(&t->trace, '\n');
}

static const char *or_dash(const char *text)
{
	return text_empty(text) ? "-" : text;
}

struct s2_message plain(const char *body, const char *id)
{
	return (struct s2_message){.peer = "eve", .body = body, .id = id};
}

static void on_seated(void *arg, struct seat *seat)
{
	struct bench *t = arg;
	assert_non_null(seat->backend);
	assert_false(seat->waiting);
	person_of(seat)->seated++;
	t->seated++;
	trace(t, "seated", seat, "-");
	if (t->leave_when_seated)
		link_unseat(t->link, seat);
}

static void on_unseated(void *arg, struct seat *seat, const char *text)
{
	struct bench *t = arg;
	assert_null(seat->backend);
	assert_false(seat->waiting);
	assert_true(strlen(text) > 10);
	person_of(seat)->unseated++;
	t->unseated++;
	trace(t, "unseated", seat, "-");
	if (t->seat_again)
		link_seat(t->link, seat);
}

static void on_delayed(void *arg, struct seat *seat, const char *text)
{
	struct bench *t = arg;
	assert_true(seat->waiting);
	assert_true(strlen(text) > 10);
	person_of(seat)->delayed++;
	t->delayed++;
	trace(t, "delayed", seat, "-");
}

static void on_result(void *arg, struct ticket *ticket, enum s2_condition condition, const char *text)
{
	struct bench *t = arg;
	ticket->results++;
	ticket->condition = condition;
	t->results++;
	str_addf(&t->trace, "result %s %d %s\n", ticket->id, (int)condition, or_dash(text));
}

static void on_returned(void *arg, struct ticket *ticket, const char *text)
{
	struct bench *t = arg;
	assert_true(strlen(text) > 10);
	ticket->returns++;
	t->returned++;
	str_addf(&t->trace, "returned %s\n", ticket->id);
	if (t->send_when_returned && t->people[0].seat.backend && t->returned < 10) {
		struct s2_message message = plain("E again", "again");
		snprintf(t->tickets[t->returned].id, sizeof t->tickets[0].id, "again%u", t->returned);
		link_message(&t->people[0].seat, &message, &t->tickets[t->returned]);
	}
}

static void on_connected(void *arg, struct seat *seat)
{
	struct bench *t = arg;
	person_of(seat)->connected++;
	t->connected++;
	trace(t, "connected", seat, "-");
}

static void on_disconnected(void *arg, struct seat *seat, enum s2_connection_error error, const char *text)
{
	trace(arg, "disconnected", seat, "%d %s", (int)error, or_dash(text));
}

static void on_message(void *arg, struct seat *seat, const struct s2_message *message)
{
	struct bench *t = arg;
	person_of(seat)->messages++;
	t->messages++;
	if (strlen(message->body) > 1000)
		trace(t, "message", seat, "%s of %zu bytes", message->peer, strlen(message->body));
	else
		trace(t, "message", seat, "%s %s", message->peer, message->body);
}

static void on_received(void *arg, struct seat *seat, const char *peer, const char *id)
{
	trace(arg, "received", seat, "%s %s", peer, id);
}

static void on_typing(void *arg, struct seat *seat, const char *peer, enum s2_typing typing)
{
	trace(arg, "typing", seat, "%s %d", peer, (int)typing);
}

static void on_attention(void *arg, struct seat *seat, const struct s2_message *message)
{
	trace(arg, "attention", seat, "%s %s", message->peer, or_dash(message->body));
}

static void on_buddy(void *arg, struct seat *seat, const struct s2_buddy *buddy)
{
	trace(arg, "buddy", seat, "%s %s %d %s", buddy->name, or_dash(buddy->alias), (int)buddy->status,
	      buddy->group_count ? buddy->groups[0] : "-");
}

static void on_buddy_removed(void *arg, struct seat *seat, const char *name)
{
	trace(arg, "buddy_removed", seat, "%s", name);
}

static void on_authorization(void *arg, struct seat *seat, const char *name, const char *text)
{
	trace(arg, "authorization", seat, "%s", name);
}

static void on_card(void *arg, struct seat *seat, uint32_t request, const struct s2_card *card)
{
	trace(arg, "card", seat, "%u %s %s %zu", request, card->name, or_dash(card->full_name), card->photo_bytes);
}

static void on_participant(void *arg, struct seat *seat, const struct s2_participant *who)
{
	trace(arg, "participant", seat, "%s %s %u", who->room, who->nickname, who->flags);
}

static void on_room_nickname(void *arg, struct seat *seat, const struct s2_room *room)
{
	trace(arg, "room_nickname", seat, "%s %s", room->name, room->nickname);
}

static void on_room_subject(void *arg, struct seat *seat, const struct s2_message *message)
{
	trace(arg, "subject", seat, "%s %s", message->peer, or_dash(message->body));
}

static void on_subscription(void *arg, struct seat *seat, const char *name, enum s2_subscription_verb verb)
{
	trace(arg, "subscription", seat, "%s %d", name, (int)verb);
}

static void on_block_result(void *arg, struct seat *seat, const char *name, enum s2_condition condition,
                            const char *text)
{
	trace(arg, "block_result", seat, "%s %d %s", name, (int)condition, or_dash(text));
}

static void on_room_error(void *arg, struct seat *seat, const char *room, const char *nickname,
                          enum s2_condition condition, const char *text)
{
	trace(arg, "room_error", seat, "%s %s %d %s", room, nickname, (int)condition, or_dash(text));
}

static void on_room_list(void *arg, struct seat *seat, const struct s2_room_listing *rooms, size_t count)
{
	trace(arg, "room_list", seat, "%zu %s %s", count, count ? rooms[0].name : "-",
	      count ? or_dash(rooms[0].title) : "-");
}

static void on_configured(void *arg)
{
	trace(arg, "configured", NULL, "-");
}

static const struct link_events events = {
    .seated = on_seated,
    .unseated = on_unseated,
    .delayed = on_delayed,
    .result = on_result,
    .returned = on_returned,
    .connected = on_connected,
    .disconnected = on_disconnected,
    .message = on_message,
    .received = on_received,
    .typing = on_typing,
    .attention = on_attention,
    .buddy = on_buddy,
    .buddy_removed = on_buddy_removed,
    .authorization = on_authorization,
    .subscription = on_subscription,
    .card = on_card,
    .participant = on_participant,
    .room_nickname = on_room_nickname,
    .room_subject = on_room_subject,
    .room_error = on_room_error,
    .block_result = on_block_result,
    .room_list = on_room_list,
    .configured = on_configured,
};

/* ---- The bench ---- */

char *file_text(const char *path)
{
	struct str text = {0};
	FILE *file = fopen(path, "re");
	char part[4096];
	for (size_t len; file && (len = fread(part, 1, sizeof part, file)) > 0;)
		str_add(&text, part, len);
	if (file)
		fclose(file);
	return str_take(&text);
}

static unsigned times_in(const char *text, const char *needle)
{
	unsigned times = 0;
	for (; (text = strstr(text, needle)) != NULL; text += strlen(needle))
		times++;
	return times;
}

unsigned times_logged(struct bench *t, const char *needle)
{
	char *text = file_text(t->log);
	unsigned times = times_in(text, needle);
	free(text);
	return times;
}

static void look(void *arg)
{
	struct bench *t = arg;
	unsigned times = !t->text    ? *t->counter
	                 : t->in_log ? times_logged(t, t->text)
	                             : times_in(str_text(&t->trace), t->text);
	if (times >= t->least)
		loop_stop(t->loop);
}

static void too_late(void *arg)
{
	struct bench *t = arg;
	t->late = true;
	loop_stop(t->loop);
}

static void wait(struct bench *t, const char *text, bool in_log, const unsigned *counter, unsigned least)
{
	t->text = text;
	t->in_log = in_log;
	t->counter = counter;
	t->least = least;
	t->late = false;
	timer_start(t->tick, 1, 5);
	timer_start(t->limit, LIMIT_MS, 0);
	loop_run(t->loop);
	timer_stop(t->tick);
	timer_stop(t->limit);
	if (t->late) {
		char *log = file_text(t->log);
		fail_msg("waited in vain for %u of %s; have %u; trace:\n%s\nlog:\n%s", least,
		         text ? text : "the counter", counter ? *counter : 0, str_text(&t->trace), log);
	}
}

void wait_text(struct bench *t, const char *text)
{
	wait(t, text, false, NULL, 1);
}

void wait_log(struct bench *t, const char *text, unsigned times)
{
	wait(t, text, true, NULL, times);
}

void wait_count(struct bench *t, const unsigned *counter, unsigned least)
{
	wait(t, NULL, false, counter, least);
}

struct seat *seat_of(struct bench *t, unsigned who)
{
	return &t->people[who].seat;
}

void bench_start(struct bench *t, int argc, char **argv, const struct config_override overrides[5])
{
	struct str errors = {0}, warnings = {0};
	size_t count = 0;
	while (count < 5 && overrides[count].key)
		count++;
	t->config = config_load(NULL, "net.example.org", overrides, count, &errors, &warnings);
	if (!t->config)
		fail_msg("%s", str_text(&errors));
	str_fini(&errors);
	str_fini(&warnings);
	t->link = link_new(t->loop, t->config, argc, argv, &events, t);
	assert_non_null(t->link);
	assert_int_equal(t->trace.len, 0);
}

int bench_setup(void **state)
{
	struct bench *t = mem_new(sizeof *t);
	snprintf(t->folder, sizeof t->folder, "/tmp/link-test-XXXXXX");
	assert_non_null(mkdtemp(t->folder));
	snprintf(t->log, sizeof t->log, "%s/log", t->folder);
	snprintf(t->report, sizeof t->report, "%s/report", t->folder);
	log_set_level(LOG_DEBUG_);
	assert_true(log_open(t->log, 0, 0));
	t->loop = loop_new();
	t->tick = timer_new(t->loop, look, t);
	t->limit = timer_new(t->loop, too_late, t);
	for (unsigned i = 0; i < PEOPLE; i++) {
		snprintf(t->people[i].jid, sizeof t->people[i].jid, "user%u@example.org", i);
		t->people[i].seat.user = t->people[i].jid;
	}
	for (unsigned i = 0; i < TICKETS; i++)
		snprintf(t->tickets[i].id, sizeof t->tickets[i].id, "m%u", i);
	*state = t;
	return 0;
}

int bench_teardown(void **state)
{
	struct bench *t = *state;
	link_free(&t->link, 1000);
	assert_null(t->link);
	timer_free(&t->tick);
	timer_free(&t->limit);
	loop_free(&t->loop);
	config_free(&t->config);
	str_fini(&t->trace);
	log_close();
	unlink(t->log);
	unlink(t->report);
	rmdir(t->folder);
	free(t);
	return 0;
}

void login(struct bench *t, unsigned who)
{
	struct s2_login login = {.name = "bob", .password = "pw"};
	unsigned seated = t->people[who].seated, connected = t->people[who].connected;
	link_seat(t->link, seat_of(t, who));
	wait_count(t, &t->people[who].seated, seated + 1);
	link_login(seat_of(t, who), &login);
	wait_count(t, &t->people[who].connected, connected + 1);
}

void say(struct bench *t, unsigned who, const char *body, unsigned ticket)
{
	struct s2_message message = plain(body, t->tickets[ticket].id);
	link_message(seat_of(t, who), &message, &t->tickets[ticket]);
}

void ask(struct bench *t, unsigned who, const char *body, const char *last)
{
	struct s2_message message = plain(body, "q");
	link_message(seat_of(t, who), &message, NULL);
	wait_text(t, last);
}

void assert_traced(struct bench *t, const char *line)
{
	if (!strstr(str_text(&t->trace), line))
		fail_msg("%s is not in the trace:\n%s", line, str_text(&t->trace));
}

void assert_not_traced(struct bench *t, const char *line)
{
	if (strstr(str_text(&t->trace), line))
		fail_msg("%s is in the trace:\n%s", line, str_text(&t->trace));
}

unsigned backends(struct bench *t)
{
	struct link_stats stats;
	link_stats(t->link, &stats);
	return stats.backends;
}

unsigned crashed(struct bench *t)
{
	struct link_stats stats;
	link_stats(t->link, &stats);
	return stats.crashed;
}

void assert_all_ended_once(struct bench *t, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(t->tickets[i].results + t->tickets[i].returns, 1);
}
