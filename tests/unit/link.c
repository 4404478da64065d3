/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The link against tests/peers/backend.py, a backend that misbehaves on demand. Everything that the link tells goes
 * into one trace, a line per event; tests wait for lines or counters and never for time. */
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "spectrum/link/command.h"
#include "spectrum/link/inflight.h"
#include "spectrum/link/link.h"
#include "tests/unit/test.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define LIMIT_MS 20000 /* of any wait: a failure, not a measurement */
#define PEOPLE 60
#define TICKETS 300

struct ticket {
	char id[16];
	unsigned results, returns;
	enum s2_condition condition;
};

struct person {
	struct seat seat;
	char jid[24];
	unsigned seated, unseated, delayed, connected, messages;
};

struct bench {
	char folder[64], log[96], report[96];
	struct loop *loop;
	struct config *config;
	struct link *link;
	struct timer *tick, *limit;
	struct str trace;
	struct person people[PEOPLE];
	struct ticket tickets[TICKETS];
	unsigned seated, unseated, delayed, connected, messages, results, returned, after_seat;
	/* What to do inside of events. */
	bool seat_again, leave_when_seated, send_when_returned;
	/* The wait that runs. */
	const char *text;
	const unsigned *counter;
	unsigned least;
	bool in_log, late;
};

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

static struct s2_message plain(const char *body, const char *id)
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

static void on_authorization(void *arg, struct seat *seat, const char *name)
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
    .card = on_card,
    .participant = on_participant,
    .room_nickname = on_room_nickname,
    .room_subject = on_room_subject,
    .room_error = on_room_error,
    .room_list = on_room_list,
    .configured = on_configured,
};

/* ---- The bench ---- */

static char *file_text(const char *path)
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

static unsigned times_logged(struct bench *t, const char *needle)
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

static void wait_text(struct bench *t, const char *text)
{
	wait(t, text, false, NULL, 1);
}

static void wait_log(struct bench *t, const char *text, unsigned times)
{
	wait(t, text, true, NULL, times);
}

static void wait_count(struct bench *t, const unsigned *counter, unsigned least)
{
	wait(t, NULL, false, counter, least);
}

static struct seat *seat_of(struct bench *t, unsigned who)
{
	return &t->people[who].seat;
}

#define PEER "/usr/bin/python3 " BACKEND_PY " "
/* Up to four options of the configuration behind the backend's command. */
#define START(t, backend, ...)                           \
	bench_start(t, 1, (char *[]){"spectrum2", NULL}, \
	            (const struct config_override[5]){{"service.backend", backend}, __VA_ARGS__})

static void bench_start(struct bench *t, int argc, char **argv, const struct config_override overrides[5])
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

static int bench_setup(void **state)
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

static int bench_teardown(void **state)
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

static void login(struct bench *t, unsigned who)
{
	struct s2_login login = {.name = "bob", .password = "pw"};
	unsigned seated = t->people[who].seated, connected = t->people[who].connected;
	link_seat(t->link, seat_of(t, who));
	wait_count(t, &t->people[who].seated, seated + 1);
	link_login(seat_of(t, who), &login);
	wait_count(t, &t->people[who].connected, connected + 1);
}

static void say(struct bench *t, unsigned who, const char *body, unsigned ticket)
{
	struct s2_message message = plain(body, t->tickets[ticket].id);
	link_message(seat_of(t, who), &message, &t->tickets[ticket]);
}

/* Says it and waits for the word that the backend says behind its answer. */
static void ask(struct bench *t, unsigned who, const char *body, const char *last)
{
	struct s2_message message = plain(body, "q");
	link_message(seat_of(t, who), &message, NULL);
	wait_text(t, last);
}

static void assert_traced(struct bench *t, const char *line)
{
	if (!strstr(str_text(&t->trace), line))
		fail_msg("%s is not in the trace:\n%s", line, str_text(&t->trace));
}

static void assert_not_traced(struct bench *t, const char *line)
{
	if (strstr(str_text(&t->trace), line))
		fail_msg("%s is in the trace:\n%s", line, str_text(&t->trace));
}

static unsigned backends(struct bench *t)
{
	struct link_stats stats;
	link_stats(t->link, &stats);
	return stats.backends;
}

static unsigned crashed(struct bench *t)
{
	struct link_stats stats;
	link_stats(t->link, &stats);
	return stats.crashed;
}

/* ---- The command line ---- */

