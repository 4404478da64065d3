/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/markup.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/mem.h"
#include "lib/base/utf8.h"

enum {
	DEPTH_MOST = 32,    /* elements in each other; what is deeper loses its formatting */
	NAME_BYTES = 16,    /* of an element that is looked at */
	VALUE_BYTES = 2048, /* of an attribute */
	TAG_BYTES = 8192    /* that are looked through for the end of a tag whose quotes don't match */
};

enum kind {
	KIND_PLAIN,  /* an element on both sides */
	KIND_BREAK,  /* a new line */
	KIND_BLOCK,  /* begins and ends on lines of its own */
	KIND_ITEM,   /* of a list */
	KIND_LINK,   /* a */
	KIND_FONT,   /* font with color, face, size, back */
	KIND_SPAN,   /* style */
	KIND_IMAGE,  /* img */
	KIND_HIDDEN, /* what is inside is no text */
};

static const struct tag {
	const char *name;
	enum kind kind;
	const char *xhtml_open, *xhtml_close;
	const char *purple; /* element towards libpurple */
} tags[] = {
    {"b", KIND_PLAIN, "<strong>", "</strong>", "b"},
    {"strong", KIND_PLAIN, "<strong>", "</strong>", "b"},
    {"i", KIND_PLAIN, "<em>", "</em>", "i"},
    {"em", KIND_PLAIN, "<em>", "</em>", "i"},
    {"cite", KIND_PLAIN, "<em>", "</em>", "i"},
    {"u", KIND_PLAIN, "<span style=\"text-decoration: underline\">", "</span>", "u"},
    {"s", KIND_PLAIN, "<span style=\"text-decoration: line-through\">", "</span>", "s"},
    {"strike", KIND_PLAIN, "<span style=\"text-decoration: line-through\">", "</span>", "s"},
    {"del", KIND_PLAIN, "<span style=\"text-decoration: line-through\">", "</span>", "s"},
    {"code", KIND_PLAIN, "<span style=\"font-family: monospace\">", "</span>", NULL},
    {"tt", KIND_PLAIN, "<span style=\"font-family: monospace\">", "</span>", NULL},
    {"a", KIND_LINK, NULL, "</a>", "a"},
    {"font", KIND_FONT, NULL, "</span>", "font"},
    {"span", KIND_SPAN, NULL, "</span>", NULL},
    {"img", KIND_IMAGE, NULL, NULL, NULL},
    {"br", KIND_BREAK, NULL, NULL, NULL},
    {"hr", KIND_BREAK, NULL, NULL, NULL},
    {"li", KIND_ITEM, NULL, NULL, NULL},
    {"p", KIND_BLOCK, NULL, NULL, NULL},
    {"div", KIND_BLOCK, NULL, NULL, NULL},
    {"blockquote", KIND_BLOCK, NULL, NULL, NULL},
    {"pre", KIND_BLOCK, NULL, NULL, NULL},
    {"ul", KIND_BLOCK, NULL, NULL, NULL},
    {"ol", KIND_BLOCK, NULL, NULL, NULL},
    {"tr", KIND_BLOCK, NULL, NULL, NULL},
    {"h1", KIND_BLOCK, NULL, NULL, NULL},
    {"h2", KIND_BLOCK, NULL, NULL, NULL},
    {"h3", KIND_BLOCK, NULL, NULL, NULL},
    {"script", KIND_HIDDEN, NULL, NULL, NULL},
    {"style", KIND_HIDDEN, NULL, NULL, NULL},
    {"head", KIND_HIDDEN, NULL, NULL, NULL},
    {"title", KIND_HIDDEN, NULL, NULL, NULL},
};

/* One opened element. */
struct open {
	const struct tag *tag;
	char *close;      /* what ends it in `rich`, NULL = it left no trace there */
	char *url;        /* of a link */
	size_t text_from; /* where its text begins in `plain` */
};

struct reader {
	struct str *plain;
	struct str *rich; /* XHTML or libpurple's HTML */
	bool to_purple;
	bool formatted; /* something but text and line ends went to `rich` */
	bool fresh_line;
	struct open stack[DEPTH_MOST];
	unsigned depth;
	unsigned hidden; /* elements of KIND_HIDDEN around */
	markup_image *image;
	void *arg;
};

