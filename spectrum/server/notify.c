/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who hears of personal events (XEP-0163 section 4): the user's own clients that name the node with "+notify" in their
 * capabilities (XEP-0115), when something is published and when they come; and the gateway. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/random.h"
#include "spectrum/server/inside.h"
#include "spectrum/server/node.h"

#define NODE "node" /* as in pubsub.c */
#define ITEM "pep"
#define ASK_ID "s2-caps-"
#define WISHES_BYTES 16384

/* ---- What a client wants to hear ---- */

static bool has_line(const char *lines, const char *line)
{
	size_t len = strlen(line);
	while (lines && *lines) {
		size_t this = strcspn(lines, "\n");
		if (this == len && !memcmp(lines, line, len))
			return true;
		lines += this + (lines[this] != '\0');
	}
	return false;
}

void notify_present(struct session *session, const struct element *presence)
{
	struct server *server = session->account->server;
	const struct element *caps = element_child(presence, "c", NS_CAPS);
	const char *node = element_get(caps, "node"), *ver = element_get(caps, "ver");
	if (!node || !ver)
		return;
	uint64_t hash = hash_bytes(node, strlen(node)) * 31 + hash_bytes(ver, strlen(ver));
	if (hash == session->caps)
		return;
	session->caps = hash;
	char id[sizeof ASK_ID + 16];
	snprintf(id, sizeof id, ASK_ID "%016llx", (unsigned long long)hash);
	struct writer *writer = server_write(server, "iq", session->account->jid, session->full, "get");
	xml_attr(writer, "id", id);
	xml_open(writer, "query", NS_DISCO_INFO);
	xml_attrf(writer, "node", "%s#%s", node, ver);
	xml_close(writer);
	server_write_end(session);
}

/* What has become of a node (XEP-0060 section 7): an item of it, with or without payload, or all of it. */
struct news {
	const char *what; /* "item", "retract"; "purge", "delete" */
	const char *node;
	const char *id; /* of the item; NULL: it is about the whole node */
	const struct element *payload;
};

static void write_event(struct writer *writer, const struct news *news)
{
	xml_open(writer, "event", NS_PUBSUB_EVENT);
	xml_open(writer, news->id ? "items" : news->what, NULL);
	xml_attr(writer, "node", news->node);
	if (news->id) {
		xml_open(writer, news->what, NULL);
		xml_attr(writer, "id", news->id);
		if (news->payload)
			xml_element(writer, news->payload);
		xml_close(writer);
	}
	xml_close(writer);
	xml_close(writer);
}

static void send_news(struct session *session, const struct news *news)
{
	struct account *account = session->account;
	write_event(server_write(account->server, "message", account->jid, session->full, "headline"), news);
	server_write_end(session);
}

static void send_all(struct account *account, const struct news *news)
{
	LIST_EACH (&account->sessions, at) {
		struct session *session = LIST_ITEM(at, struct session, node);
		if (session->presence && has_line(session->wishes, news->node))
			send_news(session, news);
	}
}

/* ---- The last items, for who comes ---- */

/* A client that has named what it wants to hear of. */
struct arrival {
	struct server *server;
	char *full, *wishes; /* those that are new, each with \n */
	char *node;          /* whose last item is asked for */
};

static struct arrival *arrival_new(struct server *server, const char *full, const char *wishes, const char *node)
{
	struct arrival *arrival = mem_new(sizeof *arrival);
	*arrival = (struct arrival){server, mem_strdup(full), mem_strdup(wishes), mem_strdup(node)};
	return arrival;
}

static void arrival_free(struct arrival *arrival)
{
	free(arrival->full);
	free(arrival->wishes);
	free(arrival->node);
	free(arrival);
}

static void last_got(void *arg, const struct kept *items, size_t count)
{
	struct arrival *arrival = arg;
	struct session *session = server_session(arrival->server, arrival->full);
	if (session && items && count) {
		const struct element *body =
		    parser_fragment(server_arena(arrival->server), items[count - 1].content, NS_PUBSUB);
		send_news(session,
		          &(struct news){"item", arrival->node, items[count - 1].id, element_child(body, NULL, NULL)});
	}
	arrival_free(arrival);
}

static void nodes_got(void *arg, const struct kept *nodes, size_t count)
{
	struct arrival *arrival = arg;
	struct session *session = server_session(arrival->server, arrival->full);
	for (size_t i = 0; session && nodes && i < count; i++) {
		struct node_config config = node_read(nodes[i].content);
		if (!has_line(arrival->wishes, nodes[i].id) || !node_greets(&config))
			continue;
		keep_get(arrival->server->hub, session->account->jid,
		         &(struct kept){.kind = ITEM, .node = nodes[i].id, .most = 1}, last_got,
		         arrival_new(arrival->server, arrival->full, NULL, nodes[i].id));
	}
	arrival_free(arrival);
}

bool notify_answered(struct session *session, struct arena *arena, const struct element *iq)
{
	struct account *account = session->account;
	const char *id = element_get(iq, "id");
	const struct element *query = element_child(iq, "query", NS_DISCO_INFO);
	if (strncmp(id, ASK_ID, strlen(ASK_ID)) != 0)
		return false;
	struct str wishes = {0}, fresh = {0};
	for (const struct element *feature = element_child(query, "feature", NULL); feature;
	     feature = element_next(feature, "feature", NULL)) {
		const char *var = element_get(feature, "var"), *plus = var ? strrchr(var, '+') : NULL;
		if (!plus || strcmp(plus, "+notify") != 0 || strchr(var, '\n') || wishes.len > WISHES_BYTES)
			continue;
		char *node = arena_strndup(arena, var, (size_t)(plus - var));
		if (!has_line(session->wishes, node))
			str_addf(&fresh, "%s\n", node);
		str_addf(&wishes, "%s\n", node);
	}
	if (fresh.len)
		keep_get(account->server->hub, account->jid, &(struct kept){.kind = NODE}, nodes_got,
		         arrival_new(account->server, session->full, fresh.data, NULL));
	free(session->wishes);
	session->wishes = wishes.len ? str_take(&wishes) : NULL;
	str_fini(&wishes);
	str_fini(&fresh);
	return true;
}

/* ---- News ---- */

/* The gateway hears what is not private, as a server would tell it. */
static void tell_gateway(struct account *account, const struct news *news)
{
	struct server *server = account->server;
	write_event(server_write(server, "message", account->jid, server->jid, "headline"), news);
	outbound_return(server, server_write_take(server));
}

void notify_published(struct account *account, const char *node, const char *id, const struct element *payload,
                      bool public)
{
	const struct news news = {"item", node, id, payload};
	send_all(account, &news);
	if (public && !account->admin)
		tell_gateway(account, &news);
}

void notify_emptied(struct account *account, const char *node, bool removed)
{
	send_all(account, &(struct news){.what = removed ? "delete" : "purge", .node = node});
}

void notify_retracted(struct account *account, const char *node, const char *id)
{
	send_all(account, &(struct news){.what = "retract", .node = node, .id = id});
}
