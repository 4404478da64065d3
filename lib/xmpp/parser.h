/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Push parser of XMPP streams (RFC 6120 section 4) on expat. It gives one event per stream header and per stanza.
 *
 * Bounded in everything a peer controls: depth, bytes of a stanza, attributes, children, and names (expat keeps every name
 * it has seen for the life of a parser, so it is replaced between stanzas from time to time). DOCTYPE, processing
 * instructions and comments are refused (RFC 6120 section 11.1). Stanzas are given out as soon as their last byte is in.
 * Between two stanzas a parser holds next to no memory. */
#ifndef LIB_XMPP_PARSER_H
#define LIB_XMPP_PARSER_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/xmpp/element.h"

struct parser;

/* Stream error conditions (RFC 6120 section 4.9.3) that reading can end with. */
enum parser_error {
	PARSER_OK,
	PARSER_NOT_WELL_FORMED,
	PARSER_RESTRICTED_XML,
	PARSER_BAD_NAMESPACE, /* header is no stream of the streams namespace */
	PARSER_POLICY_VIOLATION, /* a cap was reached */
	PARSER_UNSUPPORTED_ENCODING,
};

struct parser_limits {
	unsigned depth;         /* of elements below the stream: 0 = 64 */
	size_t stanza_bytes;    /* 0 = 256 KiB */
	unsigned attributes;    /* of one element, xmlns declarations included: 0 = 64 */
	unsigned children;      /* nodes below the stanza's element: 0 = 4096 */
	unsigned reset_stanzas; /* parser reset after so many stanzas: 0 = 1000 */
	size_t reset_name_bytes; /* ... or so many bytes of names: 0 = 256 KiB */
};

/* The parser must not be freed inside of a callback; parser_stop is allowed. */
struct parser_events {
	/* <stream:stream ...>; the element has attributes only, and among them "xmlns": the namespace of the content. */
	void (*header)(void *arg, const struct element *);
	/* A whole child of the stream. The tree lives on `arena`, which is reset after the call. */
	void (*stanza)(void *arg, struct arena *arena, const struct element *);
	/* </stream:stream> */
	void (*end)(void *arg);
};

struct parser *parser_new(const struct parser_limits *, const struct parser_events *, void *arg);
void parser_free(struct parser **);
/* Takes bytes as they come. An error is told once. After it, or after the stream's end, everything else is ignored. */
enum parser_error parser_feed(struct parser *, const char *bytes, size_t len);
/* No more events from now on: inside of a callback when the owner gives up the stream. */
void parser_stop(struct parser *);
/* Starts over for a new stream, with the same limits. Inside of a callback the rest of the bytes that are being fed is
 * dropped: what a peer sends ahead of a restart belongs to neither stream. */
void parser_restart(struct parser *);
void parser_set_limits(struct parser *, const struct parser_limits *);
/* "not-well-formed" and so on, as the stream error's element is called. */
const char *parser_error_name(enum parser_error);

/* One self-contained fragment ("inner XML"): parses `xml` as the content of an element <body/> of namespace `ns` (a literal)
 * and returns that element, or NULL if it is not well-formed or over the default limits. For XHTML-IM from networks and
 * stored XML. */
struct element *parser_fragment(struct arena *, const char *xml, const char *ns);

#endif
