/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A user's life: presence arrives, the account is loaded, a backend is found, LOGIN; and back again when the last
 * client leaves, the network refuses, or the backend dies. XEP-0100 sections 4.4 and 4.5. */
#include "spectrum/hub/user.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/random.h"
#include "spectrum/hub/idmap.h"
#include "spectrum/hub/room.h"

#define LOG_AREA "user"
#define RETRY_BASE_MS 1000
#define RETRY_CAP_MS 300000
#define RETRIES_UNKNOWN 10 /* of an error that does not say whether it will pass */

static const char *const state_names[] = {"loading", "waiting", "connecting", "online", "retrying"};
static const unsigned allowed_moves[] = {
    [USER_LOADING] = 1 << USER_WAITING,
    [USER_WAITING] = 1 << USER_CONNECTING | 1 << USER_RETRYING,
    [USER_CONNECTING] = 1 << USER_ONLINE | 1 << USER_RETRYING | 1 << USER_WAITING,
    [USER_ONLINE] = 1 << USER_RETRYING | 1 << USER_WAITING,
    [USER_RETRYING] = 1 << USER_WAITING,
};

static void user_move(struct user *user, enum user_state state)
{
	assert(allowed_moves[user->state] & 1u << state);
	log_debug("state user=%s from=%s to=%s", user->jid, state_names[user->state], state_names[state]);
	user->state = state;
}

struct user *hub_user(const struct hub *hub, const char *jid)
{
	return map_get(&hub->users, jid);
}

const char *user_jid(const struct user *user)
{
	return user->jid;
}

const char *user_name(const struct user *user)
{
	return user->name ? user->name : "";
}

bool user_is_online(const struct user *user)
{
	return user->state == USER_ONLINE;
}

const char *user_setting(const struct user *user, const char *key)
{
	for (unsigned i = 0; i < user->setting_count; i++) {
		if (!strcmp(user->settings[i].key, key))
			return user->settings[i].value;
	}
	return NULL;
}

bool user_setting_true(const struct user *user, const char *key)
{
	for (unsigned i = 0; i < user->setting_count; i++) {
		if (!strcmp(user->settings[i].key, key))
			return !strcmp(user->settings[i].value, "1");
	}
	return text_equal(setting_value(user->hub, NULL, 0, key), "1");
}

/* ---- Resources ---- */

struct resource *user_resource(const struct user *user, const char *name)
{
	struct resource *resource = user->resources;
	while (resource && strcmp(resource->name, name))
		resource = resource->next;
	return resource;
}

struct resource *user_resource_number(const struct user *user, unsigned number)
{
	struct resource *resource = user->resources;
	while (resource && resource->number != number)
		resource = resource->next;
	return number ? resource : NULL;
}

struct resource *user_resource_add(struct user *user, const char *name)
{
	struct resource *resource = user_resource(user, name);
	if (resource)
		return resource;
	unsigned number = 1;
	while (user_resource_number(user, number))
		number++;
	if (number > USER_RESOURCES)
		return NULL;
	resource = mem_new(sizeof *resource + strlen(name) + 1);
	strcpy(resource->name, name);
	resource->number = (uint8_t)number;
	resource->next = user->resources;
	user->resources = resource;
	return resource;
}

static const struct resource *present(const struct resource *resource)
{
	while (resource && !resource->present)
		resource = resource->next;
	return resource;
}

const struct resource *client_first(const struct user *user)
{
	return present(user->resources);
}

const struct resource *client_after(const struct resource *resource)
{
	return present(resource->next);
}

const char *client_name(const struct resource *resource)
{
	return resource->name;
}

const struct resource *client_find(const struct user *user, const char *name)
{
	return user_resource(user, name);
}

uint8_t client_mark(const struct resource *resource)
{
	return resource->mark;
}

bool client_set_mark(struct user *user, const char *name, uint8_t mark)
{
	struct resource *resource = user_resource(user, name);
	if (resource)
		resource->mark = mark;
	return resource;
}

static void resource_free(struct resource *resource)
{
	free(resource->text);
	free(resource);
}

