/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One connection: a socket on uv_poll, read into the loop's shared buffer, written once per turn. `output` always holds
 * bytes of the wire; with TLS the owner writes into the TLS stream's plain buffer instead, which is encrypted at the
 * flush. Memory of a freed connection lives until libuv has let go of the handle, so callbacks may free. */
#include "lib/io/conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/io/dial.h"
#include "lib/io/loop_state.h"
#include "lib/io/tls_stream.h"

enum {
	FINISH_MS = 2000,
	/* What was sent of a large buffer is cut off its front from this size on, and when it is half of the buffer. */
	COMPACT_BYTES = 64 * 1024,
};

struct conn {
	uv_poll_t poll; /* first: freed through it */
	struct loop *loop;
	const struct conn_events *events;
	void *arg;
	struct dial *dial; /* NULL unless connecting */
	struct tls_stream *tls;
	struct str output; /* bytes of the wire */
	size_t sent;       /* of them */
	struct str held;   /* bytes of the wire that came before a pause and are not decrypted yet */
	struct flusher flusher;
	struct deferred later; /* catching up after a pause, or releasing the memory */
	struct timer *limit;   /* conn_finish */
	char *peer;
	const char *alpn;
	int fd;
	int write_error;
	int watched; /* uv_poll events */
	enum conn_fault fault;
	bool watchable; /* `poll` is initialised */
	bool paused;
	bool behind;  /* the TLS stream may have more to give without new bytes */
	bool blocked; /* the kernel takes no more */
	bool hung;    /* libuv stopped watching after POLLERR: read what is left */
	bool full;
	bool ended; /* nothing is read, written or told any more */
	bool freed;
	bool wants_tls;
	bool finishing, farewell, shut; /* conn_finish: begun, TLS goodbye written, socket shut down for writing */
};

static const struct conn_events nobody;

/* ---- Ending ---- */

static void poll_closed(uv_handle_t *handle)
{
	free(handle);
}

static void conn_watch(struct conn *conn);

void conn_free(struct conn **at)
{
	struct conn *conn = *at;
	if (!conn)
		return;
	*at = NULL;
	conn->freed = conn->ended = true;
	conn->events = &nobody;
	loop_flush_cancel(&conn->flusher);
	loop_defer_cancel(&conn->later);
	dial_free(&conn->dial);
	tls_stream_free(&conn->tls);
	timer_free(&conn->limit);
	str_fini(&conn->output);
	str_fini(&conn->held);
	free(conn->peer);
	conn->peer = NULL;
	/* Callers further up the stack still look at `freed`. */
	if (conn->watchable)
		uv_close((uv_handle_t *)&conn->poll, poll_closed);
	else
		loop_defer(conn->loop, &conn->later, free, conn);
	if (conn->fd >= 0)
		close(conn->fd);
}

static void conn_end(struct conn *conn, enum conn_fault fault, const char *reason)
{
	if (conn->ended)
		return;
	/* The text may belong to something that the owner frees in `closed`. */
	char text[512];
	snprintf(text, sizeof text, "%s", reason);
	conn->ended = true;
	conn->fault = fault;
	conn_watch(conn);
	if (conn->finishing)
		conn_free(&(struct conn *){conn});
	else if (conn->events->closed)
		conn->events->closed(conn->arg, text);
}

static void conn_lost(struct conn *conn, int error)
{
	if (conn->write_error)
		error = conn->write_error;
	conn_end(conn, CONN_FAULT_LOST, error ? strerror(error) : "closed by the peer");
}

/* ---- Writing ---- */

/* An emptied buffer is lent to whoever writes next: idle connections hold none, busy ones need no new memory. */
static void buffer_recycle(struct loop *loop, struct str *buffer)
{
	if (buffer->cap > loop->spare.cap && buffer->cap <= LOOP_SPARE_BYTES) {
		str_fini(&loop->spare);
		loop->spare = *buffer;
		loop->spare.len = 0;
		*buffer = (struct str){0};
	}
	str_fini(buffer);
}

static struct str *buffer_lend(struct loop *loop, struct str *buffer)
{
	if (!buffer->data && loop->spare.data) {
		*buffer = loop->spare;
		loop->spare = (struct str){0};
	}
	return buffer;
}

static void conn_drop_output(struct conn *conn)
{
	conn->sent = 0;
	buffer_recycle(conn->loop, &conn->output);
}

