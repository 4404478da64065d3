/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/irc/outbox.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backends/irc/channel.h"
#include "backends/irc/command.h"
#include "backends/irc/format.h"
#include "backends/irc/modes.h"
#include "backends/irc/network.h"
#include "backends/irc/numerics.h"
#include "backends/irc/reaction.h"
#include "backends/irc/split.h"
#include "backends/irc/user.h"
#include "kit/kit.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

#define LOG_AREA "irc"
#define MAX_MESSAGES 200
#define MAX_BYTES (256 * 1024)
#define MAX_QUEUED_LINES 400
#define ANSWER_TIMEOUT_MS 60000
#define NO_TEXT 412
#define BARRIER_PREFIX "s2."
/* What a server may put into the prefix when it is not known: user and host of the usual lengths. */
#define USUAL_USER_BYTES 11
#define USUAL_HOST_BYTES 64

enum outgoing_kind { OUTGOING_TEXT, OUTGOING_SUBJECT, OUTGOING_REACTION, OUTGOING_REDACTION };

struct outgoing {
	struct list node;
	enum outgoing_kind kind;
	char *id, *peer;      /* what the main process called it; id NULL = nobody waits */
	char *target;         /* nickname or channel */
	char *body;           /* to reflect; NULL = not to be */
	char *about;          /* the message that is answered, or that something is said about */
	char *author, *quote; /* of the message that is answered, as the client gave them */
	char *network_id;     /* of its first line, by its echo */
	size_t bytes;
	unsigned first_label, lines, answered;
	unsigned barrier; /* it is done with this PONG; 0 = none yet, or waits for its echo */
	bool wants_echo, refused;
	uintptr_t token;  /* of the last line */
	uint64_t sent_ms; /* when that went out; 0 = not yet */
};

void outbox_init(struct outbox *outbox)
{
	list_init(&outbox->sent);
}

static void outgoing_free(struct network *network, struct outgoing *one)
{
	network->outbox.count--;
	network->outbox.bytes -= one->bytes;
	list_remove(&one->node);
	free(one->id);
	free(one->peer);
	free(one->target);
	free(one->body);
	free(one->about);
	free(one->author);
	free(one->quote);
	free(one->network_id);
	free(one);
}

static void report(struct network *network, struct outgoing *one, enum s2_condition condition, const char *text)
{
	if (one->id && !one->refused)
		s2_message_result(network->user->s2, one->id, one->peer, condition, text);
}

/* The room shows what the user has taken back. */
static void show_redaction(struct network *network, const struct outgoing *one)
{
	struct channel *channel = channel_find(network, one->target);
	if (channel && channel->state == CHANNEL_JOINED)
		s2_annotation(network->user->s2, &(struct s2_annotation){.kind = S2_RETRACTION,
		                                                         .peer = channel->room,
		                                                         .nickname = network->nick,
		                                                         .target = one->about});
}

/* Every line has arrived: reflects it, if it went to a channel. */
static void complete(struct network *network, struct outgoing *one)
{
	struct channel *channel = one->body && !one->refused ? channel_find(network, one->target) : NULL;
	if (channel && channel->state == CHANNEL_JOINED) {
		struct s2_message message = {
		    .peer = channel->room,
		    .nickname = network->nick,
		    .body = one->body,
		    .id = one->network_id,
		    .own_id = one->id,
		    .reply_to = one->about,
		    .reply_author = one->author,
		    .reply_text = one->quote,
		};
		s2_message(network->user->s2, &message);
	}
	if (one->kind == OUTGOING_REACTION && !one->refused)
		reaction_shown(network, one->target, one->about);
	if (one->kind == OUTGOING_REDACTION && !one->refused)
		show_redaction(network, one);
	if (one->id && !one->refused)
		s2_message_done(network->user->s2, one->id, one->peer, one->network_id);
	outgoing_free(network, one);
}

static void refuse(struct network *network, struct outgoing *one, enum s2_condition condition, const char *text)
{
	report(network, one, condition, text);
	one->refused = true;
}

