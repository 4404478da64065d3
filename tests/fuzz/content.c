/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is inside of a message, from anybody's client: it is read with every option; what is read, written again in as
 * many parts as it takes, is well-formed, and read once more it says the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xmpp/content.h"
#include "lib/xmpp/ns.h"
#include "lib/xmpp/parser.h"
#include "lib/xmpp/styling.h"

static struct s2_message message_of(const struct content *content)
{
	return (struct s2_message){
	    .peer = "eve",
	    .body = content->body,
	    .xhtml = content->xhtml,
	    .id = "id",
	    .replaces = content->replaces,
	    .reply_to = content->reply_to,
	    .reply_text = content->reply_text,
	    .want_marker = content->want_marker,
	    .attachments = content->attachments,
	    .attachment_count = content->attachment_count,
	};
}

static const struct element *write_and_parse(struct arena *arena, const struct s2_message *piece)
{
	struct str out = {0};
	struct writer writer;
	writer_init(&writer, &out, NS_CLIENT);
	xml_open(&writer, "message", NULL);
	content_write_id(&writer, piece->id);
	content_write(&writer, arena, piece, "eve@gw.localhost", CONTENT_XHTML);
	xml_close(&writer);
	writer_end(&writer);
	const struct element *again = parser_fragment(arena, str_text(&out), NS_CLIENT);
	str_fini(&out);
	if (!again || !again->children)
		abort();
	return again->children;
}

/* Formatting, as text with directives: what was plain before is plain after them. */
static void check_styling(struct arena *arena, const struct content *content)
{
	if (!content->body || !content->xhtml)
		return;
	const struct element *xhtml = parser_fragment(arena, content->xhtml, NS_XHTML);
	const char *body = xhtml ? styling_body(arena, xhtml, content->body) : NULL;
	if (body && strlen(body) <= strlen(content->body))
		abort();
}

static int same(const char *a, const char *b)
{
	return !strcmp(a ? a : "", b ? b : "");
}

static void check(struct arena *arena, const struct element *stanza, unsigned options)
{
	struct content content, second;
	struct s2_message piece;
	content_read(&content, arena, stanza, options);
	struct s2_message message = message_of(&content);
	check_styling(arena, &content);
	if (content.attachment_count > CONTENT_ATTACHMENTS || content.reaction_count > CONTENT_REACTIONS + 1)
		abort();
	for (unsigned part = 0; content_part(arena, &message, part, options & 16, &piece); part++) {
		if (part > CONTENT_ATTACHMENTS + 1)
			abort();
		content_read(&second, arena, write_and_parse(arena, &piece), CONTENT_REPLIES);
		if (!same(second.replaces, piece.replaces) || !same(second.reply_to, piece.reply_to))
			abort();
		if (!piece.attachment_count && !same(second.body, piece.body))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = {0};
	const char *xml = arena_strndup(&arena, (const char *)data, size);
	const struct element *body = strlen(xml) == size ? parser_fragment(&arena, xml, NS_CLIENT) : NULL;
	if (body) {
		struct element *stanza = element_new(&arena, "message", NS_CLIENT);
		stanza->children = body->children;
		for (unsigned options = 0; options < 32; options++)
			check(&arena, stanza, options);
	}
	arena_fini(&arena);
	return 0;
}
