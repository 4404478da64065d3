/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/frontend/avatar.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/encode.h"
#include "lib/base/map.h"
#include "spectrum/frontend/client.h"
#include "spectrum/frontend/pep.h"

/* A user some of whose contacts' pictures have to be looked at. */
struct look {
	bool under_way; /* the network is asked */
	bool again;     /* something was found since the first contact: new ones may stand before this one */
	unsigned at;    /* contact that is next */
	char jid[];
};

struct avatar_work {
	struct frontend *frontend;
	struct avatar_cache *cache;
	struct map looks; /* by the user's JID */
	struct deferred looking;
};

struct avatar_work *avatar_work_new(struct frontend *frontend)
{
	struct avatar_work *work = mem_new(sizeof *work);
	work->frontend = frontend;
	work->cache = avatar_cache_new(frontend->loop, frontend->config);
	return work;
}

void avatar_work_free(struct avatar_work **at)
{
	struct avatar_work *work = *at;
	if (!work)
		return;
	loop_defer_cancel(&work->looking);
	avatar_cache_free(&work->cache);
	MAP_EACH (&work->looks, struct look, look)
		free(look);
	map_fini(&work->looks);
	free(work);
	*at = NULL;
}

static const char *resolve(const struct frontend *frontend, const struct buddy *buddy)
{
	return avatar_cache_resolve(frontend->avatars->cache, buddy_text(buddy, BUDDY_NAME),
	                            buddy_text(buddy, BUDDY_ICON));
}

/* ---- News to clients ---- */

/* `avatar` NULL: there is none any more. */
static void write_metadata(struct writer *writer, const struct avatar *avatar)
{
	xml_open(writer, "metadata", NS_AVATAR_METADATA);
	if (avatar) {
		xml_open(writer, "info", NULL);
		xml_attrf(writer, "bytes", "%zu", avatar->len);
		xml_attr(writer, "id", avatar->hash);
		xml_attr(writer, "type", avatar->type);
		xml_close(writer);
	}
	xml_close(writer);
}

static void tell(struct frontend *frontend, struct user *user, const char *client, const struct buddy *buddy,
                 const struct avatar *avatar)
{
	struct writer *writer = pep_event_open(frontend, user, client, buddy_text(buddy, BUDDY_NAME),
	                                       NS_AVATAR_METADATA, avatar ? avatar->hash : "none");
	if (!writer)
		return;
	write_metadata(writer, avatar);
	pep_event_close(frontend, writer);
}

static bool wants_news(const struct resource *client)
{
	return client_mark(client) & CLIENT_AVATARS;
}

static bool anybody_wants_news(const struct user *user)
{
	const struct resource *client = client_first(user);
	while (client && !wants_news(client))
		client = client_after(client);
	return client;
}

static void tell_all(struct frontend *frontend, struct user *user, const struct buddy *buddy,
                     const struct avatar *avatar)
{
	for (const struct resource *client = client_first(user); client; client = client_after(client)) {
		if (wants_news(client))
			tell(frontend, user, client_name(client), buddy, avatar);
	}
}

/* ---- Looking at pictures ---- */

/* Whether it must be got from the network before it can be told of: its name there is no hash, or a client wants to
 * know its size. */
static bool needs_look(const struct frontend *frontend, const struct buddy *buddy, bool news)
{
	const char *hash = resolve(frontend, buddy);
	return !hash || (news && *hash && !avatar_cache_find(frontend->avatars->cache, hash));
}

static void look_on(void *arg);

/* Whoever is looked after anew begins when the stack is unwound. */
static void look_at(struct frontend *frontend, const struct user *user)
{
	struct avatar_work *work = frontend->avatars;
	const char *jid = user_jid(user);
	if (config_bool(frontend->config, "backend.no_vcard_fetch") || map_get(&work->looks, jid))
		return;
	struct look *look = mem_new(sizeof *look + strlen(jid) + 1);
	strcpy(look->jid, jid);
	map_put(&work->looks, look->jid, look);
	loop_defer(frontend->loop, &work->looking, look_on, work);
}

static void look_end(struct avatar_work *work, struct look *look)
{
	map_remove(&work->looks, look->jid);
	free(look);
}

struct looked {
	struct frontend *frontend;
	char *jid, *name;
};

static void looked(void *arg, const struct s2_card *card)
{
	struct looked *looked = arg;
	struct avatar_work *work = looked->frontend->avatars;
	struct look *look = map_get(&work->looks, looked->jid);
	struct user *user = hub_user(looked->frontend->hub, looked->jid);
	if (look)
		look->under_way = false;
	if (user)
		avatar_learn(looked->frontend, user, looked->name, card);
	/* Where nothing is answered, the rest would not be either: with the next occasion. */
	if (look && (!user || card->condition == S2_REMOTE_SERVER_TIMEOUT))
		look_end(work, look);
	loop_defer(work->frontend->loop, &work->looking, look_on, work);
	free(looked->jid);
	free(looked->name);
	free(looked);
}

