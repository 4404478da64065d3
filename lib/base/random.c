/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/base/random.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static void from_kernel(void *out, size_t len)
{
	unsigned char *at = out;
	while (len) {
		ssize_t got = getrandom(at, len, 0);
		if (got < 0 && errno != EINTR)
			abort();
		if (got > 0) {
			at += got;
			len -= (size_t)got;
		}
	}
}

/* Small wishes are served from a pool: ids are wanted for each message. What was given out is wiped. */
void random_bytes(void *out, size_t len)
{
	static _Thread_local unsigned char pool[1024];
	static _Thread_local size_t left;
	if (len > sizeof pool / 4) {
		from_kernel(out, len);
		return;
	}
	if (len > left) {
		from_kernel(pool, sizeof pool);
		left = sizeof pool;
	}
	left -= len;
	memcpy(out, pool + left, len);
	explicit_bzero(pool + left, len);
}

uint64_t random_below(uint64_t limit)
{
	uint64_t number, top = UINT64_MAX - UINT64_MAX % limit;
	do
		random_bytes(&number, sizeof number);
	while (number >= top);
	return number % limit;
}

void random_id(char *out, size_t len)
{
	static const char letters[32] = "abcdefghijklmnopqrstuvwxyz234567";
	random_bytes(out, len);
	for (size_t i = 0; i < len; i++)
		out[i] = letters[(unsigned char)out[i] & 31];
	out[len] = '\0';
}

uint64_t backoff_ms(unsigned attempt, uint64_t base_ms, uint64_t cap_ms)
{
	uint64_t delay = base_ms;
	while (attempt-- && delay < cap_ms)
		delay *= 2;
	if (delay > cap_ms)
		delay = cap_ms;
	return delay - delay / 4 + random_below(delay / 2 + 1);
}
