/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The XML writer: every stanza that leaves the program goes through here, straight into the output buffer. */
#include "lib/xmpp/writer.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/utf8.h"

/* What a byte needs. Bits, because attributes need more care than texts. */
enum { IN_TEXT = 1, IN_ATTRIBUTE = 2, EVERYWHERE = IN_TEXT | IN_ATTRIBUTE };

static const unsigned char special[256] = {
    [0x00 ... 0x08] = EVERYWHERE, ['\t'] = IN_ATTRIBUTE,        /* a reader would turn these two into blanks */
    ['\n'] = IN_ATTRIBUTE,        [0x0b ... 0x1f] = EVERYWHERE, /* '\r' too: a reader would turn it into '\n' */
    ['&'] = EVERYWHERE,           ['<'] = EVERYWHERE,           ['>'] = EVERYWHERE,
    ['\''] = IN_ATTRIBUTE,        ['"'] = IN_ATTRIBUTE,         [0x80 ... 0xff] = EVERYWHERE,
};

static const char *const escapes[128] = {
    ['\t'] = "&#9;", ['\n'] = "&#10;", ['\r'] = "&#13;",  ['&'] = "&amp;",
    ['<'] = "&lt;",  ['>'] = "&gt;",   ['\''] = "&apos;", ['"'] = "&quot;",
};

#define REPLACEMENT "\xef\xbf\xbd"
#define NS_XML "http://www.w3.org/XML/1998/namespace" /* bound to the prefix xml, and to nothing else ever */

typedef signed char block __attribute__((vector_size(16)));

/* Sixteen bytes at once. May say no for what only the table knows to be plain. */
static inline bool block_is_plain(const char *text, unsigned where)
{
	block bytes;
	uint64_t halves[2];
	memcpy(&bytes, text, sizeof bytes);
	/* Signed: from 0x80 on they are below, too. */
	block hits = (bytes < 0x20) | (bytes == '&') | (bytes == '<') | (bytes == '>');
	if (where & IN_ATTRIBUTE)
		hits |= (bytes == '\'') | (bytes == '"');
	memcpy(halves, &hits, sizeof halves);
	return !(halves[0] | halves[1]);
}

/* Length of what can be copied as it is. */
static inline size_t plain_run(const char *text, size_t len, unsigned where)
{
	size_t at = 0;
	while (at < len) {
		size_t end = len - at < sizeof(block) ? len : at + sizeof(block);
		/* The last block overlaps what was looked at before, where there is anything. */
		if (len >= sizeof(block) && block_is_plain(text + end - sizeof(block), where)) {
			at = end;
			continue;
		}
		for (; at < end; at++)
			if (special[(unsigned char)text[at]] & where)
				return at;
	}
	return len;
}

/* Length of the longest piece at the start that can be copied as it is, characters beyond ASCII among it. */
static size_t clean_run(const char *text, size_t len, unsigned where)
{
	size_t at = 0;
	for (;;) {
		at += plain_run(text + at, len - at, where);
		uint32_t code_point;
		size_t bytes =
		    at < len && (unsigned char)text[at] >= 0x80 ? utf8_decode(text + at, len - at, &code_point) : 0;
		if (!bytes || !utf8_xml_char(code_point))
			return at;
		at += bytes;
	}
}

static void add_escaped(struct str *out, const char *text, size_t len, unsigned where)
{
	while (len) {
		size_t run = clean_run(text, len, where);
		str_add(out, text, run);
		text += run;
		len -= run;
		if (!len)
			break;
		unsigned char byte = (unsigned char)*text;
		uint32_t forbidden;
		size_t bytes = byte < 0x80 ? 1 : utf8_decode(text, len, &forbidden);
		if (byte < 0x80)
			str_adds(out, escapes[byte]);
		else if (!bytes)
			str_adds(out, REPLACEMENT);
		bytes = bytes ? bytes : 1;
		text += bytes;
		len -= bytes;
	}
}

static void add_text(struct str *out, const char *text)
{
	add_escaped(out, text, strlen(text), IN_TEXT);
}

static void add_attribute(struct str *out, const char *prefix, const char *name, const char *value)
{
	size_t prefix_len = strlen(prefix), name_len = strlen(name), len = strlen(value);
	size_t run = plain_run(value, len, IN_ATTRIBUTE);
	char *start = str_reserve(out, prefix_len + name_len + run + 4), *at = start;
	*at++ = ' ';
	at = mempcpy(at, prefix, prefix_len);
	at = mempcpy(at, name, name_len);
	*at++ = '=';
	*at++ = '\'';
	at = mempcpy(at, value, run);
	if (run == len) {
		*at++ = '\'';
		*at = '\0';
	}
	out->len += (size_t)(at - start);
	if (run < len) {
		add_escaped(out, value + run, len - run, IN_ATTRIBUTE);
		str_addc(out, '\'');
	}
}

static void add_opening(struct str *out, const char *prefix, const char *name)
{
	size_t prefix_len = strlen(prefix), len = strlen(name);
	char *at = str_reserve(out, prefix_len + len + 1);
	*at++ = '<';
	at = mempcpy(at, prefix, prefix_len);
	memcpy(at, name, len + 1);
	out->len += prefix_len + len + 1;
}

static void add_closing(struct str *out, const char *prefix, const char *name)
{
	size_t prefix_len = strlen(prefix), len = strlen(name);
	char *at = str_reserve(out, prefix_len + len + 3);
	*at++ = '<';
	*at++ = '/';
	at = mempcpy(at, prefix, prefix_len);
	at = mempcpy(at, name, len);
	*at++ = '>';
	*at = '\0';
	out->len += prefix_len + len + 3;
}