/* ---- Characters ---- */

static void add_escaped(struct str *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		switch (text[i]) {
		case '&':
			str_adds(out, "&amp;");
			break;
		case '<':
			str_adds(out, "&lt;");
			break;
		case '>':
			str_adds(out, "&gt;");
			break;
		case '"':
			str_adds(out, "&quot;");
			break;
		case '\'':
			str_adds(out, "&#39;");
			break;
		default:
			str_addc(out, text[i]);
		}
	}
}

static void new_line(struct reader *reader)
{
	str_addc(reader->plain, '\n');
	str_adds(reader->rich, reader->to_purple ? "<br>" : "<br/>");
	reader->fresh_line = true;
}

static void add_text(struct reader *reader, const char *text, size_t len)
{
	if (reader->hidden)
		return;
	if (len == 1 && *text == '\n') {
		new_line(reader);
		return;
	}
	if (len == 1 && *text == '\r')
		return;
	str_add(reader->plain, text, len);
	add_escaped(reader->rich, text, len);
	reader->fresh_line = false;
}

/* Begins a block: a new line, unless we are at the begin of one. */
static void to_fresh_line(struct reader *reader)
{
	if (reader->plain->len && !reader->fresh_line && !reader->hidden)
		new_line(reader);
}

static const struct {
	const char *name;
	const char *text;
} entities[] = {{"lt;", "<"},   {"gt;", ">"},        {"amp;", "&"},      {"quot;", "\""},      {"apos;", "'"},
                {"nbsp;", " "}, {"copy;", "\u00a9"}, {"reg;", "\u00ae"}, {"hellip;", "\u2026"}};

/* A character reference behind '&': its text goes to `out`; returns the bytes behind '&', 0 if it is none. */
static size_t read_entity(const char *at, char out[8], size_t *out_len)
{
	for (size_t i = 0; i < sizeof entities / sizeof *entities; i++) {
		size_t len = strlen(entities[i].name);
		if (strncmp(at, entities[i].name, len))
			continue;
		*out_len = strlen(entities[i].text);
		memcpy(out, entities[i].text, *out_len);
		return len;
	}
	if (*at != '#')
		return 0;
	bool hexadecimal = at[1] == 'x' || at[1] == 'X';
	const char *digits = at + (hexadecimal ? 2 : 1);
	size_t len = strspn(digits, hexadecimal ? "0123456789abcdefABCDEF" : "0123456789");
	if (!len || len > 8 || digits[len] != ';')
		return 0;
	unsigned long number = strtoul(digits, NULL, hexadecimal ? 16 : 10);
	*out_len =
	    number && number <= 0x10ffff && utf8_xml_char((uint32_t)number) ? utf8_encode((uint32_t)number, out) : 0;
	return (size_t)(digits - at) + len + 1;
}

/* ---- Attributes ---- */

/* The value of attribute `name` among those between `at` and `end`, in `out`; false if it is not there. */
static bool attribute(const char *at, const char *end, const char *name, struct str *out)
{
	str_clear(out, VALUE_BYTES);
	while (at < end) {
		at += strspn(at, " \t\r\n/");
		if (at >= end)
			break;
		size_t name_len = strcspn(at, " \t\r\n=>/");
		bool wanted = name_len == strlen(name) && !strncasecmp(at, name, name_len);
		at += name_len ? name_len : 1;
		at += strspn(at, " \t\r\n");
		if (at >= end || *at != '=')
			continue;
		at++;
		at += strspn(at, " \t\r\n");
		char quote = *at == '"' || *at == '\'' ? *at++ : '\0';
		while (at < end && (quote ? *at != quote : !strchr(" \t\r\n>", *at))) {
			char text[8];
			size_t len = 0, used = *at == '&' ? read_entity(at + 1, text, &len) : 0;
			if (wanted && out->len < VALUE_BYTES)
				str_add(out, used ? text : at, used ? len : 1);
			at += used + 1;
		}
		at += quote && at < end;
		if (wanted)
			return true;
	}
	return false;
}

static bool is_good_url(const char *url)
{
	static const char *const schemes[] = {
	    "http://", "https://", "ftp://", "mailto:", "xmpp:", "sip:", "sips:", "tel:", "geo:", "irc://", "ircs://"};
	for (const char *at = url; *at; at++)
		if ((unsigned char)*at <= ' ')
			return false;
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (!strncasecmp(url, schemes[i], strlen(schemes[i])))
			return true;
	return false;
}

