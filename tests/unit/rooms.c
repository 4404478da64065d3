/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the views of one room share: occupants, and which line is which. And the pace of joins. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spectrum/hub/room.h"
#include "tests/unit/test.h"

static struct hub hub;

static int make_hub(void **state)
{
	hub.loop = loop_new();
	return 0;
}

static int free_hub(void **state)
{
	assert_int_equal(hub.venues.count, 0);
	map_fini(&hub.venues);
	loop_free(&hub.loop);
	return 0;
}

static void fill(struct room *room, struct user *user)
{
	*user = (struct user){.hub = &hub};
	*room = (struct room){.user = user, .venue = venue_enter(&hub, "#r"), .name = "#r", .nickname = "me"};
	venue_listen(room->venue, &room->hearing);
}

static void empty(struct room *room)
{
	occupant_remove_all(room);
	assert_int_equal(room->user->occupant_bytes, 0);
	venue_leave(&room->venue);
}

static struct occupant *put(struct room *room, const char *nickname, const char *status)
{
	bool changed;
	struct s2_participant in = {.room = "#r", .nickname = nickname, .status_text = status};
	return occupant_put(room, &in, NULL, &changed);
}

static void views_share_their_occupants(void **state)
{
	struct user users[3];
	struct room rooms[3];
	char nickname[16];
	for (int i = 0; i < 3; i++)
		fill(&rooms[i], &users[i]);
	for (int n = 0; n < 500; n++) {
		snprintf(nickname, sizeof nickname, "n%d", n * 7919 % 500);
		for (int i = 0; i < 3; i++)
			assert_non_null(put(&rooms[i], nickname, "here"));
	}
	assert_int_equal(rooms[0].venue->occupants.count, 500);
	assert_ptr_equal(occupant_find(&rooms[0], "n7"), occupant_find(&rooms[2], "n7"));
	/* One has changed, and not all have seen it yet. */
	struct occupant *away = put(&rooms[0], "n7", "away");
	assert_ptr_not_equal(away, occupant_find(&rooms[1], "n7"));
	assert_string_equal(occupant_text(occupant_find(&rooms[1], "n7"), OCCUPANT_STATUS), "here");
	assert_string_equal(occupant_text(away, OCCUPANT_ID),
	                    occupant_text(occupant_find(&rooms[1], "n7"), OCCUPANT_ID));
	assert_ptr_equal(put(&rooms[1], "n7", "away"), away);
	assert_ptr_equal(put(&rooms[2], "n7", "away"), away);
	assert_int_equal(away->views, 3);
	assert_null(away->variant);
	for (int n = 0; n < 500; n += 2) {
		snprintf(nickname, sizeof nickname, "n%d", n);
		for (int i = 0; i < 3; i++)
			occupant_remove(&rooms[i], occupant_find(&rooms[i], nickname));
	}
	assert_int_equal(rooms[0].venue->occupants.count, 250);
	for (unsigned i = 1; i < rooms[1].count; i++)
		assert_true(strcmp(occupant_text(occupant_at(&rooms[1], i - 1), OCCUPANT_NICKNAME),
		                   occupant_text(occupant_at(&rooms[1], i), OCCUPANT_NICKNAME)) < 0);
	for (int i = 0; i < 3; i++)
		empty(&rooms[i]);
}

static void doubt_ends_with_news(void **state)
{
	struct user user;
	struct room room;
	fill(&room, &user);
	put(&room, "ann", NULL);
	put(&room, "ben", NULL);
	occupant_doubt_all(&room);
	assert_true(occupant_is_doubtful(&room, 0) && occupant_is_doubtful(&room, 1));
	put(&room, "ben", NULL);
	assert_true(occupant_is_doubtful(&room, 0));
	assert_false(occupant_is_doubtful(&room, 1));
	empty(&room);
}

static void hats_are_kept_with_their_owner(void **state)
{
	struct user user;
	struct room room;
	bool changed;
	struct occupant_value value;
	fill(&room, &user);
	struct s2_hat hats[OCCUPANT_HATS_MOST + 2];
	for (size_t i = 0; i < OCCUPANT_HATS_MOST + 2; i++)
		hats[i] = (struct s2_hat){"urn:x", i % 2 ? "X" : NULL};
	hats[2].uri = "";
	struct s2_participant in = {.nickname = "ann", .hats = hats, .hat_count = OCCUPANT_HATS_MOST + 2};
	occupant_get(&room, occupant_put(&room, &in, NULL, &changed), &value);
	assert_int_equal(value.value.hat_count, OCCUPANT_HATS_MOST - 1); /* without the one that has no URI */
	assert_string_equal(value.value.hats[0].uri, "urn:x");
	assert_string_equal(value.value.hats[0].title, "");
	assert_string_equal(value.value.hats[1].title, "X");
	in.hat_count = 0;
	occupant_get(&room, occupant_put(&room, &in, NULL, &changed), &value);
	assert_true(changed);
	assert_int_equal(value.value.hat_count, 0);
	empty(&room);
}

