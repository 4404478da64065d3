/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Data forms: fields of our vocabulary there and back. */
#include <string.h>

#include "lib/xmpp/form.h"
#include "lib/xmpp/ns.h"
#include "lib/xmpp/parser.h"
#include "tests/unit/test.h"

static const struct s2_option options[] = {{"a", "First"}, {"b", NULL}};

static void fields_are_written_as_they_are(void **state)
{
	static const struct {
		struct s2_field field;
		bool result;
		const char *xml;
	} cases[] = {
	    {{"x", "Label", S2_FIELD_TEXT, true, "v", NULL, 0},
	     false,
	     "<field var='x' type='text-single' label='Label'><required/><value>v</value></field>"},
	    {{"x", "", S2_FIELD_PRIVATE, false, NULL, NULL, 0}, false, "<field var='x' type='text-private'/>"},
	    {{"x", NULL, S2_FIELD_BOOLEAN, false, "0", NULL, 0},
	     false,
	     "<field var='x' type='boolean'><value>0</value></field>"},
	    {{"x", NULL, S2_FIELD_LIST, false, "b", options, 2},
	     false,
	     "<field var='x' type='list-single'><value>b</value><option label='First'><value>a</value></option>"
	     "<option><value>b</value></option></field>"},
	    {{"x", NULL, S2_FIELD_LIST, true, "b", options, 2},
	     true,
	     "<field var='x' type='list-single'><value>b</value></field>"},
	    {{"x", NULL, S2_FIELD_LINES, false, "one\n\nthree & four", NULL, 0},
	     false,
	     "<field var='x' type='text-multi'><value>one</value><value/><value>three &amp; four</value></field>"},
	    {{"x", NULL, S2_FIELD_JIDS, false, NULL, NULL, 0}, false, "<field var='x' type='jid-multi'/>"},
	    {{"x", NULL, S2_FIELD_JID, false, "a@b", NULL, 0},
	     false,
	     "<field var='x' type='jid-single'><value>a@b</value></field>"},
	    {{"x", NULL, (enum s2_field_type)99, false, NULL, NULL, 0}, false, "<field var='x' type='text-single'/>"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct str out = {0};
		struct writer writer;
		writer_init(&writer, &out, NS_DATA);
		form_ask(&writer, &cases[i].field, cases[i].result);
		writer_end(&writer);
		assert_string_equal(str_text(&out), cases[i].xml);
		str_fini(&out);
	}
}

static void values_are_read_one_or_all(void **state)
{
	struct arena arena = {0};
	const struct element *form = parser_fragment(
	    &arena,
	    "<field var='one'><value>1</value></field><field var='none'/><field var='empty'><value/></field>"
	    "<field var='more'><value>a</value><value/><value>c</value></field><field><value>x</value></field>",
	    NS_DATA);
	assert_non_null(form);
	assert_string_equal(form_value(&arena, form, "one"), "1");
	assert_string_equal(form_values(&arena, form, "one"), "1");
	assert_null(form_value(&arena, form, "none"));
	assert_string_equal(form_values(&arena, form, "none"), "");
	assert_string_equal(form_values(&arena, form, "empty"), "");
	assert_string_equal(form_value(&arena, form, "more"), "a");
	assert_string_equal(form_values(&arena, form, "more"), "a\n\nc");
	assert_null(form_values(&arena, form, "other"));
	assert_null(form_values(&arena, NULL, "one"));
	arena_fini(&arena);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(fields_are_written_as_they_are),
    cmocka_unit_test(values_are_read_one_or_all),
};
RUN_TESTS(tests)
