/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Message Styling (XEP-0393): *strong*, _emphasis_, ~strike~, `code` and ``` blocks in bodies, to XHTML-IM and back. */
#ifndef LIB_XMPP_STYLING_H
#define LIB_XMPP_STYLING_H

#include "lib/xmpp/element.h"

/* What is inside of an XHTML-IM body that says the same without the directives; NULL if nothing is styled. Stricter than
 * XEP-0393 section 6.2, as the directives are gone afterwards: no other one of the kind is beside them, and no letter or
 * digit follows, so that "__init__" stays what it is. On the arena. */
const char *styling_xhtml(struct arena *, const char *body);
/* `plain` with directives where `xhtml` has a look that XEP-0393 knows; NULL if there is none, or if the two don't say the
 * same words. On the arena. */
const char *styling_body(struct arena *, const struct element *xhtml, const char *plain);

#endif
