/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/xmpp/user.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "backends/xmpp/archive.h"
#include "backends/xmpp/disco.h"
#include "backends/xmpp/iq.h"
#include "backends/xmpp/places.h"
#include "backends/xmpp/presence.h"
#include "backends/xmpp/room.h"
#include "backends/xmpp/roster.h"
#include "backends/xmpp/talk.h"
#include "kit/kit.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/io/conn.h"
#include "lib/xmpp/login.h"

#define LOG_AREA "xmpp"

enum {
	TICK_MS = 1000,
	ACK_MS = 60000,     /* for an acknowledgement, whatever else comes */
	GIVE_UP_MS = 45000, /* without a connection until the main process is told */
	SETTLE_MS = 10000,  /* after a log-in until contacts have shown up */
	KEEPALIVE_MS = 60000,
	ANSWER_MS = 30000,
	CONNECT_MS = 20000,
	RETRY_CAP_MS = 15000,
	UNSENT_HIGH = 4 << 20, /* bytes that the main process has not taken: nothing more is read */
	UNSENT_LOW = 1 << 20,
};

struct settings settings;
static struct list users = LIST_INIT(users);
static struct timer *ticker;

uint64_t user_now(void)
{
	return loop_now(kit_loop());
}

/* ---- Ending ---- */

static void user_free(struct user *user)
{
	list_remove(&user->node);
	s2_user_set_data(user->s2, NULL);
	loop_defer_cancel(&user->ending);
	loop_flush_cancel(&user->flusher);
	work_cancel(&user->work);
	rooms_free(user);
	client_end(user->client);
	iq_drop(user);
	client_free(&user->client);
	talk_free(user);
	s2_session_free(&user->session);
	roster_free(user);
	archive_free(user);
	places_free(user);
	free(user->bookmarked);
	mem_free_secret(user->password);
	free(user->redirect_host);
	free(user->room_service);
	free(user->status_text);
	free(user->photo_hash);
	free(user->end_text);
	free(user);
}

static void end_now(void *arg)
{
	struct user *user = arg;
	struct s2_user *s2 = user->s2;
	enum s2_connection_error error = user->end_error;
	char *text = user->end_text;
	user->end_text = NULL;
	user_free(user);
	s2_disconnected(s2, error, text);
	free(text);
}

void user_end(struct user *user, enum s2_connection_error error, const char *text)
{
	if (user->ending.queued)
		return;
	user->end_error = error;
	user->end_text = mem_strdup(text);
	client_end(user->client);
	s2_session_stop(user->session);
	loop_defer(kit_loop(), &user->ending, end_now, user);
}

/* ---- The stream ---- */

static void on_output(void *arg, const char *bytes, size_t len)
{
	struct user *user = arg;
	s2_session_send_now(user->session, bytes, len);
}

static void on_start_tls(void *arg)
{
	struct user *user = arg;
	s2_session_start_tls(user->session);
}

static void on_derived(void *arg, const struct sasl_key *key)
{
	struct user *user = arg;
	user->work = NULL;
	client_derived(user->client, key);
}

static void on_derive(void *arg, const struct sasl_key *wanted)
{
	struct user *user = arg;
	work_cancel(&user->work);
	user->work = login_derive(kit_loop(), wanted, user->password, on_derived, user);
}

static void go_online(struct user *user)
{
	user->lost_ms = 0;
	s2_session_online(user->session);
	talk_resume(user);
}

static void on_bound(void *arg, bool resumed)
{
	struct user *user = arg;
	log_debug("%s user=%s jid=%s mechanism=%s tls=%s", resumed ? "resumed" : "bound", s2_user_jid(user->s2),
	          log_quote(client_jid(user->client)), client_mechanism(user->client),
	          log_quote(s2_session_tls_description(user->session)));
	s2_session_syncing(user->session);
	if (resumed && user->ready) {
		go_online(user);
		return;
	}
	user->ready = false;
	iq_drop(user);
	archive_new_session(user);
	roster_fetch(user);
}

void user_ready(struct user *user)
{
	bool first = !user->connected;
	user->ready = true;
	user->settle_ms = user_now() + SETTLE_MS;
	if (first) {
		user->connected = true;
		s2_connected(user->s2);
		roster_tell_all(user);
	}
	disco_begin(user);
	presence_send(user);
	rooms_rejoin(user);
	archive_catch_up(user);
	go_online(user);
}

