/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/server/web.h"

#include <dlfcn.h>
#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "spectrum/server/files.h"
#include "spectrum/server/inside.h"

#define LOG_AREA "web"
#define PATH "/xmpp-websocket"
#define HEADERS_MOST 8192
#define CONNECT_SECONDS 10
#define NS_WEBSOCKET "urn:xmpp:alt-connections:websocket"

struct web {
	struct server *server;
	struct lws_context *context;
	struct lws_vhost *vhost;
	void *tls;               /* SSL_CTX of the library */
	const char *certificate; /* while it is being made */
	const char *error;
	bool secure, failed, stopped;
	void *loops[1];
	struct files *files; /* NULL: none are taken */
	char *base;
};

/* One answer of HTTP; memory of the library's for each connection. */
struct answer {
	struct websocket_room room; /* of WebSocket: the library uses one size for all */
	char *body;
	size_t len, sent;
	struct arrival *file; /* that is being uploaded */
};

static const char *address_of(const struct server *server)
{
	const char *address = config_text(server->config, "service.websocket_address");
	return text_empty(address) ? config_text(server->config, "service.server") : address;
}

bool web_is_secure(const struct web *web)
{
	return web->secure || server_is_loopback(address_of(web->server));
}

struct server *web_server(const struct web *web)
{
	return web->server;
}

struct files *web_files(const struct web *web)
{
	return web->files;
}

const char *web_base(const struct web *web)
{
	return web->base;
}

static const char *path_of(const struct web *web)
{
	return PATH;
}

/* ---- Pages ---- */

/* Headers; the body follows when the connection takes it. Texts of `body` are owned from here on. */
static int reply(struct lws *wsi, struct answer *answer, unsigned status, const char *type, char *body)
{
	unsigned char room[LWS_PRE + 1024], *at = room + LWS_PRE, *end = room + sizeof room;
	static const char any[] = "*";
	answer->body = body;
	answer->len = strlen(body);
	answer->sent = 0;
	if (lws_add_http_common_headers(wsi, status, type, answer->len, &at, end) ||
	    lws_add_http_header_by_name(
	        wsi, (const unsigned char *)"access-control-allow-origin:", (const unsigned char *)any, 1, &at, end) ||
	    lws_finalize_write_http_header(wsi, room + LWS_PRE, &at, end))
		return 1;
	lws_callback_on_writable(wsi);
	return 0;
}

