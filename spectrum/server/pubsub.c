/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A user's own personal events (XEP-0163 on XEP-0060): nickname, picture, bookmarks (XEP-0402), read positions
 * (XEP-0490) and whatever else clients keep in this way. Publishing makes the node; the user's clients hear of it if
 * they have asked to, and so does the gateway, which passes name and picture on to the network. */
#include "spectrum/server/node.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/random.h"
#include "spectrum/server/inside.h"

#define NODE "node" /* kinds of what is kept */
#define ITEM "pep"
#define NODES_MOST 256
#define NAME_BYTES 1023
#define ITEM_BYTES (200u << 10)
#define NS_ERRORS "http://jabber.org/protocol/pubsub#errors"
#define NS_OWNER "http://jabber.org/protocol/pubsub#owner"

static const char database_down[] = "The database does not work at the moment.";

/* A request that waits for the node's settings. */
struct work {
	struct answer *answer;
	struct server *server;
	char *owner, *node, *id, *content, *form;
	bool gateway; /* asks, and not the user */
	bool stranger; /* or it is neither of them */
	bool notify;
	unsigned most;
	void (*go_on)(struct work *, const struct node_config *);
};

static void work_free(struct work *work)
{
	free(work->owner);
	free(work->node);
	free(work->id);
	free(work->content);
	free(work->form);
	free(work);
}

static void work_refuse(struct work *work, enum s2_condition condition, const char *text)
{
	answer_refuse(work->answer, condition, text);
	work_free(work);
}

static void node_got(void *arg, const struct kept *items, size_t count)
{
	struct work *work = arg;
	if (!items) {
		work_refuse(work, S2_INTERNAL_SERVER_ERROR, database_down);
		return;
	}
	struct node_config config = node_read(count ? items[0].content : NULL);
	work->go_on(work, count ? &config : NULL);
}

/* XEP-0060 has conditions of its own beside the common ones. */
static void refuse_node(struct ask *ask, enum s2_condition condition)
{
	struct answer *answer = answer_new(ask);
	xml_error_of(answer_open_error(answer), condition, "nodeid-required", NS_ERRORS, "Name a node.");
	answer_send(answer);
}

static struct work *work_new(struct ask *ask, const char *node,
                             void (*go_on)(struct work *, const struct node_config *))
{
	if (text_empty(node) || strlen(node) > NAME_BYTES) {
		refuse_node(ask, S2_BAD_REQUEST);
		return NULL;
	}
	struct work *work = mem_new(sizeof *work);
	work->answer = answer_new(ask);
	work->server = ask->account->server;
	work->owner = mem_strdup(ask->account->jid);
	work->node = mem_strdup(node);
	work->gateway = !ask->session;
	work->stranger = ask->stranger;
	work->go_on = go_on;
	return work;
}

static void work_begin(struct work *work)
{
	keep_get(work->server->hub, work->owner, &(struct kept){.kind = NODE, .id = work->node}, node_got, work);
}

/* The inner XML of an element, from its children on. */
static char *serialize(const struct element *element)
{
	struct str xml = {0};
	struct writer writer;
	if (!element)
		return NULL;
	writer_init(&writer, &xml, NS_PUBSUB);
	xml_element(&writer, element);
	writer_end(&writer);
	return str_take(&xml);
}

static const struct element *parse(struct work *work, const char *xml)
{
	const struct element *body = xml ? parser_fragment(server_arena(work->server), xml, NS_PUBSUB) : NULL;
	return element_child(body, NULL, NULL);
}

static const struct {
	const char *name, *ns, *feature;
} unsupported[] = {
    {"subscribe", NS_PUBSUB, "subscribe"},
    {"unsubscribe", NS_PUBSUB, "subscribe"},
    {"options", NS_PUBSUB, "subscription-options"},
    {"default", NS_PUBSUB, "retrieve-default-sub"},
    {"subscriptions", NS_PUBSUB, "retrieve-subscriptions"},
    {"affiliations", NS_PUBSUB, "retrieve-affiliations"},
    {"subscriptions", NS_OWNER, "manage-subscriptions"},
    {"affiliations", NS_OWNER, "modify-affiliations"},
};

