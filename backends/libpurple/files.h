/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files and pictures that come from a network. Files are taken into a directory of our own under names of our own, then
 * they are put where the user's clients can fetch them, and told as attachments. Nothing of a name that the network
 * gives gets into a path. */
#ifndef BACKENDS_LIBPURPLE_FILES_H
#define BACKENDS_LIBPURPLE_FILES_H

#include "backends/libpurple/session.h"

/* After purple_core_init, and after all sessions. */
void files_start(void);
void files_stop(void);
/* Ends the transfers of the account. */
void files_forget(struct session *);

/* A picture inside of a message: told as one more message like `message`, when it is where clients can fetch it. */
void files_send_picture(struct session *, const struct s2_message *, const void *bytes, size_t len);

#endif
