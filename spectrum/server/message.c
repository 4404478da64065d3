/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a message is worth, by what is in it: to be kept, or for the moment only. */
#include "spectrum/server/inside.h"

bool message_is_state(const struct element *message)
{
	bool state = false;
	for (const struct element *child = element_child(message, NULL, NULL); child;
	     child = element_next(child, NULL, NULL)) {
		if (element_is(child, NULL, NS_CHATSTATES))
			state = true;
		else if (!element_is(child, "thread", NULL) && !element_is(child, NULL, NS_HINTS))
			return false;
	}
	return state;
}

bool message_is_worth_keeping(const struct element *message)
{
	const char *type = element_get(message, "type");
	if (type && !text_equal(type, "chat") && !text_equal(type, "normal"))
		return false;
	if (element_child(message, "store", NS_HINTS))
		return true;
	if (element_child(message, "no-store", NS_HINTS) || element_child(message, "no-permanent-store", NS_HINTS) ||
	    element_child(message, NULL, NS_PUBSUB_EVENT))
		return false;
	return element_child(message, NULL, NULL) && !message_is_state(message);
}

struct element *message_without_ids(struct arena *arena, const struct element *message, const char *owner)
{
	struct element *copy = arena_alloc(arena, sizeof *copy), **tail = &copy->children;
	*copy = *message;
	copy->children = NULL;
	for (const struct element *child = message->children; child; child = child->next) {
		if (child->name && element_is(child, "stanza-id", NS_STANZA_ID) &&
		    text_equal(element_get(child, "by"), owner))
			continue;
		*tail = arena_alloc(arena, sizeof **tail);
		**tail = *child;
		(*tail)->next = NULL;
		tail = &(*tail)->next;
	}
	return copy;
}
