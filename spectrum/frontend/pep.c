/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/frontend/pep.h"

#include <string.h>

#include "spectrum/frontend/avatar.h"
#include "spectrum/frontend/card.h"
#include "spectrum/frontend/client.h"
#include "lib/xmpp/vcard.h"

#define CURRENT "current" /* id of an item that is the only one */

/* ---- Items ---- */

static void open_items(struct writer *writer, const char *node, const char *id)
{
	xml_open(writer, "items", NULL);
	xml_attr(writer, "node", node);
	if (!id)
		return;
	xml_open(writer, "item", NULL);
	xml_attr(writer, "id", id);
}

void pep_open_item(struct writer *writer, const char *node, const char *id)
{
	xml_open(writer, "pubsub", NS_PUBSUB);
	open_items(writer, node, id);
	if (id)
		return;
	xml_close(writer);
	xml_close(writer);
}

void pep_close_item(struct writer *writer)
{
	xml_close(writer);
	xml_close(writer);
	xml_close(writer);
}

struct writer *pep_event_open(struct frontend *frontend, struct user *user, const char *client, const char *name,
                              const char *node, const char *id)
{
	const char *from = contact_jid(frontend, user, name, NULL);
	if (!from)
		return NULL;
	struct writer *writer =
	    stanza_open(frontend, "message", UPSTREAM_PASSING, from, user_address(frontend, user, client), "headline");
	xml_open(writer, "event", NS_PUBSUB_EVENT);
	open_items(writer, node, id);
	return writer;
}

void pep_event_close(struct frontend *frontend, struct writer *writer)
{
	pep_close_item(writer);
	stanza_close(frontend);
}

/* ---- What is asked for ---- */

static void write_vcard4(struct reply *reply, const struct s2_card *card)
{
	struct writer *writer = reply_open(reply);
	pep_open_item(writer, NS_VCARD4_NODE, CURRENT);
	vcard_write(writer, VCARD_4, card, card_photo_most(reply->frontend));
	pep_close_item(writer);
	stanza_close(reply->frontend);
}

static void get_vcard4(struct request *request, const struct buddy *buddy, const char *id)
{
	card_ask(request, write_vcard4);
}

static const char *nickname(const struct buddy *buddy)
{
	const char *alias = buddy_text(buddy, BUDDY_ALIAS);
	return *alias ? alias : NULL;
}

static void get_nickname(struct request *request, const struct buddy *buddy, const char *id)
{
	const char *nick = nickname(buddy);
	struct writer *writer = iq_result_open(request);
	pep_open_item(writer, NS_NICK, nick ? CURRENT : NULL);
	if (nick) {
		xml_leaf(writer, "nick", NS_NICK, nick);
		pep_close_item(writer);
	}
	stanza_close(request->frontend);
}

void pep_get(struct request *request, const struct element *payload)
{
	static const struct {
		const char *node;
		void (*get)(struct request *, const struct buddy *, const char *id);
	} nodes[] = {
	    {NS_VCARD4_NODE, get_vcard4},
	    {NS_NICK, get_nickname},
	    {NS_AVATAR_METADATA, avatar_get_metadata},
	    {NS_AVATAR_DATA, avatar_get_data},
	};
	const struct element *items = element_child(payload, "items", NS_PUBSUB);
	const char *node = element_get(items, "node"), *id = element_get(element_child(items, "item", NS_PUBSUB), "id");
	if (!request->user) {
		stanza_refuse(request, S2_REGISTRATION_REQUIRED, "Log in to the gateway first.");
		return;
	}
	const struct buddy *buddy =
	    contact_find(request->user, contact_name(request->arena, request->user, request->to.node));
	for (size_t i = 0; buddy && node && i < sizeof nodes / sizeof *nodes; i++) {
		if (!strcmp(node, nodes[i].node)) {
			nodes[i].get(request, buddy, id);
			return;
		}
	}
	if (!items)
		stanza_refuse(request, S2_FEATURE_NOT_IMPLEMENTED, "Contacts only give out items.");
	else
		stanza_refuse(request, S2_ITEM_NOT_FOUND,
		              buddy ? "This contact publishes no such node."
		                    : "There is nobody of this name among your contacts.");
}

/* ---- News ---- */

static void tell_nickname(struct frontend *frontend, struct user *user, const char *client, const struct buddy *buddy)
{
	const char *nick = nickname(buddy);
	struct writer *writer =
	    nick ? pep_event_open(frontend, user, client, buddy_text(buddy, BUDDY_NAME), NS_NICK, CURRENT) : NULL;
	if (!writer)
		return;
	xml_leaf(writer, "nick", NS_NICK, nick);
	pep_event_close(frontend, writer);
}

void pep_nickname_changed(struct frontend *frontend, struct user *user, const struct buddy *buddy)
{
	if (!user_is_online(user))
		return;
	for (const struct resource *client = client_first(user); client; client = client_after(client)) {
		if (client_mark(client) & CLIENT_NICKS)
			tell_nickname(frontend, user, client_name(client), buddy);
	}
}

void pep_client_learned(struct frontend *frontend, struct user *user, const char *client, uint8_t abilities)
{
	/* Nicknames are in the roster; only a change is worth telling. */
	if (abilities & CLIENT_AVATARS && user_is_online(user))
		avatar_present_all(frontend, user, client);
}

void pep_online(struct frontend *frontend, struct user *user)
{
	for (const struct resource *client = client_first(user); client; client = client_after(client))
		pep_client_learned(frontend, user, client_name(client), client_mark(client));
}
