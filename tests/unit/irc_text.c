/* SPDX-License-Identifier: GPL-2.0-or-later */
/* backends/irc: long texts, formatting, encodings, SASL messages, numerics. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/irc/format.h"
#include "backends/irc/numerics.h"
#include "backends/irc/sasl.h"
#include "backends/irc/split.h"
#include "lib/base/encode.h"
#include "lib/base/str.h"
#include "lib/base/utf8.h"
#include "tests/unit/test.h"

static void texts_split_where_people_would(void **state)
{
	static const struct {
		const char *text;
		size_t budget;
		const char *pieces; /* joined by '|' */
	} cases[] = {
	    {"one line", 400, "one line"},
	    {"a\nb", 400, "a|b"},
	    {"a\r\nb\rc\n", 400, "a|b|c"},
	    {"a\n\nb", 400, "a| |b"},
	    {"\na\n\n", 400, " |a"},
	    {"", 400, ""},
	    {"\n\n", 400, ""},
	    {"0123456789 bcdefghijk", 16, "0123456789 |bcdefghijk"},
	    {"0123456789abcdefghijk", 16, "0123456789abcdef|ghijk"},
	    {"0123456789abcdef", 16, "0123456789abcdef"},
	    {"0123456789abcdef\nx", 16, "0123456789abcdef|x"},
	    {"0123456789abcdef x", 16, "0123456789abcdef| x"},
	    /* A euro sign would be torn at 16, then a letter from its accent. */
	    {"0123456789abcd\xe2\x82\xac", 16, "0123456789abcd|\xe2\x82\xac"},
	    {"0123456789abcde\xcc\x81z", 16, "0123456789abcd|e\xcc\x81z"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct split split;
		split_init(&split, cases[i].text, cases[i].budget);
		struct str all = {0};
		const char *piece;
		size_t len, count = 0;
		while (split_next(&split, &piece, &len)) {
			str_addf(&all, "%s%.*s", count++ ? "|" : "", (int)len, piece);
			assert_in_range(len, 1, cases[i].budget);
		}
		assert_string_equal(str_text(&all), cases[i].pieces);
		str_fini(&all);
	}
}

static void splitting_loses_nothing(void **state)
{
	struct str text = {0}, all = {0};
	for (int i = 0; i < 3000; i++)
		str_adds(&text, i % 7 ? i % 5 ? "\xc3\xa4" : "\xf0\x9f\x98\x80" : i % 3 ? " " : "word");
	for (size_t budget = 0; budget < 500; budget += 13) {
		struct split split;
		split_init(&split, text.data, budget);
		const char *piece;
		size_t len;
		str_clear(&all, text.len);
		while (split_next(&split, &piece, &len)) {
			assert_true(utf8_valid(piece, len));
			str_add(&all, piece, len);
		}
		assert_string_equal(str_text(&all), text.data);
	}
	str_fini(&all);
	str_fini(&text);
}

static void codes_leave_the_body(void **state)
{
	static const struct {
		const char *text, *plain, *xhtml;
	} cases[] = {
	    {"plain & <simple>", "plain & <simple>", NULL},
	    {"\x02"
	     "bold\x02 not",
	     "bold not", "<span style='font-weight:bold;'>bold</span> not"},
	    {"\x1d\x1fx\x0fy", "xy", "<span style='font-style:italic;text-decoration:underline;'>x</span>y"},
	    {"\x1e\x1fx", "x", "<span style='text-decoration:underline line-through;'>x</span>"},
	    {"\x11"
	     "code",
	     "code", "<span style='font-family:monospace;'>code</span>"},
	    {"\x03"
	     "4,1red\x03 x",
	     "red x", "<span style='color:#ff0000;background-color:#000000;'>red</span> x"},
	    {"\x03"
	     "04123",
	     "123", "<span style='color:#ff0000;'>123</span>"},
	    {"\x03"
	     "4,x",
	     ",x", "<span style='color:#ff0000;'>,x</span>"},
	    {"\x03,5", ",5", ",5"},
	    {"\x03"
	     "99d",
	     "d", "d"},
	    {"\x04"
	     "FF00aa,010203x",
	     "x", "<span style='color:#ff00aa;background-color:#010203;'>x</span>"},
	    {"\x04"
	     "FF00",
	     "FF00", "FF00"},
	    {"\x16r", "r", "<span style='color:#ffffff;background-color:#000000;'>r</span>"},
	    {"a\x01\x07\x1b"
	     "b<\x02>&",
	     "ab<>&", "ab&lt;<span style='font-weight:bold;'>&gt;&amp;</span>"},
	    {"\x03"
	     "1",
	     "", ""},
	    {"\x02", "", ""},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct str out = {0};
		format_plain(&out, cases[i].text);
		assert_string_equal(str_text(&out), cases[i].plain);
		str_clear(&out, 0);
		assert_int_equal(format_xhtml(&out, cases[i].text), cases[i].xhtml != NULL);
		assert_string_equal(str_text(&out), cases[i].xhtml ? cases[i].xhtml : "");
		str_fini(&out);
	}
}

