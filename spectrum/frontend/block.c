/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The blocking command (XEP-0191), sent to the gateway or to a contact: here it is the network that blocks. The user's
 * own server has a list of its own, which is none of ours. Each request ends when the network has answered for all of
 * its people. */
#include <stdlib.h>
#include <string.h>

#include "spectrum/frontend/inside.h"

#define PEOPLE_MOST 1000 /* of one request */

static bool refused(struct request *request)
{
	if (!request->user)
		stanza_refuse(request, S2_REGISTRATION_REQUIRED, "Log in to the gateway first.");
	else if (!block_can(request->frontend->hub))
		stanza_refuse(
		    request, S2_FEATURE_NOT_IMPLEMENTED,
		    "This network can't block people. Block the address with your client: your own server does it.");
	else
		return false;
	return true;
}

/* ---- The list ---- */

struct listing {
	struct frontend *frontend;
	struct user *user;
	struct writer *writer;
};

static void list_one(void *arg, const char *name)
{
	struct listing *listing = arg;
	const char *jid = contact_jid(listing->frontend, listing->user, name, NULL);
	if (!jid)
		return;
	xml_open(listing->writer, "item", NULL);
	xml_attr(listing->writer, "jid", jid);
	xml_close(listing->writer);
}

void block_list(struct request *request, const struct element *payload)
{
	if (refused(request))
		return;
	struct writer *writer = iq_result_open(request);
	xml_open(writer, "blocklist", NS_BLOCKING);
	block_each(request->user, list_one, &(struct listing){request->frontend, request->user, writer});
	xml_close(writer);
	stanza_close(request->frontend);
}

/* ---- Blocking and unblocking ---- */

/* A request some of whose people the network has not answered for. */
struct blocking {
	struct reply *reply;
	unsigned left;
	enum s2_condition condition; /* the first that was not S2_DONE */
	char *text;
};

static void one_ended(void *arg, enum s2_condition condition, const char *text)
{
	struct blocking *blocking = arg;
	if (condition != S2_DONE && blocking->condition == S2_DONE) {
		blocking->condition = condition;
		blocking->text = mem_strdup(text);
	}
	if (--blocking->left)
		return;
	if (blocking->condition == S2_DONE) {
		reply_open(blocking->reply);
		stanza_close(blocking->reply->frontend);
	} else {
		reply_refuse(blocking->reply, blocking->condition, blocking->text);
	}
	reply_free(blocking->reply);
	free(blocking->text);
	free(blocking);
}

/* The names of those whom a request is about. */
struct people {
	struct arena *arena;
	const char *names[PEOPLE_MOST];
	unsigned count;
};

static void add_one(void *arg, const char *name)
{
	struct people *people = arg;
	if (people->count < PEOPLE_MOST)
		people->names[people->count++] = arena_strdup(people->arena, name);
}

/* False after a refusal. */
static bool read_items(struct request *request, const struct element *payload, struct people *people)
{
	const struct element *item = element_child(payload, "item", NS_BLOCKING);
	for (; item; item = element_next(item, "item", NS_BLOCKING)) {
		struct jid jid;
		const char *text = element_get(item, "jid");
		if (!text || !jid_parse(request->arena, text, &jid) || !*jid.node ||
		    strcmp(jid.domain, request->frontend->jid) != 0) {
			stanza_refuse(
			    request, S2_NOT_ACCEPTABLE,
			    "Only people of this network can be blocked here. Ask your own server for others.");
			return false;
		}
		if (people->count == PEOPLE_MOST) {
			stanza_refuse(request, S2_POLICY_VIOLATION, "These are too many at once.");
			return false;
		}
		add_one(people, contact_name(request->arena, request->user, jid.node));
	}
	return true;
}

static void set(struct request *request, const struct element *payload, bool blocked)
{
	if (refused(request))
		return;
	struct people *people = arena_alloc(request->arena, sizeof *people);
	people->arena = request->arena;
	if (!read_items(request, payload, people))
		return;
	bool anybody = people->count;
	if (!anybody && request->target == TARGET_CONTACT)
		add_one(people, contact_name(request->arena, request->user, request->to.node));
	else if (!anybody && !blocked)
		block_each(request->user, add_one, people); /* an empty request unblocks all */
	else if (!anybody) {
		stanza_refuse(request, S2_BAD_REQUEST, "Say whom to block.");
		return;
	}
	struct blocking *blocking = mem_new(sizeof *blocking);
	blocking->reply = reply_new(request);
	blocking->left = people->count + 1;
	for (unsigned i = 0; i < people->count; i++)
		block_set(request->user, people->names[i], blocked, one_ended, blocking);
	one_ended(blocking, S2_DONE, NULL);
}

void block_add(struct request *request, const struct element *payload)
{
	set(request, payload, true);
}

void block_remove(struct request *request, const struct element *payload)
{
	set(request, payload, false);
}
