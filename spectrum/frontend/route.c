/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a stanza goes: by its kind, for IQs by the payload's namespace and by whom it is for. Every IQ request gets
 * exactly one answer; what nobody handles is a service-unavailable (RFC 6120 section 8.4). */
#include <string.h>

#include "lib/base/log.h"
#include "spectrum/frontend/foreign.h"
#include "spectrum/frontend/iq.h"
#include "spectrum/frontend/muc.h"
#include "spectrum/frontend/search.h"
#include "spectrum/hub/address.h"

#define LOG_AREA "route"

#define ANY_TARGET (TARGET_GATEWAY | TARGET_CONTACT | TARGET_ROOM | TARGET_OCCUPANT)

static const struct iq_route {
	const char *type, *name, *ns;
	unsigned targets;
	iq_handler *handler;
} iq_routes[] = {
    {"get", "ping", NS_PING, ANY_TARGET, service_ping},
    {"get", "query", NS_DISCO_INFO, ANY_TARGET, disco_info},
    {"get", "query", NS_DISCO_ITEMS, ANY_TARGET, disco_items},
    {"get", "vCard", NS_VCARD, ANY_TARGET, card_get},
    {"set", "vCard", NS_VCARD, TARGET_GATEWAY, card_set},
    {"get", "vcard", NS_VCARD4, ANY_TARGET, card_get_4},
    {"set", "vcard", NS_VCARD4, TARGET_GATEWAY, card_set},
    {"get", "query", NS_VERSION, TARGET_CONTACT | TARGET_OCCUPANT, card_version},
    {"get", "time", NS_TIME, TARGET_CONTACT | TARGET_OCCUPANT, card_time},
    {"get", "pubsub", NS_PUBSUB, TARGET_CONTACT, pep_get},
    {"get", "blocklist", NS_BLOCKING, TARGET_GATEWAY, block_list},
    {"set", "block", NS_BLOCKING, TARGET_GATEWAY | TARGET_CONTACT, block_add},
    {"set", "unblock", NS_BLOCKING, TARGET_GATEWAY | TARGET_CONTACT, block_remove},
    {"get", "query", NS_VERSION, TARGET_GATEWAY, service_version},
    {"get", "query", NS_LAST, TARGET_GATEWAY | TARGET_CONTACT, service_last},
    {"get", "time", NS_TIME, TARGET_GATEWAY, service_time},
    {"get", "query", NS_GATEWAY, TARGET_GATEWAY, service_prompt},
    {"set", "query", NS_GATEWAY, TARGET_GATEWAY, service_address},
    {"get", "query", NS_REGISTER, TARGET_GATEWAY, register_get},
    {"set", "query", NS_REGISTER, TARGET_GATEWAY, register_set},
    {"get", "query", NS_SEARCH, TARGET_GATEWAY, search_get},
    {"set", "query", NS_SEARCH, TARGET_GATEWAY, search_set},
    {"get", "query", NS_STATS, TARGET_GATEWAY, service_statistics},
    {"get", "query", NS_PRIVATE, TARGET_GATEWAY, storage_get},
    {"set", "query", NS_PRIVATE, TARGET_GATEWAY, storage_set},
    {"get", "data", NS_BOB, TARGET_GATEWAY, question_image_get},
    {"set", "command", NS_COMMANDS, TARGET_GATEWAY | TARGET_CONTACT, adhoc_set},
    {"get", "query", NS_MUC_ADMIN, TARGET_ROOM, rank_get},
    {"set", "query", NS_MUC_ADMIN, TARGET_ROOM, rank_set},
    {"get", "query", NS_MUC_OWNER, TARGET_ROOM, roomform_get},
    {"set", "query", NS_MUC_OWNER, TARGET_ROOM, roomform_set},
    {"set", "query", NS_MAM, TARGET_ROOM, archive_query_set},
    {"get", "query", NS_MAM, TARGET_ROOM, archive_query_get},
    {"get", "metadata", NS_MAM, TARGET_ROOM, archive_metadata},
    {"set", "moderate", NS_MODERATE, TARGET_ROOM, annotation_moderate},
    {"set", "apply-to", NS_FASTEN, TARGET_ROOM, annotation_moderate_old},
};

static void iq_received(struct request *request)
{
	const char *type = request->type ? request->type : "";
	if (!strcmp(type, "result") || !strcmp(type, "error")) {
		iq_answered(request->frontend->iqs, request->arena, request->from.full, request->stanza);
		return;
	}
	const struct element *payload = element_child(request->stanza, NULL, NULL);
	if ((strcmp(type, "get") && strcmp(type, "set")) || !payload || element_next(payload, NULL, NULL)) {
		stanza_refuse(request, S2_BAD_REQUEST, "An IQ request has type get or set and exactly one payload.");
		return;
	}
	if (foreign_owns(request, payload)) {
		foreign_ask(request);
		return;
	}
	for (size_t i = 0; i < sizeof iq_routes / sizeof *iq_routes; i++) {
		const struct iq_route *to = &iq_routes[i];
		if (to->targets & request->target && !strcmp(type, to->type) && element_is(payload, to->name, to->ns)) {
			to->handler(request, payload);
			return;
		}
	}
	if (foreign_takes(request))
		foreign_ask(request);
	else
		stanza_refuse(request, S2_SERVICE_UNAVAILABLE, NULL);
}

static enum target find_target(struct request *request)
{
	if (!*request->to.node)
		return TARGET_GATEWAY;
	if (request->user)
		request->room = room_find(request->user, request->to.node);
	bool room = request->room || address_is_room(request->to.node) ||
	            room_is_listed(request->frontend->hub, request->user, request->to.node);
	return !room ? TARGET_CONTACT : *request->to.resource ? TARGET_OCCUPANT : TARGET_ROOM;
}

/* ejabberd sends a component what is for any of those that share its port. There is no address to answer from. */
static void note_stray(struct frontend *frontend, const char *domain)
{
	if (!frontend->strays++)
		log_warn("the XMPP server sends what is for another component, and these stanzas are lost: give each "
		         "component a port of its own domain=%s",
		         log_quote(domain));
}

void route(struct frontend *frontend, struct arena *arena, const struct element *stanza)
{
	static const struct {
		const char *name;
		void (*handler)(struct request *);
	} kinds[] = {{"message", message_received}, {"presence", presence_received}, {"iq", iq_received}};
	struct request request = {.frontend = frontend,
	                          .arena = arena,
	                          .stanza = stanza,
	                          .type = element_get(stanza, "type"),
	                          .id = element_get(stanza, "id")};
	const char *from = element_get(stanza, "from"), *to = element_get(stanza, "to");
	bool valid = from && to && jid_parse(arena, from, &request.from) && jid_parse(arena, to, &request.to);
	bool ours = valid && !strcmp(request.to.domain, frontend->jid);
	if (valid && !ours && !frontend->serves)
		note_stray(frontend, request.to.domain);
	if (!ours || (!frontend->serves && !strcmp(request.from.domain, frontend->jid))) {
		log_debug("stanza with wrong addresses name=%s from=%s to=%s", stanza->name, log_quote(from),
		          log_quote(to));
		return;
	}
	request.user = hub_user(frontend->hub, request.from.bare);
	request.target = find_target(&request);
	/* A join names a nickname that may be new. */
	if (request.target == TARGET_OCCUPANT && request.room && strcmp(stanza->name, "presence") != 0)
		request.to.resource = nickname_behind(frontend, request.room, request.to.resource);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (element_is(stanza, kinds[i].name, NULL)) {
			kinds[i].handler(&request);
			return;
		}
	}
}
