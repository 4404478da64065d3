/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A network session: the state machine around one lib/io connection. One timer serves all its deadlines and is only
 * moved when a deadline comes nearer, so that an input costs two stores. */
#include "kit/session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "kit/throttle.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/random.h"
#include "lib/io/conn.h"
#include "lib/io/tls.h"

#define LOG_AREA "kit"

enum {
	CONNECT_MS = 30 * 1000,
	LOGIN_MS = 60 * 1000,
	KEEPALIVE_MS = 120 * 1000,
	ANSWER_MS = 60 * 1000,
	RETRY_MS = 1500,
	RETRY_CAP_MS = 10 * 60 * 1000,
	STABLE_MS = 60 * 1000,
	QUEUE_LIMIT = 1000,
	QUEUE_BYTES_LIMIT = 1024 * 1024,
	UNSENT_LIMIT = 1024 * 1024, /* of what goes past the queue */
};

struct s2_session {
	struct loop *loop;
	const struct s2_session_events *events;
	void *arg;
	struct s2_session_options options; /* strings are owned, defaults filled in */
	struct conn *conn;
	struct tls *tls;
	struct throttle throttle;
	struct flusher flusher;
	struct deferred later; /* a failure that is to be told, or releasing the memory */
	struct timer *timer;
	uint64_t timer_due;
	uint64_t deadline; /* of the present state; 0 = none */
	uint64_t last_input, asked, online_since;
	enum s2_session_state state;
	unsigned attempt;
	bool opened, paused, freed;
	bool failing; /* the connection is gone, `failed` is still to be called */
	enum s2_session_class failing_what;
	enum s2_connection_error failing_error;
	uint64_t failing_wait_ms;
	char *failing_text;
};

/* ---- States ---- */

#define MOVE(state) (1U << S2_SESSION_##state)

static const struct {
	const char *name;
	unsigned next;
} states[S2_SESSION_STATES] = {
    [S2_SESSION_IDLE] = {"idle", MOVE(RESOLVING)},
    [S2_SESSION_RESOLVING] = {"resolving", MOVE(CONNECTING) | MOVE(BACKOFF) | MOVE(IDLE)},
    [S2_SESSION_CONNECTING] = {"connecting", MOVE(TLS) | MOVE(AUTH) | MOVE(BACKOFF) | MOVE(IDLE)},
    [S2_SESSION_TLS] = {"tls", MOVE(AUTH) | MOVE(BACKOFF) | MOVE(IDLE)},
    [S2_SESSION_AUTH] = {"auth", MOVE(TLS) | MOVE(SYNC) | MOVE(ONLINE) | MOVE(BACKOFF) | MOVE(IDLE)},
    [S2_SESSION_SYNC] = {"sync", MOVE(ONLINE) | MOVE(BACKOFF) | MOVE(IDLE)},
    [S2_SESSION_ONLINE] = {"online", MOVE(BACKOFF) | MOVE(IDLE)},
    [S2_SESSION_BACKOFF] = {"backoff", MOVE(RESOLVING) | MOVE(IDLE)},
};

const char *s2_session_state_name(enum s2_session_state state)
{
	return states[state].name;
}

bool s2_session_may_move(enum s2_session_state from, enum s2_session_state to)
{
	return states[from].next >> to & 1;
}

enum s2_session_state s2_session_state(const struct s2_session *session)
{
	return session->state;
}

static void session_move(struct s2_session *session, enum s2_session_state to)
{
	assert(s2_session_may_move(session->state, to));
	log_debug("%s to %s server=%s:%u", states[session->state].name, states[to].name,
	          log_quote(session->options.host), session->options.port);
	session->state = to;
}

/* For moves that the owner asks for: not while the session is failing, and only from the right state. */
static bool session_asked_to_move(struct s2_session *session, enum s2_session_state to)
{
	if (!session->conn || !s2_session_may_move(session->state, to))
		return false;
	session_move(session, to);
	return true;
}

