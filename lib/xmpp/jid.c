/* SPDX-License-Identifier: GPL-2.0-or-later */
/* XMPP addresses (RFC 6122) and XEP-0106 escaping. The only file that knows libidn: nearly all addresses are plain
 * ASCII and never get there, and what does has been checked to be UTF-8 before.
 *
 * Code points that Unicode 3.2 had not assigned are let through, or no emoji could be part of an address. */
#include "lib/xmpp/jid.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <idna.h>
#include <stringprep.h>

#include "lib/base/utf8.h"

/* Where an ASCII character may stand. */
enum { NODE = 1, DOMAIN = 2, RESOURCE = 4 };

/* `_` is no letter of host names, but is in use for machines in private networks. */
static const unsigned char allowed[128] = {
    [' '] = RESOURCE,
    ['!'] = NODE | RESOURCE,
    ['"'] = RESOURCE,
    ['#' ... '%'] = NODE | RESOURCE,
    ['&' ... '\''] = RESOURCE,
    ['(' ... ','] = NODE | RESOURCE,
    ['-' ... '.'] = NODE | DOMAIN | RESOURCE,
    ['/'] = RESOURCE,
    ['0' ... '9'] = NODE | DOMAIN | RESOURCE,
    [':'] = RESOURCE,
    [';'] = NODE | RESOURCE,
    ['<'] = RESOURCE,
    ['='] = NODE | RESOURCE,
    ['>'] = RESOURCE,
    ['?'] = NODE | RESOURCE,
    ['@'] = RESOURCE,
    ['A' ... 'Z'] = NODE | DOMAIN | RESOURCE,
    ['[' ... '^'] = NODE | RESOURCE,
    ['_'] = NODE | DOMAIN | RESOURCE,
    ['`'] = NODE | RESOURCE,
    ['a' ... 'z'] = NODE | DOMAIN | RESOURCE,
    ['{' ... '~'] = NODE | RESOURCE,
};

struct part {
	char text[JID_PART_BYTES + 1];
	size_t len;
};

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

/* Copies ASCII that is allowed in this kind of part; false at the first character of any other sort. */
static bool prepare_ascii(struct part *part, const char *text, size_t len, int kind)
{
	bool fold = kind != RESOURCE;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c >= 0x80 || !(allowed[c] & kind))
			return false;
		part->text[i] = fold ? lower((char)c) : (char)c;
	}
	part->text[len] = '\0';
	part->len = len;
	return true;
}

static bool has_non_ascii(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] >= 0x80)
			return true;
	return false;
}

static bool prepare_unicode(struct part *part, const char *text, size_t len, const Stringprep_profile *profile)
{
	if (!has_non_ascii(text, len) || !utf8_xml_valid(text, len))
		return false;
	memcpy(part->text, text, len);
	part->text[len] = '\0';
	if (stringprep(part->text, sizeof part->text, 0, profile) != STRINGPREP_OK)
		return false;
	part->len = strlen(part->text);
	return part->len > 0;
}

static bool prepare_node(struct part *part, const char *text, size_t len)
{
	if (!len || len > JID_PART_BYTES)
		return false;
	return prepare_ascii(part, text, len, NODE) || prepare_unicode(part, text, len, stringprep_xmpp_nodeprep);
}

static bool prepare_resource(struct part *part, const char *text, size_t len)
{
	if (!len || len > JID_PART_BYTES)
		return false;
	return prepare_ascii(part, text, len, RESOURCE) ||
	       prepare_unicode(part, text, len, stringprep_xmpp_resourceprep);
}

/* [2001:db8::1] */
static bool prepare_literal(struct part *part, const char *text, size_t len)
{
	char address[INET6_ADDRSTRLEN];
	struct in6_addr parsed;
	if (len < 4 || len - 2 >= sizeof address || text[len - 1] != ']')
		return false;
	memcpy(address, text + 1, len - 2);
	address[len - 2] = '\0';
	if (inet_pton(AF_INET6, address, &parsed) != 1)
		return false;
	for (size_t i = 0; i < len; i++)
		part->text[i] = lower(text[i]);
	part->text[len] = '\0';
	part->len = len;
	return true;
}

