/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small services of the gateway: ping (XEP-0199) with self-ping in rooms (XEP-0410), version (XEP-0092), uptime
 * (XEP-0012), time (XEP-0202), the address prompt of gateways (XEP-0100 section 6), statistics for administrators
 * (XEP-0039). */
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

static long long uptime(const struct hub_stats *stats)
{
	return (long long)(clock_wall_ms() - stats->started) / 1000;
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

/* ---- Statistics ---- */

struct figures {
	struct hub_stats hub;
	unsigned contacts, contacts_online;
};

static long long figure_uptime(const struct figures *figures)
{
	return uptime(&figures->hub);
}

static long long figure_users(const struct figures *figures)
{
	return figures->hub.users;
}

static long long figure_contacts(const struct figures *figures)
{
	return figures->contacts;
}

static long long figure_contacts_online(const struct figures *figures)
{
	return figures->contacts_online;
}

static long long figure_messages_in(const struct figures *figures)
{
	return (long long)figures->hub.messages_in;
}

static long long figure_messages_out(const struct figures *figures)
{
	return (long long)figures->hub.messages_out;
}

static long long figure_backends(const struct figures *figures)
{
	return figures->hub.backends;
}

static long long figure_crashed(const struct figures *figures)
{
	return figures->hub.crashed;
}

static long long figure_memory(const struct figures *figures)
{
	return (long long)figures->hub.res_kb;
}

static const struct statistic {
	const char *name, *units;
	long long (*value)(const struct figures *);
} statistics[] = {
    {"uptime", "seconds", figure_uptime},
    {"users/online", "users", figure_users},
    {"contacts/online", "contacts", figure_contacts_online},
    {"contacts/total", "contacts", figure_contacts},
    {"messages/from-xmpp", "messages", figure_messages_in},
    {"messages/to-xmpp", "messages", figure_messages_out},
    {"backends/running", "backends", figure_backends},
    {"backends/crashed", "backends", figure_crashed},
    {"memory-usage", "KB", figure_memory},
};

static const struct statistic *find_statistic(const char *name)
{
	for (size_t i = 0; i < sizeof statistics / sizeof *statistics; i++) {
		if (!strcmp(statistics[i].name, name))
			return &statistics[i];
	}
	return NULL;
}

/* `figures` NULL: only that there is such a number. */
static void write_statistic(struct writer *writer, const char *name, const struct figures *figures)
{
	const struct statistic *statistic = find_statistic(name);
	xml_open(writer, "stat", NULL);
	xml_attr(writer, "name", name);
	if (statistic && figures) {
		xml_attr(writer, "units", statistic->units);
		xml_attrf(writer, "value", "%lld", statistic->value(figures));
	} else if (!statistic) {
		xml_open(writer, "error", NULL);
		xml_attr(writer, "code", "404");
		xml_text(writer, "Not Found");
		xml_close(writer);
	}
	xml_close(writer);
}

void service_statistics(struct request *request, const struct element *payload)
{
	struct hub *hub = request->frontend->hub;
	struct figures figures;
	if (!account_is_admin(hub, request->from.bare)) {
		stanza_refuse(request, S2_FORBIDDEN, "Only administrators of this gateway may see its statistics.");
		return;
	}
	hub_stats(hub, &figures.hub);
	hub_count_contacts(hub, &figures.contacts, &figures.contacts_online);
	struct writer *writer = iq_result_open(request);
	const struct element *wanted = element_child(payload, "stat", NS_STATS);
	xml_open(writer, "query", NS_STATS);
	for (size_t i = 0; !wanted && i < sizeof statistics / sizeof *statistics; i++)
		write_statistic(writer, statistics[i].name, NULL);
	for (; wanted; wanted = element_next(wanted, "stat", NS_STATS)) {
		const char *name = element_get(wanted, "name");
		write_statistic(writer, name ? name : "", &figures);
	}
	xml_close(writer);
	stanza_close(request->frontend);
}

/* ---- Addresses ---- */

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
