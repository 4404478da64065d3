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
#define LIVE "live"
#define ARCHIVED "archived"

enum {
	PAGE = 50,
	MOST_PAGES = 200,
	MOST_SEEN = 256,
	MOST_MEANWHILE = 8192,
	MARGIN_MS = 2000, /* clocks differ */
};

/* Where in the archive the user is. A message has a name there that comes with it; what has none is known by who said
 * what under which id. */
struct archive {
	char *last_id;   /* all up to this name has come; NULL = not known, then it is: */
	int64_t last_ms; /* wall clock when something came, or when the session began */
	bool there;      /* the server has one */
	bool behind;     /* a new session: there may be more between `last_id` and what comes now */
	bool asked;      /* ... and a page is on its way */
	char *newest;    /* that has come while behind, and that no page has shown yet */
	unsigned pages;
	unsigned query; /* number of the last question whose messages count */
	uint64_t
	    *seen; /* hashes, MOST_SEEN of them, the oldest one goes when another comes; NULL while there are none */
	unsigned seen_next;
	struct str meanwhile; /* hashes of what came while behind: pages may show them much later */
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
	free(user->archive->newest);
	str_fini(&user->archive->meanwhile);
	free(user->archive->seen);
	free(user->archive);
	user->archive = NULL;
}

/* ---- What has come ---- */

static bool is_seen(const struct archive *archive, uint64_t hash)
{
	const uint64_t *meanwhile = (const uint64_t *)(const void *)archive->meanwhile.data;
	for (size_t i = 0; archive->seen && i < MOST_SEEN; i++)
		if (archive->seen[i] == hash)
			return true;
	for (size_t i = 0; i < archive->meanwhile.len / sizeof *meanwhile; i++)
		if (meanwhile[i] == hash)
			return true;
	return false;
}

/* True if it was there already. */
static bool see(struct archive *archive, uint64_t hash)
{
	if (is_seen(archive, hash))
		return true;
	if (!archive->seen)
		archive->seen = mem_new(MOST_SEEN * sizeof *archive->seen);
	archive->seen[archive->seen_next++ % MOST_SEEN] = hash;
	if (archive->behind && archive->meanwhile.len < MOST_MEANWHILE * sizeof hash)
		str_add(&archive->meanwhile, (const char *)&hash, sizeof hash);
	return false;
}

/* Who said what under which id; 0 if that says too little. Somebody may well say the same thing twice, so what came one
 * way is looked for in what came the other way only. */
static uint64_t hash_of_words(struct arena *arena, const struct element *stanza, const char *source)
{
	const char *from = element_get(stanza, "from"), *id = element_get(stanza, "id"),
	           *body = element_child_text(arena, stanza, "body", NS_CLIENT);
	if (!from || text_empty(id) || !body)
		return 0;
	const char *text = arena_printf(arena, "%s\n%.*s\n%s\n%s", source, (int)strcspn(from, "/"), from, id, body);
	return hash_bytes(text, strlen(text));
}

/* The archive's name for it, NULL if it has none. */
static const char *name_of(const struct user *user, const struct element *stanza)
{
	const char *own = client_bare_jid(user->client);
	const struct element *id = element_child(stanza, "stanza-id", NS_STANZA_ID);
	while (id && !text_equal(element_get(id, "by"), own))
		id = element_next(id, "stanza-id", NS_STANZA_ID);
	return id ? text_or_null(element_get(id, "id")) : NULL;
}

bool archive_note(struct user *user, struct arena *arena, const struct element *stanza)
{
	if (!settings.archive || text_equal(element_get(stanza, "type"), "groupchat"))
		return false;
	const char *name = name_of(user, stanza);
	uint64_t words = !name && user->archive && user->archive->there ? hash_of_words(arena, stanza, LIVE) : 0;
	if (!name && !words)
		return false;
	struct archive *archive = archive_of(user);
	if (!name) {
		see(archive, words);
		return element_child(stanza, "delay", NS_DELAY) &&
		       is_seen(archive, hash_of_words(arena, stanza, ARCHIVED));
	}
	if (see(archive, hash_bytes(name, strlen(name))))
		return true;
	mem_replace(archive->behind ? &archive->newest : &archive->last_id, name);
	archive->last_ms = archive->behind ? archive->last_ms : clock_wall_ms();
	return false;
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
	if (!archive || !archive->behind || !inner || text_empty(id) ||
	    strcmp(from->full, client_bare_jid(user->client)) || !query || strtoul(query, NULL, 10) != archive->query)
		return true;
	if (text_equal(archive->newest, id))
		mem_replace(&archive->newest, NULL);
	uint64_t live = hash_of_words(arena, inner, LIVE);
	if (see(archive, hash_bytes(id, strlen(id))) || (live && is_seen(archive, live)))
		return true;
	if (live)
		see(archive, hash_of_words(arena, inner, ARCHIVED));
	struct origin origin = {.time = talk_time(forwarded), .archived = true};
	talk_forwarded(user, arena, inner, &origin);
	return true;
}

