/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One user's connection to one IRC server: its life from the first join to QUIT, lines in and out, reconnecting, and
 * the clock for everything that must not wait for ever. */
#ifndef BACKENDS_IRC_NETWORK_H
#define BACKENDS_IRC_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "backends/irc/address.h"
#include "backends/irc/isupport.h"
#include "backends/irc/line.h"
#include "backends/irc/outbox.h"
#include "kit/session.h"
#include "lib/base/list.h"
#include "lib/io/loop.h"
#include "spectrum2/backend.h"

struct user;
struct channel;

enum network_stage {
	NETWORK_OFFLINE,     /* no connection, or not yet */
	NETWORK_NEGOTIATING, /* CAP, NICK and USER went out */
	NETWORK_AUTHENTICATING,
	NETWORK_REGISTERING, /* CAP END went out */
	NETWORK_WELCOMED,    /* 001 came; the end of the MOTD has not */
	NETWORK_IDENTIFYING, /* NickServ was asked */
	NETWORK_READY,
	NETWORK_STAGES
};

enum network_capability {
	CAP_SASL = 1,
	CAP_SERVER_TIME = 2,
	CAP_MESSAGE_TAGS = 4,
	CAP_ECHO_MESSAGE = 8,
	CAP_AWAY_NOTIFY = 16,
	CAP_ACCOUNT_TAG = 32,
	CAP_EXTENDED_JOIN = 64,
	CAP_MULTI_PREFIX = 128,
	CAP_BATCH = 256,
	CAP_CHGHOST = 512,
	CAP_SETNAME = 1024,
	CAP_USERHOST_IN_NAMES = 2048,
	CAP_INVITE_NOTIFY = 4096,
	CAP_LABELED_RESPONSE = 8192,
	CAP_CAP_NOTIFY = 16384,
	CAP_REDACTION = 32768,
	CAP_EXTENDED_MONITOR = 1 << 16,
};

#define NETWORK_BATCHES 8
/* An open batch whose lines answer a labelled line of ours. */
struct network_batch {
	char reference[32];
	unsigned label;
};

struct network {
	struct list node; /* of the user's networks */
	struct user *user;
	struct s2_session *session;
	struct timer *timer;
	uint64_t wake_ms; /* when the timer fires, 0 = it does not run */
	struct irc_address address;
	char *server;    /* as the XMPP side spells it behind '@'; NULL with service.irc_server */
	bool plain_next; /* TLS was a guess; when nobody listens there, the plain port is tried */
	bool guessed;    /* the plain port is such a second try: no password goes there */
	bool was_ready;  /* this connection or one before it stood */
	bool lost_told;  /* the rooms know that the connection is lost */

	enum network_stage stage;
	struct isupport isupport;
	struct line_reader reader;

	/* Logging in. */
	unsigned capabilities, offered, requested;
	unsigned requests; /* CAP REQ that were not answered */
	char *sasl_mechanisms;
	bool authenticated;
	unsigned renames; /* underscores that were tried */
	uint64_t stage_until_ms;
	bool pass_sent;

	char *nick, *wanted_nick;
	char *trying;      /* the nickname that this login asked for */
	char *name, *host; /* our own, as others see them; NULL = not known */
	char *error;       /* the server's last ERROR */
	uint64_t regain_ms, linger_ms;

	struct list channels;
	struct list partings; /* PARTs that were not answered */
	struct outbox outbox;
	struct list orders; /* order.c */
	unsigned next_order;
	struct list correspondents;
	size_t correspondent_count;
	struct network_batch *batches; /* NULL while none is open */
	struct reactions *reactions;   /* reaction.h; NULL while there were none */
	uint64_t ctcp_paid_ms;         /* the rate of CTCP answers is paid for until then */

	uint64_t asked_until_ms; /* numerics are answers to a text command until then */
	char *asked_room;        /* where it was given; NULL = to the server */
	uint64_t typing_ms;      /* when +typing=active may be said again */
	bool paused;             /* the main process takes no more for now */

	struct list inquiries; /* whois.c */
	unsigned inquiry_count;
	uint64_t ison_ms;    /* when the contacts are asked for again, or an answer is given up; 0 = never (contacts.c) */
	uint32_t ison_kinds; /* of the ISONs without an answer, a bit each: for the contacts or not */
	unsigned ison_count;

	uint64_t who_ms;     /* when the next WHO is due, or the running one is given up; 0 = none */
	struct channel *who; /* the one that was asked about */

	/* Set by network_end, carried out when the stack is unwound. */
	bool ending;
	enum s2_condition end_condition;
	enum s2_connection_error end_error;
	char *end_text;
};

/* Starts to connect. `server` is NULL with service.irc_server. */
struct network *network_new(struct user *, const char *server, const struct irc_address *, const char *nick);
/* QUIT, close, forget; pending messages are returned, the XMPP side is told nothing about rooms. */
void network_free(struct network **, const char *quit_text);

/* Ends the connection for good, once the lines that are being read are done: every room ends with `condition`, and with
 * service.irc_server the user's session, too. */
void network_end(struct network *, enum s2_condition, enum s2_connection_error, const char *text);

/* To be called when a callback's work is done: if network_end was called in it, `network` is freed here. */
void network_carry_out_end(struct network *);

/* Queues one line behind the throttle. Parameters as in line_build. False if they are no good or the queue is full. */
bool network_send(struct network *, const char *command, ...) __attribute__((sentinel));
bool network_send_token(struct network *, const struct str *lines, void *token);
/* Past the throttle: what logs in, PONG. */
void network_send_now(struct network *, const char *command, ...) __attribute__((sentinel));

void network_set_stage(struct network *, enum network_stage);
/* Logged in: joins what waits. */
void network_ready(struct network *);
/* Tells the server whether the user is away, if it is ready to hear it. */
void network_send_away(struct network *);
/* Calls network_tick at `when` (loop time) or earlier. */
void network_wake(struct network *, uint64_t when);
uint64_t network_now(const struct network *);
/* The last room left: the connection closes in a moment, unless somebody joins. */
void network_room_left(struct network *);

bool network_is_me(const struct network *, const char *nick);
bool network_same_name(const struct network *, const char *a, const char *b);
/* How the XMPP side calls a person or channel here: "name@server", or "name" with service.irc_server. Valid until the
 * next call but one. */
const char *network_peer(const struct network *, const char *name);
/* The server itself as a contact. */
const char *network_server_peer(const struct network *);
/* Tells the user something in the server's name. */
void network_tell(struct network *, const char *text);

/* How a command or numeric from the server is handled. */
struct network_command {
	const char *name;
	unsigned char least; /* parameters; a line with fewer is passed over */
	bool text;           /* the last parameter is free text: formatting codes stay in it */
	void (*handle)(struct network *, const struct line *); /* NULL = known and of no interest */
};
struct network_commands {
	const struct network_command *table;
	size_t count;
};
extern const struct network_commands login_commands, nick_commands, room_commands, roster_commands, talk_commands,
    whois_commands, contact_commands, order_commands;
/* Builds the table of all of them; once, at the start. */
void network_commands_init(void);
void network_commands_fini(void);
/* For numerics from 400 on that no table names. */
void network_error_numeric(struct network *, const struct line *, unsigned numeric);

/* Free text of a line: without formatting codes, fit for XML. Lives until the line is done. */
const char *network_text(struct network *, const char *text);

#endif
