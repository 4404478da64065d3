/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The link to the XMPP server in gateway mode (XEP-0114). It connects, proves the secret, comes back by itself with
 * jittered back-off, and keeps what must not be lost.
 *
 * XEP-0114 has no acknowledgements. So behind messages goes an IQ to our own address, which the server sends back to
 * us: streams are handled in order, so when it returns, everything before it has arrived. Messages stay here until
 * then; those that a broken link left in doubt, and those that came while it was down, are sent when it stands again,
 * in order. */
#ifndef SPECTRUM_FRONTEND_COMPONENT_H
#define SPECTRUM_FRONTEND_COMPONENT_H

#include "lib/config/config.h"
#include "lib/io/loop.h"
#include "lib/xmpp/element.h"
#include "lib/xmpp/writer.h"

struct component;

struct component_events {
	/* The handshake was accepted: stanzas go out and come in. */
	void (*up)(void *arg);
	void (*down)(void *arg);
	void (*stanza)(void *arg, struct arena *arena, const struct element *);
	/* So much is kept that no more may come, or it may again. */
	void (*full)(void *arg, bool full);
	/* Keep these bytes over a restart under this number; and forget all numbers up to this one. */
	void (*keep)(void *arg, uint64_t sequence, const char *bytes, size_t len);
	void (*forget)(void *arg, uint64_t sequence);
};

/* The config must outlive it. */
struct component *component_new(struct loop *, const struct config *, const struct component_events *, void *arg);
/* Before the end: `stopped` is called when all that was written is confirmed and all that the server had sent by then
 * was handled, or after a moment; what is in doubt then was given to events.keep. */
void component_stop(struct component *, void (*stopped)(void *arg));
/* Ends the stream, sends what is buffered, closes. */
void component_free(struct component **);
/* Connects, and stays connected. */
void component_start(struct component *);
bool component_is_up(const struct component *);
/* What was kept over a restart: goes out first. */
void component_restore(struct component *, uint64_t sequence, const char *bytes, size_t len);

enum component_care {
	COMPONENT_PASSING, /* worth nothing when the link is down: presence, answers */
	COMPONENT_KEPT,    /* messages */
};
/* Opens one stanza; write its attributes and children, then close it. Nothing else of the component may be called in
 * between. */
struct writer *component_open(struct component *, const char *name, enum component_care);
void component_close(struct component *);

#endif