static void conn_send(struct conn *conn)
{
	size_t left = conn->output.len - conn->sent;
	if (!left || conn->blocked || conn->ended || conn->fd < 0)
		return;
	ssize_t written = -1;
	if (!conn->write_error) {
		do
			written = write(conn->fd, conn->output.data + conn->sent, left);
		while (written < 0 && errno == EINTR);
		if (written < 0 && errno != EAGAIN) {
			conn->write_error = errno;
			/* What the peer sent before is still read; then its end is seen, and told with this error. */
			shutdown(conn->fd, SHUT_RDWR);
		}
	}
	if (conn->write_error || written == (ssize_t)left) {
		conn_drop_output(conn);
		return;
	}
	conn->blocked = true;
	conn->sent += written > 0 ? (size_t)written : 0;
	/* Each byte is moved at most once on average. */
	if (conn->sent >= COMPACT_BYTES && conn->sent >= conn->output.len / 2) {
		str_consume(&conn->output, conn->sent);
		conn->sent = 0;
	}
}

static void conn_write_out(struct conn *conn)
{
	if (conn->ended) {
		conn_drop_output(conn);
		if (conn->tls)
			str_fini(tls_stream_plain(conn->tls));
		return;
	}
	if (conn->tls) {
		struct str *plain = tls_stream_plain(conn->tls);
		tls_stream_write(conn->tls);
		if (!plain->len)
			buffer_recycle(conn->loop, plain);
	}
	conn_send(conn);
	conn_watch(conn);
}

void conn_flush(struct conn *conn)
{
	/* The loop may not run any more to tell that there is room again. */
	conn->blocked = false;
	conn_write_out(conn);
}

/* conn_finish goes on: goodbye, then our half of the socket is closed, then the peer's end is awaited. Closing at once
 * would let the kernel answer late input with a reset, which can destroy what the peer has not read yet. */
static void conn_finish_step(struct conn *conn)
{
	if (conn->tls && !conn->farewell) {
		if (!tls_stream_is_secure(conn->tls))
			return;
		tls_stream_close(conn->tls);
		conn->farewell = true;
		conn_send(conn);
		conn_watch(conn);
	}
	if (conn->shut || conn->output.len || conn->fd < 0)
		return;
	shutdown(conn->fd, SHUT_WR);
	conn->shut = true;
}

static void conn_flush_turn(void *arg)
{
	struct conn *conn = arg;
	conn_write_out(conn);
	if (conn->ended)
		return;
	if (conn->finishing)
		conn_finish_step(conn);
	size_t unsent = conn_unsent(conn);
	if (unsent > CONN_HIGH_WATER)
		conn->full = true;
	if (conn->full && unsent <= CONN_LOW_WATER) {
		conn->full = false;
		if (conn->events->drained)
			conn->events->drained(conn->arg);
	}
}

struct str *conn_output(struct conn *conn)
{
	loop_flush_later(conn->loop, &conn->flusher);
	return buffer_lend(conn->loop, conn->tls ? tls_stream_plain(conn->tls) : &conn->output);
}

void conn_write(struct conn *conn, const void *bytes, size_t len)
{
	str_add(conn_output(conn), bytes, len);
}

size_t conn_unsent(const struct conn *conn)
{
	return conn->output.len - conn->sent + (conn->tls ? tls_stream_plain(conn->tls)->len : 0);
}

/* ---- Reading ---- */

static void conn_hold(struct conn *conn)
{
	const char *bytes;
	size_t len = tls_stream_unread(conn->tls, &bytes);
	conn->behind = true;
	if (len)
		str_add(&conn->held, bytes, len);
	tls_stream_feed(conn->tls, NULL, 0);
}

static void conn_decrypt(struct conn *conn, const char *bytes, size_t len)
{
	char *plain = conn->loop->read_buffer + LOOP_READ_BYTES / 2;
	tls_stream_feed(conn->tls, bytes, len);
	for (;;) {
		if (conn->paused) {
			conn_hold(conn);
			return;
		}
		size_t got = 0;
		enum tls_stream_step step = tls_stream_read(conn->tls, plain, LOOP_READ_BYTES / 2, &got);
		if (conn->output.len || tls_stream_plain(conn->tls)->len)
			loop_flush_later(conn->loop, &conn->flusher);
		if (got && conn->events->input)
			conn->events->input(conn->arg, plain, got);
		if (conn->ended)
			return;
		switch (step) {
		case TLS_STREAM_HUNGRY:
			conn->behind = false;
			return;
		case TLS_STREAM_SECURED:
			if (conn->events->secured)
				conn->events->secured(conn->arg);
			if (conn->ended)
				return;
			break;
		case TLS_STREAM_FULL:
			break;
		case TLS_STREAM_CLOSED:
			conn_lost(conn, 0);
			return;
		case TLS_STREAM_FAILED:
			conn_send(conn); /* the alert */
			conn_end(conn, tls_stream_fault(conn->tls), tls_stream_reason(conn->tls));
			return;
		}
	}
}

