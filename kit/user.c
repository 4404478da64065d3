/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kit/user.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit/held.h"
#include "kit/kit.h"
#include "kit/send.h"
#include "kit/state.h"
#include "lib/base/log.h"
#include "lib/base/random.h"
#include "lib/base/str.h"

#define LOG_AREA "kit"
#define ARENA_PIECE 480 /* bytes: names, settings, and what the backend makes of them */

/* ---- Users ---- */

struct s2_user *kit_user_new(const char *jid, const struct s2_login *login)
{
	struct arena arena = {.piece = ARENA_PIECE};
	struct s2_user *user = arena_alloc(&arena, sizeof *user);
	user->jid = arena_strdup(&arena, jid);
	user->name = arena_strdup(&arena, login->name);
	struct s2_setting *settings = arena_alloc(&arena, login->setting_count * sizeof *settings);
	for (size_t i = 0; i < login->setting_count; i++) {
		settings[i].key = arena_strdup(&arena, login->settings[i].key);
		settings[i].value = arena_strdup(&arena, login->settings[i].value);
	}
	user->settings = settings;
	user->setting_count = login->setting_count;
	user->arena = arena;
	list_init(&user->pending);
	map_put(&kit.users, user->jid, user);
	return user;
}

void kit_user_free(struct s2_user *user)
{
	kit_held_drop(user);
	while (!list_empty(&user->pending))
		kit_pending_end(user, LIST_ITEM(user->pending.next, struct pending, node), S2_RECIPIENT_UNAVAILABLE,
		                "The session with the network ended before the message was confirmed.", NULL);
	if (kit.user_gone)
		kit.user_gone(user);
	map_remove(&kit.users, user->jid);
	/* He lives on his own arena. */
	struct arena arena = user->arena;
	arena_fini(&arena);
}

void kit_user_logout(struct s2_user *user)
{
	user->leaving = true;
	if (kit.backend->logout)
		kit.backend->logout(user);
	kit_user_free(user);
}

void kit_users_logout(void)
{
	MAP_EACH (&kit.users, struct s2_user, user) {
		kit_user_logout(user);
	}
}

const char *s2_user_jid(const struct s2_user *user)
{
	return user->jid;
}

const char *s2_user_name(const struct s2_user *user)
{
	return user->name;
}

const char *s2_user_setting(const struct s2_user *user, const char *key)
{
	for (size_t i = 0; i < user->setting_count; i++)
		if (!strcmp(user->settings[i].key, key))
			return user->settings[i].value;
	return NULL;
}

void *s2_user_data(const struct s2_user *user)
{
	return user->data;
}

void s2_user_set_data(struct s2_user *user, void *data)
{
	user->data = data;
}

struct s2_user *s2_user_find(const char *jid)
{
	return jid ? map_get(&kit.users, jid) : NULL;
}

struct arena *kit_user_arena(struct s2_user *user)
{
	return &user->arena;
}

/* ---- Messages that wait ---- */

struct pending *kit_pending_new(const char *id, const char *peer)
{
	size_t id_bytes = strlen(id) + 1, peer_bytes = strlen(peer) + 1;
	struct pending *pending = mem_new(sizeof *pending + id_bytes + peer_bytes);
	char *text = (char *)(pending + 1);
	list_init(&pending->node);
	pending->id = memcpy(text, id, id_bytes);
	pending->peer = memcpy(text + id_bytes, peer, peer_bytes);
	pending->owned = true;
	return pending;
}

void kit_pending_add(struct s2_user *user, struct pending *pending)
{
	list_append(&user->pending, &pending->node);
	user->pending_count++;
}

bool kit_pending_waits(const struct pending *pending)
{
	return !list_empty(&pending->node);
}

void kit_pending_end(struct s2_user *user, struct pending *pending, enum s2_condition condition, const char *text,
                     const char *network_id)
{
	list_remove(&pending->node);
	user->pending_count--;
	kit_held_named(user, pending->id, pending->peer, network_id);
	if (kit.extended && !kit_id_is_local(pending->id))
		kit_send_done(user->jid, pending->id, pending->peer, condition, text, network_id);
	else if (condition != S2_DONE)
		kit_tell_refusal(user, pending->peer, condition, text);
	if (pending->owned)
		free(pending);
}

struct pending *kit_pending_find(struct s2_user *user, const char *id, const char *peer)
{
	struct pending *first = NULL;
	LIST_EACH (&user->pending, node) {
		struct pending *pending = LIST_ITEM(node, struct pending, node);
		if (strcmp(pending->id, id))
			continue;
		if (text_empty(peer) || !strcmp(pending->peer, peer))
			return pending;
		if (!first)
			first = pending;
	}
	return first;
}

#define LOCAL_PREFIX_BYTES 12
static char local_prefix[LOCAL_PREFIX_BYTES + 1];

const char *kit_local_id(void)
{
	static char id[LOCAL_PREFIX_BYTES + 24];
	static unsigned long long counter;
	if (!*local_prefix)
		random_id(local_prefix, LOCAL_PREFIX_BYTES);
	snprintf(id, sizeof id, "%s-%llu", local_prefix, ++counter);
	return id;
}

bool kit_id_is_local(const char *id)
{
	return *local_prefix && !strncmp(id, local_prefix, LOCAL_PREFIX_BYTES);
}

void kit_tell_refusal(struct s2_user *user, const char *peer, enum s2_condition condition, const char *text)
{
	struct str body = {0};
	str_adds(&body, "Your message was not delivered");
	if (!text_empty(text))
		str_addf(&body, ": %s", text);
	else
		str_addf(&body, " (%s).",
		         condition == S2_FEATURE_NOT_IMPLEMENTED ? "this network has no such thing"
		                                                 : "the network refused it");
	struct s2_message message = {.peer = peer, .body = str_text(&body)};
	s2_message(user, &message);
	str_fini(&body);
}
