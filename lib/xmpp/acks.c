/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/xmpp/acks.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"

#define FEW 8 /* entries that an idle stream keeps room for */

struct acks_entry {
	void *token;
	size_t len;
};

void acks_fini(struct acks *acks)
{
	str_fini(&acks->bytes);
	free(acks->entries);
	*acks = (struct acks){0};
}

size_t acks_bytes(const struct acks *acks)
{
	return acks->bytes.len - acks->offset;
}

/* What was taken from the front is cut off when it is more than what is left, so that each byte is moved once. */
static void compact(struct acks *acks)
{
	if (!acks->count) {
		str_fini(&acks->bytes);
		acks->offset = acks->first = 0;
		if (acks->room > FEW) {
			free(acks->entries);
			acks->entries = NULL;
			acks->room = 0;
		}
		return;
	}
	if (acks->offset > acks_bytes(acks)) {
		str_consume(&acks->bytes, acks->offset);
		acks->offset = 0;
	}
	if (acks->first > acks->count) {
		memmove(acks->entries, acks->entries + acks->first, acks->count * sizeof *acks->entries);
		acks->first = 0;
	}
}

void acks_add(struct acks *acks, const char *bytes, size_t len, void *token)
{
	if (acks->first + acks->count == acks->room) {
		acks->room = acks->room ? acks->room * 2 : FEW;
		acks->entries = mem_resize(acks->entries, acks->room * sizeof *acks->entries);
	}
	acks->entries[acks->first + acks->count++] = (struct acks_entry){token, len};
	str_add(&acks->bytes, bytes, len);
}

bool acks_take(struct acks *acks, uint32_t handled, void (*done)(void *arg, void *token), void *arg)
{
	uint32_t taken = handled - acks->acknowledged;
	if (taken > acks->count)
		return false;
	acks->acknowledged = handled;
	while (taken--) {
		struct acks_entry entry = acks->entries[acks->first++];
		acks->count--;
		acks->offset += entry.len;
		if (entry.token)
			done(arg, entry.token);
	}
	compact(acks);
	return true;
}

void acks_drop(struct acks *acks, void (*dropped)(void *arg, void *token), void *arg)
{
	struct acks all = *acks;
	*acks = (struct acks){0};
	for (size_t i = 0; i < all.count; i++)
		if (all.entries[all.first + i].token)
			dropped(arg, all.entries[all.first + i].token);
	acks_fini(&all);
}

void acks_each(const struct acks *acks, void (*call)(void *arg, const char *bytes, size_t len, void *token), void *arg)
{
	const char *at = acks->count ? acks->bytes.data + acks->offset : NULL;
	for (size_t i = 0; i < acks->count; i++) {
		const struct acks_entry *entry = &acks->entries[acks->first + i];
		call(arg, at, entry->len, entry->token);
		at += entry->len;
	}
}

const char *acks_again(const struct acks *acks, size_t *len)
{
	*len = acks_bytes(acks);
	return *len ? acks->bytes.data + acks->offset : "";
}
