/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Push notifications (XEP-0357): a client that may be put to sleep names a push service, which wakes it when a message
 * waits. As this server talks to no others, push services are components of it (guest.c).
 *
 * A registration belongs to the client that has made it last. It is used while that client is not connected or nobody
 * looks at it, whatever other clients of the user's do: what they show, the sleeping one does not. The service is told
 * that there is something and how much, not what and from whom, and hears of it from the domain, not the user. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/random.h"
#include "lib/xmpp/form.h"
#include "spectrum/server/inside.h"

#define LOG_AREA "push"
#define KIND "push"
#define SUMMARY "urn:xmpp:push:summary"
#define PUBLISH_OPTIONS NS_PUBSUB "#publish-options"
#define REGISTRATIONS_MOST 16 /* of one user; the oldest goes */
#define NODE_BYTES 1023
#define FORM_BYTES 4096
#define GAP_MS 3000    /* between two notifications of one registration */
#define ERRORS_MOST 16 /* in a row, of those that may pass */
#define ID_BYTES 24

struct push {
	struct list node; /* of the user, the oldest first */
	struct list due;  /* of the server: waits for its gap to end */
	struct push_user *user;
	char *jid, *name;      /* of the service, and its node ("": none) */
	char *resource;        /* of the client */
	char *options;         /* the form that goes with each notification, serialized; NULL: none */
	char id[ID_BYTES + 1]; /* of the last notification, until it is answered; "" */
	uint64_t sent;         /* ms, 0 = never */
	unsigned count;        /* messages since the client was there */
	unsigned errors;
};

struct push_user {
	struct server *server;
	char *owner; /* bare JID */
	struct list pushes, works;
	unsigned count;
	bool loaded, missed; /* a message has come before */
};

/* A request that waits until it is known what there is. */
struct work {
	struct list node;
	struct answer *answer;
	struct push_user *user;
	char *jid, *name, *resource, *options;
	bool disable;
};

/* ---- Registrations ---- */

static char *key_of(const struct push *push)
{
	return mem_printf("%s\n%s", push->jid, push->name);
}

static void push_free(struct push *push)
{
	list_remove(&push->node);
	list_remove(&push->due);
	push->user->count--;
	if (*push->id)
		map_remove(&push->user->server->push_ids, push->id);
	free(push->jid);
	free(push->name);
	free(push->resource);
	free(push->options);
	free(push);
}

static struct push *push_new(struct push_user *user, const char *jid, const char *name, const char *resource,
                             const char *options)
{
	struct push *push = mem_new(sizeof *push);
	push->user = user;
	push->jid = mem_strdup(jid);
	push->name = mem_strdup(name);
	push->resource = mem_strdup(resource);
	push->options = mem_strdup(options);
	list_init(&push->due);
	list_append(&user->pushes, &push->node);
	user->count++;
	return push;
}

/* Gone for good. */
static void push_forget(struct push *push)
{
	char *key = key_of(push);
	keep_remove(push->user->server->hub, push->user->owner, &(struct kept){.kind = KIND, .id = key}, NULL, NULL);
	free(key);
	push_free(push);
}

/* The client that has made it is connected, and somebody looks at it. */
static bool client_is_there(const struct push *push)
{
	const struct account *account = account_find(push->user->server, push->user->owner);
	const struct session *session = account ? account_session(account, push->resource) : NULL;
	return session && session->stream && !session->inactive;
}

/* ---- Notifying ---- */

static void write_notification(struct writer *writer, const struct push *push)
{
	struct server *server = push->user->server;
	char count[16];
	snprintf(count, sizeof count, "%u", push->count);
	xml_open(writer, "pubsub", NS_PUBSUB);
	xml_open(writer, "publish", NULL);
	xml_attr(writer, "node", text_or_null(push->name));
	xml_open(writer, "item", NULL);
	xml_open(writer, "notification", NS_PUSH);
	form_open(writer, "form", SUMMARY, NULL, NULL);
	form_field(writer, "message-count", NULL, NULL, count, false);
	/* Without this some services wake nobody; the true one would be theirs to read. */
	form_field(writer, "last-message-body", NULL, NULL, "New message", false);
	form_close(writer);
	xml_close(writer);
	xml_close(writer);
	xml_close(writer);
	if (push->options) {
		xml_open(writer, "publish-options", NULL);
		xml_element(writer, element_child(parser_fragment(server_arena(server), push->options, NS_PUBSUB), "x",
		                                  NS_DATA));
		xml_close(writer);
	}
	xml_close(writer);
}

