/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of the kit only: the one backend that this process is. */
#ifndef KIT_STATE_H
#define KIT_STATE_H

#include "lib/base/map.h"
#include "lib/config/config.h"
#include "lib/io/loop.h"
#include "spectrum2/backend.h"

struct kit {
	const struct s2_backend *backend;
	struct config *config;
	struct loop *loop;
	struct map users; /* struct s2_user by bare JID */
	bool extended;    /* the main process understands our extensions */
	bool ending;      /* kit_end was called: no frame is handled any more */
	/* kit/upload, where it is linked; NULL else. */
	void (*slot_arrived)(struct s2_user *, const struct s2_slot *);
	void (*user_gone)(struct s2_user *);
};
extern struct kit kit;

/* Logs all users out and ends the process with this status, once the stack is unwound. */
void kit_end(int status);

#endif
