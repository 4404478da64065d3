/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: the connection of a component of somebody else's to server mode, with the whole main process behind it
 * but for backends, and a client of the server's beside it. The input is a text: a line that begins with '!' is
 * something that happens (see act), one with '>' comes from the client, any other one from the component; in place of $
 * stands a newline. Nothing of the component may count before it has proved its secret, nobody may be told a stanza
 * that is not from its domain, and nothing may be written but text fit for XML. */
#include <openssl/evp.h>

#include "lib/base/encode.h"
#include "lib/base/utf8.h"
#include "program.h"

#define SECRET "s3cret"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

struct connection {
	struct channel channel;
	bool freed, proved;
	char id[64]; /* of the stream, as the component has read it */
	size_t unsent;
};

static struct connection *component, *client;

/* ---- The connections ---- */

static struct connection *connection_of(const struct channel *channel)
{
	return LIST_ITEM(channel, struct connection, channel);
}

static void note_id(struct connection *connection, const char *bytes, size_t len)
{
	const char *id = memmem(bytes, len, " id='", 5);
	size_t id_len = id ? strcspn(id + 5, "'") : 0;
	if (!memmem(bytes, len, "<stream:stream", 14) || !id || id_len >= sizeof connection->id)
		return;
	memcpy(connection->id, id + 5, id_len);
	connection->id[id_len] = '\0';
}

static void fake_send(struct channel *channel, const char *bytes, size_t len)
{
	struct connection *connection = connection_of(channel);
	demand(!connection->freed && utf8_xml_valid(bytes, len) && !memmem(bytes, len, SECRET, strlen(SECRET)));
	if (connection == component) {
		note_id(connection, bytes, len);
		demand(connection->proved || memmem(bytes, len, "stream:", 7));
	}
	connection->unsent += len;
}

static size_t fake_unsent(const struct channel *channel)
{
	return connection_of(channel)->unsent;
}

static void fake_secure(struct channel *channel, struct tls *tls)
{
	demand(false);
}

static bool fake_is_secure(const struct channel *channel)
{
	return true;
}

static bool fake_export(const struct channel *channel, unsigned char out[32])
{
	return false;
}

static const char *fake_peer(const struct channel *channel)
{
	return "192.0.2.1:1";
}

static void fake_flush(struct channel *channel)
{
}

static void fake_free(struct channel *channel)
{
	demand(!connection_of(channel)->freed);
	connection_of(channel)->freed = true;
}

static const struct channel_verbs fake_verbs = {
    .send = fake_send,
    .unsent = fake_unsent,
    .secure = fake_secure,
    .is_secure = fake_is_secure,
    .export = fake_export,
    .peer = fake_peer,
    .flush = fake_flush,
    .finish = fake_free,
    .free = fake_free,
};

/* ---- What happens ---- */

static void close_connection(struct connection *connection)
{
	if (!connection->freed)
		connection->channel.events->closed(connection->channel.arg, "closed");
	demand(connection->freed);
}

static void begin(struct connection *connection)
{
	close_connection(connection);
	memset(connection, 0, sizeof *connection);
	connection->channel.verbs = &fake_verbs;
	if (connection == component)
		guest_stream_new(program.server, &connection->channel);
	else
		stream_new(program.server, &connection->channel);
}

static void feed(struct connection *connection, char *line)
{
	size_t len = strlen(line);
	if (connection->freed)
		return;
	for (char *at = line; *at; at++) {
		if (*at == '$')
			*at = '\n';
	}
	/* In memory of its own, so that reading past its end shows. */
	char *copy = malloc(len + 1);
	memcpy(copy, line, len);
	connection->channel.events->input(connection->channel.arg, copy, len);
	free(copy);
}

/* What only who knows the secret can say. */
static void prove(void)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	struct str line = {0};
	char *text = mem_printf("%s" SECRET, component->id);
	EVP_Digest(text, strlen(text), digest, &len, EVP_sha1(), NULL);
	str_adds(&line, "<handshake>");
	hex_encode(&line, digest, len);
	str_adds(&line, "</handshake>");
	component->proved = *component->id;
	feed(component, line.data);
	str_fini(&line);
	free(text);
}

static void act(const char *what)
{
	switch (*what) {
	case 'g': /* the component connects anew */
		begin(component);
		break;
	case 'h':
		prove();
		break;
	case 'u': /* the client does */
		begin(client);
		break;
	case 'r': /* both read */
		component->unsent = client->unsent = 0;
		break;
	case 't':
		turn();
		break;
	case 'c':
		close_connection(component);
		break;
	case 'x':
		close_connection(client);
		break;
	case 'l': /* the configuration is read again */
		guests_load(program.server);
		break;
	case 'd': /* much later */
		guests_due(program.server, loop_now(program.loop) + 100000);
		break;
	}
}

/* ---- */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	program_directory("guest");
	program_start("component_port=#\n[components]\ng.test=" SECRET "\nh.test=" SECRET "\n");
	component = mem_new(sizeof *component);
	client = mem_new(sizeof *client);
	component->freed = client->freed = true;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = mem_strndup((const char *)data, size), *rest = text;
	begin(component);
	begin(client);
	while (rest) {
		char *line = strsep(&rest, "\n");
		if (*line == '!')
			act(line + 1);
		else if (*line == '>')
			feed(client, line + 1);
		else
			feed(component, line);
	}
	turn();
	close_connection(component);
	close_connection(client);
	turn();
	demand(!program.server->guest_strangers && list_empty(&program.server->guest_streams));
	MAP_EACH (&program.server->guests, struct guest, guest)
		demand(!guest->stream);
	while (!list_empty(&program.server->sleeping))
		session_end(LIST_ITEM(program.server->sleeping.next, struct session, sm.sleeping));
	demand(!program.server->accounts.count);
	free(text);
	return 0;
}
