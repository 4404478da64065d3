/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What somebody on the network has written, as messages of ours. */
#ifndef BACKENDS_LIBPURPLE_WORDS_H
#define BACKENDS_LIBPURPLE_WORDS_H

#include "backends/libpurple/session.h"
#include "lib/base/str.h"

#define WORDS_PICTURES 10

struct words {
	struct str plain, xhtml;
	int pictures[WORDS_PICTURES]; /* ids in libpurple's store */
	size_t picture_count;
};

/* `plain`: it is no HTML. */
void words_read(struct words *, const char *html, bool plain);
void words_fini(struct words *);
/* Sends them with the rest of `message`: the text, then the pictures, each when it is where clients can fetch it. */
void words_send(struct session *, const struct words *, struct s2_message *);
/* For s2_message: 0 unless it was written a while ago. */
int64_t words_time(time_t when, PurpleMessageFlags);

#endif
