/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The XMPP side. This header is for main.c; inside.h is what the files of this folder share. */
#ifndef SPECTRUM_FRONTEND_FRONTEND_H
#define SPECTRUM_FRONTEND_FRONTEND_H

#include "lib/config/config.h"
#include "lib/io/loop.h"

struct frontend;

/* Opens the database, starts the first backend, connects to the XMPP server. NULL with *error (owned by the caller) if
 * the instance can't be started. */
struct frontend *frontend_new(struct loop *, struct config *, int argc, char **argv, char **error);
/* Reads the certificate again (server mode). */
void frontend_reload(struct frontend *);
/* Tells everybody, ends the backends, sees the last messages off (at most 0.8 s); then stops the loop. */
void frontend_stop(struct frontend *);
void frontend_free(struct frontend **);

#endif
