/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The modes of a channel as the settings of a room: what is true of it, the form, and what has to be changed. */
#ifndef BACKENDS_IRC_MODES_H
#define BACKENDS_IRC_MODES_H

#include "backends/irc/channel.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

#define MODES_FIELDS 7

/* A mode was set or taken; `argument` "" if it has none. True if it is one of those that are told. */
bool modes_has(const struct channel *, char mode);
bool modes_set(struct channel *, char mode, bool set, const char *argument);
/* Tells what is known of them. */
void modes_show(struct channel *);
/* The fields of the form; returns how many. Values are on the arena. */
size_t modes_form(const struct channel *, struct arena *, struct s2_field fields[MODES_FIELDS]);
/* Appends the MODE line that makes the fields true, nothing if they are. Why that can't be, or NULL. */
const char *modes_configure(const struct channel *, const struct s2_field *, size_t count, struct str *lines);

#endif
