/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/xmpp/content.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/encode.h"
#include "lib/base/random.h"
#include "lib/base/str.h"
#include "lib/base/utf8.h"
#include "lib/xmpp/ns.h"
#include "lib/xmpp/styling.h"
#include "lib/xmpp/xhtml.h"

#define NS_FILE "urn:xmpp:file:metadata:0"
#define NS_HASHES "urn:xmpp:hashes:2"
#define NS_URL_DATA "http://jabber.org/protocol/url-data"
#define NS_RETRACT_0 "urn:xmpp:message-retract:0"
#define REACTION_BYTES 64

/* ---- In ---- */

static void read_chat_state(const struct element *state, struct content *content)
{
	static const struct {
		const char *name;
		enum s2_typing typing;
	} states[] = {{"composing", S2_TYPING_COMPOSING},
	              {"paused", S2_TYPING_PAUSED},
	              {"active", S2_TYPING_ACTIVE},
	              {"inactive", S2_TYPING_ACTIVE},
	              {"gone", S2_TYPING_ACTIVE}};
	for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
		if (!strcmp(state->name, states[i].name))
			content->typing = (int)states[i].typing;
	}
}

static void read_reactions(struct arena *arena, const struct element *in, struct content *content)
{
	content->reacted = text_or_null(element_get(in, "id"));
	for (const struct element *one = element_child(in, "reaction", NS_REACTIONS);
	     one && content->reaction_count <= CONTENT_REACTIONS; one = element_next(one, "reaction", NS_REACTIONS)) {
		const char *text = element_text(arena, one);
		if (*text && strlen(text) <= REACTION_BYTES)
			content->reactions[content->reaction_count++] = text;
	}
}

static struct s2_attachment *attachment_of(struct content *content, const char *url)
{
	for (size_t i = 0; i < content->attachment_count; i++) {
		if (text_equal(content->attachments[i].url, url))
			return &content->attachments[i];
	}
	if (text_empty(url) || content->attachment_count == CONTENT_ATTACHMENTS)
		return NULL;
	struct s2_attachment *fresh = &content->attachments[content->attachment_count++];
	*fresh = (struct s2_attachment){.url = url};
	return fresh;
}

static void read_oob(struct arena *arena, const struct element *x, struct content *content)
{
	struct s2_attachment *file = attachment_of(content, element_child_text(arena, x, "url", NS_OOB));
	const char *description = element_child_text(arena, x, "desc", NS_OOB);
	if (file && !text_empty(description))
		file->description = description;
}

static const char *read_sha256(struct arena *arena, const struct element *file)
{
	const struct element *hash = element_child(file, "hash", NS_HASHES);
	while (hash && !text_equal(element_get(hash, "algo"), "sha-256"))
		hash = element_next(hash, "hash", NS_HASHES);
	const char *base64 = hash ? element_text(arena, hash) : "", *result = NULL;
	struct str bytes = {0}, hex = {0};
	if (*base64 && base64_decode(&bytes, base64, strlen(base64)) && bytes.len == 32) {
		hex_encode(&hex, bytes.data, bytes.len);
		result = arena_strdup(arena, str_text(&hex));
	}
	str_fini(&bytes);
	str_fini(&hex);
	return result;
}

static uint64_t read_count(struct arena *arena, const struct element *file, const char *name, uint64_t most)
{
	const char *text = element_child_text(arena, file, name, NS_FILE);
	uint64_t count = text ? strtoull(text, NULL, 10) : 0;
	return count <= most ? count : 0;
}

static void read_file_sharing(struct arena *arena, const struct element *sharing, struct content *content)
{
	const struct element *file = element_child(sharing, "file", NS_FILE);
	const struct element *source =
	    element_child(element_child(sharing, "sources", NS_SFS), "url-data", NS_URL_DATA);
	struct s2_attachment *at = attachment_of(content, element_get(source, "target"));
	if (!at || !file)
		return;
	at->name = text_or_null(element_child_text(arena, file, "name", NS_FILE));
	at->mime_type = text_or_null(element_child_text(arena, file, "media-type", NS_FILE));
	const char *description = element_child_text(arena, file, "desc", NS_FILE);
	if (!text_empty(description))
		at->description = description;
	at->sha256 = read_sha256(arena, file);
	at->bytes = read_count(arena, file, "size", UINT64_MAX / 2);
	at->width = (uint32_t)read_count(arena, file, "width", UINT32_MAX);
	at->height = (uint32_t)read_count(arena, file, "height", UINT32_MAX);
}