static void W_1_each_argument_stays_one(void **state)
{
	static const struct {
		const char *text, *words; /* words with | behind each; NULL: an error */
	} rows[] = {
	    {"/bin/x", "/bin/x|"},
	    {"  /bin/x\t-a  -b ", "/bin/x|-a|-b|"},
	    {"/bin/x \"two words\" 'and \"more\"'", "/bin/x|two words|and \"more\"|"},
	    {"/bin/my\\ x \"a\\\"b\" \"c\\d\" ''", "/bin/my x|a\"b|c\\d||"},
	    {"/bin/x --log=BACKEND_ID.log BACKEND_IDBACKEND_ID", "/bin/x|--log=7.log|77|"},
	    {"/bin/x a\"b c\"d", "/bin/x|ab cd|"},
	    {"", NULL},
	    {" \t", NULL},
	    {NULL, NULL},
	    {"/bin/x \"open", NULL},
	};
	char *mains[] = {"spectrum2", "a \"b\" c", "back\\slash", "", NULL};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct command command = {rows[i].text, 7, "::1", 4711, 3, "j.example", 4, mains};
		const char *error = NULL;
		char **argv = command_build(&command, &error);
		if (!rows[i].words) {
			assert_null(argv);
			assert_non_null(error);
			continue;
		}
		struct str got = {0}, want = {0};
		for (char **word = argv; *word; word++)
			str_addf(&got, "%s|", *word);
		str_addf(&want, "%s--host|::1|--port|4711|--service.backend_id=3|-j|j.example|a \"b\" c|back\\slash||",
		         rows[i].words);
		assert_string_equal(got.data, want.data);
		str_fini(&got);
		str_fini(&want);
		command_free(argv);
	}
}

static void the_jid_is_added_where_it_is_missing(void **state)
{
	static const struct {
		char *words[4];
		bool added;
	} rows[] = {
	    {{"spectrum2", "file.cfg"}, true},     {{"spectrum2", "-j", "x"}, false},
	    {{"spectrum2", "-jx", "file"}, false}, {{"spectrum2", "--jid=x"}, false},
	    {{"spectrum2", "--jid", "x"}, false},  {{"spectrum2", "--config", "a-j"}, true},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		int argc = 0;
		while (argc < 4 && rows[i].words[argc])
			argc++;
		struct command command = {"/bin/x", 0, "h", 1, 1, "j", argc, (char *const *)rows[i].words};
		const char *error;
		char **argv = command_build(&command, &error);
		bool added = false;
		for (char **word = argv; *word; word++)
			added = added || (!strcmp(*word, "-j") && !strcmp(word[1], "j"));
		assert_int_equal(added, rows[i].added);
		command_free(argv);
	}
}

static void W_1_the_backend_gets_all_arguments_of_main(void **state)
{
	struct bench *t = *state;
	char *argv[] = {"spectrum2", "--a.b=\"quoted\" \\ text", "/etc/net work.cfg", NULL};
	char command[300];
	snprintf(command, sizeof command, PEER "--report %s BACKEND_ID", t->report);
	struct config_override overrides[5] = {{"service.backend", command}};
	bench_start(t, 3, argv, overrides);
	login(t, 0);
	char *text = file_text(t->report);
	assert_non_null(strstr(text, "\"0\", \"--host\", \"127.0.0.1\", \"--port\", \""));
	assert_non_null(strstr(text, "\"--service.backend_id=1\", \"-j\", \"net.example.org\", "
	                             "\"--a.b=\\\"quoted\\\" \\\\ text\", \"/etc/net work.cfg\"]"));
	free(text);
}

/* ---- Journeys ---- */

static void journey(struct bench *t)
{
	login(t, 0);
	struct seat *seat = seat_of(t, 0);
	say(t, 0, "E hello", 0);
	wait_count(t, &t->results, 1);
	wait_text(t, "message user0@example.org eve E hello\n");
	assert_int_equal(t->tickets[0].condition, S2_DONE);

	link_typing(seat, "eve", S2_TYPING_COMPOSING);
	link_typing(seat, "eve", S2_TYPING_PAUSED);
	link_typing(seat, "eve", S2_TYPING_ACTIVE);
	link_status(seat, S2_STATUS_DND, "busy");
	struct s2_buddy buddy = {.name = "eve", .alias = "Eve", .blocked = true};
	link_buddy_changed(seat, &buddy);
	link_buddy_blocked(seat, &buddy);
	link_buddy_removed(seat, &buddy);
	link_buddies(seat, &buddy, 1);
	link_card_request(seat, "eve", 77);
	link_card_update(seat, &(struct s2_card){.nickname = "me", .photo = "12345", .photo_bytes = 5});
	link_join_room(seat, &(struct s2_room){.name = "#room", .nickname = "al"});
	link_join_room(seat, &(struct s2_room){.name = "#locked", .nickname = "al"});
	link_leave_room(seat, "#room");
	struct s2_message subject = {.peer = "#room", .body = "news", .id = "m1"};
	link_subject(seat, &subject, &t->tickets[1]);
	struct s2_message attention = {.peer = "eve", .body = "wake up", .id = "m2"};
	link_attention(seat, &attention, &t->tickets[2]);
	wait_count(t, &t->results, 3);
	wait_text(t, "attention user0@example.org eve wake up\n");
	static const char *const lines[] = {
	    "typing user0@example.org eve 0\ntyping user0@example.org eve 1\ntyping user0@example.org eve 2\n",
	    "message user0@example.org status 4 busy\n",
	    "buddy user0@example.org eve Eve 1 Friends\nmessage user0@example.org eve blocked=1\n"
	    "buddy_removed user0@example.org eve\nmessage user0@example.org eve the last of the buddies\n",
	    "card user0@example.org 77 eve Full Name 4\n",
	    "message user0@example.org photo 5 bytes of me\n",
	    "participant user0@example.org #room al 16\nsubject user0@example.org #room Welcome\n"
	    "room_nickname user0@example.org #room al_\n",
	    "room_error user0@example.org #locked al 8 Members only\n",
	    "message user0@example.org #room left\n",
	    "subject user0@example.org #room news\n",
	};
	for (size_t i = 0; i < COUNT(lines); i++)
		assert_traced(t, lines[i]);

	link_logout(seat, "bob");
	link_unseat(t->link, seat);
	assert_null(seat->backend);
	assert_int_equal(t->unseated, 0);
	assert_int_equal(crashed(t), 0);
}

