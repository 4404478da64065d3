/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HTTP for clients, on a port of its own, by libwebsockets on our loop: streams over WebSocket (RFC 7395), where to
 * find them (XEP-0156), and uploaded files (XEP-0363). */
#ifndef SPECTRUM_SERVER_WEB_H
#define SPECTRUM_SERVER_WEB_H

#include <stdbool.h>
#include <stddef.h>

struct files;
struct server;
struct web;
struct lws;

/* NULL with *error (owned by the caller) if the port or the certificate can't be used. */
struct web *web_new(struct server *, const char *certificate, char **error);
/* Closes port and connections; this takes some turns of the loop, to be had before web_free. */
void web_stop(struct web *);
void web_free(struct web **);
/* Takes the certificate anew. */
bool web_reload(struct web *, const char *certificate, const char **error);
/* Whether what goes over it can't be read on the way: TLS, or a reverse proxy on this machine. */
bool web_is_secure(const struct web *);
struct server *web_server(const struct web *);
/* Uploaded files; NULL: the configuration wants none. */
struct files *web_files(const struct web *);
/* What URLs here begin with. */
const char *web_base(const struct web *);

/* websocket.c: what libwebsockets tells of one connection; `room` is memory of its own for it. */
struct websocket_room {
	struct websocket *websocket;
};
int websocket_event(struct web *, struct lws *, int reason, struct websocket_room *room, const char *bytes, size_t len);

#endif
