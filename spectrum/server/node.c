/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/server/node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xmpp/form.h"
#include "lib/xmpp/ns.h"

#define CONFIG "http://jabber.org/protocol/pubsub#node_config"

#define PRESENCE "on_sub_and_presence"

static const char *const accesses[] = {"presence", "open", "whitelist", "roster", "authorize", NULL},
                         *const lasts[] = {PRESENCE, "on_sub", "never", NULL};

/* The literal that is the same; NULL if there is none. */
static const char *find(const char *const *literals, const char *text)
{
	while (*literals && !text_equal(*literals, text))
		literals++;
	return *literals;
}

struct node_config node_default(void)
{
	return (struct node_config){"presence", 1, PRESENCE};
}

struct node_config node_read(const char *text)
{
	char access[16], last[24] = PRESENCE;
	unsigned most;
	struct node_config config = node_default();
	if (text && sscanf(text, "%15s %u %23s", access, &most, last) >= 2 && find(accesses, access) && most) {
		config.access = find(accesses, access);
		config.most = most < NODE_ITEMS_MOST ? most : NODE_ITEMS_MOST;
		config.last = find(lasts, last) ? find(lasts, last) : PRESENCE;
	}
	return config;
}

void node_text(const struct node_config *config, char out[NODE_TEXT_BYTES])
{
	snprintf(out, NODE_TEXT_BYTES, "%s %u %s", config->access, config->most, config->last);
}

bool node_greets(const struct node_config *config)
{
	return !strcmp(config->last, PRESENCE);
}

bool node_is_open(const struct node_config *config)
{
	return !strcmp(config->access, "open");
}

bool node_is_private(const struct node_config *config)
{
	return strcmp(config->access, "presence") != 0 && strcmp(config->access, "open") != 0;
}

/* "max" is as many as we keep. False if it is no number. */
static bool read_most(const char *text, unsigned *most)
{
	char *end;
	if (!strcmp(text, "max")) {
		*most = NODE_ITEMS_MOST;
		return true;
	}
	unsigned long number = strtoul(text, &end, 10);
	if (!*text || *end || !number)
		return false;
	*most = number < NODE_ITEMS_MOST ? (unsigned)number : NODE_ITEMS_MOST;
	return true;
}

/* Items are always kept, and always sent with what is in them; false if the form wants it otherwise. */
static bool is_as_always(struct arena *arena, const struct element *form)
{
	static const char *const fields[] = {"pubsub#persist_items", "pubsub#deliver_payloads"};
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		const char *value = text_or_null(form_value(arena, form, fields[i]));
		if (value && strcmp(value, "1") != 0 && strcmp(value, "true") != 0)
			return false;
	}
	return true;
}

bool node_set(struct node_config *config, struct arena *arena, const struct element *form)
{
	const char *access = text_or_null(form_value(arena, form, "pubsub#access_model")),
	           *most = text_or_null(form_value(arena, form, "pubsub#max_items")),
	           *last = text_or_null(form_value(arena, form, "pubsub#send_last_published_item"));
	if ((access && !find(accesses, access)) || (last && !find(lasts, last)) ||
	    (most && !read_most(most, &config->most)) || !is_as_always(arena, form))
		return false;
	if (access)
		config->access = find(accesses, access);
	if (last)
		config->last = find(lasts, last);
	return true;
}

bool node_meets(const struct node_config *config, struct arena *arena, const struct element *form)
{
	struct node_config wanted = *config;
	return node_set(&wanted, arena, form) && !strcmp(wanted.access, config->access) &&
	       !strcmp(wanted.last, config->last) && wanted.most == config->most;
}

void node_write(const struct node_config *config, struct writer *writer)
{
	char most[16];
	snprintf(most, sizeof most, "%u", config->most);
	form_open(writer, "form", CONFIG, NULL, NULL);
	form_field(writer, "pubsub#access_model", "list-single", "Who may read it", config->access, false);
	form_field(writer, "pubsub#max_items", "text-single", "Items that are kept", most, false);
	form_field(writer, "pubsub#persist_items", "boolean", "Items are kept", "1", false);
	form_field(writer, "pubsub#send_last_published_item", "list-single", "When the last item is sent",
	           config->last, false);
	form_field(writer, "pubsub#deliver_payloads", "boolean", "Events have their content", "1", false);
	form_close(writer);
}