/* ---- Deadlines ---- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static bool session_is_open(const struct s2_session *session)
{
	return session->conn && session->opened && session->state != S2_SESSION_TLS;
}

static uint64_t session_silence_due(const struct s2_session *session)
{
	if (session->state != S2_SESSION_ONLINE || !session->conn || session->paused)
		return UINT64_MAX;
	return session->asked ? session->asked + session->options.answer_ms
	                      : session->last_input + session->options.keepalive_ms;
}

static void session_schedule(struct s2_session *session)
{
	uint64_t now = loop_now(session->loop);
	uint64_t due = session->deadline ? session->deadline : UINT64_MAX;
	due = earlier(due, session_silence_due(session));
	if (session_is_open(session) && conn_unsent(session->conn) <= CONN_HIGH_WATER) {
		uint64_t wait = throttle_wait_ms(&session->throttle, now);
		due = wait == UINT64_MAX ? due : earlier(due, now + wait);
	}
	if (due == UINT64_MAX || (timer_running(session->timer) && session->timer_due <= due))
		return;
	session->timer_due = due;
	timer_start(session->timer, due > now ? due - now : 0, 0);
}

/* ---- Failing ---- */

static void session_drop_queue(struct s2_session *session)
{
	struct throttle_item *item;
	while ((item = throttle_drop(&session->throttle))) {
		void *token = item->token;
		free(item);
		if (token && session->events->dropped)
			session->events->dropped(session->arg, token);
	}
}

static uint64_t session_pause_ms(struct s2_session *session, enum s2_session_class what, uint64_t wait_ms)
{
	switch (what) {
	case S2_SESSION_FATAL:
		return 0;
	case S2_SESSION_WAIT:
		/* Never early, and not all users at the same moment. */
		return wait_ms + random_below(wait_ms / 10 + 1);
	case S2_SESSION_RETRY:
		break;
	}
	return backoff_ms(session->attempt - 1, session->options.retry_ms, session->options.retry_cap_ms);
}

/* The one place where a failure ends: from a lost connection, a deadline or the owner. Called from the loop. */
static void session_failed(struct s2_session *session, enum s2_session_class what, enum s2_connection_error error,
                           const char *text, uint64_t wait_ms)
{
	bool was_online = session->state == S2_SESSION_ONLINE;
	uint64_t now = loop_now(session->loop);
	char *copy = mem_strdup(text); /* may belong to what is freed below */
	conn_finish(&session->conn);
	loop_flush_cancel(&session->flusher);
	session_drop_queue(session);
	if (session->freed || session->conn || session->state == S2_SESSION_IDLE)
		goto out; /* `dropped` ended it, or even began anew */
	if (was_online && now - session->online_since >= session->options.stable_ms)
		session->attempt = 0;
	session->attempt++;
	if (what == S2_SESSION_RETRY && session->options.attempts && session->attempt >= session->options.attempts)
		what = S2_SESSION_FATAL;
	struct s2_session_failure failure = {
	    .what = what,
	    .error = error,
	    .text = copy,
	    .retry_ms = session_pause_ms(session, what, wait_ms),
	    .attempt = session->attempt,
	    .was_online = was_online,
	};
	session->deadline = what == S2_SESSION_FATAL ? 0 : now + failure.retry_ms;
	if (what == S2_SESSION_FATAL)
		session->attempt = 0;
	session_move(session, what == S2_SESSION_FATAL ? S2_SESSION_IDLE : S2_SESSION_BACKOFF);
	log_debug("session failed text=%s attempt=%u retry_ms=%llu", log_quote(copy), failure.attempt,
	          (unsigned long long)failure.retry_ms);
	session_schedule(session);
	if (session->events->failed)
		session->events->failed(session->arg, &failure);
out:
	free(copy);
}

static void session_tell_failure(void *arg)
{
	struct s2_session *session = arg;
	char *text = session->failing_text;
	session->failing_text = NULL;
	session->failing = false;
	session_failed(session, session->failing_what, session->failing_error, text, session->failing_wait_ms);
	free(text);
}

static void session_fail_later(struct s2_session *session, enum s2_session_class what, enum s2_connection_error error,
                               const char *text, uint64_t wait_ms)
{
	if (session->failing)
		return;
	session->failing = true;
	session->failing_what = what;
	session->failing_error = error;
	session->failing_wait_ms = wait_ms;
	session->failing_text = mem_strdup(text ? text : "");
	conn_finish(&session->conn);
	loop_defer(session->loop, &session->later, session_tell_failure, session);
}

void s2_session_fail(struct s2_session *session, enum s2_session_class what, enum s2_connection_error error,
                     const char *text, uint64_t wait_ms)
{
	if (session->conn)
		session_fail_later(session, what, error, text, wait_ms);
}

