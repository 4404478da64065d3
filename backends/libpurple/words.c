/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/words.h"

#include <stdlib.h>
#include <time.h>

#include "backends/libpurple/files.h"
#include "backends/libpurple/markup.h"

enum { DELAYED_S = 10 /* what is older than that has its time told */ };

static void publish(void *arg, int id, struct str *plain)
{
	struct words *words = arg;
	PurpleStoredImage *image = purple_imgstore_find_by_id(id);
	char *url = NULL;
	if (image && words->picture_count < WORDS_PICTURES)
		url = files_publish_image(purple_imgstore_get_data(image), purple_imgstore_get_size(image));
	if (!url) {
		str_adds(plain, "[The user has sent you an image]");
		return;
	}
	words->pictures[words->picture_count++] = (struct s2_attachment){
	    .url = url, .mime_type = files_mime_type(url), .bytes = purple_imgstore_get_size(image)};
}

void words_read(struct words *words, const char *html)
{
	*words = (struct words){0};
	markup_read(html, &words->plain, &words->xhtml, publish, words);
}

void words_fini(struct words *words)
{
	str_fini(&words->plain);
	str_fini(&words->xhtml);
	for (size_t i = 0; i < words->picture_count; i++)
		free((char *)words->pictures[i].url);
}

bool words_put(const struct words *words, struct s2_message *message)
{
	message->body = str_text(&words->plain);
	message->xhtml = words->xhtml.data;
	message->attachments = words->pictures;
	message->attachment_count = words->picture_count;
	return words->plain.len || words->picture_count;
}

int64_t words_time(time_t when, PurpleMessageFlags flags)
{
	bool old = flags & PURPLE_MESSAGE_DELAYED || time(NULL) - when > DELAYED_S;
	return old && when > 0 ? (int64_t)when * 1000 : 0;
}
