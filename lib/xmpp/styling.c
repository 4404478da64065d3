/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Both directions look at each byte a fixed number of times, whatever stands in a text. */
#include "lib/xmpp/styling.h"

#include <ctype.h>
#include <string.h>

#include "lib/base/str.h"
#include "lib/xmpp/ns.h"
#include "lib/xmpp/writer.h"

#define FENCE "```"

static const struct directive {
	char mark;
	const char *element, *style; /* XHTML-IM has no element for a line through a text */
} directives[] = {
    {'*', "strong", NULL}, {'_', "em", NULL}, {'~', "span", "text-decoration:line-through"}, {'`', "code", NULL}};
#define DIRECTIVES (sizeof directives / sizeof *directives)
#define CODE (DIRECTIVES - 1)
#define BIT(index) (1u << (index))

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* ---- Bodies to XHTML ---- */

struct reader {
	struct arena *arena;
	struct writer writer;
	bool styled;
};

static void add_text(struct reader *reader, const char *text, size_t len)
{
	if (len)
		xml_text(&reader->writer, arena_strndup(reader->arena, text, len));
}

static size_t directive_of(char c)
{
	size_t i = 0;
	while (i < DIRECTIVES && directives[i].mark != c)
		i++;
	return i;
}

/* Where the span that opens at 0 ends; 0 if it does not. */
static size_t span_end(const char *text, size_t len)
{
	for (size_t i = 2; i < len; i++) {
		bool follows = i + 1 < len && (isalnum((unsigned char)text[i + 1]) || text[i + 1] == *text);
		if (text[i] == *text && !is_blank(text[i - 1]) && !follows)
			return i;
	}
	return 0;
}

/* Inside of one block; `open`: BIT of each directive around it. */
static void read_spans(struct reader *reader, const char *text, size_t len, unsigned open)
{
	unsigned endless = 0; /* directives that have no end from here on */
	size_t done = 0;
	for (size_t i = 0; i + 2 < len; i++) {
		size_t which = directive_of(text[i]);
		if (which == DIRECTIVES || (open | endless) & BIT(which) || (i && !is_blank(text[i - 1])) ||
		    is_blank(text[i + 1]) || text[i + 1] == text[i])
			continue;
		size_t end = span_end(text + i, len - i);
		if (!end) {
			endless |= BIT(which);
			continue;
		}
		add_text(reader, text + done, i - done);
		xml_open(&reader->writer, directives[which].element, NULL);
		xml_attr(&reader->writer, "style", directives[which].style);
		if (which == CODE)
			add_text(reader, text + i + 1, end - 1);
		else
			read_spans(reader, text + i + 1, end - 1, open | BIT(which));
		xml_close(&reader->writer);
		reader->styled = true;
		i += end;
		done = i + 1;
	}
	add_text(reader, text + done, len - done);
}

static bool is_fence(const char *line)
{
	return !strncmp(line, FENCE, strlen(FENCE));
}

/* Behind a fence: lines as they are, until one that is a fence. Returns what is behind that. */
static const char *read_block(struct reader *reader, const char *at)
{
	const char *end = at;
	while (*end && !is_fence(end)) {
		end += strcspn(end, "\n");
		end += *end == '\n';
	}
	size_t len = (size_t)(end - at);
	xml_open(&reader->writer, "pre", NULL);
	add_text(reader, at, len && at[len - 1] == '\n' ? len - 1 : len);
	xml_close(&reader->writer);
	reader->styled = true;
	return *end ? end + strcspn(end, "\n") : end;
}

const char *styling_xhtml(struct arena *arena, const char *body)
{
	struct str out = {0};
	struct reader reader = {.arena = arena};
	if (!strpbrk(body, "*_~`"))
		return NULL;
	writer_init(&reader.writer, &out, NS_XHTML);
	for (const char *at = body; *at;) {
		size_t len = strcspn(at, "\n");
		if (is_fence(at) && at[len]) {
			at = read_block(&reader, at + len + 1);
		} else {
			read_spans(&reader, at, len, 0);
			at += len;
		}
		if (*at == '\n') {
			xml_empty(&reader.writer, "br", NULL);
			at++;
		}
	}
	writer_end(&reader.writer);
	const char *text = reader.styled ? arena_strdup(arena, str_text(&out)) : NULL;
	str_fini(&out);
	return text;
}

