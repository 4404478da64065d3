/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The stream parser: expat below, caps all around, one event per stanza above. Every stream of the program reads
 * through it (RFC 6120 sections 4 and 11).
 *
 * Between two stanzas expat knows nothing of a stream but the namespaces that its header has declared. So a stream has
 * a reader only while it is in the middle of something, and then takes any that stands behind such a header. Expat
 * keeps each name that it ever saw, and processes live for months: from time to time a reader is thrown away, and a new
 * one is brought to where the old one was by the stored header. */
#include "lib/xmpp/parser.h"

#include <assert.h>
#include <expat.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/xmpp/expat_calls.h"
#include "lib/xmpp/ns.h"
#include "lib/xmpp/reader.h"
#include "lib/xmpp/writer.h"

#define PIECE_BYTES 8192       /* expat copies what it is given and keeps a buffer of that size */
#define LONG_TAG 4096          /* from so many bytes on expat gets the rest of an unfinished tag in one piece */
#define RESET_BYTES (4u << 20) /* reset after so much input: expat measures its memory by what it has read */
#define EXPAT_BYTES (1u << 20) /* memory that expat may take whatever it has read */

enum state {
	AWAIT_HEADER,
	OPEN,
	RESET,   /* open, and the rest of the bytes is for another reader */
	RESTART, /* the owner asked for it inside of a callback */
	ENDED,   /* after </stream:stream>, an error, or parser_stop */
};

struct parser {
	const struct parser_events *events;
	void *arg;
	struct parser_limits limits;
	struct reader *reader; /* NULL before the header, and between two stanzas */
	enum state state;
	enum parser_error error; /* why it ended */
	bool feeding;            /* on the stack: inside of parser_feed */
	bool replaying;          /* the header goes in again */
	bool fragment;           /* the root is what is wanted */

	/* A tag that declares the namespaces of the stream's header: what a reader of this stream has to have read. */
	struct str header;
	struct attribute *spaces; /* they themselves, while the header is being read, the last one first */
	struct str held;          /* bytes of a long tag that expat has not seen yet */
	bool holding;
	char quote; /* within the long tag: the quote that is open, or '\0' */

	unsigned declared;    /* namespaces, by the tag being read */
	struct element *root; /* of a fragment */
};

/* Nothing more is taken from the bytes that expat has. It may call back all the same: every callback asks stopped(). */
static void end_reading(struct parser *parser, enum state state)
{
	parser->state = state;
	if (parser->feeding)
		XML_StopParser(parser->reader->expat, XML_FALSE);
}

static bool stopped(const struct parser *parser)
{
	return parser->state != AWAIT_HEADER && parser->state != OPEN;
}

static void fail(struct parser *parser, enum parser_error error)
{
	parser->error = error;
	end_reading(parser, ENDED);
}

/* End of what expat is telling about. */
static size_t event_end(const struct parser *parser)
{
	XML_Parser expat = parser->reader->expat;
	return (size_t)XML_GetCurrentByteIndex(expat) + (size_t)XML_GetCurrentByteCount(expat);
}

static size_t count_attributes(const char **attributes)
{
	size_t count = 0;
	while (attributes[2 * count])
		count++;
	return count;
}

/* `name` as expat gives it. Apart from its namespaces a header does not matter any more. */
static void keep_header(struct parser *parser, const char *name)
{
	const char *prefix = strchr(strchr(name, NAMES_SEPARATOR) + 1, NAMES_SEPARATOR);
	struct writer writer;
	str_fini(&parser->header);
	writer_init(&writer, &parser->header, NULL);
	xml_open(&writer, prefix ? arena_printf(&parser->reader->stanza_arena, "%s:stream", prefix + 1) : "stream",
	         NULL);
	for (const struct attribute *space = parser->spaces; space; space = space->next)
		xml_attr(&writer, space->name, space->value);
	/* It stays open. */
	str_addc(&parser->header, '>');
}

