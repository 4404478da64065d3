/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/server/fast.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/encode.h"
#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/base/mem.h"
#include "lib/base/random.h"
#include "lib/base/str.h"

#define GOOD_MS (14ll * 24 * 3600 * 1000)
#define ROTATE_MS (24ll * 3600 * 1000) /* the age at which a token is replaced */
#define AGENT_BYTES 64
#define CLIENTS_MOST 32    /* of one user; then the one that has come first goes */
#define OWNERS_MOST 65536u /* users; likewise */
#define HASH_BYTES 32

static const char *const names[FAST_MECHANISMS] = {"HT-SHA-256-EXPR", "HT-SHA-256-NONE"};

const char *fast_mechanism_name(enum fast_mechanism mechanism)
{
	return names[mechanism];
}

enum fast_mechanism fast_mechanism(const char *name)
{
	unsigned mechanism = 0;
	while (mechanism < FAST_MECHANISMS && !text_equal(name, names[mechanism]))
		mechanism++;
	return mechanism;
}

struct slot {
	char text[FAST_TOKEN_BYTES]; /* "": none */
	uint8_t mechanism;
	int64_t expiry;
};

/* XEP-0484 section 5: what it has used last, and what it was given since. */
struct client {
	struct list node; /* of the owner, the oldest first */
	struct slot used, fresh;
	char agent[AGENT_BYTES + 1];
};

struct owner {
	struct list node; /* of all, the oldest first */
	struct list clients;
	unsigned count;
	uint64_t session;
	char jid[];
};

struct fast {
	struct map owners;
	struct list order;
};

struct fast *fast_new(void)
{
	struct fast *fast = mem_new(sizeof *fast);
	list_init(&fast->order);
	return fast;
}

static void client_free(struct owner *owner, struct client *client)
{
	list_remove(&client->node);
	owner->count--;
	OPENSSL_cleanse(client, sizeof *client);
	free(client);
}

static void owner_free(struct fast *fast, struct owner *owner)
{
	while (!list_empty(&owner->clients))
		client_free(owner, LIST_ITEM(owner->clients.next, struct client, node));
	map_remove(&fast->owners, owner->jid);
	list_remove(&owner->node);
	free(owner);
}

void fast_free(struct fast **at)
{
	struct fast *fast = *at;
	if (!fast)
		return;
	*at = NULL;
	while (!list_empty(&fast->order))
		owner_free(fast, LIST_ITEM(fast->order.next, struct owner, node));
	map_fini(&fast->owners);
	free(fast);
}

void fast_forget(struct fast *fast, const char *jid)
{
	struct owner *owner = map_get(&fast->owners, jid);
	if (owner)
		owner_free(fast, owner);
}

/* Tokens of an earlier session are worth nothing. */
static struct owner *owner_find(struct fast *fast, const struct fast_client *whose)
{
	struct owner *owner = map_get(&fast->owners, whose->jid);
	if (owner && owner->session != whose->session) {
		owner_free(fast, owner);
		return NULL;
	}
	return owner;
}

static struct owner *owner_new(struct fast *fast, const struct fast_client *whose)
{
	if (fast->owners.count >= OWNERS_MOST)
		owner_free(fast, LIST_ITEM(fast->order.next, struct owner, node));
	struct owner *owner = mem_new(sizeof *owner + strlen(whose->jid) + 1);
	strcpy(owner->jid, whose->jid);
	owner->session = whose->session;
	list_init(&owner->clients);
	map_put(&fast->owners, owner->jid, owner);
	list_append(&fast->order, &owner->node);
	return owner;
}

static struct client *client_find(const struct owner *owner, const char *agent)
{
	LIST_EACH (&owner->clients, node) {
		struct client *client = LIST_ITEM(node, struct client, node);
		if (!strcmp(client->agent, agent))
			return client;
	}
	return NULL;
}