static void notify(struct push *push)
{
	struct server *server = push->user->server;
	struct guest *guest = guest_find(server, push->jid);
	uint64_t now = loop_now(server->loop);
	if (!guest || !guest_is_connected(guest))
		return;
	if (push->sent && now - push->sent < GAP_MS) {
		list_remove(&push->due);
		list_append(&server->push_due, &push->due);
		server_tick_start(server);
		return;
	}
	push->sent = now;
	if (*push->id)
		map_remove(&server->push_ids, push->id);
	random_id(push->id, ID_BYTES);
	map_put(&server->push_ids, push->id, push);
	struct writer *writer = server_write(server, "iq", server->jid, push->jid, "set");
	xml_attr(writer, "id", push->id);
	write_notification(writer, push);
	/* Nothing in it names the stream's namespace, so it can stand in a component's. */
	guest_send_bytes(guest, server_write_take(server));
	log_debug("notified user=%s service=%s count=%u", push->user->owner, push->jid, push->count);
}

/* `resource` NULL: each client that is not there, else only that one. */
static void message_came(struct push_user *user, const char *resource)
{
	LIST_EACH (&user->pushes, node) {
		struct push *push = LIST_ITEM(node, struct push, node);
		if (client_is_there(push)) {
			push->count = 0;
		} else if (!resource || !strcmp(resource, push->resource)) {
			push->count++;
			notify(push);
		}
	}
}

void push_due(struct server *server, uint64_t now)
{
	LIST_EACH (&server->push_due, node) {
		struct push *push = LIST_ITEM(node, struct push, due);
		if (now - push->sent < GAP_MS)
			continue;
		list_remove(&push->due);
		if (!client_is_there(push) && push->count)
			notify(push);
	}
}

/* ---- Reading them ---- */

static void work_run(struct work *, bool possible);

static void works_run(struct push_user *user, bool possible)
{
	while (!list_empty(&user->works))
		work_run(LIST_ITEM(user->works.next, struct work, node), possible);
}

static void load(struct push_user *user, const struct kept *item)
{
	struct arena arena = {0};
	const struct element *body = parser_fragment(&arena, item->content, NS_PUSH),
	                     *entry = element_child(body, "push", NS_PUSH),
	                     *options = element_child(entry, "x", NS_DATA);
	const char *newline = strchr(item->id, '\n');
	struct str form = {0};
	struct writer writer;
	if (options) {
		writer_init(&writer, &form, NS_PUBSUB);
		xml_element(&writer, options);
		writer_end(&writer);
	}
	if (entry && newline)
		push_new(user, arena_strndup(&arena, item->id, (size_t)(newline - item->id)), newline + 1,
		         element_get(entry, "resource") ? element_get(entry, "resource") : "", form.data);
	str_fini(&form);
	arena_fini(&arena);
}

static void user_free(struct push_user *user)
{
	map_remove(&user->server->push_users, user->owner);
	LIST_EACH (&user->pushes, node)
		push_free(LIST_ITEM(node, struct push, node));
	free(user->owner);
	free(user);
}

static void loaded(void *arg, const struct kept *items, size_t count)
{
	struct push_user *user = arg;
	struct server *server = user->server;
	for (size_t i = 0; items && i < count; i++)
		load(user, &items[i]);
	user->loaded = true;
	bool possible = items && !server->stopping;
	if (user->missed)
		message_came(user, NULL);
	works_run(user, possible);
	/* Who has none is remembered only while he is there, and not at all if the database has failed. */
	if (!possible || (!user->count && !account_find(server, user->owner)))
		user_free(user);
}

