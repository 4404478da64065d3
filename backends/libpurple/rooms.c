/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/rooms.h"

#include <stdlib.h>
#include <string.h>

#include "backends/libpurple/markup.h"
#include "backends/libpurple/invitations.h"
#include "backends/libpurple/occupants.h"
#include "backends/libpurple/outbox.h"
#include "backends/libpurple/protocol.h"
#include "backends/libpurple/room.h"
#include "backends/libpurple/sent.h"
#include "backends/libpurple/turn.h"
#include "kit/kit.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

enum {
	JOIN_MS = 15000,  /* without any sign: the network does not say why */
	AGAIN_MS = 1000,  /* the plugin for XMPP ignores a join while it has not heard that it has left */
	SELF_MS = 5000,   /* until the user himself is in the list of a chat that he is in */
	SUBJECT_MS = 500, /* until a room without a word about its subject has none */
};

/* ---- Rooms ---- */

struct room *rooms_find(const struct session *session, const char *name)
{
	LIST_EACH (&session->rooms, node) {
		struct room *room = LIST_ITEM(node, struct room, node);
		if (!strcmp(room->name, name))
			return room;
	}
	const char *normal = purple_normalize(session->account, name);
	LIST_EACH (&session->rooms, node) {
		struct room *room = LIST_ITEM(node, struct room, node);
		if (!strcmp(room->chat, normal))
			return room;
	}
	return NULL;
}

struct room *rooms_of(PurpleConversation *conversation)
{
	struct session *session = session_of_account(purple_conversation_get_account(conversation));
	if (!session || session->state != SESSION_ONLINE)
		return NULL;
	LIST_EACH (&session->rooms, node) {
		struct room *room = LIST_ITEM(node, struct room, node);
		if (room->conversation == conversation)
			return room;
	}
	return NULL;
}

static void room_free(struct room *room)
{
	list_remove(&room->node);
	room->session->room_count--;
	timer_free(&room->timer);
	free(room->name);
	free(room->chat);
	free(room->nickname);
	mem_free_secret(room->password);
	free(room->reason);
	free(room->last_words);
	free(room->leaving_words);
	free(room);
}

static void time_passed(void *arg);

static struct room *room_new(struct session *session, const char *name, const char *chat, const char *nickname)
{
	struct room *room = mem_new(sizeof *room);
	room->session = session;
	room->name = mem_strdup(name);
	room->chat = mem_strdup(purple_normalize(session->account, chat));
	room->nickname = mem_strdup(nickname);
	room->timer = timer_new(kit_loop(), time_passed, room);
	list_append(&session->rooms, &room->node);
	session->room_count++;
	return room;
}

/* It did not come about, or is over. */
static void room_fail(struct room *room, enum s2_condition condition, const char *text)
{
	s2_room_error(room->session->s2, room->name, room->nickname, condition, text);
	room_free(room);
}

/* ---- Subject ---- */

static void tell_subject(struct room *room, const char *who, const char *topic)
{
	char *plain = markup_plain(topic);
	timer_stop(room->timer);
	room->subject_told = true;
	s2_room_subject(room->session->s2, &(struct s2_message){.peer = room->name, .nickname = who, .body = plain});
	free(plain);
}

static void subject_changed(PurpleConversation *conversation, const char *who, const char *topic, gpointer data)
{
	struct room *room = rooms_of(conversation);
	if (!room || room->state != ROOM_JOINED || (!room->subject_told && !topic))
		return;
	struct sent *sent = topic ? sent_find(room->session, room->chat, topic) : NULL;
	if (sent && sent->to == SENT_SUBJECT)
		sent_end(room->session, sent, S2_DONE, NULL);
	tell_subject(room, who, topic ? topic : "");
}

