/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private XML storage at the gateway (XEP-0049), for bookmarks (XEP-0048) only: what some clients keep with each
 * service that has rooms. It is a setting of the user, under the name that Spectrum 2 uses for it. */
#include <stdlib.h>
#include <string.h>

#include "lib/xmpp/parser.h"
#include "spectrum/frontend/inside.h"

#define STORAGE_BYTES 65536

/* The bookmarks in the payload, or NULL after an error. */
static const struct element *find(struct request *request, const struct element *payload)
{
	const struct element *storage = element_child(payload, NULL, NULL);
	if (element_is(storage, "storage", NS_BOOKMARKS_1) && !element_next(storage, NULL, NULL))
		return storage;
	stanza_refuse(request, S2_NOT_ACCEPTABLE, "Only bookmarks can be stored here.");
	return NULL;
}

static void write_storage(const struct reply *reply, const char *xml)
{
	struct arena *arena = &reply->frontend->arena;
	/* What another program left in the database may be cut or worse. */
	const struct element *body = xml ? parser_fragment(arena, xml, NS_PRIVATE) : NULL;
	const struct element *storage = element_child(body, "storage", NS_BOOKMARKS_1);
	struct writer *writer = reply_open(reply);
	xml_open(writer, "query", NS_PRIVATE);
	if (storage)
		xml_element(writer, storage);
	else
		xml_empty(writer, "storage", NS_BOOKMARKS_1);
	xml_close(writer);
	stanza_close(reply->frontend);
}

static void got(void *arg, const struct account_info *info, enum s2_condition condition, const char *text)
{
	struct reply *reply = arg;
	if (!info)
		reply_refuse(reply, condition, text);
	else if (!info->registered)
		reply_refuse(reply, S2_REGISTRATION_REQUIRED, "You are not registered with this gateway.");
	else
		write_storage(
		    reply, setting_value(reply->frontend->hub, info->settings, info->setting_count, SETTING_STORAGE));
	reply_free(reply);
}

void storage_get(struct request *request, const struct element *payload)
{
	if (find(request, payload))
		account_get(request->frontend->hub, request->from.bare, got, reply_new(request));
}

static void stored(void *arg, const struct account_info *info, enum s2_condition condition, const char *text)
{
	struct reply *reply = arg;
	if (info) {
		reply_open(reply);
		stanza_close(reply->frontend);
	} else {
		reply_refuse(reply, condition, text);
	}
	reply_free(reply);
}

void storage_set(struct request *request, const struct element *payload)
{
	const struct element *storage = find(request, payload);
	struct str xml = {0};
	struct writer writer;
	if (!storage)
		return;
	writer_init(&writer, &xml, NS_PRIVATE);
	xml_element(&writer, storage);
	writer_end(&writer);
	if (xml.len > STORAGE_BYTES)
		stanza_refuse(request, S2_NOT_ACCEPTABLE, "These are too many bookmarks.");
	else
		setting_change(request->frontend->hub, request->from.bare,
		               &(struct s2_setting){SETTING_STORAGE, str_text(&xml)}, 1, stored, reply_new(request));
	str_fini(&xml);
}
