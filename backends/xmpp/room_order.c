/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the user wants done about a room: lists of people, ranks, invitations, voice, settings, its end, and the rooms
 * that a server has (XEP-0045 sections 7 to 10). Each becomes one request to the room, whose answer is passed on. */
#include <stdlib.h>
#include <string.h>

#include "backends/xmpp/iq.h"
#include "backends/xmpp/room.h"
#include "lib/base/str.h"
#include "lib/xmpp/form.h"
#include "lib/xmpp/ns.h"
#include "lib/xmpp/stanza.h"

#define ROOMCONFIG NS_MUC "#roomconfig"
#define MUC_REQUEST NS_MUC "#request"

enum { MOST_PEOPLE = 5000, MOST_FIELDS = 100, MOST_LISTED = 1000 };

/* An order that waits for the room. */
struct order {
	struct arena arena;
	uint32_t request;
	enum s2_room_verb verb;
	char *room;
	struct s2_room_person person;
	struct s2_field *fields; /* name and value only */
	size_t field_count;
};

static void order_free(struct order *order)
{
	arena_fini(&order->arena);
	free(order);
}

/* Ends the order; `answer` NULL: nothing came. */
static void end(struct user *user, struct order *order, struct arena *arena, const struct element *iq)
{
	const char *words = NULL;
	if (iq_is_result(iq))
		s2_room_done(user->s2, order->request, S2_DONE, NULL);
	else if (iq)
		s2_room_done(user->s2, order->request, stanza_error(arena, iq, &words), words);
	else
		s2_room_done(user->s2, order->request, S2_REMOTE_SERVER_TIMEOUT, "The room does not answer.");
	order_free(order);
}

static void on_done(struct user *user, void *arg, struct arena *arena, const struct element *iq)
{
	end(user, arg, arena, iq);
}

/* ---- People ---- */

static const char *const affiliations[] = {[S2_AFFILIATION_NONE] = "none",
                                           [S2_AFFILIATION_MEMBER] = "member",
                                           [S2_AFFILIATION_ADMIN] = "admin",
                                           [S2_AFFILIATION_OWNER] = "owner",
                                           [S2_AFFILIATION_OUTCAST] = "outcast"};
static const char *const roles[] = {[S2_ROLE_NONE] = "none",
                                    [S2_ROLE_VISITOR] = "visitor",
                                    [S2_ROLE_PARTICIPANT] = "participant",
                                    [S2_ROLE_MODERATOR] = "moderator"};

static void on_people(struct user *user, void *arg, struct arena *arena, const struct element *iq)
{
	struct order *order = arg;
	if (!iq_is_result(iq)) {
		end(user, order, arena, iq);
		return;
	}
	const struct element *query = element_child(iq, "query", NS_MUC_ADMIN);
	const struct element *first = element_child(query, "item", NS_MUC_ADMIN), *item = first;
	size_t count = 0;
	for (; item && count < MOST_PEOPLE; item = element_next(item, "item", NS_MUC_ADMIN))
		count++;
	struct s2_room_person *people = arena_alloc(arena, count * sizeof *people);
	item = first;
	for (size_t i = 0; i < count; i++, item = element_next(item, "item", NS_MUC_ADMIN))
		people[i] = (struct s2_room_person){
		    .name = element_get(item, "jid"),
		    .nickname = element_get(item, "nick"),
		    .affiliation = order->person.affiliation,
		    .reason = element_child_text(arena, item, "reason", NS_MUC_ADMIN),
		};
	s2_room_answer(user->s2, order->request,
	               &(struct s2_room_answer){.condition = S2_DONE, .people = people, .people_count = count});
	order_free(order);
}

static void ask_people(struct user *user, struct order *order)
{
	struct writer *writer = iq_open(user, "get", order->room, on_people, order);
	xml_open(writer, "query", NS_MUC_ADMIN);
	xml_open(writer, "item", NULL);
	xml_attr(writer, "affiliation", affiliations[order->person.affiliation]);
	xml_close(writer);
	xml_close(writer);
	iq_send(user);
}

static void change_person(struct user *user, struct order *order)
{
	const struct s2_room_person *person = &order->person;
	bool affiliation = person->affiliation != S2_AFFILIATION_UNSET;
	struct writer *writer = iq_open(user, "set", order->room, on_done, order);
	xml_open(writer, "query", NS_MUC_ADMIN);
	xml_open(writer, "item", NULL);
	if (affiliation)
		xml_attr(writer, "affiliation", affiliations[person->affiliation]);
	else
		xml_attr(writer, "role", roles[person->role]);
	/* A rank belongs to an address, a role to a nickname. */
	xml_attr(writer, "jid", affiliation ? text_or_null(person->name) : NULL);
	xml_attr(writer, "nick", text_or_null(person->nickname));
	xml_leaf(writer, "reason", NULL, text_or_null(person->reason));
	xml_close(writer);
	xml_close(writer);
	iq_send(user);
}

