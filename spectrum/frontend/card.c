/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Profiles as people ask for them: vcard-temp (XEP-0054), vCard4 (XEP-0292), and what else is in a profile: the program
 * that somebody uses (XEP-0092) and his time (XEP-0202). Those of contacts and occupants come from the network, the
 * gateway has one of its own. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/list.h"
#include "lib/base/map.h"
#include "spectrum/frontend/avatar.h"
#include "spectrum/frontend/card.h"
#include "spectrum/frontend/inside.h"
#include "lib/xmpp/vcard.h"

#define CLIENT_BYTES 256
#define REMEMBERED_MOST 1000
#define REMEMBER_MS 300000

/* ---- What the network has said a short time ago ---- */

struct remembered {
	struct list node;
	uint64_t due;         /* ms, loop_now */
	struct s2_card *card; /* without its picture */
	char *icon;           /* of the contact at that time */
	char hash[IMAGE_HASH_BYTES];
	char key[]; /* the user's JID, \n, the name */
};

struct card_table {
	struct map by_key;
	struct list old; /* the oldest first */
};

struct card_table *card_table_new(void)
{
	struct card_table *table = mem_new(sizeof *table);
	list_init(&table->old);
	return table;
}

static void forget(struct card_table *table, struct remembered *remembered)
{
	map_remove(&table->by_key, remembered->key);
	list_remove(&remembered->node);
	free(remembered->card);
	free(remembered->icon);
	free(remembered);
}

void card_table_free(struct card_table **at)
{
	struct card_table *table = *at;
	if (!table)
		return;
	MAP_EACH (&table->by_key, struct remembered, remembered)
		forget(table, remembered);
	map_fini(&table->by_key);
	free(table);
	*at = NULL;
}

static char *key_of(const char *jid, const char *name)
{
	return mem_printf("%s\n%s", jid, name);
}

static void remember(struct frontend *frontend, const struct user *user, const struct buddy *buddy,
                     const struct s2_card *card, const struct avatar *avatar)
{
	struct card_table *table = frontend->cards;
	char *key = key_of(user_jid(user), buddy_text(buddy, BUDDY_NAME));
	struct remembered *before = map_get(&table->by_key, key);
	if (before || table->by_key.count >= REMEMBERED_MOST)
		forget(table, before ? before : LIST_ITEM(table->old.next, struct remembered, node));
	struct remembered *remembered = mem_new(sizeof *remembered + strlen(key) + 1);
	strcpy(remembered->key, key);
	remembered->due = loop_now(frontend->loop) + REMEMBER_MS;
	remembered->card = vcard_copy(card);
	remembered->icon = mem_strdup(buddy_text(buddy, BUDDY_ICON));
	strcpy(remembered->hash, avatar ? avatar->hash : "");
	map_put(&table->by_key, remembered->key, remembered);
	list_append(&table->old, &remembered->node);
	free(key);
}

/* NULL if it may have changed since. */
static const struct remembered *recall(struct frontend *frontend, const struct user *user, const char *name)
{
	const struct buddy *buddy = contact_find(user, name);
	char *key = key_of(user_jid(user), name);
	const struct remembered *remembered = map_get(&frontend->cards->by_key, key);
	free(key);
	return remembered && buddy && remembered->due > loop_now(frontend->loop) &&
	               !strcmp(remembered->icon, buddy_text(buddy, BUDDY_ICON))
	           ? remembered
	           : NULL;
}

/* ---- Who waits for one ---- */

struct card_wait {
	struct reply *reply;
	char *user, *name, *node;
	bool room; /* and no person */
	card_writer *write;
};

static void wait_end(struct card_wait *wait)
{
	reply_free(wait->reply);
	free(wait->user);
	free(wait->name);
	free(wait->node);
	free(wait);
}

static void got(void *arg, const struct s2_card *card)
{
	struct card_wait *wait = arg;
	struct frontend *frontend = wait->reply->frontend;
	struct user *user = hub_user(frontend->hub, wait->user);
	const struct buddy *buddy = user && !wait->room ? contact_find(user, wait->name) : NULL;
	struct room *room = user && wait->room ? room_find(user, wait->node) : NULL;
	struct s2_card shown = *card;
	if (buddy && text_empty(shown.nickname))
		shown.nickname = text_or_null(buddy_text(buddy, BUDDY_ALIAS));
	if (card->condition != S2_DONE && card->condition != S2_REMOTE_SERVER_TIMEOUT)
		reply_refuse(wait->reply, card->condition, card->text);
	else
		wait->write(wait->reply, &shown);
	if (room)
		avatar_learn_room(frontend, room, card);
	if (buddy) {
		const struct avatar *avatar = avatar_learn(frontend, user, wait->name, card);
		buddy = contact_find(user, wait->name);
		if (card->condition == S2_DONE && buddy)
			remember(frontend, user, buddy, &shown, avatar);
	}
	wait_end(wait);
}

/* The picture of a card that is remembered; if that is gone, the network is asked again. */
static void got_picture(void *arg, const struct avatar *avatar)
{
	struct card_wait *wait = arg;
	struct frontend *frontend = wait->reply->frontend;
	struct user *user = hub_user(frontend->hub, wait->user);
	const struct remembered *remembered = user ? recall(frontend, user, wait->name) : NULL;
	if (!user) {
		reply_refuse(wait->reply, S2_RECIPIENT_UNAVAILABLE, "You have logged out.");
		wait_end(wait);
	} else if (!remembered || !avatar) {
		profile_get(user, wait->name, got, wait);
	} else {
		struct s2_card card = *remembered->card;
		card.photo = avatar->bytes;
		card.photo_bytes = avatar->len;
		wait->write(wait->reply, &card);
		wait_end(wait);
	}
}

