/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/xmpp/form.h"
#include "lib/xmpp/ns.h"
#include "lib/xmpp/parser.h"
#include "lib/xmpp/stanza.h"
#include "lib/xmpp/writer.h"
#include "tests/unit/test.h"

#define HEADER                                                                                            \
	"<?xml version='1.0'?><stream:stream xmlns:stream='" NS_STREAMS "' xmlns='" NS_CLIENT "' to='h' " \
	"xml:lang='en'>"
#define END "</stream:stream>"

/* What a stream gave, written down as text: [header], stanzas one a line, [end], and the error. */
struct record {
	struct str log;
	struct parser *parser;
	unsigned headers, stanzas, ends;
	enum { NOTHING, STOP, RESTART } on_stanza;
};

static void log_element(struct record *record, const struct element *element)
{
	struct writer writer;
	writer_init(&writer, &record->log, NS_CLIENT);
	xml_element(&writer, element);
	writer_end(&writer);
	str_addc(&record->log, '\n');
}

static void on_header(void *arg, const struct element *header)
{
	struct record *record = arg;
	record->headers++;
	str_addf(&record->log, "[%s|%s|%s]\n", header->name, element_get(header, "xmlns"), element_get(header, "to"));
}

static void on_stanza(void *arg, struct arena *arena, const struct element *stanza)
{
	struct record *record = arg;
	record->stanzas++;
	log_element(record, stanza);
	if (record->on_stanza == STOP)
		parser_stop(record->parser);
	if (record->on_stanza == RESTART)
		parser_restart(record->parser);
}

static void on_end(void *arg)
{
	struct record *record = arg;
	record->ends++;
	str_adds(&record->log, "[end]\n");
}

static const struct parser_events events = {on_header, on_stanza, on_end};

static void record_open(struct record *record, const struct parser_limits *limits)
{
	*record = (struct record){0};
	record->parser = parser_new(limits, &events, record);
}

static enum parser_error feed(struct record *record, const char *bytes, size_t len)
{
	enum parser_error error = parser_feed(record->parser, bytes, len);
	if (error)
		str_addf(&record->log, "(%s)\n", parser_error_name(error));
	return error;
}

static void record_close(struct record *record)
{
	parser_free(&record->parser);
	str_fini(&record->log);
}

/* The whole log of a stream that is fed in pieces of `piece` bytes, the first one of `first`. To be freed. */
static char *log_of(const struct parser_limits *limits, const char *bytes, size_t len, size_t first, size_t piece)
{
	struct record record;
	record_open(&record, limits);
	feed(&record, bytes, first);
	for (size_t at = first; at < len; at += piece)
		feed(&record, bytes + at, piece < len - at ? piece : len - at);
	char *log = str_take(&record.log);
	record_close(&record);
	return log;
}

#define B(n) "<message to='u" #n "'><body>text &lt;" #n "&gt; &#x1F600;</body></message>"

