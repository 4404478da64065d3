/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/frontend/client.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/base/map.h"
#include "spectrum/frontend/info.h"
#include "spectrum/frontend/inside.h"
#include "spectrum/frontend/iq.h"
#include "spectrum/frontend/pep.h"

#define LOG_AREA "client"
#define WAIT_MS 4000
#define SETS_MOST 2000 /* there are some hundred clients in the world, with some versions each */
#define HASH_MOST 64   /* bytes of a hash in presence */
#define NODE_MOST 1023
#define WAITING_MOST 200 /* for one set; the others are known at their next presence */

/* A set of abilities, by its hash. */
struct set {
	struct list node; /* the oldest first */
	bool known;       /* else it is being asked for */
	uint8_t bits;
	unsigned waiting_count;
	struct list waiting; /* struct waiting: clients that have announced it meanwhile */
	char hash[HASH_MOST + 1];
};

struct waiting {
	struct list node;
	char jid[]; /* full */
};

struct client_table {
	struct map sets;
	struct list old;
};

struct client_table *client_table_new(void)
{
	struct client_table *table = mem_new(sizeof *table);
	list_init(&table->old);
	return table;
}

static void set_drop(struct client_table *table, struct set *set)
{
	LIST_EACH (&set->waiting, node)
		free(LIST_ITEM(node, struct waiting, node));
	map_remove(&table->sets, set->hash);
	list_remove(&set->node);
	free(set);
}

void client_table_free(struct client_table **at)
{
	struct client_table *table = *at;
	if (!table)
		return;
	MAP_EACH (&table->sets, struct set, set)
		set_drop(table, set);
	map_fini(&table->sets);
	free(table);
	*at = NULL;
}

static struct set *set_new(struct client_table *table, const char *hash)
{
	if (table->sets.count >= SETS_MOST)
		set_drop(table, LIST_ITEM(table->old.next, struct set, node));
	struct set *set = mem_new(sizeof *set);
	strcpy(set->hash, hash);
	list_init(&set->waiting);
	list_append(&table->old, &set->node);
	map_put(&table->sets, set->hash, set);
	return set;
}

/* ---- What is learned ---- */

static uint8_t read_bits(const struct info *info)
{
	static const struct {
		const char *ns;
		uint8_t bit;
	} features[] = {
	    {NS_ROSTER_EXCHANGE, CLIENT_EXCHANGE},
	    {NS_AVATAR_METADATA "+notify", CLIENT_AVATARS},
	    {NS_NICK "+notify", CLIENT_NICKS},
	};
	uint8_t bits = 0;
	for (size_t i = 0; i < sizeof features / sizeof *features; i++) {
		if (info_has_feature(info, features[i].ns))
			bits |= features[i].bit;
	}
	return bits;
}

/* The client with this full JID; NULL if it is gone. */
static const struct resource *find(const struct frontend *frontend, const char *jid, struct user **user)
{
	const char *slash = strchr(jid, '/');
	if (!slash)
		return NULL;
	char *bare = mem_strndup(jid, (size_t)(slash - jid));
	*user = hub_user(frontend->hub, bare);
	free(bare);
	return *user ? client_find(*user, slash + 1) : NULL;
}

static void learn(struct frontend *frontend, const char *jid, uint8_t bits)
{
	struct user *user;
	const struct resource *client = find(frontend, jid, &user);
	if (!client)
		return;
	uint8_t before = client_mark(client);
	client_set_mark(user, client_name(client), (uint8_t)(CLIENT_KNOWN | bits | (before & CLIENT_REFUSED)));
	pep_client_learned(frontend, user, client_name(client), (uint8_t)(bits & ~before));
}

/* ---- By the hash ---- */

static void ask_for_set(struct frontend *, struct set *, const char *jid, const char *node);

/* The client that was asked lied, or did not answer: whoever else has announced the set may know better. */
static void ask_next(struct frontend *frontend, struct set *set, const char *node)
{
	if (list_empty(&set->waiting)) {
		set_drop(frontend->clients, set);
		return;
	}
	struct waiting *next = LIST_ITEM(set->waiting.next, struct waiting, node);
	list_remove(&next->node);
	ask_for_set(frontend, set, next->jid, node);
	free(next);
}

