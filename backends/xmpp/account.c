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

static void digest_of(const char *kind, const char *user, const char *gateway, unsigned char digest[EVP_MAX_MD_SIZE])
{
	struct str text = {0};
	str_addf(&text, "%s %s %s", kind, user, gateway);
	EVP_Digest(text.data, text.len, digest, NULL, EVP_sha256(), NULL);
	str_fini(&text);
}

const char *account_resource(struct arena *arena, const char *user, const char *gateway)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	struct str hex = {0};
	digest_of("resource", user, gateway, digest);
	hex_encode(&hex, digest, 4);
	const char *resource = arena_printf(arena, "spectrum2-%s", hex.data);
	str_fini(&hex);
	return resource;
}

const char *account_agent(struct arena *arena, const char *user, const char *gateway)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	struct str hex = {0};
	digest_of("agent", user, gateway, digest);
	digest[6] = (unsigned char)((digest[6] & 0x0f) | 0x80); /* version 8 and the variant of RFC 9562 */
	digest[8] = (unsigned char)((digest[8] & 0x3f) | 0x80);
	hex_encode(&hex, digest, 16);
	const char *agent = arena_printf(arena, "%.8s-%.4s-%.4s-%.4s-%.12s", hex.data, hex.data + 8, hex.data + 12,
	                                 hex.data + 16, hex.data + 20);
	str_fini(&hex);
	return agent;
}
