/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Certificates of servers: checked in place of libpurple's own checker, which would ask a person to accept the bad ones
 * and keeps their answers in files. */
#ifndef BACKENDS_LIBPURPLE_CERTIFICATES_H
#define BACKENDS_LIBPURPLE_CERTIFICATES_H

#include <stdbool.h>

#include "spectrum2/types.h"

/* After purple_core_init. */
void certificates_start(void);
void certificates_stop(void);
/* While a protocol is being told that a certificate was refused: why. False at other times. *text is for people,
 * borrowed. */
bool certificates_problem(enum s2_connection_error *, const char **text);

#endif
