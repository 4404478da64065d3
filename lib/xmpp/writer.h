/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes XML straight into an output buffer. What comes out is always well-formed: values are escaped, bytes that are no
 * UTF-8 become U+FFFD, characters that XML forbids are left out, elements are closed in order (asserted), names come from
 * our code only. Attributes with a NULL value and texts that are NULL are left out. */
#ifndef LIB_XMPP_WRITER_H
#define LIB_XMPP_WRITER_H

#include <stdbool.h>

#include "lib/base/str.h"
#include "lib/xmpp/element.h"

#define WRITER_DEPTH 16

struct writer {
	struct str *out;
	const char *open[WRITER_DEPTH]; /* names; literals */
	const char *ns[WRITER_DEPTH];   /* the default namespace in there */
	unsigned depth;
	bool in_tag; /* attributes may follow */
};

/* `ns` is the default namespace where the output will stand (of the stream). */
void writer_init(struct writer *, struct str *out, const char *ns);
/* Asserts that everything that was opened is closed. */
void writer_end(struct writer *);

/* Opens an element; xmlns is written if `ns` (NULL = inherit) is not the one around it. Name and ns must outlive it. */
void xml_open(struct writer *, const char *name, const char *ns);
void xml_attr(struct writer *, const char *name, const char *value);
void xml_attrf(struct writer *, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
void xml_text(struct writer *, const char *text);
void xml_textf(struct writer *, const char *format, ...) __attribute__((format(printf, 2, 3)));
void xml_close(struct writer *);
/* <name xmlns='ns'>text</name>; nothing if text is NULL. */
void xml_leaf(struct writer *, const char *name, const char *ns, const char *text);
/* The same of the stanza's namespace, with at most so many bytes of the text. */
void xml_cut(struct writer *, const char *name, const char *text, size_t most);
/* <name xmlns='ns'/> */
void xml_empty(struct writer *, const char *name, const char *ns);
/* Copies a parsed element with all that is inside. */
void xml_element(struct writer *, const struct element *);

#endif
