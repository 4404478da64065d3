/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the network calls the messages that a user has sent: corrections, reactions and the like name a message by the
 * stanza's id on the XMPP side and by the network's id on the other. Messages from the network need no entry, as their
 * stanzas carry the network's id. Bounded: the oldest entries make room. Empty it costs a pointer. */
#ifndef SPECTRUM_HUB_IDMAP_H
#define SPECTRUM_HUB_IDMAP_H

struct idmap;

/* Makes the map if it is NULL. Of two messages with the same stanza id to the same peer the later one counts. */
void idmap_put(struct idmap **, const char *peer, const char *own, const char *network);
/* The network's id of the message that the user's stanza `own` was, NULL if it is not known. Borrowed until the next
 * idmap_put. */
const char *idmap_network(const struct idmap *, const char *peer, const char *own);
/* And back. */
const char *idmap_own(const struct idmap *, const char *peer, const char *network);
void idmap_free(struct idmap **);

#endif
