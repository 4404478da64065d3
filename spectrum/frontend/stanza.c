/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How stanzas are answered and written: the parts that all subjects share. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/map.h"
#include "lib/base/utf8.h"
#include "spectrum/frontend/inside.h"

#define DELAY_LEAST_MS 5000 /* older than this is worth a time stamp */

static void clean(void *arg)
{
	struct frontend *frontend = arg;
	arena_reset(&frontend->arena);
	disco_caps_expire(frontend->caps);
}

void stanza_tidy(struct frontend *frontend)
{
	loop_defer(frontend->loop, &frontend->cleaning, clean, frontend);
}

struct writer *stanza_open(struct frontend *frontend, const char *name, enum upstream_care care, const char *from,
                           const char *to, const char *type)
{
	loop_defer(frontend->loop, &frontend->cleaning, clean, frontend);
	if (frontend->ended) { /* at the very end: an answer that was owed has nobody to reach any more */
		writer_init(&frontend->nowhere, &frontend->dropped, NS_CLIENT);
		xml_open(&frontend->nowhere, name, NULL);
		return &frontend->nowhere;
	}
	return upstream_open(frontend->upstream, name, care, from, to, type);
}

void stanza_close(struct frontend *frontend)
{
	if (!frontend->ended) {
		upstream_close(frontend->upstream);
		return;
	}
	xml_close(&frontend->nowhere);
	writer_end(&frontend->nowhere);
	str_clear(&frontend->dropped, 0);
}

struct writer *iq_result_open(const struct request *request)
{
	struct writer *writer =
	    stanza_open(request->frontend, "iq", UPSTREAM_PASSING, request->to.full, request->from.full, "result");
	xml_attr(writer, "id", request->id);
	return writer;
}

void iq_result_empty(const struct request *request)
{
	iq_result_open(request);
	stanza_close(request->frontend);
}

void stanza_refuse(const struct request *request, enum s2_condition condition, const char *text)
{
	if (text_equal(request->type, "error") || text_equal(request->type, "result"))
		return;
	const char *name = request->stanza->name;
	enum upstream_care care = name[0] == 'm' ? UPSTREAM_KEPT : UPSTREAM_PASSING;
	struct writer *writer =
	    stanza_open(request->frontend, name, care, request->to.full, request->from.full, "error");
	xml_attr(writer, "id", request->id);
	xml_error(writer, condition, text);
	stanza_close(request->frontend);
}

struct reply *reply_new(const struct request *request)
{
	struct reply *reply = mem_new(sizeof *reply);
	reply->frontend = request->frontend;
	reply->from = mem_strdup(request->to.full);
	reply->to = mem_strdup(request->from.full);
	reply->id = mem_strdup(request->id);
	return reply;
}

void reply_free(struct reply *reply)
{
	free(reply->from);
	free(reply->to);
	free(reply->id);
	free(reply);
}

struct writer *reply_open(const struct reply *reply)
{
	struct writer *writer = stanza_open(reply->frontend, "iq", UPSTREAM_PASSING, reply->from, reply->to, "result");
	xml_attr(writer, "id", reply->id);
	return writer;
}

void reply_refuse(const struct reply *reply, enum s2_condition condition, const char *text)
{
	struct writer *writer = stanza_open(reply->frontend, "iq", UPSTREAM_PASSING, reply->from, reply->to, "error");
	xml_attr(writer, "id", reply->id);
	xml_error(writer, condition, text);
	stanza_close(reply->frontend);
}

/* a + between + b, on the arena: what printf would do, for each stanza. */
static const char *join(struct arena *arena, const char *a, char between, const char *b)
{
	size_t a_len = strlen(a), b_len = strlen(b);
	char *text = arena_alloc(arena, a_len + b_len + 2);
	memcpy(text, a, a_len);
	text[a_len] = between;
	memcpy(text + a_len + 1, b, b_len);
	return text;
}

/* node@domain, node@domain/resource; the node is prepared already. */
static const char *join_jid(struct frontend *frontend, const char *node, const char *domain, const char *resource)
{
	if (!node)
		return NULL;
	const char *bare = join(&frontend->arena, node, '@', domain);
	return resource ? join(&frontend->arena, bare, '/', resource) : bare;
}

const char *contact_jid(struct frontend *frontend, const struct user *user, const char *name, const char *resource)
{
	return join_jid(frontend, contact_node(&frontend->arena, user, name), frontend->jid, resource);
}

const char *occupant_jid(struct frontend *frontend, const char *bare, const char *nickname)
{
	const char *resource = nickname_resource(frontend, nickname);
	return resource ? join(&frontend->arena, bare, '/', resource) : bare;
}

const char *room_jid(struct frontend *frontend, const struct room *room, const char *nickname)
{
	const char *resource = nickname_resource(frontend, nickname);
	return join_jid(frontend, room_node(room), frontend->jid, resource);
}

const char *user_address(struct frontend *frontend, const struct user *user, const char *resource)
{
	return resource ? join(&frontend->arena, user_jid(user), '/', resource) : user_jid(user);
}

void write_past(struct writer *writer, const char *from, int64_t time)
{
	char stamp[CLOCK_TEXT_BYTES];
	clock_format(time, stamp);
	xml_open(writer, "delay", NS_DELAY);
	xml_attr(writer, "from", from);
	xml_attr(writer, "stamp", stamp);
	xml_close(writer);
}

void write_delay(struct frontend *frontend, struct writer *writer, const char *from, int64_t time)
{
	int64_t now = clock_wall_ms();
	bool waits = !upstream_is_up(frontend->upstream);
	if (!time && !waits)
		return;
	if (!time)
		time = now;
	if (!waits && now - time < DELAY_LEAST_MS)
		return;
	write_past(writer, from, time);
}

void write_show(struct writer *writer, enum s2_status status)
{
	static const char *const shows[] = {
	    [S2_STATUS_AWAY] = "away", [S2_STATUS_FFC] = "chat", [S2_STATUS_XA] = "xa", [S2_STATUS_DND] = "dnd"};
	if ((unsigned)status < sizeof shows / sizeof *shows)
		xml_leaf(writer, "show", NULL, shows[status]);
}
