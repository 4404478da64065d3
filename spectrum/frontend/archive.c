/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The archive of a room (XEP-0313 with XEP-0059): each user reads what he has heard there. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/xmpp/form.h"
#include "spectrum/frontend/muc.h"

#define IDS_MOST 100

/* A query that waits for the database. */
struct query {
	struct reply *reply;
	char *queryid, *bare; /* the room */
	bool flip;            /* the page's last line first */
};

static void query_free(struct query *query)
{
	reply_free(query->reply);
	free(query->queryid);
	free(query->bare);
	free(query);
}

/* ---- In ---- */

/* Why the form is no good, or NULL. */
static const char *read_form(struct request *request, const struct element *form, struct archive_query *out)
{
	struct arena *arena = request->arena;
	const char *start = text_or_null(form_value(arena, form, "start")),
	           *end = text_or_null(form_value(arena, form, "end")),
	           *with = text_or_null(form_value(arena, form, "with"));
	struct jid jid;
	out->start = start ? clock_parse(start) : 0;
	out->end = end ? clock_parse(end) : 0;
	if ((start && !out->start) || (end && !out->end))
		return "A time is written like 2026-01-31T23:59:59Z.";
	if (with && !jid_parse(arena, with, &jid))
		return "This is no address: with.";
	/* In a room somebody is an occupant of it; nobody else has said anything there. */
	if (with)
		out->nickname = strcmp(jid.bare, request->to.bare) != 0 ? "\x01" : text_or_null(jid.resource);
	out->after_id = text_or_null(form_value(arena, form, "after-id"));
	out->before_id = text_or_null(form_value(arena, form, "before-id"));
	return NULL;
}

static const char *read_ids(struct request *request, const struct element *form, struct archive_query *out)
{
	struct str ids = {0};
	unsigned count = 0;
	const struct element *field = element_child(form, "field", NS_DATA);
	while (field && !text_equal(element_get(field, "var"), "ids"))
		field = element_next(field, "field", NS_DATA);
	const struct element *value = field ? element_child(field, "value", NS_DATA) : NULL;
	for (; value; value = element_next(value, "value", NS_DATA), count++)
		str_addf(&ids, "%s\x01", element_text(request->arena, value));
	out->ids = ids.len ? arena_strndup(request->arena, ids.data, ids.len) : NULL;
	str_fini(&ids);
	return count > IDS_MOST ? "Ask for fewer ids at once." : NULL;
}

static const char *read_set(struct request *request, const struct element *set, struct archive_query *out)
{
	struct arena *arena = request->arena;
	const char *max = set ? element_child_text(arena, set, "max", NS_RSM) : NULL,
	           *before = set ? element_child_text(arena, set, "before", NS_RSM) : NULL;
	unsigned most = (unsigned)config_number(request->frontend->config, "archive.page");
	out->after = set ? text_or_null(element_child_text(arena, set, "after", NS_RSM)) : NULL;
	out->before = text_or_null(before);
	out->backwards = before;
	out->most = most;
	if (!max)
		return NULL;
	if (!*max || strspn(max, "0123456789") != strlen(max))
		return "This is no number: max.";
	unsigned long wanted = strtoul(max, NULL, 10);
	out->most = wanted < most ? (unsigned)wanted : most;
	return NULL;
}

/* ---- Out ---- */

static void write_result(const struct query *query, const struct room_record *record)
{
	struct frontend *frontend = query->reply->frontend;
	struct writer *writer = stanza_open(frontend, "message", UPSTREAM_PASSING, query->bare, query->reply->to, NULL);
	xml_open(writer, "result", NS_MAM);
	xml_attr(writer, "queryid", query->queryid);
	xml_attr(writer, "id", record->id);
	xml_open(writer, "forwarded", NS_FORWARD);
	write_past(writer, NULL, record->time);
	xml_open(writer, "message", NS_CLIENT);
	xml_attr(writer, "from", occupant_jid(frontend, query->bare, record->nickname));
	xml_attr(writer, "type", "groupchat");
	xml_attr(writer, "id", record->stanza_id);
	muc_write_record(frontend, writer, NS_CLIENT, query->bare, record);
	xml_close(writer);
	xml_close(writer);
	xml_close(writer);
	stanza_close(frontend);
}

static void write_set(struct writer *writer, const struct archive_page *page)
{
	xml_open(writer, "set", NS_RSM);
	if (page->count) {
		xml_leaf(writer, "first", NULL, page->records[0].id);
		xml_leaf(writer, "last", NULL, page->records[page->count - 1].id);
	}
	if (page->total >= 0) {
		xml_open(writer, "count", NULL);
		xml_textf(writer, "%lld", (long long)page->total);
		xml_close(writer);
	}
	xml_close(writer);
}

