/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/form.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/config/config.h"

enum {
	MOST_FIELDS = 60,
	MOST_OPTIONS = 200,
};

char *form_label(const char *text)
{
	struct str out = {0}, clean = {0};
	for (const char *at = text ? text : ""; *at; at++)
		if (*at != '_' || at[1] == '_')
			str_addc(&out, *at);
	utf8_clean(&clean, str_text(&out), out.len);
	str_fini(&out);
	return str_take(&clean);
}

static const char *label(struct arena *arena, const char *text)
{
	char *plain = form_label(text);
	const char *kept = arena_strdup(arena, plain);
	free(plain);
	return kept;
}

static const char *clean(struct arena *arena, const char *text)
{
	struct str out = {0};
	utf8_clean(&out, text ? text : "", text ? strlen(text) : 0);
	const char *kept = arena_strdup(arena, str_text(&out));
	str_fini(&out);
	return kept;
}

/* ---- To the user ---- */

static void add_line(struct str *out, const char *text)
{
	if (!text_empty(text))
		str_addf(out, "%s%s", out->len ? "\n" : "", text);
}

/* Of texts; the value of each is its number, which libpurple counts from 0. */
static void put_options(struct s2_field *field, struct arena *arena, GList *labels)
{
	struct s2_option *options = arena_alloc(arena, MOST_OPTIONS * sizeof *options);
	for (GList *each = labels; each && field->option_count < MOST_OPTIONS; each = each->next) {
		options[field->option_count].value = arena_printf(arena, "%zu", field->option_count);
		options[field->option_count].label = label(arena, each->data);
		field->option_count++;
	}
	field->options = options;
}

static void describe_string(struct s2_field *out, struct arena *arena, const PurpleRequestField *field)
{
	out->type = S2_FIELD_TEXT;
	if (purple_request_field_string_is_masked(field))
		out->type = S2_FIELD_PRIVATE;
	else if (purple_request_field_string_is_multiline(field))
		out->type = S2_FIELD_LINES;
	out->value = clean(arena, purple_request_field_string_get_default_value(field));
}

static const char *selected(struct arena *arena, const PurpleRequestField *field)
{
	size_t number = 0;
	for (GList *each = purple_request_field_list_get_items(field); each; each = each->next, number++)
		if (purple_request_field_list_is_selected(field, each->data))
			return arena_printf(arena, "%zu", number);
	return NULL;
}

/* Several may be chosen: there is no such field, so their numbers are written. */
static void describe_list(struct s2_field *out, struct arena *arena, const PurpleRequestField *field, struct str *text)
{
	GList *items = purple_request_field_list_get_items(field);
	if (!purple_request_field_list_get_multi_select(field)) {
		out->type = S2_FIELD_LIST;
		out->value = selected(arena, field);
		put_options(out, arena, items);
		return;
	}
	size_t number = 0;
	out->type = S2_FIELD_TEXT;
	out->label = arena_printf(arena, "%s (one or more of the numbers)", out->label);
	for (GList *each = items; each && number < MOST_OPTIONS; each = each->next, number++)
		str_addf(text, "\n%zu: %s", number, clean(arena, each->data));
}

/* False if it is not to be filled in. */
static bool describe_field(struct s2_field *out, struct arena *arena, const PurpleRequestField *field, struct str *text)
{
	*out = (struct s2_field){.name = clean(arena, purple_request_field_get_id(field)),
	                         .label = label(arena, purple_request_field_get_label(field)),
	                         .required = purple_request_field_is_required(field)};
	switch (purple_request_field_get_type(field)) {
	case PURPLE_REQUEST_FIELD_STRING:
		if (!purple_request_field_string_is_editable(field)) {
			add_line(text, out->label);
			add_line(text, clean(arena, purple_request_field_string_get_default_value(field)));
			return false;
		}
		describe_string(out, arena, field);
		return true;
	case PURPLE_REQUEST_FIELD_INTEGER:
		out->type = S2_FIELD_TEXT;
		out->value = arena_printf(arena, "%d", purple_request_field_int_get_default_value(field));
		return true;
	case PURPLE_REQUEST_FIELD_BOOLEAN:
		out->type = S2_FIELD_BOOLEAN;
		out->value = purple_request_field_bool_get_default_value(field) ? "1" : "0";
		return true;
	case PURPLE_REQUEST_FIELD_CHOICE:
		out->type = S2_FIELD_LIST;
		out->value = arena_printf(arena, "%d", purple_request_field_choice_get_default_value(field));
		put_options(out, arena, purple_request_field_choice_get_labels(field));
		return true;
	case PURPLE_REQUEST_FIELD_LIST:
		describe_list(out, arena, field, text);
		return true;
	default:
		add_line(text, out->label);
		return false;
	}
}

