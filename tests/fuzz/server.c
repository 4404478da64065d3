/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: one client's connection to server mode, with the whole main process behind it but for backends. The
 * input is a text: a line that begins with '!' is something that happens (see act), any other line comes from the
 * client; in place of $ stands a newline. The administrator's log-in works, as it needs no network; romeo@a.test has keys,
 * so he may try SCRAM, as if for the first time with each input. The server must offer no log-in and take none on a
 * connection without TLS, must write nothing but text fit for XML, and must let go of everything when the connection
 * ends. */
#include "lib/base/utf8.h"
#include "program.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct connection {
	struct channel channel;
	bool secure, handshake, freed, logged_in;
	size_t unsent;
} * connection;

/* ---- The connection ---- */

static void fake_send(struct channel *channel, const char *bytes, size_t len)
{
	demand(!connection->freed && utf8_xml_valid(bytes, len));
	demand(connection->secure || !memmem(bytes, len, "<mechanism>", 11));
	demand(connection->secure || !memmem(bytes, len, "<success", 8));
	connection->unsent += len;
}

static size_t fake_unsent(const struct channel *channel)
{
	return connection->unsent;
}

static void fake_secure(struct channel *channel, struct tls *tls)
{
	demand(tls && !connection->secure && !connection->handshake);
	connection->handshake = true;
}

static bool fake_is_secure(const struct channel *channel)
{
	return connection->secure;
}

static bool fake_export(const struct channel *channel, unsigned char out[32])
{
	if (out)
		memset(out, 'x', 32);
	return connection->secure;
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
	demand(!connection->freed);
	connection->freed = true;
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

static void close_connection(void)
{
	if (!connection->freed)
		connection->channel.events->closed(connection->channel.arg, "closed");
	demand(connection->freed);
}

static void begin(bool framed, bool secure)
{
	close_connection();
	memset(connection, 0, sizeof *connection);
	connection->channel.verbs = &fake_verbs;
	connection->channel.framed = framed;
	connection->secure = secure;
	stream_new(program.server, &connection->channel);
}

static void act(const char *what)
{
	switch (*what) {
	case 's': /* a connection with STARTTLS */
		begin(false, false);
		break;
	case 'd': /* with TLS from the beginning */
		begin(false, true);
		break;
	case 'w': /* a WebSocket */
		begin(true, true);
		break;
	case 'h': /* the handshake is done */
		if (!connection->handshake || connection->freed)
			break;
		connection->handshake = false;
		connection->secure = true;
		connection->channel.events->secured(connection->channel.arg);
		break;
	case 'r': /* the client reads */
		connection->unsent = 0;
		break;
	case 't':
		turn();
		break;
	case 'c':
		close_connection();
		break;
	}
}

static void feed(char *line)
{
	size_t len = strlen(line);
	if (connection->freed || connection->handshake)
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

/* ---- */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *error;
	program_directory("server");
	char *path = mem_printf("%s/server.pem", program.directory);
	demand(tls_write_self_signed(path, "a.test", &error));
	free(path);
	program_start("require_tls=1\nstore_passwords=romeo\ncert=%s/server.pem\n");
	connection = mem_new(sizeof *connection);
	connection->freed = true;
	keyring_learn(program.server->keyring, "romeo@a.test", "p");
	while (!keyring_find(program.server->keyring, "romeo@a.test"))
		turn();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = mem_strndup((const char *)data, size), *rest = text;
	attempts_free(&program.server->attempts);
	program.server->attempts = attempts_new();
	begin(false, false);
	while (rest) {
		char *line = strsep(&rest, "\n");
		if (*line == '!')
			act(line + 1);
		else
			feed(line);
	}
	turn();
	close_connection();
	turn();
	demand(!program.server->stranger_count && list_empty(&program.server->strangers) &&
	       list_empty(&program.server->bound));
	while (!list_empty(&program.server->sleeping))
		session_end(LIST_ITEM(program.server->sleeping.next, struct session, sm.sleeping));
	demand(!program.server->accounts.count);
	free(text);
	return 0;
}