static void look_next(struct avatar_work *work, struct look *look)
{
	struct frontend *frontend = work->frontend;
	struct user *user = hub_user(frontend->hub, look->jid);
	const struct buddy *buddy = NULL;
	bool news = user && anybody_wants_news(user);
	while (user && user_is_online(user)) {
		while ((buddy = contact_at(user, look->at)) && !needs_look(frontend, buddy, news))
			look->at++;
		if (buddy || !look->again)
			break;
		look->again = false;
		look->at = 0;
	}
	if (!buddy) {
		look_end(work, look);
		return;
	}
	look->again = true;
	struct looked *looking = mem_new(sizeof *looking);
	*looking = (struct looked){frontend, mem_strdup(look->jid), mem_strdup(buddy_text(buddy, BUDDY_NAME))};
	look->under_way = true;
	profile_get(user, looking->name, looked, looking);
}

static void look_on(void *arg)
{
	struct avatar_work *work = arg;
	MAP_EACH (&work->looks, struct look, look) {
		if (!look->under_way)
			look_next(work, look);
	}
}

const struct avatar *avatar_learn(struct frontend *frontend, struct user *user, const char *name,
                                  const struct s2_card *card)
{
	struct avatar_cache *cache = frontend->avatars->cache;
	const struct buddy *buddy = contact_find(user, name);
	const char *before = buddy ? resolve(frontend, buddy) : NULL;
	bool known = before && *before && avatar_cache_find(cache, before);
	const struct avatar *avatar = avatar_cache_put(cache, card->photo, card->photo_bytes);
	const char *icon = buddy ? buddy_text(buddy, BUDDY_ICON) : "";
	/* Without a name for it the network says that there is none, or never says anything: presence can't tell. */
	if (!*icon || card->condition == S2_REMOTE_SERVER_TIMEOUT)
		return avatar;
	bool same = text_equal(before, avatar ? avatar->hash : "");
	avatar_cache_note(cache, buddy_text(buddy, BUDDY_NAME), icon, avatar ? avatar->hash : "");
	if (!same || !known)
		tell_all(frontend, user, buddy, avatar);
	if (!same)
		contact_present(user, name);
	return avatar;
}

/* ---- Rooms ---- */

void avatar_learn_room(struct frontend *frontend, struct room *room, const struct s2_card *card)
{
	struct avatar_cache *cache = frontend->avatars->cache;
	const char *icon = room_get_info(room)->icon_hash, *name = room_name(room);
	if (text_empty(icon) || card->condition == S2_REMOTE_SERVER_TIMEOUT)
		return;
	const char *before = avatar_cache_resolve(cache, name, icon);
	const struct avatar *avatar = avatar_cache_put(cache, card->photo, card->photo_bytes);
	const char *now = avatar ? avatar->hash : "";
	if (text_equal(before, now))
		return;
	bool news = *now || !text_empty(before);
	avatar_cache_note(cache, name, icon, now);
	if (news)
		room_announce(room, ROOM_CONFIGURED);
}

/* A room whose picture is looked at. */
struct room_look {
	struct frontend *frontend;
	char *jid, *node;
};

static void looked_at_room(void *arg, const struct s2_card *card)
{
	struct room_look *look = arg;
	struct user *user = hub_user(look->frontend->hub, look->jid);
	struct room *room = user ? room_find(user, look->node) : NULL;
	if (room)
		avatar_learn_room(look->frontend, room, card);
	free(look->jid);
	free(look->node);
	free(look);
}

const char *avatar_of_room(struct frontend *frontend, struct user *user, const struct room *room)
{
	const char *icon = room_get_info(room)->icon_hash;
	const char *hash = text_empty(icon) ? "" : avatar_cache_resolve(frontend->avatars->cache, room_name(room), icon);
	if (!hash && user_is_online(user) && !config_bool(frontend->config, "backend.no_vcard_fetch")) {
		struct room_look *look = mem_new(sizeof *look);
		*look = (struct room_look){frontend, mem_strdup(user_jid(user)), mem_strdup(room_node(room))};
		profile_get(user, room_name(room), looked_at_room, look);
	}
	return text_or_null(hash);
}

/* ---- In presence ---- */

void avatar_write_update(struct frontend *frontend, struct writer *writer, const struct user *user,
                         const struct buddy *buddy)
{
	const char *hash = resolve(frontend, buddy);
	xml_open(writer, "x", NS_VCARD_UPDATE);
	xml_leaf(writer, "photo", NULL, hash);
	xml_close(writer);
	if (!hash)
		look_at(frontend, user);
}

