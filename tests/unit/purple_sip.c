/* SPDX-License-Identifier: GPL-2.0-or-later */
/* backends/libpurple: what the plugin for SIMPLE prints. */
#include <string.h>

#include "backends/libpurple/sip.h"
#include "tests/unit/test.h"

#define RECEIVED "\n\nreceived - Sun Jan  1 00:00:00 2023\n\n######\n"
#define SENDING "\n\nsending - Sun Jan  1 00:00:00 2023\n\n######\n"

static void prints_are_read(void **state)
{
	static const struct {
		const char *text;
		struct sip_print print;
	} cases[] = {
	    {SENDING
	     "MESSAGE sip:b@x SIP/2.0\r\nVia: x\r\nCSeq: 17 MESSAGE\r\nContent-Type: text/plain\r\n\r\nhi\n######\n",
	     {.sent = true, .number = 17, .message = true, .plain = true}},
	    {SENDING
	     "MESSAGE sip:b@x SIP/2.0\r\nCSeq: 18 MESSAGE\r\nContent-Type: application/im-iscomposing+xml\r\n\r\n",
	     {.sent = true, .number = 18, .message = true}},
	    {SENDING "PUBLISH sip:b@x SIP/2.0\r\nCSeq: 3 PUBLISH\r\n\r\nCSeq: 4 MESSAGE\r\n",
	     {.sent = true, .number = 3}},
	    {SENDING "\r\n\r\n\n######\n", {.sent = true}},
	    {RECEIVED "SIP/2.0 200 OK\r\ncseq:  5 MESSAGE\r\n\r\n#######\n",
	     {.status = 200, .number = 5, .message = true, .reason = "OK"}},
	    /* Of what TCP brings the body is not printed, nor the empty line. */
	    {RECEIVED "SIP/2.0 404 Nobody h\xff"
	              "ere\x01\r\nCSeq: 5 MESSAGE\r\n\n#######\n",
	     {.status = 404,
	      .number = 5,
	      .message = true,
	      .reason = "Nobody h\xef\xbf\xbd"
	                "ere"}},
	    {RECEIVED "SIP/2.0 486\r\nCSeq: 5 MESSAGE\r\n", {.status = 486, .number = 5, .message = true}},
	    {RECEIVED "SIP/2.0 \r\nCSeq: 99999999999999999999 MESSAGE\r\n",
	     {.status = 699, .number = UINT32_MAX, .message = true}},
	    {RECEIVED "SIP/2.0 -1 x\r\n", {.status = 699, .reason = "x"}},
	    {RECEIVED "MESSAGE sip:a@x SIP/2.0\r\nCSeq: 1 MESSAGE\r\nContent-Type: TEXT/plain\r\n\r\n",
	     {.number = 1, .message = true, .plain = true}},
	    {RECEIVED, {0}},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct sip_print got;
		const struct sip_print *want = &cases[i].print;
		assert_true(sip_read(cases[i].text, &got));
		assert_int_equal(got.sent, want->sent);
		assert_int_equal(got.status, want->status);
		assert_int_equal(got.number, want->number);
		assert_int_equal(got.message, want->message);
		assert_int_equal(got.plain, want->plain);
		assert_string_equal(got.reason, want->reason);
	}
}

static void other_prints_are_nothing(void **state)
{
	static const char *const texts[] = {"", "######\n", "\n\nreceived", "simple_get_buddies\n",
	                                    "x\n\nreceived - \n######\nSIP/2.0 200 OK\r\nCSeq: 1 MESSAGE\r\n"};
	struct sip_print got;
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_false(sip_read(texts[i], &got));
}

static void long_reasons_are_cut(void **state)
{
	char text[400] = RECEIVED "SIP/2.0 500 ";
	struct sip_print got;
	(void)state;
	for (int i = 0; i < 100; i++)
		strcat(text, "\xc3\xa4");
	assert_true(sip_read(text, &got));
	assert_int_equal(strlen(got.reason), 62);
	assert_string_equal(got.reason + 60, "\xc3\xa4");
}

static void answers_have_a_meaning(void **state)
{
	(void)state;
	assert_int_equal(sip_condition(404), S2_ITEM_NOT_FOUND);
	assert_int_equal(sip_condition(480), S2_RECIPIENT_UNAVAILABLE);
	assert_int_equal(sip_condition(603), S2_FORBIDDEN);
	assert_int_equal(sip_condition(699), S2_UNDEFINED_CONDITION);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(prints_are_read),
    cmocka_unit_test(other_prints_are_nothing),
    cmocka_unit_test(long_reasons_are_cut),
    cmocka_unit_test(answers_have_a_meaning),
};

RUN_TESTS(tests)
