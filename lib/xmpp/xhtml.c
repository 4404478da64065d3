/* SPDX-License-Identifier: GPL-2.0-or-later */
/* XHTML-IM (XEP-0071) through a white list, both ways: what comes from a network is parsed, cleaned and written anew,
 * never copied into a stream. */
#include "lib/xmpp/xhtml.h"

#include <string.h>
#include <strings.h>

#include "lib/base/str.h"
#include "lib/xmpp/ns.h"
#include "lib/xmpp/parser.h"
#include "lib/xmpp/writer.h"

static const char *const elements[] = {"a",  "blockquote", "br", "cite", "code", "em",     "img",
                                       "li", "ol",         "p",  "pre",  "span", "strong", "ul"};
static const char *const attributes[] = {"alt", "href", "src", "style", "title"};
static const char *const schemes[] = {"http:", "https:", "mailto:", "xmpp:", "irc:", "ircs:"};
static const char *const properties[] = {"background-color", "color",      "font-family",     "font-style",
                                         "font-weight",      "text-align", "text-decoration", "font-size"};

static bool listed(const char *const *list, size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(list[i], text))
			return true;
	}
	return false;
}
#define LISTED(list, text) listed(list, sizeof(list) / sizeof *(list), text)

static bool safe_link(const char *link)
{
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
		if (!strncasecmp(link, schemes[i], strlen(schemes[i])))
			return true;
	}
	return false;
}

/* Keeps the known properties of a style; a value with parentheses could load something. */
static const char *clean_style(struct arena *arena, const char *style)
{
	struct str out = {0};
	char *copy = arena_strdup(arena, style), *rest = copy, *piece;
	while ((piece = strsep(&rest, ";"))) {
		char *colon = strchr(piece, ':');
		if (!colon || strpbrk(colon, "()\\\"'<>"))
			continue;
		*colon = '\0';
		piece += strspn(piece, " \t\r\n");
		piece[strcspn(piece, " \t\r\n")] = '\0';
		if (LISTED(properties, piece))
			str_addf(&out, "%s%s:%s", out.len ? ";" : "", piece, colon + 1);
	}
	const char *result = arena_strdup(arena, out.data);
	str_fini(&out);
	return result;
}

static struct attribute *clean_attributes(struct arena *arena, struct attribute *in)
{
	struct attribute *first = NULL, **end = &first;
	for (; in; in = in->next) {
		const char *value = in->value;
		if (in->ns || !LISTED(attributes, in->name))
			continue;
		if (!strcmp(in->name, "style"))
			value = clean_style(arena, value);
		else if ((!strcmp(in->name, "href") || !strcmp(in->name, "src")) && !safe_link(value))
			value = NULL;
		if (!value)
			continue;
		struct attribute *copy = arena_alloc(arena, sizeof *copy);
		*copy = (struct attribute){NULL, in->name, NULL, value};
		*end = copy;
		end = &copy->next;
	}
	return first;
}

/* Unknown elements give way to what is inside of them; scripts and styles go with their content. */
static struct element **clean_nodes(struct arena *arena, const struct element *in, struct element **end)
{
	for (; in; in = in->next) {
		if (in->name && (!strcasecmp(in->name, "script") || !strcasecmp(in->name, "style")))
			continue;
		if (in->name && !LISTED(elements, in->name)) {
			end = clean_nodes(arena, in->children, end);
			continue;
		}
		struct element *copy = arena_alloc(arena, sizeof *copy);
		copy->name = in->name;
		copy->ns = in->name ? NS_XHTML : NULL;
		copy->text = in->text;
		copy->attributes = clean_attributes(arena, in->attributes);
		clean_nodes(arena, in->children, &copy->children);
		*end = copy;
		end = &copy->next;
	}
	return end;
}

struct element *xhtml_clean(struct arena *arena, const char *inner)
{
	struct element *parsed = parser_fragment(arena, inner, NS_XHTML);
	if (!parsed)
		return NULL;
	struct element *body = element_new(arena, "body", NS_XHTML);
	clean_nodes(arena, parsed->children, &body->children);
	return body->children ? body : NULL;
}

const char *xhtml_inner(struct arena *arena, const struct element *body)
{
	if (!body)
		return NULL;
	struct element *clean = element_new(arena, "body", NS_XHTML);
	clean_nodes(arena, body->children, &clean->children);
	struct str out = {0};
	struct writer writer;
	writer_init(&writer, &out, NS_XHTML);
	for (const struct element *node = clean->children; node; node = node->next) {
		if (node->name)
			xml_element(&writer, node);
		else
			xml_text(&writer, node->text);
	}
	writer_end(&writer);
	const char *text = arena_strdup(arena, out.data);
	str_fini(&out);
	return text;
}