/* Nothing that loads, runs or leaves the attribute. */
static bool is_good_value(const char *value)
{
	return *value && strlen(value) <= 100 &&
	       strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 #.,%-") == strlen(value);
}

static const char *const properties[] = {"font-weight", "font-style",      "font-family",     "font-size",
                                         "color",       "text-decoration", "background-color"};

/* One property of a style, cut out of it into `value`. */
static bool property(const char *style, const char *name, struct str *value)
{
	str_clear(value, 0);
	while (*style) {
		style += strspn(style, " \t\n;");
		size_t len = strcspn(style, ":;"), name_len = len;
		while (name_len && strchr(" \t\n", style[name_len - 1]))
			name_len--;
		bool wanted = name_len == strlen(name) && !strncasecmp(style, name, name_len);
		style += len;
		if (*style != ':')
			continue;
		style++;
		style += strspn(style, " \t\n");
		len = strcspn(style, ";");
		if (wanted) {
			str_add(value, style, len);
			while (value->len && strchr(" \t\n", value->data[value->len - 1]))
				value->data[--value->len] = '\0';
			return is_good_value(str_text(value));
		}
		style += len;
	}
	return false;
}

/* ---- Elements ---- */

static void add_property(struct str *style, const char *name, const char *value)
{
	if (is_good_value(value))
		str_addf(style, "%s%s: %s", style->len ? "; " : "", name, value);
}

/* <font color face size back> as a style. */
static void font_style(struct str *style, const char *at, const char *end)
{
	static const char *const sizes[] = {"x-small", "small", "medium", "large", "x-large", "xx-large", "xx-large"};
	struct str value = {0};
	if (attribute(at, end, "color", &value))
		add_property(style, "color", str_text(&value));
	if (attribute(at, end, "back", &value))
		add_property(style, "background-color", str_text(&value));
	if (attribute(at, end, "face", &value))
		add_property(style, "font-family", str_text(&value));
	if (attribute(at, end, "size", &value) && value.len == 1 && *value.data >= '1' && *value.data <= '7')
		add_property(style, "font-size", sizes[*value.data - '1']);
	str_fini(&value);
}

/* What a style means in libpurple's elements; the closing ones go to `close`, in the right order. */
static void style_to_purple(const char *style, struct str *open, struct str *close)
{
	static const struct {
		const char *property, *word, *element;
	} words[] = {{"font-weight", "bold", "b"},
	             {"font-style", "italic", "i"},
	             {"text-decoration", "underline", "u"},
	             {"text-decoration", "line-through", "s"}};
	static const struct {
		const char *property, *attribute;
	} fonts[] = {{"color", "color"}, {"background-color", "back"}, {"font-family", "face"}};
	struct str value = {0};
	char *old = NULL;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (!property(style, words[i].property, &value) || !strstr(value.data, words[i].word))
			continue;
		str_addf(open, "<%s>", words[i].element);
		old = str_take(close);
		str_addf(close, "</%s>%s", words[i].element, old);
		free(old);
	}
	for (size_t i = 0; i < sizeof fonts / sizeof *fonts; i++) {
		if (!property(style, fonts[i].property, &value))
			continue;
		str_addf(open, "<font %s=\"%s\">", fonts[i].attribute, value.data);
		old = str_take(close);
		str_addf(close, "</font>%s", old);
		free(old);
	}
	str_fini(&value);
}

/* An element that is a style on the XHTML side: `style` is all of it that is allowed. */
static void open_style(struct reader *reader, struct open *open, const char *style)
{
	struct str begin = {0}, end = {0};
	if (!*style)
		return;
	if (reader->to_purple) {
		style_to_purple(style, &begin, &end);
	} else {
		str_addf(&begin, "<span style=\"%s\">", style);
		str_adds(&end, "</span>");
	}
	str_adds(reader->rich, str_text(&begin));
	open->close = str_take(&end);
	reader->formatted = true;
	str_fini(&begin);
}

