/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/frontend/info.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/encode.h"
#include "lib/xmpp/form.h"
#include "lib/xmpp/ns.h"

void info_add_identity(struct info *info, const char *category, const char *type, const char *name)
{
	if (info->identity_count < INFO_IDENTITIES)
		info->identities[info->identity_count++] =
		    (struct info_identity){.category = category, .type = type, .name = name};
	else
		info->overflow = true;
}

void info_add_feature(struct info *info, const char *ns)
{
	if (info->feature_count < INFO_FEATURES)
		info->features[info->feature_count++] = ns;
	else
		info->overflow = true;
}

void info_add_value(struct info *info, const char *form, const char *var, const char *text)
{
	if (info->value_count < INFO_FIELDS)
		info->values[info->value_count++] = (struct info_value){form, var, text};
	else
		info->overflow = true;
}

bool info_has_feature(const struct info *info, const char *ns)
{
	for (unsigned i = 0; i < info->feature_count; i++) {
		if (!strcmp(info->features[i], ns))
			return true;
	}
	return false;
}

/* ---- Writing ---- */

static void write_forms(const struct info *info, struct writer *writer)
{
	const struct info_value *before = NULL;
	for (unsigned i = 0; i < info->value_count; i++) {
		const struct info_value *value = &info->values[i];
		bool same_form = before && !strcmp(before->form, value->form);
		bool same_field = same_form && !strcmp(before->var, value->var);
		if (before && !same_field)
			xml_close(writer);
		if (before && !same_form)
			form_close(writer);
		if (!same_form)
			form_open(writer, "result", value->form, NULL, NULL);
		if (!same_field) {
			xml_open(writer, "field", NULL);
			xml_attr(writer, "var", value->var);
		}
		xml_leaf(writer, "value", NULL, value->text);
		before = value;
	}
	if (before) {
		xml_close(writer);
		form_close(writer);
	}
}

void info_write(const struct info *info, struct writer *writer)
{
	for (unsigned i = 0; i < info->identity_count; i++) {
		const struct info_identity *identity = &info->identities[i];
		xml_open(writer, "identity", NULL);
		xml_attr(writer, "category", identity->category);
		xml_attr(writer, "type", identity->type);
		xml_attr(writer, "name", identity->name);
		xml_close(writer);
	}
	for (unsigned i = 0; i < info->feature_count; i++) {
		xml_open(writer, "feature", NULL);
		xml_attr(writer, "var", info->features[i]);
		xml_close(writer);
	}
	write_forms(info, writer);
}

/* ---- The hash ---- */

static int compare(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

static int identity_order(const void *left, const void *right)
{
	const struct info_identity *a = left, *b = right;
	int order = compare(a->category, b->category);
	if (!order)
		order = compare(a->type, b->type);
	if (!order)
		order = compare(a->lang, b->lang);
	return order ? order : compare(a->name, b->name);
}

static int feature_order(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int value_order(const void *left, const void *right)
{
	const struct info_value *a = left, *b = right;
	int order = strcmp(a->form, b->form);
	if (!order)
		order = strcmp(a->var, b->var);
	return order ? order : strcmp(a->text, b->text);
}

static void sort(struct info *info)
{
	qsort(info->identities, info->identity_count, sizeof *info->identities, identity_order);
	qsort(info->features, info->feature_count, sizeof *info->features, feature_order);
	qsort(info->values, info->value_count, sizeof *info->values, value_order);
}

static void add(struct str *out, const char *text)
{
	str_adds(out, text);
	str_addc(out, '<');
}

static void describe(const struct info *info, struct str *out)
{
	for (unsigned i = 0; i < info->identity_count; i++) {
		const struct info_identity *identity = &info->identities[i];
		str_addf(out, "%s/%s/%s/%s<", identity->category, identity->type, identity->lang ? identity->lang : "",
		         identity->name ? identity->name : "");
	}
	for (unsigned i = 0; i < info->feature_count; i++)
		add(out, info->features[i]);
	const struct info_value *before = NULL;
	for (unsigned i = 0; i < info->value_count; i++) {
		const struct info_value *value = &info->values[i];
		bool same_form = before && !strcmp(before->form, value->form);
		if (!same_form)
			add(out, value->form);
		if (!same_form || strcmp(before->var, value->var) != 0)
			add(out, value->var);
		add(out, value->text);
		before = value;
	}
}

void info_hash(const struct info *info, struct str *out)
{
	struct info sorted = *info;
	struct str text = {0};
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	sort(&sorted);
	describe(&sorted, &text);
	EVP_Digest(str_text(&text), text.len, digest, &len, EVP_sha1(), NULL);
	base64_encode(out, digest, len);
	str_fini(&text);
}

/* ---- Reading ---- */

static void read_form(struct info *info, struct arena *arena, const struct element *form)
{
	const char *type = form_value(arena, form, "FORM_TYPE");
	if (!type)
		return; /* one without a name is no part of the hash */
	const struct element *field = element_child(form, "field", NS_DATA);
	for (; field; field = element_next(field, "field", NS_DATA)) {
		const char *var = element_get(field, "var");
		if (!var || !strcmp(var, "FORM_TYPE"))
			continue;
		const struct element *value = element_child(field, "value", NS_DATA);
		for (; value; value = element_next(value, "value", NS_DATA))
			info_add_value(info, type, var, element_text(arena, value));
	}
}

static const char *language(const struct element *element)
{
	const struct attribute *attribute = element->attributes;
	while (attribute && (!attribute->ns || strcmp(attribute->name, "lang") != 0))
		attribute = attribute->next;
	return attribute ? attribute->value : NULL;
}

static bool has_doubles(const struct info *sorted)
{
	for (unsigned i = 1; i < sorted->identity_count; i++) {
		if (!identity_order(&sorted->identities[i - 1], &sorted->identities[i]))
			return true;
	}
	for (unsigned i = 1; i < sorted->feature_count; i++) {
		if (!strcmp(sorted->features[i - 1], sorted->features[i]))
			return true;
	}
	return false;
}

bool info_read(struct info *info, struct arena *arena, const struct element *query)
{
	*info = (struct info){0};
	const struct element *child = element_child(query, NULL, NULL);
	for (; child; child = element_next(child, NULL, NULL)) {
		if (element_is(child, "identity", NS_DISCO_INFO)) {
			const char *category = element_get(child, "category"), *type = element_get(child, "type");
			info_add_identity(info, category ? category : "", type ? type : "", element_get(child, "name"));
			info->identities[info->identity_count - 1].lang = language(child);
		} else if (element_is(child, "feature", NS_DISCO_INFO) && element_get(child, "var")) {
			info_add_feature(info, element_get(child, "var"));
		} else if (element_is(child, "x", NS_DATA)) {
			read_form(info, arena, child);
		}
	}
	sort(info);
	return !info->overflow && !has_doubles(info);
}
