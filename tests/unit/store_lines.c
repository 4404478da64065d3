/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was said in rooms: stored once, read by who was there, forgotten in time. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "tests/unit/store_env.h"
#include "tests/unit/test.h"

#define HOUR 3600000

static void say(struct env *env, const char *room, uint64_t number, const char *id, const char *nickname)
{
	char content[64];
	snprintf(content, sizeof content, "<body>line %" PRIu64 "</body>", number);
	store_put_line(env->store, &(struct store_line){.room = room,
	                                                .number = number,
	                                                .time = (int64_t)number / 1000,
	                                                .id = id,
	                                                .stanza_id = "s",
	                                                .nickname = nickname,
	                                                .occupant_id = "o",
	                                                .content = content});
}

static void stay(struct env *env, const char *room, const char *jid, uint64_t first, uint64_t last)
{
	store_put_stay(env->store, &(struct store_stay){room, jid, first, last});
}

static void take_page(void *arg, const struct store_page *page, const char *error)
{
	struct env *env = arg;
	str_clear(&env->list, 0);
	for (size_t i = 0; page && i < page->count; i++)
		str_addf(&env->list, "%" PRIu64 " ", page->lines[i].number);
	if (page)
		str_addf(&env->list, "of %lld%s", (long long)page->total, page->complete ? "" : " more");
	else
		str_adds(&env->list, error);
	answered(env, NULL);
}

/* "NUMBER NUMBER of TOTAL", with " more" behind it if it is not complete; or the error. */
static const char *search(struct env *env, struct store_search search)
{
	if (!search.most)
		search.most = 100;
	if (!search.room)
		search.room = "#r";
	if (!search.jid)
		search.jid = ALICE;
	env->outstanding++;
	store_search_lines(env->store, &search, take_page, env);
	wait_for_answers(env);
	return str_text(&env->list);
}
#define SEARCH(...) search(env, (struct store_search){.heard = INT64_MAX, __VA_ARGS__})

static void nobody_reads_what_was_said_when_he_was_not_there(void **state)
{
	struct env *env = *state;
	for (uint64_t n = 1; n <= 20; n++)
		say(env, n % 5 ? "#r" : "#other", n * 1000, "", "ann");
	stay(env, "#r", ALICE, 3000, 6000);
	stay(env, "#r", ALICE, 9000, 9000);
	stay(env, "#r", ALICE, 16000, 0);
	stay(env, "#r", BOB, 1000, 4000);
	assert_string_equal(SEARCH(0), "3000 4000 6000 9000 16000 17000 18000 19000 of 8");
	assert_string_equal(SEARCH(.jid = BOB), "1000 2000 3000 4000 of 4");
	assert_string_equal(SEARCH(.jid = BOB, .room = "#other"), "of 0");
	assert_string_equal(SEARCH(.jid = "eve@example.org"), "of 0");
	assert_string_equal(SEARCH(.room = "#none"), "of 0");
	/* Of what goes on he reads as far as he has heard. */
	assert_string_equal(search(env, (struct store_search){.heard = 17000}), "3000 4000 6000 9000 16000 17000 of 6");
	/* And no id tells him that there was more. */
	assert_string_equal(SEARCH(.after = "1f40"), STORE_NO_SUCH_LINE);             /* 8000 */
	assert_string_equal(SEARCH(.after = "2328"), "16000 17000 18000 19000 of 8"); /* 9000 */
}

static void pages_go_both_ways(void **state)
{
	struct env *env = *state;
	char id[16];
	stay(env, "#r", ALICE, 1, 0);
	for (uint64_t n = 1; n <= 9; n++) {
		snprintf(id, sizeof id, "net-%d", (int)n);
		say(env, "#r", n, n % 2 ? id : "", n % 3 ? "ann" : "ben");
	}
	assert_string_equal(SEARCH(.most = 4), "1 2 3 4 of 9 more");
	assert_string_equal(SEARCH(.most = 4, .after = "4"), "5 6 7 8 of 9 more");
	assert_string_equal(SEARCH(.most = 4, .after = "8"), "9 of 9");
	assert_string_equal(SEARCH(.most = 4, .after = "net-9"), "of 9");
	assert_string_equal(SEARCH(.most = 4, .backwards = true), "6 7 8 9 of 9 more");
	assert_string_equal(SEARCH(.most = 4, .backwards = true, .before = "6"), "2 3 4 5 of 9 more");
	assert_string_equal(SEARCH(.most = 4, .backwards = true, .before = "2"), "1 of 9");
	assert_string_equal(SEARCH(.most = 9), "1 2 3 4 5 6 7 8 9 of 9");
	assert_string_equal(SEARCH(.most = 2, .after_id = "net-3", .before_id = "8"), "4 5 of 4 more");
	assert_string_equal(SEARCH(.most = 2, .after_id = "net-3", .before_id = "8", .after = "net-5"), "6 7 of 4");
	assert_string_equal(SEARCH(.nickname = "ben"), "3 6 9 of 3");
	assert_string_equal(SEARCH(.ids = "net-3\x01"
	                                  "2\x01"),
	                    "3 2 of 2");
	assert_string_equal(SEARCH(.ids = "net-3\x01"
	                                  "net-4\x01"),
	                    STORE_NO_SUCH_LINE);
	/* Hardly an id at all, or that of a line which the network calls otherwise. */
	const char *const bad[] = {"", "3", "0", "-1", "ffffffffffffffffffffff", "net", "0x2", " 2", "2 ", "02"};
	for (size_t i = 1; i < sizeof bad / sizeof *bad; i++)
		assert_string_equal(SEARCH(.after = bad[i]), STORE_NO_SUCH_LINE);
}