/* Ends a start tag that attributes could still have gone into. */
static void end_tag(struct writer *writer)
{
	if (writer->in_tag)
		str_addc(writer->out, '>');
	writer->in_tag = false;
}

static bool same_ns(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

void writer_init(struct writer *writer, struct str *out, const char *ns)
{
	/* Level 0 is the place where the output will stand. */
	writer->out = out;
	writer->open[0] = NULL;
	writer->ns[0] = ns;
	writer->depth = 0;
	writer->in_tag = false;
}

void writer_end(struct writer *writer)
{
	assert(writer->depth == 0);
	writer->out = NULL;
}

void xml_open(struct writer *writer, const char *name, const char *ns)
{
	assert(writer->depth + 1 < WRITER_DEPTH);
	end_tag(writer);
	const char *around = writer->ns[writer->depth];
	writer->depth++;
	writer->open[writer->depth] = name;
	writer->ns[writer->depth] = ns ? ns : around;
	writer->in_tag = true;
	add_opening(writer->out, "", name);
	if (ns && !same_ns(ns, around))
		add_attribute(writer->out, "", "xmlns", ns);
}

void xml_attr(struct writer *writer, const char *name, const char *value)
{
	assert(writer->in_tag);
	if (value)
		add_attribute(writer->out, "", name, value);
}

/* Formats into `room` if it fits, else on the heap; *heap is to be freed. */
static const char *format_text(char *room, size_t size, char **heap, const char *format, va_list args)
{
	va_list again;
	va_copy(again, args);
	*heap = NULL;
	int len = vsnprintf(room, size, format, args);
	if (len < 0)
		room[0] = '\0';
	if (len >= 0 && (size_t)len >= size) {
		*heap = mem_new((size_t)len + 1);
		vsnprintf(*heap, (size_t)len + 1, format, again);
	}
	va_end(again);
	return *heap ? *heap : room;
}

void xml_attrf(struct writer *writer, const char *name, const char *format, ...)
{
	char room[256], *heap;
	va_list args;
	va_start(args, format);
	xml_attr(writer, name, format_text(room, sizeof room, &heap, format, args));
	va_end(args);
	free(heap);
}

void xml_text(struct writer *writer, const char *text)
{
	if (!text || !*text)
		return;
	end_tag(writer);
	add_text(writer->out, text);
}

void xml_textf(struct writer *writer, const char *format, ...)
{
	char room[256], *heap;
	va_list args;
	va_start(args, format);
	xml_text(writer, format_text(room, sizeof room, &heap, format, args));
	va_end(args);
	free(heap);
}

void xml_close(struct writer *writer)
{
	assert(writer->depth > 0);
	if (writer->in_tag)
		str_add(writer->out, "/>", 2);
	else
		add_closing(writer->out, "", writer->open[writer->depth]);
	writer->in_tag = false;
	writer->depth--;
}

void xml_leaf(struct writer *writer, const char *name, const char *ns, const char *text)
{
	if (!text)
		return;
	xml_open(writer, name, ns);
	xml_text(writer, text);
	xml_close(writer);
}

void xml_cut(struct writer *writer, const char *name, const char *text, size_t most)
{
	size_t len = strlen(text);
	xml_open(writer, name, NULL);
	if (len <= most)
		xml_text(writer, text);
	else
		xml_textf(writer, "%.*s", (int)utf8_cut(text, len, most), text);
	xml_close(writer);
}

void xml_empty(struct writer *writer, const char *name, const char *ns)
{
	xml_open(writer, name, ns);
	xml_close(writer);
}

/* Those of a namespace other than that of xml:lang get a prefix of their own, declared beside them. */
static void copy_attributes(struct str *out, const struct element *element)
{
	unsigned prefixes = 0;
	for (const struct attribute *a = element->attributes; a; a = a->next) {
		if (!a->ns) {
			add_attribute(out, "", a->name, a->value);
		} else if (!strcmp(a->ns, NS_XML)) {
			add_attribute(out, "xml:", a->name, a->value);
		} else {
			char prefix[16];
			snprintf(prefix, sizeof prefix, "n%u", ++prefixes);
			add_attribute(out, "xmlns:", prefix, a->ns);
			snprintf(prefix, sizeof prefix, "n%u:", prefixes);
			add_attribute(out, prefix, a->name, a->value);
		}
	}
}

/* Recursive; the parser bounds the depth of what comes from outside. */
static void copy_element(struct str *out, const struct element *element, const char *around)
{
	if (!element->name) {
		add_text(out, element->text);
		return;
	}
	const char *ns = element->ns ? element->ns : around, *prefix = "";
	if (!same_ns(ns, around) && !strcmp(ns, NS_XML)) {
		prefix = "xml:";
		ns = around;
	}
	add_opening(out, prefix, element->name);
	if (!same_ns(ns, around))
		add_attribute(out, "", "xmlns", ns);
	copy_attributes(out, element);
	if (!element->children) {
		str_add(out, "/>", 2);
		return;
	}
	str_addc(out, '>');
	for (const struct element *node = element->children; node; node = node->next)
		copy_element(out, node, ns);
	add_closing(out, prefix, element->name);
}

void xml_element(struct writer *writer, const struct element *element)
{
	if (!element)
		return;
	end_tag(writer);
	copy_element(writer->out, element, writer->ns[writer->depth]);
}