static int write_body(struct lws *wsi, struct answer *answer)
{
	unsigned char room[LWS_PRE + 4096];
	size_t len = answer->len - answer->sent;
	if (!answer->body)
		return 0;
	if (len > sizeof room - LWS_PRE)
		len = sizeof room - LWS_PRE;
	memcpy(room + LWS_PRE, answer->body + answer->sent, len);
	answer->sent += len;
	bool last = answer->sent == answer->len;
	if (lws_write(wsi, room + LWS_PRE, len, last ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < (int)len)
		return 1;
	if (last)
		return lws_http_transaction_completed(wsi);
	lws_callback_on_writable(wsi);
	return 0;
}

static char *socket_url(const struct web *web)
{
	const struct server *server = web->server;
	const char *given = config_text(server->config, "service.websocket_url");
	if (!text_empty(given))
		return mem_strdup(given);
	return mem_printf("%s://%s:%lld%s", web->secure ? "wss" : "ws", server->jid,
	                  (long long)config_number(server->config, "service.websocket_port"), path_of(web));
}

static int host_meta(struct web *web, struct lws *wsi, struct answer *answer)
{
	char *url = socket_url(web);
	char *body = mem_printf("<?xml version='1.0' encoding='utf-8'?>"
	                        "<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>"
	                        "<Link rel='" NS_WEBSOCKET "' href='%s'/></XRD>\n",
	                        url);
	free(url);
	return reply(wsi, answer, HTTP_STATUS_OK, "application/xrd+xml", body);
}

static int host_meta_json(struct web *web, struct lws *wsi, struct answer *answer)
{
	char *url = socket_url(web);
	char *body = mem_printf("{\"links\":[{\"rel\":\"" NS_WEBSOCKET "\",\"href\":\"%s\"}]}\n", url);
	free(url);
	return reply(wsi, answer, HTTP_STATUS_OK, "application/json", body);
}

/* ---- Files ---- */

static bool add_header(struct lws *wsi, const char *name, const char *value, unsigned char **at, unsigned char *end)
{
	return lws_add_http_header_by_name(wsi, (const unsigned char *)name, (const unsigned char *)value,
	                                   (int)strlen(value), at, end) == 0;
}

/* What is not plainly harmless is only saved by a browser, and nothing in it is ever run. */
static int give_file(struct web *web, struct lws *wsi, struct answer *answer, const char *path)
{
	unsigned char headers[1024], *at = headers, *end = headers + sizeof headers;
	struct file_found found;
	if (!web->files || !files_find(web->files, path, &found))
		return reply(wsi, answer, HTTP_STATUS_NOT_FOUND, "text/plain", mem_strdup("There is no such file.\n"));
	int result = 1;
	if (add_header(wsi, "access-control-allow-origin:", "*", &at, end) &&
	    add_header(wsi, "content-security-policy:", "default-src 'none'; sandbox", &at, end) &&
	    add_header(wsi, "x-content-type-options:", "nosniff", &at, end) &&
	    (found.shown || add_header(wsi, "content-disposition:", "attachment", &at, end))) {
		result = lws_serve_http_file(wsi, found.path, found.type, (const char *)headers, (int)(at - headers));
		result = result < 0 ? 1 : 0;
	}
	free(found.path);
	return result;
}

static int take_file(struct web *web, struct lws *wsi, struct answer *answer, const char *path)
{
	char length[32] = "";
	unsigned status = HTTP_STATUS_NOT_FOUND;
	lws_hdr_copy(wsi, length, sizeof length, WSI_TOKEN_HTTP_CONTENT_LENGTH);
	if (web->files)
		answer->file = arrival_begin(web->files, path, strtoull(length, NULL, 10), &status);
	if (answer->file)
		return 0; /* its body comes */
	reply(wsi, answer, status, "text/plain", mem_strdup("This file is not expected here.\n"));
	return 0;
}

static int allow_origins(struct lws *wsi)
{
	unsigned char room[LWS_PRE + 1024], *at = room + LWS_PRE, *end = room + sizeof room;
	if (lws_add_http_common_headers(wsi, HTTP_STATUS_OK, "text/plain", 0, &at, end) ||
	    !add_header(wsi, "access-control-allow-origin:", "*", &at, end) ||
	    !add_header(wsi, "access-control-allow-methods:", "GET, HEAD, PUT, OPTIONS", &at, end) ||
	    !add_header(wsi, "access-control-allow-headers:", "Content-Type", &at, end) ||
	    !add_header(wsi, "access-control-max-age:", "86400", &at, end) ||
	    lws_finalize_write_http_header(wsi, room + LWS_PRE, &at, end))
		return 1;
	return lws_http_transaction_completed(wsi);
}

static int body_came(struct lws *wsi, struct answer *answer, const void *bytes, size_t len)
{
	if (answer->file && !arrival_write(answer->file, bytes, len))
		arrival_abort(&answer->file);
	return 0;
}

static int body_ended(struct lws *wsi, struct answer *answer)
{
	unsigned status = answer->file ? arrival_end(answer->file) : HTTP_STATUS_BAD_REQUEST;
	answer->file = NULL;
	if (answer->body)
		return 0; /* refused already */
	return reply(wsi, answer, status, "text/plain", mem_strdup(status == 201 ? "Taken.\n" : "Not taken.\n"));
}

static int file_request(struct web *web, struct lws *wsi, struct answer *answer)
{
	char *uri = NULL;
	int len = 0, method = lws_http_get_uri_and_method(wsi, &uri, &len);
	char *path = mem_strndup(uri ? uri : "", len > 0 ? (size_t)len : 0);
	int result;
	if (method == LWSHUMETH_PUT)
		result = take_file(web, wsi, answer, path);
	else if (method == LWSHUMETH_OPTIONS)
		result = allow_origins(wsi);
	else if (method == LWSHUMETH_GET || method == LWSHUMETH_HEAD)
		result = give_file(web, wsi, answer, path);
	else
		result =
		    reply(wsi, answer, HTTP_STATUS_METHOD_NOT_ALLOWED, "text/plain", mem_strdup("Not like this.\n"));
	free(path);
	return result;
}

static int request(struct web *web, struct lws *wsi, struct answer *answer, const char *path)
{
	static const struct {
		const char *path;
		int (*page)(struct web *, struct lws *, struct answer *);
	} pages[] = {{"/.well-known/host-meta", host_meta}, {"/.well-known/host-meta.json", host_meta_json}};
	if (!strncmp(path, "/upload/", 8))
		return file_request(web, wsi, answer);
	for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
		if (!strcmp(path, pages[i].path))
			return pages[i].page(web, wsi, answer);
	}
	return reply(wsi, answer, HTTP_STATUS_NOT_FOUND, "text/plain",
	             mem_strdup("There is nothing here. Streams of XMPP go over the WebSocket " PATH ".\n"));
}

