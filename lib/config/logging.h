/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the log goes and how much of it is kept: log4j property files as Spectrum 2 uses them, read as far as level,
 * file, size and backups, and turned into calls of lib/base/log. Main process, backends and manager start with this. */
#ifndef LIB_CONFIG_LOGGING_H
#define LIB_CONFIG_LOGGING_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/config/config.h"

struct logging {
	enum log_level level;
	char *file;       /* NULL: stderr */
	size_t max_bytes; /* 0: never rotated */
	unsigned backups;
	struct str warnings; /* a line each */
};

/* Reads the property file that `key` ("logging.config") names; ${jid}, ${pid} and ${id} are replaced. If the key is not
 * set: level info, to `fallback_file` (NULL: stderr). False with a message in *error if the property file cannot be
 * read. To be ended with logging_fini in both cases. */
bool logging_read(struct logging *, const struct config *, const char *key, const char *fallback_file, const char *jid,
                  const char *backend_id, struct str *error);
void logging_fini(struct logging *);

/* The same, and then: makes the directories above the log file (mode 0750), opens it, sets the level, logs the
 * warnings. On failure the log stays where it was. */
bool logging_setup(const struct config *, const char *key, const char *fallback_file, const char *jid,
                   const char *backend_id, struct str *error);

/* The parser behind it, for tests and the fuzzer. */
void logging_parse(struct logging *, const char *name, const char *text, size_t len, const char *jid,
                   const char *backend_id);

#endif