static bool fresh;

static uint64_t hear(struct venue *venue, struct hearing *hearing, uint64_t mark)
{
	return venue_hear(venue, hearing, mark, &fresh)->number;
}

static void lines_are_known_again(void **state)
{
	struct venue *venue = venue_enter(&hub, "#lines");
	struct hearing one = {0}, other = {0}, late = {0};
	venue_listen(venue, &one);
	venue_listen(venue, &other);
	uint64_t numbers[3000];
	/* One is far ahead of the other; every third line is the same words. */
	for (uint64_t n = 0; n < 900; n++) {
		numbers[n] = hear(venue, &one, n % 3 ? n : 7);
		assert_true(fresh && (!n || numbers[n] > numbers[n - 1]));
	}
	for (uint64_t n = 0; n < 900; n++) {
		assert_int_equal(hear(venue, &other, n % 3 ? n : 7), numbers[n]);
		assert_false(fresh);
	}
	/* Out of order, and one that the other never hears. */
	static const uint64_t order[] = {1004, 1001, 1000, 1005, 1003};
	for (uint64_t n = 1000; n < 1006; n++)
		numbers[n] = hear(venue, &one, n);
	for (size_t i = 0; i < sizeof order / sizeof *order; i++)
		assert_int_equal(hear(venue, &other, order[i]), numbers[order[i]]);
	/* Who comes later hears no line twice. */
	venue_listen(venue, &late);
	hear(venue, &late, 1005);
	assert_true(fresh);
	hear(venue, &one, 1005);
	assert_false(fresh);
	/* Thousands that one view misses do no harm. */
	for (uint64_t n = 2000; n < 5000; n++) {
		hear(venue, &one, n);
		assert_true(fresh);
	}
	hear(venue, &other, 4999);
	assert_false(fresh);
	hear(venue, &other, 2000);
	assert_true(fresh);
	venue_leave(&venue);
}

static struct str gaps; /* "behind-before " in numbers of lines from 1 on */
static uint64_t said_first;

static void note_gap(struct hearing *hearing, uint64_t behind, uint64_t before)
{
	str_addf(&gaps, "%d-%d ", (int)((behind + HUB_NUMBER_STEP - said_first) / HUB_NUMBER_STEP),
	         (int)((before + HUB_NUMBER_STEP - 1 - said_first) / HUB_NUMBER_STEP) + 1);
}

static void what_was_not_heard_is_missed(void **state)
{
	struct venue *venue = venue_enter(&hub, "#missed");
	struct hearing one = {0}, other = {.missed = note_gap};
	hub.last_number = (uint64_t)4e15; /* so that lines are exactly a step apart */
	venue_listen(venue, &one);
	venue_listen(venue, &other);
	for (uint64_t n = 1; n <= 5; n++) {
		uint64_t number = hear(venue, &one, n);
		said_first = n == 1 ? number : said_first;
	}
	assert_int_equal(venue_heard(venue, &other), said_first - 1);
	hear(venue, &other, 1);
	hear(venue, &other, 3);
	assert_int_equal(venue_heard(venue, &other), said_first + HUB_NUMBER_STEP - 1);
	assert_string_equal(str_text(&gaps), ""); /* it may still come */
	venue_settle(venue, &other, UINT64_MAX);
	assert_string_equal(str_text(&gaps), "1-3 3-5 4-6 ");
	assert_true(venue_heard(venue, &other) == UINT64_MAX);
	/* So far behind that it can't be known any more. */
	str_clear(&gaps, 0);
	for (uint64_t n = 6; n <= 6000; n++)
		hear(venue, &one, n);
	hear(venue, &other, 6000);
	venue_settle(venue, &other, UINT64_MAX);
	assert_true(!strncmp(str_text(&gaps), "3-4977 4976-4978 ", 17));
	venue_leave(&venue);
	str_fini(&gaps);
}

static void joins_have_a_pace(void **state)
{
	struct pace pace = {.burst = 10, .interval_ms = 50};
	uint64_t now = 100000;
	unsigned allowed = 0;
	for (int i = 0; i < 1000; i++)
		allowed += pace_allow(&pace, "romeo", now);
	assert_int_equal(allowed, 10);
	assert_true(pace_allow(&pace, "juliet", now));
	assert_false(pace_allow(&pace, "romeo", now + 49));
	assert_true(pace_allow(&pace, "romeo", now + 50));
	assert_false(pace_allow(&pace, "romeo", now + 50));
	pace_clean(&pace, now + 100);
	assert_false(pace_empty(&pace));
	pace_clean(&pace, now + 5000);
	assert_true(pace_empty(&pace));
	pace_fini(&pace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(views_share_their_occupants),    cmocka_unit_test(doubt_ends_with_news),
	    cmocka_unit_test(hats_are_kept_with_their_owner), cmocka_unit_test(lines_are_known_again),
	    cmocka_unit_test(what_was_not_heard_is_missed),   cmocka_unit_test(joins_have_a_pace),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_hub, free_hub);
}
