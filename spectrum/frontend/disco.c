/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Service discovery (XEP-0030) of the gateway, its contacts, rooms and occupants, and entity capabilities (XEP-0115) of
 * gateway and contacts. Each entity announces what it really does, here and now: the tables below say what that is and
 * what it depends on. */
#include <stdlib.h>
#include <string.h>

#include "spectrum/frontend/foreign.h"
#include "spectrum/frontend/listing.h"
#include "spectrum/frontend/muc.h"
#include "spectrum/hub/address.h"
#include "spectrum/server/server.h"
#include "spectrum2/backend.h"

#define GATEWAY_NODE "urn:spectrum2:gateway"
#define CONTACT_NODE "urn:spectrum2:contact"
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- What each kind can do ---- */

/* `key` of the configuration, or of what backends send, must be true (NULL: always), and the contact must not lack the
 * `ability` (s2_feature, 0: none). */
struct feature {
	const char *ns, *key;
	unsigned ability;
};

/* clang-format off */
static const struct feature gateway_features[] = {
    {NS_COMMANDS, NULL, 0},
    {NS_BOB, NULL, 0},
    {NS_PRIVATE, NULL, 0},
    {NS_DISCO_INFO, NULL, 0},
    {NS_DISCO_ITEMS, NULL, 0},
    {NS_GATEWAY, NULL, 0},
    {NS_LAST, NULL, 0},
    {NS_REGISTER, NULL, 0},
    {NS_VERSION, NULL, 0},
    {NS_PING, NULL, 0},
    {NS_TIME, NULL, 0},
    {NS_VCARD, NULL, 0},
    {NS_VCARD4, NULL, 0},
    {NS_AVATAR_METADATA "+notify", "features.own_card", 0},
    {"jid\\20escaping", NULL, 0},
    {NS_MUC, "features.muc", 0},
};

/* At most 64: a set of them is a number. */
static const struct feature contact_features[] = {
    {NS_COMMANDS, NULL, 0},
    {NS_DISCO_INFO, NULL, 0},
    {NS_DISCO_ITEMS, NULL, 0},
    {NS_PING, NULL, 0},
    {NS_LAST, NULL, 0},
    {NS_IDLE, NULL, 0},
    {NS_VCARD, NULL, 0},
    {NS_VCARD4, NULL, 0},
    {NS_CHATSTATES, "features.typing", S2_FEATURE_TYPING},
    {NS_XHTML_IM, "service.enable_xhtml", 0},
    {NS_STYLING, "service.styling", 0},
    {NS_ATTENTION, "features.attention", S2_FEATURE_ATTENTION},
    {NS_RECEIPTS, "features.receipts", S2_FEATURE_RECEIPTS},
    {NS_OOB, NULL, 0},
    {NS_FALLBACK, NULL, 0},
    {NS_SFS, "features.attachments", S2_FEATURE_ATTACHMENTS},
    {NS_MARKERS, "features.markers", S2_FEATURE_MARKERS},
    {NS_CORRECTION, "features.corrections", S2_FEATURE_CORRECTIONS},
    {NS_RETRACT, "features.retractions", S2_FEATURE_RETRACTIONS},
    {NS_REACTIONS, "features.reactions", S2_FEATURE_REACTIONS},
    {NS_REPLY, "features.replies", S2_FEATURE_REPLIES},
};

/* Of a room, beside those that each has. */
static const struct feature network_room_features[] = {
    {NS_OOB, NULL, 0},
    {NS_SFS, "features.attachments", 0},
    {NS_MARKERS, "features.markers", 0},
    {NS_CORRECTION, "features.corrections", 0},
    {NS_RETRACT, "features.retractions", 0},
    {NS_MODERATE, "features.moderation", 0},
    {NS_REACTIONS, "features.reactions", 0},
    {NS_REPLY, "features.replies", 0},
};
/* clang-format on */

#define NS_RESTRICTIONS NS_REACTIONS ":restrictions"
#define EMOJI_MOST 60

static const char *const occupant_features[] = {NS_DISCO_INFO, NS_PING, NS_VCARD};

static const char *identity_name(const struct frontend *frontend)
{
	const char *name = config_text(frontend->config, "identity.name");
	return name ? name : "";
}

