/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/xmpp/account.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/encode.h"
#include "lib/base/str.h"
#include "lib/xmpp/jid.h"

#define PORT 5222

/* Google's service, which spoke XMPP: old configurations still name it. */
static bool is_google(const char *domain)
{
	static const char *const names[] = {"gmail.com", "googlemail.com", "gtalk.com", "talk.google.com"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(names[i], domain))
			return true;
	return false;
}

static bool read_server(struct account *account, struct arena *arena, const char *server)
{
	const char *colon = strrchr(server, ':'), *bracket = strrchr(server, ']');
	size_t len = strlen(server);
	bool has_port = colon && (bracket ? colon == bracket + 1 : strchr(server, ':') == colon);
	account->port = PORT;
	if (has_port) {
		char *end;
		unsigned long port = strtoul(colon + 1, &end, 10);
		if (*end || !port || port > UINT16_MAX)
			return false;
		account->port = (uint16_t)port;
		len = (size_t)(colon - server);
	}
	bool in_brackets = bracket && *server == '[' && len > 2;
	account->host = arena_strndup(arena, server + in_brackets, len - 2 * in_brackets);
	return *account->host != '\0';
}

bool account_parse(struct account *account, struct arena *arena, const char *name, const char *server, const char **why)
{
	struct jid jid;
	*account = (struct account){0};
	if (!jid_parse(arena, name, &jid) || !*jid.node) {
		*why = "The name of an XMPP account is like name@example.org.";
		return false;
	}
	if (is_google(jid.domain) || (server && is_google(server))) {
		*why = "Google has ended Google Talk, its XMPP service: accounts there can't be used with XMPP any "
		       "more. An "
		       "account on any other XMPP server can.";
		return false;
	}
	account->node = jid.node;
	account->domain = jid.domain;
	account->bare = jid.bare;
	account->resource = text_or_null(jid.resource);
	account->ascii = jid_ascii_domain(arena, jid.domain);
	if (!account->ascii) {
		*why = "The domain of the account can't be looked up.";
		return false;
	}
	if (!text_empty(server) && !read_server(account, arena, server)) {
		*why = "The gateway's configuration is wrong: xmpp.server is no host or host:port.";
		return false;
	}
	return true;
}

const char *account_resource(struct arena *arena, const char *user, const char *gateway)
{
	struct str text = {0}, hex = {0};
	unsigned char digest[EVP_MAX_MD_SIZE];
	str_addf(&text, "%s %s", user, gateway);
	EVP_Digest(text.data, text.len, digest, NULL, EVP_sha256(), NULL);
	hex_encode(&hex, digest, 4);
	const char *resource = arena_printf(arena, "spectrum2-%s", hex.data);
	str_fini(&text);
	str_fini(&hex);
	return resource;
}
