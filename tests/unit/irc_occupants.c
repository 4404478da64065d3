/* SPDX-License-Identifier: GPL-2.0-or-later */
/* backends/irc: the table of who is in a channel, against a plain array. */
#include <stdio.h>
#include <string.h>

#include "backends/irc/occupants.h"
#include "lib/base/random.h"
#include "tests/unit/test.h"

enum { PEOPLE = 300 };

static void check(const struct occupants *occupants, const bool *present, enum casemap map)
{
	uint32_t count = 0;
	for (int i = 0; i < PEOPLE; i++) {
		char nick[16];
		snprintf(nick, sizeof nick, i % 2 ? "NICK%d" : "nick%d", i);
		struct occupant *one = occupants_find(occupants, map, nick);
		assert_int_equal(one != NULL, present[i]);
		if (one)
			assert_int_equal(one->status, i % 32);
		count += present[i];
	}
	assert_int_equal(occupants->count, count);
	size_t cursor = 0;
	while (occupants_next(occupants, &cursor))
		count--;
	assert_int_equal(count, 0);
}

static void people_come_and_go(void **state)
{
	struct occupants occupants = {0};
	bool present[PEOPLE] = {false};
	assert_null(occupants_find(&occupants, CASEMAP_ASCII, "nobody"));
	for (int step = 0; step < 20000; step++) {
		int i = (int)random_below(PEOPLE);
		char nick[16];
		snprintf(nick, sizeof nick, "Nick%d", i);
		struct occupant *one = occupants_find(&occupants, CASEMAP_ASCII, nick);
		if (one && step % 2)
			occupants_remove(&occupants, one);
		else
			occupants_add(&occupants, CASEMAP_ASCII, nick)->status = (uint8_t)(i % 32);
		present[i] = !one || step % 2 == 0;
		if (step % 500 == 0)
			check(&occupants, present, CASEMAP_ASCII);
	}
	check(&occupants, present, CASEMAP_ASCII);
	/* Removing whoever the walk stands on leaves nobody out. */
	size_t cursor = 0;
	for (struct occupant *one; (one = occupants_next(&occupants, &cursor)) != NULL; cursor--)
		occupants_remove(&occupants, one);
	assert_int_equal(occupants.count, 0);
	occupants_fini(&occupants);
}

static void the_case_mapping_may_change(void **state)
{
	struct occupants occupants = {0};
	static const char *const nicks[] = {"[a]", "B^", "c"};
	for (size_t i = 0; i < 3; i++)
		occupants_add(&occupants, CASEMAP_ASCII, nicks[i])->status = (uint8_t)(i + 1);
	assert_null(occupants_find(&occupants, CASEMAP_ASCII, "{A}"));
	occupants_rehash(&occupants, CASEMAP_RFC1459);
	assert_int_equal(occupants.count, 3);
	assert_int_equal(occupants_find(&occupants, CASEMAP_RFC1459, "{A}")->status, 1);
	assert_int_equal(occupants_find(&occupants, CASEMAP_RFC1459, "b~")->status, 2);
	assert_string_equal(occupants_find(&occupants, CASEMAP_RFC1459, "C")->nick, "c");
	occupants_fini(&occupants);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(people_come_and_go),
    cmocka_unit_test(the_case_mapping_may_change),
};

RUN_TESTS(tests)
