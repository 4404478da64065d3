/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The link with backends that do not start, break the rules of the protocol or speak for others. */
#include <fcntl.h>
#include <string.h>

#include "spectrum/link/backend.h"
#include "tests/unit/link_bench.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

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

static void a_program_that_never_connects_is_killed(void **state)
{
	struct bench *t = *state;
	START(t, PEER "--never");
	link_seat(t->link, seat_of(t, 0));
	LIST_ITEM(t->link->backends.next, struct backend, node)->waited = 19; /* seconds pass */
	wait_count(t, &t->delayed, 1);
	assert_int_equal(times_logged(t, "did not connect"), 2);
	assert_int_equal(crashed(t), 1);
}

static void a_program_that_leaves_for_the_background_failed(void **state)
{
	struct bench *t = *state;
	START(t, PEER "--background 0 --late 0.3");
	link_seat(t->link, seat_of(t, 0));
	wait_count(t, &t->delayed, 1);
	assert_int_equal(crashed(t), 1);
}

static void a_line_that_outlives_its_process_is_closed(void **state)
{
	struct bench *t = *state;
	START(t, PEER "--background 0.5");
	login(t, 0);
	wait_count(t, &t->unseated, 1);
	assert_int_equal(crashed(t), 1);
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

static void empty_backends_are_ended_but_for_one(void **state)
{
	struct bench *t = *state;
	START(t, PEER, {"service.users_per_backend", "2"});
	for (unsigned i = 0; i < 6; i++)
		login(t, i);
	assert_int_equal(backends(t), 3);
	for (unsigned i = 1; i < 6; i++)
		link_unseat(t->link, seat_of(t, i));
	LIST_EACH (&t->link->backends, node)
		LIST_ITEM(node, struct backend, node)->idle = 58; /* seconds pass; the one with a user starts anew */
	wait_log(t, "dying -> dead", 2);
	assert_int_equal(backends(t), 1);
	assert_non_null(seat_of(t, 0)->backend);
	assert_int_equal(crashed(t), 0);
	assert_int_equal(t->unseated, 0);
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

static const struct CMUnitTest tests[] = {
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
};

static const struct CMUnitTest slow_tests[] = {
    WITH_BENCH(a_program_that_never_connects_is_killed),
    WITH_BENCH(a_program_that_leaves_for_the_background_failed),
    WITH_BENCH(a_line_that_outlives_its_process_is_closed),
    WITH_BENCH(empty_backends_are_ended_but_for_one),
    WITH_BENCH(RB_3_a_program_that_is_missing_blocks_nobody),
    WITH_BENCH(RB_3_a_program_that_ends_at_once_blocks_nobody),
    WITH_BENCH(a_host_that_is_none_is_named),
    WITH_BENCH(backends_that_die_together_count_once),
    WITH_BENCH(a_user_who_crashes_backends_is_slowed_down),
    WITH_BENCH(W_22_RB_4_one_backend_is_always_kept_warm),
    WITH_BENCH(SEC_4_W_21_a_claimed_pid_means_nothing),
    WITH_BENCH(W_6_a_frame_without_end_costs_its_sender_the_line),
};

RUN_TESTS_AND_SLOW(tests, slow_tests)
