/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is inside of a message stanza, both ways: text, files, and what it says about other messages. Used for messages
 * of contacts, of rooms, and for those that the user wrote elsewhere. */
#ifndef SPECTRUM_FRONTEND_CONTENT_H
#define SPECTRUM_FRONTEND_CONTENT_H

#include "spectrum/frontend/inside.h"

#define CONTENT_ATTACHMENTS 16 /* of one message */
#define CONTENT_REACTIONS 20

struct content {
	const char *body, *subject, *xhtml; /* NULL: there is none */
	const struct element *attention;
	int typing; /* s2_typing, or -1 */
	bool want_receipt, want_marker, encrypted;
	const char *replaces;                          /* XEP-0308 */
	const char *reply_to, *reply_jid, *reply_text; /* XEP-0461 */
	const char *displayed;                         /* XEP-0333 */
	const char *retracted;                         /* XEP-0424 */
	const char *reacted;                           /* XEP-0444: the message, and */
	const char *reactions[CONTENT_REACTIONS + 1];  /* one more than allowed shows that there are too many */
	size_t reaction_count;
	struct s2_attachment attachments[CONTENT_ATTACHMENTS]; /* XEP-0066, XEP-0447 */
	size_t attachment_count;
};

/* On the request's arena. What the network has a form of its own for is taken out of the body, as far as the client
 * marked it (XEP-0428). */
void content_read(struct request *, struct content *);
/* Whether it says something about an earlier message and nothing else. */
bool content_is_annotation(const struct content *);

/* Clients show a file only in a message of its own. This is number `part` of what has to be sent for a message from the
 * network, on the frontend's arena; false behind the last one. */
bool content_part(struct frontend *, const struct s2_message *, unsigned part, struct s2_message *piece);
/* Body, XHTML, files, replaced message, reply: all that stands inside of a message. `reply_jid` (NULL: unknown): who
 * wrote what is replied to. */
void content_write(struct frontend *, struct writer *, const struct s2_message *, const char *reply_jid);

#endif