static void conn_take(struct conn *conn, const char *bytes, size_t len)
{
	if (conn->farewell || (conn->finishing && !conn->tls))
		return;
	if (conn->tls)
		conn_decrypt(conn, bytes, len);
	else if (conn->events->input)
		conn->events->input(conn->arg, bytes, len);
}

/* One read; false when there is nothing. */
static bool conn_read(struct conn *conn)
{
	char *buffer = conn->loop->read_buffer;
	ssize_t got = read(conn->fd, buffer, conn->tls ? LOOP_READ_BYTES / 2 : LOOP_READ_BYTES);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (got > 0)
		conn_take(conn, buffer, (size_t)got);
	else
		conn_lost(conn, got < 0 ? errno : 0);
	return true;
}

static void conn_read_rest(struct conn *conn)
{
	while (conn->hung && !conn->paused && !conn->ended)
		if (!conn_read(conn))
			conn->hung = false;
}

static void conn_ready(uv_poll_t *poll, int status, int events)
{
	struct conn *conn = (struct conn *)poll;
	if (status < 0) {
		conn->hung = true;
		conn->watched = 0;
		conn->blocked = false;
	}
	if (events & UV_WRITABLE) {
		conn->blocked = false;
		conn_flush_turn(conn);
	}
	if ((events & UV_READABLE) && !conn->paused && !conn->ended)
		conn_read(conn);
	conn_read_rest(conn);
	conn_watch(conn);
}

static void conn_watch(struct conn *conn)
{
	if (!conn->watchable || conn->freed)
		return;
	int wanted = 0;
	if (!conn->ended && !conn->hung)
		wanted = (conn->paused ? 0 : UV_READABLE) | (conn->blocked ? UV_WRITABLE : 0);
	if (wanted == conn->watched)
		return;
	conn->watched = wanted;
	if (wanted)
		uv_poll_start(&conn->poll, wanted, conn_ready);
	else
		uv_poll_stop(&conn->poll);
}

static void conn_catch_up(void *arg)
{
	struct conn *conn = arg;
	if (conn->paused || conn->ended)
		return;
	if (conn->behind) {
		struct str held = conn->held;
		conn->held = (struct str){0};
		conn_decrypt(conn, str_text(&held), held.len);
		str_fini(&held);
	}
	conn_read_rest(conn);
	conn_watch(conn);
}

void conn_pause(struct conn *conn)
{
	conn->paused = true;
	conn_watch(conn);
}

void conn_resume(struct conn *conn)
{
	conn->paused = false;
	/* What TLS still holds comes before anything new. */
	if (conn->behind || conn->hung)
		loop_defer(conn->loop, &conn->later, conn_catch_up, conn);
	else
		conn_watch(conn);
}

/* ---- Beginning ---- */

static struct conn *conn_alloc(struct loop *loop, const struct conn_events *events, void *arg)
{
	struct conn *conn = mem_new(sizeof *conn);
	conn->loop = loop;
	conn->events = events;
	conn->arg = arg;
	conn->fd = -1;
	conn->flusher.flush = conn_flush_turn;
	conn->flusher.arg = conn;
	return conn;
}

static int conn_open(struct conn *conn, int fd)
{
	int one = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* Unix sockets have no such option */
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	conn->fd = fd;
	int failed = uv_poll_init(&conn->loop->uv, &conn->poll, fd);
	if (failed)
		return -failed;
	conn->watchable = true;
	conn_watch(conn);
	return 0;
}

static void adoption_failed(void *arg)
{
	conn_lost(arg, 0);
}

struct conn *conn_adopt(struct loop *loop, int fd, const struct conn_events *events, void *arg)
{
	struct conn *conn = conn_alloc(loop, events, arg);
	conn->write_error = conn_open(conn, fd);
	if (conn->write_error)
		loop_defer(loop, &conn->later, adoption_failed, conn);
	return conn;
}