void rooms_set_subject(struct s2_user *s2, const struct s2_message *message)
{
	struct session *session = session_of(s2);
	struct room *room = session_is_online(session) ? rooms_find(session, message->peer) : NULL;
	if (!room || room->state != ROOM_JOINED) {
		s2_message_result(s2, message->id, message->peer, S2_NOT_ACCEPTABLE, "You are not in this room.");
		return;
	}
	PurplePluginProtocolInfo *info = protocol_info(session->account);
	if (!info->set_chat_topic) {
		s2_message_result(s2, message->id, message->peer, S2_FEATURE_NOT_IMPLEMENTED,
		                  "Rooms of this network have no subject that you could change.");
		return;
	}
	uint64_t before = turn_take(session->number);
	sent_new(session, message, room->chat, SENT_SUBJECT);
	info->set_chat_topic(session_connection(session), purple_conv_chat_get_id(PURPLE_CONV_CHAT(room->conversation)),
	                     message->body ? message->body : "");
	turn_give_back(before);
}

/* ---- People ---- */

/* The user is in: the end of the join. */
static void tell_self(struct room *room, const PurpleConvChatBuddy *user)
{
	occupant_tell(room, user, true);
	room->state = ROOM_JOINED;
	const char *topic = purple_conv_chat_get_topic(PURPLE_CONV_CHAT(room->conversation));
	if (!text_empty(topic))
		tell_subject(room, PURPLE_CONV_CHAT(room->conversation)->who, topic);
	else
		timer_start(room->timer, SUBJECT_MS, 0);
}

/* Others first, the user himself last. */
static void tell_users(struct room *room, GList *users)
{
	const PurpleConvChatBuddy *self = NULL;
	for (GList *each = users; each; each = each->next) {
		const PurpleConvChatBuddy *user = each->data;
		if (occupant_is_self(room, purple_conv_chat_cb_get_name(each->data)))
			self = user;
		else
			occupant_tell(room, user, false);
	}
	if (self)
		tell_self(room, self);
}

void rooms_users_added(PurpleConversation *conversation, GList *users, gboolean new_arrivals)
{
	struct room *room = rooms_of(conversation);
	if (room)
		tell_users(room, users);
}

void rooms_user_renamed(PurpleConversation *conversation, const char *old_name, const char *new_name,
                        const char *new_alias)
{
	struct room *room = rooms_of(conversation);
	if (!room)
		return;
	bool self = occupant_is_self(room, old_name);
	occupant_renamed(room, old_name, new_name, self);
	if (self)
		mem_replace(&room->nickname, new_name);
}

void rooms_users_removed(PurpleConversation *conversation, GList *names)
{
	struct room *room = rooms_of(conversation);
	for (GList *each = names; room && each; each = each->next)
		if (!occupant_is_self(room, each->data))
			occupant_left(room, each->data, room->leaving_words);
	if (room)
		mem_replace(&room->leaving_words, NULL);
}

/* The operation for it does not say why. */
static gboolean user_leaves(PurpleConversation *conversation, const char *name, const char *reason, gpointer data)
{
	struct room *room = rooms_of(conversation);
	if (room)
		mem_replace(&room->leaving_words, reason);
	return FALSE;
}

void rooms_user_changed(PurpleConversation *conversation, const char *name)
{
	struct room *room = rooms_of(conversation);
	PurpleConvChatBuddy *user = room ? purple_conv_chat_cb_find(PURPLE_CONV_CHAT(conversation), name) : NULL;
	if (user)
		occupant_tell(room, user, occupant_is_self(room, name));
}

/* ---- Joining ---- */

/* Which of a chat's components is the nickname, the password; NULL if none is. */
static const char *component(PurpleConnection *gc, const char *const *names)
{
	PurplePluginProtocolInfo *info = PURPLE_PLUGIN_PROTOCOL_INFO(purple_connection_get_prpl(gc));
	const char *found = NULL;
	GList *entries = info->chat_info ? info->chat_info(gc) : NULL;
	for (GList *each = entries; each; each = each->next) {
		const struct proto_chat_entry *entry = each->data;
		for (size_t i = 0; names[i]; i++)
			if (!strcmp(entry->identifier, names[i]))
				found = entry->identifier; /* a constant of the protocol */
		g_free(each->data);
	}
	g_list_free(entries);
	return found;
}