void outbox_fail(struct network *network, enum s2_condition condition, const char *text)
{
	loop_defer_cancel(&network->outbox.barrier);
	LIST_EACH (&network->outbox.sent, node) {
		struct outgoing *one = LIST_ITEM(node, struct outgoing, node);
		refuse(network, one, condition, text);
		outgoing_free(network, one);
	}
}

/* ---- Sending ---- */

/* Bytes of text that fit into one PRIVMSG, with the prefix that the server puts in front of it for the others. */
static size_t line_budget(const struct network *network, const char *target, bool action)
{
	size_t line = network->isupport.line_length ? network->isupport.line_length : LINE_REST_BYTES;
	size_t used = strlen(":!@ PRIVMSG  :\r\n") + strlen(network->nick) + strlen(target);
	used += network->name ? strlen(network->name) : USUAL_USER_BYTES;
	used += network->host ? strlen(network->host) : USUAL_HOST_BYTES;
	used += action ? strlen("\1ACTION \1") : 0;
	return line > used ? line - used : 0;
}

static void send_barrier(void *arg)
{
	struct network *network = arg;
	unsigned number = ++network->outbox.next_barrier;
	char token[24];
	snprintf(token, sizeof token, BARRIER_PREFIX "%u", number);
	if (!network_send(network, "PING", token, NULL))
		return; /* the time-out takes what waits for it */
	LIST_EACH (&network->outbox.sent, node) {
		struct outgoing *one = LIST_ITEM(node, struct outgoing, node);
		if (!one->barrier && !one->wants_echo)
			one->barrier = number;
	}
}

static struct outgoing *outgoing_new(struct network *network, enum outgoing_kind kind, const char *target,
                                     const struct s2_message *message)
{
	struct outbox *outbox = &network->outbox;
	struct outgoing *one = mem_new(sizeof *one);
	one->kind = kind;
	one->target = mem_strdup(target);
	one->wants_echo = kind == OUTGOING_TEXT && network->capabilities & CAP_ECHO_MESSAGE;
	if (message) {
		one->id = mem_strdup(message->id);
		one->peer = mem_strdup(message->peer);
		one->bytes = strlen(message->body);
	}
	list_append(&outbox->sent, &one->node);
	outbox->count++;
	outbox->bytes += one->bytes;
	if (!one->wants_echo)
		loop_defer(kit_loop(), &outbox->barrier, send_barrier, network);
	return one;
}

/* One line; the last one carries the token that says that all went out. */
static bool send_line(struct network *network, struct outgoing *one, const char *command, const char *text, bool last)
{
	char label[16];
	struct str tags = {0};
	if (one->kind == OUTGOING_TEXT && network->capabilities & CAP_LABELED_RESPONSE) {
		unsigned number = ++network->outbox.next_label;
		if (!one->lines)
			one->first_label = number;
		snprintf(label, sizeof label, "%u", number);
		line_add_tag(&tags, "label", label);
	}
	if (one->kind == OUTGOING_TEXT && one->about && !one->lines)
		line_add_tag(&tags, "+draft/reply", one->about);
	one->lines++;
	static uintptr_t last_token;
	if (last)
		one->token = last_token = (last_token + 2) | 1; /* odd numbers are messages, even ones joins */
	struct str line = {0};
	bool sent = line_build_tagged(&line, tags.data, command, one->target, text, NULL) &&
	            network_send_token(network, &line, (void *)one->token);
	str_fini(&line);
	str_fini(&tags);
	return sent;
}

static bool send_pieces(struct network *network, struct outgoing *one, const char *text, bool action)
{
	struct split split;
	const char *piece;
	size_t len;
	bool sent = true, more;
	split_init(&split, text, line_budget(network, one->target, action));
	more = split_next(&split, &piece, &len);
	if (!more && action) {
		piece = "";
		len = 0;
		more = true;
	}
	while (more && sent) {
		char *line = mem_printf(action ? "\1ACTION %.*s\1" : "%.*s", (int)len, piece);
		more = split_next(&split, &piece, &len);
		sent = send_line(network, one, "PRIVMSG", line, !more);
		free(line);
	}
	return sent && one->lines;
}

