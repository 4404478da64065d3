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

void service_last(struct request *request, const struct element *payload)
{
	struct hub_stats stats;
	hub_stats(request->frontend->hub, &stats);
	struct writer *writer = iq_result_open(request);
	xml_open(writer, "query", NS_LAST);
	xml_attrf(writer, "seconds", "%lld", (long long)(clock_wall_ms() - stats.started) / 1000);
	xml_close(writer);
	stanza_close(request->frontend);
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
