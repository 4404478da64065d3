/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files from the network for the user's clients: s2_upload of the public header. Linked only by backends that have
 * files, as it brings an HTTP client along. */
#ifndef KIT_UPLOAD_H
#define KIT_UPLOAD_H

#include "spectrum2/backend.h"

/* Once, in the backend's `start`: makes the kit hand slots and the ends of users over. And in its `stop`. */
void upload_start(void);
void upload_stop(void);

#endif
