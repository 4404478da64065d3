/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/irc/channel.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "backends/irc/network.h"
#include "backends/irc/user.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

#define LOG_AREA "irc"
#define JOIN_TIMEOUT_MS 30000
#define WHO_DELAY_MS 1000
#define JOIN_LINE_BYTES 400
#define JOIN_LINE_NAMES 10
#define PART_TIMEOUT_MS 60000

static const char *const state_names[] = {"waiting", "joining", "names", "joined"};

struct channel *channel_new(struct network *network, const char *name, const char *room)
{
	struct channel *channel = mem_new(sizeof *channel);
	channel->network = network;
	channel->name = mem_strdup(name);
	channel->room = mem_strdup(room);
	list_append(&network->channels, &channel->node);
	return channel;
}

void channel_free(struct channel **pointer)
{
	struct channel *channel = *pointer;
	*pointer = NULL;
	if (!channel)
		return;
	struct network *network = channel->network;
	if (network->who == channel)
		network->who = NULL;
	list_remove(&channel->node);
	occupants_fini(&channel->occupants);
	free(channel->name);
	free(channel->room);
	free(channel->nickname);
	mem_free_secret(channel->key);
	free(channel->topic);
	free(channel->topic_author);
	free(channel);
	if (list_empty(&network->channels))
		network_room_left(network);
}

struct channel *channel_find(const struct network *network, const char *name)
{
	LIST_EACH (&network->channels, node) {
		struct channel *channel = LIST_ITEM(node, struct channel, node);
		if (network_same_name(network, channel->name, name))
			return channel;
	}
	return NULL;
}

void channel_set_state(struct channel *channel, enum channel_state state)
{
	/* Forward one step at a time; back to waiting from anywhere. */
	assert(state == CHANNEL_WAITING || state == channel->state + 1);
	log_debug("channel %s -> %s user=%s channel=%s", state_names[channel->state], state_names[state],
	          s2_user_jid(channel->network->user->s2), log_quote(channel->room));
	channel->state = state;
}

/* ---- Joining ---- */

static void join_line(struct network *network, struct str *names, struct str *keys, uintptr_t token)
{
	struct str line = {0};
	bool good = keys->len ? line_build(&line, "JOIN", names->data, keys->data, NULL)
	                      : line_build(&line, "JOIN", names->data, NULL);
	/* If it does not fit into the queue now, the joins fail by their deadline. */
	if (!good || !network_send_token(network, &line, (void *)token))
		channels_join_sent(network, token);
	if (line.data)
		explicit_bzero(line.data, line.len);
	str_fini(&line);
	str_clear(names, 0);
	if (keys->data)
		explicit_bzero(keys->data, keys->len);
	str_clear(keys, 0);
}

void channels_join(struct network *network)
{
	static uintptr_t last_token;
	struct str names = {0}, keys = {0};
	uintptr_t token = 0;
	size_t count = 0;
	/* The ones with a key come first: keys are matched with names from the left. */
	for (int keyed = 1; keyed >= 0; keyed--) {
		LIST_EACH (&network->channels, node) {
			struct channel *channel = LIST_ITEM(node, struct channel, node);
			if (channel->state != CHANNEL_WAITING || (channel->key != NULL) != keyed)
				continue;
			size_t more = strlen(channel->name) + (keyed ? strlen(channel->key) : 0) + 2;
			if (names.len && (count == JOIN_LINE_NAMES || names.len + keys.len + more > JOIN_LINE_BYTES))
				join_line(network, &names, &keys, token);
			if (!names.len) {
				token = last_token += 2; /* even numbers are joins, odd ones messages */
				count = 0;
			}
			count++;
			str_addf(&names, "%s%s", names.len ? "," : "", channel->name);
			if (keyed)
				str_addf(&keys, "%s%s", keys.len ? "," : "", channel->key);
			channel->join_token = token;
			channel->deadline_ms = 0;
			channel_set_state(channel, CHANNEL_JOINING);
		}
	}
	if (names.len)
		join_line(network, &names, &keys, token);
	str_fini(&names);
	str_fini(&keys);
}

void channels_join_sent(struct network *network, uintptr_t token)
{
	uint64_t deadline = network_now(network) + JOIN_TIMEOUT_MS;
	LIST_EACH (&network->channels, node) {
		struct channel *channel = LIST_ITEM(node, struct channel, node);
		if (channel->join_token == token && channel->state == CHANNEL_JOINING) {
			channel->deadline_ms = deadline;
			network_wake(network, deadline);
		}
	}
}

void channels_lost(struct network *network, enum s2_condition condition, const char *text)
{
	channels_forget_partings(network);
	LIST_EACH (&network->channels, node) {
		struct channel *channel = LIST_ITEM(node, struct channel, node);
		if (!channel->entered) {
			channel_refuse(channel, condition, text);
			continue;
		}
		channel->deadline_ms = channel->who_ms = 0;
		size_t cursor = 0;
		for (struct occupant *one; (one = occupants_next(&channel->occupants, &cursor)) != NULL;)
			one->stale = true;
		channel->modes_known = false;
		if (channel->state != CHANNEL_WAITING)
			channel_set_state(channel, CHANNEL_WAITING);
	}
}

