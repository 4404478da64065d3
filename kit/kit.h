/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kit offers its own network sessions and the backends of this tree beyond the public header. */
#ifndef KIT_KIT_H
#define KIT_KIT_H

#include <stddef.h>

#include "lib/base/mem.h"
#include "lib/io/loop.h"
#include "spectrum2/backend.h"

/* The process's loop; there from `start` until `stop` returned. */
struct loop *kit_loop(void);
/* Lives exactly as long as the user is logged in, for what belongs to him. */
struct arena *kit_user_arena(struct s2_user *);
/* Bytes that the main process has not taken yet: a backend reads no more from its network while they are many. */
size_t kit_unsent(void);

#endif