/* What personal events do without: contacts are subscribed by their presence, and only the user himself publishes. */
static void refuse_unsupported(struct ask *ask)
{
	struct answer *answer = answer_new(ask);
	struct writer *writer = answer_open_error(answer);
	xml_open(writer, "error", NULL);
	xml_attr(writer, "type", "cancel");
	xml_empty(writer, "feature-not-implemented", NS_STANZA_ERRORS);
	xml_leaf(writer, "text", NS_STANZA_ERRORS, "This is not done with personal events.");
	for (size_t i = 0; i < sizeof unsupported / sizeof *unsupported; i++) {
		if (!element_child(ask->payload, unsupported[i].name, unsupported[i].ns))
			continue;
		xml_open(writer, "unsupported", NS_ERRORS);
		xml_attr(writer, "feature", unsupported[i].feature);
		xml_close(writer);
		break;
	}
	xml_close(writer);
	answer_send(answer);
}

/* ---- Publishing ---- */

static void node_put(struct work *work, const struct node_config *config)
{
	char text[NODE_TEXT_BYTES];
	node_text(config, text);
	keep_put(work->server->hub, work->owner,
	         &(struct kept){.kind = NODE, .id = work->node, .content = text, .most = NODES_MOST}, false, NULL,
	         NULL);
}

static void published(void *arg, enum keep_end end)
{
	struct work *work = arg;
	if (end != KEEP_DONE) {
		work_refuse(work, S2_INTERNAL_SERVER_ERROR, database_down);
		return;
	}
	struct writer *writer = answer_open(work->answer);
	xml_open(writer, "pubsub", NS_PUBSUB);
	xml_open(writer, "publish", NULL);
	xml_attr(writer, "node", work->node);
	xml_open(writer, "item", NULL);
	xml_attr(writer, "id", work->id);
	xml_close(writer);
	xml_close(writer);
	xml_close(writer);
	answer_send(work->answer);
	struct account *account = account_find(work->server, work->owner);
	if (account) {
		notify_published(account, work->node, work->id, parse(work, work->content),
		                 !work->gateway && work->notify);
		photo_published(account, work->node, work->id, parse(work, work->content));
		if (!strcmp(work->node, NS_BOOKMARKS))
			bookmarks_changed(account);
	}
	work_free(work);
}

static void refuse_options(struct work *work)
{
	struct writer *writer = answer_open_error(work->answer);
	xml_open(writer, "error", NULL);
	xml_attr(writer, "type", "cancel");
	xml_empty(writer, "conflict", NS_STANZA_ERRORS);
	xml_empty(writer, "precondition-not-met", NS_ERRORS);
	xml_leaf(writer, "text", NS_STANZA_ERRORS, "The node is set differently; configure it first.");
	xml_close(writer);
	answer_send(work->answer);
	work_free(work);
}

static void publish(struct work *work, const struct node_config *found)
{
	struct node_config config = found ? *found : node_default();
	struct arena *arena = server_arena(work->server);
	const struct element *form = parse(work, work->form);
	if (found && form && !node_meets(found, arena, form)) {
		refuse_options(work);
		return;
	}
	if (!found && form && !node_set(&config, arena, form)) {
		work_refuse(work, S2_NOT_ACCEPTABLE, "The node can't be set like this.");
		return;
	}
	if (!found)
		node_put(work, &config);
	work->notify = !node_is_private(&config);
	keep_put(work->server->hub, work->owner,
	         &(struct kept){
	             .kind = ITEM, .node = work->node, .id = work->id, .content = work->content, .most = config.most},
	         false, published, work);
}

static void begin_publish(struct ask *ask, const struct element *element)
{
	const struct element *item = element_child(element, "item", NULL), *payload = element_child(item, NULL, NULL);
	const struct element *options = element_child(ask->payload, "publish-options", NULL);
	const char *id = element_get(item, "id");
	char made[17];
	if (!item || element_next(item, "item", NULL) || !payload || element_next(payload, NULL, NULL)) {
		ask_refuse(ask, S2_BAD_REQUEST, "Publish one item with one payload.");
		return;
	}
	if (bookmarks_are_old(element_get(element, "node"))) {
		bookmarks_set(ask, payload, true);
		return;
	}
	struct work *work = work_new(ask, element_get(element, "node"), publish);
	if (!work)
		return;
	if (text_empty(id)) {
		random_id(made, sizeof made - 1);
		id = made;
	}
	work->id = mem_strdup(id);
	work->content = serialize(payload);
	work->form = serialize(element_child(options, "x", NS_DATA));
	if (strlen(work->id) > NAME_BYTES || strlen(work->content) > ITEM_BYTES)
		work_refuse(work, S2_NOT_ACCEPTABLE, "This is too large.");
	else
		work_begin(work);
}