static void conn_resolved(void *arg)
{
	struct conn *conn = arg;
	if (conn->events->resolved)
		conn->events->resolved(conn->arg);
}

static void conn_dialled(void *arg, int fd, const char *reason)
{
	struct conn *conn = arg;
	if (fd < 0) {
		conn_end(conn, CONN_FAULT_UNREACHABLE, reason);
		return;
	}
	conn->wants_tls = dial_wants_tls(conn->dial);
	dial_free(&conn->dial);
	int error = conn_open(conn, fd);
	if (error) {
		conn_lost(conn, error);
		return;
	}
	loop_flush_later(conn->loop, &conn->flusher);
	if (conn->events->connected)
		conn->events->connected(conn->arg);
}

static const struct dial_events dial_events = {.resolved = conn_resolved, .done = conn_dialled};

struct conn *conn_connect(struct loop *loop, const char *host, uint16_t port, uint64_t timeout_ms, const char *source,
                          const struct conn_events *events, void *arg)
{
	struct conn *conn = conn_alloc(loop, events, arg);
	conn->dial = dial_new(loop, host, port, timeout_ms, source, &dial_events, conn);
	return conn;
}

struct conn *conn_connect_service(struct loop *loop, const struct conn_service *service, uint64_t timeout_ms,
                                  const char *source, const struct conn_events *events, void *arg)
{
	struct conn *conn = conn_alloc(loop, events, arg);
	conn->dial = dial_new_service(loop, service, timeout_ms, source, &dial_events, conn);
	return conn;
}

bool conn_wants_tls(const struct conn *conn)
{
	return conn->wants_tls;
}

void conn_set_alpn(struct conn *conn, const char *protocol)
{
	conn->alpn = protocol;
}

void conn_start_tls(struct conn *conn, struct tls *tls, const char *name)
{
	if (conn->ended || conn->tls)
		return;
	conn->tls = tls_stream_new(tls, name, conn->alpn, &conn->output);
	conn->behind = true;
	loop_defer(conn->loop, &conn->later, conn_catch_up, conn);
}

void conn_accept_tls(struct conn *conn, struct tls *tls)
{
	conn_start_tls(conn, tls, NULL);
}

/* ---- Finishing ---- */

static void finish_timed_out(void *arg)
{
	struct conn *conn = arg;
	conn_free(&conn);
}

void conn_finish(struct conn **at)
{
	struct conn *conn = *at;
	if (!conn)
		return;
	if (conn->ended || (conn->dial && !conn_unsent(conn))) {
		conn_free(at);
		return;
	}
	*at = NULL;
	conn->finishing = true;
	conn->events = &nobody;
	conn->limit = timer_new(conn->loop, finish_timed_out, conn);
	timer_start(conn->limit, FINISH_MS, 0);
	loop_flush_later(conn->loop, &conn->flusher);
	conn_resume(conn);
}

/* ---- Facts ---- */

bool conn_binding(const struct conn *conn, unsigned char *out)
{
	return conn_is_secure(conn) && tls_stream_binding(conn->tls, out);
}

bool conn_is_secure(const struct conn *conn)
{
	return conn->tls && tls_stream_is_secure(conn->tls);
}

const char *conn_tls_description(const struct conn *conn)
{
	return conn_is_secure(conn) ? tls_stream_description(conn->tls) : NULL;
}

const char *conn_peer(const struct conn *conn)
{
	struct sockaddr_storage address = {0};
	socklen_t len = sizeof address;
	char text[INET6_ADDRSTRLEN] = "";
	if (conn->peer)
		return conn->peer;
	if (conn->fd < 0 || getpeername(conn->fd, (struct sockaddr *)&address, &len) < 0)
		return "";
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address;
	char *peer = NULL;
	if (address.ss_family == AF_INET)
		peer = mem_printf("%s:%u", inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text), ntohs(v4->sin_port));
	else if (address.ss_family == AF_INET6)
		peer =
		    mem_printf("[%s]:%u", inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text), ntohs(v6->sin6_port));
	else
		peer = mem_strdup("");
	/* Asked once and kept: a cache, not a change. */
	((struct conn *)conn)->peer = peer;
	return peer;
}

int conn_fd(const struct conn *conn)
{
	return conn->fd;
}

enum conn_fault conn_fault(const struct conn *conn)
{
	return conn->fault;
}
