/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/link/command.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"

#define TOKEN "BACKEND_ID"

struct words {
	char **items; /* NULL-terminated */
	size_t count;
};

static void words_add(struct words *words, char *word)
{
	words->items = mem_resize(words->items, (words->count + 2) * sizeof *words->items);
	words->items[words->count++] = word;
	words->items[words->count] = NULL;
}

static char *expand(const char *text, unsigned counter)
{
	struct str out = {0};
	for (const char *found; (found = strstr(text, TOKEN)) != NULL; text = found + strlen(TOKEN)) {
		str_add(&out, text, (size_t)(found - text));
		str_addf(&out, "%u", counter);
	}
	str_adds(&out, text);
	return str_take(&out);
}

/* Splits at blanks. Between quotes a backslash only takes the meaning from that quote, outside from any character. */
static bool split(struct words *words, const char *at)
{
	struct str word = {0};
	bool inside = false;
	char quote = '\0';
	for (; *at; at++) {
		if (*at == '\\' && at[1] && (!quote || at[1] == quote)) {
			str_addc(&word, *++at);
			inside = true;
		} else if (quote ? *at == quote : *at == '"' || *at == '\'') {
			quote = quote ? '\0' : *at;
			inside = true;
		} else if (!quote && strchr(" \t\r\n", *at)) {
			if (inside)
				words_add(words, str_take(&word));
			inside = false;
		} else {
			str_addc(&word, *at);
			inside = true;
		}
	}
	if (inside)
		words_add(words, str_take(&word));
	str_fini(&word);
	return !quote;
}

static bool has_jid(const struct command *command)
{
	for (int i = 1; i < command->argc; i++) {
		const char *word = command->argv[i];
		if (!strncmp(word, "-j", 2) || !strcmp(word, "--jid") || !strncmp(word, "--jid=", 6))
			return true;
	}
	return false;
}

char **command_build(const struct command *command, const char **error)
{
	struct words words = {0};
	char *text = expand(command->text ? command->text : "", command->counter);
	bool closed = split(&words, text);
	free(text);
	if (!closed || !words.count) {
		*error = closed ? "is empty" : "has a quote that is not closed";
		command_free(words.items);
		return NULL;
	}
	words_add(&words, mem_strdup("--host"));
	words_add(&words, mem_strdup(command->host));
	words_add(&words, mem_strdup("--port"));
	words_add(&words, mem_printf("%u", command->port));
	words_add(&words, mem_printf("--service.backend_id=%u", command->id));
	if (!text_empty(command->jid) && !has_jid(command)) {
		words_add(&words, mem_strdup("-j"));
		words_add(&words, mem_strdup(command->jid));
	}
	for (int i = 1; i < command->argc; i++)
		words_add(&words, mem_strdup(command->argv[i]));
	return words.items;
}

void command_free(char **argv)
{
	for (char **word = argv; word && *word; word++)
		free(*word);
	free(argv);
}
