/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The archive of a user (XEP-0313): what he has written and got, for clients that were away. Each message in it has an
 * id by which clients know it (XEP-0359). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/xmpp/mam.h"
#include "spectrum/server/inside.h"

/* ---- Putting in ---- */

/* The other one: of a room, the occupant. */
static const char *with_of(struct arena *arena, const struct element *message, const char *attribute)
{
	struct jid jid;
	const char *address = element_get(message, attribute);
	if (!address || !jid_parse(arena, address, &jid))
		return "";
	return element_child(message, "x", NS_MUC_USER) ? jid.full : jid.bare;
}

const struct element *mam_keep(struct server *server, const char *owner, struct arena *arena,
                               const struct element *message, bool sent, bool prompt)
{
	if (!archive_is_kept(server->hub) || !message_is_worth_keeping(message))
		return message;
	struct str content = {0};
	struct writer writer;
	writer_init(&writer, &content, NS_CLIENT);
	xml_element(&writer, message);
	writer_end(&writer);
	uint64_t number = archive_note(server->hub, owner,
	                               &(struct archive_line){
	                                   .with = with_of(arena, message, sent ? "to" : "from"),
	                                   .stanza_id = element_get(message, "id"),
	                                   .content = content.data,
	                                   .prompt = prompt,
	                               });
	str_fini(&content);
	struct element *copy = arena_alloc(arena, sizeof *copy), *id = element_new(arena, "stanza-id", NS_STANZA_ID);
	char text[24];
	snprintf(text, sizeof text, "%" PRIx64, number);
	element_set(arena, id, "by", owner);
	element_set(arena, id, "id", text);
	*copy = *message;
	id->next = copy->children;
	copy->children = id;
	return copy;
}

/* ---- Asking ---- */

struct search {
	struct answer *answer;
	char *queryid, *owner, *to;
	bool flip;
};

static void search_free(struct search *search)
{
	free(search->queryid);
	free(search->owner);
	free(search->to);
	free(search);
}

static void write_result(const struct search *search, struct session *session, const struct room_record *record)
{
	struct server *server = session->account->server;
	struct writer *writer = server_write(server, "message", search->owner, session->full, NULL);
	char stamp[CLOCK_TEXT_BYTES];
	clock_format(record->time, stamp);
	xml_open(writer, "result", NS_MAM);
	xml_attr(writer, "queryid", search->queryid);
	xml_attr(writer, "id", record->id);
	xml_open(writer, "forwarded", NS_FORWARD);
	xml_open(writer, "delay", NS_DELAY);
	xml_attr(writer, "stamp", stamp);
	xml_close(writer);
	const struct element *body = parser_fragment(server_arena(server), record->content, NS_CLIENT);
	xml_element(writer, element_child(body, "message", NULL));
	xml_close(writer);
	xml_close(writer);
	server_write_end(session);
}

static void found(void *arg, const struct archive_page *page, enum s2_condition condition, const char *text)
{
	struct search *search = arg;
	struct server *server = answer_server(search->answer);
	struct session *session = server_session(server, search->to);
	if (!page) {
		answer_refuse(search->answer, condition, text);
		search_free(search);
		return;
	}
	for (size_t i = 0; session && i < page->count; i++)
		write_result(search, session, &page->records[search->flip ? page->count - 1 - i : i]);
	mam_write_fin(answer_open(search->answer), page->complete, page->count ? page->records[0].id : NULL,
	              page->count ? page->records[page->count - 1].id : NULL, page->total);
	answer_send(search->answer);
	search_free(search);
}

static bool refuse_without_archive(struct ask *ask)
{
	if (archive_is_kept(ask->account->server->hub))
		return false;
	ask_refuse(ask, S2_SERVICE_UNAVAILABLE, "This server keeps no archive.");
	return true;
}

void mam_set(struct ask *ask)
{
	struct server *server = ask->account->server;
	struct mam_query in;
	if (refuse_without_archive(ask))
		return;
	const char *why =
	    mam_read(ask->arena, ask->payload, (unsigned)config_number(server->config, "archive.page"), &in);
	if (why) {
		ask_refuse(ask, S2_BAD_REQUEST, why);
		return;
	}
	struct archive_query wanted = {
	    .start = in.start,
	    .end = in.end,
	    .nickname = in.with,
	    .after_id = in.after_id,
	    .before_id = in.before_id,
	    .after = in.after,
	    .before = in.before,
	    .ids = in.ids,
	    .most = in.most,
	    .backwards = in.backwards,
	};
	struct search *search = mem_new(sizeof *search);
	search->answer = answer_new(ask);
	search->queryid = mem_strdup(in.queryid);
	search->owner = mem_strdup(ask->account->jid);
	search->to = mem_strdup(ask->session->full);
	search->flip = in.flip;
	archive_search_own(server->hub, ask->account->jid, &wanted, found, search);
}

void mam_get(struct ask *ask)
{
	if (refuse_without_archive(ask))
		return;
	struct answer *answer = answer_new(ask);
	struct writer *writer = answer_open(answer);
	xml_open(writer, "query", NS_MAM);
	mam_write_form(writer);
	xml_close(writer);
	answer_send(answer);
}

/* ---- Metadata: the first message and the last one ---- */

struct ends {
	struct answer *answer;
	char *owner, *id;
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

static void last_found(void *arg, const struct archive_page *page, enum s2_condition condition, const char *text)
{
	struct ends *ends = arg;
	if (!page) {
		answer_refuse(ends->answer, condition, text);
	} else {
		struct writer *writer = answer_open(ends->answer);
		xml_open(writer, "metadata", NS_MAM);
		if (page->count && ends->id) {
			write_end(writer, "start", ends->id, ends->time);
			write_end(writer, "end", page->records[0].id, page->records[0].time);
		}
		xml_close(writer);
		answer_send(ends->answer);
	}
	free(ends->owner);
	free(ends->id);
	free(ends);
}

static void first_found(void *arg, const struct archive_page *page, enum s2_condition condition, const char *text)
{
	struct ends *ends = arg;
	if (!page) {
		last_found(arg, NULL, condition, text);
		return;
	}
	if (page->count) {
		ends->id = mem_strdup(page->records[0].id);
		ends->time = page->records[0].time;
	}
	archive_search_own(answer_server(ends->answer)->hub, ends->owner,
	                   &(struct archive_query){.most = 1, .backwards = true}, last_found, ends);
}

void mam_metadata(struct ask *ask)
{
	if (refuse_without_archive(ask))
		return;
	struct ends *ends = mem_new(sizeof *ends);
	ends->answer = answer_new(ask);
	ends->owner = mem_strdup(ask->account->jid);
	archive_search_own(ask->account->server->hub, ends->owner, &(struct archive_query){.most = 1}, first_found,
	                   ends);
}