static const struct {
	const char *input, *log;
} streams[] = {
    {HEADER "<presence/>", "[stream|jabber:client|h]\n<presence/>\n"},
    {HEADER "<presence/>\n \t" B(1) "\r\n<iq id='&quot;&#10;'><q xmlns='x'><a/>t<b/></q></iq>" END "<more/>",
     "[stream|jabber:client|h]\n<presence/>\n<message to='u1'><body>text &lt;1&gt; \xf0\x9f\x98\x80</body></message>\n"
     "<iq id='&quot;&#10;'><q xmlns='x'><a/>t<b/></q></iq>\n[end]\n"},
    {" \r\n\t" HEADER END, "[stream|jabber:client|h]\n[end]\n"},
    {"<s:stream xmlns:s='" NS_STREAMS "'><a xmlns:p='urn:p' p:k='v' xml:lang='de'><p:b/></a><s:features/>",
     "[stream|(null)|(null)]\n<a xmlns='' xmlns:n1='urn:p' n1:k='v' xml:lang='de'><b xmlns='urn:p'/></a>\n"
     "<features xmlns='http://etherx.jabber.org/streams'/>\n"},
    {"\xef\xbb\xbf<?xml version='1.0' encoding='utf-8'?>" HEADER, "(not-well-formed)\n"},
    {"\xef\xbb\xbf<s:stream xmlns:s='" NS_STREAMS "'><a>\xe2\x82\xac</a>",
     "[stream|(null)|(null)]\n<a xmlns=''>\xe2\x82\xac</a>\n"},
    {HEADER "<a><![CDATA[<x>&]]]>b<![CDATA[c]]></a>", "[stream|jabber:client|h]\n<a>&lt;x&gt;&amp;]b"
                                                      "c</a>\n"},
    {HEADER "<a>x\r\ny\rz&#13;</a>", "[stream|jabber:client|h]\n<a>x\ny\nz&#13;</a>\n"},
    /* refused */
    {"<?xml version='1.0' encoding='ISO-8859-1'?>" HEADER, "(unsupported-encoding)\n"},
    {"<?xml version='1.0' encoding='UTF-16'?>" HEADER, "(unsupported-encoding)\n"},
    {"\xfe\xff\x01", "(unsupported-encoding)\n"},
    {"\xff\xfe<", "(unsupported-encoding)\n"},
    {"<stream/>", "(invalid-namespace)\n"},
    {"<stream xmlns='" NS_CLIENT "'>", "(invalid-namespace)\n"},
    {"<features xmlns='" NS_STREAMS "'>", "(invalid-namespace)\n"},
    {"<stream:stream>", "(not-well-formed)\n"},
    {"hello ", "(not-well-formed)\n"},
    {"<!DOCTYPE lolz [<!ENTITY lol 'lol'><!ENTITY lol1 '&lol;&lol;'>]>" HEADER "<a>&lol1;</a>", "(restricted-xml)\n"},
    {"<!-- c -->" HEADER, "(restricted-xml)\n"},
    {"<?pi x?>" HEADER, "(restricted-xml)\n"},
    {HEADER "<!-- c -->", "[stream|jabber:client|h]\n(restricted-xml)\n"},
    {HEADER "<a/><b><?pi x?></b>", "[stream|jabber:client|h]\n<a/>\n(restricted-xml)\n"},
    {HEADER "<b><!-- c --></b><a/>", "[stream|jabber:client|h]\n(restricted-xml)\n"},
    {HEADER "<b>&nbsp;</b><a/>", "[stream|jabber:client|h]\n(restricted-xml)\n"},
    {HEADER "<b>&#0;</b><a/>", "[stream|jabber:client|h]\n(not-well-formed)\n"},
    {HEADER "<b>\xc0\x80</b><a/>", "[stream|jabber:client|h]\n(not-well-formed)\n"},
    {HEADER "<b>\xed\xa0\x80</b><a/>", "[stream|jabber:client|h]\n(not-well-formed)\n"},
    {HEADER "<b>\xef\xbf\xbf</b><a/>", "[stream|jabber:client|h]\n(not-well-formed)\n"},
    {HEADER "<b a='\xff'/><a/>", "[stream|jabber:client|h]\n(not-well-formed)\n"},
    {HEADER "<b>\x01</b><a/>", "[stream|jabber:client|h]\n(not-well-formed)\n"},
    {HEADER "<a/> text <b/>", "[stream|jabber:client|h]\n<a/>\n(not-well-formed)\n"},
    {HEADER "<a><b></a>", "[stream|jabber:client|h]\n(not-well-formed)\n"},
    {HEADER "<p:a/>", "[stream|jabber:client|h]\n(not-well-formed)\n"},
    {HEADER "<a b='1' b='2'/>", "[stream|jabber:client|h]\n(not-well-formed)\n"},
    {HEADER "<a/>" HEADER, "[stream|jabber:client|h]\n<a/>\n(not-well-formed)\n"},
};

static void streams_give_the_same_at_every_cut(void **state)
{
	for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
		const char *input = streams[i].input;
		size_t len = strlen(input);
		for (unsigned reset = 0; reset < 3; reset++) {
			struct parser_limits limits = {.reset_stanzas = reset};
			for (size_t cut = 0; cut <= len; cut++) {
				char *log = log_of(&limits, input, len, cut, len);
				assert_string_equal(log, streams[i].log);
				free(log);
			}
			for (size_t piece = 1; piece < 10; piece++) {
				char *log = log_of(&limits, input, len, 0, piece);
				assert_string_equal(log, streams[i].log);
				free(log);
			}
		}
	}
}

