/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Service discovery (XEP-0030) of the gateway, its contacts, rooms and occupants, and the capabilities hash of contacts
 * (XEP-0115). Each entity announces what it really answers. */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/encode.h"
#include "spectrum/frontend/inside.h"
#include "spectrum/hub/address.h"

#define CAPS_NODE "urn:spectrum2:contact"

struct identity {
	const char *category, *type, *name;
};

/* ---- What each kind can do, in the order of XEP-0115 (sorted) ---- */

static const char *const gateway_features[] = {NS_DISCO_INFO, NS_DISCO_ITEMS,    NS_GATEWAY, NS_LAST, NS_REGISTER,
                                               NS_VERSION,    "jid\\20escaping", NS_PING,    NS_TIME, NS_VCARD};
static const char *const room_features[] = {NS_DISCO_INFO,
                                            NS_DISCO_ITEMS,
                                            NS_MUC,
                                            "muc_hidden",
                                            "muc_open",
                                            "muc_temporary",
                                            "muc_unmoderated",
                                            "muc_unsecured",
                                            "muc_nonanonymous",
                                            NS_PING,
                                            "http://jabber.org/protocol/muc#stable_id",
                                            "http://jabber.org/protocol/muc#self-ping-optimization"};
static const char *const occupant_features[] = {NS_DISCO_INFO, NS_PING, NS_VCARD};

/* Of a contact: written and hashed in this order. */
static const struct contact_feature {
	const char *ns, *condition; /* config key that must be true, or NULL */
} contact_features[] = {
    {NS_CHATSTATES, NULL},
    {NS_DISCO_INFO, NULL},
    {NS_DISCO_ITEMS, NULL},
    {NS_XHTML_IM, "service.enable_xhtml"},
    {NS_ATTENTION, NULL},
    {NS_PING, NULL},
    {NS_RECEIPTS, "features.receipts"},
    {NS_VCARD, NULL},
};

