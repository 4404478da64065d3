/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pictures of contacts by their SHA-1, some in memory, more in files of the working directory, so that the network is
 * asked for each picture once and not once per client. Bounded by avatars.memory_bytes and avatars.disk_bytes; the one
 * that was not used for the longest time goes first. */
#ifndef SPECTRUM_FRONTEND_AVATAR_CACHE_H
#define SPECTRUM_FRONTEND_AVATAR_CACHE_H

#include <stddef.h>

#include "lib/config/config.h"
#include "lib/io/loop.h"
#include "lib/xmpp/image.h"

struct avatar_cache;

struct avatar {
	char hash[IMAGE_HASH_BYTES];
	const char *type; /* "image/png" */
	size_t len;
	const void *bytes; /* NULL: in a file only */
};

/* Looks what files there are. */
struct avatar_cache *avatar_cache_new(struct loop *, const struct config *);
/* Who waits for a file is told that there is none. */
void avatar_cache_free(struct avatar_cache **);

/* NULL if it is not known. Borrowed until the next call. */
const struct avatar *avatar_cache_find(struct avatar_cache *, const char *hash);
/* Keeps a picture that came from the network. NULL if it is none, or larger than allowed. */
const struct avatar *avatar_cache_put(struct avatar_cache *, const void *bytes, size_t len);
/* Gives it with its bytes; NULL if it is not known (any more). The answer may come before the call returns. */
typedef void avatar_answer(void *arg, const struct avatar *);
void avatar_cache_load(struct avatar_cache *, const char *hash, avatar_answer *, void *arg);

/* Networks name pictures as they like, and some of their pictures are none that we can pass on. What has turned out to
 * be behind a network's name for this person's picture: a hash, or "". */
void avatar_cache_note(struct avatar_cache *, const char *person, const char *name, const char *hash);
/* The hash behind it, as far as we know; NULL: it has to be looked at first. "" for "". */
const char *avatar_cache_resolve(struct avatar_cache *, const char *person, const char *name);

#endif
