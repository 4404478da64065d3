/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/xmpp/card.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "backends/xmpp/iq.h"
#include "backends/xmpp/presence.h"
#include "backends/xmpp/room.h"
#include "backends/xmpp/roster.h"
#include "lib/base/encode.h"
#include "lib/base/str.h"
#include "lib/xmpp/ns.h"

#define NS_PUBSUB "http://jabber.org/protocol/pubsub"
#define NS_PUBSUB_EVENT "http://jabber.org/protocol/pubsub#event"
#define NS_AVATAR_DATA "urn:xmpp:avatar:data"
#define NS_AVATAR_METADATA "urn:xmpp:avatar:metadata"
#define PHOTO_BYTES (512u << 10)

/* A card that the main process waits for. */
struct wanted {
	struct arena arena;
	struct s2_card card; /* as far as it is known */
	uint32_t request;
	const char *jid;
};

/* ---- Others' cards ---- */

static void answer(struct user *user, struct wanted *wanted)
{
	s2_card(user->s2, wanted->request, &wanted->card);
	arena_fini(&wanted->arena);
	free(wanted);
}

/* The bytes behind base64, on the arena; false if there are none. */
static bool read_photo(struct s2_card *card, struct arena *arena, const char *base64)
{
	struct str bytes = {0};
	bool fine = !text_empty(base64) && base64_decode(&bytes, base64, strlen(base64)) && bytes.len &&
	            bytes.len <= PHOTO_BYTES;
	if (fine) {
		card->photo = arena_strndup(arena, bytes.data, bytes.len);
		card->photo_bytes = bytes.len;
	}
	str_fini(&bytes);
	return fine;
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

static void read_card(struct s2_card *card, struct arena *arena, struct arena *scratch, const struct element *vcard)
{
	const struct {
		const char *name;
		const char **to;
	} fields[] = {{"FN", &card->full_name}, {"NICKNAME", &card->nickname}};
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		const char *text = element_child_text(scratch, vcard, fields[i].name, NS_VCARD);
		*fields[i].to = text_or_null(arena_strdup(arena, text));
	}
	const struct element *photo = element_child(vcard, "PHOTO", NS_VCARD);
	if (photo)
		read_photo(card, arena, element_child_text(scratch, photo, "BINVAL", NS_VCARD));
}

static void on_card(struct user *user, void *arg, struct arena *arena, const struct element *iq)
{
	struct wanted *wanted = arg;
	const char *hash = roster_avatar_of(user, wanted->jid);
	if (iq_is_result(iq))
		read_card(&wanted->card, &wanted->arena, arena, element_child(iq, "vCard", NS_VCARD));
	if (!wanted->card.photo && !text_empty(hash) && iq)
		fetch_avatar(user, wanted, hash);
	else
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
	struct arena arena;
	struct s2_card card;
	char hash[41];
	const char *mime_type;
};

static void fresh_free(struct fresh *fresh)
{
	arena_fini(&fresh->arena);
	free(fresh);
}

static const char *type_of(const unsigned char *bytes, size_t len)
{
	static const struct {
		const char *magic;
		size_t len;
		const char *type;
	} known[] = {{"\x89PNG", 4, "image/png"},
	             {"\xff\xd8\xff", 3, "image/jpeg"},
	             {"GIF8", 4, "image/gif"},
	             {"RIFF", 4, "image/webp"}};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (len >= known[i].len && !memcmp(bytes, known[i].magic, known[i].len))
			return known[i].type;
	return "application/octet-stream";
}

static void photo_hash(struct fresh *fresh)
{
	struct str hex = {0};
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	EVP_Digest(fresh->card.photo, fresh->card.photo_bytes, digest, &len, EVP_sha1(), NULL);
	hex_encode(&hex, digest, len);
	memcpy(fresh->hash, hex.data, sizeof fresh->hash);
	str_fini(&hex);
	fresh->mime_type = type_of(fresh->card.photo, fresh->card.photo_bytes);
}

static void write_base64(struct writer *writer, const char *name, const char *ns, const struct s2_card *card)
{
	struct str text = {0};
	base64_encode(&text, card->photo, card->photo_bytes);
	xml_leaf(writer, name, ns, str_text(&text));
	str_fini(&text);
}

static void on_card_set(struct user *user, void *arg, struct arena *arena, const struct element *iq)
{
	struct fresh *fresh = arg;
	if (iq_is_result(iq) && fresh->card.photo_bytes) {
		mem_replace(&user->photo_hash, fresh->hash);
		presence_send(user);
		rooms_presence(user);
	}
	fresh_free(fresh);
}

/* Everything on the card that is not ours stays. */
static void on_old_card(struct user *user, void *arg, struct arena *arena, const struct element *iq)
{
	struct fresh *fresh = arg;
	const struct s2_card *card = &fresh->card;
	if (!iq) {
		fresh_free(fresh);
		return;
	}
	struct writer *writer = iq_open(user, "set", NULL, on_card_set, fresh);
	xml_open(writer, "vCard", NS_VCARD);
	const struct element *old = iq_is_result(iq) ? element_child(iq, "vCard", NS_VCARD) : NULL;
	for (const struct element *one = old ? old->children : NULL; one; one = one->next) {
		bool ours = !one->name || (card->photo_bytes && !strcmp(one->name, "PHOTO")) ||
		            (card->full_name && !strcmp(one->name, "FN")) ||
		            (card->nickname && !strcmp(one->name, "NICKNAME"));
		if (!ours)
			xml_element(writer, one);
	}
	xml_leaf(writer, "FN", NULL, card->full_name);
	xml_leaf(writer, "NICKNAME", NULL, card->nickname);
	if (card->photo_bytes) {
		xml_open(writer, "PHOTO", NULL);
		xml_leaf(writer, "TYPE", NULL, fresh->mime_type);
		write_base64(writer, "BINVAL", NULL, card);
		xml_close(writer);
	}
	xml_close(writer);
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
	struct writer *writer = publish(user, NS_AVATAR_DATA, fresh->hash);
	write_base64(writer, "data", NS_AVATAR_DATA, &fresh->card);
	published(user, writer);
	writer = publish(user, NS_AVATAR_METADATA, fresh->hash);
	xml_open(writer, "metadata", NS_AVATAR_METADATA);
	xml_open(writer, "info", NULL);
	xml_attrf(writer, "bytes", "%zu", fresh->card.photo_bytes);
	xml_attr(writer, "id", fresh->hash);
	xml_attr(writer, "type", fresh->mime_type);
	xml_close(writer);
	xml_close(writer);
	published(user, writer);
}

void user_set_card(struct s2_user *s2, const struct s2_card *card)
{
	struct user *user = s2_user_data(s2);
	if (!user || !user_is_ready(user) || card->photo_bytes > PHOTO_BYTES)
		return;
	struct fresh *fresh = mem_new(sizeof *fresh);
	fresh->card.full_name = text_or_null(arena_strdup(&fresh->arena, card->full_name));
	fresh->card.nickname = text_or_null(arena_strdup(&fresh->arena, card->nickname));
	if (card->photo_bytes) {
		fresh->card.photo =
		    memcpy(arena_alloc(&fresh->arena, card->photo_bytes), card->photo, card->photo_bytes);
		fresh->card.photo_bytes = card->photo_bytes;
		photo_hash(fresh);
		publish_avatar(user, fresh);
	}
	struct writer *writer = iq_open(user, "get", NULL, on_old_card, fresh);
	xml_empty(writer, "vCard", NS_VCARD);
	iq_send(user);
}
