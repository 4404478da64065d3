/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A growing byte string. Always NUL-terminated once something was added; may hold NULs itself. */
#ifndef LIB_BASE_STR_H
#define LIB_BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* Zero-initialised is the empty string and owns nothing. */
struct str {
	char *data; /* NULL while nothing was ever added */
	size_t len, cap;
};

void str_fini(struct str *);
/* Empties it; memory above `keep_bytes` goes back, so that one large message is not paid for ever. */
void str_clear(struct str *, size_t keep_bytes);
/* Room for `bytes` more behind the end; returns where they go. Follow with `len += written`. */
char *str_reserve(struct str *, size_t bytes);
void str_add(struct str *, const void *bytes, size_t len);
void str_adds(struct str *, const char *text); /* NULL adds nothing */
void str_addc(struct str *, char);
void str_addf(struct str *, const char *format, ...) __attribute__((format(printf, 2, 3)));
void str_addv(struct str *, const char *format, va_list);
/* Cuts `bytes` off the front. */
void str_consume(struct str *, size_t bytes);
/* The text, "" if empty. Borrowed until the next change. */
const char *str_text(const struct str *);
/* Hands the text over to the caller and leaves the string empty; never NULL. */
char *str_take(struct str *);

/* Plain C strings: NULL equals NULL only. */
bool text_equal(const char *a, const char *b);
/* NULL or "". The wire does not tell the two apart. */
bool text_empty(const char *);
/* The same text, NULL if it is empty. */
const char *text_or_null(const char *);

#endif
