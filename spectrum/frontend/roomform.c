/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The settings of a room (XEP-0045 section 10): a form of what the network lets its users set, and the room's end. */
#include <stdlib.h>
#include <string.h>

#include "lib/xmpp/form.h"
#include "spectrum/frontend/muc.h"

#define ROOMCONFIG "http://jabber.org/protocol/muc#roomconfig"
#define FIELDS_MOST 100

/* What is waited for. */
struct work {
	struct reply *reply;
	char *jid, *node, *reason;
};

static struct work *work_new(struct request *request)
{
	struct work *work = mem_new(sizeof *work);
	*work = (struct work){reply_new(request), mem_strdup(request->from.bare), mem_strdup(request->to.node), NULL};
	return work;
}

static void work_free(struct work *work)
{
	reply_free(work->reply);
	free(work->jid);
	free(work->node);
	free(work->reason);
	free(work);
}

/* True if it was an error, which is told then. */
static bool refused(struct work *work, const struct s2_room_answer *answer)
{
	if (answer->condition == S2_DONE)
		return false;
	reply_refuse(work->reply, answer->condition,
	             answer->condition == S2_FEATURE_NOT_IMPLEMENTED ? "On this network rooms have no settings."
	                                                             : answer->text);
	return true;
}

static void form_came(void *arg, const struct s2_room_answer *answer)
{
	struct work *work = arg;
	if (!refused(work, answer)) {
		struct writer *writer = reply_open(work->reply);
		xml_open(writer, "query", NS_MUC_OWNER);
		form_open(writer, "form", ROOMCONFIG, "Settings of this room", NULL);
		for (size_t i = 0; i < answer->field_count; i++)
			form_ask(writer, &answer->fields[i], false);
		form_close(writer);
		xml_close(writer);
		stanza_close(work->reply->frontend);
	}
	work_free(work);
}

static void configured(void *arg, const struct s2_room_answer *answer)
{
	struct work *work = arg;
	if (!refused(work, answer)) {
		reply_open(work->reply);
		stanza_close(work->reply->frontend);
	}
	work_free(work);
}

static void destroyed(void *arg, const struct s2_room_answer *answer)
{
	struct work *work = arg;
	struct hub *hub = work->reply->frontend->hub;
	if (answer->condition != S2_DONE) {
		reply_refuse(work->reply, answer->condition, answer->text);
	} else {
		reply_open(work->reply);
		stanza_close(work->reply->frontend);
		room_destroyed(hub, work->jid, work->node, work->reason);
	}
	work_free(work);
}

static bool refuse_stranger(struct request *request)
{
	if (request->room)
		return rank_refused(request);
	stanza_refuse(request, S2_ITEM_NOT_FOUND, "You are not in this room. Join it first.");
	return true;
}

void roomform_get(struct request *request, const struct element *payload)
{
	if (refuse_stranger(request))
		return;
	struct s2_room_order order = {.verb = S2_ROOM_FORM, .room = room_name(request->room)};
	room_order(request->user, &order, form_came, work_new(request));
}

static void configure(struct request *request, const struct element *form)
{
	struct s2_field fields[FIELDS_MOST];
	struct s2_room_order order = {.verb = S2_ROOM_CONFIGURE, .room = room_name(request->room), .fields = fields};
	const struct element *field = element_child(form, "field", NS_DATA);
	for (; field; field = element_next(field, "field", NS_DATA)) {
		const char *var = element_get(field, "var");
		if (!var || !strcmp(var, "FORM_TYPE"))
			continue;
		if (order.field_count == FIELDS_MOST) {
			stanza_refuse(request, S2_BAD_REQUEST, "This form has too many fields.");
			return;
		}
		const char *value = form_values(request->arena, form, var);
		if (text_equal(value, "true") || text_equal(value, "false"))
			value = *value == 't' ? "1" : "0";
		fields[order.field_count++] = (struct s2_field){.name = var, .value = value};
	}
	if (order.field_count)
		room_order(request->user, &order, configured, work_new(request));
	else
		iq_result_empty(request); /* the settings that there are will do */
}

static void destroy(struct request *request, const struct element *what)
{
	const char *reason = text_or_null(element_child_text(request->arena, what, "reason", NULL));
	struct s2_room_order order = {
	    .verb = S2_ROOM_DESTROY, .room = room_name(request->room), .person.reason = reason};
	struct work *work = work_new(request);
	work->reason = mem_strdup(reason);
	room_order(request->user, &order, destroyed, work);
}

void roomform_set(struct request *request, const struct element *payload)
{
	const struct element *form = element_child(payload, "x", NS_DATA),
	                     *end = element_child(payload, "destroy", NS_MUC_OWNER);
	const char *type = form ? element_get(form, "type") : NULL;
	const char *kind = form ? form_value(request->arena, form, "FORM_TYPE") : NULL;
	if (refuse_stranger(request))
		return;
	if (end)
		destroy(request, end);
	else if (text_equal(type, "cancel"))
		iq_result_empty(request);
	else if (!text_equal(type, "submit") || (kind && strcmp(kind, ROOMCONFIG) != 0))
		stanza_refuse(request, S2_BAD_REQUEST, "Submit or cancel the form of the room's settings.");
	else
		configure(request, form);
}
