/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/xmpp/subscription.h"

#include <stddef.h>

#include "lib/base/str.h"

static const struct {
	enum s2_subscription subscription;
	const char *name;
} subscriptions[] = {
    {S2_SUBSCRIPTION_NONE, "none"},
    {S2_SUBSCRIPTION_TO, "to"},
    {S2_SUBSCRIPTION_FROM, "from"},
    {S2_SUBSCRIPTION_BOTH, "both"},
};

static const char *const types[S2_SUBSCRIPTION_VERBS] = {
    [S2_SUBSCRIBE] = "subscribe",
    [S2_SUBSCRIBED] = "subscribed",
    [S2_UNSUBSCRIBE] = "unsubscribe",
    [S2_UNSUBSCRIBED] = "unsubscribed",
};

const char *subscription_name(enum s2_subscription subscription)
{
	for (size_t i = 0; i < sizeof subscriptions / sizeof *subscriptions; i++) {
		if (subscriptions[i].subscription == subscription)
			return subscriptions[i].name;
	}
	return "both";
}

enum s2_subscription subscription_find(const char *name)
{
	for (size_t i = 0; i < sizeof subscriptions / sizeof *subscriptions; i++) {
		if (text_equal(subscriptions[i].name, name))
			return subscriptions[i].subscription;
	}
	return S2_SUBSCRIPTION_NONE;
}

const char *subscription_type(enum s2_subscription_verb verb)
{
	return types[verb];
}

enum s2_subscription_verb subscription_verb(const char *type)
{
	unsigned verb = 0;
	while (verb < S2_SUBSCRIPTION_VERBS && !text_equal(types[verb], type))
		verb++;
	return (enum s2_subscription_verb)verb;
}
