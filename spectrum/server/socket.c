/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A channel over a TCP connection, with or without TLS. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "lib/base/list.h"
#include "lib/base/mem.h"
#include "lib/io/conn.h"
#include "spectrum/server/channel.h"

struct socket {
	struct channel channel;
	struct conn *conn;
};

static struct socket *socket_of(const struct channel *channel)
{
	return LIST_ITEM(channel, struct socket, channel);
}

static void socket_send(struct channel *channel, const char *bytes, size_t len)
{
	conn_write(socket_of(channel)->conn, bytes, len);
}

static size_t socket_unsent(const struct channel *channel)
{
	return conn_unsent(socket_of(channel)->conn);
}

static void socket_secure(struct channel *channel, struct tls *tls)
{
	conn_accept_tls(socket_of(channel)->conn, tls);
}

static bool socket_is_secure(const struct channel *channel)
{
	return conn_is_secure(socket_of(channel)->conn);
}

static bool socket_export(const struct channel *channel, unsigned char *out)
{
	return conn_binding(socket_of(channel)->conn, out);
}

static const char *socket_peer(const struct channel *channel)
{
	return conn_peer(socket_of(channel)->conn);
}

static void socket_flush(struct channel *channel)
{
	conn_flush(socket_of(channel)->conn);
}

static void socket_finish(struct channel *channel)
{
	struct socket *socket = socket_of(channel);
	conn_finish(&socket->conn);
	free(socket);
}

static void socket_free(struct channel *channel)
{
	struct socket *socket = socket_of(channel);
	conn_free(&socket->conn);
	free(socket);
}

static const struct channel_verbs socket_verbs = {
    .send = socket_send,
    .unsent = socket_unsent,
    .secure = socket_secure,
    .is_secure = socket_is_secure,
    .export = socket_export,
    .peer = socket_peer,
    .flush = socket_flush,
    .finish = socket_finish,
    .free = socket_free,
};

static void on_input(void *arg, const char *bytes, size_t len)
{
	struct socket *socket = arg;
	socket->channel.events->input(socket->channel.arg, bytes, len);
}

static void on_secured(void *arg)
{
	struct socket *socket = arg;
	socket->channel.events->secured(socket->channel.arg);
}

static void on_drained(void *arg)
{
	struct socket *socket = arg;
	socket->channel.events->drained(socket->channel.arg);
}

static void on_closed(void *arg, const char *reason)
{
	struct socket *socket = arg;
	socket->channel.events->closed(socket->channel.arg, reason);
}

static const struct conn_events conn_table = {
    .input = on_input, .secured = on_secured, .drained = on_drained, .closed = on_closed};

/* A client that has vanished without a word shows by nothing but this: after ten quiet minutes the kernel asks for it,
 * and what was sent to it is not waited for longer than a minute and a half. */
static void watch_peer(int fd)
{
	static const struct {
		int level, option, value;
	} options[] = {
	    {SOL_SOCKET, SO_KEEPALIVE, 1}, {IPPROTO_TCP, TCP_KEEPIDLE, 600},       {IPPROTO_TCP, TCP_KEEPINTVL, 30},
	    {IPPROTO_TCP, TCP_KEEPCNT, 4}, {IPPROTO_TCP, TCP_USER_TIMEOUT, 90000},
	};
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		setsockopt(fd, options[i].level, options[i].option, &options[i].value, sizeof options[i].value);
}

struct channel *socket_channel_new(struct loop *loop, int fd, struct tls *tls)
{
	struct socket *socket = mem_new(sizeof *socket);
	socket->channel.verbs = &socket_verbs;
	watch_peer(fd);
	socket->conn = conn_adopt(loop, fd, &conn_table, socket);
	if (tls)
		conn_accept_tls(socket->conn, tls);
	return &socket->channel;
}
