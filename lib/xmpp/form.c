/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Data forms (XEP-0004), as registration, rooms and commands write and read them. */
#include "lib/xmpp/form.h"

#include <string.h>

#include "lib/xmpp/ns.h"

void form_open(struct writer *writer, const char *type, const char *form_type, const char *title,
               const char *instructions)
{
	xml_open(writer, "x", NS_DATA);
	xml_attr(writer, "type", type);
	xml_leaf(writer, "title", NULL, title);
	xml_leaf(writer, "instructions", NULL, instructions);
	if (form_type)
		form_field(writer, "FORM_TYPE", "hidden", NULL, form_type, false);
}

void form_field(struct writer *writer, const char *var, const char *type, const char *label, const char *value,
                bool required)
{
	xml_open(writer, "field", NULL);
	xml_attr(writer, "var", var);
	xml_attr(writer, "type", type);
	xml_attr(writer, "label", label);
	if (required)
		xml_empty(writer, "required", NULL);
	xml_leaf(writer, "value", NULL, value);
	xml_close(writer);
}

static void write_lines(struct writer *writer, const char *text)
{
	for (const char *at = text, *end; *at; at = *end ? end + 1 : end) {
		end = strchrnul(at, '\n');
		xml_open(writer, "value", NULL);
		xml_textf(writer, "%.*s", (int)(end - at), at);
		xml_close(writer);
	}
}

void form_ask(struct writer *writer, const struct s2_field *field, bool result)
{
	static const char *const types[] = {
	    [S2_FIELD_TEXT] = "text-single", [S2_FIELD_PRIVATE] = "text-private", [S2_FIELD_BOOLEAN] = "boolean",
	    [S2_FIELD_LIST] = "list-single", [S2_FIELD_LINES] = "text-multi",     [S2_FIELD_JID] = "jid-single",
	    [S2_FIELD_JIDS] = "jid-multi"};
	xml_open(writer, "field", NULL);
	xml_attr(writer, "var", field->name);
	xml_attr(writer, "type", (unsigned)field->type < S2_FIELD_TYPES ? types[field->type] : types[S2_FIELD_TEXT]);
	xml_attr(writer, "label", text_or_null(field->label));
	if (field->required && !result)
		xml_empty(writer, "required", NULL);
	if (field->type == S2_FIELD_LINES || field->type == S2_FIELD_JIDS)
		write_lines(writer, field->value ? field->value : "");
	else
		xml_leaf(writer, "value", NULL, field->value);
	for (size_t i = 0; i < field->option_count && !result; i++) {
		xml_open(writer, "option", NULL);
		xml_attr(writer, "label", text_or_null(field->options[i].label));
		xml_leaf(writer, "value", NULL, field->options[i].value);
		xml_close(writer);
	}
	xml_close(writer);
}

void form_close(struct writer *writer)
{
	xml_close(writer);
}

static const struct element *find_field(const struct element *form, const char *var)
{
	const struct element *field = element_child(form, "field", NS_DATA);
	while (field && !text_equal(element_get(field, "var"), var))
		field = element_next(field, "field", NS_DATA);
	return field;
}

const char *form_value(struct arena *arena, const struct element *form, const char *var)
{
	return element_child_text(arena, find_field(form, var), "value", NS_DATA);
}

const char *form_values(struct arena *arena, const struct element *form, const char *var)
{
	const struct element *field = find_field(form, var), *value = element_child(field, "value", NS_DATA);
	const struct element *next = element_next(value, "value", NS_DATA);
	if (!field || !next)
		return field ? value ? element_text(arena, value) : "" : NULL;
	struct str joined = {0};
	str_adds(&joined, element_text(arena, value));
	for (; next; next = element_next(next, "value", NS_DATA)) {
		str_addc(&joined, '\n');
		str_adds(&joined, element_text(arena, next));
	}
	const char *text = arena_strndup(arena, joined.data, joined.len);
	str_fini(&joined);
	return text;
}

static enum s2_field_type field_type(const char *type)
{
	static const struct {
		const char *name;
		enum s2_field_type type;
	} types[] = {{"text-private", S2_FIELD_PRIVATE}, {"boolean", S2_FIELD_BOOLEAN},  {"list-single", S2_FIELD_LIST},
	             {"text-multi", S2_FIELD_LINES},     {"list-multi", S2_FIELD_LINES}, {"jid-single", S2_FIELD_JID},
	             {"jid-multi", S2_FIELD_JIDS}};
	for (size_t i = 0; type && i < sizeof types / sizeof *types; i++)
		if (!strcmp(types[i].name, type))
			return types[i].type;
	return S2_FIELD_TEXT;
}

static void read_options(struct arena *arena, const struct element *in, struct s2_field *field)
{
	const struct element *first = element_child(in, "option", NS_DATA), *option = first;
	for (; option; option = element_next(option, "option", NS_DATA))
		field->option_count++;
	struct s2_option *options = arena_alloc(arena, field->option_count * sizeof *options), *at = options;
	for (option = first; option; option = element_next(option, "option", NS_DATA), at++) {
		at->value = element_child_text(arena, option, "value", NS_DATA);
		at->label = element_get(option, "label");
		if (!at->value)
			at->value = "";
	}
	field->options = options;
}

size_t form_fields(struct arena *arena, const struct element *form, struct s2_field *fields, size_t most)
{
	size_t count = 0;
	const struct element *in = element_child(form, "field", NS_DATA);
	for (; in && count < most; in = element_next(in, "field", NS_DATA)) {
		const char *var = element_get(in, "var"), *type = element_get(in, "type");
		if (text_empty(var) || !strcmp(var, "FORM_TYPE") || text_equal(type, "fixed") ||
		    text_equal(type, "hidden"))
			continue;
		struct s2_field *field = &fields[count++];
		*field = (struct s2_field){
		    .name = var,
		    .label = element_get(in, "label"),
		    .type = field_type(type),
		    .required = element_child(in, "required", NS_DATA) != NULL,
		    .value = form_values(arena, form, var),
		};
		if (field->type == S2_FIELD_BOOLEAN)
			field->value = form_true(field->value) ? "1" : "0";
		read_options(arena, in, field);
	}
	return count;
}

bool form_true(const char *value)
{
	return value && (!strcmp(value, "1") || !strcmp(value, "true"));
}