static struct push_user *user_get(struct server *server, const char *owner)
{
	struct push_user *user = map_get(&server->push_users, owner);
	if (user)
		return user;
	user = mem_new(sizeof *user);
	user->server = server;
	user->owner = mem_strdup(owner);
	list_init(&user->pushes);
	list_init(&user->works);
	map_put(&server->push_users, user->owner, user);
	keep_get(server->hub, owner, &(struct kept){.kind = KIND}, loaded, user);
	return user;
}

void push_leave(struct server *server, const char *owner)
{
	struct push_user *user = map_get(&server->push_users, owner);
	if (user && user->loaded && !user->count)
		user_free(user);
}

void push_free_all(struct server *server)
{
	MAP_EACH (&server->push_users, struct push_user, user) {
		works_run(user, false);
		user_free(user);
	}
	map_fini(&server->push_users);
	map_fini(&server->push_ids);
}

/* ---- Messages ---- */

/* Somebody wants to tell the user something, now. */
static bool is_important(const struct element *message)
{
	static const struct {
		const char *name, *ns;
	} signs[] = {{"body", NS_CLIENT},
	             {"encrypted", NULL},
	             {"encryption", NS_EME},
	             {"propose", NULL}, /* a call (XEP-0353) */
	             {"x", NS_CONFERENCE}};
	const char *type = element_get(message, "type");
	const struct element *muc = element_child(message, "x", NS_MUC_USER);
	if (text_equal(type, "error") || text_equal(type, "headline"))
		return false;
	for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
		if (element_child(message, signs[i].name, signs[i].ns))
			return true;
	}
	return element_child(muc, "invite", NS_MUC_USER);
}

void push_message(struct server *server, const char *owner, const char *resource, const struct element *message)
{
	bool room = text_equal(element_get(message, "type"), "groupchat");
	if (!server->guests.count || !is_important(message) || (room && !resource))
		return;
	struct push_user *user = user_get(server, owner);
	if (user->loaded)
		message_came(user, room ? resource : NULL);
	else if (!room)
		user->missed = true;
}

static void look(void *arg, const char *bytes, size_t len, void *token)
{
	bool *waits = arg;
	*waits |= memmem(bytes, len, "<body", 5) != NULL;
}

void push_asleep(struct session *session)
{
	struct server *server = session->account->server;
	struct push_user *user = map_get(&server->push_users, session->account->jid);
	bool waits = false;
	acks_each(&session->sm.acks, look, &waits);
	if (user && waits)
		message_came(user, session->resource);
}

void push_awake(struct session *session)
{
	struct push_user *user = map_get(&session->account->server->push_users, session->account->jid);
	for (struct list *node = user ? user->pushes.next : NULL; node && node != &user->pushes; node = node->next) {
		struct push *push = LIST_ITEM(node, struct push, node);
		if (!strcmp(push->resource, session->resource))
			push->count = 0;
	}
}

/* ---- Answers of services ---- */

bool push_answered(struct server *server, struct arena *arena, const struct element *iq)
{
	struct push *push = map_get(&server->push_ids, element_get(iq, "id"));
	const struct element *error = element_child(iq, "error", NULL);
	if (!push || !text_equal(element_get(iq, "from"), push->jid))
		return false;
	map_remove(&server->push_ids, push->id);
	*push->id = '\0';
	if (!text_equal(element_get(iq, "type"), "error")) {
		push->errors = 0;
	} else if (!text_equal(element_get(error, "type"), "wait") || ++push->errors >= ERRORS_MOST) {
		const char *text;
		enum s2_condition condition = stanza_error(arena, iq, &text);
		log_info("a push service wants no more notifications user=%s service=%s condition=%s text=%s",
		         push->user->owner, push->jid, condition_name(condition), log_quote(text));
		push_forget(push);
	}
	return true;
}

/* ---- Enabling and disabling ---- */

static struct push *find(struct push_user *user, const char *jid, const char *name)
{
	LIST_EACH (&user->pushes, node) {
		struct push *push = LIST_ITEM(node, struct push, node);
		if (!strcmp(push->jid, jid) && (!name || !strcmp(push->name, name)))
			return push;
	}
	return NULL;
}

