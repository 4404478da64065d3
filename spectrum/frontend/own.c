/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/frontend/own.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/encode.h"
#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/io/file.h"
#include "lib/xmpp/image.h"
#include "spectrum/frontend/iq.h"
#include "lib/xmpp/vcard.h"

#define LOG_AREA "own"
#define SETTING "photohash"
#define DEFAULT_SETTING "default_photohash"
#define WAIT_MS 20000
#define FILE_BYTES (1u << 20) /* of a picture of the configuration's */

/* A user whose picture may have to be fetched. */
struct news {
	bool under_way;
	char hash[IMAGE_HASH_BYTES]; /* what was heard last, "": none */
	char asked[IMAGE_HASH_BYTES];
	struct s2_card *card; /* what his vCard says, while the picture is fetched elsewhere */
	char jid[];
};

struct own_work {
	struct frontend *frontend;
	struct map news; /* by JID */
	struct file_jobs files;
	struct list searches; /* struct search */
};

/* For a picture of the configuration's, for a user without one. */
struct search {
	struct list node;
	struct own_work *work;
	bool is_default; /* of all users, not his own file */
	char jid[];
};

struct own_work *own_work_new(struct frontend *frontend)
{
	struct own_work *work = mem_new(sizeof *work);
	work->frontend = frontend;
	file_jobs_init(&work->files, frontend->loop);
	list_init(&work->searches);
	return work;
}

static void news_end(struct own_work *work, struct news *news)
{
	map_remove(&work->news, news->jid);
	free(news->card);
	free(news);
}

void own_work_free(struct own_work **at)
{
	struct own_work *work = *at;
	if (!work)
		return;
	file_jobs_abandon(&work->files);
	LIST_EACH (&work->searches, node)
		free(LIST_ITEM(node, struct search, node));
	MAP_EACH (&work->news, struct news, news)
		news_end(work, news);
	map_fini(&work->news);
	free(work);
	*at = NULL;
}

/* ---- Fetching ---- */

static void advance(struct own_work *, struct news *, struct user *);

static void nobody_asked(void *arg, const struct account_info *info, enum s2_condition condition, const char *text)
{
}

static bool is_asked_for(const struct s2_card *card, const char *hash)
{
	char made[IMAGE_HASH_BYTES];
	if (!card->photo || !image_type(card->photo, card->photo_bytes))
		return !*hash;
	image_hash(card->photo, card->photo_bytes, made);
	return !strcmp(made, hash);
}

/* The network gets the card, or (NULL) nothing: the picture can't be had. Either way it is not asked for again. */
static void hand_over(struct own_work *work, struct news *news, struct user *user, const struct s2_card *card)
{
	struct hub *hub = work->frontend->hub;
	if (card)
		profile_set(user, card);
	else
		log_info("the picture that was announced can't be had user=%s", news->jid);
	/* What it had before it does not have any more. */
	struct s2_setting made[] = {{SETTING, news->asked}, {DEFAULT_SETTING, ""}};
	news->under_way = false;
	setting_change(hub, news->jid, made, user_setting(user, DEFAULT_SETTING) ? 2 : 1, nobody_asked, NULL);
	user = hub_user(hub, news->jid);
	if (user && strcmp(news->hash, news->asked) != 0)
		advance(work, news, user);
	else
		news_end(work, news);
}

/* NULL if there is nothing to do any more. */
static struct news *news_of(const struct iq *iq, struct user **user)
{
	struct own_work *work = iq->frontend->own;
	struct news *news = map_get(&work->news, iq->to);
	*user = hub_user(iq->frontend->hub, iq->to);
	if (news && (!*user || !user_is_online(*user) || iq->end == IQ_LOST || iq->end == IQ_TIMEOUT)) {
		news_end(work, news); /* it will be heard of again */
		return NULL;
	}
	return news;
}

