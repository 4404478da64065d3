/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configuration: files in Spectrum 2's format (sections, `key = value`, `#` comments, repeated keys as lists), one
 * table of all known keys with type, default and help (lib/config/keys.c), and overrides from the command line. Main
 * process, backends and manager read the same file through this. */
#ifndef LIB_CONFIG_CONFIG_H
#define LIB_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/str.h"

struct config;

enum config_type { CONFIG_TEXT, CONFIG_NUMBER, CONFIG_BOOL, CONFIG_LIST };

/* One known key. Keys outside of the table are kept as text, with a warning. */
struct config_key {
	const char *name; /* "service.jid" */
	enum config_type type;
	const char *fallback; /* as it would stand in the file; NULL = none */
	int64_t least, most;  /* of a number; both 0 = any 32-bit value */
	const char *choices;  /* of a text: "none|member"; NULL = any */
	bool sent;            /* by backends: their value wins over the file's */
	const char *help;     /* one line for people */
};
extern const struct config_key config_keys[];
extern const size_t config_key_count;
/* The main process reads this key at its start only. */
bool config_key_is_fixed(const char *name);

/* What the command line says. */
struct config_override {
	const char *key; /* "service.port" */
	const char *value;
};

/* Reads `path` (NULL = no file) and the overrides, which win; `jid` (from -j, or NULL) wins over service.jid; $jid is
 * replaced in every value. Problems go to *errors and *warnings, a line each: "FILE:LINE: key: what is wrong; what to
 * do"
 * ("command line: ..." for overrides). NULL if there was any error. */
struct config *config_load(const char *path, const char *jid, const struct config_override *, size_t override_count,
                           struct str *errors, struct str *warnings);
void config_free(struct config **);
/* Takes over what is different in `fresh`, which is freed, but for values that only count at the start: the names of
 * those that would have changed are added to `later`, with a comma between them. Texts that were borrowed before stay. */
void config_replace(struct config *, struct config **fresh, struct str *later);

/* A look-up goes to: command line and file, then values that a backend sent (config_offer), then the table's fallback.
 * For keys that the table does not know or that are `sent`, the backend's value comes first. Texts are borrowed: a
 * backend's until the next config_offer, all others for the life of the config. */
const char *config_text(const struct config *, const char *key); /* NULL if nowhere given; "" possible */
int64_t config_number(const struct config *, const char *key);   /* 0 if no number */
bool config_bool(const struct config *, const char *key);        /* false if none */
size_t config_count(const struct config *, const char *key);     /* values of a list */
const char *config_item(const struct config *, const char *key, size_t index);
/* Calls for each key of a section that has a value, in no order. */
void config_each(const struct config *, const char *section, void (*call)(void *arg, const char *key), void *arg);
/* True if file or command line set it. */
bool config_is_set(const struct config *, const char *key);
/* Where in the file its (first) value stands; 0 if it does not come from there. */
unsigned config_line(const struct config *, const char *key);
const char *config_path(const struct config *); /* of the file, or NULL */

/* A backend's BACKEND_CONFIG text: `[section]` and `key=value` lines; the last explicit value wins (W-18). */
void config_offer(struct config *, const char *text);

/* A bool as it stands in files: on/off, yes/no, 1/0, true/false in any case; a number: decimal, 32 bits. False if
 * `text` is none. */
bool config_parse_bool(const char *text, bool *value);
bool config_parse_number(const char *text, int64_t *value);

/* The most that is read of a file of this format. */
#define CONFIG_FILE_BYTES (1 << 20)
#define CONFIG_LINE_BYTES (64 << 10)
#define CONFIG_ASSIGNMENTS 10000

/* Parsing alone, for the fuzzer and for other files of this format: calls `assign` for each assignment until it returns
 * false; errors as above. `key` is "section.key". Returns false if there was any error. */
bool config_parse(const char *name, const char *text, size_t len, struct str *errors,
                  bool (*assign)(void *arg, const char *key, const char *value, unsigned line), void *arg);

#endif