static void formatting_becomes_codes(void **state)
{
	static const struct {
		const char *xhtml, *text;
	} cases[] = {
	    {"<strong>bold</strong> not", "\x02"
	                                  "bold\x02 not"},
	    {"<em>a <strong>b</strong></em>", "\x1d"
	                                      "a \x1d\x02\x1d"
	                                      "b\x02\x1d"},
	    {"<code>x</code><span style='text-decoration:line-through'>y</span>", "\x11x\x11\x1ey\x1e"},
	    {"<span style='text-decoration:underline'>u</span>", "\x1fu\x1f"},
	    {"<strong>one<br/>two</strong>", "\x02one\x02\n\x02two\x02"},
	    {"a<pre>b\nc</pre>d", "a\n\x11"
	                          "b\x11\n\x11"
	                          "c\x11\nd"},
	    {"<p>a</p><p>b</p>", "a\nb"},
	    {"in the\nsource", "in the source"},
	    {"a &lt; b &amp; c", "a < b & c"},
	    {"<a href='https://x.example/'>here</a>", "here <https://x.example/>"},
	    {"<a href='https://x.example/'>https://x.example/</a>", "https://x.example/"},
	    {"<span style='color:red'>red</span>", "red"},
	    {"<script>x</script>", ""},
	    {"<b", ""},
	    {"", ""},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct str out = {0};
		assert_int_equal(format_codes(&out, cases[i].xhtml), *cases[i].text != '\0');
		assert_string_equal(str_text(&out), cases[i].text);
		str_fini(&out);
	}
}

static void bytes_become_characters(void **state)
{
	static const struct {
		const char *bytes, *text;
	} cases[] = {
	    {"ascii", "ascii"},
	    {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
	    {"gr\xfc\xdf", "gr\xc3\xbc\xc3\x9f"},
	    {"\xff", "\xc3\xbf"},
	    {"", ""},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct str out = {0};
		format_decode(&out, cases[i].bytes);
		assert_string_equal(str_text(&out), cases[i].text);
		str_fini(&out);
	}
}

static void every_byte_is_fit_for_xml(void **state)
{
	for (int c = 1; c < 256; c++) {
		char bytes[] = {'a', (char)c, 'b', '\0'};
		struct str decoded = {0}, out = {0};
		format_decode(&decoded, bytes);
		format_plain(&out, decoded.data);
		assert_true(utf8_xml_valid(out.data, out.len));
		str_clear(&out, 0);
		format_xhtml(&out, decoded.data);
		assert_true(utf8_xml_valid(str_text(&out), out.len));
		str_fini(&decoded);
		str_fini(&out);
	}
}

static void sasl_goes_out_in_pieces(void **state)
{
	struct str out = {0};
	sasl_plain(&out, "jane", "secret");
	assert_int_equal(out.len, 12);
	assert_memory_equal(out.data, "\0jane\0secret", 12);
	struct str lines = {0};
	sasl_lines(&lines, out.data, out.len);
	assert_string_equal(lines.data, "AUTHENTICATE AGphbmUAc2VjcmV0\r\n");
	static const struct {
		size_t bytes;
		int pieces;
		bool plus;
	} cases[] = {{0, 0, true}, {299, 1, true}, {300, 1, true}, {301, 2, false}, {600, 2, true}, {1000, 4, false}};
	char raw[1000] = "";
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		str_clear(&lines, 0);
		sasl_lines(&lines, raw, cases[i].bytes);
		int count = 0;
		bool plus = false;
		for (char *line, *rest = lines.data; (line = strsep(&rest, "\n")) != NULL && *line;) {
			assert_true(strlen(line) <= strlen("AUTHENTICATE \r") + SASL_PIECE_BYTES);
			plus = !strcmp(line, "AUTHENTICATE +\r");
			count += !plus;
		}
		assert_int_equal(count, cases[i].pieces);
		assert_int_equal(plus, cases[i].plus);
	}
	str_fini(&lines);
	str_fini(&out);
}

