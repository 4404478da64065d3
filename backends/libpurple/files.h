/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files and pictures that come from a network: put into service.web_directory under names of our own, and told as
 * attachments with their URL. Nothing of a name that the network gives gets into a path. */
#ifndef BACKENDS_LIBPURPLE_FILES_H
#define BACKENDS_LIBPURPLE_FILES_H

#include "backends/libpurple/session.h"

/* After purple_core_init. */
void files_start(void);
/* Ends the transfers of the account. */
void files_forget(struct session *);

/* Writes a picture, named by its content; returns its URL, owned by the caller. NULL if that can't be: there is no such
 * directory, it is too large, or no picture that browsers show. */
char *files_publish_image(const void *bytes, size_t len);
/* The type of such a URL. */
const char *files_mime_type(const char *url);

#endif
