/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small services of the gateway: ping (XEP-0199) with self-ping in rooms (XEP-0410), version (XEP-0092), uptime
 * (XEP-0012), time (XEP-0202), the address prompt of gateways (XEP-0100 section 6). */
#include <string.h>

#include "lib/base/clock.h"
#include "spectrum/frontend/inside.h"
#include "spectrum/hub/address.h"

void service_ping(struct request *request, const struct element *payload)
{
	if (request->target == TARGET_OCCUPANT) {
		if (!request->room || !room_joined_by(request->room, request->user, request->from.resource)) {
			stanza_refuse(request, S2_NOT_ACCEPTABLE, "You are not in this room.");
			return;
		}
		if (!room_has_occupant(request->room, request->to.resource)) {
			stanza_refuse(request, S2_ITEM_NOT_FOUND, "There is nobody with this nickname in the room.");
			return;
		}
	}
	iq_result_empty(request);
}

void service_version(struct request *request, const struct element *payload)
{
	struct writer *writer = iq_result_open(request);
	xml_open(writer, "query", NS_VERSION);
	xml_leaf(writer, "name", NULL, "Spectrum");
	xml_leaf(writer, "version", NULL, SPECTRUM2_VERSION);
	xml_close(writer);
	stanza_close(request->frontend);
}

static void answer_last(struct request *request, int64_t since, const char *status)
{
	struct writer *writer = iq_result_open(request);
	int64_t now = clock_wall_ms();
	xml_open(writer, "query", NS_LAST);
	xml_attrf(writer, "seconds", "%lld", since < now ? (long long)(now - since) / 1000 : 0);
	if (status)
		xml_text(writer, status);
	xml_close(writer);
	stanza_close(request->frontend);
}

/* Of a contact: how long he is idle; or, offline, when he was seen last and what he said then. */
static void contact_last(struct request *request)
{
	struct user *user = request->user;
	const char *name = contact_name(request->arena, user, request->to.node);
	const struct buddy *buddy = user ? contact_find(user, name) : NULL;
	if (!user || !user_is_online(user)) {
		stanza_refuse(request, S2_REGISTRATION_REQUIRED, "Log in to the gateway first.");
		return;
	}
	int64_t since = buddy ? buddy_idle_since(buddy) : 0;
	bool online = buddy && buddy->status != S2_STATUS_NONE;
	if (online && !since)
		since = clock_wall_ms();
	if (since)
		answer_last(request, since, online ? NULL : text_or_null(buddy_text(buddy, BUDDY_STATUS)));
	else
		stanza_refuse(request, S2_ITEM_NOT_FOUND,
		              buddy ? "The network does not tell when this contact was seen last."
		                    : "There is nobody of this name among your contacts.");
}

void service_last(struct request *request, const struct element *payload)
{
	struct hub_stats stats;
	if (request->target == TARGET_CONTACT) {
		contact_last(request);
		return;
	}
	hub_stats(request->frontend->hub, &stats);
	answer_last(request, stats.started, NULL);
}

void service_time(struct request *request, const struct element *payload)
{
	char now[CLOCK_TEXT_BYTES];
	clock_format(clock_wall_ms() / 1000 * 1000, now);
	struct writer *writer = iq_result_open(request);
	xml_open(writer, "time", NS_TIME);
	xml_leaf(writer, "tzo", NULL, "+00:00");
	xml_leaf(writer, "utc", NULL, now);
	xml_close(writer);
	stanza_close(request->frontend);
}

void service_prompt(struct request *request, const struct element *payload)
{
	const struct config *config = request->frontend->config;
	struct writer *writer = iq_result_open(request);
	xml_open(writer, "query", NS_GATEWAY);
	xml_leaf(writer, "desc", NULL, config_text(config, "gateway_responder.label"));
	xml_leaf(writer, "prompt", NULL, config_text(config, "gateway_responder.prompt"));
	xml_close(writer);
	stanza_close(request->frontend);
}

void service_address(struct request *request, const struct element *payload)
{
	struct frontend *frontend = request->frontend;
	const char *prompt = element_child_text(request->arena, payload, "prompt", NULL);
	const char *node = NULL;
	if (!text_empty(prompt))
		/* Some clients send the text escaped already. */
		node = strstr(prompt, "\\40") ? jid_prepare_node(request->arena, prompt)
		                              : contact_node_of_new(request->arena, frontend->hub, prompt);
	if (!node) {
		stanza_refuse(request, S2_NOT_ACCEPTABLE, "Give the contact's name on the network.");
		return;
	}
	struct writer *writer = iq_result_open(request);
	xml_open(writer, "query", NS_GATEWAY);
	xml_leaf(writer, "jid", NULL, arena_printf(request->arena, "%s@%s", node, frontend->jid));
	xml_close(writer);
	stanza_close(frontend);
}