/* ---- Leaving ---- */

/* A PART that the server has not answered. */
struct parting {
	struct list node;
	uint64_t until_ms;
	char name[];
};

static void parting_free(struct parting *parting)
{
	list_remove(&parting->node);
	free(parting);
}

static struct parting *parting_find(const struct network *network, const char *name)
{
	uint64_t now = network_now(network);
	LIST_EACH (&network->partings, node) {
		struct parting *parting = LIST_ITEM(node, struct parting, node);
		if (parting->until_ms < now)
			parting_free(parting);
		else if (network_same_name(network, parting->name, name))
			return parting;
	}
	return NULL;
}

void channel_leave(struct channel *channel)
{
	struct network *network = channel->network;
	if (channel->state >= CHANNEL_JOINING && network->stage == NETWORK_READY) {
		if (!network_send(network, "PART", channel->name, NULL))
			network_send_now(network, "PART", channel->name, NULL);
		size_t bytes = strlen(channel->name) + 1;
		struct parting *parting = mem_new(sizeof *parting + bytes);
		memcpy(parting->name, channel->name, bytes);
		parting->until_ms = network_now(network) + PART_TIMEOUT_MS;
		list_append(&network->partings, &parting->node);
	}
	channel_free(&channel);
}

bool channels_parting(const struct network *network, const char *name)
{
	return parting_find(network, name);
}

bool channels_parted(struct network *network, const char *name)
{
	struct parting *parting = parting_find(network, name);
	if (parting)
		parting_free(parting);
	return parting != NULL;
}

void channels_forget_partings(struct network *network)
{
	while (!list_empty(&network->partings))
		parting_free(LIST_ITEM(network->partings.next, struct parting, node));
}

void channels_tick(struct network *network, uint64_t now)
{
	LIST_EACH (&network->channels, node) {
		struct channel *channel = LIST_ITEM(node, struct channel, node);
		if (!channel->deadline_ms)
			continue;
		if (channel->deadline_ms > now)
			network_wake(network, channel->deadline_ms);
		else
			channel_refuse(channel, S2_REMOTE_SERVER_TIMEOUT, "The IRC server did not answer the join.");
	}
}

void channel_refuse(struct channel *channel, enum s2_condition condition, const char *text)
{
	struct network *network = channel->network;
	const char *nick = channel->nickname ? channel->nickname : network->nick;
	log_info("join refused user=%s room=%s condition=%d text=%s", s2_user_jid(network->user->s2),
	         log_quote(channel->room), condition, log_quote(text));
	s2_room_error(network->user->s2, channel->room, nick, condition, text);
	channel_free(&channel);
}

/* ---- Showing ---- */

static void set_rank(struct channel *channel, const struct occupant *occupant, struct s2_participant *participant)
{
	static const struct {
		char mode;
		enum s2_affiliation affiliation;
		enum s2_role role;
	} ranks[] = {
	    {'q', S2_AFFILIATION_OWNER, S2_ROLE_MODERATOR},    {'a', S2_AFFILIATION_ADMIN, S2_ROLE_MODERATOR},
	    {'o', S2_AFFILIATION_ADMIN, S2_ROLE_MODERATOR},    {'h', S2_AFFILIATION_MEMBER, S2_ROLE_MODERATOR},
	    {'v', S2_AFFILIATION_MEMBER, S2_ROLE_PARTICIPANT},
	};
	participant->affiliation = settings.members ? S2_AFFILIATION_MEMBER : S2_AFFILIATION_NONE;
	participant->role = S2_ROLE_PARTICIPANT;
	for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++) {
		if (!(occupant->status & isupport_mode_bit(&channel->network->isupport, ranks[i].mode)))
			continue;
		participant->affiliation = ranks[i].affiliation;
		participant->role = ranks[i].role;
		break;
	}
	if (participant->role == S2_ROLE_MODERATOR)
		participant->flags |= S2_PARTICIPANT_MODERATOR;
}

void channel_show(struct channel *channel, struct occupant *occupant, const char *status_text)
{
	struct network *network = channel->network;
	struct s2_participant participant = {
	    .room = channel->room,
	    .nickname = occupant->nick,
	    .status = occupant->away ? S2_STATUS_AWAY : S2_STATUS_ONLINE,
	    .status_text = status_text,
	    .real_name = network_peer(network, occupant->nick),
	};
	set_rank(channel, occupant, &participant);
	if (network_is_me(network, occupant->nick))
		participant.flags |= S2_PARTICIPANT_ME;
	occupant->shown = true;
	occupant->stale = occupant->changed = false;
	s2_participant(network->user->s2, &participant);
}