static void utf16_is_refused(void **state)
{
	static const char le[] = "<\0s\0", be[] = "\0<\0s";
	struct record record;
	record_open(&record, NULL);
	assert_int_equal(feed(&record, le, 1), PARSER_OK);
	assert_int_equal(feed(&record, le + 1, 3), PARSER_UNSUPPORTED_ENCODING);
	assert_int_equal(feed(&record, le, 4), PARSER_OK); /* told once, then ignored */
	parser_restart(record.parser);
	assert_int_equal(feed(&record, be, 4), PARSER_UNSUPPORTED_ENCODING);
	parser_restart(record.parser);
	assert_int_equal(feed(&record, "\xef\0", 2), PARSER_UNSUPPORTED_ENCODING);
	parser_restart(record.parser);
	assert_int_equal(feed(&record, "z\0", 2), PARSER_NOT_WELL_FORMED);
	record_close(&record);
}

static void last_byte_brings_the_last_stanza(void **state)
{
	static const char burst[] = HEADER B(1) B(2) "<presence a='>'/>" B(3) "<iq/>";
	for (size_t piece = 1; piece < sizeof burst; piece++) {
		struct record record;
		record_open(&record, NULL);
		for (size_t at = 0; at < sizeof burst - 1; at += piece)
			feed(&record, burst + at, piece < sizeof burst - 1 - at ? piece : sizeof burst - 1 - at);
		assert_int_equal(record.stanzas, 5);
		record_close(&record);
	}
}

/* A stanza of the given number of bytes, in one of four shapes. */
static void add_stanza(struct str *out, size_t bytes, int shape)
{
	static const char *const shapes[][2] = {
	    {"<m>", "</m>"}, {"<m a='", "'/>"}, {"<m a='>\"/>", "'>x</m>"}, {"<m", "/>"}};
	size_t fixed = strlen(shapes[shape][0]) + strlen(shapes[shape][1]);
	str_adds(out, shapes[shape][0]);
	memset(str_reserve(out, bytes - fixed), 'x', bytes - fixed);
	out->len += bytes - fixed;
	str_adds(out, shapes[shape][1]);
}

static enum parser_error end_of(const struct parser_limits *limits, const struct str *input, size_t piece,
                                unsigned *stanzas)
{
	struct record record;
	enum parser_error error = PARSER_OK;
	record_open(&record, limits);
	for (size_t at = 0; at < input->len && !error; at += piece)
		error = feed(&record, input->data + at, piece < input->len - at ? piece : input->len - at);
	*stanzas = record.stanzas;
	record_close(&record);
	return error;
}

static void stanza_bytes_trip_at_the_cap(void **state)
{
	struct parser_limits limits = {.stanza_bytes = 10000};
	static const size_t pieces[] = {1, 7, 1000, 4097, 1u << 20};
	for (int shape = 0; shape < 4; shape++)
		for (size_t over = 0; over < 3; over++)
			for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
				struct str input = {0};
				unsigned stanzas;
				str_adds(&input, HEADER "\n\n\n<presence/>\n\n");
				add_stanza(&input, 9999 + over, shape);
				add_stanza(&input, 5000, shape);
				str_adds(&input, "<iq/>");
				enum parser_error error = end_of(&limits, &input, pieces[p], &stanzas);
				assert_int_equal(error, over < 2 ? PARSER_OK : PARSER_POLICY_VIOLATION);
				assert_int_equal(stanzas, over < 2 ? 4 : 1);
				str_fini(&input);
			}
}

static void header_is_under_the_cap(void **state)
{
	struct parser_limits limits = {.stanza_bytes = 6000};
	for (size_t over = 0; over < 2; over++)
		for (size_t piece = 1; piece < 9000; piece = piece * 3 + 1) {
			struct str input = {0};
			unsigned stanzas;
			str_adds(&input, "<s:stream xmlns:s='" NS_STREAMS "' a='");
			while (input.len < 6000 - 2 + over)
				str_addc(&input, 'x');
			str_adds(&input, "'><iq/>");
			assert_int_equal(end_of(&limits, &input, piece, &stanzas),
			                 over ? PARSER_POLICY_VIOLATION : PARSER_OK);
			assert_int_equal(stanzas, over ? 0 : 1);
			str_fini(&input);
		}
}