static void open_link(struct reader *reader, struct open *open, const char *at, const char *end)
{
	struct str url = {0};
	if (attribute(at, end, "href", &url) && is_good_url(str_text(&url)) && utf8_xml_valid(url.data, url.len)) {
		str_adds(reader->rich, "<a href=\"");
		add_escaped(reader->rich, url.data, url.len);
		str_adds(reader->rich, "\">");
		open->close = mem_strdup("</a>");
		open->url = mem_strdup(url.data);
		reader->formatted = true;
	}
	str_fini(&url);
}

static void open_element(struct reader *reader, const struct tag *tag, const char *at, const char *end)
{
	if (reader->depth == DEPTH_MOST || reader->hidden)
		return;
	struct open *open = &reader->stack[reader->depth++];
	*open = (struct open){.tag = tag, .text_from = reader->plain->len};
	struct str style = {0}, value = {0};
	switch (tag->kind) {
	case KIND_PLAIN:
		if (reader->to_purple && tag->purple)
			str_addf(reader->rich, "<%s>", tag->purple);
		else if (!reader->to_purple)
			str_adds(reader->rich, tag->xhtml_open);
		if (reader->to_purple)
			open->close = tag->purple ? mem_printf("</%s>", tag->purple) : NULL;
		else
			open->close = mem_strdup(tag->xhtml_close);
		reader->formatted = true;
		break;
	case KIND_LINK:
		open_link(reader, open, at, end);
		break;
	case KIND_FONT:
		font_style(&style, at, end);
		open_style(reader, open, str_text(&style));
		break;
	case KIND_SPAN:
		if (attribute(at, end, "style", &value)) {
			struct str one = {0};
			for (size_t i = 0; i < sizeof properties / sizeof *properties; i++)
				if (property(str_text(&value), properties[i], &one))
					add_property(&style, properties[i], one.data);
			str_fini(&one);
		}
		open_style(reader, open, str_text(&style));
		break;
	default:
		break;
	}
	str_fini(&style);
	str_fini(&value);
}

/* Plain text shows where a link leads, if its words don't. */
static void show_url(struct reader *reader, const struct open *open)
{
	const char *words = reader->plain->data ? reader->plain->data + open->text_from : "";
	size_t scheme = strcspn(open->url, ":") + 1;
	scheme += strspn(open->url + scheme, "/");
	if (strcmp(words, open->url) && strcmp(words, open->url + scheme))
		str_addf(reader->plain, *words ? " (%s)" : "%s", open->url);
}

static void close_top(struct reader *reader)
{
	struct open *open = &reader->stack[--reader->depth];
	if (open->url)
		show_url(reader, open);
	str_adds(reader->rich, open->close);
	free(open->close);
	free(open->url);
}

static void close_element(struct reader *reader, const struct tag *tag)
{
	unsigned at = reader->depth;
	while (at && reader->stack[at - 1].tag != tag)
		at--;
	while (at && reader->depth >= at)
		close_top(reader);
}

static void add_image(struct reader *reader, const char *at, const char *end)
{
	struct str value = {0}, words = {0};
	if (attribute(at, end, "id", &value) && reader->image)
		reader->image(reader->arg, atoi(str_text(&value)), &words);
	else if (attribute(at, end, "alt", &value) && value.len)
		str_add(&words, value.data, value.len);
	else if (attribute(at, end, "src", &value) && is_good_url(str_text(&value)))
		str_add(&words, value.data, value.len);
	struct str clean = {0};
	utf8_clean(&clean, str_text(&words), words.len);
	for (size_t i = 0; i < clean.len; i++)
		add_text(reader, clean.data + i, 1);
	str_fini(&value);
	str_fini(&words);
	str_fini(&clean);
}

static const struct tag *find_tag(const char *name, size_t len)
{
	for (size_t i = 0; len <= NAME_BYTES && i < sizeof tags / sizeof *tags; i++)
		if (strlen(tags[i].name) == len && !strncasecmp(tags[i].name, name, len))
			return &tags[i];
	return NULL;
}

