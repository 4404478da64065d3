/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All accounts of it are items of the server's own, one for each, so that the start finds them together; password and
 * keys are one secret, so that there is never one without the other. */
#include "spectrum/server/keyring.h"

#include <openssl/crypto.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/encode.h"
#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/base/random.h"
#include "lib/io/work.h"

#define LOG_AREA "keyring"
#define KEY "service.store_passwords"
#define KIND "password"
#define ITERATIONS 10000
#define ITERATIONS_MOST 10000000
#define SALT_BYTES 16
#define FORM "%u %44s %44s %44s%n" /* a blank and the password follow */

struct entry {
	struct sasl_keys keys;
	char jid[];
};

struct keyring {
	struct loop *loop;
	struct hub *hub;
	const char *owner; /* the server */
	bool any;          /* somebody's password may be kept */
	bool ready;
	regex_t pattern;
	struct map entries; /* by JID */
	struct map makings; /* likewise */
	void (*tell)(void *arg);
	void *arg;
};

/* A password on its way: keys are made, then all is written. */
struct making {
	struct keyring *keyring;
	struct work *work;
	struct sasl_keys known, keys;
	bool good;    /* keys can be made */
	bool renewed; /* they are not the known ones */
	bool overtaken;
	char *password;
	char jid[];
};

/* ---- Who ---- */

struct keyring *keyring_new(struct loop *loop, const struct config *config, char **error)
{
	struct keyring *keyring = mem_new(sizeof *keyring);
	const char *pattern = config_text(config, KEY);
	keyring->loop = loop;
	keyring->owner = config_text(config, "service.jid");
	keyring->any = !text_empty(pattern);
	char *whole = mem_printf("^(%s)$", keyring->any ? pattern : "");
	int failed = regcomp(&keyring->pattern, whole, REG_EXTENDED | REG_NOSUB);
	free(whole);
	if (!failed)
		return keyring;
	*error = mem_printf(KEY " is no extended regular expression: %s", pattern);
	free(keyring);
	return NULL;
}

/* As registration.allowed_usernames: the whole name on the network. */
static bool may_keep(const struct keyring *keyring, const char *jid)
{
	struct arena arena = {0};
	if (!keyring->any)
		return false;
	const char *node = arena_strndup(&arena, jid, strcspn(jid, "@"));
	bool may = regexec(&keyring->pattern, contact_name(&arena, NULL, node), 0, NULL, 0) == 0;
	arena_fini(&arena);
	return may;
}

const struct sasl_keys *keyring_find(const struct keyring *keyring, const char *jid)
{
	const struct entry *entry = map_get(&keyring->entries, jid);
	return entry ? &entry->keys : NULL;
}

static void entry_remove(struct keyring *keyring, const char *jid)
{
	struct entry *entry = map_remove(&keyring->entries, jid);
	if (entry)
		OPENSSL_cleanse(entry, sizeof *entry);
	free(entry);
}

static void entry_put(struct keyring *keyring, const char *jid, const struct sasl_keys *keys)
{
	entry_remove(keyring, jid);
	struct entry *entry = mem_new(sizeof *entry + strlen(jid) + 1);
	entry->keys = *keys;
	strcpy(entry->jid, jid);
	map_put(&keyring->entries, entry->jid, entry);
}

/* ---- What is kept ---- */

static struct kept kept_of(const char *jid)
{
	return (struct kept){.kind = KIND, .node = jid, .sealed = true};
}

/* Where the password begins in a text of ours; NULL if it is none. */
static const char *kept_read(const char *text, struct sasl_keys *keys)
{
	int at = 0;
	if (sscanf(text, FORM, &keys->iterations, keys->salt, keys->stored_key, keys->server_key, &at) != 4 || !at ||
	    text[at] != ' ' || !text[at + 1] || !keys->iterations || keys->iterations > ITERATIONS_MOST)
		return NULL;
	return text + at + 1;
}

static void keys_wipe(struct sasl_keys *keys)
{
	OPENSSL_cleanse(keys, sizeof *keys);
}

static void remove_kept(struct keyring *keyring, const char *jid)
{
	struct kept kept = kept_of(jid);
	keep_remove(keyring->hub, keyring->owner, &kept, NULL, NULL);
}

/* False: it can't be read. It stays there until the next log-in of that user, as the key file may come back. */
static bool found_one(struct keyring *keyring, const struct kept *item)
{
	struct sasl_keys keys;
	bool whole = kept_read(item->content, &keys);
	if (!may_keep(keyring, item->node)) {
		log_info("the password is removed, as " KEY " does not have the name user=%s", item->node);
		remove_kept(keyring, item->node);
	} else if (whole) {
		entry_put(keyring, item->node, &keys);
	}
	keys_wipe(&keys);
	return whole;
}

static void found_all(void *arg, const struct kept *items, size_t count)
{
	struct keyring *keyring = arg;
	size_t lost = 0;
	for (size_t i = 0; items && i < count; i++)
		lost += !found_one(keyring, &items[i]);
	if (!items)
		log_error("the passwords that are kept can't be read: the database does not work");
	else if (lost)
		log_warn("passwords that are kept can't be read with this key file count=%zu", lost);
	keyring->ready = true;
	keyring->tell(keyring->arg);
}

