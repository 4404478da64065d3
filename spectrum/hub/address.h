/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of the network and the node parts of their JIDs at the gateway. Two forms: XEP-0106 escaping, and the older one
 * in which the last `@` is a `%` (and what else can't stand in a node is escaped all the same). */
#ifndef SPECTRUM_HUB_ADDRESS_H
#define SPECTRUM_HUB_ADDRESS_H

#include <stdbool.h>

#include "lib/base/mem.h"

/* Contact -> node, prepared (lower case); NULL if no JID can be made of the name. */
const char *address_of_contact(struct arena *, const char *name, bool escaped);
/* Room -> node: always with `%`. */
const char *address_of_room(struct arena *, const char *name);
/* Node -> name: unescaped; if there is no `@` in it then, the last `%` is one. */
const char *address_name(struct arena *, const char *node);
/* Whether the node is a room by its form alone: IRC's channels. */
bool address_is_room(const char *node);

#endif
