/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/irc/format.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/xmpp/xhtml.h"

#define CODES "\x02\x03\x04\x0f\x11\x16\x1d\x1e\x1f"
#define NO_COLOUR UINT32_MAX

/* VERBATIM has no code: the line ends of an XHTML text count. */
enum { BOLD = 1, ITALIC = 2, UNDERLINE = 4, STRIKE = 8, MONOSPACE = 16, REVERSE = 32, VERBATIM = 64 };

struct look {
	unsigned flags;
	uint32_t colour, background; /* 0xRRGGBB */
};

static const struct look plain_look = {0, NO_COLOUR, NO_COLOUR};

/* mIRC's 0-15, then the 83 of its extended table. */
static const uint32_t palette[] = {
    0xffffff, 0x000000, 0x00007f, 0x009300, 0xff0000, 0x7f0000, 0x9c009c, 0xfc7f00, 0xffff00, 0x00fc00, 0x009393,
    0x00ffff, 0x0000fc, 0xff00ff, 0x7f7f7f, 0xd2d2d2, 0x470000, 0x472100, 0x474700, 0x324700, 0x004700, 0x00472c,
    0x004747, 0x002747, 0x000047, 0x2e0047, 0x470047, 0x47002a, 0x740000, 0x743a00, 0x747400, 0x517400, 0x007400,
    0x007449, 0x007474, 0x004074, 0x000074, 0x4b0074, 0x740074, 0x740045, 0xb50000, 0xb56300, 0xb5b500, 0x7db500,
    0x00b500, 0x00b571, 0x00b5b5, 0x0063b5, 0x0000b5, 0x7500b5, 0xb500b5, 0xb5006b, 0xff0000, 0xff8c00, 0xffff00,
    0xb2ff00, 0x00ff00, 0x00ffa0, 0x00ffff, 0x008cff, 0x0000ff, 0xa500ff, 0xff00ff, 0xff0098, 0xff5959, 0xffb459,
    0xffff71, 0xcfff60, 0x6fff6f, 0x65ffc9, 0x6dffff, 0x59b4ff, 0x5959ff, 0xc459ff, 0xff66ff, 0xff59bc, 0xff9c9c,
    0xffd39c, 0xffff9c, 0xe2ff9c, 0x9cff9c, 0x9cffdb, 0x9cffff, 0x9cd3ff, 0x9c9cff, 0xdc9cff, 0xff9cff, 0xff94d3,
    0x000000, 0x131313, 0x282828, 0x363636, 0x4d4d4d, 0x656565, 0x818181, 0x9f9f9f, 0xbcbcbc, 0xe2e2e2, 0xffffff,
};

void format_decode(struct str *out, const char *bytes)
{
	size_t len = strlen(bytes);
	if (utf8_valid(bytes, len)) {
		str_add(out, bytes, len);
		return;
	}
	for (size_t i = 0; i < len; i++) {
		char encoded[4];
		str_add(out, encoded, utf8_encode((unsigned char)bytes[i], encoded));
	}
}

/* One or two digits; 99 and what is not in the table are the default colour. */
static const char *read_number(const char *at, uint32_t *colour)
{
	unsigned number = 0;
	for (int digits = 0; digits < 2 && isdigit((unsigned char)*at); digits++)
		number = number * 10 + (unsigned)(*at++ - '0');
	*colour = number < sizeof palette / sizeof *palette ? palette[number] : NO_COLOUR;
	return at;
}

static bool is_hex_colour(const char *at)
{
	for (int i = 0; i < 6; i++)
		if (!isxdigit((unsigned char)at[i]))
			return false;
	return true;
}

static const char *read_hex(const char *at, uint32_t *colour)
{
	*colour = 0;
	for (int i = 0; i < 6; i++, at++)
		*colour = *colour << 4 | (uint32_t)(isdigit((unsigned char)*at) ? *at - '0' : (*at | 32) - 'a' + 10);
	return at;
}

/* Behind 03 or 04: "N[,M]"; nothing readable ends both colours. */
static const char *read_colours(const char *at, bool hex, struct look *look)
{
	const char *(*read)(const char *, uint32_t *) = hex ? read_hex : read_number;
	if (hex ? !is_hex_colour(at) : !isdigit((unsigned char)*at)) {
		look->colour = look->background = NO_COLOUR;
		return at;
	}
	at = read(at, &look->colour);
	if (*at == ',' && (hex ? is_hex_colour(at + 1) : isdigit((unsigned char)at[1])))
		at = read(at + 1, &look->background);
	return at;
}

static const struct {
	char code;
	unsigned flag;
} flags[] = {{0x02, BOLD}, {0x1d, ITALIC}, {0x1f, UNDERLINE}, {0x1e, STRIKE}, {0x11, MONOSPACE}, {0x16, REVERSE}};
#define FLAGS (sizeof flags / sizeof *flags)

/* `at` stands on a code; returns what is behind it and its arguments. */
static const char *read_code(const char *at, struct look *look)
{
	char code = *at++;
	if (code == 0x03 || code == 0x04)
		return read_colours(at, code == 0x04, look);
	if (code == 0x0f)
		*look = plain_look;
	for (size_t i = 0; i < FLAGS; i++)
		if (flags[i].code == code)
			look->flags ^= flags[i].flag;
	return at;
}

