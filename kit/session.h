/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One user's connection to one server of a network: connect, TLS, keep-alive, login time-out, reconnect with back-off,
 * and a throttled send queue, so that a backend is only its network's protocol. The owner is a backend's session
 * object; it is told everything through a table of callbacks, from the event loop and not inside of a call that it
 * makes itself (but for `dropped`, see there). */
#ifndef KIT_SESSION_H
#define KIT_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spectrum2/types.h"
#include "lib/io/loop.h"

struct conn_service; /* lib/io/conn.h */
struct s2_session;

enum s2_session_state {
	S2_SESSION_IDLE, /* not started, or ended for good */
	S2_SESSION_RESOLVING,
	S2_SESSION_CONNECTING,
	S2_SESSION_TLS,
	S2_SESSION_AUTH,    /* `opened` was called; the owner logs in */
	S2_SESSION_SYNC,    /* s2_session_syncing: logged in, the lists are coming */
	S2_SESSION_ONLINE,  /* s2_session_online */
	S2_SESSION_BACKOFF, /* waiting for the next try */
	S2_SESSION_STATES
};

/* What is to be done about a failure. */
enum s2_session_class {
	S2_SESSION_FATAL, /* wrong password, banned, logged in elsewhere: no further try */
	S2_SESSION_RETRY, /* network, server down: back-off */
	S2_SESSION_WAIT,  /* the network named a time: the next try is then */
};

struct s2_session_failure {
	enum s2_session_class what;
	enum s2_connection_error error; /* for s2_disconnected */
	const char *text;               /* for people */
	uint64_t retry_ms;              /* until the next try, unless the class is S2_SESSION_FATAL */
	unsigned attempt;               /* failures in a row, this one included */
	bool was_online;
};

/* Any may be NULL. s2_session_free is allowed inside of each of them. */
struct s2_session_events {
	/* The transport stands, with TLS if it was asked for: log in. The state is S2_SESSION_AUTH. */
	void (*opened)(void *arg);
	/* The TLS that s2_session_start_tls asked for stands. */
	void (*secured)(void *arg);
	void (*input)(void *arg, const char *bytes, size_t len);
	/* Nothing came for keepalive_ms: send something that the server answers. If again nothing comes for answer_ms,
	 * the session fails with "no answer". Any input counts as answer. */
	void (*keepalive)(void *arg);
	/* The bytes with this token went to the connection, or the session lost its connection before. One of the two
	 * is called exactly once for each s2_session_send that returned true and had a token. s2_session_stop
	 * and s2_session_free call `dropped` before they return. */
	void (*sent)(void *arg, void *token);
	void (*dropped)(void *arg, void *token);
	/* The connection is gone or did not come about; everything queued was `dropped` before. Unless the class is
	 * S2_SESSION_FATAL the session tries again by itself in retry_ms; s2_session_stop in here prevents that. */
	void (*failed)(void *arg, const struct s2_session_failure *);
};

/* Strings are copied. 0 and NULL mean the default that is named here. */
struct s2_session_options {
	const char *host;                   /* required: a name or an address literal */
	uint16_t port;                      /* required, but for `service` */
	const struct conn_service *service; /* with `port` 0: DNS tells the hosts of the domain `host`. Its own `domain`
	                                       does not count; it must live as long as the session */
	const char *source;                 /* local address to bind to */
	bool tls;                           /* from the first byte on; STARTTLS needs s2_session_start_tls instead */
	bool insecure;                      /* do not check the server's certificate */
	const char *ca_file;                /* PEM; the system's */
	const char *tls_name;               /* the name that the certificate must have; `host` */
	const char *alpn;                   /* the protocol that is asked for (RFC 7301), a literal; none */
	uint64_t connect_ms;                /* for resolving and connecting, then as much for TLS; 30 s */
	uint64_t login_ms;                  /* from `opened` to s2_session_online; 60 s */
	uint64_t keepalive_ms;              /* silence before `keepalive`; 120 s */
	uint64_t answer_ms;                 /* further silence before "no answer"; 60 s */
	uint64_t retry_ms;                  /* first pause, spread by +-25 % and doubled each time; 1.5 s */
	uint64_t retry_cap_ms;              /* longest pause; 10 min */
	uint64_t stable_ms;                 /* being online for so long makes earlier failures forgotten; 60 s */
	unsigned attempts;                  /* failures in a row after which a failure becomes fatal; 0 = never */
	unsigned burst;                     /* pieces that go at once; 1, if interval_ms is given */
	uint64_t interval_ms;               /* then one each so many ms; 0 = not throttled */
	size_t queue_limit;                 /* pieces that may wait; 1000 */
	size_t queue_bytes_limit;           /* 1 MiB */
};