void card_ask(struct request *request, card_writer *write)
{
	struct frontend *frontend = request->frontend;
	struct user *user = request->user;
	if (!user) {
		stanza_refuse(request, S2_REGISTRATION_REQUIRED, "Log in to the gateway first.");
		return;
	}
	const char *name = request->room ? room_name(request->room)
	                                 : contact_name(request->arena, user, request->to.node);
	if (request->target == TARGET_OCCUPANT)
		name = arena_printf(request->arena, "%s/%s", name, request->to.resource);
	struct card_wait *wait = mem_new(sizeof *wait);
	*wait = (struct card_wait){.reply = reply_new(request),
	                           .user = mem_strdup(user_jid(user)),
	                           .name = mem_strdup(name),
	                           .node = mem_strdup(request->to.node),
	                           .room = request->target == TARGET_ROOM,
	                           .write = write};
	const struct remembered *remembered = request->target == TARGET_CONTACT ? recall(frontend, user, name) : NULL;
	if (!remembered) {
		profile_get(user, name, got, wait);
	} else if (*remembered->hash) {
		avatar_load(frontend, remembered->hash, got_picture, wait);
	} else {
		write(wait->reply, remembered->card);
		wait_end(wait);
	}
}

/* ---- Cards ---- */

size_t card_photo_most(const struct frontend *frontend)
{
	return (size_t)config_number(frontend->config, "avatars.max_bytes");
}

static void write_card(struct reply *reply, enum vcard_form form, const struct s2_card *card)
{
	struct writer *writer = reply_open(reply);
	vcard_write(writer, form, card, card_photo_most(reply->frontend));
	stanza_close(reply->frontend);
}

static void write_temp(struct reply *reply, const struct s2_card *card)
{
	write_card(reply, VCARD_TEMP, card);
}

static void write_4(struct reply *reply, const struct s2_card *card)
{
	write_card(reply, VCARD_4, card);
}

static void get(struct request *request, enum vcard_form form, card_writer *write)
{
	struct frontend *frontend = request->frontend;
	if (request->target != TARGET_GATEWAY) {
		card_ask(request, write);
		return;
	}
	struct writer *writer = iq_result_open(request);
	vcard_write(writer, form,
	            &(struct s2_card){.full_name = config_text(frontend->config, "identity.name"),
	                              .note = "A gateway to another network."},
	            0);
	stanza_close(frontend);
}

void card_get(struct request *request, const struct element *payload)
{
	get(request, VCARD_TEMP, write_temp);
}

void card_get_4(struct request *request, const struct element *payload)
{
	get(request, VCARD_4, write_4);
}

/* The user's own card, set at the gateway. */
void card_set(struct request *request, const struct element *payload)
{
	struct s2_card card;
	if (!request->user || !user_is_online(request->user)) {
		stanza_refuse(request, S2_REGISTRATION_REQUIRED, "Log in to the gateway first.");
		return;
	}
	if (!vcard_read(request->arena, element_is(payload, NULL, NS_VCARD) ? VCARD_TEMP : VCARD_4, payload, &card)) {
		stanza_refuse(request, S2_BAD_REQUEST, "The picture is no base64.");
		return;
	}
	profile_set(request->user, &card);
	iq_result_empty(request);
}

/* ---- What else is in there ---- */

static void write_version(struct reply *reply, const struct s2_card *card)
{
	if (text_empty(card->client)) {
		reply_refuse(reply, S2_SERVICE_UNAVAILABLE,
		             "The network does not tell which program this person uses.");
		return;
	}
	struct writer *writer = reply_open(reply);
	xml_open(writer, "query", NS_VERSION);
	xml_cut(writer, "name", card->client, CLIENT_BYTES);
	xml_cut(writer, "version", card->client_version ? card->client_version : "", CLIENT_BYTES);
	xml_close(writer);
	stanza_close(reply->frontend);
}

/* "+02:00" or "Z" (XEP-0082). */
static bool is_offset(const char *text)
{
	return text &&
	       (!strcmp(text, "Z") || (strlen(text) == 6 && strspn(text, "+-") == 1 && text[3] == ':' &&
	                               strspn(text + 1, "0123456789") == 2 && strspn(text + 4, "0123456789") == 2));
}

static void write_time(struct reply *reply, const struct s2_card *card)
{
	char now[CLOCK_TEXT_BYTES];
	if (!is_offset(card->timezone)) {
		reply_refuse(reply, S2_SERVICE_UNAVAILABLE,
		             "The network does not tell where this person's clock stands.");
		return;
	}
	clock_format(clock_wall_ms() / 1000 * 1000, now);
	struct writer *writer = reply_open(reply);
	xml_open(writer, "time", NS_TIME);
	xml_leaf(writer, "tzo", NULL, card->timezone);
	xml_leaf(writer, "utc", NULL, now);
	xml_close(writer);
	stanza_close(reply->frontend);
}

void card_version(struct request *request, const struct element *payload)
{
	card_ask(request, write_version);
}

void card_time(struct request *request, const struct element *payload)
{
	card_ask(request, write_time);
}