static void an_old_backend_serves_a_user(void **state)
{
	struct bench *t = *state;
	START(t, PEER);
	journey(t);
}

static void an_extended_backend_serves_a_user(void **state)
{
	struct bench *t = *state;
	START(t, PEER "--extended");
	journey(t);
}

static void a_backend_behind_a_wrapper_serves_a_user(void **state)
{
	struct bench *t = *state;
	START(t, PEER "--helper");
	journey(t);
}

static void users_wait_in_order_for_a_slow_start(void **state)
{
	struct bench *t = *state;
	START(t, PEER "--slow 0.3");
	for (unsigned i = 0; i < 3; i++)
		link_seat(t->link, seat_of(t, i));
	link_unseat(t->link, seat_of(t, 1));
	assert_false(seat_of(t, 1)->waiting);
	assert_int_equal(t->seated, 0);
	wait_count(t, &t->seated, 2);
	assert_string_equal(t->trace.data, "seated user0@example.org -\nseated user2@example.org -\n");
}

static void a_seat_may_be_left_inside_of_seated(void **state)
{
	struct bench *t = *state;
	START(t, PEER, {"service.users_per_backend", "2"});
	t->leave_when_seated = true;
	for (unsigned i = 0; i < 20; i++)
		link_seat(t->link, seat_of(t, i));
	wait_count(t, &t->seated, 20);
	struct link_stats stats;
	link_stats(t->link, &stats);
	assert_int_equal(stats.users, 0);
	assert_int_equal(stats.waiting, 0);
	assert_int_equal(stats.backends, 1);
}

static void login_delay_spreads_the_logins(void **state)
{
	struct bench *t = *state;
	START(t, PEER, {"service.login_delay", "1"});
	link_seat(t->link, seat_of(t, 0));
	link_seat(t->link, seat_of(t, 1));
	wait_count(t, &t->seated, 1);
	uint64_t first = clock_monotonic_ms();
	wait_count(t, &t->seated, 2);
	assert_true(clock_monotonic_ms() - first > 800);
}

static void users_spread_over_backends(void **state)
{
	struct bench *t = *state;
	START(t, PEER, {"service.users_per_backend", "2"});
	for (unsigned i = 0; i < 5; i++)
		link_seat(t->link, seat_of(t, i));
	wait_count(t, &t->seated, 5);
	assert_int_equal(backends(t), 3);
	for (unsigned i = 0; i < 5; i++) {
		unsigned mates = 0;
		for (unsigned k = 0; k < 5; k++)
			mates += seat_of(t, i)->backend == seat_of(t, k)->backend;
		assert_int_equal(mates, i < 4 ? 2 : 1);
	}
	/* A place that is left is taken before another process is started. */
	link_unseat(t->link, seat_of(t, 0));
	link_seat(t->link, seat_of(t, 5));
	link_seat(t->link, seat_of(t, 6));
	wait_count(t, &t->seated, 7);
	assert_int_equal(backends(t), 3);
}

/* ---- Confirmation ---- */

static void a_result_confirms_one_message(void **state)
{
	struct bench *t = *state;
	START(t, PEER "--extended");
	login(t, 0);
	say(t, 0, "N1", 0); /* never confirmed */
	say(t, 0, "R11", 1);
	say(t, 0, "E", 2);
	wait_count(t, &t->results, 2);
	assert_traced(t, "result m1 11 as you like\nmessage user0@example.org eve E\nresult m2 0 -\n");
	/* Results for those who left still count. */
	say(t, 0, "R8", 3);
	link_unseat(t->link, seat_of(t, 0));
	wait_text(t, "result m3 8 as you like\n");
	assert_int_equal(t->tickets[0].results + t->tickets[0].returns, 0);
}

static void a_pong_confirms_what_was_before_it(void **state)
{
	struct bench *t = *state;
	START(t, PEER);
	login(t, 0);
	struct link_stats before, after;
	link_stats(t->link, &before);
	for (unsigned i = 0; i < 100; i++)
		say(t, 0, "E", i);
	wait_count(t, &t->results, 100);
	link_stats(t->link, &after);
	/* One PING for all of them, and what the heart beats. */
	assert_in_range(after.frames_out - before.frames_out, 101, 105);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(t->tickets[i].results, 1);
		assert_int_equal(t->tickets[i].condition, S2_DONE);
	}
	/* Echoes came before their confirmation. */
	assert_int_equal(t->messages, 100);
}