/* The client whose presence counts: highest priority, then the most available. */
static const struct resource *best_resource(const struct user *user)
{
	const struct resource *best = NULL;
	for (const struct resource *r = user->resources; r; r = r->next) {
		if (r->present && (!best || r->priority > best->priority ||
		                   (r->priority == best->priority && r->status < best->status)))
			best = r;
	}
	return best;
}

void user_presence(const struct user *user, struct s2_presence *presence)
{
	const struct resource *best = best_resource(user);
	*presence = best ? (struct s2_presence){best->status, best->text, best->priority} : (struct s2_presence){0};
}

bool user_wants_headlines(const struct user *user)
{
	return user_setting_true(user, "send_headlines");
}

bool user_stays_connected(const struct user *user)
{
	return user_setting_true(user, "stay_connected");
}

/* Tells the network what the user's presence is now, if that is news. Who stays connected without a client is away. */
static void push_status(struct user *user)
{
	const struct resource *best = best_resource(user);
	uint8_t status = best ? best->status : S2_STATUS_XA;
	const char *text = best ? best->text : NULL;
	if ((!best && user->resources) || (user->state != USER_ONLINE && user->state != USER_CONNECTING))
		return;
	if (user->sent_status == status && text_equal(user->sent_text, text))
		return;
	if (link_unsent(&user->seat) >= HUB_UNSENT_MOST)
		return; /* a backend that does not read: it gets the state when it does, or its successor at the log-in
		         */
	user->sent_status = status;
	mem_replace(&user->sent_text, text);
	link_status(&user->seat, status, text);
	if (user->state == USER_ONLINE && best)
		hub_tell(user->hub, account, user, NULL, ACCOUNT_ONLINE, text);
}

static void unlink_resource(struct user *user, struct resource *resource)
{
	for (struct resource **at = &user->resources; *at; at = &(*at)->next) {
		if (*at == resource) {
			*at = resource->next;
			break;
		}
	}
	/* Another client may get the number: nobody may still mean the old one by it. */
	for (unsigned i = 0; i < user->roster.count; i++) {
		if (user->roster.items[i]->talk == resource->number)
			user->roster.items[i]->talk = 0;
	}
	absence_client_gone(user, resource->number);
	resource_free(resource);
}

void user_resource_drop(struct user *user, struct resource *resource)
{
	room_leave_all(user, resource);
	bool last = !resource->next && user->resources == resource;
	if (last && !user->holds && !user_stays_connected(user)) {
		user_logout(user, NULL);
		return;
	}
	unlink_resource(user, resource);
	push_status(user);
}

/* ---- Log-in ---- */

static struct user *user_new(struct hub *hub, const char *jid)
{
	struct user *user = mem_new(sizeof *user);
	user->hub = hub;
	user->jid = mem_strdup(jid);
	user->session = ++hub->last_session;
	user->seat.user = user->jid;
	user->sent_status = UINT8_MAX;
	user->waiting_end = &user->waiting;
	list_init(&user->retry_node);
	list_init(&user->unsaved_node);
	list_init(&user->waiting_node);
	map_put(&hub->users, user->jid, user);
	return user;
}

static void user_free(struct user *user)
{
	struct hub *hub = user->hub;
	map_remove(&hub->users, user->jid);
	list_remove(&user->retry_node);
	list_remove(&user->unsaved_node);
	list_remove(&user->waiting_node);
	while (user->resources) {
		struct resource *next = user->resources->next;
		resource_free(user->resources);
		user->resources = next;
	}
	echo_forget_all(user);
	roster_fini(&user->roster);
	roster_fini(&user->shunned);
	free(user->settings);
	idmap_free(&user->ids);
	free(user->listing);
	free(user->sent_text);
	free(user->name);
	mem_free_secret(user->password);
	free(user->jid);
	free(user);
}

static void user_leave_seat(struct user *user)
{
	if (user->seat.backend || user->seat.waiting)
		link_unseat(user->hub->link, &user->seat);
}

