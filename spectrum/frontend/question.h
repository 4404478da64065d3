/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What networks ask their users in the course of a log-in, on its way to them: as the next step of a command that waits
 * for it, else by chat. Pictures go as bits of binary (XEP-0231). */
#ifndef SPECTRUM_FRONTEND_QUESTION_H
#define SPECTRUM_FRONTEND_QUESTION_H

#include "spectrum/frontend/inside.h"

/* Out of the hub (hub_events). */
void question_arrived(void *arg, struct user *, const struct s2_request *);
void question_over(void *arg, struct user *, const char *id, enum s2_condition, const char *text);

/* Of the picture: its type, and its content id; NULL if there is none that clients can show. */
const char *question_image_type(const struct s2_request *);
const char *question_image_id(struct arena *, const struct s2_request *);
/* <data/>, or nothing; `small`: only if it is small enough to go along unasked. */
void question_write_image(struct writer *, const struct s2_request *, bool small);
/* Into a message: the picture, and XHTML-IM that shows it below the text. */
void question_write_picture(struct frontend *, struct writer *, const struct s2_request *, const char *text);

#endif
