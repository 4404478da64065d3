/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/server/attempts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/base/mem.h"

#define FREE_OF_ACCOUNT 5 /* failures without a wait */
#define FREE_OF_ADDRESS 20
#define WAIT_FIRST_MS 2000
#define WAIT_MOST_MS 300000
#define FORGET_MS 900000 /* after so long without a failure */
#define KNOWN_MS (30ull * 24 * 3600 * 1000)
#define RECORDS_MOST 16384 /* of failures, and of addresses that are known */

/* Kinds: an address, an account (user), an address that is known to be the account's, one that has not got in. */
enum kind { ADDRESS = 'a', ACCOUNT = 'u', KNOWN = 'k', STUCK = 's' };

struct record {
	struct list node; /* the oldest first */
	unsigned failures;
	uint64_t last, until; /* ms */
	char key[];
};

struct attempts {
	struct map by_key; /* "a ADDRESS", "u JID", "k ADDRESS JID" or "s ADDRESS JID" */
	struct list failed, known;
	size_t failed_count, known_count;
};

struct attempts *attempts_new(void)
{
	struct attempts *attempts = mem_new(sizeof *attempts);
	list_init(&attempts->failed);
	list_init(&attempts->known);
	return attempts;
}

static size_t *count_of(struct attempts *attempts, const struct record *record)
{
	return *record->key == KNOWN ? &attempts->known_count : &attempts->failed_count;
}

static void record_free(struct attempts *attempts, struct record *record)
{
	--*count_of(attempts, record);
	list_remove(&record->node);
	map_remove(&attempts->by_key, record->key);
	free(record);
}

void attempts_free(struct attempts **at)
{
	struct attempts *attempts = *at;
	if (!attempts)
		return;
	while (!list_empty(&attempts->failed))
		record_free(attempts, LIST_ITEM(attempts->failed.next, struct record, node));
	while (!list_empty(&attempts->known))
		record_free(attempts, LIST_ITEM(attempts->known.next, struct record, node));
	map_fini(&attempts->by_key);
	free(attempts);
	*at = NULL;
}

/* `other`: the account behind an address, else "". */
static struct record *find(struct attempts *attempts, enum kind kind, const char *name, const char *other, uint64_t now)
{
	char *key = mem_printf("%c %s %s", kind, name, other);
	struct record *record = map_get(&attempts->by_key, key);
	free(key);
	if (record && record->last + (kind == KNOWN ? KNOWN_MS : FORGET_MS) <= now) {
		record_free(attempts, record);
		record = NULL;
	}
	return record;
}

/* Found or made, and the newest one. */
static struct record *touch(struct attempts *attempts, enum kind kind, const char *name, const char *other,
                            uint64_t now)
{
	struct record *record = find(attempts, kind, name, other, now);
	struct list *list = kind == KNOWN ? &attempts->known : &attempts->failed;
	if (!record) {
		record = mem_new(sizeof *record + strlen(name) + strlen(other) + 4);
		sprintf(record->key, "%c %s %s", kind, name, other);
		list_init(&record->node);
		if (*count_of(attempts, record) >= RECORDS_MOST)
			record_free(attempts, LIST_ITEM(list->next, struct record, node));
		++*count_of(attempts, record);
		map_put(&attempts->by_key, record->key, record);
	}
	list_remove(&record->node);
	list_append(list, &record->node);
	record->last = now;
	return record;
}

static uint64_t wait_of(const struct record *record, uint64_t now)
{
	return record && record->until > now ? record->until - now : 0;
}

uint64_t attempts_wait(struct attempts *attempts, const char *address, const char *account, uint64_t now)
{
	uint64_t a = wait_of(find(attempts, ADDRESS, address, "", now), now);
	uint64_t u = wait_of(find(attempts, ACCOUNT, account, "", now), now);
	if (u && find(attempts, KNOWN, address, account, now))
		u = 0;
	return a > u ? a : u;
}

bool attempts_has_failed(struct attempts *attempts, const char *address, const char *account, uint64_t now)
{
	return find(attempts, STUCK, address, account, now);
}

void attempts_note(struct attempts *attempts, const char *address, const char *account, uint64_t now)
{
	touch(attempts, STUCK, address, account, now);
}

static void count(struct attempts *attempts, enum kind kind, const char *name, unsigned free_of, uint64_t now)
{
	struct record *record = touch(attempts, kind, name, "", now);
	if (++record->failures < free_of)
		return;
	unsigned doubled = record->failures - free_of;
	uint64_t wait = doubled < 16 ? (uint64_t)WAIT_FIRST_MS << doubled : WAIT_MOST_MS;
	record->until = now + (wait < WAIT_MOST_MS ? wait : WAIT_MOST_MS);
}

static void forget(struct attempts *attempts, struct record *record)
{
	if (record)
		record_free(attempts, record);
}

void attempts_failed(struct attempts *attempts, const char *address, const char *account, uint64_t now)
{
	count(attempts, ADDRESS, address, FREE_OF_ADDRESS, now);
	count(attempts, ACCOUNT, account, FREE_OF_ACCOUNT, now);
	attempts_note(attempts, address, account, now);
	forget(attempts, find(attempts, KNOWN, address, account, now));
}

void attempts_succeeded(struct attempts *attempts, const char *address, const char *account, uint64_t now)
{
	forget(attempts, find(attempts, ACCOUNT, account, "", now));
	forget(attempts, find(attempts, STUCK, address, account, now));
	touch(attempts, KNOWN, address, account, now);
}