static const char *const handles[] = {"handle", "nick", "nickname", NULL}, *const passwords[] = {"password", NULL};

/* `password` of an invitation, if the user gives none. */
static GHashTable *components_of(PurpleConnection *gc, const struct s2_room *wanted, const char *password)
{
	PurplePluginProtocolInfo *info = PURPLE_PLUGIN_PROTOCOL_INFO(purple_connection_get_prpl(gc));
	GHashTable *components = info->chat_info_defaults ? info->chat_info_defaults(gc, wanted->name) : NULL;
	if (!components)
		components = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
	const char *handle_key = component(gc, handles), *password_key = component(gc, passwords);
	if (!text_empty(wanted->password))
		password = wanted->password;
	if (handle_key && !text_empty(wanted->nickname))
		g_hash_table_replace(components, (gpointer)handle_key, g_strdup(wanted->nickname));
	if (password_key && !text_empty(password))
		g_hash_table_replace(components, (gpointer)password_key, g_strdup(password));
	return components;
}

/* What would be more than a name on the network's line. */
static bool is_clean(const char *text)
{
	for (const char *at = text ? text : ""; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			return false;
	return true;
}

static bool is_possible(const struct session *session, const struct s2_room *wanted)
{
	bool irc = !strcmp(purple_account_get_protocol_id(session->account), "prpl-irc");
	if (!is_clean(wanted->name) || !is_clean(wanted->nickname) || !is_clean(wanted->password))
		return false;
	return !irc || (strchr("#&+!", *wanted->name) && !strpbrk(wanted->name, " ,") &&
	                (!wanted->password || !strpbrk(wanted->password, " ,")));
}

/* The name of the conversation that a join will make. */
static char *chat_name(PurpleConnection *gc, GHashTable *components, const char *fallback)
{
	PurplePluginProtocolInfo *info = PURPLE_PLUGIN_PROTOCOL_INFO(purple_connection_get_prpl(gc));
	char *name = info->get_chat_name ? info->get_chat_name(components) : g_strdup(fallback);
	return name;
}

static bool is_forgetful(const struct session *session)
{
	return !strcmp(purple_account_get_protocol_id(session->account), "prpl-jabber");
}

/* Does nothing if the first one is under way. */
static void join_once_more(struct room *room)
{
	PurpleConnection *gc = session_connection(room->session);
	struct s2_room wanted = {.name = room->name, .nickname = room->nickname, .password = room->password};
	uint64_t before = turn_take(room->session->number);
	GHashTable *components = components_of(gc, &wanted, NULL);
	room->tries++;
	timer_start(room->timer, AGAIN_MS, 0);
	serv_join_chat(gc, components);
	g_hash_table_destroy(components);
	turn_give_back(before);
}

static void join_new(struct session *session, const struct s2_room *wanted)
{
	PurpleConnection *gc = session_connection(session);
	struct invitation *invitation = invitations_find(session, wanted->name);
	GHashTable *components = components_of(gc, wanted, invitations_password(invitation));
	char *chat = chat_name(gc, components, wanted->name);
	if (!chat || !*chat) {
		s2_room_error(session->s2, wanted->name, wanted->nickname, S2_JID_MALFORMED,
		              "Rooms of this network have other names.");
	} else {
		struct room *room = room_new(session, wanted->name, chat, wanted->nickname);
		room->password = mem_strdup(wanted->password);
		timer_start(room->timer, is_forgetful(session) ? AGAIN_MS : JOIN_MS, 0);
		/* An invitation can't be accepted under another nickname than the protocol's. */
		bool accept = invitation && !component(gc, handles);
		if (invitation)
			invitations_use(session, invitation, accept);
		if (!accept)
			serv_join_chat(gc, components);
	}
	g_free(chat);
	g_hash_table_destroy(components);
}

/* One more client of the user: all of it once more. */
static void join_again(struct room *room)
{
	if (room->state != ROOM_JOINED)
		return;
	room->subject_told = false;
	tell_users(room, purple_conv_chat_get_users(PURPLE_CONV_CHAT(room->conversation)));
}

static void join(struct session *session, const struct s2_room *wanted)
{
	struct room *room = rooms_find(session, wanted->name);
	if (room)
		join_again(room);
	else
		join_new(session, wanted);
}

void rooms_join(struct s2_user *s2, const struct s2_room *wanted)
{
	struct session *session = session_of(s2);
	const char *why = NULL;
	enum s2_condition condition = S2_SERVICE_UNAVAILABLE;
	if (!session_is_online(session)) {
		why = "You are not connected to the network yet.";
	} else if (!text_empty(wanted->name) && rooms_find(session, wanted->name)) {
		/* once more */
	} else if (!protocol_info(session->account)->join_chat) {
		condition = S2_FEATURE_NOT_IMPLEMENTED;
		why = "This network has no rooms.";
	} else if (text_empty(wanted->name) || !is_possible(session, wanted)) {
		condition = S2_JID_MALFORMED;
		why = "There can be no room with this name, nickname and password.";
	} else if (session->room_count >= ROOMS_MOST) {
		condition = S2_RESOURCE_CONSTRAINT;
		why = "You are in too many rooms already.";
	}
	if (why) {
		s2_room_error(s2, wanted->name, wanted->nickname, condition, why);
		return;
	}
	uint64_t before = turn_take(session->number);
	outbox_put_join(session, wanted, join);
	turn_give_back(before);
}

/* libpurple has made a conversation: of a chat that was asked for, or of another one. */
static void joined(PurpleConversation *conversation, gpointer data)
{
	struct session *session = session_of_account(purple_conversation_get_account(conversation));
	const char *name = purple_conversation_get_name(conversation);
	if (!session || session->state != SESSION_ONLINE)
		return;
	struct room *room = rooms_find(session, name);
	if (!room && session->room_count >= ROOMS_MOST)
		return;
	if (!room)
		room = room_new(session, name, name, purple_connection_get_display_name(session_connection(session)));
	room->conversation = conversation;
	room->state = ROOM_ENTERED;
	room->subject_told = false;
	timer_start(room->timer, SELF_MS, 0);
}

static void join_failed(PurpleConnection *gc, GHashTable *components, gpointer data)
{
	struct session *session = session_of_account(purple_connection_get_account(gc));
	char *name = session ? chat_name(gc, components, NULL) : NULL;
	struct room *room = name ? rooms_find(session, name) : NULL;
	if (room && room->state == ROOM_JOINING) {
		/* Words about it follow in this turn. */
		room->failed = true;
		timer_start(room->timer, 0, 0);
	}
	g_free(name);
}

void rooms_note_reason(struct session *session, const char *name, enum s2_condition condition, const char *text)
{
	struct room *room = rooms_find(session, name);
	if (!room)
		return;
	room->condition = condition;
	mem_replace(&room->reason, text);
}

/* `words` if nothing better is known. */
static void refuse(struct room *room, enum s2_condition condition, const char *words)
{
	if (room->condition)
		room_fail(room, room->condition, room->reason);
	else
		room_fail(room, condition, words);
}

bool rooms_refused(struct session *session, const char *words)
{
	LIST_EACH (&session->rooms, node) {
		struct room *room = LIST_ITEM(node, struct room, node);
		if (room->state != ROOM_JOINING || (!strstr(words, room->chat) && !strstr(words, room->name)))
			continue;
		refuse(room, S2_NOT_ALLOWED, words);
		return true;
	}
	return false;
}

/* What was waited for has not come. */
static void time_passed(void *arg)
{
	struct room *room = arg;
	if (room->state == ROOM_JOINING && !room->failed && is_forgetful(room->session) &&
	    room->tries < JOIN_MS / AGAIN_MS) {
		join_once_more(room);
	} else if (room->state == ROOM_JOINING) {
		refuse(room, S2_REMOTE_SERVER_TIMEOUT, "The network did not let you in, and did not say why.");
	} else if (room->state == ROOM_ENTERED) {
		occupant_tell_self(room);
		tell_subject(room, NULL, "");
		room->state = ROOM_JOINED;
	} else if (!room->subject_told) {
		tell_subject(room, NULL, "");
	}
}

/* ---- Leaving ---- */

void rooms_leave(struct s2_user *s2, const char *name)
{
	struct session *session = session_of(s2);
	struct room *room = session ? rooms_find(session, name) : NULL;
	if (!room)
		return;
	PurpleConversation *conversation = room->conversation;
	room_free(room);
	uint64_t before = turn_take(session->number);
	if (conversation)
		purple_conversation_destroy(conversation); /* leaves it */
	turn_give_back(before);
}

/* The network has put the user out: he did not ask for it. */
static void left(PurpleConversation *conversation, gpointer data)
{
	struct room *room = rooms_of(conversation);
	if (!room)
		return;
	if (room->state != ROOM_JOINED)
		room_fail(room, S2_NOT_ALLOWED,
		          room->last_words ? room->last_words : "The network did not let you in.");
	else if (occupant_self_left(room, room->last_words))
		room_free(room);
	else
		room_fail(room, S2_RECIPIENT_UNAVAILABLE, "The network has ended your stay in this room.");
}

static void destroyed(PurpleConversation *conversation, gpointer data)
{
	struct room *room = rooms_of(conversation);
	if (room)
		room_free(room);
}

/* ---- One occupant alone ---- */

char *rooms_occupant(struct room *room, const char *nickname)
{
	PurplePluginProtocolInfo *info = protocol_info(room->session->account);
	char *name = NULL;
	if (info->get_cb_real_name)
		name = info->get_cb_real_name(session_connection(room->session),
		                              purple_conv_chat_get_id(PURPLE_CONV_CHAT(room->conversation)), nickname);
	char *copy = mem_strdup(name ? name : nickname);
	g_free(name);
	return copy;
}

bool rooms_is_occupant(const struct session *session, const char *who, const char **room, const char **nickname)
{
	const char *slash = strchr(who, '/');
	if (!slash || !slash[1])
		return false;
	char *name = mem_strndup(who, (size_t)(slash - who));
	struct room *found = rooms_find(session, name);
	free(name);
	if (!found)
		return false;
	*room = found->name;
	*nickname = slash + 1;
	return true;
}

/* ---- Sessions ---- */

void rooms_init(struct session *session)
{
	list_init(&session->rooms);
}

void rooms_forget(struct session *session)
{
	while (!list_empty(&session->rooms))
		room_free(LIST_ITEM(session->rooms.next, struct room, node));
}

void rooms_start(void)
{
	static int handle;
	static const struct {
		const char *name;
		PurpleCallback call;
	} signals[] = {
	    {"chat-joined", PURPLE_CALLBACK(joined)},
	    {"chat-join-failed", PURPLE_CALLBACK(join_failed)},
	    {"chat-left", PURPLE_CALLBACK(left)},
	    {"chat-topic-changed", PURPLE_CALLBACK(subject_changed)},
	    {"chat-buddy-leaving", PURPLE_CALLBACK(user_leaves)},
	    {"deleting-conversation", PURPLE_CALLBACK(destroyed)},
	};
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		purple_signal_connect(purple_conversations_get_handle(), signals[i].name, &handle, signals[i].call,
		                      NULL);
}
