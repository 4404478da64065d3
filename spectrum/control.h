/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The local channel for administration: QUERY frames with a line in, the answer out, as spectrum2_manager speaks it. Two
 * ways in, both for root and for the user that this process runs as, and for nobody else on this host or elsewhere:
 * a Unix socket beside service.portfile (its name with .sock), and the TCP port whose number that file holds. No
 * connection to either ever becomes a backend. */
#ifndef SPECTRUM_CONTROL_H
#define SPECTRUM_CONTROL_H

#include "lib/config/config.h"
#include "lib/io/loop.h"
#include "spectrum/hub/hub.h"

struct control;

/* Listens. NULL with *error (owned by the caller) if service.backend_port can't be had; a socket that can't be made is
 * only a warning. */
struct control *control_new(struct loop *, const struct config *, char **error);
/* Before the loop runs: whom the lines are for. */
void control_serve(struct control *, struct hub *);
/* For service.portfile. */
uint16_t control_port(const struct control *);
/* Takes nobody in any more, and answers nothing. */
void control_stop(struct control *);
/* After the hub is gone, which may owe answers until then. */
void control_free(struct control **);

#endif
