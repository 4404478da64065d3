/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file format: `[section]` lines, `key = value` lines, comments from a # at the start of a line or after a blank to
 * its end. Quotes have no meaning and there is no continuation. Used by config.c for files and for what backends send.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/utf8.h"
#include "lib/config/config.h"

#define MOST_ERRORS 100
#define NAME_BYTES 255 /* of a key, and of a section */

struct parser {
	const char *name;
	struct str *errors;
	unsigned line, error_count, assignments;
	struct str section; /* "" or "service." */
	struct str key, value;
	bool (*assign)(void *arg, const char *key, const char *value, unsigned line);
	void *arg;
};

/* A part of the text. */
struct span {
	const char *at;
	size_t len;
};

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static struct span trim(struct span span)
{
	while (span.len && blank(*span.at)) {
		span.at++;
		span.len--;
	}
	while (span.len && blank(span.at[span.len - 1]))
		span.len--;
	return span;
}

static struct span without_comment(struct span line)
{
	line = trim(line);
	for (size_t i = 0; i < line.len; i++) {
		bool section_ends = i && line.at[0] == '[' && line.at[i - 1] == ']';
		if (line.at[i] == '#' && (i == 0 || blank(line.at[i - 1]) || section_ends))
			line.len = i;
	}
	return trim(line);
}

/* Shows the first word only: the rest may be a password. False when it is time to give up. */
static bool fail(struct parser *parser, struct span line, const char *text)
{
	if (++parser->error_count > MOST_ERRORS) {
		str_addf(parser->errors, "%s: more than %d errors; is this a configuration file?\n", parser->name,
		         MOST_ERRORS);
		return false;
	}
	size_t len = 0;
	while (len < line.len && !blank(line.at[len]) && line.at[len] != '=')
		len++;
	if (len > 60)
		len = utf8_cut(line.at, len, 60);
	str_addf(parser->errors, "%s:%u: ", parser->name, parser->line);
	if (len)
		str_addf(parser->errors, "\"%.*s%s\": ", (int)len, line.at, len < line.len ? " ..." : "");
	str_addf(parser->errors, "%s\n", text);
	return true;
}

static bool parse_section(struct parser *parser, struct span line)
{
	struct span name = trim((struct span){line.at + 1, line.len - 2});
	str_clear(&parser->section, CONFIG_LINE_BYTES);
	if (!name.len)
		return fail(parser, line, "the section has no name; write [service] or the like");
	if (name.len > NAME_BYTES)
		return fail(parser, line, "the name of the section is longer than 255 bytes; shorten it");
	str_add(&parser->section, name.at, name.len);
	if (name.at[name.len - 1] != '.')
		str_addc(&parser->section, '.');
	return true;
}

static bool parse_assignment(struct parser *parser, struct span line, const char *equals)
{
	struct span key = trim((struct span){line.at, (size_t)(equals - line.at)});
	struct span value = trim((struct span){equals + 1, line.len - (size_t)(equals + 1 - line.at)});
	if (!key.len)
		return fail(parser, line, "there is no key before the '='; write key = value");
	if (key.len > NAME_BYTES)
		return fail(parser, line, "the key is longer than 255 bytes; shorten it");
	if (++parser->assignments > CONFIG_ASSIGNMENTS) {
		str_addf(parser->errors, "%s:%u: more than %d assignments; split the file\n", parser->name,
		         parser->line, CONFIG_ASSIGNMENTS);
		parser->error_count++;
		return false;
	}
	str_clear(&parser->key, CONFIG_LINE_BYTES);
	str_add(&parser->key, str_text(&parser->section), parser->section.len);
	str_add(&parser->key, key.at, key.len);
	str_clear(&parser->value, CONFIG_LINE_BYTES);
	str_add(&parser->value, value.at, value.len);
	return parser->assign(parser->arg, str_text(&parser->key), str_text(&parser->value), parser->line);
}

/* False ends the parsing. */
static bool parse_line(struct parser *parser, struct span line)
{
	const struct span nothing = {NULL, 0};
	if (line.len > CONFIG_LINE_BYTES)
		return fail(parser, nothing, "the line is longer than 64 KiB; shorten it");
	line = without_comment(line);
	if (!line.len)
		return true;
	if (!utf8_xml_valid(line.at, line.len))
		return fail(
		    parser, nothing,
		    "the line holds bytes that are no UTF-8 text or control characters; save the file as UTF-8");
	if (line.len >= 2 && line.at[0] == '[' && line.at[line.len - 1] == ']')
		return parse_section(parser, line);
	const char *equals = memchr(line.at, '=', line.len);
	if (equals)
		return parse_assignment(parser, line, equals);
	if (line.at[0] == '[')
		return fail(parser, line, "the section has no ']'; write [service] or the like");
	if (line.at[0] == ';')
		return fail(parser, line, "';' starts no comment; use '#'");
	return fail(parser, line, "there is no '='; write key = value, or '#' before a comment");
}

bool config_parse(const char *name, const char *text, size_t len, struct str *errors,
                  bool (*assign)(void *arg, const char *key, const char *value, unsigned line), void *arg)
{
	struct parser parser = {.name = name, .errors = errors, .assign = assign, .arg = arg};
	if (len > CONFIG_FILE_BYTES) {
		str_addf(errors, "%s: the file is larger than 1 MiB; is this a configuration file?\n", name);
		return false;
	}
	const char *at = text, *end = text + len;
	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		at += 3;
	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		struct span line = {at, (size_t)((newline ? newline : end) - at)};
		at = newline ? newline + 1 : end;
		parser.line++;
		if (!parse_line(&parser, line))
			break;
	}
	str_fini(&parser.section);
	str_fini(&parser.key);
	if (parser.value.data)
		explicit_bzero(parser.value.data, parser.value.cap);
	str_fini(&parser.value);
	return !parser.error_count;
}

bool config_parse_bool(const char *text, bool *value)
{
	static const char *const words[2][4] = {{"0", "false", "no", "off"}, {"1", "true", "yes", "on"}};
	for (int which = 0; which < 2; which++) {
		for (size_t i = 0; i < 4; i++) {
			if (!strcasecmp(text, words[which][i])) {
				*value = which;
				return true;
			}
		}
	}
	return false;
}

bool config_parse_number(const char *text, int64_t *value)
{
	char *end;
	const char *digits = text + (*text == '+' || *text == '-');
	if (*digits < '0' || *digits > '9')
		return false;
	errno = 0;
	long long number = strtoll(text, &end, 10);
	if (*end || errno || number < INT32_MIN || number > INT32_MAX)
		return false;
	*value = number;
	return true;
}