static void W_6_a_message_longer_than_a_frame_is_refused(void **state)
{
	struct bench *t = *state;
	START(t, PEER);
	login(t, 0);
	char *body = mem_new((17 << 20) + 1);
	memset(body, 'E', 17 << 20);
	say(t, 0, body, 0);
	free(body);
	assert_int_equal(t->results, 0);
	wait_count(t, &t->results, 1);
	assert_int_equal(t->tickets[0].condition, S2_NOT_ACCEPTABLE);
	ask(t, 0, "E alive", "eve E alive\n");
}

static void W_9_old_backends_see_ids_only_for_receipts(void **state)
{
	struct bench *t = *state;
	START(t, PEER);
	login(t, 0);
	struct s2_message message = plain("ID", "m1");
	link_message(seat_of(t, 0), &message, NULL);
	message.want_receipt = true;
	link_message(seat_of(t, 0), &message, NULL);
	message.body = "ACK";
	link_message(seat_of(t, 0), &message, NULL);
	ask(t, 0, "E end", "eve E end\n");
	assert_traced(t,
	              "eve id=none\nmessage user0@example.org eve id=m1\nreceived user0@example.org eve m1\nmessage");
}

static void W_9_extended_backends_see_all_ids(void **state)
{
	struct bench *t = *state;
	START(t, PEER "--extended");
	login(t, 0);
	ask(t, 0, "ID", "eve id=q\n");
}

static void results_go_to_the_oldest_of_equal_ids(void **state)
{
	struct arena arena = {0};
	struct inflight inflight;
	struct ticket tickets[6] = {0};
	inflight_init(&inflight);
	for (unsigned i = 0; i < 6; i++)
		inflight_await_result(&inflight, i == 1 ? "other" : "user", i < 4 ? "same" : "id", &tickets[i]);
	assert_null(inflight_take_result(&inflight, &arena, "user", "none"));
	assert_null(inflight_take_result(&inflight, &arena, "us", "ersame"));
	assert_ptr_equal(inflight_take_result(&inflight, &arena, "user", "same"), &tickets[0]);
	assert_ptr_equal(inflight_take_result(&inflight, &arena, "user", "id"), &tickets[4]);
	assert_ptr_equal(inflight_take_result(&inflight, &arena, "user", "same"), &tickets[2]);
	inflight_await_result(&inflight, "user", "same", &tickets[0]);
	assert_ptr_equal(inflight_take_result(&inflight, &arena, "user", "same"), &tickets[3]);
	assert_ptr_equal(inflight_take_result(&inflight, &arena, "other", "same"), &tickets[1]);
	assert_ptr_equal(inflight_take(&inflight), &tickets[5]);
	assert_ptr_equal(inflight_take_result(&inflight, &arena, "user", "same"), &tickets[0]);
	assert_null(inflight_take_result(&inflight, &arena, "user", "same"));
	assert_null(inflight_take(&inflight));
	inflight_fini(&inflight);
	arena_fini(&arena);
}

/* ---- The end of backends ---- */

static void assert_all_ended_once(struct bench *t, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(t->tickets[i].results + t->tickets[i].returns, 1);
}

static void kill_with_100_in_flight(struct bench *t)
{
	login(t, 0);
	login(t, 1);
	for (unsigned i = 0; i < 100; i++)
		say(t, i & 1, i == 50 ? "KILL" : "E", i);
	t->seat_again = true;
	wait_count(t, &t->seated, 4);
	assert_int_equal(t->results + t->returned, 100);
	assert_all_ended_once(t, 100);
	assert_int_equal(t->unseated, 2);
	assert_int_equal(crashed(t), 1);
	assert_int_equal(t->messages, 50);
	/* First all messages, then the users. */
	const char *first = strstr(t->trace.data, "unseated");
	assert_null(strstr(first, "returned"));
	assert_int_equal(times_logged(t, "was ended by signal 9"), 1);
	login(t, 2);
}

static void a_crash_returns_what_an_old_backend_had(void **state)
{
	struct bench *t = *state;
	START(t, PEER);
	kill_with_100_in_flight(t);
}

static void a_crash_returns_what_an_extended_backend_had(void **state)
{
	struct bench *t = *state;
	START(t, PEER "--extended");
	kill_with_100_in_flight(t);
	assert_int_equal(t->results, 50);
	assert_int_equal(t->tickets[49].results, 1);
	assert_int_equal(t->tickets[51].returns, 1);
}

static void what_a_backend_said_before_its_end_counts(void **state)
{
	struct bench *t = *state;
	START(t, PEER "--extended");
	login(t, 0);
	say(t, 0, "EXIT3", 0);
	wait_count(t, &t->unseated, 1);
	assert_int_equal(t->messages, 200);
	assert_int_equal(t->tickets[0].returns, 1);
	assert_int_equal(times_logged(t, "ended with status 3"), 1);
}

static void a_closed_line_is_a_crash(void **state)
{
	struct bench *t = *state;
	START(t, PEER);
	login(t, 0);
	say(t, 0, "CLOSE", 0);
	t->seat_again = true;
	wait_count(t, &t->seated, 2);
	assert_int_equal(t->tickets[0].returns, 1);
	assert_int_equal(crashed(t), 1);
}

