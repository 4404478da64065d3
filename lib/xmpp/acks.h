/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stanzas that were sent and that the peer has not acknowledged yet (XEP-0198), for sending them again on a stream that
 * is resumed, and for telling their senders when they have arrived. */
#ifndef LIB_XMPP_ACKS_H
#define LIB_XMPP_ACKS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/str.h"

struct acks_entry;

/* Zero-initialised is empty and ready. */
struct acks {
	struct str bytes; /* of all that wait, oldest first */
	size_t offset;    /* where they begin */
	struct acks_entry *entries;
	size_t first, count, room;
	uint32_t acknowledged; /* stanzas, modulo 2^32; those that wait come behind it */
};

void acks_fini(struct acks *);
/* Bytes that wait. */
size_t acks_bytes(const struct acks *);
/* Copies. `token` may be NULL. */
void acks_add(struct acks *, const char *bytes, size_t len, void *token);
/* The peer has handled all up to number `handled`: one call of `done` for each token among them. False, with nothing
 * changed, if it can't have: there were never so many. */
bool acks_take(struct acks *, uint32_t handled, void (*done)(void *arg, void *token), void *arg);
/* Forgets all; one call of `dropped` for each token. The numbers begin anew. */
void acks_drop(struct acks *, void (*dropped)(void *arg, void *token), void *arg);
/* One call for each stanza that waits, oldest first; the acks must not be changed meanwhile. */
void acks_each(const struct acks *, void (*call)(void *arg, const char *bytes, size_t len, void *token), void *arg);
/* What has to be sent again. Borrowed. */
const char *acks_again(const struct acks *, size_t *len);

#endif
