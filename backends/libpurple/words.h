/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What somebody on the network has written, as a message of ours: its HTML taken apart, its pictures published. */
#ifndef BACKENDS_LIBPURPLE_WORDS_H
#define BACKENDS_LIBPURPLE_WORDS_H

#include <purple.h>

#include "lib/base/str.h"
#include "spectrum2/types.h"

#define WORDS_PICTURES 10

struct words {
	struct str plain, xhtml;
	struct s2_attachment pictures[WORDS_PICTURES];
	size_t picture_count;
};

void words_read(struct words *, const char *html);
void words_fini(struct words *);
/* Fills body, XHTML and attachments of the message, which borrows them; false if there is nothing to say. */
bool words_put(const struct words *, struct s2_message *);
/* For s2_message: 0 unless it was written a while ago. */
int64_t words_time(time_t when, PurpleMessageFlags);

#endif