static const char *text_setting(const struct frontend *frontend, const char *key, const char *otherwise)
{
	const char *text = config_text(frontend->config, key);
	return text_empty(text) ? otherwise : text;
}

static bool is_on(const struct frontend *frontend, const struct feature *feature)
{
	return !feature->key || config_bool(frontend->config, feature->key);
}

/* XEP-0157. */
static void add_contacts(const struct frontend *frontend, struct info *info)
{
	static const struct {
		const char *key, *var;
	} contacts[] = {{"contact.abuse", "abuse-addresses"},       {"contact.admin", "admin-addresses"},
	                {"contact.feedback", "feedback-addresses"}, {"contact.security", "security-addresses"},
	                {"contact.status", "status-addresses"},     {"contact.support", "support-addresses"}};
	for (size_t i = 0; i < COUNT(contacts); i++) {
		for (size_t j = 0; j < config_count(frontend->config, contacts[i].key); j++)
			info_add_value(info, NS_SERVERINFO, contacts[i].var,
			               config_item(frontend->config, contacts[i].key, j));
	}
}

static void gateway_collect(const struct frontend *frontend, struct info *info)
{
	const char *name = identity_name(frontend);
	*info = (struct info){0};
	if (frontend->serves)
		info_add_identity(info, "server", "im", name);
	info_add_identity(info, text_setting(frontend, "identity.category", "gateway"),
	                  text_setting(frontend, "identity.type", "xmpp"), name);
	info_add_identity(info, "account", "registered", name);
	if (config_bool(frontend->config, "features.muc"))
		info_add_identity(info, "conference", "text", name);
	for (size_t i = 0; i < COUNT(gateway_features); i++) {
		if (is_on(frontend, &gateway_features[i]))
			info_add_feature(info, gateway_features[i].ns);
	}
	if (block_can(frontend->hub))
		info_add_feature(info, NS_BLOCKING);
	if (room_can(frontend->hub, S2_ROOM_SEARCH))
		info_add_feature(info, NS_SEARCH);
	for (size_t i = 0; frontend->serves && server_features[i]; i++) {
		if (!info_has_feature(info, server_features[i]))
			info_add_feature(info, server_features[i]);
	}
	/* The archives are the accounts', but clients look for it here. */
	if (frontend->serves && archive_is_kept(frontend->hub)) {
		info_add_feature(info, NS_MAM);
		info_add_feature(info, NS_MAM "#extended");
	}
	if (frontend->serves && server_upload_most(frontend->upstream)) {
		info_add_feature(info, NS_UPLOAD);
		info_add_value(info, NS_UPLOAD, "max-file-size", frontend->upload_most);
	}
	add_contacts(frontend, info);
}

/* Of a contact that does what these rows of the table say. */
/* XEP-0444 section 4: which reactions the network has, and how many of one person. */
static void add_restrictions(const struct frontend *frontend, struct arena *arena, struct info *info)
{
	const char *list = config_text(frontend->config, "features.reactions_allowed");
	long long most = config_number(frontend->config, "features.reactions_most");
	char *rest = arena_strdup(arena, list ? list : ""), *one;
	unsigned count = 0;
	if (!info_has_feature(info, NS_REACTIONS))
		return;
	if (most)
		info_add_value(info, NS_RESTRICTIONS, "max_reactions_per_user", arena_printf(arena, "%lld", most));
	while ((one = strsep(&rest, " ")) && count < EMOJI_MOST) {
		if (*one && ++count)
			info_add_value(info, NS_RESTRICTIONS, "allowlist", one);
	}
}

static void contact_collect(const struct frontend *frontend, uint64_t rows, struct arena *arena, struct info *info)
{
	*info = (struct info){0};
	info_add_identity(info, "client", "pc", identity_name(frontend));
	for (size_t i = 0; i < COUNT(contact_features); i++) {
		if (rows & UINT64_C(1) << i)
			info_add_feature(info, contact_features[i].ns);
	}
	add_restrictions(frontend, arena, info);
}

/* ---- Entity capabilities ---- */

#define CAPS_MOST 32 /* sets of abilities; a network has few */
#define HASH_BYTES 32

