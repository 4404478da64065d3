/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory. Heap calls that end the process when there is none left, and the arena: a bump allocator that
 * holds everything that lives exactly as long as one stanza, one frame or one session. */
#ifndef LIB_BASE_MEM_H
#define LIB_BASE_MEM_H

#include <stdarg.h>
#include <stddef.h>

/* Zeroed memory, owned by the caller; never NULL. */
void *mem_new(size_t bytes);
void *mem_resize(void *old, size_t bytes);
/* Copies; `text` may be NULL, which gives NULL. */
char *mem_strdup(const char *text);
char *mem_strndup(const char *text, size_t len);
char *mem_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Frees *text, puts a copy of `value` (or NULL) in its place. `value` may point into the old text. */
void mem_replace(char **text, const char *value);
/* Overwrites before freeing: for passwords. NULL is allowed. */
void mem_free_secret(char *text);

struct arena_chunk;
/* Zero-initialised is empty and ready. */
struct arena {
	struct arena_chunk *chunk;
	size_t total; /* bytes handed out since the last reset */
	size_t piece; /* that it takes from the heap at a time; 0: a page. Less for one that lives long and holds little */
};

/* Zeroed, aligned to 16; lives until arena_reset or arena_fini. */
void *arena_alloc(struct arena *, size_t bytes);
char *arena_strdup(struct arena *, const char *text); /* NULL gives NULL */
char *arena_strndup(struct arena *, const char *text, size_t len);
char *arena_printf(struct arena *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Empties it and keeps one chunk for the next round. */
void arena_reset(struct arena *);
void arena_fini(struct arena *);

#endif