static void on_stanza(void *arg, struct arena *arena, const struct element *stanza)
{
	struct user *user = arg;
	if (user->ending.queued)
		return;
	switch (stanza->name[0]) {
	case 'm':
		talk_received(user, arena, stanza);
		break;
	case 'p':
		presence_received(user, arena, stanza);
		break;
	case 'i':
		iq_received(user, arena, stanza);
		break;
	}
}

static void on_acked(void *arg, void *token)
{
	talk_acked(arg, token);
}

static void on_dropped(void *arg, void *token)
{
	talk_dropped(arg, token);
}

static void on_stream_failed(void *arg, const struct client_failure *failure)
{
	struct user *user = arg;
	user->spoken = true;
	if (failure->what == CLIENT_REDIRECT) {
		mem_replace(&user->redirect_host, failure->host);
		user->redirect_port = failure->port;
	}
	s2_session_fail(user->session, failure->what == CLIENT_FATAL ? S2_SESSION_FATAL : S2_SESSION_RETRY,
	                failure->error, failure->text, 0);
}

static const struct client_events client_events = {
    .output = on_output,
    .start_tls = on_start_tls,
    .derive = on_derive,
    .bound = on_bound,
    .stanza = on_stanza,
    .acked = on_acked,
    .dropped = on_dropped,
    .failed = on_stream_failed,
};

static void flush(void *arg)
{
	struct user *user = arg;
	client_flush(user->client);
}

bool user_send(struct user *user, void *token)
{
	bool sent = client_send(user->client, token);
	if (sent)
		loop_flush_later(kit_loop(), &user->flusher);
	return sent;
}

bool user_is_ready(const struct user *user)
{
	return user->ready && client_is_up(user->client) && !user->ending.queued;
}

/* ---- The connection ---- */

static const unsigned char *binding_of(struct user *user, unsigned char out[SASL_BINDING_BYTES])
{
	return s2_session_binding(user->session, out) ? out : NULL;
}

static void on_opened(void *arg)
{
	struct user *user = arg;
	unsigned char binding[SASL_BINDING_BYTES];
	user->spoken = false;
	client_begin(user->client, s2_session_tls_description(user->session) != NULL, binding_of(user, binding));
}

static void on_secured(void *arg)
{
	struct user *user = arg;
	unsigned char binding[SASL_BINDING_BYTES];
	client_secured(user->client, binding_of(user, binding));
}

/* Reads no more while the main process is behind: what is unread stays with the server. */
static void hold_back(struct user *user)
{
	bool much = kit_unsent() > (user->paused ? UNSENT_LOW : UNSENT_HIGH);
	if (much != user->paused && much)
		s2_session_pause(user->session);
	else if (much != user->paused)
		s2_session_resume(user->session);
	user->paused = much;
}

static void on_input(void *arg, const char *bytes, size_t len)
{
	struct user *user = arg;
	if (user->ending.queued)
		return;
	client_input(user->client, bytes, len);
	hold_back(user);
}

static void on_keepalive(void *arg)
{
	struct user *user = arg;
	client_ask(user->client);
}

static void server_set(struct user *user, const char *host, uint16_t port, bool redirected)
{
	user->redirected = redirected;
	s2_session_set_server(user->session, host, port);
}

static void server_reset(struct user *user)
{
	const struct account *account = &user->account;
	server_set(user, account->host ? account->host : account->ascii, account->host ? account->port : 0, false);
}

/* Whether the main process has to know. It logs the user in again by itself where that makes sense. */
static bool is_over(struct user *user, const struct s2_session_failure *failure)
{
	uint64_t now = user_now();
	if (!user->lost_ms)
		user->lost_ms = now ? now : 1;
	return failure->what == S2_SESSION_FATAL || !user->connected || now - user->lost_ms > GIVE_UP_MS;
}

static void on_failed(void *arg, const struct s2_session_failure *failure)
{
	struct user *user = arg;
	bool spoken = user->spoken;
	client_lost(user->client);
	work_cancel(&user->work);
	user->asked_ms = 0;
	user->paused = user->spoken = false;
	if (user->redirect_host) {
		server_set(user, user->redirect_host, user->redirect_port, true);
		mem_replace(&user->redirect_host, NULL);
		s2_session_start(user->session);
		return;
	}
	if (user->redirected)
		server_reset(user);
	if (!is_over(user, failure)) {
		log_info("connection lost, trying again user=%s server=%s reason=%s retry_ms=%llu",
		         s2_user_jid(user->s2), log_quote(user->account.domain), log_quote(failure->text),
		         (unsigned long long)failure->retry_ms);
		return;
	}
	char *text = spoken ? mem_strdup(failure->text)
	                    : mem_printf("The connection to %s failed: %s.", user->account.domain, failure->text);
	user_end(user, failure->error, text);
	free(text);
}

