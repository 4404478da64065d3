/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/frontend/question.h"

#include <openssl/evp.h>
#include <string.h>

#include "lib/base/encode.h"
#include "spectrum/frontend/dialogue.h"
#include "lib/xmpp/image.h"

#define SMALL_BYTES 8192 /* XEP-0231 section 2.1 */

/* ---- Pictures ---- */

const char *question_image_type(const struct s2_request *request)
{
	return request->image ? image_type(request->image, request->image_bytes) : NULL;
}

const char *question_image_id(struct arena *arena, const struct s2_request *request)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	struct str id = {0};
	if (!question_image_type(request))
		return NULL;
	EVP_Digest(request->image, request->image_bytes, digest, &len, EVP_sha1(), NULL);
	str_adds(&id, "sha1+");
	hex_encode(&id, digest, len);
	str_adds(&id, "@bob.xmpp.org");
	const char *text = arena_strdup(arena, id.data);
	str_fini(&id);
	return text;
}

void question_write_image(struct writer *writer, const struct s2_request *request, bool small)
{
	struct arena arena = {0};
	struct str base64 = {0};
	const char *id = question_image_id(&arena, request);
	if (id && (!small || request->image_bytes <= SMALL_BYTES)) {
		base64_encode(&base64, request->image, request->image_bytes);
		xml_open(writer, "data", NS_BOB);
		xml_attr(writer, "cid", id);
		xml_attrf(writer, "max-age", "%u", request->seconds);
		xml_attr(writer, "type", question_image_type(request));
		xml_text(writer, base64.data);
		xml_close(writer);
	}
	str_fini(&base64);
	arena_fini(&arena);
}

void question_write_picture(struct frontend *frontend, struct writer *writer, const struct s2_request *request,
                            const char *text)
{
	const char *id = question_image_id(&frontend->arena, request);
	if (!id)
		return;
	question_write_image(writer, request, true);
	if (!config_bool(frontend->config, "service.enable_xhtml"))
		return;
	xml_open(writer, "html", NS_XHTML_IM);
	xml_open(writer, "body", NS_XHTML);
	xml_leaf(writer, "p", NULL, text);
	xml_open(writer, "img", NULL);
	xml_attr(writer, "alt", request->url ? request->url : "picture");
	xml_attr(writer, "src", arena_printf(&frontend->arena, "cid:%s", id));
	xml_close(writer);
	xml_close(writer);
	xml_close(writer);
}

/* Somebody's client wants the picture that it was told of: only its owner gets it. */
void question_image_get(struct request *request, const struct element *payload)
{
	struct hub *hub = request->frontend->hub;
	const char *wanted = element_get(payload, "cid");
	const struct s2_request *question;
	for (size_t i = 0; (question = question_at(hub, request->from.bare, i)) != NULL; i++) {
		if (!text_equal(question_image_id(request->arena, question), wanted))
			continue;
		question_write_image(iq_result_open(request), question, false);
		stanza_close(request->frontend);
		return;
	}
	stanza_refuse(request, S2_ITEM_NOT_FOUND, "There is no such picture, or not any more.");
}

/* ---- Out of the hub ---- */

void question_arrived(void *arg, struct user *user, const struct s2_request *question)
{
	if (!dialogue_question(arg, user_jid(user), question))
		chat_question(arg, user, question);
}

void question_over(void *arg, struct user *user, const char *id, enum s2_condition condition, const char *text)
{
	if (!dialogue_question_end(arg, user_jid(user), id, condition, text) && condition != S2_DONE)
		chat_question_end(arg, user, text ? text : "The network does not wait for an answer any more.");
}