void user_logout(struct user *user, const char *text)
{
	struct hub *hub = user->hub;
	bool seated = user->state == USER_CONNECTING || user->state == USER_ONLINE;
	unsigned codes = hub->stopping ? ROOM_SHUTDOWN : text ? ROOM_LOST : 0;
	user->ending = true;
	question_drop_all(user, text);
	conversation_refuse(user, S2_RECIPIENT_UNAVAILABLE, text ? text : "You have logged out.");
	order_end_all(user, text);
	room_end_all(user, codes, text);
	contact_offline(user, NULL);
	hub_tell(hub, account, user, NULL, ACCOUNT_OFFLINE, text);
	contact_save(user);
	/* While the gateway stops, "online" stays: these are the users to ask after at the next start. */
	if (hub->store && user->id && !hub->stopping)
		store_set_online(hub->store, user->id, false);
	if (seated && user->seat.backend)
		link_logout(&user->seat, user->name);
	user_leave_seat(user);
	proof_failed(user, S2_REMOTE_SERVER_TIMEOUT, text ? text : "The log-in was given up.");
	hub_tell(hub, logged_out, user->jid, text, user->cause);
	user_free(user);
}

/* Somebody who can't be let in: whoever asked for him is told, and he is forgotten. */
static void user_forget(struct user *user, enum s2_condition condition, const char *text)
{
	struct hub *hub = user->hub;
	user->ending = true;
	conversation_refuse(user, condition, text);
	order_end_all(user, text);
	room_refuse_all(user, condition, text);
	user_leave_seat(user);
	proof_failed(user, condition, text);
	hub_tell(hub, logged_out, user->jid, text, user->cause);
	user_free(user);
}

static void user_refuse(struct user *user, enum s2_condition condition, const char *text)
{
	/* Presence of who never registered may be a broadcast to an old roster entry: no answer to that. */
	for (struct resource *r = user->resources; r; r = r->next) {
		if (r->present && condition != S2_REGISTRATION_REQUIRED)
			hub_tell(user->hub, refused, user->jid, r->name, NULL, NULL, condition, text);
	}
	user_forget(user, condition, text);
}

/* He wants to be left alone: his presence is no mistake, so it is answered with ours. */
static void user_stay_off(struct user *user)
{
	static const char text[] = "You have switched this gateway off. Its command \"login\" switches it on.";
	for (struct resource *r = user->resources; r; r = r->next) {
		if (r->present)
			hub_tell(user->hub, account, user, r->name, ACCOUNT_OFFLINE, text);
	}
	user_forget(user, S2_NOT_ALLOWED, text);
}

void user_set_settings(struct user *user, const struct store_setting *settings, size_t count)
{
	size_t bytes = count * sizeof *settings;
	for (size_t i = 0; i < count; i++)
		bytes += strlen(settings[i].key) + strlen(settings[i].value) + 2;
	struct store_setting *copies = bytes ? mem_new(bytes) : NULL;
	char *at = (char *)(copies + count);
	for (size_t i = 0; i < count; i++) {
		copies[i].type = settings[i].type;
		copies[i].key = at;
		at = stpcpy(at, settings[i].key) + 1;
		copies[i].value = at;
		at = stpcpy(at, settings[i].value) + 1;
	}
	free(user->settings);
	user->settings = copies;
	user->setting_count = (unsigned)count;
}

static void user_wait_for_seat(struct user *user, const char *text)
{
	user_move(user, USER_WAITING);
	hub_tell(user->hub, account, user, NULL, ACCOUNT_CONNECTING, text);
	echo_forget_all(user); /* another backend has read nothing */
	link_seat(user->hub->link, &user->seat);
}

static void send_login(struct user *user)
{
	struct s2_setting *settings = mem_new(user->setting_count * sizeof *settings);
	for (unsigned i = 0; i < user->setting_count; i++)
		settings[i] = (struct s2_setting){user->settings[i].key, user->settings[i].value};
	user_move(user, USER_CONNECTING);
	link_login(&user->seat, &(struct s2_login){user->name, user->password, settings, user->setting_count});
	free(settings);
	if (config_bool(user->hub->config, "features.send_buddies_on_login"))
		contact_announce_all(user);
	user->sent_status = UINT8_MAX;
	push_status(user);
}

struct loading {
	struct hub *hub;
	char jid[];
};

