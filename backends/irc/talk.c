/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/irc/talk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "backends/irc/channel.h"
#include "backends/irc/format.h"
#include "backends/irc/network.h"
#include "backends/irc/reaction.h"
#include "backends/irc/user.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

#define LOG_AREA "irc"
#define MOST_CORRESPONDENTS 64
/* A message that is older than that is shown with its time. */
#define LATE_MS 10000
/* What the draft of +typing allows. */
#define TYPING_INTERVAL_MS 3000
/* CTCP answers: so many at once, then one each so often. */
#define CTCP_BURST 3
#define CTCP_INTERVAL_MS 3000

struct correspondent {
	struct list node;
	char *room; /* NULL = the person */
	char nick[];
};

static struct correspondent *correspondent_find(struct network *network, const char *nick)
{
	LIST_EACH (&network->correspondents, node) {
		struct correspondent *one = LIST_ITEM(node, struct correspondent, node);
		if (network_same_name(network, one->nick, nick))
			return one;
	}
	return NULL;
}

static void correspondent_free(struct network *network, struct correspondent *one)
{
	network->correspondent_count--;
	list_remove(&one->node);
	free(one->room);
	free(one);
}

void talk_note(struct network *network, const char *nick, const char *room)
{
	struct correspondent *one = correspondent_find(network, nick);
	if (!one) {
		if (network->correspondent_count >= MOST_CORRESPONDENTS)
			correspondent_free(network,
			                   LIST_ITEM(network->correspondents.prev, struct correspondent, node));
		size_t bytes = strlen(nick) + 1;
		one = mem_new(sizeof *one + bytes);
		memcpy(one->nick, nick, bytes);
		network->correspondent_count++;
	} else {
		list_remove(&one->node);
	}
	list_prepend(&network->correspondents, &one->node);
	mem_replace(&one->room, room);
}

void talk_forget(struct network *network)
{
	while (!list_empty(&network->correspondents))
		correspondent_free(network, LIST_ITEM(network->correspondents.next, struct correspondent, node));
}

/* ---- Text ---- */

/* When it was sent, if that is worth telling. */
static int64_t time_of(const struct line *line)
{
	const char *tag = line_tag(line, "time");
	int64_t time = tag ? clock_parse(tag) : 0, age = clock_wall_ms() - time;
	return time && (age > LATE_MS || age < -LATE_MS) ? time : 0;
}

struct text {
	const char *prefix; /* "[notice] ", "/me "; or "" */
	const char *bytes;  /* with formatting codes */
};

static void tell(struct network *network, const struct line *line, struct s2_message *message, const struct text *text)
{
	struct str all = {0}, body = {0}, xhtml = {0};
	str_addf(&all, "%s%s", text->prefix, text->bytes);
	format_plain(&body, str_text(&all));
	if (format_xhtml(&xhtml, str_text(&all)))
		message->xhtml = str_text(&xhtml);
	message->body = str_text(&body);
	message->time = time_of(line);
	message->id = line_tag(line, "msgid");
	message->reply_to = reaction_reply(line);
	if (body.len)
		s2_message(network->user->s2, message);
	str_fini(&all);
	str_fini(&body);
	str_fini(&xhtml);
}

static void to_channel(struct network *network, const struct line *line, const char *target, const struct text *text)
{
	const char *name = isupport_target(&network->isupport, target);
	struct channel *channel = channel_find(network, name);
	/* Words may come before the names are complete; they are passed on nevertheless. */
	if (!channel || channel->state < CHANNEL_NAMES)
		return;
	struct s2_message message = {.peer = channel->room, .nickname = line->nick};
	char *prefix = NULL;
	struct text marked = *text;
	if (name != target) /* only for those of a certain rank */
		marked.prefix = prefix = mem_printf("%s[%.*s] ", text->prefix, (int)(name - target), target);
	tell(network, line, &message, &marked);
	free(prefix);
}

/* The user's own words, written by another client under the same name. */
static void from_ourselves(struct network *network, const struct line *line, const char *target,
                           const struct text *text)
{
	if (isupport_is_channel(&network->isupport, isupport_target(&network->isupport, target))) {
		to_channel(network, line, target, text);
		return;
	}
	struct s2_message message = {.peer = network_peer(network, target), .carbon = true};
	tell(network, line, &message, text);
}

