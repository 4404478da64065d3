/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server as a whole: ports, certificate, those who have not logged in in time, and the end. */
#include "spectrum/server/server.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "spectrum/server/inside.h"
#include "spectrum/server/web.h"

#define LOG_AREA "server"
#define TICK_MS 1000
#define ALPN "xmpp-client"
#define SELF_SIGNED "server.pem" /* in service.working_dir */
#define STRANGERS_MOST 10000
#define STOP_WEB_MS 50

static struct server *server_of(struct upstream *upstream)
{
	return LIST_ITEM(upstream, struct server, upstream);
}

/* ---- Writing ---- */

static void clean(void *arg)
{
	struct server *server = arg;
	arena_reset(&server->arena);
}

struct arena *server_arena(struct server *server)
{
	loop_defer(server->loop, &server->cleaning, clean, server);
	return &server->arena;
}

struct session *server_session(const struct server *server, const char *full)
{
	const char *slash = strchr(full, '/');
	char *bare = slash ? mem_strndup(full, (size_t)(slash - full)) : NULL;
	struct account *account = bare ? account_find(server, bare) : NULL;
	free(bare);
	return account ? account_session(account, slash + 1) : NULL;
}

static struct writer *write_begin(struct server *server)
{
	str_clear(&server->own, 65536);
	writer_init(&server->own_writer, &server->own, NS_CLIENT);
	return &server->own_writer;
}

struct writer *server_write(struct server *server, const char *name, const char *from, const char *to, const char *type)
{
	struct writer *writer = write_begin(server);
	xml_open(writer, name, NULL);
	xml_attr(writer, "from", from);
	xml_attr(writer, "to", to);
	xml_attr(writer, "type", type);
	return writer;
}

void server_write_copy(struct server *server, const struct element *stanza)
{
	xml_element(write_begin(server), stanza);
}

const struct str *server_write_take(struct server *server)
{
	if (server->own_writer.depth)
		xml_close(&server->own_writer);
	writer_end(&server->own_writer);
	return &server->own;
}

void server_write_end(struct session *session)
{
	const struct str *bytes = server_write_take(session->account->server);
	session_send(session, bytes->data, bytes->len);
}

void server_tick_start(struct server *server)
{
	if (!timer_running(server->tick))
		timer_start(server->tick, TICK_MS, TICK_MS);
}

/* ---- Ports ---- */

static void take_socket(struct server *server, int fd, struct tls *tls)
{
	if (server->stopping) {
		close(fd);
		return;
	}
	/* Those who have come first and say nothing make room. */
	if (server->stranger_count >= STRANGERS_MOST && !list_empty(&server->strangers))
		stream_end(LIST_ITEM(server->strangers.next, struct stream, node), "resource-constraint",
		           "Too many connections wait for a log-in.");
	stream_new(server, socket_channel_new(server->loop, fd, tls));
}

static void accepted(void *arg, int fd)
{
	take_socket(arg, fd, NULL);
}

static void accepted_direct(void *arg, int fd)
{
	struct server *server = arg;
	take_socket(server, fd, server->tls);
}

static void tick(void *arg)
{
	struct server *server = arg;
	uint64_t now = loop_now(server->loop);
	LIST_EACH (&server->strangers, node) {
		struct stream *stream = LIST_ITEM(node, struct stream, node);
		if (stream->due <= now)
			stream_end(stream, "connection-timeout", "The log-in has taken too long.");
	}
	sm_due(server, now);
	guests_due(server, now);
	push_due(server, now);
	circles_due(server);
	if (list_empty(&server->strangers) && list_empty(&server->asked) && list_empty(&server->sleeping) &&
	    list_empty(&server->guest_streams) && list_empty(&server->push_due) &&
	    list_empty(&server->circles_unkept))
		timer_stop(server->tick);
}

