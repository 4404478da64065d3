/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The inside of a client's stream, for its parts: client.c has the stream and what may come when, client_login.c the
 * log-in, client_session.c the way from there to a session, client_stanza.c its stanzas. */
#ifndef LIB_XMPP_CLIENT_STATE_H
#define LIB_XMPP_CLIENT_STATE_H

#include "lib/xmpp/acks.h"
#include "lib/xmpp/client.h"
#include "lib/xmpp/parser.h"

enum stage {
	STAGE_IDLE, /* no connection */
	STAGE_FEATURES,
	STAGE_STARTTLS, /* waits for <proceed/> */
	STAGE_HANDSHAKE,
	STAGE_SASL,
	STAGE_DERIVING,
	STAGE_AGAIN, /* logged in, waits for the features of the new stream */
	STAGE_RESUMING,
	STAGE_BINDING,
	STAGE_SESSION,  /* RFC 3921 */
	STAGE_ENABLING, /* stream management */
	STAGE_UP,
	STAGE_FAILED,
};

struct client {
	const struct client_events *events;
	void *arg;
	struct client_options options; /* texts are owned */
	struct parser *parser;
	enum stage stage;
	bool secure, has_binding;
	unsigned char binding[SASL_BINDING_BYTES];
	struct sasl *sasl;
	const char *mechanism;
	struct sasl_key key; /* of the last log-in with SCRAM */
	unsigned rounds, redirects;
	bool sasl2;                    /* the log-in is by XEP-0388, with these in the same step: */
	bool inline_resume, inline_sm; /* resuming a session; stream management for a new one */
	bool bound;                    /* the server has made one already */
	bool authenticated, wants_session, has_sm;
	bool sm;      /* stanzas are counted, by both */
	char *resume; /* the session's name; NULL if it can't be resumed */
	char *jid;    /* own, full; NULL before the first log-in */
	char *bare_jid;
	unsigned features; /* client_feature */
	uint32_t received; /* stanzas since stream management began */
	struct acks acks;
	bool asking;
	uint32_t asked, pings;
	uint32_t added; /* stanzas that went into `acks`, modulo 2^32 */
};

/* What may come in a stage. */
typedef void client_handler(struct client *, struct arena *, const struct element *);
/* client_login.c */
client_handler client_proceed, client_tls_failure, client_first_features, client_challenge, client_success,
    client_sasl_failure;
/* client_session.c */
client_handler client_bound_features, client_late_features, client_bind_answer, client_session_answer, client_enabled,
    client_not_enabled, client_resumed, client_not_resumed;
/* client_stanza.c */
client_handler client_take_stanza, client_ack, client_ack_request;

void client_output(struct client *, const char *text);
/* Ends the stream. */
void client_fail(struct client *, const struct client_failure *);
/* The same; `format` has a place for the domain. */
void client_fail_with(struct client *, enum client_class, enum s2_connection_error, const char *condition,
                      const char *format);
/* Something came that has no place here. */
void client_fail_strange(struct client *);
/* A new stream on the connection. */
void client_send_header(struct client *);

/* Logged in by XEP-0388: what the server has done in the same step. What it has not done follows from its features. */
void client_bound_inline(struct client *, struct arena *, const struct element *success);
/* <resume/> inside of an open element or stream. */
void client_write_resume(const struct client *, struct writer *);

/* The server has taken what was sent up to number `handled`; or nobody knows what has become of all that waits. The
 * former is false, with nothing changed, if it was never sent so much. */
bool client_take_sent(struct client *, uint32_t handled);
void client_drop_sent(struct client *);
/* The number of stanzas that stream management's elements tell; false if there is none. */
bool client_read_count(const struct element *, uint32_t *count);

#endif
