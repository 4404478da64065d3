/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is found out beyond types and ranges, before a start and by --check-config: whether the values fit each other and
 * this machine. Nothing is started, connected or written. Called by options.c only. */
#ifndef SPECTRUM_CHECK_H
#define SPECTRUM_CHECK_H

#include "lib/config/config.h"

/* Adds a line for each problem: "FILE:LINE: key: what is wrong; what to do". */
void check_config(const struct config *, struct str *errors, struct str *warnings);

#endif
