/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files about rooms offer the others of this folder. */
#ifndef SPECTRUM_FRONTEND_MUC_H
#define SPECTRUM_FRONTEND_MUC_H

#include "spectrum/frontend/info.h"
#include "spectrum/frontend/inside.h"

/* roominfo.c: what a room tells of itself. */
void roominfo_collect(struct request *, struct info *);

#endif