static void times_bound_the_result(void **state)
{
	struct env *env = *state;
	uint64_t now = (uint64_t)clock_wall_ms();
	stay(env, "#r", ALICE, 1, 0);
	for (uint64_t n = 0; n < 5; n++)
		say(env, "#r", (now + n * HOUR) * 1000, "", "ann");
	char expected[128];
	snprintf(expected, sizeof expected, "%" PRIu64 " %" PRIu64 " of 2", (now + HOUR) * 1000,
	         (now + 2 * HOUR) * 1000);
	assert_string_equal(SEARCH(.start = (int64_t)(now + HOUR), .end = (int64_t)(now + 2 * HOUR)), expected);
	assert_string_equal(SEARCH(.start = (int64_t)(now + 9 * HOUR)), "of 0");
	assert_string_equal(SEARCH(.end = (int64_t)(now - 1)), "of 0");
}

static void x30_lines_and_stays_survive_a_restart(void **state)
{
	struct env *env = *state;
	assert_int_equal(store_last_line(env->store), 0);
	stay(env, "#r", ALICE, 2, 0);
	for (uint64_t n = 1; n <= 4; n++)
		say(env, "#r", n, "", "ann");
	stay(env, "#empty", BOB, 2, 0);
	reopen_store(env);
	assert_int_equal(store_last_line(env->store), 4);
	/* Nobody said when the stay ended: with the last line that was stored. */
	say(env, "#r", 5, "", "ann");
	assert_string_equal(SEARCH(0), "2 3 4 of 3");
}

static void who_is_removed_reads_nothing(void **state)
{
	struct env *env = *state;
	registered(env, ALICE);
	stay(env, "#r", ALICE, 1, 0);
	say(env, "#r", 1, "", "ann");
	assert_string_equal(SEARCH(0), "1 of 1");
	forget(env, ALICE);
	assert_string_equal(SEARCH(0), "of 0");
}

static bool prune_left;
static int64_t prune_room;

static void take_prune(void *arg, bool left, int64_t room)
{
	prune_left = left;
	prune_room = room;
	answered(arg, NULL);
}

static unsigned prune_all(struct env *env, uint64_t oldest, unsigned most)
{
	unsigned rounds = 0;
	int64_t after = 0;
	do {
		env->outstanding++;
		store_prune_lines(env->store, oldest, most, after, take_prune, env);
		wait_for_answers(env);
		rounds++;
		if (!prune_left)
			after = prune_room;
	} while (prune_left || prune_room);
	return rounds;
}

static void old_lines_and_too_many_are_forgotten(void **state)
{
	struct env *env = *state;
	for (uint64_t n = 1; n <= 9000; n++)
		say(env, n % 3 ? "#r" : "#s", n, "", "ann");
	say(env, "#old", 9001, "", "ann");
	stay(env, "#r", ALICE, 1, 50);
	stay(env, "#r", ALICE, 60, 8999);
	stay(env, "#s", ALICE, 1, 9000);
	assert_true(prune_all(env, 101, 100) > 3);
	assert_string_equal(query(env, "SELECT count(*), min(number) FROM s2_lines WHERE room = 1"), "100|8851");
	assert_string_equal(query(env, "SELECT count(*) FROM s2_lines WHERE room = 2"), "100");
	assert_string_equal(query(env, "SELECT first FROM s2_stays ORDER BY first"),
	                    "1\n60"); /* of #s; the later of #r */
	assert_true(prune_all(env, 10000, 100) >= 2);
	assert_string_equal(query(env, "SELECT (SELECT count(*) FROM s2_lines), (SELECT count(*) FROM s2_stays),"
	                               " (SELECT count(*) FROM s2_rooms)"),
	                    "0|0|0");
}

static void a_line_that_comes_again_changes_nothing(void **state)
{
	struct env *env = *state;
	stay(env, "#r", ALICE, 1, 0);
	say(env, "#r", 7, "net-7", "ann");
	say(env, "#r", 7, "other", "ben");
	assert_string_equal(SEARCH(.after_id = "net-7"), "of 0");
	assert_string_equal(SEARCH(.nickname = "ann"), "7 of 1");
}

static const struct CMUnitTest tests[] = {
    OPENED(nobody_reads_what_was_said_when_he_was_not_there),
    OPENED(pages_go_both_ways),
    OPENED(times_bound_the_result),
    OPENED(x30_lines_and_stays_survive_a_restart),
    OPENED(who_is_removed_reads_nothing),
    OPENED(old_lines_and_too_many_are_forgotten),
    OPENED(a_line_that_comes_again_changes_nothing),
};
RUN_TESTS(tests)
