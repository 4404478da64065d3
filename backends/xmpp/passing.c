/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IQ requests of the user's own clients that the gateway hands on as they are (S2_ROOM_IQ): to services, rooms, people
 * and their clients, and their answers back. */
#include <stdlib.h>
#include <string.h>

#include "backends/xmpp/contact.h"
#include "backends/xmpp/iq.h"
#include "backends/xmpp/room.h"
#include "lib/base/str.h"
#include "lib/xmpp/ns.h"
#include "lib/xmpp/parser.h"

#define ANSWER_BYTES (200u << 10) /* more would break the gateway's link to a usual XMPP server */

static void on_answer(struct user *user, void *arg, struct arena *arena, const struct element *iq)
{
	uint32_t *request = arg;
	struct writer writer;
	struct str xml = {0};
	if (iq) {
		writer_init(&writer, &xml, NULL);
		xml_open(&writer, "iq", NS_CLIENT);
		xml_attr(&writer, "type", element_get(iq, "type"));
		for (const struct element *child = element_child(iq, NULL, NULL); child;
		     child = element_next(child, NULL, NULL))
			xml_element(&writer, child);
		xml_close(&writer);
		writer_end(&writer);
	}
	if (!iq)
		s2_room_done(user->s2, *request, S2_REMOTE_SERVER_TIMEOUT, "Nothing came back from there.");
	else if (xml.len > ANSWER_BYTES)
		s2_room_done(user->s2, *request, S2_RESOURCE_CONSTRAINT, "The answer is too long.");
	else
		s2_room_answer(user->s2, *request, &(struct s2_room_answer){.xml = xml.data});
	str_fini(&xml);
	free(request);
}

/* A contact shows one client of his at the gateway, whatever it is called here; NULL if he has none now. */
static const char *address_of(struct user *user, struct arena *arena, const char *name, const char *resource)
{
	struct jid jid;
	if (!jid_parse(arena, name, &jid))
		return NULL;
	const struct contact *contact = contact_find(user, jid.bare);
	if (text_empty(resource) || *jid.resource)
		return jid.full;
	if (contact && contact->listed && !room_find(user, jid.bare))
		resource = contact_resource(contact);
	return resource ? arena_printf(arena, "%s/%s", jid.bare, resource) : NULL;
}

void passing_ask(struct user *user, const struct s2_room_order *order, uint32_t request)
{
	struct arena arena = {0};
	const struct element *body = parser_fragment(&arena, order->xml ? order->xml : "", NS_CLIENT);
	const struct element *iq = element_child(body, "iq", NS_CLIENT);
	const struct element *payload = element_child(iq, NULL, NULL);
	const char *type = element_get(iq, "type");
	const char *to = address_of(user, &arena, order->room ? order->room : "", order->person.nickname);
	if (!payload || (!text_equal(type, "get") && !text_equal(type, "set"))) {
		s2_room_done(user->s2, request, S2_BAD_REQUEST, "This is no IQ request.");
	} else if (!to) {
		s2_room_done(user->s2, request, S2_SERVICE_UNAVAILABLE, "Nobody is there at the moment.");
	} else {
		uint32_t *number = mem_new(sizeof *number);
		*number = request;
		struct writer *writer = iq_open(user, type, to, on_answer, number);
		xml_element(writer, payload);
		iq_send(user);
	}
	arena_fini(&arena);
}
