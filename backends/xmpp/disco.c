/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/xmpp/disco.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "backends/xmpp/iq.h"
#include "backends/xmpp/places.h"
#include "backends/xmpp/roster.h"
#include "lib/base/encode.h"
#include "lib/base/str.h"
#include "lib/xmpp/ns.h"

#define NODE "urn:x-spectrum2:xmpp"
#define NAME "spectrum2"

/* Sorted, as the hash wants them. */
static const char *const features[] = {
    NS_CAPS,    NS_CHATSTATES, NS_DISCO_INFO,
    NS_MUC,     NS_XHTML_IM,   "jabber:iq:version",
    NS_OOB,     NS_ATTENTION,  NS_AVATAR_METADATA "+notify",
    NS_MARKERS, NS_CORRECTION, NS_RETRACT,
    NS_PING,    NS_REACTIONS,  NS_RECEIPTS,
    NS_REPLY,   NS_STANZA_ID,
};
enum { FEATURES = sizeof features / sizeof *features };

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* XEP-0115 section 5.1. */
static const char *version(void)
{
	static char hash[32];
	const char *sorted[FEATURES];
	struct str text = {0}, out = {0};
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	if (*hash)
		return hash;
	memcpy(sorted, features, sizeof sorted);
	qsort(sorted, FEATURES, sizeof *sorted, by_text);
	str_adds(&text, "client/pc//" NAME "<");
	for (size_t i = 0; i < FEATURES; i++)
		str_addf(&text, "%s<", sorted[i]);
	EVP_Digest(text.data, text.len, digest, &len, EVP_sha1(), NULL);
	base64_encode(&out, digest, len);
	memcpy(hash, out.data, out.len + 1);
	str_fini(&text);
	str_fini(&out);
	return hash;
}

void disco_write_caps(struct writer *writer)
{
	xml_open(writer, "c", NS_CAPS);
	xml_attr(writer, "hash", "sha-1");
	xml_attr(writer, "node", NODE);
	xml_attr(writer, "ver", version());
	xml_close(writer);
}

void disco_info_asked(struct user *user, struct arena *arena, const struct element *iq, const struct element *query)
{
	const char *node = element_get(query, "node");
	if (node && strcmp(node, arena_printf(arena, NODE "#%s", version())) != 0) {
		iq_refuse(user, iq, S2_ITEM_NOT_FOUND, NULL);
		return;
	}
	struct writer *writer = iq_reply(user, iq);
	xml_open(writer, "query", NS_DISCO_INFO);
	xml_attr(writer, "node", node);
	xml_open(writer, "identity", NULL);
	xml_attr(writer, "category", "client");
	xml_attr(writer, "type", "pc");
	xml_attr(writer, "name", NAME);
	xml_close(writer);
	for (size_t i = 0; i < FEATURES; i++) {
		xml_open(writer, "feature", NULL);
		xml_attr(writer, "var", features[i]);
		xml_close(writer);
	}
	xml_close(writer);
	user_send(user, NULL);
}

void disco_items_asked(struct user *user, struct arena *arena, const struct element *iq, const struct element *query)
{
	struct writer *writer = iq_reply(user, iq);
	xml_open(writer, "query", NS_DISCO_ITEMS);
	xml_attr(writer, "node", element_get(query, "node"));
	xml_close(writer);
	user_send(user, NULL);
}

void disco_version_asked(struct user *user, struct arena *arena, const struct element *iq, const struct element *query)
{
	struct writer *writer = iq_reply(user, iq);
	xml_open(writer, "query", NS_VERSION);
	xml_leaf(writer, "name", NULL, NAME);
	xml_leaf(writer, "version", NULL, SPECTRUM2_VERSION);
	xml_close(writer);
	user_send(user, NULL);
}

void disco_begin(struct user *user)
{
	struct writer *writer = iq_open(user, "set", NULL, NULL, NULL);
	xml_empty(writer, "enable", NS_CARBONS);
	iq_send(user);
	roster_fetch_blocked(user);
	places_fetch(user);
}
