/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Places for files from the network (XEP-0363): on the upload service of the user's own server, which is looked for once
 * per host and asked for a slot. The backend itself puts the file there. */
#ifndef SPECTRUM_FRONTEND_UPLOAD_H
#define SPECTRUM_FRONTEND_UPLOAD_H

#include "spectrum/hub/hub.h"

struct upload_table;

/* Out of the hub (hub_events). */
void upload_wanted(void *arg, struct user *, const struct s2_slot *);
void upload_table_free(struct upload_table **);

#endif