static void show_gone(struct channel *channel, const char *nick, unsigned flags, const char *actor, const char *text)
{
	struct network *network = channel->network;
	struct s2_participant participant = {
	    .room = channel->room,
	    .nickname = nick,
	    .flags = flags | (network_is_me(network, nick) ? S2_PARTICIPANT_ME : 0),
	    .status = S2_STATUS_NONE,
	    .status_text = text,
	    .role = S2_ROLE_NONE,
	    .affiliation = S2_AFFILIATION_NONE,
	    .real_name = network_peer(network, nick),
	    .actor = actor,
	};
	s2_participant(network->user->s2, &participant);
}

/* Those who left while the connection was lost. */
static void drop_stale(struct channel *channel)
{
	size_t cursor = 0;
	for (struct occupant *one; (one = occupants_next(&channel->occupants, &cursor)) != NULL;) {
		if (!one->stale)
			continue;
		if (one->shown && !network_is_me(channel->network, one->nick))
			show_gone(channel, one->nick, 0, NULL, "left while the connection was lost");
		occupants_remove(&channel->occupants, one);
		cursor--; /* somebody else may stand in this place now */
	}
}

static void show_everybody(struct channel *channel, bool only_changes)
{
	struct network *network = channel->network;
	struct occupant *me = NULL, *one;
	size_t cursor = 0;
	while ((one = occupants_next(&channel->occupants, &cursor)) != NULL) {
		if (network_is_me(network, one->nick))
			me = one;
		else if (!only_changes || !one->shown || one->changed)
			channel_show(channel, one, NULL);
	}
	if (!me)
		me = occupants_add(&channel->occupants, network->isupport.casemap, network->nick);
	if (!channel->nickname || strcmp(channel->nickname, me->nick))
		s2_room_nickname(network->user->s2, channel->room, me->nick);
	channel_show(channel, me, NULL);
	channel_show_topic(channel);
}

void channel_complete(struct channel *channel)
{
	struct network *network = channel->network;
	drop_stale(channel);
	channel_set_state(channel, CHANNEL_JOINED);
	channel->deadline_ms = 0;
	if (channel->entered)
		channel_tell(channel, "Connected again.");
	show_everybody(channel, channel->entered);
	channel->entered = true;
	mem_replace(&channel->nickname, NULL);
	channel->who_ms = network_now(network) + WHO_DELAY_MS;
	network_wake(network, channel->who_ms);
}

void channel_show_again(struct channel *channel)
{
	show_everybody(channel, false);
	mem_replace(&channel->nickname, NULL);
}

bool channel_part(struct channel *channel, const char *nick, unsigned flags, const char *actor, const char *text)
{
	struct network *network = channel->network;
	if (network_is_me(network, nick)) {
		if (channel->state == CHANNEL_JOINED || channel->entered)
			show_gone(channel, network->nick, flags, actor, text);
		else
			s2_room_error(network->user->s2, channel->room, network->nick, S2_FORBIDDEN, text);
		channel_free(&channel);
		return false;
	}
	struct occupant *occupant = occupants_find(&channel->occupants, network->isupport.casemap, nick);
	if (!occupant)
		return true;
	if (occupant->shown)
		show_gone(channel, occupant->nick, flags, actor, text);
	occupants_remove(&channel->occupants, occupant);
	return true;
}

void channel_rename(struct channel *channel, const char *from, const char *to)
{
	struct network *network = channel->network;
	enum casemap map = network->isupport.casemap;
	struct occupant *old = occupants_find(&channel->occupants, map, from);
	if (!old)
		return;
	struct occupant copy = *old;
	char *spelled = mem_strdup(old->nick);
	occupants_remove(&channel->occupants, old);
	struct occupant *renamed = occupants_add(&channel->occupants, map, to);
	renamed->status = copy.status;
	renamed->away = copy.away;
	renamed->shown = copy.shown;
	renamed->changed = copy.changed;
	renamed->stale = copy.stale;
	if (copy.shown) {
		struct s2_participant participant = {
		    .room = channel->room,
		    .nickname = spelled,
		    .new_nickname = renamed->nick,
		    .status = renamed->away ? S2_STATUS_AWAY : S2_STATUS_ONLINE,
		    .real_name = network_peer(network, renamed->nick),
		};
		set_rank(channel, renamed, &participant);
		if (network_is_me(network, to) || network_is_me(network, from))
			participant.flags |= S2_PARTICIPANT_ME;
		s2_participant(network->user->s2, &participant);
	}
	free(spelled);
}

void channel_show_topic(struct channel *channel)
{
	struct network *network = channel->network;
	char *author =
	    channel->topic_author ? mem_strndup(channel->topic_author, strcspn(channel->topic_author, "!")) : NULL;
	struct s2_message subject = {
	    .peer = channel->room,
	    .nickname = author,
	    .body = channel->topic ? channel->topic : "",
	    .time = channel->topic_time,
	};
	s2_room_subject(network->user->s2, &subject);
	free(author);
}

void channel_tell(struct channel *channel, const char *text)
{
	struct s2_message message = {.peer = channel->room, .body = text};
	s2_message(channel->network->user->s2, &message);
}
