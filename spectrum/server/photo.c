/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A user's own card (XEP-0054) and picture. Whether a client sets the picture in the card or publishes it (XEP-0084),
 * the other place gets it, too, and presence names it for those who look there (XEP-0153, XEP-0398). */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/encode.h"
#include "spectrum/server/inside.h"
#include "spectrum/server/node.h"

#define CARD "vcard" /* kinds of what is kept */
#define HASH "photo"
#define ITEM "pep"
#define NODE "node"
#define ID "0" /* of the one item */
#define CARD_BYTES (200u << 10)

/* ---- The hash in presence ---- */

struct loading {
	struct server *server;
	char *owner;
};

static void hash_got(void *arg, const struct kept *items, size_t count)
{
	struct loading *loading = arg;
	struct account *account = account_find(loading->server, loading->owner);
	if (account && count && !account->photo)
		account->photo = mem_strdup(items[0].content);
	free(loading->owner);
	free(loading);
}

void photo_load(struct account *account)
{
	struct loading *loading = mem_new(sizeof *loading);
	*loading = (struct loading){account->server, mem_strdup(account->jid)};
	keep_get(account->server->hub, account->jid, &(struct kept){.kind = HASH, .id = ID}, hash_got, loading);
}

/* Presence as others are to see it. Only who has a picture here is corrected. */
const struct element *photo_mark(const struct account *account, struct arena *arena, const struct element *presence)
{
	if (!account->photo)
		return presence;
	struct element *copy = arena_alloc(arena, sizeof *copy), **tail = &copy->children;
	struct element *x = element_new(arena, "x", NS_VCARD_UPDATE),
	               *photo = element_new(arena, "photo", NS_VCARD_UPDATE), *text = arena_alloc(arena, sizeof *text);
	*copy = *presence;
	copy->children = NULL;
	for (const struct element *child = presence->children; child; child = child->next) {
		if (child->name && element_is(child, "x", NS_VCARD_UPDATE))
			continue;
		*tail = arena_alloc(arena, sizeof **tail);
		**tail = *child;
		(*tail)->next = NULL;
		tail = &(*tail)->next;
	}
	text->text = arena_strdup(arena, account->photo);
	if (*account->photo)
		photo->children = text;
	x->children = photo;
	*tail = x;
	return copy;
}

static void set_hash(struct account *account, const char *hash)
{
	if (account->photo && !strcmp(account->photo, hash))
		return;
	mem_replace(&account->photo, hash);
	keep_put(account->server->hub, account->jid, &(struct kept){.kind = HASH, .id = ID, .content = hash}, false,
	         NULL, NULL);
	presence_again(account);
}

/* ---- The card ---- */

static void card_got(void *arg, const struct kept *items, size_t count)
{
	struct answer *answer = arg;
	struct server *server = answer_server(answer);
	if (!items) {
		answer_refuse(answer, S2_INTERNAL_SERVER_ERROR, "The database does not work at the moment.");
		return;
	}
	const struct element *body = count ? parser_fragment(server_arena(server), items[0].content, NS_CLIENT) : NULL;
	const struct element *card = element_child(body, "vCard", NS_VCARD);
	struct writer *writer = answer_open(answer);
	if (card)
		xml_element(writer, card);
	else
		xml_empty(writer, "vCard", NS_VCARD);
	answer_send(answer);
}

void photo_card_get(struct ask *ask)
{
	keep_get(ask->account->server->hub, ask->account->jid, &(struct kept){.kind = CARD, .id = ID}, card_got,
	         answer_new(ask));
}

static char *serialize(const struct element *element, const char *ns)
{
	struct str xml = {0};
	struct writer writer;
	writer_init(&writer, &xml, ns);
	xml_element(&writer, element);
	writer_end(&writer);
	return str_take(&xml);
}

static void hash_bytes_of(const struct str *bytes, char out[41])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len;
	struct str hex = {0};
	EVP_Digest(str_text(bytes), bytes->len, digest, &len, EVP_sha1(), NULL);
	hex_encode(&hex, digest, len);
	memcpy(out, str_text(&hex), 41);
	str_fini(&hex);
}

static void publish(struct account *account, const char *node, const char *id, const char *xml)
{
	struct hub *hub = account->server->hub;
	struct node_config config = node_default();
	char text[NODE_TEXT_BYTES];
	node_text(&config, text);
	keep_put(hub, account->jid, &(struct kept){.kind = NODE, .id = node, .content = text}, false, NULL, NULL);
	keep_put(hub, account->jid, &(struct kept){.kind = ITEM, .node = node, .id = id, .content = xml, .most = 1},
	         false, NULL, NULL);
	const struct element *body = parser_fragment(server_arena(account->server), xml, NS_PUBSUB);
	notify_published(account, node, id, element_child(body, NULL, NULL), true);
}