/* The owner wants to see the namespace of the content, which expat does not count among the attributes. */
static void header_open(struct parser *parser, const char *name, const char **attributes)
{
	struct reader *reader = parser->reader;
	tree_open(&reader->tree, name, attributes);
	struct element *header = tree_close(&reader->tree);
	if (!element_is(header, "stream", NS_STREAMS)) {
		fail(parser, PARSER_BAD_NAMESPACE);
		return;
	}
	for (const struct attribute *space = parser->spaces; space; space = space->next) {
		if (!strcmp(space->name, "xmlns"))
			element_set(&reader->stanza_arena, header, "xmlns", space->value);
	}
	reader->boundary = event_end(parser);
	keep_header(parser, name);
	parser->spaces = NULL;
	parser->state = OPEN;
	if (parser->events->header)
		parser->events->header(parser->arg, header);
	arena_reset(&reader->stanza_arena);
}

/* A good place for another reader to take over, if it is time. */
static void between_stanzas(struct parser *parser)
{
	const struct reader *reader = parser->reader;
	if (!stopped(parser) && (reader->stanzas >= parser->limits.reset_stanzas ||
	                         reader->names.bytes >= parser->limits.reset_name_bytes ||
	                         reader->boundary >= RESET_BYTES || reader->swollen))
		end_reading(parser, RESET);
}

static void child_close(struct parser *parser, struct element *stanza)
{
	struct reader *reader = parser->reader;
	size_t bytes = event_end(parser) - reader->boundary;
	reader->boundary += bytes;
	if (bytes > parser->limits.stanza_bytes) { /* lowered on the way */
		fail(parser, PARSER_POLICY_VIOLATION);
		return;
	}
	parser->events->stanza(parser->arg, &reader->stanza_arena, stanza);
	arena_reset(&reader->stanza_arena);
	reader->stanzas++;
	between_stanzas(parser);
}

/* A namespace that is declared once can stand behind thousands of short names. What cannot be written down again in
 * reasonable space is refused here, for everybody who copies or answers stanzas. */
static void child_open(struct parser *parser, const char *name, const char **attributes)
{
	struct tree *tree = &parser->reader->tree;
	tree_open(tree, name, attributes);
	if (tree->ns_bytes > parser->limits.stanza_bytes)
		fail(parser, PARSER_POLICY_VIOLATION);
}

static bool room_for_node(const struct parser *parser)
{
	const struct tree *tree = &parser->reader->tree;
	return !tree->depth || tree->nodes < parser->limits.children;
}

static void on_start(void *arg, const char *name, const char **attributes)
{
	struct parser *parser = arg;
	unsigned declared = parser->declared;
	parser->declared = 0;
	if (stopped(parser) || parser->replaying)
		return;
	if (parser->reader->tree.depth >= parser->limits.depth || !room_for_node(parser) ||
	    declared + count_attributes(attributes) > parser->limits.attributes)
		fail(parser, PARSER_POLICY_VIOLATION);
	else if (parser->state == AWAIT_HEADER)
		header_open(parser, name, attributes);
	else
		child_open(parser, name, attributes);
}

static void on_end(void *arg, const char *name)
{
	struct parser *parser = arg;
	if (stopped(parser))
		return;
	if (!parser->reader->tree.depth) {
		end_reading(parser, ENDED);
		if (parser->events->end)
			parser->events->end(parser->arg);
		return;
	}
	struct element *root = tree_close(&parser->reader->tree);
	if (root && parser->fragment)
		parser->root = root;
	else if (root)
		child_close(parser, root);
}

static bool is_space(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] != ' ' && text[i] != '\n' && text[i] != '\t' && text[i] != '\r')
			return false;
	return true;
}

static void on_text(void *arg, const char *text, int len)
{
	struct parser *parser = arg;
	struct tree *tree = &parser->reader->tree;
	if (stopped(parser))
		return;
	if (!tree->depth && is_space(text, (size_t)len)) {
		parser->reader->boundary = event_end(parser);
		between_stanzas(parser);
	} else if (!tree->depth) {
		fail(parser, PARSER_NOT_WELL_FORMED);
	} else if (tree->text.len || room_for_node(parser)) {
		tree_text(tree, text, (size_t)len);
	} else {
		fail(parser, PARSER_POLICY_VIOLATION);
	}
}