static void handle_tag(struct reader *reader, const char *at, const char *end)
{
	bool closing = *at == '/';
	at += closing;
	size_t len = strcspn(at, " \t\r\n/>");
	const struct tag *tag = find_tag(at, len);
	if (!tag)
		return;
	if (tag->kind == KIND_HIDDEN) {
		bool empty = end[-1] == '/';
		reader->hidden += !closing && !empty;
		reader->hidden -= closing && reader->hidden;
	} else if (reader->hidden) {
		return;
	} else if (tag->kind == KIND_BREAK) {
		if (!closing)
			new_line(reader);
	} else if (tag->kind == KIND_BLOCK || tag->kind == KIND_ITEM) {
		to_fresh_line(reader);
		if (tag->kind == KIND_ITEM && !closing)
			add_text(reader, "- ", 2);
	} else if (tag->kind == KIND_IMAGE) {
		add_image(reader, at + len, end);
	} else if (closing) {
		close_element(reader, tag);
	} else if (end[-1] != '/') {
		open_element(reader, tag, at + len, end);
	}
}

/* The '>' of a tag that begins at `at`, NULL if it has none. Inside of quotes there is none. */
static const char *tag_end(const char *at)
{
	char quote = '\0';
	for (const char *most = at + TAG_BYTES; *at && at < most; at++) {
		if (quote ? *at == quote : *at == '>' || *at == '"' || *at == '\'') {
			if (*at == '>' && !quote)
				return at;
			quote = quote ? '\0' : *at;
		}
	}
	return NULL;
}

/* `html` is clean UTF-8. */
static void read_soup(struct reader *reader, const char *html)
{
	/* Quotes that are never closed would make every '<' look through all of the rest. */
	const char *no_end_before = NULL;
	while (*html) {
		char text[8];
		size_t len = 0, used;
		if (!strncmp(html, "<!--", 4)) {
			const char *end = strstr(html + 4, "-->");
			html = end ? end + 3 : html + strlen(html);
		} else if (*html == '<' &&
		           (strchr("/!?", html[1]) || ((html[1] | 32) >= 'a' && (html[1] | 32) <= 'z')) && html[1] &&
		           html >= no_end_before) {
			const char *end = tag_end(html + 1);
			if (!end)
				end = strchr(html, '>');
			if (!end) {
				no_end_before = html + strlen(html);
				continue;
			}
			handle_tag(reader, html + 1, end);
			html = end + 1;
		} else if (*html == '&' && (used = read_entity(html + 1, text, &len))) {
			if (len)
				add_text(reader, text, len);
			html += used + 1;
		} else {
			add_text(reader, html++, 1);
		}
	}
	while (reader->depth)
		close_top(reader);
}

/* Ends of lines behind the text are nobody's wish. */
static void trim(struct str *text, const char *end)
{
	size_t len = strlen(end);
	while (text->len >= len && !memcmp(text->data + text->len - len, end, len)) {
		text->len -= len;
		text->data[text->len] = '\0';
	}
}

static void read_into(struct reader *reader, const char *html)
{
	struct str clean = {0};
	utf8_clean(&clean, html ? html : "", html ? strlen(html) : 0);
	read_soup(reader, str_text(&clean));
	trim(reader->plain, "\n");
	trim(reader->rich, reader->to_purple ? "<br>" : "<br/>");
	str_fini(&clean);
}

void markup_read(const char *html, struct str *plain, struct str *xhtml, markup_image *image, void *arg)
{
	struct str rich = {0};
	struct reader reader = {.plain = plain, .rich = &rich, .image = image, .arg = arg};
	read_into(&reader, html);
	if (xhtml && reader.formatted)
		str_add(xhtml, str_text(&rich), rich.len);
	str_fini(&rich);
}

char *markup_plain(const char *html)
{
	struct str plain = {0};
	markup_read(html, &plain, NULL, NULL, NULL);
	return str_take(&plain);
}

char *markup_write(const char *body, const char *xhtml)
{
	struct str plain = {0}, html = {0};
	struct reader reader = {.plain = &plain, .rich = &html, .to_purple = true};
	if (!text_empty(xhtml))
		read_into(&reader, xhtml);
	bool has_text = strspn(str_text(&plain), " \t\n") != plain.len;
	str_fini(&plain);
	if (has_text)
		return str_take(&html);
	str_clear(&html, 0);
	for (const char *at = body ? body : ""; *at; at++) {
		if (*at == '\n')
			str_adds(&html, "<br>");
		else if (*at != '\r')
			add_escaped(&html, at, 1);
	}
	return str_take(&html);
}
