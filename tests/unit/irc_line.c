/* SPDX-License-Identifier: GPL-2.0-or-later */
/* backends/irc: lines in and out, names, ISUPPORT. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/irc/address.h"
#include "backends/irc/casemap.h"
#include "backends/irc/isupport.h"
#include "backends/irc/line.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/base/utf8.h"
#include "tests/unit/test.h"

static void lines_come_apart(void **state)
{
	static const struct {
		const char *text, *nick, *user, *host, *command, *params; /* params joined by '|' */
	} cases[] = {
	    {"PING", "", "", "", "PING", ""},
	    {"PING :a b", "", "", "", "PING", "a b"},
	    {":irc.example.org 001 me :Welcome to IRC", "irc.example.org", "", "", "001", "me|Welcome to IRC"},
	    {":a!b@c PRIVMSG #x ::)", "a", "b", "c", "PRIVMSG", "#x|:)"},
	    {":a@c QUIT :", "a", "", "c", "QUIT", ""},
	    {":a!b@c   MODE  #x   +o  nick ", "a", "b", "c", "MODE", "#x|+o|nick"},
	    {"@id=1;time=x :a!b@c JOIN #x", "a", "b", "c", "JOIN", "#x"},
	    {"  NOTICE *  :x", "", "", "", "NOTICE", "*|x"},
	    {"X 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", "", "", "", "X", "1|2|3|4|5|6|7|8|9|10|11|12|13|14|15 16"},
	    {"X 1 2 3 4 5 6 7 8 9 10 11 12 13 14 :15 16", "", "", "", "X", "1|2|3|4|5|6|7|8|9|10|11|12|13|14|15 16"},
	    {":only.source", "only.source", "", "", NULL, ""},
	    {"@only=tags", "", "", "", NULL, ""},
	    {":", "", "", "", NULL, ""},
	    {"   ", "", "", "", NULL, ""},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *text = mem_strdup(cases[i].text);
		struct line line;
		assert_int_equal(line_parse(&line, text), cases[i].command != NULL);
		assert_string_equal(line.nick, cases[i].nick);
		assert_string_equal(line.user, cases[i].user);
		assert_string_equal(line.host, cases[i].host);
		assert_string_equal(line.command, cases[i].command ? cases[i].command : "");
		struct str params = {0};
		for (size_t k = 0; k < line.count; k++)
			str_addf(&params, "%s%s", k ? "|" : "", line.params[k]);
		assert_string_equal(str_text(&params), cases[i].params);
		assert_string_equal(line_param(&line, line.count), "");
		str_fini(&params);
		free(text);
	}
}

static void tags_are_unescaped(void **state)
{
	char text[] = "@a=b\\:\\s\\\\\\r\\n\\x\\;+c/d=;e;;a=last :s PING";
	struct line line;
	assert_true(line_parse(&line, text));
	assert_string_equal(line_tag(&line, "a"), "last");
	assert_string_equal(line.tags[0].value, "b; \\\r\nx");
	assert_string_equal(line_tag(&line, "+c/d"), "");
	assert_string_equal(line_tag(&line, "e"), "");
	assert_null(line_tag(&line, "f"));

	struct str many = {0};
	str_addc(&many, '@');
	for (int i = 0; i < 100; i++)
		str_addf(&many, "k%d=v;", i);
	str_adds(&many, " PING x");
	assert_true(line_parse(&line, many.data));
	assert_int_equal(line.tag_count, LINE_TAGS);
	assert_string_equal(line.command, "PING");
	str_fini(&many);
}

struct seen {
	struct str all; /* lines, each followed by '\n' */
	size_t count, longest, stop_after;
};

static bool see(void *arg, char *line)
{
	struct seen *seen = arg;
	size_t len = strlen(line);
	if (len > seen->longest)
		seen->longest = len;
	str_addf(&seen->all, "%s\n", line);
	return ++seen->count != seen->stop_after;
}

