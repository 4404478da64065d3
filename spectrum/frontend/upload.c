/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/frontend/upload.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/xmpp/form.h"
#include "spectrum/frontend/inside.h"
#include "spectrum/frontend/iq.h"
#include "spectrum/server/server.h"

#define LOG_AREA "upload"
#define WAIT_MS 10000
#define HOSTS_MOST 256
#define ITEMS_MOST 32    /* entities of one host that are asked what they are */
#define REQUESTS_MOST 64 /* of one host that wait until its service is found */
#define AGAIN_MS (10 * 60 * 1000)
#define HEADERS_MOST 8

/* Somebody's file that waits for the service's address. */
struct wanted {
	struct list node;
	char *jid; /* of the user */
	char *id, *name, *mime_type;
	uint64_t bytes;
};

struct host {
	enum { SERVICE_UNKNOWN, SERVICE_SOUGHT, SERVICE_FOUND, SERVICE_NONE } state;
	unsigned asked;      /* entities that have not answered yet */
	bool lost;           /* ... and some never will, as the link broke */
	char *service;       /* its JID */
	uint64_t most;       /* bytes of one file; 0: it does not say */
	uint64_t again_at;   /* ms, loop_now: what was found, or not, is looked at anew */
	struct list waiting; /* struct wanted */
	unsigned waiting_count;
	char name[];
};

struct upload_table {
	struct map hosts;
};

static void wanted_free(struct wanted *wanted)
{
	list_remove(&wanted->node);
	free(wanted->jid);
	free(wanted->id);
	free(wanted->name);
	free(wanted->mime_type);
	free(wanted);
}

void upload_table_free(struct upload_table **at)
{
	if (!*at)
		return;
	MAP_EACH (&(*at)->hosts, struct host, host) {
		LIST_EACH (&host->waiting, node)
			wanted_free(LIST_ITEM(node, struct wanted, node));
		free(host->service);
		free(host);
	}
	map_fini(&(*at)->hosts);
	free(*at);
	*at = NULL;
}

static struct host *host_find(struct frontend *frontend, const char *name)
{
	if (!frontend->uploads)
		frontend->uploads = mem_new(sizeof *frontend->uploads);
	struct map *hosts = &frontend->uploads->hosts;
	struct host *host = map_get(hosts, name);
	if (host || hosts->count >= HOSTS_MOST)
		return host;
	host = mem_new(sizeof *host + strlen(name) + 1);
	strcpy(host->name, name);
	list_init(&host->waiting);
	map_put(hosts, host->name, host);
	return host;
}

static void refuse(struct frontend *frontend, const char *jid, const char *id, enum s2_condition condition,
                   const char *text)
{
	conversation_slot(frontend->hub, jid, &(struct s2_slot){.id = id, .condition = condition, .text = text});
}

/* ---- The slot ---- */

/* Whose file it is, in the subject of the request: user, newline (no JID has one), id. */
static const char *subject_of(struct frontend *frontend, const char *jid, const char *id)
{
	return arena_printf(&frontend->arena, "%s\n%s", jid, id);
}

static bool is_link(const char *url)
{
	return url && (!strncmp(url, "https://", 8) || !strncmp(url, "http://", 7)) && !strpbrk(url, " \r\n\t");
}

/* Only those that XEP-0363 section 4 allows, on one line each. */
static size_t read_headers(struct arena *arena, const struct element *put, struct s2_setting *headers)
{
	static const char *const allowed[] = {"Authorization", "Cookie", "Expires"};
	size_t count = 0;
	for (const struct element *header = element_child(put, "header", NS_UPLOAD); header && count < HEADERS_MOST;
	     header = element_next(header, "header", NS_UPLOAD)) {
		const char *name = element_get(header, "name"), *value = element_text(arena, header);
		for (size_t i = 0; name && i < sizeof allowed / sizeof *allowed; i++) {
			if (!strcasecmp(name, allowed[i]) && !strpbrk(value, "\r\n"))
				headers[count++] = (struct s2_setting){allowed[i], value};
		}
	}
	return count;
}

