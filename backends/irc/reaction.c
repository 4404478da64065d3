/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/irc/reaction.h"

#include <stdlib.h>
#include <string.h>

#include "backends/irc/channel.h"
#include "backends/irc/user.h"
#include "lib/base/mem.h"

#define SETS_MOST 256 /* person and message, of one connection */
#define EMOJI_MOST 16 /* of one person to one message */
#define EMOJI_BYTES 64
#define ID_BYTES 256

/* All reactions of one person to one message; the oldest set makes room. */
struct set {
	struct list node;
	char *target, *nick, *message;
	char *emoji[EMOJI_MOST];
	unsigned count;
};

struct reactions {
	struct list sets; /* the one that changed last in front */
	unsigned count;
};

static void set_free(struct reactions *reactions, struct set *set)
{
	reactions->count--;
	list_remove(&set->node);
	for (unsigned i = 0; i < set->count; i++)
		free(set->emoji[i]);
	free(set->target);
	free(set->nick);
	free(set->message);
	free(set);
}

void reactions_free(struct reactions **at)
{
	if (!*at)
		return;
	LIST_EACH (&(*at)->sets, node)
		set_free(*at, LIST_ITEM(node, struct set, node));
	free(*at);
	*at = NULL;
}

static struct set *set_find(const struct network *network, const char *target, const char *nick, const char *message)
{
	if (!network->reactions)
		return NULL;
	LIST_EACH (&network->reactions->sets, node) {
		struct set *set = LIST_ITEM(node, struct set, node);
		if (!strcmp(set->message, message) && network_same_name(network, set->nick, nick) &&
		    network_same_name(network, set->target, target))
			return set;
	}
	return NULL;
}

static struct set *set_of(struct network *network, const char *target, const char *nick, const char *message)
{
	struct set *set = set_find(network, target, nick, message);
	if (!network->reactions) {
		network->reactions = mem_new(sizeof *network->reactions);
		list_init(&network->reactions->sets);
	}
	struct reactions *reactions = network->reactions;
	if (!set) {
		if (reactions->count == SETS_MOST)
			set_free(reactions, LIST_ITEM(reactions->sets.prev, struct set, node));
		set = mem_new(sizeof *set);
		set->target = mem_strdup(target);
		set->nick = mem_strdup(nick);
		set->message = mem_strdup(message);
		reactions->count++;
	} else {
		list_remove(&set->node);
	}
	list_prepend(&reactions->sets, &set->node);
	return set;
}

static int place(const struct set *set, const char *emoji)
{
	for (unsigned i = 0; i < set->count; i++) {
		if (!strcmp(set->emoji[i], emoji))
			return (int)i;
	}
	return -1;
}

static void set_change(struct set *set, const char *emoji, bool take)
{
	int at = place(set, emoji);
	if (take && at >= 0) {
		free(set->emoji[at]);
		set->emoji[at] = set->emoji[--set->count];
	} else if (!take && at < 0 && set->count < EMOJI_MOST) {
		set->emoji[set->count++] = mem_strdup(emoji);
	}
}

/* ---- What the server passes on ---- */

bool reaction_may_reply(const struct network *network)
{
	return network->capabilities & CAP_MESSAGE_TAGS && !network->isupport.no_reply;
}

static bool may_react(const struct network *network)
{
	return reaction_may_reply(network) && !network->isupport.no_react;
}

unsigned reaction_lacks(const struct network *network)
{
	return (may_react(network) ? 0 : S2_FEATURE_REACTIONS) |
	       (reaction_may_reply(network) ? 0 : S2_FEATURE_REPLIES) |
	       (network->capabilities & CAP_REDACTION ? 0 : S2_FEATURE_RETRACTIONS);
}

/* ---- To the server ---- */

static void refuse(struct network *network, const struct s2_annotation *annotation, enum s2_condition condition,
                   const char *text)
{
	s2_message_result(network->user->s2, annotation->id, annotation->peer, condition, text);
}

/* One TAGMSG for each that is new, and for each that is gone. */
static bool send_changes(struct network *network, const char *target, const struct s2_annotation *annotation)
{
	struct set *set = set_of(network, target, network->nick, annotation->target);
	unsigned before = set->count;
	char *old[EMOJI_MOST];
	bool sent = true;
	for (unsigned i = 0; i < before; i++)
		old[i] = mem_strdup(set->emoji[i]);
	for (unsigned i = 0; i < before && sent; i++) {
		bool kept = false;
		for (size_t k = 0; k < annotation->reaction_count; k++)
			kept = kept || !strcmp(annotation->reactions[k], old[i]);
		if (!kept)
			sent = outbox_reaction(network, target, annotation->target, "+draft/unreact", old[i]);
		if (!kept)
			set_change(set, old[i], true);
	}
	for (size_t k = 0; k < annotation->reaction_count && sent; k++) {
		if (place(set, annotation->reactions[k]) >= 0)
			continue;
		sent = outbox_reaction(network, target, annotation->target, "+draft/react", annotation->reactions[k]);
		set_change(set, annotation->reactions[k], false);
	}
	for (unsigned i = 0; i < before; i++)
		free(old[i]);
	return sent;
}

