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

void form_close(struct writer *writer)
{
	xml_close(writer);
}

const char *form_value(struct arena *arena, const struct element *form, const char *var)
{
	const struct element *field = element_child(form, "field", NS_DATA);
	for (; field; field = element_next(field, "field", NS_DATA)) {
		const char *name = element_get(field, "var");
		if (name && !strcmp(name, var))
			return element_child_text(arena, field, "value", NS_DATA);
	}
	return NULL;
}

bool form_true(const char *value)
{
	return value && (!strcmp(value, "1") || !strcmp(value, "true"));
}
