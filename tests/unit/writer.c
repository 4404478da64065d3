/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "lib/xmpp/form.h"
#include "lib/xmpp/ns.h"
#include "lib/xmpp/stanza.h"
#include "lib/xmpp/writer.h"
#include "tests/unit/test.h"

static struct str out;
static struct writer writer;

static struct writer *start(void)
{
	str_clear(&out, 4096);
	writer_init(&writer, &out, NS_COMPONENT);
	return &writer;
}

#define EXPECT(xml)                                         \
	do {                                                \
		writer_end(&writer);                        \
		assert_string_equal(str_text(&out), (xml)); \
	} while (0)

static void text_and_attributes_are_escaped(void **state)
{
	static const struct {
		const char *value, *in_text, *in_attribute;
	} rows[] = {
	    {"plain words", "plain words", "plain words"},
	    {"a<b>&c", "a&lt;b&gt;&amp;c", "a&lt;b&gt;&amp;c"},
	    {"'q' \"d\"", "'q' \"d\"", "&apos;q&apos; &quot;d&quot;"},
	    {"]]>", "]]&gt;", "]]&gt;"},
	    {"\t\n\r", "\t\n&#13;", "&#9;&#10;&#13;"},
	    {"\x01\x02z\x1f\x7f", "z\x7f", "z\x7f"},
	    {"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80", "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80",
	     "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80"},
	    {"\xff\xc3", "\xef\xbf\xbd\xef\xbf\xbd", "\xef\xbf\xbd\xef\xbf\xbd"},
	    {"\xc0\x80-\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd-\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
	     "\xef\xbf\xbd\xef\xbf\xbd-\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
	    {"a\xef\xbf\xbe\xef\xbf\xbf"
	     "b",
	     "ab", "ab"},
	    {"\xf0\x9f\x98", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char expected[200];
		struct writer *w = start();
		xml_leaf(w, "t", NULL, rows[i].value);
		snprintf(expected, sizeof expected, "<t>%s</t>", rows[i].in_text);
		EXPECT(expected);
		w = start();
		xml_open(w, "t", NULL);
		xml_attr(w, "a", rows[i].value);
		xml_close(w);
		snprintf(expected, sizeof expected, "<t a='%s'/>", rows[i].in_attribute);
		EXPECT(expected);
	}
}

static void namespaces_are_written_where_they_change(void **state)
{
	struct writer *w = start();
	xml_open(w, "iq", NS_COMPONENT);
	xml_attr(w, "type", "result");
	xml_attr(w, "id", NULL);
	xml_open(w, "query", NS_DISCO_INFO);
	xml_open(w, "identity", NULL);
	xml_attrf(w, "category", "%s-%d", "gateway", 7);
	xml_close(w);
	xml_empty(w, "feature", NS_DISCO_INFO);
	xml_empty(w, "x", NS_DATA);
	xml_empty(w, "none", "");
	xml_close(w);
	xml_leaf(w, "absent", NULL, NULL);
	xml_leaf(w, "empty", NULL, "");
	xml_open(w, "t", NULL);
	xml_text(w, NULL);
	xml_textf(w, "%s", "<");
	xml_close(w);
	xml_close(w);
	EXPECT("<iq type='result'><query xmlns='http://jabber.org/protocol/disco#info'><identity category='gateway-7'/>"
	       "<feature/><x xmlns='jabber:x:data'/><none xmlns=''/></query><empty/><t>&lt;</t></iq>");
}

static void long_formats_are_whole(void **state)
{
	char text[2000];
	memset(text, 'y', sizeof text);
	text[sizeof text - 1] = '\0';
	struct writer *w = start();
	xml_open(w, "a", NULL);
	xml_attrf(w, "v", "%s", text);
	xml_textf(w, "%s!", text);
	xml_close(w);
	writer_end(w);
	assert_int_equal(out.len, strlen("<a v=''>!</a>") + 2 * strlen(text));
}

static void trees_are_copied(void **state)
{
	struct arena arena = {0};
	struct element *message = element_new(&arena, "message", NS_COMPONENT);
	element_set(&arena, message, "to", "a");
	element_set(&arena, message, "from", "b");
	element_set(&arena, message, "to", "c'");
	struct element *body = element_new(&arena, "body", NULL), *text = element_new(&arena, NULL, NULL);
	struct element *other = element_new(&arena, "html", NS_XHTML_IM);
	text->text = "1 < 2";
	message->children = body;
	body->children = text;
	body->next = other;
	struct attribute lang = {.name = "lang", .ns = "http://www.w3.org/XML/1998/namespace", .value = "de"};
	struct attribute odd = {.next = &lang, .name = "k", .ns = "urn:odd", .value = "v"};
	other->attributes = &odd;

	struct writer *w = start();
	xml_element(w, message);
	EXPECT("<message to='c&apos;' from='b'><body>1 &lt; 2</body><html xmlns='http://jabber.org/protocol/xhtml-im' "
	       "xmlns:n1='urn:odd' n1:k='v' xml:lang='de'/></message>");
	assert_int_equal(element_count(message), 3);
	assert_int_equal(element_count(text), 0);
	assert_string_equal(element_child_text(&arena, message, "body", NULL), "1 < 2");
	assert_string_equal(element_text(&arena, other), "");
	assert_null(element_text(&arena, element_child(message, "nothing", NULL)));
	assert_ptr_equal(element_next(element_child(message, NULL, NULL), NULL, NS_XHTML_IM), other);
	assert_null(element_next(other, NULL, NULL));
	assert_null(element_get(other, "lang"));
	assert_null(element_get(NULL, "lang"));
	assert_false(element_is(NULL, NULL, NULL));
	assert_false(element_is(text, NULL, NULL));
	assert_false(element_is(body, "body", NS_CLIENT));
	arena_fini(&arena);
}

static void errors_have_names_and_types(void **state)
{
	for (int i = S2_DONE + 1; i < S2_CONDITIONS; i++) {
		assert_non_null(condition_name(i));
		assert_non_null(condition_type(i));
		assert_int_equal(condition_find(condition_name(i)), i);
	}
	assert_string_equal(condition_name(S2_DONE), "undefined-condition");
	assert_string_equal(condition_name((enum s2_condition)999), "undefined-condition");
	assert_int_equal(condition_find("payment-required"), S2_UNDEFINED_CONDITION);
	assert_int_equal(condition_find(NULL), S2_UNDEFINED_CONDITION);

	struct writer *w = start();
	xml_open(w, "iq", NULL);
	xml_error(w, S2_ITEM_NOT_FOUND, "no such room");
	xml_close(w);
	EXPECT("<iq><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
	       "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>no such room</text></error></iq>");
}

static void forms_are_written(void **state)
{
	struct writer *w = start();
	form_open(w, "form", "urn:f", "Title", NULL);
	form_field(w, "nick", "text-single", "Nick & name", "me", true);
	form_field(w, "none", NULL, NULL, NULL, false);
	form_close(w);
	EXPECT("<x xmlns='jabber:x:data' type='form'><title>Title</title>"
	       "<field var='FORM_TYPE' type='hidden'><value>urn:f</value></field>"
	       "<field var='nick' type='text-single' label='Nick &amp; name'><required/><value>me</value></field>"
	       "<field var='none'/></x>");
	assert_true(form_true("1") && form_true("true"));
	assert_false(form_true("0") || form_true("yes") || form_true("") || form_true(NULL));
	assert_null(form_value(NULL, NULL, "x"));
	str_fini(&out);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(text_and_attributes_are_escaped), cmocka_unit_test(namespaces_are_written_where_they_change),
    cmocka_unit_test(long_formats_are_whole),          cmocka_unit_test(trees_are_copied),
    cmocka_unit_test(errors_have_names_and_types),     cmocka_unit_test(forms_are_written),
};
RUN_TESTS(tests)