static struct loading *loading_new(struct user *user)
{
	struct loading *loading = mem_new(sizeof *loading + strlen(user->jid) + 1);
	loading->hub = user->hub;
	strcpy(loading->jid, user->jid);
	return loading;
}

/* `row` NULL: not registered. */
static bool user_admit(struct user *user, const struct store_user *row)
{
	const struct config *config = user->hub->config;
	if (config_bool(config, "service.vip_only") && (!row || !row->vip)) {
		const char *message = text_or_null(config_text(config, "service.vip_message"));
		if (message && !user->proving)
			hub_tell(user->hub, notice, user->jid, message, NULL);
		user_refuse(user, S2_NOT_ALLOWED, message ? message : "Only VIP users may use this gateway.");
		return false;
	}
	/* Where we are the server, who logs in wants to. */
	bool wanted = config_bool(config, "service.server_mode");
	for (size_t i = 0; row && !wanted && i < row->setting_count; i++) {
		if (!strcmp(row->settings[i].key, "enable_transport") && !strcmp(row->settings[i].value, "0")) {
			user_stay_off(user);
			return false;
		}
	}
	return true;
}

static void himself_stored(void *arg, const struct store_user *row, const char *error)
{
	struct loading *loading = arg;
	struct user *user = hub_user(loading->hub, loading->jid);
	if (error)
		log_warn("can't store user=%s error=%s", loading->jid, log_quote(error));
	else if (user) {
		user->id = row->id;
		store_set_online(loading->hub->store, row->id, true);
	}
	free(loading);
}

/* Networks without registration: whoever comes gets an account by coming. */
static void user_register_himself(struct user *user)
{
	user->registered = true;
	if (!user->name)
		user->name = mem_strdup(user->jid);
	if (user->hub->store)
		store_put_user(
		    user->hub->store,
		    &(struct store_user){.jid = user->jid, .name = user->name, .password = "", .language = "en"}, false,
		    himself_stored, loading_new(user));
}

/* Nobody with an account. False if he was refused, and is gone. Before the first backend has told what its network
 * needs, nothing can be said. */
static bool user_decide_unknown(struct user *user)
{
	if (!user->hub->configured)
		return true;
	if (account_needs_registration(user->hub)) {
		stranger_note(user->hub, user->jid);
		user_refuse(user, S2_REGISTRATION_REQUIRED, "You are not registered with this gateway.");
		return false;
	}
	user_register_himself(user);
	return true;
}

static void user_loaded(void *arg, const struct store_user *row, const char *error)
{
	struct loading *loading = arg;
	struct hub *hub = loading->hub;
	struct user *user = hub_user(hub, loading->jid);
	free(loading);
	if (!user || user->state != USER_LOADING)
		return;
	if (error) {
		log_error("can't load user=%s error=%s", user->jid, log_quote(error));
		user_refuse(user, S2_INTERNAL_SERVER_ERROR, "The gateway's database does not work at the moment.");
		return;
	}
	if ((row || user->proving) && !user_admit(user, row))
		return;
	if (row) {
		user->id = row->id;
		user->registered = true;
		if (!user->proving) {
			mem_replace(&user->name, row->name);
			mem_free_secret(user->password);
			user->password = mem_strdup(row->password);
		}
		user_set_settings(user, row->settings, row->setting_count);
		contact_load(user, row->buddies, row->buddy_count);
	} else if (!user->registered && !user_decide_unknown(user)) {
		return;
	}
	if (user->returned && !user->resources && !user->holds && !user_stays_connected(user)) {
		user_forget(user, S2_RECIPIENT_UNAVAILABLE, NULL);
		return;
	}
	if (row)
		store_set_online(hub->store, user->id, true);
	user_wait_for_seat(user, NULL);
}

struct user *user_start(struct hub *hub, const char *jid, const char *nickname)
{
	struct user *user = hub_user(hub, jid);
	if (user || hub->stopping)
		return user;
	user = user_new(hub, jid);
	user->name = mem_strdup(nickname);
	return user;
}

struct user *user_return(struct hub *hub, const char *jid)
{
	bool known = hub_user(hub, jid);
	struct user *user = user_start(hub, jid, NULL);
	if (user && !known)
		user->returned = true;
	return user;
}