static void reader_finds_lines_in_any_pieces(void **state)
{
	static const char input[] = "\r\n\nPING a\r\nPING\0 b\nPING c\rPING d\r\n\r\n@x=1 PING e\r\nunfinished";
	for (size_t piece = 1; piece <= sizeof input - 1; piece++) {
		struct line_reader reader = {0};
		struct seen seen = {0};
		for (size_t at = 0; at < sizeof input - 1; at += piece)
			line_reader_feed(&reader, input + at,
			                 sizeof input - 1 - at < piece ? sizeof input - 1 - at : piece, see, &seen);
		assert_string_equal(str_text(&seen.all), "PING a\nPING b\nPING c\nPING d\n@x=1 PING e\n");
		assert_int_equal(reader.cut_count, 0);
		assert_int_equal(reader.pending.len, 10);
		line_reader_fini(&reader);
		str_fini(&seen.all);
	}
}

static void reader_cuts_what_is_too_long(void **state)
{
	static const struct {
		const char *start;
		size_t rest_bytes, kept;
	} cases[] = {{"", 0, 512}, {"", 2048, 2048}, {"@a=b ", 0, 5 + 512}, {"@", 0, 8191}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct line_reader reader = {.rest_bytes = cases[i].rest_bytes};
		struct seen seen = {0};
		struct str flood = {0};
		str_adds(&flood, cases[i].start);
		while (flood.len < 100000)
			str_adds(&flood, "x");
		for (size_t at = 0; at < flood.len; at += 1000) {
			line_reader_feed(&reader, flood.data + at, flood.len - at < 1000 ? flood.len - at : 1000, see,
			                 &seen);
			assert_true(reader.pending.len <= 8191 + 512);
		}
		assert_int_equal(seen.count, 0);
		line_reader_feed(&reader, "\r\nPING\r\n", 8, see, &seen);
		assert_int_equal(seen.count, 2);
		assert_int_equal(seen.longest, cases[i].kept);
		assert_int_equal(reader.cut_count, 1);
		line_reader_fini(&reader);
		str_fini(&seen.all);
		str_fini(&flood);
	}
}

static void reader_cuts_between_characters(void **state)
{
	for (size_t shift = 0; shift < 3; shift++) {
		struct line_reader reader = {0};
		struct seen seen = {0};
		struct str flood = {0};
		for (size_t i = 0; i < shift; i++)
			str_addc(&flood, 'x');
		while (flood.len < 700)
			str_adds(&flood, "\xe2\x82\xac");
		str_adds(&flood, "\n");
		line_reader_feed(&reader, flood.data, flood.len, see, &seen);
		assert_true(utf8_valid(seen.all.data, seen.all.len));
		assert_in_range(seen.longest, 510, 512);
		line_reader_fini(&reader);
		str_fini(&seen.all);
		str_fini(&flood);
	}
}

static void reader_stops_when_told(void **state)
{
	struct line_reader reader = {0};
	struct seen seen = {.stop_after = 2};
	line_reader_feed(&reader, "a\nb\nc\nd", 7, see, &seen);
	assert_string_equal(str_text(&seen.all), "a\nb\n");
	line_reader_fini(&reader);
	str_fini(&seen.all);
}

static void SEC_25_built_lines_hold_one_command(void **state)
{
	struct str out = {0};
	assert_true(line_build(&out, "PRIVMSG", "#x", "a b", NULL));
	assert_true(line_build(&out, "JOIN", "#x", NULL));
	assert_true(line_build(&out, "AWAY", "", NULL));
	assert_true(line_build(&out, "PRIVMSG", "#x", ":)\r\nQUIT\n", NULL));
	assert_true(line_build(&out, "QUIT", NULL));
	assert_true(line_build_tagged(&out, "label=1", "PRIVMSG", "#x", "y", NULL));
	const char *expected =
	    "PRIVMSG #x :a b\r\nJOIN #x\r\nAWAY :\r\nPRIVMSG #x ::)  QUIT \r\nQUIT\r\n@label=1 PRIVMSG #x y\r\n";
	assert_string_equal(str_text(&out), expected);
	static const char *const bad[] = {"", "a b", ":a", "a\r\nb", "a\nb", "a\r"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_false(line_is_middle(bad[i]));
		assert_false(line_build(&out, "PRIVMSG", bad[i], "text", NULL));
		assert_string_equal(str_text(&out), expected);
	}
	str_fini(&out);
}

