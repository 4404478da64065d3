/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is what in a room (XEP-0045 sections 8 to 10): lists of affiliations and roles, and changes of them, which the
 * network carries out or refuses. */
#include <stdlib.h>
#include <string.h>

#include "spectrum/frontend/muc.h"
#include "spectrum/hub/address.h"

#define ITEMS_MOST 50

static const char *const affiliations[] = {[S2_AFFILIATION_NONE] = "none",
                                           [S2_AFFILIATION_MEMBER] = "member",
                                           [S2_AFFILIATION_ADMIN] = "admin",
                                           [S2_AFFILIATION_OWNER] = "owner",
                                           [S2_AFFILIATION_OUTCAST] = "outcast"};
static const char *const roles[] = {[S2_ROLE_NONE] = "none",
                                    [S2_ROLE_VISITOR] = "visitor",
                                    [S2_ROLE_PARTICIPANT] = "participant",
                                    [S2_ROLE_MODERATOR] = "moderator"};

/* 0 if there is no such word. */
static unsigned find_word(const char *const *words, size_t count, const char *word)
{
	for (unsigned i = 1; word && i < count; i++) {
		if (!strcmp(words[i], word))
			return i;
	}
	return 0;
}

const char *rank_affiliation(const struct s2_participant *value)
{
	if (value->affiliation != S2_AFFILIATION_UNSET)
		return affiliations[value->affiliation];
	return value->flags & S2_PARTICIPANT_MODERATOR ? "admin" : "member";
}

const char *rank_role(const struct s2_participant *value)
{
	/* A rename is shown as leaving, but keeps the role. */
	if (value->status == S2_STATUS_NONE && text_empty(value->new_nickname))
		return "none";
	if (value->role != S2_ROLE_UNSET)
		return roles[value->role];
	return value->flags & S2_PARTICIPANT_MODERATOR ? "moderator" : "participant";
}

bool rank_refused(struct request *request)
{
	struct s2_participant self;
	if (!request->room || !room_joined_by(request->room, request->user, request->from.resource)) {
		stanza_refuse(request, request->room ? S2_NOT_ACCEPTABLE : S2_ITEM_NOT_FOUND,
		              "You are not in this room. Join it first.");
		return true;
	}
	if (room_self(request->room, &self) && (!strcmp(rank_role(&self), "moderator") ||
	                                        !strcmp(rank_affiliation(&self), "admin") ||
	                                        !strcmp(rank_affiliation(&self), "owner")))
		return false;
	stanza_refuse(request, S2_FORBIDDEN, "Only moderators of this room may do that.");
	return true;
}

/* ---- Lists ---- */

static void write_item(struct writer *writer, const char *affiliation, const char *role, const char *nickname,
                       const char *jid, const char *reason)
{
	xml_open(writer, "item", NULL);
	xml_attr(writer, "affiliation", affiliation);
	xml_attr(writer, "role", role);
	xml_attr(writer, "nick", text_or_null(nickname));
	xml_attr(writer, "jid", jid);
	xml_leaf(writer, "reason", NULL, text_or_null(reason));
	xml_close(writer);
}

/* Those in the room that have this affiliation (NULL: any) and role. */
static void write_occupants(struct frontend *frontend, struct writer *writer, const struct user *user,
                            const struct room *room, const char *affiliation, const char *role)
{
	struct s2_participant one;
	for (unsigned i = 0; room_occupant_at(room, i, &one); i++) {
		if ((affiliation && strcmp(rank_affiliation(&one), affiliation) != 0) ||
		    (role && strcmp(rank_role(&one), role) != 0))
			continue;
		write_item(writer, rank_affiliation(&one), rank_role(&one), one.nickname,
		           text_empty(one.real_name) ? NULL : contact_jid(frontend, user, one.real_name, NULL), NULL);
	}
}

/* A list that the network was asked for. */
struct listing {
	struct reply *reply;
	char *jid, *node;
	enum s2_affiliation affiliation;
};

static void write_people(struct frontend *frontend, struct writer *writer, const struct user *user,
                         const struct listing *listing, const struct s2_room_answer *answer)
{
	for (size_t i = 0; i < answer->people_count; i++) {
		const struct s2_room_person *one = &answer->people[i];
		const char *jid = text_empty(one->name) ? NULL : contact_jid(frontend, user, one->name, NULL);
		if (jid || !text_empty(one->nickname))
			write_item(writer, affiliations[listing->affiliation],
			           one->role ? roles[one->role] : NULL, one->nickname, jid, one->reason);
	}
}

static void listed(void *arg, const struct s2_room_answer *answer)
{
	struct listing *listing = arg;
	struct frontend *frontend = listing->reply->frontend;
	const struct user *user = hub_user(frontend->hub, listing->jid);
	const struct room *room = user ? room_find(user, listing->node) : NULL;
	bool unknown = answer->condition == S2_FEATURE_NOT_IMPLEMENTED;
	if (answer->condition != S2_DONE && !unknown) {
		reply_refuse(listing->reply, answer->condition, answer->text);
	} else {
		struct writer *writer = reply_open(listing->reply);
		xml_open(writer, "query", NS_MUC_ADMIN);
		if (user && !unknown)
			write_people(frontend, writer, user, listing, answer);
		else if (room)
			write_occupants(frontend, writer, user, room, affiliations[listing->affiliation], NULL);
		xml_close(writer);
		stanza_close(frontend);
	}
	reply_free(listing->reply);
	free(listing->jid);
	free(listing->node);
	free(listing);
}