static void slot_answered(const struct iq *iq)
{
	const char *newline = strchr(iq->subject, '\n'), *id = newline + 1, *text = NULL;
	const char *jid = arena_strndup(&iq->frontend->arena, iq->subject, (size_t)(newline - iq->subject));
	const struct element *slot = element_child(iq->answer, "slot", NS_UPLOAD);
	const struct element *put = element_child(slot, "put", NS_UPLOAD), *get = element_child(slot, "get", NS_UPLOAD);
	struct s2_setting headers[HEADERS_MOST];
	struct s2_slot answer = {
	    .id = id, .put = element_get(put, "url"), .get = element_get(get, "url"), .headers = headers};
	if (iq->end == IQ_ERROR) {
		enum s2_condition condition = stanza_error(iq->arena, iq->answer, &text);
		refuse(iq->frontend, jid, id, condition,
		       text ? text : "The upload service of your server has refused the file.");
	} else if (iq->end != IQ_RESULT || !is_link(answer.put) || !is_link(answer.get)) {
		refuse(iq->frontend, jid, id, S2_REMOTE_SERVER_TIMEOUT,
		       "The upload service of your server does not answer.");
	} else {
		answer.header_count = read_headers(iq->arena, put, headers);
		conversation_slot(iq->frontend->hub, jid, &answer);
	}
}

static void ask_for_slot(struct frontend *frontend, const struct host *host, const char *jid, const char *id,
                         const char *name, const char *mime_type, uint64_t bytes)
{
	if (host->most && bytes > host->most) {
		refuse(frontend, jid, id, S2_NOT_ACCEPTABLE,
		       arena_printf(&frontend->arena,
		                    "The upload service of your server takes no file above %llu bytes.",
		                    (unsigned long long)host->most));
		return;
	}
	struct writer *writer =
	    iq_open(frontend->iqs, "get", host->service, WAIT_MS, slot_answered, subject_of(frontend, jid, id));
	if (!writer) {
		refuse(frontend, jid, id, S2_REMOTE_SERVER_TIMEOUT, "Your server can't be reached at the moment.");
		return;
	}
	xml_open(writer, "request", NS_UPLOAD);
	xml_attr(writer, "filename", text_empty(name) ? "file" : name);
	xml_attrf(writer, "size", "%llu", (unsigned long long)bytes);
	xml_attr(writer, "content-type", text_or_null(mime_type));
	xml_close(writer);
	stanza_close(frontend);
}

/* ---- The service ---- */

static void serve_waiting(struct frontend *frontend, struct host *host)
{
	struct list waiting;
	list_move(&host->waiting, &waiting);
	host->waiting_count = 0;
	LIST_EACH (&waiting, node) {
		struct wanted *wanted = LIST_ITEM(node, struct wanted, node);
		if (host->state == SERVICE_FOUND)
			ask_for_slot(frontend, host, wanted->jid, wanted->id, wanted->name, wanted->mime_type,
			             wanted->bytes);
		else
			refuse(frontend, wanted->jid, wanted->id, S2_ITEM_NOT_FOUND,
			       "Your server has no upload service.");
		wanted_free(wanted);
	}
}

static void search_ended(struct frontend *frontend, struct host *host)
{
	host->state = host->service ? SERVICE_FOUND : SERVICE_NONE;
	host->again_at = loop_now(frontend->loop) + (host->lost ? 0 : AGAIN_MS);
	log_debug("host=%s service=%s most=%llu", host->name, log_quote(host->service), (unsigned long long)host->most);
	serve_waiting(frontend, host);
}

/* What an entity of the host is. `subject`: the host. */
static void entity_answered(const struct iq *iq)
{
	struct host *host = host_find(iq->frontend, iq->subject);
	const struct element *query = element_child(iq->answer, "query", NS_DISCO_INFO);
	if (!host || host->state != SERVICE_SOUGHT)
		return;
	const struct element *feature = iq->end == IQ_RESULT ? element_child(query, "feature", NS_DISCO_INFO) : NULL;
	while (feature && !text_equal(element_get(feature, "var"), NS_UPLOAD))
		feature = element_next(feature, "feature", NS_DISCO_INFO);
	if (feature && !host->service) {
		host->service = mem_strdup(iq->to);
		const struct element *form = element_child(query, "x", NS_DATA);
		for (; form; form = element_next(form, "x", NS_DATA)) {
			const char *most = text_equal(form_value(iq->arena, form, "FORM_TYPE"), NS_UPLOAD)
			                       ? form_value(iq->arena, form, "max-file-size")
			                       : NULL;
			host->most = most ? strtoull(most, NULL, 10) : host->most;
		}
	}
	host->lost |= iq->end == IQ_LOST;
	if (!--host->asked)
		search_ended(iq->frontend, host);
}