/* Preparation can turn other characters into ASCII (full-width `@` and `/`), so what may stand in a domain is looked at
 * afterwards. Labels have 1 to 63 bytes; those that are not ASCII have another form in DNS, whose length is not known
 * here. */
static bool check_labels(const struct part *part)
{
	size_t start = 0;
	bool ascii = true;
	for (size_t i = 0; i <= part->len; i++) {
		unsigned char c = (unsigned char)part->text[i];
		if (c == '.' || i == part->len) {
			if (i == start || (ascii && i - start > 63))
				return false;
			start = i + 1;
			ascii = true;
		} else if (c >= 0x80) {
			ascii = false;
		} else if (!(allowed[c] & DOMAIN)) {
			return false;
		}
	}
	return true;
}

/* The ideographic full stop separates labels, too (RFC 3490 section 3.1); the other such dots are mapped already. */
static void replace_dots(struct part *part)
{
	for (char *dot = part->text; (dot = strstr(dot, "\xe3\x80\x82"));) {
		*dot = '.';
		memmove(dot + 1, dot + 3, strlen(dot + 3) + 1);
		part->len -= 2;
	}
}

static bool prepare_domain(struct part *part, const char *text, size_t len)
{
	if (!len || len > JID_PART_BYTES)
		return false;
	if (text[0] == '[')
		return prepare_literal(part, text, len);
	if (!prepare_ascii(part, text, len, DOMAIN)) {
		if (!prepare_unicode(part, text, len, stringprep_nameprep))
			return false;
		replace_dots(part);
	}
	if (part->text[part->len - 1] == '.')
		part->text[--part->len] = '\0';
	return check_labels(part);
}

const char *jid_prepare_node(struct arena *arena, const char *text)
{
	struct part part;
	return text && prepare_node(&part, text, strlen(text)) ? arena_strndup(arena, part.text, part.len) : NULL;
}

const char *jid_prepare_domain(struct arena *arena, const char *text)
{
	struct part part;
	return text && prepare_domain(&part, text, strlen(text)) ? arena_strndup(arena, part.text, part.len) : NULL;
}

const char *jid_prepare_resource(struct arena *arena, const char *text)
{
	struct part part;
	return text && prepare_resource(&part, text, strlen(text)) ? arena_strndup(arena, part.text, part.len) : NULL;
}

/* "[2001:db8::1]" without its brackets. */
static const char *address_in_brackets(struct arena *arena, const char *domain)
{
	size_t len = strlen(domain);
	return len > 2 && domain[len - 1] == ']' ? arena_strndup(arena, domain + 1, len - 2) : NULL;
}

const char *jid_ascii_domain(struct arena *arena, const char *domain)
{
	char *ascii = NULL;
	if (domain[0] == '[' || idna_to_ascii_8z(domain, &ascii, IDNA_ALLOW_UNASSIGNED) != IDNA_SUCCESS)
		return domain[0] == '[' ? address_in_brackets(arena, domain) : NULL;
	const char *copy = arena_strdup(arena, ascii);
	free(ascii);
	return copy;
}

/* One piece of memory for all: full, bare and node; the domain is the end of bare, the resource that of full. */
static void lay_out(struct arena *arena, struct jid *jid, const struct part *node, const struct part *domain,
                    const struct part *resource)
{
	size_t bare_len = (node->len ? node->len + 1 : 0) + domain->len;
	size_t full_len = resource->len ? bare_len + 1 + resource->len : 0;
	char *at = arena_alloc(arena, bare_len + full_len + node->len + 3);
	jid->bare = jid->full = at;
	if (node->len) {
		at = mempcpy(at, node->text, node->len);
		*at++ = '@';
	}
	jid->domain = at;
	at = mempcpy(at, domain->text, domain->len + 1);
	jid->resource = "";
	if (resource->len) {
		jid->full = at;
		at = mempcpy(at, jid->bare, bare_len);
		*at++ = '/';
		jid->resource = at;
		at = mempcpy(at, resource->text, resource->len + 1);
	}
	jid->node = "";
	if (node->len) {
		jid->node = at;
		memcpy(at, node->text, node->len);
	}
}

