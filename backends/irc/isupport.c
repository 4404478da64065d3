/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/irc/isupport.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static void copy(char *to, size_t size, const char *from, size_t len)
{
	if (len >= size)
		len = size - 1;
	memcpy(to, from, len);
	to[len] = '\0';
}

/* These are single characters; a byte out of a longer one would tear names apart. */
static bool is_ascii(const char *text)
{
	while (*text > 0x20 && *text < 0x7f)
		text++;
	return !*text;
}

static void set_casemap(struct isupport *isupport, const char *value)
{
	isupport->casemap = casemap_parse(value);
}

static void set_chantypes(struct isupport *isupport, const char *value)
{
	if (is_ascii(value))
		copy(isupport->chantypes, sizeof isupport->chantypes, value, strlen(value));
}

static void set_statusmsg(struct isupport *isupport, const char *value)
{
	if (is_ascii(value))
		copy(isupport->statusmsg, sizeof isupport->statusmsg, value, strlen(value));
}

/* "(ov)@+" */
static void set_prefix(struct isupport *isupport, const char *value)
{
	const char *end = strchr(value, ')');
	if (*value != '(' || !end || !is_ascii(value)) {
		isupport->prefix_modes[0] = isupport->prefix_symbols[0] = '\0';
		return;
	}
	size_t modes = (size_t)(end - value - 1), symbols = strlen(end + 1), len = modes < symbols ? modes : symbols;
	copy(isupport->prefix_modes, sizeof isupport->prefix_modes, value + 1, len);
	copy(isupport->prefix_symbols, sizeof isupport->prefix_symbols, end + 1, len);
}

/* "beI,k,l,imnpst" */
static void set_chanmodes(struct isupport *isupport, const char *value)
{
	static const enum mode_class classes[] = {MODE_LIST, MODE_ALWAYS, MODE_SET, MODE_FLAG};
	memset(isupport->mode_class, MODE_FLAG, sizeof isupport->mode_class);
	for (size_t class = 0; *value && class < sizeof classes / sizeof *classes; value++) {
		if (*value == ',')
			class ++;
		else if (isalnum((unsigned char)*value))
			isupport->mode_class[(unsigned char)*value] = classes[class];
	}
}

/* "*,-react" or "typing": a list, and '*' for all but those with a minus. */
static bool is_denied(const char *list, const char *tag)
{
	bool denied = false;
	for (const char *at = list; *at;) {
		size_t len = strcspn(at, ","), minus = *at == '-';
		if (len == 1 && *at == '*')
			denied = true;
		if (len - minus == strlen(tag) && !memcmp(at + minus, tag, len - minus))
			denied = !minus;
		at += len + (at[len] == ',');
	}
	return denied;
}

static void set_tag_deny(struct isupport *isupport, const char *value)
{
	isupport->no_typing = is_denied(value, "typing");
	isupport->no_reply = is_denied(value, "draft/reply");
	isupport->no_react = is_denied(value, "draft/react");
}

static void set_monitor(struct isupport *isupport, const char *value)
{
	unsigned long most = strtoul(value, NULL, 10);
	isupport->monitor_most = most < UINT_MAX ? (unsigned)most : UINT_MAX;
}

static const struct {
	const char *name;
	const char *fallback; /* also of a token without value, and after "-NAME" */
	void (*set)(struct isupport *, const char *value);
} texts[] = {
    {"CASEMAPPING", "rfc1459", set_casemap},
    {"CHANTYPES", "#&", set_chantypes},
    {"STATUSMSG", "", set_statusmsg},
    {"PREFIX", "(ov)@+", set_prefix},
    {"CHANMODES", "beI,k,l,imnpst", set_chanmodes},
    {"CLIENTTAGDENY", "", set_tag_deny},
    {"MONITOR", "0", set_monitor},
};

static const struct {
	const char *name;
	size_t offset;
	unsigned least, most;
} numbers[] = {
    {"LINELEN", offsetof(struct isupport, line_length), 512, 16384},
    {"NICKLEN", offsetof(struct isupport, nick_length), 1, 512},
    {"TOPICLEN", offsetof(struct isupport, topic_length), 1, 16384},
    {"AWAYLEN", offsetof(struct isupport, away_length), 1, 16384},
};

#define COUNT(table) (sizeof(table) / sizeof *(table))

void isupport_init(struct isupport *isupport)
{
	*isupport = (struct isupport){0};
	for (size_t i = 0; i < COUNT(texts); i++)
		texts[i].set(isupport, texts[i].fallback);
}

/* Copies the value without its \xHH escapes; NUL, CR and LF can't be written that way. */
static void unescape(char *out, size_t size, const char *value)
{
	size_t len = 0;
	while (*value && len + 1 < size) {
		if (value[0] == '\\' && value[1] == 'x' && isxdigit((unsigned char)value[2]) &&
		    isxdigit((unsigned char)value[3])) {
			char digits[3] = {value[2], value[3], '\0'};
			char c = (char)strtol(digits, NULL, 16);
			if (c && c != '\r' && c != '\n')
				out[len++] = c;
			value += 4;
		} else {
			out[len++] = *value++;
		}
	}
	out[len] = '\0';
}

void isupport_token(struct isupport *isupport, const char *token)
{
	bool negated = *token == '-';
	token += negated;
	size_t len = strcspn(token, "=");
	bool has_value = token[len] == '=' && !negated;
	char value[160];
	unescape(value, sizeof value, has_value ? token + len + 1 : "");
	for (size_t i = 0; i < COUNT(texts); i++)
		if (strlen(texts[i].name) == len && !memcmp(token, texts[i].name, len))
			texts[i].set(isupport, has_value ? value : texts[i].fallback);
	for (size_t i = 0; i < COUNT(numbers); i++) {
		if (strlen(numbers[i].name) != len || memcmp(token, numbers[i].name, len))
			continue;
		unsigned long number = strtoul(value, NULL, 10);
		unsigned *field = (unsigned *)(void *)((char *)isupport + numbers[i].offset);
		if (!has_value || (number >= numbers[i].least && number <= numbers[i].most))
			*field = (unsigned)number;
	}
}

bool isupport_is_channel(const struct isupport *isupport, const char *name)
{
	return *name && strchr(isupport->chantypes, *name);
}

const char *isupport_target(const struct isupport *isupport, const char *name)
{
	const char *target = name + strspn(name, isupport->statusmsg);
	return isupport_is_channel(isupport, target) ? target : name;
}

static unsigned bit_of(const char *set, char c)
{
	const char *found = c ? strchr(set, c) : NULL;
	return found ? 1u << (found - set) : 0;
}

unsigned isupport_symbol_bit(const struct isupport *isupport, char symbol)
{
	return bit_of(isupport->prefix_symbols, symbol);
}

unsigned isupport_mode_bit(const struct isupport *isupport, char mode)
{
	return bit_of(isupport->prefix_modes, mode);
}

enum mode_class isupport_mode_class(const struct isupport *isupport, char mode)
{
	if (isupport_mode_bit(isupport, mode))
		return MODE_PREFIX;
	return (unsigned char)mode < 128 ? (enum mode_class)isupport->mode_class[(unsigned char)mode] : MODE_FLAG;
}
