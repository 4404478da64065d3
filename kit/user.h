/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The users that are logged in, and the messages of each that are not confirmed yet. */
#ifndef KIT_USER_H
#define KIT_USER_H

#include "lib/base/list.h"
#include "lib/base/mem.h"
#include "spectrum2/backend.h"

/* Messages of one user that may wait for the network at once. */
#define PENDING_MOST 1024

struct s2_user {
	struct arena arena; /* holds the strings, and what the backend puts there */
	const char *jid, *name;
	const struct s2_setting *settings;
	size_t setting_count;
	void *data;
	struct list pending; /* struct pending, oldest first */
	unsigned pending_count;
	bool leaving; /* inside of the backend's `logout` */
};

/* A message whose result the main process waits for. */
struct pending {
	struct list node;
	const char *id, *peer;
	bool owned; /* on the heap, waits for s2_message_result; else on the stack of its callback */
};

struct s2_user *kit_user_new(const char *jid, const struct s2_login *);
/* Refuses what is pending and frees him; the backend is not asked. */
void kit_user_free(struct s2_user *);
/* Tells the backend first. */
void kit_user_logout(struct s2_user *);
void kit_users_logout(void);

/* On the heap, with copies. */
struct pending *kit_pending_new(const char *id, const char *peer);
void kit_pending_add(struct s2_user *, struct pending *);
/* Whether nobody ended it meanwhile; a pending on the stack outlives its user. */
bool kit_pending_waits(const struct pending *);
/* Tells the main process and frees what is on the heap. */
void kit_pending_end(struct s2_user *, struct pending *, enum s2_condition, const char *text, const char *network_id);
/* The oldest one with this id, if possible also for this peer; NULL if there is none. */
struct pending *kit_pending_find(struct s2_user *, const char *id, const char *peer);

/* For a message that came without an id: one that the main process will never see. Borrowed until the next call. */
const char *kit_local_id(void);
bool kit_id_is_local(const char *id);
/* A message was refused that no MESSAGE_RESULT can be sent for: the user reads it in the conversation. */
void kit_tell_refusal(struct s2_user *, const char *peer, enum s2_condition, const char *text);

#endif
