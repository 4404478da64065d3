/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Items on the user's own account that only his clients see (XEP-0223): his bookmarks, how far he has read. The gateway
 * keeps them there in his name, where his server has granted that (XEP-0356). */
#ifndef SPECTRUM_FRONTEND_PRIVATE_NODE_H
#define SPECTRUM_FRONTEND_PRIVATE_NODE_H

#include "spectrum/frontend/inside.h"
#include "spectrum/frontend/iq.h"

/* Publishes an item: write its payload, then private_node_published. `subject` is copied for the answer. NULL if it is
 * not granted, or can't be asked now; then no answer comes. */
struct writer *private_node_publish(struct frontend *, const struct user *, const char *node, const char *id,
                                    iq_answer *, const char *subject);
void private_node_published(struct frontend *, struct writer *);
/* Asks for one item; takes one out, and his clients are told. False as above. */
bool private_node_get(struct frontend *, const struct user *, const char *node, const char *id, iq_answer *,
                      const char *subject);
bool private_node_retract(struct frontend *, const struct user *, const char *node, const char *id, iq_answer *,
                          const char *subject);

#endif