static const struct s2_session_events session_events = {
    .opened = on_opened,
    .secured = on_secured,
    .input = on_input,
    .keepalive = on_keepalive,
    .failed = on_failed,
};

/* ---- Time ---- */

/* Input of any kind is no sign that the server still handles what it is sent: a stanza may never end. A server that
 * answered before it had handled all is asked again. */
static void check_asking(struct user *user, uint64_t now)
{
	client_flush(user->client);
	if (!client_is_asking(user->client))
		user->asked_ms = 0;
	else if (!user->asked_ms)
		user->asked_ms = now;
	else if (now - user->asked_ms > ACK_MS && !user->paused)
		s2_session_fail(user->session, S2_SESSION_RETRY, S2_ERROR_NETWORK,
		                "the server sends, but does not answer", 0);
}

static void user_tick(struct user *user, uint64_t now)
{
	if (user->paused)
		hold_back(user);
	check_asking(user, now);
	iq_tick(user, now);
	talk_tick(user, now);
	rooms_tick(user, now);
	archive_tick(user);
	if (user->settle_ms && now >= user->settle_ms) {
		user->settle_ms = 0;
		roster_settle(user);
	}
}

static void tick(void *arg)
{
	uint64_t now = user_now();
	LIST_EACH (&users, node) {
		struct user *user = LIST_ITEM(node, struct user, node);
		if (!user->ending.queued)
			user_tick(user, now);
	}
}

/* ---- Life ---- */

void settings_read(void)
{
	settings = (struct settings){
	    .verify = s2_config_bool("service.verify_certs", true) && s2_config_bool("xmpp.verify_cert", true),
	    .require_tls = s2_config_bool("xmpp.require_tls", true),
	    .archive = s2_config_bool("xmpp.archive", true),
	    .bookmarks = s2_config_bool("xmpp.bookmarks", true),
	    .server = s2_config_or("xmpp.server", ""),
	    .ca_file = s2_config_or("xmpp.tls_ca_file", NULL),
	    .gateway = s2_config_or("service.jid", ""),
	};
	ticker = timer_new(kit_loop(), tick, NULL);
	timer_start(ticker, TICK_MS, TICK_MS);
}

void settings_stop(void)
{
	timer_free(&ticker);
}

static void open_session(struct user *user)
{
	const struct account *account = &user->account;
	user->session = s2_session_new(kit_loop(),
	                               &(struct s2_session_options){
	                                   .host = account->host ? account->host : account->ascii,
	                                   .port = account->host ? account->port : 0,
	                                   .service = &login_service,
	                                   .insecure = !settings.verify,
	                                   .ca_file = settings.ca_file,
	                                   .tls_name = account->ascii,
	                                   .alpn = "xmpp-client",
	                                   .connect_ms = CONNECT_MS,
	                                   .retry_cap_ms = RETRY_CAP_MS,
	                                   .keepalive_ms = KEEPALIVE_MS,
	                                   .answer_ms = ANSWER_MS,
	                               },
	                               &session_events, user);
	user->client = client_new(&(struct client_options){.node = account->node,
	                                                   .domain = account->domain,
	                                                   .resource = account->resource,
	                                                   .agent = account->agent,
	                                                   .password = user->password,
	                                                   .require_tls = settings.require_tls},
	                          &client_events, user);
	s2_session_start(user->session);
}

void user_login(struct s2_user *s2, const struct s2_login *login)
{
	struct account account;
	struct arena *arena = kit_user_arena(s2);
	const char *why = NULL;
	if (!account_parse(&account, arena, login->name, settings.server, &why)) {
		s2_disconnected(s2, S2_ERROR_INVALID_USERNAME, why);
		return;
	}
	if (!account.resource) {
		account.resource = account_resource(arena, s2_user_jid(s2), settings.gateway);
		account.agent = account_agent(arena, s2_user_jid(s2), settings.gateway);
	}
	struct user *user = mem_new(sizeof *user);
	user->s2 = s2;
	user->account = account;
	user->password = mem_strdup(login->password ? login->password : "");
	user->status = S2_STATUS_ONLINE;
	user->flusher.flush = flush;
	user->flusher.arg = user;
	list_init(&user->requests);
	list_init(&user->sent);
	list_init(&user->waiting);
	list_append(&users, &user->node);
	s2_user_set_data(s2, user);
	open_session(user);
}

void user_logout(struct s2_user *s2)
{
	struct user *user = s2_user_data(s2);
	if (user)
		user_free(user);
}