/* ---- XHTML to bodies ---- */

/* The words of the XHTML beside the plain ones, and how each byte looks. */
struct match {
	const char *plain;
	size_t len, at;
	unsigned char *looks; /* BIT of directives */
	bool differs, styled;
};

static void match_text(struct match *match, const char *text, size_t len, unsigned look)
{
	if (match->differs || len > match->len - match->at || memcmp(match->plain + match->at, text, len) != 0) {
		match->differs = true;
		return;
	}
	memset(match->looks + match->at, (int)look, len);
	match->at += len;
	match->styled |= look != 0;
}

static unsigned look_of(const struct element *element)
{
	static const struct {
		const char *word;
		unsigned look;
	} words[] = {{"weight:bold", BIT(0)},   {"weight: bold", BIT(0)}, {"style:italic", BIT(1)},
	             {"style: italic", BIT(1)}, {"line-through", BIT(2)}, {"monospace", BIT(CODE)}};
	const char *style = element_get(element, "style");
	unsigned look = !strcmp(element->name, "pre") ? BIT(CODE) : 0;
	for (size_t i = 0; i < DIRECTIVES; i++) {
		if (!directives[i].style && !strcmp(element->name, directives[i].element))
			look |= BIT(i);
	}
	for (size_t i = 0; style && i < sizeof words / sizeof *words; i++) {
		if (strstr(style, words[i].word))
			look |= words[i].look;
	}
	return look;
}

static void match_nodes(struct match *match, const struct element *node, unsigned look)
{
	for (; node && !match->differs; node = node->next) {
		if (!node->name)
			match_text(match, node->text, strlen(node->text), look);
		else if (!strcmp(node->name, "br"))
			match_text(match, "\n", 1, 0);
		else
			match_nodes(match, node->children, look | look_of(node));
	}
}

/* The directives that bytes `from` to `to` can have: they must not stand in there, nor run into what is around. */
static unsigned fitting(const struct match *match, size_t from, size_t to, unsigned look)
{
	const char *plain = match->plain;
	bool before = !from || is_blank(plain[from - 1]), after = !isalnum((unsigned char)plain[to]);
	if (look & BIT(CODE))
		look = BIT(CODE);
	for (size_t i = 0; i < DIRECTIVES; i++) {
		if (look & BIT(i) &&
		    (memchr(plain + from, directives[i].mark, to - from) || plain[to] == directives[i].mark))
			look &= ~BIT(i);
	}
	return from < to && before && after ? look : 0;
}

static void add_marks(struct str *out, unsigned look, bool closing)
{
	for (size_t i = 0; i < DIRECTIVES; i++) {
		size_t which = closing ? DIRECTIVES - 1 - i : i;
		if (look & BIT(which))
			str_addc(out, directives[which].mark);
	}
}

/* Bytes of one look, without a line end. True if they got a directive. */
static bool add_run(struct str *out, const struct match *match, size_t from, size_t to)
{
	size_t first = from, last = to;
	while (first < to && is_blank(match->plain[first]))
		first++;
	while (last > first && is_blank(match->plain[last - 1]))
		last--;
	unsigned look = fitting(match, first, last, match->looks[from]);
	str_add(out, match->plain + from, first - from);
	add_marks(out, look, false);
	str_add(out, match->plain + first, last - first);
	add_marks(out, look, true);
	str_add(out, match->plain + last, to - last);
	return look;
}

const char *styling_body(struct arena *arena, const struct element *xhtml, const char *plain)
{
	struct match match = {.plain = plain, .len = strlen(plain)};
	struct str out = {0};
	bool marked = false;
	match.looks = arena_alloc(arena, match.len + 1);
	match_nodes(&match, xhtml->children, 0);
	if (match.differs || !match.styled || match.at != match.len)
		return NULL;
	for (size_t from = 0, to; from < match.len; from = to) {
		for (to = from + 1; to < match.len && match.looks[to] == match.looks[from] && plain[to] != '\n'; to++)
			;
		marked |= add_run(&out, &match, from, to);
	}
	const char *body = marked ? arena_strdup(arena, str_text(&out)) : NULL;
	str_fini(&out);
	return body;
}
