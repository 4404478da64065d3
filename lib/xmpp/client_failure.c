/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/xmpp/client_failure.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/xmpp/ns.h"
#include "lib/xmpp/stanza.h"

#define TEXT_MOST 300 /* of what the server says, in our sentences */
#define DEFAULT_PORT 5222

struct meaning {
	const char *condition;
	enum client_class what;
	enum s2_connection_error error;
	const char *text; /* %s: the domain */
	bool ours;
};

/* RFC 6120 section 4.9.3. */
static const struct meaning stream_meanings[] = {
    {"conflict", CLIENT_FATAL, S2_ERROR_NAME_IN_USE, "Another client has logged in at %s under the same resource.",
     false},
    {"connection-timeout", CLIENT_RETRY, S2_ERROR_NETWORK, "%s has not heard from us for too long.", false},
    {"host-gone", CLIENT_FATAL, S2_ERROR_INVALID_USERNAME, "This server does not serve %s any more.", false},
    {"host-unknown", CLIENT_FATAL, S2_ERROR_INVALID_USERNAME, "This server does not know the domain %s.", false},
    {"internal-server-error", CLIENT_RETRY, S2_ERROR_NETWORK, "%s has a fault.", false},
    {"not-authorized", CLIENT_FATAL, S2_ERROR_AUTHENTICATION_FAILED, "%s has ended the session of this account.",
     false},
    {"policy-violation", CLIENT_RETRY, S2_ERROR_NETWORK, "Something was against the rules of %s.", true},
    {"remote-connection-failed", CLIENT_RETRY, S2_ERROR_NETWORK, "%s can't reach what it needs to log us in.", false},
    {"reset", CLIENT_RETRY, S2_ERROR_NETWORK, "%s wants us to log in anew.", false},
    {"resource-constraint", CLIENT_RETRY, S2_ERROR_NETWORK, "%s is too busy.", false},
    {"see-other-host", CLIENT_REDIRECT, S2_ERROR_NETWORK, "%s sends us to another host.", false},
    {"system-shutdown", CLIENT_RETRY, S2_ERROR_NETWORK, "%s is being shut down.", false},
    {"unsupported-version", CLIENT_FATAL, S2_ERROR_OTHER, "%s speaks another version of XMPP.", false},
    {"bad-format", CLIENT_RETRY, S2_ERROR_NETWORK, NULL, true},
    {"bad-namespace-prefix", CLIENT_RETRY, S2_ERROR_NETWORK, NULL, true},
    {"improper-addressing", CLIENT_RETRY, S2_ERROR_NETWORK, NULL, true},
    {"invalid-from", CLIENT_RETRY, S2_ERROR_NETWORK, NULL, true},
    {"invalid-namespace", CLIENT_RETRY, S2_ERROR_NETWORK, NULL, true},
    {"invalid-xml", CLIENT_RETRY, S2_ERROR_NETWORK, NULL, true},
    {"not-well-formed", CLIENT_RETRY, S2_ERROR_NETWORK, NULL, true},
    {"restricted-xml", CLIENT_RETRY, S2_ERROR_NETWORK, NULL, true},
    {"unsupported-stanza-type", CLIENT_RETRY, S2_ERROR_NETWORK, NULL, true},
};

/* RFC 6120 section 6.5. */
static const struct meaning sasl_meanings[] = {
    {"account-disabled", CLIENT_FATAL, S2_ERROR_AUTHENTICATION_FAILED, "This account is disabled at %s.", false},
    {"aborted", CLIENT_RETRY, S2_ERROR_NETWORK, "%s broke off the log-in.", false},
    {"credentials-expired", CLIENT_FATAL, S2_ERROR_AUTHENTICATION_FAILED,
     "The password has expired. Choose a new one at %s, then register again.", false},
    {"encryption-required", CLIENT_FATAL, S2_ERROR_NO_SSL_SUPPORT, "%s lets nobody log in without TLS.", false},
    {"invalid-authzid", CLIENT_FATAL, S2_ERROR_AUTHENTICATION_FAILED, "%s does not take this user name.", false},
    {"invalid-mechanism", CLIENT_FATAL, S2_ERROR_AUTHENTICATION_IMPOSSIBLE,
     "%s refused the way of logging in that it had offered.", false},
    {"mechanism-too-weak", CLIENT_FATAL, S2_ERROR_AUTHENTICATION_IMPOSSIBLE,
     "%s wants a way of logging in that is not known here.", false},
    {"not-authorized", CLIENT_FATAL, S2_ERROR_AUTHENTICATION_FAILED,
     "%s refused the log-in: there is no such account, or the password is wrong.", false},
    {"temporary-auth-failure", CLIENT_RETRY, S2_ERROR_NETWORK, "%s can't check passwords at the moment.", false},
};

/* A stranger's words: one line, not too long. "" if there are none. */
static const char *their_words(struct arena *arena, const char *text)
{
	size_t len = text ? strlen(text) : 0;
	char *copy = arena_strndup(arena, text ? text : "", len > TEXT_MOST ? utf8_cut(text, len, TEXT_MOST) : len);
	for (char *at = copy; *at; at++)
		if ((unsigned char)*at < ' ')
			*at = ' ';
	return *copy ? arena_printf(arena, " It says: \"%s\"", copy) : "";
}