static void read_child(struct arena *arena, const struct element *child, struct content *content)
{
	if (!strcmp(child->ns, NS_CHATSTATES))
		read_chat_state(child, content);
	else if (element_is(child, "request", NS_RECEIPTS))
		content->want_receipt = true;
	else if (element_is(child, "markable", NS_MARKERS))
		content->want_marker = true;
	else if (element_is(child, "displayed", NS_MARKERS))
		content->displayed = text_or_null(element_get(child, "id"));
	else if (element_is(child, "replace", NS_CORRECTION))
		content->replaces = text_or_null(element_get(child, "id"));
	else if (element_is(child, "reply", NS_REPLY)) {
		content->reply_to = text_or_null(element_get(child, "id"));
		content->reply_jid = text_or_null(element_get(child, "to"));
	} else if (element_is(child, "reactions", NS_REACTIONS))
		read_reactions(arena, child, content);
	else if (element_is(child, "retract", NS_RETRACT))
		content->retracted = text_or_null(element_get(child, "id"));
	else if (element_is(child, "apply-to", NS_FASTEN) && element_child(child, "retract", NS_RETRACT_0))
		content->retracted = text_or_null(element_get(child, "id"));
	else if (element_is(child, "x", NS_OOB))
		read_oob(arena, child, content);
	else if (element_is(child, "file-sharing", NS_SFS))
		read_file_sharing(arena, child, content);
	else if (element_is(child, "attention", NS_ATTENTION))
		content->attention = child;
	else if (element_is(child, "unstyled", NS_STYLING))
		content->unstyled = true;
	else if (element_is(child, "encryption", NS_EME))
		content->encrypted = true;
	else if (element_is(child, "html", NS_XHTML_IM))
		content->xhtml = text_or_null(xhtml_inner(arena, element_child(child, "body", NS_XHTML)));
}

/* Where the code point with this number begins; the end if there are fewer. XEP-0426: ranges count code points. */
static size_t offset_of(const char *text, size_t len, const char *number, size_t otherwise)
{
	if (text_empty(number))
		return otherwise;
	unsigned long points = strtoul(number, NULL, 10);
	size_t at = 0;
	for (uint32_t point; points && at < len; points--) {
		size_t bytes = utf8_decode(text + at, len - at, &point);
		at += bytes ? bytes : 1;
	}
	return at;
}

/* "> " and the like at the beginnings of lines. */
static const char *unquote(struct arena *arena, const char *quote, size_t len)
{
	char *out = arena_strndup(arena, quote, len), *to = out;
	bool fresh = true;
	for (const char *at = out; *at; at++) {
		if (fresh && *at == '>') {
			at += at[1] == ' ';
			fresh = false;
			continue;
		}
		fresh = *at == '\n';
		*to++ = *at;
	}
	while (to > out && to[-1] == '\n')
		to--;
	*to = '\0';
	return text_or_null(out);
}

/* Takes what stands in the body for clients that don't know `ns` out of it; returns what that was. */
static const char *cut_fallback(struct arena *arena, const struct element *stanza, struct content *content,
                                const char *ns)
{
	const struct element *fallback = element_child(stanza, "fallback", NS_FALLBACK);
	while (fallback && !text_equal(element_get(fallback, "for"), ns))
		fallback = element_next(fallback, "fallback", NS_FALLBACK);
	if (!fallback || !content->body)
		return NULL;
	const struct element *range = element_child(fallback, "body", NS_FALLBACK);
	size_t len = strlen(content->body);
	size_t from = offset_of(content->body, len, element_get(range, "start"), 0);
	size_t to = offset_of(content->body, len, element_get(range, "end"), len);
	if (from > to)
		return NULL;
	const char *cut = unquote(arena, content->body + from, to - from);
	content->body = text_or_null(arena_printf(arena, "%.*s%s", (int)from, content->body, content->body + to));
	content->xhtml = NULL;
	return cut;
}

/* The link that is all of the body belongs to the file. */
static void cut_links(struct arena *arena, const struct element *stanza, struct content *content)
{
	cut_fallback(arena, stanza, content, NS_SFS);
	cut_fallback(arena, stanza, content, NS_OOB);
	for (size_t i = 0; i < content->attachment_count; i++) {
		if (text_equal(content->body, content->attachments[i].url))
			content->body = NULL;
	}
}