static void set_answered(const struct iq *iq)
{
	struct frontend *frontend = iq->frontend;
	const char *hash = strrchr(iq->subject, '#');
	struct set *set = hash ? map_get(&frontend->clients->sets, hash + 1) : NULL;
	const struct element *query = element_child(iq->answer, "query", NS_DISCO_INFO);
	struct info info;
	struct str made = {0};
	bool proof = iq->end == IQ_RESULT && query && info_read(&info, iq->arena, query);
	if (proof)
		info_hash(&info, &made);
	proof = proof && hash && !strcmp(made.data, hash + 1);
	str_fini(&made);
	if (!set || set->known)
		return;
	if (!proof) {
		ask_next(frontend, set, iq->subject);
		return;
	}
	set->known = true;
	set->bits = read_bits(&info);
	uint8_t bits = set->bits;
	struct list waiting;
	list_move(&set->waiting, &waiting);
	learn(frontend, iq->to, bits);
	LIST_EACH (&waiting, node) {
		struct waiting *other = LIST_ITEM(node, struct waiting, node);
		learn(frontend, other->jid, bits);
		free(other);
	}
}

/* `node` with the hash behind it. */
static void ask_for_set(struct frontend *frontend, struct set *set, const char *jid, const char *node)
{
	struct writer *writer = iq_open(frontend->iqs, "get", jid, WAIT_MS, set_answered, node);
	if (!writer) {
		set_drop(frontend->clients, set);
		return;
	}
	xml_open(writer, "query", NS_DISCO_INFO);
	xml_attr(writer, "node", node);
	xml_close(writer);
	stanza_close(frontend);
}

static void wait_for(struct set *set, const char *jid)
{
	if (set->waiting_count++ >= WAITING_MOST)
		return;
	struct waiting *waiting = mem_new(sizeof *waiting + strlen(jid) + 1);
	strcpy(waiting->jid, jid);
	list_append(&set->waiting, &waiting->node);
}

void client_present(struct request *request)
{
	struct frontend *frontend = request->frontend;
	const struct element *caps = element_child(request->stanza, "c", NS_CAPS);
	const char *hash = element_get(caps, "ver"), *node = element_get(caps, "node");
	if (text_empty(hash) || !node || strlen(hash) > HASH_MOST || strlen(node) > NODE_MOST ||
	    !text_equal(element_get(caps, "hash"), "sha-1"))
		return;
	struct set *set = map_get(&frontend->clients->sets, hash);
	if (!set)
		ask_for_set(frontend, set_new(frontend->clients, hash), request->from.full,
		            arena_printf(&frontend->arena, "%s#%s", node, hash));
	else if (!set->known)
		wait_for(set, request->from.full);
	else
		learn(frontend, request->from.full, set->bits);
}

/* ---- One by one ---- */

static void client_answered(const struct iq *iq)
{
	const struct element *query = element_child(iq->answer, "query", NS_DISCO_INFO);
	struct info info = {0};
	struct user *user;
	const struct resource *client = iq->end == IQ_LOST ? find(iq->frontend, iq->to, &user) : NULL;
	if (iq->end == IQ_RESULT && query)
		info_read(&info, iq->arena, query);
	if (client)
		client_set_mark(user, client_name(client), (uint8_t)(client_mark(client) & ~CLIENT_ASKED));
	else if (iq->end != IQ_LOST)
		learn(iq->frontend, iq->to, read_bits(&info));
}

void client_look(struct frontend *frontend, struct user *user, const struct resource *client)
{
	const char *name = client_name(client);
	if (client_mark(client) & (CLIENT_ASKED | CLIENT_KNOWN))
		return;
	struct writer *writer =
	    iq_open(frontend->iqs, "get", user_address(frontend, user, name), WAIT_MS, client_answered, NULL);
	if (!writer)
		return;
	xml_empty(writer, "query", NS_DISCO_INFO);
	stanza_close(frontend);
	client_set_mark(user, name, (uint8_t)(client_mark(client) | CLIENT_ASKED));
}

void client_refused(struct user *user, const char *name)
{
	const struct resource *client = client_find(user, name);
	if (client)
		client_set_mark(user, name, (uint8_t)(client_mark(client) | CLIENT_REFUSED));
}