/* ---- Reading ---- */

static void items_got(void *arg, const struct kept *items, size_t count)
{
	struct work *work = arg;
	if (!items || (work->id && !count)) {
		work_refuse(work, items ? S2_ITEM_NOT_FOUND : S2_INTERNAL_SERVER_ERROR,
		            items ? "There is no such item." : database_down);
		return;
	}
	struct writer *writer = answer_open(work->answer);
	xml_open(writer, "pubsub", NS_PUBSUB);
	xml_open(writer, "items", NULL);
	xml_attr(writer, "node", work->node);
	for (size_t i = 0; i < count; i++) {
		xml_open(writer, "item", NULL);
		xml_attr(writer, "id", items[i].id);
		xml_element(writer, parse(work, items[i].content));
		xml_close(writer);
	}
	xml_close(writer);
	xml_close(writer);
	answer_send(work->answer);
	work_free(work);
}

static void get_items(struct work *work, const struct node_config *config)
{
	if (!config)
		work_refuse(work, S2_ITEM_NOT_FOUND, "There is no such node.");
	else if (work->stranger ? !node_is_open(config) : work->gateway && node_is_private(config))
		work_refuse(work, S2_FORBIDDEN, "This node is private.");
	else
		keep_get(work->server->hub, work->owner,
		         &(struct kept){.kind = ITEM, .node = work->node, .id = work->id, .most = work->most},
		         items_got, work);
}

void pubsub_get(struct ask *ask)
{
	const struct element *items = element_child(ask->payload, "items", NULL);
	const char *most = items ? element_get(items, "max_items") : NULL;
	if (!items) {
		refuse_unsupported(ask);
		return;
	}
	if (bookmarks_are_old(element_get(items, "node")) && ask->session) {
		bookmarks_get(ask, true);
		return;
	}
	struct work *work = work_new(ask, element_get(items, "node"), get_items);
	if (!work)
		return;
	work->id = mem_strdup(text_or_null(element_get(element_child(items, "item", NULL), "id")));
	work->most = most ? (unsigned)strtoul(most, NULL, 10) : 0;
	work_begin(work);
}

/* ---- Retracting ---- */

static void retracted(void *arg, enum keep_end end)
{
	struct work *work = arg;
	if (end != KEEP_DONE) {
		work_refuse(work, S2_INTERNAL_SERVER_ERROR, database_down);
		return;
	}
	answer_empty(work->answer);
	struct account *account = account_find(work->server, work->owner);
	if (account && work->notify)
		notify_retracted(account, work->node, work->id);
	if (account && !strcmp(work->node, NS_BOOKMARKS))
		bookmarks_changed(account);
	work_free(work);
}

static void retract(struct work *work, const struct node_config *config)
{
	if (!config)
		work_refuse(work, S2_ITEM_NOT_FOUND, "There is no such node.");
	else
		keep_remove(work->server->hub, work->owner,
		            &(struct kept){.kind = ITEM, .node = work->node, .id = work->id}, retracted, work);
}

static void begin_retract(struct ask *ask, const struct element *element)
{
	const char *id = element_get(element_child(element, "item", NULL), "id"),
	           *notify = element_get(element, "notify");
	if (text_empty(id)) {
		ask_refuse(ask, S2_BAD_REQUEST, "Say which item to retract.");
		return;
	}
	struct work *work = work_new(ask, element_get(element, "node"), retract);
	if (!work)
		return;
	work->id = mem_strdup(id);
	work->notify = !notify || text_equal(notify, "true") || text_equal(notify, "1");
	work_begin(work);
}

/* ---- Making and setting nodes ---- */

static void create(struct work *work, const struct node_config *found)
{
	struct node_config config = node_default();
	const struct element *form = parse(work, work->form);
	if (found) {
		work_refuse(work, S2_CONFLICT, "This node is there already.");
		return;
	}
	if (form && !node_set(&config, server_arena(work->server), form)) {
		work_refuse(work, S2_NOT_ACCEPTABLE, "The node can't be set like this.");
		return;
	}
	node_put(work, &config);
	answer_empty(work->answer);
	work_free(work);
}

