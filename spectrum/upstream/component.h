/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The link to the XMPP server in gateway mode (XEP-0114). It connects, proves the secret, comes back by itself with
 * jittered back-off, and keeps what must not be lost.
 *
 * XEP-0114 has no acknowledgements. So behind messages goes an IQ to our own address, which the server sends back to
 * us: streams are handled in order, so when it returns, everything before it has arrived. Messages stay here until
 * then; those that a broken link left in doubt, and those that came while it was down, are sent when it stands again,
 * in order. */
#ifndef SPECTRUM_UPSTREAM_COMPONENT_H
#define SPECTRUM_UPSTREAM_COMPONENT_H

#include "lib/config/config.h"
#include "lib/io/loop.h"
#include "spectrum/upstream/upstream.h"

/* The config must outlive it. Up when the handshake was accepted. */
struct upstream *component_new(struct loop *, const struct config *, const struct upstream_events *, void *arg);

#endif
