/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames of a backend to events; lib/io's input goes in here. */
#ifndef SPECTRUM_LINK_RECEIVE_H
#define SPECTRUM_LINK_RECEIVE_H

#include <stddef.h>

struct backend;

/* Handles all complete frames and keeps the rest. May give the backend up. */
void receive_input(struct backend *, const char *bytes, size_t len);

#endif
