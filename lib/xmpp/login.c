/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/xmpp/login.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/io/conn.h"
#include "lib/io/tls.h"
#include "lib/io/work.h"
#include "lib/xmpp/jid.h"

#define PORT 5222
#define TIMEOUT_MS 30000
#define ALPN "xmpp-client"

const struct conn_service login_service = {
    .service = "_xmpp-client._tcp",
    .tls_service = "_xmpps-client._tcp",
    .port = PORT,
};

struct login {
	struct loop *loop;
	void (*done)(void *arg, const struct client_failure *);
	void *arg;
	struct arena arena; /* the options' texts, and the failure's */
	struct login_options options;
	const char *domain, *ascii;
	struct client *client;
	struct conn *conn;
	struct tls *tls;
	struct work *work;
	struct timer *timer;
	struct deferred later;
	struct client_failure failure;
	bool ended, good;
};

/* ---- Keys ---- */

struct derivation {
	struct sasl_key key;
	char *password;
	void (*done)(void *arg, const struct sasl_key *);
	void *arg;
};

static void derive_run(void *arg)
{
	struct derivation *derivation = arg;
	sasl_derive(&derivation->key, derivation->password);
}

static void derive_dropped(void *arg)
{
	struct derivation *derivation = arg;
	mem_free_secret(derivation->password);
	explicit_bzero(derivation, sizeof *derivation);
	free(derivation);
}

static void derive_done(void *arg)
{
	struct derivation *derivation = arg;
	derivation->done(derivation->arg, &derivation->key);
	derive_dropped(derivation);
}

struct work *login_derive(struct loop *loop, const struct sasl_key *wanted, const char *password,
                          void (*done)(void *arg, const struct sasl_key *), void *arg)
{
	struct derivation *derivation = mem_new(sizeof *derivation);
	*derivation = (struct derivation){.key = *wanted, .password = mem_strdup(password), .done = done, .arg = arg};
	return work_new(loop, derive_run, derive_done, derive_dropped, derivation);
}

/* ---- Ending ---- */

static void tell(void *arg)
{
	struct login *login = arg;
	client_end(login->client);
	conn_finish(&login->conn);
	login->done(login->arg, login->good ? NULL : &login->failure);
}

/* From the loop, as the callers stand inside of what is freed. */
static void end(struct login *login)
{
	if (login->ended)
		return;
	login->ended = true;
	timer_stop(login->timer);
	loop_defer(login->loop, &login->later, tell, login);
}

static void end_with(struct login *login, const struct client_failure *failure)
{
	if (login->ended)
		return;
	login->failure = *failure;
	login->failure.condition = arena_strdup(&login->arena, failure->condition);
	login->failure.text = arena_strdup(&login->arena, failure->text);
	login->failure.host = NULL;
	end(login);
}

static void end_because(struct login *login, enum client_class what, enum s2_connection_error error, const char *text)
{
	end_with(login, &(struct client_failure){.what = what, .error = error, .condition = "", .text = text});
}

/* What a lost connection means. A certificate does not get better by trying again. */
static const struct {
	enum client_class what;
	enum s2_connection_error error;
} faults[] = {
    [CONN_FAULT_NONE] = {CLIENT_RETRY, S2_ERROR_NETWORK},
    [CONN_FAULT_UNREACHABLE] = {CLIENT_RETRY, S2_ERROR_NETWORK},
    [CONN_FAULT_LOST] = {CLIENT_RETRY, S2_ERROR_NETWORK},
    [CONN_FAULT_TLS] = {CLIENT_RETRY, S2_ERROR_ENCRYPTION},
    [CONN_FAULT_CERT_SELF_SIGNED] = {CLIENT_FATAL, S2_ERROR_CERT_SELF_SIGNED},
    [CONN_FAULT_CERT_EXPIRED] = {CLIENT_FATAL, S2_ERROR_CERT_EXPIRED},
    [CONN_FAULT_CERT_NOT_ACTIVATED] = {CLIENT_FATAL, S2_ERROR_CERT_NOT_ACTIVATED},
    [CONN_FAULT_CERT_NAME] = {CLIENT_FATAL, S2_ERROR_CERT_HOSTNAME_MISMATCH},
    [CONN_FAULT_CERT_UNTRUSTED] = {CLIENT_FATAL, S2_ERROR_CERT_UNTRUSTED},
    [CONN_FAULT_CERT_OTHER] = {CLIENT_FATAL, S2_ERROR_CERT_OTHER},
};

void login_failure(struct client_failure *failure, struct arena *arena, const char *domain, const struct conn *conn,
                   const char *reason)
{
	enum conn_fault fault = conn_fault(conn);
	*failure = (struct client_failure){
	    .what = faults[fault].what,
	    .error = faults[fault].error,
	    .condition = "",
	    .text = arena_printf(arena, "The connection to %s failed: %s.", domain, reason),
	};
}

/* ---- The stream ---- */

static void on_output(void *arg, const char *bytes, size_t len)
{
	struct login *login = arg;
	if (login->conn)
		conn_write(login->conn, bytes, len);
}

static void begin_tls(struct login *login)
{
	const char *error = NULL;
	if (!login->tls)
		login->tls = tls_client_new(login->options.ca_file, !login->options.insecure, &error);
	if (!login->tls) {
		end_because(login, CLIENT_FATAL, S2_ERROR_INVALID_SETTINGS, error);
		return;
	}
	conn_set_alpn(login->conn, ALPN);
	conn_start_tls(login->conn, login->tls, login->ascii);
}