/* The hash of one set, which costs too much to be made for each presence. */
struct caps {
	uint64_t rows;
	char hash[HASH_BYTES];
};

struct caps_table {
	char *name; /* that is part of all hashes */
	struct caps contacts[CAPS_MOST];
	unsigned count, next;
	uint64_t network_rows; /* what the network can do ... */
	char gateway[HASH_BYTES];
	bool current; /* ... and the gateway, as of this turn of the loop */
};

struct caps_table *disco_caps_new(void)
{
	return mem_new(sizeof(struct caps_table));
}

void disco_caps_free(struct caps_table **table)
{
	if (*table)
		free((*table)->name);
	free(*table);
	*table = NULL;
}

void disco_caps_expire(struct caps_table *table)
{
	table->current = false;
}

void disco_forget_caps(void *arg)
{
	struct frontend *frontend = arg;
	frontend->caps->count = frontend->caps->next = 0;
	frontend->caps->current = false;
}

static void hash_text(const struct info *info, char hash[HASH_BYTES])
{
	struct str text = {0};
	info_hash(info, &text);
	memcpy(hash, text.data, text.len + 1);
	str_fini(&text);
}

/* Looks at the configuration, at most once per turn. */
static struct caps_table *caps_current(const struct frontend *frontend)
{
	struct caps_table *table = frontend->caps;
	struct info info;
	if (table->current)
		return table;
	const char *name = identity_name(frontend);
	if (!text_equal(table->name, name)) {
		mem_replace(&table->name, name);
		table->count = table->next = 0;
	}
	table->network_rows = 0;
	for (size_t i = 0; i < COUNT(contact_features); i++) {
		if (is_on(frontend, &contact_features[i]))
			table->network_rows |= UINT64_C(1) << i;
	}
	gateway_collect(frontend, &info);
	hash_text(&info, table->gateway);
	table->current = true;
	return table;
}

/* `lacks`: s2_feature, of what the network has. */
static const struct caps *caps_of(const struct frontend *frontend, unsigned lacks)
{
	struct caps_table *table = caps_current(frontend);
	uint64_t rows = table->network_rows;
	for (size_t i = 0; lacks && i < COUNT(contact_features); i++) {
		if (contact_features[i].ability & lacks)
			rows &= ~(UINT64_C(1) << i);
	}
	for (unsigned i = 0; i < table->count; i++) {
		if (table->contacts[i].rows == rows)
			return &table->contacts[i];
	}
	struct caps *caps = &table->contacts[table->next];
	struct info info;
	table->next = (table->next + 1) % CAPS_MOST;
	if (table->count < CAPS_MOST)
		table->count++;
	caps->rows = rows;
	struct arena arena = {0};
	contact_collect(frontend, rows, &arena, &info);
	hash_text(&info, caps->hash);
	arena_fini(&arena);
	return caps;
}

static void write_caps(struct writer *writer, const char *node, const char *hash)
{
	xml_open(writer, "c", NS_CAPS);
	xml_attr(writer, "hash", "sha-1");
	xml_attr(writer, "node", node);
	xml_attr(writer, "ver", hash);
	xml_close(writer);
}

void disco_write_caps(struct frontend *frontend, struct writer *writer, unsigned lacks)
{
	write_caps(writer, CONTACT_NODE, caps_of(frontend, lacks)->hash);
}

void disco_write_gateway_caps(struct frontend *frontend, struct writer *writer)
{
	write_caps(writer, GATEWAY_NODE, caps_current(frontend)->gateway);
}

/* The hash behind "NODE#", or NULL if this is another node. */
static const char *hash_of_node(const char *node, const char *prefix)
{
	size_t len = strlen(prefix);
	return !strncmp(node, prefix, len) && node[len] == '#' ? node + len + 1 : NULL;
}

/* ---- disco#info ---- */

static void answer(struct request *request, const char *node, const struct info *info)
{
	struct writer *writer = iq_result_open(request);
	xml_open(writer, "query", NS_DISCO_INFO);
	xml_attr(writer, "node", node);
	info_write(info, writer);
	xml_close(writer);
	stanza_close(request->frontend);
}

static void refuse_node(struct request *request)
{
	stanza_refuse(request, S2_ITEM_NOT_FOUND, "There is no such node.");
}

