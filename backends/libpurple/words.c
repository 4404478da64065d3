/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/words.h"

#include <string.h>
#include <time.h>

#include "backends/libpurple/files.h"
#include "backends/libpurple/markup.h"
#include "lib/base/utf8.h"

enum { DELAYED_S = 10 /* what is older than that has its time told */ };

static void note_picture(void *arg, int id, struct str *plain)
{
	struct words *words = arg;
	if (purple_imgstore_find_by_id(id) && words->picture_count < WORDS_PICTURES)
		words->pictures[words->picture_count++] = id;
	else
		str_adds(plain, "[The user has sent you an image]");
}

void words_read(struct words *words, const char *html, bool plain)
{
	*words = (struct words){0};
	if (plain)
		utf8_clean(&words->plain, html, strlen(html));
	else
		markup_read(html, &words->plain, &words->xhtml, note_picture, words);
}

void words_fini(struct words *words)
{
	str_fini(&words->plain);
	str_fini(&words->xhtml);
}

void words_send(struct session *session, const struct words *words, struct s2_message *message)
{
	message->body = str_text(&words->plain);
	message->xhtml = words->xhtml.data;
	if (words->plain.len)
		s2_message(session->s2, message);
	for (size_t i = 0; i < words->picture_count; i++) {
		PurpleStoredImage *image = purple_imgstore_find_by_id(words->pictures[i]);
		if (image)
			files_send_picture(session, message, purple_imgstore_get_data(image),
			                   purple_imgstore_get_size(image));
	}
}

int64_t words_time(time_t when, PurpleMessageFlags flags)
{
	bool old = flags & PURPLE_MESSAGE_DELAYED || time(NULL) - when > DELAYED_S;
	return old && when > 0 ? (int64_t)when * 1000 : 0;
}
