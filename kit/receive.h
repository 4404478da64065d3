/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames of the main process to the backend's callbacks; the twin of spectrum/link/send. */
#ifndef KIT_RECEIVE_H
#define KIT_RECEIVE_H

#include "lib/wire/wire.h"

/* Borrowed until it returns. */
void kit_receive(const struct wire_frame *);

#endif
