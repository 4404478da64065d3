/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The archive of a room (XEP-0313 with XEP-0059): each user reads what he has heard there. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/xmpp/mam.h"
#include "spectrum/frontend/muc.h"

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
	mam_write_fin(writer, page->complete, page->count ? page->records[0].id : NULL,
	              page->count ? page->records[page->count - 1].id : NULL, page->total);
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

/* In a room somebody is an occupant of it; nobody else has said anything there. */
static const char *nickname_of(struct request *request, const char *with)
{
	struct jid jid;
	if (!with || !jid_parse(request->arena, with, &jid))
		return NULL;
	return strcmp(jid.bare, request->to.bare) != 0 ? "\x01" : text_or_null(jid.resource);
}

void archive_query_set(struct request *request, const struct element *payload)
{
	struct mam_query in;
	if (refuse_without_archive(request))
		return;
	unsigned page = (unsigned)config_number(request->frontend->config, "archive.page");
	const char *why = mam_read(request->arena, payload, page, &in);
	if (why) {
		stanza_refuse(request, S2_BAD_REQUEST, why);
		return;
	}
	struct archive_query wanted = {
	    .start = in.start,
	    .end = in.end,
	    .nickname = nickname_of(request, in.with),
	    .after_id = in.after_id,
	    .before_id = in.before_id,
	    .after = in.after,
	    .before = in.before,
	    .ids = in.ids,
	    .most = in.most,
	    .backwards = in.backwards,
	};
	struct query *query = query_new(request);
	query->queryid = mem_strdup(in.queryid);
	query->flip = in.flip;
	archive_search(request->frontend->hub, request->from.bare, request->to.node, &wanted, found, query);
}

/* What can be asked for. */
void archive_query_get(struct request *request, const struct element *payload)
{
	if (refuse_without_archive(request))
		return;
	struct writer *writer = iq_result_open(request);
	xml_open(writer, "query", NS_MAM);
	mam_write_form(writer);
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
