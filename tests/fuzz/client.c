/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: a client's stream with a hostile server, over several connections. A NUL in the input, and the byte
 * behind it, is something that happens on our side (see act); all else comes from the server. Each token has to end
 * exactly once, and the password never goes out in the clear. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/base/utf8.h"
#include "lib/xmpp/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MOST_TOKENS 200

static struct {
	struct client *client;
	bool secure, wants_tls, wants_key, failed;
	struct sasl_key key;
	char tokens[MOST_TOKENS]; /* 0 = waits, 1 = ended */
	size_t token_count;
} bench;

static void demand(bool truth)
{
	if (!truth)
		abort();
}

static void on_output(void *arg, const char *bytes, size_t len)
{
	demand(bench.secure || !memmem(bytes, len, "AGFsAHNlc2FtZQ", 14));
	demand(!memmem(bytes, len, "sesame", 6));
	demand(utf8_xml_valid(bytes, len));
}

static void on_start_tls(void *arg)
{
	demand(!bench.secure);
	bench.wants_tls = true;
}

static void on_derive(void *arg, const struct sasl_key *wanted)
{
	demand(wanted->salt_len && wanted->salt_len <= SASL_SALT_BYTES && wanted->iterations);
	bench.key = *wanted;
	bench.wants_key = true;
}

static void on_bound(void *arg, bool resumed)
{
	demand(client_is_up(bench.client) && *client_jid(bench.client));
}

static void on_stanza(void *arg, struct arena *arena, const struct element *stanza)
{
	demand(element_count(stanza) > 0);
	struct writer *writer = client_stanza(bench.client, "iq");
	xml_attr(writer, "to", element_get(stanza, "from"));
	xml_attr(writer, "id", element_get(stanza, "id"));
	client_send(bench.client, NULL);
}

static void end_token(void *arg, void *token)
{
	char *state = token;
	demand(!*state);
	*state = 1;
}

static void on_failed(void *arg, const struct client_failure *failure)
{
	demand(!bench.failed && failure->text && failure->condition);
	demand(utf8_xml_valid(failure->text, strlen(failure->text)));
	demand(failure->what != CLIENT_REDIRECT || (failure->host && *failure->host && failure->port));
	bench.failed = true;
}

static const struct client_events events = {
    .output = on_output,
    .start_tls = on_start_tls,
    .derive = on_derive,
    .bound = on_bound,
    .stanza = on_stanza,
    .acked = end_token,
    .dropped = end_token,
    .failed = on_failed,
};

static void begin(bool secure)
{
	static const unsigned char binding[SASL_BINDING_BYTES];
	client_lost(bench.client);
	bench.secure = secure;
	bench.wants_tls = bench.wants_key = bench.failed = false;
	client_begin(bench.client, secure, secure ? binding : NULL);
}

static void send_token(void)
{
	if (bench.token_count == MOST_TOKENS)
		return;
	struct writer *writer = client_stanza(bench.client, "message");
	xml_leaf(writer, "body", NULL, "words");
	if (client_send(bench.client, &bench.tokens[bench.token_count]))
		bench.token_count++;
}

static void act(uint8_t what)
{
	switch (what % 8) {
	case 0:
		begin(true);
		break;
	case 1:
		begin(false);
		break;
	case 2:
		if (bench.wants_tls) {
			bench.wants_tls = false;
			bench.secure = true;
			client_secured(bench.client, NULL);
		}
		break;
	case 3:
		if (bench.wants_key) {
			bench.wants_key = false;
			memset(bench.key.key, 'k', sizeof bench.key.key);
			client_derived(bench.client, &bench.key);
		}
		break;
	case 4:
		send_token();
		break;
	case 5:
		client_flush(bench.client);
		break;
	case 6:
		client_end(bench.client);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	memset(&bench, 0, sizeof bench);
	bench.client = client_new(&(struct client_options){.node = "al",
	                                                   .domain = "b.test",
	                                                   .password = "sesame",
	                                                   .agent = size % 3 ? "agent" : NULL,
	                                                   .stanza_bytes = 4096,
	                                                   .queue_bytes = 2048,
	                                                   .require_tls = size % 2},
	                          &events, NULL);
	begin(size && data[0] % 2);
	while (size) {
		const uint8_t *end = memchr(data, '\0', size);
		size_t len = end ? (size_t)(end - data) : size;
		client_input(bench.client, (const char *)data, len);
		data += len;
		size -= len;
		if (size >= 2)
			act(data[1]);
		data += size >= 2 ? 2 : size;
		size -= size >= 2 ? 2 : size;
	}
	client_free(&bench.client);
	for (size_t i = 0; i < bench.token_count; i++)
		demand(bench.tokens[i] == 1);
	return 0;
}