static void ten_megabytes_stop_early(void **state)
{
	static const char *const openings[] = {"<m>",  "<m a='",     "<m", "</",  "<![CDATA[",
	                                       "<m>&", "<!DOCTYPE ", "<?", "<!--"};
	static char junk[65536];
	memset(junk, 'x', sizeof junk);
	for (size_t i = 0; i < sizeof openings / sizeof *openings; i++) {
		struct record record;
		record_open(&record, NULL);
		feed(&record, HEADER, strlen(HEADER));
		enum parser_error error = feed(&record, openings[i], strlen(openings[i]));
		size_t fed = 0;
		size_t before = mallinfo2().uordblks;
		for (; fed < 10u << 20 && !error; fed += sizeof junk)
			error = feed(&record, junk, sizeof junk);
		assert_int_not_equal(error, PARSER_OK);
		assert_true(fed <= (256u << 10) + 2 * sizeof junk);
		assert_true(mallinfo2().uordblks < before + (4u << 20));
		assert_int_equal(record.stanzas, 0);
		record_close(&record);
	}
}

static void a_long_tag_byte_by_byte_is_read_once(void **state)
{
	struct str input = {0};
	unsigned stanzas;
	str_adds(&input, HEADER "<a><b k=\"");
	for (int i = 0; i < 200000; i++)
		str_addc(&input, ">' /"[i % 4]);
	str_adds(&input, "\" l='>'>t</b></a><iq/>");
	assert_int_equal(end_of(NULL, &input, 1, &stanzas), PARSER_OK);
	assert_int_equal(stanzas, 2);
	str_fini(&input);
}

