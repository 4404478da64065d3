/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is set of one node of a user's personal events (XEP-0163, XEP-0060), as far as it matters here: who may read it,
 * how many items it keeps, and when a client is sent the last one unasked. As text it is "ACCESS MOST LAST". */
#ifndef SPECTRUM_SERVER_NODE_H
#define SPECTRUM_SERVER_NODE_H

#include <stdbool.h>

#include "lib/xmpp/element.h"
#include "lib/xmpp/writer.h"

struct node_config {
	const char *access; /* a literal: "presence", "open", "whitelist" ... */
	unsigned most;
	const char *last; /* a literal: "never", "on_sub", "on_sub_and_presence" */
};

#define NODE_ITEMS_MOST 256

struct node_config node_default(void);
/* The text that is kept; the default if it is NULL or none of ours. */
struct node_config node_read(const char *text);
#define NODE_TEXT_BYTES 64
void node_text(const struct node_config *, char out[NODE_TEXT_BYTES]);
/* Takes over what a form sets (pubsub#node_config or pubsub#publish-options). False if it sets what can't be. */
bool node_set(struct node_config *, struct arena *, const struct element *form);
/* Whether the form's demands are met as it is (XEP-0060 section 7.1.5). */
bool node_meets(const struct node_config *, struct arena *, const struct element *form);
/* The form with what is set. */
void node_write(const struct node_config *, struct writer *);
/* Anybody may read it. */
bool node_is_open(const struct node_config *);
/* Who comes gets the last item. */
bool node_greets(const struct node_config *);
/* Only the user himself may read it. */
bool node_is_private(const struct node_config *);

#endif
