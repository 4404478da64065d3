/* SPDX-License-Identifier: GPL-2.0-or-later */
/* backends/libpurple: what protocols send as HTML, and back. */
#include <expat.h>
#include <stdlib.h>
#include <string.h>

#include "backends/libpurple/markup.h"
#include "lib/base/mem.h"
#include "lib/base/random.h"
#include "lib/base/utf8.h"
#include "tests/unit/test.h"

static bool well_formed(const char *xhtml)
{
	char *document = mem_printf("<body xmlns='http://www.w3.org/1999/xhtml'>%s</body>", xhtml);
	XML_Parser parser = XML_ParserCreate("UTF-8");
	bool good = XML_Parse(parser, document, (int)strlen(document), 1) == XML_STATUS_OK;
	XML_ParserFree(parser);
	free(document);
	return good;
}

static void replace_image(void *arg, int id, struct str *plain)
{
	str_addf(plain, "[picture %d]", id);
}

static void html_becomes_text(void **state)
{
	static const struct {
		const char *html, *plain, *xhtml;
	} cases[] = {
	    {"hello", "hello", ""},
	    {"", "", ""},
	    {"a &lt;b&gt; &amp; &quot;c&quot; &apos;d&apos; &#39;e&#x27;", "a <b> & \"c\" 'd' 'e'", ""},
	    {"&euro; & &unknown; &#0; &#xd800; &#1; &", "&euro; & &unknown;    &", ""},
	    {"one<br>two<BR/>three\nfour", "one\ntwo\nthree\nfour", ""},
	    {"a < b and 1 <2 <3", "a < b and 1 <2 <3", ""},
	    {"<b>bold</b>", "bold", "<strong>bold</strong>"},
	    {"<B>bold</STRONG> x", "bold x", "<strong>bold x</strong>"},
	    {"<b><i>x</b>y</i>", "xy", "<strong><em>x</em></strong>y"},
	    {"<u>a</u><s>b</s>", "ab",
	     "<span style=\"text-decoration: underline\">a</span><span style=\"text-decoration: "
	     "line-through\">b</span>"},
	    {"<font color=\"#ff0000\" face='Comic Sans' size=5>x</font>", "x",
	     "<span style=\"color: #ff0000; font-family: Comic Sans; font-size: x-large\">x</span>"},
	    {"<font color=\"red;background:url(x)\">x</font>", "x", ""},
	    {"<span style='font-weight: bold; behavior: url(#x); color:blue'>x</span>", "x",
	     "<span style=\"font-weight: bold; color: blue\">x</span>"},
	    {"<a href=\"https://example.org/?a=1&amp;b=2\">here</a>", "here (https://example.org/?a=1&b=2)",
	     "<a href=\"https://example.org/?a=1&amp;b=2\">here</a>"},
	    {"<a href='https://example.org'>https://example.org</a>", "https://example.org",
	     "<a href=\"https://example.org\">https://example.org</a>"},
	    {"<a href='mailto:bob@example.org'>bob@example.org</a>", "bob@example.org",
	     "<a href=\"mailto:bob@example.org\">bob@example.org</a>"},
	    {"<a href='javascript:alert(1)'>x</a>", "x", ""},
	    {"<a href='https://e.org/\"onclick=\"x'>x</a>", "x (https://e.org/\"onclick=\"x)",
	     "<a href=\"https://e.org/&quot;onclick=&quot;x\">x</a>"},
	    {"<p>one</p><p>two</p>", "one\ntwo", ""},
	    {"<ul><li>one</li><li>two</li></ul>end", "- one\n- two\nend", ""},
	    {"x<script>evil('</b>')</script>y<style>z</style>", "xy", ""},
	    {"x<!-- <b>no</b> -->y", "xy", ""},
	    {"x<!-- never closed", "x", ""},
	    {"<img id=\"7\"> and <img src='https://example.org/a.png' alt='a cat'>", "[picture 7] and a cat", ""},
	    {"<img src='file:///etc/passwd'>", "", ""},
	    {"<b title='a>b'>x</b>", "x", "<strong>x</strong>"},
	    {"<b title='never closed>x</b>", "x", "<strong>x</strong>"},
	    {"<b", "<b", ""},
	    {"</b></i>x", "x", ""},
	    {"bad \xff\xfe bytes \x01", "bad \xef\xbf\xbd\xef\xbf\xbd bytes ", ""},
	    {"<unknown x=y>x</unknown>", "x", ""},
	    {"end<br><br>", "end", ""},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct str plain = {0}, xhtml = {0};
		markup_read(cases[i].html, &plain, &xhtml, replace_image, NULL);
		assert_string_equal(str_text(&plain), cases[i].plain);
		assert_string_equal(str_text(&xhtml), cases[i].xhtml);
		assert_true(well_formed(str_text(&xhtml)));
		str_fini(&plain);
		str_fini(&xhtml);
	}
}

static void text_becomes_html(void **state)
{
	static const struct {
		const char *body, *xhtml, *html;
	} cases[] = {
	    {"a <b> & \"c\"\nd\r\n", NULL, "a &lt;b&gt; &amp; &quot;c&quot;<br>d<br>"},
	    {"plain", "", "plain"},
	    {"plain", "<p> </p>", "plain"},
	    {"plain", "<em>a</em> &amp; <strong>b</strong>", "<i>a</i> &amp; <b>b</b>"},
	    {"plain", "<span style='font-weight:bold;color:red'>x</span>", "<b><font color=\"red\">x</font></b>"},
	    {"plain", "one<br/>two", "one<br>two"},
	    {"plain", "<p>one</p><p>two</p>", "one<br>two"},
	    {"plain", "<a href='https://example.org/'>x</a>", "<a href=\"https://example.org/\">x</a>"},
	    {"plain", "<a href='javascript:x'>x</a>", "x"},
	    {"plain", "<script>x</script>y", "y"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *html = markup_write(cases[i].body, cases[i].xhtml);
		assert_string_equal(html, cases[i].html);
		free(html);
	}
}

/* Whatever a body says arrives as it was, even on protocols that take HTML. */
static void bodies_come_through(void **state)
{
	static const char *const bodies[] = {"<b>no tag</b>", "&amp; is no &", "a\n\nb",
	                                     "  blanks  ",    "<!-- -->",      "&#60;"};
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		char *html = markup_write(bodies[i], NULL), *back = markup_plain(html);
		assert_string_equal(back, bodies[i]);
		free(html);
		free(back);
	}
}

static void deep_and_long_soup_is_no_burden(void **state)
{
	static const char *const pieces[] = {"<b>", "<a href='", "<font color=\"", "<i \"'>", "</b>", "<!--",
	                                     "'>",  "&#",        "<span style='"};
	struct str soup = {0};
	for (int i = 0; i < 20000; i++)
		str_adds(&soup, pieces[random_below(sizeof pieces / sizeof *pieces)]);
	struct str plain = {0}, xhtml = {0};
	markup_read(soup.data, &plain, &xhtml, NULL, NULL);
	assert_true(well_formed(str_text(&xhtml)));
	assert_true(utf8_xml_valid(str_text(&plain), plain.len));
	str_fini(&plain);
	str_fini(&xhtml);
	str_fini(&soup);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(html_becomes_text),
    cmocka_unit_test(text_becomes_html),
    cmocka_unit_test(bodies_come_through),
    cmocka_unit_test(deep_and_long_soup_is_no_burden),
};

RUN_TESTS(tests)