/* Idle until s2_session_start. `events` must live as long as the session. */
struct s2_session *s2_session_new(struct loop *, const struct s2_session_options *, const struct s2_session_events *,
                                  void *arg);
/* Closes what is open; what went to the connection before (a QUIT) is still sent. *session becomes NULL. */
void s2_session_free(struct s2_session **);

/* Begins to connect: from idle, or at once from back-off. Nothing happens in other states. */
void s2_session_start(struct s2_session *);
/* Back to idle without `failed`: sends what went to the connection, drops the queue, closes. May be started again. */
void s2_session_stop(struct s2_session *);
/* The owner found that the session is over: `failed` follows from the loop, input stops at once. `wait_ms` is for
 * S2_SESSION_WAIT. The first of several calls counts. Nothing happens while there is no connection. */
void s2_session_fail(struct s2_session *, enum s2_session_class, enum s2_connection_error, const char *text,
                     uint64_t wait_ms);

/* Logged in, the lists are coming: AUTH to SYNC. Like the next two it does nothing in other states. */
void s2_session_syncing(struct s2_session *);
/* The login is complete: AUTH or SYNC to ONLINE; ends the login time-out. */
void s2_session_online(struct s2_session *);
/* STARTTLS: to be called when the server agreed. AUTH to TLS, then `secured` and AUTH again. */
void s2_session_start_tls(struct s2_session *);
/* Another server for the next try; port 0 as in the options. */
void s2_session_set_server(struct s2_session *, const char *host, uint16_t port);

/* Queues; goes out at the end of this turn as far as the rate allows, in order. `token` (or NULL) comes back through
 * `sent` or `dropped`. False if the queue is full or there is no connection (before `opened`, after a failure): then
 * nothing was queued and nothing comes back. */
bool s2_session_send(struct s2_session *, const void *bytes, size_t len, void *token);
/* Past the queue and the rate, this turn: login, PONG, QUIT. Ignored without a connection. A server that makes us
 * answer and does not read the answers is given up. */
void s2_session_send_now(struct s2_session *, const void *bytes, size_t len);
/* Pieces that wait. */
size_t s2_session_queued(const struct s2_session *);
/* The network told other figures. */
void s2_session_set_rate(struct s2_session *, unsigned burst, uint64_t interval_ms);

/* Stops and restarts reading: back-pressure towards the network. */
void s2_session_pause(struct s2_session *);
void s2_session_resume(struct s2_session *);

enum s2_session_state s2_session_state(const struct s2_session *);
/* "idle", "resolving", ... */
const char *s2_session_state_name(enum s2_session_state);
/* Whether the state machine knows this move. */
bool s2_session_may_move(enum s2_session_state from, enum s2_session_state to);
/* See conn.h: NULL without TLS; "" without a connection. Borrowed. */
/* See conn_binding; false without TLS 1.3. */
bool s2_session_binding(const struct s2_session *, unsigned char out[32]);
/* Bytes that the server has not taken yet, besides those that wait in the queue. */
size_t s2_session_unsent(const struct s2_session *);
const char *s2_session_tls_description(const struct s2_session *);
const char *s2_session_peer(const struct s2_session *);

#endif
