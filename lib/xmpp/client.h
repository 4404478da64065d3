/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A client's stream to an XMPP server (RFC 6120): header, STARTTLS, SASL, resource binding, stream management with
 * resumption (XEP-0198). Pure: bytes go in and come out, and there is no socket, clock or thread in it, so that a
 * backend, a check of a password and a fuzzer can drive it alike. See lib/xmpp/login.h for a log-in with all that
 * belongs to it. */
#ifndef LIB_XMPP_CLIENT_H
#define LIB_XMPP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/xmpp/element.h"
#include "lib/xmpp/sasl.h"
#include "lib/xmpp/writer.h"
#include "spectrum2/types.h"

struct client;

/* What is to be done about a failure. */
enum client_class {
	CLIENT_FATAL,    /* the next try would end alike */
	CLIENT_RETRY,    /* after a while */
	CLIENT_REDIRECT, /* at once, at `host` and `port` (RFC 6120 section 4.9.3.19) */
};

struct client_failure {
	enum client_class what;
	enum s2_connection_error error;
	const char *condition; /* the stream's or SASL's, "" if it is neither */
	const char *text;      /* sentences for people */
	const char *host;      /* of a redirection */
	uint16_t port;         /* 5222 if none was given */
};

/* Any may be NULL but `output`. The client must not be freed inside of them. */
struct client_events {
	/* To the server, in this order. */
	void (*output)(void *arg, const char *bytes, size_t len);
	/* The server agreed: begin with TLS, then client_secured. */
	void (*start_tls)(void *arg);
	/* Compute the key (sasl_derive), on any thread, then client_derived. NULL: done at once, in here. */
	void (*derive)(void *arg, const struct sasl_key *wanted);
	/* Logged in. `resumed`: the session of before goes on, and nothing was lost. Else all is new, and what was not
	 * acknowledged was `dropped` before. */
	void (*bound)(void *arg, bool resumed);
	/* A message, presence or iq; `arena` is reset after the call. */
	void (*stanza)(void *arg, struct arena *, const struct element *);
	/* The server has taken the stanza with this token; or nobody knows whether it has. One of the two is called
	 * exactly once for each client_send that returned true and had a token; client_free calls the second. */
	void (*acked)(void *arg, void *token);
	void (*dropped)(void *arg, void *token);
	/* The stream is over; close the connection. Nothing follows until the next client_begin. */
	void (*failed)(void *arg, const struct client_failure *);
};

/* Texts are copied. */
struct client_options {
	const char *node, *domain; /* prepared (jid.h) */
	const char *resource;      /* NULL: the server makes one */
	const char *agent; /* a UUID of this client: then, where the server can, all is done in one step (XEP-0386), and
	                      the resource is made of it. NULL: `resource` counts */
	const char *password;
	bool require_tls;      /* without TLS no log-in at all; a password is never shown without it in any case */
	bool no_resumption;    /* the stream is for a moment only */
	size_t stanza_bytes;   /* largest stanza that is taken: 0 = 1 MiB */
	unsigned stanza_nodes; /* 0 = 32768 */
	size_t queue_bytes;    /* of stanzas that are not acknowledged: 0 = 512 KiB */
};

struct client *client_new(const struct client_options *, const struct client_events *, void *arg);
void client_free(struct client **);

/* A connection stands. `secure`: it has TLS already; `binding`: SASL_BINDING_BYTES of it (conn_binding), or NULL. */
void client_begin(struct client *, bool secure, const unsigned char *binding);
/* The TLS of `start_tls` stands. */
void client_secured(struct client *, const unsigned char *binding);
/* Bytes from the server. */
void client_input(struct client *, const char *bytes, size_t len);
void client_derived(struct client *, const struct sasl_key *);
/* The connection is gone. What was not acknowledged waits for the next one, if the server lets sessions be resumed. */
void client_lost(struct client *);
/* Says goodbye: the session ends on the server, too. */
void client_end(struct client *);

/* Begins a stanza ("message", "presence", "iq"): write into it with xml_*, then client_send. One at a time in the
 * process. */
struct writer *client_stanza(struct client *, const char *name);
/* Closes it and sends it. False if it was not sent: there is no session now, or too much waits to be acknowledged. Then
 * nothing is told about the token. */
bool client_send(struct client *, void *token);
/* At the end of a turn: asks for acknowledgement of what was sent. While a question is under way its answer does so. */
void client_flush(struct client *);
/* Asks in any case: a sign of life. */
void client_ask(struct client *);
/* A question of client_flush or client_ask is not answered yet. */
bool client_is_asking(const struct client *);

/* Bound, and neither lost nor failed. */
bool client_is_up(const struct client *);
/* The own full JID, the server's choice; "" before the first log-in. */
const char *client_jid(const struct client *);
const char *client_bare_jid(const struct client *);
const char *client_domain(const struct client *);
/* How the last log-in was done, "SCRAM-SHA-256-PLUS"; "" before the first. */
const char *client_mechanism(const struct client *);
/* Whether the server acknowledges by XEP-0198; else pings stand in. */
bool client_has_acks(const struct client *);
/* The features that the server announced to the bound stream: <name xmlns='ns'/>. Few are kept. */
enum client_feature {
	CLIENT_ROSTER_VERSIONS = 1, /* RFC 6121 section 2.6 */
	CLIENT_PRE_APPROVAL = 2,    /* section 3.4 */
	CLIENT_CSI = 4,             /* XEP-0352 */
};
bool client_offers(const struct client *, enum client_feature);

#endif