/* ---- Sending ---- */

/* Queued pieces whose turn has come go into the connection's buffer; once per turn, before that is flushed. */
static void session_pump(void *arg)
{
	struct s2_session *session = arg;
	while (session_is_open(session)) {
		if (conn_unsent(session->conn) > CONN_HIGH_WATER)
			conn_flush(session->conn);
		if (conn_unsent(session->conn) > CONN_HIGH_WATER)
			break; /* until `drained` */
		struct throttle_item *item = throttle_take(&session->throttle, loop_now(session->loop));
		if (!item)
			break;
		void *token = item->token;
		conn_write(session->conn, item->bytes, item->len);
		free(item);
		if (token && session->events->sent)
			session->events->sent(session->arg, token);
	}
	if (!session->freed)
		session_schedule(session);
}

bool s2_session_send(struct s2_session *session, const void *bytes, size_t len, void *token)
{
	if (!session_is_open(session) || !throttle_push(&session->throttle, bytes, len, token))
		return false;
	loop_flush_later(session->loop, &session->flusher);
	return true;
}

void s2_session_send_now(struct s2_session *session, const void *bytes, size_t len)
{
	if (!session_is_open(session))
		return;
	if (conn_unsent(session->conn) + len > UNSENT_LIMIT) {
		session_fail_later(session, S2_SESSION_RETRY, S2_ERROR_NETWORK,
		                   "the server does not read what it is sent", 0);
		return;
	}
	conn_write(session->conn, bytes, len);
}

size_t s2_session_queued(const struct s2_session *session)
{
	return session->throttle.count;
}

void s2_session_set_rate(struct s2_session *session, unsigned burst, uint64_t interval_ms)
{
	throttle_set_rate(&session->throttle, burst, interval_ms, loop_now(session->loop));
	loop_flush_later(session->loop, &session->flusher);
}

/* ---- The connection ---- */

/* How a lost connection is to be taken. A certificate does not get better by trying again. */
static const struct {
	enum s2_session_class what;
	enum s2_connection_error error;
} faults[] = {
    [CONN_FAULT_NONE] = {S2_SESSION_RETRY, S2_ERROR_NETWORK},
    [CONN_FAULT_UNREACHABLE] = {S2_SESSION_RETRY, S2_ERROR_NETWORK},
    [CONN_FAULT_LOST] = {S2_SESSION_RETRY, S2_ERROR_NETWORK},
    [CONN_FAULT_TLS] = {S2_SESSION_RETRY, S2_ERROR_ENCRYPTION},
    [CONN_FAULT_CERT_SELF_SIGNED] = {S2_SESSION_FATAL, S2_ERROR_CERT_SELF_SIGNED},
    [CONN_FAULT_CERT_EXPIRED] = {S2_SESSION_FATAL, S2_ERROR_CERT_EXPIRED},
    [CONN_FAULT_CERT_NOT_ACTIVATED] = {S2_SESSION_FATAL, S2_ERROR_CERT_NOT_ACTIVATED},
    [CONN_FAULT_CERT_NAME] = {S2_SESSION_FATAL, S2_ERROR_CERT_HOSTNAME_MISMATCH},
    [CONN_FAULT_CERT_UNTRUSTED] = {S2_SESSION_FATAL, S2_ERROR_CERT_UNTRUSTED},
    [CONN_FAULT_CERT_OTHER] = {S2_SESSION_FATAL, S2_ERROR_CERT_OTHER},
};

static void session_closed(void *arg, const char *reason)
{
	struct s2_session *session = arg;
	enum conn_fault fault = conn_fault(session->conn);
	session_failed(session, faults[fault].what, faults[fault].error, reason, 0);
}

static void session_resolved(void *arg)
{
	session_move(arg, S2_SESSION_CONNECTING);
}

static void session_begin_tls(struct s2_session *session)
{
	const struct s2_session_options *options = &session->options;
	const char *error = NULL;
	session_move(session, S2_SESSION_TLS);
	if (!session->opened) {
		session->deadline = loop_now(session->loop) + options->connect_ms;
		session_schedule(session);
	}
	if (!session->tls)
		session->tls = tls_client_new(options->ca_file, !options->insecure, &error);
	if (!session->tls) {
		session_fail_later(session, S2_SESSION_FATAL, S2_ERROR_INVALID_SETTINGS, error, 0);
		return;
	}
	conn_set_alpn(session->conn, options->alpn);
	conn_start_tls(session->conn, session->tls, options->tls_name ? options->tls_name : options->host);
}