void avatar_present_all(struct frontend *frontend, struct user *user, const char *client)
{
	const struct buddy *buddy;
	for (unsigned at = 0; (buddy = contact_at(user, at)); at++) {
		const char *hash = resolve(frontend, buddy);
		const struct avatar *avatar = hash && *hash ? avatar_cache_find(frontend->avatars->cache, hash) : NULL;
		if (avatar)
			tell(frontend, user, client, buddy, avatar);
		else if (!hash || *hash)
			look_at(frontend, user);
	}
}

void avatar_changed(void *arg, struct user *user, const struct buddy *buddy)
{
	struct frontend *frontend = arg;
	const char *hash = resolve(frontend, buddy);
	const struct avatar *avatar = hash && *hash ? avatar_cache_find(frontend->avatars->cache, hash) : NULL;
	if (!anybody_wants_news(user))
		return;
	if (avatar || (hash && !*hash))
		tell_all(frontend, user, buddy, avatar);
	else
		look_at(frontend, user);
}

/* ---- What is asked for ---- */

void avatar_load(struct frontend *frontend, const char *hash, avatar_answer *answer, void *arg)
{
	avatar_cache_load(frontend->avatars->cache, hash, answer, arg);
}

struct question {
	struct frontend *frontend;
	avatar_answer *answer;
	void *arg;
	char *jid, *name;
};

static void question_end(struct question *question, const struct avatar *avatar)
{
	question->answer(question->arg, avatar);
	free(question->jid);
	free(question->name);
	free(question);
}

static void question_profile(void *arg, const struct s2_card *card)
{
	struct question *question = arg;
	struct user *user = hub_user(question->frontend->hub, question->jid);
	question_end(question, user ? avatar_learn(question->frontend, user, question->name, card) : NULL);
}

static void question_file(void *arg, const struct avatar *avatar)
{
	struct question *question = arg;
	struct user *user = avatar ? NULL : hub_user(question->frontend->hub, question->jid);
	if (user)
		profile_get(user, question->name, question_profile, question);
	else
		question_end(question, avatar);
}

void avatar_ask(struct frontend *frontend, struct user *user, const char *name, avatar_answer *answer, void *arg)
{
	const struct buddy *buddy = contact_find(user, name);
	const char *hash = buddy ? resolve(frontend, buddy) : NULL;
	if (buddy && hash && !*hash && *buddy_text(buddy, BUDDY_ICON)) {
		answer(arg, NULL); /* there is one, but none that we can pass on */
		return;
	}
	struct question *question = mem_new(sizeof *question);
	*question = (struct question){frontend, answer, arg, mem_strdup(user_jid(user)), mem_strdup(name)};
	avatar_cache_load(frontend->avatars->cache, hash ? hash : "", question_file, question);
}

/* Somebody who waits for an item. */
struct item_wait {
	struct reply *reply;
	const char *node;
	char *id; /* that was asked for; NULL: any */
};

static void write_item(struct reply *reply, const char *node, const struct avatar *avatar)
{
	struct writer *writer = reply_open(reply);
	struct str base64 = {0};
	pep_open_item(writer, node, avatar->hash);
	if (!strcmp(node, NS_AVATAR_DATA)) {
		base64_encode(&base64, avatar->bytes, avatar->len);
		xml_leaf(writer, "data", NS_AVATAR_DATA, base64.data);
	} else {
		write_metadata(writer, avatar);
	}
	pep_close_item(writer);
	stanza_close(reply->frontend);
	str_fini(&base64);
}

static void item_found(void *arg, const struct avatar *avatar)
{
	struct item_wait *wait = arg;
	struct reply *reply = wait->reply;
	if (avatar && (!wait->id || !strcmp(wait->id, avatar->hash))) {
		write_item(reply, wait->node, avatar);
	} else if (wait->id) {
		reply_refuse(reply, S2_ITEM_NOT_FOUND, "This is no picture of this contact.");
	} else {
		pep_open_item(reply_open(reply), wait->node, NULL);
		stanza_close(reply->frontend);
	}
	reply_free(reply);
	free(wait->id);
	free(wait);
}

static void get_item(struct request *request, const struct buddy *buddy, const char *node, const char *id)
{
	struct item_wait *wait = mem_new(sizeof *wait);
	*wait = (struct item_wait){reply_new(request), node, mem_strdup(id)};
	avatar_ask(request->frontend, request->user, buddy_text(buddy, BUDDY_NAME), item_found, wait);
}

void avatar_get_metadata(struct request *request, const struct buddy *buddy, const char *id)
{
	get_item(request, buddy, NS_AVATAR_METADATA, id);
}

void avatar_get_data(struct request *request, const struct buddy *buddy, const char *id)
{
	get_item(request, buddy, NS_AVATAR_DATA, id);
}