static void depth_attributes_and_children_have_caps(void **state)
{
	struct {
		struct parser_limits limits;
		const char *before, *unit, *after;
		unsigned most;
	} rows[] = {
	    {{.depth = 0}, "", "<a>", "", 64},
	    {{.depth = 5}, "", "<a>", "", 5},
	    {{.attributes = 0}, "<a", " x%u=''", "/>", 64},
	    {{.attributes = 3}, "<a", " x%u=''", "/>", 3},
	    {{.attributes = 3}, "<a", " xmlns:x%u='u'", "/>", 3},
	    {{.attributes = 3}, "<a xmlns='q'", " x%u=''", "/>", 2},
	    {{.children = 0}, "<a>", "<b/>", "</a>", 4096},
	    {{.children = 8}, "<a>", "<b/>", "</a>", 8},
	    {{.children = 8}, "<a>", "<b/>x", "</a>", 4},
	    {{.children = 7}, "<a><c/>", "<b>x</b>", "</a>", 3},
	    {{.children = 6}, "<a><c/>", "<b>x</b>", "<d/></a>", 2},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (unsigned n = rows[i].most - 1; n <= rows[i].most + 1; n++) {
			struct str input = {0};
			unsigned stanzas;
			/* One at the cap before, so that a count that is not started anew would show. */
			str_adds(&input, "<s:stream xmlns:s='" NS_STREAMS "'><z><y/></z>");
			str_adds(&input, rows[i].before);
			for (unsigned k = 0; k < n; k++)
				str_addf(&input, rows[i].unit, k);
			str_adds(&input, rows[i].after);
			assert_int_equal(end_of(&rows[i].limits, &input, 1000, &stanzas),
			                 n > rows[i].most ? PARSER_POLICY_VIOLATION : PARSER_OK);
			str_fini(&input);
		}
	struct str deep = {0};
	unsigned stanzas;
	str_adds(&deep, HEADER);
	for (int i = 0; i < 20000; i++)
		str_adds(&deep, "<a>");
	assert_int_equal(end_of(NULL, &deep, deep.len, &stanzas), PARSER_POLICY_VIOLATION);
	str_fini(&deep);
}

static void long_namespaces_do_not_multiply(void **state)
{
	struct str input = {0};
	unsigned stanzas;
	str_adds(&input, HEADER "<a xmlns:p='");
	for (int i = 0; i < 120000; i++)
		str_addc(&input, 'u');
	str_adds(&input, "' xmlns:q='u'><b");
	for (int i = 0; input.len < 250000; i++)
		str_addf(&input, " p:x%x=''", i);
	str_adds(&input, "/></a>");
	assert_int_equal(end_of(NULL, &input, input.len, &stanzas), PARSER_POLICY_VIOLATION);
	str_fini(&input);
	/* 1000 bytes of namespace and 600 elements would be 600 kB when written down. */
	for (int used = 200; used <= 600; used += 400) {
		str_adds(&input, HEADER "<a xmlns:p='");
		for (int i = 0; i < 1000; i++)
			str_addc(&input, 'u');
		str_adds(&input, "'>");
		for (int i = 0; i < used; i++)
			str_adds(&input, "<p:b/>");
		str_adds(&input, "</a>");
		assert_int_equal(end_of(NULL, &input, input.len, &stanzas),
		                 used == 200 ? PARSER_OK : PARSER_POLICY_VIOLATION);
		str_fini(&input);
	}
	for (int over = 0; over < 2; over++) {
		str_adds(&input, HEADER "<a xmlns:p='");
		for (int i = 0; i < 1024 + over; i++)
			str_addc(&input, 'u');
		str_adds(&input, "'><p:b/></a>");
		assert_int_equal(end_of(NULL, &input, input.len, &stanzas), over ? PARSER_POLICY_VIOLATION : PARSER_OK);
		str_fini(&input);
	}
}

static void resets_change_nothing(void **state)
{
	static const unsigned resets[] = {1, 7, 1000};
	struct str input = {0};
	char *expected = NULL;
	str_adds(&input, HEADER);
	for (int i = 0; i < 2500; i++)
		str_addf(&input, i % 3 ? "<m i='%d'><body>b</body><stream:x y%d=''/></m>" : " <iq id='%d'/>\n", i, i);
	for (size_t r = 0; r < 3; r++) {
		struct parser_limits limits = {.reset_stanzas = resets[r]};
		for (size_t piece = 37; piece < 100000; piece *= 40) {
			char *log = log_of(&limits, input.data, input.len, 0, piece);
			if (!expected)
				expected = strdup(log);
			assert_string_equal(log, expected);
			free(log);
		}
	}
	free(expected);
	str_fini(&input);
}

static void ignore_stanza(void *arg, struct arena *arena, const struct element *stanza)
{
	(*(unsigned *)arg)++;
}

/* Bytes of the heap in use: what the allocator of glibc says, or that of the sanitizer. */
extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));
static size_t heap_bytes(void)
{
	return __sanitizer_get_current_allocated_bytes ? __sanitizer_get_current_allocated_bytes()
	                                               : mallinfo2().uordblks;
}

static void new_names_for_ever_leave_memory_flat(void **state)
{
	static const struct parser_events counting = {.stanza = ignore_stanza};
	static const char *const formats[] = {
	    "<message%u><body/></message%u>",
	    "<message attribute%u=''><body/></message>",
	    "<message xmlns:p%u='urn:p'><p%u:body/></message>",
	    "<message xmlns='urn:something:%u:%u'><body/></message>",
	    "<message><x:b xmlns:x='urn:%u' x:q%u=''/></message>",
	};
	for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
		unsigned stanzas = 0;
		struct parser *parser = parser_new(NULL, &counting, &stanzas);
		parser_feed(parser, HEADER, strlen(HEADER));
		size_t most = 0, before = heap_bytes();
		for (unsigned i = 0; i < 100000; i++) {
			char stanza[200];
			int len = snprintf(stanza, sizeof stanza, formats[f], i, i);
			assert_int_equal(parser_feed(parser, stanza, (size_t)len), PARSER_OK);
			size_t now = i % 100 ? 0 : heap_bytes();
			most = now > most ? now : most;
		}
		assert_int_equal(stanzas, 100000);
		assert_true(most < before + (700u << 10));
		parser_free(&parser);
	}
}