void format_plain(struct str *out, const char *text)
{
	struct look look = plain_look;
	for (const char *at = text; *at;) {
		size_t run = strcspn(at, CODES);
		utf8_clean(out, at, run);
		at += run;
		if (*at)
			at = read_code(at, &look);
	}
}

static void add_escaped(struct str *out, const char *text, size_t len)
{
	struct str clean = {0};
	utf8_clean(&clean, text, len);
	for (size_t i = 0; i < clean.len; i++) {
		switch (clean.data[i]) {
		case '&':
			str_adds(out, "&amp;");
			break;
		case '<':
			str_adds(out, "&lt;");
			break;
		case '>':
			str_adds(out, "&gt;");
			break;
		default:
			str_addc(out, clean.data[i]);
		}
	}
	str_fini(&clean);
}

static void add_span(struct str *out, const struct look *look)
{
	uint32_t colour = look->colour, background = look->background;
	if (look->flags & REVERSE) {
		colour = look->background == NO_COLOUR ? 0xffffff : look->background;
		background = look->colour == NO_COLOUR ? 0x000000 : look->colour;
	}
	str_adds(out, "<span style='");
	if (look->flags & BOLD)
		str_adds(out, "font-weight:bold;");
	if (look->flags & ITALIC)
		str_adds(out, "font-style:italic;");
	if (look->flags & (UNDERLINE | STRIKE))
		str_addf(out, "text-decoration:%s%s;", look->flags & UNDERLINE ? "underline" : "",
		         look->flags & STRIKE ? look->flags & UNDERLINE ? " line-through" : "line-through" : "");
	if (look->flags & MONOSPACE)
		str_adds(out, "font-family:monospace;");
	if (colour != NO_COLOUR)
		str_addf(out, "color:#%06x;", colour);
	if (background != NO_COLOUR)
		str_addf(out, "background-color:#%06x;", background);
	str_adds(out, "'>");
}

static bool is_plain(const struct look *look)
{
	return !look->flags && look->colour == NO_COLOUR && look->background == NO_COLOUR;
}

bool format_xhtml(struct str *out, const char *text)
{
	size_t run = strcspn(text, CODES);
	if (!text[run])
		return false;
	struct look look = plain_look;
	for (const char *at = text; *at;) {
		run = strcspn(at, CODES);
		if (run && is_plain(&look)) {
			add_escaped(out, at, run);
		} else if (run) {
			add_span(out, &look);
			add_escaped(out, at, run);
			str_adds(out, "</span>");
		}
		at += run;
		if (*at)
			at = read_code(at, &look);
	}
	return true;
}

/* ---- XHTML to codes ---- */

/* Codes that lead from one look to another. */
static void add_codes(struct str *out, unsigned from, unsigned to)
{
	for (size_t i = 0; i < FLAGS; i++)
		if ((from ^ to) & flags[i].flag)
			str_addc(out, flags[i].code);
}

/* Each line of a text begins and ends without a look: it becomes a message of its own. */
static void add_lines(struct str *out, const char *text, unsigned look)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		if (len) {
			add_codes(out, 0, look);
			str_add(out, text, len);
			add_codes(out, look, 0);
		}
		text += len;
		if (*text == '\n')
			str_addc(out, look & VERBATIM ? *text : ' ');
		text += *text == '\n';
	}
}

static unsigned look_of(const struct element *element)
{
	static const struct {
		const char *name, *word; /* of an element, or in the style of any */
		unsigned flag;
	} looks[] = {{"strong", "bold", BOLD},         {"em", "italic", ITALIC},      {"cite", "oblique", ITALIC},
	             {"code", "monospace", MONOSPACE}, {"pre", "courier", MONOSPACE}, {"pre", "pre-wrap", VERBATIM},
	             {"", "underline", UNDERLINE},     {"", "line-through", STRIKE}};
	const char *style = element_get(element, "style");
	unsigned look = 0;
	for (size_t i = 0; i < sizeof looks / sizeof *looks; i++)
		if (!strcmp(element->name, looks[i].name) || (style && strstr(style, looks[i].word)))
			look |= looks[i].flag;
	return look;
}

static bool is_paragraph(const char *name)
{
	static const char *const names[] = {"p", "blockquote", "ul", "ol", "li", "pre"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

static void add_line_end(struct str *out, size_t begin)
{
	if (out->len > begin && out->data[out->len - 1] != '\n')
		str_addc(out, '\n');
}

static void add_nodes(struct str *out, size_t begin, const struct element *node, unsigned look)
{
	for (; node; node = node->next) {
		if (!node->name) {
			add_lines(out, node->text, look);
			continue;
		}
		bool paragraph = is_paragraph(node->name);
		const char *link = element_get(node, "href"), *picture = element_get(node, "src");
		size_t from = out->len;
		if (paragraph)
			add_line_end(out, begin);
		if (!strcmp(node->name, "br"))
			str_addc(out, '\n');
		if (picture)
			add_lines(out, picture, 0);
		add_nodes(out, begin, node->children, look | look_of(node));
		if (link && (!out->data || !strstr(out->data + from, link)))
			str_addf(out, out->len > from ? " <%s>" : "%s", link);
		if (paragraph && node->next)
			add_line_end(out, begin);
	}
}

bool format_codes(struct str *out, const char *xhtml)
{
	struct arena arena = {0};
	struct element *body = xhtml_clean(&arena, xhtml);
	size_t begin = out->len;
	if (body)
		add_nodes(out, begin, body->children, 0);
	arena_fini(&arena);
	return out->len > begin;
}