static void sending_while_returned_ends(void **state)
{
	struct bench *t = *state;
	START(t, PEER "--extended");
	login(t, 0);
	t->send_when_returned = true;
	say(t, 0, "KILL", 0);
	wait_count(t, &t->unseated, 1);
	assert_all_ended_once(t, t->returned);
	assert_int_equal(t->returned, 2);
}

static void a_hang_is_noticed_within_5_s(void **state)
{
	struct bench *t = *state;
	START(t, PEER);
	login(t, 0);
	say(t, 0, "HANG", 0);
	uint64_t from = clock_monotonic_ms();
	wait_count(t, &t->unseated, 1);
	assert_true(clock_monotonic_ms() - from < 8000);
	assert_int_equal(t->tickets[0].returns, 1);
	assert_int_equal(times_logged(t, "does not answer any more"), 2);
	login(t, 0);
}

static void CR_1_a_hung_backend_without_users_dies_once(void **state)
{
	struct bench *t = *state;
	START(t, PEER, {"service.backend_timeout", "1"});
	login(t, 0);
	say(t, 0, "HANG", 0);
	link_unseat(t->link, seat_of(t, 0));
	wait_count(t, &t->returned, 1);
	login(t, 1);
	assert_int_equal(crashed(t), 1);
	assert_int_equal(t->unseated, 0);
}

static void a_backend_starts_during_a_pause(void **state)
{
	struct bench *t = *state;
	START(t, PEER);
	link_pause(t->link);
	link_seat(t->link, seat_of(t, 0));
	wait_count(t, &t->seated, 1);
	link_login(seat_of(t, 0), &(struct s2_login){.name = "bob", .password = "pw"});
	link_resume(t->link);
	wait_count(t, &t->connected, 1);
}

static void a_pause_is_no_hang(void **state)
{
	struct bench *t = *state;
	START(t, PEER, {"service.backend_timeout", "1"});
	login(t, 0);
	login(t, 1);
	link_pause(t->link);
	struct s2_message message = plain("E", "m");
	link_message(seat_of(t, 0), &message, NULL);
	unsigned never = 0;
	timer_start(t->tick, 2600, 0); /* more than two time-outs */
	t->counter = &never;
	t->text = NULL;
	t->least = 0;
	loop_run(t->loop);
	assert_int_equal(t->messages, 0);
	link_resume(t->link);
	wait_count(t, &t->messages, 1);
	assert_int_equal(crashed(t), 0);
}

/* ---- Starts that fail ---- */

static void RB_3_a_program_that_is_missing_blocks_nobody(void **state)
{
	struct bench *t = *state;
	START(t, "/nonexistent/backend");
	link_seat(t->link, seat_of(t, 0));
	link_seat(t->link, seat_of(t, 1));
	wait_count(t, &t->delayed, 4);
	assert_int_equal(t->people[0].delayed, 2);
	assert_true(seat_of(t, 0)->waiting);
	assert_int_equal(times_logged(t, "check service.backend"), 3);
	link_unseat(t->link, seat_of(t, 0));
	link_unseat(t->link, seat_of(t, 1));
	assert_int_equal(backends(t), 0);
}

static void RB_3_a_program_that_ends_at_once_blocks_nobody(void **state)
{
	struct bench *t = *state;
	START(t, PEER "--exit 2");
	link_seat(t->link, seat_of(t, 0));
	wait_count(t, &t->delayed, 2);
	assert_int_equal(times_logged(t, "the right program?"), 2);
	assert_int_equal(crashed(t), 2);
}

static void W_2_a_missing_database_is_named(void **state)
{
	struct bench *t = *state;
	START(t, PEER "--exit 254");
	wait_log(t, "needs a database", 1);
}

static void a_host_that_is_none_is_named(void **state)
{
	struct bench *t = *state;
	START(t, PEER, {"service.backend_host", "256.1.1.1"});
	link_seat(t->link, seat_of(t, 0));
	wait_count(t, &t->delayed, 1);
	assert_true(times_logged(t, "service.backend_host") >= 1);
}

static void C_24_a_host_by_name_works(void **state)
{
	struct bench *t = *state;
	START(t, PEER, {"service.backend_host", "localhost"});
	login(t, 0);
}

static void backends_that_die_together_count_once(void **state)
{
	struct bench *t = *state;
	START(t, PEER, {"service.users_per_backend", "1"});
	for (unsigned i = 0; i < 5; i++)
		login(t, i);
	for (unsigned i = 0; i < 5; i++)
		say(t, i, "KILL", i);
	wait_count(t, &t->unseated, 5);
	assert_all_ended_once(t, 5);
	assert_int_equal(crashed(t), 5);
	assert_true(times_logged(t, "next start of a backend in") <= 1);
	login(t, 0);
}

static void a_user_who_crashes_backends_is_slowed_down(void **state)
{
	struct bench *t = *state;
	START(t, PEER);
	t->seat_again = true;
	link_seat(t->link, seat_of(t, 0));
	for (unsigned i = 1; i <= 3; i++) {
		wait_count(t, &t->seated, i);
		link_login(seat_of(t, 0), &(struct s2_login){.name = "bob", .password = "crash"});
	}
	wait_count(t, &t->unseated, 3);
	/* The first crash is free, the second and third are not. */
	assert_int_equal(times_logged(t, "next start of a backend in"), 2);
}

