/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists of service discovery, in pages. */
#ifndef SPECTRUM_FRONTEND_LISTING_H
#define SPECTRUM_FRONTEND_LISTING_H

#include "spectrum/frontend/inside.h"

/* disco#items, but for commands: the user's rooms, a room's occupants, a server's rooms. */
iq_handler listing_get;
/* Forgets the lists of servers; nobody is told. */
void listing_free_all(struct frontend *);

#endif