/* Says at once why a message can't go out; NULL if it can. */
static const char *obstacle(struct network *network, const char *body, enum s2_condition *condition)
{
	*condition = S2_RECIPIENT_UNAVAILABLE;
	if (network->stage != NETWORK_READY)
		return "There is no connection to the IRC server at the moment.";
	*condition = S2_RESOURCE_CONSTRAINT;
	size_t lines = strlen(body) / 100 + 1;
	for (const char *at = body; (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	if (network->outbox.count >= MAX_MESSAGES || network->outbox.bytes + strlen(body) > MAX_BYTES ||
	    s2_session_queued(network->session) + lines > MAX_QUEUED_LINES)
		return "Too much waits to be sent to the IRC server already; send it again later.";
	return NULL;
}

/* Where replies are not known, people write whom they answer in front. */
static char *addressed(const struct network *network, const char *target, const struct s2_message *message,
                       const char *text)
{
	bool channel = isupport_is_channel(&network->isupport, target);
	if (text_empty(message->reply_to) || reaction_may_reply(network) || !channel ||
	    text_empty(message->reply_author) || !strncmp(text, message->reply_author, strlen(message->reply_author)))
		return NULL;
	return mem_printf("%s: %s", message->reply_author, text);
}

/* A channel with mode c takes no codes: some servers refuse such a message. */
static bool may_format(const struct network *network, const char *target)
{
	const struct channel *channel = channel_find(network, target);
	return !channel || !modes_has(channel, 'c');
}

/* `body` is what goes out, with codes; what the user sees of it in the room is his own. */
static void send_message(struct network *network, const char *target, const struct s2_message *message,
                         const char *body)
{
	bool action = !strcmp(body, "/me") || !strncmp(body, "/me ", 4);
	const char *text = command_text(body);
	if (action)
		text += body[3] ? 4 : 3;
	struct outgoing *one = outgoing_new(network, OUTGOING_TEXT, target, message);
	char *to = action ? NULL : addressed(network, target, message, text);
	if (isupport_is_channel(&network->isupport, target)) {
		const char *own = command_text(message->body);
		one->body = to ? addressed(network, target, message, own) : NULL;
		if (!one->body)
			one->body = mem_strdup(own);
	}
	if (!text_empty(message->reply_to) && reaction_may_reply(network)) {
		one->about = mem_strdup(message->reply_to);
		one->author = mem_strdup(message->reply_author);
		one->quote = mem_strdup(message->reply_text);
	}
	if (!send_pieces(network, one, to ? to : text, action)) {
		refuse(network, one, S2_RESOURCE_CONSTRAINT, "The IRC connection's queue is full.");
		outgoing_free(network, one);
	}
	free(to);
}

void outbox_message(struct network *network, const char *target, const struct s2_message *message)
{
	enum s2_condition condition;
	struct str coded = {0};
	const char *body = message->body;
	if (may_format(network, target) && !text_empty(message->xhtml) && format_codes(&coded, message->xhtml))
		body = coded.data;
	const char *why = obstacle(network, body, &condition);
	if (!why && (!line_is_middle(target) || strchr(target, ','))) {
		condition = S2_JID_MALFORMED;
		why = "IRC has no such name.";
	}
	if (!why && !body[strspn(body, "\r\n")]) {
		condition = S2_BAD_REQUEST;
		why = "The message is empty.";
	}
	if (why)
		s2_message_result(network->user->s2, message->id, message->peer, condition, why);
	else
		send_message(network, target, message, body);
	str_fini(&coded);
}

/* ---- About earlier messages ---- */

bool outbox_reaction(struct network *network, const char *target, const char *message, const char *tag,
                     const char *emoji)
{
	struct str tags = {0}, line = {0};
	line_add_tag(&tags, "+draft/reply", message);
	line_add_tag(&tags, tag, emoji);
	bool sent = line_build_tagged(&line, str_text(&tags), "TAGMSG", target, NULL) &&
	            network_send_token(network, &line, NULL);
	str_fini(&tags);
	str_fini(&line);
	return sent;
}

/* Its lines are queued; the PONG of a PING behind them says that they have arrived. */
static struct outgoing *annotated(struct network *network, enum outgoing_kind kind, const char *target,
                                  const struct s2_annotation *annotation)
{
	struct outgoing *one = outgoing_new(
	    network, kind, target, &(struct s2_message){.id = annotation->id, .peer = annotation->peer, .body = ""});
	one->about = mem_strdup(annotation->target);
	one->lines = 1; /* or more: a numeric about the target is about it */
	one->sent_ms = network_now(network);
	network_wake(network, one->sent_ms + ANSWER_TIMEOUT_MS);
	return one;
}

void outbox_reacted(struct network *network, const char *target, const struct s2_annotation *annotation)
{
	annotated(network, OUTGOING_REACTION, target, annotation);
}

void outbox_redact(struct network *network, const char *target, const struct s2_annotation *annotation)
{
	struct outgoing *one = annotated(network, OUTGOING_REDACTION, target, annotation);
	bool reason = !text_empty(annotation->reason);
	if (line_is_middle(annotation->target) &&
	    network_send(network, "REDACT", target, annotation->target, reason ? annotation->reason : NULL, NULL))
		return;
	refuse(network, one, S2_RESOURCE_CONSTRAINT, "The IRC connection's queue is full.");
	outgoing_free(network, one);
}

void outbox_failed(struct network *network, const struct line *line)
{
	if (strcasecmp(line->params[0], "REDACT") != 0)
		return;
	LIST_EACH (&network->outbox.sent, node) {
		struct outgoing *one = LIST_ITEM(node, struct outgoing, node);
		for (size_t i = 2; one->kind == OUTGOING_REDACTION && i + 1 < line->count; i++) {
			if (strcmp(one->about, line->params[i]) != 0)
				continue;
			refuse(network, one, S2_NOT_ALLOWED, network_text(network, line_last(line)));
			return;
		}
	}
}

static size_t topic_limit(const struct network *network, const char *channel)
{
	unsigned most = network->isupport.topic_length;
	size_t line = line_budget(network, channel, false);
	return most && most < line ? most : line;
}

void outbox_subject(struct network *network, const char *channel, const struct s2_message *message)
{
	enum s2_condition condition;
	const char *why = obstacle(network, message->body, &condition);
	if (!why && strlen(message->body) > topic_limit(network, channel)) {
		condition = S2_NOT_ACCEPTABLE;
		why = "The subject is too long for this server.";
	}
	if (why) {
		s2_message_result(network->user->s2, message->id, message->peer, condition, why);
		return;
	}
	struct outgoing *one = outgoing_new(network, OUTGOING_SUBJECT, channel, message);
	char *topic = mem_strdup(message->body);
	size_t len = strlen(topic);
	while (len && (topic[len - 1] == '\n' || topic[len - 1] == '\r'))
		topic[--len] = '\0';
	if (!send_line(network, one, "TOPIC", topic, true)) {
		refuse(network, one, S2_RESOURCE_CONSTRAINT, "The IRC connection's queue is full.");
		outgoing_free(network, one);
	}
	free(topic);
}

void outbox_silent(struct network *network, const char *target, const char *text)
{
	struct outgoing *one = outgoing_new(network, OUTGOING_TEXT, target, NULL);
	if (!send_line(network, one, "PRIVMSG", text, true))
		outgoing_free(network, one);
}

/* ---- Answers ---- */

unsigned outbox_label(const struct network *network, const struct line *line)
{
	const char *label = line_tag(line, "label"), *batch = line_tag(line, "batch");
	if (label)
		return (unsigned)strtoul(label, NULL, 10);
	for (size_t i = 0; batch && network->batches && i < NETWORK_BATCHES; i++)
		if (*batch && !strcmp(network->batches[i].reference, batch))
			return network->batches[i].label;
	return 0;
}

static struct outgoing *find_label(const struct network *network, unsigned label)
{
	LIST_EACH (&network->outbox.sent, node) {
		struct outgoing *one = LIST_ITEM(node, struct outgoing, node);
		if (one->first_label && label - one->first_label < one->lines)
			return one;
	}
	return NULL;
}

/* One more line of it was answered. With echo-message the last answer ends it; else the PONG does. */
static void answered(struct network *network, struct outgoing *one)
{
	one->answered++;
	if (one->wants_echo && one->answered >= one->lines)
		complete(network, one);
}

bool outbox_echo(struct network *network, const struct line *line, const char *target)
{
	unsigned label = outbox_label(network, line);
	struct outgoing *found = label ? find_label(network, label) : NULL;
	for (struct list *node = network->outbox.sent.next; !label && node != &network->outbox.sent;
	     node = node->next) {
		struct outgoing *one = LIST_ITEM(node, struct outgoing, node);
		if (one->wants_echo && network_same_name(network, one->target, target)) {
			found = one;
			break;
		}
	}
	const char *id = line_tag(line, "msgid");
	if (found && !found->network_id && !found->answered)
		found->network_id = mem_strdup(text_or_null(id));
	if (found)
		answered(network, found);
	return found != NULL;
}

void outbox_acknowledge(struct network *network, unsigned label)
{
	struct outgoing *one = find_label(network, label);
	if (one)
		answered(network, one);
}

bool outbox_pong(struct network *network, const char *token)
{
	size_t len = strlen(BARRIER_PREFIX);
	if (strncmp(token, BARRIER_PREFIX, len))
		return false;
	unsigned number = (unsigned)strtoul(token + len, NULL, 10);
	LIST_EACH (&network->outbox.sent, node) {
		struct outgoing *one = LIST_ITEM(node, struct outgoing, node);
		if (one->barrier && one->barrier <= number)
			complete(network, one);
	}
	return true;
}

/* The oldest whose target the numeric names in one of its middle parameters, and that it can be about. */
static struct outgoing *find_refused(struct network *network, const struct line *line, unsigned numeric)
{
	bool of_operators = numeric == 482 || numeric == 481 || numeric == 472;
	bool of_any = numeric == 417 || numeric == NO_TEXT; /* these name no target */
	LIST_EACH (&network->outbox.sent, node) {
		struct outgoing *one = LIST_ITEM(node, struct outgoing, node);
		if (one->answered >= one->lines || (of_operators && one->kind != OUTGOING_SUBJECT))
			continue;
		if (of_any)
			return one;
		for (size_t i = 1; i + 1 < line->count; i++)
			if (network_same_name(network, one->target, line->params[i]))
				return one;
	}
	return NULL;
}

bool outbox_refuse(struct network *network, const struct line *line, unsigned numeric)
{
	unsigned label = outbox_label(network, line);
	struct outgoing *one = label ? find_label(network, label) : NULL;
	if (!one)
		one = find_refused(network, line, numeric);
	if (!one)
		return false;
	if (numeric == NO_TEXT) { /* a blank line of several; there was nothing in it */
		answered(network, one);
		return true;
	}
	enum numeric_context context = one->kind == OUTGOING_SUBJECT ? NUMERIC_CHANGE : NUMERIC_MESSAGE;
	enum s2_condition condition = numeric_condition(context, numeric);
	if (condition == S2_DONE)
		return false;
	bool silent = !one->id;
	refuse(network, one, condition, network_text(network, line_last(line)));
	answered(network, one);
	if (silent && network->stage == NETWORK_IDENTIFYING)
		network_ready(network); /* there is no NickServ */
	return true;
}

void outbox_sent(struct network *network, uintptr_t token)
{
	LIST_EACH (&network->outbox.sent, node) {
		struct outgoing *one = LIST_ITEM(node, struct outgoing, node);
		if (one->token != token)
			continue;
		one->sent_ms = network_now(network);
		network_wake(network, one->sent_ms + ANSWER_TIMEOUT_MS);
	}
}

void outbox_tick(struct network *network, uint64_t now)
{
	LIST_EACH (&network->outbox.sent, node) {
		struct outgoing *one = LIST_ITEM(node, struct outgoing, node);
		if (!one->sent_ms)
			continue;
		if (one->sent_ms + ANSWER_TIMEOUT_MS > now) {
			network_wake(network, one->sent_ms + ANSWER_TIMEOUT_MS);
			continue;
		}
		refuse(network, one, S2_REMOTE_SERVER_TIMEOUT, "The IRC server did not confirm the message.");
		outgoing_free(network, one);
	}
}
