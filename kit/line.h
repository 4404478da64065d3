/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The line to the main process: a socket that it made for this very child, or a connection to its port. What is
 * written goes out behind everything that was written to networks in the same turn, so that a message is on its way
 * before it is confirmed: a crash in between can at worst refuse something that was sent, never lose it. */
#ifndef KIT_LINE_H
#define KIT_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/wire/wire.h"

/* `fd` -1: connects to host and port. When the line stands, BACKEND_CONFIG goes out first. */
void kit_line_open(int fd, const char *host, uint16_t port);
/* False if the frame is too long for the wire; it was not sent. */
bool kit_line_write(const struct wire_frame *);
/* Sends what is written and closes. */
void kit_line_close(void);

#endif