/* ---- Asking ---- */

/* Opens a question for so many messages, behind a name or since a time if there is one. */
static void ask(struct user *user, const char *after, int64_t since, bool newest, iq_answer *answer)
{
	char start[CLOCK_TEXT_BYTES];
	struct writer *writer = iq_open(user, "set", NULL, answer, after ? user->archive : NULL);
	xml_open(writer, "query", NS_MAM);
	xml_attrf(writer, "queryid", "%u", ++user->archive->query);
	form_open(writer, "submit", NS_MAM, NULL, NULL);
	if (since) {
		clock_format(since, start);
		form_field(writer, "start", NULL, NULL, start, false);
	}
	form_close(writer);
	xml_open(writer, "set", NS_RSM);
	xml_open(writer, "max", NULL);
	xml_textf(writer, "%d", newest ? 1 : PAGE);
	xml_close(writer);
	if (newest)
		xml_empty(writer, "before", NULL);
	xml_leaf(writer, "after", NULL, after);
	xml_close(writer);
	xml_close(writer);
	iq_send(user);
}

static const char *last_of(struct user *user, struct arena *arena, const struct element *iq)
{
	const struct element *fin = iq_is_result(iq) ? element_child(iq, "fin", NS_MAM) : NULL;
	const struct element *set = element_child(fin, "set", NS_RSM);
	if (fin && user->archive)
		user->archive->there = true;
	return set ? text_or_null(element_child_text(arena, set, "last", NS_RSM)) : NULL;
}

/* There is nothing between the pages and what has come meanwhile. */
static void caught_up(struct archive *archive)
{
	archive->behind = false;
	if (archive->newest)
		mem_replace(&archive->last_id, archive->newest);
	mem_replace(&archive->newest, NULL);
	archive->last_ms = clock_wall_ms();
	str_fini(&archive->meanwhile);
}

static void ask_page(struct user *user);

/* More was missed than is fetched: he has to know that there is a gap, and where to look. */
static void tell_rest(struct user *user)
{
	log_warn("more was missed than is fetched user=%s", s2_user_jid(user->s2));
	s2_message(user->s2, &(struct s2_message){
	                         .peer = user->account.domain,
	                         .body = "You have missed more messages than are shown here. The others are in the "
	                                 "archive of your server, where a client of your account there reads them."});
}

static void on_page(struct user *user, void *arg, struct arena *arena, const struct element *iq)
{
	struct archive *archive = user->archive;
	const char *last = last_of(user, arena, iq);
	bool by_id = arg != NULL;
	bool complete = text_equal(element_get(element_child(iq, "fin", NS_MAM), "complete"), "true");
	if (!archive || !archive->behind)
		return;
	archive->asked = false;
	if (!iq)
		return; /* asked again by the clock, or by the next session, from where this one came to */
	if (last)
		mem_replace(&archive->last_id, last);
	bool more = iq_is_result(iq) && last && !complete;
	if (more && ++archive->pages < MOST_PAGES) {
		ask_page(user);
	} else if (!iq_is_result(iq) && by_id) {
		/* The archive does not go back so far any more: by time then. */
		mem_replace(&archive->last_id, NULL);
		ask_page(user);
	} else {
		if (more)
			tell_rest(user);
		caught_up(archive);
	}
}

static void ask_page(struct user *user)
{
	struct archive *archive = user->archive;
	char *after = mem_strdup(archive->last_id);
	archive->asked = true;
	ask(user, after, after ? 0 : archive->last_ms - MARGIN_MS, false, on_page);
	free(after);
}

/* Clocks differ, names don't. */
static void on_newest(struct user *user, void *arg, struct arena *arena, const struct element *iq)
{
	const char *last = last_of(user, arena, iq);
	if (user->archive && last && !user->archive->behind && !user->archive->last_id)
		mem_replace(&user->archive->last_id, last);
}

void archive_new_session(struct user *user)
{
	if (user->archive && user->archive->last_ms)
		user->archive->behind = true;
}

void archive_catch_up(struct user *user)
{
	if (!settings.archive)
		return;
	struct archive *archive = archive_of(user);
	archive->pages = 0;
	if (archive->behind) {
		ask_page(user);
	} else {
		archive->last_ms = clock_wall_ms();
		ask(user, NULL, 0, true, on_newest);
	}
}

void archive_tick(struct user *user)
{
	if (user->archive && user->archive->behind && !user->archive->asked && user_is_ready(user))
		ask_page(user);
}
