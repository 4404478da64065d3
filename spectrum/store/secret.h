/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Secrets at rest: texts sealed with AES-256-GCM (NIST SP 800-38D) as "v1$keyid$nonce$ciphertext", under a key that
 * lives in a file outside of the database. A sealed text is bound to its owner and column, so that it can't be moved to
 * another row. One thread at a time. */
#ifndef SPECTRUM_STORE_SECRET_H
#define SPECTRUM_STORE_SECRET_H

#include <stdbool.h>

#include "lib/base/str.h"

#define SECRET_KEY_BYTES 32

struct secret;

/* Reads the key; makes file (mode 0400) and directories (0700) if there is none yet, *created tells. NULL with the
 * reason in *error, owned by the caller. */
struct secret *secret_open(const char *key_file, bool *created, char **error);
void secret_free(struct secret **);

/* SECRET_KEY_BYTES that are the same at each start, for what has to look random and stay as it is: the ids of occupants
 * of rooms. May be called on any thread. */
const unsigned char *secret_occupants(const struct secret *);

/* Adds the sealed form of `plain` to `out`; "" stays "". */
void secret_seal(struct secret *, const char *owner, const char *column, const char *plain, struct str *out);

enum secret_form {
	SECRET_PLAIN,  /* was stored in clear, before there was sealing */
	SECRET_SEALED, /* opened */
	SECRET_LOST,   /* sealed with another key, for another row, or damaged */
};
/* Adds the plain text to `out`; nothing if it is lost. The caller overwrites `out` with str_wipe. */
enum secret_form secret_unseal(struct secret *, const char *owner, const char *column, const char *stored,
                               struct str *out);
/* Overwrites and frees. */
void str_wipe(struct str *);

#endif
