/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One user of the gateway and his session on an XMPP server: its life from log-in to log-out, through breaks of the
 * connection. The other files hold what goes across: contacts (roster), messages (talk), rooms (room), profiles (card),
 * what was missed (archive). */
#ifndef BACKENDS_XMPP_USER_H
#define BACKENDS_XMPP_USER_H

#include <stdbool.h>
#include <stdint.h>

#include "backends/xmpp/account.h"
#include "kit/session.h"
#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/io/loop.h"
#include "lib/io/work.h"
#include "lib/xmpp/client.h"
#include "spectrum2/backend.h"

struct settings {
	bool verify, require_tls, archive, bookmarks;
	const char *server;  /* "" = by DNS */
	const char *ca_file; /* NULL = the system's */
	const char *gateway; /* service.jid */
};
extern struct settings settings;
/* From the configuration, and starts the clock; once. */
void settings_read(void);
void settings_stop(void);

struct user {
	struct list node;  /* of all users */
	struct s2_user *s2;
	struct account account; /* on the user's arena */
	char *password;
	struct s2_session *session;
	struct client *client;
	struct work *work; /* a key is being made */
	struct flusher flusher;
	uint64_t asked_ms;  /* since when the server owes an acknowledgement, 0 = it does not */
	uint64_t lost_ms;   /* since when there is no connection, 0 = there is one */
	uint64_t settle_ms; /* when contacts that have not shown up again are offline, 0 = all is settled */
	bool connected;     /* the main process knows that we are logged in */
	bool ready;         /* this session's roster is there, presence went out */
	bool paused;        /* the main process takes no more for now */
	bool spoken;        /* failure texts that are sentences already */
	bool redirected;    /* to another host than the account's */
	char *redirect_host;
	uint16_t redirect_port;

	enum s2_status status; /* what the user is, NONE = not known yet */
	char *status_text;
	char *photo_hash; /* of the own picture, "" = there is none, NULL = not known */

	struct list requests; /* iq.c */
	unsigned request_number;
	struct map contacts;       /* roster.c */
	struct list sent, waiting; /* outbox.c */
	size_t waiting_count;
	uint64_t *known_ids; /* hashes of ids that were sent; NULL while there are none */
	unsigned known_next;
	struct map rooms; /* room.c */
	struct archive *archive;
	struct places *places; /* while the list of rooms is being made */
	char *bookmarked;      /* rooms that a bookmark lets him join by itself: each between two \n; NULL: none */
	bool listed;           /* it was made */
	char *room_service;    /* of the own server; NULL = none is known */

	/* Set by user_end, carried out when the stack is unwound. */
	struct deferred ending;
	enum s2_connection_error end_error;
	char *end_text;
};

/* The callbacks of spectrum2/backend.h. */
void user_login(struct s2_user *, const struct s2_login *);
void user_logout(struct s2_user *);

/* Ends the session for good, once the stack is unwound. `text` for people. */
void user_end(struct user *, enum s2_connection_error, const char *text);
/* Sends the stanza that is being written; false if it was not sent, see client_send. */
bool user_send(struct user *, void *token);
/* There is a session, and its roster has come. */
bool user_is_ready(const struct user *);
/* The roster is there: the log-in is complete. */
void user_ready(struct user *);
uint64_t user_now(void);

#endif