static bool has_feature(const struct frontend *frontend, const struct contact_feature *feature)
{
	return !feature->condition || config_bool(frontend->config, feature->condition);
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

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

/* ---- Entity capabilities ---- */

/* "client/pc//name<" and each feature with "<" behind it, hashed with SHA-1 (XEP-0115 section 5.1). */
static void caps_hash(const struct frontend *frontend, struct str *out)
{
	struct str text = {0};
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	str_addf(&text, "client/pc//%s<", identity_name(frontend));
	for (size_t i = 0; i < COUNT(contact_features); i++) {
		if (has_feature(frontend, &contact_features[i]))
			str_addf(&text, "%s<", contact_features[i].ns);
	}
	EVP_Digest(text.data, text.len, digest, &len, EVP_sha1(), NULL);
	base64_encode(out, digest, len);
	str_fini(&text);
}

void disco_write_caps(struct frontend *frontend, struct writer *writer)
{
	bool receipts = config_bool(frontend->config, "features.receipts");
	if (!frontend->caps.len || frontend->caps_receipts != receipts) {
		str_clear(&frontend->caps, SIZE_MAX);
		caps_hash(frontend, &frontend->caps);
		frontend->caps_receipts = receipts;
	}
	xml_open(writer, "c", NS_CAPS);
	xml_attr(writer, "hash", "sha-1");
	xml_attr(writer, "node", CAPS_NODE);
	xml_attr(writer, "ver", frontend->caps.data);
	xml_close(writer);
}

/* ---- disco#info ---- */

static struct writer *info_open(struct request *request, const char *node)
{
	struct writer *writer = iq_result_open(request);
	xml_open(writer, "query", NS_DISCO_INFO);
	xml_attr(writer, "node", node);
	return writer;
}

static void write_identity(struct writer *writer, struct identity identity)
{
	xml_open(writer, "identity", NULL);
	xml_attr(writer, "category", identity.category);
	xml_attr(writer, "type", identity.type);
	xml_attr(writer, "name", identity.name);
	xml_close(writer);
}

static void write_feature(struct writer *writer, const char *ns)
{
	xml_open(writer, "feature", NULL);
	xml_attr(writer, "var", ns);
	xml_close(writer);
}

static void info_close(struct request *request, struct writer *writer, const char *const *features, size_t count)
{
	for (size_t i = 0; i < count; i++)
		write_feature(writer, features[i]);
	xml_close(writer);
	stanza_close(request->frontend);
}

static void gateway_info(struct request *request)
{
	const struct frontend *frontend = request->frontend;
	struct writer *writer = info_open(request, NULL);
	const char *name = identity_name(frontend);
	write_identity(writer, (struct identity){text_setting(frontend, "identity.category", "gateway"),
	                                         text_setting(frontend, "identity.type", "xmpp"), name});
	write_identity(writer, (struct identity){"account", "registered", name});
	if (config_bool(frontend->config, "features.muc")) {
		write_identity(writer, (struct identity){"conference", "text", name});
		write_feature(writer, NS_MUC);
	}
	info_close(request, writer, gateway_features, COUNT(gateway_features));
}

static void contact_info(struct request *request, const char *node)
{
	const struct frontend *frontend = request->frontend;
	struct writer *writer = info_open(request, node);
	write_identity(writer, (struct identity){"client", "pc", identity_name(frontend)});
	for (size_t i = 0; i < COUNT(contact_features); i++) {
		if (has_feature(frontend, &contact_features[i]))
			write_feature(writer, contact_features[i].ns);
	}
	info_close(request, writer, NULL, 0);
}

static void room_info(struct request *request)
{
	struct writer *writer = info_open(request, NULL);
	write_identity(writer, (struct identity){"conference", "text", address_name(request->arena, request->to.node)});
	info_close(request, writer, room_features, COUNT(room_features));
}

static void occupant_info(struct request *request)
{
	if (!request->room || !room_has_occupant(request->room, request->to.resource)) {
		stanza_refuse(request, S2_ITEM_NOT_FOUND, "There is nobody with this nickname in the room.");
		return;
	}
	struct writer *writer = info_open(request, NULL);
	write_identity(writer, (struct identity){"client", "pc", request->to.resource});
	info_close(request, writer, occupant_features, COUNT(occupant_features));
}

void disco_info(struct request *request, const struct element *payload)
{
	const char *node = element_get(payload, "node");
	if (request->target == TARGET_CONTACT && (!node || !strncmp(node, CAPS_NODE "#", strlen(CAPS_NODE) + 1)))
		contact_info(request, node);
	else if (node)
		stanza_refuse(request, S2_ITEM_NOT_FOUND, "There is no such node.");
	else if (request->target == TARGET_GATEWAY)
		gateway_info(request);
	else if (request->target == TARGET_ROOM)
		room_info(request);
	else
		occupant_info(request);
}

/* ---- disco#items ---- */

static void write_room_item(struct request *request, struct writer *writer, const char *node, const char *name)
{
	if (!node)
		return;
	xml_open(writer, "item", NULL);
	xml_attrf(writer, "jid", "%s@%s", node, request->frontend->jid);
	xml_attr(writer, "name", name);
	xml_close(writer);
}

/* The rooms that the user is in, and those that the network listed. */
static void write_rooms(struct request *request, struct writer *writer)
{
	const struct s2_room_listing *rooms;
	size_t count = room_listing(request->frontend->hub, request->user, &rooms);
	for (struct room *room = request->user ? room_first(request->user) : NULL; room; room = room_after(room))
		write_room_item(request, writer, room_node(room), room_name(room));
	for (size_t i = 0; i < count; i++) {
		const char *node = address_of_room(request->arena, rooms[i].name);
		if (node && !(request->user && room_find(request->user, node)))
			write_room_item(request, writer, node,
			                text_empty(rooms[i].title) ? rooms[i].name : rooms[i].title);
	}
}

void disco_items(struct request *request, const struct element *payload)
{
	const char *node = element_get(payload, "node");
	struct writer *writer = iq_result_open(request);
	xml_open(writer, "query", NS_DISCO_ITEMS);
	xml_attr(writer, "node", node);
	if (request->target == TARGET_GATEWAY && !node)
		write_rooms(request, writer);
	xml_close(writer);
	stanza_close(request->frontend);
}