static void found(void *arg, const struct archive_page *page, enum s2_condition condition, const char *text)
{
	struct query *query = arg;
	if (!page) {
		reply_refuse(query->reply, condition, text);
		query_free(query);
		return;
	}
	for (size_t i = 0; i < page->count; i++)
		write_result(query, &page->records[query->flip ? page->count - 1 - i : i]);
	struct writer *writer = reply_open(query->reply);
	xml_open(writer, "fin", NS_MAM);
	xml_attr(writer, "complete", page->complete ? "true" : NULL);
	write_set(writer, page);
	xml_close(writer);
	stanza_close(query->reply->frontend);
	query_free(query);
}

static struct query *query_new(struct request *request)
{
	struct query *query = mem_new(sizeof *query);
	query->reply = reply_new(request);
	query->bare = mem_strdup(request->to.bare);
	return query;
}

static bool refuse_without_archive(struct request *request)
{
	if (archive_is_kept(request->frontend->hub))
		return false;
	stanza_refuse(request, S2_SERVICE_UNAVAILABLE, "This gateway keeps nothing of what is said in rooms.");
	return true;
}

void archive_query_set(struct request *request, const struct element *payload)
{
	const struct element *form = element_child(payload, "x", NS_DATA);
	struct archive_query in = {0};
	if (refuse_without_archive(request))
		return;
	const char *why = form && !text_equal(form_value(request->arena, form, "FORM_TYPE"), NS_MAM)
	                      ? "The form is not one of urn:xmpp:mam:2."
	                      : read_form(request, form, &in);
	if (!why && form)
		why = read_ids(request, form, &in);
	if (!why)
		why = read_set(request, element_child(payload, "set", NS_RSM), &in);
	if (why) {
		stanza_refuse(request, S2_BAD_REQUEST, why);
		return;
	}
	struct query *query = query_new(request);
	query->queryid = mem_strdup(element_get(payload, "queryid"));
	query->flip = element_child(payload, "flip-page", NS_MAM);
	archive_search(request->frontend->hub, request->from.bare, request->to.node, &in, found, query);
}

/* What can be asked for. */
void archive_query_get(struct request *request, const struct element *payload)
{
	static const struct {
		const char *var, *type;
	} fields[] = {{"with", "jid-single"},       {"start", "text-single"},    {"end", "text-single"},
	              {"before-id", "text-single"}, {"after-id", "text-single"}, {"ids", "list-multi"}};
	if (refuse_without_archive(request))
		return;
	struct writer *writer = iq_result_open(request);
	xml_open(writer, "query", NS_MAM);
	form_open(writer, "form", NS_MAM, NULL, NULL);
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		form_field(writer, fields[i].var, fields[i].type, NULL, NULL, false);
	form_close(writer);
	xml_close(writer);
	stanza_close(request->frontend);
}

/* ---- Metadata: the first line and the last one ---- */

struct metadata {
	struct query *query;
	char *jid, *node;
	char *id; /* of the first line */
	int64_t time;
};

static void write_end(struct writer *writer, const char *name, const char *id, int64_t time)
{
	char stamp[CLOCK_TEXT_BYTES];
	clock_format(time, stamp);
	xml_open(writer, name, NULL);
	xml_attr(writer, "id", id);
	xml_attr(writer, "timestamp", stamp);
	xml_close(writer);
}

static void metadata_free(struct metadata *metadata)
{
	query_free(metadata->query);
	free(metadata->jid);
	free(metadata->node);
	free(metadata->id);
	free(metadata);
}

static void last_found(void *arg, const struct archive_page *page, enum s2_condition condition, const char *text)
{
	struct metadata *metadata = arg;
	struct reply *reply = metadata->query->reply;
	if (!page) {
		reply_refuse(reply, condition, text);
		metadata_free(metadata);
		return;
	}
	struct writer *writer = reply_open(reply);
	xml_open(writer, "metadata", NS_MAM);
	if (page->count && metadata->id) {
		write_end(writer, "start", metadata->id, metadata->time);
		write_end(writer, "end", page->records[0].id, page->records[0].time);
	}
	xml_close(writer);
	stanza_close(reply->frontend);
	metadata_free(metadata);
}

static void first_found(void *arg, const struct archive_page *page, enum s2_condition condition, const char *text)
{
	struct metadata *metadata = arg;
	if (!page) {
		last_found(arg, NULL, condition, text);
		return;
	}
	if (page->count) {
		metadata->id = mem_strdup(page->records[0].id);
		metadata->time = page->records[0].time;
	}
	archive_search(metadata->query->reply->frontend->hub, metadata->jid, metadata->node,
	               &(struct archive_query){.most = 1, .backwards = true}, last_found, metadata);
}

void archive_metadata(struct request *request, const struct element *payload)
{
	if (refuse_without_archive(request))
		return;
	struct metadata *metadata = mem_new(sizeof *metadata);
	metadata->query = query_new(request);
	metadata->jid = mem_strdup(request->from.bare);
	metadata->node = mem_strdup(request->to.node);
	archive_search(request->frontend->hub, metadata->jid, metadata->node, &(struct archive_query){.most = 1},
	               first_found, metadata);
}