static void note_space(struct parser *parser, const char *prefix, const char *uri)
{
	struct arena *arena = &parser->reader->stanza_arena;
	struct attribute *space = arena_alloc(arena, sizeof *space);
	space->name = prefix ? arena_printf(arena, "xmlns:%s", prefix) : "xmlns";
	space->value = arena_strdup(arena, uri);
	space->next = parser->spaces;
	parser->spaces = space;
}

static void on_namespace(void *arg, const char *prefix, const char *uri)
{
	struct parser *parser = arg;
	if (stopped(parser) || parser->replaying)
		return;
	parser->declared++;
	if (prefix)
		names_count(&parser->reader->names, prefix);
	if (uri && strlen(uri) > NAMES_SPACE_BYTES)
		fail(parser, PARSER_POLICY_VIOLATION);
	else if (uri && parser->state == AWAIT_HEADER)
		note_space(parser, prefix, uri);
}

static void on_declaration(void *arg, const char *version, const char *encoding, int standalone)
{
	struct parser *parser = arg;
	if (!stopped(parser) && encoding && strcasecmp(encoding, "UTF-8"))
		fail(parser, PARSER_UNSUPPORTED_ENCODING);
}

static void restricted(struct parser *parser)
{
	if (!stopped(parser))
		fail(parser, PARSER_RESTRICTED_XML);
}

static void on_doctype(void *arg, const char *name, const char *system, const char *public, int subset)
{
	restricted(arg);
}

static void on_instruction(void *arg, const char *target, const char *data)
{
	restricted(arg);
}

static void on_comment(void *arg, const char *text)
{
	restricted(arg);
}

/* A long namespace is repeated in expat's memory for each attribute that is in it. */
static void limit_memory(struct parser *parser)
{
	expat_bound_memory(parser->reader->expat, EXPAT_BYTES + 8ull * parser->limits.stanza_bytes);
}

static void use_reader(struct parser *parser, struct reader *reader)
{
	parser->reader = reader;
	parser->declared = 0;
	XML_SetUserData(reader->expat, parser);
	limit_memory(parser);
}

static void use_new_reader(struct parser *parser, struct arena *nodes, struct arena *names)
{
	struct reader *reader = reader_new(nodes, names);
	XML_Parser expat = reader->expat;
	expat_be_prompt(expat);
	XML_SetReturnNSTriplet(expat, 1);
	XML_SetElementHandler(expat, on_start, on_end);
	XML_SetCharacterDataHandler(expat, on_text);
	XML_SetStartNamespaceDeclHandler(expat, on_namespace);
	XML_SetXmlDeclHandler(expat, on_declaration);
	XML_SetStartDoctypeDeclHandler(expat, on_doctype);
	XML_SetProcessingInstructionHandler(expat, on_instruction);
	XML_SetCommentHandler(expat, on_comment);
	use_reader(parser, reader);
}

static enum parser_error error_of(XML_Parser expat)
{
	switch (XML_GetErrorCode(expat)) {
	case XML_ERROR_UNDEFINED_ENTITY:
		return PARSER_RESTRICTED_XML;
	case XML_ERROR_UNKNOWN_ENCODING:
	case XML_ERROR_INCORRECT_ENCODING:
		return PARSER_UNSUPPORTED_ENCODING;
	case XML_ERROR_NO_MEMORY: /* its limit, see above; the allocator itself does not fail on Linux */
		return PARSER_POLICY_VIOLATION;
	default:
		return PARSER_NOT_WELL_FORMED;
	}
}

static void expat_feed(struct parser *parser, const char *bytes, size_t len)
{
	XML_Parser expat = parser->reader->expat;
	enum XML_Status status = XML_Parse(expat, bytes, (int)len, XML_FALSE);
	if (status != XML_STATUS_OK && !stopped(parser))
		fail(parser, error_of(expat));
}

/* Something comes, and there is no reader. */
static void begin_reading(struct parser *parser)
{
	struct reader *reader = parser->state == AWAIT_HEADER ? NULL : reader_take(&parser->header);
	if (reader) {
		use_reader(parser, reader);
		return;
	}
	use_new_reader(parser, NULL, NULL);
	if (parser->state == AWAIT_HEADER)
		return;
	parser->replaying = true;
	expat_feed(parser, parser->header.data, parser->header.len);
	parser->replaying = false;
	parser->reader->position = parser->reader->boundary = parser->header.len;
}