static unsigned open_descriptors(void)
{
	unsigned count = 0;
	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void W_22_RB_4_one_backend_is_always_kept_warm(void **state)
{
	struct bench *t = *state;
	START(t, PEER, {"service.users_per_backend", "1"});
	login(t, 0);
	unsigned descriptors = open_descriptors();
	for (unsigned round = 1; round <= 3; round++) {
		/* One that had its user takes no other; it ends when the next one is there. */
		link_logout(seat_of(t, 0), "bob");
		link_unseat(t->link, seat_of(t, 0));
		wait_log(t, "dying -> dead", round);
		assert_int_equal(backends(t), 1);
		login(t, 0);
	}
	assert_int_equal(open_descriptors(), descriptors);
	assert_int_equal(crashed(t), 0);
}

static void a_used_backend_is_not_used_again_if_so_configured(void **state)
{
	struct bench *t = *state;
	START(t, PEER, {"service.users_per_backend", "2"}, {"service.reuse_old_backends", "0"});
	login(t, 0);
	login(t, 1);
	struct backend *old = seat_of(t, 0)->backend;
	link_unseat(t->link, seat_of(t, 1));
	login(t, 2);
	assert_ptr_not_equal(seat_of(t, 2)->backend, old);
}

/* ---- Backends that lie or break the rules ---- */

static void W_4_SEC_1_a_foreign_connection_is_refused(void **state)
{
	struct bench *t = *state;
	START(t, PEER "--intruder");
	login(t, 0);
	assert_false(config_bool(t->config, "features.receipts"));
	assert_true(config_bool(t->config, "features.muc")); /* the backend saw that the intruder was thrown out */
	assert_int_equal(times_logged(t, "was refused: it belongs to a process that was not started as a backend"), 1);
}

static void SEC_2_backends_get_no_answers_from_the_administration(void **state)
{
	struct bench *t = *state;
	START(t, PEER);
	login(t, 0);
	static const struct {
		const char *query, *answer;
	} rows[] = {
	    {"Q status", "query Error: Not allowed."},
	    {"Q register user1@example.org bob pw", "query Error: Not allowed."},
	    {"Q register user0@example.org bob secret", "query Error: User is already registered"},
	    {"Q register", "query Error: Not allowed."},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		str_clear(&t->trace, 4096);
		ask(t, 0, rows[i].query, rows[i].answer);
	}
	assert_int_equal(times_logged(t, "secret"), 0);
}

static void frames_about_others_are_ignored(struct bench *t)
{
	login(t, 0);
	login(t, 1);
	assert_ptr_not_equal(seat_of(t, 0)->backend, seat_of(t, 1)->backend);
	say(t, 1, "N", 1);
	ask(t, 0, "FUSER user1@example.org", "eve after\n");
	ask(t, 0, "FUSER", "eve after\n");
	static const char *const never[] = {"disconnected", "hello", "buddy", "typing", "card", "room", "result m1 8"};
	for (size_t i = 0; i < COUNT(never); i++)
		assert_not_traced(t, never[i]);
	assert_int_equal(t->people[1].connected, 1);
}

static void W_11_SEC_3_an_old_backend_speaks_for_its_own_users_only(void **state)
{
	struct bench *t = *state;
	START(t, PEER, {"service.users_per_backend", "1"});
	frames_about_others_are_ignored(t);
}

static void W_11_SEC_3_an_extended_backend_speaks_for_its_own_users_only(void **state)
{
	struct bench *t = *state;
	START(t, PEER "--extended", {"service.users_per_backend", "1"});
	frames_about_others_are_ignored(t);
	assert_int_equal(t->tickets[1].results, 0);
}

static void SEC_4_W_21_a_claimed_pid_means_nothing(void **state)
{
	struct bench *t = *state;
	START(t, PEER, {"service.backend_timeout", "1"});
	login(t, 0);
	ask(t, 0, "FSTATS", "eve after\n");
	say(t, 0, "HANG", 0);
	wait_count(t, &t->unseated, 1);
	assert_int_equal(times_logged(t, "was ended by signal 9"), 1);
}

static void W_7_RB_9_frames_behind_a_bad_one_are_handled(void **state)
{
	struct bench *t = *state;
	static const char *const bodies[] = {"FBAD", "FZERO", "FTYPE", "FOLD", "FLACK", "FPONG"};
	START(t, PEER);
	login(t, 0);
	for (size_t i = 0; i < COUNT(bodies); i++) {
		str_clear(&t->trace, 4096);
		ask(t, 0, bodies[i], "eve after\n");
		assert_string_equal(t->trace.data, "message user0@example.org eve after\n");
	}
	assert_int_equal(crashed(t), 0);
	/* Told once, not once per frame. */
	assert_int_equal(times_logged(t, "can't be read"), 1);
}

static void W_6_a_frame_without_end_costs_its_sender_the_line(void **state)
{
	struct bench *t = *state;
	START(t, PEER);
	login(t, 0);
	say(t, 0, "FLEN", 0);
	wait_count(t, &t->unseated, 1);
	login(t, 0);
	say(t, 0, "FHUGE", 1);
	wait_count(t, &t->unseated, 2);
	assert_all_ended_once(t, 2);
	assert_int_equal(crashed(t), 2);
	login(t, 0);
}

static void W_10_text_is_clean(void **state)
{
	struct bench *t = *state;
	START(t, PEER);
	login(t, 0);
	ask(t, 0, "FUTF", "message user0@example.org eve x\xef\xbf\xbd\xef\xbf\xbd ]]> &<\xef\xbf\xbd\n");
}

static void W_8_only_old_backends_may_list_rooms_for_everybody(void **state)
{
	struct bench *t = *state;
	START(t, PEER);
	login(t, 0);
	ask(t, 0, "LIST", "eve after\n");
	assert_traced(t, "room_list * 2 #a A\n");
	str_clear(&t->trace, 4096);
	ask(t, 0, "CONF [features]|extensions = true", "eve after\n");
	str_clear(&t->trace, 4096);
	ask(t, 0, "LIST", "eve after\n");
	assert_not_traced(t, "room_list");
}

static void W_18_the_last_explicit_value_counts(void **state)
{
	struct bench *t = *state;
	START(t, PEER "--features muc,receipts");
	login(t, 0);
	assert_traced(t, "configured");
	assert_true(config_bool(t->config, "features.muc"));
	ask(t, 0, "CONF [features]|muc=0", "eve after\n");
	assert_false(config_bool(t->config, "features.muc"));
	assert_true(config_bool(t->config, "features.receipts"));
}

static void a_backend_may_say_what_it_can_and_nothing_else(void **state)
{
	struct bench *t = *state;
	START(t, PEER);
	login(t, 0);
	ask(t, 0, "CONF [service]|admin_password=x|admin_jid=y@z|new=1|[registration]|needPassword=0", "eve after\n");
	assert_false(config_bool(t->config, "registration.needPassword"));
	assert_true(text_empty(config_text(t->config, "service.admin_password")));
	assert_int_equal(config_count(t->config, "service.admin_jid"), 0);
	assert_null(config_text(t->config, "service.new"));
}

static void numbers_out_of_range_become_harmless(void **state)
{
	struct bench *t = *state;
	START(t, PEER);
	link_seat(t->link, seat_of(t, 0));
	wait_count(t, &t->seated, 1);
	link_login(seat_of(t, 0), &(struct s2_login){.name = "bob", .password = "strange"});
	wait_text(t, "disconnected user0@example.org 16 No such number\n");
	link_login(seat_of(t, 0), &(struct s2_login){.name = "bob", .password = "wrong"});
	wait_text(t, "disconnected user0@example.org 2 Bad password\n");
}

static void frames_arrive_in_any_pieces(void **state)
{
	struct bench *t = *state;
	START(t, PEER);
	login(t, 0);
	ask(t, 0, "DRIP slowly", "eve DRIP slowly\n");
	ask(t, 0, "LARGE5000000", "eve of 5000000 bytes\n");
	ask(t, 0, "B2000", "eve x1999\n");
}

/* ---- Shutdown and memory ---- */

static void nobody_is_waited_for_who_waits_for_us(void **state)
{
	struct bench *t = *state;
	START(t, PEER "--extended --polite");
	login(t, 0);
	link_free(&t->link, 10000);
	assert_int_equal(times_logged(t, "did not end in time"), 0);
}

static void SIGKILL_ends_those_that_do_not_listen(void **state)
{
	struct bench *t = *state;
	START(t, PEER "--deaf", {"service.users_per_backend", "1"});
	login(t, 0);
	login(t, 1);
	say(t, 1, "HANG", 0);
	wait_text(t, "connected user1@example.org");
	uint64_t from = clock_monotonic_ms();
	link_free(&t->link, 500);
	assert_true(clock_monotonic_ms() - from < 2000);
	assert_int_equal(times_logged(t, "did not end in time and is killed"), 1);
	assert_int_equal(t->tickets[0].returns, 1);
}

static void end_with_much_in_flight(struct bench *t, unsigned confirmed)
{
	enum { MANY = 200 };
	static char body[20000];
	memset(body, 'S', sizeof body - 1); /* more than the kernel takes at once */
	login(t, 0);
	for (unsigned i = 0; i < MANY; i++)
		say(t, 0, i == 7 ? "N" : body, i);
	link_logout(seat_of(t, 0), "bob");
	link_unseat(t->link, seat_of(t, 0));
	link_free(&t->link, 10000);
	assert_all_ended_once(t, MANY);
	assert_int_equal(t->results, confirmed);
	assert_int_equal(t->unseated, 0);
	assert_int_equal(times_logged(t, "did not end in time"), 0);
}

static void an_old_backend_confirms_until_its_end(void **state)
{
	struct bench *t = *state;
	START(t, PEER);
	end_with_much_in_flight(t, 200);
}

static void an_extended_backend_confirms_until_its_end(void **state)
{
	struct bench *t = *state;
	START(t, PEER "--extended");
	end_with_much_in_flight(t, 199);
}

extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t allocated(void)
{
	if (__sanitizer_get_current_allocated_bytes)
		return __sanitizer_get_current_allocated_bytes();
	return mallinfo2().uordblks;
}

static void memory_is_flat_over_many_rounds(void **state)
{
	struct bench *t = *state;
	START(t, PEER "--extended");
	size_t before = 0;
	for (unsigned round = 0; round < 1100; round++) {
		if (round == 100)
			before = allocated();
		t->tickets[0].results = 0;
		link_seat(t->link, seat_of(t, round % PEOPLE));
		wait_count(t, &t->seated, round + 1);
		link_login(seat_of(t, round % PEOPLE), &(struct s2_login){.name = "bob", .password = "pw"});
		say(t, round % PEOPLE, "E", 0);
		link_logout(seat_of(t, round % PEOPLE), "bob");
		wait_count(t, &t->tickets[0].results, 1);
		link_unseat(t->link, seat_of(t, round % PEOPLE));
		str_clear(&t->trace, 4096);
	}
	assert_true(allocated() < before + 4096);
}

#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(W_1_each_argument_stays_one),
    cmocka_unit_test(the_jid_is_added_where_it_is_missing),
    WITH_BENCH(W_1_the_backend_gets_all_arguments_of_main),
    WITH_BENCH(an_old_backend_serves_a_user),
    WITH_BENCH(an_extended_backend_serves_a_user),
    WITH_BENCH(a_backend_behind_a_wrapper_serves_a_user),
    WITH_BENCH(users_wait_in_order_for_a_slow_start),
    WITH_BENCH(a_seat_may_be_left_inside_of_seated),
    WITH_BENCH(users_spread_over_backends),
    cmocka_unit_test(results_go_to_the_oldest_of_equal_ids),
    WITH_BENCH(a_result_confirms_one_message),
    WITH_BENCH(a_pong_confirms_what_was_before_it),
    WITH_BENCH(W_6_a_message_longer_than_a_frame_is_refused),
    WITH_BENCH(W_9_old_backends_see_ids_only_for_receipts),
    WITH_BENCH(W_9_extended_backends_see_all_ids),
    WITH_BENCH(a_backend_starts_during_a_pause),
    WITH_BENCH(a_crash_returns_what_an_old_backend_had),
    WITH_BENCH(a_crash_returns_what_an_extended_backend_had),
    WITH_BENCH(what_a_backend_said_before_its_end_counts),
    WITH_BENCH(sending_while_returned_ends),
    WITH_BENCH(W_2_a_missing_database_is_named),
    WITH_BENCH(C_24_a_host_by_name_works),
    WITH_BENCH(a_used_backend_is_not_used_again_if_so_configured),
    WITH_BENCH(W_4_SEC_1_a_foreign_connection_is_refused),
    WITH_BENCH(SEC_2_backends_get_no_answers_from_the_administration),
    WITH_BENCH(W_11_SEC_3_an_old_backend_speaks_for_its_own_users_only),
    WITH_BENCH(W_11_SEC_3_an_extended_backend_speaks_for_its_own_users_only),
    WITH_BENCH(W_7_RB_9_frames_behind_a_bad_one_are_handled),
    WITH_BENCH(W_10_text_is_clean),
    WITH_BENCH(W_8_only_old_backends_may_list_rooms_for_everybody),
    WITH_BENCH(W_18_the_last_explicit_value_counts),
    WITH_BENCH(a_backend_may_say_what_it_can_and_nothing_else),
    WITH_BENCH(numbers_out_of_range_become_harmless),
    WITH_BENCH(frames_arrive_in_any_pieces),
    WITH_BENCH(an_old_backend_confirms_until_its_end),
    WITH_BENCH(an_extended_backend_confirms_until_its_end),
    WITH_BENCH(nobody_is_waited_for_who_waits_for_us),
    WITH_BENCH(SIGKILL_ends_those_that_do_not_listen),
};

