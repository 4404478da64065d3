/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/irc/whois.h"

#include <stdlib.h>
#include <string.h>

#include "backends/irc/command.h"
#include "backends/irc/network.h"
#include "backends/irc/user.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

#define ANSWER_MS 15000
#define INQUIRIES_MOST 200 /* on one network */
#define NOTE_BYTES 4000

/* Somebody's card under way. */
struct inquiry {
	struct list node;
	uint64_t due_ms;
	uint32_t request;
	bool found;
	char *real_name;
	struct str note; /* what has no place of its own in a card */
	char *name;      /* as it was asked for */
	char nick[];
};

static void inquiry_free(struct network *network, struct inquiry *inquiry)
{
	list_remove(&inquiry->node);
	network->inquiry_count--;
	str_fini(&inquiry->note);
	free(inquiry->real_name);
	free(inquiry->name);
	free(inquiry);
}

static void end(struct network *network, struct inquiry *inquiry, enum s2_condition condition, const char *text)
{
	struct s2_card card = {.name = inquiry->name, .condition = condition, .text = text};
	if (condition == S2_DONE) {
		card.nickname = inquiry->nick;
		card.full_name = inquiry->real_name;
		card.note = str_text(&inquiry->note);
	}
	s2_card(network->user->s2, inquiry->request, &card);
	inquiry_free(network, inquiry);
}

static void refuse(struct network *network, const char *name, uint32_t request, enum s2_condition condition,
                   const char *text)
{
	s2_card(network->user->s2, request, &(struct s2_card){.name = name, .condition = condition, .text = text});
}

void whois_ask(struct network *network, const char *nick, const char *name, uint32_t request)
{
	if (network->stage != NETWORK_READY) {
		refuse(network, name, request, S2_RECIPIENT_UNAVAILABLE,
		       "There is no connection to the IRC server at the moment.");
		return;
	}
	/* The nickname twice: the person's own server is asked, which alone knows how long he is idle. */
	if (network->inquiry_count >= INQUIRIES_MOST || !network_send(network, "WHOIS", nick, nick, NULL)) {
		refuse(network, name, request, S2_RESOURCE_CONSTRAINT, "The IRC server can't be asked this now.");
		return;
	}
	struct inquiry *inquiry = mem_new(sizeof *inquiry + strlen(nick) + 1);
	strcpy(inquiry->nick, nick);
	inquiry->name = mem_strdup(name);
	inquiry->request = request;
	inquiry->due_ms = network_now(network) + ANSWER_MS;
	list_append(&network->inquiries, &inquiry->node);
	network->inquiry_count++;
	network_wake(network, inquiry->due_ms);
}

void whois_tick(struct network *network, uint64_t now)
{
	LIST_EACH (&network->inquiries, node) {
		struct inquiry *inquiry = LIST_ITEM(node, struct inquiry, node);
		if (inquiry->due_ms > now) {
			network_wake(network, inquiry->due_ms);
			return;
		}
		end(network, inquiry, inquiry->found ? S2_DONE : S2_REMOTE_SERVER_TIMEOUT,
		    "The IRC server did not answer.");
	}
}

void whois_forget(struct network *network)
{
	while (!list_empty(&network->inquiries))
		end(network, LIST_ITEM(network->inquiries.next, struct inquiry, node), S2_RECIPIENT_UNAVAILABLE,
		    "The IRC connection was lost.");
}

/* ---- Numerics: me, nick, ... ---- */

static struct inquiry *find(struct network *network, const struct line *line)
{
	LIST_EACH (&network->inquiries, node) {
		struct inquiry *inquiry = LIST_ITEM(node, struct inquiry, node);
		if (network_same_name(network, inquiry->nick, line_param(line, 1)))
			return inquiry;
	}
	return NULL;
}

static void note(struct network *network, struct inquiry *inquiry, const char *label, const char *text)
{
	if (inquiry->note.len < NOTE_BYTES && *text)
		str_addf(&inquiry->note, "%s%s%s%.500s", inquiry->note.len ? "\n" : "", label ? label : "",
		         label ? ": " : "", network_text(network, text));
}