static struct listener *listen_on(struct server *server, const char *key, void (*call)(void *, int), char **error)
{
	const char *address = config_text(server->config, "service.server");
	uint16_t port = (uint16_t)config_number(server->config, key);
	struct listener *listener = listener_new(server->loop, address, port, call, server);
	if (!listener)
		*error = mem_printf("can't listen on service.server=%s %s=%u: %s", address, key, port,
		                    errno == EINVAL ? "this is no address of this machine" : strerror(errno));
	return listener;
}

bool server_is_loopback(const char *address)
{
	return !strncmp(address, "127.", 4) || !strcmp(address, "::1");
}

/* Each client needs a descriptor. */
static void raise_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* ---- Certificate ---- */

/* Without a certificate of the administrator's, one that nobody has to trust: it is kept, so that clients that asked
 * their user once need not ask again. */
static char *own_certificate(struct server *server, const char **error)
{
	char *path = mem_printf("%s/" SELF_SIGNED, config_text(server->config, "service.working_dir"));
	if (access(path, R_OK) == 0 || tls_write_self_signed(path, server->jid, error))
		return path;
	free(path);
	return NULL;
}

static struct tls *load_certificate(struct server *server, const char **error)
{
	const char *cert = config_text(server->config, "service.cert");
	char *file = text_empty(cert) ? own_certificate(server, error) : mem_strdup(cert);
	struct tls *tls =
	    file ? tls_server_new(file, config_text(server->config, "service.cert_password"), ALPN, error) : NULL;
	if (tls && text_empty(cert))
		log_warn("service.cert is not given: clients get a certificate that is signed by nobody file=%s", file);
	free(server->certificate);
	server->certificate = file;
	return tls;
}

void server_reload(struct upstream *upstream)
{
	struct server *server = server_of(upstream);
	const char *error = NULL;
	if (server->guest_listener)
		guests_load(server);
	struct tls *tls = load_certificate(server, &error);
	if (tls && server->web && !web_reload(server->web, server->certificate, &error))
		tls_free(&tls);
	if (!tls) {
		log_error("the certificate was not read again, the old one stays: %s", error);
		return;
	}
	tls_free(&server->tls);
	server->tls = tls;
	log_info("the certificate was read again");
}

/* ---- Beginning and end ---- */

static void server_start(struct upstream *upstream)
{
	struct server *server = server_of(upstream);
	if (server->stopping) /* while the database was read */
		return;
	server->started = true;
	log_info("serves jid=%s port=%u direct_tls_port=%u component_port=%u tls_required=%d", server->jid,
	         listener_port(server->listener), server->direct_listener ? listener_port(server->direct_listener) : 0,
	         server->guest_listener ? listener_port(server->guest_listener) : 0, server->tls_required);
	server->events->up(server->arg);
}

static void stop_now(void *arg)
{
	struct server *server = arg;
	server->stopped(server->arg);
}

/* The last words are out; the web needs the loop once more. */
static void stop_web(void *arg)
{
	struct server *server = arg;
	web_stop(server->web);
	timer_free(&server->stopping_timer);
	server->stopping_timer = timer_new(server->loop, stop_now, server);
	timer_start(server->stopping_timer, STOP_WEB_MS, 0);
}

static void end_all(struct list *streams)
{
	LIST_EACH (streams, node) {
		struct stream *stream = LIST_ITEM(node, struct stream, node);
		stream_end(stream, "system-shutdown", NULL);
		stream_flush(stream);
	}
}

static void server_stop(struct upstream *upstream, void (*stopped)(void *arg))
{
	struct server *server = server_of(upstream);
	server->stopping = true;
	server->stopped = stopped;
	listener_free(&server->listener);
	listener_free(&server->direct_listener);
	end_all(&server->bound);
	end_all(&server->strangers);
	guests_stop(server);
	if (!server->web) {
		loop_defer(server->loop, &server->stop_later, stop_now, server);
		return;
	}
	server->stopping_timer = timer_new(server->loop, stop_web, server);
	timer_start(server->stopping_timer, STOP_WEB_MS, 0);
}

