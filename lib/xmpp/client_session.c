/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A client's way from its log-in to a session: resource binding (RFC 6120 section 7), the session of RFC 3921, stream
 * management for a new session or the one of before (XEP-0198). */
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/xmpp/client_failure.h"
#include "lib/xmpp/client_state.h"
#include "lib/xmpp/jid.h"
#include "lib/xmpp/ns.h"

#define BIND_ID "s2-bind"
#define SESSION_ID "s2-session"

static unsigned read_features(const struct element *features)
{
	static const struct {
		const char *name, *ns;
		enum client_feature bit;
	} known[] = {
	    {"ver", "urn:xmpp:features:rosterver", CLIENT_ROSTER_VERSIONS},
	    {"sub", "urn:xmpp:features:pre-approval", CLIENT_PRE_APPROVAL},
	    {"csi", "urn:xmpp:csi:0", CLIENT_CSI},
	};
	unsigned bits = 0;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (element_child(features, known[i].name, known[i].ns))
			bits |= known[i].bit;
	return bits;
}

static void send_bind(struct client *client)
{
	struct writer writer;
	struct str bytes = {0};
	writer_init(&writer, &bytes, NS_CLIENT);
	xml_open(&writer, "iq", NULL);
	xml_attr(&writer, "type", "set");
	xml_attr(&writer, "id", BIND_ID);
	xml_open(&writer, "bind", NS_BIND);
	xml_leaf(&writer, "resource", NULL, client->options.resource);
	xml_close(&writer);
	xml_close(&writer);
	writer_end(&writer);
	client->events->output(client->arg, bytes.data, bytes.len);
	str_fini(&bytes);
	client->stage = STAGE_BINDING;
}

void client_write_resume(const struct client *client, struct writer *writer)
{
	xml_open(writer, "resume", NS_SM);
	xml_attrf(writer, "h", "%u", (unsigned)client->received);
	xml_attr(writer, "previd", client->resume);
	xml_close(writer);
}

static void send_resume(struct client *client)
{
	struct writer writer;
	struct str bytes = {0};
	writer_init(&writer, &bytes, NS_CLIENT);
	client_write_resume(client, &writer);
	writer_end(&writer);
	client->events->output(client->arg, bytes.data, bytes.len);
	str_fini(&bytes);
	client->stage = STAGE_RESUMING;
}

static void enable(struct client *client);

void client_bound_features(struct client *client, struct arena *arena, const struct element *features)
{
	const struct element *session = element_child(features, "session", NS_SESSION);
	client->features = read_features(features);
	client->wants_session = session && !element_child(session, "optional", NS_SESSION);
	client->has_sm = element_child(features, "sm", NS_SM) != NULL;
	if (client->bound)
		enable(client);
	else if (client->resume && client->has_sm)
		send_resume(client);
	else if (element_child(features, "bind", NS_BIND))
		send_bind(client);
	else
		client_fail_with(client, CLIENT_FATAL, S2_ERROR_OTHER, "", "%s lets nobody begin a session.");
}

static void up(struct client *client, bool resumed)
{
	client->stage = STAGE_UP;
	client->redirects = 0;
	parser_set_limits(client->parser, &(struct parser_limits){
	                                      .stanza_bytes = client->options.stanza_bytes,
	                                      .children = client->options.stanza_nodes,
	                                  });
	if (client->events->bound)
		client->events->bound(client->arg, resumed);
}

/* A new session begins: stanzas of the old one are in doubt. */
static void begin_session(struct client *client, bool sm)
{
	client_drop_sent(client);
	client->sm = sm;
	client->received = client->added = 0;
	client->asking = false;
	up(client, false);
}

static void enable(struct client *client)
{
	mem_replace(&client->resume, NULL);
	if (!client->has_sm) {
		begin_session(client, false);
		return;
	}
	client_output(client, client->options.no_resumption ? "<enable xmlns='" NS_SM "'/>"
	                                                    : "<enable xmlns='" NS_SM "' resume='true'/>");
	client->stage = STAGE_ENABLING;
}