/* As it is kept. */
static char *content_of(const struct push *push)
{
	struct str content = {0};
	struct writer writer;
	writer_init(&writer, &content, NS_PUSH);
	xml_open(&writer, "push", NULL);
	xml_attr(&writer, "resource", push->resource);
	if (push->options) {
		struct arena arena = {0};
		xml_element(&writer, element_child(parser_fragment(&arena, push->options, NS_PUBSUB), "x", NS_DATA));
		arena_fini(&arena);
	}
	xml_close(&writer);
	writer_end(&writer);
	return str_take(&content);
}

static void enable(struct work *work)
{
	struct push_user *user = work->user;
	struct push *push = find(user, work->jid, work->name);
	if (push)
		push_free(push);
	push = push_new(user, work->jid, work->name, work->resource, work->options);
	char *key = key_of(push), *content = content_of(push);
	keep_put(user->server->hub, user->owner,
	         &(struct kept){.kind = KIND, .id = key, .content = content, .most = REGISTRATIONS_MOST}, false,
	         answer_kept, work->answer);
	free(content);
	free(key);
	while (user->count > REGISTRATIONS_MOST)
		push_free(LIST_ITEM(user->pushes.next, struct push, node));
}

static void disable(struct work *work)
{
	struct push *push;
	while ((push = find(work->user, work->jid, work->name)) != NULL)
		push_forget(push);
	answer_empty(work->answer);
}

static void work_run(struct work *work, bool possible)
{
	list_remove(&work->node);
	if (!possible)
		answer_refuse(work->answer, S2_INTERNAL_SERVER_ERROR, "The database does not work at the moment.");
	else if (work->disable)
		disable(work);
	else
		enable(work);
	free(work->jid);
	free(work->name);
	free(work->resource);
	mem_free_secret(work->options);
	free(work);
}

static void begin(struct ask *ask, const char *jid, const char *name, const char *options, bool disables)
{
	struct push_user *user = user_get(ask->account->server, ask->account->jid);
	struct work *work = mem_new(sizeof *work);
	work->answer = answer_new(ask);
	work->user = user;
	work->jid = mem_strdup(jid);
	work->name = mem_strdup(name);
	work->resource = mem_strdup(ask->session->resource);
	work->options = mem_strdup(options);
	work->disable = disables;
	list_append(&user->works, &work->node);
	if (user->loaded)
		works_run(user, true);
}

/* NULL if it has been refused. */
static const char *read_jid(struct ask *ask, const char *name)
{
	const char *text = element_get(ask->payload, "jid");
	struct jid jid;
	if (!text || !jid_parse(ask->arena, text, &jid)) {
		ask_refuse(ask, S2_BAD_REQUEST, "Say which push service.");
		return NULL;
	}
	if (name && (strlen(name) > NODE_BYTES || strchr(name, '\n'))) {
		ask_refuse(ask, S2_NOT_ACCEPTABLE, "The node's name is too long.");
		return NULL;
	}
	return jid.full;
}

void push_enable(struct ask *ask)
{
	const char *name = element_get(ask->payload, "node"), *jid = read_jid(ask, name);
	const struct element *form = element_child(ask->payload, "x", NS_DATA);
	struct str options = {0};
	struct writer writer;
	if (!jid)
		return;
	if (!guest_find(ask->account->server, jid)) {
		ask_refuse(ask, S2_REMOTE_SERVER_NOT_FOUND,
		           "This server talks to no other servers: a push service has to be a component of it.");
		return;
	}
	if (form && !text_equal(form_value(ask->arena, form, "FORM_TYPE"), PUBLISH_OPTIONS)) {
		ask_refuse(ask, S2_BAD_REQUEST, "The form has to be one of publish-options.");
		return;
	}
	if (form) {
		writer_init(&writer, &options, NS_PUBSUB);
		xml_element(&writer, form);
		writer_end(&writer);
	}
	if (options.len > FORM_BYTES)
		ask_refuse(ask, S2_NOT_ACCEPTABLE, "The form is too large.");
	else
		begin(ask, jid, name ? name : "", options.data, false);
	str_fini(&options);
}

void push_disable(struct ask *ask)
{
	const char *name = element_get(ask->payload, "node"), *jid = read_jid(ask, name);
	if (jid)
		begin(ask, jid, name, NULL, true);
}
