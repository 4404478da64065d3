/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RFC 8305 in its simplest form: the addresses of both families in turn, the next one begins when the one before failed
 * or has been silent for 250 ms, and the first socket that connects wins. A service has several hosts (targets), each
 * of which is given up before the next one's turn comes. */
#include "lib/io/dial.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/io/loop_state.h"
#include "lib/io/resolve.h"

enum {
	NEXT_ADDRESS_MS = 250,
	NEXT_TARGET_MS = 5000, /* for one target while others wait */
	TARGETS_MAX = 16,
};

struct attempt {
	uv_poll_t poll; /* first: freed through it */
	struct list node;
	struct dial *dial;
	int fd;
};

struct target {
	char *host;
	uint16_t port;
	bool tls;
};

struct dial {
	struct loop *loop;
	struct dial_events events;
	void *arg;
	uint64_t timeout_ms;
	struct target targets[TARGETS_MAX];
	size_t target_count, target; /* the one that is being tried */
	bool told_resolved;
	struct srv_query *srv;
	struct query *query;
	union address source; /* AF_UNSPEC = any */
	union address *addresses;
	size_t count, next;
	struct list attempts;
	struct timer *stagger, *patience, *deadline;
	struct deferred report;
	int error; /* of the target's first address that failed */
	int fd;
	char *failed; /* why the first target did not do */
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

static void dial_drop_attempts(struct dial *dial)
{
	LIST_EACH (&dial->attempts, node) {
		attempt_free(LIST_ITEM(node, struct attempt, node), false);
	}
}

static void dial_stop(struct dial *dial)
{
	dial_drop_attempts(dial);
	srv_query_free(&dial->srv);
	query_free(&dial->query);
	timer_free(&dial->stagger);
	timer_free(&dial->patience);
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

static void dial_target(struct dial *dial);

/* The first reason counts: it is about the host that should have done it. */
static void target_failed(struct dial *dial, char *reason)
{
	if (!dial->failed)
		dial->failed = reason;
	else
		free(reason);
	if (++dial->target < dial->target_count) {
		dial_target(dial);
		return;
	}
	reason = dial->failed;
	dial->failed = NULL;
	dial_end(dial, -1, reason);
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
	const char *host = dial->targets[dial->target].host;
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
		target_failed(dial, mem_printf("cannot connect to %s: %s", host, strerror(dial->error)));
	else
		target_failed(dial, mem_printf("%s has no address of the local address's family", host));
}

static void next_address_is_due(void *arg)
{
	dial_next(arg);
}

static char *silence(const struct dial *dial, uint64_t ms)
{
	const char *what = dial->srv || dial->query ? "cannot find %s: no answer within %llu s"
	                                            : "cannot connect to %s: no answer within %llu s";
	return mem_printf(what, dial->targets[dial->target].host, (unsigned long long)(ms + 999) / 1000);
}

static void out_of_time(void *arg)
{
	struct dial *dial = arg;
	char *reason = dial->failed ? dial->failed : silence(dial, dial->timeout_ms);
	dial->failed = NULL;
	dial_end(dial, -1, reason);
}

static void out_of_patience(void *arg)
{
	struct dial *dial = arg;
	char *reason = silence(dial, NEXT_TARGET_MS);
	dial_drop_attempts(dial);
	query_free(&dial->query);
	timer_stop(dial->stagger);
	target_failed(dial, reason);
}

static void dial_resolved(void *arg, const union address *addresses, size_t count, const char *reason)
{
	struct dial *dial = arg;
	dial->addresses = mem_resize(dial->addresses, (count + 1) * sizeof *addresses);
	memcpy(dial->addresses, addresses, count * sizeof *addresses);
	dial->count = count;
	query_free(&dial->query);
	if (!count) {
		target_failed(dial, mem_printf("cannot find %s: %s", dial->targets[dial->target].host, reason));
		return;
	}
	dial_next(dial);
	if (!dial->told_resolved) {
		dial->told_resolved = true;
		dial->events.resolved(dial->arg);
	}
}

static void dial_target(struct dial *dial)
{
	const struct target *target = &dial->targets[dial->target];
	dial->count = dial->next = 0;
	dial->error = 0;
	timer_stop(dial->stagger);
	timer_stop(dial->patience);
	if (dial->target + 1 < dial->target_count)
		timer_start(dial->patience, NEXT_TARGET_MS, 0);
	dial->query = query_new(dial->loop, target->host, target->port, dial_resolved, dial);
}

static void add_target(struct dial *dial, const char *host, uint16_t port, bool tls)
{
	if (dial->target_count < TARGETS_MAX)
		dial->targets[dial->target_count++] =
		    (struct target){.host = mem_strdup(host), .port = port, .tls = tls};
}

/* False if it has ended already. */
static bool dial_begin(struct dial *dial, struct loop *loop, uint64_t timeout_ms, const char *source,
                       const struct dial_events *events, void *arg)
{
	dial->loop = loop;
	dial->events = *events;
	dial->arg = arg;
	dial->timeout_ms = timeout_ms;
	dial->fd = -1;
	list_init(&dial->attempts);
	if (source && !address_parse(&dial->source, source, 0)) {
		dial_end(dial, -1, mem_printf("%s is not a local address", source));
		return false;
	}
	dial->stagger = timer_new(loop, next_address_is_due, dial);
	dial->patience = timer_new(loop, out_of_patience, dial);
	dial->deadline = timer_new(loop, out_of_time, dial);
	timer_start(dial->deadline, timeout_ms, 0);
	return true;
}

struct dial *dial_new(struct loop *loop, const char *host, uint16_t port, uint64_t timeout_ms, const char *source,
                      const struct dial_events *events, void *arg)
{
	struct dial *dial = mem_new(sizeof *dial);
	add_target(dial, host, port, false);
	if (dial_begin(dial, loop, timeout_ms, source, events, arg))
		dial_target(dial);
	return dial;
}

/* The first target is the domain itself, which stays if there are no records. */
static void dial_has_targets(void *arg, const struct srv_target *found, size_t count, bool refused)
{
	struct dial *dial = arg;
	if (refused) {
		dial_end(dial, -1, mem_printf("%s says that it has no such service", dial->targets[0].host));
		return;
	}
	if (count) {
		free(dial->targets[0].host);
		dial->target_count = 0;
	}
	for (size_t i = 0; i < count; i++)
		add_target(dial, found[i].host, found[i].port, found[i].tls);
	srv_query_free(&dial->srv);
	dial_target(dial);
}

struct dial *dial_new_service(struct loop *loop, const struct conn_service *service, uint64_t timeout_ms,
                              const char *source, const struct dial_events *events, void *arg)
{
	struct dial *dial = mem_new(sizeof *dial);
	add_target(dial, service->domain, service->port, false);
	if (dial_begin(dial, loop, timeout_ms, source, events, arg))
		dial->srv = srv_query_new(loop, service->domain, service->service, service->tls_service,
		                          dial_has_targets, dial);
	return dial;
}

bool dial_wants_tls(const struct dial *dial)
{
	return dial->target < dial->target_count && dial->targets[dial->target].tls;
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
	for (size_t i = 0; i < dial->target_count; i++)
		free(dial->targets[i].host);
	free(dial->addresses);
	free(dial->failed);
	free(dial->reason);
	free(dial);
}
