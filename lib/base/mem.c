/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *memory)
{
	if (!memory) {
		fputs("out of memory\n", stderr);
		abort();
	}
	return memory;
}

void *mem_new(size_t bytes)
{
	return checked(calloc(1, bytes ? bytes : 1));
}

void *mem_resize(void *old, size_t bytes)
{
	return checked(realloc(old, bytes ? bytes : 1));
}

char *mem_strndup(const char *text, size_t len)
{
	if (!text)
		return NULL;
	char *copy = checked(malloc(len + 1));
	memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

char *mem_strdup(const char *text)
{
	return text ? mem_strndup(text, strlen(text)) : NULL;
}

char *mem_printf(const char *format, ...)
{
	va_list args;
	char *text = NULL;
	va_start(args, format);
	int len = vasprintf(&text, format, args);
	va_end(args);
	return checked(len < 0 ? NULL : text);
}

void mem_replace(char **text, const char *value)
{
	char *old = *text;
	*text = mem_strdup(value);
	free(old);
}

void mem_free_secret(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

#define CHUNK_BYTES 4064 /* with its head and malloc's own, one page */
#define ALIGNMENT 16

struct arena_chunk {
	struct arena_chunk *next;
	size_t size, used;
	_Alignas(ALIGNMENT) unsigned char data[];
};

static struct arena_chunk *chunk_new(size_t size)
{
	struct arena_chunk *chunk = checked(malloc(sizeof *chunk + size));
	chunk->next = NULL;
	chunk->size = size;
	chunk->used = 0;
	return chunk;
}

static size_t chunk_bytes(const struct arena *arena)
{
	return arena->piece ? arena->piece : CHUNK_BYTES;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
	size_t rounded = (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	if (rounded < bytes)
		checked(NULL);
	struct arena_chunk *chunk = arena->chunk;
	if (!chunk || chunk->size - chunk->used < rounded) {
		size_t piece = chunk_bytes(arena);
		struct arena_chunk *fresh = chunk_new(rounded > piece ? rounded : piece);
		/* A large piece goes behind the current chunk, whose rest stays in use. */
		if (chunk && rounded > piece) {
			fresh->next = chunk->next;
			chunk->next = fresh;
		} else {
			fresh->next = chunk;
			arena->chunk = fresh;
		}
		chunk = fresh;
	}
	void *memory = chunk->data + chunk->used;
	chunk->used += rounded;
	arena->total += rounded;
	return memset(memory, 0, bytes);
}

char *arena_strndup(struct arena *arena, const char *text, size_t len)
{
	if (!text)
		return NULL;
	char *copy = arena_alloc(arena, len + 1);
	memcpy(copy, text, len);
	return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return text ? arena_strndup(arena, text, strlen(text)) : NULL;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	int len = vsnprintf(NULL, 0, format, args);
	char *text = arena_alloc(arena, (size_t)(len < 0 ? 0 : len) + 1);
	if (len > 0)
		vsnprintf(text, (size_t)len + 1, format, again);
	va_end(again);
	va_end(args);
	return text;
}

void arena_reset(struct arena *arena)
{
	struct arena_chunk *keep = NULL;
	for (struct arena_chunk *chunk = arena->chunk, *next; chunk; chunk = next) {
		next = chunk->next;
		if (!keep && chunk->size == chunk_bytes(arena)) {
			keep = chunk;
			keep->used = 0;
		} else {
			free(chunk);
		}
	}
	if (keep)
		keep->next = NULL;
	arena->chunk = keep;
	arena->total = 0;
}

void arena_fini(struct arena *arena)
{
	for (struct arena_chunk *chunk = arena->chunk, *next; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	arena->chunk = NULL;
	arena->total = 0;
}
