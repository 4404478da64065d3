/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vcard-temp (XEP-0054): cards of contacts and occupants come from the network, the gateway has one of its own. */
#include <string.h>

#include "lib/base/encode.h"
#include "spectrum/frontend/inside.h"

/* The image's type by its first bytes; NULL if it is none that clients know. */
static const char *image_type(const void *bytes, size_t len)
{
	static const struct {
		const char *magic;
		size_t len;
		const char *type;
	} types[] = {
	    {"\x89PNG\r\n\x1a\n", 8, "image/png"}, {"\xff\xd8\xff", 3, "image/jpeg"}, {"GIF8", 4, "image/gif"}};
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (len >= types[i].len && !memcmp(bytes, types[i].magic, types[i].len))
			return types[i].type;
	}
	if (len >= 12 && !memcmp(bytes, "RIFF", 4) && !memcmp((const char *)bytes + 8, "WEBP", 4))
		return "image/webp";
	return NULL;
}

void card_arrived(void *arg, const char *to, const char *from, const char *id, const struct s2_card *card)
{
	struct frontend *frontend = arg;
	struct writer *writer = stanza_open(frontend, "iq", UPSTREAM_PASSING, from, to, "result");
	const char *type = card->photo ? image_type(card->photo, card->photo_bytes) : NULL;
	xml_attr(writer, "id", id);
	xml_open(writer, "vCard", NS_VCARD);
	xml_leaf(writer, "FN", NULL, text_or_null(card->full_name));
	xml_leaf(writer, "NICKNAME", NULL, text_or_null(card->nickname));
	if (type) {
		struct str base64 = {0};
		base64_encode(&base64, card->photo, card->photo_bytes);
		xml_open(writer, "PHOTO", NULL);
		xml_leaf(writer, "TYPE", NULL, type);
		xml_leaf(writer, "BINVAL", NULL, base64.data);
		xml_close(writer);
		str_fini(&base64);
	}
	xml_close(writer);
	stanza_close(frontend);
}

void card_get(struct request *request, const struct element *payload)
{
	struct frontend *frontend = request->frontend;
	if (request->target == TARGET_GATEWAY) {
		struct writer *writer = iq_result_open(request);
		xml_open(writer, "vCard", NS_VCARD);
		xml_leaf(writer, "FN", NULL, config_text(frontend->config, "identity.name"));
		xml_leaf(writer, "DESC", NULL, "A gateway to another network.");
		xml_close(writer);
		stanza_close(frontend);
		return;
	}
	if (!request->user) {
		stanza_refuse(request, S2_REGISTRATION_REQUIRED, "Log in to the gateway first.");
		return;
	}
	const char *name = contact_name(request->arena, request->user, request->to.node);
	if (request->target == TARGET_OCCUPANT)
		name = arena_printf(request->arena, "%s/%s", name, request->to.resource);
	conversation_card(request->user, name, request->from.full, request->to.full, request->id ? request->id : "");
}

/* The user's own card, set at the gateway: networks that have one take the picture and the nickname. */
void card_set(struct request *request, const struct element *payload)
{
	if (!request->user) {
		stanza_refuse(request, S2_REGISTRATION_REQUIRED, "Log in to the gateway first.");
		return;
	}
	const struct element *photo = element_child(payload, "PHOTO", NULL);
	const char *base64 = element_child_text(request->arena, photo, "BINVAL", NULL);
	struct str bytes = {0};
	if (base64 && !base64_decode(&bytes, base64, strlen(base64))) {
		stanza_refuse(request, S2_BAD_REQUEST, "The picture is no base64.");
		str_fini(&bytes);
		return;
	}
	conversation_set_card(request->user,
	                      &(struct s2_card){
	                          .full_name = element_child_text(request->arena, payload, "FN", NULL),
	                          .nickname = element_child_text(request->arena, payload, "NICKNAME", NULL),
	                          .photo = str_text(&bytes),
	                          .photo_bytes = bytes.len,
	                      });
	str_fini(&bytes);
	iq_result_empty(request);
}
