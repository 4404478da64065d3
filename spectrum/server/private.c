/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private XML storage (XEP-0049): an element of any namespace that clients keep with their server. */
#include <stdlib.h>

#include "spectrum/server/inside.h"

#define KIND "private"
#define BYTES_MOST (64u << 10)
#define ELEMENTS_MOST 100

struct wanted {
	struct answer *answer;
	char *name, *ns;
};

static void got(void *arg, const struct kept *items, size_t count)
{
	struct wanted *wanted = arg;
	struct server *server = answer_server(wanted->answer);
	if (!items) {
		answer_refuse(wanted->answer, S2_INTERNAL_SERVER_ERROR, "The database does not work at the moment.");
	} else {
		const struct element *body =
		    count ? parser_fragment(server_arena(server), items[0].content, NS_PRIVATE) : NULL;
		const struct element *stored = element_child(body, wanted->name, wanted->ns);
		struct writer *writer = answer_open(wanted->answer);
		xml_open(writer, "query", NS_PRIVATE);
		if (stored)
			xml_element(writer, stored);
		else
			xml_empty(writer, wanted->name, wanted->ns);
		xml_close(writer);
		answer_send(wanted->answer);
	}
	free(wanted->name);
	free(wanted->ns);
	free(wanted);
}

/* The one element that it is about; NULL after an error. */
static const struct element *find(struct ask *ask)
{
	const struct element *element = element_child(ask->payload, NULL, NULL);
	if (element && element->ns && *element->ns && !element_is(element, NULL, NS_PRIVATE) &&
	    !element_next(element, NULL, NULL))
		return element;
	ask_refuse(ask, S2_NOT_ACCEPTABLE, "Name one element with a namespace of its own.");
	return NULL;
}

void private_get(struct ask *ask)
{
	const struct element *element = find(ask);
	if (!element)
		return;
	if (bookmarks_are_old(element->ns)) {
		bookmarks_get(ask, false);
		return;
	}
	struct wanted *wanted = mem_new(sizeof *wanted);
	*wanted = (struct wanted){answer_new(ask), mem_strdup(element->name), mem_strdup(element->ns)};
	keep_get(ask->account->server->hub, ask->account->jid,
	         &(struct kept){.kind = KIND, .node = element->ns, .id = element->name}, got, wanted);
}

void private_set(struct ask *ask)
{
	const struct element *element = find(ask);
	struct str xml = {0};
	struct writer writer;
	if (!element)
		return;
	if (bookmarks_are_old(element->ns)) {
		bookmarks_set(ask, element, false);
		return;
	}
	writer_init(&writer, &xml, NS_PRIVATE);
	xml_element(&writer, element);
	writer_end(&writer);
	if (xml.len > BYTES_MOST)
		ask_refuse(ask, S2_NOT_ACCEPTABLE, "This is too large.");
	else
		keep_put(ask->account->server->hub, ask->account->jid,
		         &(struct kept){.kind = KIND,
		                        .node = element->ns,
		                        .id = element->name,
		                        .content = xml.data,
		                        .most = ELEMENTS_MOST},
		         false, answer_kept, answer_new(ask));
	str_fini(&xml);
}
