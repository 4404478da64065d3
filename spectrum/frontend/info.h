/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an entity tells of itself: identities, features, forms (XEP-0030, XEP-0128). It is collected first, so that what
 * is written and what is hashed (XEP-0115) can't differ. The same struct holds what a client has told of itself. */
#ifndef SPECTRUM_FRONTEND_INFO_H
#define SPECTRUM_FRONTEND_INFO_H

#include <stdbool.h>

#include "lib/base/str.h"
#include "lib/xmpp/element.h"
#include "lib/xmpp/writer.h"

#define INFO_IDENTITIES 8
#define INFO_FEATURES 160
#define INFO_FIELDS 64 /* of all forms */

struct info_identity {
	const char *category, *type, *lang, *name; /* lang and name may be NULL */
};

/* One value of a form's field; those of one form, and in it of one field, stand together. */
struct info_value {
	const char *form, *var, *text;
};

/* Zero-initialised is empty. Texts are borrowed. */
struct info {
	struct info_identity identities[INFO_IDENTITIES];
	const char *features[INFO_FEATURES];
	struct info_value values[INFO_FIELDS];
	unsigned identity_count, feature_count, value_count;
	bool overflow; /* there was more than fits */
};

void info_add_identity(struct info *, const char *category, const char *type, const char *name);
void info_add_feature(struct info *, const char *ns);
/* `form` is its FORM_TYPE. */
void info_add_value(struct info *, const char *form, const char *var, const char *text);
bool info_has_feature(const struct info *, const char *ns);

/* Identities, features and forms into an open <query/>. */
void info_write(const struct info *, struct writer *);
/* The verification string of XEP-0115 section 5.1: base64 of its SHA-1. */
void info_hash(const struct info *, struct str *out);
/* From a <query/> that somebody answered with. False if its hash proves nothing (XEP-0115 section 5.4): something is
 * there twice, or there is too much. */
bool info_read(struct info *, struct arena *, const struct element *query);

#endif
