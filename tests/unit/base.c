/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/base/mem.h"
#include "lib/base/random.h"
#include "lib/base/str.h"
#include "lib/base/utf8.h"
#include "lib/base/words.h"
#include "tests/unit/test.h"

static void fill_arena(struct arena arena)
{
	for (int round = 0; round < 3; round++) {
		for (int i = 1; i < 2000; i += 37) {
			char *piece = arena_alloc(&arena, (size_t)i * 10);
			assert_int_equal((uintptr_t)piece % 16, 0);
			for (int k = 0; k < i * 10; k++)
				assert_int_equal(piece[k], 0);
			memset(piece, 0xee, (size_t)i * 10);
		}
		assert_string_equal(arena_printf(&arena, "%s-%d", "x", 7), "x-7");
		arena_reset(&arena);
		assert_int_equal(arena.total, 0);
	}
	arena_fini(&arena);
}

static void arena_survives_large_and_small_pieces(void **state)
{
	fill_arena((struct arena){0});
	fill_arena((struct arena){.piece = 100});
}

static void lines_are_words(void **state)
{
	static const struct {
		const char *line, *words; /* each with | behind it */
	} cases[] = {
	    {"", ""},
	    {" \t ", ""},
	    {"one", "one|"},
	    {" one  two\nthree ", "one|two|three|"},
	    {"\"a b\" c", "a b|c|"},
	    {"\"\" x", "|x|"},
	    {"\"a \\\"b\\\" \\\\\" c", "a \"b\" \\|c|"},
	    {"\"open end", "open end|"},
	    {"\"a\"b", "a|b|"},
	    {"a\"b c", "a\"b|c|"},
	    {"\"end\\", "end\\|"},
	    {"1 2 3 4 5 6 7", "1|2|3|4|5|"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *words[5];
		char *line = mem_strdup(cases[i].line);
		struct str all = {0};
		size_t count = words_split(line, words, 5);
		for (size_t j = 0; j < count; j++)
			str_addf(&all, "%s|", words[j]);
		assert_string_equal(str_text(&all), cases[i].words);
		str_fini(&all);
		free(line);
	}
}

static void str_grows_and_consumes(void **state)
{
	struct str str = {0};
	assert_string_equal(str_text(&str), "");
	for (int i = 0; i < 1000; i++)
		str_addf(&str, "%d,", i);
	assert_int_equal(str.len, 10 + 90 + 900 + 990 + 1900);
	str_consume(&str, 2);
	assert_memory_equal(str.data, "1,2,", 4);
	str_consume(&str, str.len + 5);
	assert_int_equal(str.len, 0);
	char *text = str_take(&str);
	assert_string_equal(text, "");
	free(text);
	str_fini(&str);
}

static void map_keeps_what_it_was_given(void **state)
{
	enum { N = 5000 };
	static char keys[N][16];
	struct map map = {0};
	for (int i = 0; i < N; i++) {
		snprintf(keys[i], sizeof keys[i], "key%d", i);
		assert_null(map_put(&map, keys[i], keys[i]));
	}
	for (int i = 0; i < N; i += 2)
		assert_ptr_equal(map_remove(&map, keys[i]), keys[i]);
	for (int i = 0; i < N; i++)
		assert_ptr_equal(map_get(&map, keys[i]), i % 2 ? keys[i] : NULL);
	size_t seen = 0;
	MAP_EACH (&map, char, value) {
		seen++;
		map_remove(&map, value);
	}
	assert_int_equal(seen, N / 2);
	assert_int_equal(map.count, 0);
	assert_null(map_get(&map, "key1"));
	map_fini(&map);
}

static void map_does_not_grow_by_churn(void **state)
{
	static char key[16] = "same", other[16] = "other";
	struct map map = {0};
	map_put(&map, other, other);
	for (int i = 0; i < 100000; i++) {
		map_put(&map, key, key);
		map_remove(&map, key);
	}
	assert_true(map.capacity <= 16);
	map_fini(&map);
}

static void utf8_refuses_what_rfc_3629_forbids(void **state)
{
	static const char *const bad[] = {"\x80",         "\xc0\x80",         "\xc1\xbf",         "\xe0\x80\x80",
	                                  "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xff",
	                                  "a\xc3",        "\xe2\x82"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(utf8_valid(bad[i], strlen(bad[i])));
	const char *good = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80";
	assert_true(utf8_valid(good, strlen(good)));
	assert_false(utf8_xml_valid("a\x01", 2));
	assert_false(utf8_xml_valid("\xef\xbf\xbf", 3));
	assert_true(utf8_xml_valid("a\tb\n", 4));
}

static void utf8_clean_replaces_and_drops(void **state)
{
	struct str out = {0};
	utf8_clean(&out, "x\xff\xfe\x01\x02 ]]> &<\xc3", 13);
	assert_string_equal(out.data, "x\xef\xbf\xbd\xef\xbf\xbd ]]> &<\xef\xbf\xbd");
	str_fini(&out);
}

static void utf8_cut_tears_no_grapheme(void **state)
{
	assert_int_equal(utf8_cut("abc", 3, 10), 3);
	assert_int_equal(utf8_cut("a\xc3\xa4"
	                          "b",
	                          4, 2),
	                 1);
	/* e + combining acute accent stay together */
	assert_int_equal(utf8_cut("abe\xcc\x81"
	                          "c",
	                          6, 4),
	                 2);
	/* family emoji: woman ZWJ girl */
	assert_int_equal(utf8_cut("ab\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7", 13, 10), 2);
	/* nothing but marks: a character boundary will do */
	assert_int_equal(utf8_cut("\xcc\x81\xcc\x81\xcc\x81\xcc\x81", 8, 5), 4);
}

static void base64_and_hex(void **state)
{
	static const char *const pairs[][2] = {{"", ""},        {"f", "Zg=="},        {"fo", "Zm8="},
	                                       {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"foobar", "Zm9vYmFy"}};
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		struct str coded = {0}, plain = {0};
		base64_encode(&coded, pairs[i][0], strlen(pairs[i][0]));
		assert_string_equal(str_text(&coded), pairs[i][1]);
		assert_true(base64_decode(&plain, str_text(&coded), coded.len));
		assert_string_equal(str_text(&plain), pairs[i][0]);
		str_fini(&coded);
		str_fini(&plain);
	}
	struct str out = {0};
	assert_false(base64_decode(&out, "Zm9=v", 5));
	assert_false(base64_decode(&out, "Zm9", 3));
	assert_false(base64_decode(&out, "Z===", 4));
	assert_false(base64_decode(&out, "Zm*v", 4));
	str_fini(&out);
	hex_encode(&out, "\x00\xab\xff", 3);
	assert_string_equal(out.data, "00abff");
	str_fini(&out);
}

static void clock_reads_all_forms(void **state)
{
	assert_int_equal(clock_parse("1970-01-02T00:00:00Z"), 86400000);
	assert_int_equal(clock_parse("19700102T00:00:00"), 86400000);
	assert_int_equal(clock_parse("19700102T000000Z"), 86400000);
	assert_int_equal(clock_parse("1970-01-02T01:00:00.250+01:00"), 86400250);
	assert_int_equal(clock_parse("1700000000"), 1700000000000);
	static const char *const bad[] = {
	    "", "x", "20261340T000000", "2026-11-22", "20261122T", "1970-01-02T00:00:00X", "99"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(clock_parse(bad[i]), 0);
	assert_int_equal(clock_parse(NULL), 0);
	int64_t ms = 1;
	assert_true(clock_read("1970-01-01T00:00:00Z", &ms) && ms == 0);
	assert_true(clock_read("1969-12-31T23:59:59Z", &ms) && ms == -1000);
	assert_int_equal(clock_parse("1969-12-31T23:59:59Z"), 0);
	assert_false(clock_read("1970-01-01", &ms));
	char text[CLOCK_TEXT_BYTES];
	clock_format(86400250, text);
	assert_string_equal(text, "1970-01-02T00:00:00.250Z");
}

static void backoff_grows_to_its_cap(void **state)
{
	for (unsigned attempt = 0; attempt < 70; attempt++) {
		uint64_t delay = backoff_ms(attempt, 1000, 60000);
		assert_in_range(delay, attempt ? 1500 : 750, 75000);
		if (attempt > 6)
			assert_true(delay >= 45000);
	}
}

static void log_quotes_foreign_text(void **state)
{
	assert_string_equal(log_quote("a\"b\nc"), "\"a\\\"b\\x0ac\"");
	assert_string_equal(log_quote(NULL), "-");
	char longer[500];
	memset(longer, 'x', sizeof longer);
	longer[499] = '\0';
	assert_true(strlen(log_quote(longer)) < 220);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(arena_survives_large_and_small_pieces),
    cmocka_unit_test(lines_are_words),
    cmocka_unit_test(str_grows_and_consumes),
    cmocka_unit_test(map_keeps_what_it_was_given),
    cmocka_unit_test(map_does_not_grow_by_churn),
    cmocka_unit_test(utf8_refuses_what_rfc_3629_forbids),
    cmocka_unit_test(utf8_clean_replaces_and_drops),
    cmocka_unit_test(utf8_cut_tears_no_grapheme),
    cmocka_unit_test(base64_and_hex),
    cmocka_unit_test(clock_reads_all_forms),
    cmocka_unit_test(backoff_grows_to_its_cap),
    cmocka_unit_test(log_quotes_foreign_text),
};
RUN_TESTS(tests)