static void gateway_info(struct request *request, const char *node)
{
	const char *hash = node ? hash_of_node(node, GATEWAY_NODE) : NULL;
	struct info info;
	if (node && adhoc_info(request, node))
		return;
	if (node && (!hash || strcmp(hash, caps_current(request->frontend)->gateway) != 0)) {
		refuse_node(request);
		return;
	}
	gateway_collect(request->frontend, &info);
	answer(request, node, &info);
}

/* With a hash: what that hash stands for, whatever the contact can do by now. */
static void contact_info(struct request *request, const char *node)
{
	struct frontend *frontend = request->frontend;
	const struct buddy *buddy =
	    request->user ? contact_find(request->user, contact_name(request->arena, request->user, request->to.node))
	                  : NULL;
	const struct caps *caps = caps_of(frontend, buddy ? contact_lacks(request->user, buddy) : 0);
	const char *hash = node ? hash_of_node(node, CONTACT_NODE) : NULL;
	if (node && !hash && adhoc_info(request, node))
		return;
	if (hash) {
		const struct caps_table *table = frontend->caps;
		caps = NULL;
		for (unsigned i = 0; i < table->count; i++) {
			if (!strcmp(table->contacts[i].hash, hash))
				caps = &table->contacts[i];
		}
	}
	if (node && !hash && foreign_takes(request)) {
		foreign_ask(request);
		return;
	}
	if (!caps || (node && !hash)) {
		refuse_node(request);
		return;
	}
	struct info info;
	contact_collect(frontend, caps->rows, request->arena, &info);
	if (!node && !*request->to.resource) { /* the account, not its client */
		info_add_identity(&info, "pubsub", "pep", NULL);
		info_add_feature(&info, NS_PUBSUB "#retrieve-items");
	}
	answer(request, node, &info);
}

/* Which nickname the user has there (XEP-0045 section 7.12), and what the room would filter: nothing. */
static void room_node_info(struct request *request, const char *node)
{
	struct info info = {0};
	bool nickname = !strcmp(node, "x-roomuser-item");
	if (!nickname && strcmp(node, NS_MUC "#traffic") != 0) {
		refuse_node(request);
		return;
	}
	if (nickname && request->room && room_has_clients(request->room))
		info_add_identity(&info, "conference", "text", room_nickname(request->room));
	answer(request, node, &info);
}

static void room_info(struct request *request, const char *node)
{
	struct info info = {0};
	if (node) {
		room_node_info(request, node);
		return;
	}
	roominfo_collect(request, &info);
	for (size_t i = 0; i < COUNT(network_room_features); i++) {
		if (is_on(request->frontend, &network_room_features[i]))
			info_add_feature(&info, network_room_features[i].ns);
	}
	add_restrictions(request->frontend, request->arena, &info);
	answer(request, NULL, &info);
}

static void occupant_info(struct request *request, const char *node)
{
	struct info info = {0};
	if (node) {
		refuse_node(request);
		return;
	}
	if (!request->room || !room_has_occupant(request->room, request->to.resource)) {
		stanza_refuse(request, S2_ITEM_NOT_FOUND, "There is nobody with this nickname in the room.");
		return;
	}
	info_add_identity(&info, "client", "pc", request->to.resource);
	for (size_t i = 0; i < COUNT(occupant_features); i++)
		info_add_feature(&info, occupant_features[i]);
	answer(request, NULL, &info);
}

void disco_info(struct request *request, const struct element *payload)
{
	static const struct {
		enum target target;
		void (*info)(struct request *, const char *node);
	} kinds[] = {{TARGET_GATEWAY, gateway_info},
	             {TARGET_CONTACT, contact_info},
	             {TARGET_ROOM, room_info},
	             {TARGET_OCCUPANT, occupant_info}};
	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (kinds[i].target == request->target)
			kinds[i].info(request, element_get(payload, "node"));
	}
}

/* ---- disco#items ---- */

void disco_items(struct request *request, const struct element *payload)
{
	const char *node = element_get(payload, "node");
	if (request->target & (TARGET_GATEWAY | TARGET_CONTACT) && text_equal(node, NS_COMMANDS))
		adhoc_items(request);
	else
		listing_get(request, payload);
}
