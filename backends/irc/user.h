/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One user of the gateway on IRC: his connections, and which of them a name from the XMPP side means. The callbacks of
 * the backend's table that concern users end here. */
#ifndef BACKENDS_IRC_USER_H
#define BACKENDS_IRC_USER_H

#include <stdbool.h>

#include "backends/irc/address.h"
#include "lib/base/list.h"
#include "lib/io/loop.h"
#include "spectrum2/backend.h"

struct network;

struct user {
	struct s2_user *s2;
	struct list networks; /* struct network */
	char *nick;           /* for joins that name none: the account's */
	char *account, *password;
	char *password_host; /* the only server that may see the password; NULL = the one of service.irc_server */
	char *away;          /* the text while he is away, NULL = he is not */
	struct list contacts; /* contacts.c */
	unsigned contact_count;
	size_t server_index; /* of service.irc_server: the one in use */
	bool connected;      /* s2_connected was called */
};

/* What the configuration says; read once. */
struct settings {
	bool one_server; /* service.irc_server is set: rooms are "#chan", contacts "nick" */
	bool send_pass, rename_on_conflict, verify, reconnect, members;
	const char *identify, *ca_file;
	unsigned burst;
	uint64_t interval_ms, away_poll_ms;
};
extern struct settings settings;
void settings_read(void);

void user_login(struct s2_user *, const struct s2_login *);
void user_logout(struct s2_user *);
void user_set_status(struct s2_user *, enum s2_status, const char *text);
void user_message(struct s2_user *, const struct s2_message *);
void user_set_subject(struct s2_user *, const struct s2_message *);
void user_typing(struct s2_user *, const char *peer, enum s2_typing);
void user_annotate(struct s2_user *, const struct s2_annotation *);
void user_join_room(struct s2_user *, const struct s2_room *);
void user_leave_room(struct s2_user *, const char *room);
void user_room_order(struct s2_user *, const struct s2_room_order *, uint32_t request);

/* What a name from the XMPP side means. */
struct destination {
	struct network *network; /* NULL = there is no such connection */
	struct irc_address address;
	bool has_server;
	const char *server;
	char *name; /* nickname or channel; on the heap */
};
/* False if the name is none. Free destination->name afterwards. */
bool user_resolve(const struct user *, const char *text, struct destination *);
/* His connection to this server; NULL if there is none. */
struct network *user_network(const struct user *, const struct irc_address *);
void user_get_card(struct s2_user *, const char *name, uint32_t request);

/* Ends the user's session for good and frees him: with service.irc_server, when that server does not take him. */
void user_fail(struct user *, enum s2_connection_error, const char *text);
/* The next server of the list; the first again behind the last, which returns false. */
bool user_next_server(struct user *, const char **server);

#endif