static void ask_entity(struct frontend *frontend, struct host *host, const char *jid)
{
	struct writer *writer = iq_open(frontend->iqs, "get", jid, WAIT_MS, entity_answered, host->name);
	if (!writer)
		return;
	xml_empty(writer, "query", NS_DISCO_INFO);
	stanza_close(frontend);
	host->asked++;
}

static void items_answered(const struct iq *iq)
{
	struct host *host = host_find(iq->frontend, iq->to);
	if (!host || host->state != SERVICE_SOUGHT)
		return;
	unsigned count = 0;
	struct jid jid;
	host->lost |= iq->end == IQ_LOST;
	ask_entity(iq->frontend, host, host->name);
	const struct element *item =
	    iq->end == IQ_RESULT
	        ? element_child(element_child(iq->answer, "query", NS_DISCO_ITEMS), "item", NS_DISCO_ITEMS)
	        : NULL;
	for (; item && count < ITEMS_MOST; item = element_next(item, "item", NS_DISCO_ITEMS)) {
		if (!element_get(item, "node") && jid_parse(iq->arena, element_get(item, "jid"), &jid) && !*jid.node &&
		    strcmp(jid.domain, iq->frontend->jid) != 0 && ++count)
			ask_entity(iq->frontend, host, jid.full);
	}
	if (!host->asked)
		search_ended(iq->frontend, host);
}

static bool search(struct frontend *frontend, struct host *host)
{
	mem_replace(&host->service, NULL);
	host->most = 0;
	host->asked = 0;
	host->lost = false;
	struct writer *writer = iq_open(frontend->iqs, "get", host->name, WAIT_MS, items_answered, NULL);
	if (!writer)
		return false;
	xml_empty(writer, "query", NS_DISCO_ITEMS);
	stanza_close(frontend);
	host->state = SERVICE_SOUGHT;
	return true;
}

/* We are the user's server ourselves. */
static void place_here(struct frontend *frontend, const char *jid, const struct s2_slot *slot)
{
	enum s2_condition condition = S2_DONE;
	const char *text = NULL;
	const char *url = server_upload_place(frontend->upstream, &frontend->arena, jid, slot->name, slot->mime_type,
	                                      slot->bytes, &condition, &text);
	if (url)
		conversation_slot(frontend->hub, jid, &(struct s2_slot){.id = slot->id, .put = url, .get = url});
	else
		refuse(frontend, jid, slot->id, condition, text);
}

void upload_wanted(void *arg, struct user *user, const struct s2_slot *slot)
{
	struct frontend *frontend = arg;
	const char *jid = user_jid(user), *at = strrchr(jid, '@');
	if (frontend->serves) {
		place_here(frontend, jid, slot);
		return;
	}
	struct host *host = at ? host_find(frontend, at + 1) : NULL;
	bool old = host && (host->state == SERVICE_FOUND || host->state == SERVICE_NONE) &&
	           host->again_at <= loop_now(frontend->loop);
	if (host && (host->state == SERVICE_UNKNOWN || old) && !search(frontend, host))
		host = NULL;
	if (!host || (host->state == SERVICE_SOUGHT && host->waiting_count >= REQUESTS_MOST)) {
		refuse(frontend, jid, slot->id, S2_REMOTE_SERVER_TIMEOUT,
		       "Your server can't be reached at the moment.");
	} else if (host->state == SERVICE_SOUGHT) {
		struct wanted *wanted = mem_new(sizeof *wanted);
		wanted->jid = mem_strdup(jid);
		wanted->id = mem_strdup(slot->id);
		wanted->name = mem_strdup(slot->name);
		wanted->mime_type = mem_strdup(slot->mime_type);
		wanted->bytes = slot->bytes;
		list_append(&host->waiting, &wanted->node);
		host->waiting_count++;
	} else if (host->state == SERVICE_FOUND) {
		ask_for_slot(frontend, host, jid, slot->id, slot->name, slot->mime_type, slot->bytes);
	} else {
		refuse(frontend, jid, slot->id, S2_ITEM_NOT_FOUND, "Your server has no upload service.");
	}
}
