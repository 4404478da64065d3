/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/xmpp/card.h"

#include <stdlib.h>
#include <string.h>

#include "backends/xmpp/iq.h"
#include "backends/xmpp/presence.h"
#include "backends/xmpp/room.h"
#include "backends/xmpp/roster.h"
#include "lib/base/encode.h"
#include "lib/base/str.h"
#include "lib/xmpp/image.h"
#include "lib/xmpp/ns.h"
#include "lib/xmpp/stanza.h"
#include "lib/xmpp/vcard.h"

#define PHOTO_BYTES (512u << 10)

/* A card that the main process waits for. */
struct wanted {
	struct arena arena;
	struct s2_card card;  /* as far as it is known */
	struct s2_card *copy; /* its texts, if they have to outlive a stanza */
	uint32_t request;
	const char *jid;
};

/* ---- Others' cards ---- */

static void answer(struct user *user, struct wanted *wanted)
{
	s2_card(user->s2, wanted->request, &wanted->card);
	arena_fini(&wanted->arena);
	free(wanted->copy);
	free(wanted);
}

/* The bytes behind base64, on the arena. */
static void read_photo(struct s2_card *card, struct arena *arena, const char *base64)
{
	struct str bytes = {0};
	if (!text_empty(base64) && base64_decode(&bytes, base64, strlen(base64)) && bytes.len &&
	    bytes.len <= PHOTO_BYTES) {
		card->photo = arena_strndup(arena, bytes.data, bytes.len);
		card->photo_bytes = bytes.len;
	}
	str_fini(&bytes);
}

static void on_avatar(struct user *user, void *arg, struct arena *arena, const struct element *iq)
{
	struct wanted *wanted = arg;
	const struct element *items = element_child(element_child(iq, "pubsub", NS_PUBSUB), "items", NS_PUBSUB);
	const struct element *item = element_child(items, "item", NS_PUBSUB);
	if (item)
		read_photo(&wanted->card, &wanted->arena, element_child_text(arena, item, "data", NS_AVATAR_DATA));
	answer(user, wanted);
}

/* The picture is not on the card, but it was announced by PEP. */
static void fetch_avatar(struct user *user, struct wanted *wanted, const char *hash)
{
	struct writer *writer = iq_open(user, "get", wanted->jid, on_avatar, wanted);
	xml_open(writer, "pubsub", NS_PUBSUB);
	xml_open(writer, "items", NULL);
	xml_attr(writer, "node", NS_AVATAR_DATA);
	xml_open(writer, "item", NULL);
	xml_attr(writer, "id", hash);
	xml_close(writer);
	xml_close(writer);
	xml_close(writer);
	iq_send(user);
}

/* Texts of the stanza, for as long as a picture is still waited for. */
static void keep(struct wanted *wanted, const struct s2_card *card)
{
	const char *name = wanted->card.name;
	struct s2_card *copy = vcard_copy(card);
	wanted->copy = copy;
	wanted->card = *copy;
	wanted->card.name = name;
}

static void on_card(struct user *user, void *arg, struct arena *arena, const struct element *iq)
{
	struct wanted *wanted = arg;
	struct s2_card card = {0};
	const char *hash = roster_avatar_of(user, wanted->jid), *name = wanted->card.name;
	if (iq_is_result(iq))
		vcard_read(arena, VCARD_TEMP, element_child(iq, "vCard", NS_VCARD), &card);
	else
		card.condition = iq ? stanza_error(arena, iq, &card.text) : S2_REMOTE_SERVER_TIMEOUT;
	if (!card.photo && !text_empty(hash) && iq_is_result(iq)) {
		keep(wanted, &card);
		fetch_avatar(user, wanted, hash);
		return;
	}
	wanted->card = card;
	wanted->card.name = name;
	answer(user, wanted);
}

void user_get_card(struct s2_user *s2, const char *name, uint32_t request)
{
	struct user *user = s2_user_data(s2);
	struct wanted *wanted = mem_new(sizeof *wanted);
	struct jid jid;
	wanted->request = request;
	wanted->card.name = arena_strdup(&wanted->arena, name);
	if (!user || !user_is_ready(user) || !jid_parse(&wanted->arena, name, &jid)) {
		s2_card(s2, request, &wanted->card);
		arena_fini(&wanted->arena);
		free(wanted);
		return;
	}
	wanted->jid = jid.full;
	/* The server answers for the own account, and for everybody else who is no occupant. */
	struct writer *writer =
	    iq_open(user, "get", strcmp(jid.full, client_bare_jid(user->client)) ? jid.full : NULL, on_card, wanted);
	xml_empty(writer, "vCard", NS_VCARD);
	iq_send(user);
}