static void data_came(const struct iq *iq)
{
	struct user *user;
	struct news *news = news_of(iq, &user);
	if (!news)
		return;
	const struct element *pubsub = element_child(iq->answer, "pubsub", NS_PUBSUB);
	const struct element *item = element_child(element_child(pubsub, "items", NULL), "item", NULL);
	const char *base64 = element_child_text(iq->arena, item, "data", NS_AVATAR_DATA);
	struct s2_card card = news->card ? *news->card : (struct s2_card){0};
	struct str bytes = {0};
	if (base64 && base64_decode(&bytes, base64, strlen(base64)) && bytes.len) {
		card.photo = bytes.data;
		card.photo_bytes = bytes.len;
	}
	hand_over(iq->frontend->own, news, user, is_asked_for(&card, news->asked) ? &card : NULL);
	str_fini(&bytes);
}

static bool ask_for_data(struct own_work *work, struct news *news)
{
	struct iq_table *iqs = work->frontend->iqs;
	struct writer *writer = privileged_iq_open(iqs, "get", news->jid, NS_PUBSUB, NULL, WAIT_MS, data_came, NULL);
	bool privileged = writer;
	if (!writer)
		writer = iq_open(iqs, "get", news->jid, WAIT_MS, data_came, NULL);
	if (!writer)
		return false;
	xml_open(writer, "pubsub", NS_PUBSUB);
	xml_open(writer, "items", NULL);
	xml_attr(writer, "node", NS_AVATAR_DATA);
	xml_open(writer, "item", NULL);
	xml_attr(writer, "id", news->asked);
	xml_close(writer);
	xml_close(writer);
	xml_close(writer);
	if (privileged)
		privileged_iq_close(iqs, writer);
	else
		stanza_close(work->frontend);
	return true;
}

static void card_came(const struct iq *iq)
{
	struct own_work *work = iq->frontend->own;
	struct user *user;
	struct news *news = news_of(iq, &user);
	if (!news)
		return;
	const struct element *vcard = iq->end == IQ_RESULT ? element_child(iq->answer, "vCard", NS_VCARD) : NULL;
	struct s2_card card = {0};
	if (vcard && !vcard_read(iq->arena, VCARD_TEMP, vcard, &card))
		card.photo = NULL;
	if (is_asked_for(&card, news->asked)) {
		hand_over(work, news, user, &card);
		return;
	}
	if (!*news->asked) { /* no picture any more, whatever the card still says */
		card.photo = NULL;
		card.photo_bytes = 0;
		hand_over(work, news, user, &card);
		return;
	}
	free(news->card);
	news->card = vcard_copy(&card);
	if (!ask_for_data(work, news))
		news_end(work, news);
}

static void advance(struct own_work *work, struct news *news, struct user *user)
{
	struct frontend *frontend = work->frontend;
	const char *known = user_setting(user, SETTING);
	if (news->under_way || !user_is_online(user))
		return;
	if (!strcmp(news->hash, known ? known : "")) {
		news_end(work, news);
		return;
	}
	struct writer *writer = iq_open(frontend->iqs, "get", news->jid, WAIT_MS, card_came, NULL);
	if (!writer) {
		news_end(work, news);
		return;
	}
	xml_empty(writer, "vCard", NS_VCARD);
	stanza_close(frontend);
	memcpy(news->asked, news->hash, sizeof news->asked);
	news->under_way = true;
}

/* ---- Hearing ---- */

static void hear(struct frontend *frontend, struct user *user, const char *hash)
{
	struct own_work *work = frontend->own;
	const char *jid = user_jid(user), *known = user_setting(user, SETTING);
	struct news *news = map_get(&work->news, jid);
	if (*hash && strlen(hash) != IMAGE_HASH_BYTES - 1)
		return;
	if (!config_bool(frontend->config, "features.own_card") ||
	    (!news && user_is_online(user) && !strcmp(hash, known ? known : "")))
		return;
	if (!news) {
		news = mem_new(sizeof *news + strlen(jid) + 1);
		strcpy(news->jid, jid);
		map_put(&work->news, news->jid, news);
	}
	memcpy(news->hash, hash, strlen(hash) + 1);
	advance(work, news, user);
}

