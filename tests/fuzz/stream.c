/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes of an XMPP stream in arbitrary pieces: the events may depend neither on where the bytes are cut nor on how
 * often the parser is reset, and every stanza that is written out again must read as the same tree. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xmpp/ns.h"
#include "lib/xmpp/parser.h"
#include "lib/xmpp/writer.h"

#define HEADER "<s:stream xmlns:s='" NS_STREAMS "' xmlns='" NS_CLIENT "'>"

struct record {
	struct str log;
	struct str written;
};

static int same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static void check_same(const struct element *a, const struct element *b)
{
	for (; a && b; a = a->next, b = b->next) {
		if (!same(a->name, b->name) || !same(a->ns, b->ns) || !same(a->text, b->text))
			abort();
		const struct attribute *x = a->attributes, *y = b->attributes;
		for (; x && y; x = x->next, y = y->next)
			if (!same(x->name, y->name) || !same(x->ns, y->ns) || !same(x->value, y->value))
				abort();
		if (x || y)
			abort();
		check_same(a->children, b->children);
	}
	if (a || b)
		abort();
}

static void on_header(void *arg, const struct element *header)
{
	struct record *record = arg;
	str_addf(&record->log, "[%s]", element_get(header, "xmlns"));
}

static void on_stanza(void *arg, struct arena *arena, const struct element *stanza)
{
	struct record *record = arg;
	struct writer writer;
	str_clear(&record->written, 65536);
	writer_init(&writer, &record->written, NS_CLIENT);
	xml_element(&writer, stanza);
	writer_end(&writer);
	const struct element *again = parser_fragment(arena, str_text(&record->written), NS_CLIENT);
	if (!again)
		abort();
	check_same(stanza, again->children);
	str_add(&record->log, record->written.data, record->written.len);
	str_addc(&record->log, '\n');
}

static void on_end(void *arg)
{
	struct record *record = arg;
	str_adds(&record->log, "[end]");
}

/* `seed` chooses the pieces; 0 is all at once. */
static void read_stream(struct str *log, const struct parser_limits *limits, const char *bytes, size_t len, int header,
                        unsigned seed)
{
	static const struct parser_events events = {on_header, on_stanza, on_end};
	struct record record = {0};
	struct parser *parser = parser_new(limits, &events, &record);
	if (header)
		parser_feed(parser, HEADER, strlen(HEADER));
	while (len) {
		size_t piece = seed ? (seed = seed * 1103515245 + 12345) >> 16 & 15 : len;
		piece = piece < len ? piece : len;
		/* In memory of its own, so that reading past its end shows. */
		char *copy = malloc(piece + 1);
		memcpy(copy, bytes, piece);
		enum parser_error error = parser_feed(parser, copy, piece);
		free(copy);
		/* Text with a forbidden end that is also one node too many: expat tells of the text before it sees the
		 * end, or does not, as the pieces fall. */
		if (error == PARSER_POLICY_VIOLATION)
			error = PARSER_NOT_WELL_FORMED;
		str_adds(&record.log, parser_error_name(error));
		bytes += piece;
		len -= piece;
	}
	parser_free(&parser);
	*log = record.log;
	str_fini(&record.written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A tag of more than 4 KiB is not looked at before it is whole, so that an error in it comes later. */
	if (size < 2 || size > 4000)
		return 0;
	const char *bytes = (const char *)data + 2;
	struct parser_limits limits = {.stanza_bytes = 2000, .depth = 6, .attributes = 5, .children = 20};
	struct str whole, cut;
	read_stream(&whole, &limits, bytes, size - 2, data[0] & 1, 0);
	limits.reset_stanzas = 1 + (data[0] >> 1) % 4;
	read_stream(&cut, &limits, bytes, size - 2, data[0] & 1, data[1] + 1u);
	if (strcmp(str_text(&whole), str_text(&cut)))
		abort();
	str_fini(&whole);
	str_fini(&cut);
	return 0;
}
