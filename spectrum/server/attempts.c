/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/server/attempts.h"

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
#define RECORDS_MOST 16384

struct record {
	struct list node; /* the oldest failure first */
	unsigned failures;
	uint64_t last, until; /* ms */
	char key[];
};

struct attempts {
	struct map by_key; /* "a ADDRESS" or "u JID" */
	struct list all;
};

struct attempts *attempts_new(void)
{
	struct attempts *attempts = mem_new(sizeof *attempts);
	list_init(&attempts->all);
	return attempts;
}

static void record_free(struct attempts *attempts, struct record *record)
{
	list_remove(&record->node);
	map_remove(&attempts->by_key, record->key);
	free(record);
}

void attempts_free(struct attempts **at)
{
	struct attempts *attempts = *at;
	if (!attempts)
		return;
	LIST_EACH (&attempts->all, node)
		record_free(attempts, LIST_ITEM(node, struct record, node));
	map_fini(&attempts->by_key);
	free(attempts);
	*at = NULL;
}

static struct record *find(struct attempts *attempts, char kind, const char *name, uint64_t now)
{
	char *key = mem_printf("%c %s", kind, name);
	struct record *record = map_get(&attempts->by_key, key);
	free(key);
	if (record && record->last + FORGET_MS <= now) {
		record_free(attempts, record);
		record = NULL;
	}
	return record;
}

static uint64_t wait_of(const struct record *record, uint64_t now)
{
	return record && record->until > now ? record->until - now : 0;
}

uint64_t attempts_wait(struct attempts *attempts, const char *address, const char *account, uint64_t now)
{
	uint64_t a = wait_of(find(attempts, 'a', address, now), now),
	         u = wait_of(find(attempts, 'u', account, now), now);
	return a > u ? a : u;
}

static void count(struct attempts *attempts, char kind, const char *name, unsigned free_of, uint64_t now)
{
	struct record *record = find(attempts, kind, name, now);
	if (!record) {
		if (attempts->by_key.count >= RECORDS_MOST)
			record_free(attempts, LIST_ITEM(attempts->all.next, struct record, node));
		record = mem_new(sizeof *record + strlen(name) + 3);
		record->key[0] = kind;
		record->key[1] = ' ';
		strcpy(record->key + 2, name);
		list_init(&record->node);
		map_put(&attempts->by_key, record->key, record);
	}
	list_remove(&record->node);
	list_append(&attempts->all, &record->node);
	record->last = now;
	if (++record->failures < free_of)
		return;
	unsigned doubled = record->failures - free_of;
	uint64_t wait = doubled < 16 ? (uint64_t)WAIT_FIRST_MS << doubled : WAIT_MOST_MS;
	record->until = now + (wait < WAIT_MOST_MS ? wait : WAIT_MOST_MS);
}

void attempts_failed(struct attempts *attempts, const char *address, const char *account, uint64_t now)
{
	count(attempts, 'a', address, FREE_OF_ADDRESS, now);
	count(attempts, 'u', account, FREE_OF_ACCOUNT, now);
}

void attempts_succeeded(struct attempts *attempts, const char *account)
{
	struct record *record = find(attempts, 'u', account, 0);
	if (record)
		record_free(attempts, record);
}