static void session_opened(struct s2_session *session)
{
	session_move(session, S2_SESSION_AUTH);
	session->opened = true;
	session->deadline = loop_now(session->loop) + session->options.login_ms;
	session_schedule(session);
	if (session->events->opened)
		session->events->opened(session->arg);
}

static void session_connected(void *arg)
{
	struct s2_session *session = arg;
	if (session->options.tls || conn_wants_tls(session->conn))
		session_begin_tls(session);
	else
		session_opened(session);
}

static void session_secured(void *arg)
{
	struct s2_session *session = arg;
	if (!session->opened) {
		session_opened(session);
		return;
	}
	session_move(session, S2_SESSION_AUTH);
	if (session->events->secured)
		session->events->secured(session->arg);
}

static void session_input(void *arg, const char *bytes, size_t len)
{
	struct s2_session *session = arg;
	session->last_input = loop_now(session->loop);
	if (session->asked) {
		session->asked = 0;
		session_schedule(session);
	}
	if (session->events->input)
		session->events->input(session->arg, bytes, len);
}

static void session_drained(void *arg)
{
	session_pump(arg);
}

static const struct conn_events conn_events = {
    .resolved = session_resolved,
    .connected = session_connected,
    .secured = session_secured,
    .input = session_input,
    .drained = session_drained,
    .closed = session_closed,
};

/* A new connection: a full bucket, with the figures of the options. */
static void session_fill_bucket(struct s2_session *session)
{
	const struct s2_session_options *options = &session->options;
	assert(!session->throttle.count);
	throttle_init(&session->throttle, options->burst, options->interval_ms, loop_now(session->loop));
	throttle_limit(&session->throttle, options->queue_limit, options->queue_bytes_limit);
}

static void session_connect(struct s2_session *session)
{
	const struct s2_session_options *options = &session->options;
	session_move(session, S2_SESSION_RESOLVING);
	session->opened = session->paused = false;
	session->asked = 0;
	session->deadline = 0; /* the connection itself looks at the clock, and knows what to say */
	if (options->port) {
		session->conn = conn_connect(session->loop, options->host, options->port, options->connect_ms,
		                             options->source, &conn_events, session);
	} else {
		struct conn_service service = *options->service;
		service.domain = options->host;
		session->conn = conn_connect_service(session->loop, &service, options->connect_ms, options->source,
		                                     &conn_events, session);
	}
	session_fill_bucket(session);
}

/* ---- Time ---- */

static void session_deadline_passed(struct s2_session *session)
{
	const char *what = NULL;
	switch (session->state) {
	case S2_SESSION_BACKOFF:
		session_connect(session);
		return;
	case S2_SESSION_TLS:
		what = "no answer during the TLS handshake";
		break;
	default:
		what = "the login was not completed in time";
		break;
	}
	session_failed(session, S2_SESSION_RETRY, S2_ERROR_NETWORK, what, 0);
}

static void session_timer_fired(void *arg)
{
	struct s2_session *session = arg;
	uint64_t now = loop_now(session->loop);
	if (session->failing)
		return;
	if (session->deadline && session->deadline <= now) {
		session_deadline_passed(session);
	} else if (session_silence_due(session) <= now) {
		if (session->asked) {
			session_failed(session, S2_SESSION_RETRY, S2_ERROR_NETWORK, "no answer", 0);
		} else {
			session->asked = now;
			if (session->events->keepalive)
				session->events->keepalive(session->arg);
		}
	}
	if (!session->freed)
		session_pump(session);
}

/* ---- Life ---- */

static uint64_t or_default(uint64_t value, uint64_t fallback)
{
	return value ? value : fallback;
}