static void on_user(struct network *network, struct inquiry *inquiry, const struct line *line)
{
	char *address = mem_printf("%s@%s", line_param(line, 2), line_param(line, 3));
	inquiry->found = true;
	mem_replace(&inquiry->real_name, text_or_null(network_text(network, line_last(line))));
	note(network, inquiry, "Address", address);
	free(address);
}

static void on_server(struct network *network, struct inquiry *inquiry, const struct line *line)
{
	char *server = mem_printf("%s (%s)", line_param(line, 2), line_last(line));
	note(network, inquiry, "Server", server);
	free(server);
}

static void on_idle(struct network *network, struct inquiry *inquiry, const struct line *line)
{
	unsigned long seconds = strtoul(line_param(line, 2), NULL, 10);
	char *text = seconds >= 3600 ? mem_printf("%lu hours %lu minutes", seconds / 3600, seconds / 60 % 60)
	             : seconds >= 60 ? mem_printf("%lu minutes", seconds / 60)
	                             : mem_printf("%lu seconds", seconds);
	note(network, inquiry, "Idle for", text);
	free(text);
}

static void on_account(struct network *network, struct inquiry *inquiry, const struct line *line)
{
	note(network, inquiry, "Account", line_param(line, 2));
}

static void on_channels(struct network *network, struct inquiry *inquiry, const struct line *line)
{
	note(network, inquiry, "Channels", line_last(line));
}

static void on_away(struct network *network, struct inquiry *inquiry, const struct line *line)
{
	note(network, inquiry, "Away", line_last(line));
}

/* "is an IRC operator" and the like. */
static void on_remark(struct network *network, struct inquiry *inquiry, const struct line *line)
{
	note(network, inquiry, NULL, line_last(line));
}

static void on_end(struct network *network, struct inquiry *inquiry, const struct line *line)
{
	if (inquiry->found)
		end(network, inquiry, S2_DONE, NULL);
	else
		end(network, inquiry, S2_ITEM_NOT_FOUND, "There is nobody of this name on the IRC server.");
}

static void on_numeric(struct network *network, const struct line *line)
{
	static const struct {
		const char *numeric;
		void (*handle)(struct network *, struct inquiry *, const struct line *);
	} numerics[] = {{"301", on_away},   {"311", on_user},  {"312", on_server},   {"313", on_remark},
	                {"317", on_idle},   {"318", on_end},   {"319", on_channels}, {"330", on_account},
	                {"335", on_remark}, {"671", on_remark}};
	struct inquiry *inquiry = find(network, line);
	for (size_t i = 0; inquiry && i < sizeof numerics / sizeof *numerics; i++) {
		if (!strcmp(numerics[i].numeric, line->command)) {
			numerics[i].handle(network, inquiry, line);
			return;
		}
	}
	/* 301 also says of whom one writes to that he is away: known from elsewhere. */
	if (!inquiry && strcmp(line->command, "301") != 0)
		command_answer(network, line);
}

/* There is no server by this name: nor is there anybody, as he is asked of his own. */
static void on_no_server(struct network *network, const struct line *line)
{
	struct inquiry *inquiry = find(network, line);
	if (inquiry)
		end(network, inquiry, S2_ITEM_NOT_FOUND, "There is nobody of this name on the IRC server.");
	else
		network_error_numeric(network, line, 402);
}

static const struct network_command table[] = {
    {"301", 2, true, on_numeric}, {"311", 4, true, on_numeric},   {"312", 3, true, on_numeric},
    {"313", 2, true, on_numeric}, {"317", 3, true, on_numeric},   {"318", 2, true, on_numeric},
    {"319", 2, true, on_numeric}, {"330", 3, true, on_numeric},   {"335", 2, true, on_numeric},
    {"338", 2, true, on_numeric}, {"378", 2, true, on_numeric},   {"379", 2, true, on_numeric},
    {"671", 2, true, on_numeric}, {"402", 2, true, on_no_server},
};
const struct network_commands whois_commands = {table, sizeof table / sizeof *table};
