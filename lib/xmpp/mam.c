/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/xmpp/mam.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/xmpp/form.h"
#include "lib/xmpp/jid.h"
#include "lib/xmpp/ns.h"
#include "lib/xmpp/rsm.h"

#define IDS_MOST 100

/* Clients that want all begin with the year 1970. What ends there has nothing in it. */
static bool read_limit(const char *text, int64_t least, int64_t *out)
{
	*out = 0;
	if (!text)
		return true;
	if (!clock_read(text, out))
		return false;
	*out = *out < least ? least : *out;
	return true;
}

static const char *read_form(struct arena *arena, const struct element *form, struct mam_query *out)
{
	const char *start = text_or_null(form_value(arena, form, "start")),
	           *end = text_or_null(form_value(arena, form, "end")),
	           *with = text_or_null(form_value(arena, form, "with"));
	struct jid jid;
	if (!read_limit(start, 0, &out->start) || !read_limit(end, 1, &out->end))
		return "A time is written like 2026-01-31T23:59:59Z.";
	if (with && !jid_parse(arena, with, &jid))
		return "This is no address: with.";
	out->with = with ? jid.full : NULL;
	out->after_id = text_or_null(form_value(arena, form, "after-id"));
	out->before_id = text_or_null(form_value(arena, form, "before-id"));
	return NULL;
}

static const char *read_ids(struct arena *arena, const struct element *form, struct mam_query *out)
{
	struct str ids = {0};
	unsigned count = 0;
	const struct element *field = element_child(form, "field", NS_DATA);
	while (field && !text_equal(element_get(field, "var"), "ids"))
		field = element_next(field, "field", NS_DATA);
	const struct element *value = field ? element_child(field, "value", NS_DATA) : NULL;
	for (; value; value = element_next(value, "value", NS_DATA), count++)
		str_addf(&ids, "%s\x01", element_text(arena, value));
	out->ids = ids.len ? arena_strndup(arena, ids.data, ids.len) : NULL;
	str_fini(&ids);
	return count > IDS_MOST ? "Ask for fewer ids at once." : NULL;
}

static const char *read_set(struct arena *arena, const struct element *query, unsigned page, struct mam_query *out)
{
	struct rsm rsm;
	const char *why = rsm_read(arena, query, page, &rsm);
	out->after = rsm.after;
	out->before = rsm.before;
	out->backwards = rsm.backwards;
	out->most = rsm.most;
	return why;
}

const char *mam_read(struct arena *arena, const struct element *query, unsigned page, struct mam_query *out)
{
	const struct element *form = element_child(query, "x", NS_DATA);
	*out = (struct mam_query){.queryid = element_get(query, "queryid"),
	                          .flip = element_child(query, "flip-page", NS_MAM)};
	const char *why = NULL;
	if (form && !text_equal(form_value(arena, form, "FORM_TYPE"), NS_MAM))
		why = "The form is not one of urn:xmpp:mam:2.";
	if (!why && form)
		why = read_form(arena, form, out);
	if (!why && form)
		why = read_ids(arena, form, out);
	return why ? why : read_set(arena, query, page, out);
}

void mam_write_form(struct writer *writer)
{
	static const struct {
		const char *var, *type;
	} fields[] = {{"with", "jid-single"},       {"start", "text-single"},    {"end", "text-single"},
	              {"before-id", "text-single"}, {"after-id", "text-single"}, {"ids", "list-multi"}};
	form_open(writer, "form", NS_MAM, NULL, NULL);
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		form_field(writer, fields[i].var, fields[i].type, NULL, NULL, false);
	form_close(writer);
}

void mam_write_fin(struct writer *writer, bool complete, const char *first, const char *last, int64_t total)
{
	xml_open(writer, "fin", NS_MAM);
	xml_attr(writer, "complete", complete ? "true" : NULL);
	rsm_write(writer, first, last, total, -1);
	xml_close(writer);
}