void keyring_attach(struct keyring *keyring, struct hub *hub, void (*ready)(void *arg), void *arg)
{
	struct kept kept = kept_of(NULL);
	keyring->hub = hub;
	keyring->tell = ready;
	keyring->arg = arg;
	keep_get(hub, keyring->owner, &kept, found_all, keyring);
}

bool keyring_is_ready(const struct keyring *keyring)
{
	return keyring->ready;
}

/* ---- A password that is good ---- */

static void making_free(void *arg)
{
	struct making *making = arg;
	mem_free_secret(making->password);
	OPENSSL_cleanse(making, sizeof *making);
	free(making);
}

/* Nothing comes of it. */
static void making_stop(struct keyring *keyring, const char *jid)
{
	struct making *making = map_remove(&keyring->makings, jid);
	if (!making)
		return;
	making->overtaken = true;
	work_cancel(&making->work); /* NULL: it is being written, and `written` frees it */
}

/* On a thread of the pool. */
static void make(void *arg)
{
	struct making *making = arg;
	struct sasl_keys again = making->known;
	if (again.iterations && sasl_keys_make(&again, making->password)) {
		making->good = true;
		making->renewed = CRYPTO_memcmp(again.stored_key, making->known.stored_key, SASL_KEY_TEXT) != 0;
	}
	if (!again.iterations || !making->good || making->renewed) {
		making->renewed = true;
		making->good = sasl_keys_make(&making->keys, making->password);
	}
	keys_wipe(&again);
}

static void written(void *arg, enum keep_end end)
{
	struct making *making = arg;
	struct keyring *keyring = making->keyring;
	if (!making->overtaken) {
		map_remove(&keyring->makings, making->jid);
		if (end == KEEP_DONE)
			entry_put(keyring, making->jid, &making->keys);
		log_info("the password is kept user=%s done=%d", making->jid, end == KEEP_DONE);
	}
	making_free(making);
}

static void write_all(struct making *making)
{
	struct keyring *keyring = making->keyring;
	const struct sasl_keys *keys = &making->keys;
	char *text = mem_printf("%u %s %s %s %s", keys->iterations, keys->salt, keys->stored_key, keys->server_key,
	                        making->password);
	struct kept kept = kept_of(making->jid);
	kept.content = text;
	keep_put(keyring->hub, keyring->owner, &kept, false, written, making);
	mem_free_secret(text);
}

static void made(void *arg)
{
	struct making *making = arg;
	struct keyring *keyring = making->keyring;
	making->work = NULL;
	if (making->good && making->renewed) {
		entry_remove(keyring, making->jid);
		write_all(making);
		return;
	}
	map_remove(&keyring->makings, making->jid);
	if (!making->good)
		keyring_forget(keyring, making->jid);
	making_free(making);
}

void keyring_learn(struct keyring *keyring, const char *jid, const char *password)
{
	if (!may_keep(keyring, jid))
		return;
	making_stop(keyring, jid);
	const struct sasl_keys *known = keyring_find(keyring, jid);
	struct making *making = mem_new(sizeof *making + strlen(jid) + 1);
	unsigned char salt[SALT_BYTES];
	struct str text = {0};
	making->keyring = keyring;
	making->password = mem_strdup(password);
	strcpy(making->jid, jid);
	if (known)
		making->known = *known;
	random_bytes(salt, sizeof salt);
	base64_encode(&text, salt, sizeof salt);
	strcpy(making->keys.salt, text.data);
	making->keys.iterations = ITERATIONS;
	str_fini(&text);
	map_put(&keyring->makings, making->jid, making);
	making->work = work_new(keyring->loop, make, made, making_free, making);
}

void keyring_forget(struct keyring *keyring, const char *jid)
{
	bool known = keyring_find(keyring, jid) || map_get(&keyring->makings, jid);
	making_stop(keyring, jid);
	if (!known)
		return;
	log_info("the password is forgotten user=%s", jid);
	entry_remove(keyring, jid);
	remove_kept(keyring, jid);
}

/* ---- Asking for it ---- */

struct recall {
	keyring_answer *answer; /* NULL: nobody waits */
	void *arg;
};

static void recalled(void *arg, const struct kept *items, size_t count)
{
	struct recall recall = *(struct recall *)arg;
	struct sasl_keys keys;
	free(arg);
	if (!recall.answer)
		return;
	recall.answer(recall.arg, items && count ? kept_read(items[0].content, &keys) : NULL, !items);
	keys_wipe(&keys);
}

struct recall *keyring_recall(struct keyring *keyring, const char *jid, keyring_answer *answer, void *arg)
{
	struct recall *recall = mem_new(sizeof *recall);
	struct kept kept = kept_of(jid);
	*recall = (struct recall){answer, arg};
	keep_get(keyring->hub, keyring->owner, &kept, recalled, recall);
	return recall;
}

void recall_cancel(struct recall **at)
{
	if (*at)
		(*at)->answer = NULL;
	*at = NULL;
}

void keyring_free(struct keyring **at)
{
	struct keyring *keyring = *at;
	if (!keyring)
		return;
	*at = NULL;
	MAP_EACH (&keyring->makings, struct making, making)
		making_stop(keyring, making->jid);
	MAP_EACH (&keyring->entries, struct entry, entry)
		entry_remove(keyring, entry->jid);
	map_fini(&keyring->makings);
	map_fini(&keyring->entries);
	regfree(&keyring->pattern);
	free(keyring);
}
