/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One channel of one user: joined, being joined, or waiting for the connection; and how it is shown as a room. */
#ifndef BACKENDS_IRC_CHANNEL_H
#define BACKENDS_IRC_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "backends/irc/occupants.h"
#include "lib/base/list.h"
#include "spectrum2/backend.h"

struct network;

enum channel_state {
	CHANNEL_WAITING, /* for the connection */
	CHANNEL_JOINING, /* JOIN is queued or sent */
	CHANNEL_NAMES,   /* we are in; the names are coming */
	CHANNEL_JOINED,  /* the XMPP side was told */
	CHANNEL_STATES
};

struct channel {
	struct list node;
	struct network *network;
	char *name;     /* as JOIN has it */
	char *room;     /* as the XMPP side calls it */
	char *nickname; /* what the join asked for; NULL once the room knows the true one */
	char *key;
	enum channel_state state;
	bool entered; /* the XMPP side believes itself in the room: it was joined before the connection was lost */
	uint64_t deadline_ms; /* the join fails then; 0 = its line has not gone out */
	uintptr_t join_token;
	struct occupants occupants;
	char *topic, *topic_author; /* the author as nick!user@host or nick */
	int64_t topic_time;
	uint32_t modes; /* modes.c: a bit for each letter */
	unsigned limit; /* +l, 0 = none */
	bool modes_known;
	uint64_t who_ms; /* when to ask who is away; 0 = not at all */
};

struct channel *channel_new(struct network *, const char *name, const char *room);
void channel_free(struct channel **);
/* NULL if the user is not there and does not want to be. */
struct channel *channel_find(const struct network *, const char *name);
void channel_set_state(struct channel *, enum channel_state);

/* Sends JOIN for all that wait, as few lines as they fit into. */
void channels_join(struct network *);
/* The join with this token went out: the time for an answer starts. */
void channels_join_sent(struct network *, uintptr_t token);
/* The connection is lost: joins that have just been asked for fail, all others wait again; their occupants are kept
 * until the next names show who left. */
void channels_lost(struct network *, enum s2_condition, const char *text);
/* Fails joins that had no answer; next deadline through network_wake. */
void channels_tick(struct network *, uint64_t now);

/* The user leaves: PART, if there is anything to leave; frees it. */
void channel_leave(struct channel *);
/* The server answered a PART of ours (or refuses it): true if one was on its way for this channel. Until then the
 * server's JOIN still belongs to the stay that has ended. */
bool channels_parted(struct network *, const char *name);
bool channels_parting(const struct network *, const char *name);
void channels_forget_partings(struct network *);

/* Ends it for the XMPP side with an error, and frees it. */
void channel_refuse(struct channel *, enum s2_condition, const char *text);
/* The names are complete: shows everybody (or, after a reconnect, who has changed), ourselves last, then the subject.
 */
void channel_complete(struct channel *);
/* Everything once more, for another client that joins. */
void channel_show_again(struct channel *);

/* Shows one occupant as he is now. */
void channel_show(struct channel *, struct occupant *, const char *status_text);
/* He left: shows that, forgets him. `flags` besides S2_PARTICIPANT_ME; `actor` and `text` may be NULL. If it is the
 * user himself the channel is freed: returns false. */
bool channel_part(struct channel *, const char *nick, unsigned flags, const char *actor, const char *text);
/* Renames; nothing happens if nobody of that name is there. */
void channel_rename(struct channel *, const char *from, const char *to);
void channel_show_topic(struct channel *);
/* A message from the room itself. */
void channel_tell(struct channel *, const char *text);

#endif
