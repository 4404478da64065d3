/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the bytes of one stream go to and fro: over a socket (socket.c), or as messages of a WebSocket (websocket.c). */
#ifndef SPECTRUM_SERVER_CHANNEL_H
#define SPECTRUM_SERVER_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/io/loop.h"
#include "lib/io/tls.h"

struct channel;

/* channel_free is allowed inside of each. */
struct channel_events {
	/* Bytes as they come; of a framed channel exactly one message. */
	void (*input)(void *arg, const char *bytes, size_t len);
	/* The TLS handshake is done. */
	void (*secured)(void *arg);
	/* Much had been unsent, now it is little. */
	void (*drained)(void *arg);
	/* The peer is gone; nothing follows. Still to be freed. */
	void (*closed)(void *arg, const char *reason);
};

struct channel_verbs {
	void (*send)(struct channel *, const char *bytes, size_t len);
	size_t (*unsent)(const struct channel *);
	void (*secure)(struct channel *, struct tls *);
	bool (*is_secure)(const struct channel *);
	bool (*export)(const struct channel *, unsigned char *out);
	const char *(*peer)(const struct channel *);
	void (*flush)(struct channel *);
	void (*finish)(struct channel *);
	void (*free)(struct channel *);
};

struct channel {
	const struct channel_verbs *verbs;
	const struct channel_events *events; /* set by who has taken it over, with arg */
	void *arg;
	bool framed; /* each send is a message, and there is no stream around them */
};

/* Of a framed channel: one whole message. */
static inline void channel_send(struct channel *channel, const char *bytes, size_t len)
{
	channel->verbs->send(channel, bytes, len);
}

/* Bytes that the kernel has not taken. */
static inline size_t channel_unsent(const struct channel *channel)
{
	return channel->verbs->unsent(channel);
}

/* Begins TLS as server; only where there is none yet. */
static inline void channel_secure(struct channel *channel, struct tls *tls)
{
	channel->verbs->secure(channel, tls);
}

static inline bool channel_is_secure(const struct channel *channel)
{
	return channel->verbs->is_secure(channel);
}

/* See conn_binding. */
static inline bool channel_export(const struct channel *channel, unsigned char *out)
{
	return channel->verbs->export(channel, out);
}

/* "127.0.0.1:40000". Borrowed. */
static inline const char *channel_peer(const struct channel *channel)
{
	return channel->verbs->peer(channel);
}

/* Writes what can be written at once: before the process ends. */
static inline void channel_flush(struct channel *channel)
{
	channel->verbs->flush(channel);
}

/* Sends what is buffered, then closes; nothing more is told. */
static inline void channel_finish(struct channel **channel)
{
	if (*channel)
		(*channel)->verbs->finish(*channel);
	*channel = NULL;
}

/* Drops it. */
static inline void channel_free(struct channel **channel)
{
	if (*channel)
		(*channel)->verbs->free(*channel);
	*channel = NULL;
}

/* socket.c: takes over an accepted socket. With `tls`, TLS begins at once (XEP-0368). */
struct channel *socket_channel_new(struct loop *, int fd, struct tls *tls);

#endif
