/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hub's small parts: contacts, addresses; and the white list for XHTML-IM of the floor above. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/xmpp/xhtml.h"
#include "spectrum/frontend/inside.h"
#include "spectrum/hub/address.h"
#include "tests/unit/test.h"

static void contacts_are_found_in_any_case(void **state)
{
	struct roster roster = {0};
	bool created;
	assert_non_null(roster_add(&roster, "Bob", &created));
	assert_true(created);
	roster_add(&roster, "\xc3\x84nne", NULL); /* Aenne with capital umlaut */
	roster_add(&roster, "bob", &created);
	assert_false(created);
	assert_string_equal(buddy_text(roster_find(&roster, "BOB"), BUDDY_NAME), "Bob");
	assert_string_equal(buddy_text(roster_find(&roster, "\xc3\xa4NNE"), BUDDY_NAME), "\xc3\x84nne");
	assert_null(roster_find(&roster, "bo"));
	assert_null(roster_find(&roster, ""));
	assert_int_equal(roster.count, 2);
	roster_fini(&roster);
}

static void contacts_keep_their_texts_apart(void **state)
{
	struct roster roster = {0};
	char name[16], text[32];
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "Friend%d", i * 7919 % 300);
		struct buddy *buddy = roster_add(&roster, name, NULL);
		snprintf(text, sizeof text, "alias of %s", name);
		buddy = roster_set(&roster, buddy, BUDDY_STATUS, "away for lunch");
		buddy = roster_set(&roster, buddy, BUDDY_ALIAS, text);
		buddy = roster_set(&roster, buddy, BUDDY_STATUS, i % 2 ? "here" : NULL);
		buddy->flags |= BUDDY_SUBSCRIBED;
	}
	assert_int_equal(roster.count, 300);
	for (unsigned i = 1; i < roster.count; i++)
		assert_true(strcmp(buddy_text(roster.items[i - 1], BUDDY_FOLDED),
		                   buddy_text(roster.items[i], BUDDY_FOLDED)) < 0);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "friend%d", i * 7919 % 300);
		struct buddy *buddy = roster_find(&roster, name);
		snprintf(text, sizeof text, "alias of %s", buddy_text(buddy, BUDDY_NAME));
		assert_string_equal(buddy_text(buddy, BUDDY_ALIAS), text);
		assert_string_equal(buddy_text(buddy, BUDDY_STATUS), i % 2 ? "here" : "");
		assert_string_equal(buddy_text(buddy, BUDDY_GROUPS), "");
		assert_int_equal(buddy->flags, BUDDY_SUBSCRIBED);
		if (i % 3 == 0)
			roster_remove(&roster, buddy);
	}
	assert_int_equal(roster.count, 200);
	roster_fini(&roster);
}

static void long_texts_are_cut_and_long_names_refused(void **state)
{
	struct roster roster = {0};
	char text[9001];
	for (int i = 0; i < 9000; i += 2)
		memcpy(text + i, "\xc3\xa4", 2);
	text[9000] = '\0';
	struct buddy *buddy = roster_add(&roster, "bob", NULL);
	buddy = roster_set(&roster, buddy, BUDDY_STATUS, text);
	size_t len = strlen(buddy_text(buddy, BUDDY_STATUS));
	assert_in_range(len, 4000, 4096);
	assert_true(utf8_valid(buddy_text(buddy, BUDDY_STATUS), len));
	assert_null(roster_add(&roster, text, NULL));
	text[1022] = '\0';
	assert_non_null(roster_add(&roster, text, NULL));
	roster_fini(&roster);
}

static void names_and_nodes_are_each_others_inverse(void **state)
{
	static const struct {
		const char *name, *node;
		bool escaped;
	} cases[] = {
	    {"bob@gmail.com", "bob\\40gmail.com", true},
	    {"bob@gmail.com", "bob%gmail.com", false},
	    {"bob", "bob", true},
	    {"c:\\5commas@example.com", "c\\3a\\5c5commas\\40example.com", true},
	    {"#c@irc.host", "#c%irc.host", false},
	    {"#c@127.0.0.1:6667", "#c%127.0.0.1\\3a6667", false},
	    {"nick[a]@irc.host", "nick[a]%irc.host", false},
	    {"a b", "a\\20b", true},
	};
	struct arena arena = {0};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_string_equal(address_of_contact(&arena, cases[i].name, cases[i].escaped), cases[i].node);
		assert_string_equal(address_name(&arena, cases[i].node), cases[i].name);
	}
	assert_string_equal(address_of_contact(&arena, "BOB@X", true), "bob\\40x");
	assert_null(address_of_contact(&arena, "", true));
	assert_null(address_of_contact(&arena,
	                               "a\x01"
	                               "b",
	                               true));
	assert_true(address_is_room("#x") && address_is_room("&x") && !address_is_room("x"));
	arena_fini(&arena);
}

static void foreign_markup_is_cleaned(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
	    {"<b>bold</b> <em>text</em>", "bold <em>text</em>"},
	    {"<script>alert(1)</script>x", "x"},
	    {"<a href='javascript:x()'>y</a>", "<a>y</a>"},
	    {"<a href='https://e.org/?a=1&amp;b=2' onclick='x'>y</a>", "<a href='https://e.org/?a=1&amp;b=2'>y</a>"},
	    {"<span style='color:red;position:fixed;background-image:url(http://x)'>z</span>",
	     "<span style='color:red'>z</span>"},
	    {"a &lt; b", "a &lt; b"},
	    {"<p>unclosed", NULL},
	    {"", NULL},
	    {"</body><message/>", NULL},
	};
	struct arena arena = {0};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct element *body = xhtml_clean(&arena, cases[i].in);
		if (cases[i].out)
			assert_string_equal(xhtml_inner(&arena, body), cases[i].out);
		else
			assert_null(body);
	}
	arena_fini(&arena);
}

static void tickets_copy_what_they_carry(void **state)
{
	char from[] = "a@b/c", to[] = "x@gw", id[] = "1";
	struct ticket *ticket = ticket_new(from, to, id, "chat"), *bare = ticket_new(from, to, NULL, "normal");
	from[0] = to[0] = id[0] = '!';
	assert_string_equal(ticket->from, "a@b/c");
	assert_string_equal(ticket->to, "x@gw");
	assert_string_equal(ticket->id, "1");
	assert_null(bare->id);
	ticket_free(ticket);
	ticket_free(bare);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(contacts_are_found_in_any_case),
    cmocka_unit_test(contacts_keep_their_texts_apart),
    cmocka_unit_test(long_texts_are_cut_and_long_names_refused),
    cmocka_unit_test(names_and_nodes_are_each_others_inverse),
    cmocka_unit_test(foreign_markup_is_cleaned),
    cmocka_unit_test(tickets_copy_what_they_carry),
};
RUN_TESTS(tests)