bool jid_parse(struct arena *arena, const char *text, struct jid *jid)
{
	struct part node, domain, resource;
	node.len = resource.len = 0;
	if (!text)
		return false;
	const char *slash = strchrnul(text, '/');
	if (*slash && !prepare_resource(&resource, slash + 1, strlen(slash + 1)))
		return false;
	const char *at = memchr(text, '@', (size_t)(slash - text));
	if (at && !prepare_node(&node, text, (size_t)(at - text)))
		return false;
	const char *host = at ? at + 1 : text;
	if (!prepare_domain(&domain, host, (size_t)(slash - host)))
		return false;
	lay_out(arena, jid, &node, &domain, &resource);
	return true;
}

/* XEP-0106 section 3.2, and the backslash of its section 3.3. */
static const struct {
	char character;
	char digits[3];
} escapes[] = {
    {' ', "20"}, {'"', "22"}, {'&', "26"}, {'\'', "27"}, {'/', "2f"},
    {':', "3a"}, {'<', "3c"}, {'>', "3e"}, {'@', "40"},  {'\\', "5c"},
};
#define ESCAPES (sizeof escapes / sizeof *escapes)

/* The character that the escape sequence at `text` stands for, or '\0' if there is none. Upper-case digits count: the
 * node will be folded. */
static char escaped_character(const char *text)
{
	if (text[0] != '\\' || !text[1] || !text[2])
		return '\0';
	for (size_t i = 0; i < ESCAPES; i++)
		if (escapes[i].digits[0] == text[1] && escapes[i].digits[1] == lower(text[2]))
			return escapes[i].character;
	return '\0';
}

static const char *digits_of(char c)
{
	for (size_t i = 0; i < ESCAPES; i++)
		if (escapes[i].character == c)
			return escapes[i].digits;
	return NULL;
}

const char *jid_escape(struct arena *arena, const char *name)
{
	if (!name)
		return NULL;
	while (*name == ' ')
		name++;
	size_t len = strlen(name);
	while (len && name[len - 1] == ' ')
		len--;
	char *node = arena_alloc(arena, 3 * len + 1), *out = node;
	for (size_t i = 0; i < len; i++) {
		const char *digits = name[i] == '\\' && !escaped_character(name + i) ? NULL : digits_of(name[i]);
		*out++ = digits ? '\\' : name[i];
		if (digits)
			out = mempcpy(out, digits, 2);
	}
	return node;
}

const char *jid_unescape(struct arena *arena, const char *node)
{
	if (!node)
		return NULL;
	size_t len = strlen(node);
	char *name = arena_alloc(arena, len + 1), *out = name;
	for (size_t i = 0; i < len; i++) {
		char c = escaped_character(node + i);
		/* Nobody escapes a blank at either end: that is a name which happens to look so. */
		if (c == ' ' && (i == 0 || i + 3 == len))
			c = '\0';
		*out++ = c ? c : node[i];
		if (c)
			i += 2;
	}
	return name;
}

#define FOLD_BYTES 4096 /* of names with other than ASCII in them; longer ones are no names */

/* Nameprep folds as nodeprep does, and lets the characters pass that only a node may not have. */
const char *jid_fold(struct arena *arena, const char *name)
{
	if (!name)
		return NULL;
	size_t len = strlen(name);
	if (len <= FOLD_BYTES && has_non_ascii(name, len) && utf8_valid(name, len)) {
		size_t size =
		    12 * len + 1; /* the most that one character becomes in Unicode is eleven times its bytes */
		char *folded = mem_new(size);
		memcpy(folded, name, len);
		int result = stringprep(folded, size, 0, stringprep_nameprep);
		const char *copy = result == STRINGPREP_OK ? arena_strdup(arena, folded) : NULL;
		free(folded);
		if (copy)
			return copy;
	}
	char *folded = arena_strndup(arena, name, len);
	for (size_t i = 0; i < len; i++)
		folded[i] = lower(folded[i]);
	return folded;
}
