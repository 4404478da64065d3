/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "lib/base/str.h"
#include "lib/xmpp/jid.h"
#include "tests/unit/test.h"

#define GRINNING "\xf0\x9f\x98\x80"

static void addresses_are_parsed_and_prepared(void **state)
{
	static const struct {
		const char *text, *full, *bare, *node, *domain, *resource;
	} rows[] = {
	    {"example.org", "example.org", "example.org", "", "example.org", ""},
	    {"User@Example.ORG/Res", "user@example.org/Res", "user@example.org", "user", "example.org", "Res"},
	    {"a@b/c/d@e", "a@b/c/d@e", "a@b", "a", "b", "c/d@e"},
	    {"h/r@x", "h/r@x", "h", "", "h", "r@x"},
	    {"a@b./ r ", "a@b/ r ", "a@b", "a", "b", " r "},
	    {"my_name%hotmail.com@MSN.example.org", "my_name%hotmail.com@msn.example.org",
	     "my_name%hotmail.com@msn.example.org", "my_name%hotmail.com", "msn.example.org", ""},
	    {"#chan\\40x@[2001:DB8::1]/\"&'<>", "#chan\\40x@[2001:db8::1]/\"&'<>", "#chan\\40x@[2001:db8::1]",
	     "#chan\\40x", "[2001:db8::1]", "\"&'<>"},
	    {"127.0.0.1", "127.0.0.1", "127.0.0.1", "", "127.0.0.1", ""},
	    {"host_1", "host_1", "host_1", "", "host_1", ""},
	    {"J\xc3\x9cRGEN@x", "j\xc3\xbcrgen@x", "j\xc3\xbcrgen@x", "j\xc3\xbcrgen", "x", ""},
	    {"stra\xc3\x9f"
	     "e@x",
	     "strasse@x", "strasse@x", "strasse", "x", ""},
	    {GRINNING "@x/" GRINNING, GRINNING "@x/" GRINNING, GRINNING "@x", GRINNING, "x", GRINNING},
	    {"a@B\xc3\x9c"
	     "CHER.example",
	     "a@b\xc3\xbc"
	     "cher.example",
	     "a@b\xc3\xbc"
	     "cher.example",
	     "a",
	     "b\xc3\xbc"
	     "cher.example",
	     ""},
	    {"a@\xe4\xbe\x8b\xe3\x80\x82jp", "a@\xe4\xbe\x8b.jp", "a@\xe4\xbe\x8b.jp", "a", "\xe4\xbe\x8b.jp", ""},
	    {"a@\xe4\xbe\x8b\xef\xbc\x8ejp\xe3\x80\x82", "a@\xe4\xbe\x8b.jp", "a@\xe4\xbe\x8b.jp", "a",
	     "\xe4\xbe\x8b.jp", ""},
	    {"a@b/\xc2\xaa", "a@b/a", "a@b", "a", "b", "a"},
	    {"a\xc2\xad"
	     "b@c",
	     "ab@c", "ab@c", "ab", "c", ""},
	};
	struct arena arena = {0};
	struct jid jid, again;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_true(jid_parse(&arena, rows[i].text, &jid));
		assert_string_equal(jid.full, rows[i].full);
		assert_string_equal(jid.bare, rows[i].bare);
		assert_string_equal(jid.node, rows[i].node);
		assert_string_equal(jid.domain, rows[i].domain);
		assert_string_equal(jid.resource, rows[i].resource);
		assert_true(jid_parse(&arena, jid.full, &again));
		assert_string_equal(again.full, jid.full);
	}
	arena_fini(&arena);
}

static void what_is_no_address_is_refused(void **state)
{
	static const char *const rows[] = {
	    "",
	    "@",
	    "/",
	    "a@",
	    "@a",
	    "a@/r",
	    "a@b/",
	    "/r",
	    "a@b@c",
	    "a b@c",
	    "a\"@c",
	    "a&@c",
	    "a'@c",
	    "a:@c",
	    "a<@c",
	    "a>@c",
	    "a\x7f@c",
	    "a\x01@c",
	    "a@b c",
	    "a@b\xc2\xa0"
	    "c",
	    "a@b:5222",
	    "a@b..c",
	    "a@.b",
	    ".",
	    "a@b..",
	    "a@[::1",
	    "a@[]",
	    "a@[zz]",
	    "a@[::1]x",
	    "a@[127.0.0.1]",
	    "a@b/\x1f",
	    "a@b/\x7f",
	    "a@b/\xc2\x80",
	    "\xff@b",
	    "a@\xc3",
	    "a@b/\xed\xa0\x80",
	    "a@b/\xf4\x90\x80\x80",
	    "a\xef\xbc\xa0"
	    "b@c", /* full-width @ in a node */
	    "a@b\xef\xbc\x8f"
	    "c",
	    "a@b\xef\xbc\xa0"
	    "c", /* full-width / and @ in a domain */
	    "\xc2\xad@b",
	    "a@\xc2\xad", /* nothing is left */
	    "a\xe2\x80\xa8@b",
	    "\xd7\x90"
	    "a@b", /* line separator; both directions of writing */
	    "a@1234567890123456789012345678901234567890123456789012345678901234.org",
	};
	struct arena arena = {0};
	struct jid jid;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (jid_parse(&arena, rows[i], &jid))
			fail_msg("%s gave %s", rows[i], jid.full);
	assert_false(jid_parse(&arena, NULL, &jid));
	assert_null(jid_prepare_node(&arena, NULL));
	assert_null(jid_prepare_node(&arena, ""));
	assert_null(jid_prepare_domain(&arena, ""));
	assert_null(jid_prepare_resource(&arena, ""));
	arena_fini(&arena);
}