/* ---- The library's events ---- */

/* Only for our path, and only with our protocol. */
static int check_upgrade(struct web *web, struct lws *wsi)
{
	char path[128] = "", protocol[128] = "";
	lws_hdr_copy(wsi, path, sizeof path, WSI_TOKEN_GET_URI);
	lws_hdr_copy(wsi, protocol, sizeof protocol, WSI_TOKEN_PROTOCOL);
	return strcmp(path, path_of(web)) != 0 || !strstr(protocol, "xmpp");
}

static void set_up_tls(struct web *web, void *context)
{
	web->tls = context;
	if (!web->certificate ||
	    !tls_server_configure(context, web->certificate, config_text(web->server->config, "service.cert_password"),
	                          &web->error))
		web->failed = true;
}

static int http_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	struct lws_context *context = wsi ? lws_get_context(wsi) : NULL;
	struct web *web = context ? lws_context_user(context) : NULL;
	struct answer *answer = user;
	switch (reason) {
	case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS:
		set_up_tls(web, user);
		return 0;
	case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
		return 1; /* a WebSocket without our protocol */
	case LWS_CALLBACK_HTTP:
		return request(web, wsi, answer, in);
	case LWS_CALLBACK_HTTP_BODY:
		return body_came(wsi, answer, in, len);
	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
		return body_ended(wsi, answer);
	case LWS_CALLBACK_HTTP_FILE_COMPLETION:
		return lws_http_transaction_completed(wsi);
	case LWS_CALLBACK_HTTP_WRITEABLE:
		return write_body(wsi, answer);
	case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
	case LWS_CALLBACK_CLOSED_HTTP:
		if (answer) {
			free(answer->body);
			answer->body = NULL;
			arrival_abort(&answer->file);
		}
		return 0;
	default:
		return lws_callback_http_dummy(wsi, reason, user, in, len);
	}
}

static int xmpp_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	struct web *web = wsi ? lws_context_user(lws_get_context(wsi)) : NULL;
	if (reason == LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION)
		return check_upgrade(web, wsi);
	return web ? websocket_event(web, wsi, (int)reason, user, in, len) : 0;
}

static const struct lws_protocols protocols[] = {
    {.name = "http", .callback = http_event, .per_session_data_size = sizeof(struct answer), .rx_buffer_size = 4096},
    {.name = "xmpp", .callback = xmpp_event, .per_session_data_size = sizeof(struct answer), .rx_buffer_size = 4096},
    {0},
};

static void to_log(int level, const char *line)
{
	log_debug("%.*s", (int)strcspn(line, "\n"), line);
}

/* ---- Beginning and end ---- */

