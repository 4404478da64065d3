/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What ends a client's stream, in words for people; for lib/xmpp/client only. */
#ifndef LIB_XMPP_CLIENT_FAILURE_H
#define LIB_XMPP_CLIENT_FAILURE_H

#include "lib/xmpp/client.h"
#include "lib/xmpp/parser.h"

/* All fill in `failure` with texts on the arena. `domain` names the server. */

/* <stream:error/> (RFC 6120 section 4.9). */
void failure_of_stream(struct client_failure *, struct arena *, const char *domain, const struct element *error);
/* SASL's <failure/> (section 6.5). */
void failure_of_sasl(struct client_failure *, struct arena *, const char *domain, const struct element *failure);
/* Binding was refused: an iq of type error. */
void failure_of_binding(struct client_failure *, struct arena *, const char *domain, const struct element *iq);
/* What came can't be read. */
void failure_of_parser(struct client_failure *, struct arena *, const char *domain, enum parser_error);
/* Whether it is over something that was sent: sending it once more would do it again. */
bool failure_is_ours(const struct client_failure *);

#endif
