/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a stream that is logged in gets its session: a resource is bound (RFC 6120 section 7), within the log-in
 * (XEP-0386) or after it, or a session that waits goes on (XEP-0198 section 5). */
#include <openssl/evp.h>
#include <string.h>

#include "lib/base/encode.h"
#include "lib/base/random.h"
#include "spectrum/server/inside.h"

#define TAG_BYTES 64

static const char too_many[] = "Too many clients of yours are connected.";

/* The account is the session's from here on. */
static void hand_over(struct stream *stream, struct session *session)
{
	account_leave(stream->account);
	stream->account = NULL;
	stream_bound(stream, session);
}

/* ---- After the log-in ---- */

static void refuse(struct stream *stream, const struct element *iq, enum s2_condition condition, const char *text)
{
	struct writer *writer = stream_open(stream, "iq", NS_CLIENT);
	xml_attr(writer, "type", "error");
	xml_attr(writer, "id", element_get(iq, "id"));
	xml_error(writer, condition, text);
	stream_close(stream);
}

static void bind_resource(struct stream *stream, struct arena *arena, const struct element *iq,
                          const struct element *payload)
{
	const char *wanted = text_or_null(element_child_text(arena, payload, "resource", NULL));
	const char *resource = wanted ? jid_prepare_resource(arena, wanted) : NULL;
	char made[17];
	if (wanted && !resource) {
		refuse(stream, iq, S2_BAD_REQUEST, "This is no resource.");
		return;
	}
	if (!wanted) {
		random_id(made, sizeof made - 1);
		resource = made;
	}
	struct session *session = session_new(stream->account, stream, resource);
	if (!session) {
		refuse(stream, iq, S2_RESOURCE_CONSTRAINT, too_many);
		return;
	}
	hand_over(stream, session);
	struct writer *writer = stream_open(stream, "iq", NS_CLIENT);
	xml_attr(writer, "type", "result");
	xml_attr(writer, "id", element_get(iq, "id"));
	xml_open(writer, "bind", NS_BIND);
	xml_leaf(writer, "jid", NULL, session->full);
	xml_close(writer);
	stream_close(stream);
}

static void resume(struct stream *stream, const struct element *element)
{
	const char *condition;
	struct session *session = sm_resume(stream, element, &condition);
	if (session) {
		hand_over(stream, session);
		struct writer *writer = stream_open(stream, "resumed", NS_SM);
		sm_write_resumed(session, writer);
		stream_close(stream);
		session_resumed(session, stream);
	} else if (condition) {
		sm_fail(stream, condition);
	}
}

void bind_received(struct stream *stream, struct arena *arena, const struct element *element)
{
	const struct element *payload = element_child(element, "bind", NS_BIND);
	if (element_is(element, "iq", NS_CLIENT) && payload && text_equal(element_get(element, "type"), "set"))
		bind_resource(stream, arena, element, payload);
	else if (element_is(element, "resume", NS_SM))
		resume(stream, element);
	else if (element_is(element, "enable", NS_SM))
		sm_fail(stream, "unexpected-request");
	else
		stream_end(stream, "not-authorized", "Bind a resource first.");
}

/* ---- Within the log-in ---- */

/* The client's tag and something that is the same each time that it comes, so that its own old session makes way; the
 * client's id itself is not shown (XEP-0386 section 3.2.1). */
static const char *resource_of(struct arena *arena, const struct element *authenticate, const struct element *bind)
{
	const char *tag = text_or_null(element_child_text(arena, bind, "tag", NULL)),
	           *agent = element_get(element_child(authenticate, "user-agent", NULL), "id");
	char made[17];
	random_id(made, sizeof made - 1);
	if (!text_empty(agent)) {
		unsigned char digest[EVP_MAX_MD_SIZE];
		struct str hex = {0};
		EVP_Digest(agent, strlen(agent), digest, NULL, EVP_sha256(), NULL);
		hex_encode(&hex, digest, (sizeof made - 1) / 2);
		memcpy(made, str_text(&hex), sizeof made);
		str_fini(&hex);
	}
	const char *resource = tag && strlen(tag) <= TAG_BYTES
	                           ? jid_prepare_resource(arena, arena_printf(arena, "%s/%s", tag, made))
	                           : NULL;
	return resource ? resource : arena_strdup(arena, made);
}

bool bind_at_once(struct stream *stream, const struct element *authenticate, struct bound *bound)
{
	const struct element *resume = element_child(authenticate, "resume", NS_SM);
	*bound = (struct bound){.wish = element_child(authenticate, "bind", NS_BIND_2)};
	if (resume) {
		bound->session = sm_resume(stream, resume, &bound->failed);
		bound->resumed = bound->session;
		if (!bound->session && !bound->failed)
			return false; /* the stream has ended */
	}
	if (!bound->session && bound->wish) {
		bound->session = session_new(stream->account, stream,
		                             resource_of(server_arena(stream->server), authenticate, bound->wish));
		if (!bound->session) {
			stream_end(stream, "resource-constraint", too_many);
			return false;
		}
	}
	if (bound->session)
		hand_over(stream, bound->session);
	return true;
}

void bind_write(const struct bound *bound, struct writer *writer)
{
	struct session *session = bound->session;
	const struct element *sm = element_child(bound->wish, "enable", NS_SM);
	if (bound->failed)
		sm_write_failed(writer, bound->failed);
	if (bound->resumed) {
		xml_open(writer, "resumed", NS_SM);
		sm_write_resumed(session, writer);
		xml_close(writer);
	} else if (session) {
		session->carbons = element_child(bound->wish, "enable", NS_CARBONS);
		session->inactive = element_child(bound->wish, "inactive", NS_CSI);
		xml_open(writer, "bound", NS_BIND_2);
		if (sm) {
			xml_open(writer, "enabled", NS_SM);
			sm_write_enabled(session, writer, sm);
			xml_close(writer);
		}
		xml_close(writer);
	}
}