static void names_compare_as_the_server_does(void **state)
{
	static const struct {
		const char *a, *b;
		bool rfc1459, strict, ascii;
	} cases[] = {
	    {"Nick", "nICK", true, true, true},
	    {"nick", "nick2", false, false, false},
	    {"[a]\\", "{A}|", true, true, false},
	    {"a^", "A~", true, false, false},
	    {"\xc3\x84", "\xc3\xa4", false, false, false},
	    {"", "", true, true, true},
	    {"@", "`", false, false, false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const bool wanted[] = {cases[i].rfc1459, cases[i].strict, cases[i].ascii};
		const char *names[] = {"rfc1459", "strict-rfc1459", "ascii"};
		for (size_t k = 0; k < 3; k++) {
			enum casemap map = casemap_parse(names[k]);
			assert_int_equal(casemap_equal(map, cases[i].a, cases[i].b), wanted[k]);
			if (wanted[k])
				assert_int_equal(casemap_hash(map, cases[i].a), casemap_hash(map, cases[i].b));
		}
	}
	assert_int_equal(casemap_parse("rfc7613"), CASEMAP_ASCII);
	char a[200], b[200];
	memset(a, 'A', 199);
	memset(b, 'a', 199);
	a[199] = b[199] = '\0';
	assert_int_equal(casemap_hash(CASEMAP_ASCII, a), casemap_hash(CASEMAP_ASCII, b));
	b[150] = 'b';
	assert_int_not_equal(casemap_hash(CASEMAP_ASCII, a), casemap_hash(CASEMAP_ASCII, b));
}

static void isupport_is_obeyed(void **state)
{
	struct isupport isupport;
	isupport_init(&isupport);
	assert_true(isupport_is_channel(&isupport, "#x"));
	assert_true(isupport_is_channel(&isupport, "&x"));
	assert_false(isupport_is_channel(&isupport, "+x"));
	assert_false(isupport_is_channel(&isupport, ""));
	assert_int_equal(isupport_mode_class(&isupport, 'o'), MODE_PREFIX);
	assert_int_equal(isupport_mode_class(&isupport, 'b'), MODE_LIST);
	assert_int_equal(isupport_mode_class(&isupport, 'k'), MODE_ALWAYS);
	assert_int_equal(isupport_mode_class(&isupport, 'l'), MODE_SET);
	assert_int_equal(isupport_mode_class(&isupport, '\xff'), MODE_FLAG);

	static const char *const tokens[] = {"CASEMAPPING=ascii",
	                                     "PREFIX=(qaohv)~&@%+",
	                                     "CHANTYPES=#+",
	                                     "NICKLEN=20",
	                                     "CHANMODES=Ib,k,lf,imn",
	                                     "LINELEN=2048",
	                                     "STATUSMSG=@+",
	                                     "UNKNOWN=1",
	                                     "-",
	                                     "",
	                                     "=",
	                                     "AWAYLEN=abc",
	                                     "TOPICLEN=99999999999999999999",
	                                     "LINELEN=5"};
	for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++)
		isupport_token(&isupport, tokens[i]);
	assert_int_equal(isupport.casemap, CASEMAP_ASCII);
	assert_int_equal(isupport.nick_length, 20);
	assert_int_equal(isupport.line_length, 2048);
	assert_int_equal(isupport.topic_length, 0);
	assert_true(isupport_is_channel(&isupport, "+x"));
	assert_false(isupport_is_channel(&isupport, "&x"));
	assert_int_equal(isupport_symbol_bit(&isupport, '~'), 1);
	assert_int_equal(isupport_symbol_bit(&isupport, '+'), 16);
	assert_int_equal(isupport_mode_bit(&isupport, 'v'), 16);
	assert_int_equal(isupport_mode_bit(&isupport, 'x'), 0);
	assert_int_equal(isupport_mode_bit(&isupport, '\0'), 0);
	assert_int_equal(isupport_mode_class(&isupport, 'f'), MODE_SET);
	assert_string_equal(isupport_target(&isupport, "@#chan"), "#chan");
	assert_string_equal(isupport_target(&isupport, "@nick"), "@nick");

	isupport_token(&isupport, "-NICKLEN");
	isupport_token(&isupport, "-PREFIX");
	isupport_token(&isupport, "CHANTYPES=\\x23\\x0d");
	assert_int_equal(isupport.nick_length, 0);
	assert_string_equal(isupport.prefix_symbols, "@+");
	assert_string_equal(isupport.chantypes, "#");
	isupport_token(&isupport, "PREFIX=(ov)\xc3\xa4");
	isupport_token(&isupport, "CHANTYPES=\xc3");
	assert_int_equal(isupport_symbol_bit(&isupport, '\xc3'), 0);
	assert_true(isupport_is_channel(&isupport, "#"));
	isupport_token(&isupport, "PREFIX=");
	assert_int_equal(isupport_mode_bit(&isupport, 'o'), 0);
	static const struct {
		const char *token;
		bool denied;
	} tags[] = {
	    {"CLIENTTAGDENY=*", true},      {"CLIENTTAGDENY=*,-typing", false}, {"CLIENTTAGDENY=react,typing", true},
	    {"CLIENTTAGDENY=react", false}, {"CLIENTTAGDENY=*,-react", true},   {"-CLIENTTAGDENY", false}};
	for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
		isupport_token(&isupport, tags[i].token);
		assert_int_equal(isupport.no_typing, tags[i].denied);
	}
	isupport_token(&isupport, "PREFIX=(abcdefghijkl)12");
	assert_string_equal(isupport.prefix_modes, "ab");
}