void user_load(struct user *user)
{
	if (user->state != USER_LOADING || user->asked)
		return;
	user->asked = true;
	if (user->hub->store)
		store_get_user(user->hub->store, user->jid, user_loaded, loading_new(user));
	else
		user_loaded(loading_new(user), NULL, NULL);
}

/* ---- What the link tells ---- */

void user_seated(void *arg, struct seat *seat)
{
	struct user *user = user_of_seat(seat);
	/* A backend that takes users has said what its network needs, or will never say it. */
	user->hub->configured = true;
	if (!user->registered && !user_decide_unknown(user))
		return;
	send_login(user);
}

void user_connected(void *arg, struct seat *seat)
{
	struct user *user = user_of_seat(seat);
	if (user->state != USER_CONNECTING)
		return;
	user_move(user, USER_ONLINE);
	user->attempts = 0;
	log_info("online user=%s", user->jid);
	question_settle_all(user);
	hub_tell(user->hub, account, user, NULL, ACCOUNT_ONLINE, user->sent_text);
	hub_tell(user->hub, online, user);
	room_rejoin_all(user);
	conversation_flush(user);
	proof_succeeded(user);
	user_settle(user);
}

/* Logs in again after a while; until then the contacts are offline. */
static void user_retry(struct user *user, uint64_t delay_ms, const char *text)
{
	struct hub *hub = user->hub;
	user_move(user, USER_RETRYING);
	question_drop_all(user, text);
	contact_offline(user, NULL);
	contact_forget_status(user);
	order_end_all(user, NULL);
	room_interrupt_all(user);
	hub_tell(hub, account, user, NULL, ACCOUNT_CONNECTING, text);
	user->retry_at = loop_now(hub->loop) + delay_ms;
	list_append(&hub->retrying, &user->retry_node);
	hub_tick_start(hub);
	log_info("logs in again user=%s attempt=%u delay_ms=%llu reason=%s", user->jid, user->attempts,
	         (unsigned long long)delay_ms, log_quote(text));
	if (user->attempts < UINT8_MAX)
		user->attempts++;
}

void user_retry_due(struct hub *hub, uint64_t now)
{
	LIST_EACH (&hub->retrying, node) {
		struct user *user = LIST_ITEM(node, struct user, retry_node);
		if (user->retry_at > now)
			continue;
		list_remove(&user->retry_node);
		user_wait_for_seat(user, NULL);
	}
}

/* Whether it is the user's fault, for who waits for the first log-in. */
static enum s2_condition login_condition(enum s2_connection_error error)
{
	bool wrong = error == S2_ERROR_INVALID_USERNAME || error == S2_ERROR_AUTHENTICATION_FAILED;
	return wrong ? S2_NOT_AUTHORIZED : S2_REMOTE_SERVER_TIMEOUT;
}

void user_disconnected(void *arg, struct seat *seat, enum s2_connection_error error, const char *text)
{
	struct hub *hub = arg;
	struct user *user = user_of_seat(seat);
	if (user->state != USER_CONNECTING && user->state != USER_ONLINE)
		return;
	link_logout(seat, user->name);
	link_unseat(hub->link, seat);
	if (user->proving) {
		log_info("refused by the network user=%s error=%d text=%s", user->jid, (int)error, log_quote(text));
		user->ending = true;
		proof_failed(user, login_condition(error), text_empty(text) ? "The network refused the log-in." : text);
		user_logout(user, text);
		return;
	}
	if (error == S2_ERROR_NETWORK || (error == S2_ERROR_OTHER && user->attempts < RETRIES_UNKNOWN)) {
		user_retry(user, backoff_ms(user->attempts, RETRY_BASE_MS, RETRY_CAP_MS), text);
		return;
	}
	log_info("refused by the network user=%s error=%d text=%s", user->jid, (int)error, log_quote(text));
	hub_tell(hub, notice, user->jid, text_empty(text) ? "The network refused the log-in." : text, &error);
	user->cause = &error;
	user_logout(user, text);
}