bool card_event(struct user *user, struct arena *arena, const struct element *stanza, const struct jid *from)
{
	const struct element *event = element_child(stanza, "event", NS_PUBSUB_EVENT);
	const struct element *items = element_child(event, "items", NS_PUBSUB_EVENT);
	if (!event)
		return false;
	if (!items || !text_equal(element_get(items, "node"), NS_AVATAR_METADATA))
		return true;
	const struct element *metadata =
	    element_child(element_child(items, "item", NS_PUBSUB_EVENT), "metadata", NS_AVATAR_METADATA);
	const char *hash = element_get(element_child(metadata, "info", NS_AVATAR_METADATA), "id");
	if (metadata)
		roster_avatar(user, from->bare, hash ? hash : "");
	return true;
}

/* ---- The own card ---- */

/* What is to be put on it, until the old one has come. */
struct fresh {
	struct s2_card *card; /* texts */
	void *photo;
	size_t photo_bytes;
	char hash[IMAGE_HASH_BYTES]; /* "" = no picture */
};

static void fresh_free(struct fresh *fresh)
{
	free(fresh->card);
	free(fresh->photo);
	free(fresh);
}

static void on_card_set(struct user *user, void *arg, struct arena *arena, const struct element *iq)
{
	struct fresh *fresh = arg;
	if (iq_is_result(iq) && user_is_ready(user)) {
		mem_replace(&user->photo_hash, fresh->hash);
		presence_send(user);
		rooms_presence(user);
	}
	fresh_free(fresh);
}

static void on_old_card(struct user *user, void *arg, struct arena *arena, const struct element *iq)
{
	struct fresh *fresh = arg;
	if (!iq) {
		fresh_free(fresh);
		return;
	}
	struct s2_card card = *fresh->card;
	card.photo = fresh->photo;
	card.photo_bytes = fresh->photo_bytes;
	struct writer *writer = iq_open(user, "set", NULL, on_card_set, fresh);
	vcard_write_over(writer, iq_is_result(iq) ? element_child(iq, "vCard", NS_VCARD) : NULL, &card, PHOTO_BYTES);
	iq_send(user);
}

static struct writer *publish(struct user *user, const char *node, const char *id)
{
	struct writer *writer = iq_open(user, "set", NULL, NULL, NULL);
	xml_open(writer, "pubsub", NS_PUBSUB);
	xml_open(writer, "publish", NULL);
	xml_attr(writer, "node", node);
	xml_open(writer, "item", NULL);
	xml_attr(writer, "id", id);
	return writer;
}

static void published(struct user *user, struct writer *writer)
{
	xml_close(writer);
	xml_close(writer);
	xml_close(writer);
	iq_send(user);
}

/* XEP-0084: first the picture, then the news of it. Servers that make one of the other find that it is there already.
 */
static void publish_avatar(struct user *user, const struct fresh *fresh)
{
	struct str base64 = {0};
	struct writer *writer;
	const char *type = image_type(fresh->photo, fresh->photo_bytes);
	if (*fresh->hash) {
		base64_encode(&base64, fresh->photo, fresh->photo_bytes);
		writer = publish(user, NS_AVATAR_DATA, fresh->hash);
		xml_leaf(writer, "data", NS_AVATAR_DATA, str_text(&base64));
		published(user, writer);
		str_fini(&base64);
	}
	writer = publish(user, NS_AVATAR_METADATA, text_or_null(fresh->hash));
	xml_open(writer, "metadata", NS_AVATAR_METADATA);
	if (*fresh->hash) {
		xml_open(writer, "info", NULL);
		xml_attrf(writer, "bytes", "%zu", fresh->photo_bytes);
		xml_attr(writer, "id", fresh->hash);
		xml_attr(writer, "type", type ? type : "application/octet-stream");
		xml_close(writer);
	}
	xml_close(writer);
	published(user, writer);
}

void user_set_card(struct s2_user *s2, const struct s2_card *card)
{
	struct user *user = s2_user_data(s2);
	if (!user || !user_is_ready(user) || card->photo_bytes > PHOTO_BYTES)
		return;
	struct fresh *fresh = mem_new(sizeof *fresh);
	fresh->card = vcard_copy(card);
	fresh->card->photo = NULL;
	fresh->card->photo_bytes = 0;
	if (card->photo_bytes) {
		fresh->photo = memcpy(mem_new(card->photo_bytes), card->photo, card->photo_bytes);
		fresh->photo_bytes = card->photo_bytes;
		image_hash(fresh->photo, fresh->photo_bytes, fresh->hash);
	}
	if (*fresh->hash || !text_empty(user->photo_hash))
		publish_avatar(user, fresh);
	struct writer *writer = iq_open(user, "get", NULL, on_old_card, fresh);
	xml_empty(writer, "vCard", NS_VCARD);
	iq_send(user);
}
