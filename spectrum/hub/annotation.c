/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is said about earlier messages: reactions, retractions, read markers, and the new versions and replies that name
 * one. The network and the XMPP side call the user's own messages by different ids; here one becomes the other. What
 * the network can't do is refused with words, or said in words instead. */
#include <string.h>

#include "lib/base/log.h"
#include "spectrum/hub/idmap.h"
#include "spectrum/hub/room.h"
#include "spectrum/hub/user.h"

#define LOG_AREA "annotation"

bool hub_can(const struct hub *hub, enum hub_ability ability)
{
	static const char *const keys[] = {
	    [HUB_CORRECTIONS] = "features.corrections", [HUB_RETRACTIONS] = "features.retractions",
	    [HUB_MODERATION] = "features.moderation",   [HUB_REACTIONS] = "features.reactions",
	    [HUB_REPLIES] = "features.replies",         [HUB_MARKERS] = "features.markers",
	    [HUB_ATTACHMENTS] = "features.attachments", [HUB_FORMATTING] = "features.formatting",
	};
	return config_bool(hub->config, keys[ability]);
}

void conversation_named(void *arg, struct seat *seat, const char *peer, const char *id, const char *network_id)
{
	if (!text_empty(id) && strcmp(id, network_id) != 0)
		idmap_put(&user_of_seat(seat)->ids, peer, id, network_id);
}

const char *annotation_own_id(const struct user *user, const char *peer, const char *network_id)
{
	const char *own = network_id ? idmap_own(user->ids, peer, network_id) : NULL;
	return own ? own : network_id;
}

const char *annotation_network_id(const struct user *user, const char *peer, const char *own_id)
{
	const char *network = own_id ? idmap_network(user->ids, peer, own_id) : NULL;
	return network ? network : own_id;
}

/* ---- To the network ---- */

static const struct {
	enum hub_ability ability;
	const char *refusal;
} kinds[S2_ANNOTATIONS] = {
    [S2_REACTION] = {HUB_REACTIONS, "This network has no reactions."},
    [S2_RETRACTION] = {HUB_RETRACTIONS, "On this network nothing can be taken back."},
    [S2_DISPLAYED] = {HUB_MARKERS, "This network is not told what was read."},
};

static bool is_listed(const char *list, const char *word)
{
	size_t len = strlen(word);
	for (const char *at = list; (at = strstr(at, word)); at += len) {
		if ((at == list || at[-1] == ' ') && (at[len] == ' ' || !at[len]))
			return true;
	}
	return false;
}

/* Why this set of reactions can't be, or NULL. */
static const char *bad_reactions(struct arena *arena, const struct hub *hub, const struct s2_annotation *annotation)
{
	const char *allowed = config_text(hub->config, "features.reactions_allowed");
	long long most = config_number(hub->config, "features.reactions_most");
	if (most && (long long)annotation->reaction_count > most)
		return most == 1
		           ? "On this network a person has one reaction to a message."
		           : arena_printf(arena, "On this network a person has at most %lld reactions to a message.",
		                          most);
	for (size_t i = 0; i < annotation->reaction_count && !text_empty(allowed); i++) {
		if (!is_listed(allowed, annotation->reactions[i]))
			return arena_printf(arena, "This network has no such reaction. It has: %s", allowed);
	}
	return NULL;
}

static bool refuse(struct hub *hub, const struct s2_annotation *in, struct ticket *ticket)
{
	struct arena arena = {0};
	bool moderated = in->kind == S2_RETRACTION && in->moderated;
	const char *why = NULL;
	enum s2_condition condition = S2_FEATURE_NOT_IMPLEMENTED;
	if (!hub_can(hub, moderated ? HUB_MODERATION : kinds[in->kind].ability))
		why = moderated ? "On this network moderators can't take messages back." : kinds[in->kind].refusal;
	else if (in->kind == S2_REACTION && (why = bad_reactions(&arena, hub, in)))
		condition = S2_NOT_ACCEPTABLE;
	if (why) /* nobody waits for an answer to what was read */
		hub_end(hub, ticket, in->kind == S2_DISPLAYED ? S2_DONE : condition, why);
	arena_fini(&arena);
	return why;
}

static void hand_over(struct user *user, const struct s2_annotation *in, struct ticket *ticket)
{
	struct hub *hub = user->hub;
	struct s2_annotation annotation = *in;
	if (refuse(hub, in, ticket))
		return;
	if (user->state != USER_ONLINE || link_unsent(&user->seat) >= HUB_UNSENT_MOST) {
		hub_end(hub, ticket, in->kind == S2_DISPLAYED ? S2_DONE : S2_RECIPIENT_UNAVAILABLE,
		        "You are not connected to the network at the moment.");
		return;
	}
	annotation.target = annotation_network_id(user, in->peer, in->target);
	journal_add(hub->journal, ticket);
	link_annotation(&user->seat, &annotation, ticket);
}

void conversation_annotate(struct hub *hub, const char *jid, const char *resource, const struct s2_annotation *in,
                           struct ticket *ticket)
{
	struct user *user = hub_user(hub, jid);
	if (!user && in->kind == S2_DISPLAYED)
		hub_end(hub, ticket, S2_DONE, NULL);
	else if (!user)
		conversation_refuse_stranger(hub, jid, ticket);
	else
		hand_over(user, in, ticket);
}

void room_annotate(struct hub *hub, const char *jid, const char *resource, const char *node,
                   const struct s2_annotation *in, struct ticket *ticket)
{
	struct room *room = room_of_sender(hub, jid, resource, node, ticket);
	if (!room)
		return;
	struct s2_annotation annotation = *in;
	annotation.peer = room->name;
	hand_over(room->user, &annotation, ticket);
}

/* ---- From the network ---- */

void conversation_annotated(void *arg, struct seat *seat, const struct s2_annotation *in)
{
	struct user *user = user_of_seat(seat);
	struct s2_annotation annotation = *in;
	if (text_empty(in->peer) || text_empty(in->target))
		return;
	struct room *room = room_find_by_name(user, in->peer);
	if (!room && !text_empty(in->nickname))
		return; /* of a room that nobody reads */
	if (room && text_empty(in->nickname) && text_empty(in->actor))
		annotation.nickname = room->nickname;
	if (!room || in->private_)
		annotation.target = annotation_own_id(user, in->peer, in->target);
	if (room)
		room_annotated(room, &annotation);
	else
		hub_tell((struct hub *)arg, annotation, user, NULL, NULL, &annotation);
}