/* ---- Words to the room that nobody answers ---- */

static void sent(struct user *user, struct order *order)
{
	bool gone = !user_send(user, NULL);
	s2_room_done(user->s2, order->request, gone ? S2_RESOURCE_CONSTRAINT : S2_DONE, NULL);
	order_free(order);
}

static void call_in(struct user *user, struct order *order)
{
	bool decline = order->verb == S2_ROOM_DECLINE;
	struct writer *writer = talk_open(user, NULL, order->room, NULL);
	xml_open(writer, "x", NS_MUC_USER);
	xml_open(writer, decline ? "decline" : "invite", NULL);
	xml_attr(writer, "to", order->person.name);
	xml_leaf(writer, "reason", NULL, text_or_null(order->person.reason));
	xml_close(writer);
	xml_close(writer);
	sent(user, order);
}

static void ask_voice(struct user *user, struct order *order)
{
	struct writer *writer = talk_open(user, NULL, order->room, NULL);
	form_open(writer, "submit", MUC_REQUEST, NULL, NULL);
	form_field(writer, "muc#role", "list-single", NULL, "participant", false);
	form_close(writer);
	sent(user, order);
}

/* ---- Settings ---- */

static const struct element *form_of(const struct element *iq)
{
	return element_child(element_child(iq, "query", NS_MUC_OWNER), "x", NS_DATA);
}

static void on_form(struct user *user, void *arg, struct arena *arena, const struct element *iq)
{
	struct order *order = arg;
	struct s2_field fields[MOST_FIELDS];
	if (!iq_is_result(iq)) {
		end(user, order, arena, iq);
		return;
	}
	size_t count = form_fields(arena, form_of(iq), fields, MOST_FIELDS);
	s2_room_answer(user->s2, order->request,
	               &(struct s2_room_answer){.condition = S2_DONE, .fields = fields, .field_count = count});
	order_free(order);
}

/* The form as it is, with the values that the user gave: what he left alone stays. */
static void on_form_to_change(struct user *user, void *arg, struct arena *arena, const struct element *iq)
{
	struct order *order = arg;
	struct s2_field fields[MOST_FIELDS];
	if (!iq_is_result(iq)) {
		end(user, order, arena, iq);
		return;
	}
	size_t count = form_fields(arena, form_of(iq), fields, MOST_FIELDS);
	struct writer *writer = iq_open(user, "set", order->room, on_done, order);
	xml_open(writer, "query", NS_MUC_OWNER);
	form_open(writer, "submit", ROOMCONFIG, NULL, NULL);
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < order->field_count; k++)
			if (text_equal(order->fields[k].name, fields[i].name))
				fields[i].value = order->fields[k].value;
		form_ask(writer, &fields[i], true);
	}
	form_close(writer);
	xml_close(writer);
	iq_send(user);
}

static void ask_form(struct user *user, struct order *order)
{
	struct writer *writer =
	    iq_open(user, "get", order->room, order->verb == S2_ROOM_FORM ? on_form : on_form_to_change, order);
	xml_empty(writer, "query", NS_MUC_OWNER);
	iq_send(user);
}

static void destroy(struct user *user, struct order *order)
{
	struct writer *writer = iq_open(user, "set", order->room, on_done, order);
	xml_open(writer, "query", NS_MUC_OWNER);
	xml_open(writer, "destroy", NULL);
	xml_leaf(writer, "reason", NULL, text_or_null(order->person.reason));
	xml_close(writer);
	xml_close(writer);
	iq_send(user);
}

/* ---- Catalog ---- */

static void on_catalog(struct user *user, void *arg, struct arena *arena, const struct element *iq)
{
	struct order *order = arg;
	struct jid jid;
	size_t count = 0;
	if (!iq_is_result(iq)) {
		end(user, order, arena, iq);
		return;
	}
	struct s2_room_listing *rooms = arena_alloc(arena, MOST_LISTED * sizeof *rooms);
	const struct element *item = element_child(element_child(iq, "query", NS_DISCO_ITEMS), "item", NS_DISCO_ITEMS);
	for (; item && count < MOST_LISTED; item = element_next(item, "item", NS_DISCO_ITEMS)) {
		const char *name = element_get(item, "jid");
		if (name && jid_parse(arena, name, &jid) && *jid.node)
			rooms[count++] = (struct s2_room_listing){.name = jid.bare, .title = element_get(item, "name")};
	}
	s2_room_answer(user->s2, order->request,
	               &(struct s2_room_answer){.condition = S2_DONE, .rooms = rooms, .room_count = count});
	order_free(order);
}

