/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RFC 8305 in its simplest form: the addresses of both families in turn, the next one begins when the one before failed
 * or has been silent for 250 ms, and the first socket that connects wins. */
#include "lib/io/dial.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/io/loop_state.h"
#include "lib/io/resolve.h"

enum { NEXT_ADDRESS_MS = 250 };

struct attempt {
	uv_poll_t poll; /* first: freed through it */
	struct list node;
	struct dial *dial;
	int fd;
};

struct dial {
	struct loop *loop;
	struct dial_events events;
	void *arg;
	char *host;
	uint64_t timeout_ms;
	struct query *query;
	union address source; /* AF_UNSPEC = any */
	union address *addresses;
	size_t count, next;
	struct list attempts;
	struct timer *stagger, *deadline;
	struct deferred report;
	int error; /* of the first address that failed */
	int fd;
	char *reason;
};

static void attempt_closed(uv_handle_t *handle)
{
	free(handle);
}

static void attempt_free(struct attempt *attempt, bool keep_socket)
{
	list_remove(&attempt->node);
	uv_close((uv_handle_t *)&attempt->poll, attempt_closed);
	if (!keep_socket)
		close(attempt->fd);
}

static void dial_stop(struct dial *dial)
{
	LIST_EACH (&dial->attempts, node) {
		attempt_free(LIST_ITEM(node, struct attempt, node), false);
	}
	query_free(&dial->query);
	timer_free(&dial->stagger);
	timer_free(&dial->deadline);
}

static void dial_report(void *arg)
{
	struct dial *dial = arg;
	int fd = dial->fd;
	dial->fd = -1;
	dial->events.done(dial->arg, fd, dial->reason);
}

/* Deferred, so that `done` never runs inside of dial_new or of an event of a socket that it closes. */
static void dial_end(struct dial *dial, int fd, char *reason)
{
	if (dial->fd >= 0 || dial->reason) {
		free(reason);
		return;
	}
	dial->fd = fd;
	dial->reason = reason;
	dial_stop(dial);
	loop_defer(dial->loop, &dial->report, dial_report, dial);
}

static void dial_next(struct dial *dial);

static void attempt_failed(struct dial *dial, int error)
{
	if (!dial->error)
		dial->error = error;
	dial_next(dial);
}

static void attempt_ready(uv_poll_t *poll, int status, int events)
{
	struct attempt *attempt = (struct attempt *)poll;
	struct dial *dial = attempt->dial;
	int error = 0;
	socklen_t len = sizeof error;
	if (getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	if (!error && status < 0)
		error = -status;
	int fd = attempt->fd;
	attempt_free(attempt, !error);
	if (error)
		attempt_failed(dial, error);
	else
		dial_end(dial, fd, NULL);
}

static socklen_t address_len(const union address *address)
{
	return address->any.sa_family == AF_INET ? sizeof address->v4 : sizeof address->v6;
}

/* 0 when under way, else errno. */
static int attempt_start(struct dial *dial, const union address *address)
{
	int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	struct attempt *attempt = NULL;
	if (dial->source.any.sa_family != AF_UNSPEC && bind(fd, &dial->source.any, address_len(&dial->source)) < 0)
		goto fail;
	if (connect(fd, &address->any, address_len(address)) < 0 && errno != EINPROGRESS)
		goto fail;
	attempt = mem_new(sizeof *attempt);
	int failed = uv_poll_init(&dial->loop->uv, &attempt->poll, fd);
	if (failed) {
		errno = -failed;
		goto fail;
	}
	attempt->dial = dial;
	attempt->fd = fd;
	list_append(&dial->attempts, &attempt->node);
	uv_poll_start(&attempt->poll, UV_WRITABLE, attempt_ready);
	return 0;
fail:;
	int error = errno;
	free(attempt);
	close(fd);
	return error;
}

static void dial_next(struct dial *dial)
{
	while (dial->next < dial->count) {
		const union address *address = &dial->addresses[dial->next++];
		if (dial->source.any.sa_family != AF_UNSPEC && dial->source.any.sa_family != address->any.sa_family)
			continue;
		int error = attempt_start(dial, address);
		if (!error) {
			if (dial->next < dial->count)
				timer_start(dial->stagger, NEXT_ADDRESS_MS, 0);
			return;
		}
		if (!dial->error)
			dial->error = error;
	}
	if (!list_empty(&dial->attempts))
		return;
	if (dial->error)
		dial_end(dial, -1, mem_printf("cannot connect to %s: %s", dial->host, strerror(dial->error)));
	else
		dial_end(dial, -1, mem_printf("%s has no address of the local address's family", dial->host));
}

static void next_address_is_due(void *arg)
{
	dial_next(arg);
}

static void out_of_time(void *arg)
{
	struct dial *dial = arg;
	const char *what =
	    dial->query ? "cannot find %s: no answer within %llu s" : "cannot connect to %s: no answer within %llu s";
	dial_end(dial, -1, mem_printf(what, dial->host, (unsigned long long)(dial->timeout_ms + 999) / 1000));
}

static void dial_resolved(void *arg, const union address *addresses, size_t count, const char *reason)
{
	struct dial *dial = arg;
	if (!count) {
		dial_end(dial, -1, mem_printf("cannot find %s: %s", dial->host, reason));
		return;
	}
	dial->addresses = mem_new(count * sizeof *addresses);
	memcpy(dial->addresses, addresses, count * sizeof *addresses);
	dial->count = count;
	query_free(&dial->query);
	dial_next(dial);
	dial->events.resolved(dial->arg);
}

struct dial *dial_new(struct loop *loop, const char *host, uint16_t port, uint64_t timeout_ms, const char *source,
                      const struct dial_events *events, void *arg)
{
	struct dial *dial = mem_new(sizeof *dial);
	dial->loop = loop;
	dial->events = *events;
	dial->arg = arg;
	dial->host = mem_strdup(host);
	dial->timeout_ms = timeout_ms;
	dial->fd = -1;
	list_init(&dial->attempts);
	if (source && !address_parse(&dial->source, source, 0)) {
		dial_end(dial, -1, mem_printf("%s is not a local address", source));
		return dial;
	}
	dial->stagger = timer_new(loop, next_address_is_due, dial);
	dial->deadline = timer_new(loop, out_of_time, dial);
	timer_start(dial->deadline, timeout_ms, 0);
	dial->query = query_new(loop, host, port, dial_resolved, dial);
	return dial;
}

void dial_free(struct dial **at)
{
	struct dial *dial = *at;
	if (!dial)
		return;
	*at = NULL;
	dial_stop(dial);
	loop_defer_cancel(&dial->report);
	if (dial->fd >= 0)
		close(dial->fd);
	free(dial->addresses);
	free(dial->host);
	free(dial->reason);
	free(dial);
}