/* Where all that came was whole, another stream may go on with the reader. */
static void rest(struct parser *parser)
{
	const struct reader *reader = parser->reader;
	if (reader && parser->state == OPEN && reader->position == reader->boundary && !parser->holding)
		reader_give(&parser->reader, &parser->header);
}

/* Bytes up to and with the end of the long tag that is being held back; all of them if it does not end in there. */
static size_t long_tag_rest(struct parser *parser, const char *bytes, size_t len)
{
	for (size_t at = 0; at < len; at++) {
		char c = bytes[at];
		if (parser->quote) {
			const char *end = memchr(bytes + at, parser->quote, len - at);
			if (!end)
				return len;
			at = (size_t)(end - bytes);
			parser->quote = '\0';
		} else if (c == '"' || c == '\'') {
			parser->quote = c;
		} else if (c == '>') {
			parser->holding = false;
			return at + 1;
		}
	}
	return len;
}

/* Expat reads an unfinished tag from its beginning each time that a piece of it comes: a long one that comes byte by
 * byte would cost the square of its length. */
static void check_long_tag(struct parser *parser)
{
	int offset = 0, size = 0;
	const char *input = XML_GetInputContext(parser->reader->expat, &offset, &size);
	if (!input || size - offset < LONG_TAG)
		return;
	const char *tag = input + offset;
	if (tag[0] != '<' || tag[1] == '!' || tag[1] == '?') {
		fail(parser, PARSER_RESTRICTED_XML);
		return;
	}
	parser->holding = parser->reader->swollen = true;
	parser->quote = '\0';
	long_tag_rest(parser, tag, (size_t)(size - offset));
}

static void feed_long_tag(struct parser *parser, const char *bytes, size_t len, bool at_cap)
{
	str_add(&parser->held, bytes, len);
	if (parser->holding && !at_cap)
		return;
	parser->holding = false;
	struct str held = parser->held;
	parser->held = (struct str){0};
	expat_feed(parser, held.data, held.len);
	str_fini(&held);
}

/* A stream begins with a tag or a byte order mark. Expat would guess UTF-16 from the first two bytes, and follow it. */
static enum parser_error check_beginning(const struct str *header)
{
	const unsigned char *bytes = (const unsigned char *)header->data;
	if (bytes[0] == 0 || bytes[0] >= 0xfe)
		return PARSER_UNSUPPORTED_ENCODING;
	if (bytes[0] != '<' && bytes[0] != 0xef)
		return PARSER_NOT_WELL_FORMED;
	return header->len > 1 && bytes[1] == 0 ? PARSER_UNSUPPORTED_ENCODING : PARSER_OK;
}

/* Takes as much as may belong to one stanza, so that a cap trips at the same byte however the bytes are cut. */
static size_t feed_piece(struct parser *parser, const char *bytes, size_t len)
{
	struct reader *reader = parser->reader;
	size_t before = reader->position, used = before - reader->boundary;
	if (used >= parser->limits.stanza_bytes) {
		fail(parser, PARSER_POLICY_VIOLATION);
		return 0;
	}
	size_t room = parser->limits.stanza_bytes - used;
	len = len < room ? len : room;
	len = len < PIECE_BYTES ? len : PIECE_BYTES;
	if (parser->holding)
		len = long_tag_rest(parser, bytes, len);
	reader->position += len;
	if (parser->state == AWAIT_HEADER) {
		str_add(&parser->header, bytes, len);
		enum parser_error error = check_beginning(&parser->header);
		if (error) {
			fail(parser, error);
			return len;
		}
	}
	if (parser->holding || parser->held.len)
		feed_long_tag(parser, bytes, len, len == room);
	else
		expat_feed(parser, bytes, len);
	if (!stopped(parser) && !parser->holding)
		check_long_tag(parser);
	if (parser->state == RESET) {
		assert(reader->boundary >= before);
		len = reader->boundary - before;
		/* Expat has given its last event of this one. */
		reader_free(&parser->reader);
		parser->state = OPEN;
	}
	return len;
}

