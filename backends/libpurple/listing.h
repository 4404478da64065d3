/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of a network's rooms, fetched once after the log-in. Not on IRC, where the list of a large network has tens
 * of thousands of lines. */
#ifndef BACKENDS_LIBPURPLE_LISTING_H
#define BACKENDS_LIBPURPLE_LISTING_H

#include "backends/libpurple/session.h"

/* After purple_core_init. */
void listing_start(void);
void listing_init(struct session *);
/* The connection stands. */
void listing_online(struct session *);
void listing_forget(struct session *);

#endif