static void begin_create(struct ask *ask, const struct element *element)
{
	const struct element *configure = element_child(ask->payload, "configure", NULL);
	const char *node = element_get(element, "node");
	if (text_empty(node)) { /* names are not made up here */
		refuse_node(ask, S2_NOT_ACCEPTABLE);
		return;
	}
	struct work *work = work_new(ask, node, create);
	if (!work)
		return;
	work->form = serialize(element_child(configure, "x", NS_DATA));
	work_begin(work);
}

void pubsub_set(struct ask *ask)
{
	static const struct {
		const char *name;
		void (*begin)(struct ask *, const struct element *);
	} actions[] = {{"publish", begin_publish}, {"retract", begin_retract}, {"create", begin_create}};
	for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
		const struct element *element = element_child(ask->payload, actions[i].name, NULL);
		if (element) {
			actions[i].begin(ask, element);
			return;
		}
	}
	refuse_unsupported(ask);
}

/* ---- For the owner (pubsub#owner) ---- */

static void show_config(struct work *work, const struct node_config *config)
{
	if (!config) {
		work_refuse(work, S2_ITEM_NOT_FOUND, "There is no such node.");
		return;
	}
	struct writer *writer = answer_open(work->answer);
	xml_open(writer, "pubsub", NS_OWNER);
	xml_open(writer, "configure", NULL);
	xml_attr(writer, "node", work->node);
	node_write(config, writer);
	xml_close(writer);
	xml_close(writer);
	answer_send(work->answer);
	work_free(work);
}

/* How a node is set that nobody has set otherwise. */
static void show_default(struct ask *ask)
{
	struct answer *answer = answer_new(ask);
	struct writer *writer = answer_open(answer);
	struct node_config config = node_default();
	xml_open(writer, "pubsub", NS_OWNER);
	xml_open(writer, "default", NULL);
	node_write(&config, writer);
	xml_close(writer);
	xml_close(writer);
	answer_send(answer);
}

static void configure(struct work *work, const struct node_config *found)
{
	if (!found) {
		work_refuse(work, S2_ITEM_NOT_FOUND, "There is no such node.");
		return;
	}
	struct node_config config = *found;
	if (!node_set(&config, server_arena(work->server), parse(work, work->form))) {
		work_refuse(work, S2_NOT_ACCEPTABLE, "The node can't be set like this.");
		return;
	}
	node_put(work, &config);
	answer_empty(work->answer);
	work_free(work);
}

static void empty(struct work *work, const struct node_config *found)
{
	struct hub *hub = work->server->hub;
	if (!found) {
		work_refuse(work, S2_ITEM_NOT_FOUND, "There is no such node.");
		return;
	}
	struct account *account = account_find(work->server, work->owner);
	bool removed = !work->notify; /* not only emptied */
	keep_remove(hub, work->owner, &(struct kept){.kind = ITEM, .node = work->node}, NULL, NULL);
	if (removed)
		keep_remove(hub, work->owner, &(struct kept){.kind = NODE, .id = work->node}, NULL, NULL);
	answer_empty(work->answer);
	if (account)
		notify_emptied(account, work->node, removed);
	work_free(work);
}

void pubsub_owner(struct ask *ask)
{
	bool set = text_equal(element_get(ask->iq, "type"), "set");
	const struct element *configuring = element_child(ask->payload, "configure", NULL),
	                     *purge = element_child(ask->payload, "purge", NULL),
	                     *remove = element_child(ask->payload, "delete", NULL);
	const struct element *form = element_child(configuring, "x", NS_DATA);
	struct work *work = NULL;
	if (configuring && !set)
		work = work_new(ask, element_get(configuring, "node"), show_config);
	else if (configuring && form && text_equal(element_get(form, "type"), "cancel"))
		ask_result_empty(ask);
	else if (configuring && form)
		work = work_new(ask, element_get(configuring, "node"), configure);
	else if (set && (purge || remove))
		work = work_new(ask, element_get(purge ? purge : remove, "node"), empty);
	else if (!set && element_child(ask->payload, "default", NULL))
		show_default(ask);
	else
		refuse_unsupported(ask);
	if (!work)
		return;
	work->form = serialize(form);
	work->notify = purge;
	work_begin(work);
}
