/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A profile in its two XML forms: vcard-temp (XEP-0054) and vCard4 (RFC 6351, XEP-0292). */
#ifndef LIB_XMPP_VCARD_H
#define LIB_XMPP_VCARD_H

#include "lib/base/mem.h"
#include "lib/xmpp/element.h"
#include "lib/xmpp/writer.h"
#include "spectrum2/types.h"

enum vcard_form { VCARD_TEMP, VCARD_4 };

/* The whole element. Texts are cut at a few KB; a picture of an unknown type or of more than `photo_most` bytes is left
 * out. */
void vcard_write(struct writer *, enum vcard_form, const struct s2_card *, size_t photo_most);
/* The same over an old vcard-temp (or NULL): what our vocabulary has no word for stays. */
void vcard_write_over(struct writer *, const struct element *old, const struct s2_card *, size_t photo_most);
/* Texts and picture live on the arena. False if the picture is no base64. */
bool vcard_read(struct arena *, enum vcard_form, const struct element *, struct s2_card *);
/* A copy in one block of memory, without the picture. */
struct s2_card *vcard_copy(const struct s2_card *);

#endif
