/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is inside of a message stanza, both ways: text, files, and what it says about other messages. The same for the
 * clients of the gateway and for XMPP as a network. */
#ifndef LIB_XMPP_CONTENT_H
#define LIB_XMPP_CONTENT_H

#include "lib/xmpp/element.h"
#include "lib/xmpp/writer.h"
#include "spectrum2/types.h"

#define CONTENT_ATTACHMENTS 16 /* of one message */
#define CONTENT_REACTIONS 20

struct content {
	const char *body, *subject, *xhtml; /* NULL: there is none */
	const struct element *attention;
	int typing; /* s2_typing, or -1 */
	bool want_receipt, want_marker, encrypted, unstyled;
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

/* What the other side has a form of its own for; else it stays in the body as clients write it. */
enum content_option {
	CONTENT_XHTML = 1,
	CONTENT_REPLIES = 2, /* quotes are cut off the body, as far as they are marked (XEP-0428) */
	CONTENT_FILES = 4,   /* links as well; without it a message without text gets its first link as body */
	CONTENT_STYLING = 8, /* the directives of XEP-0393 become XHTML, or come of it */
};

/* On the arena, or the stanza's. */
void content_read(struct content *, struct arena *, const struct element *stanza, unsigned options);
/* Whether it says something about an earlier message and nothing else. */
bool content_is_annotation(const struct content *);

/* Clients show a file only in a message of its own. This is number `part` of what has to be sent for a message, on the
 * arena; false behind the last one. `together`: text and files, or several files, are not parted. */
bool content_part(struct arena *, const struct s2_message *, unsigned part, bool together, struct s2_message *piece);
/* The id of an open stanza, made up if it has none. */
void content_write_id(struct writer *, const char *id);
/* Body, XHTML, files, replaced message, reply: all that stands inside of a message. `reply_jid` (NULL: unknown): who wrote
 * what is replied to. Of the options, CONTENT_XHTML and CONTENT_STYLING count: in which forms formatting is shown. */
void content_write(struct writer *, struct arena *, const struct s2_message *, const char *reply_jid, unsigned options);
/* The same for an annotation. `moderated`: a moderator's retraction; `by`: his JID, may be NULL. */
void content_write_annotation(struct writer *, const struct s2_annotation *, bool moderated, const char *by);

#endif
