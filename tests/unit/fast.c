/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "spectrum/server/fast.h"
#include "tests/unit/test.h"

#define DAY (24ll * 3600 * 1000)
#define NOW (20000 * DAY)

static const struct fast_client phone = {"romeo@a.test", "phone", 1}, tablet = {"romeo@a.test", "tablet", 1},
                                later = {"romeo@a.test", "phone", 2};

static enum fast_outcome try(struct fast *fast, const struct fast_client *client, const char *token, int64_t now,
                             bool *old)
{
	unsigned char proof[32];
	struct str message = {0}, out = {0};
	HMAC(EVP_sha256(), token, (int)strlen(token), (const unsigned char *)"Initiator", 9, proof, NULL);
	str_add(&message, (const char *)proof, sizeof proof);
	enum fast_outcome outcome = fast_check(fast, client, FAST_NONE, NULL, &message, now, &out, old);
	HMAC(EVP_sha256(), token, (int)strlen(token), (const unsigned char *)"Responder", 9, proof, NULL);
	assert_int_equal(out.len, outcome == FAST_RIGHT ? sizeof proof : 0);
	if (out.len)
		assert_memory_equal(out.data, proof, sizeof proof);
	str_fini(&message);
	str_fini(&out);
	return outcome;
}

static void tokens_age(void **state)
{
	struct fast *fast = fast_new();
	struct fast_token token;
	bool old;
	fast_grant(fast, &phone, FAST_NONE, NOW, &token);
	assert_int_equal(token.expiry, NOW + 14 * DAY);
	assert_int_equal(try(fast, &phone, token.text, NOW + DAY - 1, &old), FAST_RIGHT);
	assert_false(old);
	assert_int_equal(try(fast, &phone, token.text, NOW + DAY + 1, &old), FAST_RIGHT);
	assert_true(old);
	assert_int_equal(try(fast, &phone, token.text, NOW + 14 * DAY, &old), FAST_UNKNOWN);
	fast_free(&fast);
}

static void each_client_has_its_own(void **state)
{
	struct fast *fast = fast_new();
	struct fast_token one, two;
	bool old;
	fast_grant(fast, &phone, FAST_NONE, NOW, &one);
	fast_grant(fast, &tablet, FAST_NONE, NOW, &two);
	assert_string_not_equal(one.text, two.text);
	assert_int_equal(try(fast, &phone, two.text, NOW, &old), FAST_WRONG);
	assert_int_equal(try(fast, &tablet, two.text, NOW, &old), FAST_RIGHT);
	fast_revoke(fast, &tablet);
	assert_int_equal(try(fast, &tablet, two.text, NOW, &old), FAST_UNKNOWN);
	assert_int_equal(try(fast, &phone, one.text, NOW, &old), FAST_RIGHT);
	fast_free(&fast);
}

static void a_new_token_replaces_the_old_one_when_it_is_used(void **state)
{
	struct fast *fast = fast_new();
	struct fast_token one, lost, two;
	bool old;
	fast_grant(fast, &phone, FAST_NONE, NOW, &one);
	assert_int_equal(try(fast, &phone, one.text, NOW, &old), FAST_RIGHT);
	fast_grant(fast, &phone, FAST_NONE, NOW, &lost);
	fast_grant(fast, &phone, FAST_NONE, NOW, &two);
	assert_int_equal(try(fast, &phone, lost.text, NOW, &old), FAST_WRONG);
	assert_int_equal(try(fast, &phone, one.text, NOW, &old), FAST_RIGHT);
	assert_int_equal(try(fast, &phone, two.text, NOW, &old), FAST_RIGHT);
	assert_int_equal(try(fast, &phone, one.text, NOW, &old), FAST_WRONG);
	fast_free(&fast);
}

static void the_end_of_the_session_ends_them(void **state)
{
	struct fast *fast = fast_new();
	struct fast_token token;
	bool old;
	fast_grant(fast, &phone, FAST_NONE, NOW, &token);
	assert_int_equal(try(fast, &later, token.text, NOW, &old), FAST_UNKNOWN);
	assert_int_equal(try(fast, &phone, token.text, NOW, &old), FAST_UNKNOWN);
	fast_grant(fast, &phone, FAST_NONE, NOW, &token);
	fast_forget(fast, phone.jid);
	assert_int_equal(try(fast, &phone, token.text, NOW, &old), FAST_UNKNOWN);
	fast_free(&fast);
}

static void a_user_has_no_more_than_32(void **state)
{
	struct fast *fast = fast_new();
	struct fast_token first, token;
	char agent[8];
	bool old;
	fast_grant(fast, &phone, FAST_NONE, NOW, &first);
	for (int i = 0; i < 32; i++) {
		snprintf(agent, sizeof agent, "a%d", i);
		fast_grant(fast, &(struct fast_client){phone.jid, agent, 1}, FAST_NONE, NOW, &token);
	}
	assert_int_equal(try(fast, &phone, first.text, NOW, &old), FAST_UNKNOWN);
	assert_int_equal(try(fast, &(struct fast_client){phone.jid, agent, 1}, token.text, NOW, &old), FAST_RIGHT);
	fast_free(&fast);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(tokens_age),
    cmocka_unit_test(each_client_has_its_own),
    cmocka_unit_test(a_new_token_replaces_the_old_one_when_it_is_used),
    cmocka_unit_test(the_end_of_the_session_ends_them),
    cmocka_unit_test(a_user_has_no_more_than_32),
};
RUN_TESTS(tests)