void reaction_send(struct network *network, const char *target, const struct s2_annotation *annotation)
{
	unsigned lacks = reaction_lacks(network);
	if (network->stage != NETWORK_READY)
		refuse(network, annotation, S2_RECIPIENT_UNAVAILABLE,
		       "There is no connection to the IRC server at the moment.");
	else if (!line_is_middle(target) || strchr(target, ',') || strlen(annotation->target) > ID_BYTES)
		refuse(network, annotation, S2_JID_MALFORMED, "IRC has no such name.");
	else if (annotation->kind == S2_REACTION && lacks & S2_FEATURE_REACTIONS)
		refuse(network, annotation, S2_FEATURE_NOT_IMPLEMENTED, "This IRC server has no reactions.");
	else if (annotation->kind == S2_RETRACTION && lacks & S2_FEATURE_RETRACTIONS)
		refuse(network, annotation, S2_FEATURE_NOT_IMPLEMENTED,
		       "On this IRC server nothing can be taken back.");
	else if (annotation->kind == S2_RETRACTION)
		outbox_redact(network, target, annotation);
	else if (annotation->reaction_count > EMOJI_MOST)
		refuse(network, annotation, S2_NOT_ACCEPTABLE, "These are too many reactions.");
	else if (send_changes(network, target, annotation))
		outbox_reacted(network, target, annotation);
	else
		refuse(network, annotation, S2_RESOURCE_CONSTRAINT, "The IRC connection's queue is full.");
}

/* ---- From the server ---- */

/* The tag under its draft's name or the final one. */
static const char *tag_of(const struct line *line, const char *draft, const char *name)
{
	const char *value = line_tag(line, draft);
	return text_or_null(value ? value : line_tag(line, name));
}

const char *reaction_reply(const struct line *line)
{
	return tag_of(line, "+draft/reply", "+reply");
}

static void tell(struct network *network, const struct set *set, const char *target, const char *nick)
{
	struct channel *channel = channel_find(network, target);
	struct s2_annotation annotation = {.kind = S2_REACTION,
	                                   .peer = channel ? channel->room : network_peer(network, nick),
	                                   .nickname = channel ? nick : NULL,
	                                   .target = set->message,
	                                   .reactions = (const char *const *)set->emoji,
	                                   .reaction_count = set->count};
	if (!channel || channel->state == CHANNEL_JOINED)
		s2_annotation(network->user->s2, &annotation);
}

void reaction_received(struct network *network, const struct line *line)
{
	const char *react = tag_of(line, "+draft/react", "+react"),
	           *unreact = tag_of(line, "+draft/unreact", "+unreact");
	const char *message = reaction_reply(line), *emoji = react ? react : unreact, *target = line->params[0];
	if (!message || !emoji || strlen(emoji) > EMOJI_BYTES || strlen(message) > ID_BYTES)
		return;
	bool channel = isupport_is_channel(&network->isupport, target), own = network_is_me(network, line->nick);
	/* Between two people the conversation is named after the other one. */
	const char *where = channel || own ? target : line->nick;
	struct set *set = set_of(network, where, line->nick, message);
	set_change(set, emoji, !react);
	if (!own)
		tell(network, set, channel ? target : "", line->nick);
}

void reaction_shown(struct network *network, const char *target, const char *message)
{
	struct set *set = set_find(network, target, network->nick, message);
	if (set && channel_find(network, target))
		tell(network, set, target, network->nick);
}

void reaction_redacted(struct network *network, const struct line *line)
{
	const char *target = line->params[0], *message = line->params[1];
	struct channel *channel = channel_find(network, target);
	struct s2_annotation annotation = {.kind = S2_RETRACTION,
	                                   .target = message,
	                                   .reason = line->count > 2 ? network_text(network, line_last(line)) : NULL};
	if (channel) {
		annotation.peer = channel->room;
		annotation.nickname = line->nick;
		if (channel->state == CHANNEL_JOINED)
			s2_annotation(network->user->s2, &annotation);
	} else if (network_is_me(network, target)) {
		annotation.peer = network_peer(network, line->nick);
		s2_annotation(network->user->s2, &annotation);
	}
}