static const char *image_type(const void *bytes, size_t len)
{
	if (len > 4 && !memcmp(bytes, "\x89PNG", 4))
		return "image/png";
	return len > 4 && !memcmp(bytes, "GIF8", 4) ? "image/gif" : "image/jpeg";
}

static void describe_image(struct s2_request *request, PurpleRequestField *field)
{
	if (request->image || !purple_request_field_image_get_size(field))
		return;
	request->image = purple_request_field_image_get_buffer(field);
	request->image_bytes = purple_request_field_image_get_size(field);
	request->image_type = image_type(request->image, request->image_bytes);
}

void form_describe(struct s2_request *request, struct arena *arena, PurpleRequestFields *form, struct str *text)
{
	struct s2_field *fields = arena_alloc(arena, MOST_FIELDS * sizeof *fields);
	for (GList *group = purple_request_fields_get_groups(form); group; group = group->next) {
		for (GList *each = purple_request_field_group_get_fields(group->data); each; each = each->next) {
			PurpleRequestField *field = each->data;
			if (!purple_request_field_is_visible(field) || request->field_count == MOST_FIELDS)
				continue;
			if (purple_request_field_get_type(field) == PURPLE_REQUEST_FIELD_IMAGE)
				describe_image(request, field);
			request->field_count += describe_field(&fields[request->field_count], arena, field, text);
		}
	}
	request->fields = fields;
}

/* ---- And back ---- */

static bool set_items(PurpleRequestField *field, const char *text)
{
	GList *items = purple_request_field_list_get_items(field);
	purple_request_field_list_clear_selected(field);
	while (*text) {
		char *end;
		unsigned long number = strtoul(text, &end, 10);
		const char *item = end > text ? g_list_nth_data(items, (guint)number) : NULL;
		if (!item)
			return false;
		purple_request_field_list_add_selected(field, item);
		text = end + strspn(end, " ,;\n");
	}
	return true;
}

static bool set_number(PurpleRequestField *field, const char *value, bool choice)
{
	int64_t number;
	if (!config_parse_number(value, &number) || number < INT32_MIN || number > INT32_MAX)
		return false;
	if (!choice)
		purple_request_field_int_set_value(field, (int)number);
	else if (number < 0 || number >= g_list_length(purple_request_field_choice_get_labels(field)))
		return false;
	else
		purple_request_field_choice_set_value(field, (int)number);
	return true;
}

bool form_set(PurpleRequestFields *form, const char *name, const char *value)
{
	PurpleRequestField *field =
	    purple_request_fields_exists(form, name) ? purple_request_fields_get_field(form, name) : NULL;
	bool truth;
	if (!field || (text_empty(value) && !purple_request_field_is_required(field) &&
	               purple_request_field_get_type(field) != PURPLE_REQUEST_FIELD_STRING))
		return true;
	switch (purple_request_field_get_type(field)) {
	case PURPLE_REQUEST_FIELD_STRING:
		purple_request_field_string_set_value(field, value);
		return !text_empty(value) || !purple_request_field_is_required(field);
	case PURPLE_REQUEST_FIELD_INTEGER:
		return set_number(field, value, false);
	case PURPLE_REQUEST_FIELD_CHOICE:
		return set_number(field, value, true);
	case PURPLE_REQUEST_FIELD_BOOLEAN:
		if (!config_parse_bool(value, &truth))
			return false;
		purple_request_field_bool_set_value(field, truth);
		return true;
	case PURPLE_REQUEST_FIELD_LIST:
		return set_items(field, value ? value : "");
	default:
		return true;
	}
}

bool form_is_password(PurpleRequestFields *form)
{
	return purple_request_fields_exists(form, "password") && purple_request_fields_exists(form, "remember");
}
