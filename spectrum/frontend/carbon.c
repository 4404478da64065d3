/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/frontend/carbon.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/base/random.h"
#include "spectrum/frontend/iq.h"
#include "spectrum/frontend/privilege.h"

#define LOG_AREA "carbon"
#define REMEMBERED 1024 /* copies that may come back, of all users */
#define REMEMBERED_MS 60000
#define VERSION_WAIT_MS 10000

/* Of copies that were sent: user and id, hashed. */
struct carbon_memory {
	unsigned next;
	struct {
		uint64_t hash, until;
	} sent[REMEMBERED];
};

void carbon_memory_free(struct carbon_memory **memory)
{
	free(*memory);
	*memory = NULL;
}

static uint64_t hash_of(const char *jid, const char *id)
{
	return hash_bytes(jid, strlen(jid)) * 31 + hash_bytes(id, strlen(id));
}

static void remember(struct frontend *frontend, const char *jid, const char *id)
{
	if (!frontend->carbons)
		frontend->carbons = mem_new(sizeof *frontend->carbons);
	struct carbon_memory *memory = frontend->carbons;
	memory->sent[memory->next].hash = hash_of(jid, id);
	memory->sent[memory->next].until = loop_now(frontend->loop) + REMEMBERED_MS;
	memory->next = (memory->next + 1) % REMEMBERED;
}

bool carbon_is_ours(struct frontend *frontend, const struct request *request)
{
	struct carbon_memory *memory = frontend->carbons;
	if (!memory || *request->from.resource || text_empty(request->id))
		return false;
	uint64_t hash = hash_of(request->from.bare, request->id), now = loop_now(frontend->loop);
	for (unsigned i = 0; i < REMEMBERED; i++) {
		if (memory->sent[i].hash == hash && memory->sent[i].until >= now)
			return true;
	}
	return false;
}

/* ---- Which form ---- */

/* Servers that treat a privileged message as one of a client: carbons and archive. */
static bool sends_copies(const char *name, const char *version)
{
	if (!strcmp(name, "Prosody"))
		return true;
	return !strcmp(name, "ejabberd") &&
	       (atoi(version) > 23 || (atoi(version) == 23 && strncmp(version, "23.10", 5) >= 0));
}

static void version_answered(const struct iq *iq)
{
	struct privilege *privilege = privilege_change(iq->frontend->privileges, iq->to);
	const struct element *query = element_child(iq->answer, "query", NS_VERSION);
	if (!privilege || iq->end != IQ_RESULT || !query)
		return;
	const char *name = element_child_text(iq->arena, query, "name", NS_VERSION);
	const char *version = element_child_text(iq->arena, query, "version", NS_VERSION);
	privilege->copies = sends_copies(name ? name : "", version ? version : "");
	log_debug("host=%s name=%s version=%s copies=%d", iq->to, log_quote(name), log_quote(version),
	          privilege->copies);
}

void carbon_granted(struct frontend *frontend, const char *host)
{
	struct privilege *privilege = privilege_change(frontend->privileges, host);
	const char *form = config_text(frontend->config, "service.carbon_form");
	if (!privilege || !privilege->message)
		return;
	privilege->copies = text_equal(form, "message");
	if (!text_equal(form, "auto"))
		return;
	struct writer *writer = iq_open(frontend->iqs, "get", host, VERSION_WAIT_MS, version_answered, NULL);
	if (!writer)
		return;
	xml_empty(writer, "query", NS_VERSION);
	stanza_close(frontend);
}

/* ---- Writing ---- */

static const struct privilege *granted(struct frontend *frontend, const struct user *user)
{
	const char *at = strrchr(user_jid(user), '@');
	const struct privilege *privilege = at ? privilege_find(frontend->privileges, at + 1) : NULL;
	return privilege && privilege->message ? privilege : NULL;
}

static void open_inner(struct writer *writer, const char *from, const char *to, const char *id)
{
	xml_open(writer, "message", NS_CLIENT);
	xml_attr(writer, "from", from);
	xml_attr(writer, "to", to);
	xml_attr(writer, "type", "chat");
	xml_attr(writer, "id", id);
}

struct writer *carbon_open(struct frontend *frontend, const struct user *user, const char *peer, const char *id)
{
	const struct privilege *privilege = granted(frontend, user);
	const char *jid = user_jid(user);
	char made[17];
	if (!privilege && !frontend->serves)
		return NULL;
	if (text_empty(id)) {
		random_id(made, sizeof made - 1);
		id = made;
	}
	if (frontend->serves) {
		struct writer *own = stanza_open(frontend, "message", UPSTREAM_OWN, jid, peer, "chat");
		xml_attr(own, "id", id);
		return own;
	}
	struct writer *writer =
	    stanza_open(frontend, "message", UPSTREAM_KEPT, frontend->jid, strrchr(jid, '@') + 1, NULL);
	xml_open(writer, "privilege", privilege->ns);
	xml_open(writer, "forwarded", NS_FORWARD);
	if (!privilege->copies) {
		open_inner(writer, jid, jid, NULL);
		xml_empty(writer, "no-copy", NS_HINTS);
		xml_open(writer, "sent", NS_CARBONS);
		xml_open(writer, "forwarded", NS_FORWARD);
	}
	open_inner(writer, jid, peer, id);
	if (privilege->copies)
		remember(frontend, jid, id);
	return writer;
}

void carbon_close(struct frontend *frontend, struct writer *writer)
{
	while (writer->depth > 1)
		xml_close(writer);
	stanza_close(frontend);
}