static void ask_for_list(struct request *request, enum s2_affiliation affiliation)
{
	struct listing *listing = mem_new(sizeof *listing);
	*listing = (struct listing){reply_new(request), mem_strdup(request->from.bare), mem_strdup(request->to.node),
	                            affiliation};
	struct s2_room_order order = {
	    .verb = S2_ROOM_PEOPLE, .room = room_name(request->room), .person.affiliation = affiliation};
	room_order(request->user, &order, listed, listing);
}

void rank_get(struct request *request, const struct element *payload)
{
	const struct element *item = element_child(payload, "item", NS_MUC_ADMIN);
	const char *affiliation = item ? element_get(item, "affiliation") : NULL,
	           *role = item ? element_get(item, "role") : NULL;
	unsigned wanted = find_word(affiliations, sizeof affiliations / sizeof *affiliations, affiliation);
	unsigned wanted_role = find_word(roles, sizeof roles / sizeof *roles, role);
	if (!request->room)
		stanza_refuse(request, S2_ITEM_NOT_FOUND, "You are not in this room.");
	else if ((affiliation && !wanted) || (role && !wanted_role) || !affiliation == !role)
		stanza_refuse(request, S2_BAD_REQUEST, "Ask for one affiliation or one role.");
	else if (wanted) {
		ask_for_list(request, (enum s2_affiliation)wanted);
	} else {
		struct writer *writer = iq_result_open(request);
		xml_open(writer, "query", NS_MUC_ADMIN);
		write_occupants(request->frontend, writer, request->user, request->room, NULL, role);
		xml_close(writer);
		stanza_close(request->frontend);
	}
}

/* ---- Changes ---- */

/* One request with its items: it is answered when the network has answered all of them, with the first error if there
 * was one. */
struct change {
	struct reply *reply;
	unsigned left;
	enum s2_condition condition;
	char *text;
};

static void change_end(struct change *change)
{
	if (--change->left)
		return;
	if (change->condition != S2_DONE) {
		reply_refuse(change->reply, change->condition, change->text);
	} else {
		reply_open(change->reply);
		stanza_close(change->reply->frontend);
	}
	reply_free(change->reply);
	free(change->text);
	free(change);
}

static void changed(void *arg, const struct s2_room_answer *answer)
{
	struct change *change = arg;
	if (answer->condition != S2_DONE && change->condition == S2_DONE) {
		change->condition = answer->condition;
		mem_replace(&change->text, answer->text);
	}
	change_end(change);
}

static bool bad(const char **why, enum s2_condition *condition, enum s2_condition given, const char *text)
{
	*condition = given;
	*why = text;
	return false;
}

/* Whom an item is about: by nickname, or by the JID of a person of the network. */
static bool read_person(struct request *request, const struct element *item, struct s2_room_person *person,
                        const char **why, enum s2_condition *condition)
{
	const char *nick = element_get(item, "nick"), *address = element_get(item, "jid");
	struct jid jid;
	person->nickname = text_or_null(nick);
	if (person->nickname && !room_has_occupant(request->room, person->nickname) && text_empty(address))
		return bad(why, condition, S2_ITEM_NOT_FOUND, "There is nobody with this nickname in the room.");
	if (text_empty(address))
		return person->nickname || bad(why, condition, S2_BAD_REQUEST, "Say who it is about.");
	if (!jid_parse(request->arena, address, &jid))
		return bad(why, condition, S2_JID_MALFORMED, "This is no address.");
	if (strcmp(jid.domain, request->frontend->jid) != 0 || !*jid.node)
		return bad(why, condition, S2_ITEM_NOT_FOUND, "Only people of this network can be something in its rooms.");
	person->name = contact_name(request->arena, request->user, jid.node);
	return true;
}

static bool read_item(struct request *request, const struct element *item, struct s2_room_person *person,
                      const char **why, enum s2_condition *condition)
{
	const char *affiliation = element_get(item, "affiliation"), *role = element_get(item, "role");
	*person = (struct s2_room_person){
	    .affiliation = (enum s2_affiliation)find_word(affiliations, sizeof affiliations / sizeof *affiliations,
	                                                  affiliation),
	    .role = (enum s2_role)find_word(roles, sizeof roles / sizeof *roles, role),
	    .reason = text_or_null(element_child_text(request->arena, item, "reason", NULL)),
	};
	if ((affiliation && !person->affiliation) || (role && !person->role) || !affiliation == !role)
		return bad(why, condition, S2_BAD_REQUEST, "An item gives one affiliation or one role.");
	if (role && text_empty(element_get(item, "nick")))
		return bad(why, condition, S2_BAD_REQUEST, "A role is given to a nickname.");
	return read_person(request, item, person, why, condition);
}

void rank_set(struct request *request, const struct element *payload)
{
	struct s2_room_person people[ITEMS_MOST];
	unsigned count = 0;
	const char *why = NULL;
	enum s2_condition condition = S2_BAD_REQUEST;
	if (rank_refused(request))
		return;
	const struct element *item = element_child(payload, "item", NS_MUC_ADMIN);
	for (; item && !why; item = element_next(item, "item", NS_MUC_ADMIN)) {
		if (count == ITEMS_MOST)
			why = "Change fewer people at once.";
		else if (read_item(request, item, &people[count], &why, &condition))
			count++;
	}
	if (!count && !why)
		why = "There is nothing to change.";
	if (why) {
		stanza_refuse(request, condition, why);
		return;
	}
	struct change *change = mem_new(sizeof *change);
	change->reply = reply_new(request);
	change->left = count + 1;
	for (unsigned i = 0; i < count; i++) {
		struct s2_room_order order = {
		    .verb = S2_ROOM_CHANGE, .room = room_name(request->room), .person = people[i]};
		room_order(request->user, &order, changed, change);
	}
	change_end(change);
}
