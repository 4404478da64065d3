/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Server mode: the XMPP server that clients log in to, as the frontend's upstream. It does for its users what their own
 * server does in gateway mode (RFC 6120, RFC 6121): streams, log-in with the network's password, presence of several
 * clients, the roster, delivery. inside.h is what the files of this folder share. */
#ifndef SPECTRUM_SERVER_SERVER_H
#define SPECTRUM_SERVER_SERVER_H

#include "lib/config/config.h"
#include "lib/io/loop.h"
#include "spectrum/hub/hub.h"
#include "spectrum/upstream/upstream.h"

struct server;

/* NULL with *error (owned by the caller) if certificate or ports can't be used. The config must outlive it. */
struct upstream *server_new(struct loop *, const struct config *, const struct upstream_events *, void *arg,
                            char **error);
/* Before upstream_start. The hub must outlive the streams. */
void server_attach(struct upstream *, struct hub *);
/* Reads the certificate again; those who are connected notice nothing. */
void server_reload(struct upstream *);

/* What the domain can do because it is a server; NULL ends. */
extern const char *const server_features[];

/* Bytes of the largest file that can be uploaded here (XEP-0363), 0: none. */
uint64_t server_upload_most(const struct upstream *);
/* The URL for a file of this user, to put it there and to get it from there, on the arena; NULL with why not. */
const char *server_upload_place(struct upstream *, struct arena *, const char *owner, const char *name,
                                const char *type, uint64_t bytes, enum s2_condition *, const char **text);

/* Calls for the domain of each component that is connected. */
void server_each_guest(const struct upstream *, void (*call)(void *arg, const char *domain), void *arg);

/* Out of the hub (hub_events). */
void server_logged_out(struct upstream *, const char *jid, const char *text, const enum s2_connection_error *);
/* A contact is to come into the roster, or asks to be let in (BUDDY_REQUEST); its item has changed; it has to go. */
void server_contact_new(struct upstream *, struct user *, const struct buddy *);
void server_contact_said(struct upstream *, struct user *, const struct buddy *, enum s2_subscription_verb);
void server_contact_changed(struct upstream *, struct user *, const struct buddy *);
void server_contact_removed(struct upstream *, struct user *, const struct buddy *);

#endif