static void ask_catalog(struct user *user, struct order *order)
{
	const char *service = *order->room ? order->room : user->room_service;
	if (!service) {
		s2_room_done(user->s2, order->request, S2_ITEM_NOT_FOUND,
		             "Your XMPP server has no rooms. Name one that has.");
		order_free(order);
		return;
	}
	struct writer *writer = iq_open(user, "get", service, on_catalog, order);
	xml_empty(writer, "query", NS_DISCO_ITEMS);
	iq_send(user);
}

/* ---- Orders ---- */

static void (*const handlers[])(struct user *, struct order *) = {
    [S2_ROOM_PEOPLE] = ask_people,  [S2_ROOM_CHANGE] = change_person, [S2_ROOM_INVITE] = call_in,
    [S2_ROOM_DECLINE] = call_in,    [S2_ROOM_VOICE] = ask_voice,      [S2_ROOM_FORM] = ask_form,
    [S2_ROOM_CONFIGURE] = ask_form, [S2_ROOM_DESTROY] = destroy,      [S2_ROOM_CATALOG] = ask_catalog,
};

/* Why the order makes no sense, NULL if it does. */
static const char *check(struct order *order)
{
	struct s2_room_person *person = &order->person;
	struct jid jid;
	if (order->verb != S2_ROOM_CATALOG && (!jid_parse(&order->arena, order->room, &jid) || !*jid.node))
		return "An XMPP room is called room@conference.example.org.";
	if (order->verb == S2_ROOM_CATALOG && *order->room && !jid_parse(&order->arena, order->room, &jid))
		return "Name a server, like conference.example.org.";
	bool named = order->verb == S2_ROOM_INVITE || order->verb == S2_ROOM_DECLINE;
	if ((named || !text_empty(person->name)) && !jid_parse(&order->arena, person->name ? person->name : "", &jid))
		return "People on XMPP are called name@example.org.";
	if (order->verb == S2_ROOM_PEOPLE && person->affiliation == S2_AFFILIATION_UNSET)
		return "Say which people.";
	if (order->verb == S2_ROOM_CHANGE &&
	    (person->affiliation == S2_AFFILIATION_UNSET ? person->role == S2_ROLE_UNSET || text_empty(person->nickname)
	                                                 : text_empty(person->name) && text_empty(person->nickname)))
		return "Say who, and what he shall be.";
	return NULL;
}

/* A rank is given to an address; by the nickname only where the room tells nobody's address. */
static void find_person(struct user *user, struct order *order)
{
	struct room *room = room_find(user, order->room);
	const char *nick = order->person.nickname;
	struct occupant *occupant = room && !text_empty(nick) ? map_get(&room->occupants, nick) : NULL;
	if (occupant && occupant->real_name && text_empty(order->person.name))
		order->person.name = arena_strdup(&order->arena, occupant->real_name);
}

void user_room_order(struct s2_user *s2, const struct s2_room_order *in, uint32_t request)
{
	struct user *user = s2_user_data(s2);
	if (!user || !user_is_ready(user)) {
		s2_room_done(s2, request, S2_RECIPIENT_UNAVAILABLE,
		             "There is no connection to your XMPP server at the moment.");
		return;
	}
	if (in->verb == S2_ROOM_IQ) {
		passing_ask(user, in, request);
		return;
	}
	struct order *order = mem_new(sizeof *order);
	struct arena *arena = &order->arena;
	order->request = request;
	order->verb = in->verb;
	order->room = arena_strdup(arena, in->room ? in->room : "");
	order->person = in->person;
	order->person.name = arena_strdup(arena, in->person.name);
	order->person.nickname = arena_strdup(arena, in->person.nickname);
	order->person.reason = arena_strdup(arena, in->person.reason);
	order->field_count = in->field_count;
	order->fields = arena_alloc(arena, in->field_count * sizeof *order->fields);
	for (size_t i = 0; i < in->field_count; i++) {
		order->fields[i].name = arena_strdup(arena, in->fields[i].name);
		order->fields[i].value = arena_strdup(arena, in->fields[i].value);
	}
	const char *why = check(order);
	if (why) {
		s2_room_done(s2, request, S2_BAD_REQUEST, why);
		order_free(order);
		return;
	}
	find_person(user, order);
	handlers[order->verb](user, order);
}
