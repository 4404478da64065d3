/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The link with backends that do their duty, crash, hang and end. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "spectrum/link/command.h"
#include "spectrum/link/inflight.h"
#include "tests/unit/link_bench.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

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

static void W_3_the_jid_is_added_where_it_is_missing(void **state)
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
	    ("buddy user0@example.org eve Eve 1 Friends\nmessage user0@example.org eve blocked=1\n"
	     "block_result user0@example.org eve 0 -\n"
	     "buddy_removed user0@example.org eve\nmessage user0@example.org eve the last of the buddies\n"),
	    "card user0@example.org 77 eve Full Name 4\n",
	    "message user0@example.org photo 5 bytes of me\n",
	    ("participant user0@example.org #room al 16\nsubject user0@example.org #room Welcome\n"
	     "room_nickname user0@example.org #room al_\n"),
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

static void what_a_dead_backend_said_waits_for_the_end_of_a_pause(void **state)
{
	struct bench *t = *state;
	START(t, PEER "--extended");
	login(t, 0);
	link_pause(t->link);
	say(t, 0, "E last words", 0);
	say(t, 0, "KILL", 1);
	wait_log(t, "ready -> dying", 1);
	assert_int_equal(t->messages + t->unseated, 0);
	link_resume(t->link);
	wait_count(t, &t->unseated, 1);
	assert_int_equal(t->messages, 1);
	assert_int_equal(t->tickets[0].results, 1);
	assert_int_equal(t->tickets[1].returns, 1);
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

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(W_1_each_argument_stays_one),
    cmocka_unit_test(W_3_the_jid_is_added_where_it_is_missing),
    WITH_BENCH(W_1_the_backend_gets_all_arguments_of_main),
    WITH_BENCH(an_old_backend_serves_a_user),
    WITH_BENCH(an_extended_backend_serves_a_user),
    WITH_BENCH(a_backend_behind_a_wrapper_serves_a_user),
    WITH_BENCH(users_wait_in_order_for_a_slow_start),
    WITH_BENCH(a_seat_may_be_left_inside_of_seated),
    WITH_BENCH(users_spread_over_backends),
    WITH_BENCH(a_result_confirms_one_message),
    WITH_BENCH(a_pong_confirms_what_was_before_it),
    WITH_BENCH(W_6_a_message_longer_than_a_frame_is_refused),
    WITH_BENCH(W_9_old_backends_see_ids_only_for_receipts),
    WITH_BENCH(W_9_extended_backends_see_all_ids),
    cmocka_unit_test(results_go_to_the_oldest_of_equal_ids),
    WITH_BENCH(a_crash_returns_what_an_old_backend_had),
    WITH_BENCH(a_crash_returns_what_an_extended_backend_had),
    WITH_BENCH(what_a_backend_said_before_its_end_counts),
    WITH_BENCH(sending_while_returned_ends),
    WITH_BENCH(a_backend_starts_during_a_pause),
    WITH_BENCH(what_a_dead_backend_said_waits_for_the_end_of_a_pause),
    WITH_BENCH(nobody_is_waited_for_who_waits_for_us),
    WITH_BENCH(SIGKILL_ends_those_that_do_not_listen),
    WITH_BENCH(an_old_backend_confirms_until_its_end),
    WITH_BENCH(an_extended_backend_confirms_until_its_end),
};

static const struct CMUnitTest slow_tests[] = {
    WITH_BENCH(login_delay_spreads_the_logins),
    WITH_BENCH(a_closed_line_is_a_crash),
    WITH_BENCH(a_hang_is_noticed_within_5_s),
    WITH_BENCH(CR_1_a_hung_backend_without_users_dies_once),
    WITH_BENCH(a_pause_is_no_hang),
    WITH_BENCH(memory_is_flat_over_many_rounds),
};

RUN_TESTS_AND_SLOW(tests, slow_tests)
