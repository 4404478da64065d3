/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/irc/line.h"

#include <stdarg.h>
#include <string.h>

#include "lib/base/utf8.h"

/* Undoes the escapes of IRCv3 message tags in place. */
static void tag_unescape(char *text)
{
	char *to = text;
	for (const char *at = text; *at; at++) {
		if (*at != '\\') {
			*to++ = *at;
			continue;
		}
		if (!*++at)
			break; /* a lone backslash at the end means nothing */
		switch (*at) {
		case ':':
			*to++ = ';';
			break;
		case 's':
			*to++ = ' ';
			break;
		case 'r':
			*to++ = '\r';
			break;
		case 'n':
			*to++ = '\n';
			break;
		default:
			*to++ = *at;
		}
	}
	*to = '\0';
}

/* Cuts the word at *at off: ends it, moves *at behind the blanks that follow. */
static char *next_word(char **at)
{
	char *word = *at, *end = word + strcspn(word, " ");
	*at = end + strspn(end, " ");
	*end = '\0';
	return word;
}

static void parse_tags(struct line *line, char *text)
{
	for (char *tag, *rest = text; (tag = strsep(&rest, ";")) != NULL && line->tag_count < LINE_TAGS;) {
		if (!*tag)
			continue;
		char *value = strchr(tag, '=');
		if (value) {
			*value++ = '\0';
			tag_unescape(value);
		}
		line->tags[line->tag_count++] = (struct line_tag){tag, value ? value : ""};
	}
}

static void parse_source(struct line *line, char *text)
{
	char *host = strchr(text, '@');
	if (host) {
		*host++ = '\0';
		line->host = host;
	}
	char *user = strchr(text, '!');
	if (user) {
		*user++ = '\0';
		line->user = user;
	}
	line->nick = text;
}

bool line_parse(struct line *line, char *text)
{
	*line = (struct line){.nick = "", .user = "", .host = "", .command = ""};
	char *at = text + strspn(text, " ");
	if (*at == '@')
		parse_tags(line, next_word(&at) + 1);
	if (*at == ':')
		parse_source(line, next_word(&at) + 1);
	line->command = next_word(&at);
	while (*at && line->count < LINE_PARAMS) {
		if (*at == ':' || line->count == LINE_PARAMS - 1) {
			line->params[line->count++] = at + (*at == ':');
			break;
		}
		line->params[line->count++] = next_word(&at);
	}
	return *line->command != '\0';
}

const char *line_param(const struct line *line, size_t index)
{
	return index < line->count ? line->params[index] : "";
}

const char *line_last(const struct line *line)
{
	return line->count ? line->params[line->count - 1] : "";
}

const char *line_tag(const struct line *line, const char *key)
{
	/* The last one counts if a tag is there twice. */
	for (size_t i = line->tag_count; i-- > 0;)
		if (!strcmp(line->tags[i].key, key))
			return line->tags[i].value;
	return NULL;
}

void line_reader_fini(struct line_reader *reader)
{
	str_fini(&reader->pending);
}

/* How many bytes of the line may be kept: 8191 for the tags, LINELEN for what follows them. */
static size_t line_limit(const struct line_reader *reader, const char *text, size_t len)
{
	size_t rest = reader->rest_bytes ? reader->rest_bytes : LINE_REST_BYTES;
	if (!len || text[0] != '@')
		return rest;
	const char *blank = memchr(text, ' ', len < LINE_TAG_BYTES ? len : LINE_TAG_BYTES);
	return blank ? (size_t)(blank - text) + 1 + rest : LINE_TAG_BYTES;
}

/* Takes a character off the end that the cut has torn. */
static void drop_torn_character(struct str *line)
{
	uint32_t code_point;
	for (size_t back = 1; back <= 4 && back <= line->len; back++) {
		const char *at = line->data + line->len - back;
		if (((unsigned char)*at & 0xc0) == 0x80)
			continue;
		if ((unsigned char)*at >= 0xc2 && !utf8_decode(at, back, &code_point))
			line->len -= back;
		break;
	}
	line->data[line->len] = '\0';
}

static void keep(struct line_reader *reader, const char *bytes, size_t len)
{
	struct str *line = &reader->pending;
	for (size_t at = 0; at < len && !reader->skipping;) {
		const char *nul = memchr(bytes + at, '\0', len - at);
		size_t run = nul ? (size_t)(nul - bytes) - at : len - at;
		/* The limit moves up once the blank behind the tags was seen: hence in pieces. */
		size_t before = line->len;
		str_add(line, bytes + at, run < LINE_REST_BYTES ? run : LINE_REST_BYTES);
		at += line->len - before;
		if (nul && bytes + at == nul)
			at++;
		size_t limit = line_limit(reader, line->data, line->len);
		if (line->len > limit) {
			line->len = limit;
			drop_torn_character(line);
			reader->skipping = true;
			reader->cut_count++;
		}
	}
}

void line_reader_feed(struct line_reader *reader, const char *bytes, size_t len, bool (*take)(void *arg, char *line),
                      void *arg)
{
	for (size_t at = 0; at < len;) {
		size_t run = 0;
		while (at + run < len && bytes[at + run] != '\n' && bytes[at + run] != '\r')
			run++;
		keep(reader, bytes + at, run);
		at += run;
		if (at == len)
			break;
		at++;
		reader->skipping = false;
		if (!reader->pending.len)
			continue;
		bool more = take(arg, reader->pending.data);
		str_clear(&reader->pending, 0);
		if (!more)
			return;
	}
}

bool line_is_middle(const char *text)
{
	return !text_empty(text) && *text != ':' && !text[strcspn(text, " \r\n")];
}

static bool build(struct str *out, const char *tag, const char *command, va_list params)
{
	size_t start = out->len;
	if (tag)
		str_addf(out, "@%s ", tag);
	str_adds(out, command);
	for (const char *param = va_arg(params, const char *), *next; param; param = next) {
		next = va_arg(params, const char *);
		if (line_is_middle(param)) {
			str_addf(out, " %s", param);
			continue;
		}
		if (next) {
			out->len = start;
			out->data[start] = '\0';
			return false;
		}
		str_adds(out, " :");
		for (; *param; param++)
			str_addc(out, *param == '\r' || *param == '\n' ? ' ' : *param);
	}
	str_adds(out, "\r\n");
	return true;
}

bool line_build(struct str *out, const char *command, ...)
{
	va_list params;
	va_start(params, command);
	bool built = build(out, NULL, command, params);
	va_end(params);
	return built;
}

bool line_build_tagged(struct str *out, const char *tag, const char *command, ...)
{
	va_list params;
	va_start(params, command);
	bool built = build(out, tag, command, params);
	va_end(params);
	return built;
}

void line_add_tag(struct str *tags, const char *key, const char *value)
{
	static const struct {
		char character, escape;
	} escapes[] = {{';', ':'}, {' ', 's'}, {'\\', '\\'}, {'\r', 'r'}, {'\n', 'n'}};
	str_addf(tags, "%s%s=", tags->len ? ";" : "", key);
	for (const char *at = value; *at; at++) {
		char escape = '\0';
		for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++) {
			if (*at == escapes[i].character)
				escape = escapes[i].escape;
		}
		if (escape)
			str_addc(tags, '\\');
		str_addc(tags, escape ? escape : *at);
	}
}
