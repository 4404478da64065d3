/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One line of the IRC protocol: RFC 1459 section 2.3 with IRCv3 message tags in front. Cutting a byte stream into
 * lines, taking a line apart in place, and building one that nobody can smuggle a second line into. */
#ifndef BACKENDS_IRC_LINE_H
#define BACKENDS_IRC_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/str.h"

#define LINE_TAG_BYTES 8191 /* "@tags " at most, IRCv3 message tags */
#define LINE_REST_BYTES 512 /* the rest with CR LF at most, unless the server announces LINELEN */
#define LINE_PARAMS 15
#define LINE_TAGS 24

struct line_tag {
	const char *key, *value; /* value is "" if there is none */
};

/* Points into the text that was parsed. */
struct line {
	struct line_tag tags[LINE_TAGS];
	size_t tag_count;
	const char *nick; /* of the source; a server's name if it has neither user nor host; "" without source */
	const char *user, *host;
	const char *command;
	const char *params[LINE_PARAMS];
	size_t count;
};

/* Takes a line without CR LF apart; `text` is changed. False if there is no command in it. Tags above the 24th and
 * parameters above the 15th are not taken apart. */
bool line_parse(struct line *, char *text);
/* Parameter `index`, "" if there are fewer. */
const char *line_param(const struct line *, size_t index);
/* The last parameter, "" if there is none. */
const char *line_last(const struct line *);
/* NULL if the tag is not there. */
const char *line_tag(const struct line *, const char *key);

/* Collects bytes until a line is whole. Zero-initialised is ready. */
struct line_reader {
	struct str pending;
	size_t rest_bytes;  /* LINELEN; 0 = 512 */
	unsigned cut_count; /* lines that were longer than allowed and lost their end */
	bool skipping;      /* over the end of such a line */
};
void line_reader_fini(struct line_reader *);
/* Calls `take` with each whole line, NUL-terminated and without line end, until it returns false (then the rest of
 * `bytes` is dropped). CR and LF both end a line; empty lines and NUL bytes are left out. Overlong lines are cut, never
 * inside of a character. */
void line_reader_feed(struct line_reader *, const char *bytes, size_t len, bool (*take)(void *arg, char *line),
                      void *arg);

/* Appends "COMMAND p1 p2 :last" and CR LF. The parameters are a list that ends with NULL. False, and nothing appended,
 * if one but the last is empty, starts with a colon or has a blank in it; CR, LF and NUL in the last become blanks. */
bool line_build(struct str *out, const char *command, ...) __attribute__((sentinel));
/* The same with `tag`, "key=value" in its escaped form, in front; NULL = none. */
bool line_build_tagged(struct str *out, const char *tag, const char *command, ...) __attribute__((sentinel));
/* Appends "key=value", escaped, to tags for the one above, with a semicolon if there are others. */
void line_add_tag(struct str *tags, const char *key, const char *value);
/* True if `text` can stand in a line as a parameter that is not the last. */
bool line_is_middle(const char *text);

#endif
