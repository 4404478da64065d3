/* SPDX-License-Identifier: GPL-2.0-or-later */
/* c-ares driven by uv_poll and a timer. One channel per loop; it is made for the first question and goes away when
 * nobody asks any more, so that a changed resolv.conf is seen and an idle process holds no sockets. */
#include "lib/io/resolve.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <assert.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/random.h"
#include "lib/base/str.h"
#include "lib/io/loop_state.h"

enum {
	ADDRESSES_MAX = 16,
	RECORDS_MAX = 32, /* of one domain, both services together */
	TRY_MS = 2500,    /* per server, doubled by c-ares with each round */
	TRIES = 3,
};

struct resolver {
	struct loop *loop;
	ares_channel channel;
	struct list sockets;
	struct timer *timer;
	size_t running; /* questions inside of c-ares */
	struct deferred tidy;
};

struct resolver_socket {
	uv_poll_t poll; /* first: freed through it */
	struct list node;
	struct resolver *resolver;
	ares_socket_t fd;
};

struct query {
	struct loop *loop;
	void (*answered)(void *arg, const union address *, size_t count, const char *reason);
	void *arg; /* NULL together with `answered` when nobody waits any more */
	uint16_t port;
	bool in_ares; /* c-ares will call back with this pointer */
	struct deferred deliver;
	const char *reason;
	union address addresses[ADDRESSES_MAX];
	size_t count;
};

static const char *servers_to_use;

/* ---- c-ares on the loop ---- */

static void resolver_schedule(struct resolver *resolver)
{
	struct timeval tv;
	if (ares_timeout(resolver->channel, NULL, &tv))
		timer_start(resolver->timer, (uint64_t)tv.tv_sec * 1000 + (uint64_t)tv.tv_usec / 1000 + 1, 0);
	else
		timer_stop(resolver->timer);
}

static void resolver_timed_out(void *arg)
{
	struct resolver *resolver = arg;
	ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	resolver_schedule(resolver);
}

static void socket_closed(uv_handle_t *handle)
{
	free(handle);
}

static void socket_ready(uv_poll_t *poll, int status, int events)
{
	struct resolver_socket *at = (struct resolver_socket *)poll;
	struct resolver *resolver = at->resolver;
	ares_socket_t fd = at->fd;
	bool readable = status < 0 || (events & UV_READABLE), writable = status < 0 || (events & UV_WRITABLE);
	ares_process_fd(resolver->channel, readable ? fd : ARES_SOCKET_BAD, writable ? fd : ARES_SOCKET_BAD);
	resolver_schedule(resolver);
}

/* c-ares tells what it waits for; neither means that it is about to close the socket. */
static void socket_changed(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct resolver *resolver = arg;
	struct resolver_socket *found = NULL;
	LIST_EACH (&resolver->sockets, node) {
		struct resolver_socket *at = LIST_ITEM(node, struct resolver_socket, node);
		if (at->fd == fd)
			found = at;
	}
	if (!readable && !writable) {
		if (found) {
			list_remove(&found->node);
			uv_close((uv_handle_t *)&found->poll, socket_closed);
		}
		return;
	}
	if (!found) {
		found = mem_new(sizeof *found);
		found->resolver = resolver;
		found->fd = fd;
		int failed = uv_poll_init(&resolver->loop->uv, &found->poll, fd);
		assert(!failed);
		list_append(&resolver->sockets, &found->node);
	}
	uv_poll_start(&found->poll, (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0), socket_ready);
}

static struct resolver *resolver_get(struct loop *loop, const char **reason)
{
	if (loop->resolver)
		return loop->resolver;
	static bool library_ready;
	if (!library_ready)
		ares_library_init(ARES_LIB_INIT_ALL);
	library_ready = true;
	struct resolver *resolver = mem_new(sizeof *resolver);
	resolver->loop = loop;
	list_init(&resolver->sockets);
	struct ares_options options = {
	    .sock_state_cb = socket_changed, .sock_state_cb_data = resolver, .timeout = TRY_MS, .tries = TRIES};
	int failed = ares_init_options(&resolver->channel, &options,
	                               ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);
	if (failed) {
		*reason = ares_strerror(failed);
		free(resolver);
		return NULL;
	}
	if (!text_empty(servers_to_use)) {
		failed = ares_set_servers_ports_csv(resolver->channel, servers_to_use);
		if (failed) {
			*reason = "the DNS server that is configured has no good address";
			ares_destroy(resolver->channel);
			free(resolver);
			return NULL;
		}
	}
	resolver->timer = timer_new(loop, resolver_timed_out, resolver);
	return loop->resolver = resolver;
}