/* These wait for heartbeats, back-off or much work: `test_link slow`. */
static const struct CMUnitTest slow_tests[] = {
    WITH_BENCH(a_closed_line_is_a_crash),
    WITH_BENCH(a_hang_is_noticed_within_5_s),
    WITH_BENCH(CR_1_a_hung_backend_without_users_dies_once),
    WITH_BENCH(a_pause_is_no_hang),
    WITH_BENCH(RB_3_a_program_that_is_missing_blocks_nobody),
    WITH_BENCH(RB_3_a_program_that_ends_at_once_blocks_nobody),
    WITH_BENCH(backends_that_die_together_count_once),
    WITH_BENCH(a_user_who_crashes_backends_is_slowed_down),
    WITH_BENCH(W_22_RB_4_one_backend_is_always_kept_warm),
    WITH_BENCH(SEC_4_W_21_a_claimed_pid_means_nothing),
    WITH_BENCH(W_6_a_frame_without_end_costs_its_sender_the_line),
    WITH_BENCH(memory_is_flat_over_many_rounds),
    WITH_BENCH(login_delay_spreads_the_logins),
    WITH_BENCH(a_host_that_is_none_is_named),
};

int main(int argc, char **argv)
{
	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (argc > 1 && !strcmp(argv[1], "slow"))
		return cmocka_run_group_tests(slow_tests, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