static void addresses_name_the_server(void **state)
{
	static const struct {
		const char *text, *host;
		uint16_t port;
		bool tls;
	} good[] = {
	    {"irc.example.org", "irc.example.org", 0, false},
	    {"IRC.Example.ORG:6667", "irc.example.org", 6667, false},
	    {"h:+7000", "h", 7000, true},
	    {"h/7000", "h", 7000, false},
	    {"h/+7000", "h", 7000, true},
	    {"h:6697", "h", 6697, true},
	    {"[::1]:+6670", "::1", 6670, true},
	    {"127.0.0.1:1", "127.0.0.1", 1, false},
	};
	struct irc_address address;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_true(irc_address_parse(good[i].text, &address));
		assert_string_equal(address.host, good[i].host);
		assert_int_equal(address.port, good[i].port);
		assert_int_equal(address.tls, good[i].tls);
	}
	static const char *const bad[] = {"",    ":6667", "h:",    "h:0",  "h:65536", "h:66a",  "h:+",
	                                  "h i", "h%x",   "h:1:2", "[::1", "[]:1",    "h\r\nX", "h:99999999999"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(irc_address_parse(bad[i], &address));

	static const struct {
		const char *text, *name, *server;
	} splits[] = {
	    {"#c@irc.host", "#c", "irc.host"},
	    {"#c%irc.host:1", "#c", "irc.host:1"},
	    {"#a@b@irc.host", "#a@b", "irc.host"},
	    {"#a%b@irc.host", "#a%b", "irc.host"},
	    {"#c", "#c", NULL},
	    {"", "", NULL},
	    {"@h", "", "h"},
	};
	for (size_t i = 0; i < sizeof splits / sizeof *splits; i++) {
		const char *server, *end = irc_address_split(splits[i].text, &server);
		assert_int_equal(end - splits[i].text, strlen(splits[i].name));
		if (splits[i].server)
			assert_string_equal(server, splits[i].server);
		else
			assert_null(server);
	}
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(lines_come_apart),
    cmocka_unit_test(tags_are_unescaped),
    cmocka_unit_test(reader_finds_lines_in_any_pieces),
    cmocka_unit_test(reader_cuts_what_is_too_long),
    cmocka_unit_test(reader_cuts_between_characters),
    cmocka_unit_test(reader_stops_when_told),
    cmocka_unit_test(SEC_25_built_lines_hold_one_command),
    cmocka_unit_test(names_compare_as_the_server_does),
    cmocka_unit_test(isupport_is_obeyed),
    cmocka_unit_test(addresses_name_the_server),
};

RUN_TESTS(tests)