void resolver_use(const char *servers)
{
	servers_to_use = servers;
}

static void resolver_tidy(void *arg)
{
	struct resolver *resolver = arg;
	if (resolver->running)
		return;
	resolver->loop->resolver = NULL;
	ares_destroy(resolver->channel);
	assert(list_empty(&resolver->sockets));
	timer_free(&resolver->timer);
	free(resolver);
}

static void resolver_answered(struct resolver *resolver)
{
	if (--resolver->running == 0)
		loop_defer(resolver->loop, &resolver->tidy, resolver_tidy, resolver);
}

void resolver_stop(struct loop *loop)
{
	if (loop->resolver)
		ares_cancel(loop->resolver->channel);
}

/* ---- Addresses of a name ---- */

static void query_deliver(void *arg)
{
	struct query *query = arg;
	if (!query->count && !query->reason)
		query->reason = "the name has no address";
	query->answered(query->arg, query->addresses, query->count, query->reason);
}

static bool address_set(union address *out, const struct sockaddr *address, uint16_t port)
{
	switch (address->sa_family) {
	case AF_INET:
		memcpy(&out->v4, address, sizeof out->v4);
		out->v4.sin_port = htons(port);
		return true;
	case AF_INET6:
		memcpy(&out->v6, address, sizeof out->v6);
		out->v6.sin6_port = htons(port);
		return true;
	default:
		return false;
	}
}

bool address_parse(union address *out, const char *literal, uint16_t port)
{
	struct addrinfo *info, hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
	if (getaddrinfo(literal, NULL, &hints, &info) != 0)
		return false;
	bool known = address_set(out, info->ai_addr, port);
	freeaddrinfo(info);
	return known;
}

/* Families in turn, the first address's family first; the order within each stays (RFC 8305 section 4). */
static void query_interleave(struct query *query)
{
	union address sorted[ADDRESSES_MAX];
	sa_family_t first = query->addresses[0].any.sa_family;
	size_t same = 0, other = 0;
	for (size_t i = 0; i < query->count; i++) {
		bool want_same = i % 2 == 0;
		size_t *at = want_same ? &same : &other;
		while (*at < query->count && (query->addresses[*at].any.sa_family == first) != want_same)
			++*at;
		if (*at == query->count) {
			at = want_same ? &other : &same;
			while ((query->addresses[*at].any.sa_family == first) == want_same)
				++*at;
		}
		sorted[i] = query->addresses[(*at)++];
	}
	memcpy(query->addresses, sorted, query->count * sizeof *sorted);
}

static void query_answered(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
	struct query *query = arg;
	resolver_answered(query->loop->resolver);
	if (query->answered) {
		for (struct ares_addrinfo_node *node = info ? info->nodes : NULL; node; node = node->ai_next)
			if (query->count < ADDRESSES_MAX &&
			    address_set(&query->addresses[query->count], node->ai_addr, query->port))
				query->count++;
		query_interleave(query);
		query->reason = status == ARES_SUCCESS ? NULL : ares_strerror(status);
		query->in_ares = false;
		loop_defer(query->loop, &query->deliver, query_deliver, query);
	} else {
		free(query);
	}
	if (info)
		ares_freeaddrinfo(info);
}

struct query *query_new(struct loop *loop, const char *host, uint16_t port,
                        void (*answered)(void *arg, const union address *, size_t count, const char *reason), void *arg)
{
	struct query *query = mem_new(sizeof *query);
	query->loop = loop;
	query->answered = answered;
	query->arg = arg;
	query->port = port;
	struct resolver *resolver = NULL;
	query->count = address_parse(&query->addresses[0], host, port);
	if (query->count || !(resolver = resolver_get(loop, &query->reason))) {
		loop_defer(loop, &query->deliver, query_deliver, query);
		return query;
	}
	resolver->running++;
	query->in_ares = true;
	struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	ares_getaddrinfo(resolver->channel, host, NULL, &hints, query_answered, query);
	resolver_schedule(resolver);
	return query;
}

void query_free(struct query **at)
{
	struct query *query = *at;
	if (!query)
		return;
	*at = NULL;
	loop_defer_cancel(&query->deliver);
	/* c-ares cannot take back one question: its answer frees it. */
	query->answered = NULL;
	if (!query->in_ares)
		free(query);
}

/* ---- Services of a domain ---- */

struct srv_record {
	char *host;
	uint16_t port, priority, weight;
	bool tls;
};

struct srv_question {
	struct srv_query *query;
	bool tls;
};

