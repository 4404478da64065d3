/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The gateway's own requests (RFC 6120 section 8.2.3): which of them wait for an answer, and who wants to have it. Each
 * ends exactly once: by its answer, by time, or because the link to the XMPP server was lost. */
#ifndef SPECTRUM_FRONTEND_IQ_H
#define SPECTRUM_FRONTEND_IQ_H

#include <stdbool.h>

#include "lib/io/loop.h"
#include "lib/xmpp/element.h"
#include "lib/xmpp/writer.h"

struct frontend;
struct iq_table;

enum iq_end { IQ_RESULT, IQ_ERROR, IQ_TIMEOUT, IQ_LOST };

/* A request at its end. The texts are borrowed until the call returns. */
struct iq {
	struct frontend *frontend;
	enum iq_end end;
	const char *to;               /* whom it was sent to */
	const char *subject;          /* as it was given to iq_open */
	struct arena *arena;          /* of the answer */
	const struct element *answer; /* of type result or error; NULL if none came */
};
typedef void iq_answer(const struct iq *);

struct iq_table *iq_table_new(struct frontend *, struct loop *);
/* Nobody is told. */
void iq_table_free(struct iq_table **);

/* A request from the gateway, open: write the payload, then stanza_close. `to` is a prepared JID, and the only one
 * whose answer counts. `subject` is copied for the answer. NULL if the link is down or too many requests wait. */
struct writer *iq_open(struct iq_table *, const char *type, const char *to, unsigned wait_ms, iq_answer *,
                       const char *subject);
/* The same in the name of a user (bare JID), if his host has granted that for this type and namespace of the payload
 * (XEP-0356 section 7; privilege.h): as if a client of his had sent it to `to` (NULL: to his own account). Write the
 * payload, then privileged_iq_close. The answer is what his server got; it is an IQ_ERROR without a condition if that is
 * no answer to this request. NULL also if it is not granted. */
struct writer *privileged_iq_open(struct iq_table *, const char *type, const char *user, const char *ns, const char *to,
                                  unsigned wait_ms, iq_answer *, const char *subject);
void privileged_iq_close(struct iq_table *, struct writer *);
/* An answer came, from this JID. What nobody waits for is passed over. */
void iq_answered(struct iq_table *, struct arena *, const char *from, const struct element *stanza);
/* The link was lost: no answers will come. */
void iq_lose_all(struct iq_table *);

#endif
