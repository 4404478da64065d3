/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "spectrum/server/attempts.h"
#include "tests/unit/test.h"

#define HOME "192.0.2.1"
#define EVIL "203.0.113.7"
#define ROMEO "romeo@a.test"
#define SECOND 1000

static void miss(struct attempts *attempts, const char *address, const char *account, unsigned times, uint64_t now)
{
	while (times--)
		attempts_failed(attempts, address, account, now);
}

static void an_account_waits_longer_each_time(void **state)
{
	struct attempts *attempts = attempts_new();
	miss(attempts, EVIL, ROMEO, 4, 1);
	assert_int_equal(attempts_wait(attempts, EVIL, ROMEO, 1), 0);
	miss(attempts, EVIL, ROMEO, 1, 1);
	assert_int_equal(attempts_wait(attempts, EVIL, ROMEO, 1), 2 * SECOND);
	assert_int_equal(attempts_wait(attempts, HOME, ROMEO, 1), 2 * SECOND);
	assert_int_equal(attempts_wait(attempts, EVIL, "juliet@a.test", 1), 0);
	assert_int_equal(attempts_wait(attempts, EVIL, ROMEO, 1 + 2 * SECOND), 0);
	miss(attempts, EVIL, ROMEO, 1, 3 * SECOND);
	assert_int_equal(attempts_wait(attempts, EVIL, ROMEO, 3 * SECOND), 4 * SECOND);
	for (int i = 0; i < 100; i++)
		attempts_failed(attempts, EVIL, ROMEO, 3 * SECOND);
	assert_int_equal(attempts_wait(attempts, EVIL, ROMEO, 3 * SECOND), 300 * SECOND);
	/* Forgotten after a quarter of an hour. */
	assert_int_equal(attempts_wait(attempts, EVIL, ROMEO, 1000 * SECOND), 0);
	miss(attempts, EVIL, ROMEO, 4, 1000 * SECOND);
	assert_int_equal(attempts_wait(attempts, EVIL, ROMEO, 1000 * SECOND), 0);
	attempts_free(&attempts);
}

static void an_address_that_tries_many_accounts_waits(void **state)
{
	struct attempts *attempts = attempts_new();
	char account[32];
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(attempts_wait(attempts, EVIL, ROMEO, 1), 0);
		snprintf(account, sizeof account, "u%u@a.test", i);
		attempts_failed(attempts, EVIL, account, 1);
	}
	assert_int_equal(attempts_wait(attempts, EVIL, ROMEO, 1), 2 * SECOND);
	assert_int_equal(attempts_wait(attempts, HOME, ROMEO, 1), 0);
	/* One account that it knows does not help. */
	attempts_succeeded(attempts, EVIL, "evil@a.test", 1);
	assert_int_equal(attempts_wait(attempts, EVIL, ROMEO, 1), 2 * SECOND);
	attempts_free(&attempts);
}

static void who_was_there_before_is_not_kept_away_by_others(void **state)
{
	struct attempts *attempts = attempts_new();
	attempts_succeeded(attempts, HOME, ROMEO, 1);
	miss(attempts, EVIL, ROMEO, 10, 2);
	assert_int_equal(attempts_wait(attempts, HOME, ROMEO, 2), 0);
	assert_true(attempts_wait(attempts, EVIL, ROMEO, 2) > 0);
	/* Until it is wrong itself. */
	attempts_failed(attempts, HOME, ROMEO, 2);
	assert_true(attempts_wait(attempts, HOME, ROMEO, 2) > 0);
	attempts_succeeded(attempts, HOME, ROMEO, 3);
	assert_int_equal(attempts_wait(attempts, EVIL, ROMEO, 3), 0);
	attempts_free(&attempts);
}

static void who_was_wrong_about_an_account_is_known_for_a_while(void **state)
{
	struct attempts *attempts = attempts_new();
	attempts_failed(attempts, EVIL, ROMEO, 1);
	attempts_failed(attempts, HOME, ROMEO, 1);
	assert_true(attempts_has_failed(attempts, EVIL, ROMEO, 2));
	assert_false(attempts_has_failed(attempts, EVIL, "juliet@a.test", 2));
	/* Who is right is not the other one. */
	attempts_succeeded(attempts, HOME, ROMEO, 3);
	assert_false(attempts_has_failed(attempts, HOME, ROMEO, 3));
	assert_true(attempts_has_failed(attempts, EVIL, ROMEO, 3));
	assert_false(attempts_has_failed(attempts, EVIL, ROMEO, 901 * SECOND));
	for (unsigned i = 0; i < 100; i++)
		attempts_note(attempts, EVIL, ROMEO, 1000 * SECOND);
	assert_true(attempts_has_failed(attempts, EVIL, ROMEO, 1000 * SECOND));
	assert_int_equal(attempts_wait(attempts, EVIL, ROMEO, 1000 * SECOND), 0);
	attempts_free(&attempts);
}

static void the_oldest_are_forgotten_when_there_are_too_many(void **state)
{
	struct attempts *attempts = attempts_new();
	char address[32];
	miss(attempts, EVIL, ROMEO, 5, 1);
	for (unsigned i = 0; i < 40000; i++) {
		snprintf(address, sizeof address, "%u", i);
		attempts_failed(attempts, address, "juliet@a.test", 1);
		attempts_succeeded(attempts, address, "x@a.test", 1);
	}
	assert_int_equal(attempts_wait(attempts, EVIL, ROMEO, 1), 0);
	assert_true(attempts_wait(attempts, EVIL, "juliet@a.test", 1) > 0);
	attempts_free(&attempts);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(an_account_waits_longer_each_time),
    cmocka_unit_test(an_address_that_tries_many_accounts_waits),
    cmocka_unit_test(who_was_there_before_is_not_kept_away_by_others),
    cmocka_unit_test(who_was_wrong_about_an_account_is_known_for_a_while),
    cmocka_unit_test(the_oldest_are_forgotten_when_there_are_too_many),
};
RUN_TESTS(tests)