struct srv_query {
	struct loop *loop;
	void (*answered)(void *arg, const struct srv_target *, size_t count, bool refused);
	void *arg;
	struct srv_question questions[2];
	unsigned waiting; /* questions inside of c-ares */
	struct deferred deliver;
	struct srv_record records[RECORDS_MAX];
	size_t count;
	bool refused;
};

static void srv_query_destroy(struct srv_query *query)
{
	for (size_t i = 0; i < query->count; i++)
		free(query->records[i].host);
	free(query);
}

/* Brings one record to place `at`: of those with the least priority one by lot, by their weights (RFC 2782). */
static void srv_draw(struct srv_query *query, size_t at)
{
	uint16_t priority = UINT16_MAX;
	uint64_t weights = 0, sum = 0;
	size_t chosen = at;
	for (size_t i = at; i < query->count; i++)
		if (query->records[i].priority < priority)
			priority = query->records[i].priority;
	/* A weight of nothing still has a chance. */
	for (size_t i = at; i < query->count; i++)
		if (query->records[i].priority == priority)
			weights += query->records[i].weight * 256u + 1;
	uint64_t lot = weights ? random_below(weights) : 0;
	for (size_t i = at; i < query->count; i++) {
		if (query->records[i].priority != priority)
			continue;
		chosen = i;
		sum += query->records[i].weight * 256u + 1;
		if (lot < sum)
			break;
	}
	struct srv_record record = query->records[chosen];
	query->records[chosen] = query->records[at];
	query->records[at] = record;
}

static void srv_deliver(void *arg)
{
	struct srv_query *query = arg;
	struct srv_target targets[RECORDS_MAX];
	for (size_t i = 0; i < query->count; i++) {
		srv_draw(query, i);
		targets[i] = (struct srv_target){
		    .host = query->records[i].host, .port = query->records[i].port, .tls = query->records[i].tls};
	}
	query->answered(query->arg, targets, query->count, query->refused && !query->count);
}

static void srv_add(struct srv_query *query, const struct ares_srv_reply *reply, bool tls)
{
	for (; reply && query->count < RECORDS_MAX; reply = reply->next) {
		bool none = !*reply->host || !strcmp(reply->host, ".");
		query->refused |= none && !tls;
		if (none || !reply->port)
			continue;
		query->records[query->count++] = (struct srv_record){
		    .host = mem_strdup(reply->host),
		    .port = reply->port,
		    .priority = reply->priority,
		    .weight = reply->weight,
		    .tls = tls,
		};
	}
}

static void srv_answered(void *arg, int status, int timeouts, unsigned char *bytes, int len)
{
	struct srv_question *question = arg;
	struct srv_query *query = question->query;
	struct ares_srv_reply *reply = NULL;
	resolver_answered(query->loop->resolver);
	query->waiting--;
	if (query->answered && status == ARES_SUCCESS && ares_parse_srv_reply(bytes, len, &reply) == ARES_SUCCESS)
		srv_add(query, reply, question->tls);
	if (reply)
		ares_free_data(reply);
	if (query->waiting)
		return;
	if (query->answered)
		loop_defer(query->loop, &query->deliver, srv_deliver, query);
	else
		srv_query_destroy(query);
}

struct srv_query *srv_query_new(struct loop *loop, const char *domain, const char *service, const char *tls_service,
                                void (*answered)(void *arg, const struct srv_target *, size_t count, bool refused),
                                void *arg)
{
	struct srv_query *query = mem_new(sizeof *query);
	const char *services[] = {service, tls_service}, *reason = NULL;
	union address literal;
	query->loop = loop;
	query->answered = answered;
	query->arg = arg;
	struct resolver *resolver = address_parse(&literal, domain, 0) ? NULL : resolver_get(loop, &reason);
	if (!resolver) {
		loop_defer(loop, &query->deliver, srv_deliver, query);
		return query;
	}
	for (size_t i = 0; i < 2; i++)
		query->waiting += services[i] != NULL;
	resolver->running += query->waiting;
	for (size_t i = 0; i < 2; i++) {
		query->questions[i] = (struct srv_question){.query = query, .tls = i == 1};
		if (!services[i])
			continue;
		char *name = mem_printf("%s.%s", services[i], domain);
		ares_query(resolver->channel, name, ns_c_in, ns_t_srv, srv_answered, &query->questions[i]);
		free(name);
	}
	resolver_schedule(resolver);
	return query;
}

void srv_query_free(struct srv_query **at)
{
	struct srv_query *query = *at;
	if (!query)
		return;
	*at = NULL;
	loop_defer_cancel(&query->deliver);
	query->answered = NULL;
	if (!query->waiting)
		srv_query_destroy(query);
}