static void white_space_is_free(void **state)
{
	struct record record;
	struct parser_limits limits = {.stanza_bytes = 500};
	record_open(&record, &limits);
	feed(&record, HEADER, strlen(HEADER));
	for (int i = 0; i < 2000; i++)
		assert_int_equal(feed(&record, i % 2 ? " " : "\r\n\t", i % 2 ? 1 : 3), PARSER_OK);
	feed(&record, "<iq/>", 5);
	assert_int_equal(record.stanzas, 1);
	static char blanks[65536];
	memset(blanks, ' ', sizeof blanks);
	for (int i = 0; i < 200; i++)
		assert_int_equal(feed(&record, blanks, sizeof blanks), PARSER_OK);
	feed(&record, "<iq/>", 5);
	assert_int_equal(record.stanzas, 2);
	record_close(&record);
}

/* They read with the same few expat parsers: nothing of one may be seen in another. */
static void streams_take_turns(void **state)
{
	static const char *const headers[] = {
	    "<stream:stream xmlns:stream='" NS_STREAMS "' xmlns='jabber:client' to='%u'>",
	    "<s:stream xmlns:p='urn:a&amp;&#10;&lt;' xmlns:s='" NS_STREAMS "' xmlns='jabber:client' to='%u'>",
	    "<stream xmlns='" NS_STREAMS "' xmlns:p='urn:b' to='%u'>",
	};
	static const char *const stanzas[] = {"<a b='%u' xmlns:p='urn:own'><p:x>%u</p:x></a>",
	                                      "<a b='%u'><p:x>%u</p:x></a>", "<p:a b='%u'> <x>%u</x></p:a>"};
	static const char *const logs[] = {
	    "[stream|jabber:client|%u]\n<a b='%u'><x xmlns='urn:own'>%u</x></a>\n",
	    "[stream|jabber:client|%u]\n<a b='%u'><x xmlns='urn:a&amp;&#10;&lt;'>%u</x></a>\n",
	    "[stream|" NS_STREAMS "|%u]\n<a xmlns='urn:b' b='%u'> <x xmlns='" NS_STREAMS "'>%u</x></a>\n",
	};
	static const char *const ends[] = {"</stream:stream>", "</s:stream>", "</stream>"};
	struct record records[30];
	char text[200];
	for (unsigned i = 0; i < 30; i++) {
		record_open(&records[i], NULL);
		feed(&records[i], text, (size_t)snprintf(text, sizeof text, headers[i % 3], i));
	}
	/* All are in the middle of a stanza at the same time, then none is. */
	for (unsigned part = 0; part < 4; part++) {
		for (unsigned i = 0; i < 30; i++) {
			size_t len = (size_t)snprintf(text, sizeof text, stanzas[i % 3], i, i), from = len * part / 4;
			feed(&records[i], text + from, len * (part + 1) / 4 - from);
		}
	}
	for (unsigned i = 0; i < 30; i++) {
		snprintf(text, sizeof text, logs[i % 3], i, i, i);
		assert_string_equal(records[i].log.data, text);
		assert_int_equal(feed(&records[i], ends[i % 3], strlen(ends[i % 3])), PARSER_OK);
		assert_int_equal(records[i].ends, 1);
		record_close(&records[i]);
	}
}

static void who_is_between_two_stanzas_holds_little(void **state)
{
	static struct record records[1000];
	size_t before = heap_bytes();
	for (unsigned i = 0; i < 1000; i++) {
		record_open(&records[i], NULL);
		feed(&records[i], HEADER "<a/>", strlen(HEADER "<a/>"));
	}
	assert_true((heap_bytes() - before) / 1000 < 800);
	for (unsigned i = 0; i < 1000; i++)
		record_close(&records[i]);
}

static void owner_can_stop_and_restart_inside_of_a_callback(void **state)
{
	static const char two[] = HEADER "<a/><b/><c><d/></c>";
	struct record record;
	record_open(&record, NULL);
	record.on_stanza = STOP;
	assert_int_equal(feed(&record, two, sizeof two - 1), PARSER_OK);
	assert_int_equal(record.stanzas, 1);
	assert_int_equal(feed(&record, "<", 1), PARSER_OK);
	parser_restart(record.parser);
	record.on_stanza = RESTART;
	for (int i = 0; i < 3; i++)
		assert_int_equal(feed(&record, two, sizeof two - 1), PARSER_OK);
	assert_int_equal(record.stanzas, 4);
	assert_int_equal(record.headers, 4);
	record.on_stanza = NOTHING;
	assert_int_equal(feed(&record, "\n", 1), PARSER_OK);
	assert_int_equal(feed(&record, two, sizeof two - 1), PARSER_OK);
	assert_int_equal(record.stanzas, 7);
	record_close(&record);
	parser_free(&record.parser);
}