static void send_session(struct client *client)
{
	client_output(client, "<iq type='set' id='" SESSION_ID "'><session xmlns='" NS_SESSION "'/></iq>");
	client->stage = STAGE_SESSION;
}

/* Answers to our iqs before the session stands; true if it is one of type result. */
static bool is_answer(struct client *client, struct arena *arena, const struct element *iq, const char *id)
{
	const char *type = element_get(iq, "type");
	if (!text_equal(element_get(iq, "id"), id)) {
		client_fail_strange(client);
		return false;
	}
	if (text_equal(type, "result"))
		return true;
	struct client_failure failure = {0};
	failure_of_binding(&failure, arena, client->options.domain, iq);
	client_fail(client, &failure);
	return false;
}

static bool take_jid(struct client *client, struct arena *arena, const char *text)
{
	struct jid jid;
	if (!text || !jid_parse(arena, text, &jid) || !*jid.resource)
		return false;
	mem_replace(&client->jid, jid.full);
	mem_replace(&client->bare_jid, jid.bare);
	return true;
}

void client_bind_answer(struct client *client, struct arena *arena, const struct element *iq)
{
	if (!is_answer(client, arena, iq, BIND_ID))
		return;
	const struct element *bind = element_child(iq, "bind", NS_BIND);
	if (!take_jid(client, arena, element_child_text(arena, bind, "jid", NS_BIND)))
		client_fail_strange(client);
	else if (client->wants_session)
		send_session(client);
	else
		enable(client);
}

void client_session_answer(struct client *client, struct arena *arena, const struct element *iq)
{
	if (is_answer(client, arena, iq, SESSION_ID))
		enable(client);
}

void client_enabled(struct client *client, struct arena *arena, const struct element *element)
{
	const char *resume = element_get(element, "resume");
	bool can = resume && (!strcmp(resume, "true") || !strcmp(resume, "1"));
	mem_replace(&client->resume, can ? text_or_null(element_get(element, "id")) : NULL);
	begin_session(client, true);
}

void client_not_enabled(struct client *client, struct arena *arena, const struct element *element)
{
	begin_session(client, false);
}

void client_not_resumed(struct client *client, struct arena *arena, const struct element *element)
{
	uint32_t count;
	if (client_read_count(element, &count))
		client_take_sent(client, count);
	mem_replace(&client->resume, NULL);
	send_bind(client);
}

void client_resumed(struct client *client, struct arena *arena, const struct element *element)
{
	uint32_t count;
	size_t len;
	if (!client_read_count(element, &count) || !client_take_sent(client, count)) {
		mem_replace(&client->resume, NULL);
		client_fail_with(client, CLIENT_RETRY, S2_ERROR_NETWORK, "", "%s has lost count of what it was sent.");
		return;
	}
	const char *again = acks_again(&client->acks, &len);
	client->events->output(client->arg, again, len);
	up(client, true);
	client_flush(client);
}

void client_bound_inline(struct client *client, struct arena *arena, const struct element *success)
{
	const struct element *resumed = element_child(success, "resumed", NS_SM);
	const struct element *failed = element_child(success, "failed", NS_SM);
	const struct element *bound = element_child(success, "bound", NS_BIND_2);
	const struct element *enabled = element_child(bound, "enabled", NS_SM);
	uint32_t count;
	if (resumed) {
		if (client->resume)
			client_resumed(client, arena, resumed);
		else
			client_fail_strange(client);
		return;
	}
	if (failed && client_read_count(failed, &count))
		client_take_sent(client, count);
	mem_replace(&client->resume, NULL);
	if (!bound)
		return; /* in the old way then, when the features come */
	if (!take_jid(client, arena, element_child_text(arena, success, "authorization-identifier", NS_SASL_2)))
		client_fail_strange(client);
	else if (enabled)
		client_enabled(client, arena, enabled);
	else
		client->bound = true; /* stream management follows from the features */
}

void client_late_features(struct client *client, struct arena *arena, const struct element *features)
{
	client->features = read_features(features);
}
