/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stanza errors (RFC 6120 section 8.3): one table of conditions, for both directions. */
#include "lib/xmpp/stanza.h"

#include <stddef.h>
#include <string.h>

#include "lib/xmpp/ns.h"

static const struct {
	const char *name, *type;
} conditions[S2_CONDITIONS] = {
    [S2_DONE] = {"undefined-condition", "cancel"},
    [S2_BAD_REQUEST] = {"bad-request", "modify"},
    [S2_CONFLICT] = {"conflict", "cancel"},
    [S2_FEATURE_NOT_IMPLEMENTED] = {"feature-not-implemented", "cancel"},
    [S2_FORBIDDEN] = {"forbidden", "auth"},
    [S2_GONE] = {"gone", "cancel"},
    [S2_INTERNAL_SERVER_ERROR] = {"internal-server-error", "cancel"},
    [S2_ITEM_NOT_FOUND] = {"item-not-found", "cancel"},
    [S2_JID_MALFORMED] = {"jid-malformed", "modify"},
    [S2_NOT_ACCEPTABLE] = {"not-acceptable", "modify"},
    [S2_NOT_ALLOWED] = {"not-allowed", "cancel"},
    [S2_NOT_AUTHORIZED] = {"not-authorized", "auth"},
    [S2_POLICY_VIOLATION] = {"policy-violation", "modify"},
    [S2_RECIPIENT_UNAVAILABLE] = {"recipient-unavailable", "wait"},
    [S2_REGISTRATION_REQUIRED] = {"registration-required", "auth"},
    [S2_REMOTE_SERVER_NOT_FOUND] = {"remote-server-not-found", "cancel"},
    [S2_REMOTE_SERVER_TIMEOUT] = {"remote-server-timeout", "wait"},
    [S2_RESOURCE_CONSTRAINT] = {"resource-constraint", "wait"},
    [S2_SERVICE_UNAVAILABLE] = {"service-unavailable", "cancel"},
    [S2_SUBSCRIPTION_REQUIRED] = {"subscription-required", "auth"},
    [S2_UNDEFINED_CONDITION] = {"undefined-condition", "cancel"},
};

/* Conditions come over the wire, too: a number from a newer peer is no condition that we know. */
static enum s2_condition known(enum s2_condition condition)
{
	return (unsigned)condition < S2_CONDITIONS ? condition : S2_UNDEFINED_CONDITION;
}

const char *condition_name(enum s2_condition condition)
{
	return conditions[known(condition)].name;
}

const char *condition_type(enum s2_condition condition)
{
	return conditions[known(condition)].type;
}

enum s2_condition condition_find(const char *name)
{
	for (int i = S2_DONE + 1; name && i < S2_CONDITIONS; i++)
		if (!strcmp(conditions[i].name, name))
			return i;
	return S2_UNDEFINED_CONDITION;
}

void xml_error_of(struct writer *writer, enum s2_condition condition, const char *name, const char *ns,
                  const char *text)
{
	xml_open(writer, "error", NULL);
	xml_attr(writer, "type", condition_type(condition));
	xml_empty(writer, condition_name(condition), NS_STANZA_ERRORS);
	xml_leaf(writer, "text", NS_STANZA_ERRORS, text);
	if (name)
		xml_empty(writer, name, ns);
	xml_close(writer);
}

void xml_error(struct writer *writer, enum s2_condition condition, const char *text)
{
	xml_error_of(writer, condition, NULL, NULL, text);
}

enum s2_condition stanza_error(struct arena *arena, const struct element *stanza, const char **text)
{
	const struct element *error = element_child(stanza, "error", NULL);
	if (text)
		*text = element_child_text(arena, error, "text", NS_STANZA_ERRORS);
	const struct element *child = element_child(error, NULL, NS_STANZA_ERRORS);
	while (element_is(child, "text", NS_STANZA_ERRORS))
		child = element_next(child, NULL, NS_STANZA_ERRORS);
	return condition_find(child ? child->name : NULL);
}
