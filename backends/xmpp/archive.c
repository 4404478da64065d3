/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/xmpp/archive.h"

#include <stdlib.h>
#include <string.h>

#include "backends/xmpp/iq.h"
#include "backends/xmpp/talk.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/xmpp/form.h"
#include "lib/xmpp/ns.h"

#define LOG_AREA "xmpp"

enum {
	PAGE = 50,
	MOST_PAGES = 200,
	MOST_SEEN = 256,
	MARGIN_MS = 2000, /* clocks differ */
};

struct archive {
	char *last_id;   /* of the newest message that has come; NULL = none */
	int64_t last_ms; /* wall clock when it came, or when the session began */
	bool running;    /* pages are being read */
	unsigned pages;
	unsigned query;           /* number of the last question */
	uint64_t seen[MOST_SEEN]; /* hashes of names */
	unsigned seen_next;
};

static struct archive *archive_of(struct user *user)
{
	if (!user->archive)
		user->archive = mem_new(sizeof *user->archive);
	return user->archive;
}

void archive_free(struct user *user)
{
	if (!user->archive)
		return;
	free(user->archive->last_id);
	free(user->archive);
	user->archive = NULL;
}

/* True if it was there already. */
static bool see(struct archive *archive, const char *id)
{
	uint64_t hash = hash_bytes(id, strlen(id));
	for (size_t i = 0; i < MOST_SEEN; i++)
		if (archive->seen[i] == hash)
			return true;
	archive->seen[archive->seen_next++ % MOST_SEEN] = hash;
	return false;
}

bool archive_note(struct user *user, const struct element *stanza)
{
	const char *own = client_bare_jid(user->client);
	const struct element *id = element_child(stanza, "stanza-id", NS_STANZA_ID);
	while (id && !text_equal(element_get(id, "by"), own))
		id = element_next(id, "stanza-id", NS_STANZA_ID);
	const char *name = id ? text_or_null(element_get(id, "id")) : NULL;
	if (!name || !settings.archive)
		return false;
	struct archive *archive = archive_of(user);
	if (see(archive, name))
		return true;
	/* While pages are read, what comes in between is newer than what is still to come. */
	if (!archive->running) {
		mem_replace(&archive->last_id, name);
		archive->last_ms = clock_wall_ms();
	}
	return false;
}

static void ask(struct user *user, const char *after);

static void on_page(struct user *user, void *arg, struct arena *arena, const struct element *iq)
{
	struct archive *archive = user->archive;
	const struct element *fin = element_child(iq, "fin", NS_MAM);
	const struct element *set = element_child(fin, "set", NS_RSM);
	const char *last = set ? element_child_text(arena, set, "last", NS_RSM) : NULL;
	bool by_id = arg != NULL;
	if (!archive)
		return;
	archive->running = false;
	if (iq_is_result(iq) && !text_empty(last))
		mem_replace(&archive->last_id, last);
	if (iq_is_result(iq) && !text_equal(element_get(fin, "complete"), "true") && !text_empty(last) &&
	    ++archive->pages < MOST_PAGES) {
		ask(user, last);
	} else if (iq && !iq_is_result(iq) && by_id) {
		/* The archive does not go back so far any more: by time then. */
		mem_replace(&archive->last_id, NULL);
		ask(user, NULL);
	} else if (iq && !iq_is_result(iq)) {
		log_debug("no archive user=%s", s2_user_jid(user->s2));
	}
}

static void ask(struct user *user, const char *after)
{
	struct archive *archive = user->archive;
	char start[CLOCK_TEXT_BYTES];
	archive->running = true;
	struct writer *writer = iq_open(user, "set", NULL, on_page, after ? archive : NULL);
	xml_open(writer, "query", NS_MAM);
	xml_attrf(writer, "queryid", "%u", ++archive->query);
	form_open(writer, "submit", NS_MAM, NULL, NULL);
	if (!after) {
		clock_format(archive->last_ms - MARGIN_MS, start);
		form_field(writer, "start", NULL, NULL, start, false);
	}
	form_close(writer);
	xml_open(writer, "set", NS_RSM);
	xml_open(writer, "max", NULL);
	xml_textf(writer, "%d", PAGE);
	xml_close(writer);
	xml_leaf(writer, "after", NULL, after);
	xml_close(writer);
	xml_close(writer);
	iq_send(user);
}

void archive_catch_up(struct user *user, bool first)
{
	if (!settings.archive)
		return;
	struct archive *archive = archive_of(user);
	if (first || !archive->last_ms) {
		archive->last_ms = clock_wall_ms();
		return;
	}
	char *after = mem_strdup(archive->last_id);
	archive->pages = 0;
	ask(user, after);
	free(after);
}

bool archive_received(struct user *user, struct arena *arena, const struct element *stanza, const struct jid *from)
{
	const struct element *result = element_child(stanza, "result", NS_MAM);
	const struct element *forwarded = element_child(result, "forwarded", NS_FORWARD);
	const struct element *inner = element_child(forwarded, "message", NS_CLIENT);
	struct archive *archive = user->archive;
	if (!result)
		return false;
	const char *id = element_get(result, "id"), *query = element_get(result, "queryid");
	if (!archive || !archive->running || !inner || text_empty(id) ||
	    strcmp(from->full, client_bare_jid(user->client)) || !query || strtoul(query, NULL, 10) != archive->query ||
	    see(archive, id))
		return true;
	struct origin origin = {.time = talk_time(forwarded), .archived = true};
	talk_forwarded(user, arena, inner, &origin);
	return true;
}