static void server_end(struct upstream *upstream)
{
	struct server *server = server_of(upstream);
	server->stopping = true;
	listener_free(&server->listener);
	listener_free(&server->direct_listener);
	stream_drop_all(server);
	web_free(&server->web);
	while (!list_empty(&server->sleeping))
		session_end(LIST_ITEM(server->sleeping.next, struct session, sm.sleeping));
	guests_drop(server);
}

static void server_free(struct upstream *upstream)
{
	struct server *server = server_of(upstream);
	server_end(upstream);
	timer_free(&server->tick);
	timer_free(&server->asker);
	timer_free(&server->stopping_timer);
	loop_defer_cancel(&server->stop_later);
	loop_defer_cancel(&server->cleaning);
	push_free_all(server);
	circle_free_all(server);
	guests_free(server);
	attempts_free(&server->attempts);
	fast_free(&server->fast);
	keyring_free(&server->keyring);
	outbound_fini(server);
	tls_free(&server->tls);
	free(server->certificate);
	map_fini(&server->accounts);
	map_fini(&server->resumable);
	arena_fini(&server->arena);
	str_fini(&server->own);
	str_fini(&server->framed);
	free(server);
}

static bool server_is_up(const struct upstream *upstream)
{
	return LIST_ITEM(upstream, const struct server, upstream)->started;
}

/* Kept by the link to another server, before the mode was changed: nobody to give it to. */
static void server_restore(struct upstream *upstream, uint64_t sequence, const char *bytes, size_t len)
{
	log_warn("a message that was kept for another XMPP server can't be delivered sequence=%llu",
	         (unsigned long long)sequence);
	struct server *server = server_of(upstream);
	server->events->forget(server->arg, sequence);
}

static const struct upstream_verbs server_verbs = {
    .start = server_start,
    .stop = server_stop,
    .end = server_end,
    .free = server_free,
    .is_up = server_is_up,
    .restore = server_restore,
    .open = outbound_open,
    .close = outbound_close,
};

static void keys_are_known(void *arg)
{
	stream_go_on_all(arg);
}

void server_attach(struct upstream *upstream, struct hub *hub)
{
	struct server *server = server_of(upstream);
	server->hub = hub;
	keyring_attach(server->keyring, hub, keys_are_known, server);
}

static bool open_ports(struct server *server, char **error)
{
	server->listener = listen_on(server, "service.port", accepted, error);
	if (server->listener && config_number(server->config, "service.direct_tls_port"))
		server->direct_listener = listen_on(server, "service.direct_tls_port", accepted_direct, error);
	if (!*error)
		guests_open(server, error);
	if (!*error && config_number(server->config, "service.websocket_port"))
		server->web = web_new(server, server->certificate, error);
	return !*error;
}

struct upstream *server_new(struct loop *loop, const struct config *config, const struct upstream_events *events,
                            void *arg, char **error)
{
	const char *tls_error = NULL;
	struct server *server = mem_new(sizeof *server);
	server->upstream.verbs = &server_verbs;
	server->loop = loop;
	server->config = config;
	server->events = events;
	server->arg = arg;
	server->jid = config_text(config, "service.jid");
	list_init(&server->strangers);
	list_init(&server->bound);
	list_init(&server->sleeping);
	list_init(&server->guest_streams);
	list_init(&server->push_due);
	list_init(&server->circles_unkept);
	list_init(&server->asked);
	list_init(&server->unasked);
	server->tick = timer_new(loop, tick, server);
	server->asker = timer_new(loop, sm_ask_waiting, server);
	server->attempts = attempts_new();
	server->fast = fast_new();
	server->tls_required =
	    config_bool(config, "service.require_tls") && (!text_empty(config_text(config, "service.cert")) ||
	                                                   !server_is_loopback(config_text(config, "service.server")));
	raise_limit();
	server->keyring = keyring_new(loop, config, error);
	server->tls = server->keyring ? load_certificate(server, &tls_error) : NULL;
	if (tls_error)
		*error = mem_strdup(tls_error);
	if (!server->tls || !open_ports(server, error)) {
		server_free(&server->upstream);
		return NULL;
	}
	return &server->upstream;
}
