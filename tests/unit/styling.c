/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lib/xmpp: Message Styling (XEP-0393), to XHTML-IM and back. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/xmpp/ns.h"
#include "lib/xmpp/parser.h"
#include "lib/xmpp/styling.h"
#include "tests/unit/test.h"

static void directives_become_elements(void **state)
{
	static const struct {
		const char *body, *xhtml;
	} cases[] = {
	    {"*strong* _em_ `code`", "<strong>strong</strong> <em>em</em> <code>code</code>"},
	    {"~gone~", "<span style='text-decoration:line-through'>gone</span>"},
	    {"*_both_*", "<strong><em>both</em></strong>"},
	    {"*strong _both_* x", "<strong>strong <em>both</em></strong> x"},
	    {"`*no*`", "<code>*no*</code>"},
	    {"a & *b < c*", "a &amp; <strong>b &lt; c</strong>"},
	    {"one\n*two*\n", "one<br/><strong>two</strong><br/>"},
	    {"> *quoted*", "&gt; <strong>quoted</strong>"},
	    {"see *this*, please", "see <strong>this</strong>, please"},
	    {"```\n*as* it\n is\n```\nand *on*", "<pre>*as* it\n is</pre><br/>and <strong>on</strong>"},
	    {"```c\nint x;", "<pre>int x;</pre>"},
	    /* No directives. */
	    {"plain", NULL},
	    {"2*3*4", NULL},
	    {"*.c and *.h", NULL},
	    {"* item *", NULL},
	    {"snake_case_name", NULL},
	    {"__init__", NULL},
	    {"**markdown**", NULL},
	    {"*not\nacross*", NULL},
	    {"**", NULL},
	    {"****", NULL},
	    {"*a*b", NULL},
	    {"~/x ~/y", NULL},
	    {"```", NULL},
	    {"", NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena arena = {0};
		const char *xhtml = styling_xhtml(&arena, cases[i].body);
		if (cases[i].xhtml)
			assert_string_equal(xhtml, cases[i].xhtml);
		else
			assert_null(xhtml);
		arena_fini(&arena);
	}
}

static void elements_become_directives(void **state)
{
	static const struct {
		const char *xhtml, *plain, *body;
	} cases[] = {
	    {"<strong>very</strong> bold", "very bold", "*very* bold"},
	    {"<span style='font-weight:bold;'>Title:</span> x", "Title: x", "*Title:* x"},
	    {"<span style='font-weight:bold;font-style:italic'>x</span>", "x", "*_x_*"},
	    {"<em>a <strong>b</strong></em>", "a b", "_a_ *_b_*"},
	    {"x<strong> blanks </strong>y", "x blanks y", "x *blanks* y"},
	    {"<code>a*b</code>", "a*b", "`a*b`"},
	    {"<strong>one<br/>two</strong>", "one\ntwo", "*one*\n*two*"},
	    {"<span style='text-decoration:line-through'>x</span>", "x", "~x~"},
	    /* Where directives would mean something else, or can't stand. */
	    {"half<strong>word</strong>", "halfword", NULL},
	    {"<strong>half</strong>word", "halfword", NULL},
	    {"<strong>a*b</strong>", "a*b", NULL},
	    {"<strong> </strong>", " ", NULL},
	    {"<span style='color:#ff0000'>red</span>", "red", NULL},
	    {"plain", "plain", NULL},
	    /* The two don't say the same. */
	    {"<strong>bold</strong>", "*bold*", NULL},
	    {"<strong>bold</strong>", "bold and more", NULL},
	    {"<strong>bold and more</strong>", "bold", NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena arena = {0};
		const struct element *xhtml = parser_fragment(&arena, cases[i].xhtml, NS_XHTML);
		const char *body = styling_body(&arena, xhtml, cases[i].plain);
		if (cases[i].body)
			assert_string_equal(body, cases[i].body);
		else
			assert_null(body);
		arena_fini(&arena);
	}
}

/* The longest body, of whatever makes a search begin, takes about as much time as any other: no square of its length.
 */
static void long_bodies_cost_no_more_per_byte(void **state)
{
	static const char *const pieces[] = {"*a ", "*_~`a ", "*a* ", "_*a_ ", "**", "` ` "};
	enum { BYTES = 65536 };
	char *body = malloc(BYTES + 8);
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		size_t len = strlen(pieces[i]), at = 0;
		for (; at < BYTES; at += len)
			memcpy(body + at, pieces[i], len);
		body[BYTES] = '\0';
		struct arena arena = {0};
		clock_t begin = clock();
		for (int round = 0; round < 3; round++)
			styling_xhtml(&arena, body);
		assert_true(clock() - begin < 3 * CLOCKS_PER_SEC); /* a square would take minutes */
		arena_fini(&arena);
	}
	free(body);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(directives_become_elements),
    cmocka_unit_test(elements_become_directives),
    cmocka_unit_test(long_bodies_cost_no_more_per_byte),
};

RUN_TESTS(tests)