static struct client *client_new(struct owner *owner, const char *agent)
{
	if (owner->count >= CLIENTS_MOST)
		client_free(owner, LIST_ITEM(owner->clients.next, struct client, node));
	struct client *client = mem_new(sizeof *client);
	strcpy(client->agent, agent);
	list_append(&owner->clients, &client->node);
	owner->count++;
	return client;
}

void fast_grant(struct fast *fast, const struct fast_client *whose, enum fast_mechanism mechanism, int64_t now,
                struct fast_token *token)
{
	unsigned char secret[HASH_BYTES];
	struct str text = {0};
	memset(token, 0, sizeof *token);
	if (strlen(whose->agent) > AGENT_BYTES)
		return;
	struct owner *owner = owner_find(fast, whose);
	if (!owner)
		owner = owner_new(fast, whose);
	struct client *client = client_find(owner, whose->agent);
	if (!client)
		client = client_new(owner, whose->agent);
	random_bytes(secret, sizeof secret);
	base64_encode(&text, secret, sizeof secret);
	OPENSSL_cleanse(secret, sizeof secret);
	token->expiry = now + GOOD_MS;
	strcpy(token->text, str_text(&text));
	client->fresh = (struct slot){.mechanism = (uint8_t)mechanism, .expiry = token->expiry};
	strcpy(client->fresh.text, token->text);
	explicit_bzero(text.data, text.len);
	str_fini(&text);
}

/* HMAC(token, who || binding). */
static void prove(const struct slot *slot, const char *who, const unsigned char *binding, unsigned char out[HASH_BYTES])
{
	unsigned char said[16 + HASH_BYTES];
	size_t len = strlen(who);
	memcpy(said, who, len);
	if (binding)
		memcpy(said + len, binding, HASH_BYTES);
	HMAC(EVP_sha256(), slot->text, (int)strlen(slot->text), said, len + (binding ? HASH_BYTES : 0), out, NULL);
}

static enum fast_outcome slot_check(const struct slot *slot, enum fast_mechanism mechanism,
                                    const unsigned char *binding, const struct str *message, int64_t now)
{
	unsigned char proof[HASH_BYTES];
	if (!*slot->text || slot->expiry <= now)
		return FAST_UNKNOWN;
	prove(slot, "Initiator", binding, proof);
	/* A token is good for the mechanism only that it was asked for. */
	return slot->mechanism == mechanism && message->len == HASH_BYTES &&
	               !CRYPTO_memcmp(proof, message->data, HASH_BYTES)
	           ? FAST_RIGHT
	           : FAST_WRONG;
}

enum fast_outcome fast_check(struct fast *fast, const struct fast_client *whose, enum fast_mechanism mechanism,
                             const unsigned char *binding, const struct str *message, int64_t now, struct str *out,
                             bool *old)
{
	struct owner *owner = owner_find(fast, whose);
	struct client *client = owner ? client_find(owner, whose->agent) : NULL;
	unsigned char proof[HASH_BYTES];
	if (!client)
		return FAST_UNKNOWN;
	enum fast_outcome fresh = slot_check(&client->fresh, mechanism, binding, message, now);
	if (fresh == FAST_RIGHT) {
		client->used = client->fresh;
		client->fresh = (struct slot){0};
	} else {
		enum fast_outcome used = slot_check(&client->used, mechanism, binding, message, now);
		if (used != FAST_RIGHT)
			return fresh == FAST_WRONG ? fresh : used;
	}
	prove(&client->used, "Responder", binding, proof);
	str_add(out, (const char *)proof, sizeof proof);
	*old = client->used.expiry - now < GOOD_MS - ROTATE_MS;
	return FAST_RIGHT;
}

void fast_revoke(struct fast *fast, const struct fast_client *whose)
{
	struct owner *owner = owner_find(fast, whose);
	struct client *client = owner ? client_find(owner, whose->agent) : NULL;
	if (client)
		client_free(owner, client);
}