struct s2_session *s2_session_new(struct loop *loop, const struct s2_session_options *given,
                                  const struct s2_session_events *events, void *arg)
{
	struct s2_session *session = mem_new(sizeof *session);
	struct s2_session_options *options = &session->options;
	assert(given->host && (given->port || given->service));
	*options = *given;
	options->host = mem_strdup(given->host);
	options->source = mem_strdup(given->source);
	options->ca_file = mem_strdup(given->ca_file);
	options->tls_name = mem_strdup(given->tls_name);
	options->connect_ms = or_default(given->connect_ms, CONNECT_MS);
	options->login_ms = or_default(given->login_ms, LOGIN_MS);
	options->keepalive_ms = or_default(given->keepalive_ms, KEEPALIVE_MS);
	options->answer_ms = or_default(given->answer_ms, ANSWER_MS);
	options->retry_ms = or_default(given->retry_ms, RETRY_MS);
	options->retry_cap_ms = or_default(given->retry_cap_ms, RETRY_CAP_MS);
	options->stable_ms = or_default(given->stable_ms, STABLE_MS);
	options->queue_limit = or_default(given->queue_limit, QUEUE_LIMIT);
	options->queue_bytes_limit = or_default(given->queue_bytes_limit, QUEUE_BYTES_LIMIT);
	session->loop = loop;
	session->events = events;
	session->arg = arg;
	session->flusher.flush = session_pump;
	session->flusher.arg = session;
	session->timer = timer_new(loop, session_timer_fired, session);
	session_fill_bucket(session);
	return session;
}

void s2_session_start(struct s2_session *session)
{
	if (s2_session_may_move(session->state, S2_SESSION_RESOLVING))
		session_connect(session);
}

void s2_session_stop(struct s2_session *session)
{
	if (session->state == S2_SESSION_IDLE)
		return;
	loop_defer_cancel(&session->later);
	loop_flush_cancel(&session->flusher);
	mem_replace(&session->failing_text, NULL);
	session->failing = false;
	session->deadline = 0;
	session->attempt = 0;
	timer_stop(session->timer);
	conn_finish(&session->conn);
	session_move(session, S2_SESSION_IDLE);
	session_drop_queue(session);
}

static void session_release(void *arg)
{
	struct s2_session *session = arg;
	free((char *)session->options.host);
	free((char *)session->options.source);
	free((char *)session->options.ca_file);
	free((char *)session->options.tls_name);
	free(session);
}

void s2_session_free(struct s2_session **at)
{
	static const struct s2_session_events nobody;
	struct s2_session *session = *at;
	if (!session || session->freed)
		return;
	*at = NULL;
	session->freed = true; /* `dropped` may try again */
	s2_session_stop(session);
	session->events = &nobody;
	timer_free(&session->timer);
	tls_free(&session->tls);
	/* Callers further up the stack still look at `freed`. */
	loop_defer(session->loop, &session->later, session_release, session);
}

void s2_session_syncing(struct s2_session *session)
{
	if (session->state == S2_SESSION_AUTH)
		session_asked_to_move(session, S2_SESSION_SYNC);
}

void s2_session_online(struct s2_session *session)
{
	if (!session_asked_to_move(session, S2_SESSION_ONLINE))
		return;
	session->deadline = 0;
	session->online_since = session->last_input = loop_now(session->loop);
	session->asked = 0;
	session_schedule(session);
}

void s2_session_start_tls(struct s2_session *session)
{
	if (session->conn && session->state == S2_SESSION_AUTH && !conn_is_secure(session->conn))
		session_begin_tls(session);
}

void s2_session_set_server(struct s2_session *session, const char *host, uint16_t port)
{
	mem_replace((char **)&session->options.host, host);
	session->options.port = port;
}

void s2_session_pause(struct s2_session *session)
{
	session->paused = true;
	if (session->conn)
		conn_pause(session->conn);
}

void s2_session_resume(struct s2_session *session)
{
	if (!session->paused)
		return;
	session->paused = false;
	if (!session->conn)
		return;
	session->last_input = loop_now(session->loop);
	session->asked = 0;
	conn_resume(session->conn);
	session_schedule(session);
}

/* ---- Facts ---- */

bool s2_session_binding(const struct s2_session *session, unsigned char out[32])
{
	return session->conn && conn_binding(session->conn, out);
}

size_t s2_session_unsent(const struct s2_session *session)
{
	return session->conn ? conn_unsent(session->conn) : 0;
}

const char *s2_session_tls_description(const struct s2_session *session)
{
	return session->conn ? conn_tls_description(session->conn) : NULL;
}

const char *s2_session_peer(const struct s2_session *session)
{
	return session->conn ? conn_peer(session->conn) : "";
}