/* From the card to the personal events. */
static void publish_picture(struct account *account, const char *hash, const char *type, const struct str *bytes)
{
	struct str xml = {0}, base64 = {0};
	struct writer writer;
	base64_encode(&base64, str_text(bytes), bytes->len);
	writer_init(&writer, &xml, NS_PUBSUB);
	xml_leaf(&writer, "data", NS_AVATAR_DATA, str_text(&base64));
	writer_end(&writer);
	publish(account, NS_AVATAR_DATA, hash, xml.data);
	str_clear(&xml, 65536);
	writer_init(&writer, &xml, NS_PUBSUB);
	xml_open(&writer, "metadata", NS_AVATAR_METADATA);
	xml_open(&writer, "info", NULL);
	xml_attr(&writer, "id", hash);
	xml_attr(&writer, "type", type);
	xml_attrf(&writer, "bytes", "%zu", bytes->len);
	xml_close(&writer);
	xml_close(&writer);
	writer_end(&writer);
	publish(account, NS_AVATAR_METADATA, hash, xml.data);
	str_fini(&xml);
	str_fini(&base64);
}

void photo_card_set(struct ask *ask)
{
	struct account *account = ask->account;
	const struct element *photo = element_child(ask->payload, "PHOTO", NULL);
	const char *base64 = element_child_text(ask->arena, photo, "BINVAL", NULL),
	           *type = element_child_text(ask->arena, photo, "TYPE", NULL);
	struct str bytes = {0};
	char hash[41] = "";
	if (base64 && !base64_decode(&bytes, base64, strlen(base64))) {
		str_fini(&bytes);
		ask_refuse(ask, S2_BAD_REQUEST, "The picture is no base64.");
		return;
	}
	char *xml = serialize(ask->payload, NS_CLIENT);
	if (strlen(xml) > CARD_BYTES) {
		ask_refuse(ask, S2_NOT_ACCEPTABLE, "This card is too large.");
	} else {
		keep_put(account->server->hub, account->jid, &(struct kept){.kind = CARD, .id = ID, .content = xml},
		         false, answer_kept, answer_new(ask));
		if (bytes.len)
			hash_bytes_of(&bytes, hash);
		if (bytes.len && !text_equal(account->photo, hash))
			publish_picture(account, hash, text_empty(type) ? "image/png" : type, &bytes);
		set_hash(account, hash);
	}
	free(xml);
	str_fini(&bytes);
}

/* ---- From the personal events to the card ---- */

struct conversion {
	struct server *server;
	char *owner, *hash, *type, *data; /* the picture, base64 */
};

static void conversion_free(struct conversion *conversion)
{
	free(conversion->owner);
	free(conversion->hash);
	free(conversion->type);
	free(conversion->data);
	free(conversion);
}

static void write_card(struct writer *writer, const struct element *old, const struct conversion *conversion)
{
	xml_open(writer, "vCard", NS_VCARD);
	for (const struct element *child = element_child(old, NULL, NULL); child;
	     child = element_next(child, NULL, NULL)) {
		if (!element_is(child, "PHOTO", NULL))
			xml_element(writer, child);
	}
	if (conversion->data) {
		xml_open(writer, "PHOTO", NULL);
		xml_leaf(writer, "TYPE", NULL, conversion->type);
		xml_leaf(writer, "BINVAL", NULL, conversion->data);
		xml_close(writer);
	}
	xml_close(writer);
}

static void old_card_got(void *arg, const struct kept *items, size_t count)
{
	struct conversion *conversion = arg;
	struct server *server = conversion->server;
	struct account *account = account_find(server, conversion->owner);
	if (items) {
		struct str xml = {0};
		struct writer writer;
		const struct element *body =
		    count ? parser_fragment(server_arena(server), items[0].content, NS_CLIENT) : NULL;
		writer_init(&writer, &xml, NS_CLIENT);
		write_card(&writer, element_child(body, "vCard", NS_VCARD), conversion);
		writer_end(&writer);
		keep_put(server->hub, conversion->owner, &(struct kept){.kind = CARD, .id = ID, .content = xml.data},
		         false, NULL, NULL);
		str_fini(&xml);
		if (account)
			set_hash(account, conversion->data ? conversion->hash : "");
	}
	conversion_free(conversion);
}

static void data_got(void *arg, const struct kept *items, size_t count)
{
	struct conversion *conversion = arg;
	struct server *server = conversion->server;
	struct arena *arena = server_arena(server);
	const struct element *body = items && count ? parser_fragment(arena, items[0].content, NS_PUBSUB) : NULL;
	conversion->data = mem_strdup(element_child_text(arena, body, "data", NS_AVATAR_DATA));
	if (!conversion->data && *conversion->hash) { /* the picture is elsewhere */
		conversion_free(conversion);
		return;
	}
	keep_get(server->hub, conversion->owner, &(struct kept){.kind = CARD, .id = ID}, old_card_got, conversion);
}

void photo_published(struct account *account, const char *node, const char *id, const struct element *payload)
{
	if (strcmp(node, NS_AVATAR_METADATA) != 0 || !element_is(payload, "metadata", NS_AVATAR_METADATA))
		return;
	const struct element *info = element_child(payload, "info", NULL);
	const char *hash = element_get(info, "id"), *type = element_get(info, "type");
	if (text_equal(account->photo, hash ? hash : ""))
		return;
	struct conversion *conversion = mem_new(sizeof *conversion);
	*conversion = (struct conversion){.server = account->server,
	                                  .owner = mem_strdup(account->jid),
	                                  .hash = mem_strdup(hash ? hash : ""),
	                                  .type = mem_strdup(type ? type : "image/png")};
	keep_get(account->server->hub, account->jid,
	         &(struct kept){.kind = ITEM, .node = NS_AVATAR_DATA, .id = hash ? hash : "\x01"}, data_got,
	         conversion);
}