void user_unseated(void *arg, struct seat *seat, const char *text)
{
	struct user *user = user_of_seat(seat);
	/* Those of one backend come back spread over a while, and later each time it happens. */
	user_retry(user, user->attempts ? backoff_ms(user->attempts, RETRY_BASE_MS, RETRY_CAP_MS) : random_below(500),
	           text);
}

void user_delayed(void *arg, struct seat *seat, const char *text)
{
	struct hub *hub = arg;
	hub_tell(hub, account, user_of_seat(seat), NULL, ACCOUNT_CONNECTING, text);
}

void user_restart(struct user *user, int64_t id, const char *name, const char *password)
{
	struct hub *hub = user->hub;
	bool seated = user->state == USER_CONNECTING || user->state == USER_ONLINE;
	if (seated)
		question_drop_all(user, "You have changed your registration.");
	if (seated && user->seat.backend)
		link_logout(&user->seat, user->name);
	if (!user->registered)
		store_set_online(hub->store, id, true);
	user->registered = true;
	user->id = id;
	mem_replace(&user->name, name);
	mem_free_secret(user->password);
	user->password = mem_strdup(password);
	if (!seated)
		return;
	link_unseat(hub->link, &user->seat);
	contact_offline(user, NULL);
	contact_forget_status(user);
	order_end_all(user, NULL);
	room_interrupt_all(user);
	user_wait_for_seat(user, NULL);
}

/* ---- What the frontend tells ---- */

void user_available(struct hub *hub, const char *jid, const char *name, const struct s2_presence *presence)
{
	if (!hub_user(hub, jid) && stranger_is(hub, jid))
		return;
	struct user *user = user_start(hub, jid, NULL);
	if (!user)
		return;
	struct resource *resource = user_resource_add(user, name);
	if (!resource) {
		hub_tell(hub, refused, jid, name, NULL, NULL, S2_RESOURCE_CONSTRAINT,
		         "Too many clients of yours are online.");
		return;
	}
	bool fresh = !resource->present || resource->uninformed;
	resource->present = true;
	resource->uninformed = false;
	resource->status = (uint8_t)presence->status;
	resource->priority = (int8_t)presence->priority;
	mem_replace(&resource->text, presence->text);
	push_status(user);
	if (fresh && user->state == USER_ONLINE) {
		hub_tell(hub, account, user, name, ACCOUNT_ONLINE, user->sent_text);
		contact_present_all(user, name);
	} else if (fresh && user->state != USER_LOADING) {
		hub_tell(hub, account, user, name, ACCOUNT_CONNECTING, NULL);
	}
	user_load(user);
}

/* His server says that none of his clients is there: those that were not heard of since the XMPP link is back left
 * while it was away. May free him. */
static void drop_uninformed(struct user *user)
{
	for (struct resource *resource = user->resources, *next; resource; resource = next) {
		next = resource->next;
		bool last = !next && user->resources == resource;
		if (resource->uninformed)
			user_resource_drop(user, resource);
		if (last)
			return;
	}
}

void user_unavailable(struct hub *hub, const char *jid, const char *name)
{
	struct user *user = hub_user(hub, jid);
	if (user && !*name) {
		drop_uninformed(user);
		return;
	}
	struct resource *resource = user ? user_resource(user, name) : NULL;
	if (!resource)
		return;
	bool last = !resource->next && user->resources == resource;
	if (!last) {
		contact_offline(user, name);
		hub_tell(hub, account, user, name, ACCOUNT_OFFLINE, NULL);
	}
	user_resource_drop(user, resource);
}

bool user_probe(struct hub *hub, const char *jid, const char *resource, const char *name)
{
	struct user *user = hub_user(hub, jid);
	struct buddy *buddy = user && name ? roster_find(&user->roster, name) : NULL;
	if (!user || (name && !buddy))
		return false;
	if (buddy)
		hub_tell(hub, buddy, user, resource, buddy, false);
	else if (user->state == USER_ONLINE)
		hub_tell(hub, account, user, resource, ACCOUNT_ONLINE, user->sent_text);
	else
		hub_tell(hub, account, user, resource, ACCOUNT_CONNECTING, NULL);
	return true;
}