static void on_start_tls(void *arg)
{
	begin_tls(arg);
}

static void on_derived(void *arg, const struct sasl_key *key)
{
	struct login *login = arg;
	login->work = NULL;
	client_derived(login->client, key);
}

static void on_derive(void *arg, const struct sasl_key *wanted)
{
	struct login *login = arg;
	login->work = login_derive(login->loop, wanted, login->options.password, on_derived, login);
}

static void on_bound(void *arg, bool resumed)
{
	struct login *login = arg;
	login->good = true;
	end(login);
}

static void connect_now(struct login *login, const char *host, uint16_t port);

static void on_failed(void *arg, const struct client_failure *failure)
{
	struct login *login = arg;
	if (failure->what != CLIENT_REDIRECT) {
		end_with(login, failure);
		return;
	}
	conn_finish(&login->conn);
	connect_now(login, failure->host, failure->port);
}

static const struct client_events client_events = {
    .output = on_output,
    .start_tls = on_start_tls,
    .derive = on_derive,
    .bound = on_bound,
    .failed = on_failed,
};

/* ---- The connection ---- */

static void begin(struct login *login)
{
	unsigned char binding[SASL_BINDING_BYTES];
	bool bound = conn_binding(login->conn, binding);
	client_begin(login->client, conn_is_secure(login->conn), bound ? binding : NULL);
}

static void on_connected(void *arg)
{
	struct login *login = arg;
	if (conn_wants_tls(login->conn))
		begin_tls(login);
	else
		begin(login);
}

static void on_secured(void *arg)
{
	struct login *login = arg;
	unsigned char binding[SASL_BINDING_BYTES];
	if (conn_wants_tls(login->conn))
		begin(login);
	else
		client_secured(login->client, conn_binding(login->conn, binding) ? binding : NULL);
}

static void on_input(void *arg, const char *bytes, size_t len)
{
	struct login *login = arg;
	if (!login->ended)
		client_input(login->client, bytes, len);
}

static void on_closed(void *arg, const char *reason)
{
	struct login *login = arg;
	struct client_failure failure;
	login_failure(&failure, &login->arena, login->domain, login->conn, reason);
	end_with(login, &failure);
}

static const struct conn_events conn_events = {
    .connected = on_connected,
    .secured = on_secured,
    .input = on_input,
    .closed = on_closed,
};

static void connect_now(struct login *login, const char *host, uint16_t port)
{
	uint64_t limit = login->options.timeout_ms;
	struct conn_service service = login_service;
	service.domain = login->ascii;
	client_lost(login->client);
	login->conn = host ? conn_connect(login->loop, host, port, limit, NULL, &conn_events, login)
	                   : conn_connect_service(login->loop, &service, limit, NULL, &conn_events, login);
}

static void out_of_time(void *arg)
{
	struct login *login = arg;
	end_because(login, CLIENT_RETRY, S2_ERROR_NETWORK,
	            arena_printf(&login->arena, "%s did not answer in time.", login->domain));
}

/* ---- Life ---- */

static void copy_options(struct login *login, const struct login_options *given)
{
	login->options = *given;
	login->options.jid = arena_strdup(&login->arena, given->jid);
	login->options.password = arena_strdup(&login->arena, given->password ? given->password : "");
	login->options.host = arena_strdup(&login->arena, text_or_null(given->host));
	login->options.ca_file = arena_strdup(&login->arena, text_or_null(given->ca_file));
	login->options.timeout_ms = given->timeout_ms ? given->timeout_ms : TIMEOUT_MS;
}

struct login *login_new(struct loop *loop, const struct login_options *given,
                        void (*done)(void *arg, const struct client_failure *), void *arg)
{
	struct login *login = mem_new(sizeof *login);
	struct jid jid;
	login->loop = loop;
	login->done = done;
	login->arg = arg;
	copy_options(login, given);
	bool fine = jid_parse(&login->arena, login->options.jid ? login->options.jid : "", &jid) && *jid.node;
	login->timer = timer_new(loop, out_of_time, login);
	login->domain = fine ? jid.domain : "";
	login->ascii = fine ? jid_ascii_domain(&login->arena, jid.domain) : NULL;
	login->client = client_new(&(struct client_options){.node = fine ? jid.node : "",
	                                                    .domain = login->domain,
	                                                    .password = login->options.password,
	                                                    .require_tls = !given->without_tls,
	                                                    .no_resumption = true},
	                           &client_events, login);
	if (!login->ascii) {
		end_because(login, CLIENT_FATAL, S2_ERROR_INVALID_USERNAME, "This is no address of an XMPP account.");
		return login;
	}
	timer_start(login->timer, login->options.timeout_ms, 0);
	connect_now(login, login->options.host, given->port ? given->port : PORT);
	return login;
}

void login_free(struct login **at)
{
	struct login *login = *at;
	if (!login)
		return;
	*at = NULL;
	loop_defer_cancel(&login->later);
	work_cancel(&login->work);
	conn_free(&login->conn);
	client_free(&login->client);
	tls_free(&login->tls);
	timer_free(&login->timer);
	explicit_bzero((char *)login->options.password, strlen(login->options.password));
	arena_fini(&login->arena);
	free(login);
}
