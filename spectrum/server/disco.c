/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an account of this server is and can do (XEP-0030): for its own clients. The domain itself is the frontend's to
 * describe, which adds what server_features says. */
#include <stdlib.h>

#include "spectrum/server/inside.h"
#include "spectrum/server/node.h"

#define PUBSUB_FEATURE NS_PUBSUB "#"

static const char *const account_features[] = {
    NS_DISCO_INFO,
    NS_DISCO_ITEMS,
    NS_PING,
    NS_VCARD,
    NS_PRIVATE,
    NS_CARBONS,
    "urn:xmpp:carbons:rules:0",
    NS_STANZA_ID,
    NS_PUBSUB,
    "urn:xmpp:pep-vcard-conversion:0",
    NS_BOOKMARKS "#compat",
    NS_BOOKMARKS "#compat-pep",
    PUBSUB_FEATURE "access-open",
    PUBSUB_FEATURE "access-presence",
    PUBSUB_FEATURE "access-whitelist",
    PUBSUB_FEATURE "auto-create",
    PUBSUB_FEATURE "config-node",
    PUBSUB_FEATURE "config-node-max",
    PUBSUB_FEATURE "create-and-configure",
    PUBSUB_FEATURE "create-nodes",
    PUBSUB_FEATURE "delete-items",
    PUBSUB_FEATURE "delete-nodes",
    PUBSUB_FEATURE "filtered-notifications",
    PUBSUB_FEATURE "item-ids",
    PUBSUB_FEATURE "last-published",
    PUBSUB_FEATURE "multi-items",
    PUBSUB_FEATURE "persistent-items",
    PUBSUB_FEATURE "publish",
    PUBSUB_FEATURE "publish-options",
    PUBSUB_FEATURE "purge-nodes",
    PUBSUB_FEATURE "retract-items",
    PUBSUB_FEATURE "retrieve-default",
    PUBSUB_FEATURE "retrieve-items",
};

const char *const server_features[] = {
    NS_CAPS, NS_CARBONS, "urn:xmpp:carbons:rules:0", NS_BLOCKING, "msgoffline", "vcard-temp", "urn:xmpp:sm:3", NULL,
};

static void write_identity(struct writer *writer, const char *category, const char *type)
{
	xml_open(writer, "identity", NULL);
	xml_attr(writer, "category", category);
	xml_attr(writer, "type", type);
	xml_close(writer);
}

static void write_feature(struct writer *writer, const char *var)
{
	xml_open(writer, "feature", NULL);
	xml_attr(writer, "var", var);
	xml_close(writer);
}

/* A node of his personal events. */
struct looking {
	struct answer *answer;
	char *node;
	bool gateway; /* asks, and not the user */
	bool stranger; /* or neither of them */
};

static void node_got(void *arg, const struct kept *items, size_t count)
{
	struct looking *looking = arg;
	struct node_config config = node_read(items && count ? items[0].content : NULL);
	if (!items) {
		answer_refuse(looking->answer, S2_INTERNAL_SERVER_ERROR, "The database does not work at the moment.");
	} else if (!count ||
	           (looking->stranger ? !node_is_open(&config) : looking->gateway && node_is_private(&config))) {
		answer_refuse(looking->answer, S2_ITEM_NOT_FOUND, "There is no such node.");
	} else {
		struct writer *writer = answer_open(looking->answer);
		xml_open(writer, "query", NS_DISCO_INFO);
		xml_attr(writer, "node", looking->node);
		write_identity(writer, "pubsub", "leaf");
		write_feature(writer, NS_PUBSUB);
		write_feature(writer, NS_DISCO_INFO);
		xml_close(writer);
		answer_send(looking->answer);
	}
	free(looking->node);
	free(looking);
}

static void node_info(struct ask *ask, const char *node)
{
	struct looking *looking = mem_new(sizeof *looking);
	*looking = (struct looking){answer_new(ask), mem_strdup(node), !ask->session, ask->stranger};
	keep_get(ask->account->server->hub, ask->account->jid, &(struct kept){.kind = "node", .id = node}, node_got,
	         looking);
}

void disco_account_info(struct ask *ask)
{
	const char *node = text_or_null(element_get(ask->payload, "node"));
	if (node) {
		node_info(ask, node);
		return;
	}
	struct answer *answer = answer_new(ask);
	struct writer *writer = answer_open(answer);
	xml_open(writer, "query", NS_DISCO_INFO);
	write_identity(writer, "account", ask->account->admin ? "admin" : "registered");
	write_identity(writer, "pubsub", "pep");
	for (size_t i = 0; i < sizeof account_features / sizeof *account_features; i++)
		write_feature(writer, account_features[i]);
	if (ask->account->server->guests.count)
		write_feature(writer, NS_PUSH);
	if (archive_is_kept(ask->account->server->hub)) {
		write_feature(writer, NS_MAM);
		write_feature(writer, NS_MAM "#extended");
	}
	xml_close(writer);
	answer_send(answer);
}

static void nodes_got(void *arg, const struct kept *items, size_t count)
{
	struct looking *looking = arg;
	struct answer *answer = looking->answer;
	struct writer *writer = answer_open(answer);
	xml_open(writer, "query", NS_DISCO_ITEMS);
	for (size_t i = 0; items && i < count; i++) {
		struct node_config config = node_read(items[i].content);
		if (looking->stranger && !node_is_open(&config))
			continue;
		xml_open(writer, "item", NULL);
		xml_attr(writer, "jid", answer_account(answer));
		xml_attr(writer, "node", items[i].id);
		xml_close(writer);
	}
	xml_close(writer);
	answer_send(answer);
	free(looking);
}

void disco_account_items(struct ask *ask)
{
	struct looking *looking = mem_new(sizeof *looking);
	*looking = (struct looking){.answer = answer_new(ask), .stranger = ask->stranger};
	keep_get(ask->account->server->hub, ask->account->jid, &(struct kept){.kind = "node"}, nodes_got, looking);
}