static bool make_vhost(struct web *web, char **error)
{
	const struct config *config = web->server->config;
	const char *address = address_of(web->server);
	struct str certificate = {0}, key = {0};
	struct lws_context_creation_info info = {
	    .vhost_name = web->server->jid,
	    .port = (int)config_number(config, "service.websocket_port"),
	    .iface = address,
	    .alpn = "http/1.1", /* with HTTP/2 the library gives files no length, which clients want to know first */
	    .protocols = protocols,
	    .timeout_secs = CONNECT_SECONDS,
	    .keepalive_timeout = CONNECT_SECONDS,
	    .ka_time = 600, /* as in socket.c */
	    .ka_probes = 4,
	    .ka_interval = 30,
	};
	if (!strcmp(info.iface, "0.0.0.0"))
		info.iface = NULL;
	if (web->secure) {
		/* The library wants some certificate; ours is put into its context at once (set_up_tls). */
		info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
		if (!tls_make_self_signed(web->server->jid, &certificate, &key, &web->error))
			web->failed = true;
		info.server_ssl_cert_mem = certificate.data;
		info.server_ssl_cert_mem_len = (unsigned)certificate.len + 1;
		info.server_ssl_private_key_mem = key.data;
		info.server_ssl_private_key_mem_len = (unsigned)key.len + 1;
	}
	web->vhost = web->failed ? NULL : lws_create_vhost(web->context, &info);
	str_fini(&certificate);
	str_fini(&key);
	if (web->vhost && !web->failed)
		return true;
	*error = web->error ? mem_strdup(web->error)
	                    : mem_printf("can't listen on service.websocket_port=%d: it may be in use", info.port);
	return false;
}

/* On a loopback address there is a reverse proxy, which has the certificate; or somebody tries it out. */
static bool wants_tls(const struct server *server)
{
	const char *choice = config_text(server->config, "service.websocket_tls");
	return strcmp(choice, "auto") != 0 ? !strcmp(choice, "on") : !server_is_loopback(address_of(server));
}

/* The library loads its libuv plug-in by itself, and unloads it while handles of its are still being closed: it has to
 * stay. */
static void pin_plugin(void)
{
	dlopen("libwebsockets-evlib_uv.so", RTLD_NOW | RTLD_NODELETE);
}

struct web *web_new(struct server *server, const char *certificate, char **error)
{
	struct web *web = mem_new(sizeof *web);
	web->server = server;
	web->secure = wants_tls(server);
	web->certificate = certificate;
	web->loops[0] = loop_uv(server->loop);
	pin_plugin();
	web->base = text_empty(config_text(server->config, "upload.url"))
	                ? mem_printf("%s://%s:%lld", web->secure ? "https" : "http", server->jid,
	                             (long long)config_number(server->config, "service.websocket_port"))
	                : mem_strdup(config_text(server->config, "upload.url"));
	/* It is put into XML and JSON as it is. */
	if (config_text(server->config, "service.websocket_url") &&
	    strpbrk(config_text(server->config, "service.websocket_url"), "\"'<>&\\"))
		*error = mem_strdup("service.websocket_url has characters that no URL needs");
	else
		web->files = files_new(server->loop, server->config, error);
	if (*error) {
		web_free(&web);
		return NULL;
	}
	lws_set_log_level(LLL_ERR | LLL_WARN, to_log);
	struct lws_context_creation_info info = {
	    .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_VALIDATE_UTF8 |
	               (web->secure ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0),
	    .foreign_loops = web->loops,
	    .user = web,
	    .gid = (gid_t)-1,
	    .uid = (uid_t)-1,
	    .max_http_header_data = HEADERS_MOST,
	    .pcontext = &web->context,
	};
	web->context = lws_create_context(&info);
	if (!web->context)
		*error = mem_strdup("libwebsockets can't be used: is the package libwebsockets-evlib-uv installed?");
	if (!web->context || !make_vhost(web, error))
		web_free(&web);
	else
		web->certificate = NULL;
	return web;
}

void web_stop(struct web *web)
{
	if (web->context && !web->stopped)
		lws_context_destroy(web->context);
	web->stopped = true;
}

void web_free(struct web **at)
{
	struct web *web = *at;
	if (!web)
		return;
	*at = NULL;
	if (!web->stopped) {
		web_stop(web);
		for (int turns = 0; turns < 3; turns++)
			uv_run(web->loops[0], UV_RUN_NOWAIT);
	}
	/* Its handles are closed: now it lets go of the rest. */
	if (web->context)
		lws_context_destroy(web->context);
	files_free(&web->files);
	free(web->base);
	free(web);
}

bool web_reload(struct web *web, const char *certificate, const char **error)
{
	return !web->secure || tls_server_configure(web->tls, certificate,
	                                            config_text(web->server->config, "service.cert_password"), error);
}
