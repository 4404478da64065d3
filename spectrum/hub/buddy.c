/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/hub/buddy.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/utf8.h"
#include "lib/xmpp/jid.h"

#define NAME_BYTES 1023 /* what fits into a JID */
static const size_t text_bytes[BUDDY_TEXTS] = {NAME_BYTES, 4 * NAME_BYTES, 1024, 4096, 4096, 64, 20};

static size_t text_start(const struct buddy *buddy, enum buddy_text which)
{
	return which ? buddy->end[which - 1] : 0;
}

const char *buddy_text(const struct buddy *buddy, enum buddy_text which)
{
	size_t start = text_start(buddy, which);
	if (start < buddy->end[which])
		return buddy->texts + start;
	/* A name that folds to itself is stored once. */
	return which == BUDDY_FOLDED ? buddy_text(buddy, BUDDY_NAME) : "";
}

int64_t buddy_idle_since(const struct buddy *buddy)
{
	return strtoll(buddy_text(buddy, BUDDY_IDLE), NULL, 10);
}

/* Most names are small ASCII letters and need no folding. */
static bool is_folded(const char *name)
{
	for (; *name; name++) {
		unsigned char c = (unsigned char)*name;
		if ((c >= 'A' && c <= 'Z') || c >= 0x80)
			return false;
	}
	return true;
}

/* Index of the first contact that is not before `folded`. */
static unsigned place(const struct roster *roster, const char *folded, bool *found)
{
	unsigned low = 0, high = roster->count;
	*found = false;
	while (low < high) {
		unsigned middle = (low + high) / 2;
		int order = strcmp(buddy_text(roster->items[middle], BUDDY_FOLDED), folded);
		if (!order) {
			*found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct buddy *roster_find(const struct roster *roster, const char *name)
{
	struct arena arena = {0};
	bool found;
	unsigned at = place(roster, is_folded(name) ? name : jid_fold(&arena, name), &found);
	arena_fini(&arena);
	return found ? roster->items[at] : NULL;
}

/* Bytes that a text takes in the block, its NUL included: none if it is empty. */
static uint16_t stored_bytes(const char *text, enum buddy_text which)
{
	size_t len = text ? strlen(text) : 0;
	if (len > text_bytes[which])
		len = utf8_cut(text, len, text_bytes[which]);
	return (uint16_t)(len ? len + 1 : 0);
}

static struct buddy *buddy_new(const char *name, const char *folded)
{
	uint16_t size = stored_bytes(name, BUDDY_NAME),
	         folded_size = strcmp(name, folded) ? stored_bytes(folded, BUDDY_FOLDED) : 0;
	struct buddy *buddy = mem_new(sizeof *buddy + size + folded_size);
	memcpy(buddy->texts, name, size - 1);
	if (folded_size)
		memcpy(buddy->texts + size, folded, folded_size - 1u);
	buddy->status = S2_STATUS_NONE;
	buddy->end[BUDDY_NAME] = size;
	for (int i = BUDDY_FOLDED; i < BUDDY_TEXTS; i++)
		buddy->end[i] = (uint16_t)(size + folded_size);
	return buddy;
}

static void roster_insert(struct roster *roster, unsigned at, struct buddy *buddy)
{
	if (roster->count == roster->room) {
		roster->room = roster->room ? roster->room * 3 / 2 + 1 : 4;
		roster->items = mem_resize(roster->items, roster->room * sizeof *roster->items);
	}
	memmove(roster->items + at + 1, roster->items + at, (roster->count - at) * sizeof *roster->items);
	roster->items[at] = buddy;
	roster->count++;
}

struct buddy *roster_add(struct roster *roster, const char *name, bool *created)
{
	if (created)
		*created = false;
	if (!name || !*name || strlen(name) > NAME_BYTES)
		return NULL;
	struct arena arena = {0};
	const char *folded = is_folded(name) ? name : jid_fold(&arena, name);
	bool found;
	unsigned at = place(roster, folded, &found);
	if (!found) {
		roster_insert(roster, at, buddy_new(name, folded));
		if (created)
			*created = true;
	}
	arena_fini(&arena);
	return roster->items[at];
}

struct buddy *roster_set(struct roster *roster, struct buddy *buddy, enum buddy_text which, const char *text)
{
	if (!strcmp(buddy_text(buddy, which), text ? text : ""))
		return buddy;
	bool found;
	unsigned at = place(roster, buddy_text(buddy, BUDDY_FOLDED), &found);
	size_t start = text_start(buddy, which), total = buddy->end[BUDDY_TEXTS - 1], old = buddy->end[which] - start;
	uint16_t size = stored_bytes(text, which);
	struct buddy *fresh = mem_new(sizeof *fresh + total - old + size);
	memcpy(fresh, buddy, sizeof *fresh);
	memcpy(fresh->texts, buddy->texts, start);
	if (size)
		memcpy(fresh->texts + start, text, size - 1u);
	memcpy(fresh->texts + start + size, buddy->texts + start + old, total - start - old);
	for (int i = (int)which; i < BUDDY_TEXTS; i++)
		fresh->end[i] = (uint16_t)(buddy->end[i] - old + size);
	roster->items[at] = fresh;
	free(buddy);
	return fresh;
}

void roster_remove(struct roster *roster, struct buddy *buddy)
{
	bool found;
	unsigned at = place(roster, buddy_text(buddy, BUDDY_FOLDED), &found);
	roster->count--;
	memmove(roster->items + at, roster->items + at + 1, (roster->count - at) * sizeof *roster->items);
	free(buddy);
}

void roster_fini(struct roster *roster)
{
	for (unsigned i = 0; i < roster->count; i++)
		free(roster->items[i]);
	free(roster->items);
	*roster = (struct roster){0};
}
