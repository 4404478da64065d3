/* SPDX-License-Identifier: GPL-2.0-or-later */
/* XHTML-IM (XEP-0071) through a white list of elements, attributes and links. */
#ifndef LIB_XMPP_XHTML_H
#define LIB_XMPP_XHTML_H

#include "lib/xmpp/element.h"

/* From a network, "the inside of <body/>": the clean <body/>. NULL if nothing of it is left or it is not well-formed. */
struct element *xhtml_clean(struct arena *, const char *inner);
/* From a stanza: what is inside of this <body/> (may be NULL), clean; NULL if nothing is left. */
const char *xhtml_inner(struct arena *, const struct element *body);

#endif
