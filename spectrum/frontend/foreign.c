/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/frontend/foreign.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/str.h"
#include "lib/xmpp/parser.h"

/* ---- Which ---- */

/* These are between a client and its own server. */
static bool is_private(const struct element *payload)
{
	return element_is(payload, NULL, NS_ROSTER) || element_is(payload, NULL, NS_PRIVATE);
}

bool foreign_takes(const struct request *request)
{
	return request->target != TARGET_GATEWAY && request->user && user_is_online(request->user) &&
	       room_can(request->frontend->hub, S2_ROOM_IQ) && !is_private(element_child(request->stanza, NULL, NULL));
}

/* Services have no name before an @. */
static bool is_service(const struct request *request, const char *name)
{
	return !strchr(name, '@') && !contact_find(request->user, name);
}

/* What only somebody's client itself knows. */
static bool is_for_client(const struct request *request, const struct element *payload)
{
	return request->target != TARGET_ROOM && *request->to.resource &&
	       (element_is(payload, "query", NS_VERSION) || element_is(payload, "time", NS_TIME));
}

bool foreign_owns(const struct request *request, const struct element *payload)
{
	if (!foreign_takes(request))
		return false;
	if (request->target != TARGET_CONTACT)
		return is_for_client(request, payload);
	const char *name = contact_name(request->arena, request->user, request->to.node);
	bool stranger = !*request->to.resource && element_is(payload, "query", NS_DISCO_INFO) &&
	                !element_get(payload, "node") && !contact_find(request->user, name);
	return stranger || is_service(request, name) || is_for_client(request, payload);
}

const char *foreign_home(struct request *request)
{
	if (!request->user || !user_is_online(request->user) || !room_can(request->frontend->hub, S2_ROOM_IQ))
		return NULL;
	const char *at = strrchr(user_name(request->user), '@');
	const char *domain = at ? arena_strndup(request->arena, at + 1, strcspn(at + 1, "/")) : NULL;
	return domain ? contact_node(request->arena, request->user, domain) : NULL;
}

/* ---- Addresses ---- */

/* Address of one side -> that of the other; NULL if it is none. */
typedef const char *translate(struct frontend *, const struct user *, struct arena *, const struct jid *);

static const char *to_network(struct frontend *frontend, const struct user *user, struct arena *arena,
                              const struct jid *jid)
{
	if (strcmp(jid->domain, frontend->jid) != 0 || !*jid->node)
		return NULL;
	const char *name = contact_name(arena, user, jid->node);
	return *jid->resource ? arena_printf(arena, "%s/%s", name, jid->resource) : name;
}

static const char *to_gateway(struct frontend *frontend, const struct user *user, struct arena *arena,
                              const struct jid *jid)
{
	const char *node = contact_node(arena, user, jid->bare);
	return node ? arena_printf(arena, "%s@%s%s%s", node, frontend->jid, *jid->resource ? "/" : "", jid->resource)
	            : NULL;
}

static void translate_all(struct frontend *frontend, const struct user *user, struct arena *arena,
                          struct element *element, translate *one)
{
	struct jid jid;
	for (struct attribute *at = element->attributes; at; at = at->next) {
		const char *text = !at->ns && !strcmp(at->name, "jid") && at->value && jid_parse(arena, at->value, &jid)
		                       ? one(frontend, user, arena, &jid)
		                       : NULL;
		at->value = text ? text : at->value;
	}
	if (text_equal(element->ns, NS_CLIENT)) /* that of the stanza, whatever stream it is written to */
		element->ns = NULL;
	for (struct element *child = element->children; child; child = child->next)
		if (child->name)
			translate_all(frontend, user, arena, child, one);
}

/* Reads what the other side wrote. */
static struct element *read_iq(struct frontend *frontend, const struct user *user, struct arena *arena, const char *xml,
                               translate *one)
{
	struct element *body = parser_fragment(arena, xml, NS_CLIENT);
	struct element *iq = body ? body->children : NULL;
	if (!element_is(iq, "iq", NS_CLIENT) || iq->next)
		return NULL;
	translate_all(frontend, user, arena, iq, one);
	return iq;
}

/* The request as the network gets it, as text; NULL if it can't be read. */
static char *write_request(struct request *request)
{
	struct str plain = {0}, out = {0};
	struct writer writer;
	writer_init(&writer, &plain, NULL);
	xml_open(&writer, "iq", NS_CLIENT);
	xml_attr(&writer, "type", request->type);
	xml_element(&writer, element_child(request->stanza, NULL, NULL));
	xml_close(&writer);
	writer_end(&writer);
	struct element *iq = read_iq(request->frontend, request->user, request->arena, str_text(&plain), to_network);
	if (iq) {
		iq->ns = NS_CLIENT;
		writer_init(&writer, &out, NULL);
		xml_element(&writer, iq);
		writer_end(&writer);
	}
	str_fini(&plain);
	return out.data;
}

/* ---- Asking ---- */

struct asked {
	struct reply *reply;
	char *user;
	foreign_answer *answer; /* NULL: the answer is passed on */
	void *arg;
};

static void pass_on(const struct reply *reply, const struct element *iq)
{
	const char *type = element_get(iq, "type");
	struct writer *writer = stanza_open(reply->frontend, "iq", UPSTREAM_PASSING, reply->from, reply->to,
	                                    text_equal(type, "result") ? "result" : "error");
	xml_attr(writer, "id", reply->id);
	for (const struct element *child = element_child(iq, NULL, NULL); child;
	     child = element_next(child, NULL, NULL))
		xml_element(writer, child);
	stanza_close(reply->frontend);
}

static void answered(void *arg, const struct s2_room_answer *answer)
{
	struct asked *asked = arg;
	struct frontend *frontend = asked->reply->frontend;
	struct user *user = hub_user(frontend->hub, asked->user);
	struct arena arena = {0};
	const struct element *iq =
	    user && !text_empty(answer->xml) ? read_iq(frontend, user, &arena, answer->xml, to_gateway) : NULL;
	if (asked->answer)
		asked->answer(asked->arg, text_equal(element_get(iq, "type"), "result") ? iq : NULL);
	else if (iq)
		pass_on(asked->reply, iq);
	else
		reply_refuse(asked->reply, answer->condition == S2_DONE ? S2_REMOTE_SERVER_TIMEOUT : answer->condition,
		             answer->text);
	arena_fini(&arena);
	reply_free(asked->reply);
	free(asked->user);
	free(asked);
}

void foreign_get(struct request *request, foreign_answer *answer, void *arg)
{
	struct asked *asked = mem_new(sizeof *asked);
	char *xml = write_request(request);
	asked->reply = reply_new(request);
	asked->user = mem_strdup(request->from.bare);
	asked->answer = answer;
	asked->arg = arg;
	const char *name =
	    request->room ? room_name(request->room) : contact_name(request->arena, request->user, request->to.node);
	room_order(
	    request->user,
	    &(struct s2_room_order){
	        .verb = S2_ROOM_IQ, .room = name, .person.nickname = text_or_null(request->to.resource), .xml = xml},
	    answered, asked);
	free(xml);
}

void foreign_ask(struct request *request)
{
	foreign_get(request, NULL, NULL);
}
