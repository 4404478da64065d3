/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"

void str_fini(struct str *str)
{
	free(str->data);
	*str = (struct str){0};
}

void str_clear(struct str *str, size_t keep_bytes)
{
	if (str->cap > keep_bytes) {
		str_fini(str);
		return;
	}
	str->len = 0;
	if (str->data)
		str->data[0] = '\0';
}

char *str_reserve(struct str *str, size_t bytes)
{
	size_t need = str->len + bytes + 1;
	if (need > str->cap) {
		size_t cap = str->cap ? str->cap : 64;
		while (cap < need)
			cap += cap / 2 + 32;
		str->data = mem_resize(str->data, cap);
		str->cap = cap;
	}
	return str->data + str->len;
}

void str_add(struct str *str, const void *bytes, size_t len)
{
	char *end = str_reserve(str, len);
	if (len)
		memcpy(end, bytes, len);
	end[len] = '\0';
	str->len += len;
}

void str_adds(struct str *str, const char *text)
{
	if (text)
		str_add(str, text, strlen(text));
}

void str_addc(struct str *str, char c)
{
	str_add(str, &c, 1);
}

void str_addv(struct str *str, const char *format, va_list args)
{
	va_list again;
	va_copy(again, args);
	int len = vsnprintf(NULL, 0, format, args);
	if (len > 0) {
		vsnprintf(str_reserve(str, (size_t)len), (size_t)len + 1, format, again);
		str->len += (size_t)len;
	}
	va_end(again);
}

void str_addf(struct str *str, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	str_addv(str, format, args);
	va_end(args);
}

void str_consume(struct str *str, size_t bytes)
{
	if (bytes >= str->len) {
		str->len = 0;
	} else {
		memmove(str->data, str->data + bytes, str->len - bytes);
		str->len -= bytes;
	}
	if (str->data)
		str->data[str->len] = '\0';
}

const char *str_text(const struct str *str)
{
	return str->data ? str->data : "";
}

char *str_take(struct str *str)
{
	char *text = str->data ? str->data : mem_strdup("");
	*str = (struct str){0};
	return text;
}

bool text_equal(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

bool text_empty(const char *text)
{
	return !text || !*text;
}

const char *text_or_null(const char *text)
{
	return text_empty(text) ? NULL : text;
}
