/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames towards the main process that the kit itself sends; the backend's are declared in the public header. */
#ifndef KIT_SEND_H
#define KIT_SEND_H

#include "spectrum2/backend.h"

/* Only towards a main process that understands extensions. */
void kit_send_result(const char *jid, const char *id, const char *peer, enum s2_condition, const char *text);
/* With what the network calls the message; NULL: it does not say. */
void kit_send_done(const char *jid, const char *id, const char *peer, enum s2_condition, const char *text,
                   const char *network_id);
/* Abilities, first of all frames. */
void kit_send_features(void);
void kit_send_pong(void);
/* Memory and process id. */
void kit_send_stats(void);

#endif