static void lower_limit(void *arg, struct arena *arena, const struct element *stanza)
{
	struct record *record = arg;
	record->stanzas++;
	parser_set_limits(record->parser, &(struct parser_limits){.stanza_bytes = 20});
}

static void limits_hold_from_the_next_stanza_on(void **state)
{
	static const struct parser_events lowering = {.stanza = lower_limit};
	static const char input[] =
	    HEADER "<a xmlns='far more than twenty bytes'/><b/><c xmlns='far more than twenty'/>";
	for (size_t piece = 1; piece < 400; piece += 3) {
		struct record record = {0};
		enum parser_error error = PARSER_OK;
		record.parser = parser_new(NULL, &lowering, &record);
		for (size_t at = 0; at < sizeof input - 1 && !error; at += piece)
			error = parser_feed(record.parser, input + at,
			                    piece < sizeof input - 1 - at ? piece : sizeof input - 1 - at);
		assert_int_equal(error, PARSER_POLICY_VIOLATION);
		assert_int_equal(record.stanzas, 2);
		record_close(&record);
	}
}

static void fragments(void **state)
{
	static const struct {
		const char *xml, *written; /* NULL: refused */
	} rows[] = {
	    {"", "<body/>"},
	    {"plain", "<body>plain</body>"},
	    {"a<b style='x'>c</b> &amp; d", "<body>a<b style='x'>c</b> &amp; d</body>"},
	    {"<xml:x><y xml:z=''/></xml:x>", "<body><xml:x><y xml:z=''/></xml:x></body>"},
	    {"<x xmlns='urn:x'><y/></x>", "<body><x xmlns='urn:x'><y/></x></body>"},
	    {"<br>", NULL},
	    {"a & b", NULL},
	    {"</body><body>", NULL},
	    {"x</body>", NULL},
	    {"<?xml version='1.0'?>", NULL},
	    {"<!-- c -->", NULL},
	    {"<!DOCTYPE a>", NULL},
	    {"<p:a/>", NULL},
	    {"\xff", NULL},
	    {"&copy;", NULL},
	};
	struct arena arena = {0};
	struct str out = {0};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct element *body = parser_fragment(&arena, rows[i].xml, NS_XHTML);
		assert_int_equal(!body, !rows[i].written);
		if (!body)
			continue;
		assert_true(element_is(body, "body", NS_XHTML));
		struct writer writer;
		writer_init(&writer, &out, NS_XHTML);
		xml_element(&writer, body);
		writer_end(&writer);
		assert_string_equal(str_text(&out), rows[i].written);
		str_clear(&out, 0);
	}
	str_reserve(&out, 300000);
	for (int i = 0; i < 40000; i++)
		str_adds(&out, "<a>");
	assert_null(parser_fragment(&arena, out.data, NS_XHTML));
	for (int i = 0; i < 40000; i++)
		str_adds(&out, "1234567");
	assert_null(parser_fragment(&arena, out.data, NS_XHTML));
	str_fini(&out);
	arena_fini(&arena);
}

/* Whatever bytes a value is made of: what is written is well-formed, says the same after cleaning, and is written the
 * same way again. */