void content_read(struct content *content, struct arena *arena, const struct element *stanza, unsigned options)
{
	*content = (struct content){
	    .body = text_or_null(element_child_text(arena, stanza, "body", NULL)),
	    .subject = element_child_text(arena, stanza, "subject", NULL),
	    .typing = -1,
	};
	for (const struct element *child = stanza->children; child; child = child->next) {
		if (child->name && child->ns && strcmp(child->ns, stanza->ns) != 0)
			read_child(arena, child, content);
	}
	if (!(options & CONTENT_XHTML))
		content->xhtml = NULL;
	if (content->reply_to && options & CONTENT_REPLIES)
		content->reply_text = cut_fallback(arena, stanza, content, NS_REPLY);
	if (content->reacted)
		cut_fallback(arena, stanza, content, NS_REACTIONS);
	if (content->attachment_count && options & CONTENT_FILES)
		cut_links(arena, stanza, content);
	else if (content->attachment_count && !content->body)
		content->body = content->attachments[0].url;
	if (options & CONTENT_STYLING && content->body && !content->xhtml && !content->unstyled)
		content->xhtml = styling_xhtml(arena, content->body);
}

bool content_is_annotation(const struct content *content)
{
	return content->retracted || (content->reacted && !content->body) || (content->displayed && !content->body);
}

/* ---- Out ---- */

void content_write_id(struct writer *writer, const char *id)
{
	char made[17];
	if (text_empty(id))
		random_id(made, sizeof made - 1);
	xml_attr(writer, "id", text_empty(id) ? made : id);
}

static bool is_whole(const struct s2_message *message, bool together)
{
	if (!message->attachment_count)
		return true;
	bool text = !text_empty(message->body) && !text_equal(message->body, message->attachments[0].url);
	return together && (text || message->attachment_count > 1);
}

bool content_part(struct arena *arena, const struct s2_message *message, unsigned part, bool together,
                  struct s2_message *piece)
{
	*piece = *message;
	if (is_whole(message, together))
		return part == 0;
	bool text = !text_empty(message->body) && !text_equal(message->body, message->attachments[0].url);
	if (text && part == 0) {
		piece->attachment_count = 0;
		return true;
	}
	unsigned number = part - text;
	if (number >= message->attachment_count)
		return false;
	piece->attachments = &message->attachments[number];
	piece->attachment_count = 1;
	piece->body = message->attachments[number].url;
	piece->xhtml = NULL;
	if (part && !text_empty(message->id))
		piece->id = arena_printf(arena, "%s.%u", message->id, part);
	if (part)
		piece->own_id = piece->replaces = piece->reply_to = NULL;
	return true;
}

static void write_sha256(struct writer *writer, const char *hex)
{
	struct str bytes = {0}, base64 = {0};
	if (!text_empty(hex) && hex_decode(&bytes, hex, strlen(hex)) && bytes.len == 32) {
		base64_encode(&base64, bytes.data, bytes.len);
		xml_open(writer, "hash", NS_HASHES);
		xml_attr(writer, "algo", "sha-256");
		xml_text(writer, str_text(&base64));
		xml_close(writer);
	}
	str_fini(&bytes);
	str_fini(&base64);
}

static void write_count(struct writer *writer, const char *name, uint64_t count)
{
	if (!count)
		return;
	xml_open(writer, name, NULL);
	xml_textf(writer, "%llu", (unsigned long long)count);
	xml_close(writer);
}

/* With links alone it is a plain XEP-0066; what is known of the file goes beside it. */
static void write_attachment(struct writer *writer, const struct s2_attachment *file)
{
	xml_open(writer, "x", NS_OOB);
	xml_leaf(writer, "url", NULL, file->url);
	xml_leaf(writer, "desc", NULL, text_or_null(file->description));
	xml_close(writer);
	xml_open(writer, "file-sharing", NS_SFS);
	xml_attr(writer, "disposition", "inline");
	xml_open(writer, "file", NS_FILE);
	xml_leaf(writer, "media-type", NULL, text_or_null(file->mime_type));
	xml_leaf(writer, "name", NULL, text_or_null(file->name));
	write_count(writer, "size", file->bytes);
	write_count(writer, "width", file->width);
	write_count(writer, "height", file->height);
	xml_leaf(writer, "desc", NULL, text_or_null(file->description));
	write_sha256(writer, file->sha256);
	xml_close(writer);
	xml_open(writer, "sources", NULL);
	xml_open(writer, "url-data", NS_URL_DATA);
	xml_attr(writer, "target", file->url);
	xml_close(writer);
	xml_close(writer);
	xml_close(writer);
}