static const struct meaning *meaning_find(const struct meaning *table, size_t count, const char *condition)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(table[i].condition, condition))
			return &table[i];
	return NULL;
}

static void explain(struct client_failure *failure, struct arena *arena, const struct meaning *meaning,
                    const char *unknown, const char *condition, const char *domain, const char *words)
{
	failure->what = meaning ? meaning->what : CLIENT_RETRY;
	failure->error = meaning ? meaning->error : S2_ERROR_NETWORK;
	failure->condition = arena_strdup(arena, condition);
	words = their_words(arena, words);
	const char *plain = meaning ? meaning->text : NULL;
	failure->text = plain ? arena_printf(arena, "%s%s", arena_printf(arena, plain, domain), words)
	                      : arena_printf(arena, unknown, domain, condition, words);
}

static const char *condition_of(const struct element *error, const char *ns)
{
	const struct element *child = element_child(error, NULL, ns);
	while (element_is(child, "text", ns))
		child = element_next(child, NULL, ns);
	return child ? child->name : "undefined-condition";
}

/* "host", "host:port", "[2001:db8::1]:port"; false if it is none of these. */
static bool read_host(struct client_failure *failure, struct arena *arena, const char *text)
{
	size_t len = text ? strlen(text) : 0;
	if (!len || len > 255 + 6 || strpbrk(text, " \t\r\n/@"))
		return false;
	const char *colon = strrchr(text, ':'), *bracket = strrchr(text, ']');
	bool has_port = colon && (bracket ? colon == bracket + 1 : strchr(text, ':') == colon);
	failure->port = DEFAULT_PORT;
	if (has_port) {
		unsigned long port = strtoul(colon + 1, NULL, 10);
		if (!port || port > UINT16_MAX)
			return false;
		failure->port = (uint16_t)port;
		len = (size_t)(colon - text);
	}
	if (bracket && text[0] == '[' && len > 2)
		failure->host = arena_strndup(arena, text + 1, len - 2);
	else
		failure->host = arena_strndup(arena, text, len);
	return *failure->host != '\0';
}

void failure_of_stream(struct client_failure *failure, struct arena *arena, const char *domain,
                       const struct element *error)
{
	const char *condition = condition_of(error, NS_STREAM_ERRORS);
	const struct meaning *meaning =
	    meaning_find(stream_meanings, sizeof stream_meanings / sizeof *stream_meanings, condition);
	explain(failure, arena, meaning, "%s ended the stream (%s).%s", condition, domain,
	        element_child_text(arena, error, "text", NS_STREAM_ERRORS));
	if (failure->what != CLIENT_REDIRECT ||
	    read_host(failure, arena, element_child_text(arena, error, condition, NS_STREAM_ERRORS)))
		return;
	failure->what = CLIENT_FATAL;
	failure->error = S2_ERROR_OTHER;
	failure->text = arena_printf(arena, "%s sends us to another host, and does not say to which.", domain);
}

void failure_of_sasl(struct client_failure *failure, struct arena *arena, const char *domain,
                     const struct element *error)
{
	const char *condition = condition_of(error, NS_SASL);
	const struct meaning *meaning =
	    meaning_find(sasl_meanings, sizeof sasl_meanings / sizeof *sasl_meanings, condition);
	explain(failure, arena, meaning, "%s refused the log-in (%s).%s", condition, domain,
	        element_child_text(arena, error, "text", NS_SASL));
	if (!meaning) {
		failure->what = CLIENT_FATAL;
		failure->error = S2_ERROR_AUTHENTICATION_FAILED;
	}
}

void failure_of_binding(struct client_failure *failure, struct arena *arena, const char *domain,
                        const struct element *iq)
{
	const char *words = NULL;
	enum s2_condition condition = stanza_error(arena, iq, &words);
	const char *plain = "%s gave us no session (%s).%s";
	explain(failure, arena, NULL, plain, condition_name(condition), domain, words);
	if (condition == S2_CONFLICT || condition == S2_NOT_ALLOWED) {
		failure->what = CLIENT_FATAL;
		failure->error = S2_ERROR_NAME_IN_USE;
		failure->text = arena_printf(arena, "%s does not allow one more session of this account.%s", domain,
		                             their_words(arena, words));
	}
}

void failure_of_parser(struct client_failure *failure, struct arena *arena, const char *domain, enum parser_error error)
{
	static const char *const texts[] = {
	    [PARSER_NOT_WELL_FORMED] = "%s sent what is no XML.",
	    [PARSER_RESTRICTED_XML] = "%s sent XML that has no place in XMPP.",
	    [PARSER_BAD_NAMESPACE] = "What answers for %s is no XMPP server.",
	    [PARSER_POLICY_VIOLATION] = "%s sent more in one piece than is taken here.",
	    [PARSER_UNSUPPORTED_ENCODING] = "%s sent text that is no UTF-8.",
	};
	*failure = (struct client_failure){
	    .what = CLIENT_RETRY,
	    .error = S2_ERROR_NETWORK,
	    .condition = "",
	    .text = arena_printf(arena, texts[error], domain),
	};
}

bool failure_is_ours(const struct client_failure *failure)
{
	const struct meaning *meaning =
	    meaning_find(stream_meanings, sizeof stream_meanings / sizeof *stream_meanings, failure->condition);
	return meaning && meaning->ours;
}
