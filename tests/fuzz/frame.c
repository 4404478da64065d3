/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames from a hostile main process or backend: the first byte chooses the direction, the rest is the stream. Whatever
 * is read is written again in both dialects, and what we wrote has to be readable. */
#include <assert.h>
#include <stdlib.h>

#include "lib/wire/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void write_again(const struct wire_frame *frame, enum wire_direction direction, bool extended)
{
	struct str out = {0};
	struct arena arena = {0};
	struct wire_frame back;
	const char *error;
	size_t used;
	if (wire_write(&out, direction, extended, frame)) {
		assert(wire_read(&arena, out.data, out.len, direction, &used, &back, &error) == WIRE_OK);
		assert(used == out.len && back.type == frame->type);
	}
	arena_fini(&arena);
	str_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct arena arena = {0};
	struct wire_frame frame;
	const char *error;
	if (!len)
		return 0;
	enum wire_direction direction = *data & 1 ? WIRE_TO_MAIN : WIRE_TO_BACKEND;
	for (size_t at = 1, used = 0; at < len; at += used) {
		enum wire_status status =
		    wire_read(&arena, (const char *)data + at, len - at, direction, &used, &frame, &error);
		assert((status == WIRE_BAD_FRAME || status == WIRE_BAD_STREAM) == (error != NULL));
		if (status == WIRE_INCOMPLETE || status == WIRE_BAD_STREAM)
			break;
		if (status == WIRE_OK) {
			write_again(&frame, direction, true);
			write_again(&frame, direction, false);
		}
		arena_reset(&arena);
	}
	arena_fini(&arena);
	return 0;
}