static unsigned long count_points(const char *text, size_t len)
{
	unsigned long points = 0;
	for (size_t i = 0; i < len; i++)
		points += ((unsigned char)text[i] & 0xc0) != 0x80;
	return points;
}

/* The text that is answered, as a quote; its bytes are the body's fallback. */
static size_t add_quote(struct str *body, const char *quote)
{
	while (!text_empty(quote)) {
		size_t line = strcspn(quote, "\n");
		str_addf(body, "> %.*s\n", (int)line, quote);
		quote += line + (quote[line] == '\n');
	}
	return body->len;
}

static void write_reply(struct writer *writer, const struct s2_message *message, const char *text, const char *jid)
{
	struct str body = {0};
	size_t quote = add_quote(&body, message->reply_text);
	str_adds(&body, text);
	xml_leaf(writer, "body", NULL, str_text(&body));
	xml_open(writer, "reply", NS_REPLY);
	xml_attr(writer, "to", jid);
	xml_attr(writer, "id", message->reply_to);
	xml_close(writer);
	if (quote) {
		xml_open(writer, "fallback", NS_FALLBACK);
		xml_attr(writer, "for", NS_REPLY);
		xml_open(writer, "body", NULL);
		xml_attr(writer, "start", "0");
		xml_attrf(writer, "end", "%lu", count_points(body.data, quote));
		xml_close(writer);
		xml_close(writer);
	}
	str_fini(&body);
}

void content_write(struct writer *writer, struct arena *arena, const struct s2_message *message, const char *reply_jid,
                   unsigned options)
{
	bool formatted = options & (CONTENT_XHTML | CONTENT_STYLING) && !text_empty(message->xhtml);
	struct element *body = formatted ? xhtml_clean(arena, message->xhtml) : NULL;
	const char *text = message->body ? message->body : "", *styled = NULL;
	if (body && options & CONTENT_STYLING)
		styled = styling_body(arena, body, text);
	if (!text_empty(message->reply_to))
		write_reply(writer, message, styled ? styled : text, reply_jid);
	else
		xml_leaf(writer, "body", NULL, styled ? styled : text);
	if (body && options & CONTENT_XHTML) {
		xml_open(writer, "html", NS_XHTML_IM);
		xml_element(writer, body);
		xml_close(writer);
	}
	for (size_t i = 0; i < message->attachment_count; i++)
		write_attachment(writer, &message->attachments[i]);
	if (!text_empty(message->replaces)) {
		xml_open(writer, "replace", NS_CORRECTION);
		xml_attr(writer, "id", message->replaces);
		xml_close(writer);
	}
	if (message->want_marker)
		xml_empty(writer, "markable", NS_MARKERS);
}

/* ---- Annotations ---- */

static void write_fallback(struct writer *writer, const char *ns, const char *body)
{
	xml_leaf(writer, "body", NULL, body);
	xml_open(writer, "fallback", NS_FALLBACK);
	xml_attr(writer, "for", ns);
	xml_close(writer);
}

static void write_reactions(struct writer *writer, const struct s2_annotation *annotation)
{
	xml_open(writer, "reactions", NS_REACTIONS);
	xml_attr(writer, "id", annotation->target);
	for (size_t i = 0; i < annotation->reaction_count; i++)
		xml_leaf(writer, "reaction", NULL, annotation->reactions[i]);
	xml_close(writer);
}

static void write_retraction(struct writer *writer, const struct s2_annotation *annotation, bool moderated,
                             const char *by)
{
	xml_open(writer, "retract", NS_RETRACT);
	xml_attr(writer, "id", annotation->target);
	if (moderated) {
		xml_open(writer, "moderated", NS_MODERATE);
		xml_attr(writer, "by", by);
		xml_close(writer);
	}
	xml_leaf(writer, "reason", NULL, text_or_null(annotation->reason));
	xml_close(writer);
	write_fallback(writer, NS_RETRACT,
	               moderated ? "(A moderator has removed an earlier message.)"
	                         : "(An earlier message was taken back.)");
}

void content_write_annotation(struct writer *writer, const struct s2_annotation *annotation, bool moderated,
                              const char *by)
{
	if (annotation->kind == S2_REACTION) {
		write_reactions(writer, annotation);
	} else if (annotation->kind == S2_RETRACTION) {
		write_retraction(writer, annotation, moderated, by);
	} else {
		xml_open(writer, "displayed", NS_MARKERS);
		xml_attr(writer, "id", annotation->target);
		xml_close(writer);
	}
	xml_empty(writer, "store", NS_HINTS);
}
