/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The XMPP side. This header is for main.c; inside.h is what the files of this folder share. */
#ifndef SPECTRUM_FRONTEND_FRONTEND_H
#define SPECTRUM_FRONTEND_FRONTEND_H

#include "lib/config/config.h"
#include "lib/io/loop.h"

struct frontend;
struct hub;

/* Opens the database, starts the first backend, connects to the XMPP server. NULL with *error (owned by the caller) if
 * the instance can't be started. */
struct frontend *frontend_new(struct loop *, struct config *, int argc, char **argv, char **error);
/* Reads the certificate again (server mode). */
void frontend_reload(struct frontend *);
/* Who reads the configuration again when an administrator wants it, and adds what came of it to `answer`. */
void frontend_on_reload(struct frontend *, void (*reload)(void *arg, struct str *answer), void *arg);
/* For the administration. Borrowed. */
struct hub *frontend_hub(struct frontend *);
/* Tells everybody, ends the backends, sees the last messages off (at most 0.8 s); then stops the loop. */
void frontend_stop(struct frontend *);
void frontend_free(struct frontend **);

#endif
