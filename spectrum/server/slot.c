/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asking for a place to upload a file to (XEP-0363). */
#include <stdlib.h>
#include <string.h>

#include "spectrum/server/files.h"
#include "spectrum/server/inside.h"
#include "spectrum/server/web.h"

/* The error that says how large a file may be. */
static void refuse_size(struct answer *answer, const struct files *files)
{
	struct writer *writer = answer_open_error(answer);
	xml_open(writer, "error", NULL);
	xml_attr(writer, "type", "modify");
	xml_empty(writer, "not-acceptable", NS_STANZA_ERRORS);
	xml_open(writer, "text", NS_STANZA_ERRORS);
	xml_textf(writer, "No file above %llu bytes is taken.", (unsigned long long)files_most(files));
	xml_close(writer);
	xml_open(writer, "file-too-large", NS_UPLOAD);
	xml_open(writer, "max-file-size", NULL);
	xml_textf(writer, "%llu", (unsigned long long)files_most(files));
	xml_close(writer);
	xml_close(writer);
	xml_close(writer);
	answer_send(answer);
}

void slot_request(struct ask *ask)
{
	struct server *server = ask->account->server;
	struct files *files = server->web ? web_files(server->web) : NULL;
	const char *size = element_get(ask->payload, "size");
	enum s2_condition condition;
	const char *text = NULL;
	if (!files || ask->account->admin) {
		ask_refuse(ask, S2_SERVICE_UNAVAILABLE, "This server takes no files.");
		return;
	}
	uint64_t bytes = size && strspn(size, "0123456789") == strlen(size) ? strtoull(size, NULL, 10) : 0;
	if (bytes > files_most(files)) {
		refuse_size(answer_new(ask), files);
		return;
	}
	const char *path = files_promise(files, ask->account->jid, element_get(ask->payload, "filename"), bytes,
	                                 element_get(ask->payload, "content-type"), ask->arena, &condition, &text);
	if (!path) {
		ask_refuse(ask, condition, text);
		return;
	}
	const char *url = arena_printf(ask->arena, "%s%s", web_base(server->web), path);
	struct answer *answer = answer_new(ask);
	struct writer *writer = answer_open(answer);
	xml_open(writer, "slot", NS_UPLOAD);
	xml_open(writer, "put", NULL);
	xml_attr(writer, "url", url);
	xml_close(writer);
	xml_open(writer, "get", NULL);
	xml_attr(writer, "url", url);
	xml_close(writer);
	xml_close(writer);
	answer_send(answer);
}

/* ---- For the frontend ---- */

uint64_t server_upload_most(const struct upstream *upstream)
{
	const struct server *server = LIST_ITEM(upstream, const struct server, upstream);
	struct files *files = server->web ? web_files(server->web) : NULL;
	return files ? files_most(files) : 0;
}

const char *server_upload_place(struct upstream *upstream, struct arena *arena, const char *owner, const char *name,
                                const char *type, uint64_t bytes, enum s2_condition *condition, const char **text)
{
	struct server *server = LIST_ITEM(upstream, struct server, upstream);
	struct files *files = server->web ? web_files(server->web) : NULL;
	if (!files) {
		*condition = S2_ITEM_NOT_FOUND;
		*text = "This server takes no files.";
		return NULL;
	}
	const char *path =
	    files_promise(files, owner, text_empty(name) ? "file" : name, bytes, type, arena, condition, text);
	return path ? arena_printf(arena, "%s%s", web_base(server->web), path) : NULL;
}