enum parser_error parser_feed(struct parser *parser, const char *bytes, size_t len)
{
	assert(!parser->feeding);
	/* White space before a header is what remains of the stream before a restart. */
	while (len && parser->state == AWAIT_HEADER && !parser->reader && is_space(bytes, 1)) {
		bytes++;
		len--;
	}
	parser->feeding = true;
	while (len && !stopped(parser)) {
		if (!parser->reader)
			begin_reading(parser);
		size_t taken = feed_piece(parser, bytes, len);
		bytes += taken;
		len -= taken;
	}
	parser->feeding = false;
	if (parser->state == RESTART)
		parser_restart(parser);
	rest(parser);
	enum parser_error error = parser->error;
	parser->error = PARSER_OK;
	return error;
}

void parser_stop(struct parser *parser)
{
	end_reading(parser, ENDED);
}

void parser_restart(struct parser *parser)
{
	if (parser->feeding) {
		end_reading(parser, RESTART);
		return;
	}
	reader_free(&parser->reader);
	str_fini(&parser->header);
	str_fini(&parser->held);
	parser->spaces = NULL;
	parser->holding = false;
	parser->error = PARSER_OK;
	parser->state = AWAIT_HEADER;
}

void parser_set_limits(struct parser *parser, const struct parser_limits *limits)
{
	static const struct parser_limits none;
	const struct parser_limits *wanted = limits ? limits : &none;
	parser->limits = (struct parser_limits){
	    .depth = wanted->depth ? wanted->depth : 64,
	    .stanza_bytes = wanted->stanza_bytes ? wanted->stanza_bytes : 256u << 10,
	    .attributes = wanted->attributes ? wanted->attributes : 64,
	    .children = wanted->children ? wanted->children : 4096,
	    .reset_stanzas = wanted->reset_stanzas ? wanted->reset_stanzas : 1000,
	    .reset_name_bytes = wanted->reset_name_bytes ? wanted->reset_name_bytes : 256u << 10,
	};
	if (parser->limits.stanza_bytes > INT_MAX / 2) /* a long tag goes to expat in one piece */
		parser->limits.stanza_bytes = INT_MAX / 2;
	if (parser->reader)
		limit_memory(parser);
}

struct parser *parser_new(const struct parser_limits *limits, const struct parser_events *events, void *arg)
{
	struct parser *parser = mem_new(sizeof *parser);
	parser->events = events;
	parser->arg = arg;
	parser_set_limits(parser, limits);
	return parser;
}

void parser_free(struct parser **at)
{
	struct parser *parser = *at;
	if (!parser)
		return;
	assert(!parser->feeding);
	*at = NULL;
	reader_free(&parser->reader);
	str_fini(&parser->header);
	str_fini(&parser->held);
	free(parser);
}

struct element *parser_fragment(struct arena *arena, const char *xml, const char *ns)
{
	struct parser parser = {.fragment = true, .feeding = true, .state = OPEN};
	struct str open = {0};
	parser_set_limits(&parser, NULL);
	use_new_reader(&parser, arena, arena);
	size_t len = strlen(xml);
	bool whole = false;
	if (len <= parser.limits.stanza_bytes) {
		str_addf(&open, "<body xmlns='%s'>", ns);
		expat_feed(&parser, open.data, open.len);
		expat_feed(&parser, xml, len);
		whole = !stopped(&parser) && XML_Parse(parser.reader->expat, "</body>", 7, XML_TRUE) == XML_STATUS_OK;
	}
	str_fini(&open);
	reader_free(&parser.reader);
	return whole ? parser.root : NULL;
}

const char *parser_error_name(enum parser_error error)
{
	static const char *const names[] = {
	    [PARSER_OK] = "",
	    [PARSER_NOT_WELL_FORMED] = "not-well-formed",
	    [PARSER_RESTRICTED_XML] = "restricted-xml",
	    [PARSER_BAD_NAMESPACE] = "invalid-namespace",
	    [PARSER_POLICY_VIOLATION] = "policy-violation",
	    [PARSER_UNSUPPORTED_ENCODING] = "unsupported-encoding",
	};
	return names[error];
}