static void sasl_comes_in_in_pieces(void **state)
{
	struct str pieces = {0}, challenge = {0};
	assert_int_equal(sasl_collect(&pieces, "+", &challenge), SASL_COMPLETE);
	assert_int_equal(challenge.len, 0);
	char raw[600] = "";
	struct str encoded = {0};
	base64_encode(&encoded, raw, sizeof raw);
	char piece[SASL_PIECE_BYTES + 2] = "";
	for (size_t at = 0; at < encoded.len; at += SASL_PIECE_BYTES) {
		memcpy(piece, encoded.data + at, SASL_PIECE_BYTES);
		assert_int_equal(sasl_collect(&pieces, piece, &challenge), SASL_INCOMPLETE);
	}
	assert_int_equal(sasl_collect(&pieces, "+", &challenge), SASL_COMPLETE);
	assert_int_equal(challenge.len, sizeof raw);
	assert_int_equal(pieces.len, 0);
	assert_int_equal(sasl_collect(&pieces, "!!!", &challenge), SASL_BROKEN);
	memset(piece, 'A', sizeof piece - 1);
	assert_int_equal(sasl_collect(&pieces, piece, &challenge), SASL_BROKEN);
	piece[SASL_PIECE_BYTES] = '\0';
	int rounds = 0;
	while (rounds < 100 && sasl_collect(&pieces, piece, &challenge) == SASL_INCOMPLETE)
		rounds++;
	assert_in_range(rounds, 1, 50);
	str_fini(&encoded);
	str_fini(&pieces);
	str_fini(&challenge);
}

static void mechanisms_are_found(void **state)
{
	assert_true(sasl_offers("", "PLAIN"));
	assert_true(sasl_offers("EXTERNAL,plain", "PLAIN"));
	assert_false(sasl_offers("EXTERNAL,PLAINER", "PLAIN"));
	assert_false(sasl_offers("EXTERNAL", "PLAIN"));
	assert_false(sasl_offers(",,", "PLAIN"));
}

static void numerics_have_conditions(void **state)
{
	static const struct {
		enum numeric_context context;
		unsigned numeric;
		enum s2_condition condition;
	} cases[] = {
	    {NUMERIC_JOIN, 471, S2_SERVICE_UNAVAILABLE},
	    {NUMERIC_JOIN, 474, S2_FORBIDDEN},
	    {NUMERIC_JOIN, 475, S2_NOT_AUTHORIZED},
	    {NUMERIC_JOIN, 437, S2_RESOURCE_CONSTRAINT},
	    {NUMERIC_NICK, 437, S2_CONFLICT},
	    {NUMERIC_JOIN, 599, S2_NOT_ALLOWED},
	    {NUMERIC_JOIN, 366, S2_DONE},
	    {NUMERIC_JOIN, 600, S2_DONE},
	    {NUMERIC_NICK, 433, S2_CONFLICT},
	    {NUMERIC_NICK, 404, S2_DONE},
	    {NUMERIC_MESSAGE, 401, S2_ITEM_NOT_FOUND},
	    {NUMERIC_MESSAGE, 404, S2_FORBIDDEN},
	    {NUMERIC_MESSAGE, 301, S2_DONE},
	    {NUMERIC_MESSAGE, 531, S2_NOT_ALLOWED},
	    {NUMERIC_CHANGE, 482, S2_FORBIDDEN},
	    {NUMERIC_CHANGE, 443, S2_CONFLICT},
	    {NUMERIC_LINK, 464, S2_NOT_AUTHORIZED},
	    {NUMERIC_LINK, 404, S2_DONE},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(numeric_condition(cases[i].context, cases[i].numeric), cases[i].condition);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(texts_split_where_people_would), cmocka_unit_test(splitting_loses_nothing),
    cmocka_unit_test(codes_leave_the_body),           cmocka_unit_test(bytes_become_characters),
    cmocka_unit_test(every_byte_is_fit_for_xml),      cmocka_unit_test(sasl_goes_out_in_pieces),
    cmocka_unit_test(sasl_comes_in_in_pieces),        cmocka_unit_test(mechanisms_are_found),
    cmocka_unit_test(numerics_have_conditions),       cmocka_unit_test(formatting_becomes_codes),
};

RUN_TESTS(tests)
