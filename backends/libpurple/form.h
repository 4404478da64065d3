/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Forms of libpurple (PurpleRequestFields) as questions of ours, and the answers back into them. */
#ifndef BACKENDS_LIBPURPLE_FORM_H
#define BACKENDS_LIBPURPLE_FORM_H

#include <purple.h>
#include <stdbool.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "spectrum2/types.h"

/* Fills fields, text and picture of the request, from the arena; what can't be a field is added to `text`. */
void form_describe(struct s2_request *, struct arena *, PurpleRequestFields *, struct str *text);
/* Puts one answer into its field. False if it is no possible one. */
bool form_set(PurpleRequestFields *, const char *name, const char *value);
/* A password that libpurple asks for because there is none. */
bool form_is_password(PurpleRequestFields *);
/* Labels have an underscore before the letter of a keyboard shortcut. Owned by the caller. */
char *form_label(const char *text);

#endif