static void from_person(struct network *network, const struct line *line, const struct text *text)
{
	const struct correspondent *one = correspondent_find(network, line->nick);
	struct s2_message message = {.peer = network_peer(network, line->nick)};
	struct channel *channel = NULL;
	if (one && one->room) {
		LIST_EACH (&network->channels, node) {
			struct channel *each = LIST_ITEM(node, struct channel, node);
			if (!strcmp(each->room, one->room) && each->state == CHANNEL_JOINED)
				channel = each;
		}
	}
	/* Out of the room it is the person who speaks. */
	if (channel && occupants_find(&channel->occupants, network->isupport.casemap, line->nick))
		message = (struct s2_message){.peer = channel->room, .nickname = line->nick, .private_ = true};
	tell(network, line, &message, text);
}

/* ---- CTCP ---- */

static bool may_answer(struct network *network)
{
	uint64_t now = network_now(network), least = now - CTCP_BURST * CTCP_INTERVAL_MS;
	if (now < CTCP_BURST * CTCP_INTERVAL_MS)
		least = 0;
	if (network->ctcp_paid_ms < least)
		network->ctcp_paid_ms = least;
	if (network->ctcp_paid_ms + CTCP_INTERVAL_MS > now)
		return false;
	network->ctcp_paid_ms += CTCP_INTERVAL_MS;
	return true;
}

static void answer(struct network *network, const char *nick, const char *command, const char *text)
{
	if (!line_is_middle(nick) || !may_answer(network))
		return;
	char *reply = mem_printf("\1%s %.300s\1", command, text);
	network_send(network, "NOTICE", nick, reply, NULL);
	free(reply);
}

static void on_ctcp(struct network *network, const struct line *line, const char *target, char *request)
{
	char *argument = request + strcspn(request, " ");
	if (*argument)
		*argument++ = '\0';
	if (!strcasecmp(request, "VERSION")) {
		answer(network, line->nick, "VERSION", "spectrum2 " SPECTRUM2_VERSION);
	} else if (!strcasecmp(request, "PING")) {
		answer(network, line->nick, "PING", argument);
	} else if (!strcasecmp(request, "CLIENTINFO")) {
		answer(network, line->nick, "CLIENTINFO", "ACTION CLIENTINFO PING TIME VERSION");
	} else if (!strcasecmp(request, "TIME")) {
		char now[CLOCK_TEXT_BYTES];
		clock_format(clock_wall_ms() / 1000 * 1000, now);
		answer(network, line->nick, "TIME", now);
	}
}

/* ---- PRIVMSG and NOTICE ---- */

static void on_privmsg(struct network *network, const struct line *line)
{
	const char *target = line->params[0];
	bool own = network_is_me(network, line->nick);
	if (own && outbox_echo(network, line, target))
		return;
	struct text text = {"", line_last(line)};
	char *ctcp = NULL;
	if (*text.bytes == '\1') {
		ctcp = mem_strdup(text.bytes + 1);
		ctcp[strcspn(ctcp, "\1")] = '\0';
		bool action = !strncasecmp(ctcp, "ACTION", 6) && (!ctcp[6] || ctcp[6] == ' ');
		text = (struct text){"/me ", action ? ctcp + 6 + (ctcp[6] == ' ') : ""};
		if (!action) {
			if (!own)
				on_ctcp(network, line, target, ctcp);
			free(ctcp);
			return;
		}
	}
	if (own)
		from_ourselves(network, line, target, &text);
	else if (isupport_is_channel(&network->isupport, isupport_target(&network->isupport, target)))
		to_channel(network, line, target, &text);
	else
		from_person(network, line, &text);
	free(ctcp);
}

/* Whether NickServ has said something about our password, in the words of the usual services; what others say costs a
 * few seconds. */
static void heard_while_identifying(struct network *network, const struct line *line)
{
	static const char *const answers[] = {"now identified",    "now recognized", "already identified",
	                                      "password accepted", "logged in",      "incorrect",
	                                      "invalid password",  "not registered", "isn't registered"};
	size_t len = strcspn(settings.identify, " ");
	if (network->stage != NETWORK_IDENTIFYING || strlen(line->nick) != len ||
	    strncasecmp(settings.identify, line->nick, len))
		return;
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		if (strcasestr(line_last(line), answers[i])) {
			network_ready(network);
			return;
		}
	}
}

/* Services write "[#channel] text" to those who have just joined: that belongs into the room. */
static bool to_channel_named(struct network *network, const struct line *line, const struct text *text)
{
	size_t len = strcspn(text->bytes, "]");
	if (*text->bytes != '[' || text->bytes[len] != ']' || text->bytes[len + 1] != ' ')
		return false;
	char *name = mem_strndup(text->bytes + 1, len - 1);
	struct channel *channel = channel_find(network, name);
	struct text rest = {"[notice] ", text->bytes + len + 2};
	free(name);
	if (!channel || channel->state < CHANNEL_NAMES)
		return false;
	to_channel(network, line, channel->name, &rest);
	return true;
}