void own_present(struct request *request)
{
	const struct element *update = element_child(request->stanza, "x", NS_VCARD_UPDATE);
	/* Without <photo/> the client does not know it itself (XEP-0153 section 4.3). */
	const char *hash = element_child_text(request->arena, update, "photo", NULL);
	struct user *user = hub_user(request->frontend->hub, request->from.bare);
	if (hash && user)
		hear(request->frontend, user, hash);
}

bool own_event(struct request *request)
{
	const struct element *event = element_child(request->stanza, "event", NS_PUBSUB_EVENT);
	const struct element *items = element_child(event, "items", NULL);
	const struct element *item = element_child(items, "item", NULL);
	const struct element *metadata = element_child(item, "metadata", NS_AVATAR_METADATA);
	if (!event)
		return false;
	if (!request->user || *request->from.resource || !metadata ||
	    !text_equal(element_get(items, "node"), NS_AVATAR_METADATA))
		return true;
	const char *id = element_get(element_child(metadata, "info", NULL), "id");
	hear(request->frontend, request->user, id ? id : "");
	return true;
}

/* ---- Pictures of the configuration's ---- */

static bool search_on(struct search *, const struct user *);

static void found(void *arg, const void *bytes, size_t len)
{
	struct search *search = arg;
	struct hub *hub = search->work->frontend->hub;
	struct user *user = hub_user(hub, search->jid);
	char hash[IMAGE_HASH_BYTES];
	if (user && !bytes && !search->is_default) {
		search->is_default = true;
		if (search_on(search, user))
			return;
	}
	if (user && user_is_online(user) && bytes && !image_type(bytes, len)) {
		log_warn("a picture of the configuration's is none that networks know user=%s", search->jid);
	} else if (user && user_is_online(user) && bytes) {
		image_hash(bytes, len, hash);
		if (text_empty(user_setting(user, SETTING)) && !text_equal(user_setting(user, DEFAULT_SETTING), hash)) {
			struct s2_setting made = {DEFAULT_SETTING, hash};
			profile_set(user, &(struct s2_card){.photo = bytes, .photo_bytes = len});
			setting_change(hub, search->jid, &made, 1, nobody_asked, NULL);
		}
	}
	list_remove(&search->node);
	free(search);
}

/* Names come from users: only what is a plain file name may become a part of a path. */
static bool is_file_name(const char *name)
{
	return *name && *name != '.' && strlen(name) <= 255 && !strchr(name, '/');
}

/* False if there is no such file to look for. */
static bool search_on(struct search *search, const struct user *user)
{
	const struct config *config = search->work->frontend->config;
	const char *directory = config_text(config, "backend.avatars_directory");
	const char *one = config_text(config, "backend.default_avatar"), *name = user_name(user);
	bool own = !search->is_default && !text_empty(directory) && is_file_name(name);
	if (!own && text_empty(one))
		return false;
	search->is_default = !own;
	char *path = own ? mem_printf("%s/%s", directory, name) : mem_strdup(one);
	file_read(&search->work->files, path, FILE_BYTES, found, search);
	free(path);
	return true;
}

static void give_default(struct own_work *work, const struct user *user)
{
	const char *known = user_setting(user, SETTING), *jid = user_jid(user);
	if (!text_empty(known) || !config_bool(work->frontend->config, "features.own_card"))
		return;
	struct search *search = mem_new(sizeof *search + strlen(jid) + 1);
	search->work = work;
	strcpy(search->jid, jid);
	list_append(&work->searches, &search->node);
	if (search_on(search, user))
		return;
	list_remove(&search->node);
	free(search);
}

void own_online(struct frontend *frontend, struct user *user)
{
	struct news *news = map_get(&frontend->own->news, user_jid(user));
	bool has_one = news && *news->hash;
	if (news)
		advance(frontend->own, news, user);
	if (!has_one)
		give_default(frontend->own, user);
}

void own_offline(struct frontend *frontend, const struct user *user)
{
	struct news *news = map_get(&frontend->own->news, user_jid(user));
	if (news)
		news_end(frontend->own, news);
}