static void what_is_written_reads_back(void **state)
{
	static const char *const pieces[] = {"&",
	                                     "<",
	                                     ">",
	                                     "'",
	                                     "\"",
	                                     "\t",
	                                     "\n",
	                                     "\r",
	                                     "]]>",
	                                     "\x01",
	                                     "\x7f",
	                                     "plain words and more",
	                                     "\xc3\xa4",
	                                     "\xff",
	                                     "\xe2\x82",
	                                     "\xef\xbf\xbe",
	                                     "\xf0\x9f\x98\x80",
	                                     " ",
	                                     "&amp;"};
	enum { PIECES = sizeof pieces / sizeof *pieces };
	struct arena arena = {0};
	struct str value = {0}, clean = {0}, first = {0}, second = {0};
	unsigned seed = 1;
	for (int round = 0; round < 5000; round++) {
		str_clear(&value, 4096);
		str_clear(&clean, 4096);
		str_clear(&first, 4096);
		str_clear(&second, 4096);
		for (unsigned i = 0; i < 1 + (unsigned)round % 9; i++) {
			seed = seed * 1103515245 + 12345;
			str_adds(&value, pieces[(seed >> 16) % PIECES]);
		}
		utf8_clean(&clean, value.data, value.len);
		struct writer writer;
		writer_init(&writer, &first, NS_CLIENT);
		xml_open(&writer, "m", "urn:m");
		xml_attr(&writer, "a", value.data);
		xml_text(&writer, value.data);
		xml_leaf(&writer, "l", NULL, value.data);
		xml_close(&writer);
		writer_end(&writer);
		const struct element *m = element_child(parser_fragment(&arena, first.data, NS_CLIENT), "m", "urn:m");
		assert_non_null(m);
		assert_string_equal(element_get(m, "a"), str_text(&clean));
		assert_string_equal(element_text(&arena, m), str_text(&clean));
		assert_string_equal(element_child_text(&arena, m, "l", "urn:m"), str_text(&clean));
		writer_init(&writer, &second, NS_CLIENT);
		xml_element(&writer, m);
		writer_end(&writer);
		/* An empty text makes no node, so that <l></l> comes back as <l/>; there is one only if all was cleaned
		 * away. */
		if (clean.len)
			assert_string_equal(second.data, first.data);
		arena_reset(&arena);
	}
	str_fini(&value);
	str_fini(&clean);
	str_fini(&first);
	str_fini(&second);
	arena_fini(&arena);
}

static void errors_and_forms_are_read(void **state)
{
	struct arena arena = {0};
	const struct element *body = parser_fragment(
	    &arena,
	    "<error type='cancel'><text xmlns='" NS_STANZA_ERRORS "'>no <b/>room</text><gone xmlns='" NS_STANZA_ERRORS
	    "'/></error>"
	    "<x xmlns='jabber:x:data'><field var='a'/><field var='b'><value>1</value><value>2</value></field>"
	    "<field><value>0</value></field></x>",
	    NS_CLIENT);
	const char *text;
	assert_int_equal(stanza_error(&arena, body, &text), S2_GONE);
	assert_string_equal(text, "no room");
	const struct element *form = element_child(body, "x", NS_DATA);
	assert_null(form_value(&arena, form, "a"));
	assert_string_equal(form_value(&arena, form, "b"), "1");
	assert_null(form_value(&arena, form, "c"));
	assert_int_equal(stanza_error(&arena, form, &text), S2_UNDEFINED_CONDITION);
	assert_null(text);
	arena_fini(&arena);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(streams_give_the_same_at_every_cut),
    cmocka_unit_test(utf16_is_refused),
    cmocka_unit_test(last_byte_brings_the_last_stanza),
    cmocka_unit_test(stanza_bytes_trip_at_the_cap),
    cmocka_unit_test(header_is_under_the_cap),
    cmocka_unit_test(ten_megabytes_stop_early),
    cmocka_unit_test(a_long_tag_byte_by_byte_is_read_once),
    cmocka_unit_test(depth_attributes_and_children_have_caps),
    cmocka_unit_test(long_namespaces_do_not_multiply),
    cmocka_unit_test(resets_change_nothing),
    cmocka_unit_test(new_names_for_ever_leave_memory_flat),
    cmocka_unit_test(white_space_is_free),
    cmocka_unit_test(streams_take_turns),
    cmocka_unit_test(who_is_between_two_stanzas_holds_little),
    cmocka_unit_test(owner_can_stop_and_restart_inside_of_a_callback),
    cmocka_unit_test(limits_hold_from_the_next_stanza_on),
    cmocka_unit_test(fragments),
    cmocka_unit_test(what_is_written_reads_back),
    cmocka_unit_test(errors_and_forms_are_read),
};
RUN_TESTS(tests)