static void parts_have_1023_bytes_at_most(void **state)
{
	struct arena arena = {0};
	struct jid jid;
	for (size_t len = 1022; len <= 1025; len++) {
		char part[2048], domain[2048];
		memset(part, 'x', len);
		part[len] = '\0';
		memcpy(domain, part, len + 1);
		for (size_t i = 60; i < len - 1; i += 60)
			domain[i] = '.';
		assert_int_equal(jid_prepare_node(&arena, part) != NULL, len <= 1023);
		assert_int_equal(jid_prepare_resource(&arena, part) != NULL, len <= 1023);
		assert_int_equal(jid_prepare_domain(&arena, domain) != NULL, len <= 1023);
		memcpy(part, "\xc3\xa4", 2);
		assert_int_equal(jid_prepare_node(&arena, part) != NULL, len <= 1023);
		assert_int_equal(jid_prepare_resource(&arena, part) != NULL, len <= 1023);
		char *full = arena_printf(&arena, "%s@%s/%s", part, domain, part);
		assert_int_equal(jid_parse(&arena, full, &jid), len <= 1023);
		if (len <= 1023)
			assert_string_equal(jid.full, full);
		/* Grows past the limit by preparation: U+FDFA becomes 33 bytes. */
		size_t at = 0;
		for (; at + 3 < 200; at += 3)
			memcpy(part + at, "\xef\xb7\xba", 3);
		part[at] = '\0';
		assert_null(jid_prepare_node(&arena, part));
	}
	arena_fini(&arena);
}

static void X_18_names_are_escaped_and_back(void **state)
{
	static const struct {
		const char *name, *node;
	} rows[] = {
	    {"bob", "bob"},
	    {"bob@gmail.com", "bob\\40gmail.com"},
	    {"c:\\5commas@example.com", "c\\3a\\5c5commas\\40example.com"},
	    {"c:\\cool stuff", "c\\3a\\cool\\20stuff"},
	    {"\\5commas", "\\5c5commas"},
	    {"\\", "\\"},
	    {"\\\\20", "\\\\5c20"},
	    {"\\ x", "\\\\20x"},
	    {"\\3And\\2is\\5cool", "\\5c3And\\2is\\5c5cool"},
	    {" \"&'/:<>@", "\\22\\26\\27\\2f\\3a\\3c\\3e\\40"},
	    {"space cadet", "space\\20cadet"},
	    {"\\20", "\\5c20"},
	    {"", ""},
	    {"j\xc3\xbcrgen x", "j\xc3\xbcrgen\\20x"},
	    {"#c%irc.host", "#c%irc.host"},
	};
	struct arena arena = {0};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_string_equal(jid_escape(&arena, rows[i].name), rows[i].node);
		const char *trimmed = rows[i].name[0] == ' ' ? rows[i].name + 1 : rows[i].name;
		assert_string_equal(jid_unescape(&arena, rows[i].node), trimmed);
	}
	assert_string_equal(jid_escape(&arena, "  a b  "), "a\\20b");
	assert_string_equal(jid_escape(&arena, "   "), "");
	assert_string_equal(jid_unescape(&arena, "\\20a\\20b\\20"), "\\20a b\\20");
	assert_string_equal(jid_unescape(&arena, "a\\2Fb\\2"), "a/b\\2");
	assert_null(jid_escape(&arena, NULL));
	assert_null(jid_unescape(&arena, NULL));
	arena_fini(&arena);
}

/* All names of four characters that matter to escaping come back whole, also by way of a folded node. */
static void every_short_name_comes_back(void **state)
{
	static const char alphabet[] = "\\ 25cC0/a";
	enum { N = sizeof alphabet - 1 };
	struct arena arena = {0};
	for (unsigned i = 0; i < N * N * N * N * N; i++) {
		char name[6] = "";
		unsigned rest = i;
		for (int k = 0; k < 5; k++, rest /= N)
			name[k] = alphabet[rest % N];
		if (name[0] == ' ' || name[4] == ' ')
			continue;
		const char *node = jid_escape(&arena, name);
		assert_string_equal(jid_unescape(&arena, node), name);
		const char *prepared = jid_prepare_node(&arena, node);
		assert_non_null(prepared);
		assert_string_equal(jid_unescape(&arena, prepared), jid_fold(&arena, name));
		arena_reset(&arena);
	}
	arena_fini(&arena);
}

static void X_17_names_are_folded(void **state)
{
	static const struct {
		const char *name, *folded;
	} rows[] = {
	    {"Bob@Gmail.com", "bob@gmail.com"},
	    {"#Caf\xc3\x89 bar", "#caf\xc3\xa9 bar"},
	    {"STRASSE", "strasse"},
	    {"Stra\xc3\x9f"
	     "e",
	     "strasse"},
	    {GRINNING "A", GRINNING "a"},
	    {"A\xff\xc3\x89", "a\xff\xc3\x89"}, /* no UTF-8 */
	    {"", ""},
	};
	struct arena arena = {0};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_string_equal(jid_fold(&arena, rows[i].name), rows[i].folded);
	assert_null(jid_fold(&arena, NULL));
	char growing[3001];
	for (size_t i = 0; i < 3000; i += 3)
		memcpy(growing + i, "\xef\xb7\xba", 3);
	growing[3000] = '\0';
	assert_int_equal(strlen(jid_fold(&arena, growing)), 33000);
	arena_fini(&arena);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(addresses_are_parsed_and_prepared), cmocka_unit_test(what_is_no_address_is_refused),
    cmocka_unit_test(parts_have_1023_bytes_at_most),     cmocka_unit_test(X_18_names_are_escaped_and_back),
    cmocka_unit_test(every_short_name_comes_back),       cmocka_unit_test(X_17_names_are_folded),
};
RUN_TESTS(tests)
