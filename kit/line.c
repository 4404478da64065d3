/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kit/line.h"

#include "kit/kit.h"
#include "kit/receive.h"
#include "kit/send.h"
#include "kit/state.h"
#include "lib/base/log.h"
#include "lib/io/conn.h"

#define LOG_AREA "kit"

enum {
	CONNECT_MS = 10000,
	WATCH_MS = 5000,
	SILENCE_MS = 60000,      /* without any frame: nobody needs this process any more */
	KEEP_BYTES = 64 * 1024,  /* of buffers, between turns */
	UNSENT_MOST = 256 << 20, /* the main process takes nothing any more */
};

static struct {
	struct conn *conn;
	struct str in;  /* the beginning of a frame */
	struct str out; /* written in this turn */
	struct flusher flusher;
	struct timer *watch;
	struct arena arena; /* of the frame that is being handled */
	uint64_t heard;
	bool stands;
} line;

/* ---- Out ---- */

/* Networks were written to before this runs, so their connections are flushed before ours is. */
static void flush(void *arg)
{
	if (!line.conn || !line.out.len)
		return;
	conn_write(line.conn, line.out.data, line.out.len);
	str_clear(&line.out, KEEP_BYTES);
	if (conn_unsent(line.conn) > UNSENT_MOST && !kit.ending) {
		log_error("the main process has not read for too long, ending");
		kit_end(1);
	}
}

bool kit_line_write(const struct wire_frame *frame)
{
	if (!line.conn)
		return true;
	if (!wire_write(&line.out, WIRE_TO_MAIN, kit.extended, frame)) {
		log_warn("a frame of type %d would be too long and was not sent", (int)frame->type);
		return false;
	}
	loop_flush_later(kit.loop, &line.flusher);
	return true;
}

size_t kit_unsent(void)
{
	return line.out.len + (line.conn ? conn_unsent(line.conn) : 0);
}

/* ---- In ---- */

/* Handles the complete frames at the front; returns how many bytes they took. */
static size_t take_frames(const char *bytes, size_t len)
{
	size_t taken = 0, used;
	struct wire_frame frame;
	const char *error;
	while (!kit.ending) {
		switch (wire_read(&line.arena, bytes + taken, len - taken, WIRE_TO_BACKEND, &used, &frame, &error)) {
		case WIRE_OK:
			kit_receive(&frame);
			break;
		case WIRE_BAD_FRAME:
			log_warn("skipped a frame from the main process: %s", error);
			break;
		case WIRE_INCOMPLETE:
			return taken;
		case WIRE_BAD_STREAM:
			log_error("the main process sent garbage: %s", error);
			kit_end(1);
			return taken;
		}
		taken += used;
		arena_reset(&line.arena);
	}
	return taken;
}

static void input(void *arg, const char *bytes, size_t len)
{
	line.heard = loop_now(kit.loop);
	if (!line.in.len) {
		size_t taken = take_frames(bytes, len);
		str_add(&line.in, bytes + taken, len - taken);
		return;
	}
	str_add(&line.in, bytes, len);
	size_t taken = take_frames(line.in.data, line.in.len);
	if (taken == line.in.len)
		str_clear(&line.in, KEEP_BYTES);
	else
		str_consume(&line.in, taken);
}

static void stands(void *arg)
{
	line.stands = true;
	line.heard = loop_now(kit.loop);
	kit_send_features();
}

static void closed(void *arg, const char *reason)
{
	if (line.stands)
		log_info("the main process is gone: %s", reason);
	else
		log_error("cannot reach the main process: %s", reason);
	conn_free(&line.conn);
	kit_end(line.stands ? 0 : 1);
}

static void watch(void *arg)
{
	if (!line.stands || loop_now(kit.loop) - line.heard < SILENCE_MS)
		return;
	log_info("nothing heard from the main process for %d s, ending", SILENCE_MS / 1000);
	kit_end(0);
}

void kit_line_open(int fd, const char *host, uint16_t port)
{
	static const struct conn_events events = {.connected = stands, .input = input, .closed = closed};
	line.flusher.flush = flush;
	line.watch = timer_new(kit.loop, watch, NULL);
	timer_start(line.watch, WATCH_MS, WATCH_MS);
	if (fd < 0) {
		line.conn = conn_connect(kit.loop, host, port, CONNECT_MS, NULL, &events, NULL);
		return;
	}
	line.conn = conn_adopt(kit.loop, fd, &events, NULL);
	stands(NULL);
}

void kit_line_close(void)
{
	loop_flush_cancel(&line.flusher);
	flush(NULL);
	if (line.conn)
		conn_finish(&line.conn);
	timer_free(&line.watch);
	str_fini(&line.in);
	str_fini(&line.out);
	arena_fini(&line.arena);
}