static void on_notice(struct network *network, const struct line *line)
{
	const char *target = line->params[0];
	struct text text = {"", line_last(line)};
	if (*text.bytes == '\1' || network_is_me(network, line->nick))
		return; /* somebody answers a CTCP request, or our own notice comes back */
	if (isupport_is_channel(&network->isupport, isupport_target(&network->isupport, target))) {
		text.prefix = "[notice] ";
		to_channel(network, line, target, &text);
		return;
	}
	if (network->stage < NETWORK_WELCOMED)
		return; /* "Looking up your hostname" */
	if (correspondent_find(network, line->nick)) {
		from_person(network, line, &text);
	} else if (!to_channel_named(network, line, &text)) {
		char *from = *line->user ? mem_printf("[%s] ", line->nick) : NULL;
		struct s2_message message = {.peer = network_server_peer(network)};
		text.prefix = from ? from : "";
		tell(network, line, &message, &text);
		free(from);
	}
	heard_while_identifying(network, line);
}

/* ---- Typing: the client tag +typing ---- */

static const char *const typing_words[] = {
    [S2_TYPING_COMPOSING] = "active", [S2_TYPING_PAUSED] = "paused", [S2_TYPING_ACTIVE] = "done"};

static void on_tagmsg(struct network *network, const struct line *line)
{
	const char *word = line_tag(line, "+typing");
	reaction_received(network, line);
	if (!word || network_is_me(network, line->nick) || !network_is_me(network, line->params[0]))
		return;
	for (size_t i = 0; i < sizeof typing_words / sizeof *typing_words; i++)
		if (!strcmp(word, typing_words[i]))
			s2_typing(network->user->s2, network_peer(network, line->nick), (enum s2_typing)i);
}

void talk_typing(struct network *network, const char *nick, enum s2_typing typing)
{
	uint64_t now = network_now(network);
	/* Nothing that a message would have to wait for. */
	if (network->stage != NETWORK_READY || !(network->capabilities & CAP_MESSAGE_TAGS) ||
	    network->isupport.no_typing || !line_is_middle(nick) || s2_session_queued(network->session) ||
	    (typing == S2_TYPING_COMPOSING && now < network->typing_ms))
		return;
	struct str line = {0};
	char tag[24];
	snprintf(tag, sizeof tag, "+typing=%s", typing_words[typing]);
	network->typing_ms = typing == S2_TYPING_COMPOSING ? now + TYPING_INTERVAL_MS : 0;
	if (line_build_tagged(&line, tag, "TAGMSG", nick, NULL))
		network_send_token(network, &line, NULL);
	str_fini(&line);
}

/* ---- Batches: of interest only as an answer to a labelled line ---- */

static void on_batch(struct network *network, const struct line *line)
{
	const char *reference = line->params[0] + 1;
	bool begin = *line->params[0] == '+';
	unsigned label = outbox_label(network, line);
	if (!network->batches && (!begin || !label))
		return;
	if (!network->batches)
		network->batches = mem_new(NETWORK_BATCHES * sizeof *network->batches);
	bool any = false;
	for (size_t i = 0; i < NETWORK_BATCHES; i++) {
		struct network_batch *batch = &network->batches[i];
		if (begin && label && !*batch->reference && *reference && strlen(reference) < sizeof batch->reference) {
			strcpy(batch->reference, reference);
			batch->label = label;
			return;
		}
		if (!begin && !strcmp(batch->reference, reference))
			*batch = (struct network_batch){0};
		any |= *batch->reference != '\0';
	}
	if (!any) {
		free(network->batches);
		network->batches = NULL;
	}
}

static void on_ack(struct network *network, const struct line *line)
{
	outbox_acknowledge(network, outbox_label(network, line));
}

static const struct network_command table[] = {
    {"PRIVMSG", 2, true, on_privmsg},       {"NOTICE", 2, true, on_notice},
    {"BATCH", 1, false, on_batch},          {"ACK", 0, false, on_ack},
    {"TAGMSG", 1, false, on_tagmsg},        {"WALLOPS", 0, true, NULL},
    {"REDACT", 2, true, reaction_redacted}, {"FAIL", 2, true, outbox_failed},
};
const struct network_commands talk_commands = {table, sizeof table / sizeof *table};
